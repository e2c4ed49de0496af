"""`convert_units(value, from_unit, to_unit)`: exact factors, and units that are put together (km/h, kg*m/s^2, kWh, m^2).

Factors are those of the SI brochure (9th edition, 2019) and of NIST SP 811 (2008), where they are definitions and so exact. What a word leaves open (which
gallon, which ton) is asked, not guessed.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from react_agent import ToolError, tool
from react_agent_tools.exact import bounded, show

MAX_CHARS = 100
_BASES = ("m", "kg", "s", "A", "K", "mol", "cd", "bit")
_PREFIXES = {
    "q": -30, "r": -27, "y": -24, "z": -21, "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "c": -2, "d": -1,
    "da": 1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24, "R": 27, "Q": 30,
}  # fmt: skip
_LONG_PREFIXES = {
    "quecto": -30, "ronto": -27, "yocto": -24, "zepto": -21, "atto": -18, "femto": -15, "pico": -12, "nano": -9, "micro": -6, "milli": -3, "centi": -2,
    "deci": -1, "deca": 1, "hecto": 2, "kilo": 3, "mega": 6, "giga": 9, "tera": 12, "peta": 15, "exa": 18, "zetta": 21, "yotta": 24, "ronna": 27, "quetta": 30,
}  # fmt: skip
_BINARY = {
    "Ki": 10,
    "Mi": 20,
    "Gi": 30,
    "Ti": 40,
    "Pi": 50,
    "Ei": 60,
    "kibi": 10,
    "mebi": 20,
    "gibi": 30,
    "tebi": 40,
    "pebi": 50,
    "exbi": 60,
}

# names, factor, and what it is made of; '*' before a name: takes the SI's prefixes
_TABLE = """
*m *metre *meter | 1 | m
*g *gram *gramme | 1/1000 | kg
*s *second sec | 1 | s
*A *ampere amp | 1 | A
*K *kelvin | 1 | K
*mol *mole | 1 | mol
*cd *candela | 1 | cd
*bit | 1 | bit
*B *byte | 8 | bit
*bps | 1 | bit s^-1
rad *radian | 1 |
deg degree ° | 0.017453292519943295769236907684886127134428718885417 |
turn revolution | 6.283185307179586476925286766559005768394338798750 |
percent % | 1/100 |
ppm | 1/1000000 |
*Hz *hertz | 1 | s^-1
rpm | 1/60 | s^-1
*N *newton | 1 | kg m s^-2
*Pa *pascal | 1 | kg m^-1 s^-2
*J *joule | 1 | kg m^2 s^-2
*W *watt | 1 | kg m^2 s^-3
*V *volt | 1 | kg m^2 s^-3 A^-1
*coulomb | 1 | A s
*farad | 1 | kg^-1 m^-2 s^4 A^2
*Ω *ohm | 1 | kg m^2 s^-3 A^-2
*siemens | 1 | kg^-1 m^-2 s^3 A^2
*Wb *weber | 1 | kg m^2 s^-2 A^-1
*T *tesla | 1 | kg s^-2 A^-1
*henry | 1 | kg m^2 s^-2 A^-2
*lm *lumen | 1 | cd
*lx *lux | 1 | cd m^-2
*Wh | 3600 | kg m^2 s^-2
*Ah | 3600 | A s
*eV *electronvolt | 1.602176634e-19 | kg m^2 s^-2
min minute | 60 | s
h hr hour | 3600 | s
d day | 86400 | s
week wk | 604800 | s
fortnight | 1209600 | s
yr year | 31557600 | s
decade | 315576000 | s
century | 3155760000 | s
in inch inches " | 0.0254 | m
ft foot feet ' | 0.3048 | m
yd yard | 0.9144 | m
mi mile | 1609.344 | m
nmi nautical_mile | 1852 | m
league | 4828.032 | m
fathom | 1.8288 | m
furlong | 201.168 | m
thou | 0.0000254 | m
Å angstrom | 1e-10 | m
au astronomical_unit | 149597870700 | m
ly lightyear light_year | 9460730472580800 | m
*pc *parsec | 30856775814913672.78913937957796471610733 | m
*L *l *litre *liter | 1/1000 | m^3
ha hectare | 10000 | m^2
acre | 4046.8564224 | m^2
cc | 1/1000000 | m^3
us_gallon us_gal | 0.003785411784 | m^3
us_quart us_qt | 0.000946352946 | m^3
us_pint us_pt | 0.000473176473 | m^3
us_cup | 0.0002365882365 | m^3
us_fl_oz us_fluid_ounce | 0.0000295735295625 | m^3
us_tablespoon us_tbsp | 0.00001478676478125 | m^3
us_teaspoon us_tsp | 0.00000492892159375 | m^3
imperial_gallon uk_gallon imp_gal | 0.00454609 | m^3
imperial_quart uk_quart | 0.0011365225 | m^3
imperial_pint uk_pint | 0.00056826125 | m^3
imperial_fl_oz uk_fl_oz imperial_fluid_ounce | 0.0000284130625 | m^3
metric_cup | 0.00025 | m^3
metric_tablespoon | 0.000015 | m^3
metric_teaspoon | 0.000005 | m^3
bbl oil_barrel | 0.158987294928 | m^3
t tonne metric_ton | 1000 | kg
kilotonne | 1e6 | kg
Mt megatonne | 1e9 | kg
Gt gigatonne | 1e12 | kg
lb lbs pound | 0.45359237 | kg
oz ounce | 0.028349523125 | kg
troy_ounce ozt | 0.0311034768 | kg
st stone | 6.35029318 | kg
gr grain | 0.00006479891 | kg
ct carat | 0.0002 | kg
us_ton short_ton | 907.18474 | kg
long_ton imperial_ton | 1016.0469088 | kg
u dalton | 1.66053906892e-27 | kg
mph | 0.44704 | m s^-1
kph kmh | 5/18 | m s^-1
kn knot | 463/900 | m s^-1
fps | 0.3048 | m s^-1
speed_of_light | 299792458 | m s^-1
g0 standard_gravity | 9.80665 | m s^-2
*bar | 100000 | kg m^-1 s^-2
atm atmosphere | 101325 | kg m^-1 s^-2
torr | 101325/760 | kg m^-1 s^-2
mmHg | 133.322387415 | kg m^-1 s^-2
psi | 44482216152605/6451600000 | kg m^-1 s^-2
lbf pound_force | 4.4482216152605 | kg m s^-2
kgf kilopond | 9.80665 | kg m s^-2
dyn dyne | 1/100000 | kg m s^-2
*cal *calorie | 4.184 | kg m^2 s^-2
BTU btu | 1055.05585262 | kg m^2 s^-2
erg | 1e-7 | kg m^2 s^-2
therm | 105505585.262 | kg m^2 s^-2
hp horsepower | 745.69987158227022 | kg m^2 s^-3
PS metric_horsepower | 735.49875 | kg m^2 s^-3
"""
_OPEN = {
    "gallon": "us_gallon or imperial_gallon", "gal": "us_gallon or imperial_gallon", "quart": "us_quart or imperial_quart", "pint": "us_pint or imperial_pint",
    "cup": "us_cup or metric_cup", "tbsp": "us_tablespoon or metric_tablespoon", "tablespoon": "us_tablespoon or metric_tablespoon",
    "tsp": "us_teaspoon or metric_teaspoon", "teaspoon": "us_teaspoon or metric_teaspoon", "fl_oz": "us_fl_oz or imperial_fl_oz", "floz": "us_fl_oz or imperial_fl_oz",
    "fluid_ounce": "us_fl_oz or imperial_fl_oz", "ton": "tonne (1000 kg), us_ton or long_ton", "barrel": "oil_barrel", "mpg": "mile/us_gallon or mile/imperial_gallon",
    "pt": "us_pint or imperial_pint", "qt": "us_quart or imperial_quart", "kt": "knot or kilotonne", "gr": "g (gram) or grain", "Cal": "cal or kcal", "Calorie": "cal or kcal", "Calories": "cal or kcal",
    "month": "day or year: months differ in length", "b": "bit or byte", "kb": "kB (1000 bytes), KiB (1024 bytes) or kbit", "mb": "MB, MiB or Mbit",
    "gb": "GB, GiB or Gbit", "tb": "TB, TiB or Tbit", "Gb": "GB, GiB or Gbit", "Mb": "MB, MiB or Mbit", "usd": "money has no fixed rate", "eur": "money has no fixed rate",
}  # fmt: skip
_TEMPERATURES = {
    "c": "C", "°c": "C", "℃": "C", "degc": "C", "deg_c": "C", "celsius": "C", "centigrade": "C", "degree_celsius": "C", "degree_c": "C",
    "f": "F", "°f": "F", "℉": "F", "degf": "F", "deg_f": "F", "fahrenheit": "F", "degree_fahrenheit": "F", "degree_f": "F",
    "r": "R", "°r": "R", "rankine": "R",
}  # fmt: skip
_TO_KELVIN = {
    "C": (Fraction(1), Fraction("273.15")),
    "F": (Fraction(5, 9), Fraction("459.67")),
    "R": (Fraction(5, 9), Fraction(0)),
    "K": (Fraction(1), Fraction(0)),
}
_POWER = re.compile(r"^(.*?)(?:\^?(-?\d{1,3})|(⁻?[¹²³]))?$", re.DOTALL)
_DATA = ("B", "bit", "bps", "byte")  # no tenths of them, and powers of 2
_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_RAISED = {"²": 2, "³": 3, "¹": 1, "⁻¹": -1, "⁻²": -2, "⁻³": -3}


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` in SI base units, whose exponents are `dimension`, in the order of ``_BASES``."""

    factor: Fraction
    dimension: tuple[int, ...]


@tool(
    read_only=True,
    idempotent=True,
    examples=[
        {"value": 26.2, "from_unit": "mile", "to_unit": "km"},
        {"value": 100, "from_unit": "km/h", "to_unit": "m/s"},
        {"value": 350, "from_unit": "F", "to_unit": "C"},
    ],
)
def convert_units(value: float, from_unit: str, to_unit: str) -> str:
    """Convert a quantity from one unit to another, exactly.

    Knows length, area, volume, mass, time, speed, force, pressure, energy, power, temperature, angle, electricity and data, with the SI's prefixes
    (km, mW, GiB) and units put together: km/h, kg*m/s^2, m^3. C and F are temperatures. A year has 365.25 days; k in kB is 1000. Gallons, pints, cups and tons are
    us_, imperial_ or metric_. Money is not converted.

    Args:
        value: The number.
        from_unit: Its unit, e.g. "mile", "km/h", "us_gallon".
        to_unit: The unit wanted.
    """
    if not math.isfinite(value):
        raise ToolError("the value is no finite number")
    number = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)  # as it was written: 0.1 is a tenth
    if number and not 1e-300 < abs(number) < 1e300:
        raise ToolError("the value is too large, or too close to 0, for any quantity")
    scales = [_temperature(from_unit), _temperature(to_unit)]
    if all(scales) and any(scale != "K" for scale in scales):
        return f"{_rounded(_degrees(number, scales[0] or 'K', scales[1] or 'K'))} {to_unit.strip()}"
    if any(scale in ("C", "F", "R") for scale in scales):
        raise ToolError(f"{_quoted(from_unit)} and {_quoted(to_unit)} cannot be converted: one is a temperature, and the other is not")
    here, there = _unit(from_unit), _unit(to_unit)
    if here.dimension != there.dimension:
        raise ToolError(
            f"{_quoted(from_unit)} is {_dimension(here)} and {_quoted(to_unit)} is {_dimension(there)}; they cannot be converted"
        )
    return f"{_rounded(Fraction(bounded(number * here.factor / there.factor)))} {to_unit.strip()}"


def _rounded(value: Fraction) -> str:
    """As the calculator shows numbers; a fraction that only says how a decimal goes on is left out."""
    return show(value).split(" (")[0]


def _quoted(text: str) -> str:
    return repr(text[:60])


# --------------------------------------------------------------------------------------------------------- temperature


def _temperature(text: str) -> str | None:
    name = text.strip()
    return (
        "K"
        if name == "K" or name.casefold() in ("kelvin", "kelvins", "°k")
        else _TEMPERATURES.get(name.casefold().replace(" ", "_").replace("degrees", "degree"))
    )


def _degrees(value: Fraction, here: str, there: str) -> Fraction:
    factor, shift = _TO_KELVIN[here]
    kelvin = (value + shift) * factor
    if kelvin < 0:
        raise ToolError(f"there is no temperature below absolute zero, {show(-shift)} {here}")
    factor, shift = _TO_KELVIN[there]
    return kelvin / factor - shift


# --------------------------------------------------------------------------------------------------------------- units


@cache
def _known() -> tuple[dict[str, Unit], frozenset[str]]:
    """All units by name, and which of them take prefixes."""
    units: dict[str, Unit] = {}
    prefixed: set[str] = set()
    for line in _TABLE.strip().splitlines():
        names, factor, made_of = (part.strip() for part in line.split("|"))
        exponents = dict.fromkeys(_BASES, 0)
        for part in made_of.split():
            base, _, power = part.partition("^")
            exponents[base] = int(power or 1)
        unit = Unit(Fraction(factor), tuple(exponents.values()))
        for name in names.split():
            plain = name.removeprefix("*")
            units[plain] = unit
            if name != plain:
                prefixed.add(plain)
    return units, frozenset(prefixed)


@cache
def _prefixes() -> dict[str, Fraction]:
    tens = {prefix: Fraction(10) ** power for prefix, power in (_PREFIXES | _LONG_PREFIXES).items()}
    return tens | {prefix: Fraction(2) ** power for prefix, power in _BINARY.items()}


def _unit(text: str) -> Unit:
    """What a unit's text means: a name, or names joined by ``*``, blanks and ``/`` (which turns the one name after it). Raises `ToolError`."""
    if not text.strip() or len(text) > MAX_CHARS:
        raise ToolError(f"a unit has 1 to {MAX_CHARS} characters, e.g. 'km/h'")
    factor, dimension, over = Fraction(1), [0] * len(_BASES), 1
    for part in re.split(r"([*·×/])", re.sub(r"\bper\b", "/", text.replace("**", "^"))):
        if part in ("*", "·", "×", "/"):
            over = -1 if part == "/" else 1
            continue
        found = _part(part.strip(), text)
        if over < 0 and len(found) > 1:
            raise ToolError(f"{_quoted(text)} leaves open what is under the '/'; write W/m^2/K, or W*m^-2*K^-1")
        for unit, power in found:
            factor *= unit.factor ** (power * over)
            dimension = [a + b * power * over for a, b in zip(dimension, unit.dimension, strict=True)]
            over = 1
    return Unit(Fraction(bounded(factor)), tuple(dimension))


def _part(part: str, text: str) -> list[tuple[Unit, int]]:
    """One name with its exponent; or several, with blanks between them."""
    if part == "1":
        return [(Unit(Fraction(1), (0,) * len(_BASES)), 1)]
    whole = _exactly(part)
    if whole is not None:  # a digit may be part of a name: g0
        return [(whole, 1)]
    name, power, raised = _POWER.findall(part)[0]
    exponent = int(power) if power else _RAISED.get(raised, 1)
    first, _, rest = name.partition(" ")
    if first.casefold() in _WORDS and rest and exponent == 1:
        name, exponent = rest, _WORDS[first.casefold()]
    if not name or not 1 <= abs(exponent) <= 9:
        raise ToolError(
            f"{_quoted(text)} cannot be read{f' at {_quoted(part)}' if part else ''}; units are put together as in kg*m/s^2, with exponents up to 9"
        )
    unit = _named(name.strip().replace(" ", "_"))
    if unit is not None:
        return [(unit, exponent)]
    words = part.split()
    if len(words) < 2:
        raise _unknown(name)
    return [pair for word in words for pair in _part(word, text)]


def _named(name: str) -> Unit | None:
    """A single unit, perhaps with a prefix, perhaps in the plural. Upper and lower case count in short names."""
    found = _exactly(name)
    choice = _OPEN.get(name) or _OPEN.get(name.casefold().removesuffix("s"))
    if found is None and choice:
        raise ToolError(f"{_quoted(name)} leaves open which unit is meant: {choice}")
    return found or (_exactly(name.lower()) if len(name) > 2 else None)


def _exactly(name: str) -> Unit | None:
    units, prefixed = _known()
    if name in units:
        return units[name]
    for end in ("", "s"):
        stem = name.removesuffix(end) if len(name) > 2 else name
        if stem in units:
            return units[stem]
        for prefix, factor in _prefixes().items():
            rest = stem[len(prefix) :]
            fits = factor > 100 if rest in _DATA else prefix not in _BINARY
            if stem.startswith(prefix) and rest in prefixed and fits:
                return Unit(units[rest].factor * factor, units[rest].dimension)
    return None


def _unknown(name: str) -> ToolError:
    units, _ = _known()
    near = difflib.get_close_matches(name[:40], [*units, *_OPEN], 3, 0.6)
    return ToolError(
        f"there is no unit {_quoted(name)}"
        + (f"; did you mean {', '.join(near)}?" if near else "; e.g. 'km', 'lb', 'us_gallon', 'kWh', 'm/s'")
    )


def _dimension(unit: Unit) -> str:
    parts = [base if power == 1 else f"{base}^{power}" for base, power in zip(_BASES, unit.dimension, strict=True) if power]
    return f"measured in {'*'.join(parts)}" if parts else "a plain number"

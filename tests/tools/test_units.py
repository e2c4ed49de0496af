"""Conversions: exact where they are defined exactly, and asked back where a word leaves open what is meant."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_agent import ToolError
from react_agent_tools import convert_units
from react_agent_tools.units import _known

RIGHT = [
    (26.2, "mile", "km", "42.1648128 km"),
    (100, "km/h", "m/s", "27.777777777777777778 m/s"),
    (350, "F", "C", "176.66666666666666667 C"),
    (-40, "°C", "°F", "-40 °F"),
    (0, "celsius", "K", "273.15 K"),
    (0, "c", "kelvin", "273.15 kelvin"),
    (300, "Kelvins", "C", "26.85 C"),
    (1, "speed_of_light", "km/s", "299792.458 km/s"),
    (72, "degrees F", "degrees C", "22.222222222222222222 degrees C"),
    (1, "kWh", "MJ", "3.6 MJ"),
    (1, "us_gallon", "litre", "3.785411784 litre"),
    (5, "feet", "cm", "152.4 cm"),
    (1, "GiB", "MB", "1073.741824 MB"),
    (1, "Mbit/s", "kB/s", "125 kB/s"),
    (100, "Mbps", "MB/s", "12.5 MB/s"),
    (1, "kg*m/s^2", "N", "1 N"),
    (1, "kg m s^-2", "N", "1 N"),
    (1, "m²", "cm^2", "10000 cm^2"),
    (1, "square meter", "ft^2", "10.763910416709722308 ft^2"),
    (180, "deg", "rad", "3.1415926535897932385 rad"),
    (1, "furlong per fortnight", "mm/s", "0.16630952380952380952 mm/s"),
    (1, "nautical miles", "km", "1.852 km"),
    (1, "Kilometers", "Miles", "0.62137119223733396962 Miles"),
    (1, "MW", "W", "1000000 W"),
    (1, "mW", "W", "0.001 W"),
    (1, "1/s", "Hz", "1 Hz"),
    (0.1, "m", "cm", "10 cm"),
    (1, "kPa", "psi", "0.14503773773020921515 psi"),
    (5, "percent", "1", "0.05 1"),
]

WRONG = [
    (1, "gallon", "l", "us_gallon or imperial_gallon"),
    (1, "cups", "ml", "us_cup or metric_cup"),
    (1, "ton", "kg", "tonne"),
    (1, "month", "day", "differ in length"),
    (1, "kb", "MB", "KiB"),
    (1, "USD", "EUR", "no fixed rate"),
    (1, "Cal", "J", "kcal"),
    (500, "Calories", "J", "cal or kcal"),
    (1, "mbps", "MB/s", "there is no unit"),
    (1, "m", "kg", "cannot be converted"),
    (3, "C", "m", "a temperature"),
    (1, "kg*c^2", "J", "there is no unit 'c'"),
    (-500, "C", "F", "absolute zero"),
    (1, "foo", "m", "there is no unit 'foo'"),
    (1, "kilometre", "mtre", "did you mean"),
    (1, "dB", "B", "there is no unit"),
    (1, "", "m", "1 to 100 characters"),
    (1, "m" * 101, "m", "1 to 100 characters"),
    (1, "m//s", "m", "cannot be read"),
    (1, "m^99", "m", "up to 9"),
    (1, "W/m^2 K", "W", "leaves open"),
    (1, "*".join(["Qm^9"] * 7), "m", "cannot be converted"),
    (1, "*".join(["Qm^9"] * 20), "*".join(["qm^9"] * 20), "too large"),
    (1e308, "m", "km", "too large"),
    (1, "__import__('os')", "m", "there is no unit"),
    (1, "m^0", "m", "up to 9"),
    (1, "m\0", "m", "there is no unit"),
]


@pytest.mark.parametrize(("value", "here", "there", "result"), RIGHT, ids=[f"{h}-{t}" for _, h, t, _ in RIGHT])
def test_right(value: float, here: str, there: str, result: str) -> None:
    assert convert_units(value, here, there) == result


@pytest.mark.parametrize(("value", "here", "there", "words"), WRONG, ids=range(len(WRONG)))
def test_wrong_is_told_clearly(value: float, here: str, there: str, words: str) -> None:
    with pytest.raises(ToolError) as caught:
        convert_units(value, here, there)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


UNITS = _known()[0]


WORDS = [name for name in UNITS if len(name) > 3 and name.isascii() and name.isalpha() and name.islower()]


@pytest.mark.parametrize("name", [name for name in WORDS if name != "calorie"])  # a Calorie is often a kilocalorie
def test_a_name_means_the_same_in_capitals_and_in_the_plural(name: str) -> None:
    for other in (name.capitalize(), name.upper(), f"{name}s", f"{name.capitalize()}s"):
        assert convert_units(1, other, name) == f"1 {name}"


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.integers(1, 10**6))
def test_law_there_and_back(here: str, there: str, value: int) -> None:
    if UNITS[here].dimension != UNITS[there].dimension:
        with pytest.raises(ToolError):
            convert_units(value, here, there)
        return
    forth = float(convert_units(value, here, there).split(" ")[0])
    assert float(convert_units(forth, there, here).split(" ")[0]) == pytest.approx(value, rel=1e-12)


@given(st.text("kmsgµ°²^*/-1 9per_CFK", max_size=30))
def test_law_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ToolError):
        convert_units(1, text, "m")

"""`calculator(expression)`: what a person would type into a good calculator, exact and bounded, with a parser of its own and no `eval`.

Precedence, loosest first: ``+ -``, ``* / // %``, sign, ``** ^`` (from the right), ``!``. So ``-2**2`` is -4 and ``2**-1`` is 1/2, as in mathematics
and Python.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from react_agent import ToolError, tool
from react_agent_tools import exact
from react_agent_tools.exact import Number, whole

MAX_CHARS = 1_000
MAX_DEPTH = 50
_MAX_EXPONENT = 2_000  # of a number as written: 1e2000
_HALF, _TEN, _TWO = Fraction(1, 2), Fraction(10), Fraction(2)

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>0[xX][0-9a-fA-F_]+ | 0[bB][01_]+ | 0[oO][0-7_]+ | (?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    | (?P<name>[πτ√] | [A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\*\*|//|[-+*/%^!(),])
    | (?P<other>\S)
    )""",
    re.VERBOSE | re.ASCII,
)
_SAME = str.maketrans(
    {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "⁄": "/", "[": "(", "]": ")", "\u00a0": " ", "\u202f": " "}
)


@tool(
    read_only=True,
    idempotent=True,
    examples=[{"expression": "(17.5 - 3) * 12 / 100"}, {"expression": "sqrt(2) + 2**10"}, {"expression": "round(1999 * 1.19, 2)"}],
)
def calculator(expression: str) -> str:
    """Compute an arithmetic expression exactly.

    Knows + - * / // % (remainder) ** or ^ (power) ! and parentheses; the constants pi, e, tau; and the functions sqrt, cbrt, root(x, n), abs, round(x, places),
    floor, ceil, trunc, min, max, sum, mean, median, exp, log or ln (natural; log(x, base)), log2, log10, sin, cos, tan, asin, acos, atan (radians), degrees, radians,
    hypot, sign, gcd, lcm, factorial, comb, perm, pow, mod. Decimals are exact (0.1 + 0.2 is 0.3); what has no exact value is given to 20 digits. round()
    takes halves away from zero. There are no variables, units, equations or percent signs: write 15/100 for 15 %.

    Args:
        expression: At most 1,000 characters, for instance "(17.5 - 3) * 12 / 100". No number may get longer than 2,000 digits.
    """
    if len(expression) > MAX_CHARS:
        raise ToolError(f"the expression has {len(expression):,} characters; at most {MAX_CHARS:,} are taken. Compute it in parts.")
    parser = _Parser(expression.translate(_SAME))
    return exact.show(parser.whole())


# ----------------------------------------------------------------------------------------------------------- functions


@dataclass(frozen=True, slots=True)
class _Function:
    """`call` takes from `least` to `most` numbers."""

    call: Callable[..., Number]
    least: int = 1
    most: int = 1


def _smaller(*values: Number) -> Number:
    return min(values)


def _larger(*values: Number) -> Number:
    return max(values)


def _mean(*values: Number) -> Number:
    return exact.divide(exact.total(values), Fraction(len(values)))


def _median(*values: Number) -> Number:
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else _mean(*ordered[middle - 1 : middle + 1])


def _factorial(a: Number) -> Number:
    n = whole(a, "a factorial")
    if n < 0:
        raise ToolError(f"the factorial of {n} is not defined")
    if n > 1_000:
        raise exact.too_large()
    return exact.bounded(Fraction(math.factorial(n)))


def _choices(a: Number, b: Number, count: Callable[[int, int], int]) -> Number:
    n, k = whole(a, "comb and perm"), whole(b, "comb and perm")
    if n < 0 or k < 0:
        raise ToolError("comb(n, k) and perm(n, k) need numbers from 0 up")
    steps = min(k, n - k) if count is math.comb else k
    if k <= n and steps * n.bit_length() > 100_000:
        raise exact.too_large()
    return exact.bounded(Fraction(count(n, k)))


def _divisors(*values: Number) -> Number:
    return Fraction(math.gcd(*(whole(value, "gcd") for value in values)))


def _multiples(*values: Number) -> Number:
    result: Number = Fraction(1)
    for value in values:
        result = exact.bounded(Fraction(math.lcm(whole(result, "lcm"), whole(value, "lcm"))))
    return result


def _hypotenuse(*values: Number) -> Number:
    return exact.root(exact.total([exact.multiply(value, value) for value in values]), _TWO)


def _log(a: Number, base: Number | None = None) -> Number:
    return exact.natural_logarithm(a) if base is None else exact.logarithm(a, base)


PI = exact.bounded(exact.PI)
E = exact.bounded(exact.E)
TAU = exact.multiply(PI, _TWO)
_CONSTANTS: dict[str, Number] = {"pi": PI, "π": PI, "e": E, "tau": TAU, "τ": TAU}
_MANY = 500
_FUNCTIONS: dict[str, _Function] = {
    "sqrt": _Function(lambda a: exact.root(a, _TWO)),
    "√": _Function(lambda a: exact.root(a, _TWO)),
    "cbrt": _Function(lambda a: exact.root(a, Fraction(3))),
    "root": _Function(exact.root, 2, 2),
    "abs": _Function(exact.magnitude),
    "sign": _Function(lambda a: Fraction((a > 0) - (a < 0))),
    "round": _Function(exact.nearest, 1, 2),
    "floor": _Function(exact.floor),
    "ceil": _Function(lambda a: Fraction(math.ceil(a))),
    "trunc": _Function(lambda a: Fraction(math.trunc(a))),
    "int": _Function(lambda a: Fraction(math.trunc(a))),
    "min": _Function(_smaller, 1, _MANY),
    "max": _Function(_larger, 1, _MANY),
    "sum": _Function(lambda *values: exact.total(values), 1, _MANY),
    "mean": _Function(_mean, 1, _MANY),
    "avg": _Function(_mean, 1, _MANY),
    "median": _Function(_median, 1, _MANY),
    "pow": _Function(exact.power, 2, 2),
    "mod": _Function(exact.modulo, 2, 2),
    "exp": _Function(exact.exponential),
    "log": _Function(_log, 1, 2),
    "ln": _Function(_log),
    "log2": _Function(lambda a: exact.logarithm(a, _TWO)),
    "log10": _Function(lambda a: exact.logarithm(a, _TEN)),
    "sin": _Function(exact.sine),
    "cos": _Function(exact.cosine),
    "tan": _Function(exact.tangent),
    "asin": _Function(exact.arcsine),
    "acos": _Function(exact.arccosine),
    "atan": _Function(exact.arctangent),
    "degrees": _Function(lambda a: exact.divide(exact.multiply(a, Fraction(180)), PI)),
    "radians": _Function(lambda a: exact.divide(exact.multiply(a, PI), Fraction(180))),
    "hypot": _Function(_hypotenuse, 1, _MANY),
    "gcd": _Function(_divisors, 1, _MANY),
    "lcm": _Function(_multiples, 1, _MANY),
    "factorial": _Function(_factorial),
    "comb": _Function(lambda n, k: _choices(n, k, math.comb), 2, 2),
    "perm": _Function(lambda n, k: _choices(n, k, math.perm), 2, 2),
}


# -------------------------------------------------------------------------------------------------------------- parser


class _Parser:
    """Reads and computes in one pass: what is not grammatical is found where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or "other"
            self.tokens.append((kind, match.group(kind), match.start(kind)))
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str | None:
        if self.at < len(self.tokens) and self.next in wanted:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def starts_value(self) -> bool:
        return self.at < len(self.tokens) and (self.tokens[self.at][0] in ("number", "name") or self.next == "(")

    def wrong(self, message: str) -> ToolError:
        if self.at >= len(self.tokens):
            return ToolError(f"{message}, but the expression ends")
        word, place = self.next, self.tokens[self.at][2]
        return ToolError(f"{message}, but there is {word[:40]!r} at character {place + 1}{_hint(word)}")

    def whole(self) -> Number:
        if not self.tokens:
            raise ToolError('the expression is empty; write for instance "2 * (3 + 4)"')
        value = self.sum()
        if self.at < len(self.tokens):
            raise self.after_value()
        return value

    def after_value(self) -> ToolError:
        if self.starts_value():
            return self.wrong("an operator is missing (write 2 * pi, 3 * (4 + 5))")
        if self.next == ",":
            return self.wrong(
                "a comma separates arguments only; write numbers without separators, as 1234567.89. The expression should go on or end"
            )
        return self.wrong("the expression should go on with an operator or end")

    def sum(self) -> Number:
        value = self.product()
        while sign := self.take("+", "-"):
            other = self.product()
            value = exact.add(value, other if sign == "+" else exact.negative(other))
        return value

    def product(self) -> Number:
        value = self.signed()
        while sign := self.take("*", "/", "//", "%"):
            if sign == "%" and (
                not self.starts_value() or self.next.lower() == "of"
            ):  # 15% of something, most likely; a sign could be either
                raise ToolError(
                    "'%' is the remainder of a division and needs a number on its right; for 15 percent write 15/100 (and for a negative divisor 10 % (-3))"
                )
            other = self.signed()
            value = _PRODUCTS[sign](value, other)
        return value

    def signed(self) -> Number:
        negative = False
        while sign := self.take("+", "-"):
            negative ^= sign == "-"
        value = self.power()
        return exact.negative(value) if negative else value

    def power(self) -> Number:
        value = self.factorial()
        return exact.power(value, self.deeper(self.signed)) if self.take("**", "^") else value

    def deeper(self, rule: Callable[[], Number]) -> Number:
        """Whatever comes back to itself comes through here."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ToolError(f"the expression is nested more than {MAX_DEPTH} deep; compute it in parts")
        value = rule()
        self.depth -= 1
        return value

    def factorial(self) -> Number:
        value = self.deeper(self.atom)
        if self.take("!"):
            if self.next == "!":
                raise self.wrong("'!!' may be the double factorial or the factorial of a factorial, for which write (5!)!")
            value = _factorial(value)
        return value

    def atom(self) -> Number:
        if self.at >= len(self.tokens):
            raise self.wrong("a number should follow")
        kind, word, _ = self.tokens[self.at]
        if kind == "number":
            value = self.number(word)
            self.at += 1
            return value
        if kind == "name":
            return self.named(word)
        if self.take("("):
            value = self.sum()
            if not self.take(")"):
                lists = " (a list is no value: write sum(1, 2, 3) for the sum of three numbers)" if self.next == "," else ""
                raise self.wrong(f"a ')' should follow{lists}")
            return value
        raise self.wrong("a number should follow")

    def number(self, word: str) -> Number:
        try:
            if word[:2].lower() in ("0x", "0b", "0o"):
                return Fraction(int(word, 0))
            plain, _, exponent = word.lower().partition("e")
            if len(exponent) > 6 or abs(int(exponent or "0")) > _MAX_EXPONENT:
                raise exact.too_large()
            if plain.startswith("_") or plain.endswith("_") or "__" in plain:
                raise ValueError(word)
            return exact.bounded(Fraction(plain.replace("_", "")) * _TEN ** int(exponent or "0"))
        except ValueError:
            raise self.wrong("this is no number") from None

    def named(self, word: str) -> Number:
        name = word.lower()
        function = _FUNCTIONS.get(name)
        if function is None:
            constant = _CONSTANTS.get(name)
            if constant is None:
                raise self.unknown(word)
            self.at += 1
            return constant
        self.at += 1
        if name == "√" and self.next != "(":
            return function.call(self.factorial())
        if not self.take("("):
            raise self.wrong(f"a '(' should follow the function {name}")
        return self.called(name, function)

    def called(self, name: str, function: _Function) -> Number:
        values: list[Number] = []
        while self.next != ")" or values:
            values.append(self.sum())
            if not self.take(","):
                break
        if not self.take(")"):
            raise self.wrong(f"a ')' should follow the arguments of {name}")
        if not function.least <= len(values) <= function.most:
            wanted = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
            raise ToolError(f"{name} takes {wanted} argument{'' if wanted == '1' else 's'}, and {len(values)} were given")
        return function.call(*values)

    def unknown(self, word: str) -> ToolError:
        near = difflib.get_close_matches(word.lower()[:40], [*_FUNCTIONS, *_CONSTANTS], 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return ToolError(f"there is no function or constant {word[:40]!r}{hint} (there are no variables: put the numbers in their place)")


_PRODUCTS: dict[str, Callable[[Number, Number], Number]] = {
    "*": exact.multiply,
    "/": exact.divide,
    "//": exact.floor_divide,
    "%": exact.modulo,
}


def _hint(word: str) -> str:
    if word == "=":
        return "; equations are not solved, give only the side to compute"
    if word in "$€£¥":
        return "; leave currency signs out"
    if word in "<>&|":
        return "; there are no comparisons"
    return ""

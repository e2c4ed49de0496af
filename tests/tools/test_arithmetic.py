"""The calculator: what people type, what models mistype, and what would keep a worse one busy for ever."""

from __future__ import annotations

import contextlib
import math
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_agent import Agent, MockBackend, ToolError, call
from react_agent_tools import calculator

RIGHT = [
    ("2 + 3 * 4", "14"),
    ("0.1 + 0.2", "0.3"),
    ("1/3", "0.33333333333333333333 (exactly 1/3)"),
    ("-2**2", "-4"),
    ("2**-1", "0.5"),
    ("2**3**2", "512"),
    ("2^10", "1024"),
    ("--5", "5"),
    ("7 // -2", "-4"),
    ("-7 % 3", "2"),
    ("10 % (-3)", "-2"),
    ("(17.5 − 3) × 12 ÷ 100", "1.74"),
    ("1e3 + .5 + 5.", "1005.5"),
    ("0xff + 0b11 + 1_000", "1258"),
    ("5! / 3!", "20"),
    ("sqrt(2)", "1.4142135623730950488"),
    ("sqrt(16/9)", "1.3333333333333333333 (exactly 4/3)"),
    ("8**(1/3)", "2"),
    ("cbrt(-8)", "-2"),
    ("root(1024, 10)", "2"),
    ("√16", "4"),
    ("sin(pi)", "0"),
    ("cos(π)", "-1"),
    ("sin(pi/6)", "0.5"),
    ("tan(pi/4)", "1"),
    ("4*atan(1) - pi", "0"),
    ("degrees(acos(0.5))", "60"),
    ("log(8, 2)", "3"),
    ("floor(log10(1000))", "3"),
    ("ln(e**5)", "5"),
    ("exp(1)", "2.7182818284590452354"),
    ("round(2.675, 2)", "2.68"),
    ("round(2.5)", "3"),
    ("round(-2.5)", "-3"),
    ("round(1234, -2)", "1200"),
    ("abs(-3) + min(1, 2) + max(3, 4, 5)", "9"),
    ("mean(1, 2, 4)", "2.3333333333333333333 (exactly 7/3)"),
    ("median(5, 1, 3, 2)", "2.5"),
    ("gcd(12, 18) + lcm(4, 6)", "18"),
    ("comb(52, 5)", "2598960"),
    ("hypot(3, 4)", "5"),
    ("2**100", str(2**100)),
    ("(1 + 0.05/365)**(365*30)", "4.4812286885245152478"),  # the fraction would have 85,000 digits, the number has not
    ("0.999**5000", "0.0067211119598656178118"),
    ("(1 + 1e-9)**(10**9)", "2.7182818270999043224"),
    ("(1 + 0.03999/12)**360 * 1000", "3312.5074153844153431"),
    ("1.0001**1000 * 1.0002**1000", "1.3498250655765426701"),
    ("0.1**500", "1e-500"),
    ("0**0", "1"),
    ("((((((1))))))", "1"),
]

WRONG = [
    ("", "empty"),
    ("15% * 80", "15/100"),
    ("100 - 15% - 2", "15/100"),
    ("2pi", "operator is missing"),
    ("3 (4)", "operator is missing"),
    ("1,234 + 1", "without separators"),
    ("2 + 2 =", "equations"),
    ("$5 + 1", "currency"),
    ("3 > 2", "comparisons"),
    ("x + 1", "no variables"),
    ("sqr(4)", "did you mean sqrt"),
    ("sqrt 4", "'(' should follow"),
    ("sqrt(4", "')' should follow"),
    ("min()", "min takes"),
    ("round(1, 2, 3)", "round takes 1 to 2"),
    ("1 / 0", "division by zero"),
    ("5 % 0", "division by zero"),
    ("0 ** -1", "division by zero"),
    ("sqrt(-1)", "no real square root"),
    ("15% of 200", "for 15 percent write 15/100"),
    ("sum([1, 2, 3])", "write sum(1, 2, 3)"),
    ("5!!", "write (5!)!"),
    ("sqrt(2)**1000000", "too large"),
    ("(-8) ** (1/3)", "cbrt"),
    ("log(0)", "no real number"),
    ("tan(pi/2)", "not defined"),
    ("asin(2)", "-1 to 1"),
    ("2.5!", "whole number"),
    ("(-1)!", "not defined"),
    ("__import__('os').system('id')", "no function"),
    ("open('/etc/passwd')", "no function"),
    ("(1).__class__", "operator"),
    ("[x for x in ()]", "no function"),
    ("lambda: 1", "no function"),
    ('"a" * 9', "a number should follow"),
    ("1; 2", "operator or end"),
    ("1__0", "no number"),
    ("٣ + 1", "a number should follow"),
    ("2 +\x00 2", "a number should follow"),
]

HOSTILE = [
    "9**9**9",
    "9^9^9^9^9",
    "10**2001",
    "1e999999999",
    "1e-2001",
    "1" * 900 + "**" + "9" * 90,
    "(-1)**" + "9" * 900 + "*9**9999",
    "1.0000000001**99999999999999",
    "0.5**99999999999",
    "99999!",
    "1000!!",
    "comb(99999999999, 5000)",
    "comb(1000000, 500000)",
    "perm(10**9, 10**6)",
    "exp(10**9)",
    "exp(exp(exp(10)))",
    "sin(1e300)",
    "2**(2**(2**(2**(2**2))))",
    "(" * 400 + "1" + ")" * 400,
    "-" * 999,
    "2**" * 300 + "2",
    "sqrt(" * 150 + "2" + ")" * 150,
    "1" + "+1" * 600,
    "round(pi, 10**9)",
    "root(2, 10**9)",
    "lcm(" + ",".join(str(10**30 + i) for i in range(29)) + ")*2**2000*3**4000",
    "pi**(10**30)",
    "(10**-1000)**0.5 * exp(-4000)",
    "log(1 + 1e-1500, 1 + 1e-1499)",
    "!" * 500,
    "√" * 999,
    "π" * 999,
]


@pytest.mark.parametrize(("expression", "result"), RIGHT, ids=[e for e, _ in RIGHT])
def test_right(expression: str, result: str) -> None:
    assert calculator(expression) == result


@pytest.mark.parametrize(("expression", "words"), WRONG, ids=[e or "empty" for e, _ in WRONG])
def test_wrong_is_told_clearly(expression: str, words: str) -> None:
    with pytest.raises(ToolError) as caught:
        calculator(expression)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("expression", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_ends_in_a_refusal_at_once(expression: str) -> None:
    started = time.process_time()
    with pytest.raises(ToolError) as caught:
        calculator(expression)
    assert time.process_time() - started < 2
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "expression",
    ["9**2095", "+".join(["sin(1e14)"] * 90), "*".join(["exp(9)"] * 120), "+".join(["comb(6600,3300)"] * 60), "/".join(["9**999"] * 3)],
    ids=["digits", "sines", "exponentials", "choices", "fractions"],
)
def test_the_most_that_is_allowed_is_quick(expression: str) -> None:
    started = time.process_time()
    calculator(expression)
    assert time.process_time() - started < 2


def _combined(parts: tuple[tuple[str, Fraction], str, tuple[str, Fraction]]) -> tuple[str, Fraction]:
    (left, a), sign, (right, b) = parts
    if sign == "/" and not b:
        sign = "+"
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a}[sign]
    return f"({left} {sign} {right})", value


NUMBERS = st.one_of(st.integers(0, 10**6).map(str), st.decimals(0, 1000, places=3).map(str))
TREES = st.recursive(
    NUMBERS.map(lambda text: (text, Fraction(text))),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(_combined),
    max_leaves=12,
)


@given(TREES)
def test_law_arithmetic_is_that_of_fractions(tree: tuple[str, Fraction]) -> None:
    text, value = tree
    assert calculator(f"{text} - ({value.numerator}/{value.denominator})" if len(text) < 400 else "0") == "0"


@given(
    st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-9)
)  # their digits are written out
def test_law_functions_agree_with_the_floating_ones(x: float) -> None:
    for name in ("sin", "cos", "atan", "floor", "cbrt"):
        ours = float(calculator(f"{name}({Decimal(x):f})").split(" ")[0])
        theirs = math.cbrt(x) if name == "cbrt" else getattr(math, name)(x)
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    small = x / 10_000
    assert float(calculator(f"exp({Decimal(small):f})")) == pytest.approx(math.exp(small), rel=1e-9)


@given(st.text("0123456789.+-*/%^!(),eE xpisqrtlogroundcombfact_", max_size=60))
def test_law_any_text_gives_a_result_or_a_refusal(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ToolError):
        assert calculator(text)
    assert time.process_time() - started < 2


def test_in_a_run() -> None:
    agent = Agent(MockBackend([call("calculator", expression="6*7"), "42"]), tools=[calculator])
    result = agent.run_sync("What is six times seven?")
    assert result.steps[0].calls[0].result.text == "42"
    assert result.answer == "42"

"""The numbers of the calculator: exact fractions as long as they can be, 45 digits of a decimal where they cannot.

Every operation is bounded before it is carried out: no number has more than `MAX_DIGITS` digits above or below its fraction bar, so no
operation takes longer than some milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow, Underflow, localcontext
from fractions import Fraction
from typing import TypeAlias

from react_agent import ToolError

Number: TypeAlias = Fraction | Decimal

MAX_DIGITS = 2_000
_MAX_BITS = int(MAX_DIGITS * math.log2(10))
_TRAPS = [DivisionByZero, InvalidOperation, Overflow, Underflow]
_KEPT = Context(prec=45, Emax=MAX_DIGITS, Emin=-MAX_DIGITS, traps=_TRAPS)  # of an inexact number
_WORKING = Context(prec=60, Emax=4 * MAX_DIGITS, Emin=-4 * MAX_DIGITS, traps=_TRAPS)  # while it is computed
_MAX_EXPONENT = 10**15  # of a fraction; beyond, its working digits would not do for those that are shown
_SHOWN = 20
_MOST_SHOWN = 40  # characters of a decimal or fraction that is shown exactly
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651")
E = Decimal("2.71828182845904523536028747135266249775724709369995957496696762772407663035354759457138217852516642742746639193")


def bounded(value: Number) -> Number:
    """The value, if it is not too long to go on with."""
    if isinstance(value, Decimal):
        try:
            return _KEPT.plus(value)
        except DecimalException:
            raise too_large() from None
    above, below = value.numerator.bit_length(), value.denominator.bit_length()
    if max(above, below) <= _MAX_BITS:
        return value
    if value.denominator == 1 or abs(above - below) > _MAX_BITS:
        raise too_large()
    return inexact(lambda _: decimal(value))  # only the fraction is too long, not the number


def too_large() -> ToolError:
    return ToolError(f"the result is too large, or too close to 0: numbers may have up to {MAX_DIGITS:,} digits")


def decimal(value: Number) -> Decimal:
    """As a decimal of the working precision."""
    if isinstance(value, Decimal):
        return value
    return _WORKING.divide(Decimal(value.numerator), Decimal(value.denominator))


def inexact(function: Callable[[Context], Decimal]) -> Number:
    """Computed with digits to spare, then rounded, so that what should come out whole does."""
    with localcontext(_WORKING) as context:
        try:
            return bounded(function(context))
        except (Overflow, Underflow):
            raise too_large() from None
        except DecimalException as error:
            raise ToolError(f"this cannot be computed ({type(error).__name__})") from None


def whole(value: Number, what: str) -> int:
    """The value as an integer, which it has to be."""
    if isinstance(value, Decimal) or value.denominator != 1:
        raise ToolError(f"{what} needs a whole number, and {brief(value)} is none")
    return value.numerator


# ---------------------------------------------------------------------------------------------------------- operations


def add(a: Number, b: Number) -> Number:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return bounded(a + b)
    return inexact(lambda c: c.add(decimal(a), decimal(b)))


def magnitude(a: Number) -> Number:
    return negative(a) if a < 0 else a


def negative(a: Number) -> Number:
    return -a if isinstance(a, Fraction) else a.copy_negate()


def multiply(a: Number, b: Number) -> Number:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return bounded(a * b)
    return inexact(lambda c: c.multiply(decimal(a), decimal(b)))


def divide(a: Number, b: Number) -> Number:
    if not b:
        raise ToolError("division by zero")
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return bounded(a / b)
    return inexact(lambda c: c.divide(decimal(a), decimal(b)))


def floor_divide(a: Number, b: Number) -> Number:
    return floor(divide(a, b))


def modulo(a: Number, b: Number) -> Number:
    """With the sign of `b`, as in Python."""
    if not b:
        raise ToolError("division by zero: the remainder after dividing by 0 is not defined (for percent, write 15/100)")
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a % b
    return add(a, negative(multiply(b, floor_divide(a, b))))


def power(a: Number, b: Number) -> Number:
    """Exact for whole exponents of exact numbers, and for roots that come out exactly."""
    if isinstance(b, Fraction) and b.denominator == 1:
        return _whole_power(a, b.numerator)
    if not a:
        if decimal(b) < 0:
            raise ToolError("division by zero: 0 to a negative power")
        return Fraction(0)
    if a < 0:
        raise ToolError(f"{brief(a)} to the power {brief(b)} is no real number" + _roots_of_negatives(b))
    if isinstance(a, Fraction) and isinstance(b, Fraction) and b.denominator <= 64 and (exact := exact_root(a, b.denominator)) is not None:
        return _whole_power(exact, b.numerator)
    digits = decimal(b) * decimal(a).adjusted()
    if abs(digits) > MAX_DIGITS + 10:
        raise too_large()
    return inexact(lambda c: c.power(decimal(a), decimal(b)))


def _roots_of_negatives(b: Number) -> str:
    return "; for odd roots use cbrt(x) or root(x, n)" if isinstance(b, Fraction) and b.denominator % 2 else ""


def _whole_power(a: Number, n: int) -> Number:
    if not a and n < 0:
        raise ToolError("division by zero: 0 to a negative power")
    if isinstance(a, Decimal):
        if abs(n) * abs(a.adjusted()) > MAX_DIGITS + 10 and n.bit_length() > 1:
            raise too_large()
        return inexact(lambda c: c.power(a, n))
    bits = max(abs(a.numerator), a.denominator).bit_length() - 1
    if bits * abs(n) > _MAX_BITS:
        if a.denominator == 1 or abs(n) > _MAX_EXPONENT:
            raise too_large()
        return inexact(lambda c: c.power(decimal(a), n))
    if bits == 0:  # 0, 1 or -1
        return Fraction(1) if n == 0 or a == 1 or (a == -1 and n % 2 == 0) else a
    return bounded(a**n)


def exact_root(a: Fraction, n: int) -> Fraction | None:
    """The n-th root, if it is rational; `a` must not be negative."""
    parts = [_whole_root(part, n) for part in (a.numerator, a.denominator)]
    return None if parts[0] is None or parts[1] is None else Fraction(parts[0], parts[1])


def _whole_root(a: int, n: int) -> int | None:
    if n == 2:
        guess = math.isqrt(a)
    elif a < 2:
        guess = a
    else:
        guess = 1 << -(-a.bit_length() // n)  # from above; then Newton
        while (nearer := ((n - 1) * guess + a // guess ** (n - 1)) // n) < guess:
            guess = nearer
    return guess if guess**n == a else None


def root(a: Number, n: Number) -> Number:
    """The real n-th root; odd roots of negative numbers are negative."""
    degree = whole(n, "root(x, n)")
    if not 1 <= degree <= 1_000:
        raise ToolError("root(x, n) needs an n from 1 to 1000")
    if a < 0:
        if degree % 2 == 0:
            raise ToolError(f"{brief(a)} has no real {'square' if degree == 2 else f'{degree}th'} root")
        return negative(root(negative(a), n))
    if isinstance(a, Fraction) and degree <= 64 and (exact := exact_root(a, degree)) is not None:
        return exact
    if not a:
        return a
    if degree == 2:
        return inexact(lambda c: c.sqrt(decimal(a)))
    return inexact(lambda c: c.power(decimal(a), c.divide(Decimal(1), Decimal(degree))))


def floor(a: Number) -> Number:
    return Fraction(math.floor(a))


def nearest(a: Number, places: Number = Fraction(0)) -> Number:
    """Rounded as on paper: halves away from zero."""
    n = whole(places, "the number of places")
    if abs(n) > MAX_DIGITS:
        raise too_large()
    scale = Fraction(10) ** n
    exact = Fraction(a) if isinstance(a, Decimal) else a
    scaled = math.floor(abs(exact) * scale + Fraction(1, 2))
    return bounded(Fraction(scaled if exact >= 0 else -scaled) / scale)


def natural_logarithm(a: Number) -> Number:
    if a <= 0:
        raise ToolError(f"the logarithm of {brief(a)} is no real number")
    return Fraction(0) if a == 1 else inexact(lambda c: c.ln(decimal(a)))


def logarithm(a: Number, base: Number) -> Number:
    """Exact where the base's whole power gives the number back."""
    if a <= 0:
        raise ToolError(f"the logarithm of {brief(a)} is no real number")
    if base <= 0 or base == 1:
        raise ToolError(f"{brief(base)} cannot be the base of a logarithm")
    made = inexact(lambda c: c.divide(c.ln(decimal(a)), c.ln(decimal(base))))
    if isinstance(a, Fraction) and isinstance(base, Fraction):
        n = round(made)
        fits = abs(n) * max(base.numerator, base.denominator).bit_length() <= 2 * _MAX_BITS
        if fits and Fraction(n) == nearest(made, Fraction(20)) and base**n == a:
            return Fraction(n)
    return made


# ------------------------------------------------------------------------------------------------------- trigonometry

_MAX_ANGLE = 10**15  # beyond, the digits of pi that are kept would run out


def _series(x: Decimal, start: int, sign: int) -> Decimal:
    """x^start/start! + sign*x^(start+2)/(start+2)! + … for small x."""
    term = x if start else Decimal(1)
    total, n = term, start
    while abs(term) > Decimal("1e-65"):
        term = term * x * x * sign / ((n + 1) * (n + 2))
        total += term
        n += 2
    return total


def _turned(a: Number) -> Decimal:
    """The angle less whole turns, with as many digits as are kept."""
    if magnitude(a) > _MAX_ANGLE:
        raise ToolError(f"the angle is too large; it may be up to {_MAX_ANGLE:.0e} radians")
    with localcontext(Context(prec=90)):
        exact = a if isinstance(a, Decimal) else Decimal(a.numerator) / Decimal(a.denominator)
        return exact - (exact / (2 * PI)).to_integral_value() * 2 * PI


def _whole_digits(value: Decimal) -> Decimal:
    """Rounded to 40 places, so that sin(pi) is 0."""
    return value.quantize(Decimal("1e-40")).normalize()


def sine(a: Number) -> Number:
    angle = _turned(a)
    return _exact_if_whole(inexact(lambda _: _whole_digits(_series(angle, 1, -1))))


def cosine(a: Number) -> Number:
    angle = _turned(a)
    return _exact_if_whole(inexact(lambda _: _whole_digits(_series(angle, 0, -1))))


def _exact_if_whole(a: Number) -> Number:
    return Fraction(a) if a in (-1, 0, 1) else a


def tangent(a: Number) -> Number:
    below = cosine(a)
    if not below:
        raise ToolError("the tangent is not defined there")
    return divide(sine(a), below)


def arctangent(a: Number) -> Number:
    def compute(_: Context) -> Decimal:
        x, halvings = decimal(a), 0
        while abs(x) > Decimal("0.05"):  # atan(x) = 2 atan(x / (1 + sqrt(1 + x²)))
            x = x / (1 + (1 + x * x).sqrt()) if abs(x) < Decimal("1e60") else Decimal(1).copy_sign(x)
            halvings += 1
        term, total, n = x, x, 1
        while abs(term) > Decimal("1e-65"):
            term = -term * x * x
            n += 2
            total += term / n
        return total * Decimal(2**halvings)

    if magnitude(a) > 10**50:
        return inexact(lambda _: (PI / 2).copy_sign(decimal(a)))
    return a if not a else inexact(compute)


def arcsine(a: Number) -> Number:
    if magnitude(a) > 1:
        raise ToolError(f"the arcsine of {brief(a)} is no real number; it takes -1 to 1")
    if magnitude(a) == 1:
        return inexact(lambda _: (PI / 2).copy_sign(decimal(a)))
    return arctangent(divide(a, root(add(Fraction(1), negative(multiply(a, a))), Fraction(2))))


def arccosine(a: Number) -> Number:
    if magnitude(a) > 1:
        raise ToolError(f"the arccosine of {brief(a)} is no real number; it takes -1 to 1")
    if a == 1:
        return Fraction(0)
    return add(inexact(lambda _: PI / 2), negative(arcsine(a)))


def exponential(a: Number) -> Number:
    if magnitude(a) > 2 * MAX_DIGITS:
        raise too_large()
    return Fraction(1) if not a else inexact(lambda c: c.exp(decimal(a)))


def total(values: Sequence[Number]) -> Number:
    result: Number = Fraction(0)
    for value in values:
        result = add(result, value)
    return result


# ------------------------------------------------------------------------------------------------------------- showing


def brief(value: Number) -> str:
    """For error messages."""
    text = show(value)
    return text if len(text) <= 60 else f"{text[:30]}…{text[-10:]}"


def show(value: Number) -> str:
    """As text: exact if that is short, else 20 digits, with the fraction beside it where that is short."""
    if isinstance(value, Decimal):
        return _plain(Context(prec=_SHOWN).plus(value))
    if value.denominator == 1:
        return str(value.numerator)
    context = Context(prec=_MOST_SHOWN)
    made = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    if not context.flags[Inexact]:
        return _plain(made)
    near = _plain(Context(prec=_SHOWN).divide(Decimal(value.numerator), Decimal(value.denominator)))
    fraction = f"{value.numerator}/{value.denominator}"
    return f"{near} (exactly {fraction})" if len(fraction) <= _MOST_SHOWN else f"{near} (rounded)"


def _plain(value: Decimal) -> str:
    value = value.normalize(Context(prec=MAX_DIGITS))
    if -7 <= value.adjusted() <= 25:
        return f"{value:f}"
    return f"{value:e}".replace("e+", "e")

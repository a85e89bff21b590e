"""Real numbers with exp and log, decided rigorously.

A :class:`Real` is either a rational, kept exactly, or a rule that encloses the number in a ball
(midpoint and radius, computed by Arb with outward rounding) at any precision asked for.  A
comparison raises the precision until the balls decide it; where they do not within the limit it
raises :class:`~llr.errors.UndecidedError`.  It never guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from math import inf, isinf, prod
from typing import TypeAlias, TypeVar, Union

from flint import arb, ctx, fmpq, fmpz

from llr.errors import InputError, UndecidedError
from llr.numbers.rational import ONE, ZERO, fraction, rational, text

START_BITS = 64
LIMIT_BITS = 1 << 14
LIMIT_EXPONENT = 1 << 19
"""Ends of balls outside 2^-LIMIT_EXPONENT..2^LIMIT_EXPONENT are not written out as rationals."""
TINY = fmpq(1, 1 << LIMIT_EXPONENT)

Found = TypeVar("Found")
Number: TypeAlias = Union["Real", fmpq, Fraction, int, str]


@dataclass(frozen=True)
class Enclosure:
    """An interval with rational ends that is certain to hold the number.

    ``lower == upper`` means that the number is known exactly.
    """

    lower: Fraction
    upper: Fraction

    @property
    def exact(self) -> bool:
        """True if both ends coincide."""
        return self.lower == self.upper

    def as_strings(self, digits: int = 12) -> tuple[str, str]:
        """Return both ends: ``p/q`` if exact, else decimals rounded outwards.

        >>> Enclosure(Fraction(1, 3), Fraction(2, 3)).as_strings(3)
        ('0.333', '0.667')
        """
        if self.exact:
            exact = text(rational(self.lower))
            return exact, exact
        return self.as_decimals(digits)

    def as_decimals(self, digits: int = 12) -> tuple[str, str]:
        """Return both ends as decimals rounded outwards.

        >>> Enclosure(Fraction(1, 3), Fraction(1, 3)).as_decimals(3)
        ('0.333', '0.334')
        """
        return (
            _outward(self.lower, digits, ROUND_FLOOR),
            _outward(self.upper, digits, ROUND_CEILING),
        )

    def as_json(self, width: Fraction | None = None) -> dict[str, str]:
        """Return the ends as strings under "lower" and "upper".

        Args:
            width: with it, enough digits that rounding outwards adds at most half of it.
        """
        digits = 12
        if width is not None and not self.exact:
            size = max(abs(self.lower), abs(self.upper)) / width
            digits = max(digits, len(str(int(size))) + 2)
        lower, upper = self.as_strings(digits)
        return {"lower": lower, "upper": upper}


def _outward(value: Fraction, digits: int, rounding: str) -> str:
    context = Context(prec=digits, rounding=rounding, Emin=-(10**9), Emax=10**9)
    quotient = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    return str(context.normalize(quotient))


def _ends(ball: arb, bits: int) -> tuple[fmpq, fmpq] | None:
    """Return rational ends of a ball, rounded outwards, or None if one is infinite or too large.

    Flint rounds them at ``bits``; one nearer to 0 than 2^-LIMIT_EXPONENT becomes that, or 0.
    """
    if not ball.is_finite():
        return None
    with ctx.workprec(bits):
        lower, upper = _written_out(-ball.lower()), _written_out(ball.upper())
    return None if lower is None or upper is None else (-lower, upper)


def _written_out(end: arb) -> fmpq | None:
    """Return the rational that an exact ball is, rounded up if tiny, or None if it is too large."""
    mantissa, power = end.man_exp()
    size = power + abs(mantissa).bit_length()  # 2^(size - 1) <= |end| < 2^size
    if mantissa != 0 and size > LIMIT_EXPONENT:
        return None
    if mantissa != 0 and size <= -LIMIT_EXPONENT:
        return TINY if mantissa > 0 else ZERO
    return end.fmpq()


def _unique(ball: arb) -> int | None:
    """Return the only integer in a ball, or None."""
    found = ball.unique_fmpz()
    return None if found is None else int(found)


def _precisions() -> Iterator[int]:
    bits = START_BITS
    while bits <= LIMIT_BITS:
        yield bits
        bits *= 2


class Real:
    """A real number: an exact rational, or enclosures at every precision.

    Args:
        value: an exact rational, or a function without arguments that returns an ``arb``
            enclosing the number at flint's current precision.
    """

    __slots__ = ("_evaluate", "exact")

    def __init__(self, value: fmpq | Callable[[], arb]) -> None:
        if not isinstance(value, fmpq) and not callable(value):
            raise InputError("value", value, "a flint.fmpq or a function; Real.of takes numbers")
        self.exact: fmpq | None = None
        self._evaluate: Callable[[], arb]
        if isinstance(value, fmpq):
            self.exact = rational_value = value
            self._evaluate = lambda: arb(rational_value)
        else:
            self._evaluate = value

    @staticmethod
    def of(value: Number) -> Real:
        """Return ``value`` as a Real; strings are read as ``p/q``."""
        return value if isinstance(value, Real) else Real(rational(value))

    def ball(self, bits: int | None = None) -> arb:
        """Return an enclosing ball at ``bits`` of precision (default: the current one)."""
        if bits is None:
            return self._evaluate()
        with ctx.workprec(bits):
            return self._evaluate()

    # -- arithmetic: rationals stay rational ------------------------------------------------

    def _with(
        self,
        other: Number,
        exactly: Callable[[fmpq, fmpq], fmpq],
        roughly: Callable[[arb, arb], arb],
    ) -> Real:
        right = Real.of(other)
        if self.exact is not None and right.exact is not None:
            return Real(exactly(self.exact, right.exact))
        return Real(lambda: roughly(self.ball(), right.ball()))

    def __add__(self, other: Number) -> Real:
        return self._with(other, lambda a, b: a + b, lambda a, b: a + b)

    def __sub__(self, other: Number) -> Real:
        return self._with(other, lambda a, b: a - b, lambda a, b: a - b)

    def __mul__(self, other: Number) -> Real:
        right = Real.of(other)
        if ZERO in (self.exact, right.exact):
            return Real(ZERO)
        return self._with(right, lambda a, b: a * b, lambda a, b: a * b)

    def __truediv__(self, other: Number) -> Real:
        if self.exact == 0 and Real.of(other).sign() != 0:
            return self
        return self._with(other, lambda a, b: a / b, lambda a, b: a / b)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Number) -> Real:
        return Real.of(other) - self

    def __rtruediv__(self, other: Number) -> Real:
        return Real.of(other) / self

    def __neg__(self) -> Real:
        return Real(-self.exact) if self.exact is not None else Real(lambda: -self.ball())

    def __abs__(self) -> Real:
        return Real(abs(self.exact)) if self.exact is not None else Real(lambda: abs(self.ball()))

    def __pow__(self, power: int) -> Real:
        if self.exact is not None:
            return Real(self.exact**power)
        return Real(lambda: self.ball() ** power)

    # -- comparison: yes, no, or more precision ---------------------------------------------

    def sign(self) -> int:
        """Return -1, 0 or 1.

        Raises:
            UndecidedError: the balls still hold zero at the precision limit.
        """
        if self.exact is not None:
            return (self.exact > 0) - (self.exact < 0)
        for bits in _precisions():
            ball = self.ball(bits)
            if ball > 0:
                return 1
            if ball < 0:
                return -1
            if ball == 0:
                return 0
        raise UndecidedError(f"sign not decided at {LIMIT_BITS} bits: {self.ball(LIMIT_BITS)}")

    def __lt__(self, other: Number) -> bool:
        return (self - other).sign() < 0

    def __gt__(self, other: Number) -> bool:
        return (self - other).sign() > 0

    def __le__(self, other: Number) -> bool:
        return (self - other).sign() <= 0

    def __ge__(self, other: Number) -> bool:
        return (self - other).sign() >= 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Real | fmpq | fmpz | Fraction | int):
            return NotImplemented
        return (self - (fmpq(other) if isinstance(other, fmpz) else other)).sign() == 0

    __hash__ = None  # type: ignore[assignment]

    # -- out of balls -----------------------------------------------------------------------

    def _integer(
        self, rounding: Callable[[fmpq], fmpz], ball_rounding: Callable[[arb], arb]
    ) -> int:
        if self.exact is not None:
            return int(rounding(self.exact))
        return at_precision(lambda: _unique(ball_rounding(self.ball())))

    def floor(self) -> int:
        """Return the largest integer that is at most this number."""
        return self._integer(lambda x: x.floor(), lambda b: b.floor())

    def ceil(self) -> int:
        """Return the least integer that is at least this number."""
        return self._integer(lambda x: x.ceil(), lambda b: b.ceil())

    def nearest_integer(self) -> int:
        """Return the nearest integer, halves rounded up."""
        return (self + fmpq(1, 2)).floor()

    def below(self, bits: int = START_BITS) -> fmpq:
        """Return a rational lower bound that is close at ``bits`` of precision.

        Of a number nearer to 0 than ``TINY`` it is 0 or ``-TINY``.

        Raises:
            UndecidedError: the ball is infinite, or too large to be written out.
        """
        if self.exact is not None:
            return self.exact
        ball = self.ball(bits)
        ends = _ends(ball, bits)
        if ends is None:
            raise UndecidedError(f"not finite, or beyond 2^{LIMIT_EXPONENT}: {ball}")
        return ends[0]

    def enclosure(self, width: Number = Fraction(1, 10**15)) -> Enclosure:
        """Return rational ends at most ``width`` apart.

        They are no nearer to 0 than ``TINY``, or 0.

        Raises:
            UndecidedError: the precision limit does not reach that width, or the number is too
                large to be written out.
        """
        if self.exact is not None:
            return Enclosure(fraction(self.exact), fraction(self.exact))
        wanted = Real.of(width)
        for bits in _precisions():
            ball = self.ball(bits)
            ends = _ends(ball, bits)
            if ends is not None and wanted >= Real(ends[1] - ends[0]):
                return Enclosure(*map(fraction, ends))
        if ball.is_finite() and ends is None:
            raise UndecidedError(f"not written out beyond 2^{LIMIT_EXPONENT}: {ball}")
        raise UndecidedError(f"no enclosure of that width at {LIMIT_BITS} bits")

    def __float__(self) -> float:
        """Return a nearby float, for guidance and display only; 0.0 for what may well be 0."""
        if self.exact is not None:
            return _double(self.exact)
        for bits in (START_BITS, 4 * START_BITS, 16 * START_BITS):
            ball = self.ball(bits)
            if not ball.contains(0):
                return float(ball.mid())
        return 0.0

    def __repr__(self) -> str:
        return f"Real({text(self.exact) if self.exact is not None else self.ball(64)})"


def exp(x: Number) -> Real:
    """Return e to the power ``x``; exact at 0."""
    real = Real.of(x)
    return Real(ONE) if real.exact == 0 else Real(lambda: real.ball().exp())


def log(x: Number) -> Real:
    """Return the natural logarithm of ``x`` > 0; exact at 1.

    Raises:
        InputError: ``x`` is not positive.
    """
    real = Real.of(x)
    if real.exact == 1:
        return Real(ZERO)
    if real.exact is not None and real.exact <= 0:
        raise InputError("x", real, "a positive number")
    return Real(lambda: real.ball().log())


def root(x: Number, degree: int) -> Real:
    """Return the root of ``x`` >= 0 of a degree >= 1; exact at powers of rationals.

    Raises:
        InputError: ``x`` is negative.
    """
    real = Real.of(x)
    if real.exact is not None:
        if real.exact < 0:
            raise InputError("x", real, "a number of at least 0")
        top, bottom = real.exact.p.root(degree), real.exact.q.root(degree)
        if top**degree == real.exact.p and bottom**degree == real.exact.q:
            return Real(fmpq(top, bottom))
    return Real(lambda: real.ball().root(degree))


def sqrt(x: Number) -> Real:
    """Return the square root of ``x`` >= 0; exact at squares of rationals.

    Raises:
        InputError: ``x`` is negative.
    """
    return root(x, 2)


def total(terms: Iterable[Number]) -> Real:
    """Return the sum of the terms; exact if all of them are."""
    reals = [Real.of(t) for t in terms]
    exact = sum((r.exact for r in reals if r.exact is not None), ZERO)
    rough = [r for r in reals if r.exact is None]
    if not rough:
        return Real(exact)
    return Real(lambda: sum((r.ball() for r in rough), arb(exact)))


def product(factors: Iterable[Number]) -> Real:
    """Return the product of the factors; exact if all of them are, or one of them is zero."""
    reals = [Real.of(f) for f in factors]
    exact = prod((r.exact for r in reals if r.exact is not None), start=ONE)
    rough = [r for r in reals if r.exact is None]
    if not rough or exact == 0:
        return Real(exact)
    return Real(lambda: prod((r.ball() for r in rough), start=arb(exact)))


def nearest_float(x: Real) -> float:
    """Return the double nearest to ``x``: both ends of a ball round to it.

    Raises:
        UndecidedError: the precision limit is reached.
        InputError: ``x`` is beyond the largest double.
    """

    def attempt() -> float | None:
        ends = _ends(x.ball(), ctx.prec)
        if ends is None:
            return None
        lower, upper = map(_double, ends)
        return lower if lower == upper else None

    found = at_precision(attempt) if x.exact is None else _double(x.exact)
    if isinf(found):
        raise InputError("x", x, "a number that a double can hold")
    return found


def _double(x: fmpq) -> float:
    """Return the nearest double, infinite beyond the largest one."""
    try:
        return float(fraction(x))
    except OverflowError:
        return inf if x > 0 else -inf


def at_precision(attempt: Callable[[], Found | None]) -> Found:
    """Return the first result of ``attempt`` that is not None, at ever higher precision.

    Args:
        attempt: computes with balls at flint's current precision; None asks for more.

    Raises:
        UndecidedError: the precision limit is reached.
    """
    for bits in _precisions():
        with ctx.workprec(bits):
            found = attempt()
        if found is not None:
            return found
    raise UndecidedError(f"not decided at {LIMIT_BITS} bits")

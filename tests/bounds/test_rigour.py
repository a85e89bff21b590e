"""Why balls: the same code over float64 gives wrong verdicts, the balls give the right ones.

``Float`` stands in for ``Real`` and ``floats`` for the module of balls inside the package's own
functions; what is true is computed by mpmath at 60 digits.
"""

from __future__ import annotations

import math
from fractions import Fraction
from types import SimpleNamespace

import mpmath
import pytest
from flint import fmpq

from bounds import access, queries, softmax, transfer, validation
from llr.numbers.balls import Real

DIGITS = 60


class Float:
    """A double with the interface of ``Real``."""

    exact = None

    def __init__(self, value):
        self.value = value

    @staticmethod
    def of(x):
        if isinstance(x, Float):
            return x
        ends = (int(x.p), int(x.q)) if isinstance(x, fmpq) else Fraction(x).as_integer_ratio()
        return Float(ends[0] / ends[1])

    def __add__(self, other):
        return Float(self.value + Float.of(other).value)

    def __sub__(self, other):
        return Float(self.value - Float.of(other).value)

    def __rsub__(self, other):
        return Float(Float.of(other).value - self.value)

    def __mul__(self, other):
        return Float(self.value * Float.of(other).value)

    def __truediv__(self, other):
        return Float(self.value / Float.of(other).value)

    def __rtruediv__(self, other):
        return Float(Float.of(other).value / self.value)

    def __neg__(self):
        return Float(-self.value)

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other):
        return self.value < Float.of(other).value

    def __le__(self, other):
        return self.value <= Float.of(other).value

    def __gt__(self, other):
        return self.value > Float.of(other).value

    def __ge__(self, other):
        return self.value >= Float.of(other).value

    def ceil(self):
        return math.ceil(self.value)


floats = SimpleNamespace(
    exp=lambda x: Float(math.exp(Float.of(x).value)),
    log=lambda x: Float(math.log(Float.of(x).value)),
    root=lambda x, degree: Float(Float.of(x).value ** (1 / degree)),
    product=lambda factors: math.prod(factors, start=Float(1.0)),
)


def in_float64(monkeypatch):
    """Replace balls by float64 in every module used here."""
    for module in (access, queries, softmax, transfer, validation):
        monkeypatch.setattr(module, "Real", Float)
        if hasattr(module, "balls"):
            monkeypatch.setattr(module, "balls", floats)
    monkeypatch.setattr(softmax, "exp", floats.exp)


def mp(x):
    numerator, denominator = (x.p, x.q) if isinstance(x, fmpq) else Fraction(x).as_integer_ratio()
    return mpmath.mpf(int(numerator)) / mpmath.mpf(int(denominator))


def exact_decimal(x):
    """An mpmath number to 50 digits, as a rational."""
    with mpmath.workdps(DIGITS):
        top = int(mpmath.nint(x * mpmath.mpf(10) ** 50))
    return fmpq(top, 10**50)


# -- verdicts: one function of the number type, one of mpmath -----------------------------------


def product_bound(horizon, g, xi):
    kept = mpmath.mpf(1)
    for t in range(horizon):
        kept *= 1 - mpmath.tanh((max(0, t - 1) * mp(g) + mp(xi)) / 2)
    return 1 - kept


def measured_above():
    """A distance above the product form of the transfer bound by 1e-20."""
    with mpmath.workdps(DIGITS):
        return exact_decimal(product_bound(6, "1/100", "1/1000") + mpmath.mpf(10) ** -20)


def rounded_g():
    """g with log(32 T K / delta) / g = 1000 + 1e-20, T K / delta = 200."""
    with mpmath.workdps(DIGITS):
        return exact_decimal(mpmath.log(6400) / (1000 + mpmath.mpf(10) ** -20))


SPIKE = fmpq(1, 10**28)  # below the least probability of the spike at T = 32, e^-64 / 2


def mp_samples(gamma, xi, zeta):
    def kl(a, b):
        p, q = 1 / (1 + mpmath.exp(-a)), 1 / (1 + mpmath.exp(-b))
        near_p, near_q = 1 / (1 + mpmath.exp(a)), 1 / (1 + mpmath.exp(b))
        return p * mpmath.log(p / q) + near_p * mpmath.log(near_p / near_q)

    with mpmath.workdps(2 * DIGITS):
        odds, shift = mpmath.log(1 / mp(gamma) - 1), 2 * mp(xi)
        exponent = min(kl(odds + shift, odds), kl(shift - odds, -odds))
        return mpmath.log(2 / mp(zeta)) / exponent


CASES = {
    "a residual sum above the bound by 1e-20": (
        lambda of: (
            of(fmpq(23, 2000) + fmpq(1, 10**20)) <= transfer.transfer_sum(4, "1/100", "1/1000", 0)
        ),
        lambda: mp("23/2000") + mpmath.mpf(10) ** -20 <= mp("1/100") + 6 * mp("1/1000") / 4,
    ),
    "a distance above the product form by 1e-20": (
        lambda of: of(measured_above()) <= transfer.transfer_product(6, 0, "1/100", "1/1000"),
        lambda: mp(measured_above()) <= product_bound(6, "1/100", "1/1000"),
    ),
    "p_bad <= 1e-20 after 10^17 passes": (
        lambda of: validation.bad_mass_after_passes(10**17, "1/100") <= of(fmpq(1, 10**20)),
        lambda: -mpmath.expm1(mpmath.log(mp("1/100")) / 10**17) <= mpmath.mpf(10) ** -20,
    ),
    "1000 fresh words are enough": (
        lambda of: validation.validation_words(4, 5, "1/10", rounded_g()) <= 1000,
        lambda: mpmath.log(6400) / mp(rounded_g()) <= 1000,
    ),
    "a needle at depth 1100 can be told from uniform": (
        lambda of: queries.needle_distance(1100) > of(0),
        lambda: mpmath.tanh(1) / 2 / mpmath.mpf(2) ** 1100 > 0,
    ),
    "strict bounds: tanh(20) < 1": (
        lambda of: softmax.tanh_of_half(40) < of(1),
        lambda: mpmath.tanh(20) < 1,
    ),
    "Fact B.2: |u - v|^2 = 4 + 4e-17 allows a divergence above 1": (
        lambda of: softmax.divergence_sharp(4 + fmpq(4, 10**17)) > of(1),
        lambda: 1 + mpmath.mpf(10) ** -17 > 1,
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_float64_gives_the_wrong_verdict_and_balls_the_right_one(monkeypatch, name):
    verdict, truth = CASES[name]
    with mpmath.workdps(DIGITS):
        right = bool(truth())
    assert verdict(Real.of) is right
    in_float64(monkeypatch)
    assert verdict(Float.of) is (not right)


@pytest.mark.parametrize(
    ("gamma", "xi"), [(fmpq(1, 10**14), "1/100"), (fmpq(1, 10**13), "1/1000"), (SPIKE, "1/10")]
)
def test_cancelling_divergences(monkeypatch, gamma, xi):
    """Samples for the spike's logit: psi(b) - psi(a) + (a - b) sigma(a) cancels to garbage."""
    needed = mp_samples(gamma, xi, "1/10")
    found = access.samples_for_binary_logit(gamma, xi, "1/10")
    with mpmath.workdps(2 * DIGITS):
        assert found == int(mpmath.ceil(needed))
    in_float64(monkeypatch)
    try:
        rough = access.samples_for_binary_logit(gamma, xi, "1/10")
    except ZeroDivisionError:  # a divergence of 0: no number of samples would do
        rough = None
    assert rough is None or abs(rough - found) > found // 1000


def test_the_stand_in_agrees_where_nothing_is_close(monkeypatch):
    """The wrong verdicts come from rounding, not from the stand-in."""

    def evaluate(of):
        return [
            of("1/50") <= transfer.transfer_sum(4, "1/100", "1/1000", 0),
            of("1/100") <= transfer.transfer_product(6, 0, "1/100", "1/1000"),
            validation.bad_mass_after_passes(1000, "1/100") <= of("1/100"),
            validation.validation_words(4, 5, "1/10", "1/100"),
            queries.needle_distance(10) > of(0),
            softmax.tanh_of_half(4) < of(1),
            access.samples_for_binary_logit("1/10", "1/10", "1/10"),
        ]

    wanted = evaluate(Real.of)
    in_float64(monkeypatch)
    assert evaluate(Float.of) == wanted

"""Claims about estimating logits from samples (Remarks 5.8, 5.9), by the exact binomial law."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.access import (
    least_probability,
    samples_for_binary_logit,
    samples_for_logits,
    samples_with_temperature,
)
from llr.models.base import words
from llr.models.isan import Isan
from llr.numbers import balls
from llr.numbers.balls import Real
from llr.numbers.binomial import tail_ball
from llr.numbers.units import LN2
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.strategies import isans, targets

# -- the floor ----------------------------------------------------------------------------------


def floor(model: Isan) -> Measurement:
    """Measure e^(-2 lam) / k against the least next-token probability of a model."""
    return _floor(model, fmpq(1))


def floor_tightened(model: Isan) -> Measurement:
    """Tightened: e^(-lam) / k."""
    return _floor(model, fmpq(1, 2))


def _floor(model: Isan, factor: fmpq) -> Measurement:
    states = [
        model.state_of(p)
        for length in range(model.horizon)
        for p in words(model.alphabet_size, length)
    ]
    rows = [model.read(state) for state in states]
    lam = model.unit.in_nats(max(abs(x) for row in rows for x in row))
    bound = least_probability(lam * factor, model.alphabet_size)
    return worst(
        [
            Measurement(bound, p)
            for row in dict.fromkeys(rows)
            for p in model.unit.probabilities(row)
        ]
    )


# -- estimates from samples ---------------------------------------------------------------------


@dataclass(frozen=True)
class Coin:
    """A next-token distribution on two tokens, and how well it is to be known.

    Attributes:
        logit: centred logit l of token 1 in nats, so P(1) = sigma(2 l).
        xi: wanted error in nats.
        zeta: allowed probability of failure.
    """

    logit: fmpq
    xi: fmpq
    zeta: fmpq

    @property
    def gamma(self) -> Real:
        """Return the smaller probability."""
        return 1 / (1 + balls.exp(2 * abs(self.logit)))


@st.composite
def coins(draw: DrawFn, most: int = 4) -> Coin:
    """Return coins with logits in fifths up to ``most`` fifths, xi and zeta of a few values."""
    return Coin(
        fmpq(draw(st.integers(-most, most)), 5),
        fmpq(1, draw(st.sampled_from([1, 2, 3]))),
        draw(st.sampled_from([fmpq(1, 2), fmpq(1, 5), fmpq(1, 20)])),
    )


def failure(coin: Coin, m: int) -> Real:
    """Return the probability that half the empirical log-odds of m samples miss l by xi or more."""
    high = 1 / (1 + balls.exp(-2 * (coin.logit + coin.xi)))
    low = 1 / (1 + balls.exp(-2 * (coin.logit - coin.xi)))
    from_above = (high * m).ceil()
    to_below = (low * m).floor()

    def evaluate() -> arb:
        odds = arb(2 * coin.logit).exp()
        term = (1 / (1 + odds)) ** m
        found = term if to_below >= 0 else arb(0)
        for f in range(1, m + 1):
            term = term * odds * (m - f + 1) / f
            if f <= to_below or f >= from_above:
                found += term
        return found

    return Real(evaluate)


def estimated(coin: Coin, factor: int = 1) -> Measurement:
    """Measure the failure probability of Remark 5.8 for k = 2."""
    m = samples_for_logits(2, coin.gamma, coin.xi, coin.zeta) // factor
    return Measurement(failure(coin, max(1, m)), Real(coin.zeta))


def estimated_binary(coin: Coin, factor: int = 1) -> Measurement:
    """Measure the failure probability of the exact exponent for k = 2."""
    m = samples_for_binary_logit(coin.gamma, coin.xi, coin.zeta) // factor
    return Measurement(failure(coin, max(1, m)), Real(coin.zeta))


def fewer_samples(coin: Coin, factor: int = 8) -> Measurement:
    """Measure a multiple of the samples by the exact exponent against those of Remark 5.8."""
    arguments = (coin.gamma, coin.xi, coin.zeta)
    return Measurement.of(
        factor * samples_for_binary_logit(*arguments), samples_for_logits(2, *arguments)
    )


@st.composite
def any_coins(draw: DrawFn) -> Coin:
    """Return coins with logits up to 12, and xi and zeta over many orders of magnitude."""
    risk = fmpq(1, draw(st.integers(2, 9))) ** draw(st.integers(1, 40))
    return Coin(
        fmpq(draw(st.integers(0, 60)), 5),
        fmpq(1, draw(st.one_of(st.just(1), st.integers(1, 1000)))),
        draw(st.sampled_from([risk, 1 - risk])),
    )


def hot_coins() -> SearchStrategy[Coin]:
    """Return coins with logits up to 100."""
    return st.builds(
        Coin,
        st.one_of(st.integers(-4, 4), st.integers(-100, 100)).map(fmpq),
        st.sampled_from([fmpq(3), fmpq(1), fmpq(1, 2)]),
        st.sampled_from([fmpq(1, 2), fmpq(1, 5), fmpq(1, 20)]),
    )


_PLACES = 192
"""Bits to which P(1) is rounded."""


def tails(coin: Coin, m: int) -> Real:
    """Return an upper bound on :func:`failure`, P(1) rounded to 2^-192, in O(sqrt m) terms."""
    heads = 1 / (1 + balls.exp(-2 * coin.logit))
    high = 1 / (1 + balls.exp(-2 * (coin.logit + coin.xi)))
    low = 1 / (1 + balls.exp(-2 * (coin.logit - coin.xi)))
    most, least = int((low * m).floor()), int((high * m).ceil())
    rarer, oftener = heads.below(_PLACES), -((-heads).below(_PLACES))

    def evaluate() -> arb:
        found = tail_ball(m, most, rarer)
        return found + tail_ball(m, m - least, 1 - oftener) if least <= m else found

    return Real(evaluate)


def estimated_hot(coin: Coin, factor: int = 1, cooled: bool = True) -> Measurement:
    """Measure the failure probability of Remark 5.9: sample at temperature tau, multiply back.

    Args:
        coin: what is estimated.
        factor: sabotage: so many times fewer samples.
        cooled: False, sabotage: samples for an error of xi, not xi / tau.
    """
    tau, m = samples_with_temperature(2, abs(coin.logit), coin.xi, coin.zeta)
    if not cooled:
        gamma = least_probability(1, 2)
        m = samples_for_logits(2, gamma, min(coin.xi, fmpq(1)), coin.zeta)
    assert tau.exact is not None
    cool = Coin(coin.logit / tau.exact, coin.xi / tau.exact, coin.zeta)
    return Measurement(tails(cool, max(1, m // factor)), Real(coin.zeta))


CLAIMS = (
    Claim(
        "remark-5.8-floor",
        "|L| <= lam everywhere: M(a | h) >= e^(-2 lam) / k",
        "[P] Remark 5.8",
        "printed",
        lambda: st.one_of(
            targets(horizons=(1, 3)),
            isans(units=(LN2,), horizons=(1, 2)),
            isans(units=(LN2,), horizons=(1, 2), alphabet_sizes=(4, 8), dimensions=(1, 2)),
        ),
        floor,
        (Twin("e^(-lam) / k", floor_tightened),),
        statements=("remark-5.8-floor",),
        examples=150,
    ),
    Claim(
        "remark-5.8",
        "ceil(48 ln(2k/zeta) / (gamma xi^2)) samples give logit error <= xi but for zeta (k = 2)",
        "[P] Remark 5.8, constant after [M]",
        "sharpened",
        coins,
        estimated,
        (Twin("a hundredth of the samples", lambda c: estimated(c, 100)),),
        statements=("remark-5.8",),
        examples=60,
        grade="exact law",
    ),
    Claim(
        "remark-5.8-binary",
        "k = 2: ceil(ln(2/zeta) / I) samples give logit error <= xi but for zeta",
        "[P] Remark 5.8 for k = 2, exact exponent",
        "sharpened",
        lambda: coins(most=8),
        estimated_binary,
        (Twin("a quarter of the samples", lambda c: estimated_binary(c, 4)),),
        statements=("remark-5.8-binary",),
        examples=100,
        grade="exact law",
    ),
    Claim(
        "remark-5.8-fewer",
        "k = 2, xi <= 1: the exact exponent asks for at most an eighth of remark-5.8's samples",
        "[P] Remark 5.8 for k = 2, exact exponent",
        "sharpened",
        any_coins,
        fewer_samples,
        (Twin("a thirtieth", lambda c: fewer_samples(c, 30)),),
        statements=("remark-5.8-binary", "remark-5.8"),
        examples=100,
        sharp=True,
    ),
    Claim(
        "remark-5.9",
        "temperature max(lam, xi, 1): estimate to xi/tau, multiply back, error <= xi but for zeta",
        "[P] Remark 5.9, constant from Remark 5.8",
        "printed",
        hot_coins,
        estimated_hot,
        (
            Twin("a thousandth of the samples", lambda c: estimated_hot(c, 1000)),
            Twin("samples for an error of xi", lambda c: estimated_hot(c, cooled=False)),
        ),
        statements=("remark-5.9",),
        examples=30,
        grade="exact law",
    ),
)

"""Validation on fresh words (Lemma 5.7): what a pass says about the mass of bad words."""

from __future__ import annotations

from flint import ctx, fmpq

from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real
from llr.numbers.binomial import binomial_sum, tail_ball


@statement(
    "lemma-5.7-printed",
    mark="printed",
    source="[P] inside Lemma 5.7; false",
    summary="Z in [0, 1]: Pr(Z >= E Z) >= E Z",
)
def mean_exceeded_printed(mean: Number) -> Real:
    """Return E Z, which the printed step claims as a lower bound of Pr(Z >= E Z), Z in [0, 1].

    False: Z in {1/2, 1} with probability 1/2 each has mean 3/4, and Pr(Z >= 3/4) = 1/2.

    Raises:
        HypothesisError: the mean is outside [0, 1].
    """
    real = Real.of(mean)
    require(real >= 0 and real <= 1, "lemma-5.7-printed", "0 <= E Z <= 1", mean)
    return real


@statement(
    "lemma-5.7",
    mark="corrected",
    source="[P] inside Lemma 5.7, corrected by [M]",
    summary="Z in [0, 1]: E Z <= g + Pr(Z > g)",
)
def mean_bounded(g: Number, tail: Number) -> Real:
    """Bound the mean of Z in [0, 1] by g + Pr(Z > g).

    So E Z > 2 g implies Pr(Z > g) > g.

    Proof.  Z <= g off the event Z > g, and Z <= 1 on it.

    Args:
        g: >= 0.
        tail: Pr(Z > g), in [0, 1].

    Raises:
        HypothesisError: an argument is out of range.
    """
    threshold, mass = Real.of(g), Real.of(tail)
    require(threshold >= 0, "lemma-5.7", "g >= 0", g)
    require(mass >= 0 and mass <= 1, "lemma-5.7", "0 <= Pr(Z > g) <= 1", tail)
    return threshold + mass


@statement(
    "lemma-5.7-words",
    mark="corrected",
    source="[P] Lemma 5.7, corrected by [M]",
    summary="n >= log(32 T K / delta) / g fresh words catch a mean residual above 2 g",
)
def validation_words(horizon: int, epochs: int, delta: Number, g: Number) -> int:
    """Return ceil(log(32 T K / delta) / g), the number of fresh words of an epoch.

    Args:
        horizon: T >= 1.
        epochs: K >= 1.
        delta: in (0, 1).
        g: > 0.

    Raises:
        HypothesisError: an argument is out of range.
    """
    risk, threshold = Real.of(delta), Real.of(g)
    require(horizon >= 1 and epochs >= 1, "lemma-5.7-words", "T, K >= 1", (horizon, epochs))
    require(risk > 0 and risk < 1, "lemma-5.7-words", "0 < delta < 1", delta)
    require(threshold > 0, "lemma-5.7-words", "g > 0", g)
    return (balls.log(Real.of(32 * horizon * epochs) / risk) / threshold).ceil()


@statement(
    "lemma-5.7-sharp",
    mark="sharpened",
    source="[P] Lemma 5.7, sharpened (exact binomial)",
    summary="n fresh words all pass: p_bad <= 1 - delta^(1/n) with confidence 1 - delta",
)
def bad_mass_after_passes(n: int, delta: Number) -> Real:
    """Bound p_bad by 1 - delta^(1/n), with confidence 1 - delta, after n fresh words all passed.

    Never above log(1/delta) / n.

    Proof.  If p_bad is larger, all n pass with probability (1 - p_bad)^n < delta.

    Args:
        n: >= 1.
        delta: in (0, 1).

    Raises:
        HypothesisError: an argument is out of range.
    """
    risk = Real.of(delta)
    require(n >= 1, "lemma-5.7-sharp", "n >= 1", n)
    require(risk > 0 and risk < 1, "lemma-5.7-sharp", "0 < delta < 1", delta)
    return 1 - balls.root(risk, n)


def words_to_pass(p: Number, delta: Number) -> int:
    """Return ceil(log(1/delta) / p): so many passes bound p_bad by p with confidence 1 - delta.

    Raises:
        HypothesisError: p or delta is not in (0, 1).
    """
    mass, risk = Real.of(p), Real.of(delta)
    require(mass > 0 and mass < 1, "lemma-5.7-sharp", "0 < p < 1", p)
    require(risk > 0 and risk < 1, "lemma-5.7-sharp", "0 < delta < 1", delta)
    return (balls.log(1 / risk) / mass).ceil()


@statement(
    "clopper-pearson",
    mark="sharpened",
    source="exact binomial upper limit, for [P] Lemma 5.7",
    summary="f of n fresh words fail: p_bad <= the p with Pr(Bin(n, p) <= f) = delta",
)
def clopper_pearson(n: int, failures: int, delta: Number, bits: int = 40) -> fmpq:
    """Bound p_bad with confidence 1 - delta after ``failures`` of n fresh words failed.

    Proof.  Pr(Bin(n, p) <= f) falls in p; every p above the limit makes what was seen rarer than
    delta.

    Args:
        n: >= 1.
        failures: f in 0..n.
        delta: rational in (0, 1).
        bits: the limit is rounded up to a multiple of 2^-bits.

    Returns:
        A rational at or above the limit, at most 2^-bits above it.

    Raises:
        HypothesisError: an argument is out of range.
    """
    risk = Real.of(delta)
    require(n >= 1 and 0 <= failures <= n, "clopper-pearson", "0 <= f <= n, n >= 1", (failures, n))
    require(risk > 0 and risk < 1, "clopper-pearson", "0 < delta < 1", delta)
    if failures == n:
        return fmpq(1)
    low, high = 0, 1 << bits
    while high - low > 1:
        middle = (low + high) // 2
        if tail_exceeds(n, failures, fmpq(middle, 1 << bits), risk):
            low = middle
        else:
            high = middle
    return fmpq(high, 1 << bits)


def binomial_tail(n: int, most: int, p: fmpq) -> Real:
    """Return Pr(Bin(n, p) <= most) for rational p, exactly.

    Args:
        n: >= 0.
        most: >= 0.
        p: in [0, 1].
    """
    return Real(fmpq(binomial_sum(n, min(most, n), p.p, p.q - p.p), p.q**n))


def tail_exceeds(n: int, most: int, p: fmpq, risk: Real) -> bool:
    """True if Pr(Bin(n, p) <= most) > risk.

    Decided by balls, whose digits do not grow with n; exactly where they leave it open.

    Args:
        n: >= 1.
        most: in 0..n-1.
        p: rational in (0, 1).
        risk: to compare with.
    """
    for bits in (64, 128):
        with ctx.workprec(bits):
            excess = tail_ball(n, most, p) - risk.ball()
        if excess > 0:
            return True
        if excess < 0:
            return False
    return binomial_tail(n, most, p) > risk


@statement(
    "attempts",
    mark="sharpened",
    source="validation over an unknown number of attempts",
    summary="attempt j: ceil(log(j (j+1) / delta) / p) passes in a row; all risks sum to delta",
)
def passes_at_attempt(attempt: int, p: Number, delta: Number) -> int:
    """Return n_j = ceil(log(j (j+1) / delta) / p), the passes that attempt j needs in a row.

    Proof.  A model with p_bad > p passes with probability at most delta / (j (j+1)); these sum to
    delta over j = 1, 2, ...

    Args:
        attempt: j >= 1.
        p: mass of bad words allowed, in (0, 1).
        delta: in (0, 1).

    Raises:
        HypothesisError: an argument is out of range.
    """
    require(attempt >= 1, "attempts", "j >= 1", attempt)
    risk = Real.of(delta)
    require(risk > 0 and risk < 1, "attempts", "0 < delta < 1", delta)
    return words_to_pass(p, risk / (attempt * (attempt + 1)))

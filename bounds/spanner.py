"""Spanners: how many draws they need (Lemma 5.2) and what they make feasible (Lemma 5.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flint import arb, fmpq

from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real
from llr.numbers.binomial import binomial_sum, binomials

EXACT_BITS = 1 << 20
"""Beyond so many bits in all, a power of a rational is enclosed."""


def _check_rates(identifier: str, r: int, eta: Real) -> None:
    require(r >= 0, identifier, "rank r >= 0", r)
    require(eta > 0 and eta < 1, identifier, "0 < eta < 1", eta)


@statement(
    "lemma-5.2",
    mark="sharpened",
    source="[P] Lemma 5.2, by sample compression after [M]",
    summary="N draws span an (eta, 2) part of D but for probability sum_{i<=r} C(N,i)(1-eta)^(N-i)",
)
def spanner_failure(n: int, r: int, eta: Number) -> Real:
    """Bound the probability that a spanner of N draws from D is no (eta, 2)-spanner of D.

    Any 2-barycentric spanner chosen from N >= max(r, 1) independent draws, r the rank of D's
    support, fails with probability at most sum_{i=0..r} C(N, i) (1 - eta)^(N - i).

    Proof.  The spanner is i <= r of the draws.  Fix which; the other N - i are independent of it,
    and all of them lie in its box.  If the box had mass below 1 - eta, that would happen with
    probability at most (1 - eta)^(N - i).  Sum over all choices.

    Args:
        n: N, the number of draws.
        r: rank of the support.
        eta: in (0, 1).

    Raises:
        HypothesisError: an argument is out of range.
    """
    rate = Real.of(eta)
    _check_rates("lemma-5.2", r, rate)
    require(n >= max(r, 1), "lemma-5.2", "N >= max(r, 1)", n)
    if rate.exact is not None and n <= 4096 and n * rate.exact.height_bits() <= EXACT_BITS:
        keep = 1 - rate.exact
        return Real(fmpq(binomial_sum(n, r, keep.q, keep.p), keep.q**n))

    def evaluate() -> arb:
        keep = (-rate.ball()).log1p()
        terms = (arb(c) * ((n - i) * keep).exp() for i, c in enumerate(binomials(n, r)))
        return sum(terms, arb(0))

    return Real(evaluate)


@statement(
    "lemma-5.2-simple",
    mark="sharpened",
    source="[P] Lemma 5.2, simpler and larger",
    summary="N draws span an (eta, 2) part of D but for probability (r+1) N^r exp(-eta (N-r))",
)
def spanner_failure_simple(n: int, r: int, eta: Number) -> Real:
    """Bound the failure probability of :func:`spanner_failure` by (r+1) N^r exp(-eta (N-r)).

    Proof.  Each of the r + 1 terms is at most N^r e^{-eta (N-r)}, since 1 - eta <= e^{-eta}.
    """
    rate = Real.of(eta)
    _check_rates("lemma-5.2-simple", r, rate)
    require(n >= max(r, 1), "lemma-5.2-simple", "N >= max(r, 1)", n)
    count: int = (r + 1) * n**r
    return balls.exp(-rate * (n - r)) * count


def least_draws(r: int, eta: Number, delta: Number) -> int:
    """Return the least N >= max(r, 1) with :func:`spanner_failure` at most delta.

    From that N on the bound stays below delta.

    Complexity: O(log N) evaluations of r + 1 terms.

    Raises:
        HypothesisError: eta or delta is not in (0, 1), or r < 0; or the bound, another one in its
            place, stays above delta.
    """
    risk = Real.of(delta)
    _check_rates("lemma-5.2", r, Real.of(eta))
    require(risk > 0 and risk < 1, "lemma-5.2", "0 < delta < 1", risk)
    least = max(r, 1)
    # An estimate says where to look; the two comparisons that bracket the answer are rigorous.
    near = max(least, _estimated_draws(r, float(Real.of(eta)), float(balls.log(risk))))
    step = 1
    if spanner_failure(near, r, eta) > risk:
        low, enough = near, near * int((1 / Real.of(eta)).ceil()) << 64
        while spanner_failure(low + step, r, eta) > risk:
            low, step = low + step, 2 * step
            require(step < enough, "lemma-5.2", "a bound that falls to delta as N grows", risk)
        high = low + step
    else:
        high = near
        while high - step >= least and spanner_failure(high - step, r, eta) <= risk:
            high, step = high - step, 2 * step
        low = max(high - step, least - 1)
    while high - low > 1:
        middle = (low + high) // 2
        if spanner_failure(middle, r, eta) > risk:
            low = middle
        else:
            high = middle
    return high


def _estimated_draws(r: int, eta: float, log_delta: float) -> int:
    """Return an estimate of the least draws: Newton's iteration on the logarithm, in floats."""
    if eta >= 1 or eta < 1e-300:
        return max(r, 1)
    keep = math.log1p(-eta)
    n = max(1.0, r + log_delta / keep)
    for _ in range(60):
        terms = [
            math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + (n - i) * keep
            if n < 1e6
            else i * math.log(n) - math.lgamma(i + 1) + (n - i) * keep
            for i in range(r + 1)
        ]
        top = max(terms)
        value = top + math.log(sum(math.exp(x - top) for x in terms)) - log_delta
        slope = min(keep + r / n, keep / 4)
        moved = max(float(max(r, 1)), n - value / slope)
        if abs(moved - n) < 0.25:
            break
        n = moved
    return round(n)


@statement(
    "lemma-5.2-mausberg",
    mark="sharpened",
    source="[P] Lemma 5.2 in [M]'s closed form",
    summary="N = ceil((2/eta)(m ceil(log2(2m/eta)) + ceil(log2((m+1)/delta)))) draws suffice",
)
def draws_in_closed_form(m: int, eta: Number, delta: Number) -> int:
    """Return [M]'s number of draws for rows in R^m: enough for :func:`spanner_failure` <= delta.

    Args:
        m: dimension of the rows, >= 1 (at least the rank of their support).
        eta, delta: in (0, 1).

    Raises:
        HypothesisError: an argument is out of range.
    """
    rate, risk = Real.of(eta), Real.of(delta)
    require(m >= 1, "lemma-5.2-mausberg", "m >= 1", m)
    _check_rates("lemma-5.2-mausberg", m, rate)
    require(risk > 0 and risk < 1, "lemma-5.2-mausberg", "0 < delta < 1", risk)

    def ceil_log2(x: Real) -> int:
        power = 0
        while Real.of(1 << power) < x:
            power += 1
        return power

    bits = m * ceil_log2(Real.of(2 * m) / rate) + ceil_log2(Real.of(m + 1) / risk)
    return (2 * bits / rate).ceil()


@statement(
    "lemma-5.2-printed",
    mark="printed",
    source="[P] Lemma 5.2, constant as an argument",
    summary="N = C (m^2 + log(1/delta)) / eta^2 draws suffice",
)
def draws_printed(m: int, eta: Number, delta: Number, constant: Number) -> int:
    """Return ceil(C (m^2 + log(1/delta)) / eta^2), the printed number of draws.

    Args:
        m: dimension of the rows.
        eta, delta: in (0, 1).
        constant: C > 0; [P] leaves it open.

    Raises:
        HypothesisError: an argument is out of range.
    """
    rate, risk = Real.of(eta), Real.of(delta)
    _check_rates("lemma-5.2-printed", m, rate)
    require(risk > 0 and risk < 1, "lemma-5.2-printed", "0 < delta < 1", risk)
    require(Real.of(constant) > 0, "lemma-5.2-printed", "C > 0", Real.of(constant))
    return (Real.of(constant) * (balls.log(1 / risk) + m * m) / (rate * rate)).ceil()


@statement(
    "spanner-coverage",
    mark="sharpened",
    source="expected form of [P] Lemma 5.2",
    summary="maximum-volume basis of N draws: E[mass of D outside its unit box] <= r / (N + 1)",
)
def expected_outside(n: int, r: int) -> fmpq:
    """Bound the expected mass of D outside the unit box of a maximum-volume basis by r / (N + 1).

    The basis is chosen among N draws, with ties broken by a fixed order of the vectors.

    Proof.  Draw one more.  The new draw is outside the unit box of the basis of the other N only if
    it belongs to the maximum-volume basis of all N + 1, which has at most r members; by
    exchangeability that has probability at most r / (N + 1).

    Args:
        n: N >= 1.
        r: rank of the support of D.

    Raises:
        HypothesisError: an argument is out of range.
    """
    require(n >= 1, "spanner-coverage", "N >= 1", n)
    require(r >= 0, "spanner-coverage", "r >= 0", r)
    return fmpq(r, n + 1)


@statement(
    "lemma-5.5",
    mark="corrected",
    source="[P] Lemma 5.5, less the cut that never fails",
    summary="(eta, 2)-distributional spanners: y_{1:t} is infeasible with probability <= (t-1) eta",
)
def infeasibility(t: int, eta: Number) -> Real:
    """Bound the probability that a fresh prefix y_{1:t} has an infeasible chain program.

    If the basis rows of every cut s = 2..t are an (eta, 2)-distributional spanner of the rows of
    fresh histories, the bound is (t-1) eta.

    Proof.  Where every row of y_{1:s-1}, s = 2..t, is a combination with coefficients in [-2, 2] of
    the basis rows on Ft_s, those coefficients solve the program: on Fh_s they give (10a), on
    a.Fh_{s+1} they give (10c).  Cut 1 has its own row as basis and never fails; a union bound over
    the other t - 1 cuts does the rest.

    Args:
        t: length of the prefix, >= 1.
        eta: in [0, 1].

    Raises:
        HypothesisError: t < 1 or eta outside [0, 1].
    """
    require(t >= 1, "lemma-5.5", "t >= 1", t)
    real = Real.of(eta)
    require(real >= 0 and real <= 1, "lemma-5.5", "0 <= eta <= 1", eta)
    return real * (t - 1)


@statement(
    "lemma-5.5-printed",
    mark="printed",
    source="[P] Lemma 5.5",
    summary="(eta, 2)-distributional spanners: y_{1:t} is infeasible with probability <= t eta",
)
def infeasibility_printed(t: int, eta: Number) -> Real:
    """Bound the probability that a fresh prefix y_{1:t} has an infeasible chain program by t eta.

    Hypotheses as :func:`infeasibility`, which is sharper by one eta.
    """
    require(t >= 1, "lemma-5.5-printed", "t >= 1", t)
    real = Real.of(eta)
    require(real >= 0 and real <= 1, "lemma-5.5-printed", "0 <= eta <= 1", eta)
    return real * t


@statement(
    "pool-additions",
    mark="sharpened",
    source="counterexample-guided spanners",
    summary="rows added at a cut <= sum over ranks of (1 + log2(largest volume / first volume))",
)
def pool_additions(volume_ratios: Sequence[Number]) -> int:
    """Bound how many rows counterexamples add to the pool of one cut.

    Each addition raises the rank or multiplies the volume of the basis by more than 2, if the pool
    is spanned again from the basis that stands (spanned afresh, its volume may even fall).

    Args:
        volume_ratios: per rank reached, the largest volume of a basis over the first one, >= 1.

    Returns:
        The sum of 1 + floor(log2(ratio)).

    Raises:
        HypothesisError: some ratio is below 1.
    """
    found = 0
    for ratio in volume_ratios:
        real = Real.of(ratio)
        require(real >= 1, "pool-additions", "volume ratios >= 1", ratio)
        doublings = 0
        while real >= (2 << doublings):
            doublings += 1
        found += 1 + doublings
    return found

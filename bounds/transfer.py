"""Lemmas 5.8 and 5.9 together: from bad words and residuals to total variation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from bounds.softmax import tanh_of_half
from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real, total


def _check(identifier: str, horizon: int, p_bad: Real, g: Real, xi: Real) -> None:
    require(horizon >= 1, identifier, "T >= 1", horizon)
    require(p_bad >= 0, identifier, "p_bad >= 0", p_bad)
    require(g >= 0, identifier, "g >= 0", g)
    require(xi >= 0, identifier, "xi >= 0", xi)


@statement(
    "lemma-5.9",
    mark="sharpened",
    source="[P] Lemmas 5.8 and 5.9 together",
    summary="TV(M, Q) <= p_bad + (T-1)(T-2) g / 4 + T xi / 2",
)
def transfer_sum(horizon: int, p_bad: Number, g: Number, xi: Number) -> Real:
    """Bound TV(M, Q) by p_bad + (T-1)(T-2) g / 4 + T xi / 2, at any moment of the algorithm.

    Proof.  Couple M and Q token by token, optimally while the words agree.  While the common
    prefix y_{1:t} is good, the telescope bounds the error of the next logits by (t-1) g + xi
    (by xi at t = 0), and Lemma 5.3 halves it.  The words meet a bad prefix with probability at
    most p_bad in total.

    Args:
        horizon: T >= 1.
        p_bad: probability under M that some prefix y_{1:t}, t < T, is infeasible or has a residual
            (with r = t + 1) above g.
        g: in nats, >= 0.
        xi: error of the oracle in nats, >= 0.

    Raises:
        HypothesisError: an argument is out of range.
    """
    p, threshold, noise = Real.of(p_bad), Real.of(g), Real.of(xi)
    _check("lemma-5.9", horizon, p, threshold, noise)
    steps = Fraction((horizon - 1) * max(0, horizon - 2), 4)
    return p + threshold * steps + noise * Fraction(horizon, 2)


@statement(
    "lemma-5.9-product",
    mark="sharpened",
    source="[P] Lemmas 5.8 and 5.9 together, product form",
    summary="TV(M, Q) <= p_bad + 1 - prod_{t<T} (1 - x_t), x_t = tanh(((t-1) g + xi) / 2)",
)
def transfer_product(horizon: int, p_bad: Number, g: Number, xi: Number) -> Real:
    """Bound TV(M, Q) by p_bad + 1 - prod_{t=0..T-1} (1 - x_t), at any moment of the algorithm.

    Here x_0 = tanh(xi / 2) and x_t = tanh(((t-1) g + xi) / 2).  Never above :func:`transfer_sum`.

    Proof.  The coupling of :func:`transfer_sum` stays together through good prefixes with
    probability at least the product.

    Args:
        horizon, p_bad, g, xi: as for :func:`transfer_sum`.

    Raises:
        HypothesisError: an argument is out of range.
    """
    p, threshold, noise = Real.of(p_bad), Real.of(g), Real.of(xi)
    _check("lemma-5.9-product", horizon, p, threshold, noise)
    gaps = (threshold * max(0, t - 1) + noise for t in range(horizon))
    return p + (1 - balls.product(1 - tanh_of_half(gap) for gap in gaps))


@statement(
    "lemma-5.8",
    mark="printed",
    source="[P] Lemma 5.8",
    summary="residuals <= g, oracle within xi: |Lh_{t+1}(a) - L(y_{1:t}.a)| <= (t-1) g + xi",
)
def next_logit_error(t: int, g: Number, xi: Number) -> Real:
    """Bound the error of the predicted logits after y_{1:t} by (t-1) g + xi.

    Proof.  The telescope: Lh_{t+1}(a) - Lhat(y_{1:t}.a) is a sum of t - 1 residuals, each at most
    g, and Lhat is within xi of L.

    Args:
        t: >= 1.
        g: bound on the residuals with r = t + 1, >= 0.
        xi: error of the oracle, >= 0; in nats or in any other unit, like g and the result.

    Raises:
        HypothesisError: an argument is out of range.
    """
    threshold, noise = Real.of(g), Real.of(xi)
    require(t >= 1, "lemma-5.8", "t >= 1", t)
    require(threshold >= 0, "lemma-5.8", "g >= 0", g)
    require(noise >= 0, "lemma-5.8", "xi >= 0", xi)
    return threshold * (t - 1) + noise


@statement(
    "lemma-5.9-printed",
    mark="printed",
    source="[P] Lemma 5.9",
    summary="TV(M, Q) <= sum over positions of E_M TV(next token of M, next token of Q)",
)
def summed_next_token_distances(means: Sequence[Number]) -> Real:
    """Bound TV(M, Q) by the sum of the mean next-token distances, means taken over M.

    Proof.  Couple M and Q token by token, optimally while the words agree.

    Args:
        means: E_{y ~ M} TV(M(. | y_{1:t}), Q(. | y_{1:t})) for t = 0..T-1, each in [0, 1].

    Raises:
        HypothesisError: some mean is outside [0, 1].
    """
    reals = [Real.of(x) for x in means]
    for x in reals:
        require(x >= 0 and x <= 1, "lemma-5.9-printed", "means in [0, 1]", x)
    return total(reals)


@statement(
    "lean-transfer",
    mark="sharpened",
    source="end-to-end validation",
    summary="next logits within tau on good words: TV(M, Q) <= p_bad + ((T-2) tau + T xi) / 2",
)
def transfer_end_to_end(
    horizon: int, p_bad: Number, tau: Number, xi: Number, exact: int = 2
) -> Real:
    """Bound TV(M, Q) when words are validated end to end.

    A word fails if at some t = 2..T-1 the prediction after y_{1:t} is off by more than tau from the
    oracle's answer, or infeasible; p_bad is the probability of that under the oracle's own law.
    The bound is p_bad + ((T-2) tau + T xi) / 2 (no tau-term for T = 1).

    Proof.  As :func:`transfer_sum`, with error tau + xi at t = 2..T-1 and xi at t = 0, 1, where the
    prediction is the oracle's own answer.  Where only the first token's is, as with least-squares
    fits, t = 1 is tested too, and T - 1 stands in place of T - 2.

    Args:
        horizon: T >= 1.
        p_bad: probability of a failing word.
        tau: allowed error in nats, >= 0.
        xi: error of the oracle in nats, >= 0.
        exact: how many first tokens are predicted as the oracle answers, >= 0.

    Raises:
        HypothesisError: an argument is out of range.
    """
    p, threshold, noise = Real.of(p_bad), Real.of(tau), Real.of(xi)
    _check("lean-transfer", horizon, p, threshold, noise)
    require(exact >= 0, "lean-transfer", "exact >= 0", exact)
    return p + threshold * Fraction(max(0, horizon - exact), 2) + noise * Fraction(horizon, 2)


@statement(
    "lean-localisation",
    mark="sharpened",
    source="end-to-end validation, noisy localisation",
    summary="off by more than tau after t tokens: the search ends with a gap > tau / t",
)
def localised_gap(t: int, tau: Number) -> Real:
    """Bound from below the gap between the two estimates that the search ends with.

    E(1) is the oracle's answer after t tokens and E(t + 1) the prediction, off by more than tau.

    Proof.  The search keeps err(lo) <= tau (lo - 1) / t and err(hi) > tau (hi - 1) / t; at its end
    hi = lo + 1.

    Args:
        t: tokens before the failing prediction, >= 1.
        tau: allowed error in nats, >= 0.

    Returns:
        tau / t; the gap is larger.

    Raises:
        HypothesisError: an argument is out of range.
    """
    threshold = Real.of(tau)
    require(t >= 1, "lean-localisation", "t >= 1", t)
    require(threshold >= 0, "lean-localisation", "tau >= 0", tau)
    return threshold * Fraction(1, t)

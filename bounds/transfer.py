"""Lemmas 5.8 and 5.9 together: from bad words and residuals to total variation."""

from __future__ import annotations

from fractions import Fraction

from bounds.softmax import tanh_of_half
from bounds.statement import require, statement
from llr.numbers.balls import Number, Real


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
    together = Real.of(1)
    for t in range(horizon):
        together = together * (1 - tanh_of_half(threshold * max(0, t - 1) + noise))
    return p + (1 - together)

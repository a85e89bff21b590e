"""Close logits give close next-token distributions: Lemma 5.3 (TV) and Fact B.2 (KL)."""

from __future__ import annotations

from flint import fmpq

from bounds.statement import require, statement
from llr.numbers.balls import Number, Real, exp
from llr.numbers.units import NAT, LogitUnit


def _tanh_half(x: fmpq, unit: LogitUnit) -> Real:
    """Return tanh(x/2) for x in units, exact where e^x is rational."""
    weights = unit.weights([fmpq(0), x])
    power = Real(weights[1] / weights[0]) if weights is not None else exp(unit.in_nats(x))
    return (power - 1) / (power + 1)


@statement(
    "lemma-5.3",
    mark="sharpened",
    source="[P] Lemma 5.3, exact constant",
    summary="TV(softmax u, softmax v) <= tanh(|u - v|_inf / 2)",
)
def softmax_tanh(gap: fmpq, unit: LogitUnit = NAT) -> Real:
    """Bound TV(softmax u, softmax v) by tanh(gap / 2), where |u - v|_inf <= gap.

    Both sides are in [0, 1).  Equality holds at k = 2 for centred u = -v.

    Proof.  For an event E the log-odds of E under softmax u and softmax v differ by at most
    2 gap: each term of the odds changes by a factor in [e^-gap, e^gap].  With
    sigma the logistic function, sigma(x + gap) - sigma(x - gap) is largest at x = 0, where it is
    tanh(gap / 2).

    Args:
        gap: >= 0, in units.
        unit: of the logits.

    Returns:
        A rational where the unit is ln q and the gap an integer, else balls.

    Raises:
        HypothesisError: gap < 0.
    """
    require(gap >= 0, "lemma-5.3", "|u - v|_inf >= 0", gap)
    return _tanh_half(gap, unit)


@statement(
    "lemma-5.3-linear",
    mark="printed",
    source="[P] Lemma 5.3 with C = 1/2",
    summary="TV(softmax u, softmax v) <= |u - v|_inf / 2",
)
def softmax_linear(gap: fmpq, unit: LogitUnit = NAT) -> Real:
    """Bound TV(softmax u, softmax v) by gap / 2 nats, where |u - v|_inf <= gap.

    The shape C |u - v|_inf is printed; C = 1/2 follows from tanh x <= x and cannot be lowered.

    Args:
        gap: >= 0, in units.
        unit: of the logits.

    Raises:
        HypothesisError: gap < 0.
    """
    require(gap >= 0, "lemma-5.3-linear", "|u - v|_inf >= 0", gap)
    return unit.in_nats(gap) / 2


@statement(
    "lemma-5.3-range",
    mark="sharpened",
    source="[P] Lemma 5.3, for differences of known range",
    summary="TV(softmax u, softmax v) <= tanh((max(u - v) - min(u - v)) / 4)",
)
def softmax_range(width: fmpq, unit: LogitUnit = NAT) -> Real:
    """Bound TV(softmax u, softmax v) by tanh(width / 4), width = max(u - v) - min(u - v).

    Proof.  A constant added to u changes nothing, so that |u - v|_inf may be taken as width / 2;
    then Lemma 5.3.

    Args:
        width: >= 0, in units.
        unit: of the logits.

    Raises:
        HypothesisError: width < 0.
    """
    require(width >= 0, "lemma-5.3-range", "max(u - v) - min(u - v) >= 0", width)
    return _tanh_half(width / 2, unit)


@statement(
    "fact-b.2",
    mark="printed",
    source="[S] Fact B.2",
    summary="KL(softmax u || softmax v) <= |u - v|_2^2",
)
def divergence_printed(squared_distance: Number) -> Real:
    """Bound KL(softmax u || softmax v) by |u - v|_2^2 (per prefix, in nats).

    Raises:
        HypothesisError: the squared distance is negative.
    """
    square = Real.of(squared_distance)
    require(square >= 0, "fact-b.2", "|u - v|^2 >= 0", squared_distance)
    return square


@statement(
    "fact-b.2-sharp",
    mark="sharpened",
    source="[S] Fact B.2, best constant",
    summary="KL(softmax u || softmax v) <= |u - v|_2^2 / 4",
)
def divergence_sharp(squared_distance: Number) -> Real:
    """Bound KL(softmax u || softmax v) by |u - v|_2^2 / 4; the constant is best at k = 2.

    Proof.  KL(softmax u || softmax v) is the Bregman divergence of log-sum-exp from u to v, that is
    the integral of (1-s) times the variance of u - v under a tilted law; a variable of range R has
    variance at most R^2/4, so KL <= R^2/8 with R = max(u-v) - min(u-v), and
    R^2 <= 2 |u - v|_2^2.

    Raises:
        HypothesisError: the squared distance is negative.
    """
    square = Real.of(squared_distance)
    require(square >= 0, "fact-b.2-sharp", "|u - v|^2 >= 0", squared_distance)
    return square * fmpq(1, 4)


@statement(
    "fact-b.2-range",
    mark="sharpened",
    source="[S] Fact B.2, by range",
    summary="KL(softmax u || softmax v) <= (max(u - v) - min(u - v))^2 / 8",
)
def divergence_by_range(width: Number) -> Real:
    """Bound KL(softmax u || softmax v) by width^2 / 8, width = max(u - v) - min(u - v) in nats.

    Proof: inside :func:`divergence_sharp`.

    Raises:
        HypothesisError: the width is negative.
    """
    span = Real.of(width)
    require(span >= 0, "fact-b.2-range", "max(u - v) - min(u - v) >= 0", width)
    return span * span * fmpq(1, 8)


def tanh_of_half(x: Number) -> Real:
    """Return tanh(x/2) for x in nats."""
    real = Real.of(x)
    power = exp(real)
    return (power - 1) / (power + 1)

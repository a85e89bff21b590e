"""Claims about softmax: Lemma 5.3 (TV) and Fact B.2 (KL), in three forms each."""

from __future__ import annotations

from typing import TypeAlias

from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.softmax import (
    divergence_by_range,
    divergence_printed,
    divergence_sharp,
    softmax_linear,
    softmax_range,
    softmax_tanh,
)
from llr.numbers.balls import Real, log, sqrt, total
from llr.numbers.rational import RationalRow, centred
from llr.numbers.units import LN2, NAT, LogitUnit
from properties.claim import Check, Claim, Measurement, Twin
from properties.strategies import logit_pairs

Pair: TypeAlias = tuple[RationalRow, RationalRow, LogitUnit]

UNITS = (LN2, LogitUnit(fmpq(3, 2)), NAT)


def pairs() -> SearchStrategy[Pair]:
    """Return pairs of rows; ties between both sides occur only where they are rational."""
    return logit_pairs(units=UNITS)


def softmax_distance(u: RationalRow, v: RationalRow, unit: LogitUnit) -> Real:
    """Return TV(softmax u, softmax v); exactly 0 if u - v is constant."""
    if width(u, v) == 0:
        return Real.of(0)
    both = zip(unit.probabilities(u), unit.probabilities(v), strict=True)
    return total(abs(p - q) for p, q in both) / 2


def gap(u: RationalRow, v: RationalRow) -> fmpq:
    """Return |u - v|_inf."""
    return max(abs(x - y) for x, y in zip(u, v, strict=True))


def width(u: RationalRow, v: RationalRow) -> fmpq:
    """Return max(u - v) - min(u - v)."""
    differences = [x - y for x, y in zip(u, v, strict=True)]
    return max(differences) - min(differences)


def _tied(u: RationalRow, v: RationalRow, unit: LogitUnit) -> bool:
    """True where both sides may agree without being rational: u - v of two values."""
    rational = unit.weights(u) is not None and unit.weights(v) is not None
    return not rational and len({x - y for x, y in zip(u, v, strict=True)}) == 2


def tanh_form(pair: Pair) -> Measurement:
    """Measure the tanh form."""
    u, v, unit = pair
    assume(not _tied(u, v, unit))
    return Measurement(softmax_distance(u, v, unit), softmax_tanh(gap(u, v), unit))


def linear_form(pair: Pair) -> Measurement:
    """Measure the linear form."""
    u, v, unit = pair
    return Measurement(softmax_distance(u, v, unit), softmax_linear(gap(u, v), unit))


def range_form(pair: Pair) -> Measurement:
    """Measure the form for differences of known range."""
    u, v, unit = pair
    assume(not _tied(u, v, unit))
    return Measurement(softmax_distance(u, v, unit), softmax_range(width(u, v), unit))


def scaled(check: Check, factor: fmpq) -> Check:
    """Return the check with its bound multiplied by ``factor``."""

    def tightened(pair: Pair) -> Measurement:
        found = check(pair)
        return Measurement(found.measured, found.bound * factor)

    return tightened


# -- Fact B.2 ------------------------------------------------------------------------------------


@st.composite
def close_pairs(draw: DrawFn) -> Pair:
    """Return pairs of rows in twelfths, or much finer parts, unit nat; never equal."""
    k, part = draw(st.integers(2, 4)), draw(st.sampled_from([12, 12, 12000]))
    parts = st.integers(-24, 24).map(lambda n: fmpq(n, part))
    rows = st.lists(parts, min_size=k, max_size=k).map(tuple)
    u, v = draw(rows), draw(rows)
    assume(width(u, v) > 0)
    return centred(u), centred(v), NAT


def divergence(u: RationalRow, v: RationalRow) -> Real:
    """Return KL(softmax u || softmax v) in nats."""
    pairs_ = zip(NAT.probabilities(u), NAT.probabilities(v), strict=True)
    return total(p * (log(p) - log(q)) for p, q in pairs_)


def _squared(u: RationalRow, v: RationalRow) -> fmpq:
    return sum(((x - y) * (x - y) for x, y in zip(u, v, strict=True)), fmpq(0))


def fact_printed(pair: Pair) -> Measurement:
    """Measure KL against |u - v|^2."""
    u, v, _ = pair
    return Measurement(divergence(u, v), divergence_printed(_squared(u, v)))


def fact_sharp(pair: Pair) -> Measurement:
    """Measure KL against |u - v|^2 / 4."""
    u, v, _ = pair
    return Measurement(divergence(u, v), divergence_sharp(_squared(u, v)))


def fact_range(pair: Pair) -> Measurement:
    """Measure KL against range^2 / 8."""
    u, v, _ = pair
    return Measurement(divergence(u, v), divergence_by_range(width(u, v)))


Matrix: TypeAlias = tuple[tuple[RationalRow, RationalRow], ...]
"""Per history and future, the logits of a next token by two models."""


@st.composite
def matrices(draw: DrawFn) -> Matrix:
    """Return up to four histories and futures; some rows are equal, not all; k <= 3."""
    k = draw(st.integers(2, 3))
    row = st.lists(st.integers(-24, 24).map(lambda n: fmpq(n, 12)), min_size=k, max_size=k)
    both = draw(st.lists(st.tuples(row, row), min_size=1, max_size=4))
    assume(any(width(tuple(u), tuple(v)) > 0 for u, v in both))
    return tuple((centred(u), centred(v)) for u, v in both)


def mean_divergence(matrix: Matrix) -> Real:
    """Return the mean KL over histories and futures; exactly 0 where u = v."""
    return total(divergence(u, v) for u, v in matrix if u != v) / len(matrix)


def fact_averaged(matrix: Matrix, tokens: bool = False) -> Measurement:
    """Measure the mean KL against |L - Lr|_F^2 / (4 . histories x futures).

    Args:
        matrix: L and Lr.
        tokens: tightened, divide by the tokens, too.
    """
    count = len(matrix) * (len(matrix[0][0]) if tokens else 1)
    square = sum((_squared(u, v) for u, v in matrix), fmpq(0))
    return Measurement(mean_divergence(matrix), divergence_sharp(square / count))


def fact_mean_of_distances(matrix: Matrix) -> Measurement:
    """Sabotage: square the mean of |u - v|, and do not average the squares."""
    mean = total(sqrt(_squared(u, v)) for u, v in matrix) / len(matrix)
    return Measurement(mean_divergence(matrix), divergence_sharp(mean * mean))


CLAIMS = (
    Claim(
        "lemma-5.3",
        "TV(softmax u, softmax v) <= tanh(|u - v|_inf / 2)",
        "[P] Lemma 5.3, exact constant",
        "sharpened",
        pairs,
        tanh_form,
        (Twin("bound times 99/100", scaled(tanh_form, fmpq(99, 100))),),
        statements=("lemma-5.3",),
        examples=400,
    ),
    Claim(
        "lemma-5.3-linear",
        "TV(softmax u, softmax v) <= |u - v|_inf / 2",
        "[P] Lemma 5.3 with C = 1/2",
        "printed",
        pairs,
        linear_form,
        statements=("lemma-5.3-linear",),
        examples=400,
        tightening=fmpq(3, 5),
    ),
    Claim(
        "lemma-5.3-range",
        "TV(softmax u, softmax v) <= tanh((max(u - v) - min(u - v)) / 4)",
        "[P] Lemma 5.3, for differences of known range",
        "sharpened",
        pairs,
        range_form,
        (Twin("bound times 99/100", scaled(range_form, fmpq(99, 100))),),
        statements=("lemma-5.3-range",),
        examples=400,
    ),
    Claim(
        "fact-b.2",
        "KL(softmax u || softmax v) <= |u - v|^2",
        "[S] Fact B.2",
        "printed",
        close_pairs,
        fact_printed,
        statements=("fact-b.2",),
    ),
    Claim(
        "fact-b.2-sharp",
        "KL(softmax u || softmax v) <= |u - v|^2 / 4",
        "[S] Fact B.2, best constant",
        "sharpened",
        close_pairs,
        fact_sharp,
        (Twin("constant 24/100", scaled(fact_sharp, fmpq(96, 100))),),
        statements=("fact-b.2-sharp",),
    ),
    Claim(
        "fact-b.2-range",
        "KL(softmax u || softmax v) <= (max(u - v) - min(u - v))^2 / 8",
        "[S] Fact B.2, by range",
        "sharpened",
        close_pairs,
        fact_range,
        (Twin("constant 12/100", scaled(fact_range, fmpq(96, 100))),),
        statements=("fact-b.2-range",),
    ),
    Claim(
        "fact-b.2-averaged",
        "mean of KL(softmax L || softmax Lr) <= |L - Lr|_F^2 / (4 . histories x futures)",
        "[S] Fact B.2, averaged over a matrix",
        "sharpened",
        matrices,
        fact_averaged,
        (
            Twin("divided by the tokens, too", lambda m: fact_averaged(m, tokens=True)),
            Twin("square of the mean distance", fact_mean_of_distances),
        ),
        statements=("fact-b.2-sharp",),
        examples=120,
    ),
)

"""Claims about softmax: Lemma 5.3 in three forms."""

from __future__ import annotations

from typing import TypeAlias

from flint import fmpq
from hypothesis import assume
from hypothesis.strategies import SearchStrategy

from bounds.softmax import softmax_linear, softmax_range, softmax_tanh
from llr.numbers.balls import Real, total
from llr.numbers.rational import RationalRow
from llr.numbers.units import NAT, LogitUnit
from properties.claim import Check, Claim, Measurement, Twin
from properties.strategies import logit_pairs

Pair: TypeAlias = tuple[RationalRow, RationalRow, LogitUnit]

UNITS = (LogitUnit(fmpq(2)), LogitUnit(fmpq(3, 2)), NAT)


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
    """True where both sides may agree without being rational: unit nat, u - v of two values."""
    return unit == NAT and len({x - y for x, y in zip(u, v, strict=True)}) == 2


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
        (Twin("C = 2/5", scaled(linear_form, fmpq(4, 5))),),
        statements=("lemma-5.3-linear",),
        examples=400,
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
)

"""Claims about logits in units of ln q: numbers of nats, and the law that words are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.balls import total
from llr.numbers.units import LN2, NAT, LogitUnit
from llr.oracles.sampling import RowThresholds
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.scenarios import beyond, size_of

UNITS = (NAT, LN2, LogitUnit(fmpq(9)), LogitUnit(fmpq(3, 2)), LogitUnit(fmpq(100)))

CLOSE = fmpq(1, 10**12)
"""float64 may compare two numbers in this ratio to 1 either way."""


_PLACES = 192
"""Bits to which thresholds are known."""


@dataclass(frozen=True)
class InUnits:
    """Logits of the next token in a unit, and a number of nats.

    Attributes:
        unit: of the logits.
        row: logits in quarters of the unit.
        nats: > 0.
    """

    unit: LogitUnit
    row: tuple[int, ...]
    nats: fmpq

    @property
    def logits(self) -> list[fmpq]:
        """Return the logits in units."""
        return [fmpq(x, 4) for x in self.row]


@st.composite
def rows_in_units(draw: DrawFn) -> InUnits:
    """Return rows of 2 to 4 logits, and a number of nats near one of them."""
    unit = draw(st.sampled_from(UNITS))
    row = draw(st.lists(st.integers(-24, 24), min_size=2, max_size=4).map(tuple))
    size = fmpq(max(1, abs(draw(st.sampled_from(row)))), 4)
    near = draw(st.sampled_from([fmpq(1), fmpq(1, 2), fmpq(9, 10), fmpq(11, 10), fmpq(2)]))
    scale = fmpq((size_of(unit) * 100).floor(), 100)
    return InUnits(unit, row, size * near * scale)


def compared(of: InUnits, unit: LogitUnit | None = None, least: fmpq = fmpq(1)) -> Measurement:
    """Count logits on the wrong side of the number of nats, and units that are not at most it.

    The units are the largest number whose nats are at most the given ones, but for a part in 2^30.

    Args:
        of: the logits and the nats.
        unit: sabotage: expect another unit.
        least: tightens what the units are to be at least, in parts of the largest.
    """
    here, wrong = of.unit if unit is None else unit, 0
    size = size_of(here)
    for x in of.logits:
        expected = beyond(x, here, of.nats)
        wrong += EXACT.exceeds_nats(x, of.unit, of.nats) != expected
        apart = abs(size * abs(x) / of.nats - 1) > CLOSE
        rounded = FLOAT64.exceeds_nats(float(x), of.unit, of.nats)
        wrong += apart and rounded != expected
    units = EXACT.from_nats(of.nats, of.unit)
    wrong += size * units > of.nats
    wrong += size * units < of.nats * (1 - fmpq(1, 1 << 30)) * least
    in_floats = fmpq(*FLOAT64.from_nats(of.nats, of.unit).as_integer_ratio())
    wrong += abs(size * in_floats / of.nats - 1) > CLOSE
    return Measurement.of(wrong)


def ends_of_draws(of: InUnits, unit: LogitUnit | None = None) -> Measurement:
    """Measure how far the thresholds of a row are off 2^64 F, F its cumulative softmax.

    In exact arithmetic against 1/2, in float64 against 2^13.  Thresholds are at most 2^64 - 1, so
    that F counts as at most that.

    Args:
        of: the logits.
        unit: sabotage: expect another unit.
    """
    nats, found = size_of(of.unit if unit is None else unit), []
    weights = [balls.exp(nats * (x - max(of.logits))) for x in of.logits]
    k = len(weights)
    exact = RowThresholds(of.unit, EXACT)(EXACT.matrix([of.logits], k))[0]
    rounded = RowThresholds(of.unit, FLOAT64)(FLOAT64.matrix([[float(x) for x in of.logits]], k))[0]
    for ends, bound in ((exact, fmpq(1, 2)), (rounded, fmpq(1 << 13))):
        for a, end in enumerate(ends, start=1):
            expected = total(weights[:a]) / total(weights) * (1 << 64)
            near = (expected.below(_PLACES), -((-expected).below(_PLACES)))
            off = max(abs(min(x, fmpq((1 << 64) - 1)) - int(end)) for x in near)
            found.append(Measurement.of(off, bound))
    return worst(found)


CLAIMS = (
    Claim(
        "units",
        "logits in units of ln q exceed x nats if they do; x nats in units are rounded down",
        "logit units",
        "sharpened",
        rows_in_units,
        compared,
        (
            Twin("units taken for nats", lambda of: compared(of, NAT)),
            Twin("more than rounded down", lambda of: compared(of, least=fmpq(1001, 1000))),
        ),
    ),
    Claim(
        "units-drawn",
        "tokens are drawn by softmax in the unit: thresholds within 2^-65, in float64 2^-51",
        "logit units, draws",
        "sharpened",
        rows_in_units,
        ends_of_draws,
        (Twin("units taken for nats", lambda of: ends_of_draws(of, NAT)),),
    ),
)

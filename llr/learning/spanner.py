"""Barycentric spanners by coefficient exchange (Def 5.2, Algorithm 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb

from llr.errors import InputError
from llr.numbers.arithmetic import FLOAT64, Arithmetic, FloatArithmetic, Row
from llr.numbers.balls import at_precision
from llr.numbers.enclosures import coefficients
from llr.numbers.floats import Array

BOX = 2
"""Every coefficient of a spanner, and of a chain program, lies in [-BOX, BOX]."""

UPDATES = 16
"""Float coefficients are updated at most so often before they are solved for afresh."""

MARGIN = 2.0**-20
"""A coefficient above BOX - MARGIN may be exchanged where the box has to be proven."""


@dataclass(frozen=True)
class Spanner:
    """A barycentric spanner of a list of rows.

    Attributes:
        indices: the rows that form it, increasing.
        coefficients: one row per input row: its coefficients in the spanner.
        exchanges: how often a basis row was exchanged.
    """

    indices: tuple[int, ...]
    coefficients: list[Row]
    exchanges: int


def barycentric_spanner(rows: list[Row], columns: int, arithmetic: Arithmetic) -> Spanner:
    """Return a 2-barycentric spanner: rows of the list that span all of them in the box.

    Start from the first independent rows; while some coefficient exceeds 2, let the row with the
    largest one replace the basis row that it belongs to.

    Args:
        rows: n rows of ``columns`` scalars; repeats and zeros are welcome.
        columns: w.
        arithmetic: exact, or float64 with its tolerances.

    Returns:
        At most ``columns`` indices; none if every row is zero.  Fixed by the arguments.

    Raises:
        ArithmeticError: the floats of a row do not fit the basis that the tolerance allows.

    Complexity: one elimination, then O(n r) scalar operations per exchange.  Each exchange
    multiplies the determinant of the basis in its own span by more than 2.

    Source: [P] Def 5.2 and Algorithm 3; [AK].
    """
    m = arithmetic.matrix(rows, columns)
    basis = list(arithmetic.independent_rows(m))
    exchanges = 0
    while True:
        found = arithmetic.coordinates(arithmetic.matrix([rows[i] for i in basis], columns), m)
        if found is None:
            raise ArithmeticError(
                "a row left the span of the rows: the rank tolerance is too tight"
            )
        made = 0
        while made < UPDATES or arithmetic.name == "exact":  # exact updates do not drift
            worst, i, j = arithmetic.largest(found)
            if not arithmetic.exceeds(worst, BOX):
                break
            found = arithmetic.exchange(found, i, j)
            basis[j] = i
            made += 1
        exchanges += made
        if not made or arithmetic.name == "exact":
            break
    order = sorted(range(len(basis)), key=basis.__getitem__)
    return Spanner(
        tuple(basis[j] for j in order),
        [tuple(map(row.__getitem__, order)) for row in arithmetic.rows(found)],
        exchanges,
    )


def certified_spanner(rows: list[Row], columns: int) -> Spanner:
    """Return a 2-barycentric spanner of float rows, every coefficient proven to lie in the box.

    The rows count as the dyadic rationals that they are.  The basis is chosen in float64; then the
    coefficients of all rows are enclosed in balls, and the precision rises until each is proven at
    most 2 or proven to exceed 2 - MARGIN.  One of the latter is exchanged and all are enclosed
    again: the two cases overlap, so there is no tie that balls could not decide.

    Args:
        rows: n rows of ``columns`` floats.
        columns: w.

    Returns:
        The spanner, with the midpoints of the balls as coefficients.  If its rows are fewer than w,
        coefficients are those of the nearest point of its span, and every row is proven to be
        within the tolerance of the floats of that point.

    Raises:
        InputError: a row holds NaN or infinity.
        ArithmeticError: a row does not fit the basis that the tolerance allows.
        UndecidedError: the precision limit is reached.

    Complexity: one :func:`barycentric_spanner`, then O(n r w) ball operations per enclosure.
    """
    m = FLOAT64.matrix(rows, columns)
    if not np.isfinite(m).all():
        i = int(np.isfinite(m).all(axis=1).argmin())
        raise InputError(f"rows[{i}]", rows[i], "finite numbers")
    chosen = barycentric_spanner(rows, columns, _INSIDE)
    basis, exchanges = list(chosen.indices), chosen.exchanges
    while True:
        balls, outside = at_precision(lambda: _judged(m, basis))
        if outside is None:
            break
        i, j = outside
        basis[j] = i
        exchanges += 1
    order = sorted(range(len(basis)), key=basis.__getitem__)
    width = len(basis)
    found = [balls[i * width : (i + 1) * width] for i in range(len(rows))]
    return Spanner(
        tuple(basis[j] for j in order),
        [tuple(float(row[j]) for j in order) for row in found],
        exchanges,
    )


class _InsideFloats(FloatArithmetic):
    """Floats that leave a margin to the box."""

    def exceeds(self, value: float, bound: int) -> bool:
        """True if ``|value|`` comes near ``bound``."""
        return abs(value) > bound - MARGIN


_INSIDE = _InsideFloats()


def _judged(m: Array, basis: list[int]) -> tuple[list[arb], tuple[int, int] | None] | None:
    """Return all coefficients and the place of one to exchange, if any; or None if undecided."""
    enclosed = coefficients(m[basis], m)
    if enclosed is None:
        return None
    balls, box, near = enclosed.entries(), arb(BOX), arb(BOX - MARGIN)
    inside = [bool(abs(x) <= box) for x in balls]
    if all(inside):
        return balls, None
    doubtful = (n for n, x in enumerate(inside) if not x)
    outside = next((n for n in doubtful if abs(balls[n]) > near), None)
    return None if outside is None else (balls, divmod(outside, len(basis)))

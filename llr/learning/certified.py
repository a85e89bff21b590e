"""Barycentric spanners of float rows (Def 5.2), certified by balls."""

from __future__ import annotations

import numpy as np
from flint import arb

from llr.errors import InputError
from llr.learning.spanner import BOX, Spanner, barycentric_spanner
from llr.numbers.arithmetic import FLOAT64, FloatArithmetic, Row
from llr.numbers.balls import at_precision
from llr.numbers.enclosures import coefficients
from llr.numbers.floats import Array

MARGIN = 2.0**-20
"""A coefficient above BOX - MARGIN may be exchanged where the box has to be proven."""


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

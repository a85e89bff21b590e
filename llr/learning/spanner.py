"""Barycentric spanners by coefficient exchange (Def 5.2, Algorithm 3)."""

from __future__ import annotations

from dataclasses import dataclass

from llr.numbers.arithmetic import Arithmetic, Row

BOX = 2
"""Every coefficient of a spanner, and of a chain program, lies in [-BOX, BOX]."""

UPDATES = 16
"""Float coefficients are updated at most so often before they are solved for afresh."""


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

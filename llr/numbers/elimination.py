"""Certified lower bounds of the rank of a matrix of reals, by elimination in balls."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, ctx

from llr.numbers.balls import START_BITS, Real

LIMIT_BITS = 1 << 12


def rank_lower_bound(rows: Sequence[Sequence[Real]], limit_bits: int = LIMIT_BITS) -> int:
    """Return a number that the rank of a matrix of reals is certain to reach.

    Every pivot is a ball without zero, so the product of the pivots, a minor, is nonzero.  The
    precision doubles until the bound is the smaller dimension or the limit is reached.  Balls never
    show that a number is zero, so nothing says that the rank is not larger.

    Args:
        rows: entries, row by row, all rows equally long.
        limit_bits: highest precision.

    Complexity: at most log2(limit_bits / 64) eliminations.
    """
    if not rows or not rows[0]:
        return 0
    if len(rows) > len(rows[0]):
        rows = list(zip(*rows, strict=True))
    found, bits = 0, START_BITS
    while bits <= limit_bits and found < len(rows):
        with ctx.workprec(bits):
            found = max(found, _pivots([[x.ball() for x in row] for row in rows]))
        bits *= 2
    return found


def _pivots(rows: list[list[arb]]) -> int:
    """Return how many pivots elimination with full pivoting finds at the current precision."""
    for found in range(len(rows)):
        bottom, i, j = arb(0), found, -1
        for at, row in enumerate(rows[found:], found):
            for column, x in enumerate(row):
                size = x.abs_lower()
                if size > bottom:
                    bottom, i, j = size, at, column
        if j < 0:
            return found
        rows[found], rows[i] = rows[i], rows[found]
        pivots = rows[found]
        pivot = pivots.pop(j)
        for at in range(found + 1, len(rows)):
            row = rows[at]
            factor = row.pop(j) / pivot
            if not factor.is_zero():
                rows[at] = [x - factor * y for x, y in zip(row, pivots, strict=True)]
    return len(rows)

"""Independent checkers: plain Fraction code that shares nothing with what it checks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from llr.models.base import Word
from llr.numbers.rational import RationalRow

Rows = list[list[Fraction]]


def as_fractions(rows: Sequence[RationalRow]) -> Rows:
    """Return rows of Fractions."""
    return [[Fraction(int(x.p), int(x.q)) for x in row] for row in rows]


def rank(rows: Rows) -> int:
    """Return the rank of a matrix by Gaussian elimination."""
    work = [list(row) for row in rows]
    found = 0
    for column in range(len(work[0]) if work else 0):
        pivot = next((i for i in range(found, len(work)) if work[i][column]), None)
        if pivot is None:
            continue
        work[found], work[pivot] = work[pivot], work[found]
        for i in range(found + 1, len(work)):
            share = work[i][column] / work[found][column]
            if share:
                work[i] = [x - share * y for x, y in zip(work[i], work[found], strict=True)]
        found += 1
    return found


def coordinates(basis: Rows, row: list[Fraction]) -> list[Fraction] | None:
    """Return the coefficients of a row in independent rows, or None if it is outside their span."""
    n = len(basis)
    work = [[basis[i][j] for i in range(n)] + [row[j]] for j in range(len(row))]
    done = 0
    for column in range(n):
        pivot = next((i for i in range(done, len(work)) if work[i][column]), None)
        assert pivot is not None, "the basis rows are dependent"
        work[done], work[pivot] = work[pivot], work[done]
        head = work[done][column]
        work[done] = [x / head for x in work[done]]
        for i in range(len(work)):
            if i != done and work[i][column]:
                share = work[i][column]
                work[i] = [x - share * y for x, y in zip(work[i], work[done], strict=True)]
        done += 1
    if any(line[n] for line in work[done:]):
        return None
    return [line[n] for line in work[:done]]


def gram(rows: Rows) -> Fraction:
    """Return the Gram determinant of rows, the square of their volume; 1 if there are none."""
    work = [
        [sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0)) for y in rows] for x in rows
    ]
    found = Fraction(1)
    for i in range(len(work)):
        pivot = work[i][i]
        if pivot == 0:
            return Fraction(0)
        found *= pivot
        for j in range(i + 1, len(work)):
            share = work[j][i] / pivot
            work[j] = [x - share * y for x, y in zip(work[j], work[i], strict=True)]
    return found


def in_box(basis: Rows, row: list[Fraction], bound: int = 2) -> bool:
    """True if the row is a combination of independent rows with coefficients in [-bound, bound]."""
    found = coordinates(basis, row)
    return found is not None and all(abs(c) <= bound for c in found)


def has_query_shape(
    query: Word,
    histories: set[Word],
    words: Sequence[Word],
    *,
    shift: int = 2,
    longest: int | None = None,
) -> bool:
    """True if a query is u or u.b.v: u a drawn history, b a token, v an aligned segment.

    Aligned means that v starts at position |u| + ``shift`` of the second word (counted from 1).

    Args:
        query: the prefix that the oracle was asked.
        histories: all prefixes of words of the first kind.
        words: of the second kind, drawn independently.
        shift: 2 in the lemma.
        longest: longest segment allowed; None for any.
    """
    if query in histories:
        return True
    for cut in range(len(query)):
        if query[:cut] not in histories:
            continue
        segment = query[cut + 1 :]
        if longest is not None and len(segment) > longest:
            continue
        start = cut + shift - 1
        if not segment or any(w[start : start + len(segment)] == segment for w in words):
            return True
    return False

"""Ranks by elimination and enumeration, written apart from the code that they check."""

from __future__ import annotations

from itertools import product


def all_words(k, length):
    """Return all words of a length."""
    return list(product(range(k), repeat=length))


def slow_rank(rows):
    """Return the rank of a matrix of Fractions."""
    rows, found = [list(row) for row in rows], 0
    for j in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(found, len(rows)) if rows[i][j]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            factor = rows[i][j] / rows[found][j]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


def ranks_of(table, k, horizon):
    """Return all cut ranks of a table of centred logits by prefix."""
    found = []
    for s in range(horizon):
        futures = [f for n in range(1, horizon - s + 1) for f in all_words(k, n)]
        found.append(
            slow_rank([[table[h + f[:-1]][f[-1]] for f in futures] for h in all_words(k, s)])
        )
    return tuple(found)

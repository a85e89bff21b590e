"""Ranks by elimination and enumeration, written apart from the code that they check."""

from __future__ import annotations

from itertools import product

from properties.checkers import rank as slow_rank


def all_words(k, length):
    """Return all words of a length."""
    return list(product(range(k), repeat=length))


def ranks_of(table, k, horizon):
    """Return all cut ranks of a table of centred logits by prefix."""
    found = []
    for s in range(horizon):
        futures = [f for n in range(1, horizon - s + 1) for f in all_words(k, n)]
        found.append(
            slow_rank([[table[h + f[:-1]][f[-1]] for f in futures] for h in all_words(k, s)])
        )
    return tuple(found)

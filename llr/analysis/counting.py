"""How many numbers a model of given cut ranks has: what any learner must pay for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flint import fmpq


def counting_limit(alphabet_size: int, cut_ranks: Sequence[int]) -> fmpq:
    """Return the free numbers of a time-varying ISAN over the k - 1 numbers that a call returns.

    Transitions have k r_t r_{t+1} entries and readouts (k-1) r_t; a change of basis at each cut
    but the first, r_s^2 numbers, changes nothing.  About so many calls any learner needs.

    Args:
        alphabet_size: k >= 2.
        cut_ranks: r_1, ..., r_T.

    Source: ours.
    """
    k = alphabet_size
    free = sum(k * a * b for a, b in pairwise(cut_ranks)) + (k - 1) * sum(cut_ranks)
    return fmpq(free - sum(r * r for r in cut_ranks[1:]), k - 1)

"""How sequences go through a causal model: which of them run, and what they share.

A causal model answers every prefix of what it reads, so a sequence that is a prefix of another one
costs nothing.  Sequences that begin alike can share their beginnings: the *heads* run once, and the
*tails* continue from what the model keeps of them (its key/value cache).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from llr.models.base import Word

Reads: TypeAlias = tuple[tuple[int, int], ...]

WORTH = 0.25
"""Heads are shared if that saves this part of the tokens; below it, one pass is as fast."""


@dataclass(frozen=True)
class Run:
    """Tokens that go through the model.

    Attributes:
        tokens: at least one.
        reads: pairs of a place in ``tokens`` and the number of the sequence that ends there.
        tails: runs that continue from the end of this one.
    """

    tokens: Word
    reads: Reads
    tails: tuple[Run, ...] = ()


def plan(sequences: Sequence[Word], share: bool = True) -> list[Run]:
    """Return runs that answer every sequence once.

    All heads have one length: the one that leaves the fewest tokens to run.

    Args:
        sequences: nonempty, in any order; repeats are answered each.
        share: whether runs may have tails.

    Complexity: O(n log n) comparisons of sequences.
    """
    whole = _leaves(sequences)
    split = _best_split([run.tokens for run in whole]) if share else 0
    return _split(whole, split) if split else whole


def tokens_run(runs: Sequence[Run]) -> int:
    """Return how many tokens go through the model."""
    return sum(len(run.tokens) + tokens_run(run.tails) for run in runs)


def chunks(
    runs: Sequence[Run], before: int, most_tokens: int, most_reads: int
) -> Iterator[list[int]]:
    """Yield the numbers of runs that go through together, padded to the longest of them.

    Args:
        runs: of any lengths; long ones come first.
        before: tokens that the model keeps in front of each.
        most_tokens: limit on rows times length, what is before included.
        most_reads: limit on rows times different places read.

    One run always goes through, however long it is.
    """
    chunk: list[int] = []
    places: set[int] = set()
    for i in sorted(range(len(runs)), key=lambda i: -len(runs[i].tokens)):
        longest = before + len(runs[chunk[0] if chunk else i].tokens)
        together = places.union(place for place, _ in runs[i].reads)
        rows = len(chunk) + 1
        if chunk and (rows * longest > most_tokens or rows * len(together) > most_reads):
            yield chunk
            chunk, together = [], {place for place, _ in runs[i].reads}
        chunk.append(i)
        places = together
    if chunk:
        yield chunk


def _leaves(sequences: Sequence[Word]) -> list[Run]:
    """Return a run for every sequence that is no proper prefix of another one, in order."""
    order = sorted(range(len(sequences)), key=sequences.__getitem__, reverse=True)
    leaves: list[tuple[Word, list[tuple[int, int]]]] = []
    leaf: Word = ()
    # backwards, a sequence comes right after its extensions
    for i in order:
        sequence = sequences[i]
        end = len(sequence)
        if leaf[:end] != sequence:
            leaf = sequence
            leaves.append((leaf, []))
        leaves[-1][1].append((end - 1, i))
    return [Run(tokens, tuple(reads)) for tokens, reads in reversed(leaves)]


def _best_split(leaves: Sequence[Word]) -> int:
    """Return the length of heads that saves most tokens; 0 if it saves too few.

    Where leaves are sorted, heads of length s save s tokens for every leaf that agrees with the one
    before it on s tokens.
    """
    alike = sorted((_common(a, b) for a, b in pairwise(leaves)), reverse=True)
    saved, split = max(((s * many, s) for many, s in enumerate(alike, start=1)), default=(0, 0))
    return split if saved >= WORTH * sum(map(len, leaves)) else 0


def _common(a: Word, b: Word) -> int:
    """Return how many tokens two sequences begin with alike."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _split(leaves: Sequence[Run], split: int) -> list[Run]:
    """Return the leaves with heads of one length run once; shorter leaves as they are."""
    found: list[Run] = []
    heads: dict[Word, tuple[list[tuple[int, int]], list[Run]]] = {}
    for leaf in leaves:
        if len(leaf.tokens) <= split:
            found.append(leaf)
            continue
        reads, tails = heads.setdefault(leaf.tokens[:split], ([], []))
        reads += [(place, i) for place, i in leaf.reads if place < split]
        later = tuple((place - split, i) for place, i in leaf.reads if place >= split)
        tails.append(Run(leaf.tokens[split:], later))
    return found + [Run(head, tuple(reads), tuple(tails)) for head, (reads, tails) in heads.items()]

"""Sample oracles: independent words, drawn as multisets.

A token is drawn by comparing a uniform 64-bit integer with cumulative probabilities that balls
round correctly to multiples of 2^-64.  No libm is involved, so the same seed gives the same words
on every machine.  A word drawn a million times is kept once, with its count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from flint import arb, fmpq

from llr.models.base import LanguageModel, State, Word
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, Arithmetic, Row
from llr.numbers.units import LogitUnit
from llr.oracles.ledger import Ledger

Words: TypeAlias = Mapping[Word, int]

_BITS = 64
_CHUNK = 1 << 20


class WordSource(Protocol):
    """Anything that draws words from a fixed law."""

    def draw(self, n: int, rng: np.random.Generator) -> Words:
        """Return n independent words as a multiset, in lexicographic order."""


class ModelWords:
    """The sample oracle of a model."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._thresholds = Thresholds(model.unit, model.arithmetic)

    def draw(self, n: int, rng: np.random.Generator) -> Words:
        """Return n independent words of the model as a multiset."""
        layer: dict[Word, tuple[State, int]] = {(): (self._model.start(), n)}
        for length in range(1, self._model.horizon + 1):
            last = length == self._model.horizon
            following: dict[Word, tuple[State, int]] = {}
            for word, (state, count) in layer.items():
                cuts = self._thresholds(self._model.read(state))
                for token, many in enumerate(split(count, cuts, rng)):
                    if many:
                        after = None if last else self._model.step(state, token)
                        following[(*word, token)] = (after, many)
            layer = following
        return {word: count for word, (_, count) in layer.items()}


class OracleWords:
    """Words drawn through a logit oracle: T calls per distinct word at most (sec. 2)."""

    def __init__(self, ledger: Ledger, horizon: int, unit: LogitUnit, arithmetic: Arithmetic) -> None:
        self._ledger = ledger
        self._horizon = horizon
        self._thresholds = Thresholds(unit, arithmetic)

    def draw(self, n: int, rng: np.random.Generator) -> Words:
        """Return n independent words as a multiset; each layer of the tree is one batch."""
        layer: dict[Word, int] = {(): n}
        for _ in range(self._horizon):
            following: dict[Word, int] = {}
            rows = self._ledger.rows(list(layer))
            for (word, count), row in zip(layer.items(), rows, strict=True):
                for token, many in enumerate(split(count, self._thresholds(row), rng)):
                    if many:
                        following[(*word, token)] = many
            layer = following
        return layer


class Thresholds:
    """Cumulative probabilities of a row of logits, correctly rounded to multiples of 2^-64."""

    MAX_REMEMBERED = 1 << 16

    def __init__(self, unit: LogitUnit, arithmetic: Arithmetic) -> None:
        self._unit = unit
        self._arithmetic = arithmetic
        self._known: dict[Row, Sequence[int]] = {}

    def __call__(self, row: Row) -> Sequence[int]:
        """Return k - 1 increasing integers in [0, 2^64)."""
        found = self._known.get(row)
        if found is None:
            if len(self._known) > self.MAX_REMEMBERED:
                self._known.clear()
            found = self._known[row] = self._compute(row)
        return found

    def _compute(self, row: Row) -> Sequence[int]:
        logits: Row = row
        if self._arithmetic is not EXACT:
            logits = tuple(arb(x).fmpq() for x in row)  # a float is a dyadic rational
        exact = self._unit.weights(logits)
        if exact is not None:
            total = sum(exact, fmpq(0))
            partial, found = fmpq(0), []
            for w in exact[:-1]:
                partial += w
                found.append(_clip(int((partial / total * (1 << _BITS) + fmpq(1, 2)).floor())))
            return found
        return balls.at_precision(lambda: _rounded(self._unit.ball_weights(logits)))


def _rounded(weights: Sequence[arb]) -> Sequence[int] | None:
    """Return the rounded cumulative weights, or None if the balls are too wide to round."""
    total = sum(weights, arb(0))
    partial, found = arb(0), []
    for w in weights[:-1]:
        partial += w
        nearest = (partial / total * (1 << _BITS) + fmpq(1, 2)).floor().unique_fmpz()
        if nearest is None:
            return None
        found.append(_clip(int(nearest)))
    return found


def _clip(threshold: int) -> int:
    return min(threshold, (1 << _BITS) - 1)


def split(count: int, thresholds: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Return how many of ``count`` draws fall on each of the k tokens.

    Args:
        count: number of draws.
        thresholds: k - 1 increasing integers in [0, 2^64).
        rng: consumes ``count`` 64-bit integers.
    """
    cuts = np.array(thresholds, dtype=np.uint64)
    found = np.zeros(len(thresholds) + 1, dtype=np.int64)
    while count > 0:
        draws = rng.integers(0, 1 << _BITS, size=min(count, _CHUNK), dtype=np.uint64)
        found += np.bincount(np.searchsorted(cuts, draws, side="right"), minlength=len(found))
        count -= len(draws)
    return [int(x) for x in found]


def prefixes(words: Words, length: int) -> list[Word]:
    """Return the distinct prefixes of one length, in order of first appearance."""
    return list(dict.fromkeys(word[:length] for word in words))



"""Sample oracles: independent words, drawn as multisets.

A token is drawn by comparing a uniform 64-bit integer with cumulative probabilities that balls
round correctly to multiples of 2^-64.  No libm is involved, so the same seed gives the same words
on every machine.  (More than 2^22 words at once are split by the generator's multinomial counts,
with the same probabilities.)  A word drawn a million times is kept once, with its count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np
from flint import arb, fmpq

from llr.models.base import LanguageModel, State, Word
from llr.numbers import balls, floats
from llr.numbers.arithmetic import EXACT, FLOAT64, Arithmetic, Matrix, Row
from llr.numbers.rational import RationalRow, Vector
from llr.numbers.units import NAT, Link, LogitUnit
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger

Words: TypeAlias = Mapping[Word, int]

_BITS = 64
_CHUNK = 1 << 18
_MANY = 1 << 22


class WordSource(Protocol):
    """Anything that draws words from a fixed law."""

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the first ``length`` tokens of n independent words as a multiset.

        Words come in lexicographic order.
        """


class _Node:
    """A prefix of a model's tree, remembered between draws."""

    __slots__ = ("children", "state", "thresholds")

    def __init__(self, state: State) -> None:
        self.state = state
        self.thresholds: Sequence[int] | None = None
        self.children: dict[int, _Node] = {}


class ModelWords:
    """The sample oracle of a model.

    Args:
        model: the model.
        tell: told of every place of the words.
    """

    MAX_REMEMBERED = 1 << 18

    def __init__(self, model: LanguageModel, tell: Tell = untold) -> None:
        self._model = model
        self._tell = tell
        self._thresholds = Thresholds(model.link, EXACT)
        self._root = _Node(model.start())
        self._remembered = 1

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the first ``length`` tokens of n independent words as a multiset."""
        if self._remembered > self.MAX_REMEMBERED:
            self._root, self._remembered = _Node(self._model.start()), 1
        nodes: dict[Word, _Node] = {(): self._root}

        def thresholds(prefixes: Sequence[Word]) -> list[Sequence[int]]:
            if prefixes:
                self._tell("tokens, by place", len(prefixes[0]), length)
            found = []
            for prefix in prefixes:
                node = nodes.get(prefix)
                if node is None:
                    node = nodes[prefix] = self._child(nodes[prefix[:-1]], prefix[-1])
                if node.thresholds is None:
                    node.thresholds = self._thresholds(self._model.law(node.state))
                found.append(node.thresholds)
            return found

        return draw_tree(n, length, thresholds, rng)

    def _child(self, node: _Node, token: int) -> _Node:
        child = node.children.get(token)
        if child is None:
            child = node.children[token] = _Node(self._model.step(node.state, token))
            self._remembered += 1
        return child


class OracleWords:
    """Words drawn through a logit oracle: T calls per distinct word at most."""

    def __init__(self, ledger: Ledger, unit: LogitUnit, arithmetic: Arithmetic) -> None:
        self._ledger = ledger
        self._thresholds = Thresholds(unit, arithmetic)

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the first ``length`` tokens of n independent words; a layer is one batch."""

        def thresholds(prefixes: Sequence[Word]) -> list[Sequence[int]]:
            return [self._thresholds(row) for row in self._ledger.rows(prefixes)]

        return draw_tree(n, length, thresholds, rng)


class RowWords:
    """The same in float64, thresholds rounded there: for large k.

    Args:
        ledger: of float64 rows, in nats.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thresholds = RowThresholds(NAT, FLOAT64)

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the first ``length`` tokens of n independent words; a layer is one batch."""

        def thresholds(prefixes: Sequence[Word]) -> Sequence[Sequence[int]]:
            return self._thresholds(self._ledger.block(prefixes))

        return draw_tree(n, length, thresholds, rng)


def draw_tree(
    n: int,
    length: int,
    thresholds: Callable[[Sequence[Word]], Sequence[Sequence[int]]],
    rng: np.random.Generator,
) -> Words:
    """Draw n words of one length together, layer by layer of the prefix tree.

    Args:
        n: number of words.
        length: of the words.
        thresholds: maps prefixes to their cumulative probabilities in units of 2^-64.
        rng: gives n 64-bit integers per layer.
    """
    layer: dict[Word, int] = {(): n} if n else {}
    for _ in range(length):
        words = list(layer)
        layer = grown(words, split(list(layer.values()), thresholds(words), rng))
    return layer


def grown(words: Sequence[Word], counts: Sequence[Sequence[int]]) -> dict[Word, int]:
    """Return the words with one more token, with how often each was drawn.

    Args:
        words: of one length.
        counts: per word, the draws of each of the k tokens.
    """
    return {
        (*word, token): many
        for word, row in zip(words, counts, strict=True)
        for token, many in enumerate(row)
        if many
    }


class Thresholds:
    """Cumulative probabilities of a row, correctly rounded to multiples of 2^-64.

    Args:
        link: what turns a row into probabilities; a logit unit for rows of logits.
        arithmetic: of the rows.
    """

    MAX_REMEMBERED = 1 << 16

    def __init__(self, link: Link, arithmetic: Arithmetic) -> None:
        self._link = link
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
        law: RationalRow = row if self._arithmetic is EXACT else floats.to_rational(row)
        exact = self._link.weights(law)
        if exact is not None:
            total = sum(exact, fmpq(0))
            partial, found = fmpq(0), []
            for w in exact[:-1]:
                partial += w
                found.append(_clip(int((partial / total * (1 << _BITS) + fmpq(1, 2)).floor())))
            return found
        return balls.at_precision(lambda: _rounded(self._link.ball_weights(law)))


class RowThresholds:
    """The same for the rows of a matrix; float64 rows are rounded in float64.

    Args:
        unit: of the rows.
        arithmetic: of the rows.
    """

    def __init__(self, unit: LogitUnit, arithmetic: Arithmetic) -> None:
        self._arithmetic = arithmetic
        self._exact = Thresholds(unit, arithmetic)
        self._nats = 1.0 if arithmetic is EXACT else balls.nearest_float(unit.nats)

    def __call__(self, m: Matrix) -> Sequence[Sequence[int]]:
        """Return k - 1 increasing integers in [0, 2^64) per row."""
        if self._arithmetic is EXACT:
            return [self._exact(Vector(row)) for row in self._arithmetic.rows(m)]
        weights = np.exp((m - m.max(axis=1, keepdims=True)) * self._nats)
        partial = np.cumsum(weights, axis=1)
        found = partial[:, :-1] / partial[:, -1:] * 2.0**_BITS
        below: Sequence[Sequence[int]] = np.minimum(found, 2.0**_BITS - 2.0**11).astype(np.uint64)
        return below


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


def _law(thresholds: Sequence[int]) -> list[float]:
    """Return the k probabilities between the thresholds."""
    ends = [0, *thresholds, 1 << _BITS]
    return [(b - a) / (1 << _BITS) for a, b in pairwise(ends)]


def split(
    counts: Sequence[int], thresholds: Sequence[Sequence[int]], rng: np.random.Generator
) -> list[list[int]]:
    """Return, per node, how many of its draws fall on each of the k tokens.

    Args:
        counts: draws per node.
        thresholds: per node, k - 1 increasing integers in [0, 2^64).
        rng: gives one 64-bit integer per draw, node after node; beyond 2^22 draws, one multinomial
            count per node, with probabilities rounded correctly from the thresholds.
    """
    if not counts:
        return []
    if sum(counts) > _MANY:
        laws = [_law(row) for row in thresholds]
        drawn: list[list[int]] = rng.multinomial(counts, laws).tolist()
        return drawn
    cuts = np.array(thresholds, dtype=np.uint64)
    k = cuts.shape[1] + 1
    found = np.zeros(len(counts) * k, dtype=np.int64)
    nodes = np.repeat(np.arange(len(counts)), counts)
    for start in range(0, len(nodes), _CHUNK):
        here = nodes[start : start + _CHUNK]
        draws = rng.integers(0, 1 << _BITS, size=len(here), dtype=np.uint64)
        tokens = (draws[:, np.newaxis] >= cuts[here]).sum(axis=1)
        found += np.bincount(here * k + tokens, minlength=len(found))
    shaped: list[list[int]] = found.reshape(len(counts), k).tolist()
    return shaped

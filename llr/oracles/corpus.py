"""Words drawn through a ledger, with the next-token law at every prefix: what learners fit to.

Prefixes are kept by length, each once, with the number of drawn words that begin with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from llr.errors import InputError
from llr.models.base import Word
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT
from llr.oracles.ledger import Ledger
from llr.oracles.sampling import RowThresholds, draw_tree


@dataclass(frozen=True)
class Layer:
    """The distinct prefixes of one length.

    Attributes:
        prefixes: m x t tokens.
        parents: for each, the place of its first t - 1 tokens in the layer before (t = 0: 0).
        weights: how many words begin with each.
        logs: m x k logarithms of the next token's probabilities.
        places: for each distinct word of the corpus, the place of its prefix.
    """

    prefixes: floats.Array
    parents: floats.Array
    weights: floats.Array
    logs: floats.Array
    places: floats.Array

    @property
    def last(self) -> floats.Array:
        """The last token of each prefix; t >= 1."""
        found: floats.Array = self.prefixes[:, -1]
        return found

    def context(self, length: int, padding: int) -> floats.Array:
        """Return the last ``length`` tokens of each prefix, padded in front."""
        kept = self.prefixes[:, max(0, self.prefixes.shape[1] - length) :]
        return np.pad(kept, ((0, 0), (length - kept.shape[1], 0)), constant_values=padding)


@dataclass(frozen=True)
class Corpus:
    """Drawn words and the laws along them.

    Attributes:
        words: n x T tokens, distinct words.
        counts: how often each was drawn.
        layers: per length t = 0..T-1 of prefixes.
    """

    words: floats.Array
    counts: floats.Array
    layers: tuple[Layer, ...]

    @property
    def alphabet_size(self) -> int:
        """k."""
        return int(self.layers[0].logs.shape[1])

    @property
    def prefixes(self) -> int:
        """How many distinct prefixes there are."""
        return sum(len(layer.weights) for layer in self.layers)

    def following(self, t: int) -> floats.Array:
        """Return, per prefix of t tokens, how often each token follows it in the words: m x k."""
        layer, k = self.layers[t], self.alphabet_size
        cells = layer.places * k + self.words[:, t]
        found = np.bincount(cells, self.counts, minlength=len(layer.weights) * k)
        shaped: floats.Array = found.reshape(-1, k)
        return shaped

    def take(self, chosen: floats.Array) -> Corpus:
        """Return the corpus of some of the words alone.

        Args:
            chosen: indices of distinct words.
        """
        layers: list[Layer] = []
        counts = self.counts[chosen]
        before = np.zeros(0, dtype=np.int64)
        for layer in self.layers:
            used, places = np.unique(layer.places[chosen], return_inverse=True)
            parents = np.searchsorted(before, layer.parents[used]) if layers else used * 0
            weights = np.bincount(places, counts)
            layers.append(Layer(layer.prefixes[used], parents, weights, layer.logs[used], places))
            before = used
        return Corpus(self.words[chosen], counts, tuple(layers))

    def split(self, parts: int, rng: np.random.Generator) -> tuple[Corpus, Corpus]:
        """Return two corpora: all but one of ``parts`` equal parts of the words, and that part."""
        order = rng.permutation(len(self.words))
        held = max(1, len(order) // parts)
        return self.take(np.sort(order[held:])), self.take(np.sort(order[:held]))


def corpus_of(words: Mapping[Word, int], block: Callable[[Sequence[Word]], floats.Array]) -> Corpus:
    """Return words with the laws along them.

    Args:
        words: of one length, with counts.
        block: gives the logits in nats at prefixes, one row each.
    """
    kept = sorted(words)
    counts = np.array([words[word] for word in kept], dtype=float)
    layers: list[Layer] = []
    before: dict[Word, int] = {}
    for t in range(len(kept[0])):
        place: dict[Word, int] = {}
        places = np.array([place.setdefault(word[:t], len(place)) for word in kept])
        parents = np.array([before.get(prefix[:-1], 0) for prefix in place])
        tokens = np.array(list(place), dtype=np.int64).reshape(len(place), t)
        logs = floats.log_softmax(block(list(place)))
        layers.append(Layer(tokens, parents, np.bincount(places, counts), logs, places))
        before = place
    return Corpus(np.array(kept), counts, tuple(layers))


def draw(ledger: Ledger, n: int, horizon: int, rng: np.random.Generator) -> Mapping[Word, int]:
    """Return n independent words drawn through the ledger, float64, as a multiset."""
    thresholds = RowThresholds(NAT, FLOAT64)
    ledger.counts.words += n
    return draw_tree(n, horizon, lambda prefixes: thresholds(ledger.block(prefixes)), rng)


def draw_within(
    ledger: Ledger, calls: int, horizon: int, rng: np.random.Generator
) -> dict[Word, int]:
    """Return as many words as ``calls`` distinct prefixes more allow.

    Batches are so small that they cannot ask for more than is left, and drawing ends when less than
    a word's T prefixes are left or a batch asks for nothing new.

    Raises:
        InputError: not even one word is allowed.
    """
    if calls < horizon:
        raise InputError("calls", calls, f"at least {horizon}, for the prefixes of one word")
    found: dict[Word, int] = {}
    for n in _batches(ledger, calls, horizon):
        for word, many in draw(ledger, n, horizon, rng).items():
            found[word] = found.get(word, 0) + many
    return found


def _batches(ledger: Ledger, calls: int, horizon: int) -> Iterator[int]:
    end = ledger.counts.distinct_prefixes + calls
    left, before = calls, calls + 1
    while horizon <= left < before:
        yield left // horizon
        before, left = left, end - ledger.counts.distinct_prefixes

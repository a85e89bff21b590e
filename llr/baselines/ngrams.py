"""Interpolated n-gram models, fitted to the tokens of drawn words or to whole next-token laws.

A context is the last n - 1 tokens, padded in front at the beginning of a word.  The model of order
n mixes what was seen after the context with the model of order n - 1 after the shorter one,

    P_n(a | c) = lam S_n(a | c) + (1 - lam) P_{n-1}(a | c'),        P_0 uniform,

where lam depends on n and on the *bucket* of the context: how often it was seen, to the next lower
power of two, and whether its padding shows that it is the whole prefix (then the law after it is
known, not averaged).  The mixing weights maximize the likelihood of words left out of the counts,
bucket by bucket (Jelinek-Mercer); then all words are counted.

*Hard* models count the tokens that were drawn.  *Soft* ones count, for every prefix, the whole law
that the call at it revealed, and fit the mixing weights to whole laws too.

Source: F. Jelinek and R. Mercer, Interpolated estimation of Markov source parameters (1980).
"""

from __future__ import annotations

import copy

import numpy as np

from llr.errors import InputError
from llr.models.base import check_size
from llr.numbers import floats
from llr.oracles.corpus import Corpus

HELD_OUT = 8
"""One word in so many fits the mixing weights."""

ORDERS = 6
"""The largest order tried."""

BUCKETS = 16
STEPS = 24
"""Halvings of an interval that holds a mixing weight."""

MAX_CONTEXTS = 1 << 62


class _Level:
    """What was seen after the contexts of one length."""

    def __init__(self, codes: floats.Array, evidence: floats.Array, whole: floats.Array) -> None:
        self.codes, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        starts = np.searchsorted(inverse[order], np.arange(len(self.codes)))
        sums = np.add.reduceat(evidence[order], starts, axis=0)
        mass = sums.sum(axis=1, keepdims=True)
        self.laws = sums / mass
        sizes = np.clip(np.log2(mass[:, 0] + 0.5), 0, BUCKETS - 1).astype(np.int64)
        self.buckets = sizes + BUCKETS * whole[first]

    def find(self, codes: floats.Array) -> tuple[floats.Array, floats.Array]:
        """Return which contexts were seen, and where those are."""
        places = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        seen = self.codes[places] == codes
        return seen, places[seen]


class Ngram:
    """An interpolated n-gram model.

    Args:
        corpus: the words and laws to fit.
        order: n >= 1.
        soft: whether to use whole laws.
        rng: chooses the words that fit the mixing weights.

    Attributes:
        order, soft: as given.
        weights: per order 1..n, the mixing weight of each bucket.
    """

    def __init__(self, corpus: Corpus, order: int, soft: bool, rng: np.random.Generator) -> None:
        self.order = check_size(order, 1, "order")
        self.soft = soft
        self._k = corpus.alphabet_size
        if (self._k + 1) ** (order - 1) > MAX_CONTEXTS:
            raise InputError("order", order, f"small enough for k = {self._k}")
        if len(corpus.words) < 2:
            raise InputError("words", len(corpus.words), "at least 2 different ones")
        fitted, left = corpus.split(HELD_OUT, rng)
        levels = self._levels(fitted)
        evidence = self._evidence(left)
        self.weights: list[floats.Array] = []
        guess = np.full(evidence.shape, 1 / self._k)
        for length, level in enumerate(levels):
            seen, places = level.find(self._codes(left, length))
            weights = _mixing(
                level.buckets[places], evidence[seen], level.laws[places], guess[seen]
            )
            guess = _mixed(guess, seen, level, places, weights)
            self.weights.append(weights)
        self._found = self._levels(corpus)

    @property
    def parameters(self) -> int:
        """How many numbers the model holds."""
        return sum(level.laws.size for level in self._found)

    def logs(self, corpus: Corpus) -> list[floats.Array]:
        """Return the logarithms of the model's next-token laws at the prefixes, layer by layer."""
        ends = np.cumsum([len(layer.weights) for layer in corpus.layers])[:-1]
        guess = np.full((corpus.prefixes, self._k), 1 / self._k)
        for length, (level, weights) in enumerate(zip(self._found, self.weights, strict=True)):
            seen, places = level.find(self._codes(corpus, length))
            guess = _mixed(guess, seen, level, places, weights)
        return np.split(np.log(guess), ends)

    def of_order(self, order: int) -> Ngram:
        """Return the model of a smaller order that this one is built on."""
        found = copy.copy(self)
        found.order, found.weights = order, self.weights[:order]
        found._found = self._found[:order]
        return found

    def _levels(self, corpus: Corpus) -> list[_Level]:
        evidence = self._evidence(corpus)
        lengths = np.concatenate(
            [np.full(len(layer.weights), t) for t, layer in enumerate(corpus.layers)]
        )
        return [
            _Level(self._codes(corpus, length), evidence, lengths < length)
            for length in range(self.order)
        ]

    def _evidence(self, corpus: Corpus) -> floats.Array:
        """Return what was seen after each prefix, layer after layer."""
        if self.soft:
            parts = [layer.weights[:, None] * np.exp(layer.logs) for layer in corpus.layers]
        else:
            parts = [corpus.following(t) for t in range(len(corpus.layers))]
        return np.concatenate(parts)

    def _codes(self, corpus: Corpus, length: int) -> floats.Array:
        """Return each prefix's context of so many tokens as one number."""
        contexts = np.concatenate([layer.context(length, self._k) for layer in corpus.layers])
        codes = np.zeros(len(contexts), dtype=np.int64)
        for column in contexts.T:
            codes = codes * (self._k + 1) + column
        return codes


def orders(corpus: Corpus, most: int = ORDERS) -> int:
    """Return the largest order up to ``most`` that makes sense for a corpus.

    Orders beyond T see no more than order T, and a context must fit into one number.
    """
    fitting = 1 + int(np.log(MAX_CONTEXTS) / np.log(corpus.alphabet_size + 1))
    return min(most, len(corpus.layers), fitting)


def _mixing(
    buckets: floats.Array, evidence: floats.Array, seen: floats.Array, shorter: floats.Array
) -> floats.Array:
    """Return per bucket the weight that maximizes the likelihood of the evidence, a concave one.

    A bucket without evidence takes the weight of the next smaller one.
    """
    found = np.full(2 * BUCKETS, np.nan)
    for bucket in range(2 * BUCKETS):
        here = buckets == bucket
        e, s, p = evidence[here], seen[here], shorter[here]
        if e.sum() > 0:
            low, high = 0.0, 1.0
            for _ in range(STEPS):
                weight = (low + high) / 2
                rising = (e * (s - p) / (weight * s + (1 - weight) * p)).sum() > 0
                low, high = (weight, high) if rising else (low, weight)
            found[bucket] = (low + high) / 2
        elif bucket % BUCKETS:
            found[bucket] = found[bucket - 1]
    return np.where(np.isnan(found), 0.5, found)


def _mixed(
    guess: floats.Array,
    seen: floats.Array,
    level: _Level,
    places: floats.Array,
    weights: floats.Array,
) -> floats.Array:
    lam = weights[level.buckets[places]][:, None]
    found = guess.copy()
    found[seen] = lam * level.laws[places] + (1 - lam) * guess[seen]
    return found

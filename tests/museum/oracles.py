"""Rooms of oracles and samplers: counting, centring, noise, drawing."""

from __future__ import annotations

import numpy as np
from flint import fmpq

from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.sampling import RowThresholds, Thresholds

from .piece import Piece, noisy, whole

LEDGER = "properties.claims.components.Ledger"
NOISE = "properties.strategies.oracles.NoisyOracle"


class CountsCalls(Ledger):
    """Counts every call as a distinct prefix."""

    def rows(self, prefixes):
        found = super().rows(prefixes)
        self.counts.distinct_prefixes = self.counts.calls
        return found


class MissesHits(Ledger):
    """Misses the cache hits inside one batch."""

    def rows(self, prefixes):
        found = super().rows(prefixes)
        self.counts.cache_hits -= len(prefixes) - len(set(prefixes))
        return found


class Forgets(Ledger):
    """Empties its store before every batch."""

    def rows(self, prefixes):
        self._rows.clear()
        return super().rows(prefixes)


class Uncentred(Ledger):
    """Hands the answers on as they came."""

    def _ask(self, prefixes, ask):
        answers = ask(prefixes)
        super()._ask(prefixes, lambda again: answers)
        return [tuple(answer) for answer in answers]


class DrawnAnew(NoisyOracle):
    """Draws its error afresh at every call."""

    def logits(self, prefixes):
        self._seed += 1
        return super().logits(prefixes)


class BoxNotShrunk(NoisyOracle):
    """Draws the error from the box of size xi and centres it afterwards."""

    def logits(self, prefixes):
        kept = self.amplitude
        k = len(self._oracle.logits([()])[0])
        if self._perturb.__name__ == "_random":
            self.amplitude = kept * fmpq(2 * (k - 1), k)
        try:
            return super().logits(prefixes)
        finally:
            self.amplitude = kept


def asked(instance):
    return (sum(map(len, instance.batches)),)


ORACLES = [
    Piece(
        "calls counted as distinct",
        "distinct prefixes grow by every call: the bill counts what the cache had answered",
        "ledger",
        {LEDGER: CountsCalls},
        whole("calls", smallest=(2,), measure=asked),
    ),
    Piece(
        "hits inside a batch missed",
        "a prefix that is repeated within one batch is not counted as a hit",
        "ledger",
        {LEDGER: MissesHits},
        whole("calls", smallest=(2,), measure=asked),
    ),
    Piece(
        "store emptied",
        "asks again what an earlier batch has asked; a cache per call in place of one per run",
        "ledger",
        {LEDGER: Forgets},
        whole("calls", smallest=(1,), measure=asked),
    ),
    Piece(
        "answers not centred",
        "Eq. 11 left out: right for oracles that centre, wrong for log-probabilities of a server",
        "ledger",
        {LEDGER: Uncentred},
        whole("calls", smallest=(1,), measure=asked),
    ),
    Piece(
        "noise drawn anew",
        "one generator for all calls: the same prefix gets another error; servers with caches",
        "def-4.1",
        {NOISE: DrawnAnew},
        noisy(1, 2),
    ),
    Piece(
        "noise beyond xi",
        "error drawn from a box of size xi, then centred: grows to 2 (k-1)/k xi; harmless at k = 2",
        "def-4.1",
        {NOISE: BoxNotShrunk},
        noisy(1, 3),
    ),
]


class OneMore(Thresholds):
    """Thresholds one too large."""

    def __call__(self, row):
        return [x + 1 for x in super().__call__(row)]


class UniformThresholds(RowThresholds):
    """Thresholds of equal probabilities, whatever the row."""

    def __call__(self, m):
        found = super().__call__(m)
        k = len(found[0]) + 1
        return [[(a << 64) // k for a in range(1, k)] for _ in found]


def drawing(instance):
    target, layers = instance.target, instance.layers
    return target.horizon, target.alphabet_size, len(layers[0])


def ties_to_the_left(counts, thresholds, rng):
    found = []
    for n, row in zip(counts, thresholds, strict=True):
        tokens = [sum(int(u) > x for x in row) for u in rng.integers(0, 1 << 64, size=n)]
        found.append(np.bincount(tokens, minlength=len(row) + 1).tolist())
    return found


SAMPLERS = [
    Piece(
        "split with ties to the left",
        "u > threshold for u >= threshold: one draw in 2^64 on the wrong token",
        "sampler",
        {"properties.claims.drawing.split": ties_to_the_left},
        whole("k", "draws", smallest=(2, 1), measure=lambda i: (len(i.row), len(i.near))),
    ),
    Piece(
        "thresholds one too large",
        "cumulative probabilities rounded up and raised again; no test of frequencies sees 2^-64",
        "sampler",
        {"properties.claims.drawing.Thresholds": OneMore},
        whole("k", "draws", smallest=(2, 1), measure=lambda i: (len(i.row), len(i.near))),
    ),
    Piece(
        "words of uniform tokens",
        "tokens drawn with equal probability: logits, tables and counts are right, p_bad is not",
        "drawn-words",
        {"llr.learning.lean.RowThresholds": UniformThresholds},
        whole("T", "k", "words", smallest=(1, 2, 1), measure=drawing),
    ),
]

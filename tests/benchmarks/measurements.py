"""What the query-complexity benchmarks measure, and how."""

from __future__ import annotations

from collections import Counter

import numpy as np

from llr.learning.api import learn
from llr.models.network import Network
from llr.models.targets import family_target
from llr.numbers import floats
from llr.numbers.rational import text

FRESH_WORDS = 10_000

PARITY = "parity:n=12,secret=101100101101,nu=1/10"
FOURIER = (
    "fourier:n=12,terms=110000000000:1/2;001100000000:-1/4;000011100000:1/4;"
    "000000011000:1/8;100000000111:-1/8"
)


def learned(target, *, epsilon, delta, seed, arithmetic="float", **options):
    """Return the target as a model, and what the learner made of it."""
    model = family_target(target)
    result = learn(model, epsilon=epsilon, delta=delta, seed=seed, arithmetic=arithmetic, **options)
    return model, result


def counts_of(result):
    """Return everything countable about a learning run."""
    return {
        "learning": result.learning_prefixes,
        "certifying": result.certifying_prefixes,
        "counting_limit": text(result.counting_limit),
        "limit_source": result.limit_source,
        "epochs": result.epochs,
        "stems_added": sum(result.witnesses),
        "basis_histories": sum(result.basis_sizes),
        "largest_basis": max(result.basis_sizes),
        "programs": result.programs,
        "words": result.counts.words,
        "accepted": result.accepted,
    }


def mean_distance(model, learned_model, seed, n=FRESH_WORDS):
    """Return the mean, over n fresh words, of the sum of the next-token distances along a word.

    It bounds TV(model, learned) from above, in expectation.
    """
    one, two = Network(model), Network(learned_model)
    words = one.words(n, np.random.default_rng(seed))
    x, y = (np.broadcast_to(network.start, (n, len(network.start))) for network in (one, two))
    total = 0.0
    for t in range(model.horizon):
        laws = floats.softmax(one.read(t, x)), floats.softmax(two.read(t, y))
        total += float(np.abs(laws[0] - laws[1]).sum()) / 2
        if t + 1 < model.horizon:
            x, y = one.step(t, x, words[:, t]), two.step(t, y, words[:, t])
    return total / n


class NetworkWords:
    """A model's own words, drawn by its network: quick, and they cost no call."""

    def __init__(self, model):
        self._network = Network(model)

    def draw(self, n, length, rng):
        """Return the first ``length`` tokens of n words with their counts, sorted."""
        drawn = Counter(map(tuple, self._network.words(n, rng)[:, :length].tolist()))
        return dict(sorted(drawn.items()))

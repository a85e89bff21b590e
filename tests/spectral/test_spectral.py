"""Spectral learning of weighted automata against the lean learner, at equal numbers of words.

A hidden Markov model cut off after T tokens is a weighted automaton; scikit-splearn learns one from
words alone.  The words of both come through our ledger: a word costs at most T logit calls.

Needs scikit-splearn, which needs numpy < 2: ``tox -e spectral``.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from flint import fmpq

from llr.analysis.distance import total_variation
from llr.learning.api import learn
from llr.models.base import words
from llr.models.targets import family_target
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import model_oracle
from llr.oracles.sampling import OracleWords

spectral = pytest.importorskip("splearn.spectral", reason="needs scikit-splearn: tox -e spectral")
samples = pytest.importorskip("splearn.datasets.data_sample")

TARGET = "hmm:T=5,k=2,R=2"
SEEDS = (0, 1, 2)
NUMBERS = (100, 1_000, 10_000, 100_000)
RANKS = (1, 2, 3)
DELTA = fmpq(1, 20)
STATES = (1, 2, 4, 6, 8, 10)
"""Two per cut are enough: at most 10.  The best of all is taken, as if an oracle had chosen it."""


def probability(model, word):
    """Return the probability of a whole word, in float64."""
    laws = floats.softmax(np.array([model.logits(word[:t]) for t in range(len(word))]))
    return math.prod(laws[t][token] for t, token in enumerate(word))


def spectral_distance(model, drawn):
    """Return the least TV that a spectral automaton reaches from these words, and its states.

    Its values are made a distribution: negative ones are set to 0, the rest is normalized.
    """
    k, horizon = model.alphabet_size, model.horizon
    rows = [list(word) for word, many in drawn.items() for _ in range(many)]
    sample = samples.DataSample(data=(k, len(rows), np.array(rows, dtype=float))).data
    truth = np.array([probability(model, word) for word in words(k, horizon)])
    found = []
    for states in STATES:
        learner = spectral.Spectral(
            rank=states,
            lrows=horizon,
            lcolumns=horizon,
            version="classic",
            partial=True,
            sparse=False,
            full_svd_calculation=True,  # else drawn from numpy's global state
            mode_quiet=True,
        )
        learner.fit(sample)
        values = np.array([learner.automaton.val(word) for word in words(k, horizon)], dtype=float)
        law = np.clip(values, 0, None)
        if not law.sum() > 0:
            continue
        found.append((float(np.abs(law / law.sum() - truth).sum()) / 2, states))
    return min(found)


def lean_distance(model, number, seed, rank):
    """Return TV and calls of the lean learner when it draws exactly that many words."""
    share = math.expm1(math.log(8 / float(DELTA)) / number)
    epsilon = fmpq(math.ceil(10**14 * 2 * share / (share + 0.5)), 10**14)
    result = learn(model, epsilon=epsilon, delta=DELTA, arithmetic="float", seed=seed, rank=rank)
    assert result.counts.words == number
    return float(total_variation(model, result.model).enclosure.upper), result.learning_prefixes


@pytest.mark.filterwarnings("ignore")  # theirs
def test_at_equal_numbers_of_words(capsys):
    model = family_target(TARGET)
    rows = []
    for number in NUMBERS:
        for seed in SEEDS:
            ledger = Ledger(
                model_oracle(model, FLOAT64), model.alphabet_size, model.horizon, FLOAT64
            )
            drawn = OracleWords(ledger, NAT, FLOAT64).draw(
                number, model.horizon, np.random.default_rng(seed)
            )
            assert sum(drawn.values()) == number
            apart, states = spectral_distance(model, drawn)
            row = {"words": number, "seed": seed, "spectral": apart, "states": states}
            row["calls"] = ledger.counts.distinct_prefixes
            for rank in RANKS:
                row[f"lean, rank {rank}"], row[f"calls, rank {rank}"] = lean_distance(
                    model, number, seed, rank
                )
            rows.append(row)
    with capsys.disabled():
        print()
        for row in rows:
            print(json.dumps(row))
    medians = [np.median([r["spectral"] for r in rows if r["words"] == n]) for n in NUMBERS]
    assert medians == sorted(medians, reverse=True)  # it does learn
    assert medians[-1] < 0.02
    for row in rows:
        assert row["lean, rank 3"] < row["spectral"]
        assert row["calls, rank 3"] <= row["calls"]

"""How much faster many sequences are together than one by one, within one run.

The model has 2 layers of width 64 and 512 tokens: what one call costs beyond its arithmetic is what
many sequences together save, and the wider a model, the more its arithmetic counts.  Both ways take
turns, and the median of the rounds' ratios counts: the machine's speed drifts, for both of them.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import pytest
import tiny_models

from llr.numbers.arithmetic import FLOAT64
from llr.oracles import batches
from llr.oracles.huggingface import HuggingFaceOracle
from llr.oracles.ledger import Ledger
from llr.oracles.real import RealModel

VOCABULARY = 512
LENGTH = 32
WORDS = 64
ROUNDS = 9


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    folder = tiny_models.write(
        tmp_path_factory.mktemp("speed"),
        "llama",
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=192,
        num_attention_heads=4,
        max_position_embeddings=256,
    )
    found = HuggingFaceOracle(folder)
    found.logits([(1, 2, 3)])
    return found


def words(n, length, seed=0):
    found = np.random.default_rng(seed).integers(0, VOCABULARY, (n, length - 1))
    return [(tiny_models.START, *row) for row in found.tolist()]


def seconds(ask, sequences):
    began = time.perf_counter()
    ask(sequences)
    return (time.perf_counter() - began) / len(sequences)


def ratio(slow, fast):
    """Return and print the median ratio of seconds per sequence, measured back to back."""
    rounds = [(seconds(*slow), seconds(*fast)) for _ in range(ROUNDS)]
    a, b = (median(times) for times in zip(*rounds, strict=True))
    found = median(one / other for one, other in rounds)
    print(f"{1 / a:,.0f} and {1 / b:,.0f} sequences/s: {found:.1f} times")
    return found


def one_by_one(oracle):
    return lambda sequences: [oracle.logits([s]) for s in sequences]


def test_many_words_together(oracle):
    sequences = words(256, 16)
    found = ratio((one_by_one(oracle), sequences[:40]), (oracle.logits, sequences))
    assert found >= 2


def test_all_prefixes_of_words_together(oracle):
    prefixes = [w[:n] for w in words(WORDS, LENGTH) for n in range(1, LENGTH + 1)]
    found = ratio((one_by_one(oracle), prefixes[: 2 * LENGTH]), (oracle.logits, prefixes))
    assert found >= 50


def test_futures_share_their_histories(oracle, monkeypatch):
    histories, futures = words(32, 24), [w[1:] for w in words(16, 5, 1)]
    sequences = [h + f for h in histories for f in futures]
    runs = batches.plan(sequences)
    saved = 1 - batches.tokens_run(runs) / sum(map(len, sequences))
    assert saved > 0.7

    def whole(sequences):
        with monkeypatch.context() as patch:
            patch.setattr(oracle, "_shares", False)
            oracle.logits(sequences)

    found = ratio((whole, sequences), (oracle.logits, sequences))
    assert found >= 1.5


def test_through_a_target_and_the_ledger(oracle):
    """The same by way of a restricted target: what a learner sees."""
    model = RealModel(oracle, LENGTH, tokens=tuple(range(256)))
    rng = np.random.default_rng(2)
    drawn = [tuple(row) for row in rng.integers(0, 256, (WORDS, LENGTH - 1)).tolist()]
    prefixes = [w[:n] for w in drawn for n in range(LENGTH)]

    def together(sequences):
        Ledger(model.oracle, 256, LENGTH, FLOAT64).block(sequences)

    def singly(sequences):
        for s in sequences:
            Ledger(model.oracle, 256, LENGTH, FLOAT64).block([s])

    found = ratio((singly, prefixes[: 2 * LENGTH]), (together, prefixes))
    assert found >= 20

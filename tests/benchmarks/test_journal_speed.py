"""A ledger with a journal beneath it against a ledger alone, over an oracle that costs nothing."""

from __future__ import annotations

import time

import numpy as np

from llr.numbers.arithmetic import FLOAT64
from llr.oracles.journal import Journal
from llr.oracles.ledger import Ledger

VOCABULARY = 512
LENGTH = 16
WORDS = 128
BATCH = 256
ROUNDS = 5
MOST_TIMES_THE_LEDGER = 25


class InMemory:
    def __init__(self):
        self.rows = np.random.default_rng(0).normal(size=(BATCH, VOCABULARY))

    def logits(self, prefixes):
        return self.rows[: len(prefixes)]


def batches():
    """Return all prefixes of random words, each once, in batches."""
    words = np.random.default_rng(1).integers(VOCABULARY, size=(WORDS, LENGTH)).tolist()
    prefixes = list(dict.fromkeys(tuple(w[:t]) for w in words for t in range(LENGTH)))
    return [prefixes[i : i + BATCH] for i in range(0, len(prefixes), BATCH)]


def microseconds(oracle, asked):
    """Return the time that a ledger takes per prefix."""
    ledger = Ledger(oracle, VOCABULARY, LENGTH, FLOAT64)
    start = time.perf_counter()
    for batch in asked:
        ledger.block(batch)
    return (time.perf_counter() - start) / ledger.counts.distinct_prefixes * 1e6


def test_ledger_with_journal(benchmark, tmp_path):
    asked, plain = batches(), InMemory()
    spent = {"alone": [], "asked": [], "remembered": []}

    def in_turn():
        path = tmp_path / str(len(spent["alone"]))
        spent["alone"].append(microseconds(plain, asked))
        for name in ("asked", "remembered"):
            with Journal(path) as journal:
                oracle = journal.oracle(plain, {}, VOCABULARY, FLOAT64)
                spent[name].append(microseconds(oracle, asked))
                assert getattr(journal, name) == sum(map(len, asked))

    benchmark.pedantic(in_turn, rounds=ROUNDS, iterations=1)
    least = {name: min(times) for name, times in spent.items()}
    benchmark.extra_info.update({f"{n}_microseconds_per_prefix": x for n, x in least.items()})
    assert least["asked"] <= MOST_TIMES_THE_LEDGER * least["alone"]
    assert least["remembered"] <= MOST_TIMES_THE_LEDGER * least["alone"]

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
MOST_TIMES_THE_LEDGER = 15
MOST_MICROSECONDS = 100


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
    """Return the time that a ledger takes per prefix, on the clock and of the processor."""
    ledger = Ledger(oracle, VOCABULARY, LENGTH, FLOAT64)
    start, busy = time.perf_counter(), time.process_time()
    for batch in asked:
        ledger.block(batch)
    spent = time.perf_counter() - start, time.process_time() - busy
    return [x / ledger.counts.distinct_prefixes * 1e6 for x in spent]


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
    clock, busy = ({n: min(x[i] for x in times) for n, times in spent.items()} for i in (0, 1))
    benchmark.extra_info.update(
        {
            f"{name}_{what}microseconds_per_prefix": round(x, 1)
            for what, least in (("", clock), ("processor_", busy))
            for name, x in least.items()
        }
    )
    # of the processor: the clock also counts who else computes or writes to the disk
    assert busy["asked"] <= MOST_MICROSECONDS
    assert busy["remembered"] <= MOST_MICROSECONDS
    assert busy["asked"] <= MOST_TIMES_THE_LEDGER * busy["alone"]
    assert busy["remembered"] <= MOST_TIMES_THE_LEDGER * busy["alone"]

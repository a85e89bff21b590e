"""Two workers of a sweep against one, in alternate blocks of one run, if LLR_SWEEP=large.

It takes minutes, and two cores that are free the while.
"""

from __future__ import annotations

import json
import os
import queue
import time
from contextlib import closing
from statistics import median

import pytest

from llr.sweeps import engines
from llr.sweeps.spec import read_spec

TASKS, BLOCK = 500, 20
SPEC = f"""
target = "isan:T=96,k=2,d=4,seed={{seed}}"
seeds = "0..{TASKS - 1}"
arithmetic = "float"
epsilon = 0.1
"""
LEAST = 1.7


class Workers:
    """Some workers that wait between blocks of tasks."""

    def __init__(self, many):
        self._keys = queue.SimpleQueue()
        self.ended = engines.loky(iter(self._keys.get, None), many)

    def seconds(self, keys):
        """Do tasks, and return the time until the last one has ended, and their rows."""
        start = time.perf_counter()
        for key in keys:
            self._keys.put(key)
        sent = dict(next(self.ended) for _ in keys)
        return time.perf_counter() - start, {k: json.loads(x) for k, x in sent.items()}

    def end(self):
        for _ in range(8):
            self._keys.put(None)


@pytest.mark.skipif(os.environ.get("LLR_SWEEP") != "large", reason="LLR_SWEEP is not large")
def test_two_workers_against_one(benchmark, tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    keys = read_spec(path).keys
    one, two = Workers(1), Workers(2)
    spent = {1: [], 2: []}
    single = []

    def in_turn():
        for workers in (one, two):  # starts the processes
            workers.seconds(keys[:4])
        for place in range(0, TASKS, BLOCK):
            block = keys[place : place + BLOCK]
            taken, rows = one.seconds(block)
            spent[1].append(taken)
            single.extend(x["seconds"] for x in rows.values())
            taken, others = two.seconds(block)
            spent[2].append(taken)
            assert {k: x["row"] for k, x in rows.items()} == {
                k: x["row"] for k, x in others.items()
            }

    with closing(one.ended), closing(two.ended):
        try:
            benchmark.pedantic(in_turn, rounds=1, iterations=1)
        finally:
            one.end()
            two.end()
    ratio = sum(spent[1]) / sum(spent[2])
    by_block = sorted(x / y for x, y in zip(spent[1], spent[2], strict=True))
    benchmark.extra_info.update(
        {
            "tasks": TASKS,
            "median seconds a task": round(median(single), 3),
            "seconds with one worker, with two": [round(sum(x), 1) for x in spent.values()],
            "ratio": round(ratio, 3),
            "ratio by block, least, median, most": [
                round(x, 3) for x in (by_block[0], median(by_block), by_block[-1])
            ],
        }
    )
    print(json.dumps(benchmark.extra_info))
    assert ratio >= LEAST, f"two workers are {ratio:.2f} times faster than one"

"""Exact learning against float64 in one run: a ratio of times, exact counts and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from llr.learning.api import learn
from llr.models.targets import family_target

TARGET = "isan:T=8,k=2,d=4"
OPTIONS = {"epsilon": "0.01", "delta": "0.01", "seed": 0, "algorithm": "printed"}
ROUNDS = 3
MOST_TIMES_FLOAT = 5
MOST_BYTES = 300 * 10**6


def timed_learn(arithmetic):
    """Return the seconds that one run took, and its result."""
    model = family_target(TARGET)
    start = time.perf_counter()
    result = learn(model, arithmetic=arithmetic, **OPTIONS)
    return time.perf_counter() - start, result


def test_exact_learning_within_five_times_float64(benchmark):
    seconds, results = {"exact": [], "float": []}, {}

    def run():
        # the two take turns, so that a busy machine slows both
        for arithmetic, found in seconds.items():
            spent, result = timed_learn(arithmetic)
            found.append(spent)
            results[arithmetic] = result

    benchmark.pedantic(run, rounds=ROUNDS, iterations=1)
    exact, rough = results["exact"], results["float"]
    ratio = min(seconds["exact"]) / min(seconds["float"])
    benchmark.extra_info.update(
        {
            "target": TARGET,
            "exact_seconds": min(seconds["exact"]),
            "float_seconds": min(seconds["float"]),
            "exact_over_float": ratio,
            "exact": exact.as_json(),
            "float": rough.as_json(),
        }
    )
    assert exact.accepted
    assert rough.accepted
    assert exact.counts.as_json() == {
        "calls": 9992,
        "distinct_prefixes": 255,  # every prefix of at most 7 tokens, once
        "cache_hits": 9992 - 255,
        "tokens": sum(t * 2**t for t in range(8)),
        "words": 52158,
        "rechecks": 16,
    }
    assert rough.counts.distinct_prefixes == 255
    assert (exact.epochs, exact.infeasible_epochs, exact.programs) == (16, 0, 201)
    assert exact.witnesses == (0, 1, 3, 3, 3, 3, 2, 0)
    assert exact.basis_sizes == (1, 2, 4, 4, 4, 4, 3, 0)
    assert ratio <= MOST_TIMES_FLOAT


# The learner runs in a process of its own, started by a small one: a process that is started by a
# large one begins with that one's peak.
LEARNER = f"""
from llr.learning.api import learn
from llr.models.targets import family_target
result = learn(family_target({TARGET!r}), **{OPTIONS!r})
assert result.accepted and result.counts.distinct_prefixes == 255
"""
LAUNCHER = f"""
import json, resource, subprocess, sys
subprocess.run([sys.executable, "-c", {LEARNER!r}], check=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps(peak * (1 if sys.platform == "darwin" else 1024)))
"""


def test_peak_memory_of_exact_learning(benchmark):
    pytest.importorskip("resource")

    def run():
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER], check=True, capture_output=True, text=True
        )
        return json.loads(done.stdout)

    peak = benchmark.pedantic(run, rounds=1, iterations=1)
    benchmark.extra_info.update({"target": TARGET, "peak_bytes": peak})
    assert 10**7 < peak < MOST_BYTES

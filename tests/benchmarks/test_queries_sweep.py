"""How the lean learner's calls grow: with T, k, d and 1/epsilon, several seeds each.

LLR_SWEEP=large adds the larger sizes (minutes).
"""

from __future__ import annotations

import os
import tracemalloc
from itertools import pairwise

import pytest
from measurements import counts_of, learned

from bounds import exponents
from llr.analysis.fits import power_law
from llr.numbers.rational import parse

LARGE = os.environ.get("LLR_SWEEP") == "large"
SEEDS = (0, 1, 2)
DELTA = "0.01"

# name: (fixed parameters, the one that varies, its values, further values of the large sweep)
SWEEPS = {
    "T": ({"k": 2, "d": 2, "e": 10}, "T", (16, 32, 64, 128, 256), (512,)),
    "k": ({"T": 12, "d": 4, "e": 10}, "k", (2, 3, 4, 6, 8, 12), (16, 24, 32)),
    "d": ({"T": 24, "k": 4, "e": 10}, "d", (2, 3, 4, 6, 8, 12), (16, 24)),
    "1/epsilon": ({"T": 32, "k": 4, "d": 2}, "e", (10, 20, 50, 100), (200, 500, 1000)),
}

# what the fits of the small sweep must say, as [least, most] exponents; measured values are in
# docs/queries.md
EXPECTED = {
    ("T", "learning"): (0.9, 1.3),
    ("T", "certifying"): (0.9, 1.3),
    ("k", "learning"): (0.0, 1.0),
    ("d", "learning"): (1.0, 2.2),
    ("1/epsilon", "learning"): (-0.01, 0.05),
    ("1/epsilon", "certifying"): (0.9, 1.1),
}


def points(name):
    """Return, per value and seed of a sweep, the value and what was counted there."""
    fixed, varied, values, more = SWEEPS[name]
    for value in (*values, *(more if LARGE else ())):
        at = {**fixed, varied: value}
        for seed in SEEDS:
            target = f"isan:T={at['T']},k={at['k']},d={at['d']},seed={seed}"
            epsilon = f"1/{at['e']}"
            _, result = learned(target, epsilon=epsilon, delta=DELTA, seed=seed)
            yield value, f"{target},epsilon={epsilon}", counts_of(result)


@pytest.mark.parametrize("name", list(SWEEPS))
def test_sweep(benchmark, baseline, name):
    found = benchmark.pedantic(lambda: list(points(name)), rounds=1, iterations=1)
    for _, point, counts in found:
        baseline.check(point, counts)
    assert all(counts["accepted"] for _, _, counts in found)
    sizes = [value for value, _, _ in found]
    fits = {
        "counting limit": power_law(
            sizes, [float(parse(counts["counting_limit"])) for _, _, counts in found]
        )
    } | {
        kind: power_law(sizes, [counts[kind] for _, _, counts in found])
        for kind in ("learning", "certifying")
    }
    benchmark.extra_info.update(
        {
            "fixed": SWEEPS[name][0],
            "fitted exponents [95 %]": {kind: str(fit) for kind, fit in fits.items()},
            "theorem 5.11": exponents.PRINTED[name],
            "by compression": exponents.COMPRESSION.get(name),
            "points": {point: counts for _, point, counts in found},
        }
    )
    for kind, fit in fits.items():
        least, most = EXPECTED.get((name, kind), (-1, exponents.PRINTED[name]))
        assert least <= fit.exponent <= most, f"{kind} calls grow like {name}^{fit}"
        # far below the theorem's exponent; certain already at the upper end of the interval
        assert fit.high < exponents.PRINTED[name]


def test_memory_against_the_horizon(benchmark, baseline):
    """What is learned grows linearly, and so does the memory that it takes to learn and certify."""
    horizons = (64, 128, 256)

    def run():
        peaks, numbers, tokens = [], [], []
        for horizon in horizons:
            tracemalloc.start()
            _, result = learned(
                f"isan:T={horizon},k=2,d=2,seed=0", epsilon="1/20", delta=DELTA, seed=0
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            sizes = result.basis_sizes
            numbers.append(sum(2 * a * b for a, b in pairwise(sizes)))
            tokens.append(result.counts.tokens)
        return peaks, numbers, tokens

    peaks, numbers, tokens = benchmark.pedantic(run, rounds=1, iterations=1)
    baseline.check("memory", {"horizons": horizons, "numbers": numbers, "tokens": tokens})
    fits = {
        name: power_law(horizons, found)
        for name, found in (("peak bytes", peaks), ("numbers", numbers), ("tokens", tokens))
    }
    benchmark.extra_info.update({name: str(fit) for name, fit in fits.items()})
    benchmark.extra_info["peak bytes at T"] = dict(zip(horizons, peaks, strict=True))
    assert 0.9 <= fits["numbers"].exponent <= 1.1
    assert fits["peak bytes"].exponent <= 1.35

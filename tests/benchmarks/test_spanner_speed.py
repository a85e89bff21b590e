"""Spanners of 2,000 rows of rank 64 against a determinant per candidate, in one run.

The obvious way ([AK]'s, as it is written down) asks for the determinant of every candidate basis.
Its whole run takes too long to be repeated here, so a part of its first pass is timed.  The whole
is at least two passes, one that builds the basis and one that finds nothing left to exchange: the
time below is a lower bound of the time of the obvious way.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from llr.learning.certified import certified_spanner
from llr.learning.spanner import BOX, barycentric_spanner
from llr.numbers.arithmetic import FLOAT64

ROWS = 2000
RANK = 64
ROUNDS = 3
TIMED_PLACES = 2
BATCH = 200
LEAST_SPEED_UP = 50
LEAST_CERTIFIED_SPEED_UP = 20


def random_rows():
    return np.random.default_rng(0).normal(size=(ROWS, RANK))


# -- the obvious way ------------------------------------------------------------------------------


def determinants(m, basis, place):
    """Return |det| of the basis with each row of ``m`` in turn at one place."""
    found = np.empty(len(m))
    for start in range(0, len(m), BATCH):  # numpy is fastest on a batch that fits the cache
        rows = m[start : start + BATCH]
        candidates = np.repeat(basis[None], len(rows), axis=0)
        candidates[:, place] = rows
        found[start : start + BATCH] = np.abs(np.linalg.det(candidates))
    return found


def spanner_by_determinants(m, columns, places=None):
    """Return a 2-barycentric spanner of rows of full column rank, and the determinants computed.

    With ``places``, stop after so many places of the first pass.
    """
    basis, chosen, computed = np.eye(columns), [-1] * columns, 0
    for place in range(columns):
        if place == places:
            return chosen, computed
        chosen[place] = int(determinants(m, basis, place).argmax())
        basis[place] = m[chosen[place]]
        computed += len(m)
    while True:
        volume, before = abs(np.linalg.det(basis)), list(chosen)
        for place in range(columns):
            volumes = determinants(m, basis, place)
            computed += len(m)
            best = int(volumes.argmax())
            if volumes[best] > BOX * volume:
                chosen[place], volume = best, volumes[best]
                basis[place] = m[best]
        if chosen == before:
            return chosen, computed


def largest_coefficient(m, indices):
    """Solve afresh for the coefficients of all rows."""
    return float(np.abs(np.linalg.solve(m[list(indices)].T, m.T)).max())


def seconds(run):
    start = time.perf_counter()
    found = run()
    return time.perf_counter() - start, found


@pytest.mark.parametrize("seed", range(5))
def test_the_obvious_way_is_right_and_takes_at_least_two_passes(seed):
    m = np.random.default_rng(seed).standard_cauchy(size=(60, 5))
    chosen, computed = spanner_by_determinants(m, 5)
    assert largest_coefficient(m, chosen) <= BOX + 1e-9
    assert computed >= 2 * 5 * 60
    assert spanner_by_determinants(m, 5, places=2)[1] == 2 * 60


# -- the yardsticks -------------------------------------------------------------------------------


def in_turn(benchmark, run):
    """Time a part of the obvious way and ``run`` in turn, so that a busy machine slows both.

    Returns:
        How many times as long the obvious way takes, at least; and what ``run`` returned.
    """
    m = random_rows()
    spent = {"part": [], "ours": []}
    found = []

    def both():
        taken, (_, computed) = seconds(
            lambda: spanner_by_determinants(m, RANK, places=TIMED_PLACES)
        )
        assert computed == TIMED_PLACES * ROWS
        spent["part"].append(taken)
        taken, result = seconds(run)
        spent["ours"].append(taken)
        found.append(result)

    benchmark.pedantic(both, rounds=ROUNDS, iterations=1, warmup_rounds=1)
    obvious = 2 * RANK / TIMED_PLACES * min(spent["part"])
    speed_up = obvious / min(spent["ours"])
    benchmark.extra_info.update(
        {
            "rows": ROWS,
            "rank": RANK,
            "obvious_seconds_at_least": obvious,
            "our_seconds": min(spent["ours"]),
            "speed_up_at_least": speed_up,
        }
    )
    return speed_up, found[-1]


def test_float_spanner_with_a_fresh_solve(benchmark):
    m = random_rows()
    rows = [tuple(row) for row in m.tolist()]

    def run():
        found = barycentric_spanner(rows, RANK, FLOAT64)
        return found, largest_coefficient(m, found.indices)

    speed_up, (found, largest) = in_turn(benchmark, run)
    benchmark.extra_info.update({"exchanges": found.exchanges, "largest_coefficient": largest})
    assert len(found.indices) == RANK
    assert found.exchanges == 0
    assert largest <= BOX
    assert np.abs(np.array(found.coefficients) @ m[list(found.indices)] - m).max() <= 1e-12
    assert speed_up >= LEAST_SPEED_UP


def test_spanner_certified_with_balls(benchmark):
    m = random_rows()
    rows = [tuple(row) for row in m.tolist()]
    speed_up, found = in_turn(benchmark, lambda: certified_spanner(rows, RANK))
    benchmark.extra_info["exchanges"] = found.exchanges
    assert len(found.indices) == RANK
    assert found.exchanges == 0
    assert largest_coefficient(m, found.indices) <= BOX
    assert speed_up >= LEAST_CERTIFIED_SPEED_UP

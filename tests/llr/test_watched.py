"""llr.oracles.watched: a recheck over all that was asked of an oracle, whoever asked."""

from __future__ import annotations

import numpy as np
import pytest

from llr.errors import OracleError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.watched import Watched


class Numbers:
    """Answers that depend on the last token; those of some prefixes move by ``shift``."""

    def __init__(self, reproducible=0.0):
        self.reproducible = reproducible
        self.asked, self.batches = [], []
        self.moved, self.shift = set(), 0.0

    def logits(self, prefixes):
        self.asked += prefixes
        self.batches.append(np.array([self.row(p) for p in prefixes]))
        return self.batches[-1]

    def row(self, prefix):
        return [1.1 * prefix[-1], -0.7 + self.shift * (prefix in self.moved), 0.3]


def asked(sizes, oracle):
    """Ask for numbers 0, 1, 2, ... in batches of these sizes, each through a ledger of its own."""
    watched, done = Watched(oracle, 3, FLOAT64), 0
    for size in sizes:
        rows = Ledger(watched, 3, 9, FLOAT64).block([(i,) for i in range(done, done + size)])
        assert rows.shape == (size, 3)
        done += size
    del oracle.asked[:]
    return watched


@pytest.mark.parametrize(
    "sizes", [[1], [5, 3], [16], [31], [32], [33], [40, 1, 7, 100], [1] * 70, [1000, 3]]
)
def test_a_few_are_asked_again_from_first_to_last(sizes):
    oracle = Numbers()
    watched = asked(sizes, oracle)
    watched.recheck()
    again = [i for (i,) in oracle.asked]
    n = sum(sizes)
    assert watched.rechecks == len(again) == len(set(again)) == min(n, 16)
    # kept are fewer than 32, evenly, whatever the batches
    step = next(2**i for i in range(9) if -(-n // 2**i) < 32)
    kept = range(0, n, step)
    assert again == [kept[i * len(kept) // len(again)] for i in range(len(again))]


@pytest.mark.parametrize("place", range(16))
def test_an_answer_that_changed_is_found(place):
    oracle = Numbers()
    watched = asked([9, 40, 30], oracle)
    watched.recheck()
    oracle.moved, oracle.shift = {oracle.asked[place]}, 1e-9
    with pytest.raises(OracleError, match=r"must be the same at every call, not .* first and"):
        watched.recheck()
    assert watched.rechecks == 32


@pytest.mark.parametrize(("shift", "found"), [(0.009, False), (0.02, True)])
def test_answers_may_differ_by_what_the_oracle_says(shift, found):
    oracle = Numbers(0.01)
    watched = asked([20], oracle)
    assert watched.reproducible == 0.01
    oracle.moved, oracle.shift = {(i,) for i in range(20)}, shift
    if found:
        with pytest.raises(OracleError):
            watched.recheck()
    else:
        watched.recheck()


def test_first_answers_are_those_that_came_whatever_becomes_of_them():
    oracle = Numbers()
    watched = asked([20], oracle)
    oracle.batches[0][:] = 0
    watched.recheck()


def test_it_asks_past_what_remembers():
    class Remembering(Numbers):
        def fresh(self, prefixes):
            return self.logits(prefixes) + np.array([1, 0, 0])

    watched = asked([3], Remembering())
    assert watched.logits([(1,)]).tolist() != watched.fresh([(1,)]).tolist()
    with pytest.raises(OracleError):
        watched.recheck()


def test_nothing_asked_nothing_rechecked():
    watched = Watched(Numbers(), 3, FLOAT64)
    watched.recheck()
    assert watched.rechecks == 0

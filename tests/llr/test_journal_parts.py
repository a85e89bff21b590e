"""The journal over an oracle that answers a few prefixes at a time, and not always all of them."""

from __future__ import annotations

import numpy as np
import pytest

from llr.errors import BudgetError, UnansweredError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.budget import Budget
from llr.oracles.journal import Journal
from llr.oracles.real import RealModel


class Source:
    """A source of three tokens that answers all but one sequence; logs what it answers."""

    vocabulary_size = 3
    start = (0,)
    identity = {"name": "three"}  # noqa: RUF012
    reproducible = 0.0
    at_once = 4

    def __init__(self):
        self.answered, self.batches, self.refused = [], [], None

    def logits(self, sequences, tokens=None):
        self.batches.append(len(sequences))
        places = [i for i, s in enumerate(sequences) if s != self.refused]
        self.answered.extend(sequences[i] for i in places)
        rows = np.array([[len(sequences[i]), sum(sequences[i]), -1.5] for i in places])
        if len(places) < len(sequences):
            raise UnansweredError("not this one", places, rows.reshape(-1, 3))
        return rows


PREFIXES = [(a, b) for a in range(3) for b in range(3)]


def seen(source, journal, budget=None):
    """Return a source's oracle as seen through a journal, and a budget."""
    oracle = RealModel(source, 3).oracle
    if budget is not None:
        oracle = budget.oracle(oracle)
    return journal.oracle(oracle, {"name": "three"}, 3, FLOAT64)


@pytest.mark.parametrize("limited", [False, True])
def test_the_source_says_how_many_are_asked_and_committed_at_once(tmp_path, limited):
    source = Source()
    with Journal(tmp_path / "journal") as journal:
        budget = Budget(100) if limited else None
        rows = seen(source, journal, budget).logits(PREFIXES)
    assert source.batches == [4, 4, 1]
    assert rows.tolist() == [[3, sum(p), -1.5] for p in PREFIXES]


@pytest.mark.parametrize("place", range(9))
def test_of_a_batch_answered_in_part_that_part_is_kept(tmp_path, place):
    source = Source()
    source.refused = (0, *PREFIXES[place])
    with Journal(tmp_path / "journal") as journal:
        oracle = seen(source, journal)
        with pytest.raises(UnansweredError):
            oracle.logits(PREFIXES)
        assert len(journal) == len(source.answered) == min(9, place // 4 * 4 + 4) - 1
        source.refused = None
        rows = oracle.logits(PREFIXES)
        assert rows.tolist() == [[3, sum(p), -1.5] for p in PREFIXES]
    assert len(source.answered) == len(set(source.answered)) == 9


def test_nothing_answered_nothing_kept(tmp_path):
    source = Source()
    source.refused = (0,)
    with Journal(tmp_path / "journal") as journal:
        oracle = seen(source, journal)
        with pytest.raises(UnansweredError):
            oracle.logits([()])
        assert len(journal) == 0
        source.refused = None
        assert oracle.logits([()]).tolist() == [[1, 0, -1.5]]


def test_a_budget_counts_what_was_asked_in_vain(tmp_path):
    source = Source()
    source.refused = (0, 0, 1)
    with Journal(tmp_path / "journal") as journal:
        oracle = seen(source, journal, Budget(5))
        with pytest.raises(UnansweredError):
            oracle.logits(PREFIXES)
        with pytest.raises(BudgetError):
            oracle.logits(PREFIXES[4:])
        assert len(journal) == 4

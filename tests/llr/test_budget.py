"""A budget: nothing is asked beyond it, whoever asks."""

from __future__ import annotations

import pytest

from llr.errors import BudgetError
from llr.oracles.budget import Budget


class Counting:
    def __init__(self):
        self.asked = 0

    def logits(self, prefixes):
        self.asked += len(prefixes)
        return [[0, 0] for _ in prefixes]


def test_a_batch_that_does_not_fit_is_not_asked():
    plain = Counting()
    oracle = Budget(5).oracle(plain)
    assert oracle.logits([(), (0,), (1,)]) == [[0, 0]] * 3
    assert oracle.left == 2
    with pytest.raises(
        BudgetError, match=r"^of 5 calls allowed, 2 are left; the next batch has 3$"
    ):
        oracle.logits([(0, 0), (0, 1), (1, 0)])
    assert plain.asked == 3
    oracle.logits([(0, 0), (0, 1)])
    assert (plain.asked, oracle.left) == (5, 0)
    with pytest.raises(BudgetError):
        oracle.logits([()])
    assert oracle.logits([]) == []


def test_fresh_answers_cost_the_same():
    plain = Counting()
    oracle = Budget(2).oracle(plain)
    oracle.fresh([(), (0,)])
    with pytest.raises(BudgetError):
        oracle.fresh([()])
    assert plain.asked == 2


def test_a_budget_is_shared_by_all_oracles_within_it():
    budget = Budget(3)
    one, two = (budget.oracle(Counting()) for _ in range(2))
    one.logits([(), (0,)])
    two.logits([()])
    with pytest.raises(BudgetError):
        one.logits([(1,)])
    assert one.left == two.left == budget.left == 0

"""llr.analysis.continuations: against plain arithmetic."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from llr.analysis.continuations import (
    Setting,
    divergences,
    draw,
    last_tokens,
    mean_and_error,
    prefixes_of,
)
from llr.oracles.protocol import FunctionOracle


def by_hand(first, second):
    p = [math.exp(x) / sum(map(math.exp, first)) for x in first]
    q = [math.exp(x) / sum(map(math.exp, second)) for x in second]
    return sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))


def test_divergences_are_kl_row_by_row_in_this_direction():
    first, second = np.array([[0.3, -1.0, 2.0], [0.0, 0.0, 0.0]]), np.array([[1, 2, -3], [5, 1, 0]])
    found = divergences(first, second)
    wanted = [by_hand(x, y) for x, y in zip(first.tolist(), second.tolist(), strict=True)]
    assert found == pytest.approx(wanted, rel=1e-12)
    assert abs(found[0] - divergences(second, first)[0]) > 0.1


def test_divergences_do_not_see_what_is_added_to_a_row_and_bear_large_logits():
    rows = np.array([[900.0, -900.0], [1.0, 2.0]])
    assert divergences(rows, rows + 7.0) == pytest.approx([0, 0], abs=1e-12)
    assert divergences(rows, -rows)[0] == pytest.approx(1800)


def test_the_standard_error_is_that_of_the_prompts_where_there_are_several():
    assert mean_and_error([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]) == (
        2.0,
        pytest.approx(1 / math.sqrt(3)),
    )
    assert mean_and_error([[1.0, 3.0]]) == (2.0, pytest.approx(1.0))
    assert mean_and_error([[5.0]]) == (5.0, None)


def test_last_tokens_reach_into_the_prompt():
    assert prefixes_of((7, 8, 9)) == [(), (7,), (7, 8)]
    assert last_tokens((1, 2), (7, 8, 9), 1) == [(2,), (7,), (8,)]
    assert last_tokens((1, 2), (7, 8, 9), 3) == [(1, 2), (1, 2, 7), (2, 7, 8)]


def test_continuations_follow_the_law_after_the_prefix():
    odds = {(1,): (0.0, math.log(3)), (1, 0): (0.0, 9.0), (1, 1): (9.0, 0.0)}
    setting = Setting(FunctionOracle(odds.__getitem__), 2, 3)
    ledger = setting.ledger()
    found = draw(ledger, setting, (1,), 2000, 2, np.random.default_rng(0))
    counts = Counter(found)
    assert abs(counts[1, 0] / 2000 - 0.75) < 0.05
    assert counts[0, 1] + counts[1, 0] > 1990
    assert ledger.counts.distinct_prefixes == 3
    assert found != sorted(found)

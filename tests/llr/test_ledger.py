"""The ledger: every count, every batch, and every oracle that it must refuse."""

from __future__ import annotations

import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.errors import OracleError
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles.ledger import Counts, Ledger, PrefixTree

NAN, INF = float("nan"), float("inf")


class Recording:
    """An oracle that keeps the batches it was sent."""

    def __init__(self, answer=lambda p: [len(p), 0]):
        self.answer = answer
        self.batches = []

    def logits(self, prefixes):
        self.batches.append(list(prefixes))
        return [self.answer(p) for p in prefixes]


class Whole:
    """An oracle that answers a batch with one fixed thing."""

    def __init__(self, answer):
        self.answer = answer

    def logits(self, prefixes):
        return self.answer


def exact_ledger(oracle, k=2, horizon=4):
    return Ledger(oracle, k, horizon, EXACT)


def as_fractions(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


def test_counts_by_hand():
    oracle = Recording()
    ledger = exact_ledger(oracle)
    ledger.rows([(), (0,), (), (0, 1)])
    assert ledger.counts == Counts(calls=4, distinct_prefixes=3, cache_hits=1, tokens=3)
    ledger.rows([(0,), (1,), (1,)])
    assert ledger.counts == Counts(calls=7, distinct_prefixes=4, cache_hits=3, tokens=4)
    ledger.rows([(0, 1), ()])
    ledger.rows([])
    ledger.row((1, 1, 1))
    ledger.row((1, 1, 1))
    assert ledger.counts == Counts(calls=11, distinct_prefixes=5, cache_hits=6, tokens=7)
    assert oracle.batches == [[(), (0,), (0, 1)], [(1,)], [(1, 1, 1)]]
    assert ledger.log == [(), (0,), (0, 1), (1,), (1, 1, 1)]


def test_counts_as_json():
    assert Counts(1, 2, 3, 4, 5, 6).as_json() == {
        "calls": 1,
        "distinct_prefixes": 2,
        "cache_hits": 3,
        "tokens": 4,
        "words": 5,
        "rechecks": 6,
    }


def test_a_new_ledger_has_asked_nothing():
    oracle = Recording()
    ledger = exact_ledger(oracle)
    assert ledger.counts == Counts()
    assert ledger.log == []
    assert oracle.batches == []


prefix_lists = st.lists(st.lists(st.tuples() | st.tuples(st.integers(0, 1), st.integers(0, 1))))


@settings(deadline=None)
@given(prefix_lists)
def test_batches_hold_new_distinct_prefixes_only(requests):
    oracle = Recording()
    ledger = exact_ledger(oracle)
    seen = set()
    for request in requests:
        sent = len(oracle.batches)
        ledger.rows(request)
        new = list(dict.fromkeys(p for p in request if p not in seen))
        assert oracle.batches[sent:] == ([new] if new else [])
        seen.update(request)
    calls = sum(len(r) for r in requests)
    assert ledger.counts == Counts(
        calls=calls,
        distinct_prefixes=len(seen),
        cache_hits=calls - len(seen),
        tokens=sum(len(p) for p in seen),
    )
    assert set(ledger.log) == seen
    assert len(ledger.log) == len(seen)


def test_answers_are_centred_exactly():
    ledger = exact_ledger(Recording(lambda p: [1, Fraction(1, 2), "-2/3"]), k=3)
    (row,) = ledger.rows([()])
    # the mean of 1, 1/2, -2/3 is 5/18
    assert as_fractions(row) == [Fraction(13, 18), Fraction(4, 18), Fraction(-17, 18)]


def test_answers_are_centred_in_float64():
    ledger = Ledger(Recording(lambda p: [1, 2.5, np.float32(-0.5)]), 3, 2, FLOAT64)
    assert ledger.row(()) == (0.0, 1.5, -1.5)


@pytest.mark.parametrize("answer", [(3, -1), [fmpq(3), fmpq(-1)], np.array([3, -1]), ["3", "-1"]])
def test_exact_arithmetic_accepts_every_kind_of_rational(answer):
    assert as_fractions(exact_ledger(Recording(lambda p: answer)).row(())) == [2, -2]


def test_a_whole_array_is_an_answer():
    ledger = exact_ledger(Whole(np.array([[0, 2], [4, 0]])))
    assert [as_fractions(r) for r in ledger.rows([(0,), (1,)])] == [[-1, 1], [2, -2]]


def test_rows_come_in_the_order_asked():
    ledger = exact_ledger(Recording(lambda p: [2 * len(p), 0]))
    found = ledger.rows([(0, 0), (), (0,), (0, 0)])
    assert [as_fractions(r)[0] for r in found] == [2, 0, 1, 2]


# -- answers that no oracle may give --------------------------------------------------------------


@pytest.mark.parametrize(
    ("arithmetic", "answer", "message"),
    [
        (FLOAT64, [NAN, 0.0], r"at prefix \(1,\) must be a finite number, not nan"),
        (FLOAT64, [0.0, INF], r"at prefix \(1,\) must be a finite number, not inf"),
        (FLOAT64, [-INF, 0.0], r"must be a finite number, not -inf"),
        (FLOAT64, [np.float32("nan"), 0], r"must be a finite number"),
        (FLOAT64, ["1", 0.0], r"must be a finite number, not '1'"),
        (FLOAT64, [None, 0.0], r"must be a finite number, not None"),
        (FLOAT64, [True, 0.0], r"must be a finite number, not True"),
        (FLOAT64, [10**400, 0.0], r"must be a finite number"),
        (EXACT, [NAN, 0], r"at prefix \(1,\) must be a rational .*, not nan"),
        (EXACT, [INF, 0], r"must be a rational .*, not inf"),
        (EXACT, [0.5, -0.5], r"must be a rational .*, not 0.5"),
        (EXACT, [np.float64(1), 0], r"must be a rational"),
        (EXACT, [Decimal("0.5"), 0], r"must be a rational"),
        (EXACT, ["1/0", 0], r"must be a rational with a nonzero denominator, not '1/0'"),
        (EXACT, ["0.5", 0], r"must be a rational string such as"),
        (EXACT, [True, 0], r"must be a rational .*, not True"),
        (EXACT, [[1], [2]], r"must be a rational .*, not \[1\]"),
    ],
)
def test_entries_that_are_no_scalars(arithmetic, answer, message):
    ledger = Ledger(Recording(lambda p: answer), 2, 3, arithmetic)
    with pytest.raises(OracleError, match=message):
        ledger.rows([(1,)])
    assert ledger.log == []


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT64])
@pytest.mark.parametrize(
    ("answer", "shown"), [([], "0"), ([0], "1"), ([0, 0, 0], "3"), (np.zeros(4, int), "4")]
)
def test_wrong_length(arithmetic, answer, shown):
    ledger = Ledger(Recording(lambda p: answer), 2, 3, arithmetic)
    with pytest.raises(
        OracleError, match=rf"^oracle answer at prefix \(0, 1\) must be 2 logits, not {shown}$"
    ):
        ledger.rows([(0, 1)])


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT64])
@pytest.mark.parametrize(
    "answer",
    [None, 5, iter([1, 2]), {1, 2}, {0: 1, 1: 2}],
    ids=["none", "number", "iterator", "set", "dict"],
)
def test_a_row_that_is_no_sequence(arithmetic, answer):
    ledger = Ledger(Recording(lambda p: answer), 2, 3, arithmetic)
    with pytest.raises(OracleError, match=r"at prefix \(0,\) must be 2 logits"):
        ledger.rows([(0,)])


@pytest.mark.parametrize("answer", [[], [[0, 0]], [[0, 0]] * 3])
def test_wrong_number_of_rows(answer):
    with pytest.raises(OracleError, match=rf"must be 2 rows, one per prefix, not {len(answer)}$"):
        exact_ledger(Whole(answer)).rows([(0,), (1,)])


@pytest.mark.parametrize(
    "answer",
    [None, 5, (row for row in [[0, 0]])],
    ids=["none", "number", "generator"],
)
def test_a_batch_that_is_no_sequence(answer):
    with pytest.raises(OracleError, match="must be 1 rows, one per prefix"):
        exact_ledger(Whole(answer)).rows([()])


def test_a_long_prefix_is_shortened_in_the_message():
    ledger = exact_ledger(Recording(lambda p: [0]), horizon=2000)
    with pytest.raises(OracleError) as caught:
        ledger.rows([(0, 1) * 500])
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


# -- an oracle that changes its mind --------------------------------------------------------------


class Fickle:
    """Answers prefix (0,) differently from its second call on."""

    def __init__(self, first, later):
        self.answers = [first, later]

    def logits(self, prefixes):
        return [self.answers[0] if p != (0,) else self._next() for p in prefixes]

    def _next(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_recheck_reports_both_answers():
    ledger = exact_ledger(Fickle([1, 0], [3, 0]))
    ledger.rows([(0,)])
    with pytest.raises(
        OracleError,
        match=r"at prefix \(0,\) must be the same at every call, "
        r"not \['1/2', '-1/2'\] first and \['3/2', '-3/2'\] later",
    ):
        ledger.recheck()
    assert ledger.counts.rechecks == 1


def test_recheck_in_float64_has_no_tolerance():
    ledger = Ledger(Fickle([1.0, -1.0], [1.0 + 2.0**-50, -1.0]), 2, 3, FLOAT64)
    ledger.rows([(0,)])
    with pytest.raises(OracleError, match="must be the same at every call"):
        ledger.recheck()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("reproducible", "found"), [(Fraction(1, 2), True), (1, False)])
def test_one_token_that_moves_shows_in_the_recheck_in_both_directions(sign, reproducible, found):
    # one logit of four moves by 1: centred, it moves by 3/4 and the others by 1/4
    oracle = Fickle([0, 0, 0, 0], [0, 0, 0, sign])
    oracle.reproducible = reproducible
    ledger = exact_ledger(oracle, k=4)
    ledger.rows([(0,)])
    if found:
        with pytest.raises(OracleError, match="must be the same at every call"):
            ledger.recheck()
    else:
        ledger.recheck()


def test_recheck_ignores_an_added_constant():
    ledger = exact_ledger(Fickle([1, 0], [8, 7]))
    ledger.rows([(0,)])
    ledger.recheck()
    assert ledger.counts == Counts(calls=1, distinct_prefixes=1, tokens=1, rechecks=1)


def test_recheck_refuses_bad_answers_as_well():
    ledger = exact_ledger(Fickle([1, 0], [1, 0, 0]))
    ledger.rows([(0,)])
    with pytest.raises(OracleError, match="must be 2 logits, not 3"):
        ledger.recheck()


@pytest.mark.parametrize(("asked", "expected"), [(0, 0), (1, 1), (7, 7), (16, 16), (100, 16)])
def test_recheck_asks_a_few_known_prefixes_and_counts_them_apart(asked, expected):
    oracle = Recording()
    ledger = exact_ledger(oracle, horizon=200)
    known = [(0,) * n for n in range(asked)]
    ledger.rows(known)
    before = Counts(**ledger.counts.as_json())
    sent = len(oracle.batches)
    ledger.recheck()
    again = [p for batch in oracle.batches[sent:] for p in batch]
    assert len(again) == len(set(again)) == expected
    assert set(again) <= set(known)
    before.rechecks = expected
    assert ledger.counts == before
    assert ledger.log == known


def test_recheck_looks_at_the_whole_log():
    oracle = Recording()
    ledger = exact_ledger(oracle, horizon=200)
    ledger.rows([(0,) * n for n in range(160)])
    ledger.recheck()
    assert max(len(p) for p in oracle.batches[-1]) >= 140


def test_a_tree_of_prefixes_numbers_each_once_and_returns_it():
    tree = PrefixTree()
    prefixes = [(), (1,), (1, 0, 2), (1, 0), (0, 2), (1, 0, 2)]
    numbers = tree.numbers(prefixes)
    assert numbers[2] == numbers[5]
    assert len(set(numbers)) == 5
    assert [tree.prefix(n) for n in numbers] == prefixes
    # the same numbers later, from near and from afar
    assert tree.numbers([(2, 2, 2), *prefixes])[1:] == numbers
    assert tree.numbers([]) == []
    assert tree.numbers(prefixes[::-1]) == numbers[::-1]


def test_long_prefixes_take_no_more_room_than_short_ones():
    def room(length):
        tree = PrefixTree()
        word = tuple(i % 2 for i in range(length))
        for t in range(length + 1):
            tree.numbers([word[:t]])
        tree.numbers([])  # what was asked last is kept near
        return len(tree._parents) / length, sys.getsizeof(tree._parents[-1])

    assert room(1000)[0] <= 1.01
    assert room(1000)[1] == room(10)[1]

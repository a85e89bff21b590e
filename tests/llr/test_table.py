"""Tables: which futures a cut stores, in which order, and the rows read from an oracle."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from flint import fmpq

from llr.learning.table import Cut, Table, extended_futures, one_token_futures, read_rows
from llr.models.families import random_isan
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle


def as_fractions(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


@pytest.mark.parametrize(("k", "expected"), [(2, ((0,), (1,))), (3, ((0,), (1,), (2,)))])
def test_one_token_futures(k, expected):
    assert one_token_futures(k) == expected


def test_extended_futures_by_hand():
    here, following = [(0,), (1,), (1, 0)], [(0,), (1,), (0, 1)]
    assert extended_futures(here, following, 2) == (
        (0,),
        (1,),
        (1, 0),  # stands here already, so it does not come again
        (0, 0),
        (0, 1),
        (0, 0, 1),
        (1, 1),
        (1, 0, 1),
    )


def test_extended_futures_of_the_last_cut():
    assert extended_futures([(0,), (1,)], [], 2) == ((0,), (1,))
    assert extended_futures([], [], 2) == ()


def number(i):
    return fmpq(i, 7)


def small_table(arithmetic=EXACT):
    """k = 2, T = 3: two stored cuts; the second has two histories."""
    one = ((0,), (1,))
    first = (*one, *product((0, 1), repeat=2))
    rows = [tuple(number(10 * n + j) for j in range(6)) for n in range(3)]
    if arithmetic is FLOAT64:
        rows = [tuple(float(int(x.p)) / int(x.q) for x in row) for row in rows]
    cuts = (
        Cut(((),), one, first, (rows[0],)),
        Cut(((0,), (1,)), one, first, (rows[1], rows[2])),
    )
    return Table(2, 3, cuts, one, arithmetic)


def test_futures_of_every_cut():
    table = small_table()
    assert [table.futures(s) for s in (1, 2, 3, 4)] == [((0,), (1,))] * 3 + [()]
    assert table.cut(1) is table.cuts[0]
    assert table.cut(2) is table.cuts[1]
    assert table.basis_sizes == (1, 2)


def test_the_last_cut_has_its_own_futures():
    cut = Cut(((),), ((0,), (1,)), ((0,), (1,)), ((fmpq(1), fmpq(-1)),))
    table = Table(2, 2, (cut,), ((0,), (1,)), EXACT)
    assert [table.futures(s) for s in (1, 2, 3)] == [((0,), (1,)), ((0,), (1,)), ()]


def test_a_table_of_one_token_has_one_cut():
    cut = Cut(((),), ((0,), (1,)), ((0,), (1,)), ((fmpq(1), fmpq(-1)),))
    table = Table(2, 1, (cut,), ((0,), (1,)), EXACT)
    assert table.futures(1) == ((0,), (1,))
    assert table.futures(2) == ()
    assert table.basis_sizes == (1,)


def test_block_takes_the_columns_asked_for_in_their_order():
    block = small_table().block(2, [(1, 1), (0,), (0,)])
    assert [as_fractions(r) for r in EXACT.rows(block)] == [
        [Fraction(15, 7), Fraction(10, 7), Fraction(10, 7)],
        [Fraction(25, 7), Fraction(20, 7), Fraction(20, 7)],
    ]


def test_block_of_floats():
    assert small_table(FLOAT64).block(1, [(0, 1)]).tolist() == [[3 / 7]]


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT64])
def test_block_without_columns(arithmetic):
    block = small_table(arithmetic).block(2, [])
    assert arithmetic.rows(block) == [(), ()]


def test_block_refuses_a_future_that_is_not_stored():
    with pytest.raises(KeyError):
        small_table().block(1, [(0, 0, 0)])


class Recording:
    def __init__(self, oracle):
        self.oracle, self.batches = oracle, []

    def logits(self, prefixes):
        self.batches.append(list(prefixes))
        return self.oracle.logits(prefixes)


def test_read_rows_is_one_batch_and_every_entry_is_the_oracle_s():
    model = random_isan(5, 3, 2, seed=1)
    oracle = Recording(ModelOracle(model))
    ledger = Ledger(oracle, 3, 5, EXACT)
    histories = [(0, 1), (2, 2), (1, 0)]
    columns = [(0,), (1,), (2,), (2, 0), (0, 2), (2, 2), (1, 1, 0)]
    rows = read_rows(ledger, histories, columns)
    assert [as_fractions(r) for r in rows] == [
        [model.logits(h + f[:-1])[f[-1]] for f in columns] for h in histories
    ]
    assert len(oracle.batches) == 1
    # one prefix per history and stem: (), (2,), (0,), (1, 1)
    assert ledger.counts.calls == ledger.counts.distinct_prefixes == 3 * 4
    assert set(ledger.log) == {h + s for h in histories for s in [(), (2,), (0,), (1, 1)]}


def test_read_rows_of_nothing():
    model = random_isan(3, 2, 1)
    oracle = Recording(ModelOracle(model))
    ledger = Ledger(oracle, 2, 3, EXACT)
    assert read_rows(ledger, [], [(0,)]) == []
    assert read_rows(ledger, [(0,), (1,)], []) == [(), ()]
    assert oracle.batches == []

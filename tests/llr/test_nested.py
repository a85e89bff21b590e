"""Nested tables of noisy rows: more columns than unknowns, and ranks that noise does not raise."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from flint import fmpq

from llr.learning.nested import SPECTRUM, NestedTable, most_stems
from llr.models.base import TabulatedModel
from llr.models.targets import family_target
from llr.numbers import floats, rational
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import FloatOracle, FunctionOracle, ModelOracle

XI = fmpq(1, 10**6)
RANKS = [1, *[4] * 10, 3]


def built(model, oracle, arithmetic, slack, noisy):
    ledger = Ledger(oracle, model.alphabet_size, model.horizon, arithmetic)
    table = NestedTable(ledger, model.alphabet_size, model.horizon, arithmetic, slack, noisy=noisy)
    table.build(np.random.default_rng(0))
    return table, ledger.counts.distinct_prefixes


@pytest.mark.parametrize("kind", ["random", "adversarial", "rounding"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noisy_tables_have_the_true_ranks_and_twice_the_columns(kind, seed):
    model = family_target(f"isan:T=12,k=4,d=4,seed={seed}")
    noisy = NoisyOracle(ModelOracle(model), kind, XI, model.unit, seed)
    table, _ = built(model, FloatOracle(noisy, model), FLOAT64, float(XI), True)
    sizes = [len(h) for h in table.histories]
    assert sizes == RANKS == list(model.cut_ranks())
    for s, (stems, size) in enumerate(zip(table.stems, sizes, strict=True), start=1):
        if 3 <= s <= 11:
            # 3 columns per stem; there are no more than k stems of each length
            assert 3 * len(stems) >= 2 * size, s


def test_without_noise_nothing_more_is_asked():
    model = family_target("isan:T=12,k=4,d=4,seed=0")
    _, exact = built(model, ModelOracle(model), EXACT, fmpq(0), False)
    _, rough = built(model, FloatOracle(ModelOracle(model), model), FLOAT64, 1e-9, False)
    noisy = NoisyOracle(ModelOracle(model), "adversarial", XI, model.unit, 0)
    _, more = built(model, FloatOracle(noisy, model), FLOAT64, float(XI), True)
    assert exact == rough < more < fmpq(3, 2) * exact


def test_rank_decisions_agree_in_both_arithmetics():
    rng = np.random.default_rng(0)
    for _ in range(30):
        basis, rows = rng.integers(-4, 5, (2, 6)), rng.integers(-4, 5, (5, 6))
        if np.linalg.matrix_rank(basis) < 2:
            continue
        slack = fmpq(int(rng.integers(1, 30)), 31)
        exact = rational.extension(
            rational.matrix([[fmpq(int(x)) for x in row] for row in basis], 6),
            rational.matrix([[fmpq(int(x)) for x in row] for row in rows], 6),
            slack,
        )
        rough = floats.extension(basis.astype(float), rows.astype(float), float(slack))
        assert bool(exact) == bool(rough)


def test_one_large_remainder_is_weighed_in_the_mean():
    basis = np.array([[1.0, 0.0, 0.0, 0.0]])
    row = np.array([[0.0, 1.0, 0.0, 0.0]])  # off by 1 in one entry of four: 1/2 in the mean
    exact_basis = rational.matrix([[fmpq(int(x)) for x in basis[0]]], 4)
    exact_row = rational.matrix([[fmpq(int(x)) for x in row[0]]], 4)
    for slack, joins in ((fmpq(49, 100), (0,)), (fmpq(51, 100), ())):
        assert floats.extension(basis, row, float(slack)) == joins
        assert rational.extension(exact_basis, exact_row, slack) == joins


def test_the_candidate_with_most_terms_is_asked_once_more():
    # at cut 3 the rows of (1, 0) and (1, 1) are the sum of the other two and twice the first
    values = {(): 0, (0,): 1, (1,): 0}
    values |= {(0, 0): 1, (0, 1): 0, (1, 0): 1, (1, 1): 2}
    values |= {p: [0, 1, 1, 0][2 * p[0] + p[1]] for p in product((0, 1), repeat=3)}
    model = TabulatedModel(2, 4, {p: [x, -x] for p, x in values.items()})
    for seed in range(4):
        ledger = Ledger(ModelOracle(model), 2, 4, EXACT)
        table = NestedTable(ledger, 2, 4, EXACT, fmpq(0))
        table.build(np.random.default_rng(seed))
        assert table.histories[2] == [(0, 0), (0, 1)]
        assert len(table.stems[2]) == 2
        assert {(1, 0, 0), (1, 0, 1)} <= set(ledger.log)
        assert len({(1, 1, 0), (1, 1, 1)} & set(ledger.log)) == 1


@pytest.mark.parametrize(("off", "stems"), [(fmpq(1, 50), 1), (fmpq(1, 40), 2)])
def test_a_prediction_may_be_off_by_the_slack_of_both_rows(off, stems):
    # the rows of (0) and (1) agree on the empty stem; the coefficient 1 allows twice the slack
    values = {(): 0, (0,): 1, (1,): 1, (0, 0): 1, (0, 1): 1, (1, 0): 1 + off, (1, 1): 1 + off}
    model = TabulatedModel(2, 3, {p: [x, -x] for p, x in values.items()})
    ledger = Ledger(ModelOracle(model), 2, 3, EXACT)
    table = NestedTable(ledger, 2, 3, EXACT, fmpq(1, 100))
    table.build(np.random.default_rng(0))
    assert len(table.stems[1]) == stems


@pytest.mark.parametrize(("rank", "size"), [(None, 2), (SPECTRUM, 1), (2, 2), (1, 1)])
def test_the_spectrum_weighs_all_rows_together(rank, size):
    """One row of six is off by 2.5, more than twice the slack; all six by less than the slack."""
    direction, apart = [30.0, -30.0, 0, 0, 0, 0], [0, 0, 2.5 * 3**0.5, -2.5 * 3**0.5, 0, 0]
    rows = {(): direction} | {(a,): direction for a in range(5)}
    rows[5,] = [x + y for x, y in zip(direction, apart, strict=True)]
    ledger = Ledger(FunctionOracle(rows.__getitem__), 6, 2, FLOAT64)
    table = NestedTable(ledger, 6, 2, FLOAT64, 1.0, rank)
    table.build(np.random.default_rng(0))
    assert len(table.histories[1]) == size


def test_a_limited_rank_limits_the_stems():
    assert [most_stems(2, r) for r in (1, 2, 5)] == [2, 4, 10]  # one column shows per stem
    assert [most_stems(4, r) for r in (1, 2, 3, 4)] == [1, 2, 2, 3]
    assert most_stems(100, 3) == most_stems(2, 0) == 1
    model = family_target("isan:T=9,k=2,d=4")
    for rank in (1, 2, 4):
        ledger = Ledger(FloatOracle(ModelOracle(model), model), 2, 9, FLOAT64)
        table = NestedTable(ledger, 2, 9, FLOAT64, 1e-9, rank)
        table.build(np.random.default_rng(0))
        assert max(map(len, table.stems)) == most_stems(2, rank)


def test_an_exchange_reaches_the_cuts_after_it():
    model = family_target("isan:T=7,k=2,d=3")
    table, _ = built(model, ModelOracle(model), EXACT, fmpq(0), False)
    exchanged = 0
    for s in range(3, 7):
        basis = table.histories[s - 1]
        candidates = [(*h, a) for h in table.histories[s - 2] for a in (0, 1)]
        rows = EXACT.rows(table.transitions[s - 2])
        for h, c in zip(candidates, rows, strict=True):
            place = next((i for i, x in enumerate(c) if x != 0), None)
            if h not in basis and place is not None:
                table.exchange(s, place, h)
                exchanged += 1
                break
    assert exchanged == 4
    network = table.isan(model.unit)
    for t in range(7):
        for prefix in product((0, 1), repeat=t):
            assert network.logits(prefix) == model.logits(prefix)

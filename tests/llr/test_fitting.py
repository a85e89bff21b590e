"""Least squares, extension of bases, spectra, batches: what the lean learner's tables stand on."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings

from llr.errors import InputError, OracleError
from llr.learning.lean import LeanLearner, LeanSchedule
from llr.models.families import random_isan
from llr.models.targets import family_target
from llr.numbers import floats, rational
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.units import NAT, LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import Float64Oracle, FloatOracle, ModelOracle, model_oracle
from llr.oracles.sampling import RowThresholds
from properties import row_families


def exact(rows):
    return rational.matrix([[fmpq(x) for x in row] for row in rows], len(rows[0]))


# -- fits ---------------------------------------------------------------------------------------


def test_fit_is_the_least_squares_solution_over_q():
    basis, rows = exact([[1, 0, 0], [1, 1, 0]]), exact([[0, 0, 5], [3, 2, 1]])
    found = rational.fit(basis, rows)
    # the remainder is orthogonal to the basis
    remainder = rows - found * basis
    assert all(x == 0 for x in (remainder * basis.transpose()).entries())
    assert rational.row_tuples(found) == [(0, 0), (1, 2)]


@given(row_families(rows=(2, 6), columns=(2, 4)))
@settings(max_examples=60, deadline=None)
def test_extension_without_slack_spans_and_is_independent(rows):
    m = rational.matrix(rows, len(rows[0]))
    chosen = rational.extension(rational.matrix([], m.ncols()), m, fmpq(0))
    assert len(chosen) == rational.rank(m) == rational.rank(rational.take_rows(m, chosen))
    # with a basis that stands already, only what is missing joins
    if chosen:
        standing = rational.take_rows(m, chosen[:1])
        more = rational.extension(standing, m, fmpq(0))
        assert len(more) == rational.rank(m) - 1


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT64], ids=lambda a: a.name)
def test_extension_with_slack_leaves_small_remainders(arithmetic):
    rows = [[4, 0, 0], [4, 0, 1], [0, 2, 0], [0, 2, -1]]
    m = arithmetic.matrix([[arithmetic.scalar(x) for x in row] for row in rows], 3)
    empty = arithmetic.matrix([], 3)
    wide, narrow = (
        arithmetic.scalar(fmpq(1, n)) if arithmetic is EXACT else 1 / n for n in (2, 100)
    )
    assert len(arithmetic.extension(empty, m, wide)) == 2
    chosen = arithmetic.extension(empty, m, narrow)
    assert len(chosen) == 3
    assert arithmetic.extension(empty, m, narrow, 1) == chosen[:1]
    assert arithmetic.extension(arithmetic.take(m, chosen), m, narrow) == ()


def test_spectral_rank_is_the_tail_of_the_singular_values():
    m = np.diag([4.0, 2.0, 0.5, 0.0])
    # root of the mean square over 16 entries after leaving out r directions
    for r, error in ((0, 1.2), (1, 0.6), (2, 0.13), (3, 1e-9)):
        assert floats.spectral_rank(m, error) == r
    assert floats.spectral_rank(np.zeros((3, 0)), 0.1) == 0


def test_softmax_and_centred_rows():
    m = np.array([[0.0, np.log(3.0)], [700.0, -700.0]])
    assert np.allclose(floats.softmax(m), [[0.25, 0.75], [1.0, 0.0]])
    assert floats.centred_rows(np.array([[1, 3]]), (1, 2)).tolist() == [[-1.0, 1.0]]
    for wrong in (np.array([[1.0, np.nan]]), np.array([[1.0, 2.0, 3.0]]), np.array([["a", "b"]])):
        assert floats.centred_rows(wrong, (1, 2)) is None


def test_from_nats_never_rounds_up():
    unit = LogitUnit(fmpq(2))
    found = EXACT.from_nats(fmpq(1), unit)
    assert unit.in_nats(found) <= 1
    assert unit.in_nats(found * (1 + fmpq(1, 2**50))) > 1
    assert EXACT.from_nats(fmpq(0), unit) == 0
    assert EXACT.from_nats(fmpq(3, 7), NAT) == fmpq(3, 7)
    assert FLOAT64.from_nats(fmpq(1, 2), NAT) == 0.5


def test_first_exceeding():
    rows = [[1, -1], [0, 3], [0, -5]]
    for arithmetic in (EXACT, FLOAT64):
        m = arithmetic.matrix([[arithmetic.scalar(x) for x in row] for row in rows], 2)
        places = [arithmetic.first_exceeding(m, arithmetic.scalar(b)) for b in (0, 1, 3, 5)]
        assert places == [0, 1, 2, None]


# -- oracles in batches -------------------------------------------------------------------------


def test_the_float64_oracle_agrees_with_rounding_the_exact_one():
    model = random_isan(6, 3, 3, 1)
    prefixes = [p for t in range(6) for p in product(range(3), repeat=t)]
    fast, slow = Float64Oracle(model), FloatOracle(ModelOracle(model), model)
    assert np.allclose(fast.logits(prefixes), slow.logits(prefixes), rtol=0, atol=1e-14)


def test_an_answer_does_not_depend_on_its_batch():
    model = random_isan(20, 2, 5, 0)
    rng = np.random.default_rng(0)
    prefixes = [tuple(p) for p in rng.integers(0, 2, (300, 19)).tolist()]
    together = Float64Oracle(model).logits(prefixes)
    alone = [Float64Oracle(model).logits([p])[0] for p in prefixes[:20]]
    assert (together[:20] == np.array(alone)).all()


def test_a_ledger_keeps_arrays_and_refuses_bad_ones():
    class Answers:
        def __init__(self, rows):
            self.rows = rows

        def logits(self, prefixes):
            return self.rows

    fine = Ledger(Answers(np.array([[1.0, 3.0]])), 2, 2, FLOAT64)
    assert fine.block([()]).tolist() == [[-1.0, 1.0]]
    assert fine.row(()) == (-1.0, 1.0)
    assert fine.counts.as_json()["distinct_prefixes"] == 1
    for rows in (np.array([[1.0, np.inf]]), np.array([[1.0]]), np.array([[1.0, 2.0]] * 2)):
        with pytest.raises(OracleError):
            Ledger(Answers(rows), 2, 2, FLOAT64).block([()])
    exact_rows = Ledger(model_oracle(family_target("spike:T=2"), EXACT), 2, 2, EXACT)
    assert exact_rows.block([(), (0,)]).nrows() == 2
    with pytest.raises(InputError):
        exact_rows.block([(0, 1)])


@pytest.mark.parametrize(
    ("unit", "first"),
    [
        (NAT, np.e / (1 + np.e)),
        (LogitUnit(fmpq(2)), 2 / 3),
        (LogitUnit(fmpq(9)), 9 / 10),
        (LogitUnit(fmpq(10, 9)), 10 / 19),
    ],
    ids=str,
)
def test_row_thresholds_agree(unit, first):
    rows = [[Fraction(1, 2), Fraction(-1, 2)], [Fraction(0), Fraction(0)]]
    m = EXACT.matrix([[fmpq(x.numerator, x.denominator) for x in row] for row in rows], 2)
    precise = RowThresholds(unit, EXACT)(m)
    rough = RowThresholds(unit, FLOAT64)(np.array(rows, dtype=float))
    for (a,), (b,) in zip(precise, rough.tolist(), strict=True):
        assert abs(a - b) <= 2**13
    assert precise[0][0] / 2**64 == pytest.approx(first)
    assert precise[1][0] == 2**63
    # a token that is all but impossible keeps its place
    assert RowThresholds(unit, FLOAT64)(np.array([[0.0, -8000.0]]))[0][0] >= 2**63


# -- repairs ------------------------------------------------------------------------------------


def test_repair_makes_the_table_pass_the_words_it_is_given():
    model = family_target("parity:n=4,secret=1011")
    ledger = Ledger(ModelOracle(model), 2, 5, EXACT)
    learner = LeanLearner(
        ledger,
        alphabet_size=2,
        horizon=5,
        unit=model.unit,
        arithmetic=EXACT,
        schedule=LeanSchedule(fmpq(0), fmpq(0), fmpq(0), False, lambda attempt: 1, 9),
        rng=np.random.default_rng(0),
    )
    learner.table.build(np.random.default_rng(0))
    word = (0, 1, 1, 0, 1)
    done = learner.repair({word: 1})
    assert done.any
    assert not done.stuck
    assert [s for s, _ in done.stems] == [2, 3, 4, 5][: len(done.stems)]
    assert not learner.repair({word: 1}).any
    network = learner.table.isan(model.unit)
    assert all(network.logits(word[:t]) == model.logits(word[:t]) for t in range(5))


def test_a_slack_is_lowered_to_nothing():
    model = random_isan(4, 2, 2, 0)
    ledger = Ledger(ModelOracle(model), 2, 4, EXACT)
    from llr.learning.nested import NestedTable

    table = NestedTable(ledger, 2, 4, EXACT, fmpq(10))
    table.build(np.random.default_rng(0))
    assert [len(h) for h in table.histories] == [1, 0, 0, 0]
    steps = 0
    while table.tighten(fmpq(1, 10)):
        steps += 1
    assert steps == 4  # 5/2, 5/8, 5/32, 0
    # the empty stem shows one dimension of two
    assert [len(h) for h in table.histories] == [1, 1, 1, 1]

"""The plain oracles: a model's own answers, the same in float64, and a reader's function."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import mpmath
import pytest
from flint import fmpq

from llr.models.base import TabulatedModel
from llr.models.isan import Isan
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT, LogitUnit
from llr.oracles import protocol
from llr.oracles.protocol import FloatOracle, FunctionOracle, LogitOracle, ModelOracle

K, T = 3, 4


def prefixes():
    return [p for length in range(T) for p in product(range(K), repeat=length)]


def table():
    """A different row at every prefix, with row sums that are not zero."""
    return {
        p: [Fraction(7 * i + 3 * a + 1, 5 + a) for a in range(K)] for i, p in enumerate(prefixes())
    }


def centred(row):
    mean = sum(row, Fraction(0)) / len(row)
    return [x - mean for x in row]


def as_fractions(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


def nearest_double(x):
    """Return the double nearest to an mpmath number, from its exact binary value."""
    sign, man, exponent, _ = x._mpf_
    value = Fraction(int(man)) * Fraction(2) ** exponent
    return float(-value if sign else value)


def test_model_oracle_gives_the_centred_rows_in_any_order():
    rows = table()
    oracle = ModelOracle(TabulatedModel(K, T, rows))
    for order in (prefixes(), prefixes()[::-1], prefixes()[::3] + prefixes()):
        answers = oracle.logits(order)
        assert [as_fractions(a) for a in answers] == [centred(rows[p]) for p in order]


def test_model_oracle_answers_no_prefix_with_no_row():
    assert ModelOracle(TabulatedModel(K, T, table())).logits([]) == []


def test_model_oracle_stays_right_when_it_forgets_states(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_REMEMBERED_STATES", 2)
    rows = table()
    oracle = ModelOracle(TabulatedModel(K, T, rows))
    order = prefixes()[::-1] + prefixes() + prefixes()[1::2]
    for p in order:
        assert as_fractions(oracle.logits([p])[0]) == centred(rows[p])
    assert len(oracle._states) <= 2 + 1 + T


def test_model_oracle_takes_each_step_once():
    class Counting(TabulatedModel):
        steps = 0

        def step(self, state, token):
            Counting.steps += 1
            return super().step(state, token)

    oracle = ModelOracle(Counting(K, T, table()))
    oracle.logits(prefixes())
    oracle.logits(prefixes()[::-1])
    assert Counting.steps == len(prefixes()) - 1


@pytest.mark.parametrize(
    "oracle", [FunctionOracle(len), ModelOracle(TabulatedModel(K, T, table()))]
)
def test_oracles_satisfy_the_protocol(oracle):
    assert isinstance(oracle, LogitOracle)


@pytest.mark.parametrize("thing", [object(), 5, "logits", lambda prefix: [0, 0]])
def test_other_things_do_not_satisfy_the_protocol(thing):
    assert not isinstance(thing, LogitOracle)


def test_function_oracle_asks_the_function_once_per_prefix_in_order():
    asked = []

    def answer(prefix):
        asked.append(prefix)
        return [len(prefix), -1]

    assert FunctionOracle(answer).logits([(0,), (), (0, 1)]) == [[1, -1], [0, -1], [2, -1]]
    assert asked == [(0,), (), (0, 1)]


def test_float_oracle_rounds_rational_nats_correctly():
    rows = table()
    model = TabulatedModel(K, T, rows)
    answers = FloatOracle(ModelOracle(model), model).logits(prefixes())
    # Fraction.__float__ is correctly rounded
    assert answers == [tuple(float(x) for x in centred(rows[p])) for p in prefixes()]
    assert all(type(x) is float for row in answers for x in row)


def test_float_oracle_turns_units_into_nats():
    model = TabulatedModel(2, 1, {(): ["1/2", "-1/2"]}, LogitUnit(fmpq(9)))
    (row,) = FloatOracle(ModelOracle(model), model).logits([()])
    with mpmath.workdps(50):
        expected = nearest_double(mpmath.log(3))
    assert row == (expected, -expected)


def test_float_oracle_rounds_multiples_of_ln_q_correctly():
    # 891/997 ln 9 lies within 2^-11 of an ulp of the middle of two doubles
    wrong = []
    with mpmath.workdps(80):
        for p in range(1, 2001):
            logit = Fraction(p, 997)
            model = TabulatedModel(2, 1, {(): [logit, -logit]}, LogitUnit(fmpq(9)))
            (row,) = FloatOracle(ModelOracle(model), model).logits([()])
            expected = nearest_double(mpmath.log(9) * p / 997)
            if row != (expected, -expected):
                wrong.append((p, row[0], expected))
    assert wrong == []


def float_isan(unit):
    flat = [[[1.0]], [[1.0]]]
    return Isan(2, 2, [1.0], [flat], [[[1.0], [-1.0]], [[0.5], [-0.5]]], unit, FLOAT64)


def test_float_oracle_passes_a_float_model_in_nats_through():
    model = float_isan(NAT)
    oracle = FloatOracle(ModelOracle(model), model)
    assert oracle.logits([(), (0,)]) == [(1.0, -1.0), (0.5, -0.5)]


def test_float_oracle_turns_the_units_of_a_float_model_into_nats_too():
    model = float_isan(LogitUnit(fmpq(2)))
    (row,) = FloatOracle(ModelOracle(model), model).logits([()])
    assert row == pytest.approx((0.6931471805599453, -0.6931471805599453), rel=1e-14)

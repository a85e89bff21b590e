"""llr.numbers.units against Fractions and mpmath at 60 digits."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import mpmath
import pytest
from flint import ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.errors import InputError
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.rational import fraction, rational
from llr.numbers.units import NAT, ODDS, LogitUnit, Odds

LN3_20 = Fraction(109861228866810969139, 10**20)  # truncated after 20 decimals


def as_fraction(x):
    numerator, denominator = mpmath.libmp.to_rational(x._mpf_)
    return Fraction(int(numerator), int(denominator))


def softmax(logits, base):
    """Return softmax at 60 digits by mpmath, as Fractions; base None for nats."""
    with mpmath.workdps(60):
        unit = mpmath.mpf(1)
        if base is not None:
            unit = mpmath.log(mpmath.mpf(base.numerator) / base.denominator)
        weights = [mpmath.exp(unit * x.numerator / x.denominator) for x in logits]
        return [as_fraction(w / mpmath.fsum(weights)) for w in weights]


def row(logits):
    return [rational(x) for x in logits]


logit_rows = st.lists(st.fractions(-9, 9, max_denominator=12), min_size=2, max_size=5)
bases = st.fractions(Fraction(9, 8), 40, max_denominator=8)


@pytest.mark.parametrize(
    ("written", "base", "shown"),
    [
        ("nat", None, "nat"),
        ("ln 2", Fraction(2), "ln 2"),
        ("ln 9", Fraction(9), "ln 9"),
        ("ln 3/2", Fraction(3, 2), "ln 3/2"),
        ("ln 6/4", Fraction(3, 2), "ln 3/2"),
        ("ln 010/9", Fraction(10, 9), "ln 10/9"),
    ],
)
def test_units_are_read_and_written(written, base, shown):
    unit = LogitUnit.parse(written)
    assert (None if unit.base is None else fraction(unit.base)) == base
    assert str(unit) == shown
    assert LogitUnit.parse(shown) == unit


def test_equal_units_are_equal():
    assert LogitUnit(fmpq(6, 4)) == LogitUnit.parse("ln 3/2")
    assert len({LogitUnit(fmpq(6, 4)), LogitUnit.parse("ln 3/2"), NAT, LogitUnit()}) == 2
    assert LogitUnit.parse("ln 2") != NAT


@pytest.mark.parametrize("written", ["ln 1", "ln 1/2", "ln 0", "ln 0/3", "ln 7/7", "ln 99/100"])
def test_bases_up_to_one_are_refused(written):
    with pytest.raises(
        InputError,
        match=rf'^logit_unit must be "nat" or "ln q", rational q > 1, not \'{written}\'$',
    ):
        LogitUnit.parse(written)


def test_bases_up_to_one_are_refused_by_the_constructor():
    with pytest.raises(InputError, match=r"^logit_unit must be .*, not 'ln -2'$"):
        LogitUnit(fmpq(-2))
    with pytest.raises(InputError, match=r"^logit_unit must be .*, not 'ln 1'$"):
        LogitUnit(fmpq(1))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "nats",
        "NAT",
        " nat",
        "nat ",
        "ln",
        "ln ",
        "ln2",
        "ln -2",
        "ln 2.5",
        "ln  2",
        "LN 2",
        " ln 2",
        "ln 2 ",
        "ln 2\n",
        "log 2",
        "ln 1/2/3",
        "ln 3/-2",
        "ln 1e3",
        "ln \u0663",
        "2",
        None,
        2,
        1.5,
        True,
        ["nat"],
        {"ln": 2},
    ],
)
def test_garbage_is_refused(written):
    with pytest.raises(
        InputError, match=r'^logit_unit must be "nat" or "ln q" for a rational q > 1, not '
    ) as caught:
        LogitUnit.parse(written)
    assert caught.value.value == written


def test_a_zero_denominator_is_refused():
    with pytest.raises(
        InputError, match=r"^unit must be a rational with a nonzero denominator, not '2/0'$"
    ):
        LogitUnit.parse("ln 2/0", "unit")


def test_the_size_of_a_unit_in_nats():
    assert NAT.nats.exact == 1
    assert NAT.in_nats(fmpq(-2, 3)).exact == fmpq(-2, 3)
    unit = LogitUnit.parse("ln 3")
    assert unit.nats.exact is None
    assert LN3_20 < unit.nats < LN3_20 + Fraction(1, 10**20)
    assert LN3_20 / -2 > unit.in_nats(fmpq(-1, 2)) > (LN3_20 + Fraction(1, 10**20)) / -2
    assert unit.in_nats(fmpq(0)).exact == 0


# -- softmax ------------------------------------------------------------------------------------


def test_weights_by_hand():
    unit = LogitUnit.parse("ln 3/2")
    assert unit.weights(row(["-1/2", "1/2"])) == [1, fmpq(3, 2)]
    assert unit.weights(row(["5/3", "-1/3", "2/3"])) == [fmpq(9, 4), 1, fmpq(3, 2)]
    assert unit.weights(row(["1/7", "1/7"])) == NAT.weights(row(["1/7", "1/7"])) == [1, 1]


@pytest.mark.parametrize("logits", [["0", "1/2"], ["1/3", "2/3"], ["0", "1", "1/5"]])
def test_weights_that_are_not_known_to_be_rational(logits):
    assert LogitUnit.parse("ln 4").weights(row(logits)) is None


@pytest.mark.parametrize("logits", [["0", "1"], ["-1/2", "1/2"]])
def test_unequal_logits_in_nats_have_no_rational_weights(logits):
    assert NAT.weights(row(logits)) is None


def test_weights_of_enormous_differences_do_not_kill_the_process():
    code = (
        "from flint import fmpq; from llr.numbers.units import LogitUnit; "
        "LogitUnit(fmpq(2)).weights([fmpq(0), fmpq(10**12)])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert found.returncode >= 0


@given(logit_rows, bases)
@settings(deadline=None, max_examples=40)
def test_weights_are_rational_exactly_where_differences_are_integers(logits, base):
    found = LogitUnit(rational(base)).weights(row(logits))
    whole = all((x - logits[0]).denominator == 1 for x in logits)
    assert (found is not None) == whole
    if whole:
        ratios = [fraction(w / found[0]) for w in found]
        assert ratios == [base ** int(x - logits[0]) for x in logits]


@given(st.lists(st.integers(-6, 6), min_size=2, max_size=5), bases, st.fractions(-2, 2))
@settings(deadline=None, max_examples=40)
def test_probabilities_of_integer_differences_are_exact(steps, base, shift):
    found = LogitUnit(rational(base)).probabilities(row([shift + s for s in steps]))
    weights = [base**s for s in steps]
    assert [fraction(p.exact) for p in found] == [w / sum(weights) for w in weights]


@given(logit_rows, st.none() | bases)
@settings(deadline=None, max_examples=40)
def test_probabilities_agree_with_mpmath_and_sum_to_one(logits, base):
    unit = NAT if base is None else LogitUnit(rational(base))
    found = [p.enclosure(Fraction(1, 10**40)) for p in unit.probabilities(row(logits))]
    slack = Fraction(1, 10**50)
    for interval, value in zip(found, softmax(logits, base), strict=True):
        assert interval.lower - slack <= value <= interval.upper + slack
    assert sum(p.lower for p in found) <= 1 <= sum(p.upper for p in found)


def test_probabilities_in_nats_by_digits():
    first, second = NAT.probabilities(row(["1/2", "-1/2"]))
    assert first.exact is second.exact is None
    assert Fraction(73105857863000, 10**14) < first < Fraction(73105857863001, 10**14)
    assert Fraction(26894142136999, 10**14) < second < Fraction(26894142137000, 10**14)


@given(logit_rows, st.none() | bases)
@settings(deadline=None, max_examples=40)
def test_ball_weights_are_softmax_weights(logits, base):
    unit = NAT if base is None else LogitUnit(rational(base))
    slack = Fraction(1, 10**50)
    with ctx.workprec(100):
        weights = unit.ball_weights(row(logits))
        shares = [w / sum(weights) for w in weights]
        ends = [(fraction(p.lower().fmpq()), fraction(p.upper().fmpq())) for p in shares]
    for (lower, upper), value in zip(ends, softmax(logits, base), strict=True):
        assert lower - slack <= value <= upper + slack
        assert upper - lower < Fraction(1, 10**20)


def test_ball_weights_do_not_overflow():
    unit = LogitUnit.parse("ln 2")
    assert max(float(w.mid()) for w in unit.ball_weights(row([10**6, "1/3"]))) == 1.0


# -- logits in nats, and odds ---


def test_logits_are_centred_and_in_nats():
    assert [x.exact for x in NAT.logits(row(["1", "2", "6"]))] == [-2, -1, 3]
    first, second = LogitUnit.parse("ln 3").logits(row(["2", "0"]))
    assert LN3_20 < first < LN3_20 + Fraction(1, 10**20)
    assert -LN3_20 > second > -LN3_20 - Fraction(1, 10**20)
    assert [x.exact for x in LogitUnit.parse("ln 3").logits(row(["5", "5"]))] == [0, 0]


def test_odds_are_probabilities_up_to_a_factor():
    odds = row(["1/2", "3", "1/2"])
    assert ODDS.weights(odds) == odds
    assert [fraction(w.mid().fmpq()) for w in ODDS.ball_weights(odds)] == [
        Fraction(1, 2),
        3,
        Fraction(1, 2),
    ]
    assert [fraction(p.exact) for p in ODDS.probabilities(odds)] == [
        Fraction(1, 8),
        Fraction(3, 4),
        Fraction(1, 8),
    ]
    assert Odds() == ODDS


@given(st.lists(st.fractions(Fraction(1, 50), 50), min_size=2, max_size=4))
@settings(deadline=None, max_examples=40)
def test_logits_of_odds_are_centred_logarithms(odds):
    with mpmath.workdps(60):
        logs = [mpmath.log(mpmath.mpf(x.numerator) / x.denominator) for x in odds]
        expected = [as_fraction(x - mpmath.fsum(logs) / len(logs)) for x in logs]
    slack = Fraction(1, 10**50)
    for found, value in zip(ODDS.logits(row(odds)), expected, strict=True):
        interval = found.enclosure(Fraction(1, 10**40))
        assert interval.lower - slack <= value <= interval.upper + slack


def test_logits_of_equal_odds_are_exactly_zero():
    assert [x.exact for x in ODDS.logits(row(["2/7", "2/7", "2/7"]))] == [0, 0, 0]


# -- thresholds in nats -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logit", "unit", "threshold", "expected"),
    [
        ("1", "nat", "1", False),
        ("-1", "nat", "1", False),
        ("-1000001/1000000", "nat", "1", True),
        ("1", "ln 3", LN3_20, True),
        ("-1", "ln 3", LN3_20, True),
        ("1", "ln 3", LN3_20 + Fraction(1, 10**20), False),
        ("-1", "ln 3", LN3_20 + Fraction(1, 10**20), False),
        ("0", "ln 3", "0", False),
    ],
)
def test_exact_logits_are_compared_with_nats_rigorously(logit, unit, threshold, expected):
    assert EXACT.exceeds_nats(rational(logit), LogitUnit.parse(unit), rational(threshold)) is (
        expected
    )


@pytest.mark.parametrize(
    ("logit", "unit", "threshold", "expected"),
    [
        (1.0, "nat", "1", False),
        (-1.001, "nat", "1", True),
        (-1.0, "ln 3", "109/100", True),
        (1.0, "ln 3", "11/10", False),
    ],
)
def test_float_logits_are_compared_with_nats(logit, unit, threshold, expected):
    found = FLOAT64.exceeds_nats(logit, LogitUnit.parse(unit), rational(threshold))
    assert found is expected


def test_weights_too_long_to_write_down_are_not_rational():
    unit = LogitUnit(fmpq(2))  # two bits for each unit of difference
    assert unit.weights([fmpq(0), fmpq(1 << 19)]) == [1, fmpq(2) ** (1 << 19)]
    assert unit.weights([fmpq(0), fmpq((1 << 19) + 1)]) is None

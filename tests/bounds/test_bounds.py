"""bounds: every right-hand side against values computed another way, every hypothesis checked."""

from __future__ import annotations

import inspect
import threading
from fractions import Fraction
from itertools import product
from math import prod
from pkgutil import iter_modules

import mpmath
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import bounds
from bounds import STATEMENTS, HypothesisError, Statement, potential, softmax, spanner, transfer
from bounds.statement import MARKS, require, statement, substituted
from llr.errors import LlrError
from llr.numbers import balls
from llr.numbers.balls import Real
from llr.numbers.units import LN2, NAT, LogitUnit

DIGITS = 60
LN9 = LogitUnit(fmpq(9))
LN32 = LogitUnit(fmpq(3, 2))
UNITS = {"nat": NAT, "ln 2": LN2, "ln 9": LN9, "ln 3/2": LN32}

few = settings(max_examples=60, database=None, deadline=None)


def mp(x):
    """An fmpq, a Fraction or an int as an mpmath number."""
    numerator, denominator = (x.p, x.q) if isinstance(x, fmpq) else Fraction(x).as_integer_ratio()
    return mpmath.mpf(int(numerator)) / mpmath.mpf(int(denominator))


def nats(unit):
    """The size of a unit."""
    return mpmath.mpf(1) if unit.base is None else mpmath.log(mp(unit.base))


def assert_is(found, wanted):
    """A Real encloses the number that ``wanted()`` computes with 60 digits, within 1e-40."""
    with mpmath.workdps(DIGITS):
        value = wanted()
        enclosure = found.enclosure(Fraction(1, 10**42))
        slack = mpmath.mpf(10) ** -50 * max(1, abs(value))
        assert mp(enclosure.lower) - slack <= value <= mp(enclosure.upper) + slack
        assert enclosure.upper - enclosure.lower <= Fraction(1, 10**42)


def rationals(low, high):
    return st.fractions(min_value=low, max_value=high, max_denominator=1000).map(
        lambda x: fmpq(x.numerator, x.denominator)
    )


# -- the register -------------------------------------------------------------------------------

FORMS = {
    "lemma-5.3": ("sharpened", softmax.softmax_tanh),
    "lemma-5.3-linear": ("printed", softmax.softmax_linear),
    "lemma-5.3-range": ("sharpened", softmax.softmax_range),
    "lemma-5.5": ("corrected", spanner.infeasibility),
    "lemma-5.5-printed": ("printed", spanner.infeasibility_printed),
    "lemma-5.9": ("sharpened", transfer.transfer_sum),
    "lemma-5.9-product": ("sharpened", transfer.transfer_product),
    "witness-count": ("sharpened", potential.witnesses_at_cut),
    "epoch-count": ("sharpened", potential.witness_epochs),
}


@pytest.mark.parametrize("identifier", list(FORMS))
def test_statements_say_what_they_are(identifier):
    mark, function = FORMS[identifier]
    found = STATEMENTS[identifier]
    assert found.identifier == identifier
    assert found.mark == mark
    assert found.function is function
    assert found.source.startswith("[P] Lemma")
    assert "<=" in found.summary


def test_identifiers_are_keys_and_names():
    assert all(key == s.identifier for key, s in STATEMENTS.items())
    assert all(" " not in key and key == key.lower() for key in STATEMENTS)
    assert bounds.STATEMENTS is STATEMENTS


def test_the_package_names_its_modules():
    assert len(set(bounds.__all__)) == len(bounds.__all__)
    assert all(hasattr(bounds, name) for name in bounds.__all__)
    modules = {m.name for m in iter_modules(bounds.__path__)}
    assert modules - set(bounds.__all__) == {"cli", "curves", "exponents", "statement"}
    assert bounds.HypothesisError is HypothesisError


def test_registering_returns_the_function_and_files_it():
    def function():
        return 1

    try:
        decorate = statement("test-only", mark="printed", source="here", summary="1 <= 1")
        registered = decorate(function)
        assert registered() == 1
        assert inspect.unwrap(registered) is function
        assert STATEMENTS["test-only"] == Statement(
            "test-only", "printed", "here", "1 <= 1", registered
        )
        with pytest.raises(AssertionError):
            statement("test-only", mark="printed", source="here", summary="twice")
    finally:
        STATEMENTS.pop("test-only", None)


def test_a_substitute_stands_in_while_it_lasts_and_sees_the_original():
    gap, unit = fmpq(2), LogitUnit(fmpq(2))
    original = softmax.softmax_tanh(gap, unit)
    seen = []

    def half(gap, unit):
        seen.append((gap, unit))
        return softmax.softmax_tanh(gap, unit) / 2

    with substituted({"lemma-5.3": half}):
        assert (softmax.softmax_tanh(gap, unit) * 2).exact == original.exact
        assert STATEMENTS["lemma-5.3"].function(gap, unit=unit).exact == original.exact / 2
        assert softmax.softmax_linear(gap) >= 1  # another statement
        with substituted({}):
            assert softmax.softmax_tanh(gap, unit).exact == original.exact
        assert (softmax.softmax_tanh(gap, unit) * 2).exact == original.exact
    assert softmax.softmax_tanh(gap, unit).exact == original.exact
    assert seen == [(gap, unit)] * 3


def test_a_substitute_that_fails_leaves_the_original_behind():
    def broken(gap, unit):
        raise ZeroDivisionError

    with substituted({"lemma-5.3": broken}):
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                softmax.softmax_tanh(fmpq(1), NAT)
    assert softmax.softmax_tanh(fmpq(0)).exact == 0


def test_a_substitute_in_one_thread_is_not_seen_in_another():
    found = []
    with substituted({"lemma-5.3": lambda gap, unit: "mine"}):
        worker = threading.Thread(target=lambda: found.append(softmax.softmax_tanh(fmpq(0))))
        worker.start()
        worker.join()
        assert softmax.softmax_tanh(fmpq(0), NAT) == "mine"
    assert found[0].exact == 0


def test_unknown_marks_cannot_be_registered():
    assert MARKS == ("printed", "reconstructed", "corrected", "sharpened")
    with pytest.raises(AssertionError):
        statement("test-only", mark="guessed", source="here", summary="")
    assert "test-only" not in STATEMENTS


def test_hypothesis_errors_name_statement_hypothesis_and_value():
    require(True, "lemma-0", "x > 0", 1)
    with pytest.raises(HypothesisError) as caught:
        require(False, "lemma-0", "x > 0", -1)
    assert str(caught.value) == "lemma-0 needs x > 0, not -1"
    assert caught.value.statement == "lemma-0"
    assert caught.value.hypothesis == "x > 0"
    assert isinstance(caught.value, LlrError)
    assert isinstance(caught.value, ValueError)


# -- Lemma 5.3 ----------------------------------------------------------------------------------

GAPS = [fmpq(1, 1000), fmpq(1, 3), fmpq(1), fmpq(7, 2), fmpq(40), fmpq(1, 10**30)]


@pytest.mark.parametrize("unit", list(UNITS))
@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_the_tanh_form(gap, unit):
    one = UNITS[unit]
    assert_is(softmax.softmax_tanh(gap, one), lambda: mpmath.tanh(mp(gap) * nats(one) / 2))


@pytest.mark.parametrize("unit", list(UNITS))
@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_the_linear_form(gap, unit):
    one = UNITS[unit]
    assert_is(softmax.softmax_linear(gap, one), lambda: mp(gap) * nats(one) / 2)


@pytest.mark.parametrize("unit", list(UNITS))
@pytest.mark.parametrize("width", GAPS, ids=str)
def test_the_range_form(width, unit):
    one = UNITS[unit]
    assert_is(softmax.softmax_range(width, one), lambda: mpmath.tanh(mp(width) * nats(one) / 4))


@pytest.mark.parametrize(
    ("function", "argument", "unit", "value"),
    [
        (softmax.softmax_tanh, 0, NAT, fmpq(0)),
        (softmax.softmax_tanh, 0, LN2, fmpq(0)),
        (softmax.softmax_tanh, 1, LN2, fmpq(1, 3)),  # (2 - 1) / (2 + 1)
        (softmax.softmax_tanh, 3, LN2, fmpq(7, 9)),  # (8 - 1) / (8 + 1)
        (softmax.softmax_tanh, 2, LN32, fmpq(5, 13)),  # (9/4 - 1) / (9/4 + 1)
        (softmax.softmax_tanh, 1, LN9, fmpq(4, 5)),  # (9 - 1) / (9 + 1)
        (softmax.softmax_range, 0, NAT, fmpq(0)),
        (softmax.softmax_range, 2, LN2, fmpq(1, 3)),
        (softmax.softmax_range, 4, LN2, fmpq(3, 5)),  # (4 - 1) / (4 + 1)
        (softmax.softmax_range, 2, LN9, fmpq(4, 5)),
        (softmax.softmax_linear, 0, LN2, fmpq(0)),
        (softmax.softmax_linear, 3, NAT, fmpq(3, 2)),
        (softmax.softmax_linear, fmpq(1, 7), NAT, fmpq(1, 14)),
    ],
)
def test_lemma_5_3_is_rational_where_it_can_be(function, argument, unit, value):
    assert function(fmpq(argument), unit).exact == value


@pytest.mark.parametrize(
    "found",
    [
        softmax.softmax_tanh(fmpq(1)),
        softmax.softmax_tanh(fmpq(1, 2), LN2),
        softmax.softmax_range(fmpq(1), LN2),
        softmax.softmax_range(fmpq(2)),
        softmax.softmax_linear(fmpq(1), LN2),
    ],
)
def test_lemma_5_3_claims_no_rational_elsewhere(found):
    assert found.exact is None


def test_the_unit_is_the_nat_unless_said():
    for function in (softmax.softmax_tanh, softmax.softmax_linear, softmax.softmax_range):
        assert function(fmpq(1)).enclosure() == function(fmpq(1), NAT).enclosure()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (softmax.softmax_tanh, "lemma-5.3 needs |u - v|_inf >= 0, not -1/3"),
        (softmax.softmax_linear, "lemma-5.3-linear needs |u - v|_inf >= 0, not -1/3"),
        (softmax.softmax_range, "lemma-5.3-range needs max(u - v) - min(u - v) >= 0, not -1/3"),
    ],
)
@pytest.mark.parametrize("unit", [NAT, LN2], ids=str)
def test_lemma_5_3_needs_a_gap(function, message, unit):
    with pytest.raises(HypothesisError) as caught:
        function(fmpq(-1, 3), unit)
    assert str(caught.value) == message


def tv(u, v, unit):
    """TV(softmax u, softmax v) by mpmath."""

    def soft(row):
        weights = [mpmath.exp(mp(x) * nats(unit)) for x in row]
        return [w / mpmath.fsum(weights) for w in weights]

    return mpmath.fsum(abs(p - q) for p, q in zip(soft(u), soft(v), strict=True)) / 2


def test_the_tanh_form_is_reached_at_two_opposite_logits():
    """k = 2, u = -v centred: TV = tanh(gap / 2), gap = 2 u_0."""
    for unit, logit in product((NAT, LN2), (fmpq(1, 2), fmpq(3))):
        u, v = (logit, -logit), (-logit, logit)
        assert_is(softmax.softmax_tanh(2 * logit, unit), lambda u=u, v=v, t=unit: tv(u, v, t))
        assert_is(softmax.softmax_range(4 * logit, unit), lambda u=u, v=v, t=unit: tv(u, v, t))


@few
@given(
    st.integers(2, 4).flatmap(
        lambda k: st.tuples(*[st.lists(rationals(-3, 3), min_size=k, max_size=k)] * 2)
    ),
    st.sampled_from(list(UNITS.values())),
)
def test_lemma_5_3_bounds_what_mpmath_measures(pair, unit):
    u, v = pair
    differences = [x - y for x, y in zip(u, v, strict=True)]
    gap, width = max(map(abs, differences)), max(differences) - min(differences)
    with mpmath.workdps(DIGITS):
        apart = tv(u, v, unit) - mpmath.mpf(10) ** -50
        for found in (
            softmax.softmax_tanh(gap, unit),
            softmax.softmax_linear(gap, unit),
            softmax.softmax_range(width, unit),
        ):
            assert apart <= mp(found.enclosure(Fraction(1, 10**42)).upper)


@few
@given(rationals(0, 50), st.sampled_from(list(UNITS.values())))
def test_the_forms_of_lemma_5_3_are_ordered(gap, unit):
    """range(u - v) <= 2 |u - v|_inf, and tanh x <= x < 1."""
    tanh = softmax.softmax_tanh(gap, unit)
    assert tanh <= softmax.softmax_linear(gap, unit)
    assert tanh < 1
    half = softmax.softmax_range(2 * gap, unit).enclosure(Fraction(1, 10**40))
    whole = tanh.enclosure(Fraction(1, 10**40))
    assert half.lower <= whole.upper
    assert whole.lower <= half.upper


@few
@given(rationals(0, 20), rationals(0, 20), st.sampled_from(list(UNITS.values())))
def test_lemma_5_3_grows_with_the_gap(one, other, unit):
    small, large = min(one, other), max(one, other)
    for function in (softmax.softmax_tanh, softmax.softmax_linear, softmax.softmax_range):
        if small < large:
            assert function(small, unit) < function(large, unit)


@pytest.mark.parametrize("x", ["0", "1/7", "-2", "30", "1/1000000000000"])
def test_tanh_of_half(x):
    assert_is(softmax.tanh_of_half(x), lambda: mpmath.tanh(mp(Fraction(x)) / 2))


def test_tanh_of_half_of_a_real():
    assert_is(softmax.tanh_of_half(balls.log(3)), lambda: mpmath.mpf(1) / 2)
    assert softmax.tanh_of_half(0).exact == 0


# -- Lemma 5.5 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("t", "eta", "corrected", "printed"),
    [
        (1, fmpq(1, 3), fmpq(0), fmpq(1, 3)),
        (2, fmpq(1, 3), fmpq(1, 3), fmpq(2, 3)),
        (5, fmpq(1, 10), fmpq(2, 5), fmpq(1, 2)),
        (7, Fraction(1, 10), fmpq(3, 5), fmpq(7, 10)),
        (4, "1/8", fmpq(3, 8), fmpq(1, 2)),
        (3, 0, fmpq(0), fmpq(0)),
        (3, 1, fmpq(2), fmpq(3)),
    ],
)
def test_lemma_5_5_by_hand(t, eta, corrected, printed):
    assert spanner.infeasibility(t, eta).exact == corrected
    assert spanner.infeasibility_printed(t, eta).exact == printed


def test_lemma_5_5_of_an_irrational_eta():
    eta = balls.exp(-2)
    assert_is(spanner.infeasibility(4, eta), lambda: 3 * mpmath.exp(-2))
    assert_is(spanner.infeasibility_printed(4, eta), lambda: 4 * mpmath.exp(-2))
    assert spanner.infeasibility(1, eta).exact == 0


@pytest.mark.parametrize(
    ("identifier", "function"),
    [
        ("lemma-5.5", spanner.infeasibility),
        ("lemma-5.5-printed", spanner.infeasibility_printed),
    ],
)
@pytest.mark.parametrize(
    ("t", "eta", "hypothesis"),
    [
        (0, "1/2", "t >= 1"),
        (-3, "1/2", "t >= 1"),
        (2, "-1/2", "0 <= eta <= 1"),
        (2, fmpq(1001, 1000), "0 <= eta <= 1"),
        (2, balls.exp(1), "0 <= eta <= 1"),
        (2, -balls.exp(-40), "0 <= eta <= 1"),
    ],
    ids=str,
)
def test_lemma_5_5_needs_its_hypotheses(identifier, function, t, eta, hypothesis):
    with pytest.raises(HypothesisError) as caught:
        function(t, eta)
    assert str(caught.value).startswith(f"{identifier} needs {hypothesis}, not ")
    assert (caught.value.statement, caught.value.hypothesis) == (identifier, hypothesis)


@few
@given(st.integers(1, 30), rationals(0, 1), rationals(0, 1))
def test_lemma_5_5_grows_and_the_corrected_form_is_one_eta_below(t, one, other):
    small, large = min(one, other), max(one, other)
    assert spanner.infeasibility(t, small) <= spanner.infeasibility(t, large)
    assert spanner.infeasibility_printed(t, small) <= spanner.infeasibility_printed(t, large)
    assert spanner.infeasibility(t, small) <= spanner.infeasibility(t + 1, small)
    gap = spanner.infeasibility_printed(t, small) - spanner.infeasibility(t, small)
    assert gap.exact == small


# -- Lemmas 5.8 and 5.9 -------------------------------------------------------------------------

CASES = [  # T, p_bad, g, xi
    (1, "0", "1/10", "1/100"),
    (2, "1/7", "3", "1/100"),
    (3, "1/50", "1/10", "0"),
    (4, "0", "1/9", "1/1000"),
    (8, "1/3", "1/700", "1/70000"),
    (20, "1/100", "1/10000", "1/1000000"),
    (5, "0", "4", "2"),
    (6, "1", "0", "1/5"),
]


def mp_sum(horizon, p, g, xi):
    p, g, xi = (mp(Fraction(x)) for x in (p, g, xi))
    pairs = sum(1 for t in range(horizon) for _ in range(max(0, t - 1)))  # sum of (t - 1)
    return p + g * pairs / 2 + horizon * xi / 2


def mp_product(horizon, p, g, xi):
    p, g, xi = (mp(Fraction(x)) for x in (p, g, xi))
    kept = 1 - mpmath.tanh(xi / 2)
    for t in range(1, horizon):
        kept *= 1 - mpmath.tanh(((t - 1) * g + xi) / 2)
    return p + 1 - kept


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_sum_form(case):
    found = transfer.transfer_sum(*case)
    assert found.exact is not None
    assert_is(found, lambda: mp_sum(*case))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_product_form(case):
    assert_is(transfer.transfer_product(*case), lambda: mp_product(*case))


@pytest.mark.parametrize(
    ("horizon", "p", "g", "xi", "value"),
    [
        (1, 0, 7, 0, fmpq(0)),
        (1, "1/4", 7, "1/2", fmpq(1, 2)),  # 1/4 + 1/4
        (2, "1/4", 7, "1/2", fmpq(3, 4)),  # 1/4 + 1/2: no g-term
        (3, "1/4", "1/2", 0, fmpq(1, 2)),  # 1/4 + 2 . 1 . (1/2) / 4
        (4, 0, "1/3", "1/10", fmpq(7, 10)),  # 3 . 2 . (1/3) / 4 + 4/20
        (10, "1/100", "1/72", 0, fmpq(26, 100)),  # 1/100 + 9 . 8 / (72 . 4)
    ],
)
def test_the_sum_form_by_hand(horizon, p, g, xi, value):
    assert transfer.transfer_sum(horizon, p, g, xi).exact == value


def test_the_product_form_by_hand():
    """T = 3, g = ln 9, xi = ln 3: x = 1/2, 1/2, tanh(ln 27 / 2) = 26/28."""
    found = transfer.transfer_product(3, fmpq(1, 100), balls.log(9), balls.log(3))
    value = fmpq(1, 100) + 1 - fmpq(1, 2) * fmpq(1, 2) * fmpq(2, 28)
    assert_is(found, lambda: mp(value))


@pytest.mark.parametrize("horizon", [1, 2, 3, 9])
@pytest.mark.parametrize("p", [fmpq(0), fmpq(3, 7), fmpq(1)], ids=str)
def test_nothing_but_bad_words_is_left_without_residuals_and_noise(horizon, p):
    assert transfer.transfer_sum(horizon, p, 0, 0).exact == p
    assert transfer.transfer_product(horizon, p, 0, 0).exact == p


@pytest.mark.parametrize("horizon", [1, 2])
def test_short_words_have_no_residuals(horizon):
    assert transfer.transfer_sum(horizon, "1/9", 1000, 0).exact == fmpq(1, 9)
    assert transfer.transfer_product(horizon, "1/9", 1000, 0).exact == fmpq(1, 9)


@pytest.mark.parametrize("function", [transfer.transfer_sum, transfer.transfer_product])
def test_every_kind_of_number_is_taken(function):
    wanted = function(3, fmpq(1, 2), fmpq(1), fmpq(0)).enclosure()
    assert function(3, "1/2", "1", "0").enclosure() == wanted
    assert function(3, Fraction(1, 2), 1, 0).enclosure() == wanted
    assert function(3, Real.of("1/2"), Real.of(1), Real.of(0)).enclosure() == wanted


def test_the_sum_form_of_irrational_arguments():
    found = transfer.transfer_sum(5, balls.exp(-3), balls.log(2), balls.exp(-5))
    assert found.exact is None
    assert_is(
        found,
        lambda: mpmath.exp(-3) + 3 * mpmath.log(2) + mpmath.mpf(5) / 2 * mpmath.exp(-5),
    )


@pytest.mark.parametrize(
    ("identifier", "function"),
    [("lemma-5.9", transfer.transfer_sum), ("lemma-5.9-product", transfer.transfer_product)],
)
@pytest.mark.parametrize(
    ("arguments", "hypothesis"),
    [
        ((0, 0, 0, 0), "T >= 1"),
        ((-1, 0, 0, 0), "T >= 1"),
        ((3, "-1/9", 0, 0), "p_bad >= 0"),
        ((3, 0, "-1/9", 0), "g >= 0"),
        ((3, 0, 0, "-1/9"), "xi >= 0"),
        ((3, -balls.exp(-9), 0, 0), "p_bad >= 0"),
        ((3, 0, -balls.exp(-9), 0), "g >= 0"),
        ((3, 0, 0, -balls.exp(-9)), "xi >= 0"),
    ],
    ids=str,
)
def test_the_transfer_bound_needs_its_hypotheses(identifier, function, arguments, hypothesis):
    with pytest.raises(HypothesisError) as caught:
        function(*arguments)
    assert str(caught.value).startswith(f"{identifier} needs {hypothesis}, not ")
    assert (caught.value.statement, caught.value.hypothesis) == (identifier, hypothesis)


@few
@given(st.integers(1, 12), rationals(0, 1), rationals(0, 5), rationals(0, 2))
def test_the_product_form_is_never_above_the_sum_form(horizon, p, g, xi):
    assert transfer.transfer_product(horizon, p, g, xi) <= transfer.transfer_sum(horizon, p, g, xi)


@few
@given(
    st.integers(1, 10),
    st.tuples(rationals(0, 1), rationals(0, 1)),
    st.tuples(rationals(0, 3), rationals(0, 3)),
    st.tuples(rationals(0, 1), rationals(0, 1)),
)
def test_the_transfer_bound_grows_with_everything(horizon, ps, gs, xis):
    (p, more_p), (g, more_g), (xi, more_xi) = (sorted(pair) for pair in (ps, gs, xis))
    for function in (transfer.transfer_sum, transfer.transfer_product):
        here = function(horizon, p, g, xi)
        for larger in (
            (horizon, more_p, g, xi),
            (horizon, p, more_g, xi),
            (horizon, p, g, more_xi),
            (horizon + 1, p, g, xi),
        ):
            if larger != (horizon, p, g, xi):
                found = function(*larger)
                same = found.enclosure(Fraction(1, 10**30)) == here.enclosure(Fraction(1, 10**30))
                assert same or here <= found


def test_the_transfer_bound_grows_strictly_where_a_term_counts():
    for function in (transfer.transfer_sum, transfer.transfer_product):
        base = function(4, "1/10", "1/10", "1/10")
        assert base < function(4, "1/9", "1/10", "1/10")
        assert base < function(4, "1/10", "1/9", "1/10")
        assert base < function(4, "1/10", "1/10", "1/9")
        assert base < function(5, "1/10", "1/10", "1/10")


def test_the_product_form_is_a_coupling_that_survives():
    """An exact law: two chains with next-token errors x_t stay together with prod (1 - x_t)."""
    errors = [fmpq(1, 5), fmpq(1, 5), fmpq(1, 3)]
    xi = balls.log(fmpq(3, 2))  # tanh(xi / 2) = 1/5
    g = balls.log(2) - balls.log(fmpq(3, 2))  # tanh((g + xi) / 2) = 1/3
    together = prod(1 - Fraction(int(x.p), int(x.q)) for x in errors)
    found = transfer.transfer_product(3, 0, g, xi)
    assert_is(found, lambda: mp(1 - together))


# -- witnesses and epochs -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cut_rank", "one_token_rank", "count"), [(0, 0, 0), (1, 0, 1), (1, 1, 0), (7, 2, 5)]
)
def test_witnesses_at_a_cut(cut_rank, one_token_rank, count):
    assert potential.witnesses_at_cut(cut_rank, one_token_rank) == count


@pytest.mark.parametrize("ranks", [(1, 2), (3, -1), (-1, -1), (-1, 0)])
def test_impossible_ranks_are_refused(ranks):
    with pytest.raises(HypothesisError) as caught:
        potential.witnesses_at_cut(*ranks)
    assert caught.value.statement == "witness-count"
    assert str(caught.value).startswith("witness-count needs 0 <= rank of some columns <= d_s, not")


@pytest.mark.parametrize(
    ("cut_ranks", "one_token_ranks", "count"),
    [
        ([1], [1], 0),
        ([1, 1], [1, 0], 0),
        ([1, 4, 1], [1, 1, 1], 3),
        ([1, 2, 4, 3, 1], [1, 1, 1, 2, 1], 1 + 3 + 1),  # cuts 2, 3, 4 alone
        ([9, 1, 9], [0, 1, 0], 0),
        ((1, 2, 2, 1), (0, 1, 0, 0), 1 + 2),
    ],
)
def test_witness_epochs(cut_ranks, one_token_ranks, count):
    assert potential.witness_epochs(cut_ranks, one_token_ranks) == count


def test_witness_epochs_need_one_rank_per_cut():
    with pytest.raises(HypothesisError) as caught:
        potential.witness_epochs([1, 2, 1], [1, 1])
    assert str(caught.value) == "epoch-count needs one rank per cut, not (3, 2)"


@pytest.mark.parametrize(
    ("cut_ranks", "one_token_ranks"),
    [
        ([1, 1, 1], [1, 2, 1]),
        ([1, 2, 1], [1, -1, 1]),
        ([1, 1, 1], [1, 1, 2]),
        ([-1, 1, 1], [0] * 3),
    ],
)
def test_witness_epochs_need_possible_ranks(cut_ranks, one_token_ranks):
    with pytest.raises(HypothesisError):
        potential.witness_epochs(cut_ranks, one_token_ranks)


@few
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9))
def test_witness_epochs_add_up_the_inner_cuts(pairs):
    high, low = [max(p) for p in pairs], [min(p) for p in pairs]
    found = potential.witness_epochs(high, low)
    wanted = sum(
        potential.witnesses_at_cut(d, r)
        for s, (d, r) in enumerate(zip(high, low, strict=True), start=1)
        if 2 <= s <= len(pairs) - 1
    )
    assert found == wanted

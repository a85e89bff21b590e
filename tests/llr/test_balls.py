"""llr.numbers.balls against Fractions, digits of e and mpmath at 60 digits."""

from __future__ import annotations

import decimal
import math
import operator
from fractions import Fraction

import mpmath
import pytest
from flint import arb, ctx, fmpq, fmpz
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.errors import InputError, UndecidedError
from llr.numbers import balls
from llr.numbers.balls import Enclosure, Real
from llr.numbers.rational import fraction, rational

SLACK = Fraction(1, 10**55)


def e_truncated(digits):
    """Return e cut (not rounded) after so many decimals, from its series."""
    total, term, n = Fraction(0), Fraction(1), 0
    while term > Fraction(1, 10 ** (digits + 20)):
        total, n = total + term, n + 1
        term /= n
    return Fraction(math.floor(total * 10**digits), 10**digits)


def mp(function, *arguments):
    """Return an mpmath function of rationals at 60 digits, as a Fraction."""
    with mpmath.workdps(60):
        found = function(*(mpmath.mpf(a.numerator) / a.denominator for a in arguments))
        numerator, denominator = mpmath.libmp.to_rational(found._mpf_)
        return Fraction(int(numerator), int(denominator))


def holds(real, value, width="1/1000000000000000000000000000000000000000"):
    """Assert that the enclosure of that width holds the value."""
    found = real.enclosure(width)
    assert found.upper - found.lower <= Fraction(width)
    assert found.lower - SLACK <= value <= found.upper + SLACK


rationals = st.fractions(-20, 20, max_denominator=1000)
positive = st.fractions(Fraction(1, 1000), 1000, max_denominator=1000)

# -- rationals stay rational --------------------------------------------------------------------


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul])
@given(rationals, rationals)
def test_arithmetic_of_rationals_is_exact(operation, a, b):
    expected = rational(operation(a, b))
    for left, right in ((Real.of(a), Real.of(b)), (Real.of(a), b), (a, Real.of(b))):
        found = operation(left, right)
        assert found.exact == expected


@given(rationals, rationals.filter(bool))
def test_division_of_rationals_is_exact(a, b):
    assert (Real.of(a) / b).exact == (a / Real.of(b)).exact == rational(a / b)


@given(rationals.filter(bool), st.integers(-4, 4))
def test_sign_size_and_powers_of_rationals_are_exact(a, n):
    real = Real.of(a)
    assert (-real).exact == rational(-a)
    assert abs(real).exact == rational(abs(a))
    assert (real**n).exact == rational(a**n)


@pytest.mark.parametrize("other", [2, "2", "4/2", Fraction(2), fmpq(2), Real(fmpq(2))])
def test_every_exact_number_is_an_operand(other):
    assert (Real.of("1/2") * other).exact == fmpq(1)
    assert (other + Real.of("1/2")).exact == fmpq(5, 2)
    assert Real.of(other).exact == fmpq(2)
    assert Real.of("1/2") < other


def test_of_returns_a_real_itself():
    real = balls.log(2)
    assert Real.of(real) is real


@pytest.mark.parametrize("other", [0.5, None, True, 1j, arb(1)])
def test_floats_and_other_things_are_no_operands(other):
    with pytest.raises(InputError, match=r"^value must be a rational"):
        Real.of(other)
    with pytest.raises(InputError, match=r"^value must be a rational"):
        balls.log(2) < other  # noqa: B015


def test_division_by_an_exact_zero_is_refused():
    with pytest.raises(ZeroDivisionError):
        Real.of(1) / 0
    with pytest.raises(ZeroDivisionError):
        Real.of(0) / 0


def test_zero_over_an_irrational_number_is_exact():
    assert (Real.of(0) / balls.log(2)).exact == 0
    assert (0 / (balls.exp(1) - e_truncated(100))).exact == 0
    with pytest.raises(UndecidedError):
        Real.of(0) / (balls.log(2) - balls.log(2))


def test_trivial_values_stay_exact():
    assert balls.exp(0).exact == 1
    assert balls.log(1).exact == 0
    assert balls.exp(balls.log(1)).exact == 1
    assert (balls.log(2) * 0).exact == 0
    assert (0 * balls.log(2)).exact == 0
    assert (balls.log(2) * (Real.of(1) - 1)).exact == 0


@pytest.mark.parametrize(
    "real",
    [
        balls.exp(1),
        balls.log(2),
        balls.log(2) + 1,
        2 - balls.log(2),
        -balls.log(2),
        abs(balls.log(2)),
        balls.log(2) ** 2,
        balls.log(2) / 3,
    ],
)
def test_other_values_are_not_exact(real):
    assert real.exact is None


# -- values -------------------------------------------------------------------------------------


@given(rationals)
@settings(deadline=None, max_examples=40)
def test_exp_holds_the_value_of_mpmath(x):
    holds(balls.exp(x), mp(mpmath.exp, x), "1/100000000000000000000")


@given(positive)
@settings(deadline=None, max_examples=40)
def test_log_holds_the_value_of_mpmath(x):
    holds(balls.log(x), mp(mpmath.log, x))


@given(positive, positive)
@settings(deadline=None, max_examples=40)
def test_composed_numbers_hold_the_value_of_mpmath(x, y):
    a, b = balls.log(x + 1), balls.log(y + 1)
    holds(a + b, mp(lambda p, q: mpmath.log(p + 1) + mpmath.log(q + 1), x, y))
    holds(a - b, mp(lambda p, q: mpmath.log(p + 1) - mpmath.log(q + 1), x, y))
    holds(a * b, mp(lambda p, q: mpmath.log(p + 1) * mpmath.log(q + 1), x, y))
    holds(y - a, mp(lambda p, q: q - mpmath.log(p + 1), x, y))
    holds(1 / (1 + a), mp(lambda p: 1 / (1 + mpmath.log(p + 1)), x))
    holds((1 + a) ** -3, mp(lambda p: (1 + mpmath.log(p + 1)) ** -3, x))
    holds(abs(-a), mp(lambda p: mpmath.log(p + 1), x))
    holds(balls.exp(-a), 1 / (x + 1))
    holds(balls.log(1 + a), mp(lambda p: mpmath.log(1 + mpmath.log(p + 1)), x))


@pytest.mark.parametrize("x", [0, -1, "-1/3", Real.of(0), fmpq(-2)])
def test_log_refuses_numbers_that_are_not_positive(x):
    with pytest.raises(InputError, match=r"^x must be a positive number, not "):
        balls.log(x)


@given(positive)
@settings(deadline=None, max_examples=40)
def test_sqrt_holds_the_value_of_mpmath_and_is_exact_at_squares(x):
    assert balls.sqrt(x * x).exact == rational(x)
    found = balls.sqrt(x)
    if found.exact is None:
        holds(found, mp(mpmath.sqrt, x))
    else:
        assert fraction(found.exact) ** 2 == x
    holds(balls.sqrt(balls.log(x + 1)), mp(lambda p: mpmath.sqrt(mpmath.log(p + 1)), x))


@pytest.mark.parametrize(
    ("x", "root"),
    [("0", "0"), ("1", "1"), ("4/9", "2/3"), ("2", None), ("4/3", None), ("3/4", None)],
)
def test_sqrt_is_exact_at_squares_of_rationals_only(x, root):
    assert balls.sqrt(x).exact == (None if root is None else rational(root))


@pytest.mark.parametrize("x", [-1, "-4/9"])
def test_sqrt_refuses_negative_numbers(x):
    with pytest.raises(InputError, match=r"^x must be a number of at least 0, not Real\(-"):
        balls.sqrt(x)


# -- comparisons --------------------------------------------------------------------------------


@given(rationals, rationals)
def test_rationals_are_compared_exactly(a, b):
    left, right = Real.of(a), Real.of(b)
    assert (left < right, left <= right, left > right, left >= right, left == right) == (
        a < b,
        a <= b,
        a > b,
        a >= b,
        a == b,
    )
    assert left.sign() == (a > 0) - (a < 0)


@pytest.mark.parametrize("digits", [5, 20, 100, 1000])
def test_a_number_is_told_from_its_truncation(digits):
    below = e_truncated(digits)
    above = below + Fraction(1, 10**digits)
    e = balls.exp(1)
    assert below < e < above
    assert not below >= e
    assert not above <= e
    assert not e == below  # noqa: SIM201
    assert e != above
    assert e >= below
    assert e <= above
    assert e > below
    assert (e - above).sign() == -1
    assert (e - below).sign() == 1


def test_comparisons_need_no_more_than_the_precision_limit():
    with pytest.raises(UndecidedError, match=r"^sign not decided at 16384 bits"):
        (balls.exp(1) - e_truncated(5200)).sign()


@pytest.mark.parametrize(
    "compare", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        (balls.log(2), balls.log(2)),
        (balls.log(4), 2 * balls.log(2)),
        (balls.exp(balls.log(3)), Real.of(3)),
        (balls.log(-balls.log(2)), Real.of(0)),
    ],
)
def test_ties_are_never_decided(compare, left, right):
    with pytest.raises(UndecidedError, match=r"^sign not decided at 16384 bits"):
        compare(left, right)


def test_a_ball_of_radius_zero_decides_a_tie():
    one = balls.log(2) ** 0
    assert one.exact is None
    assert (one - 1).sign() == 0
    assert one == 1
    assert Real(lambda: arb(0)).sign() == 0


def test_equality_with_other_types():
    assert Real.of(2) == fmpq(2)
    assert fmpq(2) == Real.of(2)
    assert Fraction(1, 2) == Real.of("1/2")
    assert Real.of("1/2") != 1
    assert balls.exp(1) != 3
    assert Real.of(2) != "2"
    assert Real.of(2) != 2.0


def test_reals_are_not_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Real.of(1))


# -- integers -----------------------------------------------------------------------------------


@given(rationals)
def test_rounding_of_rationals(x):
    real = Real.of(x)
    assert real.floor() == math.floor(x)
    assert real.ceil() == math.ceil(x)
    assert real.nearest_integer() == math.floor(x + Fraction(1, 2))
    assert type(real.floor()) is int


@pytest.mark.parametrize(
    ("half", "nearest"), [("1/2", 1), ("-1/2", 0), ("3/2", 2), ("-3/2", -1), ("5/2", 3), ("7", 7)]
)
def test_exact_halves_round_up(half, nearest):
    assert Real.of(half).nearest_integer() == nearest


def test_rounding_of_irrational_numbers():
    e = balls.exp(1)
    assert (e.floor(), e.ceil(), e.nearest_integer()) == (2, 3, 3)
    assert ((-e).floor(), (-e).ceil(), (-e).nearest_integer()) == (-3, -2, -3)
    assert (e - Fraction(1, 4)).nearest_integer() == 2


@pytest.mark.parametrize("digits", [10, 15, 16, 20, 200, 4000])
def test_rounding_of_large_irrational_numbers(digits):
    scaled = balls.exp(1) * 10**digits
    below = int(e_truncated(digits) * 10**digits)
    assert (scaled.floor(), scaled.ceil()) == (below, below + 1)
    assert scaled.nearest_integer() in (below, below + 1)


def test_rounding_raises_the_precision_until_it_is_certain():
    tiny = balls.exp(1) - e_truncated(150)
    assert (tiny.floor(), tiny.ceil()) == (0, 1)
    assert ((-tiny).floor(), (-tiny).ceil()) == (-1, 0)
    assert (tiny + Fraction(1, 2)).nearest_integer() == 1
    assert (Fraction(1, 2) - tiny).nearest_integer() == 0


@pytest.mark.parametrize("method", ["floor", "ceil"])
def test_integers_that_are_not_known_exactly_are_undecided(method):
    with pytest.raises(UndecidedError, match=r"not decided at 16384 bits$"):
        getattr(balls.exp(balls.log(2)), method)()


def test_a_half_that_is_not_known_exactly_is_undecided():
    with pytest.raises(UndecidedError, match=r"not decided at 16384 bits$"):
        (balls.exp(balls.log(2)) / 4).nearest_integer()
    assert balls.exp(balls.log(2)).nearest_integer() == 2


# -- enclosures ---------------------------------------------------------------------------------


def test_rationals_enclose_themselves():
    found = Real.of("1/3").enclosure()
    assert found == Enclosure(Fraction(1, 3), Fraction(1, 3))
    assert found.exact
    assert type(found.lower) is Fraction
    assert found.as_strings() == ("1/3", "1/3")
    assert Real.of(-4).enclosure().as_strings() == ("-4", "-4")


@pytest.mark.parametrize("width", [1, "1/10", Fraction(1, 10**12), "1/" + "1" + "0" * 50])
def test_enclosures_are_as_narrow_as_asked_and_hold_the_number(width):
    found = balls.exp(1).enclosure(width)
    e = e_truncated(80)
    assert not found.exact
    assert found.upper - found.lower <= Fraction(width)
    assert found.lower <= e
    assert e + Fraction(1, 10**80) <= found.upper


def test_enclosures_are_at_most_1e_15_wide_by_default():
    found = (balls.exp(1) * 10**12).enclosure()
    assert found.upper - found.lower <= Fraction(1, 10**15)
    assert found.lower < e_truncated(60) * 10**12 < found.upper


def test_the_width_may_be_irrational():
    found = balls.log(2).enclosure(balls.exp(-100))
    assert found.upper - found.lower < Fraction(1, 10**43)
    value = mp(mpmath.log, Fraction(2))
    assert found.lower - SLACK <= value <= found.upper + SLACK


@pytest.mark.parametrize("width", [0, -1, "1/" + "1" + "0" * 6000])
def test_widths_out_of_reach_are_undecided(width):
    with pytest.raises(UndecidedError, match=r"^no enclosure of that width at 16384 bits$"):
        balls.exp(1).enclosure(width)


def test_a_number_that_is_no_number_has_no_enclosure():
    with pytest.raises(UndecidedError, match=r"^no enclosure of that width"):
        balls.log(-balls.log(2)).enclosure(10**9)


@given(positive)
@settings(deadline=None, max_examples=40)
def test_below_is_a_close_rational_lower_bound(x):
    value = mp(mpmath.log, x + 1)
    found = fraction(balls.log(x + 1).below())
    assert found <= value
    assert value - found < Fraction(1, 10**15)
    closer = fraction(balls.log(x + 1).below(160))
    assert closer <= value
    assert value - closer < Fraction(1, 10**40)


def test_below_is_the_rational_itself():
    assert Real.of("-2/3").below() == fmpq(-2, 3)
    assert fraction((-balls.exp(1)).below()) < -e_truncated(60)


def test_balls_are_computed_at_the_precision_asked_for():
    e = balls.exp(1)
    wide, narrow = e.ball(32), e.ball(400)
    assert fraction(narrow.rad().fmpq()) < Fraction(1, 10**100) < fraction(wide.rad().fmpq())
    with ctx.workprec(400):
        current = e.ball()
    assert fraction(current.rad().fmpq()) < Fraction(1, 10**100)
    assert Real.of("1/2").ball(64) == arb("0.5")


def test_the_working_precision_is_left_alone():
    before = ctx.prec
    assert balls.exp(1).enclosure("1/" + "1" + "0" * 100).lower > 2
    assert balls.exp(1) > e_truncated(100)
    assert ctx.prec == before


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("power", ["-1000000", "-1" + "0" * 31, "-1" + "0" * 400])
def test_what_is_all_but_zero_is_enclosed_by_zero_and_a_tiny_number(power, sign):
    real = sign * balls.exp(power)
    found = real.enclosure()
    assert fmpq(1, 2**balls.LIMIT_EXPONENT) == balls.TINY
    tiny = fraction(balls.TINY)
    if len(power) > 9:  # the ball itself holds zero
        assert (found.lower, found.upper) == (-tiny, tiny)
        assert real.below() == -balls.TINY
    else:
        assert (found.lower, found.upper) == ((0, tiny) if sign > 0 else (-tiny, 0))
        assert real.below() == (0 if sign > 0 else -balls.TINY)
    assert balls.nearest_float(real) == 0.0


@pytest.mark.parametrize("base", [2, 3])
def test_numbers_within_the_limit_are_written_out(base):
    bits = balls.LIMIT_EXPONENT // 2
    for power in (-bits, bits):
        found = Real(lambda power=power: arb(base) ** power).enclosure(fmpq(base) ** power / 10**9)
        assert found.lower <= Fraction(base) ** power <= found.upper
        assert found.lower > 0


@pytest.mark.parametrize("power", ["1000000", "1" + "0" * 31])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_too_large_is_not_written_out(power, sign):
    real = sign * balls.exp(power)
    with pytest.raises(UndecidedError, match=r"^not written out beyond 2\^524288: \["):
        real.enclosure()
    with pytest.raises(UndecidedError, match=r"^not finite, or beyond 2\^524288: \["):
        real.below()
    with pytest.raises(UndecidedError, match=r"^not decided at 16384 bits$"):
        balls.nearest_float(real)


def test_what_is_not_finite_has_no_lower_bound():
    with pytest.raises(UndecidedError, match=r"^not finite, or beyond 2\^524288: nan$"):
        balls.log(-balls.log(2)).below()


@pytest.mark.parametrize(
    "real", [Real.of(10**400), -Real.of(10**400), balls.exp(1000), -balls.exp(1000)]
)
def test_what_no_double_can_hold_has_no_nearest_one(real):
    with pytest.raises(InputError, match=r"^x must be a number that a double can hold, not Real"):
        balls.nearest_float(real)


def test_the_nearest_double_is_found_where_rough_balls_reach_beyond_the_largest():
    wide = Real(lambda: arb(1) if ctx.prec > 64 else arb(0, arb(2) ** 2000))
    assert balls.nearest_float(wide) == 1.0


# -- decimals -----------------------------------------------------------------------------------


def check_outward(found, digits):
    """Assert that the strings hold the interval and are off by less than one last digit."""
    lower, upper = found.as_strings(digits)
    for written, end, away in ((lower, found.lower, -1), (upper, found.upper, 1)):
        value = Fraction(written)
        off = (value - end) * away
        assert 0 <= off <= abs(end) * Fraction(1, 10 ** (digits - 1))
        significant = decimal.Decimal(written).as_tuple().digits
        assert len(significant) <= digits


def test_decimals_are_rounded_outwards_by_hand():
    third = Enclosure(Fraction(1, 3), Fraction(2, 3))
    assert third.as_strings(3) == ("0.333", "0.667")
    assert third.as_decimals() == ("0.333333333333", "0.666666666667")
    assert Enclosure(Fraction(-2, 3), Fraction(-1, 3)).as_strings(3) == ("-0.667", "-0.333")
    assert Enclosure(Fraction(0), Fraction(1, 8)).as_strings(2) == ("0", "0.13")
    assert Enclosure(Fraction(0), Fraction(1, 2)).as_strings() == ("0", "0.5")
    assert len(third.as_strings()[1]) == len("0.") + 12


@given(st.fractions(), st.fractions(), st.integers(1, 28))
def test_decimals_are_rounded_outwards(a, b, digits):
    lower, upper = sorted((a, b))
    if lower < upper:
        check_outward(Enclosure(lower, upper), digits)
    else:
        assert Enclosure(lower, upper).as_strings(digits) == (str(lower), str(lower))


@pytest.mark.parametrize("digits", [29, 40, 100])
def test_decimals_are_rounded_outwards_beyond_28_digits(digits):
    check_outward(Enclosure(Fraction(-2, 3), Fraction(1, 3)), digits)
    check_outward(Enclosure(Fraction(1, 3), Fraction(2, 3)), digits)


@pytest.mark.parametrize("scale", [1, 10**9, Fraction(1, 10**9)])
@pytest.mark.parametrize("exponent", [3, 14, 30])
def test_the_width_asked_for_is_not_lost_in_writing(scale, exponent):
    width = Fraction(1, 10**exponent)
    end = Fraction(scale) * 2 / 3
    for found in (Enclosure(end, end + width), Enclosure(-end - width, -end)):
        written = found.as_json(width)
        lower, upper = Fraction(written["lower"]), Fraction(written["upper"])
        assert lower <= found.lower
        assert found.upper <= upper
        assert upper - lower <= max(Fraction(3, 2) * width, width + end / 10**10)
    assert Enclosure(end, end).as_json(width) == {"lower": str(end), "upper": str(end)}
    assert Enclosure(Fraction(1, 3), Fraction(2, 3)).as_json() == {
        "lower": "0.333333333333",
        "upper": "0.666666666667",
    }


def test_decimals_do_not_depend_on_the_decimal_context():
    with decimal.localcontext(decimal.Context(prec=2)):
        check_outward(Enclosure(Fraction(2, 3), Fraction(4, 3)), 6)


def test_decimals_of_very_small_and_large_ends():
    check_outward(Enclosure(Fraction(1, 3 * 10**3000), Fraction(10**3000, 7)), 5)


# -- sums, maxima, precision loops --------------------------------------------------------------


def test_product_is_exact_for_rationals_and_where_a_factor_is_zero():
    assert balls.product([]).exact == 1
    assert balls.product([3, "1/2", Fraction(-1, 3), fmpq(2)]).exact == -1
    assert balls.product([balls.exp(1), 0]).exact == 0
    assert balls.product(iter([Real.of(1), 2])).exact == 2


def test_product_of_many_factors():
    found = balls.product([balls.exp(fmpq(1, 10**4))] * 10**4 + [2])
    assert found.exact is None
    assert abs(found / 2 - balls.exp(1)) < fmpq(1, 10**30)


def test_total_is_exact_for_rationals():
    assert balls.total([]).exact == 0
    assert balls.total([1, "1/2", Fraction(-1, 3), fmpq(2)]).exact == fmpq(19, 6)
    assert balls.total(iter([Real.of(1), 2])).exact == 3


@given(st.lists(positive, min_size=1, max_size=4), rationals)
@settings(deadline=None, max_examples=40)
def test_total_holds_the_sum(xs, exact):
    found = balls.total([exact, *(balls.log(x + 1) for x in xs)])
    assert found.exact is None
    holds(found, exact + sum(mp(mpmath.log, x + 1) for x in xs))


def test_at_precision_doubles_the_bits_until_an_answer_comes():
    seen = []

    def attempt():
        seen.append(ctx.prec)
        return "done" if ctx.prec >= 500 else None

    assert balls.at_precision(attempt) == "done"
    assert seen == [64, 128, 256, 512]


def test_at_precision_takes_false_and_zero_for_answers():
    assert balls.at_precision(lambda: 0) == 0
    assert balls.at_precision(lambda: False) is False


def test_at_precision_stops_at_the_limit():
    seen = []
    with pytest.raises(UndecidedError, match=r"^not decided at 16384 bits$"):
        balls.at_precision(lambda: seen.append(ctx.prec))
    assert seen == [64 << i for i in range(9)]


# -- display ------------------------------------------------------------------------------------


def test_floats_are_near():
    assert float(Real.of("1/3")) == 1 / 3
    assert float(balls.exp(1)) == pytest.approx(math.e, rel=1e-15)
    assert float(balls.log("1/7")) == pytest.approx(math.log(1 / 7), rel=1e-15)


def test_floats_of_very_small_numbers():
    assert float(balls.exp(1) - e_truncated(60)) == pytest.approx(
        float(e_truncated(90) - e_truncated(60)), rel=1e-3
    )
    assert float(balls.log(2) - balls.log(2)) == 0.0
    assert float(-balls.exp(-500)) == pytest.approx(-math.exp(-500), rel=1e-12)


def test_repr_shows_the_rational_or_the_ball():
    assert repr(Real.of("-6/4")) == "Real(-3/2)"
    assert repr(balls.log(2)).startswith("Real([0.69314718")
    with ctx.workprec(200):  # 64 bits are shown, not 200
        shown = repr(balls.log(2))
    assert shown.startswith("Real([0.69314718055994530")
    assert "0.6931471805599453094172321214" not in shown


def test_integers_of_flint_are_rationals():
    assert Real.of(fmpz(3)).exact == 3

"""llr.numbers.floats and the float64 arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest

from llr.errors import InputError
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, FLOAT64, named
from llr.numbers.rational import fraction, rational
from llr.numbers.units import NAT, LogitUnit


def low_rank(seed, height, width, r):
    """Return a random height x width array of rank r with entries of order one."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(height, r)) @ rng.normal(size=(r, width))


# -- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (-2.5, -2.5), (Fraction(1, 3), 1 / 3), (np.float64(0.25), 0.25), (np.int64(3), 3.0)],
)
def test_finite_returns_a_float(value, expected):
    found = floats.finite(value)
    assert type(found) is float
    assert found == expected


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        np.float64("nan"),
        "1.0",
        "nan",
        True,
        None,
        1j,
        [1.0],
        10**400,
    ],
)
def test_finite_refuses_what_is_no_finite_number(value):
    with pytest.raises(InputError, match=r"^b\[0\] must be a finite number, not "):
        floats.finite(value, "b[0]")
    with pytest.raises(InputError, match=r"^value must be "):
        floats.finite(value)


def test_arrays_have_the_shape_asked_for():
    assert floats.vector([1, 2]).dtype == np.float64
    assert floats.matrix([[1, 2], [3, 4]], 2).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert floats.matrix([], 3).shape == (0, 3)
    assert floats.matrix([[], []], 0).shape == (2, 0)


def test_centred_removes_the_mean():
    assert floats.centred([1.0, 2.0, 6.0]) == (-2.0, -1.0, 3.0)
    assert floats.centred([1e9, 1.0, -1e9, 1.0]) == (1e9 - 0.5, 0.5, -1e9 - 0.5, 0.5)


def test_what_is_centred_up_to_rounding_is_left_as_it_is():
    assert floats.centred([1e16, 1.0, -1e16, 1.0]) == (1e16, 1.0, -1e16, 1.0)
    once = floats.centred([0.1, 0.2, 0.7])
    assert floats.centred(once) == once


def test_rational_logits_in_nats_are_correctly_rounded():
    row = tuple(rational(x) for x in ("1/3", "-2/7", "1/10", "12345678901234567890123"))
    expected = (1 / 3, -2 / 7, 0.1, float(Fraction(12345678901234567890123)))
    assert floats.from_rational(row, NAT) == expected


def test_rational_logits_in_other_units_are_correctly_rounded():
    row = tuple(rational(Fraction(p, 997)) for p in range(-1000, 1000))
    found = floats.from_rational(row, LogitUnit.parse("ln 3"))
    with mpmath.workdps(60):
        expected = tuple(float(mpmath.log(3) * p / 997) for p in range(-1000, 1000))
    assert [x for x, f, e in zip(row, found, expected, strict=True) if f != e] == []


def test_rational_logits_in_other_units_are_within_one_unit_in_the_last_place():
    row = tuple(rational(Fraction(p, 89)) for p in range(-90, 90))
    found = floats.from_rational(row, LogitUnit.parse("ln 9"))
    with mpmath.workdps(60):
        expected = [float(mpmath.log(9) * p / 89) for p in range(-90, 90)]
    assert found == pytest.approx(expected, rel=3e-16, abs=0)
    assert found[90] == 0.0


def test_floats_stand_for_dyadic_rationals():
    found = floats.to_rational((0.1, -2.5, 0.0, 5e-324, 1e300))
    assert [fraction(x) for x in found] == [
        Fraction(3602879701896397, 2**55),
        Fraction(-5, 2),
        0,
        Fraction(1, 2**1074),
        int(1e300),
    ]
    assert hash(found) == hash(floats.to_rational((0.1, -2.5, 0.0, 5e-324, 1e300)))


def test_what_is_no_finite_float_stands_for_no_rational():
    with pytest.raises(InputError, match=r"^logit must be a finite number, not nan$"):
        floats.to_rational((0.0, float("nan")))


def test_rows_too_large_to_centre_are_refused():
    assert floats.centred([1.5e308, 1.5e308, 1.5e308]) == (0.0, 0.0, 0.0)
    with pytest.raises(
        InputError, match=r"^logits must be small enough for float64 to centre, not -1\.7e\+308$"
    ):
        floats.centred([1.6e308, -1.7e308, 1.6e308])


def test_scaled_logits_are_in_nats():
    assert floats.scaled((1.0, -2.0), LogitUnit.parse("ln 2")) == (math.log(2), -2 * math.log(2))


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8"])
def test_rows_of_every_kind_of_number_are_centred(kind):
    m = np.array([[1, 2, 6], [0, 0, 3]], dtype=kind)
    found = floats.centred_rows(m, (2, 3))
    assert found.dtype == np.float64
    assert found.tolist() == [[-2.0, -1.0, 3.0], [-1.0, -1.0, 2.0]]


def test_each_row_is_centred_by_itself():
    rows = np.array([[1e16, 1.0, -1e16, 1.0], [1.0, 2.0, 3.0, 6.0]])
    found = floats.centred_rows(rows, (2, 4))
    assert found.tolist() == [[1e16, 1.0, -1e16, 1.0], [-2.0, -1.0, 0.0, 3.0]]
    assert rows[1].tolist() == [1.0, 2.0, 3.0, 6.0]


@pytest.mark.parametrize(
    "wrong",
    [
        [[1.0, np.inf, 0.0]],
        [[np.nan, 1.0, 0.0]],
        [[1.6e308, -1.7e308, 1.6e308]],  # too large to centre
        [[1.0 + 1j, 0, 0]],
        [[True, False, True]],
        [["1", "2", "3"]],
        [1.0, 2.0, 3.0],
        [[1.0], [2.0], [3.0]],
    ],
)
def test_other_arrays_are_no_rows(wrong):
    with np.errstate(over="ignore"):
        assert floats.centred_rows(np.array(wrong), (1, 3)) is None


def test_softmax_of_every_row():
    m = np.array([[0.0, np.log(3.0)], [1000.0, 1000.0], [-1000.0, 1000.0]])
    laws = [[0.25, 0.75], [0.5, 0.5], [0.0, 1.0]]
    assert np.allclose(floats.softmax(m), laws, rtol=1e-15, atol=0)
    logs = [[-np.log(4), np.log(0.75)], [-np.log(2)] * 2, [-2000.0, 0.0]]
    assert np.allclose(floats.log_softmax(m), logs, rtol=1e-14, atol=0)
    assert floats.log_softmax(m.astype(np.float32)).dtype == np.float32


# -- independent rows ---------------------------------------------------------------------------


def test_independent_rows_by_hand():
    assert floats.independent_rows(floats.matrix([[1, 0], [2, 0], [0, 1]], 2)) == (1, 2)
    assert floats.independent_rows(floats.matrix([[0, 0], [0, 3], [0, -1]], 2)) == (1,)
    assert floats.independent_rows(floats.matrix([[0, 0]], 2)) == ()
    assert floats.independent_rows(floats.matrix([], 2)) == ()
    assert floats.independent_rows(floats.matrix([[], []], 0)) == ()


@pytest.mark.parametrize("r", [0, 1, 2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_independent_rows_span_and_are_as_many_as_the_rank(seed, r):
    m = low_rank(seed, 9, 6, r)
    chosen = floats.independent_rows(m)
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) == r == np.linalg.matrix_rank(m)
    assert np.linalg.matrix_rank(m[list(chosen)]) == r


def test_of_equal_remainders_the_first_is_taken_on_every_machine():
    """0.1 and 0.3 are rounded, so that the remainders of the first two rows differ by roundings."""
    rows = [[0.1, 0], [0, 0.3], [0.1, 0.3]]
    assert floats.independent_rows(floats.matrix(rows, 2)) == (0, 2)
    assert floats.independent_rows(floats.matrix([rows[1], rows[0], rows[2]], 2)) == (0, 2)
    apart = [[0.1, 0], [0, 0.3 * (1 + 2.0**-20)], [0.1, 0.3]]
    assert floats.independent_rows(floats.matrix(apart, 2)) == (1, 2)


def test_independent_rows_leave_their_argument_alone():
    m = low_rank(1, 4, 4, 2)
    before = m.copy()
    floats.independent_rows(m)
    assert (m == before).all()


def test_rows_that_differ_by_less_than_the_tolerance_are_dependent():
    nearly = floats.matrix([[1, 0], [1, floats.RANK_TOLERANCE / 10]], 2)
    apart = floats.matrix([[1, 0], [1, floats.RANK_TOLERANCE * 10]], 2)
    assert len(floats.independent_rows(nearly)) == 1
    assert len(floats.independent_rows(apart)) == 2
    scaled = floats.matrix([[1e6, 0], [1e6, floats.RANK_TOLERANCE * 10]], 2)
    assert len(floats.independent_rows(scaled)) == 1


# -- coordinates --------------------------------------------------------------------------------


def test_coordinates_by_hand():
    basis = floats.matrix([[1, 1, 0], [0, 1, 1]], 3)
    found = floats.coordinates(basis, floats.matrix([[2, -1, -3], [0, 0.5, 0.5]], 3))
    assert np.allclose(found, [[2, -3], [0, 0.5]], rtol=0, atol=1e-12)
    assert floats.coordinates(basis, floats.matrix([[2, -1, -3], [1, 1, 1]], 3)) is None


def test_coordinates_in_an_empty_basis():
    none = floats.matrix([], 2)
    assert floats.coordinates(none, floats.matrix([[0, 0]], 2)).shape == (1, 0)
    assert floats.coordinates(none, floats.matrix([[0, 1]], 2)) is None
    assert floats.coordinates(none, none).shape == (0, 0)


def test_coordinates_of_no_rows():
    found = floats.coordinates(floats.matrix([[1, 0], [0, 1]], 2), floats.matrix([], 2))
    assert found.shape == (0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_coordinates_reproduce_the_rows(seed):
    m = low_rank(seed, 8, 6, 3)
    basis = m[list(floats.independent_rows(m))]
    found = floats.coordinates(basis, m)
    assert np.abs(found @ basis - m).max() < 1e-10


def test_a_remainder_counts_only_beyond_the_tolerance():
    basis = floats.matrix([[1, 0]], 2)
    inside = floats.matrix([[1, 50 * floats.RANK_TOLERANCE]], 2)
    outside = floats.matrix([[1, 200 * floats.RANK_TOLERANCE]], 2)
    larger = floats.matrix([[1000, 200 * floats.RANK_TOLERANCE]], 2)
    assert floats.coordinates(basis, inside) is not None
    assert floats.coordinates(basis, outside) is None
    assert floats.coordinates(basis, larger) is not None


@pytest.mark.parametrize("seed", range(5))
def test_independent_rows_take_the_largest_remainder_first(seed):
    """Against a plain Gram-Schmidt that keeps every remainder; sizes fall by 10^9 on the way."""
    rng = np.random.default_rng(seed)
    scales = 10.0 ** -np.arange(9)
    m = (rng.normal(size=(30, 9)) * scales) @ np.linalg.qr(rng.normal(size=(9, 9)))[0]
    expected, rest = [], m.copy()
    for _ in range(9):
        best = int((rest * rest).sum(axis=1).argmax())
        direction = rest[best] / np.linalg.norm(rest[best])
        rest = rest - np.outer(rest @ direction, direction)
        expected.append(best)
    assert floats.independent_rows(m) == tuple(sorted(expected))


# -- fits and extensions ------------------------------------------------------------------------


def test_fit_is_the_nearest_combination():
    basis = floats.matrix([[1, 0, 0], [1, 1, 0]], 3)
    rows = floats.matrix([[0, 0, 5], [3, 2, 1]], 3)
    assert np.allclose(floats.fit(basis, rows), [[0, 0], [1, 2]], rtol=0, atol=1e-12)
    assert floats.fit(floats.matrix([], 3), rows).shape == (2, 0)


def slow_extension(basis, rows, slack, most):
    chosen, width = [], rows.shape[1]
    while len(basis) + len(chosen) < width and (most is None or len(chosen) < most):
        worst = None
        for i, row in enumerate(rows):
            here = np.array([*basis, *rows[chosen]]).reshape(-1, width)
            coefficients = np.linalg.pinv(here.T) @ row
            error = math.sqrt(((row - coefficients @ here) ** 2).mean())
            if error > slack * (1 + abs(coefficients).sum()) and (not worst or error > worst[0]):
                worst = error, i
        if worst is None:
            break
        chosen.append(worst[1])
    return tuple(chosen)


def test_the_row_with_the_largest_remainder_joins_first():
    joined = set()
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(7, 5)) * 4.0 ** -rng.integers(0, 5, size=(7, 1))
        for basis, slack in product((rows[:0], rng.normal(size=(2, 5))), (1e-9, 0.02, 0.1, 0.5)):
            for most in (None, 2, 1):
                chosen = floats.extension(basis, rows, slack, most)
                assert chosen == slow_extension(basis, rows, slack, most)
            joined.add(len(floats.extension(basis, rows, slack)))
    assert joined == {0, 1, 2, 3, 4, 5}


def test_no_rows_and_no_columns_need_nothing():
    assert floats.extension(floats.matrix([[1, 2]], 2), floats.matrix([], 2), 0.1) == ()
    assert floats.extension(np.zeros((0, 0)), np.zeros((2, 0)), 0.1) == ()


@pytest.mark.parametrize("shape", [(6, 4), (3, 7)])
def test_the_spectral_rank_is_that_of_the_nearest_matrix(shape):
    rng = np.random.default_rng(1)
    m = rng.normal(size=shape) * 5.0 ** -np.arange(shape[1])
    u, values, v = np.linalg.svd(m, full_matrices=False)
    for r in range(len(values)):
        near = (u[:, :r] * values[:r]) @ v[:r]
        error = math.sqrt(((m - near) ** 2).mean())
        assert floats.spectral_rank(m, error * 1.001) == r
        assert floats.spectral_rank(m, error * 0.999) == r + 1
    assert floats.spectral_rank(m, 0.0) == len(values)
    assert floats.spectral_rank(np.zeros((3, 0)), 0.0) == 0


# -- exchange -----------------------------------------------------------------------------------


def test_the_largest_entry_is_the_first_of_equals():
    assert floats.largest(floats.matrix([[1, -3], [3, 2]], 2)) == (3.0, 0, 1)
    assert floats.largest(floats.matrix([[0, 0]], 2)) == (0.0, 0, 0)
    assert floats.largest(floats.matrix([], 2)) == (0.0, 0, 0)
    assert floats.largest(floats.matrix([[], []], 0)) == (0.0, 0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_exchange_is_a_change_of_basis(seed):
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(9, 4))
    before = m.copy()
    i, j = 5, 2
    basis = np.eye(4)
    basis[j] = m[i]
    found = floats.exchange(m, i, j)
    assert np.allclose(found @ basis, m, rtol=0, atol=1e-9)
    assert found[i].tolist() == [0, 0, 1, 0]
    assert (m == before).all()


# -- the float64 arithmetic ---------------------------------------------------------------------


def test_float_arithmetic_computes_by_hand():
    m = FLOAT64.matrix([[1, 2], [0, 0.5]], 2)
    assert FLOAT64.name == "float64"
    assert FLOAT64.apply(m, (1.0, 2.0)) == (5.0, 1.0)
    assert FLOAT64.combine((1.0, 2.0), m) == (1.0, 3.0)
    assert FLOAT64.rows(m) == [(1.0, 2.0), (0.0, 0.5)]
    assert FLOAT64.row([1.0, 2.0]) == (1.0, 2.0)
    assert FLOAT64.centred([1.0, 2.0]) == (-0.5, 0.5)
    assert FLOAT64.independent_rows(m) == (0, 1)
    assert np.allclose(FLOAT64.coordinates(m, m), np.eye(2), rtol=0, atol=1e-12)
    assert FLOAT64.to_json(0.1) == 0.1
    assert type(FLOAT64.to_json(np.float64(0.1))) is float
    assert FLOAT64.scalar(2) == 2.0


def test_float_scalars_refuse_strings():
    with pytest.raises(InputError, match=r"^c must be a finite number, not '1/2'$"):
        FLOAT64.scalar("1/2", "c")
    with pytest.raises(InputError, match=r"^value must be "):
        FLOAT64.scalar("1/2")


@pytest.mark.parametrize(
    ("value", "outside"),
    [
        (2.0, False),
        (-2.0, False),
        (2 + 5e-8, False),
        (-2 - 5e-8, False),
        (2 + 2e-7, True),
        (-2 - 2e-7, True),
        (0.0, False),
    ],
)
def test_float_box_has_a_tolerance(value, outside):
    assert FLOAT64.exceeds(value, 2) is outside


def test_arithmetics_have_names():
    assert named("exact") is EXACT
    assert named("float") is FLOAT64
    assert named("float64") is FLOAT64


@pytest.mark.parametrize("name", ["", "Exact", "float32", None, 1, ["exact"]])
def test_other_arithmetics_are_refused(name):
    with pytest.raises(InputError, match=r'^numbers must be "exact" or "float", not '):
        named(name, "numbers")
    with pytest.raises(InputError, match=r"^arithmetic must be "):
        named(name)

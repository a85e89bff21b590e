"""Barycentric spanners, checked by an elimination over Fractions that shares no code with them."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from by_hand import slow_rank
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.learning import spanner
from llr.learning.spanner import BOX, barycentric_spanner
from llr.numbers.arithmetic import EXACT, FLOAT64, FloatArithmetic

# -- the independent checker ----------------------------------------------------------------------


def solve_left(basis, row):
    """Return c with sum_i c_i basis_i == row, or None; the basis rows must be independent."""
    n, width = len(basis), len(row)
    system = [[basis[i][j] for i in range(n)] + [row[j]] for j in range(width)]
    for pivot in range(n):
        found = next((r for r in range(pivot, width) if system[r][pivot] != 0), None)
        assert found is not None, "the basis rows are dependent"
        system[pivot], system[found] = system[found], system[pivot]
        lead = system[pivot][pivot]
        system[pivot] = [x / lead for x in system[pivot]]
        for r in range(width):
            if r != pivot and system[r][pivot] != 0:
                factor = system[r][pivot]
                system[r] = [x - factor * y for x, y in zip(system[r], system[pivot], strict=True)]
    if any(equation[n] != 0 for equation in system[n:]):
        return None
    return [equation[n] for equation in system[:n]]


def determinant(square):
    rows, found = [list(r) for r in square], Fraction(1)
    for c in range(len(rows)):
        lead = next((i for i in range(c, len(rows)) if rows[i][c] != 0), None)
        if lead is None:
            return Fraction(0)
        if lead != c:
            rows[c], rows[lead] = rows[lead], rows[c]
            found = -found
        found *= rows[c][c]
        for i in range(c + 1, len(rows)):
            factor = rows[i][c] / rows[c][c]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[c], strict=True)]
    return found


def first_independent(rows):
    chosen = []
    for i in range(len(rows)):
        if slow_rank([rows[j] for j in (*chosen, i)]) == len(chosen) + 1:
            chosen.append(i)
    return chosen


def exact_spanner(rows, columns):
    return barycentric_spanner(
        [tuple(fmpq(x.numerator, x.denominator) for x in r) for r in rows], columns, EXACT
    )


def check(rows, columns):
    """Run the spanner on rows of Fractions and check all that it promises; return it."""
    rows = [[Fraction(x) for x in row] for row in rows]
    found = exact_spanner(rows, columns)
    assert list(found.indices) == sorted(set(found.indices))
    basis = [rows[i] for i in found.indices]
    assert len(basis) == slow_rank(rows) <= columns
    assert len(found.coefficients) == len(rows)
    for row, claimed in zip(rows, found.coefficients, strict=True):
        c = solve_left(basis, row) if basis else ([] if not any(row) else None)
        assert c is not None, "a row lies outside the span"
        assert all(-BOX <= x <= BOX for x in c)
        assert [Fraction(int(x.p), int(x.q)) for x in claimed] == c
    first = [rows[i] for i in first_independent(rows)]
    volume = abs(determinant([solve_left(first, r) for r in basis]))
    # each exchange multiplies the volume by more than 2, and the first basis has volume 1
    assert volume >= 2**found.exchanges
    assert found.exchanges == 0 or volume > 2**found.exchanges
    return found


# -- by hand --------------------------------------------------------------------------------------


def test_the_box_is_two():
    assert BOX == 2


@pytest.mark.parametrize(
    ("rows", "indices", "exchanges"),
    [
        ([(1, 0), (0, 1)], (0, 1), 0),
        ([(1, 0), (0, 1), (2, -2)], (0, 1), 0),  # exactly at the box
        ([(1, 0), (0, 1), (5, 1)], (1, 2), 1),
        ([(1, 0), (0, 1), (1, -5)], (0, 2), 1),
        ([(1, 0), (0, 1), (5, 0), (0, 5)], (2, 3), 2),
        ([(-3,), (1,)], (0,), 0),
        ([(1,), (-3,)], (1,), 1),
        ([(1,), (3,), (7,)], (2,), 1),  # the largest goes first
        ([(1,), (7,), (-7,)], (1,), 1),  # the first of equals
        ([(-1, 0), (0, 1)], (0, 1), 0),
        ([(-1, 0), (0, -1), (0, 3)], (0, 2), 1),
        ([(1, 1), (2, 2), (5, 5)], (2,), 1),
    ],
)
def test_small_cases(rows, indices, exchanges):
    found = check(rows, len(rows[0]))
    assert (found.indices, found.exchanges) == (indices, exchanges)


def test_coefficients_by_hand():
    found = check([(1, 0), (0, 1), (5, 1)], 2)
    # (1, 0) = ((5, 1) - (0, 1)) / 5
    assert [[Fraction(int(x.p), int(x.q)) for x in c] for c in found.coefficients] == [
        [Fraction(-1, 5), Fraction(1, 5)],
        [1, 0],
        [0, 1],
    ]


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT64])
@pytest.mark.parametrize(
    ("rows", "columns"), [([], 3), ([()] * 2, 0), ([(0, 0)] * 3, 2), ([(0,)], 1)]
)
def test_the_zero_space_has_the_empty_spanner(rows, columns, arithmetic):
    rows = [tuple(arithmetic.scalar(x) for x in r) for r in rows]
    found = barycentric_spanner(rows, columns, arithmetic)
    assert found.indices == ()
    assert found.exchanges == 0
    assert found.coefficients == [()] * len(rows)


def test_repeats_and_zeros_are_welcome():
    found = check([(0, 0, 0), (1, 2, 3), (1, 2, 3), (0, 0, 0), (2, 4, 6), (0, 1, 0), (0, 1, 0)], 3)
    assert found.indices == (1, 5)


def test_huge_and_tiny_rows():
    tiny = Fraction(1, 10**30)
    found = check([(tiny, 0), (0, tiny), (10**30, 1), (1, 10**30), (-(10**31), tiny)], 2)
    assert set(found.indices) == {3, 4}


def test_the_answer_is_fixed_by_the_rows():
    rng = Random(3)
    rows = [[Fraction(rng.randrange(-9, 10)) for _ in range(4)] for _ in range(30)]
    assert exact_spanner(rows, 4) == exact_spanner(rows, 4)


# -- rows that need many exchanges ----------------------------------------------------------------


def wilkinson(d):
    """Return a unit lower triangle of -1, then the unit vectors: coefficients up to 2^(d-2)."""
    triangle = [[-1] * i + [1] + [0] * (d - i - 1) for i in range(d)]
    return triangle + [[int(i == j) for j in range(d)] for i in range(d)]


@pytest.mark.parametrize("d", [2, 3, 8, 16])
def test_wilkinson_rows(d):
    rows = wilkinson(d)
    first = solve_left(
        [[Fraction(x) for x in r] for r in rows[:d]], [Fraction(x) for x in rows[-1]]
    )
    assert max(map(abs, first)) == (2 ** (d - 2) if d > 1 else 1)
    found = check(rows, d)
    assert (found.exchanges > 0) == (d > 3)


def test_geometric_rows_are_jumped_over():
    found = check([[Fraction(3) ** j] for j in range(-40, 41)], 1)
    assert found.indices == (80,)
    assert found.exchanges == 1


def moment_rows(n, d):
    return [[Fraction(i) ** j for j in range(d)] for i in range(1, n + 1)]


def test_moment_rows():
    assert check(moment_rows(14, 4), 4).exchanges > 0


entries = st.fractions(min_value=-20, max_value=20, max_denominator=9) | st.sampled_from(
    [Fraction(0), Fraction(10**6), Fraction(1, 10**6)]
)
matrices = st.integers(1, 4).flatmap(
    lambda w: st.tuples(st.just(w), st.lists(st.lists(entries, min_size=w, max_size=w), max_size=7))
)


@settings(deadline=None, max_examples=50)
@given(matrices)
def test_random_rows(case):
    columns, rows = case
    check(rows, columns)


@settings(deadline=None, max_examples=50)
@given(matrices, st.data())
def test_rows_with_repeats_negatives_and_combinations(case, data):
    columns, rows = case
    if rows:
        pick = st.sampled_from(rows)
        rows = [*rows, data.draw(pick), [-3 * x for x in data.draw(pick)]]
        pairs = zip(data.draw(pick), data.draw(pick), strict=True)
        rows.append([x + 5 * y for x, y in pairs])
    check(rows, columns)


# -- float64 --------------------------------------------------------------------------------------


def check_floats(rows, columns):
    found = barycentric_spanner([tuple(map(float, r)) for r in rows], columns, FLOAT64)
    m = np.array(rows, dtype=float).reshape(len(rows), columns)
    basis = m[list(found.indices)]
    coefficients = np.array(found.coefficients).reshape(len(rows), len(found.indices))
    scale = max(1.0, float(np.abs(m).max()))
    assert np.abs(coefficients @ basis - m).max() <= 1e-6 * scale
    assert np.abs(coefficients).max() <= BOX + 1e-6
    assert np.linalg.matrix_rank(basis) == len(found.indices)
    return found


@pytest.mark.parametrize("d", [2, 8, 16, 40])
def test_wilkinson_rows_in_float64(d):
    assert len(check_floats(wilkinson(d), d).indices) == d


@pytest.mark.parametrize("seed", range(5))
def test_random_rows_in_float64(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 9)) * 10.0 ** rng.integers(-2, 3)
    assert len(check_floats(rows, 9).indices) == 5


def test_float64_agrees_with_the_exact_spanner_on_what_both_span():
    rng = Random(5)
    for _ in range(20):
        rows = [[rng.randrange(-6, 7) for _ in range(3)] for _ in range(8)]
        assert len(check_floats(rows, 3).indices) == len(check(rows, 3).indices)


def test_exchanges_are_counted_over_all_passes_in_float64():
    class FirstRow(FloatArithmetic):
        def independent_rows(self, m):
            return [0]

    for rows, exchanges in [([1, 2], 0), ([1, 3, -9, 8], 1)]:
        found = barycentric_spanner([(float(x),) for x in rows], 1, FirstRow())
        assert (found.exchanges, found.indices) == (exchanges, (2 * exchanges,))


def test_dust_is_not_a_direction_in_float64():
    rows = [(1.0, 0.0), (1.0, 1e-13), (0.5, -1e-13)]
    assert len(barycentric_spanner(rows, 2, FLOAT64).indices) == 1


def test_a_row_outside_the_span_is_not_passed_over():
    class Strict(FloatArithmetic):
        def coordinates(self, basis, rows):
            return None

    with pytest.raises(
        ArithmeticError, match=r"^a row left the span .* rank tolerance is too tight$"
    ):
        barycentric_spanner([(1.0,), (2.0,)], 1, Strict())


# -- growth: where updated coefficients drift ------------------------------------------------------


def growing_rows(seed, d=64, extra=32):
    """Wilkinson's rows and random ones: coefficients in the first d rows grow like 2^d."""
    rng = np.random.default_rng(seed)
    more = np.round(256 * rng.normal(size=(extra, d))) / 256
    return np.vstack([np.array(wilkinson(d), dtype=float), more])


def updated_spanner(m, most=1000):
    """Solve once, in the first rows, and only update from there; return basis and coefficients."""
    d = m.shape[1]
    basis = list(range(d))
    c = np.linalg.solve(m[basis].T, m.T).T
    for _ in range(most):
        i, j = np.unravel_index(np.abs(c).argmax(), c.shape)
        if abs(c[i, j]) <= BOX:
            return basis, c
        change = c[i].copy()
        change[j] -= 1
        c = c - np.outer(c[:, j] / c[i, j], change)
        basis[j] = int(i)
    raise AssertionError("updates never end")


def exact_coefficients(m, basis):
    """Return the coefficients of the rows, read as dyadic rationals, solved over Q."""
    square, right = (
        fmpq_mat(*a.shape, [fmpq(*x.as_integer_ratio()) for x in a.ravel().tolist()])
        for a in (m[list(basis)], m)
    )
    return square.transpose().solve(right.transpose()).transpose()


def largest_exact(m, basis):
    return max(abs(x) for x in exact_coefficients(m, basis).entries())


@pytest.mark.parametrize("seed", range(3))
def test_updates_alone_drift_out_of_the_box_on_rows_that_grow(seed):
    m = growing_rows(seed)
    basis, claimed = updated_spanner(m)
    assert np.abs(claimed).max() <= BOX
    assert largest_exact(m, basis) > 4 * BOX  # what they claim is false


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_grow_have_a_spanner_in_float64(seed):
    m = growing_rows(seed)
    rows = [tuple(row) for row in m.tolist()]
    rough = barycentric_spanner(rows, 64, FLOAT64)
    assert largest_exact(m, rough.indices) <= BOX


def test_rows_that_grow_over_the_rationals():
    m = growing_rows(0)
    rows = [tuple(fmpq(*x.as_integer_ratio()) for x in row) for row in m.tolist()]
    found = barycentric_spanner(rows, 64, EXACT)
    assert found.exchanges > 10  # it starts from the first rows, where the growth is
    c = exact_coefficients(m, found.indices)
    assert all(abs(x) <= BOX for x in c.entries())
    assert [tuple(row) for row in c.tolist()] == found.coefficients


def test_many_exchanges_are_solved_afresh_in_float64(monkeypatch):
    monkeypatch.setattr(spanner, "UPDATES", 2)
    solutions = []

    class FirstRows(FloatArithmetic):
        def independent_rows(self, m):
            return tuple(range(m.shape[1]))

        def coordinates(self, basis, rows):
            solutions.append(super().coordinates(basis, rows))
            return solutions[-1]

    m = np.random.default_rng(1).normal(size=(300, 40))
    found = barycentric_spanner([tuple(row) for row in m.tolist()], 40, FirstRows())
    assert found.exchanges > 4
    assert len(solutions) > found.exchanges / 2
    # what is returned is the last solution, which no update has touched
    assert [sorted(row) for row in found.coefficients] == np.sort(solutions[-1], axis=1).tolist()

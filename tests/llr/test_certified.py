"""Certified spanners, proven again by a solution over Q that shares no code with them."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, ctx, fmpq, fmpq_mat

from llr.errors import InputError
from llr.learning import certified
from llr.learning.certified import certified_spanner
from llr.learning.spanner import BOX, Spanner


def exact(m):
    return fmpq_mat(*m.shape, [fmpq(*x.as_integer_ratio()) for x in m.ravel().tolist()])


def proven(rows, columns):
    """Certify float rows of full column rank and check all that is promised over Q."""
    m = np.array(rows, dtype=float)
    found = certified_spanner([tuple(row) for row in m.tolist()], columns)
    assert list(found.indices) == sorted(set(found.indices))
    assert len(found.indices) == columns
    square, right = exact(m[list(found.indices)]), exact(m)
    c = square.transpose().solve(right.transpose()).transpose()
    assert all(abs(x) <= BOX for x in c.entries())
    claimed = exact(np.array(found.coefficients)).entries()
    assert all(abs(x - y) <= fmpq(1, 10**12) for x, y in zip(c.entries(), claimed, strict=True))
    return found


def growing_rows(seed, d, extra):
    """Wilkinson's triangle, unit vectors and random rows: coefficients grow like 2^d."""
    more = np.round(256 * np.random.default_rng(seed).normal(size=(extra, d))) / 256
    return np.vstack([np.eye(d) - np.tril(np.ones((d, d)), -1), np.eye(d), more])


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_grow_have_a_certified_spanner(seed):
    proven(growing_rows(seed, 64, 32), 64)


@pytest.mark.parametrize(
    ("rows", "indices", "exchanges"),
    [
        ([(1, 0), (0, 1)], (0, 1), 0),
        ([(1,), (3,), (7,)], (2,), 0),
        ([(0.1, 0), (0, 0.5), (0.1, 0.3)], (0, 1), 0),  # the largest remainder goes first
        ([(0.1, 0), (0, 0.3), (0.1, 0.3)], (0, 2), 0),  # of equal ones the first, on any machine
    ],
)
def test_small_certified_spanners(rows, indices, exchanges):
    found = proven(rows, len(rows[0]))
    assert (found.indices, found.exchanges) == (indices, exchanges)


@pytest.mark.parametrize("seed", range(4))
def test_random_certified_spanners(seed):
    rng = np.random.default_rng(seed)
    proven(rng.normal(size=(30, 5)) * 10.0 ** rng.integers(-3, 4, size=(30, 1)), 5)


def test_a_badly_conditioned_spanner_is_certified():
    tiny = 2.0**-26
    proven([(1, 1, 0), (1, 1 + tiny, 0), (1, 1, tiny), (1, 1 - tiny, tiny)], 3)


@pytest.mark.parametrize("seed", range(3))
def test_balls_mend_what_floats_chose_badly(monkeypatch, seed):
    """The float choice is replaced by the first rows, whose coefficients grow."""
    d = 12
    rows = growing_rows(seed, d, 12)

    def first_rows(rows, columns, arithmetic):
        return Spanner(tuple(range(columns)), [], 0)

    monkeypatch.setattr(certified, "barycentric_spanner", first_rows)
    assert proven(rows, d).exchanges > 0


def test_a_tie_at_the_box_is_exchanged_where_balls_cannot_decide_it(monkeypatch):
    """(0.2, 0.6) is exactly twice (0.1, 0.3), which no ball around the quotient shows."""

    def first_rows(rows, columns, arithmetic):
        return Spanner(tuple(range(columns)), [], 0)

    monkeypatch.setattr(certified, "barycentric_spanner", first_rows)
    found = proven([(0.1, 0.3), (0.7, 0.2), (0.2, 0.6)], 2)
    assert found.indices in {(0, 1), (1, 2)}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("size", "outside"), [(2 + 2.0**-30, (1, 0)), (2.0, None), (2 - 2.0**-30, None)]
)
def test_a_coefficient_outside_the_box_by_a_hair_is_exchanged(size, outside, sign):
    _, found = certified._judged(np.array([[1.0], [sign * size]]), [0])
    assert found == outside


def test_what_is_not_proven_inside_is_exchanged_where_it_is_proven_near():
    # the coefficient 2 of the last row, in a ball of positive radius
    m = np.array([(0.1, 0.3), (0.7, 0.2), (0.2, 0.6)])
    balls, found = certified._judged(m, [0, 1])
    assert balls[4].overlaps(arb(BOX))
    assert not abs(balls[4]) <= BOX
    assert found == (2, 0)


def test_what_is_neither_proven_inside_nor_near_is_left_to_more_bits():
    # 33/17 = 1.94... is inside, which four bits do not show
    m = np.array([[1.7], [3.3]])
    with ctx.workprec(4):
        assert certified._judged(m, [0]) is None
    with ctx.workprec(53):
        balls, found = certified._judged(m, [0])
    assert found is None
    assert float(balls[1]) == pytest.approx(33 / 17)


@pytest.mark.parametrize(("rows", "columns"), [([], 3), ([()] * 2, 0), ([(0.0, 0.0)] * 3, 2)])
def test_the_zero_space_has_the_empty_certified_spanner(rows, columns):
    found = certified_spanner(rows, columns)
    assert (found.indices, found.exchanges) == ((), 0)
    assert found.coefficients == [()] * len(rows)


def test_a_certified_spanner_of_fewer_rows_than_columns():
    rng = np.random.default_rng(4)
    m = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 9))
    found = certified_spanner([tuple(row) for row in m.tolist()], 9)
    basis = m[list(found.indices)]
    assert len(basis) == 4
    c = np.array(found.coefficients)
    assert np.abs(c).max() <= BOX
    assert np.abs(c @ basis - m).max() <= 1e-12
    assert np.abs(np.linalg.lstsq(basis.T, m.T, rcond=None)[0].T - c).max() <= 1e-12


def test_certified_spanners_refuse_what_is_no_finite_number():
    for bad in (float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"^rows\[1\] must be finite numbers, not"):
            certified_spanner([(1.0, 0.0), (0.0, bad)], 2)

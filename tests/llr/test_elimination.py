"""Certified lower bounds of ranks, against matrices whose rank is known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from llr.numbers.balls import Real, log
from llr.numbers.elimination import rank_lower_bound


def reals(rows):
    return [[Real.of(int(x)) for x in row] for row in rows]


def test_rational_matrices_by_hand():
    assert rank_lower_bound([]) == rank_lower_bound([[], []]) == 0
    assert rank_lower_bound(reals([[0, 0], [0, 0]])) == 0
    assert rank_lower_bound(reals([[5]])) == 1
    assert rank_lower_bound(reals([[7, 0, 0], [0, 0, 0]])) == 1
    assert rank_lower_bound(reals([[0, 1], [0, 2], [0, 3]])) == 1
    assert rank_lower_bound(reals([[1, 2, 3], [4, 5, 6], [7, 8, 9]])) == 2
    assert rank_lower_bound(reals([[1, 2, 3], [4, 5, 6], [7, 8, 10]])) == 3
    assert rank_lower_bound(reals([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])) == 3
    assert rank_lower_bound(reals(list(zip([0, 1, 0], [1, 0, 0], strict=True)))) == 2


@pytest.mark.parametrize("seed", range(12))
def test_integer_matrices_of_small_rank(seed):
    """Entries below 2^10: divisions leave balls, so that the bound is tight only if they cancel."""
    rng = np.random.default_rng(seed)
    height, width, r = 3 + seed % 4, 3 + seed // 4, 1 + seed % 3
    m = rng.integers(-3, 4, (height, r)) @ rng.integers(-3, 4, (r, width))
    found = rank_lower_bound(reals(m))
    assert found == np.linalg.matrix_rank(m)


def test_bounds_never_exceed_the_rank():
    """ln 6 = ln 2 + ln 3: the balls never exclude zero, whatever the precision."""
    rows = [[log(2), log(3), log(6)], [log(4), log(9), log(36)]]
    assert rank_lower_bound(rows) == 1
    rows = [[log(2), log(4)], [log(3), log(9)]]
    assert rank_lower_bound(rows) == 1
    rows = [[log(2), log(4)], [log(3), log(10)]]
    assert rank_lower_bound(rows) == 2


def test_the_precision_rises_to_the_limit():
    tiny = Fraction(1, 10**60)
    rows = [[log(2), log(3)], [log(4), log(9 + tiny)]]
    assert rank_lower_bound(rows, 128) == 1
    assert rank_lower_bound(rows, 255) == 1
    assert rank_lower_bound(rows, 256) == 2
    assert rank_lower_bound(rows) == 2
    assert rank_lower_bound([[log(2), log(3)], [log(3), log(2)]], 64) == 2
    assert rank_lower_bound([[log(2)]], 63) == 0


def test_the_default_limit_is_4096_bits():
    def apart(bits):
        return [[log(2), log(2)], [log(2), log(2 + Fraction(1, 2**bits))]]

    assert rank_lower_bound(apart(4050)) == 2
    assert rank_lower_bound(apart(4150)) == 1


def test_hilbert_matrices_need_precision():
    rows = [[log(Fraction(i + j + 2, i + j + 1)) for j in range(12)] for i in range(12)]
    assert rank_lower_bound(rows) == 12


def test_entries_are_evaluated_once_where_the_rank_is_full():
    asked = []

    def entry(i, j):
        def ball():
            asked.append((i, j))
            return arb(int(i == j) + 1).sqrt()

        return Real(ball)

    assert rank_lower_bound([[entry(i, j) for j in range(3)] for i in range(5)]) == 3
    assert len(asked) == len(set(asked)) == 15


def test_the_largest_pivot_comes_first():
    """With a pivot of 2^-60 the other entries would lose all digits at 64 bits."""
    small = Real.of(fmpq(1, 2**60))
    rows = [[small * log(2), log(3)], [log(3), log(5)]]
    wide = [[small * log(2), log(3), log(7)], [log(3), log(5), log(2)]]
    assert rank_lower_bound(rows, 64) == 2
    assert rank_lower_bound(wide, 64) == 2

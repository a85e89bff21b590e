"""Binomial sums against the standard library's, in integers and as balls."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from flint import arb, ctx, fmpq, fmpz

from llr.numbers.balls import fraction
from llr.numbers.binomial import binomial_sum, binomials, tail_ball


def tail(n, most, p):
    """Return Pr(Bin(n, p) <= most), term by term."""
    q = Fraction(int(p.p), int(p.q))
    return sum(comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(most + 1))


@pytest.mark.parametrize("n", range(7))
def test_binomial_coefficients(n):
    for most in range(n + 1):
        assert list(binomials(n, most)) == [comb(n, i) for i in range(most + 1)]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 3), (0, 5), (5, 0), (7, 2)])
def test_sums_of_binomial_terms(a, b):
    for n in range(7):
        for most in range(n + 1):
            found = binomial_sum(n, most, fmpz(a), fmpz(b))
            assert found == sum(comb(n, i) * a**i * b ** (n - i) for i in range(most + 1))


def test_a_whole_sum_is_a_power():
    assert binomial_sum(40, 40, fmpz(3), fmpz(4)) == 7**40


@pytest.mark.parametrize("p", [fmpq(1, 2), fmpq(1, 100), fmpq(24, 25), fmpq(1, 3)])
@pytest.mark.parametrize(
    ("n", "most"),
    [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2), (9, 4), (9, 8), (60, 1), (60, 2), (60, 30), (60, 59)],
)
@pytest.mark.parametrize("bits", [53, 200])
def test_a_tail_as_a_ball_encloses_it_closely(n, most, p, bits):
    with ctx.workprec(bits):
        ball = tail_ball(n, most, p)
        exact = tail(n, most, p)
        ends = ball.lower(), ball.upper()
    low, high = (fraction(end.fmpq()) for end in ends)
    assert low <= exact <= high
    assert (high - low) * 2 ** (bits - 16) <= exact


def test_a_tail_of_many_words_ends_early():
    """Ten million words, half of which may fail: few terms tell."""
    with ctx.workprec(64):
        ball = tail_ball(10**7, 5 * 10**6 - 1, fmpq(1, 2))
    n = 10**7
    # the middle term is 1 / sqrt(pi n / 2) up to a relative 1 / (4 n); the rest is symmetric
    middle = 1 / (arb.pi() * n / 2).sqrt()
    expected = (1 - middle * (1 + arb(0, 1 / (2 * n)))) / 2
    assert ball.overlaps(expected)
    assert float(ball.rad()) < 2**-30

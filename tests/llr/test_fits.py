"""Fitted power laws against values that are known."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from llr.analysis.fits import joint_power_law, mean_interval, power_law, student
from llr.errors import InputError


def student_tail(t, freedom):
    """Return Pr(|Student| > t), by the incomplete beta function."""
    x = mpmath.mpf(freedom) / (freedom + mpmath.mpf(t) ** 2)
    return mpmath.betainc(mpmath.mpf(freedom) / 2, 0.5, 0, x, regularized=True)


@pytest.mark.parametrize("freedom", [*range(1, 31), 50, 98])
@pytest.mark.parametrize("tail", [0.4, 0.025, 1e-3, 1e-6])
def test_students_quantile(freedom, tail):
    found = student(freedom, tail)
    assert float(student_tail(found, freedom)) / 2 == pytest.approx(tail, rel=1e-6)


def test_the_interval_of_a_mean():
    low, high = mean_interval([1.0, 2.0, 3.0])
    assert (low + high) / 2 == pytest.approx(2)
    assert (high - low) / 2 == pytest.approx(4.302652729 / np.sqrt(3))


def test_the_interval_of_a_mean_covers_as_often_as_it_says():
    draws = np.random.default_rng(2).normal(3, 2, (2000, 4))
    covered = sum(low <= 3 <= high for low, high in map(mean_interval, draws))
    assert 1850 <= covered <= 1950


@pytest.mark.parametrize("exponent", [-1.5, 0.0, 1.0, 3.0])
def test_a_power_law_is_found_exactly(exponent):
    sizes = [2, 3, 5, 8, 100]
    found = power_law(sizes, [7 * n**exponent for n in sizes])
    assert found.exponent == pytest.approx(exponent, abs=1e-12)
    assert found.factor == pytest.approx(7, rel=1e-12)
    assert found.low <= found.exponent <= found.high
    assert found.high - found.low < 1e-12


def test_the_interval_by_hand():
    # logs to base e: x = 0, 1, 2 and y = 0, 1, 1, so slope 1/2 and residuals (-1, 2, -1)/6
    found = power_law(np.exp([0, 1, 2]).tolist(), np.exp([0, 1, 1]).tolist())
    half = 12.70620474 * np.sqrt((1 + 4 + 1) / 36 / 1 / 2)
    assert found.exponent == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))
    assert str(found) == "0.50 [-3.17, 4.17]"


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    sizes, runs, covered = [1, 2, 4, 8, 16], 2000, 0
    for noise in rng.normal(0, 0.1, (runs, len(sizes))):
        found = power_law(sizes, (np.array(sizes) ** 1.3 * np.exp(noise)).tolist())
        covered += found.low <= 1.3 <= found.high
    # 1,900 expected, standard deviation 9.7: off by 50 with probability below 1e-6
    assert 1850 <= covered <= 1950


def test_many_points():
    sizes = list(range(1, 101))
    noise = np.random.default_rng(1).normal(0, 0.1, 100)
    found = power_law(sizes, np.exp(np.log(sizes) + noise).tolist())
    assert found.low < 1 < found.high


@pytest.mark.parametrize(
    ("sizes", "measurements", "names"),
    [
        ([1, 2], [1, 2], "at least 3"),
        ([1, 2, 3], [1, 2], "of one length"),
        ([1, 2, 0], [1, 2, 3], "sizes must be positive numbers, not 0"),
        ([1, 2, 3], [1, -2, 3], "measurements must be positive numbers, not -2"),
        ([1, 2, 3], [1, float("nan"), 3], "measurements"),
        ([1, 2, float("inf")], [1, 2, 3], "sizes"),
        ([5, 5, 5], [1, 2, 3], "sizes must be followed by a different one, not 5"),
    ],
)
def test_bad_points(sizes, measurements, names):
    with pytest.raises(InputError, match=names):
        power_law(sizes, measurements)


def test_a_joint_law_of_one_size_is_a_power_law():
    sizes, measured = [1, 2, 4, 8, 16], [3.0, 7.0, 11.0, 26.0, 47.0]
    one, joint = power_law(sizes, measured), joint_power_law([(x,) for x in sizes], measured)
    assert joint.exponents == pytest.approx((one.exponent,))
    assert joint.factor == pytest.approx(one.factor)
    assert joint.intervals[0] == pytest.approx((one.low, one.high))
    assert joint.points == 5


def test_prediction_intervals_hold_as_often_as_they_say():
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        sizes = np.exp(rng.uniform(0, 3, (12, 2)))
        truth = 5 * sizes[:, 0] ** 1.5 * sizes[:, 1] ** -0.5
        law = joint_power_law(sizes.tolist(), (truth * np.exp(rng.normal(0, 0.1, 12))).tolist())
        middle, low, high = law.at((100.0, 3.0))
        assert low < middle < high
        held += low <= 5 * 100**1.5 * 3**-0.5 * np.exp(rng.normal(0, 0.1)) <= high
    assert 365 <= held <= 394  # 380 expected, with a deviation of 4.4


BAD_JOINT = {
    "of one length, at least 4": ([(1, 2), (2, 1), (3, 3)], [1, 2, 3]),
    "positive numbers": ([(1, 2), (2, 1), (3, 3), (0, 1)], [1, 2, 3, 4]),
    "varied independently": ([(1, 1), (2, 4), (3, 9), (4, 16)], [1, 2, 3, 4]),
}


@pytest.mark.parametrize("expected", BAD_JOINT)
def test_what_no_joint_law_can_be_fitted_to(expected):
    with pytest.raises(InputError, match=expected):
        joint_power_law(*BAD_JOINT[expected])

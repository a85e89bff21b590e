"""Power laws fitted to measurements; intervals for means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from llr.errors import InputError, ShownAs
from llr.numbers import floats


@dataclass(frozen=True)
class PowerLaw:
    """A fit of ``measurement = factor * size ** exponent``.

    Attributes:
        exponent, factor: of the least-squares line through the logarithms.
        low, high: a 95 % confidence interval for the exponent, if the logarithms scatter about a
            line independently and normally with one variance.
    """

    exponent: float
    factor: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the exponent and its interval."""
        return f"{self.exponent:.2f} [{self.low:.2f}, {self.high:.2f}]"


def power_law(sizes: Sequence[float], measurements: Sequence[float]) -> PowerLaw:
    """Fit a power law by least squares on logarithms.

    Args:
        sizes: at least three positive numbers, not all equal.
        measurements: one positive number per size.

    Raises:
        InputError: there are too few points, or a number is not positive.

    >>> str(power_law([1, 2, 4], [3, 12, 48]))
    '2.00 [2.00, 2.00]'
    """
    if len(sizes) != len(measurements) or len(sizes) < 3:
        shown = ShownAs(f"{len(sizes)} and {len(measurements)} numbers")
        raise InputError("sizes and measurements", shown, "of one length, at least 3")
    x, y = _logarithms(sizes, "sizes"), _logarithms(measurements, "measurements")
    away = x - x.mean()
    spread = float(away @ away)
    if spread == 0:
        raise InputError("sizes", sizes[0], "followed by a different one")
    slope = float(away @ (y - y.mean())) / spread
    level = float(y.mean() - slope * x.mean())
    freedom = len(x) - 2
    residuals = y - level - slope * x
    error = float(np.sqrt(residuals @ residuals / freedom / spread))
    half = student(freedom, 0.025) * error
    return PowerLaw(slope, float(np.exp(level)), slope - half, slope + half)


@dataclass(frozen=True)
class JointPowerLaw:
    """A fit of ``measurement = factor * size_1 ** exponent_1 * size_2 ** exponent_2 * ...``.

    Attributes:
        exponents: one per size.
        intervals: 95 % confidence intervals for them, as for :class:`PowerLaw`.
        factor: of the product.
        points: how many measurements there were.
    """

    exponents: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    factor: float
    points: int
    _inverse: floats.Array = field(repr=False)
    _error: float = field(repr=False)

    def at(self, sizes: Sequence[float]) -> tuple[float, float, float]:
        """Return what the law says at a point, with the ends of a 95 % prediction interval.

        The interval knows the scatter of the points and the distance from them, and nothing of a
        law that is another one far from them.
        """
        x = np.array([1.0, *np.log(np.array(sizes, dtype=float))])
        level = float(x[1:] @ np.array(self.exponents)) + math.log(self.factor)
        freedom = self.points - len(x)
        half = student(freedom, 0.025) * self._error * math.sqrt(1 + float(x @ self._inverse @ x))
        return math.exp(level), math.exp(level - half), math.exp(level + half)


def joint_power_law(
    sizes: Sequence[Sequence[float]], measurements: Sequence[float]
) -> JointPowerLaw:
    """Fit a power law of several sizes by least squares on logarithms.

    Args:
        sizes: one row of positive numbers per measurement.
        measurements: positive numbers, at least two more than there are sizes in a row.

    Raises:
        InputError: there are too few points, a number is not positive, or the sizes do not vary
            independently.

    >>> law = joint_power_law([(1, 1), (2, 1), (1, 2), (2, 2), (4, 4)], [3, 6, 12, 24, 192])
    >>> [round(x, 9) for x in (*law.exponents, law.factor, law.at((8, 1))[0])]
    [1.0, 2.0, 3.0, 24.0]
    """
    many = len(measurements)
    width = len(sizes[0]) if sizes else 0
    if len(sizes) != many or many < width + 2:
        shown = ShownAs(f"{len(sizes)} and {many} of them")
        raise InputError("sizes and measurements", shown, f"of one length, at least {width + 2}")
    flat = _logarithms([x for row in sizes for x in row], "sizes")
    design = np.column_stack([np.ones(many), flat.reshape(many, width)])
    y = _logarithms(measurements, "measurements")
    if np.linalg.matrix_rank(design) <= width:
        raise InputError("sizes", ShownAs("dependent"), "varied independently")
    inverse = np.linalg.inv(design.T @ design)
    found = np.linalg.lstsq(design, y, rcond=None)[0]
    freedom = many - width - 1
    residuals = y - design @ found
    error = math.sqrt(float(residuals @ residuals) / freedom)
    halves = student(freedom, 0.025) * error * np.sqrt(np.diag(inverse))
    return JointPowerLaw(
        tuple(found[1:].tolist()),
        tuple(zip((found - halves)[1:].tolist(), (found + halves)[1:].tolist(), strict=True)),
        math.exp(found[0]),
        many,
        inverse,
        error,
    )


def student(freedom: int, tail: float) -> float:
    """Return where Student's t has ``tail`` of its mass above, to about ten digits.

    Args:
        freedom: degrees of freedom, at least 1.
        tail: in [1e-9, 1/2).

    Complexity: O(freedom), some 50 times.
    """
    low, high = 0.0, 1.0
    while _above(freedom, high) > tail:
        low, high = high, 2 * high
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _above(freedom, middle) > tail else (low, middle)
    return high


def _above(freedom: int, t: float) -> float:
    """Return Pr(Student > t) for t >= 0, by the finite sum in the angle atan(t / sqrt(freedom))."""
    angle = math.atan(t / math.sqrt(freedom))
    term = math.sin(angle) * (math.cos(angle) if freedom % 2 else 1.0)
    total = 0.0
    for power in range(2 + freedom % 2, freedom + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (power - 1) / power
    inside = 2 / math.pi * (angle + total) if freedom % 2 else total
    return (1 - inside) / 2


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return a 95 % confidence interval for the mean of independent normal numbers of one law.

    Args:
        values: at least two.
    """
    n = len(values)
    half = student(n - 1, 0.025) * float(np.std(values, ddof=1)) / n**0.5
    mean = float(np.mean(values))
    return mean - half, mean + half


def _logarithms(values: Sequence[float], name: str) -> floats.Array:
    for value in values:
        if not 0 < value < float("inf"):
            raise InputError(name, value, "positive numbers")
    found: floats.Array = np.log(np.array(values, dtype=float))
    return found

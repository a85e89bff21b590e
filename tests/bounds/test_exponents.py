"""The fitted exponents of the explicit count, against least squares in another arithmetic."""

from __future__ import annotations

from itertools import product

import mpmath
import pytest
from flint import fmpq

from bounds import exponents
from bounds.parameters import explicit_parameters
from bounds.theorem import queries_by_compression, queries_printed


def test_the_grid_is_the_one_that_the_table_names():
    assert (min(exponents.HORIZONS), max(exponents.HORIZONS)) == (8, 64)
    assert (min(exponents.RANKS), max(exponents.RANKS)) == (1, 16)
    assert (min(exponents.ALPHABETS), max(exponents.ALPHABETS)) == (2, 8)
    assert (min(exponents.INVERSE_EPSILONS), max(exponents.INVERSE_EPSILONS)) == (10, 1000)
    assert fmpq(1, 100) == exponents.DELTA


@pytest.mark.parametrize("variant", ["plain", "tolerant"])
def test_a_fit_on_a_small_grid_by_normal_equations(monkeypatch, variant):
    grid = {
        "HORIZONS": (5, 8),
        "RANKS": (1, 3),
        "ALPHABETS": (2, 3),
        "INVERSE_EPSILONS": (10, 50, 300),
    }
    for name, values in grid.items():
        monkeypatch.setattr(exponents, name, values)
    points = list(product(*grid.values()))
    entries = [
        explicit_parameters(
            horizon=t,
            alphabet_size=k,
            rank=d,
            epsilon=fmpq(1, e),
            delta=fmpq(1, 100),
            tolerant=variant == "tolerant",
        )
        .queries()
        .entries
        for t, d, k, e in points
    ]
    with mpmath.workdps(40):
        a = mpmath.matrix([[*map(mpmath.log, point), 1] for point in points])
        b = mpmath.matrix([mpmath.log(x) for x in entries])
        wanted = mpmath.lu_solve(a.T * a, a.T * b)
    found = exponents.fitted(variant)
    assert found.variant == variant
    assert list(found.exponents) == ["T", "d", "k", "1/epsilon"]
    for x, y in zip(found.exponents.values(), wanted, strict=False):  # the last is the constant
        assert abs(x - y) < 1e-9
    printed = [
        float(queries_printed(t, k, d, fmpq(1, e))) / x
        for (t, d, k, e), x in zip(points, entries, strict=True)
    ]
    compression = [
        float(queries_by_compression(t, d, fmpq(1, e))) / x
        for (t, d, k, e), x in zip(points, entries, strict=True)
        if k == 2
    ]
    assert found.printed_factor == (min(printed), max(printed))
    assert found.compression_factor == (min(compression), max(compression))

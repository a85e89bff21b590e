"""Curves for plots: the same numbers as the bounds themselves, and declared to be found."""

from __future__ import annotations

import tomllib
from pathlib import Path

from flint import fmpq

from bounds.curves import explicit_entries
from bounds.parameters import explicit_parameters


def test_the_curve_is_the_bound():
    size = {"alphabet_size": 2, "rank": 2, "epsilon": fmpq(1, 10), "delta": fmpq(1, 10)}
    for horizon in (4, 8):
        bound = explicit_parameters(horizon=horizon, tolerant=True, **size).queries().entries
        assert explicit_entries(horizon, **size) == bound
    assert explicit_entries(8, **size) > 8 * explicit_entries(4, **size)  # steeper than T^3


def test_the_curve_is_declared():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"]["llr.curves"]
    assert list(declared.values()) == ["bounds.curves:explicit_entries"]

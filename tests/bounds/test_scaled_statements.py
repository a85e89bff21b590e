"""Every right-hand side a hundred times as small, and as large: who minds, and who must not."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
from flint import fmpq

from bounds import STATEMENTS
from llr.numbers.balls import Real
from properties import check_bound
from properties import own_bounds as module

HUNDREDTH_PASSES = {
    "remark-5.8-floor": "a lower bound",
    "scalar-lower-bound": "a lower bound",
    "lemma-5.7-printed": "a lower bound, and false",
    "lean-localisation": "a lower bound",
    "theorem-5.11-printed": "C = 1 in the place of a constant that nobody has worked out",
    "theorem-5.11-mausberg": "the same",
    "remark-5.9": "few instances; refuted by the whole search",
}
"""Statements of which a hundredth is not refuted by a short search, and why."""

HUNDREDFOLD_FAILS = {
    "remark-5.8-floor": "a lower bound",
    "scalar-lower-bound": "a lower bound",
    "lemma-5.7-printed": "a lower bound, and false",
    "lean-localisation": "a lower bound",
    "hard-teacher": "an equality",
    "needle": "an equality",
    "copy-ranks": "an equality",
    "cauchy-ranks": "an equality for the probability rank",
    "parameters": "a hundred times n and N need a smaller eta",
}
"""Statements of which a hundredfold is refuted, and why."""

SCALED = {
    "logit",
    "probability",
    "words",
    "draws",
    "spanner_entries",
    "validation_entries",
    "validation_prefixes",
    "table_entries",
}
"""Counts and ranks in what statements return."""


def scaled(value, factor):
    """The last of a pair, the counts of an object."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int((value * factor).floor())
    if isinstance(value, fmpq | Real):
        return factor * value
    if isinstance(value, tuple):
        return (*value[:-1], scaled(value[-1], factor))
    names = [f.name for f in dataclasses.fields(value) if f.init and f.name in SCALED]
    assert names
    return dataclasses.replace(value, **{n: scaled(getattr(value, n), factor) for n in names})


def times(identifier, factor, monkeypatch):
    """A short search against a multiple of a registered right-hand side."""
    monkeypatch.setattr(module, "ROUNDS", 1)
    function = STATEMENTS[identifier].function

    def multiple(*args, **named):
        return scaled(function(*args, **named), factor)

    multiple.__signature__ = inspect.signature(function)
    return check_bound(identifier, multiple)


@pytest.mark.parametrize("identifier", list(STATEMENTS))
def test_a_hundredth_is_refuted(identifier, monkeypatch):
    found = times(identifier, fmpq(1, 100), monkeypatch)
    assert found.refuted is (identifier not in HUNDREDTH_PASSES), str(found)


@pytest.mark.parametrize("identifier", list(STATEMENTS))
def test_a_hundredfold_is_not(identifier, monkeypatch):
    found = times(identifier, fmpq(100), monkeypatch)
    assert found.refuted is (identifier in HUNDREDFOLD_FAILS), str(found)


def test_every_exception_is_about_a_statement():
    assert set(HUNDREDTH_PASSES) | set(HUNDREDFOLD_FAILS) <= set(STATEMENTS)

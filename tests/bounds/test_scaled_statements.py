"""Every right-hand side, and every part of one that has several, a hundred times as small, and as
large: who minds, and who must not."""

from __future__ import annotations

import dataclasses
import inspect
from typing import get_type_hints

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


def times(identifier, factor, monkeypatch, part=None):
    """A short search against a multiple of a registered right-hand side, or of one part of it."""
    monkeypatch.setattr(module, "ROUNDS", 1)
    function = STATEMENTS[identifier].function

    def multiple(*args, **named):
        found = function(*args, **named)
        if part is None:
            return scaled(found, factor)
        return dataclasses.replace(found, **{part: scaled(getattr(found, part), factor)})

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


ECHOED = {
    "horizon",
    "alphabet_size",
    "rank",
    "alpha",
    "xi_rank",
    "xi_true",
    "epsilon",
    "delta",
    "variant",
}
"""Parts of the parameters that repeat what was asked for."""

PARTS = [
    (identifier, field.name)
    for identifier, statement in STATEMENTS.items()
    if dataclasses.is_dataclass(kind := get_type_hints(statement.function)["return"])
    and kind is not Real
    for field in dataclasses.fields(kind)
    if field.init and field.name not in ECHOED
]

SMALL_PARTS_PASS = {
    ("parameters-printed", "g"): "a lower bound",
    ("parameters-printed", "eta"): "a lower bound",
    ("parameters-printed", "delta_s"): "plays no part: ours is larger or smaller",
    ("parameters-printed", "draws"): "more than 10^8 times ours",
}
"""Parts of which a hundredth is not refuted, and why."""

LARGE_PARTS_FAIL = {
    ("copy-ranks", "logit"): "an equality",
    ("copy-ranks", "probability"): "an equality",
    ("cauchy-ranks", "probability"): "an equality",
    ("parameters", "p"): "a share of the error",
    ("parameters", "g"): "the same",
    ("parameters", "eta"): "a share of the risk",
    ("parameters", "delta_s"): "the same",
    ("parameters", "words"): "more words need a smaller eta",
    ("parameters", "epochs"): "the same of epochs",
    ("parameters", "witnesses"): "more witnesses need more epochs",
    ("parameters-printed", "g"): "a lower bound",
    ("parameters-printed", "eta"): "a lower bound",
}
"""Parts of which a hundredfold is refuted, and why."""


@pytest.mark.parametrize(("identifier", "part"), PARTS)
def test_a_hundredth_of_a_part_is_refuted(identifier, part, monkeypatch):
    found = times(identifier, fmpq(1, 100), monkeypatch, part)
    assert found.refuted is ((identifier, part) not in SMALL_PARTS_PASS), str(found)


@pytest.mark.parametrize(("identifier", "part"), PARTS)
def test_a_hundredfold_of_a_part_is_not(identifier, part, monkeypatch):
    found = times(identifier, fmpq(100), monkeypatch, part)
    assert found.refuted is ((identifier, part) in LARGE_PARTS_FAIL), str(found)


def test_every_exception_is_about_a_part():
    assert set(SMALL_PARTS_PASS) | set(LARGE_PARTS_FAIL) <= set(PARTS)

"""The corners that the public strategies reach are drawn by the claims themselves."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

import properties.claims
from llr.models.base import words
from llr.models.perturbed import PerturbedModel
from properties import checkers, corners, scenarios, strategies
from properties.claims import CLAIMS
from properties.corners import all_targets, corner_isans
from properties.strategies import (
    ApproximateOracle,
    Witnesses,
    isans,
    row_families,
    tabulated_models,
    targets,
)

HUGE, TINY = 10**12, 10**-11


def drawn(strategy, condition, examples=1000):
    """The first instance that fulfils the condition; NoSuchExample if there is none."""
    return find(
        strategy,
        condition,
        settings=settings(
            database=None,
            max_examples=examples,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
        random=Random(1),
    )


def model_of(instance):
    """The model that an instance is, or is about."""
    return getattr(instance, "target", getattr(instance, "model", instance))


def logits(model):
    return (
        abs(float(x))
        for length in range(model.horizon)
        for prefix in words(model.alphabet_size, length)
        for x in model.read(model.state_of(prefix))
    )


def eight_tokens(instance):
    return model_of(instance).alphabet_size == 8


def huge(instance):
    return any(x >= HUGE for x in logits(model_of(instance)))


def tiny(instance):
    return any(0 < x <= TINY for x in logits(model_of(instance)))


def rank_rises_again(instance):
    """The rank drops at one cut, not to 0, and rises again."""
    ranks = model_of(instance).cut_ranks()
    return any(a > b > 0 and b < c for a, b, c in zip(ranks, ranks[1:], ranks[2:], strict=False))


def one_step(instance):
    return model_of(instance).horizon == 1


def near_singular(rows):
    """Two rows of order one, and a determinant in two columns that is tiny but not zero."""
    exact = checkers.as_fractions(rows)
    return any(
        max(map(abs, x)) >= 1
        and max(map(abs, y)) >= 1
        and 0 < abs(x[i] * y[i + 1] - x[i + 1] * y[i]) <= 1e-9
        for x in exact
        for y in exact
        for i in range(len(x) - 1)
    )


# one claim of each strategy
RANK_CLAIMS = ["fact-1.1-realization", "fact-1.1-converse", "lingen"]
RUN_CLAIMS = ["telescope", "witness-count", "lemma-5.8", "lean-basis"]
CORNERS = {
    "eight tokens": (
        eight_tokens,
        [*RANK_CLAIMS, *RUN_CLAIMS, "def-1.2", "def-4.1", "remark-5.8-floor"],
    ),
    "huge logits": (huge, [*RANK_CLAIMS, *RUN_CLAIMS]),
    "tiny logits": (tiny, ["fact-1.1-realization", "telescope"]),
    "rank drops at a cut and rises": (
        lambda i: hasattr(model_of(i), "cut_ranks") and rank_rises_again(i),
        ["telescope", "witness-count"],
    ),
    "one step": (one_step, ["fact-1.1-realization", "telescope", "def-4.1"]),
    "perturbed model": (
        lambda i: isinstance(i, PerturbedModel),
        ["fact-1.1-realization"],
    ),
    "noisy oracle": (lambda i: isinstance(i, ApproximateOracle), ["def-4.1"]),
    "near-singular rows": (near_singular, ["def-5.2"]),
    "witnesses found in a table": (
        lambda i: isinstance(i, Witnesses),
        ["lemma-5.1", "lemma-5.1-exact"],
    ),
}
DRAWN = [(corner, claim) for corner, (_, claims) in CORNERS.items() for claim in claims]


@pytest.mark.long
@pytest.mark.parametrize(("corner", "claim"), DRAWN, ids=[f"{a}, {b}" for a, b in DRAWN])
def test_claims_draw_the_corners(corner, claim):
    condition, _ = CORNERS[corner]
    assert condition(drawn(CLAIMS[claim].strategy(), condition))


@pytest.mark.parametrize(
    ("corner", "strategy"),
    [
        ("eight tokens", targets()),
        ("huge logits", isans()),
        ("tiny logits", targets()),
        ("perturbed model", tabulated_models()),
        ("near-singular rows", row_families(columns=(2, 2))),
    ],
)
def test_other_strategies_do_not_reach_these_corners(corner, strategy):
    """So that a claim that went back to them would be found out."""
    with pytest.raises(NoSuchExample):
        drawn(strategy, CORNERS[corner][0], 100)


def used_by_claims():
    """The public strategies that some module of claims, or what these share, names."""
    modules = [
        importlib.import_module(f"properties.claims.{found.name}")
        for found in pkgutil.iter_modules(properties.claims.__path__)
    ]
    modules += [corners, scenarios]
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if value is getattr(strategies, name, None)
    }


def test_no_public_strategy_is_left_to_others():
    """But those that only other strategies need."""
    public = {n for n in strategies.__all__ if inspect.isfunction(getattr(strategies, n))}
    assert public - used_by_claims() == {
        "branching_programs",  # in hard teachers
        "rationals",  # in ISANs, tables and rows
        "wide_rationals",  # in wide ISANs and rows
    }


@pytest.mark.parametrize("horizons", [(1, 1), (1, 4), (3, 3), (3, 4)])
def test_corner_models_have_the_horizons_asked_for(horizons):
    @settings(max_examples=30, database=None, deadline=None)
    @given(corner_isans(horizons=horizons))
    def check(model):
        assert horizons[0] <= model.horizon <= horizons[1]
        if model.alphabet_size > 3:
            assert model.horizon <= max(2, horizons[0])

    check()


def test_targets_at_the_corners_have_witnesses_to_find():
    """With 4 to 8 tokens and T = 3 a run has an inner cut."""
    assert drawn(all_targets(horizons=(1, 4)), lambda m: m.alphabet_size == 8).horizon == 3

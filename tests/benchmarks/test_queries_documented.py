"""The tables of docs/queries.md say what the stored counts say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from comparer import FOLDER
from measurements import FOURIER, PARITY

from llr import comparison
from llr.models.targets import family_target
from llr.numbers.rational import parse

TEXT = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()
SEEDS = range(3)


def stored(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("horizon", "k", "d"), [(16, 2, 4), (32, 2, 4), (32, 4, 4), (16, 8, 8), (64, 4, 8)]
)
def test_random_networks(horizon, k, d):
    found = [stored("queries")[f"isan:T={horizon},k={k},d={d},seed={seed}"] for seed in SEEDS]
    limit = float(parse(found[0]["counting_limit"]))
    (learning,) = {counts["learning"] for counts in found}
    certifying = ", ".join(str(counts["certifying"]) for counts in found)
    row = f"| ({horizon},{k},{d}) | {limit:.0f} | {learning} | {learning / limit:.2f} "
    assert f"{row}| {certifying} |" in TEXT


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("fourier, 12 bits, 5 terms", "Fourier-sparse, 12 bits, 5 terms"),
        ("parity, 12 bits", "parity, 12 bits"),
        ("copy:n=8,k=4", "`copy:n=8,k=4`"),
    ],
)
def test_structured_targets(name, shown):
    found = [stored("queries")[f"{name}, seed {seed}"] for seed in SEEDS]
    learning = ", ".join(str(counts["learning"]) for counts in found)
    stems = ", ".join(str(counts["stems_added"]) for counts in found)
    assert f"| {shown} | {found[0]['counting_limit']} | {learning} | {stems} |" in TEXT


@pytest.mark.parametrize(
    ("learner", "shown"), [("lean", "lean"), ("printed", "Algorithm 1"), ("L*", "L*"), ("L#", "L#")]
)
def test_other_learners(learner, shown):
    found = stored("queries_baselines")
    targets = (
        "random ISAN",
        "parity, 12 bits",
        "fourier, 12 bits, 5 terms",
        "copy:n=4,k=2",
        "hidden Markov",
    )
    cells = [
        f"{counts['learning']} + {counts['certifying']}"
        for counts in (found[f"{target}: {learner}"] for target in targets)
    ]
    assert f"| {shown} | {' | '.join(cells)} |" in TEXT


def test_counting_limits():
    targets = ("isan:T=8,k=2,d=3", PARITY, FOURIER, "copy:n=4,k=2")
    limits = [str(comparison.limit_of(family_target(target))) for target in targets]
    assert f"| counting limit | {' | '.join(limits)} | - |" in TEXT


def test_corollary_5_15():
    found = [stored("queries_baselines")[f"corollary 5.15, seed {seed}"] for seed in SEEDS]
    one, two, three = (f"{counts['lean, learning and certifying']:,}" for counts in found)
    assert f"{one}, {two} and {three} calls" in " ".join(TEXT.split())

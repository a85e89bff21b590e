"""``llr spectrum`` on a model trained in seconds, beside the same one before training."""

from __future__ import annotations

import json
from functools import partial

import commands
import numpy as np
import pytest

import llr

OPTIONS = ["--histories", "48", "--futures", "32", "--sizes", "2", "--cuts", "4", "--json"]


call = partial(commands.call, "spectrum")


@pytest.fixture(scope="module")
def found(trained):
    target, control = (f"hf:model={trained / name},T=8" for name in ("full", "untrained"))
    return json.loads(call(target, "--control", control, *OPTIONS, "--error", 3).stdout)


def picked(found, of, offset):
    return next(s for s in found["spectra"] if (s["of"], s["offset"]) == (of, offset))


def test_the_output_says_what_the_model_is_restricted_to(found, trained):
    shown = found["restricted"]
    assert shown["tokens"] == "all"
    assert shown["alphabet_size"] == shown["vocabulary_size"] == found["alphabet_size"]
    assert shown["horizon"] == 8


def test_training_shows(found):
    """Training makes the offset: the first value leaves the others, and leaves with it."""
    ours, theirs = (picked(found, of, "kept")["singular_values"] for of in ("target", "control"))
    assert ours[0] > 5 * theirs[0]
    assert all(x > y for x, y in zip(ours, theirs, strict=True))
    assert ours[0] > 4 * ours[1]
    centred = picked(found, "target", "removed")["singular_values"]
    assert centred[0] < 1.2 * ours[1]


def test_exponents_have_intervals(found):
    for s in found["spectra"]:
        if s["histories"] == 48:
            assert s["decay"]["low"] < s["decay"]["exponent"] < s["decay"]["high"]
            assert 0.1 < s["decay"]["exponent"] < 3
            assert s["fit_range"] == [2, 12]


def test_errors_fall_with_the_rank_and_obey_fact_b2(found):
    for s in found["spectra"]:
        errors = [a["mean_square"] for a in s["approximations"]]
        assert errors == sorted(errors, reverse=True)
        assert all(a["mean_divergence"] < a["sharpened"] for a in s["approximations"])


def test_held_out_errors(found):
    (cut,) = found["approximate_rank"]
    errors = {e["rank"]: e["mean"] for e in cut["errors"]}
    assert errors[16] < errors[4] < errors[0]
    least = cut["least_rank"]
    rank = least["estimate"]
    assert least["tried"] == list(range(len(least["tried"])))
    assert all(errors[r] <= 3 for r in errors if r == rank)
    assert all(errors[r] > 3 for r in errors if r < rank)


def test_the_matrix_is_the_models(found, trained):
    """The first singular value anew, from the model's own logits."""
    model = llr.target(f"hf:model={trained / 'full'},T=3")
    value = json.loads(
        call(f"hf:model={trained / 'full'},T=3", "--histories", 8, "--futures", 1, "--length", 1,
             "--future-length", 1, "--sizes", 1, "--cuts", "none", "--json").stdout
    )  # fmt: skip
    values = value["spectra"][0]["singular_values"]
    # rows are the model's logits after eight single tokens: the sum of squares lies between
    rows = np.array([model.logits((a,)) for a in range(model.alphabet_size)])
    squares = np.sort((rows**2).sum(axis=1))
    assert squares[:8].sum() * 0.999 <= sum(v * v for v in values) <= squares[-8:].sum() * 1.001


def test_a_control_of_other_tokens_is_refused(trained):
    target, control = (f"hf:model={trained / name},T=6,k=16" for name in ("full", "untrained"))
    shown = " ".join(call(target, "--control", control, *OPTIONS, code=2).stderr.split())
    assert "--control must be a target that keeps the same tokens" in shown

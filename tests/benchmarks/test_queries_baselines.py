"""Every learner on the same targets, same oracle, same ledger, in one run."""

from __future__ import annotations

import functools

import pytest
from flint import fmpq
from measurements import FOURIER, PARITY

from llr import comparison
from llr.baselines import tabulation
from llr.baselines.fourier import character
from llr.learning.api import learn
from llr.models.base import words
from llr.models.targets import family_parameters, family_target
from llr.numbers.arithmetic import named
from llr.numbers.rational import fraction, rational

pytest.importorskip("aalpy", reason="L* and L# need the extra llr[bench]")

PROMISE = {"epsilon": fmpq(1, 20), "delta": fmpq(1, 100)}
SEED = 0

TARGETS = {
    "random ISAN": ("isan:T=8,k=2,d=3", "exact"),
    "parity, 12 bits": (PARITY, "exact"),
    "fourier, 12 bits, 5 terms": (FOURIER, "exact"),
    "copy:n=4,k=2": ("copy:n=4,k=2", "exact"),
    "hidden Markov": ("hmm:T=8,k=2,R=2", "float"),
}


@functools.cache
def entries(name):
    """Return what each learner paid, by its name."""
    target, arithmetic = TARGETS[name]
    found = comparison.compare(
        family_target(target),
        seed=SEED,
        arithmetic=named(arithmetic),
        **PROMISE,
        **comparison.label_of(target),
    )
    return {entry.learner: entry for entry in found}


@pytest.mark.parametrize("name", list(TARGETS))
def test_all_learners(benchmark, baseline, name):
    found = benchmark.pedantic(lambda: entries(name), rounds=1, iterations=1)
    for learner, entry in found.items():
        counts = {
            "learning": entry.learning,
            "certifying": entry.certifying,
            "words": entry.words,
            "note": entry.note,
        }
        baseline.check(f"{name}: {learner}", counts)
    benchmark.extra_info.update({learner: e.as_json() for learner, e in found.items()})
    if TARGETS[name][1] == "exact":
        assert found["lean"].distance.enclosure.upper <= fraction(PROMISE["epsilon"])
    assert "not accepted" not in found["printed"].note


def test_automata_learners_degenerate_to_the_prefix_tree_on_a_random_network():
    target, _ = TARGETS["random ISAN"]
    every = tabulation.prefixes(2, family_target(target).horizon)
    found = entries("random ISAN")
    assert found["tabulation"].learning == every
    for name in ("L*", "L#"):
        assert found[name].learning == every  # nothing is left to ask
        assert found[name].note == f"{every + 1} states"  # every prefix, and the end
    assert found["lean"].learning < every / 3


def test_automata_learners_are_excellent_on_parity_and_the_majority_vote_better():
    found = entries("parity, 12 bits")
    every = found["tabulation"].learning
    for name in ("L*", "L#"):
        assert found[name].learning < every / 8
        assert found[name].note == "26 states"  # two per bit, the first and the end
        assert found[name].distance.enclosure.upper == 0
    # the vote asks for n + 1 labels; it must be told that the target is a parity
    assert found["majority vote"].learning == 13
    assert "wrong" not in found["majority vote"].note
    assert found["majority vote"].learning < found["lean"].learning < found["KM / GL"].learning


def transform(model, bits):
    """Return all Fourier coefficients of the label's logit, read off a model: no call."""
    values = [rational(model.logits(point)[1]) for point in words(2, bits)]
    for place in range(bits):
        step = 1 << (bits - 1 - place)
        for start in range(0, 1 << bits, 2 * step):
            for i in range(start, start + step):
                one, two = values[i], values[i + step]
                values[i], values[i + step] = one + two, one - two
    return {
        "".join(map(str, subset)): value / (1 << bits)
        for subset, value in zip(words(2, bits), values, strict=True)
        if value != 0
    }


def test_the_transform_by_its_definition():
    model = family_target("fourier:n=3,terms=110:1/2;011:-1/4")
    values = {point: rational(model.logits(point)[1]) for point in words(2, 3)}
    by_definition = {
        "".join(map(str, s)): sum(v * character("".join(map(str, s)), x) for x, v in values.items())
        / fmpq(8)
        for s in words(2, 3)
    }
    assert transform(model, 3) == {s: c for s, c in by_definition.items() if c != 0}
    assert transform(model, 3) == {"110": fmpq(1, 2), "011": fmpq(-1, 4)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_corollary_5_15(benchmark, baseline, seed):
    """Five coefficients over 12 bits, exactly, with fewer calls than Kushilevitz-Mansour needs."""
    target, _ = TARGETS["fourier, 12 bits, 5 terms"]
    model = family_target(target)
    _, values = family_parameters(target)

    def run():
        return learn(model, seed=seed, **PROMISE)

    result = benchmark.pedantic(run, rounds=1, iterations=1)
    found = transform(result.model, 12)
    assert found == values["terms"]  # all 4,096 coefficients: the other 4,091 are 0
    needed = entries("fourier, 12 bits, 5 terms")["KM / GL"]
    assert "wrong" not in needed.note
    counts = {
        "lean, learning": result.learning_prefixes,
        "lean, learning and certifying": result.counts.distinct_prefixes,
        "KM / GL": needed.learning,
    }
    baseline.check(f"corollary 5.15, seed {seed}", counts)
    benchmark.extra_info.update(counts)
    assert result.counts.distinct_prefixes < needed.learning

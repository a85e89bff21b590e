"""Claims about the theorem: its promise at its own constants, and approximate rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bounds.parameters import Parameters
from bounds.theorem import rank_error
from llr.models.base import Word, words
from llr.models.isan import Isan
from llr.numbers.balls import Real
from llr.numbers.units import LN2
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import ModelOracle
from properties.claim import Claim, Measurement, Twin
from properties.procedures import mean_error
from properties.scenarios import probability_of
from properties.strategies import copies, fourier_sparse, isans, noisy_parities, seeds, spikes
from properties.theorem import run_theorem


@dataclass(frozen=True)
class Promise:
    """A target and the accuracy that the theorem is asked for."""

    target: Isan
    epsilon: fmpq
    delta: fmpq
    xi: fmpq
    tolerant: bool
    seed: int


@st.composite
def promises(draw: DrawFn) -> Promise:
    """Return small targets of every family, exact or noisy oracles, both sets of parameters."""
    target = draw(
        st.one_of(
            isans(horizons=(1, 4), alphabet_sizes=(2, 2), dimensions=(1, 2)),
            isans(horizons=(1, 3), dimensions=(1, 2)),
            noisy_parities(bits=(1, 3)),
            fourier_sparse(bits=(1, 3), terms=(1, 2)),
            copies(tokens=(1, 2), alphabet_sizes=(2, 2)),
            spikes(horizons=(1, 4)),
        )
    )
    return Promise(
        target,
        draw(st.sampled_from([fmpq(1, 2), fmpq(1, 10), fmpq(1, 50)])),
        draw(st.sampled_from([fmpq(1, 4), fmpq(1, 100)])),
        draw(st.sampled_from([fmpq(0), fmpq(1, 10**9)])),
        draw(st.booleans()),
        draw(seeds()),
    )


def _unchanged(parameters: Parameters) -> Parameters:
    return parameters


def promise(p: Promise, adjust: Callable[[Parameters], Parameters] = _unchanged) -> Measurement:
    """Measure TV(M, Q) of a literal run against epsilon; 1 if it does not accept within K."""
    found = run_theorem(
        p.target,
        epsilon=p.epsilon,
        delta=p.delta,
        xi=p.xi,
        tolerant=p.tolerant,
        seed=p.seed,
        adjust=adjust,
    )
    assert found.distance.value is not None
    measured = found.distance.value if found.accepted else Real.of(1)
    return Measurement(measured, Real(p.epsilon))


def promise_starved(p: Promise) -> Measurement:
    """Sabotage: one fresh word and one spanner word."""
    return promise(p, lambda parameters: replace(parameters, words=1, draws=1))


def promise_one_epoch(p: Promise) -> Measurement:
    """Sabotage: one epoch."""
    return promise(p, lambda parameters: replace(parameters, epochs=1))


# -- approximate rank ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Approximate:
    """An ISAN of rank d seen through an oracle that is off: its answers have approximate rank d."""

    target: Isan
    xi: fmpq
    seed: int
    delta: fmpq


@st.composite
def approximate(draw: DrawFn) -> Approximate:
    """Return tiny targets with rational words, and noise."""
    target = draw(
        isans(
            horizons=(2, 3), alphabet_sizes=(2, 2), dimensions=(1, 1), units=(LN2,), integers=True
        )
    )
    return Approximate(
        target,
        fmpq(1, draw(st.sampled_from([2, 10]))),
        draw(seeds()),
        draw(st.sampled_from([fmpq(1, 2), fmpq(1, 4)])),
    )


def rank_errors(instance: Approximate, factor: fmpq = fmpq(1)) -> Measurement:
    """Measure, for two words, Pr(some entry of the asked shape exceeds the bound) against delta.

    The words are a sample of the target each; the entries are (prefix of the first).(token).
    (aligned segment of the second).(token).  All pairs are enumerated.  Errors are those of the
    noise, for Lbar the target itself: eps_avg is the largest mean of Def 1.6 over s and t.
    """
    model, k, horizon = instance.target, instance.target.alphabet_size, instance.target.horizon
    noisy = NoisyOracle(ModelOracle(model), "random", instance.xi, model.unit, instance.seed)
    exact = ModelOracle(model)
    prefixes = [p for length in range(horizon) for p in words(k, length)]
    answers = zip(noisy.logits(prefixes), exact.logits(prefixes), strict=True)
    errors = {
        p: tuple(abs(x - y) for x, y in zip(*rows, strict=True))
        for p, rows in zip(prefixes, answers, strict=True)
    }
    average = mean_error(model, errors)
    sample = list(words(k, horizon))
    weight = {}
    for w in sample:
        chance = probability_of(model, w).exact
        assert chance is not None
        weight[w] = chance
    asked: dict[tuple[Word, Word], fmpq] = {}
    for x, y in product(sample, sample):
        asked[x, y] = max(
            max(errors[(*x[: s - 1], a, *y[s : t - 1])])
            for s in range(1, horizon)
            for t in range(s + 1, horizon + 1)
            for a in range(k)
        )
    bound = rank_error(2, horizon, k, average, instance.delta).exact
    assert bound is not None
    missed = sum(
        (weight[x] * weight[y] for (x, y), e in asked.items() if e > bound * factor), fmpq(0)
    )
    assume(average > 0)
    return Measurement.of(missed, instance.delta)


CLAIMS = (
    Claim(
        "parameters",
        "Algorithm 1 with the explicit parameters accepts within K epochs with TV <= epsilon",
        "[P] Theorem 5.11, explicit",
        "sharpened",
        promises,
        promise,
        (
            Twin("one fresh word, one spanner word", promise_starved),
            Twin("one epoch", promise_one_epoch),
        ),
        statements=("parameters",),
        examples=60,
    ),
    Claim(
        "theorem-5.14",
        "asked entries are within N_all^2 T^2 k^2 eps_avg / delta of rank d but for delta",
        "[P] Theorem 5.14, by Lemma 5.12, Markov and a union bound",
        "reconstructed",
        approximate,
        rank_errors,
        (
            Twin(
                "eps_avg in place of the bound",
                lambda i: rank_errors(
                    i, i.delta / (4 * i.target.horizon**2 * i.target.alphabet_size**2)
                ),
            ),
        ),
        statements=("theorem-5.14",),
        examples=20,
        grade="exact law",
    ),
)

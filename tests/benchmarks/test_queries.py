"""Learning calls against the counting limit: the lean learner, random and structured targets."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
from measurements import FOURIER, PARITY, NetworkWords, counts_of, learned, mean_distance

from llr.learning.api import FLOAT_SLACK, learn
from llr.learning.learned import LearnedModel
from llr.learning.nested import NestedTable
from llr.models.network import Network
from llr.models.targets import family_target
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.rational import parse
from llr.numbers.units import NAT
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import model_oracle
from llr.oracles.sampling import ModelWords

SEEDS = (0, 1, 2)
PROMISE = {"epsilon": "0.01", "delta": "1e-6"}
MOST_OVER_LIMIT = 1.75
MOST_DISTANCE = 1e-9

SIZES = ((16, 2, 4), (32, 2, 4), (32, 4, 4), (16, 8, 8), (64, 4, 8))

STRUCTURED = {
    "fourier, 12 bits, 5 terms": FOURIER,
    "parity, 12 bits": PARITY,
    "copy:n=8,k=4": "copy:n=8,k=4",
}


@pytest.mark.parametrize(("horizon", "k", "d"), SIZES)
def test_random_networks(benchmark, baseline, horizon, k, d):
    targets = [f"isan:T={horizon},k={k},d={d},seed={seed}" for seed in SEEDS]
    models = [family_target(target) for target in targets]
    for model in models:
        model.cut_ranks()  # for the counting limit; no part of learning

    def run():
        return [
            learn(model, seed=seed, arithmetic="float", **PROMISE)
            for seed, model in zip(SEEDS, models, strict=True)
        ]

    results = benchmark.pedantic(run, rounds=1, iterations=1)
    ratios, distances = [], []
    for target, model, seed, result in zip(targets, models, SEEDS, results, strict=True):
        baseline.check(target, counts_of(result))
        ratios.append(result.learning_prefixes / float(result.counting_limit))
        distances.append(mean_distance(model, result.model, 1000 + seed))
        assert result.accepted
        assert result.limit_source == "target"
        assert result.certificate.total_variation <= parse("1/100")
    benchmark.extra_info.update(
        {
            "learning / limit": [round(x, 3) for x in ratios],
            "mean per-word distance": distances,
            "certificates": [float(r.certificate.total_variation) for r in results],
            "counts": [counts_of(result) for result in results],
        }
    )
    assert statistics.median(ratios) <= MOST_OVER_LIMIT
    assert max(distances) <= MOST_DISTANCE


def test_the_measured_distance_sees_an_error():
    """The measure above is not blind: another seed's network is far away."""
    model = family_target("isan:T=16,k=2,d=4,seed=0")
    other = family_target("isan:T=16,k=2,d=4,seed=1")
    assert mean_distance(model, model, 0) == 0
    assert mean_distance(model, other, 0) > 0.1


@pytest.mark.parametrize("name", list(STRUCTURED))
def test_structured_targets(benchmark, baseline, name):
    """Generic futures do not help here: most of a row is zero, or its columns depend."""
    model = family_target(STRUCTURED[name])

    def run():
        return [learn(model, seed=seed, **PROMISE) for seed in SEEDS]

    results = benchmark.pedantic(run, rounds=1, iterations=1)
    for seed, result in zip(SEEDS, results, strict=True):
        baseline.check(f"{name}, seed {seed}", counts_of(result))
        assert result.accepted
    limit = float(results[0].counting_limit)
    benchmark.extra_info["learning / limit"] = [
        round(result.learning_prefixes / limit, 3) for result in results
    ]


def test_ten_times_fewer_calls_than_the_printed_learner(benchmark, baseline):
    """At (32,4,4), same epsilon and delta; the printed learner's first epoch alone is counted."""
    target = "isan:T=32,k=4,d=4,seed=0"
    model, lean = learned(target, seed=0, **PROMISE)

    def run():
        return learn(
            model,
            seed=0,
            arithmetic="float",
            algorithm="printed",
            max_epochs=1,
            words=NetworkWords(model),
            **PROMISE,
        )

    printed = benchmark.pedantic(run, rounds=1, iterations=1)
    counts = {
        "lean": lean.learning_prefixes,
        "printed, at least": printed.learning_prefixes,
        "printed, witnesses in epoch 1": sum(printed.witnesses),
    }
    baseline.check("printed, first epoch", counts)
    benchmark.extra_info.update(counts)
    assert lean.accepted
    assert not printed.accepted  # there is a second epoch: the calls counted are learning calls
    assert printed.learning_prefixes >= 10 * lean.learning_prefixes


def test_sampling_in_batches(benchmark, baseline):
    """Tokens per second of a network, 1,000 words at a time, against the program path."""
    model = family_target("isan:T=32,k=4,d=4,seed=0")
    k, horizon, rng = model.alphabet_size, model.horizon, np.random.default_rng(0)
    ledger = Ledger(model_oracle(model, FLOAT64), k, horizon, FLOAT64)
    table = NestedTable(ledger, k, horizon, FLOAT64, FLOAT_SLACK)
    table.build(rng)
    network, programs = Network(table.isan(NAT)), LearnedModel(table.table(), NAT)
    n, slow_words = 1000, 10
    seconds = {"network": [], "programs": []}

    def run():
        began = time.perf_counter()
        network.words(n, rng)
        seconds["network"].append(time.perf_counter() - began)
        began = time.perf_counter()
        ModelWords(programs).draw(slow_words, horizon, rng)
        seconds["programs"].append(time.perf_counter() - began)

    benchmark.pedantic(run, rounds=3, iterations=1)
    fast = n * horizon / min(seconds["network"])
    slow = slow_words * horizon / min(seconds["programs"])
    benchmark.extra_info.update({"network tokens/s": fast, "program tokens/s": slow})
    assert mean_distance(model, table.isan(NAT), 1) <= MOST_DISTANCE  # both sample the target
    baseline.ratio("sampling: network over programs, tokens per second", fast / slow)


def test_learning_times(benchmark, baseline):
    """Recorded: (64,4,8) in float64 and (16,2,4) exactly; compared only with each other."""
    large = family_target("isan:T=64,k=4,d=8,seed=0")
    small = family_target("isan:T=16,k=2,d=4,seed=0")
    large.cut_ranks(), small.cut_ranks()
    seconds = {}

    def timed(name, model, arithmetic):
        began = time.perf_counter()
        result = learn(model, seed=0, arithmetic=arithmetic, **PROMISE)
        seconds[name] = time.perf_counter() - began
        baseline.check(f"times, {name}", counts_of(result))

    def run():
        timed("large float64", large, "float")
        timed("small exact", small, "exact")
        timed("small float64", small, "float")

    benchmark.pedantic(run, rounds=1, iterations=1)
    benchmark.extra_info.update(seconds)
    baseline.ratio(
        "learning: exact over float64 at (16,2,4)",
        seconds["small exact"] / seconds["small float64"],
    )
    baseline.ratio(
        "learning: (64,4,8) over (16,2,4) in float64",
        seconds["large float64"] / seconds["small float64"],
    )

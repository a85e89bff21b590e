"""Theorem 5.11 at its own constants, on every family that fits, with both sets of parameters."""

import json
import time

import pytest
from click.testing import CliRunner
from flint import fmpq

import llr
from bounds.parameters import CoarseOracleError
from llr.cli import main
from llr.errors import InputError
from llr.numbers.rational import fraction
from properties.theorem import run_theorem

TARGETS = [
    *(
        f"isan:T={t},k={k},d={d},seed={seed}"
        for t in (3, 4, 5)
        for k in (2, 3)
        for d in (1, 2)
        for seed in range(5)
    ),
    *(
        f"parity:n={n},secret={'1' * n},nu={nu}"
        for n in (2, 3, 4)
        for nu in ("1/10", "1/4", "1/100")
    ),
    *(f"parity:n=4,secret={s}" for s in ("1010", "0110", "0001", "1000")),
    *(f"fourier:n={len(s)},terms={s}:1" for s in ("11", "011", "1111", "0101", "1000")),
    "fourier:n=3,terms=110:1;011:-1",
    "fourier:n=4,terms=1100:3/2;0011:-3/4",
    "copy:n=1",
    "copy:n=2",
    "copy:n=1,k=3",
    "copy:n=2,c=3",
    *(f"spike:T={t}" for t in (2, 3, 4, 5)),
    "cauchy:n=1",
    "cauchy:n=2",
    "hard:n=1,L=1",
    "hard:n=2,L=1",
]
DELTA = fmpq(1, 10)


def epsilon_for(target):
    """A third of the distance from uniform, at most 1/10."""
    trivial = llr.UniformModel(target.alphabet_size, target.horizon, target.unit)
    apart = llr.total_variation(target, trivial).enclosure.lower
    return min(fmpq(1, 10), fmpq(int(apart * 3000) // 9, 1000))


FITTING = [name for name in TARGETS if epsilon_for(llr.target(name)) >= fmpq(1, 50)]


def test_there_are_at_least_sixty_targets():
    assert len(FITTING) >= 60


@pytest.mark.long
@pytest.mark.parametrize("tolerant", [False, True], ids=["plain", "tolerant"])
@pytest.mark.parametrize("name", FITTING)
def test_the_promise_is_kept(name, tolerant):
    target = llr.target(name)
    epsilon = epsilon_for(target)
    for xi in (fmpq(0), fmpq(1, 10**9)):
        started = time.perf_counter()
        found = run_theorem(target, epsilon=epsilon, delta=DELTA, xi=xi, tolerant=tolerant, seed=1)
        assert found.accepted
        assert found.promise_kept
        assert len(found.outcomes) <= found.parameters.epochs
        assert found.distance.value <= epsilon
        assert found.uniform_distance.enclosure.lower >= 3 * fraction(epsilon)
        assert found.counts.words <= found.parameters.total_words
        assert time.perf_counter() - started < 60


def test_millions_of_words_are_drawn_and_counted():
    found = run_theorem(llr.target("isan:T=5,k=2,d=2"), epsilon=fmpq(1, 10), delta=DELTA)
    assert found.parameters.draws > 2_000_000
    epochs = len(found.outcomes)
    assert found.counts.words == epochs * (3 * found.parameters.draws + found.parameters.words)
    assert found.counts.distinct_prefixes == 31
    assert found.spanner_entries > 10**8


def test_json_names_parameters_counts_and_promise():
    run = CliRunner().invoke(
        main, ["theorem", "copy:n=2", "--epsilon", "0.1", "--delta", "0.1", "--json"]
    )
    assert run.exit_code == 0
    value = json.loads(run.stdout)
    assert value["promise_kept"] is True
    assert value["total_variation"] == {"lower": "0", "upper": "0", "method": "exact"}
    assert value["parameters"]["witnesses"] == 2
    assert value["epochs"] <= value["parameters"]["epochs"] == 5


def test_starved_runs_break_the_promise():
    from dataclasses import replace

    target = llr.target("copy:n=2")
    broken = [
        run_theorem(
            target,
            epsilon=fmpq(1, 10),
            delta=DELTA,
            seed=seed,
            adjust=lambda p: replace(p, words=1, draws=1),
        ).promise_kept
        for seed in range(20)
    ]
    assert not all(broken)


def test_too_coarse_an_oracle_says_which_would_do():
    target = llr.target("isan:T=4,k=2,d=2")
    with pytest.raises(
        CoarseOracleError, match=r"finer oracle \(xi = \S+ nats would do\)"
    ) as error:
        run_theorem(target, epsilon=fmpq(1, 10), delta=DELTA, xi=fmpq(1, 10))
    works = error.value.works
    assert works > 0
    found = run_theorem(target, epsilon=fmpq(1, 10), delta=DELTA, xi=works, alpha=fmpq(1))
    assert found.parameters.xi_true == works


def test_float_targets_are_refused(tmp_path):
    value = llr.storage.to_json(llr.target("spike:T=2")) | {
        "arithmetic": "float64",
        "initial_state": [1.0],
        "transitions": [[[[0.0]], [[0.0]]]],
        "readouts": [[[2.0], [-2.0]], [[0.0], [0.0]]],
    }
    path = tmp_path / "m.json"
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match="exact"):
        run_theorem(llr.load(path), epsilon=fmpq(1, 10), delta=DELTA)

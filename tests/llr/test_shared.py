"""The shared learner: exact on stationary networks, within its budget, its gradient right."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import llr
from llr.cli import main
from llr.errors import InputError
from llr.learning import shared
from llr.learning.shared import (
    Recurrence,
    _by_token,
    _gradient,
    chosen_stems,
    fit_shared,
    learn_shared,
)
from llr.models.isan import Isan
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT
from llr.oracles.corpus import corpus_of, draw
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import FunctionOracle, model_oracle


def stationary(k, horizon, d, seed=1):
    """A random network with the same rotations at every step."""
    rng = np.random.default_rng(seed)
    step = [np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(k)]
    readout = rng.normal(size=(k, d))
    start = rng.normal(size=d).tolist()
    return Isan(k, horizon, start, [step] * (horizon - 1), [readout] * horizon, NAT, FLOAT64)


def ledger_of(model):
    oracle = model_oracle(model, FLOAT64)
    return Ledger(oracle, model.alphabet_size, model.horizon, FLOAT64)


def learned(model, rank, calls, seed=0):
    ledger = ledger_of(model)
    k, horizon = model.alphabet_size, model.horizon
    rng = np.random.default_rng(seed)
    found = learn_shared(ledger, alphabet_size=k, horizon=horizon, rank=rank, calls=calls, rng=rng)
    return found, ledger.counts.distinct_prefixes


def largest_error(one, two):
    """The largest difference of centred logits at random prefixes."""
    rng = np.random.default_rng(9)
    k, horizon = one.alphabet_size, one.horizon
    prefixes = [tuple(rng.integers(k, size=rng.integers(horizon)).tolist()) for _ in range(200)]
    rows = (np.array(model_oracle(m, FLOAT64).logits(prefixes)) for m in (one, two))
    first, second = (x - x.mean(axis=1, keepdims=True) for x in rows)
    return np.abs(first - second).max()


CASES = [(8, 8, 3, 1500), (3, 6, 2, 300), (2, 12, 3, 1500), (4, 8, 5, 1500)]


@pytest.mark.parametrize(("k", "horizon", "d", "calls"), CASES)
def test_stationary_networks_are_recovered(k, horizon, d, calls):
    model = stationary(k, horizon, d)
    found, asked = learned(model, d + 1, calls)
    assert asked <= calls
    assert found.dimension <= d + 1
    assert largest_error(model, found) < 1e-7


def test_a_rank_too_small_is_not_exact():
    model = stationary(8, 8, 3)
    assert largest_error(model, learned(model, 3, 1500)[0]) > 0.01


def test_transposed_transitions_are_not_exact(monkeypatch):
    good = shared._Table.recurrence

    def transposed(self, statistics, shrinkage):
        found = good(self, statistics, shrinkage)
        found.transitions = np.swapaxes(found.transitions, 1, 2)
        return found

    monkeypatch.setattr(shared._Table, "recurrence", transposed)
    monkeypatch.setattr(shared, "EPOCHS", 1)
    model = stationary(8, 8, 3)
    assert largest_error(model, learned(model, 4, 1500)[0]) > 0.01


def test_wrong_offsets_are_not_exact(monkeypatch):
    good = shared._Table.recurrence

    def moved(self, statistics, shrinkage):
        found = good(self, statistics, shrinkage)
        found.transitions[:, 1:, 0] *= 0.9
        return found

    monkeypatch.setattr(shared._Table, "recurrence", moved)
    monkeypatch.setattr(shared, "EPOCHS", 1)
    model = stationary(8, 8, 3)
    assert largest_error(model, learned(model, 4, 1500)[0]) > 0.01


@pytest.mark.parametrize("calls", [33, 100, 333])
def test_the_budget_is_kept(calls):
    for rank in (4, 12):
        found, asked = learned(stationary(8, 8, 6), rank, calls)
        assert asked <= calls
        assert found.horizon == 8


def test_the_unigram_is_right_whatever_the_rank():
    model = FunctionOracle(lambda prefix: np.log([0.1, 0.2, 0.3, 0.4]))
    ledger = Ledger(model, 4, 5, FLOAT64)
    found = learn_shared(
        ledger, alphabet_size=4, horizon=5, rank=2, calls=60, rng=np.random.default_rng(0)
    )
    assert [float(x) for x in found.probabilities((1, 2))] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_more_stems_only_where_columns_are_too_few():
    assert chosen_stems(256, 256) == [()]
    assert chosen_stems(2, 3) == [(), (0,), (1,), (0, 0)]
    assert chosen_stems(8, 9) == [(), (0,), (1,)]


def teacher(prefix):
    """Not of low rank: a nonlinear state."""
    state = 0.3
    for token in prefix:
        state = np.tanh(1.5 * state + token - 1)
    return np.array([state, -state * state, 1.2 * state])


def corpus(n, seed):
    ledger = Ledger(FunctionOracle(teacher), 3, 6, FLOAT64)
    return corpus_of(draw(ledger, n, 6, np.random.default_rng(seed)), ledger.block)


def test_refinement_helps_on_fresh_words():
    seen, fresh = corpus(60, 0), corpus(200, 1)
    plain, refined = (fit_shared(seen, 3, np.random.default_rng(0), epochs=n) for n in (0, 40))
    assert shared.divergence(refined, fresh) < 0.8 * shared.divergence(plain, fresh)


def test_refinement_keeps_the_constant():
    found = fit_shared(corpus(60, 0), 3, np.random.default_rng(0))
    assert found.start[0] == 1
    assert (found.transitions[:, 0] == [1, 0, 0]).all()


def repeated():
    """Ten distinct words, drawn 1, 2, 3, 1, 2, 3, ... times."""
    ledger = Ledger(FunctionOracle(teacher), 3, 6, FLOAT64)
    words = sorted(draw(ledger, 10, 6, np.random.default_rng(0)))
    return corpus_of({word: 1 + i % 3 for i, word in enumerate(words)}, ledger.block)


def test_the_divergence_is_the_mean_over_all_drawn_words():
    words, model = repeated(), recurrence()
    total = 0.0
    for word, many in zip(words.words.tolist(), words.counts, strict=True):
        state = model.start
        for t, token in enumerate(word):
            p, scores = np.exp(teacher(word[:t])), np.exp(model.readout @ state)
            p, q = p / p.sum(), scores / scores.sum()
            total += many * (p @ np.log(p / q))
            state = model.transitions[token] @ state
    assert words.counts.sum() > len(words.words)
    expected = total / (words.counts.sum() * 6)
    assert shared.divergence(model, words) == pytest.approx(expected, rel=1e-12)


def test_moments_count_every_drawn_word_of_those_chosen():
    words = repeated()
    table = shared._Table(words, 3, ((),), None)
    place = {}
    for layer in words.layers:
        for prefix in layer.prefixes.tolist():
            place[tuple(prefix)] = len(place)
    chosen = np.arange(len(words.words)) % 2 == 0
    own, across = (np.zeros((3, 3, 3)) for _ in range(2))
    for word, many in zip(words.words[chosen].tolist(), words.counts[chosen], strict=True):
        for t in range(5):
            x, z = (table._coordinates[place[tuple(word[:n])]] for n in (t, t + 1))
            own[word[t]] += many * np.outer(x, x)
            across[word[t]] += many * np.outer(x, z)
    found = table.statistics(chosen)
    assert np.allclose(found[0], own)
    assert np.allclose(found[1], across)


def test_words_left_out_choose_and_then_all_words_are_fitted(monkeypatch):
    fitted, judges = [], []
    statistics, divergence = shared._Table.statistics, shared.divergence

    def fitting(self, words):
        fitted.append(words.copy())
        return statistics(self, words)

    def judging(model, words):
        judges.append(set(map(tuple, words.words.tolist())))
        return divergence(model, words)

    monkeypatch.setattr(shared._Table, "statistics", fitting)
    monkeypatch.setattr(shared, "divergence", judging)
    words = corpus(60, 0)
    fit_shared(words, 3, np.random.default_rng(0), epochs=0)
    every = list(map(tuple, words.words.tolist()))
    some, all_words = fitted
    left_out = {word for word, used in zip(every, some, strict=True) if not used}
    assert len(left_out) == len(every) // 8
    assert judges == [left_out] * len(shared.SHRINKAGES) + [set(every)]
    assert all_words.all()


@pytest.mark.parametrize(("size", "kept"), [(1e-4, 2), (1e-6, 1)])
def test_a_direction_that_squares_cannot_show_is_rounding(size, kept):
    rows = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, size], [0.0, -size]])
    scores, directions = shared._directions(rows, np.ones(4), 2)
    assert (scores.shape, directions.shape) == ((4, kept), (2, kept))


def recurrence():
    """A recurrence of three dimensions on three tokens."""
    rng = np.random.default_rng(3)
    transitions = rng.normal(size=(3, 3, 3)) / 2
    transitions[:, 0] = [1, 0, 0]
    return Recurrence(np.array([1.0, 0.2, -0.3]), transitions, rng.normal(size=(3, 3)))


def test_the_gradient_is_that_of_the_divergence():
    words = corpus(12, 0)
    model = recurrence()
    slopes = _gradient(model, words, _by_token(words))
    step = 1e-6
    for value, slope in zip((model.start, model.transitions, model.readout), slopes, strict=True):
        for place in np.ndindex(value.shape):
            if (value is model.start and place == (0,)) or (value.ndim == 3 and place[1] == 0):
                assert slope[place] == 0
                continue
            value[place] += step
            above = shared.divergence(model, words)
            value[place] -= 2 * step
            below = shared.divergence(model, words)
            value[place] += step
            assert slope[place] == pytest.approx((above - below) / (2 * step), abs=1e-7)


def adam(model, words, steps):
    """Adam in double precision, as its authors print it: a rate of 3e-3 that rises and falls."""
    values = [x.copy() for x in (model.start, model.transitions, model.readout)]
    means, squares = ([np.zeros_like(x) for x in values] for _ in range(2))
    for t in range(1, steps + 1):
        slopes = _gradient(Recurrence(*values), words, _by_token(words))
        rate = 3e-3 * min(1, t / 20) * 0.5 * (1 + np.cos(np.pi * t / steps))
        for i, slope in enumerate(slopes):
            means[i] = 0.9 * means[i] + 0.1 * slope
            squares[i] = 0.99 * squares[i] + 0.01 * slope**2
            mean, square = means[i] / (1 - 0.9**t), squares[i] / (1 - 0.99**t)
            values[i] -= rate * mean / (np.sqrt(square) + 1e-8)
    return values


def test_one_word_is_refined_by_adam():
    words = corpus(1, 0)
    model = recurrence()
    found = shared.refined(model, words, np.random.default_rng(0), epochs=45)
    expected = adam(model, words, 45)
    for one, two in zip((found.start, found.transitions, found.readout), expected, strict=True):
        assert one.dtype == np.float64
        assert np.abs(one - two).max() < 2e-5
    assert np.abs(found.readout - model.readout).max() > 0.02


def test_the_same_seed_gives_the_same_network():
    one, two = (fit_shared(corpus(60, 0), 3, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(one.transitions, two.transitions)


def test_one_token_words():
    found, asked = learned(stationary(4, 1, 2), 3, 5)
    assert asked == 1
    assert largest_error(stationary(4, 1, 2), found) < 1e-12


def test_learn_with_the_shared_algorithm_comes_with_a_certificate(tmp_path):
    model = stationary(4, 6, 2)
    found = llr.learn(
        model, epsilon="0.1", delta="0.1", algorithm="shared", arithmetic="float", rank=3, calls=400
    )
    assert found.certificate.total_variation < 1
    assert found.learning_prefixes <= 400
    assert found.certificate.failing == 0
    llr.save(found.model, tmp_path / "network.json")
    again = llr.load(tmp_path / "network.json")
    assert largest_error(found.model, again) == 0
    assert len({id(step) for step in again.transitions}) == 1


def test_another_seed_certifies_on_other_words():
    model = stationary(4, 6, 2)
    options = {"epsilon": "0.1", "delta": "0.1", "algorithm": "shared", "arithmetic": "float"}
    one, again, other = (
        dict(llr.learn(model, **options, rank=3, calls=400, seed=seed).certificate.words)
        for seed in (1, 1, 2)
    )
    assert one == again != other
    assert sum(one.values()) == sum(other.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": None}, "rank must be an integer of at least 2"),
        ({"rank": 1}, "rank must be an integer of at least 2"),
        ({"rank": "spectrum"}, "rank must be an integer of at least 2"),
        ({"rank": 4, "arithmetic": "exact"}, "arithmetic must be float"),
        ({"rank": 4, "calls": 3}, "calls must be at least 6"),
        ({"rank": 40}, "rank must be small enough"),
    ],
)
def test_what_cannot_be_used_is_refused(options, message):
    given = {"arithmetic": "float", "calls": 400, **options}
    with pytest.raises(InputError, match=message):
        llr.learn(
            llr.target("isan:T=6,k=2,d=2") if options.get("rank") == 40 else stationary(4, 6, 2),
            epsilon="0.2",
            delta="0.1",
            algorithm="shared",
            **given,
        )


def test_the_checker_reads_stationary_networks(tmp_path):
    model = stationary(4, 4, 2)
    llr.save(model, tmp_path / "target.json")
    paths = {name: str(tmp_path / f"{name}.json") for name in ("target", "network", "certificate")}
    options = "--algorithm shared --arithmetic float --rank 3 --calls 80 --epsilon 0.2"
    files = ("--out", paths["network"], "--certificate", paths["certificate"])
    CliRunner().invoke(main, ["learn", paths["target"], *options.split(), *files])
    given = ["check", paths["certificate"], paths["network"], paths["target"], "--json"]
    found = CliRunner().invoke(main, given)
    assert found.exit_code == 0, found.output
    network = json.loads((tmp_path / "network.json").read_text())
    assert network["stationary"] is True
    network["readouts"][0][0][0] += 3.0
    (tmp_path / "network.json").write_text(json.dumps(network))
    assert CliRunner().invoke(main, given).exit_code == 1

"""llr.analysis.lingen: exact where the theory says so, and never a word with the prompt."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import llr
from llr.analysis import lingen
from llr.analysis.continuations import Setting, prefixes_of
from llr.analysis.lingen import (
    CHECKPOINT,
    CHOSEN,
    KINDS,
    LAST,
    LINGEN,
    MEAN,
    NONSENSE,
    PLACED,
    PROBABILITY,
    UNIFORM,
    UNRELATED,
    Combinations,
    Method,
    Plan,
    asked_after,
    drawn_histories,
    futures,
    least_squares_fit,
    ridge_fit,
    stems,
    try_prompt,
    windows,
)
from llr.errors import InputError
from llr.models.perturbed import perturbed_isan
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles.protocol import FunctionOracle, ModelOracle, model_oracle

T, K, D, STEPS = 10, 3, 4, 5
PROMPT = (2, 0, 1, 1)


class Recorder:
    """An oracle that keeps what it is asked."""

    def __init__(self, oracle):
        self.oracle = oracle
        self.asked = []

    def logits(self, prefixes):
        self.asked += prefixes
        return self.oracle.logits(prefixes)


@pytest.fixture(scope="module")
def model():
    return llr.target(f"isan:T={T},k={K},d={D}")


@pytest.fixture
def setting(model):
    return Setting(Recorder(model_oracle(model, FLOAT64)), K, T)


def independent(model, number=D):
    """Histories of the prompt's length, not the prompt, whose states are independent."""
    found = [h for h in model.spanning_histories()[len(PROMPT)] if h != PROMPT]
    assert len(found) == D
    return found[:number]


def total(outcome, *method):
    return outcome.divergences[Method(*method)].sum(axis=1)


@pytest.mark.parametrize("strength", [0.0, None])
def test_lingen_is_exact_with_as_many_histories_as_the_rank_and_not_with_fewer(
    model, setting, strength
):
    plan = Plan(STEPS, (D - 1, D), KINDS, futures=10, strength=strength)
    found = try_prompt(setting, PROMPT, plan, np.random.default_rng(0), independent(model))
    for kind in KINDS:
        assert (total(found, LINGEN, D, kind) <= 1e-12).all()
        assert (total(found, LINGEN, D - 1, kind) > 1e-3).all()
    assert (total(found, MEAN, D) > 1e-2).all()


def test_lingen_is_exact_over_the_rationals(model):
    setting = Setting(ModelOracle(model), K, T, EXACT, model.unit)
    oracle = ModelOracle(model)
    words = [(1, 2, 0, 0, 1), (0, 1, 2, 1, 1), (2, 2, 0, 1, 0)]
    fit = least_squares_fit(
        setting, setting.ledger(), PROMPT, independent(model), {NONSENSE: words}, (D - 1, D)
    )
    combinations = Combinations(setting, independent(model), fit.coefficients[NONSENSE].values)
    tried = [z for word in words for z in prefixes_of(word)] + [(2, 1, 2), (0, 0, 0, 0)]
    rows = [EXACT.rows(block) for block in combinations.blocks(tried)]
    truth = [tuple(row) for row in oracle.logits([(*PROMPT, *z) for z in tried])]
    assert [tuple(row[1]) for row in rows] == truth
    assert [tuple(row[0]) for row in rows] != truth


@pytest.mark.parametrize("weights", [PROBABILITY, UNIFORM])
def test_the_fit_is_the_weighted_regression_written_out(setting, weights):
    """Loops over futures, stems and tokens: no normal equations, no batches."""
    strength, histories = 0.3, [(0, 0, 0, 0), (1, 0, 2, 0), (2, 2, 1, 0)]
    words = [(0, 1, 2), (0, 1, 1), (2, 2, 2), (1, 0, 0), (0, 2, 1)]
    fit = ridge_fit(
        setting, setting.ledger(), PROMPT, histories, {CHOSEN: words}, (2, 3), weights, strength
    )
    ask = setting.oracle.oracle
    for size, coefficients in zip((2, 3), fit.coefficients[CHOSEN].values, strict=True):
        columns, wanted = [], []
        for word in words:
            for z in prefixes_of(word):
                target = np.array(ask.logits([(*PROMPT, *z)])[0])
                rows = np.array(ask.logits([(*h, *z) for h in histories[:size]]))
                law = np.exp(target) / np.exp(target).sum()
                law = law if weights == PROBABILITY else np.full(K, 1 / K)
                for a in range(K):
                    root = np.sqrt(law[a])
                    columns.append(root * (rows[:, a] - rows @ law))
                    wanted.append(root * (target[a] - target @ law))
        basis = np.array(columns).T
        weight = np.sqrt(strength * (basis**2).sum() / size)
        basis = np.hstack([basis, weight * np.eye(size)])
        wanted += [weight / size] * size
        best = np.linalg.lstsq(basis.T, np.array(wanted), rcond=None)[0]
        assert coefficients[:size] == pytest.approx(best, rel=1e-8)
        assert (coefficients[size:] == 0).all()


def test_the_strength_is_chosen_on_every_fifth_future(setting, monkeypatch):
    seen = []

    def spy(fitted, held_out, size):
        seen.append((fitted.gram.copy(), held_out.gram.copy(), size))
        return 0.5

    monkeypatch.setattr(lingen, "chosen_strength", spy)
    histories = [(0, 0, 0, 0), (1, 0, 2, 0)]
    words = [(a, b) for a in range(K) for b in range(K)]

    def gram(some):
        fit_of_five = {CHOSEN: list(some) * 5}
        ridge_fit(setting, setting.ledger(), PROMPT, histories, fit_of_five, (2,))
        return seen.pop()[0] / 4

    found = ridge_fit(setting, setting.ledger(), PROMPT, histories, {CHOSEN: words}, (2,))
    fitted, held_out, size = seen.pop()
    assert found.coefficients[CHOSEN].strengths == (0.5,)
    assert size == 2
    assert held_out == pytest.approx(gram(words[::5]))
    assert fitted == pytest.approx(gram([w for i, w in enumerate(words) if i % 5]))


@pytest.mark.parametrize("seed", range(3))
def test_ridge_improves_on_least_squares_where_the_rank_is_approximate(seed):
    noisy = perturbed_isan(9, 4, 3, xi="1/20")
    setting = Setting(model_oracle(noisy, FLOAT64), 4, 9)
    plan = Plan(5, (60,), (NONSENSE,), futures=5, continuations=3)
    plain, ridge = (
        total(
            try_prompt(setting, (0, 1, 2, 1), how, np.random.default_rng(seed)),
            *(LINGEN, 60, NONSENSE),
        ).mean()
        for how in (replace(plan, strength=0.0), plan)
    )
    assert ridge < 0.7 * plain


def test_the_prompt_is_not_asked_after_the_fit(setting):
    """Seen by the oracle itself, not by the ledger."""
    histories = [(0, 0, 0, 0), (1, 0, 2, 0), (2, 2, 1, 0)]
    words = [(0, 1, 2), (0, 1, 1), (2, 2, 2), (1, 0, 0), (0, 2, 1)]
    fit = ridge_fit(setting, setting.ledger(), PROMPT, histories, {NONSENSE: words}, (3,))
    asked = setting.oracle.asked
    assert any(p[:4] == PROMPT for p in asked)
    asked.clear()
    combinations = Combinations(setting, histories, fit.coefficients[NONSENSE].values)
    drawn = combinations.generate(0, 3, STEPS, np.random.default_rng(0))
    assert Counter(asked) == Counter(
        (*h, *z) for z in {z for word in drawn for z in prefixes_of(word)} for h in histories
    )
    assert not any(p[:4] == PROMPT for p in asked)
    assert asked_after(combinations.ledger, PROMPT) == 0


def test_generation_that_asks_the_prompt_is_caught(setting, monkeypatch):
    plan = Plan(STEPS, (3,), (NONSENSE,), futures=5)
    assert try_prompt(setting, PROMPT, plan, np.random.default_rng(0)).prompt_asked == 0

    class Cheat(Combinations):
        def blocks(self, words):
            self.ledger.rows([(*PROMPT, *z) for z in words])
            return super().blocks(words)

    monkeypatch.setattr(lingen, "Combinations", Cheat)
    assert try_prompt(setting, PROMPT, plan, np.random.default_rng(0)).prompt_asked > STEPS


def test_a_history_that_begins_with_the_prompt_is_caught(setting):
    combinations = Combinations(setting, [(*PROMPT, 1), (0, 0, 0, 0, 0)], np.ones((1, 2)))
    combinations.generate(0, 1, 2, np.random.default_rng(0))
    assert asked_after(combinations.ledger, PROMPT) == 2


@pytest.mark.parametrize("which", [0, 1])
def test_generation_follows_the_combination_that_is_named(setting, which):
    """One history with coefficient 1: words drawn from it are the model's own after it."""
    histories = [(0, 1, 2, 0), (1, 2, 2, 1)]
    combinations = Combinations(setting, histories, np.eye(2))
    drawn = combinations.generate(which, 3000, 2, np.random.default_rng(0))
    counts = Counter(word[0] for word in drawn)
    row, another = (np.array(setting.oracle.oracle.logits([h])[0]) for h in histories)
    law, other = (np.exp(x) / np.exp(x).sum() for x in (row, another)[:: 1 - 2 * which])
    assert [counts[a] / 3000 for a in range(K)] == pytest.approx(law.tolist(), abs=0.04)
    assert np.abs(law - other).max() > 0.5


def test_text_comes_from_the_most_histories_of_each_kind(setting, monkeypatch):
    seen = []

    def spy(self, which, n, length, rng):
        seen.append((which, self.blocks([()])[0][which]))
        return [(0,) * length]

    monkeypatch.setattr(Combinations, "generate", spy)
    plan = Plan(STEPS, (2, 3, 5), (CHOSEN, NONSENSE), futures=6)
    found = try_prompt(setting, PROMPT, plan, np.random.default_rng(0))
    assert [which for which, _ in seen] == [2, 5]
    truth = np.array(setting.oracle.oracle.logits([PROMPT])[0])
    for _, row in seen:
        assert row == pytest.approx(truth, abs=1e-6)
    assert set(found.generated) == {CHOSEN, NONSENSE}


def test_counts_by_hand(setting):
    plan = Plan(STEPS, (2, 5), (NONSENSE,), futures=6, continuations=2)
    found = try_prompt(setting, PROMPT, plan, np.random.default_rng(1))
    counts = found.counts
    assert counts["fit"].distinct_prefixes == 6 * found.stems
    assert counts["generation"].distinct_prefixes % 5 == 0
    assert 5 * STEPS <= counts["generation"].distinct_prefixes <= 5 * (3 * STEPS - 2)
    assert counts["checkpoint"].calls == 0
    assert len(setting.oracle.asked) == sum(c.distinct_prefixes for c in counts.values())


# -- baselines ----------------------------------------------------------------------------------


def hand_made(many, places=False):
    """A model whose next token depends on the last tokens alone, and perhaps on the place."""

    def row(prefix):
        seen = (*((len(prefix),) if places else ()), *prefix[-many:])
        return np.random.default_rng([7, *seen]).normal(size=K) * 2

    return FunctionOracle(row)


@pytest.mark.parametrize("many", [1, 4])
def test_last_tokens_are_enough_for_a_model_that_looks_at_no_more(many):
    setting = Setting(hand_made(many), K, T)
    plan = Plan(STEPS, (5,), (NONSENSE,), futures=5)
    found = try_prompt(setting, PROMPT, plan, np.random.default_rng(0))
    for name in (LAST, PLACED):
        assert total(found, name, 4) == pytest.approx(0, abs=1e-12)
        assert (total(found, name, 1) > 0.1).all() == (many == 4)
        assert (total(found, name, 1) < 1e-12).all() == (many == 1)


def test_last_tokens_in_place_stand_where_they_are():
    setting = Setting(hand_made(1, places=True), K, T)
    plan = Plan(STEPS, (5,), (NONSENSE,), futures=5)
    found = try_prompt(setting, PROMPT, plan, np.random.default_rng(0))
    assert total(found, PLACED, 1) == pytest.approx(0, abs=1e-12)
    assert (total(found, LAST, 1) > 0.1).all()


def test_a_checkpoint_is_given_the_whole_history(setting):
    plan = Plan(STEPS, (5,), (NONSENSE,), futures=5, continuations=2)
    oracle = setting.oracle.oracle
    halved = FunctionOracle(lambda p: np.array(oracle.logits([p])[0]) / 2)
    second = Setting(Recorder(halved), K, T)
    found = try_prompt(setting, PROMPT, plan, np.random.default_rng(0), None, second)
    asked = second.oracle.asked
    assert found.counts["checkpoint"].distinct_prefixes == len(asked)
    assert all(p[:4] == PROMPT and len(p) < 4 + STEPS for p in asked)
    longest = [p for p in asked if len(p) == 4 + STEPS - 1]
    row = np.array(oracle.logits(longest[:1])[0])
    p, q = (np.exp(x) / np.exp(x).sum() for x in (row, row / 2))
    last_step = found.divergences[Method(CHECKPOINT)][:, -1]
    assert min(abs(last_step - (p * np.log(p / q)).sum())) < 1e-12
    same = try_prompt(setting, PROMPT, plan, np.random.default_rng(0), None, setting)
    assert (total(same, CHECKPOINT) == 0).all()


# -- what is drawn ------------------------------------------------------------------------------


def test_the_same_generator_gives_the_same_outcome_and_another_does_not(setting):
    plan = Plan(STEPS, (3, 6), KINDS, futures=6)

    def run(seed):
        found = try_prompt(setting, PROMPT, plan, np.random.default_rng(seed))
        sums = {method: rows.tolist() for method, rows in found.divergences.items()}
        return sums, found.own, found.generated, found.strengths, found.counts

    assert run(3) == run(3)
    assert run(3)[0] != run(4)[0]


def test_histories_are_different_ones_of_the_prompts_length(setting):
    found = drawn_histories(setting.ledger(), setting, PROMPT, 60, np.random.default_rng(0))
    assert len(set(found)) == 60
    assert {len(h) for h in found} == {4}
    assert PROMPT not in found
    everything = drawn_histories(setting.ledger(), setting, (1,), 2, np.random.default_rng(0))
    assert sorted(everything) == [(0,), (2,)]


def test_too_many_histories_are_refused_before_anything_is_asked(setting):
    with pytest.raises(InputError, match="at most 80, the others of the prompt's length, not 81"):
        drawn_histories(setting.ledger(), setting, PROMPT, 81, np.random.default_rng(0))
    assert setting.oracle.asked == []


def test_histories_that_do_not_come_are_refused():
    stubborn = Setting(FunctionOracle(lambda p: (800.0, 0.0)), 2, 9)
    with pytest.raises(InputError, match="at most 1, the different ones that came"):
        drawn_histories(stubborn.ledger(), stubborn, (1, 1), 2, np.random.default_rng(0))


def test_futures_come_from_where_their_kind_says(setting):
    histories = [(0, 0, 0, 0), (1, 0, 2, 0)]

    def asked(kind):
        setting.oracle.asked.clear()
        rng = np.random.default_rng(0)
        found = futures(kind, setting.ledger(), setting, PROMPT, histories, 30, STEPS, rng)
        assert len(found) == 30
        assert {len(f) for f in found} == {STEPS}
        return {p[:4] for p in setting.oracle.asked}

    assert asked(CHOSEN) == {PROMPT}
    assert asked(UNRELATED) == set(histories)
    assert asked(NONSENSE) == set()


def test_stems_are_proper_prefixes_with_their_numbers():
    assert stems([(0, 1), (0, 2), (1, 1)]) == {(): 3, (0,): 2, (1,): 1}


def test_windows_are_different_pieces_without_lost_tokens():
    text = [0, 1, 2, -1, 0, 1, 2, 2]
    found = windows(text, (1, 2), 2, 2, np.random.default_rng(0))
    assert sorted(found) == [(0, 1), (2, 2)]
    with pytest.raises(InputError, match="one with 3 different pieces of 2 tokens"):
        windows(text, (1, 2), 2, 3, np.random.default_rng(0))


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "plan", "histories", "message"),
    [
        ((), Plan(STEPS), None, "prompt must be at least one token long"),
        ((0,) * 6, Plan(STEPS), None, r"at most 5 tokens .* T = 10 \(its 6 need T = 11\)"),
        (PROMPT, Plan(STEPS, (5,), futures=4), None, "chosen futures must be at least 5, not 4"),
        (PROMPT, Plan(STEPS, (3, 3)), None, "ascending positive numbers"),
        (PROMPT, Plan(STEPS, (0, 3)), None, "ascending positive numbers"),
        (PROMPT, Plan(STEPS, (2,)), [PROMPT, (0, 0, 0, 0)], "none the prompt"),
        (PROMPT, Plan(STEPS, (2,)), [(0, 0), (0, 0, 0, 0)], "of 4 tokens"),
        (PROMPT, Plan(STEPS, (2,)), [(0, 0, 0, 0)] * 2, "different ones"),
        (PROMPT, Plan(STEPS, (2,)), [(0, 0, 0, 0)], "at most 1, the histories given"),
    ],
)
def test_bad_arguments(setting, prompt, plan, histories, message):
    with pytest.raises(InputError, match=message):
        try_prompt(setting, prompt, plan, np.random.default_rng(0), histories)

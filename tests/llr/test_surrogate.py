"""Stand-ins from the same calls: the measure against enumeration, budgets, the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import llr
from llr.cli import main
from llr.commands.surrogate import ahead
from llr.errors import InputError
from llr.models.base import words
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.corpus import corpus_of
from llr.oracles.protocol import model_oracle
from llr.surrogate import (
    DISTILLED,
    LEAN,
    RELAXED,
    SOFT,
    SURROGATE,
    Divergence,
    OfModel,
    difference,
    divergence,
    drawn,
    measured_on,
    surrogates,
)

TARGET = "isan:T=5,k=4,d=2,seed=3"


def test_the_measure_agrees_with_enumeration():
    one, two = llr.target("isan:T=3,k=2,d=2,seed=1"), llr.target("isan:T=3,k=2,d=2,seed=2")
    oracle = model_oracle(one, FLOAT64)
    laws = {
        word: float(np.prod([float(one.probabilities(word[:t])[word[t]]) for t in range(3)]))
        for word in words(2, 3)
    }
    corpus = corpus_of(
        {w: 1000 * p for w, p in laws.items()}, lambda ps: np.array(oracle.logits(ps))
    )
    found = divergence(OfModel(two).logs(corpus), corpus)
    exact = float(llr.kl_divergence(one, two))
    assert 3 * found.mean == pytest.approx(exact, rel=1e-12)
    assert sum(found.positions) == pytest.approx(exact, rel=1e-12)
    assert divergence(OfModel(one).logs(corpus), corpus).mean == pytest.approx(0, abs=1e-15)


def test_the_standard_error_by_hand():
    corpus = corpus_of({(0,): 2, (1,): 2}, lambda ps: np.zeros((len(ps), 2)))
    # both words share the empty prefix: nothing varies
    assert divergence([np.log([[0.25, 0.75]])], corpus).error == pytest.approx(0)
    corpus = corpus_of({(0, 0): 1, (1, 0): 3}, lambda ps: np.zeros((len(ps), 2)))
    logs = [np.log([[0.5, 0.5]]), np.log([[0.5, 0.5], [0.25, 0.75]])]
    apart = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    values = np.array([0, apart, apart, apart]) / 2
    found = divergence(logs, corpus)
    assert found.mean == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std(ddof=1) / 2)
    assert found.positions == pytest.approx((0, 3 * apart / 4))


def test_next_token_distances_by_hand_and_their_bound():
    corpus = corpus_of({(0, 0): 100, (1, 0): 300}, lambda ps: np.zeros((len(ps), 2)))
    logs = [np.log([[0.5, 0.5]]), np.log([[0.5, 0.5], [0.1, 0.9]])]
    found = divergence(logs, corpus)
    assert found.distance == pytest.approx(0.75 * 0.4 / 2)
    assert found.distance < found.distance_limit < found.distance + 0.05
    # the same words, a quarter as many: less is known
    few = corpus_of({(0, 0): 25, (1, 0): 75}, lambda ps: np.zeros((len(ps), 2)))
    assert divergence(logs, few).distance_limit > found.distance_limit + 0.01


def test_the_bound_on_distances_holds_on_fresh_samples():
    two = llr.target("isan:T=3,k=2,d=2,seed=2")
    oracle = model_oracle(llr.target("isan:T=3,k=2,d=2,seed=1"), FLOAT64)
    truth, _ = measured_on(oracle, 2, 3, 200_000, 0)
    mean = divergence(OfModel(two).logs(truth), truth).distance
    limits = []
    for seed in range(1, 41):
        words, _ = measured_on(oracle, 2, 3, 40, seed)
        limits.append(divergence(OfModel(two).logs(words), words).distance_limit)
    assert mean > 0.05
    # 1 % of them may fail: 4 of 40 are beyond chance (4e-4)
    assert sum(limit < mean for limit in limits) < 4
    assert np.mean(limits) < 1.0


def test_one_word_is_no_measure():
    with pytest.raises(InputError, match="words must be at least 2"):
        divergence([np.zeros((1, 2))], corpus_of({(0,): 1}, lambda ps: np.zeros((1, 2))))


def entries(budgets, ranks, **options):
    model = llr.target(TARGET)
    oracle = model_oracle(model, FLOAT64)
    fresh, asked = measured_on(oracle, 4, 5, 80, 0)
    assert asked == fresh.prefixes
    return list(surrogates(oracle, fresh, budgets=budgets, ranks=ranks, seed=0, **options))


def test_budgets_are_kept_and_counted():
    found = entries([40, 100], [3, 6])
    assert [(e.learner.split(",")[0], e.rank, e.budget) for e in found] == [
        (name, rank, budget)
        for budget in (40, 100)
        for name, rank in (("hard n-gram", None), (SOFT, None), (SURROGATE, 3), (SURROGATE, 6))
    ]
    assert all(0 < e.calls <= e.budget for e in found)
    assert [e.parameters for e in found[2:4]] == [3 + 4 * 9 + 12, 6 + 4 * 36 + 24]


def test_the_same_seed_gives_the_same_figures():
    one, two = ([replace(e, seconds=0, model=None) for e in entries([60], [3])] for _ in range(2))
    assert one == two


def test_nested_tables_take_what_they_need():
    found = entries([40], [3], lean=[2])[-1]
    assert found.learner == LEAN
    assert found.calls > 20
    assert found.divergence.mean < 1e-6  # the target's rank


def test_relaxed_programs_of_the_same_tables():
    few, _ = measured_on(model_oracle(llr.target(TARGET), FLOAT64), 4, 5, 12, 0, 4)
    nested, relaxed, low, programs = entries([40], [3], lean=[2, 1], few=few)[-4:]
    assert [e.learner for e in (nested, relaxed, low, programs)] == [LEAN, RELAXED] * 2
    assert (relaxed.calls, relaxed.words, nested.words) == (nested.calls, 12, 80)
    assert relaxed.divergence.mean < 1e-6  # the target's rank: the programs are those of the rows
    assert programs.divergence.mean > 0.01
    assert relaxed.model.relaxed
    words = drawn(relaxed, 6, np.random.default_rng(0))
    assert words.shape == (6, 5)
    assert words.min() >= 0
    assert words.max() < 4


def test_a_paired_difference_by_hand():
    fresh = corpus_of({(0, 0): 1, (1, 0): 3}, lambda ps: np.zeros((len(ps), 2)))
    one, two = [], []
    for rows, shift in ((one, 0.25), (two, 0.4)):
        rows += [np.log([[0.5, 0.5]]), np.log([[0.5, 0.5], [shift, 1 - shift]])]
    first, second = (divergence(rows, fresh) for rows in (one, two))
    apart = [-0.5 * np.log(4 * p * (1 - p)) for p in (0.25, 0.4)]
    gaps = np.array([0, *[apart[0] - apart[1]] * 3]) / 2
    found = difference(first, second, fresh)
    assert found.mean == pytest.approx(gaps.mean()) == pytest.approx(first.mean - second.mean)
    assert found.error == pytest.approx(gaps.std(ddof=1) / 2)
    assert difference(second, first, fresh).mean == -found.mean
    assert difference(first, first, fresh).error == 0


def made(by_word):
    by_word = np.asarray(by_word)
    return Divergence(by_word.mean(), 0.0, (), 0.0, 0.0, tuple(by_word))


def test_ahead_means_clearly_below_from_that_rank_on():
    base = entries([40], [3])
    fresh = corpus_of({(a,): 1 for a in range(4)}, lambda ps: np.zeros((len(ps), 4)))
    common = np.array([0.0, 1.0, 2.0, 3.0])  # words differ by far more than learners do
    gap = np.array([-0.01, 0.01, -0.01, 0.01])  # a standard error of 0.0058

    def of(nets, rival=1.0, name=SOFT):
        rows = [replace(base[1], learner=f"{name}, 3", divergence=made(common + rival))]
        rows += [
            replace(base[2], rank=r, divergence=made(common + m + gap)) for r, m in nets.items()
        ]
        return ahead(rows, fresh)[name]["40"]

    assert of({3: 2.0, 5: 0.9, 9: 0.8}) == 5
    assert of({3: 0.9, 5: 1.1, 9: 0.8}) == 9
    assert of({3: 0.9, 5: 0.9, 9: 1.0}) is None
    assert of({3: 0.5, 5: 0.6}) == 3
    # below, but by less than two standard errors
    assert of({3: 0.5, 5: 0.98, 9: 0.995}) is None
    assert of({3: 0.5, 5: 0.995, 9: 0.98}) == 9
    assert of({3: 2.0, 5: 0.9}, name=DISTILLED) == 5


def test_the_command_prints_a_table_text_and_plots(tmp_path):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "plots"
    given = ["surrogate", TARGET, "--calls", "40,100", "--ranks", "3,4", "--words", "50"]
    found = CliRunner().invoke(main, [*given, "--plot", str(folder)])
    assert found.exit_code == 0, found.output
    assert "soft n-gram" in found.stdout
    assert "low-rank network" in found.stdout
    assert "100 calls: below the soft n-gram by more than 2 standard errors" in found.stdout
    assert "low-rank network less another of the same budget" in found.stdout
    assert sorted(p.name for p in folder.iterdir()) == [
        "surrogate-calls.svg",
        "surrogate-ranks.svg",
    ]
    as_json = CliRunner().invoke(main, [*given, "--json"])
    value = json.loads(as_json.stdout)
    assert [e["calls"] <= e["budget"] for e in value["learners"]] == [True] * 8
    assert value["measuring"] > 50
    assert len(value["samples"]["target"]) == len(value["samples"]["surrogate"]) == 5
    assert set(value["ahead"]) == {SOFT}
    assert set(value["ahead"][SOFT]) == {"40", "100"}
    for e in value["learners"]:
        soft = next(
            s["kl"]
            for s in value["learners"]
            if s["learner"].startswith(SOFT) and s["budget"] == e["budget"]
        )
        if e["learner"] != SURROGATE:
            assert "less" not in e
            continue
        assert e["less"][SOFT]["mean"] == pytest.approx(e["kl"] - soft)
        assert 0 < e["less"][SOFT]["standard_error"] < e["standard_error"] + 1


def test_the_command_measures_relaxed_programs_and_shows_their_text():
    given = ["surrogate", TARGET, "--calls", "40", "--ranks", "3", "--words", "50"]
    given += ["--lean", "1,2", "--relaxed", "8"]
    found = CliRunner().invoke(main, given)
    assert found.exit_code == 0, found.output
    assert "relaxed lean learner (8)" in found.stdout
    assert "relaxed lean learner:\n" in found.stdout
    value = json.loads(CliRunner().invoke(main, [*given, "--json"]).stdout)
    assert [e["words"] for e in value["learners"][-4:]] == [50, 8, 50, 8]
    assert all(0 <= e["next_token_tv"] < e["next_token_tv_limit"] for e in value["learners"])
    assert len(value["samples"][RELAXED]) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--calls", "100,40"], "--calls must be ascending numbers"),
        (["--calls", "x"], "--calls must be an integer"),
        (["--calls", "9"], "--calls must be at least"),
        (["--ranks", "1,3"], "--ranks must be an integer of at least 2"),
        (["--words", "1"], "--words must be an integer of at least 2"),
        (["--lean", "0"], "--lean must be an integer of at least 1"),
        (["--relaxed", "9"], "--relaxed must be used with --lean"),
        (["--lean", "2", "--relaxed", "1"], "--relaxed must be an integer of at least 2"),
        (["--ranks", "400"], "--ranks must be small enough for stems within T = 5"),
        (["--plot", "tox.ini"], "--plot must be a folder"),
    ],
)
def test_what_cannot_be_used_is_refused(options, message):
    found = CliRunner().invoke(main, ["surrogate", TARGET, "--ranks", "3", *options])
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


def test_a_budget_stops_the_command_and_a_journal_resumes_it(tmp_path):
    given = ["surrogate", TARGET, "--calls", "40", "--ranks", "3", "--words", "20", "--json"]
    journal = ["--journal", str(tmp_path / "journal.db")]
    stopped = CliRunner().invoke(main, [*given, *journal, "--max-calls", "30"])
    assert stopped.exit_code == 3
    resumed = CliRunner().invoke(main, [*given, *journal])
    fresh = CliRunner().invoke(main, given)
    assert resumed.exit_code == fresh.exit_code == 0

    def figures(output):
        return [e["kl"] for e in json.loads(output)["learners"]]

    assert figures(resumed.stdout) == figures(fresh.stdout)

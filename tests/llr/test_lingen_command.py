"""``llr lingen``: table, JSON, plot, what it asks and how it refuses."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from xml.etree import ElementTree

import commands
import numpy as np
import pytest

import llr.commands.lingen
from llr.analysis import lingen
from llr.models.targets import Family, family_target
from llr.oracles.ledger import Ledger
from llr.oracles.sources import COMMON, SOURCES, restricted

TARGET = "isan:T=9,k=3,d=3"
QUICK = ["--histories", "2,3", "--futures", "6", "--steps", "4", "--continuations", "2"]
LETTERS = "abcdef"


class Source:
    """Six letters; the next one depends on the last two and the place."""

    vocabulary_size = 6
    start = (0,)
    identity = MappingProxyType({"kind": "letters"})
    reproducible = 0.0

    def logits(self, sequences, tokens=None):
        rows = np.array(
            [np.random.default_rng([len(s), *s[-2:]]).normal(size=6) for s in sequences]
        )
        return rows if tokens is None else rows[:, list(tokens)]

    def encode(self, text):
        return tuple(LETTERS.index(x) for x in text if x in LETTERS)

    def decode(self, tokens):
        return "".join(LETTERS[x] for x in tokens)


@pytest.fixture
def letters(monkeypatch):
    """A real model: TARGETs that begin with ``letters:``."""
    family = Family(
        "letters", "", COMMON, lambda *values: restricted(Source(), *values), "letters:T=9"
    )
    monkeypatch.setitem(SOURCES, "letters", family)


call = partial(commands.call, "lingen")
json_of = partial(commands.json_of, "lingen")


def method(found, name, size=None, futures=""):
    rows = [
        row
        for row in found["methods"]
        if (row["method"], row["futures"]) == (name, futures) and size in (None, row["size"])
    ]
    assert len(rows) == 1
    return rows[0]


# -- what is printed ----------------------------------------------------------------------------


def test_json():
    arguments = ["--prompt", "0 1 2", "--prompts", 2, "--length", 4]
    other = "isan:T=9,k=3,d=3,seed=1"
    found = json_of(TARGET, *arguments, *QUICK, "--checkpoint", other, "--texts", 2)
    assert (found["target"], found["checkpoint"]) == (TARGET, other)
    assert (found["steps"], found["futures"], found["continuations"]) == (4, 6, 2)
    assert (found["weights"], found["ridge"], found["seed"]) == ("probability", "held-out", 0)
    assert found["prompt_asked_after_fit"] == 0
    assert [len(p["tokens"]) for p in found["prompts"]] == [3, 4, 4]
    assert found["prompts"][0]["prompt"] == "0 1 2"
    for p in found["prompts"]:
        assert set(p["ridge"]) == set(lingen.KINDS)
    for p in found["prompts"][:2]:
        assert set(p["generated"]) == set(lingen.KINDS)
        assert all(len(z.split()) == 4 for z in (p["own"], *p["generated"].values()))
    assert (found["prompts"][2]["own"], found["prompts"][2]["generated"]) == (None, {})
    names = [(r["method"], r["size"], r["futures"]) for r in found["methods"]]
    assert names == [
        *(("LINGEN", n, kind) for kind in lingen.KINDS for n in (2, 3)),
        ("mean of histories", 3, ""),
        ("last tokens", 1, ""),
        ("last tokens in place", 1, ""),
        ("last tokens", 4, ""),
        ("last tokens in place", 4, ""),
        ("checkpoint", 0, ""),
    ]
    for row in found["methods"]:
        assert len(row["kl_per_prompt"]) == 3
        assert len(row["kl_per_token"]) == 4
        assert row["kl"] == pytest.approx(sum(row["kl_per_token"]))
        assert row["kl"] == pytest.approx(np.mean(row["kl_per_prompt"]))
        error = np.std(row["kl_per_prompt"], ddof=1) / np.sqrt(3)
        assert row["standard_error"] == pytest.approx(error)
    assert method(found, "LINGEN", 3, "nonsense")["kl"] < 1e-12
    assert method(found, "LINGEN", 2, "nonsense")["kl"] > 1e-3
    assert method(found, "checkpoint")["kl"] > 0.1


def test_all_that_is_asked_is_counted(monkeypatch):
    ledgers = []

    class Seen(Ledger):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            ledgers.append(self)

    monkeypatch.setattr("llr.analysis.continuations.Ledger", Seen)
    found = json_of(TARGET, "--prompts", 2, "--length", 4, *QUICK, "--checkpoint", TARGET)
    assert set(found["counts"]) == {
        *("prompts", "histories", "fit", "generation", "measuring", "checkpoint")
    }
    for name in ("calls", "distinct_prefixes", "cache_hits", "tokens"):
        counted = sum(c[name] for c in found["counts"].values())
        assert counted == sum(getattr(ledger.counts, name) for ledger in ledgers)
        assert counted > 0


def test_for_people():
    arguments = [TARGET, "--prompt", "0 1 2", "--prompt", "2 1", *QUICK, "--checkpoint", TARGET]
    shown = call(*arguments).stdout
    assert "'2 1' goes on" not in shown
    for part in (
        f"{TARGET}: KL(target || method) summed over 4 tokens, nats",
        "standard error",
        "last token ",
        "last 4 tokens in place",
        "checkpoint",
        "prefixes asked: prompts 0, histories ",
        "prefixes with the prompt asked after the fit: 0",
        "'0 1 2' goes on, drawn from",
        "  the target: '",
        "  LINGEN, nonsense futures: '",
    ):
        assert part in shown


def test_generation_that_asks_the_prompt_exits_1(monkeypatch):
    class Cheat(lingen.Combinations):
        def blocks(self, words):
            self.ledger.rows([(0, 1, 2, *z) for z in words])
            return super().blocks(words)

    monkeypatch.setattr(lingen, "Combinations", Cheat)
    shown = call(TARGET, "--prompt", "0 1 2", *QUICK, code=1).stdout
    assert "prefixes with the prompt asked after the fit: 0" not in shown


def test_options_reach_the_fit():
    base = ["--prompt", "0 1 2 0", *QUICK]
    found = json_of(TARGET, *base, "--kinds", "nonsense", "--ridge", "0")
    assert found["ridge"] == 0
    assert found["prompts"][0]["ridge"] == {"nonsense": [0, 0]}
    assert {r["futures"] for r in found["methods"]} == {"nonsense", ""}
    assert json_of(TARGET, *base, "--ridge", "0.5")["prompts"][0]["ridge"]["chosen"] == [0.5, 0.5]
    plain, weighted = (
        json_of(TARGET, *base, "--ridge", "0.5", "--weights", w) for w in lingen.WEIGHTS
    )
    assert plain["methods"][0]["kl"] != weighted["methods"][0]["kl"]
    assert plain["methods"][-1]["kl"] == weighted["methods"][-1]["kl"]


def test_the_same_seed_gives_the_same_output_and_another_does_not():
    base = [TARGET, "--prompts", 2, "--length", 3, *QUICK]
    first = call(*base, "--json").stdout
    assert call(*base, "--json").stdout == first
    assert call(*base, "--json", "--seed", 1).stdout != first


def test_plot(tmp_path):
    folder = tmp_path / "plots"
    arguments = [TARGET, "--prompts", 2, "--length", 3, *QUICK, "--plot", folder]
    call(*arguments)
    written = (folder / "lingen.svg").read_bytes()
    text = "".join(ElementTree.fromstring(written).itertext())
    for label in ("LINGEN, chosen futures", "LINGEN, nonsense futures", "last 4 tokens", TARGET):
        assert label in text
    call(*arguments)
    assert (folder / "lingen.svg").read_bytes() == written


def test_a_journal_answers_the_second_run(tmp_path):
    base = [TARGET, "--prompt", "0 1 2", *QUICK, "--journal", tmp_path / "j", "--checkpoint"]
    first = json_of(*base, "isan:T=9,k=3,d=2")
    again = json_of(*base, "isan:T=9,k=3,d=2")
    assert first["journal"]["asked"] > 0
    assert again["journal"]["asked"] == 0
    assert first.pop("journal") != again.pop("journal")
    assert first == again


def test_a_spent_budget_exits_3():
    shown = call(TARGET, "--prompt", "0 1 2", *QUICK, "--max-calls", 20, code=3)
    assert shown.stdout == ""
    assert "20 calls allowed" in shown.stderr


@pytest.mark.parametrize(
    ("target", "above", "below"),
    [
        ("hmm:T=9,k=3,R=2", 1e-7, 1e-12),
        ("perturbed:T=9,k=3,d=2", 0.1, 1e-4),
        ("copy:n=4,k=3", 0.1, 1e-12),
    ],
)
def test_other_targets(target, above, below):
    base = ["--prompt", "0 1 2 0", "--steps", 4, "--futures", 5, "--kinds", "nonsense"]
    found = json_of(target, *base, "--histories", "5,20")
    assert method(found, "LINGEN", 20, "nonsense")["kl"] < below
    assert method(found, "mean of histories")["kl"] > above


def test_it_explains_itself():
    shown = call("--help").stdout
    for option in ("--prompt", "--checkpoint", "--journal", "--max-calls", "--seed", "--json"):
        assert option in shown


# -- targets with text --------------------------------------------------------------------------


def test_a_target_with_text(letters, tmp_path):
    text = tmp_path / "text"
    text.write_text("abcdefabdcbadfecabdcbabcdefbabdcfedbacedbadcbadfe" * 4)
    base = ["letters:T=9", "--prompt", "abc", "--prompts", 2, "--length", 4, *QUICK]
    found = json_of(*base, "--text", text)
    assert found["histories_from"] == str(text)
    assert found["prompts"][0]["prompt"] == "abc"
    assert found["restricted"]["vocabulary_size"] == 6
    written = text.read_text()
    for p in found["prompts"][1:]:
        assert p["prompt"] in written[len(written) - len(written) // 5 :]
    assert set(found["prompts"][0]["generated"]["chosen"]) <= set(LETTERS)
    assert json_of(*base)["histories_from"] == "the target"
    assert call(*base).stdout.startswith("a real model restricted to all 6 tokens")


def test_histories_from_a_text_are_pieces_of_its_first_part(letters, tmp_path, monkeypatch):
    text = tmp_path / "text"
    text.write_text("abcd" * 10 + "f" * 10)
    given = []
    monkeypatch.setattr(
        llr.commands.lingen.study,
        "check_histories",
        lambda histories, prompt: given.append((histories, prompt)),
    )
    json_of("letters:T=9", "--text", text, "--prompt", "abc", "--prompts", 1, "--length", 3, *QUICK)
    assert sorted(given[0][0]) == [(1, 2, 3), (2, 3, 0), (3, 0, 1)]
    assert set(given[1][0]) < {(0, 1, 2), *given[0][0]}
    assert [prompt for _, prompt in given] == [(0, 1, 2), (5, 5, 5)]


def test_pieces_of_a_text_have_kept_tokens_only(letters, tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("[1, 0, 2]")
    text = tmp_path / "text"
    text.write_text("abcfabcdbacebcaabfcabcbacc" * 8)
    found = json_of(
        f"letters:tokens={kept},T=9", "--text", text, "--prompts", 3, "--length", 3, *QUICK
    )
    assert all(set(p["prompt"]) <= set("abc") for p in found["prompts"])


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--prompt must be given, or --prompts, not ''"),
        (["--prompt", ""], "--prompt must be at least one token long"),
        (["--prompt", "0 1 2 0 1 2"], "at most 5 tokens long for 4 more under T = 9 (its 6 need"),
        (["--prompt", "0 1", "--length", 3], "--length must be left out, or used with --prompts"),
        (["--prompts", 1, "--length", 6], "--length must be at most 5 tokens long"),
        (["--prompt", "0 3"], "--prompt must be made of tokens 0..2"),
        (["--prompt", "rain"], "--prompt must be token numbers separated by blanks, not 'rain'"),
        (["--prompt", "0 1", "--futures", 4], "--futures must be an integer of at least 5"),
        (["--prompt", "0 1", "--histories", "3,2"], "--histories must be ascending numbers"),
        (["--prompt", "0 1", "--histories", "0"], "--histories must be an integer of at least 1"),
        (["--prompt", "0 1", "--histories", "9"], "histories must be at most 8, the others"),
        (["--prompt", "0 1", "--kinds", "odd"], "--kinds must be some of chosen, unrelated, nons"),
        (["--prompt", "0 1", "--weights", "odd"], "--weights must be one of probability, uniform"),
        (
            ["--prompt", "0 1", "--weights", "uniform,probability"],
            "--weights must be one of probability, uniform",
        ),
        (["--prompt", "0 1", "--ridge", "-1"], "--ridge must be held-out, or a number of at least"),
        (["--prompt", "0 1", "--ridge", "nan"], "--ridge must be held-out, or a number of at leas"),
        (["--prompt", "0 1", "--text", "none"], "--text must be a readable file in UTF-8"),
        (["--prompt", "0 1", "--plot", __file__], "--plot must be a folder"),
        (["--prompt", "0 1", "--checkpoint", "isan:T=9,k=2,d=2"], "alphabet size 3 (it has 2)"),
        (["--prompt", "0 1 2", "--checkpoint", "isan:T=6,k=3,d=2"], "T = 6 (its 3 need T = 7)"),
    ],
)
def test_refusals(arguments, message):
    shown = call(TARGET, "--steps", 4, *arguments, code=2)
    assert message in shown.stderr
    assert shown.stdout == ""


def test_a_prompt_of_unknown_tokens_is_refused(letters, tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("[1, 0, 2]")
    target = f"letters:tokens={kept},T=9"
    shown = call(target, "--prompt", "abd", *QUICK, code=2)
    assert "--prompt must be made of kept tokens ('d' is not), not 'abd'" in shown.stderr
    shown = call(target, "--prompt", "ab", *QUICK, "--checkpoint", "letters:T=9,k=3", code=2)
    assert "--checkpoint must be of TARGET's tokens: give both tokens=FILE" in shown.stderr


def test_bad_options_are_refused_before_anything_is_asked(monkeypatch):
    def refuse(*arguments):
        raise AssertionError

    monkeypatch.setattr(Ledger, "block", refuse)
    for arguments in (
        ["--prompt", "0 1 2 0 1 2"],
        ["--prompt", "0 1 2", "--futures", 2],
        ["--prompt", "0 1", "--histories", "9"],
        ["--prompt", "0 1", "--text", "none"],
    ):
        call(TARGET, *arguments, "--steps", 4, code=2)


def test_the_target_is_one_that_exists():
    family_target(TARGET)
    assert "model.json" in call("model.json", "--prompt", "0", code=2).stderr

"""``--journal`` and ``--max-calls`` on every command that asks an oracle."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from commands import call, json_of

import llr.asking
import llr.plots
from llr.asking import opened
from llr.cli import main
from llr.errors import OracleError
from llr.models.targets import Family, Parameter
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles.journal import Journal
from llr.oracles.sources import COMMON, SOURCES, restricted

TARGET = "isan:T=5,k=3,d=2"
QUICK = ["--epsilon", "0.1", "--delta", "0.1"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without(value, *names):
    return {name: x for name, x in value.items() if name not in names}


class Watched:
    """Logs what its oracle is asked, and can do something before an answer."""

    def __init__(self, oracle, log, before):
        self.oracle, self.log, self.before = oracle, log, before

    def logits(self, prefixes):
        self.before(len(self.log))
        self.log.extend(prefixes)
        return self.oracle.logits(prefixes)


@pytest.fixture
def asked(monkeypatch):
    """What the oracles of exact targets are asked; ``asked.before`` is called with the count."""

    class Log(list):
        before = staticmethod(lambda count: None)

    log, own = Log(), llr.asking.model_oracle

    def watched(model, numbers):
        return Watched(own(model, numbers), log, lambda count: log.before(count))

    monkeypatch.setattr(llr.asking, "model_oracle", watched)
    return log


# -- learn ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arithmetic", ["exact", "float"])
def test_learn_says_what_came_from_the_journal(arithmetic, asked):
    learn = ["learn", TARGET, *QUICK, "--arithmetic", arithmetic]
    plain = json_of(*learn, "--out", "plain.json")
    assert "journal" not in plain
    asked.clear()
    first = json_of(*learn, "--journal", "j", "--out", "first.json")
    distinct = first["queries"]["distinct_prefixes"]
    assert first["journal"] == {"asked": distinct, "remembered": 0}
    assert len(asked) == distinct + 16
    asked.clear()
    again = json_of(*learn, "--journal", "j", "--out", "again.json")
    assert again["journal"] == {"asked": 0, "remembered": distinct}
    assert len(asked) == again["queries"]["rechecks"] == 16
    assert plain == without(first, "journal") == without(again, "journal")
    models = {Path(f"{name}.json").read_bytes() for name in ("plain", "first", "again")}
    assert len(models) == 1
    assert sorted(os.listdir()) == ["again.json", "first.json", "j", "plain.json"]


def test_learn_for_people_says_it_as_well(asked):
    table = call("learn", TARGET, *QUICK, "--journal", "j").stdout
    assert "journal: asked, remembered" in table
    assert "journal" not in call("learn", TARGET, *QUICK).stdout


def test_the_journal_of_one_oracle_does_not_answer_for_another(asked):
    learn, small = ["learn", "--journal", "j", *QUICK], "isan:T=3,k=2,d=2"
    others = [
        [small],
        [small, "--arithmetic", "float"],
        [f"{small},seed=1"],
        [small, "--xi", "0.01", "--noise", "random"],
        [small, "--xi", "0.01", "--noise", "adversarial"],
        [small, "--xi", "0.02", "--noise", "random"],
        [small, "--xi", "0.02", "--noise", "random", "--seed", "1"],
    ]
    for other in others:
        assert json_of(*learn, *other)["journal"]["remembered"] == 0
    for other in others:
        assert json_of(*learn, *other)["journal"]["asked"] == 0


def test_what_does_not_fix_the_answers_may_change(asked):
    learn = ["learn", TARGET, "--journal", "j"]
    json_of(*learn, *QUICK)
    for other in (["--epsilon", "0.3"], ["--algorithm", "printed"], ["--seed", "1"]):
        assert json_of(*learn, *QUICK, *other)["journal"]["remembered"] > 0


def test_another_model_in_the_same_file_is_another_target(asked):
    for d in (2, 3):
        llr.save(llr.target(f"isan:T=5,k=3,d={d}"), "model.json")
        found = json_of("learn", "model.json", *QUICK, "--journal", "j")
        assert found["journal"]["remembered"] == 0
        assert found["total_variation"]["upper"] == "0"


# -- budgets --------------------------------------------------------------------------------------


def test_a_budget_stops_cleanly_and_the_same_command_goes_on(asked):
    learn = ["learn", TARGET, *QUICK, "--out", "model.json"]
    plain = json_of(*learn)
    model = Path("model.json").read_bytes()
    Path("model.json").unlink()
    distinct = plain["queries"]["distinct_prefixes"]
    asked.clear()
    most, runs = 20, 0
    while True:
        runs, before = runs + 1, len(asked)
        result = CliRunner().invoke(
            main, [*learn, "--json", "--journal", "j", "--max-calls", str(most)]
        )
        assert len(asked) - before <= most
        if result.exit_code == 0:
            break
        assert result.exit_code == 3
        assert result.stdout == ""
        assert not Path("model.json").exists()
        kept = min(runs * most, distinct)
        assert len(asked) == kept
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"stopped: of {most} calls allowed, ")
        assert line.endswith(f"{kept} answers are in j: the same command goes on from there")
    # the last run needs room for all rechecks
    assert runs == -(-distinct // most) + (most - distinct % most < 16)
    assert len(asked) == distinct + 16
    assert Path("model.json").read_bytes() == model
    assert without(json.loads(result.stdout), "journal") == plain


def test_without_a_journal_a_spent_budget_says_that_nothing_was_kept(asked):
    result = call("learn", TARGET, *QUICK, "--max-calls", 20, "--json", code=3)
    assert len(asked) <= 20
    assert result.stdout == ""
    assert result.stderr.startswith("stopped: of 20 calls allowed, ")
    assert "no answers were kept" in result.stderr
    assert "--journal FILE" in result.stderr
    assert os.listdir() == []


def test_a_budget_that_suffices_changes_nothing(asked):
    plain = json_of("learn", TARGET, *QUICK)
    most = plain["queries"]["distinct_prefixes"] + 16
    assert json_of("learn", TARGET, *QUICK, "--max-calls", most) == plain
    call("learn", TARGET, *QUICK, "--max-calls", most - 1, code=3)


@pytest.mark.parametrize("written", ["-1", "many", "1.5", ""])
def test_a_budget_is_a_number(written, asked):
    result = call("learn", TARGET, "--journal", "j", "--max-calls", written, code=2)
    assert "Error: --max-calls must be an integer of at least 0" in result.stderr
    assert asked == []
    assert os.listdir() == []


# -- interrupts and faults ------------------------------------------------------------------------


def raises(error, count):
    def before(asked):
        if asked >= count:
            raise error

    return before


def test_an_interrupt_with_and_without_a_journal(asked):
    asked.before = raises(KeyboardInterrupt, 30)
    result = call("learn", TARGET, *QUICK, "--journal", "j", code=3)
    assert result.stdout == ""
    kept = len(asked)
    message = f"interrupted; {kept} answers are in j: the same command goes on from there\n"
    assert result.stderr == message
    assert kept >= 30
    asked.clear()
    result = call("learn", TARGET, *QUICK, code=3)
    assert result.stderr.startswith("interrupted; no answers were kept")
    assert "--journal FILE" in result.stderr
    asked.before = lambda count: None
    asked.clear()
    assert json_of("learn", TARGET, *QUICK, "--journal", "j")["journal"]["remembered"] == kept


def test_a_fault_of_the_oracle_says_what_is_on_disk(asked):
    asked.before = raises(OracleError("the oracle is gone"), 30)
    result = call("learn", TARGET, *QUICK, "--journal", "j", code=2)
    first, *_, last = result.stderr.splitlines()
    assert first == f"{len(asked)} answers are in j: the same command goes on from there"
    assert last == "Error: the oracle is gone"


@pytest.mark.parametrize("option", ["--out", "--certificate"])
def test_the_journal_is_no_place_for_a_result(option, asked):
    result = call("learn", TARGET, "--journal", "j", option, "./j", code=2)
    assert f"Error: {option} must be another file than the journal" in result.stderr
    assert asked == []


def test_a_file_that_is_no_journal_is_refused_before_anything_is_asked(asked):
    Path("j").write_text("precious")
    for command in (["learn", TARGET], ["compare", TARGET]):
        result = call(*command, "--journal", "j", code=2)
        assert "Error: journal must be" in result.stderr
    assert asked == []
    assert Path("j").read_text() == "precious"


# -- check and compare ----------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [[], ["--xi", "0.01", "--noise", "random"]])
def test_check_remembers_what_learn_asked(noise, asked):
    files = ["--out", "m.json", "--certificate", "c.json"]
    learned = json_of("learn", TARGET, *QUICK, *noise, *files, "--journal", "j")
    check = ["check", "c.json", "m.json", TARGET]
    plain = json_of(*check)
    asked.clear()
    found = json_of(*check, "--journal", "j", "--max-calls", 0)
    assert asked == []
    assert without(found, "journal") == plain
    assert found["journal"] == {"asked": 0, "remembered": plain["prefixes"]}
    assert plain["prefixes"] <= learned["queries"]["distinct_prefixes"]


def test_check_asks_through_a_budget(asked):
    json_of("learn", TARGET, *QUICK, "--out", "m.json", "--certificate", "c.json")
    asked.clear()
    check = ["check", "c.json", "m.json", TARGET, "--max-calls", 5]
    assert "stopped" in call(*check, "--journal", "j", code=3).stderr
    assert len(asked) == 5
    with Journal("j") as journal:
        assert len(journal) == 5


def test_compare_asks_once_for_all_learners(asked):
    plain = json_of("compare", TARGET, *QUICK)
    assert len(set(asked)) < len(asked)
    asked.clear()
    found = json_of("compare", TARGET, *QUICK, "--journal", "j")
    rechecks = 16 * 2  # by the lean and the printed learner
    assert len(asked) == found["journal"]["asked"] + rechecks
    assert len(set(asked)) == found["journal"]["asked"]
    asked.clear()
    again = json_of("compare", TARGET, *QUICK, "--journal", "j")
    assert again["journal"]["asked"] == 0
    assert len(asked) == rechecks
    for one in (found, again):
        for entry, other in zip(one["learners"], plain["learners"], strict=True):
            assert without(entry, "seconds") == without(other, "seconds")


def test_compare_with_plots_asks_its_other_horizons_through_the_journal_too(asked, monkeypatch):
    for name in ("check_available", "plot_learners", "plot_growth"):
        monkeypatch.setattr(llr.plots, name, lambda *arguments: None)
    compare = ["compare", "isan:T=4,k=2,d=2", *QUICK, "--journal", "j", "--plot", "plots"]
    assert json_of(*compare)["journal"]["asked"] > 0
    asked.clear()
    assert json_of(*compare)["journal"]["asked"] == 0
    assert 0 < len(asked) <= 16 * 4


def test_sample_refuses_them_where_nobody_is_asked():
    for option, value in (("--journal", "j"), ("--max-calls", "5")):
        result = call("sample", TARGET, option, value, code=2)
        assert f"Error: {option} must be left out: only a real model is asked" in result.stderr
    assert os.listdir() == []


# -- real models ----------------------------------------------------------------------------------

VOCABULARY = 6


class Toy:
    """A source whose logits are a fixed function of the ids; it logs what it is asked."""

    vocabulary_size = VOCABULARY
    start = (5,)
    identity = {"source": "toy"}  # noqa: RUF012
    reproducible = 0.0

    def __init__(self, log):
        self.log = log

    def logits(self, sequences, tokens=None):
        self.log.extend((tuple(s), tokens) for s in sequences)
        whole = np.array(
            [[random.Random(f"{s} {a}").random() * 3 for a in range(VOCABULARY)] for s in sequences]
        )
        return whole if tokens is None else whole[:, list(tokens)]

    def encode(self, text):
        return tuple(int(x) for x in text)

    def decode(self, tokens):
        return "".join(map(str, tokens))


class Served(Toy):
    """The same behind a server."""

    at_once = 4


@pytest.fixture
def toy(monkeypatch):
    """What the source behind ``toy:...``, or behind ``served:...``, is asked."""

    class Log(list):
        before = staticmethod(lambda count: None)

        def extend(self, asked):
            self.before(len(self))
            super().extend(asked)

    log = Log()
    for name, source in (("toy", Toy), ("served", Served)):
        family = Family(
            name,
            "a toy",
            (Parameter("model", lambda written, argument: written, "ignored"), *COMMON),
            lambda model, *more, source=source: restricted(source(log), *more),
            f"{name}:model=x,T=3",
        )
        monkeypatch.setitem(SOURCES, name, family)
    return log


REAL = "toy:model=x,T=3,k=4,prompt=21"


def sequences(log):
    """Return what was asked, whatever columns were wanted."""
    return {sequence for sequence, _ in log}


def test_everything_that_a_real_model_is_asked_passes_the_journal(toy):
    plain = call("sample", REAL, "-n", 20).stdout
    assert toy
    toy.clear()
    assert call("sample", REAL, "-n", 20, "--journal", "j").stdout == plain
    # what the survey of all tokens asked is not asked again for those that are kept
    assert len(sequences(toy)) == len(toy)
    with Journal("j") as journal:
        assert len(journal) == len(toy)
    toy.clear()
    assert call("sample", REAL, "-n", 20, "--journal", "j", "--max-calls", 0).stdout == plain
    assert toy == []


def test_a_real_model_is_asked_within_one_budget(toy):
    for runs in range(1, 30):
        before = len(toy)
        found = CliRunner().invoke(
            main, ["sample", REAL, "-n", "20", "--journal", "j", "--max-calls", "10"]
        )
        assert len(toy) - before <= 10
        if found.exit_code == 0:
            break
        assert found.exit_code == 3
        with Journal("j") as journal:
            assert len(journal) == len(toy) == 10 * runs
    assert runs > 3
    assert len(sequences(toy)) == len(toy)
    assert found.stdout == call("sample", REAL, "-n", 20).stdout


def test_a_real_model_is_learned_through_the_journal(toy):
    learn = ["learn", "toy:model=x,T=3,k=4", "--arithmetic", "float", "--rank", "2"]
    learn += ["--epsilon", "0.5", "--delta", "0.5"]

    def outcome(*more):
        result = CliRunner().invoke(main, [*learn, "--json", "--out", "m.json", *more])
        assert result.exit_code in (0, 1), result.output
        return json.loads(result.stdout), Path("m.json").read_bytes()

    plain, model = outcome()
    toy.clear()
    first, same = outcome("--journal", "j")
    assert (without(first, "journal"), same) == (plain, model)
    rechecks = first["queries"]["rechecks"]
    assert len(toy) == len(sequences(toy)) + rechecks
    toy.clear()
    again, same = outcome("--journal", "j")
    assert (without(again, "journal"), same) == (plain, model)
    assert again["journal"]["asked"] == 0
    assert len(toy) == rechecks > 0


LEARN = "learn REAL --arithmetic float"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("learn REAL", "--arithmetic must be float"),
        (f"{LEARN} --epsilon 2", "epsilon must be a number in (0, 1)"),
        (f"{LEARN} --delta 0", "delta must be a number in (0, 1)"),
        (f"{LEARN} --xi 1", "xi must be below 2 epsilon / T"),
        (f"{LEARN} --algorithm best", "algorithm must be one of"),
        (f"{LEARN} --algorithm printed --rank 2", "rank must be left out"),
        (f"{LEARN} --algorithm shared", "rank must be an integer of at least 2"),
        (f"{LEARN} --algorithm shared --rank 1", "rank must be an integer of at least 2"),
        (f"{LEARN} --algorithm shared --rank 9000", "rank must be small enough for stems"),
        (f"{LEARN} --algorithm shared --rank 3 --calls 2", "calls must be at least 3"),
        (f"{LEARN} --relaxed", "relaxed must be used with a rank"),
        (f"{LEARN} --rank 0", "--rank must be an integer of at least 1"),
        (f"{LEARN} --samples 0", "--samples must be an integer of at least 1"),
        (f"{LEARN} --noise random", "--noise must be none"),
        (f"{LEARN} --out no/folder", "--out must be in a folder that exists"),
        (f"{LEARN} --epsilon 1e-18", "epsilon must be above"),
        (
            f"{LEARN.replace('REAL', 'toy:model=x,T=8')} --algorithm shared --rank 600 --out m",
            "--out must be left out: the model may need 69,",
        ),
        ("spectrum REAL --histories 7", "--histories must be"),
        ("spectrum REAL --sizes 9", "--sizes must be few enough"),
        ("spectrum REAL --cuts 9", "--cuts must be in 2..3"),
        ("spectrum REAL --length 3", "--length must be at most 2"),
        ("spectrum REAL --tokens top:9", "--tokens top:K must be at most 4"),
        ("spectrum REAL --ranks 3-1", "--ranks must be"),
        ("spectrum REAL --fit x", "--fit must be"),
        ("spectrum REAL --error 0", "--error must be a positive number"),
        ("spectrum REAL --last-token some", "last_token must be one of"),
        ("spectrum REAL --control toy:model=x,T=3,k=3", "--control must be a target of"),
        ("lingen REAL --prompts 1 --length 9", "--length must be at most"),
        ("lingen REAL --prompt 0000", "--prompt must be at most"),
        ("lingen REAL --prompt 0 --steps 1 --histories 50", "histories must be at most 3"),
        ("lingen REAL --prompt 0 --steps 1 --histories 1 --text none", "--text must be a read"),
        ("lingen REAL --prompt 0 --kinds some", "--kinds must be some of"),
        ("lingen REAL --prompt 0 --ridge -1", "--ridge must be"),
        (
            "lingen REAL --prompt 0 --steps 1 --histories 1 --checkpoint toy:model=x,T=3,k=3",
            "--checkpoint must be of TARGET's alphabet size 4",
        ),
        ("surrogate REAL --ranks 3 --calls 5", "--calls must be at least 6"),
        ("surrogate REAL --ranks 9000", "--ranks must be small enough for stems"),
        ("surrogate REAL --words 1", "--words must be"),
        ("surrogate REAL --relaxed 5", "--relaxed must be used with --lean"),
        ("surrogate REAL --lean 0", "--lean must be"),
        ("rank REAL", "target must be a JSON file or a family"),
        ("sample REAL -n 0", "-n must be an integer of at least 1"),
        ("sample REAL --fast", "--fast must be used with an ISAN"),
    ],
)
def test_bad_input_costs_no_call(toy, command, message):
    words = command.replace("REAL", REAL).split()
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())
    assert toy == []


def test_a_damaged_certificate_costs_no_call(toy):
    found = CliRunner().invoke(
        main,
        [
            *LEARN.replace("REAL", REAL).split(),
            "--epsilon",
            "0.5",
            "--rank",
            "2",
            "--out",
            "m.json",
            "--certificate",
            "c.json",
        ],
    )
    assert found.exit_code in (0, 1), found.output
    toy.clear()
    claim = json.loads(Path("c.json").read_text())
    Path("c.json").write_text(json.dumps(claim | {"words": 3}))
    found = CliRunner().invoke(main, ["check", "c.json", "m.json", REAL])
    assert found.exit_code == 2
    assert toy == []


def test_the_survey_is_counted_apart(toy):
    found = json_of("sample", REAL, "-n", 20)
    assert found["restricted"]["surveyed"] == sum(tokens is None for _, tokens in toy) > 0
    Path("kept.json").write_text("[1, 4]")
    found = json_of("sample", REAL.replace("k=4", "tokens=kept.json"), "-n", 20)
    assert found["restricted"]["surveyed"] == 0


def test_other_prompts_and_tokens_are_other_targets_and_other_horizons_are_not(toy):
    call("sample", "toy:model=x,T=3,prompt=21", "-n", 20, "--journal", "j")
    for other, news in (
        ("toy:model=x,T=2,prompt=21", False),
        ("toy:model=x,T=3,prompt=12", True),
        ("toy:model=x,T=3,k=3,prompt=21", True),
        ("toy:model=x,T=2,k=6,prompt=21", False),
    ):
        toy.clear()
        call("sample", other, "-n", 20, "--journal", "j")
        assert bool(toy) == news, other


# -- answers of a server, which may have been paid for ---------------------------------------------

SERVED = ["sample", "served:model=x,T=3,k=4,prompt=21", "-n", "20"]


def kept_files():
    return [name for name in os.listdir() if re.fullmatch(r"llr-[0-9a-f]{12}\.journal", name)]


def test_a_server_is_asked_the_same_and_leaves_no_file(toy):
    plain = call("sample", REAL, "-n", 20).stdout
    toy.clear()
    assert call(*SERVED).stdout == plain
    assert len(set(toy)) == len(toy)
    assert "journal" not in json_of(*SERVED)
    assert os.listdir() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OracleError("it is gone")])
def test_what_a_server_answered_is_kept_until_the_command_has_ended(error, toy):
    whole = call(*SERVED).stdout
    distinct = len(toy)
    toy.clear()
    toy.before = raises(error, 10)
    code = 3 if error is KeyboardInterrupt else 2
    message = call(*SERVED, code=code).stderr.splitlines()[0]
    (file,) = kept_files()
    kept = len(toy)
    assert 10 <= kept <= 10 + Served.at_once
    assert message.endswith(f"{kept} answers are in {file}: the same command goes on from there")
    toy.before = lambda count: None
    call(*SERVED, "--seed", "1")  # another command has a file of its own
    assert kept_files() == [file]
    toy.clear()
    assert call(*SERVED).stdout == whole
    assert len(toy) == distinct - kept
    assert os.listdir() == []


def test_a_budget_may_be_raised(toy):
    whole = json_of(*SERVED)
    distinct = len(toy)
    toy.clear()
    call(*SERVED, "--max-calls", 8, code=3)
    assert len(kept_files()) == 1
    assert json_of(*SERVED, "--max-calls", distinct - 8) == whole
    assert len(toy) == len(set(toy)) == distinct
    assert os.listdir() == []


def test_a_file_that_cannot_be_used_is_named_before_anything_is_asked(toy):
    call(*SERVED, "--max-calls", 8, code=3)
    (file,) = kept_files()
    toy.clear()
    with Journal(file):
        message = " ".join(call(*SERVED, code=2).stderr.split())
    assert f"--journal must be given, since {file} of this folder cannot be used" in message
    assert "locked" in message
    assert toy == []
    call(*SERVED, "--journal", "j")


def test_a_command_that_asks_nothing_leaves_no_file(toy):
    learn = ["learn", "served:model=x,T=3,k=4", "--arithmetic", "float", "--rank", "0"]
    call(*learn, code=2)
    call(*SERVED, "--max-calls", 0, code=3)
    assert os.listdir() == []


# -- from Python ----------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [EXACT, FLOAT64])
def test_asking_yields_an_oracle(numbers, asked):
    model = llr.target(TARGET)
    for remembered in (False, True):
        with opened("j", "3") as asks:
            oracle = asks.oracle(model, numbers, {"target": TARGET})
            rows = oracle.logits([(), (0,), (1, 2)])
            assert len(asked) == 3
        want = model.logits((1, 2))
        assert [float(x) for x in rows[2]] == pytest.approx([float(x) for x in want])
        assert remembered or asked == [(), (0,), (1, 2)]


def test_asking_ends_with_exit_code_3(asked, capsys):
    model = llr.target(TARGET)
    with pytest.raises(SystemExit) as stop, opened(None, "3") as asks:
        asks.oracle(model, EXACT, {"target": TARGET}).logits([()] * 4)
    assert stop.value.code == 3
    assert "no answers were kept" in capsys.readouterr().err


def test_asking_takes_an_oracle_of_the_callers(asked):
    model = llr.target(TARGET)
    log = []
    own = Watched(llr.asking.model_oracle(model, EXACT), log, lambda count: None)
    with opened("j", None) as asks:
        asks.oracle(model, EXACT, {"target": TARGET, "noise": "x"}, own).logits([()])
    assert log == [()]

"""``llr theorem``: what it prints, its exit codes, and how it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from functools import partial

import commands
import pytest
from flint import fmpq

import llr
import properties.cli
from bounds.parameters import explicit_parameters
from llr.oracles.noise import NOISES
from properties.theorem import run_theorem

TARGET = "isan:T=4,k=2,d=2"
RISKS = ["--epsilon", "0.1", "--delta", "0.1"]
PARAMETERS = {
    *("variant", "horizon", "alphabet_size", "rank", "alpha", "xi_rank", "xi_true", "epsilon"),
    *("delta", "p", "g", "witnesses", "epochs", "words", "eta", "delta_s", "draws", "width"),
    "total_words",
}


call = partial(commands.call, "theorem")
json_of = partial(commands.json_of, "theorem")


def refused(*arguments):
    """The one line of an error; nothing on standard output and no traceback."""
    result = call(*arguments, code=2)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert result.stderr.splitlines()[-1] == lines[0]
    return lines[0]


def check(found, target, variant="plain"):
    """The shape of the JSON, and what must agree inside it."""
    assert set(found) == {
        *("target", "seed", "parameters", "accepted", "epochs", "outcomes", "queries"),
        *(
            "queries_allowed",
            "leading_terms",
            "total_variation",
            "uniform_total_variation",
            "promise_kept",
        ),
    }
    assert found["target"] == target
    parameters, queries, allowed = found["parameters"], found["queries"], found["queries_allowed"]
    assert set(parameters) == PARAMETERS
    assert parameters["variant"] == variant
    assert found["epochs"] == len(found["outcomes"]) <= parameters["epochs"]
    assert set(found["total_variation"]) >= {"lower", "upper", "method"}
    lower, upper = (Fraction(found["total_variation"][x]) for x in ("lower", "upper"))
    assert 0 <= lower <= upper
    assert found["promise_kept"] is (found["accepted"] and upper <= Fraction(parameters["epsilon"]))
    assert queries["words"] <= parameters["total_words"] == allowed["total_words"]
    for name in ("spanner_entries", "validation_entries"):
        assert 0 <= queries[name] <= allowed[name]
    model = llr.target(target)
    prefixes = sum(model.alphabet_size**t for t in range(model.horizon))
    assert 0 < queries["distinct_prefixes"] <= prefixes


@pytest.mark.parametrize("tolerant", [False, True], ids=["plain", "tolerant"])
def test_json(tolerant):
    flags = ["--tolerant"] if tolerant else []
    found = json_of(TARGET, *RISKS, "--seed", 3, *flags)
    check(found, TARGET, "tolerant" if tolerant else "plain")
    assert found["seed"] == 3
    assert found["promise_kept"]
    assert found["total_variation"]["lower"] == found["total_variation"]["upper"] == "0"
    wanted = explicit_parameters(
        horizon=4, alphabet_size=2, rank=2, epsilon="1/10", delta="1/10", tolerant=tolerant
    )
    for name in ("witnesses", "epochs", "words", "draws", "width", "total_words"):
        assert found["parameters"][name] == getattr(wanted, name)
    for name in ("p", "g", "eta", "delta_s"):
        assert Fraction(found["parameters"][name]) == Fraction(str(getattr(wanted, name)))
    batches = 1 if tolerant else 2
    assert found["queries"]["words"] == found["epochs"] * (batches * wanted.draws + wanted.words)


def test_the_command_is_the_function():
    found = json_of("parity:n=3,secret=111", *RISKS)
    run = run_theorem(
        llr.target("parity:n=3,secret=111"), epsilon=fmpq(1, 10), delta=fmpq(1, 10), seed=0
    )
    assert found == {"target": "parity:n=3,secret=111", "seed": 0, **run.as_json()}


def test_the_same_seed_gives_the_same_run():
    one, other = (json_of(TARGET, *RISKS, "--tolerant", "--seed", 5) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("tolerant", [[], ["--tolerant"]], ids=["plain", "tolerant"])
@pytest.mark.parametrize("noise", [n for n in NOISES if n != "none"])
def test_noise(noise, tolerant):
    found = json_of(TARGET, *RISKS, "--xi", "1e-7", "--noise", noise, *tolerant)
    check(found, TARGET, "tolerant" if tolerant else "plain")
    parameters = found["parameters"]
    assert (parameters["xi_rank"], parameters["xi_true"]) == ("1/10000000", "1/10000000")
    assert parameters["witnesses"] >= 2
    assert found["promise_kept"]
    assert Fraction(found["total_variation"]["upper"]) < Fraction(1, 1000)


def test_adversarial_noise_is_the_default():
    one = json_of(TARGET, *RISKS, "--xi", "1e-7")
    other = json_of(TARGET, *RISKS, "--xi", "1e-7", "--noise", "adversarial")
    assert one == other


@pytest.mark.parametrize("noise", [[], ["--xi", "1e-7"]], ids=["none", "adversarial"])
def test_a_spent_budget_goes_on_from_the_journal(tmp_path, noise):
    plain = json_of(TARGET, *RISKS, *noise)
    kept = ["--journal", tmp_path / "answers.db"]
    stopped = call(TARGET, *RISKS, *noise, *kept, "--max-calls", 5, code=3)
    assert stopped.stdout == ""
    found = json_of(TARGET, *RISKS, *noise, *kept)
    journal = found.pop("journal")
    assert found == plain
    assert 0 < journal["remembered"] <= 5
    assert journal["asked"] + journal["remembered"] == found["queries"]["distinct_prefixes"]
    again = json_of(TARGET, *RISKS, *noise, *kept)
    assert again["journal"]["asked"] == 0
    shown = call(TARGET, *RISKS, *noise, *kept).stdout
    assert re.search(r"journal: asked, remembered +0, \d", shown)


def test_alpha_is_taken():
    found = json_of(TARGET, *RISKS, "--alpha", "7/2", "--xi", "1e-9")
    assert found["parameters"]["alpha"] == "7/2"


def test_short_words():
    found = json_of("copy:n=1", *RISKS)
    check(found, "copy:n=1")
    assert found["parameters"]["g"] is None
    assert found["parameters"]["draws"] == 0
    assert found["queries"]["words"] == 0


def test_the_table():
    shown = call(TARGET, *RISKS).stdout
    lines = shown.splitlines()
    assert lines[0] == f"Theorem 5.11 run literally on {TARGET}"
    rows = {re.split(r"  +", line.strip())[0]: line for line in lines[1:]}
    assert {
        *("promise kept", "TV(target, learned)", "TV(target, uniform)", "epochs K", "words"),
        *("witnesses per cut W", "g, eta, delta_s", "spanner entries", "validation entries"),
        "distinct prefixes",
    } <= set(rows)
    found = json_of(TARGET, *RISKS)
    assert "yes" in rows["promise kept"]
    assert "<= 1/10" in rows["TV(target, learned)"]
    assert f"{found['parameters']['total_words']:,}" in rows["words"]
    assert f"{found['queries']['words']:,}" in rows["words"]
    assert f"{found['queries']['spanner_entries']:,}" in rows["spanner entries"]
    assert f"{found['parameters']['draws']:,}" in shown


def test_a_broken_promise_exits_with_1(monkeypatch):
    """This run ends epochs 1 and 2 in a witness; stopped after one epoch it has no model."""

    def hasty(target, **options):
        return run_theorem(target, **options, adjust=lambda p: replace(p, epochs=1))

    monkeypatch.setattr(properties.cli, "run_theorem", hasty)
    found = json_of(TARGET, *RISKS, code=1)
    assert found["outcomes"] == ["witness"]
    assert not found["accepted"]
    assert not found["promise_kept"]
    shown = call(TARGET, *RISKS, code=1).stdout
    assert "NO" in shown


# -- bad input ----------------------------------------------------------------------------------


def advised(line):
    return re.search(r"xi = ([0-9/]+) nats would do", line).group(1)


@pytest.mark.parametrize("target", [TARGET, "spike:T=4"])
def test_a_coarse_oracle_is_told_what_works(target):
    line = refused(target, *RISKS, "--xi", "0.01")
    assert line.endswith("not xi = 1/100")
    works = advised(line)
    alpha = json_of(target, *RISKS)["parameters"]["alpha"]
    found = json_of(target, *RISKS, "--xi", works)
    check(found, target)
    assert found["promise_kept"]
    assert Fraction(alpha) > 0


def test_a_coarse_oracle_of_short_words():
    line = refused("copy:n=1", *RISKS, "--xi", "1/5")
    assert Fraction(advised(line)) < Fraction(1, 10)
    json_of("copy:n=1", *RISKS, "--xi", advised(line))


@pytest.mark.parametrize(
    ("arguments", "named", "value"),
    [
        (["nosuch:T=3", *RISKS], "target", "'nosuch:T=3'"),
        (["hmm:T=3,k=2,R=2,seed=0", *RISKS], "target", "'float64'"),
        ([TARGET, "--epsilon", "0", "--delta", "0.1"], "--epsilon", "0"),
        ([TARGET, "--epsilon", "1", "--delta", "0.1"], "--epsilon", "1"),
        ([TARGET, "--epsilon", "x", "--delta", "0.1"], "--epsilon", "'x'"),
        ([TARGET, "--epsilon", "0.1", "--delta", "2"], "--delta", "2"),
        ([TARGET, "--epsilon", "0.1", "--delta", "nan"], "--delta", "'nan'"),
        ([TARGET, "--epsilon", "0.1"], "--delta", ""),
        ([*RISKS], "TARGET", ""),
        ([TARGET, *RISKS, "--xi", "y"], "--xi", "'y'"),
        ([TARGET, *RISKS, "--xi", "-1"], "xi", "-1"),
        ([TARGET, *RISKS, "--xi", "-100"], "xi", "-100"),
        ([TARGET, *RISKS, "--xi", "1e-9", "--alpha", "0"], "alpha", "0"),
        ([TARGET, *RISKS, "--xi", "1e-9", "--alpha", "z"], "--alpha", "'z'"),
        ([TARGET, *RISKS, "--seed", "-1"], "--seed", "'-1'"),
        ([TARGET, *RISKS, "--seed", "s"], "--seed", "'s'"),
        ([TARGET, *RISKS, "--xi", "1e-7", "--noise", "loud"], "noise", "'loud'"),
        ([TARGET, *RISKS, "--noise", "loud"], "noise", "'loud'"),
        ([TARGET, *RISKS, "--noise", "random"], "--noise must be left out, or used", "'random'"),
        ([TARGET, *RISKS, "--alpha", "2"], "--alpha must be left out, or used with --xi", "'2'"),
        ([TARGET, *RISKS, "--nosuch"], "--nosuch", ""),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_bad_input(arguments, named, value, flags):
    line = refused(*arguments, *flags)
    assert named in line
    assert value in line
    if value:
        assert line.endswith(f"not {value}")

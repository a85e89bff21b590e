"""``llr verify --resume``: what is done is not done again, and the outcome is that of one run."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import strategies as st

import properties.cli
import properties.costs
from llr.cli import main
from properties.claim import Claim, Measurement, Twin
from properties.claims import CLAIMS
from properties.necessity import Necessity
from properties.resuming import Kept, KeptNecessities

NAMES = ["one", "two", "three"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(properties.costs, "HORIZONS", (4,))


def until_kept(name):
    """Wait for the line of a claim in the file."""
    for _ in range(3000):
        if f'"claim": "{name}"' in Path("r").read_text():
            return
        time.sleep(0.01)
    raise AssertionError(name)


@pytest.fixture(autouse=True)
def tried(monkeypatch):
    """Three claims; returns which were tried, whatever process did it."""

    # fmt: off
    def claim(name, limit):
        def check(n: int) -> Measurement:
            with Path("tried").open("a") as file:
                file.write(name + "\n")
            return Measurement.of(n, limit)

        return Claim(name, "n is small", "here", "printed", lambda: st.integers(0, 100), check,
                     (Twin("smaller", lambda n: Measurement.of(n, 10)),))
    # fmt: on

    def which():
        found = set(Path("tried").read_text().split()) if Path("tried").exists() else set()
        Path("tried").unlink(missing_ok=True)
        return found

    claims = {name: claim(name, 100 + i) for i, name in enumerate(NAMES)}
    monkeypatch.setattr(properties.cli, "CLAIMS", claims)
    return which


def verify(*arguments, code=0):
    result = CliRunner().invoke(main, ["verify", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def table(result):
    """Return the output without the time at its end."""
    return re.sub(r", \d+ s\n$", "\n", result.stdout)


def lines(written):
    """Return JSON lines without times."""
    values = [json.loads(line) for line in written.splitlines()]
    return [{k: v for k, v in x.items() if k not in ("seconds", "end")} for x in values]


def stop_after(monkeypatch, name):
    """Let Ctrl-C come as soon as a claim's line is in the file."""
    add = Kept.add

    def adding(self, value):
        add(self, value)
        if value.get("claim") == name:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Kept, "add", adding)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_ends_as_one_that_was_not(jobs, tried, monkeypatch):
    whole = verify("--jobs", jobs)
    listed = verify("--jobs", jobs, "--json").stdout
    tried()
    claims = dict(properties.cli.CLAIMS)

    def late(n: int) -> Measurement:
        until_kept("one")
        return claims["three"].check(n)

    with monkeypatch.context() as patch:
        patch.setattr(
            properties.cli, "CLAIMS", {**claims, "three": replace(claims["three"], check=late)}
        )
        stop_after(patch, "one")
        found = verify("--jobs", jobs, "--resume", "r", code=3)
    done = [x["claim"] for x in lines(Path("r").read_text())[1:]]
    assert "one" in done
    assert len(done) < 3
    assert found.stdout == ""
    assert found.stderr == (
        f"interrupted; {len(done)} of 3 claims are in r: the same command goes on from there\n"
    )
    tried()
    assert table(verify("--jobs", jobs, "--resume", "r")) == table(whole)
    assert tried() == set(NAMES) - set(done)
    assert lines(Path("r").read_text()) == [x for x in lines(listed) if "queries" not in x]
    assert table(verify("--resume", "r")) == table(whole)
    again = verify("--resume", "r", "--json").stdout
    assert lines(again) == lines(Path("r").read_text()) == lines(listed)
    assert tried() == set()


def test_what_learning_costs_stays_whatever_is_asked_for_next(tried, monkeypatch):
    whole = verify("--json", "--tightness", "--resume", "r").stdout
    kinds = [next(iter(json.loads(line))) for line in whole.splitlines()]
    assert kinds == ["run", *["claim"] * 3, "queries", "tightness", "end"]
    assert lines(Path("r").read_text()) == lines(whole)
    tried()

    def never(seed, tell):
        raise AssertionError

    monkeypatch.setattr(properties.cli, "measure_costs", never)
    assert "queries" not in verify("--resume", "r").stdout
    assert lines(Path("r").read_text()) == lines(whole)
    assert lines(verify("--json", "--resume", "r").stdout) == lines(whole)
    # it stays, too, where claims are missing
    kept = Path("r").read_text().splitlines(keepends=True)
    Path("r").write_text("".join([kept[0], kept[4], kept[1]]))
    verify("--resume", "r")
    assert tried() == {"two", "three"}
    assert lines(Path("r").read_text()) == [x for x in lines(whole) if "tightness" not in x]
    # and where claims are named
    Path("n").write_text(json.dumps({"run": {**json.loads(kept[0])["run"], "claims": 1}}) + "\n")
    with Path("n").open("a") as file:
        file.write(kept[4])
    printed = verify("two", "--json", "--resume", "n").stdout
    assert lines(Path("n").read_text()) == lines(printed)
    assert any("queries" in x for x in lines(printed))


def test_a_claim_that_is_done_before_those_in_front_of_it_is_kept(tried, monkeypatch):
    whole = table(verify())
    claims = dict(properties.cli.CLAIMS)

    def endless(n: int) -> Measurement:
        time.sleep(60)
        raise AssertionError

    slow = {**claims, "one": replace(claims["one"], check=endless)}
    with monkeypatch.context() as patch:
        patch.setattr(properties.cli, "CLAIMS", slow)
        stop_after(patch, "three")
        began = time.monotonic()
        verify("--jobs", 2, "--resume", "r", code=3)
        assert time.monotonic() - began < 30
    assert [x["claim"] for x in lines(Path("r").read_text())[1:]] == ["two", "three"]
    tried()
    assert table(verify("--resume", "r", "--jobs", 2)) == whole
    assert tried() == {"one"}
    assert [x["claim"] for x in lines(Path("r").read_text())[1:-1]] == NAMES


def test_a_line_that_was_being_written_is_written_again(tried):
    whole = verify("--resume", "r")
    assert tried() == set(NAMES)
    kept = Path("r").read_text().splitlines(keepends=True)
    Path("r").write_text("".join(kept[:2]) + kept[2][:50])
    assert table(verify("--resume", "r")) == table(whole)
    assert tried() == {"two", "three"}
    assert lines(Path("r").read_text()) == lines("".join(kept))


def test_the_output_of_an_interrupted_run_serves_as_well(tried):
    whole = verify("--json").stdout
    tried()
    Path("r").write_text("".join(whole.splitlines(keepends=True)[:3]))
    assert lines(verify("--json", "--resume", "r").stdout) == lines(whole)
    assert tried() == {"three"}


def test_named_claims_and_costs(tried, monkeypatch):
    costs = []

    def measured(seed, tell):
        costs.append(seed)
        tell("stage", 0, 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(properties.cli, "measure_costs", measured)
    verify("--json", "--resume", "r", code=3)
    assert costs == [0]
    assert tried() == set(NAMES)
    verify("--resume", "r")  # a table needs no costs
    assert costs == [0]
    verify("two", "--resume", "named")
    assert len(lines(Path("named").read_text())) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--seed", "1"], "a run with seed 1, not r, where seed is 0"),
        (["--profile", "nightly"], "a run with profile nightly, not r, where profile is ci"),
        (["--error-budget", "1e-8"], "where error_budget is 1/1000000000"),
        (["one"], "a run with claims 1, not r, where claims is 3"),
    ],
)
def test_results_of_another_run_are_refused_and_left_alone(change, message, tried):
    verify("--resume", "r")
    tried()
    before = Path("r").read_bytes()
    found = verify("--resume", "r", *change, code=2)
    assert message in " ".join(found.stderr.split())
    assert tried() == set()
    assert Path("r").read_bytes() == before


def test_other_claims_and_other_files_are_refused(tried):
    verify("one", "--resume", "r")
    assert "results without one, not named now" not in verify("one", "--resume", "r").stderr
    found = verify("two", "--resume", "r", code=2)
    assert "--resume" in found.stderr
    Path("r").write_text("precious\n")
    verify("--resume", "r", code=2)
    assert Path("r").read_text() == "precious\n"
    os.mkdir("d")
    verify("--resume", "d", code=2)
    verify("--resume", "missing/r", code=2)


VOID = [["--html", "r"], ["--tightness"], ["--error-budget", "1e-9"]]


@pytest.mark.parametrize("option", VOID, ids=" ".join)
@pytest.mark.parametrize("mode", ["--necessity", "--update-records"])
def test_what_means_nothing_elsewhere_is_refused(mode, option, tried):
    found = " ".join(verify(mode, *option, code=2).stderr.split())
    given = option[1] if len(option) > 1 else "given"
    assert re.search(f"{option[0]} must be left out with {mode}, not '?{given}", found)
    assert not Path("r").exists()
    assert tried() == set()


def test_options_that_only_one_of_the_others_has():
    found = " ".join(verify("--update-records", "--resume", "r", code=2).stderr.split())
    assert "--resume must be left out with --update-records, not 'r'" in found
    found = " ".join(verify("--necessity", "--update-records", code=2).stderr.split())
    assert "--update-records must be left out with --necessity, not given" in found
    found = " ".join(verify("--necessity", "--jobs", "x", code=2).stderr.split())
    assert "--jobs must be an integer of at least 1, not 'x'" in found


def test_real_claims_read_back_as_they_were(monkeypatch):
    """What a claim's line has is all that the tables are made from."""
    names = ["copy-peak", "lemma-5.7-printed", "remark-5.8-binary"]
    monkeypatch.setattr(properties.cli, "CLAIMS", {name: CLAIMS[name] for name in names})
    quick = ["--profile", "quick", "--tightness"]
    whole = verify(*quick, "--resume", "r")
    kept = Path("r").read_text().splitlines(keepends=True)
    Path("r").write_text("".join(kept[:3]))
    assert table(verify(*quick, "--resume", "r")) == table(whole)


# -- without assumptions --------------------------------------------------------------------------


@pytest.fixture
def dropped(monkeypatch):
    """An assumption of each claim that can be dropped; returns which were tried."""

    def necessity(name, limit):
        def check(n: int) -> Measurement:
            with Path("dropped").open("a") as file:
                file.write(name + "\n")
            return Measurement.of(n, limit)

        def holds(n: int) -> Measurement:
            return Measurement.of(n, 1000)

        low = lambda n: Measurement.of(n, 10)  # noqa: E731
        return Necessity("n is small", name, st.integers(0, 100), holds, check, low, "a toy")

    def which():
        found = set(Path("dropped").read_text().split()) if Path("dropped").exists() else set()
        Path("dropped").unlink(missing_ok=True)
        return found

    found = tuple(necessity(name, 50 + i) for i, name in enumerate(NAMES))
    monkeypatch.setattr(properties.cli, "NECESSITIES", found)
    return which


@pytest.mark.parametrize("jobs", [1, 2])
def test_necessity_goes_on_where_it_was_interrupted(jobs, dropped, monkeypatch):
    options = ["--necessity", "--jobs", jobs]
    whole = table(verify(*options))
    assert "3 of 3 came out as expected" in whole
    listed = verify(*options, "--json").stdout
    assert [x["claim"] for x in lines(listed)] == NAMES
    assert [x["counterexample"] for x in lines(listed)] == ["51", "52", "53"]
    dropped()
    with monkeypatch.context() as patch:
        add, left = KeptNecessities.add, [signal.SIGINT]

        def adding(self, value):
            add(self, value)
            if left:  # a second one would end this process
                signal.raise_signal(left.pop())

        patch.setattr(KeptNecessities, "add", adding)
        found = verify(*options, "--resume", "r", code=3)
    done = {x["claim"] for x in lines(Path("r").read_text())[1:]}
    assert 0 < len(done) < 3
    kept = f"{len(done)} of 3 assumptions are in r: the same command goes on from there"
    assert (found.stdout, found.stderr) == ("", f"interrupted; {kept}\n")
    dropped()
    assert table(verify(*options, "--resume", "r")) == whole
    assert dropped() == set(NAMES) - done
    assert lines(verify(*options, "--resume", "r", "--json").stdout) == lines(listed)
    assert table(verify(*options, "--resume", "r")) == whole
    assert dropped() == set()


def test_a_verdict_that_was_being_written_is_found_again(dropped):
    whole = table(verify("--necessity", "--jobs", 1, "--resume", "r"))
    kept = Path("r").read_text().splitlines(keepends=True)
    dropped()
    Path("r").write_text("".join(kept[:2]) + kept[2][:60])
    assert table(verify("--necessity", "--jobs", 1, "--resume", "r")) == whole
    assert dropped() == {"two", "three"}
    assert lines(Path("r").read_text()) == lines("".join(kept))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--seed", "1"], "a run with seed 1, not r, where seed is 0"),
        (["--profile", "nightly"], "a run with profile nightly, not r, where profile is ci"),
        (["one"], "a run with necessity 1, not r, where necessity is 3"),
    ],
)
def test_verdicts_of_another_run_are_refused_and_left_alone(change, message, dropped):
    verify("--necessity", "--resume", "r")
    dropped()
    before = Path("r").read_bytes()
    found = verify("--necessity", "--resume", "r", *change, code=2)
    assert message in " ".join(found.stderr.split())
    assert dropped() == set()
    assert Path("r").read_bytes() == before


def test_files_that_are_no_verdicts_are_refused_and_left_alone(dropped):
    verify("--necessity", "--resume", "r")
    good = Path("r").read_text()
    head, line, *_ = good.splitlines(keepends=True)
    value = json.loads(line)
    verify("--resume", "claims")
    for text in (
        "precious\n",
        line,
        Path("claims").read_text(),
        head + "[]\n",
        head + json.dumps({**value, "tried": -1}) + "\n",
        head + json.dumps({**value, "measured": "1"}) + "\n",
        head + json.dumps({**value, "assumption": "another"}) + "\n",
        head + json.dumps({**value, "claim": "lemma-5.3"}) + "\n",
    ):
        Path("x").write_text(text)
        verify("--necessity", "--resume", "x", code=2)
        assert Path("x").read_text() == text
    verify("--resume", "r", code=2)  # of claims
    assert Path("r").read_text() == good

"""Records: extremal instances are replayed, give twins, and only ever get better."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import partial

import commands
import pytest
from click.testing import CliRunner
from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from rich.console import Console

import properties.cli
from llr.cli import main
from llr.errors import InputError, UndecidedError
from llr.numbers import balls
from properties import claim as engine
from properties import records
from properties.claim import Claim, Measurement, Twin, improved_record, verify_claim
from properties.claims import CLAIMS
from properties.records import FOLDER, Record, load, save, tightening
from properties.spreading import spread
from properties.tables import verdict_table


def below(limit, least=0, most=1000):
    """The claim that n <= limit for integers n, as rationals."""

    def check(n: fmpq) -> Measurement:
        return Measurement.of(n, limit)

    return Claim(
        "test",
        "n is small",
        "here",
        "printed",
        lambda: st.integers(least, most).map(fmpq),
        check,
        examples=100,
    )


HAND = Twin("n <= 10", lambda n: Measurement.of(n, 10))


def plant(folder, ratio, instance, name="test"):
    save(Record(name, ratio, instance, 7, "nightly"), folder)


# -- what is shipped ----------------------------------------------------------------------------


def test_there_is_a_record_for_every_searched_claim_and_for_nothing_else():
    found = {path.stem for path in FOLDER.glob("*.json")}
    assert found <= set(CLAIMS)
    assert {n for n, c in CLAIMS.items() if c.searched} <= found


@pytest.mark.parametrize("identifier", [p.stem for p in sorted(FOLDER.glob("*.json"))])
def test_every_record_is_reproduced(identifier):
    claim, record = CLAIMS[identifier], load(identifier)
    assert record is not None
    found = engine._replay(claim, record)
    assert engine._ratio_of(found) == record.ratio
    assert found.refuted is (claim.expected == "refuted")
    assert json.loads((FOLDER / f"{identifier}.json").read_text()) == record.as_json()


@pytest.mark.parametrize("identifier", list(CLAIMS))
def test_every_claim_that_is_true_has_a_twin(identifier):
    claim = CLAIMS[identifier]
    twins = engine._tightened(claim, load(identifier))
    assert claim.twins or twins or claim.expected == "refuted"
    record = load(identifier)
    if record is not None and 0 < record.ratio <= 1:
        (twin,) = twins
        factor = fmpq(*float(twin.name.removeprefix("bound times ")).as_integer_ratio())
        assert fmpq(49, 100) < factor / fmpq(*record.ratio.as_integer_ratio()) < 1


# -- tightening ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "share", "factor"),
    [
        (1.0, fmpq(3, 4), "3/4"),
        (0.375, fmpq(3, 4), "7/25"),
        (0.95, fmpq(3, 5), "14/25"),
        (1.0, fmpq(51, 100), "51/100"),
        (1.0, fmpq(501, 1000), "1/2"),
        (0.11, fmpq(501, 1000), "551/10000"),
        (6.9e-29, fmpq(3, 4), "51/" + "1" + "0" * 30),
    ],
)
def test_the_factor_is_readable_and_between_half_and_share(ratio, share, factor):
    found = tightening(ratio, share)
    assert found == fmpq(*map(int, factor.split("/")))
    exact = fmpq(*ratio.as_integer_ratio())
    assert exact / 2 <= found <= exact * share


# -- verdicts with records ----------------------------------------------------------------------


def test_a_record_is_replayed_and_counts_for_the_worst_ratio(tmp_path):
    claim = replace(below(10**9, most=10**9), examples=20)
    alone = verify_claim(replace(claim, twins=(HAND,)), folder=tmp_path)
    assert alone.record is None
    assert alone.worst < 1
    plant(tmp_path, 1.0, fmpq(10**9))
    found = verify_claim(replace(claim, twins=(HAND,)), folder=tmp_path)
    assert (found.verdict, found.worst, found.record, found.slack) == ("verified", 1.0, 1.0, 0.0)
    assert found.worst_instance == "1000000000"
    assert found.tried == alone.tried


def test_a_record_gives_a_twin(tmp_path):
    plant(tmp_path, 1.0, fmpq(1000))
    found = verify_claim(below(1000), folder=tmp_path)
    (twin,) = found.twins
    assert (found.verdict, twin.name, twin.refuted) == ("verified", "bound times 0.75", True)
    assert fmpq(750) < int(twin.counterexample)
    assert verify_claim(replace(below(1000), twins=(HAND,)), folder=tmp_path).twins[1] == twin


def test_a_search_that_comes_nowhere_near_the_record_is_an_error(tmp_path):
    """The strategy does not reach what the record holds: its searches prove little."""
    plant(tmp_path, 1.0, fmpq(1000))
    found = verify_claim(below(1000, most=700), folder=tmp_path)
    assert (found.verdict, found.passed) == ("twin survived", False)
    assert found.twins[0].tried > 500


def test_the_share_may_be_lower(tmp_path):
    plant(tmp_path, 1.0, fmpq(1000))
    claim = replace(below(1000, most=700), tightening=fmpq(3, 5))
    assert verify_claim(claim, folder=tmp_path).passed
    with pytest.raises(InputError, match="twins of test must be at least one"):
        verify_claim(replace(claim, tightening=None), folder=tmp_path)


def test_a_ratio_of_zero_gives_no_twin(tmp_path):
    plant(tmp_path, 0.0, fmpq(0))
    claim = replace(below(0, most=0))
    with pytest.raises(InputError, match="twins of test must be at least one"):
        verify_claim(claim, folder=tmp_path)
    twin = Twin("n <= -1", lambda n: Measurement.of(n, -1))
    found = verify_claim(replace(claim, twins=(twin,)), folder=tmp_path)
    assert (found.verdict, len(found.twins), found.slack) == ("verified", 1, None)


@pytest.mark.parametrize("ratio", [0.5, 0.9990000000000001, 0.0])
def test_a_planted_ratio_that_is_not_reproduced_is_an_error(tmp_path, ratio):
    plant(tmp_path, ratio, fmpq(999))
    found = verify_claim(replace(below(1000), twins=(HAND,)), folder=tmp_path)
    assert (found.verdict, found.passed) == ("record not reproduced", False)
    plant(tmp_path, 0.999, fmpq(999))
    assert verify_claim(replace(below(1000), twins=(HAND,)), folder=tmp_path).passed


def test_a_record_that_the_check_assumes_away_is_not_reproduced(tmp_path):
    def check(n: fmpq) -> Measurement:
        assume(n != 500)
        return Measurement.of(n, 1000)

    plant(tmp_path, 0.5, fmpq(500))
    found = verify_claim(replace(below(1000), check=check, twins=(HAND,)), folder=tmp_path)
    assert found.verdict == "record not reproduced"


def test_a_record_whose_comparison_is_open_is_not_reproduced(tmp_path):
    def check(n: fmpq) -> Measurement:
        if n == 500:
            return Measurement(balls.exp(balls.log(2)), balls.Real.of(2))
        return Measurement.of(n, 1000)

    with pytest.raises(UndecidedError):
        check(fmpq(500)).holds()
    plant(tmp_path, 1.0, fmpq(500))
    claim = replace(below(1000), check=check, twins=(HAND,))
    assert verify_claim(claim, folder=tmp_path).verdict == "record not reproduced"


def test_a_record_that_breaks_the_claim_refutes_it(tmp_path):
    """A search of twenty instances misses the one counterexample; the record does not."""

    def check(n: fmpq) -> Measurement:
        return Measurement.of(int(n == 123456789))

    claim = replace(below(0, most=10**12), check=check, twins=(HAND,), examples=20)
    assert verify_claim(claim, folder=tmp_path).passed
    plant(tmp_path, float("inf"), fmpq(123456789))
    found = verify_claim(claim, folder=tmp_path)
    assert (found.verdict, found.counterexample) == ("refuted", "123456789")


def test_a_planted_false_claim_is_refuted_whatever_its_record_says(tmp_path):
    plant(tmp_path, 0.5, fmpq(25))
    found = verify_claim(below(50), folder=tmp_path)
    assert (found.verdict, found.counterexample) == ("refuted", "51")


def test_a_claim_known_to_be_false_must_be_refuted_by_the_search_itself(tmp_path):
    slip = replace(below(50), expected="refuted")
    plant(tmp_path, 1.02, fmpq(51))
    assert verify_claim(slip, folder=tmp_path).passed
    never = replace(slip, strategy=lambda: st.integers(0, 50).map(fmpq))
    assert verify_claim(never, folder=tmp_path).verdict == "verified"
    plant(tmp_path, 1.5, fmpq(51))
    found = verify_claim(slip, folder=tmp_path)
    assert (found.verdict, found.passed) == ("record not reproduced", False)


# -- files --------------------------------------------------------------------------------------


def test_a_record_survives_its_file(tmp_path):
    assert load("test", tmp_path) is None
    for ratio in (0.0, 0.1, 1.0, 1e-300, float("inf")):
        record = Record("test", ratio, (fmpq(1, 3), [2]), 7, "nightly")
        save(record, tmp_path)
        assert load("test", tmp_path) == record


GOOD = {"claim": "test", "ratio": 0.5, "seed": 0, "profile": "ci", "instance": "25"}


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        GOOD | {"more": 1},
        GOOD | {"claim": "other"},
        GOOD | {"ratio": "1/2"},
        GOOD | {"ratio": -0.5},
        GOOD | {"ratio": True},
        GOOD | {"seed": 1.5},
        GOOD | {"profile": 3},
        GOOD | {"instance": "0.5"},
        GOOD | {"instance": {"os": "system"}},
        GOOD | {"instance": 25},  # the check wants a rational
        GOOD | {"instance": ["25"]},
    ],
)
def test_a_file_that_is_no_record_of_the_claim_is_refused(tmp_path, value):
    (tmp_path / "test.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(InputError):
        verify_claim(below(50, most=50), folder=tmp_path)


def test_a_check_that_does_not_say_what_it_takes_is_replayed_all_the_same(tmp_path):
    plant(tmp_path, 0.5, fmpq(25))
    for check in (
        lambda n: Measurement.of(n, 50),
        partial(lambda limit, n: below(limit).check(n), 50),
    ):
        claim = replace(below(50, most=50), check=check)
        assert verify_claim(claim, folder=tmp_path).passed


def test_broken_json_is_refused(tmp_path):
    for text in ("", "{", '{"ratio": NaN}', "[" * 100):
        (tmp_path / "test.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError):
            load("test", tmp_path)


# -- updates ------------------------------------------------------------------------------------


def test_a_search_improves_a_record_and_keeps_a_better_one(tmp_path):
    claim = replace(below(2000), examples=60)
    first = improved_record(claim, start=1, folder=tmp_path)
    assert first is not None
    assert (first.claim, first.seed, first.profile) == ("test", 1, "ci")
    assert first.ratio == float(first.instance / 2000) > 0.4
    save(first, tmp_path)
    assert improved_record(claim, start=1, folder=tmp_path) is None
    plant(tmp_path, 0.0005, fmpq(1))
    assert improved_record(claim, start=1, folder=tmp_path) == first
    plant(tmp_path, 0.5, fmpq(1000))
    assert improved_record(claim, start=1, folder=tmp_path) is None


def test_a_record_that_is_not_reproduced_is_replaced(tmp_path):
    claim = replace(below(2000), examples=60)
    plant(tmp_path, 0.9, fmpq(3))
    found = improved_record(claim, folder=tmp_path)
    assert found is not None
    assert found.ratio < 0.9


def test_the_instance_on_record_is_the_smallest_that_reaches_the_ratio(tmp_path):
    """All n from 400 on have the same ratio."""

    def check(n: fmpq) -> Measurement:
        return Measurement.of(min(n, fmpq(400)), 1000)

    found = improved_record(replace(below(1), check=check), folder=tmp_path)
    assert found is not None
    assert (found.ratio, found.instance) == (0.4, fmpq(400))


def test_a_refuted_claim_has_no_record_unless_it_is_known_to_be_false(tmp_path):
    assert improved_record(below(50), folder=tmp_path) is None
    found = improved_record(replace(below(50), expected="refuted"), folder=tmp_path)
    assert found is not None
    assert (found.instance, found.ratio) == (fmpq(51), 1.02)


def test_a_counterexample_to_a_bound_of_zero_has_no_finite_ratio(tmp_path):
    found = improved_record(replace(below(0), expected="refuted"), folder=tmp_path)
    assert found is not None
    assert found.ratio == float("inf")
    assert found.as_json()["ratio"] is None


def test_unknown_profiles_are_refused(tmp_path):
    with pytest.raises(InputError, match="profile"):
        improved_record(below(50), profile="weekly", folder=tmp_path)


# -- the command --------------------------------------------------------------------------------


def call(*arguments, code=0):
    return commands.call("verify", *arguments, code=code).stdout


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The only claim is n <= 2000; its record is elsewhere."""
    claim = replace(below(2000, most=2000), examples=60, twins=(HAND,))
    monkeypatch.setattr(properties.cli, "CLAIMS", {"test": claim})
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    for function in (load, save, verify_claim, improved_record):
        defaults = function.__kwdefaults__ or {}
        if "folder" in defaults:
            monkeypatch.setitem(defaults, "folder", tmp_path)
        else:
            monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    return tmp_path


def test_records_are_updated_by_the_command_and_only_for_the_better(folder):
    assert "1 of 1 records improved" in call("--update-records")
    record = load("test", folder)
    assert record is not None
    assert record.ratio > 0.4
    assert "0 of 1 records improved" in call("--update-records")
    found = json.loads(call("--update-records", "--json"))
    assert found == {"claim": "test", "before": record.ratio, "improved": None}
    assert load("test", folder) == record
    assert "1 of 1 claims" in call()


def test_only_claims_that_are_searched_have_records(folder, monkeypatch):
    claim = replace(properties.cli.CLAIMS["test"], grade="statistical")
    monkeypatch.setattr(properties.cli, "CLAIMS", {"test": claim})
    assert "0 of 0 records improved" in call("--update-records")
    assert load("test", folder) is None


def test_the_command_says_which_record_is_not_reproduced(folder):
    plant(folder, 0.75, fmpq(3))
    shown = call(code=1)
    assert "record not reproduced" in shown
    assert "test.json has not that ratio" in shown
    line = call("test", "--json", code=1).splitlines()[1]
    assert json.loads(line)["verdict"] == "record not reproduced"


def test_a_broken_record_is_one_line_of_error(folder):
    (folder / "test.json").write_text("{}", encoding="utf-8")
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_tightness_is_sorted_and_leaves_out_what_says_nothing(monkeypatch):
    names = ["copy-peak", "spanner-coverage", "needle-rank", "lemma-5.7-printed"]
    shown = call(*names, "--profile", "quick", "--tightness", "--seed", "2")
    below_title = shown[shown.index("tightness") :]
    places = [below_title.index(n) for n in ("needle-rank", "spanner-coverage")]
    assert places == sorted(places)
    assert "copy-peak" not in below_title
    assert "2 claims that count violations, or are false, have no slack to show" in below_title
    row = next(line.split() for line in below_title.splitlines() if "spanner-coverage" in line)
    assert row[-3:] == ["sharpened", "0.75", "0.2500"]

    lines = call(*names, "--profile", "quick", "--tightness", "--json", "--seed", "2").splitlines()
    found = json.loads(lines[-2])["tightness"]
    assert [f["claim"] for f in found] == ["needle-rank", "spanner-coverage"]
    assert found[1]["slack"] == 1 - found[1]["worst_ratio"] == 0.25
    assert {"source", "mark", "grade", "worst_instance"} <= set(found[0])
    assert len(lines) == 7


def without_time(lines):
    found = [json.loads(line) for line in lines.splitlines()]
    for value in found:
        value.pop("seconds", None)
    return [value for value in found if "end" not in value]


def test_the_same_seed_gives_the_same_table_over_several_processes():
    names = ["lemma-5.9-printed", "lemma-5.7-sharp", "lemma-5.2-mausberg", "lemma-5.7-printed"]
    options = ["--profile", "quick", "--seed", "4", "--tightness"]
    alone = call(*names, *options, "--jobs", "1", "--json")
    spread_out = call(*names, *options, "--jobs", "3", "--json")
    assert without_time(alone) == without_time(spread_out)
    assert len(without_time(alone)) == 6
    assert any(v.get("record") for v in without_time(alone))
    tables = [call(*names[1:], *options, "--jobs", n).splitlines()[:-1] for n in ("1", "2")]
    assert tables[0] == tables[1]


def test_work_is_spread_in_order():
    claims = [replace(below(n), identifier=str(n)) for n in range(5)]
    for processes in (1, 2):
        assert list(spread(lambda c: c.identifier, claims, processes)) == ["0", "1", "2", "3", "4"]


def test_the_claims_that_there_are_fit_a_screen_of_160_columns():
    """Of a narrower one they take two."""
    verdicts = [
        {
            "claim": c.identifier,
            "verdict": c.expected,
            "expected": c.expected,
            "twins": [{"refuted": True}] * len(c.twins),
            "worst_ratio": 1.23e-45,
        }
        for c in CLAIMS.values()
        if c.grade == "searched"
    ]
    screen = 50
    for width, most in ((120, 2 * screen), (160, screen)):
        console = Console(width=width, file=io.StringIO())
        console.print(verdict_table("searched", verdicts, width))
        shown = console.file.getvalue()
        assert len(shown.splitlines()) <= most
        names = [word for word in shown.split() if word in CLAIMS]
        assert sorted(names) == sorted(v["claim"] for v in verdicts)


def test_every_grade_has_its_table_and_fits_a_screen(monkeypatch):
    def made(name, grade):
        return replace(below(1000), identifier=name, grade=grade, twins=(HAND,), examples=20)

    claims = [made(f"claim-{n}-of-the-longest-names"[:23], "searched") for n in range(75)]
    claims += [made("law", "exact law"), made("all", "exhaustive"), made("drawn", "statistical")]
    monkeypatch.setattr(properties.cli, "CLAIMS", {c.identifier: c for c in claims})
    shown = call("--profile", "quick", "--jobs", "1")
    titles = ["exhaustive: 1 claims", "exact law: 1 claims", "searched: 75 claims"]
    titles.append("statistical: 1 claims")
    places = [shown.index(t) for t in titles]
    assert places == sorted(places)
    assert max(map(len, shown[: shown.index(" claims came out")].splitlines())) <= 100
    searched = shown[places[2] : places[3]].splitlines()
    assert len(searched) <= 50
    assert sum(line.count("verified") for line in searched) == 75

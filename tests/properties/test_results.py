"""properties.results and llr report: JSON lines read back, checked, and shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from commands import call
from made import COSTS, TEST, lines

import properties.results
from llr.errors import InputError
from properties.results import parse_results, read_results

NAMES = ("lemma-5.3", "lemma-5.7-printed", "copy-peak", "spanner-coverage", "lean-drawn")


@pytest.fixture
def saved(tmp_path):
    def write(found):
        path = tmp_path / "results.jsonl"
        path.write_text("\n".join(found) + "\n", encoding="utf-8")
        return str(path)

    return write


def test_results_are_read_back(saved):
    found = read_results(saved(lines(NAMES)))
    assert [v["claim"] for v in found.verdicts] == list(NAMES)
    assert found.queries == COSTS
    assert found.seconds == 12.5
    assert (found.passed, found.good, found.complete, found.failed) == (5, True, True, [])
    twins = sum(len(v["twins"]) for v in found.verdicts)
    assert (found.twins, found.refuted_twins) == (twins, twins)
    assert [v["claim"] for v in found.by_tightness] == ["lemma-5.3", "spanner-coverage"]
    assert [v["claim"] for v in found.sampled] == ["lean-drawn"]
    assert found.summary() == {
        "claims": 5,
        "verified": 5,
        "as_expected": 5,
        "twins": twins,
        "twins_refuted": twins,
        "tried": 500,
        "seed": 0,
        "complete": True,
    }


def test_a_run_that_did_not_finish_is_not_good(saved):
    for cut in (lines(NAMES, end=False), lines(NAMES, claims=6)):
        found = read_results(saved(cut))
        assert found.passed == 5
        assert not found.complete
        assert not found.good
    shown = call("report", saved(lines(NAMES, claims=6)), code=1).stdout
    assert "the run did not finish: 1 of 6 claims are missing" in shown


def test_a_failure_is_not_good():
    for change in ({"verdict": "refuted"}, {"verdict": "twin survived"}):
        found = parse_results(lines(NAMES, {"lemma-5.3": change}), "x")
        assert [v["claim"] for v in found.failed] == ["lemma-5.3"]
        assert not found.good
    verified = {"lemma-5.7-printed": {"verdict": "verified", "counterexample": ""}}
    assert parse_results(lines(NAMES, verified), "x").passed == 4


def changed(line, *path, to):
    """Return JSON lines with one value, or with a key left out if it is to be ``...``."""
    values = [json.loads(x) for x in lines(NAMES)]
    inner = values[line]
    for step in path[:-1]:
        inner = inner[step]
    if to is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return [json.dumps(v) for v in values]


RUN, CLAIM, DRAWN, QUERIES, END = 0, 1, 5, 6, 7


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (["[1]"], ["line 1", "a JSON object"]),
        (["{"], ["line 1", "a JSON file"]),
        (["{}"], ["line 1"]),
        (['{"claim": NaN}'], ["line 1"]),
        (["[" * 100], ["line 1", "nested"]),
        ([], ["no run"]),
        (lines(NAMES)[1:], ["no run"]),
        (lines(NAMES)[:1] * 2, ["line 2", "only run"]),
        (lines(NAMES)[:2] + lines(NAMES)[1:2], ["line 3", "lemma-5.3", "not there before"]),
        ([*lines(NAMES), '{"verdicts": 1}'], ["line 9"]),
        (changed(RUN, "run", "format", to=2), ["format", "2"]),
        (changed(RUN, "run", "seed", to=True), ["seed"]),
        (changed(RUN, "run", "seed", to=...), ["seed"]),
        (changed(RUN, "run", "claims", to=-1), ["claims"]),
        (changed(RUN, "run", "error_budget", to="1e-9"), ["error_budget"]),
        (changed(RUN, "run", "versions", to=[]), ["versions"]),
        (changed(RUN, "run", "versions", to={"llr": 1}), ["llr"]),
        (changed(CLAIM, "title", to=None), ["title", "line 2"]),
        (changed(CLAIM, "title", to=...), ["title", "line 2"]),
        (changed(CLAIM, "grade", to="felt"), ["grade", "'felt'", "exhaustive"]),
        (changed(CLAIM, "worst_ratio", to="1"), ["worst_ratio"]),
        (changed(CLAIM, "worst_ratio", to=1e999), ["line 2"]),
        (changed(CLAIM, "slack", to=True), ["slack"]),
        (changed(CLAIM, "twins", to={}), ["twins"]),
        (changed(CLAIM, "twins", 0, "refuted", to=1), ["refuted", "twins"]),
        (changed(CLAIM, "twins", 0, to=3), ["twins"]),
        (changed(CLAIM, "statements", 0, "summary", to=3), ["summary"]),
        (changed(CLAIM, "worst_value", to={"os.system": "ls"}), ["os.system", "worst_value"]),
        (changed(CLAIM, "worst_value", to="1/0"), ["worst_value"]),
        (changed(DRAWN, "statistics", "delta", to="x"), ["delta", "statistics"]),
        (changed(DRAWN, "statistics", "runs", to=1.5), ["runs"]),
        (changed(QUERIES, "queries", "points", to=[]), ["points"]),
        (changed(QUERIES, "queries", "points", 0, "horizon", to=0), ["horizon", "positive"]),
        (changed(QUERIES, "queries", "points", 0, "learning", to="1"), ["learning"]),
        (changed(QUERIES, "queries", "points", 0, "algorithm_1", to=...), ["algorithm_1"]),
        (changed(END, "end", "seconds", to=None), ["seconds"]),
    ],
)
def test_lines_of_another_form_are_refused(found, words):
    with pytest.raises(InputError) as error:
        parse_results(found, "file.jsonl")
    for word in ["file.jsonl", *words]:
        assert word in str(error.value)


def test_empty_lines_and_the_tightness_table_are_skipped():
    found = parse_results(["", *lines(NAMES), " ", '{"tightness": []}'], "x")
    assert len(found.verdicts) == 5


# -- the command --------------------------------------------------------------------------------


def test_report_prints_the_tables_of_verify(tmp_path):
    names = ["lemma-5.3-range", "lemma-5.7-printed", "copy-peak"]
    options = ["--profile", "quick", "--jobs", "1", "--seed", "5"]
    table = call("verify", *names, *options, "--tightness").stdout
    path = tmp_path / "results.jsonl"
    path.write_text(call("verify", *names, *options, "--json").stdout, encoding="utf-8")
    again = call("report", str(path), "--tightness").stdout
    assert again.splitlines()[:-1] == table.splitlines()[:-1]
    assert "seed 5" in again
    assert "tightness" not in call("report", str(path)).stdout
    listed = call("verify", *names, *options, "--tightness", "--json").stdout.splitlines()
    summary = json.loads(call("report", str(path), "--json", "--tightness").stdout)
    assert summary.pop("tightness") == json.loads(listed[-2])["tightness"] != []
    assert summary == json.loads(call("report", str(path), "--json").stdout)


def test_report_shows_failures_and_exits_1(saved):
    twins = [{"name": "g halved", "refuted": False, "tried": 77, "counterexample": ""}]
    path = saved(
        lines(
            NAMES,
            {
                "lemma-5.3": {"verdict": "twin survived", "twins": twins},
                "copy-peak": {"verdict": "refuted", "counterexample": "Isan(no)"},
            },
        )
    )
    shown = call("report", path, code=1).stdout
    assert "lemma-5.3: twin survived 77 instances: g halved" in shown
    assert "copy-peak is refuted by Isan(no)" in shown
    assert "lemma-5.7-printed is refuted, as it must be, by Variable" in shown
    assert "3 of 5 claims came out as expected" in shown
    value = json.loads(call("report", path, "--json", code=1).stdout)
    assert (value["claims"], value["as_expected"]) == (5, 3)


def test_the_statistics_table_is_remade(saved):
    shown = call("report", saved(lines(NAMES))).stdout
    row = next(line.split() for line in shown.splitlines() if "lean-drawn" in line)
    assert row[1:7] == ["1/10", "200", "11", "-4.25", "0.203", "7.7e-11"]
    assert TEST["power"] == "999/1000"
    assert "99.9%" in shown


def test_a_missing_file_is_one_line_of_error(tmp_path):
    result = call("report", str(tmp_path / "none.jsonl"), code=2)
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert result.stdout == ""


def test_report_explains_itself():
    assert "RESULTS.jsonl" in call("report", "--help").stdout
    assert "report" in call("--help").stdout


DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"


def test_every_field_is_documented_and_no_other():
    """Both what is printed and what is checked on reading."""
    printed = [json.loads(line) for line in lines(NAMES)]
    parts = [*printed, *(next(iter(v.values())) for v in printed if "claim" not in v)]
    parts += [x for v in printed if "claim" in v for x in (*v["twins"], *v["statements"])]
    parts += [v["statistics"] for v in printed if "statistics" in v]
    parts += printed[-2]["queries"]["points"]
    fields = {key for part in parts for key in part}
    for name in ("_RUN", "_VERDICT", "_STATEMENT", "_TWIN", "_STATISTICS", "_QUERIES", "_POINT"):
        fields |= set(getattr(properties.results, name))
    words = set(re.findall(r"`([a-z][a-z_0-9]*)`", DOCUMENT.read_text(encoding="utf-8")))
    assert fields - words == {"end", "queries", "run"}
    assert words - fields == set()

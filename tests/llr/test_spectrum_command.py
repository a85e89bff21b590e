"""``llr spectrum``: tables, JSON, plots, what it asks and how it refuses."""

from __future__ import annotations

import re
import sys
from functools import partial
from xml.etree import ElementTree

import commands
import numpy as np
import pytest

from llr import spectrum_plots
from llr.analysis.spectrum import ViolationError
from llr.models.targets import family_target

TARGET = "isan:T=6,k=3,d=2"
QUICK = ["--histories", "24", "--futures", "16", "--sizes", "2"]


call = partial(commands.call, "spectrum")
json_of = partial(commands.json_of, "spectrum")

# -- what is printed ----------------------------------------------------------------------------


def test_json():
    found = json_of(TARGET, *QUICK, "--length", 3, "--cuts", "3-4,6", "--error", "1e-9")
    assert found["target"] == TARGET
    assert (found["alphabet_size"], found["horizon"], found["control"]) == (3, 6, None)
    assert found["sampling"] == {
        "history_lengths": [3, 3],
        "future_lengths": [1, 3],
        "last_token": "uniform",
        "future_words": "drawn",
    }
    shapes = [(s["of"], s["histories"], s["futures"], s["offset"]) for s in found["spectra"]]
    assert shapes == [
        ("target", 24, 16, "kept"),
        ("target", 12, 8, "kept"),
        ("target", 24, 16, "removed"),
        ("target", 12, 8, "removed"),
    ]
    for s in found["spectra"]:
        assert s["numerical_rank"] == 2
        assert s["tokens"] == 3
        assert s["approximations"][-1]["rank"] == 2
        assert s["approximations"][-1]["mean_absolute_error"] < 1e-12
        for a in s["approximations"]:
            assert a["mean_divergence"] <= a["sharpened"] + 1e-12
            assert a["sharpened"] == a["mean_square"] / 4
    assert [c["cut"] for c in found["approximate_rank"]] == [3, 4, 6]
    for c in found["approximate_rank"]:
        assert c["least_rank"] == {
            "error": 1e-9,
            "tried": [0, 1, 2],
            "estimate": 2,
            "upper_end": 2,
        }
        assert (c["training"]["histories"], c["held_out"]["histories"]) == (18, 6)
        for e in c["errors"]:
            assert e["low"] <= e["mean"] == max(e["means"]) <= e["high"]
    counts = found["queries"]
    assert counts["calls"] == counts["distinct_prefixes"] + counts["cache_hits"]
    assert 0 < counts["distinct_prefixes"] <= sum(3**n for n in range(6))
    assert counts["words"] == 24 + 16 + 3 * 24 + 16 * 3
    assert counts["rechecks"] == 16


def test_ranks_that_are_named_are_those_tried():
    found = json_of(TARGET, *QUICK, "--cuts", 3, "--error", "1e-9", "--ranks", "0,1,3,5")
    (cut,) = found["approximate_rank"]
    assert cut["least_rank"]["tried"] == [0, 1, 3, 5]
    assert cut["least_rank"]["estimate"] == 3  # 2 is not among them
    shown = call(TARGET, *QUICK, "--error", "1e-9", "--ranks", "0,1").stdout
    assert "of all from 0 to 1: none (estimate), none (upper end)" in shown


def test_exponents_of_decay_are_positive_and_inside_their_intervals():
    found = json_of("isan:T=8,k=4,d=6", *QUICK, "--sizes", 3, "--fit", "1-20", "--cuts", "none")
    fitted = [s for s in found["spectra"] if s["decay"] is not None]
    assert len(fitted) >= 2
    for s in fitted:
        for law in (s["decay"], s["error_decay"]):
            assert law is None or law["exponent"] > 0
            assert law is None or law["low"] < law["exponent"] < law["high"]
        mean = np.mean(s["sub_samples"]["exponents"])
        assert mean > 0
        if s["sub_samples"]["interval"] is not None:
            low, high = s["sub_samples"]["interval"]
            assert low < mean < high
            assert (low + high) / 2 == pytest.approx(mean)
    assert any(s["sub_samples"]["interval"] is not None for s in fitted)


def test_tables():
    shown = call(TARGET, *QUICK, "--control", "isan:T=6,k=3,d=4", "--error", "0.1").stdout
    for part in (
        f"spectrum of {TARGET}",
        "histories (distinct)",
        "distinct prefixes of control",
        "best rank-r approximations of the target, 24 x 16",
        "best rank-r approximations of the control, 24 x 16",
        "Fact B.2 holds at every prefix of every approximation",
        "cut 4: Def 1.6's mean error",
        "least rank with mean error <= 0.1, of all from 0 to 2: ",
        "says how straight the line is",
        "if means over histories and over words are normal",
    ):
        assert part in shown


def test_the_same_seed_gives_the_same_and_another_another():
    arguments = [TARGET, *QUICK, "--control", "hmm:T=6,k=3,R=2"]
    assert json_of(*arguments) == json_of(*arguments) != json_of(*arguments, "--seed", 1)


def test_the_control_is_asked_at_the_same_histories_and_futures():
    found = json_of(TARGET, *QUICK, "--control", TARGET, "--cuts", "none")
    ours, theirs = ([s for s in found["spectra"] if s["of"] == of] for of in ("target", "control"))
    assert [{**s, "of": ""} for s in ours] == [{**s, "of": ""} for s in theirs]
    # words are drawn from the target alone
    assert found["control_queries"]["words"] == 0
    assert found["control_queries"]["calls"] == 24 * 16


def test_options_reach_the_sampling_and_the_columns():
    found = json_of(
        "isan:T=8,k=5,d=2", *QUICK, "--length", "2-3", "--future-length", "2-4", "--last-token",
        "drawn", "--future-words", "nonsense", "--tokens", "top:3", "--ranks", "0-1,5", "--fit",
        "1-9", "--cuts", "none",
    )  # fmt: skip
    assert found["sampling"] == {
        "history_lengths": [2, 3],
        "future_lengths": [2, 4],
        "last_token": "drawn",
        "future_words": "nonsense",
    }
    assert len(set(found["tokens"])) == 3
    assert found["approximate_rank"] == []
    for s in found["spectra"]:
        assert s["tokens"] == 3
        assert s["fit_range"] == [1, 9]
        assert [a["rank"] for a in s["approximations"]] == [0, 1, 5]
    # drawn words of 3 tokens, and nothing else beyond the matrix
    assert found["queries"]["words"] == 24


def test_all_cuts():
    found = json_of("isan:T=4,k=2,d=2", *QUICK, "--cuts", "all")
    assert [c["cut"] for c in found["approximate_rank"]] == [2, 3, 4]


def test_a_hidden_markov_model():
    found = json_of("hmm:T=5,k=2,R=2", *QUICK, "--length", 2)
    assert found["spectra"][0]["numerical_rank"] > 1


def test_a_journal_and_a_budget_resume(tmp_path):
    arguments = [TARGET, *QUICK, "--journal", tmp_path / "j"]
    stopped = call(*arguments, "--max-calls", 150, code=3)
    assert "goes on from there" in stopped.stderr
    resumed = json_of(*arguments)
    assert resumed.pop("journal")["remembered"] > 0
    assert resumed == json_of(TARGET, *QUICK)


def test_a_violation_is_a_failure(monkeypatch):
    def broken(*arguments):
        raise ViolationError("KL 2 exceeds 1, against Fact B.2")

    monkeypatch.setattr("llr.analysis.spectrum.checked_divergences", broken)
    found = call(TARGET, *QUICK, "--cuts", "none", code=1)
    assert found.stdout == ""
    assert "against Fact B.2" in found.stderr


# -- plots --------------------------------------------------------------------------------------


def test_plots_are_the_same_byte_for_byte(tmp_path):
    pytest.importorskip("matplotlib")
    arguments = ["isan:T=6,k=3,d=6", *QUICK, "--control", TARGET, "--cuts", "2,4"]
    call(*arguments, "--plot", tmp_path / "a")
    call(*arguments, "--plot", tmp_path / "b")
    for name in spectrum_plots.FILES:
        first, again = ((tmp_path / x / name).read_bytes() for x in "ab")
        assert first == again
        root = ElementTree.fromstring(first)
        assert root.tag.endswith("svg")
    values, errors, held = ((tmp_path / "a" / n).read_text() for n in spectrum_plots.FILES)
    for part in ("target, 24 x 16", "control, 12 x 8", "offset removed", "as it is", "rank i"):
        assert part in values
    assert re.search(r"fit, exponent -?\d+\.\d\d \[", values)
    assert "mean KL, nats" in errors
    assert "cut 2" in held
    assert "cut 4" in held


def test_what_is_not_there_is_not_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    call("spike:T=4", *QUICK, "--length", 2, "--cuts", "none", "--plot", tmp_path)  # all logits 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["errors.svg", "spectrum.svg"]


def test_plots_without_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    found = call(TARGET, *QUICK, "--plot", tmp_path, code=2)
    assert 'pip install "llr[bench]"' in found.stderr


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["isan:T=1,k=2,d=1"], "horizon 2 or more"),
        ([TARGET, "--length", "6"], "--length must be at most 5"),
        ([TARGET, "--length", "0"], "--length must be an integer of at least 1"),
        ([TARGET, "--length", "4-2"], "--length must be a range"),
        ([TARGET, "--length", "4", "--future-length", "3"], "--future-length must be at most 2"),
        ([TARGET, "--last-token", "no"], "last_token must be one of uniform, drawn"),
        ([TARGET, "--future-words", "no"], "future_words must be one of drawn, nonsense"),
        ([TARGET, "--histories", "7"], "--histories must be an integer of at least 8"),
        ([TARGET, "--futures", "0"], "--futures must be an integer of at least 1"),
        ([TARGET, "--histories", "8", "--sizes", "4"], "--sizes must be few enough"),
        ([TARGET, "--sizes", "99"], "--sizes must be few enough"),
        ([TARGET, "--sizes", "0"], "--sizes must be an integer of at least 1"),
        ([TARGET, "--tokens", "some"], "--tokens must be all or top:K"),
        ([TARGET, "--tokens", "top:4"], "--tokens top:K must be at most 3"),
        ([TARGET, "--tokens", "top:1"], "--tokens top:K must be an integer of at least 2"),
        ([TARGET, "--ranks", "3-1"], "--ranks must be ranges"),
        ([TARGET, "--ranks", "0-9999"], "--ranks must be ranges"),
        ([TARGET, "--ranks", "a"], "--ranks must be an integer"),
        ([TARGET, "--fit", "5-2"], "--fit must be a range"),
        ([TARGET, "--cuts", "1"], r"--cuts must be in 2\.\.6, not 1"),
        ([TARGET, "--cuts", "5-7"], r"--cuts must be in 2\.\.6, not 7"),
        ([TARGET, "--error", "0"], "--error must be a positive number"),
        ([TARGET, "--error", "nan"], "--error must be a positive number"),
        ([TARGET, "--error", "x"], "--error must be a positive number"),
        ([TARGET, "--error", "1", "--cuts", "none"], "--error must be left out with --cuts none"),
        ([TARGET, "--seed", "x"], "--seed must be an integer"),
        ([TARGET, "--control", "isan:T=5,k=3,d=2"], "--control must be a target of horizon 6"),
        ([TARGET, "--control", "isan:T=6,k=2,d=2"], "--control must be a target of alphabet_size"),
        ([TARGET, "--control", "nothing"], "target must be"),
    ],
)
def test_refusals(arguments, names, monkeypatch):
    def never(*_):
        raise AssertionError("asked")

    monkeypatch.setattr("llr.oracles.protocol.Float64Oracle.logits", never)
    found = call(*arguments, code=2)
    assert found.stdout == ""
    assert re.search(names, " ".join(found.stderr.split()))


def test_a_file_in_the_place_of_the_folder(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "x").write_text("")
    found = call(TARGET, *QUICK, "--plot", tmp_path / "x", code=2)
    assert "--plot must be a folder" in " ".join(found.stderr.split())


def test_horizon_two_is_enough():
    found = json_of("isan:T=2,k=4,d=2", *QUICK)
    assert found["sampling"]["history_lengths"] == found["sampling"]["future_lengths"] == [1, 1]
    assert found["approximate_rank"][0]["cut"] == 2
    assert (
        found["approximate_rank"][0]["numerical_rank"]
        == family_target("isan:T=2,k=4,d=2").cut_ranks()[1]
    )

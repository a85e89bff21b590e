"""``llr compare``: every learner on one target, as a table, as JSON and as plots."""

from __future__ import annotations

import re
import sys
from functools import partial
from importlib.metadata import entry_points
from xml.etree import ElementTree

import commands
import pytest
from flint import fmpq

from llr import comparison, plots
from llr.models.families import noisy_parity
from llr.models.targets import family_target
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.oracles.protocol import model_oracle

QUICK = ["--epsilon", "0.1", "--delta", "0.01"]
PARITY = "parity:n=5,secret=10110,nu=1/10"
FOURIER = "fourier:n=5,terms=11000:1/2;00110:-1/4"


call = partial(commands.call, "compare")
json_of = partial(commands.json_of, "compare")


def own(arithmetic):
    """Return what maps a model to its own oracle."""
    return lambda model: model_oracle(model, arithmetic)


def by_learner(found):
    return {entry["learner"]: entry for entry in found["learners"]}


# -- what is compared ---------------------------------------------------------------------------


def test_json():
    pytest.importorskip("aalpy")
    found = json_of("isan:T=5,k=2,d=3", *QUICK)
    assert found.keys() == {"target", "counting_limit", "learners"}
    assert found["target"] == "isan:T=5,k=2,d=3"
    assert fmpq(int(found["counting_limit"])) == comparison.limit_of(
        family_target("isan:T=5,k=2,d=3")
    )
    assert list(by_learner(found)) == ["lean", "printed", "tabulation", "L*", "L#"]
    for entry in found["learners"]:
        assert entry.keys() == {
            "learner",
            "learning",
            "certifying",
            "words",
            "total_variation",
            "seconds",
            "note",
        }
        assert entry["total_variation"] == {"lower": "0", "upper": "0", "method": "exact"}
        assert 0 < entry["learning"] + entry["certifying"] <= 31
    assert by_learner(found)["tabulation"]["learning"] == 31


def test_the_same_seed_pays_the_same_and_another_need_not():
    def paid(seed):
        found = json_of("copy:n=3,k=2", *QUICK, "--seed", seed)
        return [
            (e["learner"], e["learning"], e["certifying"], e["words"]) for e in found["learners"]
        ]

    assert paid(0) == paid(0)
    assert paid(0) != paid(1)


def test_boolean_targets_have_boolean_baselines():
    parity, fourier = by_learner(json_of(PARITY, *QUICK)), by_learner(json_of(FOURIER, *QUICK))
    assert parity["majority vote"]["learning"] == 6
    assert "majority vote" not in fourier
    assert fourier["KM / GL"]["note"].startswith("2 coefficients")
    assert fourier["KM / GL"]["learning"] <= 32
    assert parity["KM / GL"]["note"].startswith("1 coefficients")
    for entry in (*parity.values(), *fourier.values()):
        assert "wrong" not in entry["note"]
        assert "not accepted" not in entry["note"]


def test_what_the_boolean_baselines_are_told():
    assert comparison.label_of(PARITY) == {"bits": 5, "least": fmpq(1, 2), "secret": "10110"}
    assert comparison.label_of(FOURIER) == {"bits": 5, "least": fmpq(1, 4)}
    assert comparison.label_of("isan:T=5,k=2,d=3") == {}
    assert comparison.label_of("model.json") == {}


def test_a_printed_learner_that_gives_up_is_said_to():
    model = family_target("isan:T=6,k=2,d=3")
    found = {
        e.learner: e.note
        for e in comparison.compare(
            model,
            epsilon=fmpq(1, 10),
            delta=fmpq(1, 100),
            seed=0,
            arithmetic=EXACT,
            max_epochs=1,
        )
    }
    assert found["printed"].endswith("not accepted")


def test_a_baseline_that_fails_is_said_to(monkeypatch):
    monkeypatch.setattr(comparison, "MAX_SAMPLES", 4)
    model = noisy_parity(5, "10110", fmpq(9, 20))
    promise = {"epsilon": fmpq(1, 10), "delta": fmpq(1, 100), "arithmetic": EXACT}
    notes = [
        entry.note
        for seed in range(5)
        for entry in comparison.compare(
            model, seed=seed, bits=5, least=fmpq(8), secret="10110", **promise
        )
        if entry.learner in ("KM / GL", "majority vote")
    ]
    assert sum(note.endswith("wrong") for note in notes) >= 5  # KM is told to look too high


def test_float_targets_have_no_known_limit_and_are_counted():
    found = json_of("hmm:T=4,k=2,R=2", "--arithmetic", "float", *QUICK)
    assert found["counting_limit"] is None
    tabulated = by_learner(found)["tabulation"]
    assert (tabulated["learning"], tabulated["note"]) == (15, "counted, not run")
    assert tabulated["total_variation"] is None


def test_without_aalpy_the_automata_are_left_out(monkeypatch):
    monkeypatch.setattr(comparison, "find_spec", lambda name: None)
    found = json_of("isan:T=4,k=2,d=2", *QUICK)
    assert list(by_learner(found)) == ["lean", "printed", "tabulation"]


def test_for_people():
    shown = call("isan:T=4,k=2,d=2", *QUICK).stdout
    assert "isan:T=4,k=2,d=2: counting limit" in shown
    for word in ("lean", "printed", "tabulation", "learning", "certifying"):
        assert word in shown
    shown = call("hmm:T=3,k=2,R=2", "--arithmetic", "float", *QUICK).stdout
    assert "counting limit unknown calls" in shown


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["nothing:T=3"], ["nothing"]),
        (["isan:T=0,k=2,d=2"], ["T"]),
        (["isan:T=3,k=2,d=2", "--epsilon", "0"], ["--epsilon", "(0, 1)", "0"]),
        (["isan:T=3,k=2,d=2", "--epsilon", "x"], ["--epsilon", "x"]),
        (["isan:T=3,k=2,d=2", "--delta", "1"], ["--delta", "(0, 1)", "1"]),
        (["isan:T=3,k=2,d=2", "--seed", "-1"], ["--seed", "-1"]),
        (["isan:T=3,k=2,d=2", "--arithmetic", "double"], ["arithmetic", "double"]),
        (["hmm:T=3,k=2,R=2"], ["--arithmetic", "exact", "float64 logits"]),
        (["isan:T=3,k=2,d=2", "--plot", "no/such/folder"], ["--plot", "folder that exists"]),
        (["isan:T=3,k=2,d=2", "--plot", "file"], ["--plot", "file"]),
    ],
)
def test_bad_input_is_refused_before_the_work(arguments, names, monkeypatch, tmp_path):
    def work(*_, **__):
        raise AssertionError("nothing may be learned")

    if "--plot" in arguments:
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(comparison, "compare", work)
    result = call(*arguments, code=2)
    assert result.stdout == ""
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    for name in names:
        assert name in error


# -- plots --------------------------------------------------------------------------------------


def curve(horizon, alphabet_size, rank, epsilon, delta):
    """Stand in for a bound of an installed package."""
    assert (alphabet_size, epsilon, delta) == (2, fmpq(1, 10), fmpq(1, 100))
    assert 1 <= rank <= 2
    return 1000.0 * horizon**3


@pytest.fixture
def installed_curve(tmp_path, monkeypatch):
    """Install a package that adds a curve."""
    info = tmp_path / "site" / "curves-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: curves\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[llr.curves]\na cubic bound = curves_of_a_test:curve\n")
    (tmp_path / "site" / "curves_of_a_test.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "site")
    module = type(sys)("curves_of_a_test")
    module.curve = curve
    monkeypatch.setitem(sys.modules, "curves_of_a_test", module)
    assert "a cubic bound" in {p.name for p in entry_points(group="llr.curves")}


def texts(path):
    """Return all texts of an SVG file."""
    tree = ElementTree.parse(path)
    return ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_plots_show_limit_and_bounds(tmp_path, installed_curve):
    pytest.importorskip("matplotlib")
    folder = tmp_path / "plots"
    plain = json_of("isan:T=8,k=2,d=2", *QUICK)
    assert not folder.exists()
    plotted = json_of("isan:T=8,k=2,d=2", *QUICK, "--plot", folder)
    assert [e["learning"] for e in plotted["learners"]] == [
        e["learning"] for e in plain["learners"]
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["growth.svg", "learners.svg"]
    shown = texts(folder / "learners.svg")
    assert {"isan:T=8,k=2,d=2", "counting limit", "learning", *by_learner(plain)} <= {*shown}
    shown = texts(folder / "growth.svg")
    assert {"counting limit", "lean learner, learning calls", "a cubic bound"} <= {*shown}
    assert {"2", "4", "8"} <= {*shown}


def test_plots_are_the_same_in_every_run_and_bear_no_date(tmp_path):
    pytest.importorskip("matplotlib")
    for name in ("one", "two"):
        call("isan:T=6,k=2,d=2", *QUICK, "--plot", tmp_path / name)
    for name in plots.FILES:
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two
        assert not re.search(rb"dc:date|20\d\d-\d\d-\d\d", one)
        assert b"matplotlib.org" not in one.replace(b"Created with matplotlib", b"")


def test_only_random_networks_have_other_horizons(tmp_path):
    pytest.importorskip("matplotlib")
    call(PARITY, *QUICK, "--plot", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["learners.svg"]


def test_a_name_is_no_formula(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "plot.svg"
    plots.plot_learners(path, "a$b_$", [("lean", 3, 0)], None)
    assert "a$b_$" in texts(path)
    assert "counting limit" not in texts(path)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = call("isan:T=4,k=2,d=2", "--plot", tmp_path / "plots", code=2)
    assert 'pip install "llr[bench]"' in " ".join(result.stderr.split())
    assert not (tmp_path / "plots").exists()


def test_growth():
    promise = {"epsilon": fmpq(1, 10), "delta": fmpq(1, 100), "seed": 0}
    found = comparison.growth("isan:T=16,k=2,d=2", own(FLOAT64), arithmetic=FLOAT64, **promise)
    assert [g.horizon for g in found] == [4, 8, 16]
    for g in found:
        model = family_target(f"isan:T={g.horizon},k=2,d=2")
        assert g.limit == comparison.limit_of(model)
        assert g.rank == max(model.cut_ranks())
        assert g.limit <= g.learning <= 2 * g.limit
    assert comparison.growth(PARITY, own(EXACT), arithmetic=EXACT, **promise) == []
    short = comparison.growth("isan:T=2,k=2,d=2", own(EXACT), arithmetic=EXACT, **promise)
    assert [g.horizon for g in short] == [2]

"""The ``llr`` command: what it prints, what it returns, and how it refuses."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import mpmath
import pytest
from click.testing import CliRunner
from commands import call, json_of
from hypothesis import strategies as st

import llr
import properties.cli
from llr.cli import main
from llr.learning import api
from llr.models.targets import family_parameters
from llr.oracles.sources import SOURCES
from properties.claim import Claim, Measurement, Twin

LLR = str(Path(sys.executable).with_name("llr"))

ISAN = {
    "format": 1,
    "kind": "isan",
    "alphabet_size": 2,
    "horizon": 2,
    "logit_unit": "nat",
    "initial_state": ["1", "-2/3"],
    "transitions": [[[["1", "0"], ["0", "1"]], [["0", "1"], ["1", "0"]]]],
    "readouts": [[["1", "0"], ["0", "1/2"]], [["1", "0"], ["0", "1"]]],
}
FLOAT = ISAN | {
    "arithmetic": "float64",
    "initial_state": [1.0, -0.5],
    "transitions": [[[[1, 0], [0, 1]], [[0, 1], [1, 0]]]],
    "readouts": [[[1, 0], [0, 0.5]], [[1, 0], [0, 1]]],
}


GRID = [["1", "0"], ["0", "1"]]


def changed(**fields):
    """The good file with other fields."""
    return copy.deepcopy(ISAN) | fields


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments, names=(), created=()):
    """Run a command that must refuse its input; return its error line.

    Exit 2, one line that starts with "Error: " and has all of ``names`` in it, no traceback,
    nothing on standard output and nothing new in the folder.
    """
    before = sorted(os.listdir())
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert result.stderr.splitlines()[-1] == errors[0]
    for line in result.stderr.splitlines()[:-1]:
        assert line == "" or line.startswith(("Usage: ", "Try "))
    for name in names:
        assert name in errors[0]
    assert sorted(os.listdir()) == sorted([*before, *created])
    return errors[0]


def real(*arguments, code=0, **options):
    """Run the installed command in a process of its own."""
    done = subprocess.run(
        [LLR, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == code, done.stderr
    return done


def put(value, name="model.json"):
    Path(name).write_text(json.dumps(value), encoding="utf-8")
    return name


def decimal_ends(value):
    """The ends of an enclosure as Fractions; method and form must agree."""
    assert set(value) >= {"lower", "upper", "method"}
    if value["method"] == "exact":
        assert value["lower"] == value["upper"]
        return Fraction(value["lower"]), Fraction(value["upper"])
    assert value["method"] == "enclosed"
    assert "/" not in value["lower"] + value["upper"]
    lower, upper = Fraction(Decimal(value["lower"])), Fraction(Decimal(value["upper"]))
    assert lower < upper
    return lower, upper


# -- brute force --------------------------------------------------------------------------------


def unit_of(model):
    base = model.unit.base
    return mpmath.mpf(1) if base is None else mpmath.log(mpmath.mpf(int(base.p)) / int(base.q))


def word_law(model):
    """The probability of every word by mpmath, from the logits alone."""
    unit, k = unit_of(model), model.alphabet_size
    law = {(): mpmath.mpf(1)}
    for _ in range(model.horizon):
        longer = {}
        for prefix, p in law.items():
            row = [mpmath.mpf(x.numerator) / x.denominator for x in model.logits(prefix)]
            weights = [mpmath.exp(x * unit) for x in row]
            for a in range(k):
                longer[*prefix, a] = p * weights[a] / mpmath.fsum(weights)
        law = longer
    return law


def brute_tv(first, second):
    p, q = word_law(first), word_law(second)
    return mpmath.fsum(abs(p[w] - q[w]) for w in p) / 2


def brute_kl(first, second):
    p, q = word_law(first), word_law(second)
    return mpmath.fsum(p[w] * mpmath.log(p[w] / q[w]) for w in p)


def assert_encloses(ends, number):
    """Outward: the true value is between both ends."""
    low, high = (mpmath.mpf(x.numerator) / x.denominator for x in ends)
    slack = mpmath.mpf(10) ** -45
    assert low - slack <= number <= high + slack


# -- rank ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "k", "horizon", "ranks"),
    [
        ("isan:T=6,k=2,d=3,seed=0", 2, 6, [1, 2, 3, 3, 3, 1]),
        ("isan:T=3,k=3,d=9", 3, 3, [1, 3, 2]),
        ("parity:n=4,secret=1011,nu=1/10", 2, 5, [1, 1, 1, 1, 1]),
        ("fourier:n=4,terms=1100:1/2;0011:-1/4", 2, 5, [1, 2, 2, 2, 1]),
        ("copy:n=3,k=2", 2, 6, [1, 2, 3, 3, 2, 1]),
        ("spike:T=4", 2, 4, [1, 0, 0, 0]),
        ("spike:T=1", 2, 1, [1]),
    ],
)
def test_rank_json(target, k, horizon, ranks):
    assert json_of("rank", target) == {
        "target": target,
        "alphabet_size": k,
        "horizon": horizon,
        "cut_ranks": ranks,
        "exact": True,
    }


def test_rank_of_a_long_model():
    found = json_of("rank", "isan:T=48,k=2,d=6")
    assert found["cut_ranks"] == [1, 2, 4] + [6] * 43 + [3, 1]


def test_rank_of_a_file():
    """x_0 = (1, -2/3); a step swaps the coordinates or not: both cuts have rank 1 .. 1."""
    found = json_of("rank", put(ISAN))
    # cut 2: rows of x_1[0] - x_1[1], proportional
    assert found["cut_ranks"] == [1, 1]
    assert found["target"] == "model.json"


def test_rank_for_people():
    result = call("rank", "copy:n=2,k=2")
    assert result.stderr == ""
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line for line in lines if len(line) == 2 and line[0].isdigit()] == [
        ["1", "1"],
        ["2", "2"],
        ["3", "2"],
        ["4", "1"],
    ]
    assert result.stdout.splitlines()[-1] == "k = 2, T = 4, largest cut rank 2 (exact)"


def test_the_title_of_a_table_is_one_line():
    assert "cut ranks of copy:n=2,k=2" in call("rank", "copy:n=2,k=2").stdout


# -- learn --------------------------------------------------------------------------------------

LEARN_KEYS = {
    "target",
    "algorithm",
    "arithmetic",
    "seed",
    "accepted",
    "epochs",
    "witnesses",
    "basis_sizes",
    "programs",
    "queries",
    "total_variation",
}
QUICK = ["--epsilon", "0.1", "--delta", "0.1", "--algorithm", "printed"]
SMALL = "isan:T=4,k=2,d=2"


def check_learned(value, target):
    """Types and sizes of every figure."""
    assert set(value) >= LEARN_KEYS
    assert set(value["queries"]) >= {"calls", "distinct_prefixes", "tokens", "words"}
    assert value["target"] == target
    horizon = llr.target(target).horizon
    assert len(value["witnesses"]) == len(value["basis_sizes"]) == horizon
    assert value["basis_sizes"][0] == 1
    counts = [*value["witnesses"], *value["basis_sizes"], *value["queries"].values()]
    assert all(isinstance(n, int) and n >= 0 for n in [*counts, value["programs"]])
    assert value["queries"]["distinct_prefixes"] <= value["queries"]["calls"]
    assert value["epochs"] >= 1
    for name in ("total_variation", "uniform_total_variation", "unrepresented_mass"):
        lower, upper = decimal_ends(value[name])
        assert 0 <= lower <= upper <= 1


@pytest.mark.parametrize(
    "target",
    [
        "spike:T=1",
        "isan:T=2,k=3,d=2",
        "isan:T=3,k=3,d=2",
        "parity:n=3,secret=101,nu=1/10",
        "fourier:n=3,terms=110:1/2;011:-1/4",
        SMALL,
    ],
)
def test_learn_accepts_and_is_exact(target):
    value = json_of("learn", target, *QUICK)
    check_learned(value, target)
    assert value["accepted"] is True
    assert value["algorithm"] == "printed"
    assert value["arithmetic"] == "exact"
    assert value["seed"] == 0
    assert value["total_variation"] == {"lower": "0", "upper": "0", "method": "exact"}
    with mpmath.workdps(50):
        model = llr.target(target)
        uniform = llr.UniformModel(model.alphabet_size, model.horizon)
        assert_encloses(decimal_ends(value["uniform_total_variation"]), brute_tv(model, uniform))


def test_learn_counts_by_hand():
    """T = 1: the oracle is asked once, for the empty prefix; nothing is drawn."""
    value = json_of("learn", "spike:T=1", *QUICK)
    assert (value["epochs"], value["witnesses"], value["basis_sizes"]) == (1, [0], [1])
    assert value["programs"] == 0
    queries = value["queries"]
    assert (queries["calls"], queries["distinct_prefixes"]) == (1, 1)
    assert (queries["tokens"], queries["words"]) == (0, 0)


def test_learn_that_is_not_accepted_exits_1_and_says_so():
    """The first epoch ends in a witness."""
    value = json_of("learn", SMALL, *QUICK, "--max-epochs", "1", code=1)
    check_learned(value, SMALL)
    assert value["accepted"] is False
    assert value["epochs"] == 1
    assert sum(value["witnesses"]) == 1
    assert value["total_variation"] == value["uniform_total_variation"]


def test_learn_that_is_not_accepted_saves_the_uniform_model():
    json_of("learn", SMALL, *QUICK, "--max-epochs", "1", "--out", "model.json", code=1)
    assert json.loads(Path("model.json").read_text(encoding="utf-8"))["kind"] == "uniform"
    assert os.listdir() == ["model.json"]


@pytest.mark.parametrize("arithmetic", ["exact", "float"])
@pytest.mark.parametrize("target", [SMALL, "parity:n=3,secret=011,nu=1/4", "copy:n=2,k=2,c=1"])
def test_what_learn_writes_is_what_it_learned(target, arithmetic):
    options = [*QUICK, "--arithmetic", arithmetic, "--out", "model.json"]
    value = json_of("learn", target, *options)
    check_learned(value, target)
    assert value["accepted"] is True
    assert value["arithmetic"] == {"exact": "exact", "float": "float64"}[arithmetic]
    assert os.listdir() == ["model.json"]

    found = json_of("distance", "model.json", target)
    lower, upper = decimal_ends(found["total_variation"])
    if arithmetic == "exact":
        assert found["total_variation"] == {"lower": "0", "upper": "0", "method": "exact"}
        assert found["kl"] == {"lower": "0", "upper": "0", "method": "exact"}
    assert lower >= 0
    assert upper < Fraction(1, 10**6)


@pytest.mark.parametrize("arithmetic", ["exact", "float"])
@pytest.mark.parametrize("noise", ["none", "random", "adversarial", "rounding"])
def test_learn_with_noise(noise, arithmetic):
    xi = Fraction(1, 100)
    value = json_of(
        "learn", SMALL, *QUICK, "--xi", "0.01", "--noise", noise, "--arithmetic", arithmetic
    )
    check_learned(value, SMALL)
    assert value["accepted"] is True
    assert value["noise"] == noise
    lower, upper = decimal_ends(value["total_variation"])
    # the transfer bound less p_bad: (T-1)(T-2) g / 4 + T xi / 2, with g = 4 p / ((T-1)(T-2))
    p = (Fraction(1, 10) - 2 * xi) / 2
    assert upper <= p + 2 * xi
    if noise != "none":
        assert lower > Fraction(1, 10**6)
    elif arithmetic == "exact":
        assert upper == 0
    else:
        assert upper < Fraction(1, 10**12)


def test_noise_is_adversarial_where_the_oracle_is_coarse_and_none_elsewhere():
    coarse = [*QUICK, "--xi", "0.01"]
    assert json_of("learn", SMALL, *coarse) == json_of(
        "learn", SMALL, *coarse, "--noise", "adversarial"
    )
    assert json_of("learn", SMALL, *QUICK)["noise"] == "none"
    assert json_of("learn", SMALL, *QUICK, "--xi", "0")["noise"] == "none"


def test_learn_twice_is_the_same_and_another_seed_is_not():
    first, again = (json_of("learn", SMALL, *QUICK, "--seed", "5") for _ in range(2))
    assert first == again
    assert first["seed"] == 5
    other = json_of("learn", "copy:n=2,k=3,c=3", "--samples", "2", *QUICK, "--seed", "1")
    another = json_of("learn", "copy:n=2,k=3,c=3", "--samples", "2", *QUICK, "--seed", "2")
    assert {**other, "seed": 0} != {**another, "seed": 0}


def test_learn_heeds_samples():
    few = json_of("learn", "isan:T=3,k=2,d=1", *QUICK, "--samples", "1")
    many = json_of("learn", "isan:T=3,k=2,d=1", *QUICK, "--samples", "1000")
    assert many["queries"]["words"] - few["queries"]["words"] >= 999 * many["epochs"] - 1000


def test_learn_a_float_model():
    value = json_of("learn", put(FLOAT), "--arithmetic", "float", *QUICK)
    assert value["accepted"] is True
    assert value["arithmetic"] == "float64"
    assert decimal_ends(value["total_variation"])[1] < Fraction(1, 10**12)


def test_a_distance_that_is_too_large_to_compute_is_said_to_be(monkeypatch):
    monkeypatch.setattr("llr.commands.learn.MAX_EXACT_NODES", 3)
    value = json_of("learn", "isan:T=3,k=3,d=2", *QUICK)
    assert value["accepted"] is True
    trivial = {"lower": "0", "upper": "1", "method": "too large"}
    assert value["total_variation"] == value["uniform_total_variation"] == trivial


def test_learn_explains_what_it_could_not_learn():
    """A first token of probability 1/(1 + e^12), which no draw shows; logits are +-1 only after it.

    Its row is not represented: the learned model goes on uniformly, and errs by sigma(2) - 1/2.
    """
    zero_rows, last = [["0", "1"], ["0", "-1"]], [["0", "1"], ["0", "-1"]]
    put(
        changed(
            horizon=3,
            initial_state=["1", "0"],
            transitions=[[GRID, [["0", "0"], ["1", "0"]]], [GRID, GRID]],
            readouts=[[["6", "0"], ["-6", "0"]], zero_rows, last],
        )
    )
    value = json_of("learn", "model.json", *QUICK)
    assert value["accepted"] is True
    assert value["basis_sizes"] == [1, 0, 0]
    with mpmath.workdps(50):
        mass = 1 / (1 + mpmath.exp(12))
        assert_encloses(decimal_ends(value["unrepresented_mass"]), mass)
        apart = mass * (1 / (1 + mpmath.exp(-2)) - mpmath.mpf(1) / 2)
        assert_encloses(decimal_ends(value["total_variation"]), apart)


def test_learn_for_people():
    result = call("learn", "parity:n=3,secret=101,nu=1/10", "--epsilon", "0.05")
    assert result.stderr == ""
    shown = {
        " ".join(line.split("  ")[0].split()) or line.strip(): line
        for line in (line.strip() for line in result.stdout.splitlines())
    }
    value = json_of("learn", "parity:n=3,secret=101,nu=1/10", "--epsilon", "0.05")
    assert shown["accepted"].split() == ["accepted", "yes"]
    assert shown["TV(target, learned)"].endswith("0 (exact)")
    assert shown["TV(target, uniform)"].endswith("2/5 (exact)")
    assert shown["arithmetic, noise, seed"].endswith("exact, none, 0")
    assert shown["distinct prefixes"].split()[-1] == str(value["queries"]["distinct_prefixes"])
    assert shown["words drawn"].split()[-1] == f"{value['queries']['words']:,}"
    assert shown["witnesses per cut"].split()[-4:] == [str(n) for n in value["witnesses"]]


def test_learn_for_people_says_no():
    result = call("learn", SMALL, *QUICK, "--max-epochs", "1", code=1)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["accepted", "NO"] in lines


# -- sample -------------------------------------------------------------------------------------


def test_sample_json():
    value = json_of("sample", "isan:T=5,k=3,d=2", "-n", "20", "--seed", "7")
    assert set(value) >= {"n", "seed", "words"}
    assert (value["n"], value["seed"]) == (20, 7)
    assert len(value["words"]) == 20
    assert all(len(w) == 5 and set(w) <= {0, 1, 2} for w in value["words"])
    assert len({tuple(w) for w in value["words"]}) > 5


def test_sample_prints_one_word_per_line():
    result = call("sample", "isan:T=5,k=3,d=2", "-n", "20", "--seed", "7")
    words = json_of("sample", "isan:T=5,k=3,d=2", "-n", "20", "--seed", "7")["words"]
    assert [[int(t) for t in line.split(" ")] for line in result.stdout.splitlines()] == words
    assert result.stderr == ""


def test_sample_draws_ten_words_from_seed_0_unless_told():
    assert json_of("sample", "spike:T=4") == json_of(
        "sample", "spike:T=4", "-n", "10", "--seed", "0"
    )
    assert len(call("sample", "spike:T=4").stdout.splitlines()) == 10


def test_the_same_seed_draws_the_same_words_and_another_does_not():
    one, again, other = (
        json_of("sample", SMALL, "-n", "30", "--seed", seed)["words"] for seed in (3, 3, 4)
    )
    assert one == again
    assert one != other
    assert real("sample", SMALL, "-n", "30", "--seed", "3", "--json").stdout == (
        call("sample", SMALL, "-n", "30", "--seed", "3", "--json").stdout
    )


def test_words_come_in_no_order():
    words = json_of("sample", "copy:n=2,k=2", "-n", "40")["words"]
    assert words != sorted(words)


def test_words_follow_the_model():
    """4000 words: every frequency within 6 standard deviations (fixed seed)."""
    model = llr.target("copy:n=1,k=2,c=2")  # the second token repeats the first with odds 4 to 1
    n = 4000
    counts = Counter(map(tuple, json_of("sample", "copy:n=1,k=2,c=2", "-n", n)["words"]))
    assert sum(counts.values()) == n
    law = {(0, 0): 0.4, (1, 1): 0.4, (0, 1): 0.1, (1, 0): 0.1}
    assert model.horizon == 2
    for word, p in law.items():
        assert abs(counts[word] - n * p) < 6 * (n * p * (1 - p)) ** 0.5


def test_sample_from_files():
    exact = json_of("sample", put(ISAN), "-n", "50")["words"]
    assert all(len(w) == 2 and set(w) <= {0, 1} for w in exact)
    assert len(json_of("sample", put(FLOAT), "-n", "50")["words"]) == 50
    call("learn", SMALL, *QUICK, "--out", "learned.json")
    assert (
        json_of("sample", "learned.json", "-n", "25")["words"]
        == (json_of("sample", SMALL, "-n", "25")["words"])
    )


# -- distance -----------------------------------------------------------------------------------

RATIONAL = [
    # TV by hand: (9/10 - 1/10) / 2 on the half of the inputs where the parities differ
    ("parity:n=2,secret=11,nu=1/10", "parity:n=2,secret=10,nu=1/10", "2/5"),
    ("parity:n=3,secret=101,nu=1/10", "parity:n=3,secret=101,nu=1/4", "3/20"),
    # second token right with 2/3 or 4/5
    ("copy:n=1,k=2,c=1", "copy:n=1,k=2,c=2", "2/15"),
    # right with 2/4 or 4/6
    ("copy:n=1,k=3,c=1", "copy:n=1,k=3,c=2", "1/6"),
]


@pytest.mark.parametrize(("first", "second", "value"), RATIONAL)
def test_rational_distances_are_printed_exactly(first, second, value):
    found = json_of("distance", first, second)
    assert set(found) >= {"total_variation", "kl"}
    assert found["total_variation"] == {"lower": value, "upper": value, "method": "exact"}
    with mpmath.workdps(50):
        assert_encloses(decimal_ends(found["kl"]), brute_kl(llr.target(first), llr.target(second)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("copy:n=2,k=2,c=1", "copy:n=2,k=2,c=3"),
        ("copy:n=2,k=3,c=1", "copy:n=2,k=3,c=2"),
        ("parity:n=3,secret=111,nu=1/3", "parity:n=3,secret=001,nu=1/5"),
    ],
)
def test_rational_distances_by_brute_force(first, second):
    """Every word's probability as a Fraction, straight from the logits."""

    def law(model):
        base = Fraction(int(model.unit.base.p), int(model.unit.base.q))
        found = {(): Fraction(1)}
        for _ in range(model.horizon):
            longer = {}
            for prefix, p in found.items():
                row = model.logits(prefix)
                weights = [base ** int(x - row[0]) for x in row]
                for a, w in enumerate(weights):
                    longer[*prefix, a] = p * w / sum(weights)
            found = longer
        return found

    p, q = law(llr.target(first)), law(llr.target(second))
    wanted = sum(abs(p[w] - q[w]) for w in p) / 2
    found = json_of("distance", first, second)["total_variation"]
    assert found == {"lower": str(wanted), "upper": str(wanted), "method": "exact"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SMALL, "isan:T=4,k=2,d=2,seed=1"),
        ("isan:T=3,k=3,d=2", "isan:T=3,k=3,d=1,kind=dense"),
        ("spike:T=4", "isan:T=4,k=2,d=1,seed=3"),
        ("spike:T=3", "parity:n=2,secret=01,nu=1/10"),
        ("fourier:n=2,terms=11:1/2", "fourier:n=2,terms=10:1/2"),
    ],
)
def test_other_distances_are_enclosed_outwards(first, second):
    found = json_of("distance", first, second)
    assert found["total_variation"]["method"] == found["kl"]["method"] == "enclosed"
    with mpmath.workdps(50):
        one, two = llr.target(first), llr.target(second)
        assert_encloses(decimal_ends(found["total_variation"]), brute_tv(one, two))
        assert_encloses(decimal_ends(found["kl"]), brute_kl(one, two))


@pytest.mark.parametrize("width", ["1e-3", "1e-12", "1/1000000", "1e-40"])
def test_no_enclosure_is_wider_than_asked_for(width):
    found = json_of("distance", "spike:T=4", "isan:T=4,k=2,d=1,seed=3", "--width", width)
    wanted = Fraction(Decimal(width)) if "e" in width else Fraction(width)
    for name in ("total_variation", "kl"):
        lower, upper = decimal_ends(found[name])
        assert upper - lower <= wanted


def test_a_large_divergence_is_enclosed_as_narrowly():
    """1.41 in 12 digits is not within 1e-12: one digit stands before the point."""
    found = json_of("distance", "isan:T=2,k=2,d=1,kind=dense,seed=0", "spike:T=2")
    lower, upper = decimal_ends(found["kl"])
    assert lower > 1
    assert upper - lower <= Fraction(1, 10**12)


@pytest.mark.parametrize("target", [SMALL, "copy:n=2,k=3", "spike:T=9"])
def test_a_model_is_at_distance_zero_from_itself(target):
    found = json_of("distance", target, target)
    zero = {"lower": "0", "upper": "0", "method": "exact"}
    assert (found["total_variation"], found["kl"]) == (zero, zero)


def test_distance_for_people():
    lines = call("distance", "copy:n=1,k=2,c=1", "copy:n=1,k=2,c=2").stdout.splitlines()
    shown = [" ".join(line.split()) for line in lines]
    assert "TV 2/15 (exact)" in shown
    assert any(
        line.startswith("KL(first || second), nats [0.0487275033") and line.endswith("(enclosed)")
        for line in shown
    )


# -- targets ------------------------------------------------------------------------------------


def test_targets_json():
    found = json_of("targets")
    families = {f["family"]: f for f in found}
    assert set(families) >= {"isan", "parity", "fourier", "copy", "spike"}
    for f in found:
        assert set(f) >= {"family", "summary", "parameters", "example"}
        assert f["example"].startswith(f["family"] + ":")
        for p in f["parameters"]:
            assert set(p) >= {"name", "meaning", "default"}
            assert p["meaning"]
    assert [p["name"] for p in families["isan"]["parameters"]] == ["T", "k", "d", "seed", "kind"]
    assert {p["name"]: p["default"] for p in families["copy"]["parameters"]} == {
        "n": None,
        "k": "2",
        "c": "8",
    }


def test_every_example_of_targets_works():
    for f in json_of("targets"):
        if f["family"] in SOURCES:
            assert family_parameters(f["example"], SOURCES)[0].name == f["family"]
        else:
            assert max(json_of("rank", f["example"])["cut_ranks"]) >= 1


def test_targets_for_people():
    result = call("targets")
    for f in json_of("targets"):
        assert f["example"] in result.stdout
        assert f["summary"] in result.stdout
    assert "    T      horizon" in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1] == "A TARGET may also be a JSON file with a model."


# -- verify -------------------------------------------------------------------------------------

CLAIM_KEYS = {"claim", "source", "mark", "seed", "tried", "worst_ratio", "verdict", "twins"}


def test_verify_json_is_one_line_per_claim():
    result = call(
        "verify", "lemma-5.3-linear", "copy-peak", "--profile", "quick", "--seed", "3", "--json"
    )
    assert result.stderr == ""
    run, *found, end = [json.loads(line) for line in result.stdout.splitlines()]
    assert (run["run"]["claims"], run["run"]["seed"]) == (2, 3)
    assert list(end) == ["end"]
    assert [v["claim"] for v in found] == ["lemma-5.3-linear", "copy-peak"]
    for v in found:
        assert set(v) >= CLAIM_KEYS
        assert v["verdict"] == "verified"
        assert v["seed"] == 3
        assert all(t["refuted"] and t["counterexample"] for t in v["twins"])
    assert found[0]["mark"] == "printed"
    assert 0 < found[0]["worst_ratio"] < 1


def test_verify_for_people():
    result = call("verify", "copy-peak", "--profile", "quick")
    assert result.stderr == ""
    row = next(line.split() for line in result.stdout.splitlines() if "copy-peak" in line)
    assert row == ["copy-peak", "0", "1/1", "verified"]
    assert "searched: 1 claims" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 of 1 claims ")
    assert "1 of 1 twins refuted" in result.stdout


def claim(identifier, limit, twin_limit):
    """0 <= n <= 100 is at most ``limit``; the twin says ``twin_limit``."""
    return Claim(
        identifier,
        "n is small",
        "here",
        "printed",
        lambda: st.integers(0, 100),
        lambda n: Measurement.of(n, limit),
        (Twin("smaller", lambda n: Measurement.of(n, twin_limit)),),
    )


def test_verify_exits_1_if_a_claim_is_false_or_a_twin_survives(monkeypatch):
    claims = [claim("true", 100, 10), claim("false", 50, 10), claim("toothless", 100, 200)]
    monkeypatch.setattr(properties.cli, "CLAIMS", {c.identifier: c for c in claims})

    def verdict(name, code):
        return json.loads(call("verify", name, "--json", code=code).stdout.splitlines()[1])

    assert verdict("true", 0)["verdict"] == "verified"
    found = verdict("false", 1)
    assert (found["verdict"], found["counterexample"]) == ("refuted", "51")
    assert verdict("toothless", 1)["verdict"] == "twin survived"

    result = call("verify", code=1)
    assert "false is refuted by 51" in result.stdout
    assert "toothless: twin survived" in result.stdout
    assert "1 of 3 claims " in result.stdout
    assert "2 of 3 twins refuted" in result.stdout


# -- real processes -----------------------------------------------------------------------------


def test_a_pipe_gets_json_and_nothing_else():
    done = real("learn", SMALL, *QUICK, "--json", "--arithmetic", "float")
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout)["accepted"] is True


def test_the_exit_code_of_a_process_says_that_nothing_was_accepted():
    done = real("learn", SMALL, *QUICK, "--max-epochs", "1", "--json", code=1)
    assert json.loads(done.stdout)["accepted"] is False
    assert done.stderr == ""


def test_a_process_refuses_bad_input_with_2():
    done = real("rank", "parity:n=3,secret=10", code=2)
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "Error: secret must be a string of 3 characters 0 or 1, not '10'"
    )
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f"{LLR} sample spike:T=8 -n 5000 | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_version():
    assert call("--version").stdout == f"llr, version {llr.__version__}\n"


@pytest.mark.parametrize("command", ["rank", "learn", "sample", "distance", "targets", "verify"])
def test_every_command_explains_itself(command):
    for flag in ("-h", "--help"):
        shown = call(command, flag).stdout
        assert shown.startswith("Usage: ")
        assert "--json" in shown
        assert ("--seed" in shown) is (command in {"learn", "sample", "verify"})
    assert command in call("--help").stdout


# -- interrupts ---------------------------------------------------------------------------------


def test_an_interrupt_exits_3(monkeypatch):
    def interrupted(model):
        raise KeyboardInterrupt

    monkeypatch.setattr("llr.commands.rank.cut_ranks", interrupted)
    result = call("rank", "spike:T=3", "--json", code=3)
    assert result.stdout == ""
    assert "interrupted" in result.stderr
    assert "Traceback" not in result.output


def test_an_interrupted_run_leaves_no_file(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "learn", interrupted)
    call("learn", SMALL, "--out", "model.json", code=3)
    assert os.listdir() == []


def test_an_interrupt_while_writing_leaves_no_file(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    call("learn", "spike:T=2", "--out", "model.json", code=3)
    assert os.listdir() == []


def test_an_interrupted_verify_keeps_the_lines_it_printed(monkeypatch):
    def interrupted(n):
        raise KeyboardInterrupt

    claims = [claim("first", 100, 10), replace(claim("second", 100, 10), check=interrupted)]
    monkeypatch.setattr(properties.cli, "CLAIMS", {c.identifier: c for c in claims})
    result = call("verify", "--jobs", "1", "--json", code=3)
    run, *found = [json.loads(line) for line in result.stdout.splitlines()]
    assert run["run"]["claims"] == 2
    assert [v["claim"] for v in found] == ["first"]
    assert "interrupted" in result.stderr


LOST = """
import gc, signal, sys
from hypothesis import strategies as st
import properties.cli
from llr.cli import main
from properties.claim import Claim, Measurement, Twin

tried = 0

def check(n):
    global tried
    tried += 1
    if tried == 5:
        def collected(phase, info):
            gc.callbacks.remove(collected)
            signal.raise_signal(signal.SIGINT)
        gc.callbacks.append(collected)
        gc.collect()
    return Measurement.of(0)

twin = Twin("false", lambda n: Measurement.of(1))
long = Claim("long", "t", "s", "printed", lambda: st.integers(0, 10**6), check, (twin,))
properties.cli.CLAIMS = {"long": long}
main(["verify", "--json"])
"""


def test_an_interrupt_during_a_garbage_collection_is_not_lost():
    """Hypothesis has a callback there, out of which no exception comes: 1 in 20 signals hits it."""
    done = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 3
    assert [list(json.loads(line)) for line in done.stdout.splitlines()] == [["run"]]
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr


# -- bad input: targets -------------------------------------------------------------------------

BAD_TARGETS = [
    # argument, value and what was expected, all on the error line
    ("nothing", ["target", "'nothing'", "isan, parity, fourier, copy, spike"]),
    ("", ["target", "''", "a JSON file"]),
    ("Isan:T=2,d=1", ["target", "'Isan:T=2,d=1'"]),
    ("missing.json", ["missing.json", "a readable file", "No such file"]),
    ("isan:T=4", ["parameter d", "missing", "isan:T="]),
    ("isan:T=4,d=2,size=3", ["isan", "'size=3'", "T, k, d, seed, kind"]),
    ("isan:T=4,d", ["isan", "'d'", "NAME=VALUE"]),
    ("isan:T=4,d=2,d=3", ["parameter d", "'d=3'", "once"]),
    ("isan:T=x,d=2", ["parameter T", "'x'", "an integer"]),
    ("isan:T=1.5,d=2", ["parameter T", "'1.5'", "an integer"]),
    ("isan:T=,d=2", ["parameter T", "''", "an integer"]),
    ("isan:T=0,d=2", ["T", "0", "at least 1"]),
    ("isan:T=-3,d=2", ["T", "-3", "at least 1"]),
    ("isan:T=4,k=1,d=2", ["k", "1", "at least 2"]),
    ("isan:T=4,d=0", ["d", "0", "at least 1"]),
    ("isan:T=4,d=2,seed=-1", ["seed", "-1", "at least 0"]),
    ("isan:T=4,d=2,kind=odd", ["kind", "'odd'", "rotation, dense, sparse, permutation, nilpotent"]),
    ("parity:n=0,secret=", ["n", "0", "at least 1"]),
    ("parity:n=3,secret=10", ["secret", "'10'", "3 characters 0 or 1"]),
    ("parity:n=3,secret=1a1", ["secret", "'1a1'", "3 characters 0 or 1"]),
    ("parity:n=3,secret=101,nu=1/2", ["nu", "1/2", "(0, 1/2)"]),
    ("parity:n=3,secret=101,nu=0", ["nu", "0", "(0, 1/2)"]),
    ("parity:n=3,secret=101,nu=-1/10", ["nu", "-1/10", "(0, 1/2)"]),
    ("parity:n=3,secret=101,nu=1/0", ["nu", "'1/0'", "denominator"]),
    ("parity:n=3,secret=101,nu=half", ["nu", "'half'", "a number"]),
    ("parity:n=3,secret=101,nu=nan", ["nu", "'nan'", "finite"]),
    ("parity:n=3,secret=101,nu=inf", ["nu", "'inf'", "finite"]),
    ("fourier:n=2,terms=11", ["terms", "'11'", ":"]),
    ("fourier:n=2,terms=", ["terms", "''"]),
    ("fourier:n=2,terms=111:1", ["terms", "'111'", "2 characters 0 or 1"]),
    ("fourier:n=2,terms=11:0", ["terms[11]", "'0'", "nonzero"]),
    ("fourier:n=2,terms=11:x", ["terms[11]", "'x'", "a number"]),
    ("fourier:n=2,terms=11:1;11:2", ["terms", "'11'", "different"]),
    ("copy:n=0", ["n", "0", "at least 1"]),
    ("copy:n=2,k=1", ["k", "1", "at least 2"]),
    ("copy:n=2,c=0", ["c", "0", "at least 1"]),
    ("spike:T=0", ["T", "0", "at least 1"]),
    ("spike:", ["parameter T", "missing", "spike:T="]),
]


@pytest.mark.parametrize(("target", "names"), BAD_TARGETS, ids=[t for t, _ in BAD_TARGETS])
def test_bad_targets(target, names):
    line = refused("rank", target, names=names)
    assert " must be " in line
    assert ", not " in line


@pytest.mark.parametrize("command", [["learn"], ["sample"], ["distance", "spike:T=4"], ["rank"]])
def test_every_command_refuses_a_bad_target(command):
    assert refused(*command, "spike:T=0", "--json") == (
        "Error: T must be an integer of at least 1, not 0"
    )


def test_a_name_of_two_lines_makes_one_error_line():
    line = refused("rank", "two\nlines.json", names=["a readable file"])
    assert "lines.json" in line


def test_a_target_longer_than_any_file_name():
    refused("rank", "x" * 5000, names=["target"])
    sets = ["".join("1" if i == j else "0" for j in range(60)) for i in range(6)]
    target = "fourier:n=60,terms=" + ";".join(f"{s}:1/2" for s in sets)
    assert max(json_of("rank", target)["cut_ranks"]) == 2  # what is read, and what is to come


def test_an_integer_that_is_too_long_is_not_called_no_integer():
    """The line says what was expected, and 1000000000 is an integer."""
    line = refused("rank", "spike:T=1000000000", names=["T", "1000000000"])
    assert not line.endswith("must be an integer, not '1000000000'")


# -- bad input: files ---------------------------------------------------------------------------


BAD_FILES = {
    "k below 2": (changed(alphabet_size=1), ["alphabet_size", "1", "at least 2"]),
    "k not an integer": (changed(alphabet_size=2.0), ["alphabet_size", "2.0", "integer"]),
    "k true": (changed(alphabet_size=True), ["alphabet_size", "True", "integer"]),
    "T below 1": (changed(horizon=0), ["horizon", "0", "at least 1"]),
    "T a string": (changed(horizon="2"), ["horizon", "'2'", "integer"]),
    "unknown kind": (changed(kind="hmm"), ["kind", "'hmm'", "isan, learned, uniform"]),
    "unknown format": (changed(format=2), ["format", "2", "1"]),
    "unknown field": (changed(colour="red"), ["colour", "'red'", "no such field"]),
    "unknown unit": (changed(logit_unit="bit"), ["logit_unit", "'bit'", "nat"]),
    "unit ln 1": (changed(logit_unit="ln 1"), ["logit_unit", "'ln 1'", "q > 1"]),
    "unit ln 1/0": (changed(logit_unit="ln 1/0"), ["logit_unit", "1/0", "denominator"]),
    "unknown arithmetic": (changed(arithmetic="int8"), ["arithmetic", "'int8'", "exact"]),
    "no state": (changed(initial_state=[]), ["initial_state", "0", "at least one"]),
    "state a string": (changed(initial_state="12"), ["initial_state", "'12'", "a list"]),
    "not rational": (changed(initial_state=["1", "x"]), ["initial_state[1]", "'x'", "rational"]),
    "decimal": (changed(initial_state=["1", "0.5"]), ["initial_state[1]", "'0.5'", "rational"]),
    "plus sign": (changed(initial_state=["1", "+1"]), ["initial_state[1]", "'+1'", "rational"]),
    "space": (changed(initial_state=["1", " 1"]), ["initial_state[1]", "' 1'", "rational"]),
    "JSON float": (changed(initial_state=["1", 0.5]), ["initial_state[1]", "0.5", "rational"]),
    "zero denominator": (
        changed(initial_state=["1", "1/0"]),
        ["initial_state[1]", "'1/0'", "nonzero denominator"],
    ),
    "dimensions disagree": (
        changed(initial_state=["1", "1", "1"]),
        ["transitions[0][0]", "3 x 3", "a list of 2"],
    ),
    "no steps": (changed(transitions=[]), ["transitions", "1 or 2 steps", "a list of 0"]),
    "too many steps": (
        changed(transitions=[[GRID, GRID]] * 3),
        ["transitions", "1 or 2 steps", "a list of 3"],
    ),
    "a token's matrix missing": (
        changed(transitions=[[GRID]]),
        ["transitions[0]", "2 matrices", "a list of 1"],
    ),
    "a row missing": (
        changed(transitions=[[GRID, [["1", "0"]]]]),
        ["transitions[0][1]", "2 x 2", "a list of 1"],
    ),
    "ragged": (
        changed(transitions=[[[["1", "0"], ["0"]], GRID]]),
        ["transitions[0][0][1]", "2 scalars", "a list of 1"],
    ),
    "a matrix of text": (changed(readouts=[GRID, "ab"]), ["readouts[1]", "2 x 2", "'ab'"]),
    "readouts missing": (changed(readouts=[GRID]), ["readouts", "2 matrices", "a list of 1"]),
    "readouts k x d": (
        changed(readouts=[GRID, [*GRID, ["1", "1"]]]),
        ["readouts[1]", "2 x 2", "a list of 3"],
    ),
    "an entry": (
        changed(readouts=[GRID, [["1", "0"], ["0", "1/0"]]]),
        ["readouts[1][1][1]", "'1/0'", "denominator"],
    ),
    "a list": ([], ["model.json", "[]", "a JSON object"]),
    "a number": (3, ["model.json", "3", "a JSON object"]),
    "strings in a float file": (
        FLOAT | {"initial_state": ["1", "2"]},
        ["initial_state[0]", "'1'", "finite number"],
    ),
    "null in a float file": (
        FLOAT | {"initial_state": [1, None]},
        ["initial_state[1]", "None", "finite number"],
    ),
}


@pytest.mark.parametrize("case", list(BAD_FILES))
def test_bad_files(case):
    value, names = BAD_FILES[case]
    refused("sample", put(value), names=[*names, " must be ", ", not "])


@pytest.mark.parametrize("field", [f for f in ISAN if f not in ("format", "kind")])
def test_missing_fields(field):
    value = {k: v for k, v in ISAN.items() if k != field}
    refused("rank", put(value), names=[field, "missing"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a JSON file"),
        ("{", "a JSON file"),
        (json.dumps(ISAN)[:-20], "a JSON file"),
        ("not json", "a JSON file"),
        ('{"kind": NaN}', "a JSON file"),
        ('{"kind": -Infinity}', "a JSON file"),
        ("[" * 33 + "]" * 33, "nested at most 32 deep"),
        ('{"a":' * 40 + "1" + "}" * 40, "nested at most 32 deep"),
        ("[" * 100_000, "nested at most 32 deep"),
        ('{"alphabet_size": ' + "9" * 5000 + "}", "a JSON file"),
    ],
    ids=[
        "empty",
        "truncated at once",
        "truncated",
        "text",
        "NaN",
        "infinity",
        "33 deep",
        "40 objects deep",
        "100000 deep",
        "5000 digits",
    ],
)
def test_text_that_is_no_model(text, expected):
    Path("model.json").write_text(text, encoding="utf-8")
    refused("rank", "model.json", names=["model.json", expected])


def test_a_number_beyond_the_doubles():
    text = json.dumps(FLOAT).replace("[1.0, -0.5]", "[1.0, 1e400]")
    Path("model.json").write_text(text, encoding="utf-8")
    refused("sample", "model.json", names=["initial_state[1]", "inf", "finite"])


def test_bytes_that_are_no_text():
    Path("model.json").write_bytes(b"\xff\xfe{\x00}")
    refused("rank", "model.json", names=["model.json", "UTF-8"])


def test_a_folder_is_no_model():
    Path("model.json").mkdir()
    refused("rank", "model.json", names=["model.json", "a readable file"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read():
    Path(put(ISAN)).chmod(0)
    refused("rank", "model.json", names=["model.json", "Permission denied"])


def test_a_file_over_64_mb_is_refused_before_parsing(monkeypatch):
    with open("model.json", "wb") as stream:
        stream.truncate(64 * 1024 * 1024 + 1)

    def never(*arguments, **options):
        raise AssertionError("read or parsed")

    monkeypatch.setattr(json, "loads", never)
    monkeypatch.setattr(Path, "read_bytes", never)
    refused("rank", "model.json", names=["model.json", "67108864 bytes", "67108865 bytes"])


def test_deep_nesting_is_refused_before_parsing(monkeypatch):
    Path("model.json").write_text("[" * 33 + "]" * 33, encoding="utf-8")

    def never(*arguments, **options):
        raise AssertionError("parsed")

    monkeypatch.setattr(json, "loads", never)
    refused("rank", "model.json", names=["model.json", "32"])


@pytest.mark.parametrize(
    ("place", "value", "names"),
    [
        (("cuts",), [], ["cuts", "a list of 3"]),
        (("cuts", 1), 7, ["cuts[1]", "7", "histories, futures and rows"]),
        (("cuts", 1, "histories", 0), [2], ["cuts[1].histories", "[2]", "tokens 0..1"]),
        (("cuts", 1, "histories", 0), [-1], ["cuts[1].histories", "[-1]", "tokens 0..1"]),
        (("cuts", 1, "histories", 0), [True], ["cuts[1].histories", "[True]", "tokens 0..1"]),
        (("cuts", 1, "histories", 0), ["0"], ["cuts[1].histories", "['0']", "tokens 0..1"]),
        (("cuts", 1, "histories", 0), [0, 1], ["cuts[1].histories", "[0, 1]", "1 tokens"]),
        (("cuts", 1, "histories", 0), [], ["cuts[1].histories", "[]", "1 tokens"]),
        (("cuts", 2, "histories", 0), [0] * 9, ["cuts[2].histories", "[0, 0,", "2 tokens"]),
        (("cuts", 1, "futures"), [[0]], ["cuts[1].futures", "[[0]]", "one-token futures"]),
        (("cuts", 1, "futures", 1), [5], ["cuts[1].futures", "[5]", "tokens 0..1"]),
        (("cuts", 1, "rows", 0), ["1"], ["cuts[1].rows[0]", "a list of 1"]),
        (("cuts", 1, "rows", 0, 0), "x", ["cuts[1].rows[0][0]", "'x'", "rational"]),
        (("cuts", 1, "rows", 0, 0), "1/0", ["cuts[1].rows[0][0]", "'1/0'", "denominator"]),
        (("cuts", 1, "rows"), [], ["cuts[1].rows", "a list of 0"]),
        (("last_futures",), 3, ["last_futures", "3", "a list"]),
        (("horizon",), 5, ["cuts", "a list of 4", "a list of 3"]),
        (("horizon",), 0, ["horizon", "0", "at least 1"]),
        (("alphabet_size",), 3, ["cuts[0].futures", "one-token futures"]),
    ],
)
def test_bad_learned_files(place, value, names):
    call("learn", SMALL, *QUICK, "--out", "model.json")
    model = json.loads(Path("model.json").read_text(encoding="utf-8"))
    *way, last = place
    inner = model
    for step in way:
        inner = inner[step]
    inner[last] = value
    refused("sample", put(model), names=names)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sample", "model.json"], 2),
        (["learn", "model.json", "--arithmetic", "float"], 2),
        (["distance", "model.json", "model.json"], 2),
        (["distance", "model.json", "spike:T=3"], 2),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_a_float_model_that_overflows_is_refused(command, code):
    """Finite entries, infinite logits."""
    put(
        {
            "kind": "isan",
            "alphabet_size": 2,
            "horizon": 3,
            "logit_unit": "nat",
            "arithmetic": "float64",
            "initial_state": [1.0],
            "transitions": [[[[1e200]], [[1e200]]]] * 2,
            "readouts": [[[1.0], [-1.0]]] * 3,
        }
    )
    done = real(*command, code=code)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert sum(line.startswith("Error: ") for line in done.stderr.splitlines()) == 1


def test_a_float_model_with_the_largest_doubles_is_refused_or_read():
    """Centring its readouts overflows."""
    big = [[1e308, 1e308], [-1e308, 1e308]]
    put(FLOAT | {"readouts": [big, big]})
    result = CliRunner().invoke(main, ["sample", "model.json", "-n", "1"])
    assert isinstance(result.exception, SystemExit | None), repr(result.exception)
    assert result.exit_code in (0, 2)


# -- bad input: options -------------------------------------------------------------------------

BAD_OPTIONS = [
    (["--epsilon", "1.5"], ["epsilon", "1.5", "(0, 1)"]),
    (["--epsilon", "1"], ["epsilon", "1", "(0, 1)"]),
    (["--epsilon", "0"], ["epsilon", "0", "(0, 1)"]),
    (["--epsilon", "-0.1"], ["epsilon", "-0.1", "(0, 1)"]),
    (["--epsilon", "nan"], ["epsilon", "'nan'", "finite"]),
    (["--epsilon", "inf"], ["epsilon", "'inf'", "finite"]),
    (["--epsilon", "1/0"], ["epsilon", "'1/0'", "denominator"]),
    (["--epsilon", "small"], ["epsilon", "'small'", "a number"]),
    (["--epsilon", ""], ["epsilon", "''", "a number"]),
    (["--delta", "0"], ["delta", "0", "(0, 1)"]),
    (["--delta", "1"], ["delta", "1", "(0, 1)"]),
    (["--delta", "2"], ["delta", "2", "(0, 1)"]),
    (["--delta", "x"], ["delta", "'x'", "a number"]),
    (["--xi", "-0.001"], ["xi", "-0.001", ">= 0"]),
    (["--xi", "nan"], ["xi", "'nan'", "finite"]),
    (["--xi", "1"], ["xi", "1/200", "not 1", "too coarse"]),  # 2 epsilon / T
    (["--xi", "1/200"], ["xi", "1/200", "too coarse"]),
    (["--epsilon", "0.1", "--xi", "0.05"], ["xi", "0.05", "below 2 epsilon / T = 1/20"]),
    (["--noise", "loud"], ["noise", "'loud'", "none, random, adversarial, rounding"]),
    (["--noise", "loud", "--xi", "1e-6"], ["noise", "'loud'", "none, random"]),
    (["--noise", "random"], ["xi", "'0'", "positive"]),
    (["--algorithm", "magic"], ["algorithm", "'magic'", "printed"]),
    (["--arithmetic", "int8"], ["arithmetic", "'int8'", '"exact" or "float"']),
    (["--samples", "0"], ["--samples", "'0'", "at least 1"]),
    (["--samples", "1.5"], ["--samples", "'1.5'", "an integer"]),
    (["--samples", "-1"], ["--samples", "'-1'", "at least 1"]),
    (["--max-epochs", "0"], ["--max-epochs", "'0'", "at least 1"]),
    (["--max-epochs", "many"], ["--max-epochs", "'many'", "an integer"]),
    (["--samples", "9"], ["--samples", "'9'", "left out, or used with --algorithm printed"]),
    (["--calls", "90"], ["--calls", "'90'", "left out, or used with --algorithm shared"]),
    (
        ["--algorithm", "printed", "--calls", "90"],
        ["--calls", "'90'", "left out, or used with --algorithm shared"],
    ),
    (
        ["--algorithm", "shared", "--max-epochs", "9"],
        ["--max-epochs", "'9'", "left out with --algorithm shared"],
    ),
    (["--seed", "-1"], ["--seed", "'-1'", "at least 0"]),
    (["--seed", "x"], ["--seed", "'x'", "an integer"]),
    (["--out", "missing/model.json"], ["--out", "'missing/model.json'", "a folder that exists"]),
    (["--out", "."], ["--out", "'.'", "can be written"]),
    (["--out", ""], ["--out", "''", "can be written"]),
]


@pytest.mark.parametrize(
    ("options", "names"), BAD_OPTIONS, ids=[" ".join(o) for o, _ in BAD_OPTIONS]
)
def test_bad_options_of_learn(options, names):
    refused("learn", "spike:T=4", *options, "--json", names=[*names, " must be ", ", not "])


def test_an_epsilon_too_small_to_draw_for_is_refused():
    """Some 10^22 words, more than can be counted in 64 bits."""
    refused("learn", "isan:T=3,k=2,d=1", "--epsilon", "1e-20", names=["epsilon"])


def test_bad_options_are_refused_before_the_work(monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("learning has begun")

    monkeypatch.setattr(api.PrintedLearner, "epochs", never)
    for options, names in BAD_OPTIONS:
        refused("learn", "spike:T=4", *options, names=names)


def test_nothing_is_written_where_a_later_option_is_bad():
    refused("learn", "spike:T=4", "--out", "model.json", "--epsilon", "2", names=["epsilon"])
    refused("learn", "spike:T=4", "--out", "model.json", "--noise", "loud", names=["noise"])


def test_a_name_that_is_too_long_for_a_file():
    refused("learn", "spike:T=2", "--out", "x" * 300 + ".json", names=["--out"])


def test_a_file_is_no_folder_for_out():
    Path("file").write_text("", encoding="utf-8")
    refused("learn", "spike:T=2", "--out", "file/model.json", names=["--out", "folder that exists"])


def test_an_old_model_survives_a_refusal():
    put(ISAN, "old.json")
    before = Path("old.json").read_bytes()
    refused("learn", "spike:T=4", "--out", "old.json", "--delta", "2", names=["delta"])
    assert Path("old.json").read_bytes() == before


def test_float_targets_have_float_oracles():
    put(FLOAT)
    refused("learn", "model.json", names=["--arithmetic", "'exact'", "float64"])
    refused(
        *["learn", "model.json", "--arithmetic", "float", "--xi", "1e-6", "--noise", "random"],
        names=["--noise", "'random'", "float64"],
    )
    refused("rank", "model.json", names=["float64", "exact"])


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["sample", "spike:T=4", "-n", "0"], ["-n", "'0'", "at least 1"]),
        (["sample", "spike:T=4", "-n", "ten"], ["-n", "'ten'", "an integer"]),
        (["sample", "spike:T=4", "-n", "-5"], ["-n", "'-5'", "at least 1"]),
        (["sample", "spike:T=4", "--seed", "-1"], ["--seed", "'-1'", "at least 0"]),
        (["sample", "spike:T=4", "--seed", "1e3"], ["--seed", "'1e3'", "an integer"]),
        (["distance", "spike:T=4", "spike:T=5"], ["horizon", "4", "5"]),
        (["distance", "spike:T=4", "copy:n=2,k=3"], ["alphabet_size", "2", "3"]),
        (["distance", "spike:T=4", "spike:T=4", "--width", "0"], ["--width", "'0'", "positive"]),
        (["distance", "spike:T=4", "spike:T=4", "--width", "-1"], ["--width", "'-1'", "positive"]),
        (["distance", "spike:T=4", "spike:T=4", "--width", "x"], ["--width", "'x'", "a number"]),
        (["distance", "spike:T=4", "spike:T=4", "--width", "nan"], ["--width", "'nan'", "finite"]),
        (
            ["distance", "spike:T=4", "isan:T=4,k=2,d=1", "--width", "1e-9999"],
            ["--width", "1e-9999"],
        ),
        (["verify", "lemma-0"], ["claim", "'lemma-0'", "lemma-5.9"]),
        (["verify", "lemma-5.3", "lemma-0"], ["claim", "'lemma-0'", "lemma-5.9"]),
        (["verify", "--profile", "weekly"], ["--profile", "'weekly'", "quick, ci, nightly"]),
        (["verify", "--seed", "x"], ["--seed", "'x'", "an integer"]),
    ],
    ids=lambda x: " ".join(x),
)
def test_bad_arguments_of_the_other_commands(arguments, names):
    refused(*arguments, "--json", names=names)


@pytest.mark.parametrize("seed", ["9" * 18, "9" * 19])
def test_a_seed_is_taken_or_refused_for_what_it_is(seed):
    """A long integer is an integer of at least 0."""
    result = CliRunner().invoke(main, ["sample", "spike:T=2", "--seed", seed])
    assert result.exit_code in (0, 2)
    if result.exit_code == 2:
        assert "must be an integer of at least 0, not" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["rank"], ["TARGET"]),
        (["distance", "spike:T=4"], ["SECOND"]),
        (["rank", "spike:T=4", "extra"], ["extra"]),
        (["rank", "spike:T=4", "--colour"], ["--colour"]),
        (["learn", "spike:T=4", "--epsilon"], ["--epsilon"]),
        (["nothing"], ["nothing"]),
        (["targets", "extra"], ["extra"]),
    ],
    ids=lambda x: " ".join(x),
)
def test_bad_usage(arguments, names):
    refused(*arguments, names=names)


def test_no_command_shows_the_commands():
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "Usage: " in result.output
    assert "learn" in result.output


def test_plugins_cannot_hide_a_command():
    """A command of the core goes before one of the same name elsewhere."""
    shown = call("--help").stdout.split("Commands:")[1]
    names = [
        line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "
    ]
    assert len(names) == len(set(names))
    assert {"rank", "learn", "sample", "distance", "targets", "verify"} <= set(names)


def test_library_errors_without_an_argument_are_one_line_too(monkeypatch):
    def open_question(model):
        raise llr.UndecidedError("sign not decided at 16384 bits")

    monkeypatch.setattr("llr.commands.rank.cut_ranks", open_question)
    refused("rank", "spike:T=3", names=["not decided"])


def test_a_certificate_that_bounds_nothing_says_so(tmp_path):
    files = [str(tmp_path / name) for name in ("model.json", "proof.json")]
    learn = ["learn", "isan:T=6,k=3,d=4", "--arithmetic", "float", "--rank", "1"]
    learn += ["--epsilon", "0.5", "--out", files[0], "--certificate", files[1]]
    shown = CliRunner().invoke(main, learn).stdout
    assert re.search(r"certificate +says nothing: TV <= 1 \(\d+ of \d+ fresh words fail\)", shown)
    found = CliRunner().invoke(main, ["check", files[1], files[0], "isan:T=6,k=3,d=4"]).stdout
    assert re.search(r"TV\(target, model\) <= +1 \(says nothing\)", found)


@pytest.mark.parametrize("words", ["verify lemma-5.33", "bound lemma-5.33", "rank nothing"])
def test_an_error_shows_the_usage_of_its_command(words):
    lines = call(*words.split(), code=2).stderr.splitlines()
    assert lines[0].split()[2] == words.split()[0]
    assert lines[1].split()[2] == words.split()[0]
    assert "lemma-5.3, " in lines[-1] or words == "rank nothing"
    assert len(lines[-1]) < 200

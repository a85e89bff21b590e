"""Every statement that test_bounds.py leaves, against values computed another way."""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import pairwise, product
from math import comb
from pathlib import Path

import mpmath
import pytest
from flint import ctx, fmpq

import llr
from bounds import (
    STATEMENTS,
    HypothesisError,
    access,
    potential,
    queries,
    softmax,
    spanner,
    theorem,
    transfer,
    validation,
)
from bounds.statement import substituted
from llr.models.families import generic_cut_ranks
from llr.models.logits import probability_ranks
from llr.numbers import balls
from llr.numbers.balls import Real
from llr.numbers.binomial import tail_ball
from llr.numbers.rational import parse

DIGITS = 60


def mp(x):
    """A rational of any kind, or a string p/q, as an mpmath number."""
    numerator, denominator = (x.p, x.q) if isinstance(x, fmpq) else Fraction(x).as_integer_ratio()
    return mpmath.mpf(int(numerator)) / mpmath.mpf(int(denominator))


def assert_is(found, wanted):
    """A Real encloses the number that ``wanted()`` computes with 60 digits, to 40 digits."""
    with mpmath.workdps(DIGITS):
        value = mpmath.mpf(wanted())
        size = max(1, int(abs(value)) + 1)
        enclosure = found.enclosure(Fraction(size, 10**42))
        slack = size * mpmath.mpf(10) ** -50
        assert mp(enclosure.lower) - slack <= value <= mp(enclosure.upper) + slack


def assert_ceiling(found, wanted):
    """An int is the ceiling of what ``wanted()`` computes with 60 digits."""
    with mpmath.workdps(DIGITS):
        value = wanted()
        assert abs(value - mpmath.nint(value)) > mpmath.mpf(10) ** -40  # else 60 digits say nothing
        assert found == int(mpmath.ceil(value))


def evaluate(identifier, arguments):
    return STATEMENTS[identifier].function(**arguments)


def ln(x):
    return mpmath.log(mp(x))


def sigma(x):
    return 1 / (1 + mpmath.exp(-x))


def rational(x):
    return Fraction(int(x.p), int(x.q))


# -- rational values, by hand -------------------------------------------------------------------

RATIONAL = [
    ("lemma-5.2", {"n": 3, "r": 0, "eta": "1/2"}, "1/8"),
    ("lemma-5.2", {"n": 2, "r": 2, "eta": "1/2"}, "9/4"),  # 1/4 + 2/2 + 1
    ("lemma-5.2", {"n": 4, "r": 1, "eta": "1/3"}, "112/81"),  # 16/81 + 4 . 8/27
    ("lemma-5.7-printed", {"mean": "3/4"}, "3/4"),
    ("lemma-5.7", {"g": "1/8", "tail": "1/3"}, "11/24"),
    ("lemma-5.7", {"g": 0, "tail": 1}, "1"),
    ("lemma-5.7-sharp", {"n": 3, "delta": "1/8"}, "1/2"),
    ("lemma-5.7-sharp", {"n": 1, "delta": "2/7"}, "5/7"),
    ("lemma-5.8", {"t": 1, "g": 9, "xi": "1/7"}, "1/7"),
    ("lemma-5.8", {"t": 6, "g": "1/10", "xi": "1/4"}, "3/4"),
    ("lemma-5.9-printed", {"means": ["1/6", 0, "1/3", 1]}, "3/2"),
    ("lemma-5.9-printed", {"means": []}, "0"),
    ("lean-transfer", {"horizon": 1, "p_bad": "1/5", "tau": 9, "xi": "1/5"}, "3/10"),
    ("lean-transfer", {"horizon": 2, "p_bad": "1/5", "tau": 9, "xi": 0}, "1/5"),
    ("lean-transfer", {"horizon": 3, "p_bad": "1/4", "tau": "1/8", "xi": 0, "exact": 1}, "3/8"),
    ("lean-transfer", {"horizon": 5, "p_bad": "1/8", "tau": "1/6", "xi": "1/20"}, "1/2"),
    ("corollary-5.15-label", {"total_variation": "1/9"}, "2/9"),
    ("corollary-5.15-inputs", {"total_variation": "1/9", "inputs": "1/18"}, "1/6"),
    ("corollary-5.15-inputs", {"total_variation": 1, "inputs": 1}, "2"),
    ("lean-localisation", {"t": 6, "tau": "3/10"}, "1/20"),
    ("lean-localisation", {"t": 1, "tau": 0}, "0"),
    ("alpha-gamma-2", {"rank": 3, "lam": "5/6"}, "25/12"),
    ("alpha-gamma-2", {"rank": 0, "lam": 7}, "0"),
    ("fact-b.2", {"squared_distance": "3/7"}, "3/7"),
    ("fact-b.2-sharp", {"squared_distance": "4/7"}, "1/7"),
    ("fact-b.2-range", {"width": "2/3"}, "1/18"),
    ("remark-5.8-floor", {"lam": 0, "alphabet_size": 5}, "1/5"),
    (
        "theorem-5.11-printed",
        {"horizon": 2, "alphabet_size": 3, "rank": 2, "epsilon": "1/10"},
        27 * 8192 * 16 * 10**4,
    ),
    (
        "theorem-5.11-printed",
        {"horizon": 1, "alphabet_size": 2, "rank": 1, "epsilon": "2", "constant": "3/2"},
        "3/4",
    ),
    ("theorem-5.11-mausberg", {"horizon": 2, "rank": 3, "epsilon": "1/10"}, 128 * 27 * 100),
    (
        "theorem-5.11-mausberg",
        {"horizon": 2, "rank": 1, "epsilon": 1, "constant": "1/64"},
        2,
    ),
    (
        "theorem-5.14",
        {"samples": 10, "horizon": 3, "alphabet_size": 2, "average": "1/9", "delta": "1/5"},
        2000,
    ),
    ("alpha", {"rank": 3, "lam": "5/6"}, "5/2"),
    ("alpha", {"rank": 0, "lam": 7}, "0"),
]


@pytest.mark.parametrize(("identifier", "arguments", "value"), RATIONAL)
def test_rational_values_by_hand(identifier, arguments, value):
    found = evaluate(identifier, arguments).exact
    assert found is not None
    assert rational(found) == Fraction(value)


FMPQ = [
    ("spanner-coverage", {"n": 9, "r": 3}, "3/10"),
    ("spanner-coverage", {"n": 1, "r": 0}, "0"),
    ("hard-teacher", {"copies": 0, "strength": 1}, "1/5"),
    ("hard-teacher", {"copies": 1, "strength": 1}, "9/25"),
    ("hard-teacher", {"copies": 2, "strength": 2}, "817/4913"),  # 1 - (16/17)^3
    ("counting-limit", {"alphabet_size": 2, "cut_ranks": [1]}, "1"),
    ("counting-limit", {"alphabet_size": 2, "cut_ranks": [1, 1]}, "3"),  # "", "0" and "1"
    ("counting-limit", {"alphabet_size": 3, "cut_ranks": [1, 2, 1]}, "15/2"),  # (12 + 8 - 5) / 2
    ("clopper-pearson", {"n": 7, "failures": 7, "delta": "1/9"}, "1"),
]


@pytest.mark.parametrize(("identifier", "arguments", "value"), FMPQ)
def test_plain_rationals_by_hand(identifier, arguments, value):
    found = evaluate(identifier, arguments)
    assert isinstance(found, fmpq)
    assert rational(found) == Fraction(value)


INTEGERS = [
    ("lemma-5.1-exact", {"d": 1}, 1),
    ("lemma-5.1-exact", {"d": 7}, 7),
    ("pool-additions", {"volume_ratios": []}, 0),
    ("pool-additions", {"volume_ratios": [1]}, 1),
    ("pool-additions", {"volume_ratios": ["199/100"]}, 1),
    ("pool-additions", {"volume_ratios": [2]}, 2),
    ("pool-additions", {"volume_ratios": ["399/100", 4, 1, 1000]}, 2 + 3 + 1 + 10),
    ("pool-additions", {"volume_ratios": [balls.exp(1), balls.exp(10)]}, 2 + 15),
    ("lemma-5.2-mausberg", {"m": 1, "eta": "1/2", "delta": "1/2"}, 4 * (2 + 2)),
    ("lemma-5.2-mausberg", {"m": 3, "eta": "1/10", "delta": "1/50"}, 20 * (3 * 6 + 8)),
]


@pytest.mark.parametrize(("identifier", "arguments", "value"), INTEGERS)
def test_integers_by_hand(identifier, arguments, value):
    found = evaluate(identifier, arguments)
    assert type(found) is int
    assert found == value


# -- irrational values, by mpmath ---------------------------------------------------------------

REAL = [
    (
        "lemma-5.2",
        {"n": 5000, "r": 2, "eta": "1/300"},
        lambda: mpmath.fsum(
            mpmath.binomial(5000, i) * (1 - mp("1/300")) ** (5000 - i) for i in range(3)
        ),
    ),
    (
        "lemma-5.2",
        {"n": 50, "r": 1, "eta": balls.exp(-2)},
        lambda: (1 - mpmath.exp(-2)) ** 50 + 50 * (1 - mpmath.exp(-2)) ** 49,
    ),
    (
        "lemma-5.2-simple",
        {"n": 40, "r": 2, "eta": "1/9"},
        lambda: 3 * mpmath.mpf(40) ** 2 * mpmath.exp(mp("-38/9")),
    ),
    (
        "lemma-5.1-printed",
        {"w": 3, "d": 2, "b": "5/2", "r": 4, "e": "1/10", "constant": "7/3"},
        lambda: mp("14/3") * ln(300),
    ),
    (
        "lemma-5.7-sharp",
        {"n": 10**12, "delta": "1/100"},
        lambda: -mpmath.expm1(ln("1/100") / 10**12),
    ),
    ("lemma-5.7-sharp", {"n": 2, "delta": "1/3"}, lambda: 1 - mpmath.sqrt(mp("1/3"))),
    ("needle", {"length": 0}, lambda: mpmath.tanh(1) / 2),
    ("needle", {"length": 9}, lambda: mpmath.tanh(1) / 1024),
    (
        "scalar-lower-bound",
        {"horizon": 32, "xi": "1/6"},
        lambda: mp("36/30") * mpmath.exp(64),
    ),
    (
        "scalar-lower-bound",
        {"horizon": 40, "xi": "1/50"},
        lambda: mp("2500/30") * mpmath.exp(80),
    ),
    (
        "remark-5.8-floor",
        {"lam": "3/2", "alphabet_size": 3},
        lambda: mpmath.exp(-3) / 3,
    ),
    (
        "corollary-5.15",
        {"label": "1/100"},
        lambda: mp("1/200") / (mpmath.exp(-2) / (1 + mpmath.exp(-2)) ** 2),
    ),
    ("lemma-5.8", {"t": 4, "g": balls.log(2), "xi": balls.exp(-1)}, lambda: ln(8) + mpmath.exp(-1)),
    (
        "lean-transfer",
        {"horizon": 5, "p_bad": balls.exp(-3), "tau": balls.log(2), "xi": balls.exp(-5)},
        lambda: mpmath.exp(-3) + 3 * ln(2) / 2 + 5 * mpmath.exp(-5) / 2,
    ),
    (
        "lemma-5.9-printed",
        {"means": [balls.exp(-1), "1/2"]},
        lambda: mpmath.exp(-1) + mp("1/2"),
    ),
    ("fact-b.2", {"squared_distance": balls.log(5)}, lambda: ln(5)),
    ("fact-b.2-sharp", {"squared_distance": balls.log(5)}, lambda: ln(5) / 4),
    ("fact-b.2-range", {"width": balls.log(5)}, lambda: ln(5) ** 2 / 8),
    ("lemma-5.7-printed", {"mean": balls.exp(-1)}, lambda: mpmath.exp(-1)),
    ("lemma-5.7", {"g": balls.exp(-1), "tail": balls.exp(-2)}, lambda: sum_of_exps()),
    ("corollary-5.15-label", {"total_variation": balls.exp(-1)}, lambda: 2 * mpmath.exp(-1)),
    ("alpha", {"rank": 4, "lam": balls.log(3)}, lambda: 4 * ln(3)),
    ("alpha-gamma-2", {"rank": 5, "lam": balls.log(3)}, lambda: 5 * ln(3) ** 2),
    ("lean-localisation", {"t": 7, "tau": balls.log(3)}, lambda: ln(3) / 7),
    (
        "corollary-5.15-inputs",
        {"total_variation": balls.exp(-1), "inputs": balls.exp(-2)},
        lambda: mpmath.exp(-1) + mpmath.exp(-2),
    ),
    (
        "theorem-5.14",
        {
            "samples": 5,
            "horizon": 2,
            "alphabet_size": 3,
            "average": balls.exp(-4),
            "delta": "1/2",
        },
        lambda: 1800 * mpmath.exp(-4),
    ),
]


def sum_of_exps():
    return mpmath.exp(-1) + mpmath.exp(-2)


@pytest.mark.parametrize(("identifier", "arguments", "wanted"), REAL)
def test_irrational_values_by_mpmath(identifier, arguments, wanted):
    found = evaluate(identifier, arguments)
    assert found.exact is None or isinstance(found.exact, fmpq)
    assert_is(found, wanted)


CEILINGS = [
    (
        "lemma-5.2-printed",
        {"m": 4, "eta": "1/7", "delta": "1/20", "constant": "3/2"},
        lambda: mp("3/2") * 49 * (16 + ln(20)),
    ),
    (
        "lemma-5.6-printed",
        {"horizon": 5, "d": 2, "w": 3, "b": 6, "r": "1/2", "e": "1/9", "constant": "1/3"},
        lambda: mp("10/3") * ln(81),
    ),
    (
        "lemma-5.7-words",
        {"horizon": 4, "epochs": 5, "delta": "1/100", "g": "3/1000"},
        lambda: mp("1000/3") * ln(64000),
    ),
    ("attempts", {"attempt": 1, "p": "1/50", "delta": "1/10"}, lambda: 50 * ln(20)),
    ("attempts", {"attempt": 7, "p": "3/50", "delta": "1/10"}, lambda: mp("50/3") * ln(560)),
    (
        "remark-5.8",
        {"alphabet_size": 3, "gamma": "1/9", "xi": "1/4", "zeta": "1/50"},
        lambda: 48 * 9 * 16 * ln(300),
    ),
]


@pytest.mark.parametrize(("identifier", "arguments", "wanted"), CEILINGS)
def test_ceilings_by_mpmath(identifier, arguments, wanted):
    assert_ceiling(evaluate(identifier, arguments), wanted)


# -- hypotheses ---------------------------------------------------------------------------------

PARAMETERS = {"horizon": 4, "alphabet_size": 2, "rank": 2, "epsilon": "1/10", "delta": "1/10"}
PRINTED = PARAMETERS | {"alpha": 1, "xi": "1/1000", "constant": 2}
POTENTIAL = {"w": 2, "d": 2, "b2": 1, "r2": 1, "e": "1/9", "g": 1, "lam": 1}
PRINTED_POTENTIAL = {"w": 3, "d": 2, "b": 1, "r": 1, "e": "1/9", "constant": 1}
EPOCHS = PRINTED_POTENTIAL | {"horizon": 4}
DRAWS = {"m": 2, "eta": "1/9", "delta": "1/9"}
COUNT = {"horizon": 4, "alphabet_size": 2, "epochs": 1, "draws": 1, "words": 1, "width": 1}
BINARY = {"gamma": "1/4", "xi": "1/2", "zeta": "1/10"}
LEAN = {"horizon": 3, "p_bad": 0, "tau": 0, "xi": 0}
QUERIES = {"horizon": 4, "alphabet_size": 2, "rank": 1, "epsilon": "1/9"}
AVERAGE = {"samples": 1, "horizon": 2, "alphabet_size": 2, "average": 0, "delta": "1/2"}

VIOLATIONS = [  # good arguments, the bad ones, the hypothesis named
    ("lemma-5.1", POTENTIAL, {"d": 0}, "d >= 1"),
    ("lemma-5.1", POTENTIAL, {"b2": 0}, "B > 0"),
    ("lemma-5.1", POTENTIAL, {"r2": "-1/2"}, "R > 0"),
    ("lemma-5.1", POTENTIAL, {"e": "-1/2"}, "e >= 0"),
    ("lemma-5.1", POTENTIAL, {"g": "1/9"}, "g > e"),
    ("lemma-5.1", POTENTIAL, {"e": balls.exp(1)}, "g > e"),
    ("lemma-5.1", POTENTIAL, {"lam": 0}, "lam > 0"),
    ("lemma-5.1", POTENTIAL, {"w": -1}, "W >= 0"),
    ("lemma-5.1-printed", PRINTED_POTENTIAL, {"w": 0}, "W >= 1"),
    ("lemma-5.1-printed", PRINTED_POTENTIAL, {"d": 0}, "d >= 1"),
    ("lemma-5.1-printed", PRINTED_POTENTIAL, {"e": 0}, "e > 0"),
    ("lemma-5.1-printed", PRINTED_POTENTIAL, {"b": 0}, "B, R > 0"),
    ("lemma-5.1-printed", PRINTED_POTENTIAL, {"r": -1}, "B, R > 0"),
    ("lemma-5.1-printed", PRINTED_POTENTIAL, {"constant": 0}, "C > 0"),
    ("lemma-5.1-exact", {}, {"d": 0}, "d >= 1"),
    ("lemma-5.6-printed", EPOCHS, {"horizon": 0}, "T >= 1"),
    ("lemma-5.6-printed", EPOCHS, {"constant": -1}, "C > 0"),
    ("lemma-5.2", {"n": 5, "r": 2, "eta": "1/2"}, {"r": -1}, "rank r >= 0"),
    ("lemma-5.2", {"n": 5, "r": 2, "eta": "1/2"}, {"eta": 0}, "0 < eta < 1"),
    ("lemma-5.2", {"n": 5, "r": 2, "eta": "1/2"}, {"eta": 1}, "0 < eta < 1"),
    ("lemma-5.2", {"n": 5, "r": 2, "eta": "1/2"}, {"n": 1}, "N >= max(r, 1)"),
    ("lemma-5.2", {"n": 5, "r": 0, "eta": "1/2"}, {"n": 0}, "N >= max(r, 1)"),
    ("lemma-5.2-simple", {"n": 5, "r": 2, "eta": "1/2"}, {"r": -1}, "rank r >= 0"),
    ("lemma-5.2-simple", {"n": 5, "r": 2, "eta": "1/2"}, {"eta": 2}, "0 < eta < 1"),
    ("lemma-5.2-simple", {"n": 5, "r": 2, "eta": "1/2"}, {"n": 1}, "N >= max(r, 1)"),
    ("lemma-5.2-mausberg", DRAWS, {"m": 0}, "m >= 1"),
    ("lemma-5.2-mausberg", DRAWS, {"eta": 0}, "0 < eta < 1"),
    ("lemma-5.2-mausberg", DRAWS, {"delta": 1}, "0 < delta < 1"),
    ("lemma-5.2-printed", DRAWS | {"constant": 1}, {"eta": 0}, "0 < eta < 1"),
    ("lemma-5.2-printed", DRAWS | {"constant": 1}, {"delta": 0}, "0 < delta < 1"),
    ("lemma-5.2-printed", DRAWS | {"constant": 1}, {"constant": 0}, "C > 0"),
    ("spanner-coverage", {"n": 1, "r": 1}, {"n": 0}, "N >= 1"),
    ("spanner-coverage", {"n": 1, "r": 1}, {"r": -1}, "r >= 0"),
    ("pool-additions", {}, {"volume_ratios": [2, "99/100"]}, "volume ratios >= 1"),
    ("lemma-5.7-printed", {}, {"mean": "-1/9"}, "0 <= E Z <= 1"),
    ("lemma-5.7-printed", {}, {"mean": "10/9"}, "0 <= E Z <= 1"),
    ("lemma-5.7", {"g": 0, "tail": 0}, {"g": "-1/9"}, "g >= 0"),
    ("lemma-5.7", {"g": 0, "tail": 0}, {"tail": "-1/9"}, "0 <= Pr(Z > g) <= 1"),
    ("lemma-5.7", {"g": 0, "tail": 0}, {"tail": 2}, "0 <= Pr(Z > g) <= 1"),
    ("lemma-5.7-words", CEILINGS[2][1], {"horizon": 0}, "T, K >= 1"),
    ("lemma-5.7-words", CEILINGS[2][1], {"epochs": 0}, "T, K >= 1"),
    ("lemma-5.7-words", CEILINGS[2][1], {"delta": 0}, "0 < delta < 1"),
    ("lemma-5.7-words", CEILINGS[2][1], {"g": 0}, "g > 0"),
    ("lemma-5.7-sharp", {"n": 1, "delta": "1/2"}, {"n": 0}, "n >= 1"),
    ("lemma-5.7-sharp", {"n": 1, "delta": "1/2"}, {"delta": 1}, "0 < delta < 1"),
    (
        "clopper-pearson",
        {"n": 3, "failures": 1, "delta": "1/2"},
        {"failures": 4},
        "0 <= f <= n, n >= 1",
    ),
    (
        "clopper-pearson",
        {"n": 3, "failures": 1, "delta": "1/2"},
        {"failures": -1},
        "0 <= f <= n, n >= 1",
    ),
    (
        "clopper-pearson",
        {"n": 3, "failures": 0, "delta": "1/2"},
        {"n": 0},
        "0 <= f <= n, n >= 1",
    ),
    ("clopper-pearson", {"n": 3, "failures": 1, "delta": "1/2"}, {"delta": 0}, "0 < delta < 1"),
    ("clopper-pearson", {"n": 3, "failures": 1, "delta": "1/2"}, {"delta": 1}, "0 < delta < 1"),
    ("attempts", CEILINGS[3][1], {"attempt": 0}, "j >= 1"),
    ("attempts", CEILINGS[3][1], {"delta": 1}, "0 < delta < 1"),
    ("attempts", CEILINGS[3][1], {"delta": 0}, "0 < delta < 1"),
    ("lemma-5.8", {"t": 1, "g": 0, "xi": 0}, {"t": 0}, "t >= 1"),
    ("lemma-5.8", {"t": 1, "g": 0, "xi": 0}, {"g": -1}, "g >= 0"),
    ("lemma-5.8", {"t": 1, "g": 0, "xi": 0}, {"xi": -1}, "xi >= 0"),
    ("lemma-5.9-printed", {}, {"means": [0, "-1/9"]}, "means in [0, 1]"),
    ("lemma-5.9-printed", {}, {"means": [balls.exp(1)]}, "means in [0, 1]"),
    ("lemma-5.9-printed", {}, {"means": [0, "10/9"]}, "means in [0, 1]"),
    ("lean-transfer", LEAN, {"horizon": 0}, "T >= 1"),
    ("lean-transfer", LEAN, {"p_bad": -1}, "p_bad >= 0"),
    ("lean-transfer", LEAN, {"xi": -1}, "xi >= 0"),
    ("lean-transfer", LEAN, {"exact": -1}, "exact >= 0"),
    ("lemma-5.10", COUNT, {"horizon": 0}, "T >= 1, k >= 2"),
    ("lemma-5.10", COUNT, {"alphabet_size": 1}, "T >= 1, k >= 2"),
    *(("lemma-5.10", COUNT, {x: -1}, "K, N, n, w >= 0") for x in list(COUNT)[2:]),
    ("counting-limit", {"cut_ranks": [1]}, {"alphabet_size": 1}, "k >= 2, T >= 1"),
    ("counting-limit", {"alphabet_size": 2}, {"cut_ranks": []}, "k >= 2, T >= 1"),
    ("needle", {}, {"length": -1}, "m >= 0"),
    ("scalar-lower-bound", {"horizon": 32, "xi": "1/9"}, {"horizon": 31}, "T >= 32"),
    ("scalar-lower-bound", {"horizon": 32, "xi": "1/9"}, {"xi": 0}, "0 < xi <= 1/6"),
    ("scalar-lower-bound", {"horizon": 32, "xi": "1/9"}, {"xi": "1/5"}, "0 < xi <= 1/6"),
    ("remark-5.8-floor", {"lam": 0, "alphabet_size": 2}, {"lam": "-1/2"}, "lam >= 0"),
    ("remark-5.8-floor", {"lam": 0, "alphabet_size": 2}, {"alphabet_size": 1}, "k >= 2"),
    ("remark-5.8", BINARY | {"alphabet_size": 2}, {"gamma": "2/3"}, "0 < gamma <= 1/2"),
    ("remark-5.8", BINARY | {"alphabet_size": 2}, {"gamma": 0}, "0 < gamma <= 1/2"),
    ("remark-5.8", BINARY | {"alphabet_size": 2}, {"xi": 0}, "xi > 0"),
    ("remark-5.8", BINARY | {"alphabet_size": 2}, {"xi": "11/10"}, "xi <= 1"),
    ("remark-5.8", BINARY | {"alphabet_size": 2}, {"zeta": 1}, "0 < zeta < 1"),
    ("remark-5.8", BINARY | {"alphabet_size": 2}, {"alphabet_size": 1}, "k >= 2"),
    ("remark-5.8-binary", BINARY, {"gamma": "2/3"}, "0 < gamma <= 1/2"),
    ("remark-5.8-binary", BINARY, {"xi": 0}, "xi > 0"),
    ("remark-5.8-binary", BINARY, {"zeta": 0}, "0 < zeta < 1"),
    ("remark-5.9", {"alphabet_size": 2, "lam": 1, "xi": 1, "zeta": "1/2"}, {"lam": -1}, "lam >= 0"),
    ("remark-5.9", {"alphabet_size": 2, "lam": 1, "xi": 1, "zeta": "1/2"}, {"xi": 0}, "xi > 0"),
    ("hard-teacher", {"copies": 1, "strength": 1}, {"copies": -1}, "L >= 0"),
    ("hard-teacher-rank", {"bits": 1}, {"bits": 0}, "n >= 1"),
    ("cauchy-ranks", {"bits": 1}, {"bits": 0}, "n >= 1"),
    ("copy-ranks", {"tokens": 1, "alphabet_size": 2}, {"tokens": 0}, "n >= 1, k >= 2"),
    ("copy-ranks", {"tokens": 1, "alphabet_size": 2}, {"alphabet_size": 1}, "n >= 1, k >= 2"),
    ("lingen", {"cut_rank": 0}, {"cut_rank": -1}, "d_s >= 0"),
    ("hard-teacher", {"copies": 1, "strength": 1}, {"strength": 0}, "c >= 1"),
    ("corollary-5.15-label", {}, {"total_variation": "-1/9"}, "0 <= TV <= 1"),
    ("corollary-5.15-label", {}, {"total_variation": "10/9"}, "0 <= TV <= 1"),
    ("corollary-5.15-inputs", {"inputs": 0}, {"total_variation": "-1/9"}, "0 <= TV <= 1"),
    ("corollary-5.15-inputs", {"inputs": 0}, {"total_variation": "10/9"}, "0 <= TV <= 1"),
    *(
        (
            "corollary-5.15-inputs",
            {"total_variation": "1/9"},
            {"inputs": inputs},
            "0 <= TV(M_x, Q_x) <= TV(M, Q)",
        )
        for inputs in ("-1/9", "2/9")
    ),
    ("lean-localisation", {"t": 1, "tau": 1}, {"t": 0}, "t >= 1"),
    ("lean-localisation", {"t": 1, "tau": 1}, {"tau": "-1/9"}, "tau >= 0"),
    ("corollary-5.15", {}, {"label": "-1/9"}, "label error >= 0"),
    ("fact-b.2", {}, {"squared_distance": "-1/9"}, "|u - v|^2 >= 0"),
    ("fact-b.2-sharp", {}, {"squared_distance": "-1/9"}, "|u - v|^2 >= 0"),
    ("fact-b.2-range", {}, {"width": "-1/9"}, "max(u - v) - min(u - v) >= 0"),
    ("theorem-5.11-printed", QUERIES, {"horizon": 0}, "T >= 1, k >= 2, d >= 1"),
    ("theorem-5.11-printed", QUERIES, {"alphabet_size": 1}, "T >= 1, k >= 2, d >= 1"),
    ("theorem-5.11-printed", QUERIES, {"rank": 0}, "T >= 1, k >= 2, d >= 1"),
    ("theorem-5.11-printed", QUERIES, {"epsilon": 0}, "epsilon > 0"),
    (
        "theorem-5.11-mausberg",
        {"horizon": 4, "rank": 1, "epsilon": 1},
        {"rank": 0},
        "T >= 1, k >= 2, d >= 1",
    ),
    (
        "theorem-5.11-mausberg",
        {"horizon": 4, "rank": 1, "epsilon": 1},
        {"epsilon": -1},
        "epsilon > 0",
    ),
    ("theorem-5.14", AVERAGE, {"samples": 0}, "N_all >= 1"),
    ("theorem-5.14", AVERAGE, {"horizon": 0}, "T >= 1, k >= 2"),
    ("theorem-5.14", AVERAGE, {"alphabet_size": 1}, "T >= 1, k >= 2"),
    ("theorem-5.14", AVERAGE, {"average": "-1/9"}, "eps_avg >= 0"),
    ("theorem-5.14", AVERAGE, {"delta": 0}, "0 < delta < 1"),
    ("alpha", {"rank": 1, "lam": 1}, {"rank": -1}, "d >= 0"),
    ("alpha", {"rank": 1, "lam": 1}, {"lam": -1}, "Lam >= 0"),
    ("alpha-gamma-2", {"rank": 1, "lam": 1}, {"rank": -1}, "d >= 0"),
    ("alpha-gamma-2", {"rank": 1, "lam": 1}, {"lam": -1}, "Lam >= 0"),
    ("parameters-printed", PRINTED, {"horizon": 2}, "T >= 3, k >= 2, d >= 1"),
    ("parameters-printed", PRINTED, {"alphabet_size": 1}, "T >= 3, k >= 2, d >= 1"),
    ("parameters-printed", PRINTED, {"rank": 0}, "T >= 3, k >= 2, d >= 1"),
    ("parameters-printed", PRINTED, {"epsilon": 1}, "epsilon, delta in (0, 1)"),
    ("parameters-printed", PRINTED, {"delta": 0}, "epsilon, delta in (0, 1)"),
    ("parameters-printed", PRINTED, {"delta": 1}, "epsilon, delta in (0, 1)"),
    ("parameters-printed", PRINTED, {"alpha": 0}, "alpha, xi > 0"),
    ("parameters-printed", PRINTED, {"xi": 0}, "alpha, xi > 0"),
    ("parameters-printed", PRINTED, {"constant": "1/2"}, "C >= 1"),
    ("parameters", PARAMETERS, {"horizon": 0}, "T >= 1"),
]


@pytest.mark.parametrize(("identifier", "good", "bad", "hypothesis"), VIOLATIONS)
def test_a_violated_hypothesis_is_named(identifier, good, bad, hypothesis):
    if good and set(bad) <= set(good):
        evaluate(identifier, good)
    with pytest.raises(HypothesisError) as caught:
        evaluate(identifier, good | bad)
    needed, _, found = str(caught.value).rpartition(", not ")
    assert needed == f"{identifier} needs {hypothesis}"
    assert all(str(x) in found for x in bad.values() if isinstance(x, str | int))
    assert (caught.value.statement, caught.value.hypothesis) == (identifier, hypothesis)


AT_THE_END = [
    ("remark-5.8-floor", {"lam": 0, "alphabet_size": 3}, Fraction(1, 3)),
    ("remark-5.9", {"alphabet_size": 2, "lam": 0, "xi": 1, "zeta": "1/2"}, None),
    ("corollary-5.15-label", {"total_variation": 0}, 0),
    ("corollary-5.15-label", {"total_variation": 1}, 2),
    ("corollary-5.15", {"label": 0}, 0),
    ("fact-b.2", {"squared_distance": 0}, 0),
    ("fact-b.2-sharp", {"squared_distance": 0}, 0),
    ("fact-b.2-range", {"width": 0}, 0),
    ("lemma-5.7-printed", {"mean": 0}, 0),
    ("lemma-5.7-printed", {"mean": 1}, 1),
    ("lemma-5.7", {"g": 0, "tail": 0}, 0),
    ("lemma-5.7", {"g": 0, "tail": 1}, 1),
    ("lemma-5.8", {"t": 1, "g": 0, "xi": 0}, 0),
    ("lemma-5.9", {"horizon": 1, "p_bad": 0, "g": 0, "xi": 0}, 0),
    ("lemma-5.9-product", {"horizon": 1, "p_bad": 0, "g": 0, "xi": 0}, 0),
    ("lean-transfer", {"horizon": 1, "p_bad": 0, "tau": 0, "xi": 0}, 0),
    ("lemma-5.9-printed", {"means": [0, 1]}, 1),
    ("hard-teacher", {"copies": 0, "strength": 1}, Fraction(1, 5)),
    ("lemma-5.7-words", {"horizon": 1, "epochs": 1, "delta": "1/2", "g": 1}, 5),  # log 64 = 4.2
]


@pytest.mark.parametrize(("identifier", "arguments", "value"), AT_THE_END)
def test_a_hypothesis_holds_at_its_end(identifier, arguments, value):
    found = evaluate(identifier, arguments)
    if value is None:  # lam = 0: the temperature is 1
        assert found[0].exact == 1
        assert found[1] == evaluate("remark-5.9", arguments | {"lam": 1})[1]
    else:
        assert Real.of(found).exact == fmpq(*Fraction(value).as_integer_ratio())


def test_messages_in_full():
    with pytest.raises(HypothesisError, match=r"^spanner-coverage needs N >= 1, not 0$"):
        spanner.expected_outside(0, 1)
    with pytest.raises(HypothesisError, match=r"^lemma-5.10 needs K, N, n, w >= 0, not \(1, -2, "):
        queries.query_count(4, 2, 1, -2, 3, 4)
    with pytest.raises(HypothesisError, match=r"^theorem-5.14 needs 0 < delta < 1, not 7/5$"):
        theorem.rank_error(1, 2, 2, 0, "7/5")
    with pytest.raises(HypothesisError, match=r"^hard-teacher needs c >= 1, not 0$"):
        access.hard_teacher_distance(3, 0)
    with pytest.raises(
        HypothesisError, match=r"^pool-additions needs volume ratios >= 1, not 1/2$"
    ):
        spanner.pool_additions([2, "1/2"])
    with pytest.raises(HypothesisError, match=r"^lemma-5.8 needs g >= 0, not \[-2\.718281828"):
        transfer.next_logit_error(1, -balls.exp(1), 0)
    with pytest.raises(HypothesisError, match=r"^copy-ranks needs n >= 1, k >= 2, not \(0, 2\)$"):
        queries.copy_ranks(0, 2)
    with pytest.raises(HypothesisError, match=r"^lemma-5.7-words needs T, K >= 1, not \(1, 0\)$"):
        validation.validation_words(1, 0, "1/2", 1)


def test_ranks_of_separating_instances_by_enumeration():
    for n in (1, 2):
        model = llr.target(f"cauchy:n={n}")
        found = queries.cauchy_ranks(n)
        assert (max(model.cut_ranks()), max(probability_ranks(model))) == (2, 2**n)
        assert (found.logit, found.probability) == (2, 2**n)
    for n, k, ranks in ((1, 2, (1, 2)), (2, 2, (2, 4)), (2, 3, (4, 9))):
        model = llr.target(f"copy:n={n},k={k}")
        assert (max(model.cut_ranks()), max(probability_ranks(model))) == ranks
        found = queries.copy_ranks(n, k)
        assert (found.logit, found.probability) == ranks
    assert queries.hard_teacher_rank(3) == 10
    assert queries.lingen_histories(4) == 4


def test_functions_beside_the_statements_check_too():
    with pytest.raises(HypothesisError, match=r"^lemma-5.2 needs 0 < delta < 1, not 1$"):
        spanner.least_draws(1, "1/2", 1)
    with pytest.raises(HypothesisError, match=r"^lemma-5.2 needs 0 < eta < 1, not 0$"):
        spanner.least_draws(1, 0, "1/2")
    with pytest.raises(HypothesisError, match=r"^lemma-5.7-sharp needs 0 < p < 1, not 0$"):
        validation.words_to_pass(0, "1/2")
    with pytest.raises(HypothesisError, match=r"^lemma-5.7-sharp needs 0 < delta < 1, not 0$"):
        validation.words_to_pass("1/2", 0)
    with pytest.raises(HypothesisError, match=r"^alpha needs alpha\^2 >= 0, not -1$"):
        theorem.rational_root_above(fmpq(-1))


TINY = "1/1000000000"


def test_the_least_draws_are_found_in_a_few_evaluations(monkeypatch):
    """The estimate in floats says where to look: two evaluations prove the answer."""
    evaluated = []

    def counted(n, r, eta):
        evaluated.append(n)
        return failure(n, r, eta)

    failure = spanner.spanner_failure
    monkeypatch.setattr(spanner, "spanner_failure", counted)
    for r, eta, delta in product((0, 1, 5), ("1/2", "1/10", TINY), ("1/2", "1/1000", TINY)):
        evaluated.clear()
        found = spanner.least_draws(r, eta, delta)
        assert found in evaluated or found == max(r, 1)
        assert len(evaluated) <= 2
    evaluated.clear()
    spanner.least_draws(40, TINY, "1/2")  # floats are short here
    assert len(evaluated) <= 6


# -- Lemma 5.1 ----------------------------------------------------------------------------------


def mp_sides(w, d, b2, r2, e, g, lam):
    left = mpmath.mpf(1)
    for j in range(1, w + 1):
        left *= 1 + (g - e) ** 2 / (lam * b2 + (j - 1) * e**2)
    return left, (1 + w * r2 / (d * lam)) ** d


@pytest.mark.parametrize(
    ("w", "d", "numbers"),
    [
        (0, 1, (1, 1, 0, 1, 1)),
        (3, 1, ("4", "9/4", "1/10", "2", "1/3")),
        (7, 4, ("1/4", "25", "1/50", "1/20", "8")),
        (4, 2, ("2", "2", "0", "1/100", "1/1024")),
    ],
)
def test_both_sides_of_the_elliptic_potential(w, d, numbers):
    left, right = potential.elliptic_potential(w, d, *numbers)
    assert left.exact is not None
    assert right.exact is not None
    assert_is(left, lambda: mp_sides(w, d, *map(mp, numbers))[0])
    assert_is(right, lambda: mp_sides(w, d, *map(mp, numbers))[1])


def test_the_elliptic_potential_by_hand():
    """W = 2, d = 1, B^2 = 1, R^2 = 3, e = 1, g = 3, lam = 1: (1 + 4/1) (1 + 4/2), 1 + 6."""
    left, right = potential.elliptic_potential(2, 1, 1, 3, 1, 3, 1)
    assert (left.exact, right.exact) == (fmpq(15), fmpq(7))


def test_the_elliptic_potential_of_irrational_lam():
    left, right = potential.elliptic_potential(3, 2, 2, 5, "1/9", 1, balls.exp(-1))
    assert left.exact is None
    sides = ("2", "5", "1/9", "1")
    assert_is(left, lambda: mp_sides(3, 2, *map(mp, sides), mpmath.exp(-1))[0])
    assert_is(right, lambda: mp_sides(3, 2, *map(mp, sides), mpmath.exp(-1))[1])


def some_lam_refutes(w, d, b2, r2, e, g):
    """True if left > right at some lam = 2^(j/4), by mpmath."""
    with mpmath.workdps(DIGITS):
        numbers = [mp(x) for x in (b2, r2, e, g)]
        for j in range(-400, 401):
            left, right = mp_sides(w, d, *numbers, mpmath.mpf(2) ** (mp(j) / 4))
            if left > right:
                return True
    return False


@pytest.mark.parametrize(
    ("d", "b2", "r2", "e", "g"),
    [
        (1, 1, 1, "1/100", "1/2"),
        (2, 1, 1, "1/1000", "9/10"),
        (2, 4, 1, "1/100000", 1),
        (1, 9, 9, "1/10000", "1/10"),
        (3, 1, 1, "1/10", "1/5"),
    ],
)
def test_refuted_lengths_by_a_scan_of_all_lam(d, b2, r2, e, g):
    for w in (0, 1, d, d + 1, d + 2, 2 * d + 3, 12):
        found = potential.sequence_refuted(w, d, b2, r2, e, g)
        assert found == some_lam_refutes(w, d, b2, r2, e, g)


def test_a_sequence_that_exists_is_not_refuted():
    """d orthonormal vectors, D exact: W = d reaches the exact bound, so no lam may refute it."""
    for d in range(1, 5):
        assert not potential.sequence_refuted(d, d, 1, 1, 0, "999/1000")
        assert potential.sequence_refuted(d + 1, d, 1, 1, 0, "999/1000")
        assert potential.elliptic_potential_exact(d) == d


def test_lemma_5_1_decides_sides_that_are_equal_for_every_lam():
    # d = 1 and g - e = e = B R: the product telescopes to 1 + W R^2 / lam, the right side
    for w in (1, 2, 3, 7):
        for size in (1, 4):
            left, right = potential.elliptic_potential(w, 1, size, size, size, 2 * size, "3/7")
            assert left.exact == right.exact
            assert not potential.sequence_refuted(w, 1, size, size, size, 2 * size)
    # W = d copies and e = 0: (1 + R^2 / lam)^d on both sides
    assert not potential.sequence_refuted(3, 3, 2, 2, 0, 2)
    assert potential.sequence_refuted(4, 3, 2, 2, 0, 2)
    # a little more gain is refuted
    assert potential.sequence_refuted(2, 1, 4, 4, 4, "81/10")
    assert potential.sequence_refuted(3, 1, 1, 1, "9/10", 2)


# -- Lemma 5.2 ----------------------------------------------------------------------------------


def naive_failure(n, r, eta):
    return sum(comb(n, i) * (1 - eta) ** (n - i) for i in range(r + 1))


@pytest.mark.parametrize("r", range(4))
@pytest.mark.parametrize("eta", ["1/2", "1/7", "1/30", "99/100"])
@pytest.mark.parametrize("delta", ["1/2", "1/10", "1/10000"])
def test_least_draws_by_a_scan(r, eta, delta):
    rate, risk = Fraction(eta), Fraction(delta)
    n = max(r, 1)
    while naive_failure(n, r, rate) > risk:
        n += 1
    assert spanner.least_draws(r, eta, delta) == n
    assert all(naive_failure(m, r, rate) <= risk for m in range(n, n + 40))


@pytest.mark.parametrize(
    ("r", "eta", "delta"),
    [(2, "1/100000", "1/100"), (6, "1/3000000", "1/40"), (30, "1/50000", "1/100000")],
)
def test_one_draw_fewer_fails(r, eta, delta):
    n = spanner.least_draws(r, eta, delta)
    with mpmath.workdps(DIGITS):
        here, before = (
            mpmath.fsum(mpmath.binomial(m, i) * (1 - mp(eta)) ** (m - i) for i in range(r + 1))
            for m in (n, n - 1)
        )
        assert here <= mp(delta) < before


@pytest.mark.parametrize(
    ("n", "r", "eta"), [(3, 0, "1/3"), (9, 2, "1/3"), (60, 4, "1/5"), (7, 7, "9/10")]
)
def test_lemma_5_2_by_a_sum(n, r, eta):
    found = spanner.spanner_failure(n, r, eta)
    assert rational(found.exact) == naive_failure(n, r, Fraction(eta))
    assert found <= spanner.spanner_failure_simple(n, r, eta)


def test_lemma_5_2_is_enclosed_where_its_fraction_would_be_long():
    for digits, exact in ((200, True), (400, False)):
        eta = Fraction(1, 100) + Fraction(1, 10**digits)
        found = spanner.spanner_failure(1000, 2, eta)
        assert (found.exact is not None) is exact
        shown = found.enclosure(Fraction(1, 10**20))
        assert shown.lower <= naive_failure(1000, 2, eta) <= shown.upper


@pytest.mark.parametrize("p", ["0", "1/3", "1"])
@pytest.mark.parametrize("most", [0, 2, 5, 9])
def test_the_binomial_tail_by_a_sum(p, most):
    mass = Fraction(p)
    terms = (comb(5, i) * mass**i * (1 - mass) ** (5 - i) for i in range(min(most, 5) + 1))
    assert rational(validation.binomial_tail(5, most, parse(p)).exact) == sum(terms)


@pytest.mark.parametrize("m", [1, 2, 5])
@pytest.mark.parametrize(("eta", "delta"), [("1/2", "1/2"), ("1/10", "1/100"), ("1/333", "1/77")])
def test_the_closed_form_by_mpmath_and_enough(m, eta, delta):
    n = spanner.draws_in_closed_form(m, eta, delta)
    with mpmath.workdps(DIGITS):
        logs = [mpmath.log(x, 2) for x in (2 * m / mp(eta), (m + 1) / mp(delta))]
        up = [int(mpmath.ceil(x - mpmath.mpf(10) ** -50)) for x in logs]
        assert n == int(mpmath.ceil(2 * (m * up[0] + up[1]) / mp(eta) - mpmath.mpf(10) ** -50))
    assert spanner.least_draws(m, eta, delta) <= n
    assert spanner.spanner_failure(n, m, eta) <= Real.of(delta)


def test_lemma_5_2_and_coverage_by_enumeration_on_the_line():
    """r = 1: the basis is the largest draw x, its box [-2x, 2x], its unit box [-x, x]."""
    values = {1: Fraction(1, 2), 3: Fraction(3, 10), 9: Fraction(1, 5)}
    for n in range(1, 6):
        outside = {eta: Fraction(0) for eta in ("1/10", "1/4", "2/5")}
        mean = Fraction(0)
        for draw in product(values, repeat=n):
            weight = Fraction(1)
            for x in draw:
                weight *= values[x]
            beyond_unit = sum(p for x, p in values.items() if x > max(draw))
            beyond = sum(p for x, p in values.items() if x > 2 * max(draw))
            mean += weight * beyond_unit
            for eta in outside:
                outside[eta] += weight * (beyond > Fraction(eta))
        assert mean <= rational(spanner.expected_outside(n, 1))
        for eta, failed in outside.items():
            assert failed <= rational(spanner.spanner_failure(n, 1, eta).exact)


def test_coverage_is_nearly_reached_by_many_equal_weights():
    """Uniform on m distinct numbers: E[mass above the largest of N] tends to 1 / (N + 1)."""
    m, n = 1000, 3
    mean = sum(
        (Fraction(i, m) ** n - Fraction(i - 1, m) ** n) * Fraction(m - i, m)
        for i in range(1, m + 1)
    )
    limit = rational(spanner.expected_outside(n, 1))
    assert Fraction(99, 100) * limit < mean < limit


# -- Lemma 5.7 and what follows from it ---------------------------------------------------------


def test_the_printed_step_of_lemma_5_7_is_false_and_the_corrected_one_holds():
    for values in product([Fraction(i, 4) for i in range(5)], repeat=3):
        mean = sum(values) / 3
        for g in (Fraction(1, 4), Fraction(1, 2)):
            tail = Fraction(sum(z > g for z in values), 3)
            assert mean <= rational(validation.mean_bounded(g, tail).exact)
    mean, at_least = Fraction(3, 4), Fraction(1, 2)  # Z in {1/2, 1}
    assert rational(validation.mean_exceeded_printed(mean).exact) > at_least


@pytest.mark.parametrize(("n", "delta"), [(1, "1/3"), (17, "1/100"), (100000, "1/1000")])
def test_bad_mass_is_below_its_logarithmic_form(n, delta):
    found = validation.bad_mass_after_passes(n, delta)
    assert found <= balls.log(1 / Real.of(delta)) / n
    assert_is((1 - found) ** n, lambda: mp(delta))


@pytest.mark.parametrize(("p", "delta"), [("1/10", "1/100"), ("1/3", "1/2"), ("1/777", "1/9")])
def test_words_to_pass(p, delta):
    n = validation.words_to_pass(p, delta)
    assert_ceiling(n, lambda: -ln(delta) / mp(p))
    assert validation.bad_mass_after_passes(n, delta) <= Real.of(p)
    assert validation.passes_at_attempt(3, p, delta) == validation.words_to_pass(
        p, Fraction(delta) / 12
    )


def test_the_risks_of_all_attempts_sum_to_delta():
    delta = Fraction(1, 7)
    assert sum(delta / (j * (j + 1)) for j in range(1, 50)) == delta * Fraction(49, 50)


@pytest.mark.parametrize("p", ["0", "1/3", "9/10", "1"])
def test_the_binomial_tail_by_enumeration(p):
    chance = Fraction(p)
    for n, most in product(range(5), range(6)):
        wanted = Fraction(0)
        for outcome in product((0, 1), repeat=n):
            if sum(outcome) <= most:
                wanted += chance ** sum(outcome) * (1 - chance) ** (n - sum(outcome))
        found = validation.binomial_tail(n, most, fmpq(chance.numerator, chance.denominator))
        assert rational(found.exact) == wanted


@pytest.mark.parametrize(("n", "most"), [(2000, 5), (2001, 5), (2500, 40)])
def test_the_binomial_tail_of_many_trials(n, most):
    found = validation.binomial_tail(n, most, fmpq(1, 99))
    assert_is(
        found,
        lambda: mpmath.fsum(
            mpmath.binomial(n, i) * mp("1/99") ** i * mp("98/99") ** (n - i)
            for i in range(most + 1)
        ),
    )


@pytest.mark.parametrize("p", ["1/2", "1/99", "97/99"])
def test_balls_of_the_binomial_tail_hold_it(p):
    chance = parse(p)
    for n in (1, 2, 7, 60, 500):
        for most in {0, n // 99, n // 2, n - 1} & set(range(n)):
            exact = validation.binomial_tail(n, most, chance)
            for bits in (64, 200):
                with ctx.workprec(bits):
                    found = tail_ball(n, most, chance)
                assert found.overlaps(exact.ball(1000))
                assert found.rel_accuracy_bits() > bits - 24


def test_balls_of_the_binomial_tail_leave_most_terms_out():
    began = time.process_time()
    with ctx.workprec(64):
        found = tail_ball(10**9, 5 * 10**8 - 10**5, fmpq(1, 2))
    assert time.process_time() - began < 10  # 5 * 10^8 terms would take minutes
    # 6.32 standard deviations below the mean
    assert 1.2e-10 < float(found) < 1.3e-10


@pytest.mark.parametrize(("n", "most"), [(1, 0), (9, 4), (40, 7), (300, 160)])
def test_a_tail_that_balls_cannot_tell_from_the_risk_is_compared_exactly(n, most):
    tail = validation.binomial_tail(n, most, fmpq(1, 2)).exact
    for shift, wanted in ((0, False), (1, False), (-1, True)):
        risk = Real(tail + shift * fmpq(1, 2**400))
        assert validation.tail_exceeds(n, most, fmpq(1, 2), risk) is wanted


def mp_upper_limit(n, failures, delta):
    """The p with Pr(Bin(n, p) <= f) = delta, by bisection at 60 digits."""

    def tail(p):
        return mpmath.fsum(
            mpmath.binomial(n, i) * p**i * (1 - p) ** (n - i) for i in range(failures + 1)
        )

    low, high = mpmath.mpf(0), mpmath.mpf(1)
    for _ in range(120):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > delta else (low, middle)
    return high


@pytest.mark.parametrize("bits", [8, 40])
@pytest.mark.parametrize(
    ("n", "failures", "delta"),
    [
        (1, 0, "1/3"),
        (10, 0, "1/20"),
        (10, 3, "1/20"),
        (10, 9, "1/20"),
        (150, 4, "1/1000"),
        (2500, 2, "1/100"),
    ],
)
def test_clopper_pearson_by_bisection(n, failures, delta, bits):
    found = validation.clopper_pearson(n, failures, delta, bits)
    with mpmath.workdps(DIGITS):
        limit = mp_upper_limit(n, failures, mp(delta))
        slack = mpmath.mpf(10) ** -30
        assert limit - slack <= mp(found) <= limit + mpmath.mpf(2) ** -bits + slack
    assert (1 << bits) % int(found.q) == 0


def test_clopper_pearson_without_failures_is_lemma_5_7():
    for n, delta in ((1, "1/2"), (30, "1/7"), (400, "1/100")):
        limit = validation.bad_mass_after_passes(n, delta)
        found = Real(validation.clopper_pearson(n, 0, delta))
        assert limit <= found
        assert found <= limit + fmpq(1, 1 << 40)


def test_clopper_pearson_grows_with_failures():
    found = [validation.clopper_pearson(20, f, "1/10") for f in range(21)]
    assert found == sorted(found)
    assert len(set(found)) == 21


# -- query counts -------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", range(1, 12))
def test_lemma_5_10_by_loops(horizon):
    k, epochs, draws, words, w = 3, 2, 5, 7, 4
    inner = list(range(2, horizon))  # s = 2..T-1
    triples = [
        (s, r, t) for s in inner for t in range(s, horizon) for r in range(s, t + 2)
    ]  # s <= t <= T-1, s <= r <= t+1
    stems = [(s, r) for s in range(1, horizon) for r in range(s, horizon + 1)]
    assert queries.residual_triples(horizon) == len(triples)
    assert queries.validation_prefixes_per_word(horizon, w) == w * len(stems)
    found = queries.query_count(horizon, k, epochs, draws, words, w)
    assert found.spanner_entries == sum(draws * w for _ in range(epochs) for _ in inner)
    assert found.validation_entries == epochs * words * sum(2 * w * k for _ in triples)
    assert found.validation_prefixes == (epochs * words * w * len(stems) if inner else 0)
    stored = range(1, max(2, horizon))  # cut 1 gives the first token, for T = 1 too
    assert found.table_entries == len(stored) * w * w
    assert found.words == (epochs * (len(inner) * draws + words) if inner else 0)
    assert found.entries == (found.spanner_entries + found.validation_entries + found.table_entries)
    assert STATEMENTS["lemma-5.10"].function is queries.query_count


def test_the_table_of_one_token_holds_the_row_that_its_learner_reads():
    model = llr.target("spike:T=1")
    found = llr.learn(model, epsilon="1/10", delta="1/10", algorithm="printed")
    k = model.alphabet_size
    assert found.counts.calls == 1
    assert queries.query_count(1, k, 1, 0, 0, k).entries == k * k


@pytest.mark.parametrize(("size", "calls"), [((16, 2, 4), 251), ((32, 4, 4), 601)])
def test_the_counting_limit_of_generic_isans(size, calls):
    horizon, k, d = size
    assert queries.counting_limit(k, generic_cut_ranks(horizon, k, d)) == calls


@pytest.mark.parametrize("ranks", [(1, 2, 3, 2, 1), (1, 4, 4, 4), (1, 1, 1)])
def test_the_counting_limit_by_loops(ranks):
    for k in (2, 3, 5):
        free = sum((k - 1) * r for r in ranks)  # readouts
        for a, b in pairwise(ranks):
            free += k * a * b - b * b  # transitions, less a change of basis
        assert rational(queries.counting_limit(k, ranks)) == Fraction(free, k - 1)


@pytest.mark.parametrize("m", range(4))
def test_the_needle_by_enumeration(m):
    """A word of m + 1 bits: after the secret the next bit has log-odds 2."""

    def distance():
        even = mp(Fraction(1, 2 ** (m + 1)))
        found = mpmath.mpf(0)
        for word in product((0, 1), repeat=m + 1):
            if any(word[:m]):  # the secret is 0...0
                continue
            found += abs(sigma(2 if word[m] else -2) / 2**m - even)
        return found / 2

    assert_is(queries.needle_distance(m), distance)


# -- from samples to logits ---------------------------------------------------------------------


@pytest.mark.parametrize("row", [(0, 0), (2, -2), ("1/2", "1/3", "-5/6"), (-1, -1, 2)])
def test_the_floor_holds_where_it_is_nearly_reached(row):
    lam = max(abs(Fraction(x)) for x in row)
    floor = access.least_probability(lam, len(row)).enclosure(Fraction(1, 10**42))
    with mpmath.workdps(DIGITS):
        weights = [mpmath.exp(mp(x)) for x in row]
        assert mp(floor.lower) <= min(weights) / mpmath.fsum(weights)


def mp_divergence(a, b):
    """KL between coins with log-odds a and b."""
    p, q = sigma(a), sigma(b)
    return p * mpmath.log(p / q) + (1 - p) * mpmath.log((1 - p) / (1 - q))


@pytest.mark.parametrize(
    ("gamma", "xi", "zeta"),
    [
        ("1/2", "1/10", "1/20"),
        ("1/4", "1/2", "1/10"),
        ("1/100", "1/10", "1/50"),
        ("1/1000", "3", "1/5"),
        ("9/20", "1", "1/10"),
    ],
)
def test_the_binary_exponent_by_a_scan(gamma, xi, zeta):
    with mpmath.workdps(DIGITS):
        odds = mpmath.log((1 - mp(gamma)) / mp(gamma))
        steps = [odds * (mpmath.mpf(i) / 40 - 1) for i in range(81)]
        exponent = min(mp_divergence(b + sign * 2 * mp(xi), b) for b in steps for sign in (-1, 1))
    found = access.samples_for_binary_logit(gamma, xi, zeta)
    assert_ceiling(found, lambda: mpmath.log(2 / mp(zeta)) / exponent)


@pytest.mark.parametrize(
    ("gamma", "xi", "zeta"), [("1/4", "1/2", "1/10"), ("1/3", "1", "1/4"), ("1/10", "1", "1/10")]
)
def test_the_binary_guarantee_by_exact_binomials(gamma, xi, zeta):
    """|empirical log-odds / 2 - l| >= xi with probability at most zeta, at every p."""
    m = access.samples_for_binary_logit(gamma, xi, zeta)
    with mpmath.workdps(DIGITS):
        for i in range(9):
            p = mp(gamma) + (1 - 2 * mp(gamma)) * i / 8
            logit = mpmath.log(p / (1 - p)) / 2
            off = [
                j
                for j in range(m + 1)
                if j in (0, m) or abs(mpmath.log(mpmath.mpf(j) / (m - j)) / 2 - logit) >= mp(xi)
            ]
            risk = mpmath.fsum(mpmath.binomial(m, j) * p**j * (1 - p) ** (m - j) for j in off)
            assert risk <= mp(zeta)


def test_the_binary_form_needs_fewer_samples():
    for gamma, xi in product(("1/3", "1/50"), ("1/2", "1/20")):
        sharp = access.samples_for_binary_logit(gamma, xi, "1/10")
        assert sharp < access.samples_for_logits(2, gamma, xi, "1/10")
    assert STATEMENTS["remark-5.8-binary"].function is access.samples_for_binary_logit


@pytest.mark.parametrize(
    ("k", "lam", "xi", "zeta", "tau"),
    [
        (2, "1/3", "1/4", "1/10", "1"),
        (3, 5, "1/4", "1/10", "5"),
        (2, "7/2", 9, "1/100", "9"),
    ],
)
def test_temperature(k, lam, xi, zeta, tau):
    found, samples = access.samples_with_temperature(k, lam, xi, zeta)
    assert rational(found.exact) == Fraction(tau)
    assert_ceiling(
        samples,
        lambda: 48 * ln(2 * k / Fraction(zeta)) * k * mpmath.exp(2) * (mp(tau) / mp(xi)) ** 2,
    )
    assert STATEMENTS["remark-5.9"].function is access.samples_with_temperature


def test_the_temperature_may_be_irrational():
    tau, samples = access.samples_with_temperature(2, balls.log(40), "1/2", "1/10")
    assert_is(tau, lambda: ln(40))
    assert_ceiling(samples, lambda: 48 * ln(40) * 2 * mpmath.exp(2) * (2 * ln(40)) ** 2)


def test_the_hard_teacher_by_enumeration_of_mismatches():
    """The noiseless law has no mismatch: TV is half the sum of differences over patterns."""
    for copies, strength in product(range(4), (1, 2)):
        eta = Fraction(1, 1 + 4**strength)
        distance = Fraction(0)
        for pattern in product((0, 1), repeat=copies + 1):
            weight = Fraction(1)
            for wrong in pattern:
                weight *= eta if wrong else 1 - eta
            distance += abs(weight - (not any(pattern))) / 2
        assert rational(access.hard_teacher_distance(copies, strength)) == distance


# -- Corollary 5.15, Fact B.2 -------------------------------------------------------------------


def test_the_slope_of_corollary_5_15():
    """On a grid |a - b| <= the bound from |sigma(2a) - sigma(2b)|, nearly reached at the ends."""
    factor = STATEMENTS["corollary-5.15"].function(1).enclosure(Fraction(1, 10**42))
    with mpmath.workdps(DIGITS):
        grid = [mp(Fraction(i, 10)) for i in range(-10, 11)]
        for a, b in product(grid, repeat=2):
            apart = abs(sigma(2 * a) - sigma(2 * b))
            assert abs(a - b) <= mp(factor.upper) * apart + mpmath.mpf(10) ** -50
        near = mpmath.mpf(1) - mpmath.mpf(10) ** -15
        apart = sigma(2) - sigma(2 * near)
        assert mpmath.almosteq((1 - near) / apart, mp(factor.lower), rel_eps=1e-14)
        assert 4.76 < float(factor.lower) < 4.77


def mp_kl(u, v):
    a, b = ([mpmath.exp(mp(x)) for x in row] for row in (u, v))
    a, b = ([x / mpmath.fsum(row) for x in row] for row in (a, b))
    return mpmath.fsum(p * mpmath.log(p / q) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("u", "v"),
    [
        ((0, 0), (1, -1)),
        (("1/2", "-1/2"), ("1/3", "-1/3")),
        ((1, 2, -3), (0, 0, 0)),
        (("1/7", "2/7", "-3/7"), (3, -1, -2)),
        ((0, 0, 0, 0), ("1/100", "1/100", "-1/100", "-1/100")),
    ],
)
def test_fact_b_2_by_mpmath(u, v):
    differences = [Fraction(x) - Fraction(y) for x, y in zip(u, v, strict=True)]
    square, width = sum(x * x for x in differences), max(differences) - min(differences)
    with mpmath.workdps(DIGITS):
        apart = mp_kl(u, v)
        by_range, sharp, printed = (
            mp(f(x).exact)
            for f, x in (
                (softmax.divergence_by_range, width),
                (softmax.divergence_sharp, square),
                (softmax.divergence_printed, square),
            )
        )
        assert 0 < apart <= by_range <= sharp < printed


def test_the_constant_of_fact_b_2_is_best():
    small = Fraction(1, 10**8)
    with mpmath.workdps(DIGITS):
        apart = mp_kl((small, -small), (0, 0))
        sharp = mp(softmax.divergence_sharp(2 * small * small).exact)
        assert 1 - mpmath.mpf(10) ** -14 < apart / sharp <= 1


# -- Theorem 5.11's printed shape, alpha --------------------------------------------------------


@pytest.mark.parametrize(
    "square", [fmpq(0), fmpq(1), fmpq(2), fmpq(9, 4), fmpq(10**12 + 1), fmpq(1, 3), fmpq(1, 10**6)]
)
@pytest.mark.parametrize("bits", [4, 20])
def test_a_root_from_above(square, bits):
    found = theorem.rational_root_above(square, bits)
    assert found * found >= square
    if square >= 1:
        assert found * found <= square * (1 + fmpq(1, 1 << bits)) ** 2
    step = fmpq(1, 1 << bits)
    assert found == 0 or (found - step) * (found - step) < square + step * step


def test_a_rational_root_is_its_own_root_from_above():
    for root in (fmpq(0), fmpq(1), fmpq(3, 2), fmpq(7, 16)):
        assert theorem.rational_root_above(root * root) == root


def test_no_number_of_draws_is_enough_for_a_bound_that_does_not_fall():
    with (
        substituted({"lemma-5.2": lambda n, r, eta: Real.of(1)}),
        pytest.raises(HypothesisError, match="a bound that falls to delta as N grows, not 1/10"),
    ):
        spanner.least_draws(2, fmpq(1, 4), fmpq(1, 10))


@pytest.mark.parametrize(("horizon", "k", "d", "c"), [(3, 2, 1, 1), (5, 3, 4, "7/2"), (9, 2, 2, 2)])
def test_printed_parameters_by_mpmath(horizon, k, d, c):
    epsilon, delta, alpha, xi = "1/20", "1/30", "3/2", "1/100000"
    found = theorem.printed_parameters(
        horizon=horizon,
        alphabet_size=k,
        rank=d,
        epsilon=epsilon,
        delta=delta,
        alpha=alpha,
        xi=xi,
        constant=c,
    )
    with mpmath.workdps(DIGITS):
        constant = mp(c)
        g = mp(epsilon) / (constant * horizon**2)
        # R B / e = alpha (4 w alpha) / (4 w xi), whatever w is
        w = max(d, int(mpmath.ceil(constant * d * mpmath.log(mp(alpha) ** 2 / mp(xi)))))
        epochs = horizon * w
        n = int(mpmath.ceil(mpmath.log(32 * horizon * epochs / mp(delta)) / g))
        width = (k + 1) * (k + w + 1)
        eta, delta_s = mp(delta) / (epochs * n * horizon), mp(delta) / (epochs * horizon)
        draws = mpmath.ceil(constant * (width**2 + mpmath.log(1 / delta_s)) / eta**2)
        assert (found.witnesses, found.epochs, found.words) == (w, epochs, n)
        assert found.draws == int(draws)
        for exact, rough in ((found.g, g), (found.eta, eta), (found.delta_s, delta_s)):
            assert mpmath.almosteq(mp(exact), rough, rel_eps=mpmath.mpf(10) ** -50)


# -- nothing forgotten --------------------------------------------------------------------------


def test_every_statement_is_tested():
    here = Path(__file__)
    written = here.read_text() + here.with_name("test_bounds.py").read_text()
    assert [name for name in STATEMENTS if f'"{name}"' not in written] == []


def test_every_statement_with_hypotheses_has_a_violation():
    checked = {case[0] for case in VIOLATIONS} | {
        "lemma-5.3",
        "lemma-5.3-linear",
        "lemma-5.3-range",
        "lemma-5.5",
        "lemma-5.5-printed",
        "lemma-5.9",
        "lemma-5.9-product",
        "witness-count",
        "epoch-count",
    }  # the last nine in test_bounds.py
    assert checked == set(STATEMENTS)


@pytest.mark.parametrize("identifier", list(STATEMENTS))
def test_every_statement_states_itself(identifier):
    found = STATEMENTS[identifier]
    assert found.mark in ("printed", "reconstructed", "corrected", "sharpened")
    assert found.source
    assert found.summary
    assert "\n" not in found.summary
    assert found.function.__doc__

"""``llr bound``: the list, every statement evaluated, the query table, exponents, bad input."""

from __future__ import annotations

import inspect
import json
import math
import re
from fractions import Fraction
from functools import partial

import commands
import mpmath
import pytest
from flint import fmpq

from bounds import STATEMENTS, cli
from bounds.cli import LONGEST, MOST, to_json
from bounds.exponents import Fit
from bounds.parameters import explicit_parameters
from bounds.theorem import queries_by_compression, queries_printed
from llr.numbers.balls import Real, exp
from llr.numbers.rational import decimal, text
from llr.numbers.units import LogitUnit

call = partial(commands.call, "bound")
json_of = partial(commands.json_of, "bound")


def refused(*arguments):
    """The one line of an error; nothing on standard output and no traceback."""
    result = call(*arguments, code=2)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert result.stderr.splitlines()[-1] == lines[0]
    return lines[0]


# -- the list -----------------------------------------------------------------------------------


def test_the_list_names_every_statement():
    shown = call().stdout
    lines = shown.splitlines()
    for name, s in STATEMENTS.items():
        assert f"{name} ({s.mark}; {s.source})" in lines
        assert f"    {s.summary}" in lines
        for argument in inspect.signature(s.function).parameters:
            assert "--" + argument.replace("_", "-") in shown
    assert lines[-3:] == [
        "theorem-5.11 (the query table: printed, [M]'s and explicit counts side by side)",
        "    --T --k --d --epsilon --delta --xi --alpha",
        "exponents (growth of the explicit count, fitted, beside the printed one)",
    ]


def test_the_list_as_json():
    found = json_of()
    assert [s["statement"] for s in found] == list(STATEMENTS)
    for entry in found:
        s = STATEMENTS[entry["statement"]]
        assert entry == {
            "statement": s.identifier,
            "mark": s.mark,
            "source": s.source,
            "summary": s.summary,
            "arguments": list(inspect.signature(s.function).parameters),
        }


# -- one statement ------------------------------------------------------------------------------

SIZE = {"horizon": "4", "alphabet_size": "2", "rank": "2"}
RISKS = {"epsilon": "0.1", "delta": "1/10"}
EVALUATED = {
    "remark-5.8-floor": {"lam": "1.5", "alphabet_size": "3"},
    "remark-5.8": {"alphabet_size": "3", "gamma": "0.1", "xi": "0.2", "zeta": "1e-2"},
    "remark-5.8-binary": {"gamma": "0.1", "xi": "0.2", "zeta": "1e-2"},
    "remark-5.9": {"alphabet_size": "2", "lam": "4", "xi": "0.2", "zeta": "1e-2"},
    "hard-teacher": {"copies": "3", "strength": "2"},
    "hard-teacher-rank": {"bits": "4"},
    "cauchy-ranks": {"bits": "3"},
    "copy-ranks": {"tokens": "3", "alphabet_size": "3"},
    "lingen": {"cut_rank": "5"},
    "corollary-5.15-label": {"total_variation": "0.01"},
    "corollary-5.15-inputs": {"total_variation": "0.01", "inputs": "1/200"},
    "corollary-5.15": {"label": "0.02"},
    "lemma-5.1": {"w": "3", "d": "2", "b2": "4", "r2": "1", "e": "0.01", "g": "1", "lam": "1/8"},
    "lemma-5.1-printed": {"w": "3", "d": "2", "b": "4", "r": "1", "e": "0.01", "constant": "2"},
    "lemma-5.1-exact": {"d": "3"},
    "witness-count": {"cut_rank": "5", "one_token_rank": "2"},
    "epoch-count": {"cut_ranks": "1,3,2,1", "one_token_ranks": "0,1,1,1"},
    "lemma-5.6-printed": {
        "horizon": "4",
        "d": "2",
        "w": "3",
        "b": "4",
        "r": "1",
        "e": "0.01",
        "constant": "2",
    },
    "lemma-5.10": {
        "horizon": "4",
        "alphabet_size": "2",
        "epochs": "5",
        "draws": "1000",
        "words": "90",
        "width": "15",
    },
    "counting-limit": {"alphabet_size": "2", "cut_ranks": "1,2,2,1"},
    "needle": {"length": "7"},
    "scalar-lower-bound": {"horizon": "32", "xi": "0.1"},
    "lemma-5.2": {"n": "200", "r": "2", "eta": "0.05"},
    "lemma-5.2-simple": {"n": "200", "r": "2", "eta": "0.05"},
    "lemma-5.2-mausberg": {"m": "2", "eta": "0.05", "delta": "0.01"},
    "lemma-5.2-printed": {"m": "2", "eta": "0.05", "delta": "0.01", "constant": "1.5"},
    "spanner-coverage": {"n": "9", "r": "4"},
    "lemma-5.5": {"t": "4", "eta": "0.05"},
    "lemma-5.5-printed": {"t": "4", "eta": "0.05"},
    "pool-additions": {"volume_ratios": "1,5/2,16.5"},
    "lemma-5.7-printed": {"mean": "0.75"},
    "lemma-5.7": {"g": "0.1", "tail": "0.2"},
    "lemma-5.7-words": {"horizon": "4", "epochs": "5", "delta": "0.1", "g": "0.01"},
    "lemma-5.7-sharp": {"n": "100", "delta": "0.1"},
    "clopper-pearson": {"n": "100", "failures": "3", "delta": "0.1"},
    "attempts": {"attempt": "3", "p": "0.01", "delta": "0.1"},
    "parameters": SIZE | RISKS | {"xi": "1e-9", "tolerant": "true"},
    "lemma-5.3": {"gap": "3", "unit": "ln 2"},
    "lemma-5.3-linear": {"gap": "0.5"},
    "lemma-5.3-range": {"width": "0.5", "unit": "nat"},
    "fact-b.2": {"squared_distance": "0.5"},
    "fact-b.2-sharp": {"squared_distance": "0.5"},
    "fact-b.2-range": {"width": "0.5"},
    "theorem-5.11-printed": SIZE | {"epsilon": "0.1"},
    "theorem-5.11-mausberg": {"horizon": "4", "rank": "2", "epsilon": "0.1", "constant": "3"},
    "theorem-5.14": {
        "samples": "100",
        "horizon": "4",
        "alphabet_size": "2",
        "average": "1e-9",
        "delta": "0.1",
    },
    "alpha": {"rank": "4", "lam": "2.5"},
    "alpha-gamma-2": {"rank": "4", "lam": "2.5"},
    "parameters-printed": SIZE | RISKS | {"alpha": "1", "xi": "1e-6", "constant": "2"},
    "lemma-5.9": {"horizon": "4", "p_bad": "0.01", "g": "0.001", "xi": "0"},
    "lemma-5.9-product": {"horizon": "4", "p_bad": "0.01", "g": "0.001", "xi": "1e-3"},
    "lemma-5.8": {"t": "3", "g": "0.1", "xi": "0.01"},
    "lemma-5.9-printed": {"means": "0,0.5,1/8"},
    "lean-transfer": {"horizon": "4", "p_bad": "0.01", "tau": "0.1", "xi": "1e-3"},
    "lean-localisation": {"t": "4", "tau": "0.1"},
}
INTEGERS = {
    "tokens",
    "bits",
    "cut_rank",
    *("horizon", "alphabet_size", "rank", "copies", "strength", "w", "d", "cut_rank", "bits"),
    *("one_token_rank", "epochs", "draws", "words", "width", "length", "n", "r", "m", "t"),
    *("failures", "attempt", "samples"),
}


def value_of(identifier, given):
    """The function's own value; arguments read without the command's code."""
    arguments = {}
    for name, written in given.items():
        if name == "unit":
            arguments[name] = LogitUnit.parse(written)
        elif name == "tolerant":
            arguments[name] = written == "true"
        elif "," in written:
            parts = [decimal(x) for x in written.split(",")]
            arguments[name] = [int(x.p) if x.q == 1 else x for x in parts]
        elif name in INTEGERS and written.isdigit():
            arguments[name] = int(written)
        else:
            arguments[name] = decimal(written)
    if identifier in ("lemma-5.3-range", "fact-b.2-range"):
        arguments["width"] = decimal(given["width"])
    return STATEMENTS[identifier].function(**arguments)


def test_every_statement_is_evaluated_here():
    assert set(EVALUATED) == set(STATEMENTS)


@pytest.mark.parametrize("identifier", list(STATEMENTS))
def test_evaluating_a_statement(identifier):
    given = EVALUATED[identifier]
    options = [x for name, v in given.items() for x in ("--" + name.replace("_", "-"), v)]
    s = STATEMENTS[identifier]
    value = value_of(identifier, given)
    assert json_of(identifier, *options) == {
        "statement": identifier,
        "mark": s.mark,
        "source": s.source,
        "summary": s.summary,
        "value": json.loads(json.dumps(to_json(value))),
    }
    shown = call(identifier, *options).stdout.splitlines()
    assert shown[0] == f"{identifier} ({s.mark}; {s.source}): {s.summary}"
    wanted = to_json(value, LONGEST)
    if isinstance(wanted, dict):
        assert shown[1:] == [f"    {name} = {x}" for name, x in wanted.items()]
    else:
        assert shown[1:] == [f"    value = {wanted}"]


def test_values_by_hand():
    def value(*arguments):
        return json_of(*arguments)["value"]

    assert (
        value("lemma-5.9", *["--horizon", "4", "--p-bad", "0.01", "--g", "0.001", "--xi", "0"])
        == "23/2000"
    )
    assert value("spanner-coverage", "--n=9", "--r=4") == "2/5"
    assert value("lemma-5.3", "--gap", "3", "--unit", "ln 2") == "7/9"
    assert value("lemma-5.1-exact", "--d", "3") == 3
    enclosed = value("needle", "--length", "0")  # tanh(1) / 2
    assert enclosed == {"lower": "0.380797077977", "upper": "0.380797077978"}
    assert value("needle", "--length", "2000")["lower"].endswith("E-603")


def test_what_is_false_in_print_is_said_to_be():
    shown = call("lemma-5.7-printed", "--mean", "5/8").stdout.splitlines()
    assert shown == [
        (
            "lemma-5.7-printed (printed; [P] inside Lemma 5.7; false): "
            "Z in [0, 1]: Pr(Z >= E Z) >= E Z"
        ),
        "    value = 5/8",
    ]
    found = json_of("lemma-5.7-printed", "--mean", "5/8")
    assert (found["mark"], found["source"]) == ("printed", "[P] inside Lemma 5.7; false")


def test_a_long_fraction_is_shown_as_decimals_and_kept_in_json():
    arguments = ["lemma-5.2", "--n", "1000", "--r", "3", "--eta", "0.01"]
    exact = Fraction(json_of(*arguments)["value"])
    wanted = sum(Fraction(math.comb(1000, i)) * Fraction(99, 100) ** (1000 - i) for i in range(4))
    assert exact == wanted
    shown = call(*arguments).stdout.splitlines()
    lower, upper = (Fraction(line.partition(" = ")[2]) for line in shown[1:])
    assert lower < exact < upper < lower * (1 + Fraction(1, 10**11))
    assert all(len(line) < 40 for line in shown[1:])


@pytest.mark.parametrize(
    ("mean", "shown"),
    [
        ("100000007/9999999967", ["value = 100000007/9999999967"]),
        ("1000000007/9999999967", ["lower = 0.10000000103", "upper = 0.100000001031"]),
    ],
)
def test_people_see_exact_numbers_of_up_to_twenty_characters(mean, shown):
    lines = call("lemma-5.7-printed", "--mean", mean).stdout.splitlines()
    assert [line.strip() for line in lines[1:]] == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (fmpq(10) ** 39, "1" + "0" * 39),
        (fmpq(10) ** 40, {"lower": "9.99999999999E+39", "upper": "1.00000000001E+40"}),
        (fmpq(1, 3) * fmpq(10) ** 45, {"lower": "3.33333333333E+44", "upper": "3.33333333334E+44"}),
        (-fmpq(1, 3 * 10**40), {"lower": "-3.33333333334E-41", "upper": "-3.33333333333E-41"}),
        ((fmpq(1, 2**200), fmpq(1, 2)), None),
    ],
)
def test_exact_numbers_of_more_than_forty_characters_are_shown_as_decimals(value, shown):
    if shown is None:
        ends = {"lower": "6.22301527786E-61", "upper": "6.22301527787E-61"}
        assert to_json(value, 40) == [ends, "1/2"]
        assert to_json(value) == [text(x) for x in value]
    else:
        assert to_json(value, 40) == to_json(Real(value), 40) == shown
        assert to_json(value) == to_json(Real(value)) == text(value)


# -- huge and tiny values ------------------------------------------------------------------------


@pytest.mark.parametrize("lam", ["1e6", "1e7", "1e10", "1e30"])
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_a_value_that_is_all_but_zero(lam, flags):
    """2^-524288 is 3.85...E-157827."""
    shown = call("remark-5.8-floor", "--lam", lam, "--alphabet-size", "2", *flags).stdout
    upper = "3.85153033389E-157827"
    if flags:
        assert json.loads(shown)["value"] == {"lower": "0", "upper": upper}
    else:
        assert shown.splitlines()[1:] == ["    lower = 0", f"    upper = {upper}"]


def test_a_tiny_value_whose_balls_hold_zero_at_first():
    found = json_of("lemma-5.3", "--gap", "1e-400")["value"]
    assert Fraction(found["lower"]) < Fraction(1, 2 * 10**400) <= Fraction(found["upper"])
    assert (found["lower"], found["upper"]) == ("4.99999999999E-401", "5.00000000001E-401")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["lemma-5.3", "--gap", "1e400"],
            "lemma-5.3 at --gap 1e400: not finite, or beyond 2^524288: nan",
        ),
        (
            ["lemma-5.3-range", "--width", "1e400", "--unit", "nat"],
            "lemma-5.3-range at --width 1e400 --unit nat: not finite, or beyond 2^524288: nan",
        ),
        (
            ["lemma-5.3", "--gap", "1e-9000"],
            "lemma-5.3 at --gap 1e-9000: no enclosure of that width at 16384 bits",
        ),
        (
            ["lemma-5.7-words", "--horizon=4", "--epochs=9", "--delta=0.1", "--g=1e-5000"],
            (
                "lemma-5.7-words at --horizon 4 --epochs 9 --delta 0.1 --g 1e-5000: "
                "not decided at 16384 bits"
            ),
        ),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_a_value_that_cannot_be_written_is_one_line_of_error(arguments, line, flags):
    assert refused(*arguments, *flags) == f"Error: {line}"


def test_an_integer_that_json_readers_refuse():
    arguments = ["lemma-5.2-mausberg", "--m", "2", "--eta", "1e-9000", "--delta", "0.1"]
    assert refused(*arguments, "--json") == (
        "Error: lemma-5.2-mausberg at --m 2 --eta 1e-9000 --delta 0.1: "
        "value must be an integer of at most 4300 digits, not one of 29915 bits"
    )
    lines = call(*arguments).stdout.splitlines()
    assert [line[:12] for line in lines[1:]] == ["    lower = ", "    upper = "]
    assert len(str(json_of("cauchy-ranks", "--bits", "10000")["value"]["probability"])) == 3011


def test_a_value_beyond_what_is_written_out():
    line = refused("scalar-lower-bound", "--horizon", "9" * 18, "--xi", "0.1")
    assert line.startswith(
        f"Error: scalar-lower-bound at --horizon {'9' * 18} --xi 0.1: not finite, "
    )


def test_the_query_table_names_what_it_cannot_show(monkeypatch):
    options = ["--T=3", "--k=2", "--d=1", "--delta=0.1"]
    shown = "theorem-5.11 at --T 3 --k 2 --d 1 --delta 0.1 --epsilon"
    line = refused("theorem-5.11", *options, "--epsilon=1e-6000")
    assert line == f"Error: {shown} 1e-6000: not decided at 16384 bits"
    monkeypatch.setattr("bounds.cli.MAX_DIGITS_SHOWN", 50)
    line = refused("theorem-5.11", *options, "--epsilon=1e-50", "--json")
    assert line.startswith(f"Error: {shown} 1e-50: value must be an integer of at most 50 digits,")
    call("theorem-5.11", *options, "--epsilon=1e-50")


@pytest.mark.parametrize(
    ("statement", "name", "most"),
    [(statement, name, most) for statement, of in MOST.items() for name, most in of.items()],
)
def test_an_option_whose_work_would_not_end_has_a_limit(statement, name, most):
    option = "--" + name.replace("_", "-")
    given = EVALUATED[statement] | {name: str(most + 1)}
    arguments = [x for key, v in given.items() for x in ("--" + key.replace("_", "-"), v)]
    line = refused(statement, *arguments)
    assert line == f"Error: {option} must be an integer of at most {most}, not '{most + 1}'"


def test_limits_are_of_options_that_exist():
    for statement, limits in cli.MOST.items():
        assert set(limits) <= set(inspect.signature(STATEMENTS[statement].function).parameters)


@pytest.mark.parametrize(
    "arguments",
    [
        ["lemma-5.2", "--n", "100000000", "--r", "20000", "--eta", "0.1"],
        ["lemma-5.2", "--n", "4096", "--r", "2000", "--eta", "0.0123456789"],
        ["lemma-5.2", "--n", "4096", "--r", "20", "--eta", "1e-9999"],
        ["lemma-5.2-simple", "--n", "9" * 18, "--r", "20000", "--eta", "0.1"],
        ["needle", "--length", "1000000"],
        ["lemma-5.9-product", "--horizon=100000", "--p-bad=0.01", "--g=1e-9", "--xi=0.001"],
        ["hard-teacher", "--copies", "1000", "--strength", "1000"],
        ["copy-ranks", "--tokens", "10000", "--alphabet-size", "2"],
        ["cauchy-ranks", "--bits", "10000"],
        ["clopper-pearson", "--n", "10000000", "--failures", "9999999", "--delta", "0.05"],
        [
            *("parameters", "--horizon", "1000000", "--alphabet-size", "2", "--rank", "3000"),
            *("--epsilon", "0.1", "--delta", "0.1", "--tolerant", "true"),
        ],
    ],
)
def test_the_largest_sizes_end(arguments):
    call(*arguments)


@pytest.mark.parametrize(("option", "most"), [("--T", 10**6), ("--d", 3 * 10**3)])
def test_the_query_table_has_the_limits_of_its_parameters(option, most):
    given = {"--T": "8", "--k": "2", "--d": "4", "--epsilon": "0.1", "--delta": "0.1"}
    given[option] = str(most + 1)
    line = refused("theorem-5.11", *(x for pair in given.items() for x in pair))
    assert line == f"Error: {option} must be an integer of at most {most}, not '{most + 1}'"


# -- the query table ----------------------------------------------------------------------------

OPTIONS = ["--T", "8", "--k", "2", "--d", "4", "--epsilon", "0.01", "--delta", "0.01"]


@pytest.mark.parametrize("extra", [[], ["--xi", "1e-12", "--alpha", "3/2"]], ids=["exact", "noisy"])
def test_the_query_table_as_json(extra):
    found = json_of("theorem-5.11", *OPTIONS, *extra)
    assert set(found) == {"printed_leading_term", "compression_leading_term", "explicit"}
    epsilon = fmpq(1, 100)
    assert found["printed_leading_term"] == text(queries_printed(8, 2, 4, epsilon).exact)
    assert Fraction(found["printed_leading_term"]) == 8 * 8**13 * 256 * 10**8
    assert found["compression_leading_term"] == text(queries_by_compression(8, 4, epsilon).exact)
    assert Fraction(found["compression_leading_term"]) == 8**7 * 64 * 10**4
    assert set(found["explicit"]) == {"plain", "tolerant"}
    for name, entry in found["explicit"].items():
        p = explicit_parameters(
            horizon=8,
            alphabet_size=2,
            rank=4,
            epsilon=epsilon,
            delta=epsilon,
            xi=decimal(extra[1]) if extra else 0,
            alpha=decimal(extra[3]) if extra else 1,
            tolerant=name == "tolerant",
        )
        assert entry["parameters"] == to_json(p)
        assert entry["parameters"]["variant"] == name
        assert entry["queries"] == to_json(p.queries())
        assert entry["entries"] == p.queries().entries
        assert entry["total_words"] == p.total_words


def test_the_query_table():
    shown = call("theorem-5.11", *OPTIONS).stdout
    assert shown.startswith("Theorem 5.11 at T=8, k=2, d=4, epsilon=1/100, delta=1/100, xi=0\n")
    for part in ("printed k^3 T^13 d^4/eps^4 *", "[M] T^7 d^3/eps^2 *", "1.53e+12"):
        assert part in shown
    assert "explicit, plain" in shown
    assert "explicit, tolerant" in shown
    assert shown.endswith("\n* leading term alone: logarithms and constants are open.\n")
    assert re.search(r"^ +form +entries +W +K +n +N +words *$", shown, re.MULTILINE)
    assert re.search(r"1\.11e\+0?8\b", shown)
    lines = {line.strip().partition("   ")[0]: line.split() for line in shown.splitlines()}
    assert lines["printed k^3 T^13 d^4/eps^4 *"][-2:] == ["*", "1.13e+23"]
    assert lines["[M] T^7 d^3/eps^2 *"][-2:] == ["*", "1.34e+12"]
    p = explicit_parameters(
        horizon=8, alphabet_size=2, rank=4, epsilon=fmpq(1, 100), delta=fmpq(1, 100)
    )
    cells = [f"{p.queries().entries:.2e}", "4", str(p.epochs), f"{p.words:,}", f"{p.draws:.2e}"]
    assert lines["explicit, plain"][2:] == [*cells, f"{p.total_words:.2e}"]


@pytest.mark.parametrize("power", [-100, 1, 100])
def test_what_is_not_exact_is_shown_to_twelve_digits(power):
    shown = to_json(exp(power))
    lower, upper = Fraction(shown["lower"]), Fraction(shown["upper"])
    with mpmath.workdps(60):
        assert mpmath.mpf(shown["lower"]) < mpmath.exp(power) < mpmath.mpf(shown["upper"])
    assert lower < upper < lower * (1 + Fraction(1, 10**11))
    assert len(shown["lower"].partition("E")[0]) < 20


@pytest.mark.parametrize("horizon", [1, 2])
def test_the_query_table_of_short_words(horizon):
    options = ["--T", horizon, *OPTIONS[2:]]
    found = json_of("theorem-5.11", *options)
    assert found["explicit"]["plain"]["total_words"] == 0
    assert found["explicit"]["plain"]["parameters"]["g"] is None
    call("theorem-5.11", *options)


@pytest.mark.parametrize("epsilon", ["1e-100", "1e-350"])
def test_the_query_table_of_a_tiny_epsilon(epsilon):
    options = ["--T", 3, "--k", 2, "--d", 1, "--epsilon", epsilon, "--delta", "0.1"]
    found = json_of("theorem-5.11", *options)
    assert found["explicit"]["plain"]["total_words"] > 10 ** int(epsilon[3:])
    assert "explicit, tolerant" in call("theorem-5.11", *options).stdout


def test_exponents():
    found = json_of("exponents")
    assert found["printed"] == {"T": 13, "d": 4, "k": 3, "1/epsilon": 4}
    assert found["compression"] == {"T": 7, "d": 3, "1/epsilon": 2}
    assert set(found["fitted"]) == {"plain", "tolerant"}
    for name, fit in found["fitted"].items():
        assert fit["variant"] == name
        assert set(fit["exponents"]) == {"T", "d", "k", "1/epsilon"}
        for parameter, exponent in fit["exponents"].items():
            assert 0 < exponent < found["printed"][parameter]
        assert 0 < fit["printed_factor"][0] < fit["printed_factor"][1]
        assert 0 < fit["compression_factor"][0] < fit["compression_factor"][1]
    on_record = {"plain": (4.656, 3.435, 1.240, 1.035), "tolerant": (3.560, 2.037, 1.481, 1.044)}
    for name, exponents in on_record.items():
        fit = found["fitted"][name]["exponents"]
        assert [round(fit[x], 3) for x in ("T", "d", "k", "1/epsilon")] == list(exponents)


def test_the_exponents_as_a_table(monkeypatch):
    def fitted(variant):
        shift = 1 if variant == "tolerant" else 0
        powers = {"T": 1.234 + shift, "d": 0.5, "k": 2.0, "1/epsilon": 1.006}
        return Fit(variant, powers, (0.012, 3.4e5), (7.0, 8.9e3))

    monkeypatch.setattr("bounds.cli.fitted", fitted)
    shown = call("exponents").stdout
    rows = [re.split(r"  +", line.strip()) for line in shown.splitlines() if line.startswith("  ")]
    ends = ["0.50", "2.00", "1.01", "1.2e-02 .. 3.4e+05", "7.0e+00 .. 8.9e+03"]
    assert [row for row in rows if len(row) > 1] == [
        ["form", "T", "d", "k", "1/epsilon", "printed / form", "[M] / form"],
        ["printed", "13", "4", "3", "4"],
        ["[M], k = 2", "7", "3", "2"],
        ["explicit, plain", "1.23", *ends],
        ["explicit, tolerant", "2.23", *ends],
    ]
    assert shown.startswith("exponents of the entry count\n")
    grid = "T = 8..64, d = 1..16, k = 2..8, 1/epsilon = 10..1000, delta = 1/100, xi = 0"
    assert shown.endswith(f"\nFitted over {grid}.\n")


# -- bad input ----------------------------------------------------------------------------------

LEMMA = ["lemma-5.9", "--horizon", "4", "--p-bad", "0", "--g", "0", "--xi", "0"]


def lemma(name, value):
    found = list(LEMMA)
    found[found.index(name) + 1] = value
    return found


def size(name, value):
    found = ["theorem-5.11", *OPTIONS]
    found[found.index(name) + 1] = value
    return found


@pytest.mark.parametrize(
    ("arguments", "named", "value"),
    [
        (["nosuch"], "statement", "'nosuch'"),
        (["lemma-5.4"], "statement", "'lemma-5.4'"),
        (["--T", "8"], "statement", "missing"),
        (LEMMA[:-2], "--xi", "missing"),
        (LEMMA[:-1], "--xi", "missing"),
        ([*LEMMA, "--foo", "1"], "option of lemma-5.9", "'--foo'"),
        ([*LEMMA, "7"], "argument", "'7'"),
        ([*LEMMA, "--xi", "3"], "--xi", "'3'"),
        (lemma("--horizon", "four"), "--horizon", "'four'"),
        (lemma("--horizon", "-4"), "--horizon", "'-4'"),
        (lemma("--horizon", "4.5"), "--horizon", "'4.5'"),
        (lemma("--horizon", "9" * 30), "--horizon", "'999999"),
        (lemma("--horizon", "0"), "T >= 1", "0"),
        (lemma("--g", "x"), "--g", "'x'"),
        (lemma("--g", "nan"), "--g", "'nan'"),
        (lemma("--g", "1/0"), "--g", "'1/0'"),
        (lemma("--p-bad", ""), "--p-bad", "''"),
        (["lemma-5.3", "--gap", "1", "--unit", "ln 1"], "--unit", "'ln 1'"),
        (["lemma-5.3", "--gap", "1", "--unit", "bit"], "--unit", "'bit'"),
        (["lemma-5.3", "--gap", "-1"], "|u - v|_inf >= 0", "-1"),
        (["counting-limit", "--alphabet-size", "2", "--cut-ranks", "1,,2"], "--cut-ranks", "''"),
        (["counting-limit", "--alphabet-size", "2", "--cut-ranks", "1,a"], "--cut-ranks", "'a'"),
        (size("--T", "0"), "--T", "'0'"),
        (size("--k", "1"), "--k", "'1'"),
        (size("--d", "0"), "--d", "'0'"),
        (size("--d", "d"), "--d", "'d'"),
        (size("--epsilon", "0"), "epsilon", "0"),
        (size("--epsilon", "1.5"), "epsilon", "3/2"),
        (size("--epsilon", "small"), "--epsilon", "'small'"),
        (size("--delta", "1"), "delta", "1"),
        ([*size("--T", "8"), "--xi", "-1"], "xi", "-1"),
        ([*size("--T", "8"), "--alpha", "0"], "alpha", "0"),
        ([*size("--T", "8"), "--horizon", "3"], "option of theorem-5.11", "'--horizon'"),
        (["theorem-5.11", *OPTIONS[:-2]], "--delta", "missing"),
        ([*size("--T", "3"), "--xi", "1/2"], "finer oracle (xi = ", "xi = 1/2"),
        (
            [
                "parameters",
                "--horizon",
                "4",
                "--alphabet-size",
                "2",
                "--rank",
                "2",
                "--epsilon",
                "0.1",
                "--delta",
                "0.1",
                "--tolerant",
                "yes",
            ],
            "--tolerant",
            "'yes'",
        ),
    ],
    ids=lambda x: " ".join(x)[:60] if isinstance(x, list) else None,
)
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_bad_input(arguments, named, value, flags):
    line = refused(*arguments, *flags)
    assert named in line
    assert line.endswith(value) or f"not {value}" in line


SIZES = ["parameters", "--horizon", "4", "--alphabet-size", "2", "--rank", "2"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (LEMMA[:-2], "--xi must be given, not missing"),
        (LEMMA[:3] + LEMMA[5:], "--p-bad must be given, not missing"),
        (LEMMA[:-1], "--xi must be followed by a value, not missing"),
        ([*LEMMA, "7"], "argument must be an option, --NAME VALUE, not '7'"),
        (
            [*LEMMA, "--foo", "1"],
            "option of lemma-5.9 must be one of --horizon, --p-bad, --g, --xi, not '--foo'",
        ),
        ([*LEMMA, "--xi", "3"], "--xi must be given once, not '3'"),
        ([*LEMMA, "--xi=3"], "--xi must be given once, not '3'"),
        ([*LEMMA, "--p_bad=3"], "--p-bad must be given once, not '3'"),
        (["--T", "8"], "statement must be named before --T, not missing"),
        (["--T=8"], "statement must be named before --T=8, not missing"),
        (
            [*SIZES, "--epsilon", "0.1", "--delta", "0.1", "--tolerant", "yes"],
            "--tolerant must be true or false, not 'yes'",
        ),
        (
            ["theorem-5.11", *OPTIONS, "--n", "2"],
            (
                "option of theorem-5.11 must be one of "
                "--T, --alpha, --d, --delta, --epsilon, --k, --xi, not '--n'"
            ),
        ),
        (["theorem-5.11", *OPTIONS[:-2]], "--delta must be given, not missing"),
        *(
            (
                ["theorem-5.11", *OPTIONS, name, "x"],
                f'{name} must be a number such as "0.01" or "1/100", not \'x\'',
            )
            for name in ("--xi", "--alpha")
        ),
        (size("--T", "0"), "--T must be an integer of at least 1, not '0'"),
        (size("--k", "1"), "--k must be an integer of at least 2, not '1'"),
        (size("--d", "0"), "--d must be an integer of at least 1, not '0'"),
        (size("--delta", "x"), '--delta must be a number such as "0.01" or "1/100", not \'x\''),
    ],
)
def test_messages_in_full(arguments, line):
    assert refused(*arguments) == f"Error: {line}"


def test_the_names_to_choose_from():
    names = [*STATEMENTS, "theorem-5.11", "exponents"]
    some = ", ".join(names[:5])
    assert refused("nosuch") == (
        f"Error: statement must be one of {len(names)} names, such as {some}, not 'nosuch'"
    )
    assert "such as lemma-5.3, " in refused("lemma5.3")
    assert ", not 'exponent'" in refused("exponent")
    assert "such as exponents" in refused("exponent")


def test_exponents_take_no_options(monkeypatch):
    monkeypatch.setattr("bounds.cli.fitted", lambda variant: pytest.fail("the option is ignored"))
    line = refused("exponents", "--foo", "1")
    assert line == "Error: option must be left out: exponents takes none, not '--foo'"


def test_a_violated_hypothesis_shows_the_number_alone():
    assert refused(*lemma("--p-bad", "-1")) == "Error: lemma-5.9 needs p_bad >= 0, not -1"


def test_a_count_needs_integers():
    line = refused("counting-limit", "--alphabet-size", "2", "--cut-ranks", "1,1/2")
    assert "--cut-ranks" in line
    assert "'1/2'" in line

"""Certificates and their second verifier: right ones pass, and every forged number is found."""

from __future__ import annotations

import ast
import copy
import json
import math
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from flint import arb, ctx, fmpq

import llr
import llr.check
from llr.cli import main
from llr.learning.certificate import (
    GRID,
    certify,
    evidence,
    failure_limit,
    limit_without_failures,
    mean_limit,
)
from llr.models.base import UniformModel
from llr.models.isan import Isan
from llr.models.network import Network
from llr.models.targets import family_target
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.rational import fraction, rational
from llr.numbers.units import NAT, LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import FunctionOracle, ModelOracle, model_oracle
from llr.oracles.sampling import ModelWords
from llr.storage import READERS, to_json

GOOD = {"epsilon": "0.05", "delta": "0.01"}


def asker(model, arithmetic=EXACT):
    oracle = model_oracle(model, arithmetic)
    return lambda prefixes: [
        [fraction(x) if isinstance(x, fmpq) else x for x in row] for row in oracle.logits(prefixes)
    ]


# -- the two limits -----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "failing"), [(1, 0), (10, 0), (100, 3), (50, 49), (400, 0)])
def test_failure_limit_is_where_few_failures_become_rare(n, failing):
    delta = Fraction(1, 20)

    def tail(p):
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(failing + 1))

    limit = fraction(failure_limit(n, failing, fmpq(1, 20)))
    assert tail(limit) <= delta
    assert tail(limit - Fraction(3, 10**9)) > delta


@pytest.mark.parametrize("n", [1, 7, 300])
def test_the_limit_without_failures_is_about_that_of_none(n):
    found = limit_without_failures(n, 0.05)
    assert found <= float(failure_limit(n, 0, fmpq(1, 20))) <= found + 2 / GRID


def test_failure_limit_without_words_or_without_passes():
    assert failure_limit(0, 0, fmpq(1, 2)) == 1
    assert failure_limit(5, 5, fmpq(1, 2)) == 1


def test_a_limit_is_one_step_above_the_first_multiple_that_shows_it():
    assert failure_limit(1, 0, fmpq(1, 2)) == fmpq(1, 2) + fmpq(1, GRID)


def capital(values, m):
    """The bet's capital against a mean of m, stake by stake in fractions."""
    stakes = [Fraction(1, 2**i) for i in range(8)]
    found = Fraction(0)
    for place, stake in enumerate(stakes):
        bet = Fraction(1, 2) if place == 0 else Fraction(1, 14)
        for z in values:
            bet *= 1 - stake / (1 - m) * (z - m)
        found += bet
    return found


@pytest.mark.parametrize(
    "values", [[0] * 40, [0] * 30 + [1], [Fraction(1, 10)] * 60, [0, 1] * 20, [Fraction(1, 3)]]
)
def test_mean_limit_is_where_the_bet_is_won(values):
    counts = {}
    for z in values:
        key = fmpq(Fraction(z).numerator, Fraction(z).denominator)
        counts[key] = counts.get(key, 0) + 1
    limit = fraction(mean_limit(counts, fmpq(1, 20)))
    assert limit >= Fraction(sum(values)) / len(values)
    if limit < 1:
        assert capital(values, limit) >= 20
        assert capital(values, limit - Fraction(3, 10**9)) < 20


def test_mean_limit_holds_as_often_as_it_says():
    """All 2^n outcomes of n fair bits: the limit is below the mean with probability <= delta."""
    n, delta = 12, fmpq(1, 10)
    wrong = Fraction(0)
    for ones in range(n + 1):
        counts = {z: m for z, m in ((fmpq(1), ones), (fmpq(0), n - ones)) if m}
        if fraction(mean_limit(counts, delta)) < Fraction(1, 2):
            wrong += Fraction(math.comb(n, ones), 2**n)
    assert 0 < wrong <= Fraction(1, 10)


# -- certificates -------------------------------------------------------------------------------


def certified(target, model, n=400, tau=fmpq(0), seed=0, arithmetic=EXACT, xi=fmpq(0), **options):
    oracle = model_oracle(target, arithmetic)
    ledger = Ledger(oracle, target.alphabet_size, target.horizon, arithmetic)
    words = ModelWords(target).draw(n, target.horizon, np.random.default_rng(seed))
    return certify(model, ledger, words, target.unit, delta=fmpq(1, 100), xi=xi, tau=tau, **options)


def test_every_place_of_the_words_is_told_and_then_the_bounds():
    heard = []
    target = UniformModel(2, 3)
    certified(target, target, tell=lambda *stage: heard.append(stage))
    places = [("certifying, 0 distinct words failed; places", t, 3) for t in range(3)]
    assert heard == [*places, ("certifying, the bounds", 0, 0)]


def test_answers_that_are_not_reproducible_are_off_by_as_much():
    """A perfect copy: every answer may be off by r nats, which moves a law by r / 2 at most."""
    target = family_target("isan:T=3,k=2,d=2")
    r, tau = fmpq(1, 50), fmpq(1, 25)
    found = certified(target, target, tau=tau, reproducible=r)
    reach = 1 + 2 * tau / 2
    z = fmpq((3 * r / 2 / reach * 2**32).ceil(), 2**32)
    assert found.failing == 0
    assert found.next_token == reach * mean_limit({z: 400}, fmpq(1, 200))
    assert found.failing_words == failure_limit(400, 0, fmpq(1, 200)) + (2 * tau + r) / 2
    assert certified(target, target, tau=r, reproducible=r).failing == 0
    assert certified(target, target, tau=r * fmpq(99, 100), reproducible=r).failing == 400


def test_a_next_token_distance_is_at_most_one():
    """However far the answers may move: else Z would leave its range."""
    target = UniformModel(2, 2)
    ledger = Ledger(ModelOracle(target), 2, 2, EXACT)
    found = evidence(target, ledger, [(0, 1)], NAT, tau=fmpq(6), reproducible=fmpq(3))
    assert found.distances == {(0, 1): 2}
    assert found.reach == 4
    assert llr.check._stopped_sum([Fraction(3, 2)] * 2, Fraction(3)) == 2


def test_a_wrong_model_is_not_certified():
    target = family_target("parity:n=3,secret=101,nu=1/10")
    uniform = UniformModel(2, 4, target.unit)
    assert llr.total_variation(target, uniform).value == fmpq(2, 5)
    strict = certified(target, uniform)
    assert strict.failing == 400  # every word sees the label's logit
    assert strict.total_variation == 1
    # with room for it, the distance of the label is what is seen of every word
    lenient = certified(target, uniform, tau=fmpq(2))
    assert lenient.failing == 0
    assert Fraction(2, 5) <= fraction(lenient.total_variation) <= Fraction(3, 5)


@pytest.mark.parametrize("base", [fmpq(2), fmpq(9), fmpq(10, 9)])
def test_logits_in_units_of_ln_q_are_off_by_no_less_than_they_are_in_nats(base):
    unit = LogitUnit(base)
    target, model = (
        Isan(2, 1, [1], [], [[[x], [-x]]], unit) for x in (Fraction(0), Fraction(1, 10))
    )
    found = certified(target, model, tau=fmpq(1))
    off = 2 * (found.failing_words - failure_limit(400, 0, fmpq(1, 200)))
    assert unit.in_nats(fmpq(1, 10)) <= off
    assert unit.in_nats(fmpq(1, 10)) > off - fmpq(1, 10**12)


def test_small_errors_count_by_their_size():
    target = family_target("isan:T=4,k=2,d=2")
    close = family_target("perturbed:T=4,k=2,d=2,xi=1/100000")
    found = certified(target, close, 2000, fmpq(1, 10000))
    assert found.failing == 0
    assert fraction(found.total_variation) < Fraction(1, 250)
    apart = llr.total_variation(target, close).enclosure.upper
    assert 0 < apart <= fraction(found.total_variation)
    strict = certified(target, close, 2000)
    assert strict.failing == 2000


@pytest.mark.parametrize("algorithm", ["lean", "printed"])
@pytest.mark.parametrize("arithmetic", ["exact", "float"])
def test_every_learned_model_carries_one(algorithm, arithmetic):
    target = family_target("isan:T=5,k=2,d=2")
    result = llr.learn(target, algorithm=algorithm, arithmetic=arithmetic, **GOOD)
    found = result.certificate
    assert found.failing == 0
    assert sum(many for _, many in found.words) == result.as_json()["certificate"]["tested_words"]
    upper = llr.total_variation(target, result.model).enclosure.upper
    assert upper <= fraction(found.total_variation)
    if algorithm == "lean":
        assert fraction(found.total_variation) <= Fraction(1, 20)


def test_float64_logits_in_another_unit_are_compared_in_nats():
    target = family_target("parity:n=2,secret=11,nu=1/10")
    assert str(target.unit) == "ln 9"
    result = llr.learn(
        lambda prefix: [float(x) for x in target.logits(prefix)],
        alphabet_size=2,
        horizon=3,
        arithmetic="float",
        unit=target.unit,
        **GOOD,
    )
    assert str(result.certificate.unit) == "ln 9"
    assert result.certificate.failing == 0
    assert fraction(result.certificate.total_variation) <= Fraction(1, 20)


# -- the second verifier ------------------------------------------------------------------------


def test_the_verifier_needs_the_standard_library_alone():
    tree = ast.parse(Path(llr.check.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= {"__future__", "math", "collections.abc", "decimal", "fractions", "typing"}


CASES = [
    ("isan:T=6,k=2,d=3", {}),
    ("isan:T=4,k=3,d=2", {"arithmetic": "float"}),
    ("parity:n=5,secret=10110,nu=1/10", {}),
    ("copy:n=2,k=3", {}),
    ("spike:T=1", {}),
]


@pytest.mark.parametrize(("target", "options"), CASES)
def test_true_certificates_are_valid(target, options):
    model = family_target(target)
    result = llr.learn(model, **GOOD, **options)
    claim = json.loads(json.dumps(result.certificate.as_json()))
    numbers = result.model.arithmetic
    found = llr.check.verify(claim, to_json(result.model), asker(model, numbers))
    assert found["problems"] == []
    assert found["valid"]
    assert found["tested_words"] == sum(many for _, many in claim["words"])


def test_a_certificate_of_noisy_answers_is_valid():
    from llr.oracles.noise import NoisyOracle

    model = family_target("isan:T=5,k=2,d=2")
    oracle = NoisyOracle(ModelOracle(model), "random", fmpq(1, 1000), model.unit)
    result = llr.learn(oracle, alphabet_size=2, horizon=5, xi="1/1000", **GOOD)

    def ask(prefixes):
        return [[fraction(x) for x in row] for row in oracle.logits(prefixes)]

    claim = result.certificate.as_json()
    assert llr.check.verify(claim, to_json(result.model), ask)["valid"]
    apart = llr.total_variation(model, result.model).enclosure.upper
    assert apart <= fraction(result.certificate.total_variation)


def forged(claim):
    """Yield certificates with one number better than it is."""
    for name in ("failing_words", "next_token"):
        other = copy.deepcopy(claim)
        other["bounds"][name] = str(Fraction(other["bounds"][name]) * Fraction(99, 100))
        other["total_variation"] = str(min(map(Fraction, other["bounds"].values())))
        yield name, other
    yield "delta", claim | {"delta": str(Fraction(claim["delta"]) / 2)}
    yield "failing", claim | {"failing": claim["failing"] + 1}
    yield "total_variation", claim | {"total_variation": "0"}
    yield "words left out", claim | {"words": claim["words"][1:]}
    yield "horizon", claim | {"horizon": claim["horizon"] + 1, "words": []}
    yield "unit", claim | {"logit_unit": "ln 7"}


def rough_copy(model, by):
    """The model with the first logits of every word off by ``by`` and those after it by half."""
    value = to_json(model)
    for place, m in enumerate(value["readouts"]):
        change = Fraction(by) / (2 if place else 1)
        for row, sign in zip(m, (1, -1), strict=True):
            row[0] = str(Fraction(row[0]) + sign * change)
    return READERS["isan"](value)


def in_float64(model):
    """The network with its numbers rounded."""
    value = to_json(model)

    def rounded(x):
        return [rounded(y) for y in x] if isinstance(x, list) else float(Fraction(x))

    numbers = {name: rounded(value[name]) for name in ("initial_state", "transitions", "readouts")}
    return READERS["isan"](value | numbers | {"arithmetic": "float64"})


@pytest.mark.parametrize("by", [0, Fraction(1, 50)])
def test_every_forgery_is_found(by):
    model = family_target("isan:T=5,k=2,d=2")
    learned = rough_copy(llr.learn(model, **GOOD).model, by)
    tau = fmpq(1, 10) if by else fmpq(0)
    honest = certified(model, learned, tau=tau).as_json()
    network = to_json(learned)
    assert honest["failing"] == 0
    assert llr.check.verify(honest, network, asker(model))["valid"]
    for name, claim in forged(honest):
        found = llr.check.verify(claim, network, asker(model))
        assert not found["valid"], name
        assert found["problems"], name


def test_noise_is_added_to_both_bounds():
    model = family_target("isan:T=5,k=2,d=2")
    clear, noisy = (certified(model, model, xi=xi) for xi in (fmpq(0), fmpq(1, 1000)))
    assert noisy.failing_words - clear.failing_words == fmpq(5, 2000)
    assert noisy.next_token - clear.next_token == fmpq(5, 2000)


def test_both_arithmetics_see_the_same_distances():
    model = family_target("isan:T=5,k=2,d=2")
    learned = rough_copy(llr.learn(model, **GOOD).model, Fraction(1, 50))
    exact = certified(model, learned, tau=fmpq(1, 10))
    rough = certified(model, in_float64(learned), tau=fmpq(1, 10), arithmetic=FLOAT64)
    assert rough.arithmetic == "float64"
    assert exact.words == rough.words
    assert abs(fraction(exact.next_token - rough.next_token)) < Fraction(1, 10**8)
    assert abs(fraction(exact.failing_words - rough.failing_words)) < Fraction(1, 10**8)
    claim = rough.as_json()
    ask = asker(model, FLOAT64)
    assert llr.check.verify(claim, to_json(in_float64(learned)), ask)["problems"] == []
    for name, other in forged(claim):
        assert not llr.check.verify(other, to_json(in_float64(learned)), ask)["valid"], name


def test_a_perfect_copy_in_float64_is_apart_by_the_margin():
    """kappa is below 2^-40, which float64 distances cannot show, so that every word stops."""
    model = family_target("isan:T=5,k=2,d=2")
    for tau, shown in ((fmpq(1, 2**40), False), (fmpq(1, 2**30), True)):
        found = certified(model, in_float64(model), tau=tau, arithmetic=FLOAT64)
        assert found.failing == 0
        assert (found.next_token < 1) is shown


def test_some_failures_are_weighed_by_both():
    """Words that start with 0, 0, 0 fail: the large stakes lose all, the small ones remain."""
    model = family_target("isan:T=5,k=2,d=2")
    learned = llr.learn(model, **GOOD).model

    def ask(prefixes):
        return [
            [x + (p[:3] == (0, 0, 0)) * a for a, x in enumerate(model.logits(p))] for p in prefixes
        ]

    ledger = Ledger(FunctionOracle(lambda p: ask([p])[0]), 2, 5, EXACT)
    words = ModelWords(model).draw(400, 5, np.random.default_rng(0))
    honest = certify(
        learned, ledger, words, NAT, delta=fmpq(1, 100), xi=fmpq(0), tau=fmpq(0)
    ).as_json()
    assert honest["failing"] == sum(many for w, many in words.items() if w[:3] == (0, 0, 0)) > 5
    assert llr.check.verify(honest, to_json(learned), ask)["problems"] == []
    for name, claim in forged(honest):
        assert not llr.check.verify(claim, to_json(learned), ask)["valid"], name


def test_logits_that_are_off_at_once_count_at_once():
    """The first logits are off by 1/50 on every word: the bound has half of that in it."""
    model = family_target("isan:T=5,k=2,d=2")
    learned = rough_copy(llr.learn(model, **GOOD).model, Fraction(1, 50))
    tau = Fraction(1, 10)
    honest = certified(model, learned, tau=fmpq(1, 10))
    rest = fraction(failure_limit(400, 0, fmpq(1, 200))) + 4 * tau / 2
    assert fraction(honest.failing_words) == rest + Fraction(1, 50) / 2
    claim = honest.as_json()
    claim["bounds"]["failing_words"] = str(rest)
    claim["total_variation"] = str(min(map(Fraction, claim["bounds"].values())))
    found = llr.check.verify(claim, to_json(learned), asker(model))
    assert found["problems"] == [f"so few failures do not show TV <= {float(rest)}"]


def test_another_model_or_target_is_found():
    model, other = (family_target(f"isan:T=5,k=2,d=2,seed={s}") for s in (0, 1))
    result = llr.learn(model, **GOOD)
    claim, network = result.certificate.as_json(), to_json(result.model)
    assert not llr.check.verify(claim, network, asker(other))["valid"]
    assert not llr.check.verify(claim, to_json(other), asker(model))["valid"]


def test_a_certificate_of_something_else_is_told_apart():
    model = family_target("isan:T=5,k=2,d=2")
    result = llr.learn(model, **GOOD)
    claim = result.certificate.as_json() | {"logit_unit": "ln 7", "arithmetic": "float64"}
    found = llr.check.verify(claim, to_json(result.model), asker(model))
    assert found == {
        "valid": False,
        "problems": [
            "logit_unit is ln 7 in the certificate, nat in the model",
            "arithmetic is float64 in the certificate, exact in the model",
        ],
        "tested_words": sum(many for _, many in claim["words"]),
        "prefixes": 0,
        "failing": 0,
        "delta": claim["delta"],
        "total_variation": claim["total_variation"],
    }


def test_refusals_of_models_say_why():
    model = family_target("isan:T=5,k=2,d=2")
    result = llr.learn(model, **GOOD)
    claim, network = result.certificate.as_json(), to_json(result.model)
    for broken, says in (
        (network | {"kind": "tabulated"}, "expected a file of kind 'isan', format 1"),
        (network | {"initial_state": ["x"]}, "Invalid literal for Fraction: 'x'"),
        ({n: x for n, x in network.items() if n != "readouts"}, "model: KeyError('readouts')"),
    ):
        with pytest.raises(ValueError, match=r".") as caught:
            llr.check.verify(claim, broken, asker(model))
        assert says in str(caught.value)


def test_sizes_of_something_else_are_told_apart():
    model = family_target("isan:T=5,k=2,d=2")
    result = llr.learn(model, **GOOD)
    other = {"alphabet_size": 3, "horizon": 6, "words": []}
    claim = result.certificate.as_json() | other
    assert llr.check.verify(claim, to_json(result.model), asker(model))["problems"] == [
        "alphabet_size is 3 in the certificate, 2 in the model",
        "horizon is 6 in the certificate, 5 in the model",
    ]


def test_what_shows_nothing_is_valid():
    model, other = (family_target(f"isan:T=5,k=2,d=2,seed={s}") for s in (0, 1))
    honest = certified(model, other).as_json()
    assert (honest["failing"], honest["total_variation"]) == (400, "1")
    assert llr.check.verify(honest, to_json(other), asker(model))["valid"]


@pytest.mark.parametrize("unit", ["ln 2", "ln 3/2", "ln 1000001/1000000"])
def test_decimals_are_within_their_margin(unit):
    margin, scale = llr.check.DECIMAL_MARGIN, LogitUnit.parse(unit)
    size, off = llr.check._nats(unit)
    one = [Fraction(1, 3), Fraction(-2), Fraction(5)]
    two = [Fraction(7), Fraction(0), Fraction(-1)]
    found = llr.check._decimal_distance(one, two, size)
    with ctx.workprec(400):
        assert abs(arb(scale.base).log() - rational(size)) < rational(off)
        laws = []
        for row in (one, two):
            weights = scale.ball_weights([fmpq(x.numerator, x.denominator) for x in row])
            laws.append([w / sum(weights, arb(0)) for w in weights])
        truth = sum((abs(p - q) for p, q in zip(*laws, strict=True)), arb(0)) / 2
        above = rational(found) - truth
        assert above > 0
        assert above < 2 * rational(margin)


@pytest.mark.parametrize("answers", [lambda rows: rows[:-1], lambda rows: [*rows, rows[0]]])
def test_as_many_answers_as_questions(answers):
    model = family_target("isan:T=5,k=2,d=2")
    result = llr.learn(model, **GOOD)
    ask = asker(model)
    with pytest.raises(ValueError, match="zip"):
        llr.check.verify(
            result.certificate.as_json(), to_json(result.model), lambda ps: answers(ask(ps))
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "isan"}, "expected a file of kind 'certificate', format 1"),
        ({"alphabet_size": 1}, "alphabet_size must be an integer of at least 2, not 1"),
        ({"tau": "1/0"}, "tau must be a rational, not '1/0'"),
        ({"delta": "1"}, "certificate: delta, xi, tau or reproducible is out of range"),
        ({"bounds": []}, "certificate: bounds must be an object"),
        ({"words": {}}, "certificate: words must be a list"),
        ({"words": [[[0]]]}, "certificate: words must be pairs of tokens and a count"),
        ({"words": [[[0, 1], 1]]}, "certificate: [[0, 1], 1] is not a word with its count"),
        (
            {"words": [[[0, 1, 0, 1, 1], 1]] * 2},
            "certificate: words must differ; repeats go into their counts",
        ),
    ],
)
def test_refusals_of_certificates_say_why(change, says):
    model = family_target("isan:T=5,k=2,d=2")
    result = llr.learn(model, **GOOD)
    with pytest.raises(ValueError, match=r".") as caught:
        llr.check.verify(result.certificate.as_json() | change, to_json(result.model), asker(model))
    assert str(caught.value) == says


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "isan"},
        {"format": 2},
        {"delta": "0"},
        {"delta": "x"},
        {"xi": "-1"},
        {"words": 3},
        {"words": [[[0, 1], 1]]},
        {"words": [[[0, 1, 0, 1, 9], 1]]},
        {"words": [[[0, 1, 0, 1, 1], 0]]},
        {"words": [[[0, 1, 0, 1, 1], 1]] * 2},
        {"bounds": None},
        {"failing": -1},
        {"horizon": True},
    ],
)
def test_malformed_certificates_are_refused(change):
    model = family_target("isan:T=5,k=2,d=2")
    result = llr.learn(model, **GOOD)
    with pytest.raises(ValueError, match=r"."):
        llr.check.verify(result.certificate.as_json() | change, to_json(result.model), asker(model))


# -- uneven errors, computed again --------------------------------------------------------------

UNEVEN = {
    "one token high": ("3/5", "-3/20", "-3/20", "-3/20", "-3/20"),
    "one token low": ("-3/5", "3/20", "3/20", "3/20", "3/20"),
    "two tokens high": ("1/5", "1/5", "-2/15", "-2/15", "-2/15"),
    "all a little": ("1/20", "-1/20", "1/10", "-1/10", "0"),
}


def after_a_four(errors):
    """Five tokens, four times; the logits have a tenth of the errors, after a 4 all of them."""
    row = [Fraction(1, 2), Fraction(1, 4), Fraction(0), Fraction(-1, 4), Fraction(-1, 2)]
    readout = [
        [x + Fraction(e) / 10, Fraction(e) * 9 / 10] for x, e in zip(row, errors, strict=True)
    ]
    stay, turn = [[1, 0], [0, 1]], [[1, 0], [1, 0]]
    return Isan(5, 4, [1, 0], [[stay] * 4 + [turn]] * 3, [readout] * 4)


def law(model, prefix):
    weights = [math.exp(x) for x in model.logits(prefix)]
    return [w / math.fsum(weights) for w in weights]


def probability(model, word):
    return math.prod(law(model, word[:t])[a] for t, a in enumerate(word))


def gaps(one, two):
    return [abs(x - y) for x, y in zip(one, two, strict=True)]


def by_definition(target, model, words, tau):
    """Return the failures, and the sums Z as parts of the largest, with counts."""
    failing, sums, kappa = 0, {}, tau / 2
    for word, many in words:
        prefixes = [word[:t] for t in range(4)]
        off = [max(gaps(target.logits(p), model.logits(p))) for p in prefixes]
        failing += many * any(x > tau for x in off)
        z = 0.0
        for p in prefixes:
            apart = math.fsum(gaps(law(target, p), law(model, p))) / 2
            if apart > kappa:
                z += 1
                break
            z += apart
        part = fmpq(math.ceil(z / (1 + 3 * kappa) * 2**32), 2**32)
        sums[part] = sums.get(part, 0) + many
    return failing, sums


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("errors", "most"),
    [
        ("one token high", 0.6),
        ("one token low", 0.6),
        ("two tokens high", 0.2),
        ("all a little", 0.1),
    ],
)
def test_uneven_errors_count_as_the_bounds_are_defined(errors, most, swapped):
    """An error of 3/5 is above tau, the mean over the tokens below; words stop after a 4."""
    pair = after_a_four("00000"), after_a_four(UNEVEN[errors])
    target, model = pair[::-1] if swapped else pair
    exact = certified(target, model, tau=fmpq(1, 4))
    failing, sums = by_definition(target, model, exact.words, 0.25)
    fours = sum(many for word, many in exact.words if 4 in word[:3])
    assert exact.failing == failing == (fours if most > 0.25 else 0)
    first = rational(str(max(gaps(target.logits(()), model.logits(())))))
    assert float(first) == pytest.approx(most / 10)
    limit = failure_limit(400, failing, fmpq(1, 200))
    assert exact.failing_words == limit + (3 * fmpq(1, 4) + first) / 2
    assert exact.next_token == fmpq(11, 8) * mean_limit(sums, fmpq(1, 200))
    assert exact.failing_words < 1

    words = list(product(range(5), repeat=4))
    truth = math.fsum(abs(probability(target, w) - probability(model, w)) for w in words) / 2
    assert float(llr.total_variation(target, model).enclosure.upper) == pytest.approx(truth)
    assert truth < float(exact.total_variation) < 1

    rough = certified(target, in_float64(model), tau=fmpq(1, 4), arithmetic=FLOAT64)
    assert (rough.words, rough.failing) == (exact.words, failing)
    assert abs(fraction(rough.failing_words - exact.failing_words)) < Fraction(1, 10**8)
    assert abs(fraction(rough.next_token - exact.next_token)) < Fraction(1, 10**8)
    for found, network in ((exact, model), (rough, in_float64(model))):
        ask = asker(target, network.arithmetic)
        assert llr.check.verify(found.as_json(), to_json(network), ask)["problems"] == []


# -- on the command line ------------------------------------------------------------------------


def run(*args):
    return CliRunner().invoke(main, list(args), catch_exceptions=False)


def test_learn_then_check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = "isan:T=5,k=2,d=2"
    for options in ([], ["--xi", "1e-4"], ["--arithmetic", "float"]):
        done = run(
            "learn",
            target,
            "--epsilon",
            "0.05",
            "--out",
            "m.json",
            "--certificate",
            "c.json",
            *options,
        )
        assert done.exit_code == 0, done.output
        checked = run("check", "c.json", "m.json", target, "--json")
        assert checked.exit_code == 0, checked.output
        assert json.loads(checked.output)["valid"] is True
        assert run("check", "c.json", "m.json", target + ",seed=1").exit_code == 1
    claim = json.loads(Path("c.json").read_text())
    claim["delta"] = "1/1000000"
    Path("c.json").write_text(json.dumps(claim))
    refused = run("check", "c.json", "m.json", target)
    assert refused.exit_code == 1
    assert "problem" in refused.output


@pytest.mark.parametrize(
    ("certificate", "model", "target"),
    [
        ("c.json", "m.json", "isan:T=4,k=2,d=2"),
        ("m.json", "m.json", "isan:T=5,k=2,d=2"),
        ("c.json", "c.json", "isan:T=5,k=2,d=2"),
        ("none.json", "m.json", "isan:T=5,k=2,d=2"),
    ],
)
def test_check_refuses_what_does_not_fit(certificate, model, target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(
        "learn",
        "isan:T=5,k=2,d=2",
        "--epsilon",
        "0.1",
        "--out",
        "m.json",
        "--certificate",
        "c.json",
    )
    done = run("check", certificate, model, target)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


# -- batches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["isan:T=5,k=3,d=3", "copy:n=2,k=2,c=2", "spike:T=3"])
def test_a_network_steps_and_reads_like_its_model(target):
    model = family_target(target)
    network = Network(model)
    for t in range(model.horizon):
        for prefix in product(range(model.alphabet_size), repeat=t):
            state = network.start[np.newaxis]
            for place, token in enumerate(prefix):
                state = network.step(place, state, np.array([token]))
            truth = [
                float(model.unit.in_nats(fmpq(x.numerator, x.denominator)))
                for x in model.logits(prefix)
            ]
            assert np.allclose(network.read(t, state)[0], truth, rtol=0, atol=1e-13)


def test_words_in_batches_are_fixed_by_the_seed_and_follow_the_law():
    model = family_target("copy:n=2,k=2,c=8")
    one, two = (Network(model).words(4000, np.random.default_rng(3)) for _ in range(2))
    assert (one == two).all()
    assert one.shape == (4000, 4)
    # a copied token is wrong with probability 1/257: 8,000 of them
    assert 5 <= (one[:, :2] != one[:, 2:]).sum() <= 80
    assert 1800 <= one[:, 0].sum() <= 2200
    assert Network(model).words(0, np.random.default_rng(0)).shape == (0, 4)


@pytest.mark.parametrize("size", [1, 7, 99])
def test_the_size_of_a_batch_changes_no_word(size, monkeypatch):
    network = Network(family_target("isan:T=6,k=5,d=3"))
    whole = network.words(100, np.random.default_rng(4))
    told = []
    monkeypatch.setattr("llr.models.network.BATCH", size)
    found = network.words(100, np.random.default_rng(4), lambda *event: told.append(event))
    assert (found == whole).all()
    assert len(np.unique(whole, axis=0)) > 50
    assert told == [("tokens", 100 * t + n, 600) for t in range(6) for n in range(0, 100, size)]


def test_float64_models_have_networks_too():
    rough = llr.learn(family_target("isan:T=4,k=2,d=2"), arithmetic="float", **GOOD).model
    assert rough.unit == NAT
    assert np.allclose(
        Network(rough).read(0, Network(rough).start[np.newaxis])[0], rough.logits(()), atol=1e-14
    )


@pytest.mark.parametrize("unit", ["ln 1/2", "ln 1", "ln 0", "ln -2", "ln 1/0", "ln x", "bit"])
def test_units_that_are_none_are_refused(unit):
    model = family_target("isan:T=3,k=2,d=2")
    result = llr.learn(model, **GOOD)
    claim = result.certificate.as_json() | {"logit_unit": unit}
    network = to_json(result.model) | {"logit_unit": unit}
    with pytest.raises(ValueError, match="logit_unit"):
        llr.check.verify(claim, network, asker(model))


@pytest.mark.parametrize(
    "change",
    [
        {"transitions": []},
        {"readouts": []},
        {"initial_state": []},
        {"readouts": [[["1"]]] * 3},
        {"transitions": [[[["1"]]] * 2] * 2},
    ],
)
def test_networks_of_another_shape_are_refused(change):
    model = family_target("isan:T=3,k=2,d=2")
    result = llr.learn(model, **GOOD)
    with pytest.raises(ValueError, match="model"):
        llr.check.verify(result.certificate.as_json(), to_json(result.model) | change, asker(model))


def test_a_unit_changed_in_both_files_is_not_the_target_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = "isan:T=4,k=2,d=2"
    run("learn", target, "--epsilon", "0.1", "--out", "m.json", "--certificate", "c.json")
    for name in ("m.json", "c.json"):
        value = json.loads(Path(name).read_text())
        Path(name).write_text(json.dumps(value | {"logit_unit": "ln 2"}))
    done = run("check", "c.json", "m.json", target)
    assert done.exit_code == 2
    assert "logit_unit" in done.output


def test_float64_certificates_are_checked_in_their_own_unit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = "parity:n=3,secret=101,nu=1/10"
    model = llr.target(target)
    assert str(model.unit) == "ln 9"
    asked = FunctionOracle(lambda prefix: [2 * float(x) for x in model.logits(prefix)])
    result = llr.learn(
        asked, alphabet_size=2, horizon=4, unit="ln 3", arithmetic="float", **GOOD, seed=1
    )
    llr.save(result.model, "m.json")
    claim = result.certificate.as_json()
    assert (claim["logit_unit"], claim["arithmetic"]) == ("ln 3", "float64")
    Path("c.json").write_text(json.dumps(claim))
    checked = json.loads(run("check", "c.json", "m.json", target, "--json").output)
    assert checked["valid"] is True
    assert checked["total_variation"] == claim["total_variation"]

    for unit, code, said in (
        ("ln 9", 1, "words fail"),
        ("nat", 1, "words fail"),
        (f"ln {10**400 + 1}/{10**400}", 2, "a unit of float64"),
        ("ln 1", 2, "logit_unit of c.json"),
    ):
        for name in ("m.json", "c.json"):
            value = json.loads(Path(name).read_text())
            Path(name).write_text(json.dumps(value | {"logit_unit": unit}))
        done = run("check", "c.json", "m.json", target)
        assert done.exit_code == code
        assert said in " ".join(done.output.split())


def test_bounds_that_say_nothing_are_one():
    model = family_target("perturbed:T=16,k=2,d=3,xi=1/10")
    result = llr.learn(model, arithmetic="float", rank=1, epsilon="0.5", delta="0.1")
    assert result.certificate.failing_words <= 1
    assert result.certificate.next_token <= 1

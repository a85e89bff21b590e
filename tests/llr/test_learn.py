"""``llr.learn`` end to end: what it accepts, refuses and returns, and that it is exact."""

from __future__ import annotations

import ast
import builtins
import contextlib
import json
import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import product
from pathlib import Path

import mpmath
import numpy as np
import pytest
from flint import fmpq, fmpq_mat

import llr
from llr.analysis.distance import total_variation
from llr.errors import InputError, LlrError, OracleError
from llr.learning.api import printed_schedule
from llr.learning.learned import LearnedModel, learned_to_json
from llr.models.base import UniformModel
from llr.models.isan import Isan
from llr.models.targets import family_target
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.rational import text
from llr.numbers.units import LogitUnit
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import FloatOracle, ModelOracle
from llr.oracles.sampling import ModelWords

GOOD = {"epsilon": "0.02", "delta": "0.02"}

learn = partial(llr.learn, algorithm="printed")


def prefixes(model):
    return [p for t in range(model.horizon) for p in product(range(model.alphabet_size), repeat=t)]


def assert_equal_laws(model, target):
    """The same logits everywhere, and a total variation of exactly zero."""
    assert all(model.logits(p) == target.logits(p) for p in prefixes(target))
    distance = total_variation(target, model)
    assert (distance.enclosure.lower, distance.enclosure.upper) == (0, 0)
    assert distance.method == "exact"


# -- acceptance -----------------------------------------------------------------------------------


TARGETS = [
    "isan:T=1,k=2,d=1",
    "isan:T=2,k=3,d=2",
    "isan:T=3,k=2,d=2",
    "isan:T=6,k=2,d=3",
    "isan:T=4,k=3,d=3,seed=1",
    "parity:n=6,secret=101101,nu=1/10",
    "parity:n=3,secret=000,nu=1/3",
    "fourier:n=5,terms=11000:1/2;00110:-1/4",
    "copy:n=2,k=2",
    "copy:n=2,k=3,c=2",
    "copy:n=3,k=2",
    "spike:T=5",
]


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_learned_exactly(target):
    model = family_target(target)
    result = learn(model, **GOOD)
    assert result.accepted
    assert isinstance(result.model, LearnedModel)
    assert_equal_laws(result.model, model)
    assert result.model.unit == model.unit


@pytest.mark.parametrize("target", TARGETS)
def test_results_add_up(target):
    model = family_target(target)
    seen = []
    result = learn(model, **GOOD, seed=3, on_epoch=seen.append)
    assert [e.number for e in seen] == list(range(1, result.epochs + 1))
    assert sum(result.witnesses) + result.infeasible_epochs + result.accepted == result.epochs
    assert len(result.witnesses) == len(result.basis_sizes) == model.horizon
    assert result.programs == sum(e.programs for e in seen)
    stored = seen[-1].table.basis_sizes
    assert result.basis_sizes == (stored if model.horizon == 1 else (*stored, 0))
    counts = result.counts
    assert counts is result.ledger.counts
    assert counts.distinct_prefixes == len(result.ledger.log) == len(set(result.ledger.log))
    assert counts.tokens == sum(map(len, result.ledger.log))
    assert counts.calls == counts.distinct_prefixes + counts.cache_hits
    assert counts.rechecks == min(16, counts.distinct_prefixes)
    drawn = sum(sum(w.values()) for e in seen for w in (*e.spanner_words, e.validation_words))
    assert counts.words == drawn


def test_the_result_as_json():
    result = learn(family_target("isan:T=4,k=2,d=2"), epsilon="0.01", delta=0.05, seed=7)
    value = json.loads(json.dumps(result.as_json()))
    assert value == {
        "algorithm": "printed",
        "arithmetic": "exact",
        "seed": 7,
        "accepted": True,
        "epochs": result.epochs,
        "infeasible_epochs": 0,
        "witnesses": list(result.witnesses),
        "basis_sizes": [1, 2, 2, 0],
        "programs": result.programs,
        "queries": {
            "calls": result.counts.calls,
            "distinct_prefixes": 15,
            "cache_hits": result.counts.calls - 15,
            "tokens": 1 * 2 + 2 * 4 + 3 * 8,
            "words": result.counts.words,
            "rechecks": 15,
            "learning": result.learning_prefixes,
            "certifying": 15 - result.learning_prefixes,
        },
        "certificate": {
            "total_variation": text(result.certificate.total_variation),
            "delta": text(fmpq(1, 20) / (result.epochs * (result.epochs + 1))),
            "tested_words": sum(many for _, many in result.certificate.words),
            "failing": 0,
            "bounds": {
                "failing_words": text(result.certificate.failing_words),
                "next_token": text(result.certificate.next_token),
            },
        },
        "counting_limit": {"calls": "13", "ranks": "target"},
        # p = epsilon / 2, g = 4 p / (3 * 2)
        "parameters": {
            "epsilon": "1/100",
            "delta": "1/20",
            "xi": "0",
            "p": "1/200",
            "g": "1/300",
            "tau": "1/150",
        },
    }


def test_parameters_with_noise_and_without_a_residual_test():
    model = family_target("isan:T=4,k=2,d=2")
    found = learn(model, epsilon="0.01", delta="0.1", xi="1e-3").parameters
    # p = (1/100 - 4/2000) / 2 = 1/250, g = 4 p / 6
    assert found == {
        "epsilon": fmpq(1, 100),
        "delta": fmpq(1, 10),
        "xi": fmpq(1, 1000),
        "p": fmpq(1, 250),
        "g": fmpq(1, 375),
        "tau": fmpq(2, 375),  # (T - 2) g
    }
    short = learn(family_target("isan:T=2,k=2,d=1"), **GOOD)
    assert short.parameters["g"] is None
    assert short.as_json()["parameters"]["g"] is None


def test_the_schedule():
    schedule, _ = printed_schedule(fmpq(1, 100), fmpq(1, 20), fmpq(0), 8, 256, 9)
    assert [schedule.spanner_draws(i) for i in range(4)] == [256, 512, 1024, 2048]
    assert schedule.threshold == fmpq(1, 2100)
    assert schedule.max_epochs == 9
    with mpmath.workdps(50):
        for epoch in range(1, 30):
            draws = mpmath.log(mpmath.mpf(epoch * (epoch + 1)) * 20) * 200
            assert schedule.validation_draws(epoch) == int(mpmath.ceil(draws))
    assert schedule.validation_draws(1) == 738  # 200 ln 40 = 737.78


def test_epochs_draw_what_the_schedule_says():
    seen = []
    model = family_target("isan:T=5,k=2,d=3")
    learn(model, epsilon="0.05", delta="0.1", samples=50, on_epoch=seen.append)
    schedule, _ = printed_schedule(fmpq(1, 20), fmpq(1, 10), fmpq(0), 5, 50, 1000)
    infeasible = 0
    for epoch in seen:
        assert [sum(w.values()) for w in epoch.spanner_words] == [50 << infeasible] * 3
        fresh = sum(epoch.validation_words.values())
        assert fresh == schedule.validation_draws(epoch.number)
        infeasible += epoch.outcome == "infeasible"


def test_a_single_spanner_word_is_doubled_until_it_is_enough():
    result = learn(family_target("isan:T=5,k=2,d=3"), **GOOD, samples=1)
    assert result.accepted
    assert result.infeasible_epochs > 0
    # an infeasible epoch uses up its share of the risk, too
    assert result.certificate.delta == fmpq(1, 50) / (result.epochs * (result.epochs + 1))
    assert_equal_laws(result.model, family_target("isan:T=5,k=2,d=3"))


def test_giving_up_returns_the_uniform_model():
    model = family_target("parity:n=4,secret=1011")
    result = learn(model, **GOOD, max_epochs=1)
    assert not result.accepted
    assert result.epochs == 1
    assert sum(result.witnesses) == 1
    assert isinstance(result.model, UniformModel)
    assert (result.model.alphabet_size, result.model.horizon) == (2, 5)
    assert result.model.unit == model.unit
    assert all(result.model.logits(p) == (0, 0) for p in prefixes(model))
    # half of |0.9 - 0.5| on either side of every label
    assert total_variation(model, result.model).enclosure.upper == Fraction(2, 5)
    assert result.as_json()["accepted"] is False


# -- the same seed --------------------------------------------------------------------------------


def as_bytes(result):
    return json.dumps([result.as_json(), llr.storage.to_json(result.model)]).encode()


@pytest.mark.parametrize("target", ["isan:T=5,k=2,d=3", "copy:n=2,k=2", "fourier:n=3,terms=110:1"])
def test_the_same_seed_gives_the_same_bytes(target):
    first = learn(family_target(target), **GOOD, seed=5)
    assert as_bytes(learn(family_target(target), **GOOD, seed=5)) == as_bytes(first)


def test_another_seed_may_differ_but_learns_as_well():
    model = family_target("isan:T=5,k=2,d=3")
    results = [learn(model, **GOOD, seed=seed, samples=8) for seed in range(4)]
    for result in results:
        assert_equal_laws(result.model, model)
    assert len({json.dumps(learned_to_json(r.model)) for r in results}) > 1


def test_epsilon_may_be_written_in_many_ways():
    model = family_target("isan:T=3,k=2,d=2")
    ways = ["0.01", "1/100", 0.01, Fraction(1, 100), "1e-2"]
    assert len({as_bytes(learn(model, epsilon=e, delta=e)) for e in ways}) == 1


# -- oracles of one's own -------------------------------------------------------------------------


def toy(prefix):
    """Every token remembers the one before: cut ranks 1, 2, 2."""
    last = prefix[-1] if prefix else 0
    return [Fraction(last, 3), Fraction(-len(prefix), 7), 0]


def test_a_function_is_an_oracle():
    result = learn(toy, alphabet_size=3, horizon=4, **GOOD)
    assert result.accepted
    for t in range(4):
        for p in product(range(3), repeat=t):
            row = [Fraction(x) for x in toy(p)]
            assert result.model.logits(p) == tuple(x - sum(row) / 3 for x in row)


class Batched:
    """An oracle object; answers as strings, ints and Fractions."""

    def __init__(self, unit_rows):
        self.unit_rows, self.asked = unit_rows, []

    def logits(self, prefixes):
        self.asked.extend(prefixes)
        return [self.unit_rows(p) for p in prefixes]


def test_an_object_is_an_oracle_and_is_asked_once_per_prefix():
    oracle = Batched(lambda p: ["1/2", sum(p)] if sum(p) % 2 else [-1, Fraction(3, 4)])
    result = learn(oracle, alphabet_size=2, horizon=4, **GOOD)
    assert result.accepted
    assert result.model.logits((1, 0)) == (Fraction(-1, 4), Fraction(1, 4))
    assert result.model.logits((1, 1)) == (Fraction(-7, 8), Fraction(7, 8))
    assert len(oracle.asked) == result.counts.distinct_prefixes + result.counts.rechecks
    assert len(set(oracle.asked)) == result.counts.distinct_prefixes


def test_the_unit_of_an_oracle():
    # in units of ln 3 the label is right with probability 3/4
    def parity(prefix):
        return [0, 0] if len(prefix) < 3 else [sum(prefix) % 2, 1 - sum(prefix) % 2]

    result = learn(parity, alphabet_size=2, horizon=4, unit="ln 3", **GOOD)
    assert str(result.model.unit) == "ln 3"
    distance = total_variation(result.model, UniformModel(2, 4))
    assert distance.enclosure.lower == distance.enclosure.upper == Fraction(1, 4)


def test_words_are_drawn_through_the_oracle_where_there_is_no_other_source():
    model = family_target("isan:T=5,k=2,d=2,seed=2")
    oracle = ModelOracle(model)
    through = learn(oracle, alphabet_size=2, horizon=5, **GOOD, seed=4)
    direct = learn(model, **GOOD, seed=4)
    # the same words, hence the same model; its prefixes are asked of the oracle as well
    assert learned_to_json(through.model) == learned_to_json(direct.model)
    assert through.counts.words == direct.counts.words
    assert through.counts.calls > direct.counts.calls
    assert_equal_laws(through.model, model)


def test_a_model_seen_through_noise_stays_near():
    model = family_target("isan:T=5,k=2,d=2")
    xi = fmpq(1, 10**6)
    oracle = NoisyOracle(ModelOracle(model), "adversarial", xi, model.unit)
    result = learn(
        oracle, alphabet_size=2, horizon=5, epsilon="0.05", delta="0.05", xi="1e-6",
        words=ModelWords(model),
    )  # fmt: skip
    assert result.accepted
    distance = total_variation(model, result.model).enclosure
    assert 0 < distance.lower <= distance.upper <= Fraction(1, 20)


def test_float_oracles():
    model = family_target("isan:T=5,k=2,d=2,seed=2")
    oracle = FloatOracle(ModelOracle(model), model)
    result = learn(oracle.logits.__self__, alphabet_size=2, horizon=5, arithmetic="float", **GOOD)
    assert result.accepted
    assert result.arithmetic == "float64"
    assert total_variation(model, result.model).enclosure.upper < Fraction(1, 10**4)


def test_a_float_function_and_a_float_run_of_an_exact_model():
    result = learn(
        lambda p: np.array([0.5 * sum(p), -0.25]), alphabet_size=2, horizon=3, arithmetic="float64",
        **GOOD,
    )  # fmt: skip
    assert result.accepted
    assert result.model.logits((1, 1)) == pytest.approx((0.625, -0.625), abs=1e-6)
    # an exact model with unit ln 9 is learned in nats
    model = family_target("parity:n=3,secret=111")
    rough = learn(model, arithmetic="float", **GOOD)
    assert str(rough.model.unit) == "nat"
    assert total_variation(model, rough.model).enclosure.upper < Fraction(1, 10**5)


def test_a_float_model_in_units_of_ln_2_is_learned_in_nats_too():
    flat = [[[1.0]], [[1.0]]]
    unit = LogitUnit(fmpq(2))
    model = Isan(2, 2, [1.0], [flat], [[[1.0], [-1.0]], [[2.0], [-2.0]]], unit, FLOAT64)
    result = learn(model, arithmetic="float", **GOOD)
    assert total_variation(model, result.model).enclosure.upper < Fraction(1, 10**9)


# -- oracles that cannot be believed --------------------------------------------------------------


class Changing:
    """Answers the root differently from its second call on."""

    def __init__(self):
        self.roots = 0

    def logits(self, prefixes):
        return [self._row(p) for p in prefixes]

    def _row(self, prefix):
        self.roots += not prefix
        return [0, 0] if prefix or self.roots == 1 else [1, 0]


def test_an_oracle_that_changes_its_mind():
    with pytest.raises(OracleError, match=r"at prefix \(\) must be the same at every call"):
        learn(Changing(), alphabet_size=2, horizon=3, **GOOD)


@pytest.mark.parametrize(
    ("row", "arithmetic", "message"),
    [
        ([0, float("nan")], "exact", "must be a rational"),
        ([0, float("nan")], "float", "must be a finite number, not nan"),
        ([0.0, float("inf")], "float", "must be a finite number, not inf"),
        ([0.5, 0.5], "exact", "must be a rational"),
        ([0, 0, 0], "exact", "must be 2 logits, not 3"),
        ([0], "float", "must be 2 logits, not 1"),
        (None, "exact", "must be 2 logits, not None"),
    ],
)
def test_answers_that_are_refused(row, arithmetic, message):
    with pytest.raises(OracleError, match=r"^oracle answer at prefix \(.*\) " + message):
        learn(lambda p: row, alphabet_size=2, horizon=3, arithmetic=arithmetic, **GOOD)


def test_an_exact_run_of_a_float_model_is_refused():
    model = Isan(2, 1, [1.0], [], [[[0.5], [-0.5]]], arithmetic=FLOAT64)
    with pytest.raises(LlrError, match="must be a rational"):
        learn(model, **GOOD)


def test_what_is_left_out():
    """Seed 0, the printed algorithm, an exact oracle asked in exact arithmetic."""
    result = learn(MODEL, **GOOD)
    assert (result.seed, result.algorithm, result.arithmetic) == (0, "printed", "exact")
    assert result.parameters["xi"] == 0
    again = learn(MODEL, seed=0, samples=256, max_epochs=1000, unit="nat", **GOOD)
    assert again.as_json() == result.as_json()


# -- bad arguments --------------------------------------------------------------------------------


MODEL = family_target("isan:T=4,k=2,d=2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0}, r"^epsilon must be a number in \(0, 1\), not 0$"),
        ({"epsilon": 1}, r"^epsilon must be a number in \(0, 1\), not 1$"),
        ({"epsilon": "1.5"}, r"^epsilon must be a number in \(0, 1\), not 1\.5$"),
        ({"epsilon": "-1/2"}, r"^epsilon must be a number in \(0, 1\), not -1/2$"),
        ({"epsilon": "small"}, r"^epsilon must be a number such as"),
        ({"epsilon": float("nan")}, r"^epsilon must be a finite number"),
        ({"epsilon": float("inf")}, r"^epsilon must be a finite number"),
        ({"epsilon": None}, r"^epsilon must be"),
        ({"epsilon": True}, r"^epsilon must be"),
        ({"epsilon": "1/0"}, r"^epsilon must be a rational with a nonzero denominator"),
        ({"epsilon": "1e-18"}, r"^epsilon must be large enough for \d+ words per .*, not 1e-18$"),
        ({"delta": 0}, r"^delta must be a number in \(0, 1\), not 0$"),
        ({"delta": 2.5}, r"^delta must be a number in \(0, 1\), not 2\.5$"),
        ({"delta": "x"}, r"^delta must be a number such as"),
        ({"xi": -1}, r"^xi must be a number of nats >= 0, not -1$"),
        (
            {"xi": "1/100"},
            r"^xi must be below 2 epsilon / T = 1/100 nats .*too coarse.*, not 1/100$",
        ),
        ({"xi": 0.5}, r"^xi must be below 2 epsilon / T = 1/100 nats .*, not 0\.5$"),
        ({"xi": "much"}, r"^xi must be a number such as"),
        ({"seed": -1}, r"^seed must be an integer of at least 0, not -1$"),
        ({"seed": 1.0}, r"^seed must be an integer"),
        ({"seed": True}, r"^seed must be an integer"),
        ({"samples": 0}, r"^samples must be an integer of at least 1, not 0$"),
        ({"samples": "9"}, r"^samples must be an integer"),
        ({"max_epochs": 0}, r"^max_epochs must be an integer of at least 1, not 0$"),
        ({"arithmetic": "decimal"}, r"^arithmetic must be \"exact\" or \"float\", not 'decimal'$"),
        ({"arithmetic": None}, r"^arithmetic must be"),
        ({"algorithm": "lean-ish"}, r"^algorithm must be one of .*printed.*, not 'lean-ish'$"),
        ({"alphabet_size": 1}, r"^alphabet_size must be an integer of at least 2, not 1$"),
        ({"horizon": 0}, r"^horizon must be an integer of at least 1, not 0$"),
        ({"horizon": "4"}, r"^horizon must be an integer"),
        # the model has its own
        ({"horizon": 5}, r"^horizon must be"),
        ({"alphabet_size": 3}, r"^alphabet_size must be"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message) as caught:
        learn(MODEL, **(GOOD | options))
    assert "\n" not in str(caught.value)


def test_how_far_answers_differ_is_a_number():
    class Vague(ModelOracle):
        reproducible = "much"

    with pytest.raises(InputError, match=r"^reproducible must be a number such as .*, not 'much'$"):
        learn(Vague(MODEL), alphabet_size=2, horizon=4, **GOOD)


@pytest.mark.parametrize("arithmetic", ["exact", "float"])
@pytest.mark.parametrize("spread", [Fraction(1, 100), 0.01, "1/100", fmpq(1, 100)])
def test_how_far_answers_differ_may_be_any_number_in_both_arithmetics(spread, arithmetic):
    oracle = ModelOracle(MODEL) if arithmetic == "exact" else FloatOracle(ModelOracle(MODEL), MODEL)
    oracle.reproducible = spread
    sizes = {"alphabet_size": 2, "horizon": MODEL.horizon, "epsilon": "0.2", "delta": "0.1"}
    result = llr.learn(oracle, **sizes, arithmetic=arithmetic)
    assert result.certificate.reproducible == fmpq(1, 100)


@pytest.mark.parametrize(("move", "found"), [("1/100", False), ("1/50", True)])
@pytest.mark.parametrize("arithmetic", ["exact", "float"])
def test_how_far_answers_differ_is_in_nats_whatever_their_unit(arithmetic, move, found):
    # in units of ln 10, the second answers move by 0.023 nats or by 0.046; 0.03 are allowed
    first = set()

    class Moving:
        reproducible = "0.03"

        def logits(self, prefixes):
            rows = []
            for p in prefixes:
                x = Fraction(1, 2) + Fraction(move) * (p in first)
                rows.append([x, -x] if arithmetic == "exact" else [float(x), -float(x)])
                first.add(p)
            return rows

    options = {"alphabet_size": 2, "horizon": 2, "epsilon": "0.5", "delta": "0.1"}
    options |= {"unit": "ln 10", "arithmetic": arithmetic}
    if found:
        with pytest.raises(OracleError, match="must be the same at every call"):
            llr.learn(Moving(), **options)
    else:
        assert llr.learn(Moving(), **options).accepted


@pytest.mark.parametrize("unit", ["bit", "ln 1", "ln 1/2", "ln", 2, None])
def test_bad_units(unit):
    with pytest.raises(InputError, match=r"^(unit|logit_unit) must be \"nat\" or \"ln q\""):
        learn(toy, alphabet_size=3, horizon=3, unit=unit, **GOOD)


@pytest.mark.parametrize("oracle", [5, None, "model.json", [1, 2]])
def test_things_that_are_no_oracle(oracle):
    with pytest.raises(InputError, match=r"^oracle must be an object with logits\(prefixes\)"):
        learn(oracle, alphabet_size=2, horizon=3, **GOOD)


@pytest.mark.parametrize("missing", ["alphabet_size", "horizon"])
def test_a_function_does_not_know_its_sizes(missing):
    sizes = {"alphabet_size": 3, "horizon": 3}
    del sizes[missing]
    with pytest.raises(InputError, match=rf"^{missing} must be an integer .*, not None$"):
        learn(toy, **sizes, **GOOD)


def test_the_largest_noise_is_named_so_that_it_would_do():
    with pytest.raises(InputError, match="too coarse") as caught:
        learn(MODEL, epsilon="0.03", delta="0.1", xi="1")
    limit = Fraction(re.search(r"= (\S+) nats", str(caught.value)).group(1))
    assert limit == 2 * Fraction(3, 100) / 4
    below = limit * Fraction(99, 100)
    assert learn(MODEL, epsilon="0.03", delta="0.5", xi=below, max_epochs=1).epochs == 1


# -- exactness is real ----------------------------------------------------------------------------


class Recorder:
    """A source of words that remembers them."""

    def __init__(self, source):
        self.source, self.given = source, []

    def draw(self, n, length, rng):
        self.given.append(self.source.draw(n, length, rng))
        return self.given[-1]


class Scripted:
    """A source of words that repeats what was drawn before."""

    def __init__(self, given):
        self.given = list(given)

    def draw(self, n, length, rng):
        words = self.given.pop(0)
        assert sum(words.values()) == n
        assert all(len(w) == length for w in words)
        return words


NAN = float("nan")
# kept from before the patch
REAL_FLOAT, INEXACT, ARRAY, FULL_LIKE = float, np.inexact, np.ndarray, np.full_like


def no_number(found):
    """Return ``found`` with every floating-point number in it replaced by NaN."""
    if isinstance(found, REAL_FLOAT | complex | INEXACT):
        return NAN
    if isinstance(found, ARRAY) and found.dtype.kind in "fc":
        return FULL_LIKE(found, NAN)
    if isinstance(found, tuple | list):
        return type(found)(map(no_number, found))
    return found


def spoiled(function):
    def wrapper(*args, **kwargs):
        return no_number(function(*args, **kwargs))

    return wrapper


class Spoiled(type):
    """The metaclass of a ``float`` whose every value is NaN; isinstance still tells the truth."""

    def __instancecheck__(cls, thing):
        return isinstance(thing, REAL_FLOAT)

    def __subclasscheck__(cls, kind):
        return issubclass(kind, REAL_FLOAT)

    def __call__(cls, *args):
        return NAN


@contextlib.contextmanager
def every_float_is_nan():
    """Replace float, math, numpy's functions and llr.numbers.floats by forms that return NaN."""
    spoiled_float = Spoiled("float", (REAL_FLOAT,), {})
    with pytest.MonkeyPatch.context() as patch:
        for module in (math, np, np.linalg, floats):
            for name, thing in list(vars(module).items()):
                if name.startswith("__"):
                    continue
                if isinstance(thing, REAL_FLOAT):
                    patch.setattr(module, name, NAN)
                elif isinstance(thing, type):
                    if issubclass(thing, INEXACT):
                        patch.setattr(module, name, spoiled(thing))
                elif callable(thing):
                    patch.setattr(module, name, spoiled(thing))
        patch.setattr(builtins, "float", spoiled_float)
        yield


def is_nan(x):
    return x != x


def test_the_patch_bites():
    model = family_target("isan:T=3,k=2,d=2")
    assert learn(model, arithmetic="float", **GOOD).accepted
    with every_float_is_nan():
        found = [
            float("0.5"),
            float(3),
            math.sqrt(4),
            math.fsum([1.0]),
            math.pi,
            np.sqrt(4.0),
            np.float64(0.5),
            np.float32(1),
            *np.array([1.0, 2.0]),
            *np.zeros(2),
            *np.linalg.solve(np.eye(1), [1.0]),
            floats.RANK_TOLERANCE,
            *floats.centred((1.0, 2.0)),
            *floats.from_rational((fmpq(1, 2),), LogitUnit()),
            *FLOAT64.centred((1.0, 2.0)),
        ]
        integers = (math.gcd(4, 6), int(np.arange(3).sum()), isinstance(0.5, float))
        with pytest.raises(TypeError):  # numpy.float64 is no dtype any more
            FLOAT64.matrix([(1.0,)], 1)
        # learning in float64 ends at the first answer of the oracle
        with pytest.raises(OracleError, match="must be a finite number"):
            learn(model, arithmetic="float", **GOOD)
    assert all(map(is_nan, found))
    assert integers == (2, 3, True)  # exact things are left alone
    assert float("0.5") == 0.5  # all is undone
    assert np.float64(0.5) == 0.5
    assert math.pi > 3
    assert learn(model, arithmetic="float", **GOOD).accepted


@pytest.mark.parametrize(
    "target",
    ["isan:T=6,k=2,d=3", "isan:T=4,k=3,d=3,seed=1", "parity:n=4,secret=1011", "copy:n=2,k=2",
     "fourier:n=4,terms=1100:1/2;0111:-1/4", "spike:T=4"],
)  # fmt: skip
@pytest.mark.parametrize("noise", [None, "adversarial"])
def test_exact_learning_uses_no_float(target, noise):
    def run(source):
        model = family_target(target)
        oracle = ModelOracle(model)
        if noise:
            oracle = NoisyOracle(oracle, noise, fmpq(1, 10**6), model.unit)
        result = learn(
            oracle,
            alphabet_size=model.alphabet_size,
            horizon=model.horizon,
            unit=model.unit,
            xi="1e-6" if noise else 0,
            words=source,
            max_epochs=40,
            **GOOD,
        )
        return as_bytes(result)

    recorder = Recorder(ModelWords(family_target(target)))
    expected = run(recorder)
    with every_float_is_nan():
        found = run(Scripted(recorder.given))
    assert found == expected


def test_exact_files_hold_rationals_only():
    text = json.dumps(learned_to_json(learn(MODEL, **GOOD).model))
    numbers = re.findall(r"-?[0-9][0-9./eE+-]*", text)
    assert numbers
    assert all(re.fullmatch(r"-?[0-9]+(/[0-9]+)?", x) for x in numbers)


def test_a_float_cannot_slip_into_a_rational():
    for spoil in (
        lambda: fmpq(1, 3) + 0.5,
        lambda: 0.5 * fmpq(1, 3),
        lambda: fmpq(0.5),
        lambda: fmpq_mat(1, 1, [0.5]),
        lambda: fmpq_mat(1, 1, [1]) * 0.5,
    ):
        with pytest.raises(TypeError):
            spoil()


EXACT_FILES = [
    "numbers/rational.py",
    *(f"models/{name}.py" for name in ("isan", "families", "logits", "realization")),
    *(f"learning/{name}.py" for name in ("boxed", "program", "printed", "table", "spanner")),
]


def floats_in(source):
    """Return the lines on which source text writes or makes a float, or rounds a rational."""
    found = []
    for node in ast.walk(ast.parse(source)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        converts = called and node.func.id in ("float", "complex")
        name = (
            getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
        )
        if literal or converts or name == "limit_denominator":
            found.append(node.lineno)
    return found


def test_the_source_check_sees_floats():
    source = (
        "x = 0.5\ny = float(3)\nz = y.limit_denominator(9)\nw = 1e3\nv = isinstance(x, float)\n"
    )
    assert sorted(floats_in(source)) == [1, 2, 3, 4]


@pytest.mark.parametrize("name", EXACT_FILES)
def test_the_exact_path_has_no_float_in_its_source(name):
    path = Path(llr.__file__).parent / name
    assert floats_in(path.read_text(encoding="utf-8")) == []


def test_decimal_arguments_are_not_floats_in_disguise():
    # 0.1 is read as 1/10, not as the double; a Decimal is not a rational of ours
    assert learn(MODEL, epsilon=0.1, delta=0.1, max_epochs=1).parameters["epsilon"] == fmpq(1, 10)
    with pytest.raises(InputError, match=r"^epsilon must be"):
        learn(MODEL, epsilon=Decimal("0.1"), delta="0.1")


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "printed"},
        {"algorithm": "lean"},
        {"algorithm": "shared", "arithmetic": "float", "rank": 2},
    ],
)
def test_an_epsilon_that_asks_for_too_many_words_is_refused(options):
    with pytest.raises(InputError) as caught:
        llr.learn(family_target("isan:T=3,k=2,d=2"), epsilon="1e-25", delta="0.1", **options)
    assert str(caught.value) == (
        f"epsilon must be large enough for {2**62} words per epoch, not 1e-25"
    )


@pytest.mark.parametrize(("name", "own"), [("alphabet_size", 2), ("horizon", 3)])
def test_a_size_that_is_not_the_models_own_is_refused(name, own):
    model = family_target("isan:T=3,k=2,d=2")
    with pytest.raises(InputError) as caught:
        llr.learn(model, **GOOD, **{name: 4})
    assert str(caught.value) == f"{name} must be {own}, the model's own, or left out, not 4"

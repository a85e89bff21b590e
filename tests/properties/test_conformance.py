"""properties.conformance: sound learners pass, and each defect fails the check that is for it."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from itertools import count, product

import numpy as np
import pytest
from hypothesis import find, given, settings

from llr.errors import InputError, OracleError
from llr.models.families import noisy_parity
from properties import check_learner, own_learner
from properties.conformance import (
    FALSE_ALARM,
    REPEATED_DELTA,
    RUNS,
    Boundary,
    Target,
    detectable_rate,
    least_refuting,
    small_targets,
    tail,
)

CHECKS = (
    "runs",
    "rows",
    "queries",
    "silence",
    "seeds",
    "accuracy",
    "constants",
    "noise",
    "errors",
    "confidence",
)


def prefixes_of(k, horizon):
    return [p for n in range(horizon) for p in product(range(k), repeat=n)]


def centred(row):
    return [x - Fraction(sum(row), len(row)) for x in row]


class Table:
    def __init__(self, rows):
        self.rows = rows

    def logits(self, prefix):
        return self.rows[tuple(prefix)]


def tabulate(oracle, *, alphabet_size, horizon, **promise):
    """Exhaustive tabulation."""
    prefixes = prefixes_of(alphabet_size, horizon)
    rows = oracle.logits(prefixes)
    return Table({p: centred(row) for p, row in zip(prefixes, rows, strict=True)})


def changed(change):
    """A learner that tabulates and then changes its table: ``change(rows, k, T, promise)``."""

    def learner(oracle, *, alphabet_size, horizon, **promise):
        rows = tabulate(oracle, alphabet_size=alphabet_size, horizon=horizon).rows
        return Table(change(dict(rows), alphabet_size, horizon, promise))

    return learner


def zeros(rows):
    return {p: [Fraction(0)] * len(row) for p, row in rows.items()}


# -- sound learners -------------------------------------------------------------------------------


def test_exhaustive_tabulation_passes():
    report = check_learner(tabulate)
    assert report.passed, report
    assert report.failures == ()
    assert tuple(check.name for check in report.checks) == CHECKS
    assert all(check.tried >= 100 for check in report.checks)
    assert report.learner == "tabulate"


def test_the_printed_learner_passes():
    report = check_learner(own_learner("printed"))
    assert report.passed, report
    assert report.learner == "printed"


def test_the_lean_learner_passes():
    report = check_learner(own_learner("lean"))
    assert report.passed, report


def test_floats_pass():
    """Rows of floats, centred up to rounding."""
    learner = changed(lambda rows, k, t, promise: {p: [*map(float, r)] for p, r in rows.items()})
    report = check_learner(learner, name="float table", profile="quick")
    assert report.passed, report
    assert report.learner == "float table"


def test_a_learner_may_fail_with_probability_delta():
    """It misses everything with probability exactly delta: no check may blame it."""

    def change(rows, k, t, promise):
        unlucky = random.Random(promise["seed"]).random() < promise["delta"]
        return zeros(rows) if unlucky else rows

    for seed in range(3):
        report = check_learner(changed(change), profile="quick", seed=seed)
        assert report.passed, report


# -- defects --------------------------------------------------------------------------------------


def stops_one_short(oracle, *, alphabet_size, horizon, **promise):
    rows = dict.fromkeys(prefixes_of(alphabet_size, horizon), [Fraction(0)] * alphabet_size)
    if horizon > 1:
        rows |= tabulate(oracle, alphabet_size=alphabet_size, horizon=horizon - 1).rows
    return Table(rows)


def goes_one_too_far(oracle, *, alphabet_size, horizon, **promise):
    return tabulate(oracle, alphabet_size=alphabet_size, horizon=horizon + 1)


def counts_tokens_from_one(oracle, *, alphabet_size, horizon, **promise):
    oracle.logits([(alphabet_size,)] if horizon > 1 else [()])
    return tabulate(oracle, alphabet_size=alphabet_size, horizon=horizon)


def forgets_one_token(rows, k, horizon, promise):
    """What comes after token 1 is taken for what comes after token 0."""
    return {p: rows[tuple(0 if a == 1 else a for a in p)] for p in rows}


class AsksLater:
    def __init__(self, oracle):
        self.oracle = oracle

    def logits(self, prefix):
        return centred(self.oracle.logits([prefix])[0])


def asks_later(oracle, **promise):
    oracle.logits([()])
    return AsksLater(oracle)


def wavers(rows, k, horizon, promise):
    """Not its own seed but a global one."""
    nudge = Fraction(random.randrange(1, 10**9), 10**12)
    rows[()] = [rows[()][0] + nudge, rows[()][1] - nudge, *rows[()][2:]]
    return rows


class Restless:
    def __init__(self, rows):
        self.rows, self.turns = rows, count()

    def logits(self, prefix):
        first, *rest = self.rows[prefix]
        nudge = Fraction(next(self.turns) % 2, 10**6)
        return [first + nudge, rest[0] - nudge, *rest[1:]]


def restless(oracle, *, alphabet_size, horizon, **promise):
    return Restless(tabulate(oracle, alphabet_size=alphabet_size, horizon=horizon).rows)


def adds_effects(rows, k, horizon, promise):
    """Right wherever each token adds its own effect: wrong on parity."""

    def row(p):
        base = rows[(0,) * len(p)]
        alone = [rows[(0,) * i + (a,) + (0,) * (len(p) - i - 1)] for i, a in enumerate(p)]
        return [x + sum(r[j] - x for r in alone) for j, x in enumerate(base)]

    return {p: row(p) for p in rows}


def two_tokens_only(rows, k, horizon, promise):
    """Tokens from 2 on are all alike."""
    tied = {
        p: [*r[:2], *[sum(r[2:], Fraction(0)) / max(1, k - 2)] * (k - 2)] for p, r in rows.items()
    }
    return {p: tied[tuple(min(a, 2) for a in p)] for p in tied}


def takes_every_unit_for_nats(rows, k, horizon, promise):
    if promise["unit"].base is None:
        return rows
    return {p: [x * 2 for x in row] for p, row in rows.items()}


def half_the_time(rows, k, horizon, promise):
    return zeros(rows) if random.Random(promise["seed"]).random() < 0.5 else rows


def not_centred(rows, k, horizon, promise):
    return {p: [x + 1 for x in row] for p, row in rows.items()}


def one_row_too_long(rows, k, horizon, promise):
    return rows | {(0,) * (horizon - 1): [*rows[(0,) * (horizon - 1)], Fraction(0)]}


def trusts_rows_to_be_centred(oracle, *, alphabet_size, horizon, **promise):
    prefixes = prefixes_of(alphabet_size, horizon)
    rows = dict(zip(prefixes, oracle.logits(prefixes), strict=True))
    return Table({p: [*row[:-1], -sum(row[:-1])] for p, row in rows.items()})


def knows_exact_oracles_only(rows, k, horizon, promise):
    return rows if promise["xi"] == 0 else zeros(rows)


def refuses_noise(rows, k, horizon, promise):
    if promise["xi"]:
        raise NotImplementedError("noise")
    return rows


def swallows_errors(oracle, *, alphabet_size, horizon, **promise):
    try:
        return tabulate(oracle, alphabet_size=alphabet_size, horizon=horizon)
    except OracleError:
        return Table(dict.fromkeys(prefixes_of(alphabet_size, horizon), [0] * alphabet_size))


def wraps_errors(oracle, *, alphabet_size, horizon, **promise):
    try:
        return tabulate(oracle, alphabet_size=alphabet_size, horizon=horizon)
    except OracleError as error:
        raise RuntimeError("cannot learn") from error


def needs_two_tokens(rows, k, horizon, promise):
    if horizon == 1:
        raise ZeroDivisionError("T - 1")
    return rows


DEFECTS = {
    "stops one short": (stops_one_short, "accuracy", (2, 1)),
    "goes one too far": (goes_one_too_far, "queries", (2, 1)),
    "counts tokens from one": (counts_tokens_from_one, "queries", (2, 2)),
    "forgets one token": (changed(forgets_one_token), "accuracy", (2, 2)),
    "asks later": (asks_later, "silence", (2, 1)),
    "not deterministic": (changed(wavers), "seeds", (2, 1)),
    "restless when read": (restless, "seeds", (2, 1)),
    "wrong on parity": (changed(adds_effects), "accuracy", (2, 3)),
    "two tokens only": (changed(two_tokens_only), "accuracy", (4, 1)),
    "every unit a nat": (changed(takes_every_unit_for_nats), "accuracy", (2, 1)),
    "right half the time": (changed(half_the_time), "confidence", (2, 4)),
    "not centred": (changed(not_centred), "rows", (2, 1)),
    "one row too long": (changed(one_row_too_long), "rows", (2, 1)),
    "trusts rows to be centred": (trusts_rows_to_be_centred, "constants", (2, 1)),
    "exact oracles only": (changed(knows_exact_oracles_only), "noise", (2, 1)),
    "refuses noise": (changed(refuses_noise), "noise", (2, 1)),
    "swallows errors": (swallows_errors, "errors", (2, 1)),
    "wraps errors": (wraps_errors, "errors", (2, 1)),
    "needs two tokens": (changed(needs_two_tokens), "runs", (2, 1)),
}
ALSO = {
    # a miss may show with another oracle first, and where no row is whole nothing else is tested
    "accuracy": {"constants", "noise", "confidence"},
    "rows": {"accuracy", "constants", "noise", "confidence"},
    "confidence": {"accuracy", "constants", "noise"},
}


@pytest.mark.long
@pytest.mark.parametrize("name", list(DEFECTS))
def test_each_defect_fails_its_check_on_a_small_target(name):
    learner, wanted, (k, horizon) = DEFECTS[name]
    report = check_learner(learner, name=name, profile="quick")
    assert not report.passed
    assert wanted in report.failures
    assert set(report.failures) <= {wanted} | ALSO.get(wanted, set()), report
    failed = next(check for check in report.checks if check.name == wanted)
    assert failed.target
    assert failed.detail
    assert failed.model is not None
    assert (failed.model.alphabet_size, failed.model.horizon) == (k, horizon), report


def test_what_a_search_cannot_blame_repeated_runs_do():
    """A learner that is right half the time: four runs in a row may miss, ten of forty do."""
    report = check_learner(changed(half_the_time), profile="quick")
    confidence = report.checks[-1]
    assert confidence.name == "confidence"
    assert not confidence.passed
    assert "10 refute delta" in confidence.detail


def test_a_learner_that_never_returns_is_not_passed_in_silence():
    def broken(oracle, **promise):
        raise RuntimeError("not written yet")

    line = broken.__code__.co_firstlineno + 1
    report = check_learner(broken, profile="quick")
    assert report.failures == CHECKS
    by_name = {check.name: check for check in report.checks}
    assert by_name["runs"].detail == (
        f"it raised RuntimeError: not written yet (test_conformance.py, line {line})"
    )
    assert {by_name[name].detail for name in CHECKS[1:-1]} == {"not tested: no run got that far"}
    assert by_name["confidence"].detail == "not tested: a run ended without a whole model"


def test_what_is_no_model_is_named():
    report = check_learner(lambda oracle, **promise: None, profile="quick")
    assert report.checks[0].detail == "it returned None, which has no logits(prefix)"


class Silent:
    def logits(self, prefix):
        return None


class Short:
    def logits(self):
        return ()


def test_rows_that_are_none_are_misshapen():
    report = check_learner(lambda oracle, **promise: Silent(), profile="quick")
    assert report.checks[0].passed
    assert report.checks[1].detail == "logits(()) = None is no sequence of 2 numbers"


def test_what_the_suite_calls_wrongly_made_is_not_blamed_on_the_suite():
    report = check_learner(lambda oracle, **promise: Short(), profile="quick")
    assert report.checks[0].detail == (
        "it raised TypeError: Short.logits() takes 1 positional argument but 2 were given"
    )

    def misuses(oracle, **promise):
        oracle.logits(5)

    line = misuses.__code__.co_firstlineno + 1
    report = check_learner(misuses, profile="quick")
    assert report.checks[0].detail.endswith(f"(test_conformance.py, line {line})")


@pytest.mark.parametrize(("name", "size"), [("alphabet_size", 8), ("horizon", 5), ("horizon", 1)])
def test_the_ends_of_every_range_are_always_tried(name, size):
    def wrong_there(oracle, **promise):
        learned = tabulate(oracle, **promise)
        if promise[name] == size:
            learned.rows[()] = [3, -3, *[0] * (promise["alphabet_size"] - 2)]
        return learned

    report = check_learner(wrong_there, profile="quick")
    assert "accuracy" in report.failures


def test_an_interrupt_says_what_was_being_learned():
    def stopped(oracle, **promise):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        check_learner(stopped, profile="quick")
    assert caught.value.__notes__[0].startswith("while it learned ")


def test_a_report_says_how_much_was_tried_and_what_would_have_been_found():
    """Robustness is asked of a learner where it is right with an exact oracle, and nowhere else."""

    def negated(oracle, **promise):
        rows = tabulate(oracle, **promise).rows
        return Table({p: [-x for x in row] for p, row in rows.items()})

    report = check_learner(negated, profile="quick")
    by_name = {check.name: check for check in report.checks}
    assert by_name["noise"].passed
    assert 0 < by_name["noise"].tried < by_name["accuracy"].tried // 10
    lines = str(report).splitlines()
    assert f"  noise        passed  {by_name['noise'].statement} (2 cases)" in lines
    assert lines[-1].startswith("      fixed target: ")
    sound = str(check_learner(tabulate, profile="quick")).splitlines()
    assert sound[-2] == "  confidence   passed  TV > 1/20 in at most 1/100 of all runs (120 cases)"
    assert sound[-1].startswith("      0, 0, 0 of 40 runs missed; 10 would refute; a rate of 0.42 ")


@pytest.mark.parametrize("profile", ["slow", [1], None])
def test_an_unknown_profile_is_an_early_error(profile):
    with pytest.raises(InputError, match="profile must be one of quick, ci, nightly"):
        check_learner(tabulate, profile=profile)


def test_a_learner_that_asks_nothing_is_not_passed_in_silence():
    def uniform(oracle, *, alphabet_size, horizon, **promise):
        return Table(dict.fromkeys(prefixes_of(alphabet_size, horizon), [0] * alphabet_size))

    report = check_learner(uniform, profile="quick")
    assert report.failures == ("queries", "accuracy", "errors", "confidence")


# -- the report -----------------------------------------------------------------------------------


def test_the_report_reads_well():
    report = check_learner(goes_one_too_far, profile="quick")
    lines = str(report).splitlines()
    assert lines[0] == "goes_one_too_far does not conform: 9 of 10 checks passed"
    place = next(i for i, line in enumerate(lines) if "FAILED" in line)
    assert lines[place : place + 2] == [
        "  queries      FAILED  asks for prefixes of 0..T-1 tokens only (79 cases)",
        "      it asked for (0,)",
    ]
    assert lines[place + 2].startswith("      smallest target: ISAN: Isan(k=2, T=1, unit=")
    assert lines[place + 2].endswith(", x0=[0], A=(), B=[0; 0])")
    assert all(len(line) <= 100 for line in lines)
    value = report.as_json()
    assert json.loads(json.dumps(value)) == value
    assert (value["learner"], value["passed"], value["profile"], value["seed"]) == (
        "goes_one_too_far",
        False,
        "quick",
        0,
    )
    assert [check["name"] for check in value["checks"]] == list(CHECKS)
    assert value["checks"][2]["detail"] == "it asked for (0,)"


def test_the_same_seed_gives_the_same_report():
    """Even for a learner that draws from the global generator."""
    first, second = (check_learner(changed(wavers), profile="quick", seed=5) for _ in range(2))
    assert not first.passed
    assert first.as_json() == second.as_json()
    assert str(first) == str(second)


def test_the_global_generators_are_left_alone():
    random.seed(3)
    np.random.seed(3)
    expected = random.random(), np.random.random()
    random.seed(3)
    np.random.seed(3)
    check_learner(changed(wavers), profile="quick")
    assert (random.random(), np.random.random()) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"learner": 3},
            (
                "learner must be a function of (oracle, *, alphabet_size, horizon, unit, epsilon, "
                "delta, xi, seed), see Learner, not 3"
            ),
        ),
        ({"profile": "slow"}, "profile must be one of quick, ci, nightly, not 'slow'"),
        ({"seed": -1}, "seed must be an integer of at least 0, not -1"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(InputError) as caught:
        check_learner(**{"learner": tabulate, **options})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "learner", [lambda oracle: None, lambda oracle, alphabet_size: None, object, Table]
)
def test_a_learner_that_takes_other_arguments_is_an_early_error(learner):
    with pytest.raises(InputError, match=r"^learner must be a function of \(oracle, \*, alphabet"):
        check_learner(learner)


def test_a_learner_whose_arguments_are_not_known_is_tried():
    class Opaque:
        __signature__ = "none"

        def __call__(self, oracle, **promise):
            return tabulate(oracle, **promise)

    assert check_learner(Opaque(), profile="quick").passed


def test_there_is_no_such_option():
    with pytest.raises(InputError, match=r"^option must be one of arithmetic, samples, .*'foo'$"):
        own_learner("lean", foo=3)
    with pytest.raises(InputError, match=r"^option must be one of .*, not 'epsilon'$"):
        own_learner("lean", epsilon=1)
    assert callable(own_learner("printed", samples=3, max_epochs=9))


def test_there_is_no_such_algorithm():
    with pytest.raises(InputError, match=r"^algorithm must be one of .*printed.*, not 'magic'$"):
        own_learner("magic")


# -- the boundary ---------------------------------------------------------------------------------


class Halves:
    def logits(self, prefixes):
        return [(Fraction(1, 2), "-1/2") for _ in prefixes]


def test_the_boundary_answers_in_fractions_and_writes_everything_down():
    boundary = Boundary(Halves(), 2, 2)
    assert boundary.logits([(), (1,)]) == [(Fraction(1, 2), Fraction(-1, 2))] * 2
    assert boundary.logits([[1], (np.int64(0),)]) == [(Fraction(1, 2), Fraction(-1, 2))] * 2
    assert boundary.asked == [(), (1,), (1,), (0,)]
    assert boundary.illegal == boundary.late == []


@pytest.mark.parametrize("prefix", [(0, 0), (2,), (-1,), (0.0,), ("0",), (None,), 7])
def test_the_boundary_tells_what_is_no_prefix(prefix):
    boundary = Boundary(Halves(), 2, 2)
    assert boundary.logits([prefix]) == [(0, 0)]
    assert boundary.illegal == [prefix]
    assert boundary.asked == []


def test_the_boundary_shifts_fails_and_closes():
    shifted = Boundary(Halves(), 2, 3, shifted=True)
    rows = shifted.logits([(), (0,), (1,), (1, 1)])
    assert [(a - b, a + b) for a, b in rows] == [(1, 2), (1, 4), (1, 6), (1, 10)]
    failing = Boundary(Halves(), 2, 3, fails_at=1)
    failing.logits([()])
    assert not failing.failed
    for _ in range(2):
        with pytest.raises(OracleError):
            failing.logits([(0,)])
    assert failing.failed
    shifted.learning = False
    shifted.logits([(0,)])
    assert shifted.late == [(0,)]


# -- targets and figures --------------------------------------------------------------------------


def test_targets_of_every_family_and_size():
    seen = {}

    @settings(max_examples=400, database=None, deadline=None, derandomize=True)
    @given(small_targets())
    def look(target):
        model = target.model
        assert 1 <= model.horizon <= 5
        assert 2 <= model.alphabet_size <= 8
        assert list(target.rows) == prefixes_of(model.alphabet_size, model.horizon)
        assert len(target.rows) <= 31
        assert repr(target).startswith(target.family + ": ")
        assert "object at 0x" not in repr(target)
        seen.setdefault(target.family, set()).add((model.alphabet_size, model.horizon))

    look()
    assert set(seen) == {
        "ISAN",
        "Cauchy teacher",
        "Fourier-sparse",
        "copy",
        "hard teacher",
        "layered ISAN",
        "noisy parity",
        "perturbed ISAN",
        "spike",
        "table",
    }
    sizes = set().union(*seen.values())
    assert {k for k, _ in sizes} >= {2, 3}
    assert {t for _, t in sizes} == {1, 2, 3, 4, 5}
    largest = find(small_targets(), lambda target: target.model.alphabet_size == 8)
    assert largest.model.horizon <= 2


@pytest.mark.parametrize(
    ("horizons", "sizes"),
    [((1, 1), (2, 2)), ((1, 2), (8, 8)), ((2, 2), (3, 5)), ((1, 3), (2, 2)), ((3, 4), (2, 3))],
)
def test_targets_heed_their_limits(horizons, sizes):
    @settings(max_examples=60, database=None, deadline=None)
    @given(small_targets(horizons=horizons, alphabet_sizes=sizes))
    def look(target):
        assert horizons[0] <= target.model.horizon <= horizons[1]
        assert sizes[0] <= target.model.alphabet_size <= sizes[1]

    look()


def test_targets_are_the_same_if_their_logits_are():
    one, other = (Target("noisy parity", noisy_parity(2, secret, "1/4")) for secret in ("11", "10"))
    assert one.key == Target("anything", noisy_parity(2, "11", "1/4")).key
    assert one.key != other.key
    assert one.key != Target("noisy parity", noisy_parity(2, "11", "1/3")).key  # another unit


def test_the_binomial_tail_by_enumeration():
    rate = Fraction(1, 3)
    for least in range(6):
        direct = sum(
            rate ** sum(x) * (1 - rate) ** (4 - sum(x))
            for x in product((0, 1), repeat=4)
            if sum(x) >= least
        )
        assert tail(4, rate, least) == direct


def test_the_repeated_runs_have_power_and_no_false_alarms():
    critical = least_refuting(RUNS["quick"], REPEATED_DELTA, FALSE_ALARM / 6)
    assert critical == 10
    assert tail(RUNS["quick"], REPEATED_DELTA, critical) <= FALSE_ALARM / 6
    assert tail(RUNS["quick"], REPEATED_DELTA, critical - 1) > FALSE_ALARM / 6
    rate = detectable_rate(RUNS["quick"], critical)
    assert tail(RUNS["quick"], rate, critical) >= Fraction(99, 100)
    assert tail(RUNS["quick"], rate - Fraction(1, 100), critical) < Fraction(99, 100)
    assert rate == Fraction(42, 100)

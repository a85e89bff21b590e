"""properties.check_bound: a user's right-hand side against the search."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, ctx, fmpq, fmpz

from bounds import STATEMENTS, boolean, queries, softmax, spanner
from bounds.parameters import explicit_parameters
from bounds.potential import elliptic_potential
from llr.errors import InputError
from llr.numbers import balls
from llr.numbers.balls import Enclosure, Real
from llr.numbers.rational import fraction
from properties import BoundVerdict, check_bound, records
from properties import own_bounds as module
from properties.claim import Measurement
from properties.claims import CLAIMS

TINY = Fraction(1, 2**52)


def quarter(gap, unit):
    """tanh(w/4) in place of tanh(w/2): half the argument."""
    return softmax.softmax_tanh(gap / 2, unit)


def test_a_tightened_bound_is_refuted_with_its_counterexample():
    found = check_bound("lemma-5.3", quarter)
    assert isinstance(found, BoundVerdict)
    assert (found.verdict, found.refuted, found.claim) == ("refuted", True, "lemma-5.3")
    u, v, unit = found.counterexample
    distance = softmax_distance(u, v, unit)
    gap = max(abs(float(x.p) / float(x.q) - float(y.p) / float(y.q)) for x, y in pairs(u, v))
    gap *= float(unit.nats)
    assert mpmath.tanh(gap / 4) < distance <= mpmath.tanh(gap / 2) * (1 + 1e-12)
    assert found.refutation is not None
    assert float(found.refutation.measured) == pytest.approx(float(distance), rel=1e-12)
    assert float(found.refutation.bound) == pytest.approx(float(mpmath.tanh(gap / 4)), rel=1e-12)
    assert sum(abs(int(x.p)) for x in (*u, *v)) <= 8  # shrunk


def pairs(u, v):
    return list(zip(u, v, strict=True))


def softmax_distance(u, v, unit):
    """TV of two softmaxes by mpmath."""
    laws = []
    for row in (u, v):
        weights = [mpmath.exp(float(unit.nats) * float(x.p) / float(x.q)) for x in row]
        laws.append([w / mpmath.fsum(weights) for w in weights])
    return mpmath.fsum(abs(p - q) for p, q in zip(*laws, strict=True)) / 2


def test_a_right_bound_passes_and_shows_how_tight_it_is(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    found = check_bound("lemma-5.3", lambda gap, unit: softmax.softmax_tanh(gap, unit))
    assert (found.verdict, found.refuted) == ("not refuted", False)
    assert found.tried > 300
    assert 0.99 < found.worst <= 1
    assert found.counterexample is None
    loose = check_bound("lemma-5.3", lambda gap, unit: 1)
    assert loose.verdict == "not refuted"
    assert 0.9 < loose.worst < 1


def test_it_prints_what_a_reader_wants():
    lines = str(check_bound("lemma-5.3", quarter)).splitlines()
    assert lines[0] == "lemma-5.3 with your right-hand side: refuted"
    assert "TV(softmax u, softmax v)" in lines[1]
    assert lines[2].split()[0] == "counterexample"
    assert "LogitUnit" in lines[2]
    assert lines[3].split()[1] == "measured"
    assert float(lines[3].split()[2]) > float(lines[3].split()[5])
    assert re.fullmatch(r"  your function   \S+ at gap = 1, unit = LogitUnit\(base=2\)", lines[4])
    assert lines[-1].split()[0] == "tried"
    assert max(map(len, lines)) < 500


def test_sides_that_look_the_same_come_with_their_difference():
    found = check_bound("lemma-5.3", lambda gap, unit: quarter(2 * gap, unit) * (1 - TINY))
    line = str(found).splitlines()[3]
    assert re.fullmatch(r"  there  +measured (\S+) > bound \1 \(by [1-9.]+e-1[0-9]\)", line)


def test_what_the_function_answered_is_shown_where_the_bound_is_something_else():
    """An equality, and a bound on the probability that a number of samples fails."""
    found = check_bound("needle", lambda length: Fraction(1, 2) ** length)
    assert found.answers == ("1 at length = 0",)
    assert "  your function   1 at length = 0" in str(found).splitlines()
    few = check_bound("remark-5.8", lambda k, gamma, xi, zeta: 1)
    assert few.answers[0].startswith("1 at alphabet_size = 2, gamma = ")


def test_a_right_bound_has_no_answers_to_show():
    found = check_bound("lemma-5.3", softmax.softmax_tanh, seconds=1)
    assert (found.refuted, found.answers) == (False, ())
    assert "worst ratio     < 1" in str(found) or "worst ratio     1" in str(found)


def test_the_arguments_asked_are_shown_where_nothing_is_refuted(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    found = check_bound("lemma-5.3", softmax.softmax_tanh)
    values = "gap = 0 to 24", "unit = LogitUnit(base=2), LogitUnit(base=3/2), LogitUnit(base=None)"
    assert found.asked == {"lemma-5.3": values}
    assert "  your function   " + "; ".join(values) in str(found).splitlines()


def test_the_arguments_asked_are_shown_claim_by_claim(monkeypatch):
    """Entries are counted epoch by epoch, words over whole runs."""
    monkeypatch.setattr(module, "ROUNDS", 1)
    found = check_bound("lemma-5.10", queries.query_count)
    parts = "", "-prefixes", "-spanners", "-draws"
    assert list(found.asked) == [f"lemma-5.10{part}" for part in parts]
    assert "epochs = 1" in found.asked["lemma-5.10"]
    (epochs,) = (values for values in found.asked["lemma-5.10-draws"] if "epochs" in values)
    assert epochs.startswith("epochs = 1 to ")
    for claim, values in found.asked.items():
        assert f"  your function   in {claim}: {'; '.join(values)}" in str(found).splitlines()


def test_many_values_of_an_argument_are_cut():
    values = module._Values()
    for value in (True, *"abcdefg"):
        values.add(value)
    assert str(values) == "True, 'a', 'b', 'c', ..."
    for value in (fmpq(1, 3), 3, Real(fmpq(-2))):
        values.add(value)
    assert str(values) == "-2 to 3, True, 'a', 'b', 'c', ..."


def test_every_round_tries_twice_as_many(monkeypatch):
    tried, searched = [], module.search

    def noted(strategy, check, examples, start, **options):
        tried.append((examples, start))
        return searched(strategy, check, 1, start)

    monkeypatch.setattr(module, "search", noted)
    check_bound("cauchy-ranks", queries.cauchy_ranks, start=7)
    assert tried == [(1, 7)] * 2 + [(20 << i, 7 + i) for i in range(6) for _ in range(2)]


def test_it_is_over_in_time():
    began = time.monotonic()
    found = check_bound("lemma-5.9-product", lambda *sizes: 2, seconds=2)
    assert time.monotonic() - began < 30  # one instance is not cut short
    assert found.verdict == "not refuted"
    assert not found.in_time
    assert found.tried < 1500
    assert str(found).endswith(" s, all the time there was")


def test_the_time_is_over_while_instances_are_drawn(monkeypatch):
    """Of this strategy most drawings come to nothing."""
    began = time.monotonic()
    found = check_bound("theorem-5.14", STATEMENTS["theorem-5.14"].function, seconds=1)
    assert time.monotonic() - began < 5
    assert not found.refuted
    monkeypatch.setattr(module, "ROUNDS", 0)
    assert check_bound("theorem-5.14", STATEMENTS["theorem-5.14"].function).in_time


def test_the_same_seed_gives_the_same_verdict():
    found = [check_bound("lemma-5.5", lambda t, eta: eta * max(0, t - 2)) for _ in range(2)]
    assert found[0].refuted
    assert repr(found[0].counterexample) == repr(found[1].counterexample)
    assert (found[0].tried, found[0].worst) == (found[1].tried, found[1].worst)


def test_every_claim_that_evaluates_the_statement_is_asked():
    """copy-ranks: the logit rank in one claim, the probability rank in another."""

    def logits_off(tokens, alphabet_size):
        right = queries.copy_ranks(tokens, alphabet_size)
        return queries.Ranks(right.logit + 1, right.probability)

    def probabilities_off(tokens, alphabet_size):
        right = queries.copy_ranks(tokens, alphabet_size)
        return queries.Ranks(right.logit, right.probability - 1)

    assert check_bound("copy-ranks", logits_off).claim == "copy-peak"
    assert check_bound("copy-ranks", probabilities_off).claim == "copy-probability-rank"


def test_a_claim_that_does_not_evaluate_it_says_nothing(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    found = check_bound("needle", lambda length: queries.needle_distance(length))
    assert (found.claim, found.verdict) == ("needle", "not refuted")
    only = {"needle-rank": CLAIMS["needle-rank"]}
    monkeypatch.setattr(module, "CLAIMS", only)
    with pytest.raises(InputError, match="one whose right-hand side a claim evaluates"):
        check_bound("needle", lambda length: queries.needle_distance(length))


def test_a_count_that_is_one_too_small_is_refuted():
    found = check_bound("counting-limit", lambda k, ranks: queries.counting_limit(k, ranks) - 1)
    assert found.refuted


def more_of_everything(*args, **named):
    found = queries.query_count(*args, **named)
    return queries.QueryCount(*(1 + count for count in vars(found).values()))


def doubled(total_variation, inputs):
    return 2 * boolean.label_error_of_inputs(total_variation, inputs)


def one_more(alphabet_size, cut_ranks):
    return 1 + queries.counting_limit(alphabet_size, cut_ranks)


@pytest.mark.long
@pytest.mark.parametrize(
    ("identifier", "larger"),
    [
        ("lemma-5.10", more_of_everything),
        ("corollary-5.15-inputs", doubled),
        ("counting-limit", one_more),
    ],
)
def test_a_larger_bound_than_ours_is_not_refuted(monkeypatch, identifier, larger):
    """Claims that say that ours is attained are not asked."""
    monkeypatch.setattr(module, "ROUNDS", 1)
    assert any(c.sharp for c in CLAIMS.values() if identifier in c.statements) or larger is one_more
    assert check_bound(identifier, larger).verdict == "not refuted"


def test_words_one_too_few_are_refuted_though_their_number_is_exact(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)

    def fewer(*args, **named):
        found = queries.query_count(*args, **named)
        return replace(found, words=max(0, found.words - 1))

    assert check_bound("lemma-5.10", fewer).claim == "lemma-5.10-draws"


def test_both_sides_of_a_statement_may_be_given():
    def halved(w, d, b2, r2, e, g, lam):
        left, right = elliptic_potential(w, d, b2, r2, e, g, lam)
        return left, right / 2

    assert check_bound("lemma-5.1", halved).refuted


def test_a_comparison_that_stays_open_is_said(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    vague = Enclosure(Fraction(0), Fraction(2))
    found = check_bound("lemma-5.3", lambda gap, unit: vague)
    assert (found.verdict, found.refuted) == ("undecided", False)


def test_what_the_record_refutes_is_shrunk_or_kept(monkeypatch):
    """The search finds a smaller one; without any search the record itself is shown."""
    searched = check_bound("lemma-5.3-linear", lambda gap, unit: unit.in_nats(gap) * fmpq(2, 5))
    assert searched.refuted
    monkeypatch.setattr(module, "ROUNDS", 0)
    kept = check_bound("lemma-5.3-linear", lambda gap, unit: unit.in_nats(gap) * fmpq(2, 5))
    assert kept.refuted
    assert repr(kept.counterexample) == repr(records.load("lemma-5.3-linear").instance)


# -- what a function may return -----------------------------------------------------------------


@pytest.mark.parametrize(
    "half",
    [
        Fraction(1, 2),
        fmpq(1, 2),
        0.5,
        Real(fmpq(1, 2)),
        Decimal("0.5"),
        np.float32(0.5),
        np.float64(0.5),
        mpmath.mpf("0.5"),
        arb(0.5),
        Enclosure(Fraction(1, 2), Fraction(1, 2)),
        balls.exp(-balls.log(2)),
    ],
)
def test_numbers_of_every_kind(half):
    found = module._converted(half, Real, "lemma-5.3")
    assert isinstance(found, Real)
    with ctx.workprec(80):
        assert found.ball().overlaps(arb(fmpq(1, 2)))
    if not isinstance(half, arb) and (not isinstance(half, Real) or half.exact is not None):
        assert found.exact == fmpq(1, 2)


def test_negative_floats_of_mpmath():
    assert module._converted(mpmath.mpf(-3) / 8, Real, "x").exact == fmpq(-3, 8)
    assert module._converted(mpmath.mpf(-3) * 8, int, "x") == -24


def test_a_float_is_the_dyadic_that_it_is():
    assert module._converted(0.1, Real, "x").exact == fmpq(*(0.1).as_integer_ratio())
    assert module._converted(0.1, Real, "x").exact != fmpq(1, 10)


def test_an_enclosure_is_all_of_it():
    found = module._converted(Enclosure(Fraction(1, 3), Fraction(2, 3)), Real, "x")
    assert Measurement(found, Real.of("2/3") + fmpq(1, 10**9)).holds()
    assert not Measurement(found, Real.of("1/3") - fmpq(1, 10**9)).holds()


def test_integers_stay_integers():
    for value in (3, Fraction(3), fmpq(3), fmpz(3), np.int64(3), mpmath.mpf(3), 3.0):
        found = module._converted(value, int, "x")
        assert (type(found), found) == (int, 3)
    for value in (Fraction(5, 2), 2.5, balls.exp(1)):
        with pytest.raises(InputError, match="must be an integer"):
            module._converted(value, int, "x")
    assert isinstance(module._converted(3, fmpq, "x"), fmpq)
    assert isinstance(module._converted(balls.exp(1), fmpq, "x"), Real)


def test_a_bound_beyond_all_doubles(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 1)
    found = check_bound("lemma-5.3", lambda gap, unit: 10**400)
    assert (found.verdict, found.worst) == ("not refuted", 0.0)
    assert check_bound("lemma-5.3", lambda gap, unit: -(10**400)).refuted


OTHERS = [None, "1/2", True, float("nan"), float("inf"), [1], (1, 2), Decimal("NaN"), 1j]


@pytest.mark.parametrize("value", [*OTHERS, mpmath.mpf("inf"), np.float32("nan"), np.bool_(True)])
def test_other_results_are_refused(value):
    with pytest.raises(InputError, match="the result for lemma"):
        check_bound("lemma-5.3", lambda gap, unit: value)


def test_pairs_and_objects_must_be_such():
    with pytest.raises(InputError, match="2 numbers"):
        check_bound("lemma-5.1", lambda w, d, b2, r2, e, g, lam: 3)
    with pytest.raises(InputError, match="a Ranks"):
        check_bound("copy-ranks", lambda tokens, alphabet_size: 3)


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "function", "expected"),
    [
        ("lemma-0", quarter, "statement must be one of"),
        (3, quarter, "statement must be one of"),
        (["lemma-5.3"], quarter, "statement must be one of"),
        ("lemma-5.3", 3, r"function must be a function of \(gap, unit\)"),
        ("lemma-5.3", lambda gap: 1, r"function must be a function of \(gap, unit\)"),
        ("lemma-5.3", lambda gap, unit, more: 1, r"function must be a function of \(gap, unit\)"),
        ("lemma-5.3", lambda *, gap, unit: 1, r"function must be a function of \(gap, unit\)"),
        ("parameters", lambda horizon: 1, "function must be a function of"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(identifier, function, expected, monkeypatch):
    monkeypatch.setattr(module, "search", None)
    with pytest.raises(InputError, match=expected):
        check_bound(identifier, function)


@pytest.mark.parametrize("seconds", [0, -1, "60", None])
def test_seconds_must_be_positive(seconds):
    with pytest.raises(InputError, match="seconds must be a positive number"):
        check_bound("lemma-5.3", quarter, seconds=seconds)


@pytest.mark.parametrize("start", [-1, 1.5, "a"])
def test_the_seed_must_be_an_integer(start):
    with pytest.raises(InputError, match="start must be an integer of at least 0"):
        check_bound("lemma-5.3", quarter, start=start)


def test_a_statement_without_a_claim_is_refused(monkeypatch):
    monkeypatch.setattr(module, "CLAIMS", {})
    with pytest.raises(InputError, match="statement must be one with a claim"):
        check_bound("lemma-5.3", quarter)


def test_names_and_defaults_are_the_users_own():
    found = check_bound("lemma-5.3", lambda w, base, factor=fmpq(1, 2): quarter(w, base) * factor)
    assert found.refuted


def test_what_the_function_raises_passes_on():
    def broken(gap, unit):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        check_bound("lemma-5.3", broken)
    assert re.match(
        r"your function for lemma-5.3 had gap = \S+ \(fmpq\)", caught.value.__notes__[0]
    )


def test_what_comes_of_a_result_names_it(monkeypatch):
    """The claim trips over what the function returned."""
    claim = CLAIMS["lemma-5.3"]

    def tripping(instance):
        raise OverflowError(f"{claim.check(instance).bound} is too large")

    monkeypatch.setattr(module, "CLAIMS", {"lemma-5.3": replace(claim, check=tripping)})
    with pytest.raises(OverflowError) as caught:
        check_bound("lemma-5.3", lambda gap, unit: 10**400)
    notes = [note for note in caught.value.__notes__ if note.startswith("your function for")]
    assert len(notes) == 1
    assert notes[0].startswith("your function for lemma-5.3 had returned ")
    assert " at gap = " in notes[0]


@pytest.mark.parametrize(
    ("identifier", "original", "part", "value", "expected"),
    [
        ("lemma-5.10", queries.query_count, "words", "3", "a finite number: int, Fraction"),
        ("lemma-5.10", queries.query_count, "words", fmpq(1, 2), "an integer"),
        ("parameters", explicit_parameters, "words", None, "a finite number"),
        ("parameters", explicit_parameters, "g", balls.log(2), "a rational"),
        ("parameters", explicit_parameters, "variant", 7, "a str"),
    ],
)
def test_parts_of_a_result_are_checked(identifier, original, part, value, expected):
    def other(*args, **given):
        found = original(*args, **given)
        object.__setattr__(found, part, value)
        return found

    said = re.escape(f"{part} in the result for {identifier} must be {expected}")
    with pytest.raises(InputError, match=said):
        check_bound(identifier, other)


def test_parts_of_a_result_may_be_numbers_of_any_kind(monkeypatch):
    monkeypatch.setattr(module, "CLAIMS", {"parameters": CLAIMS["parameters"]})
    monkeypatch.setattr(module, "ROUNDS", 1)

    def others(**given):
        found = explicit_parameters(**given)
        return replace(found, p=fraction(found.p), words=fmpq(found.words))

    assert check_bound("parameters", others).verdict == "not refuted"


def test_nothing_is_left_behind():
    check_bound("lemma-5.3", quarter)
    gap = fmpq(1)
    assert softmax.softmax_tanh(gap).ball(64).overlaps((arb(1) / 2).tanh())
    assert spanner.expected_outside(3, 1) == fmpq(1, 4)


def test_every_statement_can_be_asked_about(monkeypatch):
    """With its own right-hand side nothing is refuted, but for the known slip."""
    monkeypatch.setattr(module, "ROUNDS", 0)  # the records alone
    for identifier, statement in STATEMENTS.items():

        def same(*args, _function=statement.function, **kwargs):
            return _function(*args, **kwargs)

        found = check_bound(identifier, same)
        assert found.refuted is (identifier == "lemma-5.7-printed"), identifier
        assert found.tried >= 1

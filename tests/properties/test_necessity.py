"""properties.necessity and its registry: what is found without an assumption, and what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import product
from pathlib import Path

import commands
import pytest
from flint import fmpq, fmpq_mat
from hypothesis import strategies as st

from bounds.validation import bad_mass_after_passes
from llr.errors import InputError
from llr.learning.learned import LearnedModel
from llr.learning.program import chain_program
from llr.models.base import TabulatedModel
from llr.models.targets import family_target
from llr.numbers import balls
from llr.numbers.balls import Real
from llr.numbers.units import LN2
from properties import scenarios
from properties.claim import Measurement, search
from properties.claims import CLAIMS, NECESSITIES, literal
from properties.claims.boolean import labels_exactly
from properties.claims.necessity import (
    Listed,
    ListedWords,
    Spike,
    Validation,
    as_written,
    asked_errors,
    bad_prefixes,
    common_lengths,
    epochs_needed,
    false_passes,
    feasible_prefixes,
    learned,
    lengths_of_the_first,
    listed_run,
    listed_runs,
    logit_errors,
    one_token_ranks,
    oracle_of,
    other_order,
    rare_bits,
    residual_noise,
    transfer_coarser_oracle,
    transfer_kept,
    transfer_last_cut,
    transfer_one_future,
    transfer_other_order,
    transfer_short_loop,
    transfer_without_box,
    uniform_inputs,
    without_box,
    witness_count,
)
from properties.claims.slips import ONE_FUTURE, SparseTarget
from properties.claims.spanners import whole_program
from properties.claims.validation import Variable
from properties.necessity import Necessity, drop, necessity_table, outcome, restored
from properties.strategies import Potential

DOCS = Path(__file__).parents[2] / "docs" / "necessity.md"
NOT_NEEDED = {
    ("lemma-5.9-product", "coefficients at most 2"),
    ("lemma-5.9-product", "one-token futures present"),
    ("parameters", "coefficients at most 2"),
    ("parameters", "one-token futures present"),
    ("parameters", "fresh words"),
}


def words(k, length):
    return product(range(k), repeat=length)


def below(limit):
    return lambda n: Measurement.of(n, limit)


def toy(**changes):
    """n <= 1000 for 0 <= n <= 100; without the assumption, n <= 50; control n <= 10."""
    found = Necessity(
        "n is small",
        "toy",
        st.integers(0, 100),
        below(1000),
        below(50),
        below(10),
        "a toy",
        examples=200,
    )
    return replace(found, **changes)


def sparse(horizon, k, **logits):
    """A target from words such as a00=1: the logit of token 0 after (0, 0) is... L(0, 0) = 1."""
    found = []
    for name, value in logits.items():
        *prefix, token = map(int, name[1:])
        found.append(((tuple(prefix), token), value))
    return SparseTarget(horizon, k, tuple(sorted(found)))


def listed(target, spanning, fresh, g=fmpq(1, 1000), xi=fmpq(0), seed=0):
    return Listed(target, tuple(spanning), tuple(fresh), g, xi, seed)


def coins(logit):
    """Two bits; the first has this logit."""
    return TabulatedModel(2, 2, {(): [0, logit], (0,): [0, 1], (1,): [0, -1]}, LN2)


# -- the search -----------------------------------------------------------------------------------


def test_a_needed_assumption_comes_with_the_smallest_counterexample():
    verdict = drop(toy())
    assert verdict.passed
    assert (verdict.verdict, verdict.counterexample) == ("needed", "51")
    assert (verdict.measured, verdict.bound) == (51, 50)
    assert verdict.control is not None
    assert outcome(verdict) == 'toy without "n is small" (a toy): smallest counterexample: 51'


def test_none_found_is_said_with_the_number_of_tries():
    verdict = drop(toy(dropped=below(100), expected="none found", examples=80))
    assert verdict.passed
    assert (verdict.verdict, verdict.counterexample, verdict.measured) == ("none found", "", None)
    assert verdict.tried == 80
    assert outcome(verdict) == 'toy without "n is small" (a toy): none found in 80 tries'


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"dropped": below(100)}, "none found"),
        ({"expected": "none found"}, "needed"),
        ({"kept": below(20)}, "claim broken"),
    ],
)
def test_what_was_not_expected_does_not_pass(changes, verdict):
    found = drop(toy(**changes))
    assert found.verdict == verdict
    assert not found.passed


def test_a_claim_that_breaks_with_its_assumption_in_force_is_shown():
    assert drop(toy(kept=below(20))).counterexample == "21"


def test_a_control_that_survives_spoils_every_verdict():
    for changes in ({}, {"dropped": below(100), "expected": "none found"}):
        verdict = drop(toy(control=below(100), **changes))
        assert verdict.verdict == verdict.necessity.expected
        assert verdict.control is None
        assert not verdict.passed


def test_an_open_comparison_is_no_finding():
    same = balls.exp(balls.log(2))
    verdict = drop(toy(dropped=lambda n: Measurement(same, Real.of(2)), expected="none found"))
    assert verdict.verdict == "undecided"
    assert not verdict.passed


def test_profiles_scale_the_tries_and_the_seed_fixes_them():
    quiet = toy(
        dropped=below(1000), strategy=st.integers(0, 1000), expected="none found", examples=8
    )
    assert drop(quiet, profile="quick").tried == drop(quiet).tried == 8
    assert drop(quiet, profile="nightly").tried == 200
    same = toy()
    assert drop(same, start=3) == drop(same, start=3)
    with pytest.raises(InputError, match="profile must be one of quick, ci, nightly, not 'fast'"):
        drop(toy(), profile="fast")


def test_a_verdict_as_json():
    value = drop(toy()).as_json()
    assert set(value) == {
        *("assumption", "claim", "verdict", "expected", "tried", "counterexample", "measured"),
        *("bound", "control_found_after", "remark", "seed", "seconds"),
    }
    assert (value["assumption"], value["claim"], value["counterexample"]) == (
        *("n is small", "toy", "51"),
    )
    assert restored(value, [toy()], "here").as_json() == value


def test_the_table_has_a_row_per_assumption():
    verdicts = [drop(toy()), drop(toy(control=below(100)))]
    found = necessity_table(verdicts)
    assert found.row_count == 2
    assert [list(column.cells)[1] for column in found.columns][4] == "SURVIVED"


# -- the registry ---------------------------------------------------------------------------------


def test_the_registry_is_about_claims_that_there_are():
    assert len(NECESSITIES) >= 28
    assert len({(n.claim, n.assumption) for n in NECESSITIES}) == len(NECESSITIES)
    for n in NECESSITIES:
        assert CLAIMS[n.claim].expected == "verified"
        assert n.expected in ("needed", "none found")
        reason = n.remark.startswith(("not needed by the proof", "needed by the proof; but"))
        assert reason == (n.expected == "none found")
    expected = {(n.claim, n.assumption) for n in NECESSITIES if n.expected == "none found"}
    assert expected == NOT_NEEDED


@pytest.mark.long
@pytest.mark.parametrize("place", range(len(NECESSITIES)))
def test_every_verdict_is_the_expected_one(place):
    verdict = drop(NECESSITIES[place])
    assert verdict.passed, verdict.as_json()


@pytest.mark.parametrize("place", range(len(NECESSITIES)))
def test_the_documents_show_every_verdict(place):
    lines = DOCS.read_text().splitlines()
    n = NECESSITIES[place]
    start = f'{n.claim} without "{n.assumption}" ({n.remark}): '
    (line,) = [line for line in lines if line.startswith(start)]
    said = "none found in" if n.expected == "none found" else "smallest counterexample: "
    assert line.removeprefix(start).startswith(said)


# -- literal runs ---------------------------------------------------------------------------------


def test_a_literal_run_without_the_box_has_larger_coefficients():
    """The first token shows in the second's logits as 1 or 8: with row (0) alone, c = 8."""
    found = listed_run(listed(sparse(3, 2, L00=1, L10=8), [(0, 0, 0)], [(0, 0, 0)]))
    table = found.epochs[0].table
    assert chain_program(table).solution((1, 0)) is None
    boxless = literal.Unboxed(table).solution((1, 0))
    assert boxless is not None
    assert list(boxless.coefficients[1]) == [8]


def test_a_literal_run_without_fresh_words_is_tested_on_the_histories_it_drew():
    drawn = []

    class Watched(literal.WithoutFreshWords):
        def _draw(self, n, length):
            found = super()._draw(n, length)
            drawn.append((length, dict(found)))
            return found

    p = literal.Promised(sparse(3, 2, L000=1, L110=1), fmpq(1, 2), 0)
    assert literal.promise(p, learner=Watched).holds()
    for (one, histories), (whole, tested) in zip(drawn[::2], drawn[1::2], strict=True):
        assert (one, whole) == (1, 3)
        assert {w[:1] for w in tested} <= set(histories)
        assert sum(tested.values()) == 101 < sum(histories.values())


def test_ties_matter_at_the_theorem_s_own_constants():
    """Token 1 comes once in 1025 words: in the basis, but not among the fresh words."""
    target = sparse(3, 2, L010=1, L100=8, L110=1)
    first = SparseTarget(3, 2, ((((), 0), 10), *target.logits))
    p = literal.Promised(first, fmpq(1, 10), 0)
    assert literal.promise(p).holds()
    assert not literal.promise(p, solver=other_order).holds()


# -- counterexamples, by hand ---------------------------------------------------------------------

TIES = listed(
    sparse(3, 2, L00=1, L11=8, L000=1), [(0, 0, 0), (1, 0, 0)], [(0, 0, 0)]
)  # both rows match on one token; only the first predicts (0, 0)


@pytest.mark.parametrize(
    ("kept", "dropped", "instance"),
    [
        (transfer_kept, transfer_other_order, TIES),
        (
            transfer_kept,
            transfer_short_loop,
            listed(sparse(3, 2, L000=1), [(0, 0, 0)], [(0, 0, 0)]),
        ),
        (
            transfer_kept,
            transfer_last_cut,
            listed(sparse(4, 2, L0000=1), [(0, 0, 0, 0)], [(0, 0, 0, 0)]),
        ),
        (
            transfer_kept,
            transfer_coarser_oracle,
            listed(sparse(1, 2), [(0,)], [(0,)], xi=fmpq(1, 7)),
        ),
        (
            witness_count,
            lambda i: witness_count(i, ONE_FUTURE),
            listed(sparse(3, 3, L11=1, L20=1), [(1, 0, 0)], [(2, 0, 0)]),
        ),
        (
            witness_count,
            lambda i: witness_count(i, xi=i.xi),
            listed(sparse(3, 2), [(0, 0, 0)], [(1, 1, 0)], xi=fmpq(1, 7)),
        ),
        (
            residual_noise,
            lambda i: residual_noise(i, without_box),
            listed(sparse(3, 2, L10=1), [(0, 0, 0)], [(0, 0, 0)], xi=fmpq(1, 7)),
        ),
        (
            logit_errors,
            lambda i: logit_errors(i, shift=1),
            listed(sparse(3, 2, L000=1), [(0, 0, 0)], [(0, 0, 0)], xi=fmpq(1, 7), seed=6),
        ),
        (
            feasible_prefixes,
            lambda i: feasible_prefixes(i, cuts=2),
            listed(sparse(4, 2, L110=1), [(1, 0, 0, 0)], [(1, 1, 0, 0)]),
        ),
        (
            asked_errors,
            lambda i: asked_errors(i, independent=False),
            Spike(9, 17, fmpq(1, 1000)),
        ),
        (
            asked_errors,  # the first bit is 1 once in 1025 words, and then the others are fair
            lambda i: asked_errors(i, uniform=False),
            Spike(10, 0, fmpq(1, 10)),
        ),
        (
            common_lengths,
            lengths_of_the_first,
            Potential(((fmpq(2),), (fmpq(1),)), ((fmpq(1),), (fmpq(2),))),
        ),
        (
            lambda pair: labels_exactly(uniform_inputs(pair)),
            labels_exactly,
            (coins(0), coins(1)),
        ),
        (
            lambda t: epochs_needed(t, 2),
            lambda t: epochs_needed(t, 1),
            sparse(3, 2, L000=1, L110=1),
        ),
    ],
)
def test_the_claim_holds_with_the_assumption_and_fails_without(kept, dropped, instance):
    assert kept(instance).holds()
    assert not dropped(instance).holds()


def test_the_mean_over_own_tokens_misses_the_rare_ones():
    # the exact law: token 1 first has probability 1/1025, and every asked entry may begin with it
    found = asked_errors(Spike(10, 0, fmpq(1, 10)), uniform=False)
    spread = asked_errors(Spike(10, 0, fmpq(1, 10)), share=fmpq(0))
    assert found.measured.exact == spread.measured.exact > fmpq(1, 4)


def test_inputs_are_made_uniform_and_nothing_else():
    m, q = coins(0), coins(1)
    first, second = uniform_inputs((m, q))
    assert first is m
    assert list(second.read(())) == [0, 0]
    assert [list(second.read((a,))) for a in (0, 1)] == [list(q.read((a,))) for a in (0, 1)]


def test_the_smallest_tie():
    run = listed_run(TIES)
    (epoch, *_) = run.epochs
    assert epoch.outcome == "accepted"
    assert epoch.table.cut(2).histories == ((0,), (1,))
    first, second = as_written(epoch.table)((0, 0)), other_order(epoch.table)((0, 0))
    assert [list(c) for c in first.coefficients] != [list(c) for c in second.coefficients]


def test_the_box_is_not_what_the_transfer_bound_rests_on():
    # rows 1 and 8 at cut 2: coefficient 8 after token 1, so infeasible with the box
    instance = listed(sparse(3, 2, L00=1, L10=8, L100=1), [(0, 0, 0)], [(0, 0, 0)])
    run = listed_run(instance)
    table = run.epochs[0].table
    assert as_written(table)((1, 0)) is None
    assert list(without_box(table)((1, 0)).coefficients[1]) == [8]
    assert {p for p in bad_prefixes(run, table, as_written(table)) if len(p) == 2} == {
        *((1, 0), (1, 1)),
    }
    assert (1, 1) not in bad_prefixes(run, table, without_box(table))
    assert transfer_kept(instance).holds()
    assert transfer_without_box(instance).holds()


def test_missing_one_token_futures_come_in_as_witnesses_and_the_transfer_bound_holds():
    instance = listed(sparse(3, 3, L11=1, L20=1), [(1, 0, 0)], [(2, 0, 0)])
    run = listed_run(instance, ONE_FUTURE)
    assert run.epochs[0].table.futures(2) == ((0,),)
    assert run.epochs[0].witness.future == (1,)
    assert transfer_one_future(instance).holds()


# -- what the checks are made of ------------------------------------------------------------------


def instances(count=12, **options):
    found = []

    def note(instance):
        found.append(instance)
        return Measurement.of(0)

    search(listed_runs(**options), note, 8 * count, 0)
    return found[7::8]


@pytest.mark.parametrize("solver", [as_written, without_box, other_order])
def test_every_way_to_solve_satisfies_the_equations(solver):
    solved = boxless = 0
    for instance in instances(horizons=(3, 4), values=(1, 8, -1)):
        run = listed_run(instance)
        for epoch in run.epochs:
            solve = solver(epoch.table)
            for t in range(1, run.model.horizon):
                for prefix in words(run.model.alphabet_size, t):
                    solution = solve(prefix)
                    if solution is None:
                        continue
                    g, b = whole_program(epoch.table, prefix)
                    c = [x for row in solution.coefficients[1:] for x in row]
                    assert list(solution.coefficients[0]) == [1]
                    assert (fmpq_mat(1, len(c), c) * g).entries() == list(b)
                    solved += 1
                    outside = any(abs(x) > 2 for x in c)
                    boxless += outside
                    assert solver is without_box or not outside
    assert solved > 100
    assert (boxless > 0) == (solver is without_box)


def test_other_orders_are_as_feasible_and_differ():
    different = 0
    for instance in [*instances(horizons=(3, 4)), TIES]:
        run = listed_run(instance)
        for epoch in run.epochs:
            one, two = as_written(epoch.table), other_order(epoch.table)
            for t in range(1, run.model.horizon):
                for prefix in words(run.model.alphabet_size, t):
                    x, y = one(prefix), two(prefix)
                    assert (x is None) == (y is None)
                    different += x is not None and list(map(list, x.coefficients)) != list(
                        map(list, y.coefficients)
                    )
    assert different > 0


@pytest.mark.parametrize("xi", [fmpq(0), fmpq(1, 7)])
def test_learned_models_and_bad_prefixes_are_those_of_the_library(xi):
    for instance in instances(xis=(xi,)):
        run = listed_run(instance)
        scenario = scenarios.Scenario(run.model, "none", xi, instance.g, 1, 1, 0)
        for epoch in run.epochs:
            q = LearnedModel(epoch.table, run.model.unit)
            found = learned(run.model, run.ledger, epoch.table, chain_program(epoch.table).solution)
            for t in range(run.model.horizon):
                for p in words(run.model.alphabet_size, t):
                    assert tuple(found.logits(p)) == tuple(q.logits(p))
            done = scenarios.Run(scenario, run.ledger, run.epochs)
            assert bad_prefixes(run, epoch.table, as_written(epoch.table)) == (
                scenarios.bad_prefixes(done, epoch)
            )


def test_listed_words_are_given_as_they_are_listed():
    instance = listed(sparse(3, 2), [(1, 0, 0), (0, 1, 1), (1, 1, 1)], [(1, 1, 1), (1, 1, 1)])
    source = ListedWords(instance)
    assert source.draw(3, 1, None) == {(0,): 1, (1,): 2}
    assert source.draw(2, 3, None) == {(1, 1, 1): 2}
    assert source.draw(1, 3, None) == {(1, 1, 1): 1}
    assert repr(instance).endswith("fresh=((1, 1, 1), (1, 1, 1)), g=1/1000)")
    assert repr(replace(instance, xi=fmpq(1, 7), seed=2)).endswith("xi=1/7, seed=2)")


def test_oracles_err_by_what_they_are_told():
    instance = listed(sparse(2, 2, L00=1), [], [], xi=fmpq(1, 7))
    exact, noisy = oracle_of(instance, fmpq(0)), oracle_of(instance)
    moody = [oracle_of(instance, shift=n) for n in range(1, 9)]
    assert tuple(exact.row((0,))) == (fmpq(1, 2), fmpq(-1, 2))
    unit = instance.target.model.unit
    for ledger in (noisy, *moody):
        error = unit.in_nats(abs(ledger.row((0,))[0] - fmpq(1, 2)))
        assert fmpq(1, 8) < error < fmpq(1, 7)
    assert any(ledger.row((0,)) != noisy.row((0,)) for ledger in moody)


@pytest.mark.parametrize("target", ["isan:T=4,k=3,d=2", "copy:n=2,k=2", "parity:n=3,secret=101"])
def test_one_token_ranks(target):
    model = family_target(target)
    assert tuple(one_token_ranks(model)) == tuple(model.one_token_ranks())


def test_the_law_of_false_passes_is_that_of_all_draws():
    target = sparse(3, 3, L10=1, L21=1)
    model = target.model

    def chance(word):
        p = scenarios.probability_of(model, word).exact
        return Fraction(int(p.p), int(p.q))

    every = {w: chance(w) for w in words(3, 3)}
    for n, delta in [(1, fmpq(1, 2)), (2, fmpq(1, 2)), (2, fmpq(1, 4))]:
        bound = bad_mass_after_passes(n, delta)
        reused = fresh = Fraction(0)
        for drawn in product(every, repeat=n):
            p = Fraction(1)
            for w in drawn:
                p *= every[w]
            run = listed_run(listed(target, [(a, 0, 0) for a in sorted({w[0] for w in drawn})], []))
            table = run.epochs[0].table
            bad = bad_prefixes(run, table, as_written(table))
            failing = {w for w in every if w[:1] in bad or w[:2] in bad}
            mass = sum(every[w] for w in failing)
            if bound < fmpq(mass.numerator, mass.denominator):
                reused += p * (not failing & set(drawn))
                fresh += p * (1 - mass) ** n
        v = Validation(target, n, delta)
        for expected, found in [(reused, False), (fresh, True)]:
            law = false_passes(v, fresh=found).measured.exact
            assert Fraction(int(law.p), int(law.q)) == expected
    assert reused > 0


def test_the_law_of_asked_errors_is_that_of_all_pairs():
    spike = Spike(3, 5, fmpq(1, 10))
    model = rare_bits(spike)
    law = {}
    for w in words(2, 3):
        p = scenarios.probability_of(model, w).exact
        law[w] = Fraction(int(p.p), int(p.q))
    assert sum(law.values()) == 1
    assert law[0, 0, 0] == Fraction(8, 9) * Fraction(32, 33) ** 2

    def asked(x, y):
        return {(*x[: s - 1], a, *y[s:t]) for s in (1, 2, 3) for t in range(s, 4) for a in (0, 1)}

    for independent in (True, False):
        pairs = [(x, y, law[x] * law[y]) for x in law for y in law]
        if not independent:
            pairs = [(x, x, law[x]) for x in law]
        expected = sum(p for x, y, p in pairs if (1, 0, 1) in asked(x, y))
        # a bound of 0 counts every entry that is off at all
        found = asked_errors(spike, independent=independent, share=fmpq(0)).measured.exact
        assert Fraction(int(found.p), int(found.q)) == expected > 0


# -- the command ----------------------------------------------------------------------------------


call = partial(commands.call, "verify", "--necessity")


def test_the_command_prints_a_table_and_what_was_found():
    text = call("lemma-5.1-exact", "corollary-5.15").stdout
    assert "fhat clipped to [-1, 1]" in text
    assert "lemma-5.1-exact without" in text
    assert "smallest counterexample: Potential(v=((1,), (1,)), phi=((1,), (1,)))" in text
    assert "3 of 3 came out as expected; counterexamples to 3" in text


def test_the_command_prints_json_lines():
    lines = call("lemma-5.1-exact", "corollary-5.15", "--json").stdout.splitlines()
    values = [json.loads(line) for line in lines]
    assert [v["claim"] for v in values] == ["lemma-5.1-exact", "corollary-5.15", "corollary-5.15"]
    assert all(v["verdict"] == "needed" for v in values)


def test_the_command_fails_if_something_is_not_as_expected(monkeypatch):
    short = [replace(n, examples=1) for n in NECESSITIES if n.claim == "lemma-5.2"]
    wrong = [replace(n, expected="none found") for n in short]
    monkeypatch.setattr("properties.cli.NECESSITIES", tuple(wrong))
    text = call("--seed", "0", code=1).stdout
    assert "0 of 1 came out as expected" in text


def test_the_command_refuses_claims_without_a_listed_assumption():
    result = call("lemma-5.3", code=2)
    assert "claim must be one of lemma-5.9-product" in result.stderr


def test_printed_slip_of_lemma_5_7_is_no_necessity():
    assert "lemma-5.7-printed" not in {n.claim for n in NECESSITIES}
    assert Variable((fmpq(1, 4), fmpq(1)), (fmpq(1, 2), fmpq(1, 2))).mean == fmpq(5, 8)

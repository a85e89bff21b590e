"""properties.claims.slips: the printed forms break where they should, and nowhere smaller."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from flint import fmpq

from llr.learning.learned import LearnedModel
from llr.learning.printed import CORRECTED
from llr.learning.program import chain_program
from llr.models.targets import family_target
from properties.claim import search, verify_claim
from properties.claims import CLAIMS
from properties.claims.slips import (
    ACCEPT_AFTER_A_PREFIX,
    ACCEPT_AFTER_A_WORD,
    ONE_FUTURE,
    ONE_TOKEN_TABLE,
    SHORT_LOOP,
    EveryWord,
    SparseTarget,
    is_stored,
    next_logits,
    recovery,
    run_on_every_word,
    sparse_targets,
    wrong_or_undefined,
)
from properties.claims.validation import Variable, printed_step

SLIPS = {
    "slip-one-future": ONE_FUTURE,
    "slip-one-token-table": ONE_TOKEN_TABLE,
    "slip-early-accept": ACCEPT_AFTER_A_PREFIX,
    "slip-early-accept-word": ACCEPT_AFTER_A_WORD,
    "slip-short-loop": SHORT_LOOP,
}
SMALLEST = {
    "slip-one-future": SparseTarget(2, 2, ()),
    "slip-one-token-table": SparseTarget(2, 2, ()),
    "slip-early-accept": SparseTarget(3, 2, ((((0, 0), 0), 1),)),
    "slip-early-accept-word": SparseTarget(3, 2, ((((0, 1), 0), 1),)),
    "slip-short-loop": SparseTarget(3, 2, ((((0, 0), 0), 1),)),
}


def words(k, length):
    return product(range(k), repeat=length)


def tiny(horizon, nonzero):
    """All targets with k = 2 and so many logits 1, 2 or -1 at token 0, in the order of size."""
    prefixes = [p for t in range(horizon - 1, -1, -1) for p in words(2, t)]
    for places in combinations(prefixes, nonzero):
        for values in product([1, -1, 2], repeat=nonzero):
            logits = {(p, 0): v for p, v in zip(places, values, strict=True)}
            yield SparseTarget(horizon, 2, tuple(sorted(logits.items())))


# -- the claims -----------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", list(SLIPS))
@pytest.mark.parametrize("start", [0, 1, 2])
def test_the_search_ends_at_the_smallest_target(identifier, start):
    claim = CLAIMS[identifier]
    assert (claim.mark, claim.expected) == ("printed", "refuted")
    found = search(claim.strategy(), claim.check, claim.examples, start)
    assert found.refuted
    assert found.counterexample == SMALLEST[identifier]


@pytest.mark.parametrize("identifier", list(SLIPS))
def test_nothing_smaller_breaks(identifier):
    smallest, corrections = SMALLEST[identifier], SLIPS[identifier]
    for horizon in range(1, smallest.horizon + 1):
        for nonzero in range(len(smallest.logits) + 1):
            for target in tiny(horizon, nonzero):
                if target == smallest:
                    assert not recovery(target, corrections).holds()
                    return
                assert recovery(target, corrections).holds(), target
    pytest.fail("the smallest target was not among the tiny ones")


@pytest.mark.parametrize(
    "identifier", ["slip-early-accept", "slip-early-accept-word", "slip-short-loop"]
)
def test_no_target_of_two_tokens_breaks_an_early_acceptance(identifier):
    entries = [-1, 0, 1]
    for values in product(entries, repeat=3):
        logits = zip(((), (0,), (1,)), values, strict=True)
        target = SparseTarget(2, 2, tuple(((p, 0), v) for p, v in logits if v))
        assert recovery(target, SLIPS[identifier]).holds()


def test_the_corrected_form_recovers_every_tiny_target():
    count = 0
    for horizon in (1, 2, 3):
        for nonzero in (0, 1, 2):
            for target in tiny(horizon, nonzero):
                assert recovery(target).holds(), target
                count += 1
    assert count == (1 + 3 + 0) + (1 + 9 + 27) + (1 + 21 + 189)


@pytest.mark.parametrize("start", [0, 1])
def test_the_corrected_form_passes_on_the_very_scenarios_that_break_the_printed_ones(start):
    broken = dict.fromkeys(SLIPS, 0)

    def both(target):
        for name, corrections in SLIPS.items():
            broken[name] += not recovery(target, corrections).holds()
        return recovery(target)

    found = search(sparse_targets(), both, 150, start)
    assert not found.refuted
    assert found.tried == 150
    assert all(broken.values())


@pytest.mark.parametrize(
    "target",
    ["isan:T=4,k=2,d=3", "isan:T=4,k=3,d=2", "copy:n=2,k=2", "parity:n=3,secret=101,nu=1/4"],
)
def test_families_are_recovered_by_the_corrected_form(target):
    model = family_target(target)
    assert wrong_or_undefined(model, run_on_every_word(model)) == []
    for corrections in (ONE_FUTURE, ONE_TOKEN_TABLE):
        assert wrong_or_undefined(model, run_on_every_word(model, corrections))


def test_the_verdicts_are_as_expected():
    verdict = verify_claim(CLAIMS["exact-recovery"], profile="quick")
    assert verdict.passed
    assert {t.name for t in verdict.twins} == {
        *("g = 1 nat", "one future at the start", "one-token table", "first word accepts"),
        "t = 1..T-2 tested",
    }
    for identifier in SLIPS:
        assert verify_claim(CLAIMS[identifier], profile="quick").verdict == "refuted"


# -- what the printed forms do --------------------------------------------------------------------


def test_one_future_leaves_the_other_tokens_undefined_after_the_first():
    target = SparseTarget(2, 2, ()).model
    (epoch,) = run_on_every_word(target, ONE_FUTURE)
    assert epoch.outcome == "accepted"
    assert epoch.table.futures(1) == epoch.table.futures(2) == ((0,),)
    assert epoch.table.cut(1).columns == ((0,), (0, 0), (1, 0), (1,))
    assert is_stored(epoch.table, ())
    assert wrong_or_undefined(target, [epoch]) == [(0,), (1,)]


def test_a_one_token_table_defines_the_first_token_alone():
    target = SparseTarget(3, 2, ()).model
    (epoch,) = run_on_every_word(target, ONE_TOKEN_TABLE)
    assert epoch.outcome == "accepted"
    assert [cut.columns for cut in epoch.table.cuts] == [((0,), (1,))] * 2
    assert wrong_or_undefined(target, [epoch]) == [p for t in (1, 2) for p in words(2, t)]


def test_both_printed_tables_together():
    both = ONE_TOKEN_TABLE.__class__(all_one_token_futures=False, whole_table=False)
    target = SparseTarget(3, 2, ()).model
    epochs = run_on_every_word(target, both)
    assert [cut.columns for cut in epochs[-1].table.cuts] == [((0,), (1,)), ((0,),)]


def test_an_early_acceptance_is_wrong_and_not_undefined():
    for identifier in ("slip-early-accept", "slip-early-accept-word", "slip-short-loop"):
        target = SMALLEST[identifier].model
        epochs = run_on_every_word(target, SLIPS[identifier])
        assert [e.outcome for e in epochs] == ["accepted"]
        table = epochs[0].table
        (wrong,) = wrong_or_undefined(target, epochs)
        assert wrong == SMALLEST[identifier].logits[0][0][0]
        assert is_stored(table, wrong)
        assert tuple(next_logits(table, chain_program(table), wrong)) == (0, 0)
        assert [e.outcome for e in run_on_every_word(target)] == ["witness", "accepted"]


def test_a_run_that_does_not_accept_defines_nothing():
    target = SparseTarget(3, 2, ((((0, 0), 0), 1),)).model
    assert len(wrong_or_undefined(target, run_on_every_word(target)[:1])) == 7


# -- what measures them ---------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["isan:T=4,k=2,d=3", "isan:T=4,k=3,d=2", "copy:n=2,k=2"])
def test_next_logits_are_those_of_the_learned_model_on_whole_tables(target):
    model = family_target(target)
    infeasible = 0
    for epoch in run_on_every_word(model):
        learned, program = LearnedModel(epoch.table, model.unit), chain_program(epoch.table)
        for t in range(model.horizon):
            for p in words(model.alphabet_size, t):
                assert is_stored(epoch.table, p)
                assert next_logits(epoch.table, program, p) == learned.read(learned.state_of(p))
                infeasible += not learned.represents(learned.state_of(p))
    assert infeasible == 0


def test_words_come_in_order_over_and_over():
    source, rng = EveryWord(3), np.random.default_rng(0)
    assert source.draw(9, 2, rng) == dict.fromkeys(words(3, 2), 1)
    assert list(source.draw(2, 2, rng)) == [(0, 0), (0, 1)]
    assert source.draw(1, 4, rng) == {(0, 0, 0, 0): 1}
    assert source.draw(5, 1, rng) == {(0,): 2, (1,): 2, (2,): 1}


def test_runs_take_no_more_epochs_than_allowed():
    model = family_target("isan:T=5,k=2,d=3")
    epochs = run_on_every_word(model, CORRECTED)
    assert [e.outcome for e in epochs[:-1]] == ["witness"] * (len(epochs) - 1)
    assert 1 < len(epochs) <= 1 + sum(model.cut_ranks())
    assert run_on_every_word(model, CORRECTED, fmpq(100))[0].outcome == "accepted"


def test_sparse_targets():
    target = SparseTarget(3, 2, ((((0, 1), 0), 1),))
    assert repr(target) == "SparseTarget(T=3, k=2, L(0, 1, 0) = 1)"
    assert repr(SparseTarget(1, 3, ())) == "SparseTarget(T=1, k=3, all L = 0)"
    assert target.model.logits((0, 1)) == (Fraction(1, 2), Fraction(-1, 2))
    assert target.model.logits((1, 1)) == (0, 0)
    sizes = set()

    def note(drawn):
        assert len(drawn.logits) <= 8
        sizes.add((drawn.horizon, drawn.alphabet_size))
        assert all(len(p) < drawn.horizon for (p, _), _ in drawn.logits)
        assert all(a < drawn.alphabet_size for (p, b), _ in drawn.logits for a in (*p, b))
        return recovery(SparseTarget(1, 2, ()))

    search(sparse_targets(), note, 300, 0)
    assert sizes == set(product(range(1, 5), (2, 3)))


# -- Lemma 5.7 ------------------------------------------------------------------------------------


def test_the_printed_step_of_lemma_5_7_breaks_nowhere_smaller():
    """Size: number of values, then weights, then values: the order in which the search shrinks."""
    quarters = [fmpq(n, 4) for n in (0, 4, 2, 1, 3)]
    tried = 0
    for value in quarters:
        assert printed_step(Variable((value,), (fmpq(1),))).holds()  # a constant reaches its mean
    for values in product(quarters, repeat=2):
        tried += 1
        if not printed_step(Variable(values, (fmpq(1, 2), fmpq(1, 2)))).holds():
            break
    assert values == (fmpq(1), fmpq(1, 2))
    assert tried == 8
    # two equal halves: Pr(Z >= E Z) is 1/2 if they differ, so the mean must exceed 1/2
    breaking = [
        {x, y}
        for x, y in product(quarters, repeat=2)
        if not printed_step(Variable((x, y), (fmpq(1, 2), fmpq(1, 2)))).holds()
    ]
    assert all(sum(b, fmpq(0)) > 1 and len(b) == 2 for b in breaking)
    verdict = verify_claim(CLAIMS["lemma-5.7-printed"], profile="quick")
    assert verdict.counterexample == "Variable(values=(1, 1/2), law=(1/2, 1/2))"

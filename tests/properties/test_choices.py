"""properties.choices and the exact laws of Algorithm 1, against brute force and against samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import fmpq

from bounds.spanner import spanner_failure
from llr.analysis.distance import total_variation
from llr.errors import InputError
from llr.learning.learned import LearnedModel
from llr.learning.printed import PrintedLearner, Schedule
from llr.learning.spanner import barycentric_spanner
from llr.models.base import TabulatedModel, words
from llr.models.families import copy, spike
from llr.models.isan import Isan
from llr.numbers.arithmetic import EXACT
from llr.numbers.units import LN2
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from properties.choices import ScriptedWords, WordLaw, drawn_sets, exact_law
from properties.claim import measure_all
from properties.claims.choices import (
    CLAIMS,
    EveryPath,
    FirstRow,
    Literal,
    Reused,
    RowLaw,
    Trial,
    acceptances,
    at_least,
    broken_promises,
    escaping,
    escaping_law,
    exact_union_bound,
    longer_targets,
    row_laws,
    small_targets,
    spanner_failures,
    starved,
    union_bound,
)
from properties.claims.validation import Sample
from properties.theorem import run_theorem

HALF, QUARTER, THIRD = fmpq(1, 2), fmpq(1, 4), fmpq(1, 3)


# -- choices ------------------------------------------------------------------------------------


def test_no_choice_is_one_path():
    assert exact_law(lambda choices: "done") == {"done": 1}


def test_a_law_of_two_dice():
    die = [fmpq(1, 6)] * 6
    law = exact_law(lambda choices: 2 + choices.choose(die) + choices.choose(die))
    assert law == {n: fmpq(6 - abs(n - 7), 36) for n in range(2, 13)}


def test_later_choices_may_depend_on_earlier_ones():
    """A walk with probability 1/3 up, until it falls to 0 or makes 3 steps."""

    def walk(choices):
        at = 1
        for _ in range(3):
            at += 1 if choices.choose([2 * THIRD, THIRD]) else -1
            if at == 0:
                break
        return at

    found = exact_law(walk)
    assert found == {0: fmpq(2, 3) + fmpq(4, 27), 2: fmpq(4, 27), 4: fmpq(1, 27)}


def test_each_path_is_run_once_depth_first():
    seen = []

    def experiment(choices):
        path = (choices.choose([HALF, HALF]), choices.choose([THIRD, fmpq(0), 2 * THIRD]))
        seen.append((path, choices.probability))
        return path

    exact_law(experiment)
    assert seen == [
        ((0, 0), fmpq(1, 6)),
        ((0, 2), fmpq(1, 3)),
        ((1, 0), fmpq(1, 6)),
        ((1, 2), fmpq(1, 3)),
    ]


def test_outcomes_of_probability_zero_are_never_tried():
    found = exact_law(lambda choices: choices.choose([fmpq(0), fmpq(1), fmpq(0)]))
    assert found == {1: 1}


def test_probabilities_must_sum_to_one():
    with pytest.raises(
        InputError, match="law must be probabilities that sum to 1, not a total of 3/4"
    ):
        exact_law(lambda choices: choices.choose([HALF, QUARTER]))


def brute_sets(law, n):
    found = Counter()
    for sequence in product(range(len(law)), repeat=n):
        p = fmpq(1)
        for i in sequence:
            p *= law[i]
        found[tuple(sorted(set(sequence)))] += p
    return {s: p for s, p in found.items() if p != 0}


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
@pytest.mark.parametrize(
    "law",
    [
        [fmpq(1)],
        [HALF, HALF],
        [fmpq(1, 7), fmpq(2, 7), fmpq(4, 7)],
        [HALF, fmpq(0), THIRD, fmpq(1, 6)],
    ],
)
def test_sets_hit_by_draws_against_all_sequences(law, n):
    sets, probabilities = drawn_sets(law, n)
    found = {s: p for s, p in zip(sets, probabilities, strict=True) if p != 0}
    assert found == brute_sets(law, n)
    assert len(set(sets)) == len(sets)


def test_sets_hit_by_many_draws():
    sets, probabilities = drawn_sets([fmpq(1, 17), fmpq(16, 17)], 5000)
    law = dict(zip(sets, probabilities, strict=True))
    assert law[0,] == fmpq(1, 17) ** 5000
    assert law[1,] == fmpq(16, 17) ** 5000
    assert sum(probabilities, fmpq(0)) == 1


# -- words --------------------------------------------------------------------------------------


def told(first, second):
    """T = 2, unit ln 2: logits +-first at the start, and +-second after the token 0."""
    rows = {(): [first, -first], (0,): [second, -second], (1,): [0, 0]}
    return TabulatedModel(2, 2, rows, LN2)


def test_the_law_of_words_by_hand():
    law = WordLaw(told(1, -1)).of_length(2)
    assert list(law) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert list(law.values()) == [fmpq(4, 25), fmpq(16, 25), fmpq(1, 10), fmpq(1, 10)]
    assert WordLaw(told(1, -1)).of_length(1) == {(0,): fmpq(4, 5), (1,): fmpq(1, 5)}
    assert WordLaw(told(1, -1)).of_length(0) == {(): 1}


def test_later_tokens_may_be_left_out():
    law = WordLaw(copy(2, 2, 1), 2).of_length(4)
    assert law == {(a, b, 0, 0): QUARTER for a in range(2) for b in range(2)}


def test_irrational_words_are_refused():
    with pytest.raises(InputError, match="rational word probabilities"):
        WordLaw(spike(2)).of_length(1)


def test_scripted_draws_are_draws():
    """The right number of words, in lexicographic order, and every set that can be hit."""
    law = WordLaw(copy(2, 2, 1))
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state

    def experiment(choices):
        found = ScriptedWords(law, choices).draw(3, 2, rng)
        assert sum(found.values()) == 3
        assert list(found) == sorted(found)
        return tuple(found)

    found = exact_law(experiment)
    assert len(found) == 4 + 6 + 4
    assert found[(0, 0), (1, 1)] == 6 * fmpq(1, 64)
    assert rng.bit_generator.state == state


class Sequences:
    """A source whose every single word is a choice of its own."""

    def __init__(self, law, choices):
        self._law, self._choices = law, choices

    def draw(self, n, length, rng):
        law = self._law.of_length(length)
        found = Counter()
        for _ in range(n):
            found[list(law)[self._choices.choose(list(law.values()))]] += 1
        return dict(sorted(found.items()))


def small(logits):
    """T = 3, unit ln 2, from the logits of token 0."""
    prefixes = [p for n in range(3) for p in words(2, n)]
    rows = {p: [x, -x] for p, x in zip(prefixes, logits, strict=True)}
    return TabulatedModel(2, 3, rows, LN2)


def learner(trial, source, futures=None):
    target = trial.target
    found = PrintedLearner(
        Ledger(ModelOracle(target), 2, target.horizon, EXACT),
        source,
        alphabet_size=2,
        horizon=target.horizon,
        unit=target.unit,
        arithmetic=EXACT,
        schedule=Schedule(
            trial.threshold, lambda i: trial.draws, lambda e: trial.words, trial.epochs
        ),
        rng=np.random.default_rng(0),
    )
    if futures is not None:
        found.futures = [list(f) for f in futures]
    return found


SMALL = list(small_targets("quick"))
assert len(SMALL) >= 10


@pytest.mark.parametrize("at", [1, 4, 8])
def test_sets_of_shortened_words_give_the_law_that_all_sequences_give(at):
    """What is left out (counts, order, last tokens) makes no difference to an epoch."""
    trial = Trial(SMALL[at], QUARTER, 2, 2, 1)
    whole = WordLaw(trial.target)

    def experiment(choices):
        alone = learner(trial, Sequences(whole, choices))
        (epoch,) = alone.epochs()
        histories = tuple(c.histories for c in epoch.table.cuts)
        return epoch.outcome, histories, tuple(map(tuple, alone.futures))

    wanted = exact_law(experiment)
    paths = EveryPath(trial)
    found = {
        (e.outcome, e.histories, e.futures): p for e, p in paths.epoch_law(paths.start).items()
    }
    assert found == wanted
    assert len(found) >= 2


@pytest.mark.parametrize("at", [1, 5, 9])
def test_a_run_is_a_chain_of_epochs(at):
    """Whole runs path by path, against one epoch at a time."""
    trial = Trial(SMALL[at], QUARTER, 1, 1, 2)
    law = WordLaw(trial.target, 2)

    def fails(choices):
        *_, last = learner(trial, ScriptedWords(law, choices)).epochs()
        if last.outcome != "accepted":
            return True
        q = LearnedModel(last.table, trial.target.unit)
        return total_variation(trial.target, q).value > 2 * trial.p

    assert EveryPath(trial).failure() == exact_law(fails).get(True, 0)


def test_an_epoch_by_hand():
    """Row of (0,): 1 on the next token, then 0; row of (1,): 0, then 1; fair first token.

    One word for the spanner, n fresh ones, g = 1/2.  With (0,) alone (1,) is taken for a zero row,
    which a residual of ln 2 shows; with (1,) alone so is (1,) itself, and (0,) is infeasible.
    """
    target = small([0, 1, 0, 0, 0, 1, 1])
    for n in (1, 3):
        paths = EveryPath(Trial(target, QUARTER, 1, n, 1))
        law = Counter()
        for ended, p in paths.epoch_law(paths.start).items():
            basis = ended.histories[1]
            assert paths.bad_mass(ended.histories, paths.start) == (HALF if basis == ((0,),) else 1)
            assert paths.missed(ended.histories, paths.start) == (HALF,)
            law[basis, ended.outcome] += p
        only = HALF**n  # all fresh words begin alike
        assert law == {
            (((0,),), "accepted"): only / 2,
            (((0,),), "witness"): (1 - only) / 2,
            (((1,),), "witness"): only / 2,
            (((1,),), "infeasible"): (1 - only) / 2,
        }
        assert paths.reached() == [paths.start]


def test_futures_reached_are_those_of_the_witnesses():
    """All rows agree on one token, and differ two tokens on: a witness is due."""
    target = small([0, 1, 1, 2, 0, 0, 2])
    paths = EveryPath(Trial(target, fmpq(1, 100), 2, 2, 3))
    reached = paths.reached()
    assert reached[0] == paths.start
    assert len(reached) > 1
    for futures in reached[1:]:
        assert futures[0] == paths.start[0]
        assert len(futures[1]) > 2
        assert all(len(f) == 2 for f in futures[1][2:])


def test_failure_against_sampled_runs():
    """The same event in runs with the usual sample oracle: 400 runs, fixed seeds."""
    target = SMALL[3]
    literal = Literal(target, QUARTER, QUARTER, tolerant=True)
    exact = EveryPath(literal.trial(starved)).failure()
    failed = sum(
        not run_theorem(
            target, epsilon=QUARTER, delta=QUARTER, tolerant=True, seed=seed, adjust=starved
        ).promise_kept
        for seed in range(400)
    )
    share = Fraction(int(exact.p), int(exact.q))
    assert Fraction(1, 20) < share < Fraction(19, 20)
    assert abs(failed - 400 * share) < 40  # four standard deviations


# -- spanners -----------------------------------------------------------------------------------


def rows_of(*rows):
    return tuple(tuple(map(fmpq, r)) for r in rows)


def test_rows_that_escape_by_hand():
    rows = rows_of((1,), (3,), (9,))
    assert escaping(rows, (0,), first=False) == {1, 2}
    assert escaping(rows, (0, 1), first=False) == {2}
    assert escaping(rows, (0, 1), first=True) == {1, 2}
    assert escaping(rows, (0, 1, 2), first=False) == set()
    assert escaping(rows_of((0,), (1,)), (0,), first=False) == {1}
    assert escaping(rows_of((0,), (1,)), (0,), first=True) == {1}


def test_the_law_of_the_mass_outside_by_hand():
    instance = RowLaw(rows_of((1,), (3,)), (QUARTER, 3 * QUARTER))
    for n in (1, 2, 5):
        law = escaping_law(instance, n)
        assert law == {3 * QUARTER: QUARTER**n, fmpq(0): 1 - QUARTER**n}
        assert at_least(law, 3 * QUARTER) == QUARTER**n
        assert at_least(law, fmpq(0)) == 1


@pytest.mark.parametrize("place", [20, 60, 100, 250, 370])
def test_the_law_of_the_mass_outside_against_all_sequences(place):
    instance = list(row_laws("ci"))[place]
    rows, law = instance.rows, instance.law
    for n in (1, 2, 3):
        wanted = Counter()
        for sequence in product(range(len(rows)), repeat=n):
            drawn = sorted(set(sequence))
            found = barycentric_spanner([rows[i] for i in drawn], len(rows[0]), EXACT)
            outside = Sample(rows, law, n, HALF).outside([drawn[i] for i in found.indices], 2)
            wanted[outside] += Sample(rows, law, n, HALF).probability(sequence)
        assert escaping_law(instance, n) == wanted


def test_the_worst_spanner_by_hand():
    """N = 1: with probability 9/10 a row is drawn that misses at least 1/10 of the mass."""
    instance = RowLaw(
        rows_of((0,), (1,), (3,), (9,)), (fmpq(3, 10), fmpq(3, 10), fmpq(3, 10), fmpq(1, 10))
    )
    found = spanner_failures(instance)
    assert found.measured == fmpq(9, 10)
    assert found.bound == spanner_failure(1, 1, fmpq(1, 10)) == fmpq(19, 10)


def test_row_laws_are_listed():
    counts = {profile: sum(1 for _ in row_laws(profile)) for profile in ("quick", "ci", "nightly")}
    assert counts == {"quick": 65 + 32, "ci": 65 + 313, "nightly": 65 + 31_596}
    listed = list(row_laws("ci"))
    assert len(set(map(repr, listed))) == len(listed)
    for instance in listed:
        assert sum(instance.law, fmpq(0)) == 1
        assert len(set(instance.rows)) == len(instance.rows)


@pytest.mark.parametrize("instances", [row_laws, small_targets])
def test_profiles_are_checked(instances):
    with pytest.raises(InputError, match="profile must be one of quick, ci, nightly, not 'all'"):
        next(iter(instances("all")))


# -- bounds and sabotage ------------------------------------------------------------------------


def test_union_bounds_by_hand():
    """One cut of rank 2 and one future; K = 2, n = 12, N = 2000."""
    target = small([0, 1, 0, 0, 0, 1, 1])
    assert max(Isan.cut_ranks(SMALL[8])) == 2
    paths = EveryPath(Trial(target, QUARTER, 3, 2, 2))
    # all three words in one history with probability 1/4, and then half of the mass is missed
    assert paths.missed_law(paths.start) == {fmpq(0): 3 * QUARTER, HALF: QUARTER}
    assert exact_union_bound(paths) == 2 * ((3 * QUARTER) ** 2 + QUARTER)

    trial = Trial(SMALL[8], QUARTER, 2000, 12, 2)
    ranks = trial.target.cut_ranks()
    least = min(
        12 * eta + spanner_failure(2000, ranks[1], eta).exact
        for eta in (fmpq(1, 2**j) for j in range(1, 13))
    )
    assert union_bound(trial) == 2 * ((3 * QUARTER) ** 12 + least)


def test_the_first_row_alone_spans_little():
    target = small([0, 1, 0, 0, 0, 1, 1])
    trial = Trial(target, QUARTER, 50, 2, 1)
    honest, sabotaged = EveryPath(trial), EveryPath(trial, FirstRow)
    assert set(sabotaged.missed_law(sabotaged.start)) == {HALF}
    assert honest.missed_law(honest.start)[fmpq(0)] == 1 - HALF**49
    for ended in sabotaged.epoch_law(sabotaged.start):
        assert len(ended.histories[1]) == 1


def test_reused_words_are_never_infeasible():
    target = small([0, 1, 1, 0, 0, 2, 2])
    trial = Trial(target, QUARTER, 2, 2, 1)
    paths = EveryPath(trial, Reused)
    assert {e.outcome for e in paths.epoch_law(paths.start)} == {"accepted", "witness"}
    assert not acceptances(trial, Reused).holds()
    assert acceptances(trial).holds()


def test_longer_targets_need_more_than_one_history():
    for target in longer_targets():
        assert target.horizon == 4
        paths = EveryPath(Trial(target, QUARTER, 1, 0, 1))
        assert max(paths.missed_law(paths.start)) > 0


def test_literal_trials_take_the_explicit_parameters():
    target = SMALL[6]
    plain = Literal(target, HALF, HALF, tolerant=False).trial()
    assert (plain.p, plain.threshold, plain.epochs) == (QUARTER, HALF, 3)
    assert (plain.words, plain.draws) == (10, 4642)  # rank 2
    tolerant = Literal(target, QUARTER, QUARTER, tolerant=True).trial()
    assert (tolerant.p, tolerant.words, tolerant.draws, tolerant.epochs) == (HALF**3, 36, 1346, 10)


def test_a_literal_run_fails_with_a_probability_that_can_be_written_down():
    """Rows e1 and e2: the run fails only if every epoch fails or the spanner misses half."""
    target = Isan(
        2,
        3,
        [1, 1],
        [[[[1, 0], [0, 0]], [[0, 0], [0, 1]]], [[[1, 0], [0, 1]]] * 2],
        [[[0, 0], [0, 0]], [[1, 0], [-1, 0]], [[0, 1], [0, -1]]],
        LN2,
    )
    literal = Literal(target, HALF, HALF, tolerant=False)
    found = broken_promises(literal)
    assert found.holds()
    assert found.measured > 0
    trial = literal.trial()
    assert found.measured < replace(trial, epochs=1).words * HALF ** (trial.draws - 1)


# -- the claims ---------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.identifier)
def test_every_claim_is_an_exact_law_on_a_list(claim):
    assert claim.grade == "exact law"
    assert claim.identifier.endswith("-law")
    first, second = (list(map(repr, claim.instances("quick"))) for _ in range(2))
    assert first == second
    assert len(first) >= 10


@pytest.mark.parametrize("profile", ["quick", "ci"])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.identifier)
def test_twins_are_refuted_on_the_shorter_lists(claim, profile):
    for twin in claim.twins:
        assert measure_all(claim.instances(profile), twin.check).refuted, twin.name

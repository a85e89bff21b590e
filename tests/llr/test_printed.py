"""Algorithm 1, epoch by epoch, against residuals and ranks computed here over Fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from by_hand import slow_rank
from flint import fmpq

from llr.learning.learned import LearnedModel
from llr.learning.printed import CORRECTED, Corrections, PrintedLearner, Residuals, Schedule
from llr.learning.program import chain_program
from llr.models.base import TabulatedModel
from llr.models.targets import family_target
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.units import NAT
from llr.observing import untold
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import FloatOracle, ModelOracle
from llr.oracles.sampling import ModelWords

G = fmpq(1, 1000)


class Recorder:
    """A source of words that keeps what it was asked for and what it gave."""

    def __init__(self, source):
        self.source, self.asked, self.given = source, [], []

    def draw(self, n, length, rng):
        self.asked.append((n, length))
        self.given.append(self.source.draw(n, length, rng))
        return self.given[-1]


class Scripted:
    """A source that gives prepared multisets, in order."""

    def __init__(self, script):
        self.script = list(script)

    def draw(self, n, length, rng):
        words = self.script.pop(0)
        assert all(len(w) == length for w in words)
        return words


EPOCHS = 60


class Run:
    """A learner on a model, with everything that the tests look at."""

    def __init__(self, model, *, draws=32, fresh=60, epochs=EPOCHS, seed=0, g=G, oracle=None,
                 source=None, arithmetic=EXACT, unit=None, shared=False,
                 corrections=CORRECTED, tell=untold):  # fmt: skip
        self.model, self.k, self.horizon = model, model.alphabet_size, model.horizon
        self.ledger = Ledger(oracle or ModelOracle(model), self.k, self.horizon, arithmetic)
        self.source = Recorder(source or ModelWords(model))
        self.learner = PrintedLearner(
            self.ledger,
            self.source,
            alphabet_size=self.k,
            horizon=self.horizon,
            unit=unit or model.unit,
            arithmetic=arithmetic,
            schedule=Schedule(
                g,
                draws if callable(draws) else lambda infeasible: draws,
                fresh if callable(fresh) else lambda epoch: fresh,
                epochs,
                shared,
            ),
            rng=np.random.default_rng(seed),
            corrections=corrections,
            tell=tell,
        )
        self.epochs = list(self.learner.epochs())


def fraction(x):
    return Fraction(int(x.p), int(x.q))


def fractions(row):
    return [fraction(x) for x in row]


def one_token(k):
    return tuple((a,) for a in range(k))


def words(k, length):
    return product(range(k), repeat=length)


# -- residuals from their definition --------------------------------------------------------------


def estimate(logit, table, coefficients, s, future):
    """Return sum_i c_{s,i} Lhat(h_{s,i}.future)."""
    pairs = zip(coefficients[s - 1], table.cut(s).histories, strict=True)
    return sum((fraction(c) * logit(h + future) for c, h in pairs), Fraction(0))


def residual(logit, table, coefficients, prefix, s, future):
    """Return Delta_s(f) = Lh_s(f) - sum_i c_{s,i} R_{s,i}(f), Lh_s from (10c)."""
    before = estimate(logit, table, coefficients, s - 1, (prefix[s - 2], *future))
    return before - estimate(logit, table, coefficients, s, future)


def all_residuals(logit, table, coefficients, prefix, k):
    """Return {(s, f): Delta_s(f)} for 2 <= s <= t, s <= r <= t + 1, f = y_{s:r-1}.a."""
    t = len(prefix)
    return {
        (s, (*prefix[s - 1 : r - 1], a)): residual(
            logit, table, coefficients, prefix, s, (*prefix[s - 1 : r - 1], a)
        )
        for s in range(2, t + 1)
        for r in range(s, t + 2)
        for a in range(k)
    }


def logit_of(model):
    return lambda word: model.logits(word[:-1])[word[-1]]


def logit_of_ledger(ledger):
    return lambda word: fraction(ledger.row(word[:-1])[word[-1]])


# -- ranks from whole matrices --------------------------------------------------------------------


def witness_bounds(model):
    """Return, per cut s = 2..T-1, its rank less the rank of its one-token columns."""
    k, horizon, logit = model.alphabet_size, model.horizon, logit_of(model)
    bounds = {}
    for s in range(2, horizon):
        futures = [f for n in range(1, horizon - s + 2) for f in words(k, n)]
        matrix = [[logit(h + f) for f in futures] for h in words(k, s - 1)]
        bounds[s] = slow_rank(matrix) - slow_rank([row[:k] for row in matrix])
    return bounds


def solve_left(basis, row):
    """Return c with sum_i c_i basis_i == row, or None."""
    n = len(basis)
    system = [[basis[i][j] for i in range(n)] + [x] for j, x in enumerate(row)]
    for column in range(n):
        lead = next(i for i in range(column, len(system)) if system[i][column] != 0)
        system[column], system[lead] = system[lead], system[column]
        system[column] = [x / system[column][column] for x in system[column]]
        for i in range(len(system)):
            if i != column and system[i][column] != 0:
                factor = system[i][column]
                system[i] = [x - factor * y for x, y in zip(system[i], system[column], strict=True)]
    if any(equation[n] != 0 for equation in system[n:]):
        return None
    return [equation[n] for equation in system[:n]]


# -- runs -----------------------------------------------------------------------------------------


TARGETS = [
    "isan:T=3,k=2,d=2",
    "isan:T=5,k=2,d=3",
    "isan:T=6,k=2,d=3,seed=4",
    "isan:T=4,k=3,d=3,seed=2",
    "parity:n=4,secret=1011,nu=1/10",
    "fourier:n=4,terms=1100:1/2;0110:-1/4;1111:1/3",
    "copy:n=2,k=2,c=1",
    "copy:n=2,k=3,c=1",
]
FEW = {"draws": 3, "fresh": 12}  # so few that some epochs are infeasible
SEEDS = 3


@pytest.fixture(scope="module")
def runs():
    """Every target with many words, and with few words from three seeds."""
    found = []
    for target in TARGETS:
        model = family_target(target)
        found.append(Run(model, draws=64, fresh=120))
        found.extend(Run(model, **FEW, seed=seed) for seed in range(SEEDS))
    return found


def test_the_runs_hold_every_outcome(runs):
    outcomes = [e.outcome for run in runs for e in run.epochs]
    assert {o: outcomes.count(o) > 20 for o in set(outcomes)} == {
        "accepted": True,
        "witness": True,
        "infeasible": True,
    }


def test_epochs_end_in_one_of_three_ways(runs):
    for run in runs:
        assert [e.number for e in run.epochs] == list(range(1, len(run.epochs) + 1))
        for epoch in run.epochs:
            assert (epoch.outcome == "witness") == (epoch.witness is not None)
            assert (epoch.outcome == "infeasible") == (epoch.infeasible_prefix is not None)
        assert all(e.outcome != "accepted" for e in run.epochs[:-1])
        assert run.epochs[-1].outcome == "accepted" or len(run.epochs) == EPOCHS
    assert all(run.epochs[-1].outcome == "accepted" for run in runs[:: 1 + SEEDS])  # many words


def test_futures_start_with_one_token_and_are_kept(runs):
    for run in runs:
        futures = {s: list(one_token(run.k)) for s in range(1, run.horizon + 1)}
        for epoch in run.epochs:
            assert {s: list(epoch.table.futures(s)) for s in futures} == futures
            if epoch.witness is not None:
                futures[epoch.witness.cut].append(epoch.witness.future)
        assert {s: list(f) for s, f in enumerate(run.learner.futures, start=1)} == futures


def test_a_witness_is_new_and_its_residual_is_what_it_says(runs):
    for run in runs:
        for epoch in run.epochs:
            w = epoch.witness
            if w is None:
                continue
            assert 2 <= w.cut <= run.horizon - 1
            assert w.future not in epoch.table.futures(w.cut)
            assert 2 <= len(w.future) <= run.horizon - w.cut + 1
            assert any(word[: len(w.prefix)] == w.prefix for word in epoch.validation_words)
            assert w.prefix[w.cut - 1 :][: len(w.future) - 1] == w.future[:-1]
            solution = chain_program(epoch.table).solution(w.prefix)
            expected = residual(
                logit_of(run.model), epoch.table, solution.coefficients, w.prefix, w.cut, w.future
            )
            assert fraction(w.residual) == expected
            assert run.model.unit.in_nats(abs(w.residual)) > G


def test_an_infeasible_epoch_names_the_first_bad_prefix_of_a_fresh_word(runs):
    for run in runs:
        for epoch in run.epochs:
            prefix = epoch.infeasible_prefix
            if prefix is not None:
                program = chain_program(epoch.table)
                assert any(word[: len(prefix)] == prefix for word in epoch.validation_words)
                assert program.solution(prefix) is None
                assert all(program.solution(prefix[:t]) for t in range(1, len(prefix)))


def test_an_accepting_epoch_has_no_bad_word(runs):
    for run in runs:
        epoch = run.epochs[-1]
        if epoch.outcome != "accepted":
            continue
        program, logit = chain_program(epoch.table), logit_of(run.model)
        size = run.model.unit.nats
        fresh = {word[:t] for word in epoch.validation_words for t in range(1, run.horizon)}
        for prefix in sorted(fresh):
            solution = program.solution(prefix)
            assert solution is not None
            found = all_residuals(logit, epoch.table, solution.coefficients, prefix, run.k)
            worst = max(map(abs, found.values()), default=Fraction(0))
            assert size * worst <= G


def test_the_bases_are_spanners_of_drawn_histories(runs):
    for run in runs[::2]:
        logit = logit_of(run.model)
        for epoch in run.epochs:
            assert epoch.table.cut(1).histories == ((),)
            for s in range(2, run.horizon):
                cut = epoch.table.cut(s)
                drawn = epoch.spanner_words[s - 2]
                assert set(cut.histories) <= set(drawn)
                following = epoch.table.futures(s + 1)
                every = {(a, *f) for a in range(run.k) for f in following} | set(cut.futures)
                assert set(cut.columns) == every
                assert len(cut.columns) == len(every)
                rows = {h: [logit(h + f) for f in cut.columns] for h in drawn}
                assert [fractions(r) for r in cut.rows] == [rows[h] for h in cut.histories]
                basis = [rows[h] for h in cut.histories]
                for row in rows.values():
                    c = solve_left(basis, row) if basis else [] if not any(row) else None
                    assert c is not None
                    assert all(abs(x) <= 2 for x in c)


def test_witnesses_stay_within_their_deterministic_count(runs):
    reached = 0
    for run in runs:
        bounds = witness_bounds(run.model)
        found = [e.witness.cut for e in run.epochs if e.witness is not None]
        for s, bound in bounds.items():
            assert found.count(s) <= bound
        reached += len(found) == sum(bounds.values()) > 0
    assert reached > 0  # the count is not idle: some run uses it up


def test_draws_follow_the_schedule_and_are_counted(runs):
    for run in runs:
        asked = iter(run.source.asked)
        for epoch in run.epochs:
            draws = [next(asked) for _ in range(2, run.horizon)]
            assert [length for _, length in draws] == list(range(1, run.horizon - 1))
            assert [sum(w.values()) for w in epoch.spanner_words] == [n for n, _ in draws]
            assert next(asked) == (sum(epoch.validation_words.values()), run.horizon)
        assert next(asked, None) is None
        assert run.ledger.counts.words == sum(n for n, _ in run.source.asked)


def test_the_oracle_is_asked_for_prefixes_only(runs):
    for run in runs:
        assert all(len(p) < run.horizon for p in run.ledger.log)
        assert run.ledger.counts.distinct_prefixes == len(set(run.ledger.log))


def test_the_schedule_is_told_the_epoch_and_the_number_of_infeasible_ones():
    told, epochs = [], []

    def draws(infeasible):
        told.append(infeasible)
        return 1 << infeasible

    def fresh(epoch):
        epochs.append(epoch)
        return 10 * epoch

    run = Run(family_target("isan:T=5,k=2,d=3"), draws=draws, fresh=fresh, seed=3)
    bad = [e.outcome == "infeasible" for e in run.epochs]
    assert told == [sum(bad[:i]) for i in range(len(bad))]
    assert max(told) >= 2  # a single draw does not span: the number of draws doubles at least twice
    assert epochs == [e.number for e in run.epochs]
    per_epoch = [
        [(1 << before, length) for length in (1, 2, 3)] + [(10 * number, 5)]
        for before, number in zip(told, epochs, strict=True)
    ]
    assert run.source.asked == [draw for draws_ in per_epoch for draw in draws_]


def test_the_schedule_may_end_without_acceptance():
    model = family_target("isan:T=5,k=2,d=3")
    run = Run(model, draws=64, fresh=100, epochs=2)
    assert [e.outcome for e in run.epochs] == ["witness", "witness"]
    # the witness of the last epoch is kept as well
    assert sum(len(f) for f in run.learner.futures) == 5 * 2 + 2


def test_without_a_threshold_only_feasibility_counts():
    model = family_target("parity:n=4,secret=1011,nu=1/10")
    run = Run(model, g=None, draws=64)
    assert [e.outcome for e in run.epochs] == ["accepted"]
    # the label is then learned from nothing
    learned = LearnedModel(run.epochs[0].table, model.unit)
    assert any(learned.logits(x) != model.logits(x) for x in words(2, 4))


def test_the_threshold_is_in_nats():
    # label logits +-1/2 in units of ln 9: the first residual is 1/2 or 1 unit, at least 1.09 nats
    model = family_target("parity:n=3,secret=111,nu=1/10")
    low = Run(model, g=fmpq(109, 100), draws=64)
    assert [e.outcome for e in low.epochs][:1] == ["witness"]
    high = Run(model, g=fmpq(22, 10), draws=64)
    assert [e.outcome for e in high.epochs] == ["accepted"]


@pytest.mark.parametrize("target", ["isan:T=6,k=2,d=3", "isan:T=4,k=3,d=3,seed=2", "copy:n=2,k=2"])
def test_one_batch_may_serve_all_cuts(target):
    model = family_target(target)
    run = Run(model, draws=200, fresh=100, shared=True)
    assert run.epochs[-1].outcome == "accepted"
    # one draw of the longest histories, one of whole words
    per_epoch = [(200, model.horizon - 2), (100, model.horizon)]
    assert run.source.asked == per_epoch * len(run.epochs)
    assert run.ledger.counts.words == 300 * len(run.epochs)
    for i, epoch in enumerate(run.epochs):
        batch = run.source.given[2 * i]
        assert epoch.spanner_words == (batch,) * (model.horizon - 2)
        for s in range(2, model.horizon):
            assert set(epoch.table.cut(s).histories) <= {word[: s - 1] for word in batch}
    learned = LearnedModel(run.epochs[-1].table, model.unit)
    for t in range(model.horizon):
        for p in words(model.alphabet_size, t):
            assert learned.logits(p) == model.logits(p)


@pytest.mark.parametrize("horizon", [1, 2])
def test_a_shared_batch_is_not_drawn_where_no_cut_needs_it(horizon):
    run = Run(family_target(f"isan:T={horizon},k=2,d=1"), g=None, shared=True)
    assert run.source.asked == []


# -- short horizons -------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "seed"), [(2, 0), (3, 1)])
@pytest.mark.parametrize("horizon", [1, 2])
def test_one_and_two_tokens_need_no_words(horizon, k, seed):
    model = family_target(f"isan:T={horizon},k={k},d=2,seed={seed}")
    run = Run(model, g=None)
    (epoch,) = run.epochs
    assert epoch.outcome == "accepted"
    assert epoch.programs == 0
    assert epoch.spanner_words == ()
    assert epoch.validation_words == {}
    assert run.source.asked == []
    assert run.ledger.counts.words == 0
    assert run.ledger.counts.distinct_prefixes == (1 if horizon == 1 else 1 + k)
    assert epoch.table.basis_sizes == (1,)
    learned = LearnedModel(epoch.table)
    for t in range(horizon):
        for p in words(k, t):
            assert learned.logits(p) == model.logits(p)


def test_three_tokens_by_hand():
    # first two tokens fair; the last logit is x_1 (1 + 2 x_2), x = +-1: rows (3, -1) x_1 at cut 2
    def sign(token):
        return 1 - 2 * token

    table = {p: [0, 0] for n in (0, 1) for p in words(2, n)}
    for x in words(2, 2):
        table[x] = [sign(x[0]) * (1 + 2 * sign(x[1])), 0]
    model = TabulatedModel(2, 3, table)
    run = Run(model, draws=16, fresh=40)
    # one-token futures of cut 2 vanish and say nothing: one witness, and its row settles cut 2
    assert [e.outcome for e in run.epochs] == ["witness", "accepted"]
    first, second = run.epochs
    assert first.witness.cut == 2
    assert len(first.witness.future) == 2
    assert first.table.basis_sizes == second.table.basis_sizes == (1, 1)
    assert second.table.futures(2) == ((0,), (1,), first.witness.future)
    learned = LearnedModel(second.table)
    assert all(learned.logits(x) == model.logits(x) for n in range(3) for x in words(2, n))


def test_a_scripted_epoch_by_hand():
    # k = 2, T = 3, cut 2: only history (1,) is drawn, whose row is three times that of (0,)
    def row(p):
        size = {(): 0, (0,): 1, (1,): 3, (0, 0): 2, (0, 1): 4, (1, 0): 6, (1, 1): 12}[p]
        return [size, -size]

    model = TabulatedModel(2, 3, {p: row(p) for n in range(3) for p in words(2, n)})
    script = [{(0,): 5}, {(0, 0, 0): 1, (1, 0, 1): 2}, {(0,): 1, (1,): 1}, {(1, 1, 1): 9}]
    run = Run(model, source=Scripted(script), fresh=9)
    first, second = run.epochs
    # coefficient 3 leaves the box; then (1,) enters the basis for (0,) and gives 1/3
    assert (first.outcome, first.infeasible_prefix) == ("infeasible", (1, 0))
    assert first.table.cut(2).histories == ((0,),)
    assert second.outcome == "accepted"
    assert second.table.cut(2).histories == ((1,),)
    assert second.programs == 1


# -- the printed forms ----------------------------------------------------------------------------


def test_all_corrections_are_in_force_by_default():
    assert Corrections() == CORRECTED == Corrections(True, True, "every word")
    model = family_target("isan:T=4,k=2,d=2")
    default, told = Run(model), Run(model, corrections=Corrections())
    assert default.epochs == told.epochs


def test_one_future_is_taken_from_one_sample():
    model = family_target("isan:T=4,k=3,d=2")
    run = Run(model, corrections=Corrections(all_one_token_futures=False))
    assert run.source.asked[0] == (1, 4)
    (sample,) = run.source.given[0]
    first = run.epochs[0].table
    assert [first.futures(s) for s in (1, 2, 3, 4)] == [((a,),) for a in sample]
    assert run.ledger.counts.words == sum(n for n, _ in run.source.asked)
    # residuals of all tokens are still tested, so the others come in as witnesses
    assert run.epochs[-1].outcome == "accepted"
    found = [e.witness.future for e in run.epochs if e.witness is not None]
    assert any(len(f) == 1 for f in found)
    for s in (2, 3):
        added = [e.witness.future for e in run.epochs[:-1] if e.witness.cut == s]
        assert run.epochs[-1].table.futures(s) == (first.futures(s)[0], *added)


def test_a_one_token_table_has_the_same_rows_on_fewer_columns():
    model = family_target("isan:T=4,k=2,d=2")
    whole, printed = Run(model), Run(model, corrections=Corrections(whole_table=False))
    assert [e.outcome for e in printed.epochs] == [e.outcome for e in whole.epochs]
    assert len(whole.epochs) > 1
    for a, b in zip(whole.epochs, printed.epochs, strict=True):
        for s in (1, 2, 3):
            full, cut = a.table.cut(s), b.table.cut(s)
            assert (cut.histories, cut.futures) == (full.histories, full.futures)
            assert cut.columns == one_token(2)
            place = [full.columns.index(f) for f in cut.columns]
            assert [fractions(r) for r in cut.rows] == [
                [fraction(r[j]) for j in place] for r in full.rows
            ]


@pytest.mark.parametrize(("accept_after", "solved"), [("a word", True), ("a prefix", False)])
def test_an_acceptance_inside_the_loops_checks_no_more(accept_after, solved):
    # the only drawn history spans (0, ...) words alone: the second word would be infeasible
    def row(p):
        size = {(): 0, (0,): 1, (1,): 3}.get(p[:1], 0)
        return [size, -size]

    model = TabulatedModel(2, 4, {p: row(p) for n in range(4) for p in words(2, n)})
    script = [{(0,): 1}, {(0, 0): 1}, {(0, 0, 0, 0): 1, (1, 0, 0, 0): 1}]
    corrections = Corrections(accept_after=accept_after)
    early = Run(model, source=Scripted(script), fresh=2, corrections=corrections, epochs=1)
    assert [e.outcome for e in early.epochs] == ["accepted"]
    assert (early.epochs[0].programs > 0) is solved  # none is needed for a prefix of one token
    late = Run(model, source=Scripted(script), fresh=2, epochs=1)
    assert [e.outcome for e in late.epochs] == ["infeasible"]
    assert late.epochs[0].infeasible_prefix == (1, 0)


def test_an_acceptance_after_a_word_still_sees_the_first_word():
    model = family_target("parity:n=3,secret=111,nu=1/10")
    word = Run(model, draws=64, corrections=Corrections(accept_after="a word"))
    prefix = Run(model, draws=64, corrections=Corrections(accept_after="a prefix"))
    assert word.epochs[0].outcome == "witness"
    assert [e.outcome for e in prefix.epochs] == ["accepted"]


def test_a_loop_one_short_tests_a_word_at_every_length_but_the_last():
    model = family_target("parity:n=3,secret=111,nu=1/10")  # T = 4: the last token tells
    short, whole = (
        Run(model, draws=64, corrections=Corrections(every_length=every)) for every in (False, True)
    )
    assert {len(e.witness.prefix) for e in whole.epochs if e.witness} == {3}
    assert [e.outcome for e in short.epochs] == ["accepted"]
    assert short.epochs[0].validation_entries > 0


# -- residuals ------------------------------------------------------------------------------------


def early_table(target, seed=1):
    """The table of a first epoch and its ledger: one-token futures only, residuals not zero."""
    model = family_target(target)
    run = Run(model, draws=40, epochs=1, seed=seed)
    return model, run.ledger, run.epochs[0].table


RESIDUAL_TARGETS = ["isan:T=5,k=2,d=3", "isan:T=4,k=3,d=3,seed=2", "parity:n=4,secret=1111"]


@pytest.mark.parametrize("target", RESIDUAL_TARGETS)
def test_new_residuals_leave_nothing_out_at_first(target):
    model, ledger, table = early_table(target)
    program, nonzero = chain_program(table), 0
    for t in range(1, model.horizon):
        for prefix in words(model.alphabet_size, t):
            solution = program.solution(prefix)
            if solution is None:
                continue
            residuals = Residuals(ledger, table, EXACT)
            found = [((s, f), fraction(x)) for s, f, x in residuals.new(prefix, solution)]
            expected = all_residuals(
                logit_of(model), table, solution.coefficients, prefix, model.alphabet_size
            )
            assert dict(found) == expected
            assert len(found) == len(expected)
            nonzero += any(expected.values())
            # (10a) and (10c) make residuals on the stored futures zero
            assert all(x == 0 for (s, f), x in expected.items() if f in table.futures(s))
            assert list(residuals.new(prefix, solution)) == []
    assert nonzero > 0


@pytest.mark.parametrize("target", RESIDUAL_TARGETS)
def test_new_residuals_leave_out_only_what_was_yielded(target):
    model, ledger, table = early_table(target)
    program, residuals = chain_program(table), Residuals(ledger, table, EXACT)
    known = set()
    skipped = 0
    for t in range(1, model.horizon):
        for prefix in words(model.alphabet_size, t):
            solution = program.solution(prefix)
            if solution is None:
                continue
            c = solution.coefficients
            expected = all_residuals(logit_of(model), table, c, prefix, model.alphabet_size)
            found = {(s, f): fraction(x) for s, f, x in residuals.new(prefix, solution)}
            assert found.items() <= expected.items()
            names = {
                (s, f): (s, f, prefix[s - 2], str(c[s - 2]), str(c[s - 1])) for s, f in expected
            }
            assert {names[key] for key in expected.keys() - found.keys()} <= known
            skipped += len(expected) - len(found)
            known |= {names[key] for key in found}
    assert skipped > 0


@pytest.mark.parametrize("noise", [None, "adversarial", "random", "rounding"])
@pytest.mark.parametrize("target", RESIDUAL_TARGETS)
def test_residuals_telescope_to_exactly_zero(target, noise):
    model = family_target(target)
    oracle = ModelOracle(model)
    if noise:
        oracle = NoisyOracle(oracle, noise, fmpq(1, 100), model.unit, seed=3)
    run = Run(model, oracle=oracle, draws=40, epochs=1, seed=1)
    table, program = run.epochs[0].table, chain_program(run.epochs[0].table)
    logit = logit_of_ledger(run.ledger)
    learned = LearnedModel(table)
    residuals, checked = Residuals(run.ledger, table, EXACT), 0
    for t in range(2, model.horizon):
        for prefix in words(model.alphabet_size, t):
            solution = program.solution(prefix)
            if solution is None:
                continue
            sums = [Fraction(0)] * model.alphabet_size
            found = list(residuals.at(prefix, solution))
            assert [(s, f) for s, f, _ in found] == [
                (s, (*prefix[s - 1 :], a))
                for s in range(2, t + 1)
                for a in range(model.alphabet_size)
            ]
            for _, f, x in found:
                sums[f[-1]] += fraction(x)
            for a in range(model.alphabet_size):
                # Lhat(y.a) - Lh_{t+1}(a)
                assert sums[a] == logit((*prefix, a)) - learned.logits(prefix)[a]
            checked += any(sums)
    assert checked > 0


def test_estimates_by_definition():
    model, ledger, table = early_table("isan:T=5,k=2,d=3")
    program, residuals = chain_program(table), Residuals(ledger, table, EXACT)
    prefix = (0, 1, 1, 0)
    solution = program.solution(prefix)
    for s in range(1, 5):
        for r in range(s, 6):
            expected = [
                estimate(
                    logit_of(model), table, solution.coefficients, s, (*prefix[s - 1 : r - 1], a)
                )
                for a in (0, 1)
            ]
            assert fractions(residuals.estimate(prefix, solution, s, r)) == expected


def test_only_histories_with_a_coefficient_are_asked():
    model, _, table = early_table("isan:T=5,k=2,d=3")
    fresh = Ledger(ModelOracle(model), 2, 5, EXACT)
    prefix = (1, 0, 1, 1)
    solution = chain_program(table).solution(prefix)
    list(Residuals(fresh, table, EXACT).new(prefix, solution))
    needed = {
        h + prefix[s - 1 : r - 1]
        for s in range(1, 5)
        for r in range(max(2, s), 6)
        for h, c in zip(table.cut(s).histories, solution.coefficients[s - 1], strict=True)
        if c != 0
    }
    assert set(fresh.log) == needed
    assert any(c == 0 for row in solution.coefficients for c in row)  # some were left out


def test_what_the_residuals_of_a_prefix_need_is_asked_as_one_batch(monkeypatch):
    model, _, table = early_table("isan:T=5,k=2,d=3")
    fresh, batches = Ledger(ModelOracle(model), 2, 5, EXACT), []
    rows = fresh.rows

    def counted(prefixes):
        batches.append(len(prefixes))
        return rows(prefixes)

    monkeypatch.setattr(fresh, "rows", counted)
    prefix = (1, 0, 1, 1)
    residuals, solution = Residuals(fresh, table, EXACT), chain_program(table).solution(prefix)
    for _ in range(2):  # the second time nothing is missing
        list(residuals.new(prefix, solution))
        list(residuals.at(prefix, solution))
        assert len(batches) == 1


# -- entries asked, repeats included --------------------------------------------------------------


def triples_of(table, word):
    """Yield, test by test, the prefix, s, the number of tokens before a, and the rows needed."""
    program = chain_program(table)
    for t in range(1, len(word)):
        solution = program.solution(word[:t])
        if solution is None:
            return
        sizes = [sum(x != 0 for x in c) for c in solution.coefficients]
        for s in range(2, t + 1):
            for r in range(s, t + 2):
                yield word[:t], s, r - s, sizes[s - 2] + sizes[s - 1]


def entries_by_loops(epoch, k):
    """Entries behind the tests of an epoch, word after word as the fresh words came."""
    found = 0
    for word, many in epoch.validation_words.items():
        tests = list(triples_of(epoch.table, word))
        w = epoch.witness
        ends = [(p, s, n) == (w.prefix, w.cut, len(w.future) - 1) for p, s, n, _ in tests if w]
        if any(ends):
            return found + k * sum(rows for *_, rows in tests[: ends.index(True) + 1])
        bad = epoch.infeasible_prefix
        if bad is not None and word[: len(bad)] == bad:
            return found + k * sum(rows for *_, rows in tests)
        found += k * many * sum(rows for *_, rows in tests)
    return found


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("target", RESIDUAL_TARGETS[:2])
def test_entries_are_counted_with_every_repeat(target, shared):
    model = family_target(target)
    outcomes = set()
    for draws, seed in ((1, 0), (2, 1), (40, 2)):
        run = Run(model, draws=draws, fresh=12, seed=seed, shared=shared)
        for epoch in run.epochs:
            columns = sum(len(c.columns) for c in epoch.table.cuts[1:])
            assert epoch.spanner_entries == draws * columns
            assert epoch.validation_entries == entries_by_loops(epoch, run.k)
            outcomes.add(epoch.outcome)
    assert outcomes == {"accepted", "infeasible", "witness"}


def test_a_word_drawn_often_counts_every_time():
    """Nearly always bits 1, 1, 1: the same word, however many are drawn."""
    model = TabulatedModel(2, 3, {p: [-20, 20] for t in range(3) for p in words(2, t)})
    once, often = (Run(model, draws=n, fresh=n, seed=3).epochs[-1] for n in (1, 1000))
    assert often.validation_words == {(1, 1, 1): 1000}
    assert once.spanner_entries * 1000 == often.spanner_entries > 0
    assert once.validation_entries * 1000 == often.validation_entries > 0


def test_without_tests_no_entry_is_counted():
    run = Run(family_target("isan:T=2,k=2,d=1"), g=None)
    assert [(e.spanner_entries, e.validation_entries) for e in run.epochs] == [(0, 0)]


# -- other oracles --------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", ["adversarial", "random", "rounding"])
def test_noise_below_the_threshold_is_tolerated(noise):
    # |Delta| <= g is asked for; residuals of noise alone are below 4 w xi
    model = family_target("parity:n=3,secret=101,nu=1/10")
    oracle = NoisyOracle(ModelOracle(model), noise, fmpq(1, 10**9), model.unit)
    run = Run(model, oracle=oracle, draws=64, epochs=40)
    assert run.epochs[-1].outcome == "accepted"
    learned = LearnedModel(run.epochs[-1].table, model.unit)
    for x in words(2, 3):
        assert abs(learned.logits(x)[0] - model.logits(x)[0]) < Fraction(1, 1000)


def test_the_same_code_learns_in_float64():
    model = family_target("isan:T=5,k=2,d=3")
    oracle = FloatOracle(ModelOracle(model), model)
    rough = Run(model, oracle=oracle, draws=64, fresh=120, arithmetic=FLOAT64, unit=NAT)
    assert rough.epochs[-1].outcome == "accepted"
    learned = LearnedModel(rough.epochs[-1].table)
    for t in range(5):
        for p in words(2, t):
            assert learned.logits(p) == pytest.approx(tuple(map(float, model.logits(p))), abs=1e-2)


def test_stages_are_told_by_name():
    told = []
    Run(family_target("isan:T=4,k=2,d=2"), tell=lambda *stage: told.append(stage))
    assert {name for name, _, _ in told} == {"spanners, cuts", "distinct fresh words passed"}
    assert all(0 <= done <= total for _, done, total in told)
    assert [x[1:] for x in told if x[0] == "spanners, cuts"][:3] == [(0, 3), (1, 3), (2, 3)]

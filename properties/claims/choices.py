"""Exact laws of whole spanners, epochs and runs of Algorithm 1, all draws enumerated.

Targets have rational word probabilities (unit ln 2, integer logits), so that every probability
here is a rational: that a spanner misses more than eta, that an epoch is infeasible or accepts a
bad table, that a run fails.  Algorithm 1 runs as it is; only its source of words is scripted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, islice, product
from typing import Any

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from bounds.parameters import Parameters, explicit_parameters
from bounds.potential import witness_epochs
from bounds.spanner import infeasibility, spanner_failure
from bounds.validation import bad_mass_after_passes, binomial_tail
from llr.analysis.distance import total_variation
from llr.learning.printed import Epoch, PrintedLearner, Schedule
from llr.learning.spanner import barycentric_spanner
from llr.learning.table import one_token_futures
from llr.models import families
from llr.models.base import Word
from llr.models.isan import Isan
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real
from llr.numbers.rational import RationalRow
from llr.numbers.units import LN2
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from llr.oracles.sampling import Words, WordSource
from properties import checkers
from properties.choices import Choices, ScriptedWords, WordLaw, drawn_sets, exact_law
from properties.claim import Check, Claim, Measurement, Twin, tightened
from properties.claims.spanners import unrepresented
from properties.exhaustive import step_of, three_tokens
from properties.measure import worst
from properties.scenarios import Run, Scenario, bad_prefixes, mass_of

# -- spanners of rows ---------------------------------------------------------------------------


@dataclass(frozen=True)
class RowLaw:
    """A law on a few different rows."""

    rows: tuple[RationalRow, ...]
    law: tuple[fmpq, ...]


DRAWS = (*range(1, 9), 12, 20)
"""N."""

STEPS = {"quick": 1009, "ci": 101, "nightly": 1}
"""Which row laws each profile takes; primes, so that no pattern of the list is skipped."""


def row_laws(profile: str) -> Iterator[RowLaw]:
    """Yield laws of weights 1 and 3 on different rows.

    First all 65 laws on rows of one entry in {0, 1, 3, 9}; then, of the 31,596 on 1 to 4 rows of
    two entries in {0, 1, -1, 3}, every 1009th, every 101st or all.
    """
    step = step_of(profile, STEPS)
    single = [(fmpq(x),) for x in (0, 1, 3, 9)]
    pairs = [(fmpq(x), fmpq(y)) for x, y in product((0, 1, -1, 3), repeat=2)]
    yield from _laws(single)
    yield from islice(_laws(pairs), 0, None, step)


def _laws(vectors: Sequence[RationalRow]) -> Iterator[RowLaw]:
    for size in range(1, 5):
        for rows in combinations(vectors, size):
            for weights in product((1, 3), repeat=size):
                if 1 not in weights:
                    continue  # the same law as with all weights 1
                yield RowLaw(rows, tuple(fmpq(w, sum(weights)) for w in weights))


@lru_cache(maxsize=256)
def escaping(rows: tuple[RationalRow, ...], drawn: tuple[int, ...], *, first: bool) -> set[int]:
    """Return the rows outside the box of the spanner of the drawn ones, or of the first of them."""
    some = [rows[i] for i in drawn]
    basis = (0,) if first else barycentric_spanner(some, len(rows[0]), EXACT).indices
    exact = checkers.as_fractions(rows)
    chosen = [exact[drawn[i]] for i in basis if any(exact[drawn[i]])]
    return {i for i, row in enumerate(exact) if not checkers.in_box(chosen, row)}


def escaping_law(instance: RowLaw, n: int, *, first: bool = False) -> dict[fmpq, fmpq]:
    """Return the exact law of the mass outside the box of the spanner of n draws."""
    sets, probabilities = drawn_sets(instance.law, n)

    def experiment(choices: Choices) -> fmpq:
        drawn = sets[choices.choose(probabilities)]
        outside = escaping(instance.rows, drawn, first=first)
        return sum((instance.law[i] for i in outside), fmpq(0))

    return exact_law(experiment)


def at_least(law: dict[fmpq, fmpq], value: fmpq) -> fmpq:
    """Return the probability of at least a value."""
    return sum((p for x, p in law.items() if x >= value), fmpq(0))


def more_than(law: dict[fmpq, fmpq], value: fmpq) -> fmpq:
    """Return the probability of more than a value."""
    return sum((p for x, p in law.items() if x > value), fmpq(0))


def spanner_failures(
    instance: RowLaw, *, first: bool = False, factor: fmpq = fmpq(1)
) -> Measurement:
    """Measure Pr(mass outside >= eta) against the bound, for every attained eta and all N.

    That is the supremum over all smaller eta' of Pr(mass outside > eta'), and the bound is
    continuous: no other eta is worse.
    """
    rank = checkers.rank(checkers.as_fractions(instance.rows))
    found = [Measurement.of(0)]
    for n in DRAWS:
        if n < max(1, rank):
            continue
        law = escaping_law(instance, n, first=first)
        found += [
            Measurement(Real(at_least(law, eta)), spanner_failure(n, rank, eta) * factor)
            for eta in law
            if 0 < eta < 1
        ]
    return worst(found)


# -- epochs and runs ----------------------------------------------------------------------------

Bases = tuple[tuple[Word, ...], ...]
Futures = tuple[tuple[Word, ...], ...]
Source = Callable[[WordLaw, Choices], WordSource]


@dataclass(frozen=True)
class Trial:
    """A target, and how Algorithm 1 is run on it with an exact oracle.

    Attributes:
        target: with rational probabilities.
        p: mass of bad words allowed, > 0; g = 4 p / ((T-1)(T-2)), not used for T <= 2.
        draws: N.
        words: n.
        epochs: K.
    """

    target: Isan
    p: fmpq
    draws: int
    words: int
    epochs: int

    @property
    def threshold(self) -> fmpq:
        """The residual g allowed, in nats."""
        return 4 * self.p / max(1, (self.target.horizon - 1) * (self.target.horizon - 2))


@dataclass(frozen=True)
class Ended:
    """How an epoch ended: its outcome, its bases, and the futures of the next one."""

    outcome: str
    histories: Bases
    futures: Futures


class EveryPath:
    """Algorithm 1 on a trial along every path of its draws.

    A run is a Markov chain in the futures, so that one epoch is enumerated per set of futures.

    Args:
        trial: what is run.
        source: makes the source of words of a path.

    Attributes:
        run: the target with its ledger; no epochs.
        tables: an epoch for each table met so far, by its bases and futures.
    """

    def __init__(self, trial: Trial, source: Source = ScriptedWords) -> None:
        self.trial = trial
        self._source = source
        target = trial.target
        # the learner reads prefixes of at most T - 1 tokens: the last one makes no difference
        self._words = WordLaw(target, target.horizon - 1)
        self._ledger = Ledger(ModelOracle(target), target.alphabet_size, target.horizon, EXACT)
        scenario = Scenario(
            target, "none", fmpq(0), trial.threshold, trial.draws, trial.words, seed=0
        )
        self.run = Run(scenario, self._ledger, [])
        self._rng = np.random.default_rng(0)
        self.tables: dict[tuple[Bases, Futures], Epoch] = {}
        self.epoch_law = lru_cache(maxsize=None)(self._epoch_law)
        self.bad_mass = lru_cache(maxsize=None)(self._bad_mass)
        self.missed = lru_cache(maxsize=None)(self._missed)
        self.too_far = lru_cache(maxsize=None)(self._too_far)

    @property
    def start(self) -> Futures:
        """The futures of the first epoch."""
        one = one_token_futures(self.trial.target.alphabet_size)
        return (one,) * self.trial.target.horizon

    def _epoch_law(self, futures: Futures) -> dict[Ended, fmpq]:
        """Return the exact law of how an epoch ends that starts with these futures."""
        trial = self.trial

        def experiment(choices: Choices) -> Ended:
            learner = PrintedLearner(
                self._ledger,
                self._source(self._words, choices),
                alphabet_size=trial.target.alphabet_size,
                horizon=trial.target.horizon,
                unit=trial.target.unit,
                arithmetic=EXACT,
                schedule=Schedule(
                    trial.threshold, lambda infeasible: trial.draws, lambda epoch: trial.words, 1
                ),
                rng=self._rng,  # not used: every draw is a choice
            )
            learner.futures = [list(f) for f in futures]
            (epoch,) = learner.epochs()
            histories = tuple(c.histories for c in epoch.table.cuts)
            self.tables[histories, futures] = epoch
            return Ended(epoch.outcome, histories, tuple(map(tuple, learner.futures)))

        return exact_law(experiment)

    def reached(self) -> list[Futures]:
        """Return the futures with which some epoch starts, K epochs in all."""
        found = {self.start: None}
        layer = [self.start]
        for _ in range(self.trial.epochs - 1):
            ends = [e for futures in layer for e in self.epoch_law(futures)]
            layer = [e.futures for e in ends if e.futures not in found]
            found |= dict.fromkeys(layer)
        return list(found)

    def _bad_mass(self, histories: Bases, futures: Futures) -> fmpq:
        """Return p_bad of a table."""
        epoch = self.tables[histories, futures]
        found = mass_of(self.trial.target, bad_prefixes(self.run, epoch)).exact
        assert found is not None
        return found

    def _missed(self, histories: Bases, futures: Futures) -> tuple[fmpq, ...]:
        """Return, for cuts 2..T-1, the mass of histories outside the box of the basis."""
        table = self.tables[histories, futures].table
        masses = [unrepresented(self.run, table, s) for s in range(2, self.trial.target.horizon)]
        return tuple(m.exact for m in masses if m.exact is not None)

    def missed_law(self, futures: Futures) -> dict[fmpq, fmpq]:
        """Return the law, in an epoch, of the largest mass outside the box at any cut."""
        found: dict[fmpq, fmpq] = {}
        for ended, p in self.epoch_law(futures).items():
            eta = max(self.missed(ended.histories, futures))
            found[eta] = found.get(eta, fmpq(0)) + p
        return found

    def _too_far(self, histories: Bases, futures: Futures) -> bool:
        """True if the table's model is further than 2 p from the target."""
        q = self.run.model(self.tables[histories, futures])
        apart = total_variation(self.trial.target, q).value
        assert apart is not None
        return apart > 2 * self.trial.p

    def failure(self) -> fmpq:
        """Return the probability that no epoch accepts within K, or that TV(M, Q) > 2 p."""
        waiting, failed = {self.start: fmpq(1)}, fmpq(0)
        for _ in range(self.trial.epochs):
            following: dict[Futures, fmpq] = {}
            for futures, weight in waiting.items():
                for ended, p in self.epoch_law(futures).items():
                    if ended.outcome != "accepted":
                        after = ended.futures
                        following[after] = following.get(after, fmpq(0)) + weight * p
                    elif self.too_far(ended.histories, futures):
                        failed += weight * p
            waiting = following
        return failed + sum(waiting.values(), fmpq(0))


TARGET_STEPS = {"quick": 12_007, "ci": 7_993, "nightly": 199}
"""Which small ISANs with T = 3 each profile takes."""

QUARTER = fmpq(1, 4)


def small_targets(profile: str) -> Iterator[Isan]:
    """Yield small ISANs with T = 3."""
    return (small.isan() for small in three_tokens(step_of(profile, TARGET_STEPS)))


def longer_targets() -> list[Isan]:
    """Return three targets with T = 4 whose rows at cut 3 no single history represents."""
    one: list[list[object]] = [[1]]
    three: list[list[object]] = [[3]]
    fair, told = [[0], [0]], [[1], [-1]]
    identity = families.identity(2)
    left, right = [[3, 0], [0, 1]], [[1, 0], [0, 3]]
    chain = Isan(2, 4, [1], [[one, three]] * 2 + [[one, one]], [fair, fair, told, told], LN2)
    grid = Isan(
        2,
        4,
        [1, 1],
        [[identity, left], [identity, right], [identity, [[1, 1], [0, 1]]]],
        [*[[[0, 0], [0, 0]]] * 2, [[1, 0], [-1, 0]], [[0, 1], [0, -1]]],
        LN2,
    )
    return [chain, grid, families.copy(2, 2, 1)]


def epoch_trials(profile: str) -> Iterator[Trial]:
    """Yield small targets with few words; then longer ones for one epoch."""
    for target in small_targets(profile):
        for draws, fresh in ((1, 1), (2, 1), (2, 2), (3, 2), (6, 4)):
            yield Trial(target, QUARTER, draws, fresh, epochs=3)
        yield Trial(target, 3 * QUARTER, 2, 2, epochs=3)
    for target in longer_targets():
        yield Trial(target, QUARTER, 2, 1, epochs=1)


def spanner_trials(profile: str) -> Iterator[Trial]:
    """Yield longer and small targets, with 1 to 20 words per spanner."""
    for target in (*longer_targets(), *small_targets(profile)):
        for draws in DRAWS:
            yield Trial(target, QUARTER, draws, 0, epochs=1)


def run_trials(profile: str) -> Iterator[Trial]:
    """Yield small targets with few words and many, and no more epochs than witnesses demand."""
    for target in small_targets(profile):
        epochs = 1 + witness_epochs(target.cut_ranks(), target.one_token_ranks())
        for draws, fresh in ((1, 1), (2, 2), (6, 8), (40, 4), (2000, 12)):
            yield Trial(target, QUARTER, draws, fresh, epochs)


class FirstRow(ScriptedWords):
    """Sabotage: the spanner of a cut is the first drawn row."""

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return only the first of the words drawn, if they are for a spanner."""
        found = super().draw(n, length, rng)
        return {next(iter(found)): n} if length < self.law.horizon and found else found


class Reused(ScriptedWords):
    """Sabotage: the words of the spanner's draws are the fresh words, too."""

    def __init__(self, law: WordLaw, choices: Choices) -> None:
        super().__init__(law, choices)
        self._drawn: Words = {}

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the same N words for either purpose."""
        if length == self.law.horizon:
            return self._drawn
        self._drawn = super().draw(n, self.law.horizon, rng)
        return dict.fromkeys((word[:length] for word in self._drawn), 1)


# -- one epoch ----------------------------------------------------------------------------------


def acceptances(trial: Trial, source: Source = ScriptedWords, more: int = 0) -> Measurement:
    """Measure each attained p > 0 against 1 - delta^(1/n), delta = Pr(accepted with p_bad >= p).

    That is, delta against (1 - p)^n; at every set of futures with which some epoch starts.
    """
    paths = EveryPath(trial, source)
    found = [Measurement.of(0)]
    for futures in paths.reached():
        law: dict[fmpq, fmpq] = {}
        for ended, p in paths.epoch_law(futures).items():
            if ended.outcome == "accepted":
                bad = paths.bad_mass(ended.histories, futures)
                law[bad] = law.get(bad, fmpq(0)) + p
        for bad in law:
            delta = at_least(law, bad)
            n = trial.words + more
            bound = bad_mass_after_passes(n, delta) if delta < 1 else Real(fmpq(0))
            found.append(Measurement(Real(bad), bound))
    return worst(found)


def infeasible_epochs(trial: Trial, source: Source = ScriptedWords, fewer: int = 0) -> Measurement:
    """Measure Pr(an epoch is infeasible) against Pr(mass missed > eta) + n (T-2) eta, every eta.

    Also against n (T-2) times the expected mass missed.
    """
    paths = EveryPath(trial, source)
    last, n = trial.target.horizon - 1, trial.words - fewer
    found = [Measurement.of(0)]
    for futures in paths.reached():
        ends = paths.epoch_law(futures).items()
        infeasible = sum((p for ended, p in ends if ended.outcome == "infeasible"), fmpq(0))
        law = paths.missed_law(futures)
        expected = sum((eta * p for eta, p in law.items()), fmpq(0))
        bounds = [infeasibility(last, expected) * n]
        bounds += [infeasibility(last, eta) * n + more_than(law, eta) for eta in law]
        found += [Measurement(Real(infeasible), bound) for bound in bounds]
    return worst(found)


def missing_spanners(
    trial: Trial, source: Source = ScriptedWords, factor: fmpq = fmpq(1)
) -> Measurement:
    """Measure Pr(mass outside the box >= eta) against Lemma 5.2 at every cut of a first epoch.

    For every attained eta, as :func:`spanner_failures`; with the rank of each cut.
    """
    paths = EveryPath(replace(trial, words=0), source)
    ranks = trial.target.cut_ranks()
    found = [Measurement.of(0)]
    for s in range(2, trial.target.horizon):
        law: dict[fmpq, fmpq] = {}
        for ended, p in paths.epoch_law(paths.start).items():
            mass = paths.missed(ended.histories, paths.start)[s - 2]
            law[mass] = law.get(mass, fmpq(0)) + p
        rank = ranks[s - 1]
        found += [
            Measurement(Real(at_least(law, eta)), spanner_failure(trial.draws, rank, eta) * factor)
            for eta in law
            if 0 < eta < 1 and trial.draws >= max(1, rank)
        ]
    return worst(found)


# -- whole runs ---------------------------------------------------------------------------------


ETAS = tuple(fmpq(1, 1 << j) for j in range(1, 13))


def union_bound(trial: Trial) -> Real:
    """Return the theorem's sum: missed validations, infeasible epochs, bad spanners.

    K (1-p)^n + K n (T-2) eta + K sum_s Pr(cut s is spanned worse than eta), least over some eta,
    the last by Lemma 5.2.
    """
    last = trial.target.horizon - 1
    ranks = trial.target.cut_ranks()[1:last]

    def wasted(eta: fmpq) -> fmpq:
        found = infeasibility(last, eta) * trial.words
        for rank in ranks:
            found = found + spanner_failure(max(trial.draws, rank, 1), rank, eta)
        assert found.exact is not None
        return found.exact

    return (binomial_tail(trial.words, 0, trial.p) + min(map(wasted, ETAS))) * trial.epochs


def exact_union_bound(paths: EveryPath) -> Real:
    """Return the same sum with the exact law of what the spanners miss, for the worst futures."""
    trial = paths.trial
    last = trial.target.horizon - 1

    def wasted(law: dict[fmpq, fmpq]) -> fmpq:
        sums = [infeasibility(last, eta) * trial.words + more_than(law, eta) for eta in law]
        return min(x.exact for x in sums if x.exact is not None)

    most = max(wasted(paths.missed_law(futures)) for futures in paths.reached())
    return (binomial_tail(trial.words, 0, trial.p) + most) * trial.epochs


def failing_runs(trial: Trial, source: Source = ScriptedWords) -> Measurement:
    """Measure Pr(no acceptance within K, or TV > 2 p) against the union bound."""
    return Measurement(Real(EveryPath(trial, source).failure()), union_bound(trial))


def failing_runs_exactly(trial: Trial) -> Measurement:
    """Measure the same probability against the union bound with exact spanners."""
    paths = EveryPath(trial)
    return Measurement(Real(paths.failure()), exact_union_bound(paths))


def hasty(trial: Trial) -> Trial:
    """Sabotage: one epoch fewer, but at least one."""
    return replace(trial, epochs=max(1, trial.epochs - 1))


@dataclass(frozen=True)
class Literal:
    """A target and the promise that Theorem 5.11 is asked for, with an exact oracle."""

    target: Isan
    epsilon: fmpq
    delta: fmpq
    tolerant: bool

    def trial(self, adjust: Callable[[Parameters], Parameters] = lambda p: p) -> Trial:
        """Return the run that the explicit parameters demand.

        With T = 3 one cut is spanned: that the tolerant set shares its batches plays no part.
        """
        parameters = adjust(
            explicit_parameters(
                horizon=self.target.horizon,
                alphabet_size=self.target.alphabet_size,
                rank=max(1, *self.target.cut_ranks()),
                epsilon=self.epsilon,
                delta=self.delta,
                tolerant=self.tolerant,
            )
        )
        return Trial(
            self.target, self.epsilon / 2, parameters.draws, parameters.words, parameters.epochs
        )


def literals(profile: str) -> Iterator[Literal]:
    """Yield small targets with both sets of parameters."""
    for target in small_targets(profile):
        yield Literal(target, fmpq(1, 2), fmpq(1, 2), tolerant=False)
        yield Literal(target, QUARTER, fmpq(1, 100), tolerant=True)


def broken_promises(
    literal: Literal,
    source: Source = ScriptedWords,
    adjust: Callable[[Parameters], Parameters] = lambda p: p,
) -> Measurement:
    """Measure the exact probability that a literal run fails against delta."""
    return Measurement.of(EveryPath(literal.trial(adjust), source).failure(), literal.delta)


def starved(parameters: Parameters) -> Parameters:
    """Sabotage: one fresh word and one spanner word."""
    return replace(parameters, words=1, draws=1)


def law_claim(
    identifier: str,
    title: str,
    source: str,
    instances: Callable[[str], Iterable[Any]],
    check: Check,
    *twins: Twin,
    statements: tuple[str, ...],
) -> Claim:
    """Return a claim that is measured exactly on a list of instances."""
    return Claim(
        f"{identifier}-law",
        title,
        source,
        "sharpened",
        lambda: st.sampled_from(list(instances("quick"))),
        check,
        twins,
        statements=statements,
        grade="exact law",
        instances=instances,
    )


CLAIMS = (
    law_claim(
        "lemma-5.2",
        "N draws: Pr(spanner misses mass >= eta) <= sum_{i<=r} C(N,i) (1-eta)^(N-i), each eta",
        "[P] Lemma 5.2, by sample compression after [M]",
        row_laws,
        spanner_failures,
        Twin("a third of the bound", lambda s: spanner_failures(s, factor=fmpq(1, 3))),
        Twin("spanner of the first row", lambda s: spanner_failures(s, first=True)),
        statements=("lemma-5.2",),
    ),
    law_claim(
        "dist-spanner",
        "Algorithm 3 inside Algorithm 1: the same at cuts 2..T-1, with the rank of each cut",
        "[P] Algorithm 3 and Lemma 5.2",
        spanner_trials,
        missing_spanners,
        Twin("a quarter of the bound", lambda t: missing_spanners(t, factor=QUARTER)),
        Twin("spanner of the first row", lambda t: missing_spanners(t, FirstRow)),
        statements=("lemma-5.2",),
    ),
    law_claim(
        "epoch-acceptance",
        "p <= 1 - delta^(1/n) for delta = Pr(an epoch accepts a table with p_bad >= p), each p",
        "[P] Lemma 5.7, sharpened",
        epoch_trials,
        acceptances,
        Twin("one more fresh word", lambda t: acceptances(t, more=1)),
        Twin("the spanner's words are the fresh ones", lambda t: acceptances(t, Reused)),
        statements=("lemma-5.7-sharp",),
    ),
    law_claim(
        "epoch-infeasible",
        "Pr(an epoch is infeasible) <= Pr(mass missed > eta) + n (T-2) eta, and <= n (T-2) E[mass]",
        "[P] Lemma 5.5 on n fresh words",
        epoch_trials,
        infeasible_epochs,
        Twin("one fresh word fewer", lambda t: infeasible_epochs(t, fewer=1)),
        tightened(infeasible_epochs, fmpq(3, 4)),
        statements=("lemma-5.5",),
    ),
    law_claim(
        "run",
        "Pr(not accepted in K epochs, or TV > 2p) <= K ((1-p)^n + n (T-2) eta + Pr(bad spanner))",
        "[P] Theorem 5.11, its union bound at any N, n, K",
        run_trials,
        failing_runs,
        Twin("spanner of the first row", lambda t: failing_runs(t, FirstRow)),
        Twin("one epoch fewer", lambda t: failing_runs(hasty(t))),
        tightened(failing_runs, fmpq(1, 30)),
        statements=("lemma-5.2", "lemma-5.5", "epoch-count"),
    ),
    law_claim(
        "run-union",
        "the same with Pr(mass missed > eta) in place of its bound, K = 1 + witnesses allowed",
        "[P] Theorem 5.11, its union bound at any N, n, K",
        run_trials,
        failing_runs_exactly,
        Twin("one epoch fewer", lambda t: failing_runs_exactly(hasty(t))),
        tightened(failing_runs_exactly, fmpq(1, 5)),
        statements=("lemma-5.5", "epoch-count"),
    ),
    law_claim(
        "theorem-5.11",
        "explicit parameters: Pr(no acceptance in K epochs, or TV > epsilon) <= delta",
        "[P] Theorem 5.11, explicit",
        literals,
        broken_promises,
        Twin("spanner of the first row", lambda i: broken_promises(i, FirstRow)),
        Twin("one fresh word, one spanner word", lambda i: broken_promises(i, adjust=starved)),
        statements=("parameters",),
    ),
)

"""Claims about the lean learner: its model at every moment, its tables, its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from flint import fmpq
from hypothesis import assume, reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.potential import witnesses_at_cut
from bounds.transfer import localised_gap, transfer_end_to_end
from bounds.validation import passes_at_attempt
from llr.analysis.distance import total_variation
from llr.baselines.recursion import minors, plain_recursion
from llr.learning.lean import LeanEpoch, LeanLearner, LeanSchedule, localise
from llr.learning.learned import LearnedModel
from llr.learning.nested import NestedTable
from llr.learning.spanner import BOX
from llr.models.base import LanguageModel, TabulatedModel, Word, words
from llr.models.isan import Isan
from llr.models.logits import cut_ranks_by_enumeration
from llr.models.network import Network
from llr.models.realization import realize
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, Row
from llr.numbers.balls import Real
from llr.numbers.rational import fraction
from llr.numbers.units import NAT
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import LogitOracle, ModelOracle
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.claims.slips import SparseTarget
from properties.corners import all_targets
from properties.measure import worst
from properties.scenarios import Scenario, beyond, mass_of, scenarios
from properties.strategies import isans, seeds, targets, words_of

MAX_EPOCHS = 60

CHANGED = ("repaired", "stuck")
"""Outcomes of epochs that changed the model."""


@dataclass(frozen=True)
class LeanRun:
    """What the lean learner did in a scenario.

    Attributes:
        scenario: ``threshold`` is tau, ``validation`` the fresh words that must pass.
        learner: at the end.
        epochs: all of them.
        models: the network after every epoch.
    """

    scenario: Scenario
    ledger: Ledger
    learner: LeanLearner
    epochs: list[LeanEpoch]
    models: list[Isan]


def lean_run(
    scenario: Scenario,
    learning: type[LeanLearner] = LeanLearner,
    fresh: Callable[[int], int] | None = None,
    told: fmpq = fmpq(1),
) -> LeanRun:
    """Run the lean learner; without noise its threshold is 0, whatever the scenario says.

    Args:
        scenario: the target, its oracle and the options.
        learning: a subclass records or sabotages.
        fresh: attempt j, from 1 -> fresh words that must pass; None: those of the scenario.
        told: rank decisions allow for so many times xi.
    """
    target = scenario.target
    oracle: LogitOracle = ModelOracle(target)
    noisy = scenario.noise != "none"
    if noisy:
        oracle = NoisyOracle(oracle, scenario.noise, scenario.xi, target.unit, scenario.seed)
    ledger = Ledger(oracle, target.alphabet_size, target.horizon, EXACT)
    learner = learning(
        ledger,
        alphabet_size=target.alphabet_size,
        horizon=target.horizon,
        unit=target.unit,
        arithmetic=EXACT,
        schedule=LeanSchedule(
            threshold=EXACT.from_nats(scenario.threshold, target.unit) if noisy else fmpq(0),
            slack=EXACT.from_nats(scenario.xi * told, target.unit),
            least_slack=fmpq(1, 10**9),
            boxed=noisy,
            validation_draws=fresh or (lambda attempt: scenario.validation),
            max_epochs=MAX_EPOCHS,
        ),
        rng=np.random.default_rng(scenario.seed),
    )
    epochs, models = [], []
    for epoch in learner.epochs():
        epochs.append(epoch)
        models.append(learner.table.isan(target.unit))
    return LeanRun(scenario, ledger, learner, epochs, models)


def _prefixes(model: Isan) -> list[Word]:
    return [p for t in range(model.horizon) for p in words(model.alphabet_size, t)]


# -- distance ---------------------------------------------------------------------------------


def lean_distance(scenario: Scenario, part: fmpq = fmpq(1), noise: fmpq = fmpq(1)) -> Measurement:
    """Measure TV(M, Q) after every epoch, p_bad by enumeration."""
    done = lean_run(scenario)
    target = scenario.target
    exact = scenario.noise == "none"
    tau = fmpq(0) if exact else scenario.threshold
    found = []
    for model in done.models:
        bad = set()
        for prefix in _prefixes(target):
            truth = done.ledger.row(prefix)
            guess = model.read(model.state_of(prefix))
            off = max(abs(x - y) for x, y in zip(truth, guess, strict=True))
            if beyond(off, target.unit, tau):
                bad.add(prefix)
        apart = total_variation(target, model).value
        assert apart is not None
        bound = transfer_end_to_end(
            target.horizon, mass_of(target, bad), tau, scenario.xi * noise, 1
        )
        found.append(Measurement(apart, bound * part))
    return worst(found)


# -- tables -----------------------------------------------------------------------------------


def basis_sizes(scenario: Scenario, less: int = 0) -> Measurement:
    """Measure the basis histories at each cut s >= 2 against its rank, exact oracle."""
    done = lean_run(scenario)
    ranks = scenario.target.cut_ranks()
    sizes = [len(h) for h in done.learner.table.histories]
    return worst(
        [Measurement.of(0)]
        + [Measurement.of(m, max(0, r - less)) for m, r in zip(sizes[1:], ranks[1:], strict=True)]
    )


def added_stems(scenario: Scenario, less: int = 0) -> Measurement:
    """Measure the stems that counterexamples add at each cut, exact oracle."""
    done = lean_run(scenario)
    target = scenario.target
    added = [0] * target.horizon
    for epoch in done.epochs:
        for cut, _ in epoch.stems:
            added[cut - 1] += 1
    allowed = map(witnesses_at_cut, target.cut_ranks(), target.one_token_ranks())
    return worst([Measurement.of(n, max(0, r - less)) for n, r in zip(added, allowed, strict=True)])


def noisy_only() -> SearchStrategy[Scenario]:
    """Return runs on a noisy oracle whose rank decisions know nothing of the noise."""
    return scenarios(models=lambda: targets(horizons=(3, 4)), noise_only=True)


def low_thresholds() -> SearchStrategy[Scenario]:
    """Return runs on a noisy oracle with a threshold far below the noise."""
    return scenarios(
        models=lambda: targets(horizons=(1, 3)), noise_only=True, thresholds=(fmpq(1, 10**6),)
    )


def basis_sizes_blind(scenario: Scenario) -> Measurement:
    """Sabotage: with a noisy oracle, decide ranks as if it were exact."""
    target = scenario.target
    oracle = NoisyOracle(
        ModelOracle(target), scenario.noise, scenario.xi, target.unit, scenario.seed
    )
    ledger = Ledger(oracle, target.alphabet_size, target.horizon, EXACT)
    table = NestedTable(ledger, target.alphabet_size, target.horizon, EXACT, fmpq(0))
    table.build(np.random.default_rng(scenario.seed))
    ranks = target.cut_ranks()
    sizes = [len(h) for h in table.histories]
    return worst([Measurement.of(m, r) for m, r in zip(sizes[1:], ranks[1:], strict=True)])


def stems_that_add_nothing(scenario: Scenario) -> Measurement:
    """Count stems added by counterexamples that did not raise the rank of the table's rows."""
    done = lean_run(scenario)
    table, wrong = done.learner.table, 0
    for epoch in done.epochs:
        for cut, stem in epoch.stems:
            stems = table.stems[cut - 1]
            place = stems.index(stem)
            wrong += _rank_on(done, cut, stems[: place + 1]) <= _rank_on(done, cut, stems[:place])
    return Measurement.of(wrong)


def _rank_on(done: LeanRun, cut: int, stems: list[Word]) -> int:
    """Return the rank of all rows at a cut on some stems, read from the target."""
    target = done.scenario.target
    truth = ModelOracle(target)
    rows = [
        [x for row in truth.logits([h + g for g in stems]) for x in row]
        for h in words(target.alphabet_size, cut - 1)
    ]
    return checkers.rank(checkers.as_fractions([tuple(row) for row in rows]))


def stems_that_add_two(scenario: Scenario) -> Measurement:
    """Sabotage: expect each of them to add two dimensions."""
    done = lean_run(scenario)
    table, wrong = done.learner.table, 0
    for epoch in done.epochs:
        for cut, stem in epoch.stems:
            stems = table.stems[cut - 1]
            place = stems.index(stem)
            grown = _rank_on(done, cut, stems[: place + 1]) - _rank_on(done, cut, stems[:place])
            wrong += grown < 2
    return Measurement.of(wrong)


# -- rank behind zeros --------------------------------------------------------------------------

HIDDEN_RANKS = (1, 1, 2, 1)
"""Cut ranks if the last of four logits is x_1 (a + b x_2 + c x_3), b c != 0, all others 0."""

Hidden: TypeAlias = tuple[int, int, int]
"""a, b and c."""


def hidden() -> SearchStrategy[Hidden]:
    """Return a, b and c; b and c are not 0."""
    other = st.sampled_from([1, -1, 2, -2, 3, -3])
    return st.tuples(st.integers(-3, 3), other, other)


def hidden_model(of: Hidden) -> TabulatedModel:
    """Return the model; x_t is 1 after token 0 and -1 after token 1."""
    a, b, c = of
    rows = {p: [0, 0] for t in range(3) for p in words(2, t)}
    for p in words(2, 3):
        x, y, z = (1 - 2 * token for token in p)
        rows[p] = [x * (a + b * y + c * z), 0]
    return TabulatedModel(2, 4, rows)


def hidden_ranks(of: Hidden, repaired: bool = True) -> Measurement:
    """Count what is not as expected: the cut ranks, the bases before and after repair, the model.

    Args:
        of: the coefficients of the last logit.
        repaired: False, sabotage: no counterexample is shown.
    """
    model = hidden_model(of)
    ledger = Ledger(ModelOracle(model), 2, 4, EXACT)
    learner = LeanLearner(
        ledger,
        alphabet_size=2,
        horizon=4,
        unit=model.unit,
        arithmetic=EXACT,
        schedule=LeanSchedule(fmpq(0), fmpq(0), fmpq(0), False, lambda attempt: 1, 1),
        rng=np.random.default_rng(0),
    )
    table = learner.table
    table.build(np.random.default_rng(0))
    wrong = int(cut_ranks_by_enumeration(model) != HIDDEN_RANKS)
    wrong += [len(h) for h in table.histories] != [1, 0, 0, 0]
    if repaired:
        learner.repair(dict.fromkeys(words(2, 4), 1))
    wrong += tuple(map(len, table.histories)) != HIDDEN_RANKS
    network = table.isan(model.unit)
    rows = ((p, network.read(network.state_of(p))) for t in range(4) for p in words(2, t))
    return Measurement.of(wrong + sum(tuple(row) != tuple(model.read(p)) for p, row in rows))


# -- exchanges ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Remembered:
    """A model of four bits by its logits of token 0 after every prefix, the shortest first."""

    logits: tuple[int, ...]

    @property
    def model(self) -> TabulatedModel:
        """Return the model."""
        prefixes = (p for t in range(4) for p in words(2, t))
        return TabulatedModel(2, 4, {p: [x, 0] for p, x in zip(prefixes, self.logits, strict=True)})


def remembered() -> SearchStrategy[Remembered]:
    """Return models with logits of many sizes, some of whose ranks hide behind zeros."""
    every = st.tuples(*[st.sampled_from([0, 1, -1, 3, -3, 9])] * 15).map(Remembered)
    return st.one_of(last_alone(), every)


def last_alone() -> SearchStrategy[Remembered]:
    """Return those whose last logit alone is not 0: later tokens show what earlier ones hid."""
    last = st.tuples(*[st.sampled_from([0, 0, 1, 5, 9])] * 8)
    return last.map(lambda found: Remembered((0,) * 7 + found))


class ShrunkError(Exception):
    """An exchange did not multiply the volume by more than 2."""


class Exchanging(LeanLearner):
    """A lean learner that notes by how much exchanges multiply the squared volume of a basis.

    The volume is that of its rows on the stems of its cut.
    """

    def __init__(self, target: LanguageModel, seed: int) -> None:
        super().__init__(
            Ledger(ModelOracle(target), target.alphabet_size, target.horizon, EXACT),
            alphabet_size=target.alphabet_size,
            horizon=target.horizon,
            unit=target.unit,
            arithmetic=EXACT,
            schedule=LeanSchedule(fmpq(0), fmpq(0), fmpq(0), True, lambda attempt: 1, 1),
            rng=np.random.default_rng(seed),
        )
        self.factors: list[Fraction] = []
        self.table.build(self._rng)

    def _exchange(self, prefix: Word) -> None:
        cut = len(prefix) + 1
        basis = self.table.histories[cut - 1]
        size, before = len(basis), self._volume(cut, basis)
        # rows that have become dependent fit nothing: their volume is 0
        with suppress(ValueError):
            super()._exchange(prefix)
        self.factors.append(self._volume(cut, basis[:size]) / before)
        if self.factors[-1] <= BOX**2:
            raise ShrunkError

    def _volume(self, cut: int, histories: list[Word]) -> Fraction:
        rows = [
            tuple(x for stem in self.table.stems[cut - 1] for x in self._ledger.row(h + stem))
            for h in histories
        ]
        return checkers.gram(checkers.as_fractions(rows))


class Credulous(Exchanging):
    """Sabotage: takes every coefficient for that of the prefix's own row."""

    def _disproof(self, prefix: Word) -> Word | None:
        return None


def lean_exchanges(
    of: Remembered, factor: fmpq = fmpq(2), learning: type[Exchanging] = Exchanging
) -> Measurement:
    """Measure the factor, squared, against the least by which an exchange multiplies the volume.

    That is squared, too.  An exchange that multiplies it by the factor or less fails.

    Args:
        of: the model, all of whose words are shown to the learner.
        factor: 2, or larger: tightened.
        learning: sabotages the learner.
    """
    learner = learning(of.model, 0)
    with suppress(ShrunkError):
        learner.repair(dict.fromkeys(words(2, 4), 1))
    if not learner.factors:
        return Measurement.of(0)
    least, square = min(learner.factors), fraction(factor * factor)
    return Measurement.of(square if least > square else square + least, least)


# -- the two ways to predict ------------------------------------------------------------------


def network_against_programs(scenario: Scenario, skip: int = 0) -> Measurement:
    """Count prefixes where a feasible chain program and the network predict different logits."""
    done = lean_run(scenario)
    table = done.learner.table
    network = table.isan(scenario.target.unit)
    programs = LearnedModel(table.table(), scenario.target.unit)
    wrong = 0
    for prefix in _prefixes(scenario.target):
        state = programs.state_of(prefix)
        if not programs.represents(state):
            continue
        guess = network.read(network.state_of(prefix[skip:] if len(prefix) > skip else prefix))
        wrong += tuple(programs.read(state)) != tuple(guess)
    return Measurement.of(wrong)


# -- the telescope, acceptance, shape of queries ----------------------------------------------


def lean_telescope(scenario: Scenario, first: int = 2) -> Measurement:
    """Count wrong entries of Lh_{t+1}(a) - Lhat(y_{1:t}.a) = sum_s Delta_s(y_{s:t}.a).

    Delta_s is what the relations of the candidates at cut s miss on the rest of the prefix.
    """
    done = lean_run(scenario)
    table, k = done.learner.table, scenario.target.alphabet_size
    network = done.models[-1]
    wrong = 0
    for prefix in _prefixes(scenario.target):
        c = [fmpq(1)]
        sums = [fmpq(0)] * k
        for s in range(2, len(prefix) + 2):
            tail = prefix[s - 1 :]
            steps = EXACT.rows(table.transitions[s - 2])[prefix[s - 2] :: k]
            here = _rows(done, table.histories[s - 1], tail)
            for x, h, relation in zip(c, table.histories[s - 2], steps, strict=True):
                truth = done.ledger.row((*h, prefix[s - 2], *tail))
                for a in range(k):
                    off = sum((y * row[a] for y, row in zip(relation, here, strict=True)), fmpq(0))
                    if s >= first:
                        sums[a] += x * (off - truth[a])
            c = [
                sum((x * step[j] for x, step in zip(c, steps, strict=True)), fmpq(0))
                for j in range(len(table.histories[s - 1]))
            ]
        guess = network.read(network.state_of(prefix))
        truth = done.ledger.row(prefix)
        wrong += sum(x - y != total for x, y, total in zip(guess, truth, sums, strict=True))
    return Measurement.of(wrong)


def _rows(done: LeanRun, histories: list[Word], tail: Word) -> list[tuple[fmpq, ...]]:
    return [tuple(done.ledger.row(h + tail)) for h in histories]


def lean_acceptance(scenario: Scenario, part: fmpq = fmpq(1), box: fmpq = fmpq(1)) -> Measurement:
    """Measure an accepted network along the words that it passed: errors and, with noise, the box.

    A run on an exact oracle that ends without acceptance is a failure, too.

    Args:
        scenario: the run.
        part: tightens tau.
        box: tightens the box.
    """
    done = lean_run(scenario)
    target, tau, noisy = scenario.target, scenario.threshold, scenario.noise != "none"
    if done.epochs[-1].outcome != "accepted":
        return Measurement.of(0 if noisy else 1)
    network, largest, outermost = done.models[-1], fmpq(0), fmpq(0)
    for word in done.learner.words:
        for t in range(target.horizon):
            state = network.state_of(word[:t])
            guess = network.read(state)
            truth = done.ledger.row(word[:t])
            largest = max([largest, *(abs(x - y) for x, y in zip(guess, truth, strict=True))])
            _, coefficients = state
            outermost = max([outermost, *map(abs, coefficients)])
    error = Measurement(target.unit.in_nats(largest), Real(tau if noisy else fmpq(0)) * part)
    return worst([error, Measurement.of(outermost, 2 * box)]) if noisy else error


def slight_noise() -> SearchStrategy[Scenario]:
    """Return runs on small integer targets whose oracle is off by 10^-9 nats."""
    entries = isans(horizons=(2, 4), alphabet_sizes=(2, 3), dimensions=(1, 2), integers=True)
    return scenarios(models=lambda: entries, noise_only=True).map(
        lambda s: replace(s, xi=fmpq(1, 10**9), threshold=fmpq(1, 10**4))
    )


def lean_under_noise(scenario: Scenario, tau: fmpq = fmpq(1), told: fmpq = fmpq(2)) -> Measurement:
    """Count runs that end without acceptance, and basis histories beyond the ranks of the cuts.

    Rank decisions allow for twice the oracle's error.  Told no more than it, a fit that is as good
    as the true relation may have coefficients a little smaller, and so be allowed less.

    Args:
        scenario: the run.
        tau: sabotage: a multiple of the threshold, below what the oracle is off.
        told: sabotage: allow for so many times the oracle's error.
    """
    done = lean_run(replace(scenario, threshold=scenario.threshold * tau), told=told)
    ranks = scenario.target.cut_ranks()
    sizes = [len(h) for h in done.learner.table.histories]
    wrong = sum(max(0, m - r) for m, r in zip(sizes[1:], ranks[1:], strict=True))
    return Measurement.of(wrong + (done.epochs[-1].outcome != "accepted"), cases=sum(sizes))


class Recording(LeanLearner):
    """A lean learner that writes down its draws: words, its network, and what was asked before."""

    def epochs(self) -> Iterator[LeanEpoch]:
        """Yield the batches of words; nothing is drawn so far."""
        self.drawn: list[tuple[dict[Word, int], Isan]] = []
        self.asked: list[int] = []
        yield from super().epochs()

    def draw(self, n: int) -> dict[Word, int]:
        """Draw n words."""
        self.asked.append(len(self._ledger.log))
        found = super().draw(n)
        self.drawn.append((found, self.table.isan(NAT)))
        return found


class WordsAgain(Recording):
    """Sabotage: words drawn before a change that pass after it count as fresh, all but one."""

    def _changed(self) -> None:
        super()._changed()
        missing = self._schedule.validation_draws(1) - 1
        for drawn, _ in self.drawn:
            for word, many in drawn.items():
                counted = min(many, missing)
                if counted and self._first_failure([word]) is None:
                    self.words[word] = self.words.get(word, 0) + counted
                    missing -= counted


def _passes(attempt: int) -> int:
    return passes_at_attempt(attempt, fmpq(1, 2), fmpq(1, 5))


def lean_fresh_words(
    scenario: Scenario,
    learning: type[Recording] = Recording,
    passes: Callable[[int], int] = _passes,
) -> Measurement:
    """Count what is wrong with the words that an accepted network passed.

    Wrong is a word that was drawn when the network still predicted something else, and any
    difference between their number and n_j, where j - 1 is the number of repairs.

    Args:
        scenario: the run.
        learning: sabotages it.
        passes: sabotages n_j.
    """
    done = lean_run(scenario, learning, passes)
    assert isinstance(done.learner, Recording)
    if done.epochs[-1].outcome not in ("accepted", "measured"):
        return Measurement.of(0)
    prefixes = _prefixes(scenario.target)

    def predictions(network: Isan) -> list[Row]:
        return [network.read(network.state_of(p)) for p in prefixes]

    accepted, fresh = predictions(done.models[-1]), Counter[Word]()
    for drawn, network in reversed(done.learner.drawn):
        if predictions(network) != accepted:
            break
        fresh.update(drawn)
    passed = Counter(done.learner.words)
    repairs = sum(epoch.outcome in CHANGED for epoch in done.epochs)
    wrong = (passed - fresh).total() + abs(passed.total() - _passes(repairs + 1))
    return Measurement.of(wrong, cases=repairs)


def lean_recovery(scenario: Scenario, shortest: bool = False) -> Measurement:
    """Measure TV once the table passes all words, exact oracle."""
    done = lean_run(scenario)
    target = scenario.target
    if not shortest:
        every = dict.fromkeys(words(target.alphabet_size, target.horizon), 1)
        done.learner.repair(every)
    apart = total_variation(target, done.learner.table.isan(target.unit)).value
    assert apart is not None
    return Measurement(apart, Real(fmpq(0)))


def lean_query_shape(scenario: Scenario) -> Measurement:
    """Count queries of the lean learner that have not Lemma 5.12's shape.

    To its favour, every word along which everything was asked counts as a sample.
    """
    target = scenario.target
    log = lean_run(scenario).ledger.log
    asked = set(log)
    fresh = [
        w
        for w in words(target.alphabet_size, target.horizon)
        if all(w[:t] in asked for t in range(target.horizon))
    ]
    histories = {w[:n] for w in fresh for n in range(len(w) + 1)} | {()}
    return Measurement.of(sum(not checkers.has_query_shape(q, histories, fresh) for q in log))


# -- noise ------------------------------------------------------------------------------------


def small_first_rows() -> SearchStrategy[Scenario]:
    """Return runs on bits of which a 0 at first divides the last logits by up to 1000.

    The oracle is off by 10^-6 nats, and the threshold is 2 T - 1 times that.
    """

    def target(horizon: int, divisor: int) -> Isan:
        one = fmpq(1)
        first = [[[one / divisor]], [[one]]]
        rest = [[[[one]], [[one]]] for _ in range(horizon - 2)]
        silent = [[[0], [0]] for _ in range(horizon - 1)]
        return Isan(2, horizon, [1], [first, *rest], [*silent, [[1], [-1]]])

    models = st.builds(target, st.integers(3, 5), st.integers(1, 1000))
    xi = fmpq(1, 10**6)
    return scenarios(models=lambda: models, noise_only=True).map(
        lambda s: replace(s, xi=xi, threshold=(2 * s.target.horizon - 1) * xi)
    )


def noise_kept(scenario: Scenario, recursion: bool = False, factor: fmpq = fmpq(2)) -> Measurement:
    """Measure the largest error of the lean learner that passes every word against 2 T xi.

    Args:
        scenario: the run.
        recursion: sabotage: the plain recursion on the same noisy oracle instead.
        factor: in the place of 2.
    """
    target, xi = scenario.target, scenario.xi
    done = lean_run(scenario)
    every = dict.fromkeys(words(target.alphabet_size, target.horizon), 1)
    assume(not done.learner.repair(every).stuck)
    model = done.learner.table.isan(target.unit)
    if recursion:
        try:
            model = plain_recursion(target, minors(target), done.ledger)
        except ZeroDivisionError:
            reject()
    return Measurement.of(_largest_error(target, model), factor * target.horizon * xi)


def _largest_error(target: Isan, model: Isan) -> fmpq:
    """Return how far a logit of a model is off its target's, in the target's unit."""
    found = fmpq(0)
    for prefix in _prefixes(target):
        truth, guess = (m.read(m.state_of(prefix)) for m in (target, model))
        found = max([found, *(abs(x - y) for x, y in zip(truth, guess, strict=True))])
    return found


# -- batches ----------------------------------------------------------------------------------


def batch_laws(model: Isan, states: int = 0) -> Measurement:
    """Measure how far the float64 laws of batches are off, over all prefixes, against 2^-40."""
    network = Network(model)
    found = [Measurement.of(0)]
    for prefix in _prefixes(model):
        row = np.broadcast_to(network.start, (1, len(network.start)))
        for t, token in enumerate(prefix[: len(prefix) - states]):
            row = network.step(t, row, np.array([token]))
        law = floats.softmax(network.read(len(prefix), row))[0]
        exact = model.probabilities(prefix)
        found += [
            Measurement(abs(Real(fmpq(*x.as_integer_ratio())) - p), Real(fmpq(1, 2**40)))
            for x, p in zip(law.tolist(), exact, strict=True)
        ]
    return worst(found)


# -- counts -----------------------------------------------------------------------------------


def counted_prefixes(scenario: Scenario, repeats: int = 0) -> Measurement:
    """Count queries that were submitted twice or lie outside the tree of prefixes.

    And by how much the learning calls differ from those before the first draw after a last change.
    """
    done = lean_run(scenario, Recording)
    assert isinstance(done.learner, Recording)
    log = done.ledger.log
    fine = {p for p in log if len(p) < scenario.target.horizon}
    wrong = len(log) - len(fine)
    wrong += done.ledger.counts.distinct_prefixes != len(fine)
    last = max((e.number for e in done.epochs if e.outcome in CHANGED), default=0)
    learning = [*done.learner.asked, len(log)][last]
    return Measurement.of(wrong + abs(done.learner.learning_prefixes - learning - repeats))


def long_scenarios() -> SearchStrategy[Scenario]:
    """Return runs with an exact oracle, a longer horizon and few words."""
    models = isans(horizons=(5, 7), alphabet_sizes=(2, 2), dimensions=(2, 4))
    return scenarios(models=lambda: models, most_samples=1)


def exact_scenarios() -> SearchStrategy[Scenario]:
    """Return runs with an exact oracle."""
    return scenarios(models=lambda: targets(horizons=(2, 4)))


def corner_scenarios() -> SearchStrategy[Scenario]:
    """Return runs with an exact oracle on targets at the corners, too."""
    return scenarios(models=lambda: all_targets(horizons=(2, 4)))


# -- localisation -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimates:
    """E(1), ..., E(t+1), of which the first is the truth and the last more than tau from it."""

    rows: tuple[tuple[fmpq, ...], ...]
    tau: fmpq


@st.composite
def failing_estimates(draw: DrawFn) -> Estimates:
    """Return estimates of rows of two logits, in tenths; anywhere, or creeping away."""
    t = draw(st.integers(1, 7))
    tau = fmpq(draw(st.integers(0, 7)), 10)
    creeping = draw(st.booleans())
    tenths = st.integers(0, 2) if creeping else st.integers(-8, 8)
    drawn = draw(st.lists(st.tuples(tenths, tenths), min_size=t + 1, max_size=t + 1))
    if creeping:
        drawn = list(accumulate(drawn, lambda one, step: (one[0] + step[0], one[1] + step[1])))
    rows = tuple((fmpq(x, 10), fmpq(y, 10)) for x, y in drawn)
    assume(_off(rows[0], rows[-1]) > tau)
    return Estimates(rows, tau)


def _off(one: tuple[fmpq, ...], other: tuple[fmpq, ...]) -> fmpq:
    return max(abs(x - y) for x, y in zip(one, other, strict=True))


def localised(e: Estimates, steps: int = 0, scaled: bool = True) -> Measurement:
    """Measure tau / t against the gap that the search ends with; 1 more unless it is larger.

    Args:
        steps: tightened, t less so many.
        scaled: False, sabotage: an estimate is right while it is within tau, wherever it stands.
    """
    t = len(e.rows) - 1
    assume(t > steps)

    def estimate(s: int) -> tuple[fmpq, ...]:
        right = not scaled and _off(e.rows[s - 1], e.rows[0]) <= e.tau
        return e.rows[0] if right else e.rows[s - 1]

    cut = localise(estimate, e.rows[0], t + 1, e.tau)
    gap = _off(e.rows[cut - 2], e.rows[cut - 1])
    bound = localised_gap(t - steps, e.tau)
    return Measurement(bound if bound < gap else bound + 1, Real.of(gap))


# -- needles ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Needle:
    """A secret prefix after which one logit is not 0, and a run of the lean learner."""

    horizon: int
    secret: Word
    words: int
    seed: int


@st.composite
def needles(draw: DrawFn) -> Needle:
    """Return secrets of three bits or more, and runs with few words."""
    horizon = draw(st.integers(4, 7))
    secret = draw(words_of(alphabet_size=2, length=draw(st.integers(3, horizon - 1))))
    return Needle(horizon, secret, draw(st.integers(1, 2)), draw(seeds()))


def needle_unseen(n: Needle, whatever_is_asked: bool = False) -> Measurement:
    """Count what differs between a run on the needle and one on uniform words: queries, logits.

    Args:
        n: the instance.
        whatever_is_asked: sabotage: count even if the secret was asked for.
    """
    runs = []
    for logits in ((((n.secret, 0), 1),), ()):
        target = realize(SparseTarget(n.horizon, 2, logits).model)
        runs.append(lean_run(Scenario(target, "none", fmpq(0), fmpq(1, 1000), 1, n.words, n.seed)))
    on_needle, on_uniform = runs
    if n.secret in on_needle.ledger.log and not whatever_is_asked:
        return Measurement.of(0)
    one, other = (done.learner.table.isan(done.scenario.target.unit) for done in runs)
    differ = sum(one.logits(p) != other.logits(p) for p in _prefixes(one))
    differ += on_needle.ledger.log != on_uniform.ledger.log
    return Measurement.of(differ, cases=len(on_needle.ledger.log))


CLAIMS = (
    Claim(
        "lean-localisation",
        "a prediction off by more than tau after t tokens: two next estimates > tau / t apart",
        "end-to-end validation, noisy localisation",
        "sharpened",
        failing_estimates,
        localised,
        (
            Twin("tau / (t - 1)", lambda e: localised(e, 1)),
            Twin("right while within tau", lambda e: localised(e, scaled=False)),
        ),
        statements=("lean-localisation",),
        examples=200,
    ),
    Claim(
        "lean-distance",
        "lean learner, at every moment: TV(M, Q) <= p_bad + ((T-1) tau + T xi) / 2",
        "end-to-end validation, least-squares fits",
        "sharpened",
        lambda: scenarios(noisy=True),
        lean_distance,
        (
            Twin("bound halved", lambda s: lean_distance(s, fmpq(1, 2)), exact_scenarios),
            Twin("xi-term left out", lambda s: lean_distance(s, noise=fmpq(0)), low_thresholds),
        ),
        statements=("lean-transfer",),
        examples=100,
    ),
    Claim(
        "lean-basis",
        "lean learner, exact oracle: the basis at a cut is at most its rank",
        "nested tables",
        "sharpened",
        corner_scenarios,
        basis_sizes,
        (
            Twin("one less", lambda s: basis_sizes(s, 1)),
            Twin("noise taken for rank", basis_sizes_blind, noisy_only),
        ),
        examples=120,
    ),
    Claim(
        "lean-stems",
        "lean learner, exact oracle: stems added at a cut <= d_s - rank of its one-token columns",
        "nested tables",
        "sharpened",
        corner_scenarios,
        added_stems,
        (Twin("one less", lambda s: added_stems(s, 1)),),
        statements=("witness-count",),
        examples=120,
    ),
    Claim(
        "lean-stem-progress",
        "lean learner, exact oracle: every added stem raises the rank of its cut's columns",
        "nested tables",
        "sharpened",
        exact_scenarios,
        stems_that_add_nothing,
        (Twin("by two", stems_that_add_two),),
        examples=120,
    ),
    Claim(
        "lean-exchanges",
        "lean learner, exact oracle: an exchange multiplies the basis's volume by more than 2",
        "counterexample-guided spanners, nested tables",
        "sharpened",
        remembered,
        lean_exchanges,
        (
            Twin("by more than 14/5", lambda of: lean_exchanges(of, fmpq(14, 5))),
            Twin(
                "relations never tested",
                lambda of: lean_exchanges(of, learning=Credulous),
                last_alone,
            ),
        ),
        examples=100,
    ),
    Claim(
        "lean-hidden-rank",
        "T = 4, last logit x1 (a + b x2 + c x3): first bases empty, then 1, 1, 2, 1, and exact",
        "nested tables, counterexamples",
        "sharpened",
        hidden,
        hidden_ranks,
        (
            Twin("no counterexample", lambda of: hidden_ranks(of, repaired=False)),
            Twin("b = 0", hidden_ranks, lambda: hidden().map(lambda of: (of[0], 0, of[2]))),
        ),
        examples=60,
    ),
    Claim(
        "network-and-programs",
        "a nested table's network predicts what its chain programs predict, where feasible",
        "[P] Algorithm 2 on nested tables",
        "sharpened",
        exact_scenarios,
        network_against_programs,
        (Twin("first token forgotten", lambda s: network_against_programs(s, 1)),),
        examples=120,
    ),
    Claim(
        "lean-telescope",
        "lean learner: Lh_{t+1}(a) - Lhat(y_{1:t}.a) = sum_s Delta_s(y_{s:t}.a), exactly",
        "[P] inside Lemma 5.8, for nested tables",
        "sharpened",
        lambda: scenarios(noisy=True),
        lean_telescope,
        (Twin("first relation left out", lambda s: lean_telescope(s, 3)),),
        examples=100,
    ),
    Claim(
        "lean-acceptance",
        "accepted: errors <= tau along the words that passed, noisy: coefficients in the box",
        "end-to-end validation",
        "sharpened",
        lambda: scenarios(noisy=True),
        lean_acceptance,
        (
            Twin("tau / 4", lambda s: lean_acceptance(s, fmpq(1, 4)), noisy_only),
            Twin("half the box", lambda s: lean_acceptance(s, box=fmpq(1, 2)), noisy_only),
        ),
        examples=100,
    ),
    Claim(
        "lean-slight-noise",
        "lean learner, oracle off by half the slack, integers: accepts, bases at most cut ranks",
        "nested tables, rank decisions with slack",
        "sharpened",
        slight_noise,
        lean_under_noise,
        (
            Twin("tau = 10^-10", lambda s: lean_under_noise(s, fmpq(1, 10**6))),
            Twin("a tenth of the error told", lambda s: lean_under_noise(s, told=fmpq(1, 10))),
        ),
        examples=100,
    ),
    Claim(
        "lean-fresh-words",
        "an accepted network passed n_j words, all drawn since it predicts what it does",
        "validation over an unknown number of attempts",
        "sharpened",
        lambda: scenarios(noisy=True),
        lean_fresh_words,
        (
            Twin("words tested again count", lambda s: lean_fresh_words(s, WordsAgain)),
            Twin(
                "n_1 words at every attempt",
                lambda s: lean_fresh_words(s, passes=lambda attempt: _passes(1)),
            ),
        ),
        statements=("attempts",),
        examples=100,
    ),
    Claim(
        "lean-recovery",
        "lean learner, exact oracle: a table that passes all words is the target, TV = 0",
        "nested tables",
        "sharpened",
        exact_scenarios,
        lean_recovery,
        (Twin("without those words", lambda s: lean_recovery(s, True)),),
        examples=100,
    ),
    Claim(
        "lean-lemma-5.12",
        "the lean learner's queries have the shape of Lemma 5.12 (they have not)",
        "[P] Lemma 5.12, for a learner that it is not about",
        "printed",
        long_scenarios,
        lean_query_shape,
        (),
        examples=100,
        expected="refuted",
    ),
    Claim(
        "noise-kept",
        "an oracle off by xi: the lean learner that passes every word is off by at most 2 T xi",
        "end-to-end validation, beside the plain recursion",
        "sharpened",
        small_first_rows,
        noise_kept,
        (
            Twin("9/10 T xi", lambda s: noise_kept(s, factor=fmpq(9, 10))),
            Twin("the plain recursion", lambda s: noise_kept(s, recursion=True)),
        ),
        examples=100,
    ),
    Claim(
        "batch-law",
        "words drawn in batches: every next-token law is within 2^-40 of the model's",
        "float64 networks",
        "sharpened",
        lambda: isans(horizons=(1, 5)),
        batch_laws,
        (Twin("one step behind", lambda m: batch_laws(m, 1)),),
        examples=120,
    ),
    Claim(
        "needle-unseen",
        "a run that does not ask for the secret asks and learns what it does on uniform words",
        "needle lower bound",
        "sharpened",
        needles,
        needle_unseen,
        (Twin("asked for or not", lambda n: needle_unseen(n, True)),),
        examples=150,
    ),
    Claim(
        "lean-counts",
        "lean learner: no prefix is submitted twice; learning calls end with the last change",
        "counts at the ledger",
        "sharpened",
        lambda: scenarios(noisy=True),
        counted_prefixes,
        (Twin("one more learning call", lambda s: counted_prefixes(s, 1)),),
        examples=80,
    ),
)

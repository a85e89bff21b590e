"""Runs of Algorithm 1 on small targets, with deliberately poor draws.

Claims about the learner must hold at every epoch, accepted or not, so that the most telling runs
are those with few words: bases that miss histories, models accepted too early.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.learning.learned import LearnedModel
from llr.learning.printed import Epoch, PrintedLearner, Residuals, Schedule
from llr.models.base import LanguageModel, Word, words
from llr.models.isan import Isan
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real, total
from llr.numbers.units import LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NOISES, NoisyOracle
from llr.oracles.protocol import LogitOracle, ModelOracle
from llr.oracles.sampling import ModelWords
from properties.strategies import seeds, targets


@dataclass(frozen=True)
class Scenario:
    """A target and how Algorithm 1 is run on it.

    Attributes:
        target: the true model.
        noise: "none", "random", "adversarial" or "rounding".
        xi: error of the oracle in nats; 0 without noise.
        threshold: g in nats.
        samples: words per cut and epoch.
        validation: fresh words per epoch.
        seed: of the draws.
    """

    target: Isan
    noise: str
    xi: fmpq
    threshold: fmpq
    samples: int
    validation: int
    seed: int


@dataclass(frozen=True)
class Run:
    """What happened in a scenario."""

    scenario: Scenario
    ledger: Ledger
    epochs: list[Epoch]

    def model(self, epoch: Epoch) -> LearnedModel:
        """Return the model Q that the epoch's table defines."""
        return LearnedModel(epoch.table, self.scenario.target.unit)

    def residuals(self, epoch: Epoch) -> Residuals:
        """Return the residuals over the epoch's table."""
        return Residuals(self.ledger, epoch.table, EXACT)


MAX_EPOCHS = 12

_XIS = (fmpq(1, 7000), fmpq(1, 70), fmpq(1, 7))
_THRESHOLDS = (fmpq(1, 1000), fmpq(1, 10), fmpq(1), fmpq(4))


def scenarios(
    *,
    models: Callable[[], SearchStrategy[Isan]] = lambda: targets(horizons=(1, 4)),
    noisy: bool = False,
    noise_only: bool = False,
    most_samples: int = 6,
    thresholds: tuple[fmpq, ...] = _THRESHOLDS,
) -> SearchStrategy[Scenario]:
    """Return scenarios.

    Args:
        models: strategy of targets.
        noisy: also draw noisy oracles.
        noise_only: draw noisy oracles alone.
        most_samples: largest number of words drawn at a time.
        thresholds: values of g.
    """
    drawn = models()

    @st.composite
    def found(draw: DrawFn) -> Scenario:
        kinds = list(NOISES) if noise_only else ["none", *NOISES] if noisy else ["none"]
        noise = draw(st.sampled_from(kinds))
        return Scenario(
            target=draw(drawn),
            noise=noise,
            xi=draw(st.sampled_from(_XIS)) if noise != "none" else fmpq(0),
            threshold=draw(st.sampled_from(thresholds)),
            samples=draw(st.integers(1, most_samples)),
            validation=draw(st.integers(1, most_samples)),
            seed=draw(seeds()),
        )

    return found()


def run(scenario: Scenario, shared_batch: bool = False) -> Run:
    """Run Algorithm 1 to acceptance, or for ``MAX_EPOCHS`` epochs.

    Args:
        scenario: the target, its oracle and the draws.
        shared_batch: let one batch of words serve the spanners of all cuts.
    """
    model = scenario.target
    oracle: LogitOracle = ModelOracle(model)
    if scenario.noise != "none":
        oracle = NoisyOracle(oracle, scenario.noise, scenario.xi, model.unit, scenario.seed)
    ledger = Ledger(oracle, model.alphabet_size, model.horizon, EXACT)
    learner = PrintedLearner(
        ledger,
        ModelWords(model),
        alphabet_size=model.alphabet_size,
        horizon=model.horizon,
        unit=model.unit,
        arithmetic=EXACT,
        schedule=Schedule(
            scenario.threshold if model.horizon > 2 else None,
            lambda infeasible: scenario.samples,
            lambda epoch: scenario.validation,
            MAX_EPOCHS,
            shared_batch,
        ),
        rng=np.random.default_rng(scenario.seed),
    )
    return Run(scenario, ledger, list(learner.epochs()))


def inner_prefixes(model: LanguageModel) -> list[Word]:
    """Return all prefixes of length 1..T-1, shorter ones first."""
    return [p for t in range(1, model.horizon) for p in words(model.alphabet_size, t)]


def bad_prefixes(done: Run, epoch: Epoch) -> set[Word]:
    """Return the prefixes that are infeasible, or have a residual with r = t + 1 above g."""
    of = done.scenario
    return _bad_prefixes(of.target, done.ledger, epoch, of.threshold)


def _bad_prefixes(
    target: LanguageModel, ledger: Ledger, epoch: Epoch, threshold: fmpq
) -> set[Word]:
    program = LearnedModel(epoch.table, target.unit).program
    residuals = Residuals(ledger, epoch.table, EXACT)
    found = set()
    for prefix in inner_prefixes(target):
        solution = program.solution(prefix)
        if solution is None or any(
            beyond(delta, target.unit, threshold) for _, _, delta in residuals.at(prefix, solution)
        ):
            found.add(prefix)
    return found


def size_of(unit: LogitUnit) -> Real:
    """Return the unit in nats, from its definition."""
    return Real.of(1) if unit.base is None else balls.log(unit.base)


def beyond(logit: fmpq, unit: LogitUnit, nats: fmpq) -> bool:
    """True if a logit in units is further from 0 than so many nats."""
    return size_of(unit) * abs(logit) > nats


def mass_of(model: LanguageModel, prefixes: set[Word]) -> Real:
    """Return the probability that a word has some of these prefixes; exact where it is rational."""
    minimal = [p for p in sorted(prefixes) if not any(p[:n] in prefixes for n in range(len(p)))]
    return total(probability_of(model, p) for p in minimal)


def bad_mass(target: LanguageModel, ledger: Ledger, epoch: Epoch, threshold: fmpq) -> Real:
    """Return p_bad of a table: the mass of words with a prefix that is bad at this threshold."""
    return mass_of(target, _bad_prefixes(target, ledger, epoch, threshold))


def probability_of(model: LanguageModel, prefix: Word) -> Real:
    """Return the probability of a prefix."""
    found, state = Real.of(1), model.start()
    for place, token in enumerate(prefix):
        found = found * model.link.probabilities(model.law(state))[token]
        if place + 1 < len(prefix):
            state = model.step(state, token)
    return found

"""Theorem 5.11 run literally: Algorithm 1 with exactly the parameters that the theorem demands.

Draws are multisets over the finite set of words and each distinct prefix is solved once, so that
millions of words cost what the few distinct ones cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from flint import fmpq

from bounds.parameters import Parameters, explicit_parameters
from bounds.theorem import (
    factor_length,
    queries_by_compression,
    queries_printed,
    rational_root_above,
)
from llr.analysis.distance import Distance, total_variation
from llr.errors import InputError, ShownAs
from llr.learning.learned import LearnedModel
from llr.learning.printed import Epoch, PrintedLearner, Schedule
from llr.models.base import LanguageModel, UniformModel, words
from llr.models.logits import cut_ranks
from llr.numbers.arithmetic import EXACT
from llr.numbers.rational import text
from llr.observing import Tell, untold
from llr.oracles.ledger import Counts, Ledger
from llr.oracles.noise import NOISES, NoisyOracle
from llr.oracles.protocol import LogitOracle, ModelOracle
from llr.oracles.sampling import ModelWords

MAX_WORDS = 1 << 16
"""Words of the largest target whose distance is enclosed by enumeration."""


@dataclass(frozen=True)
class TheoremRun:
    """A literal run of Theorem 5.11.

    Attributes:
        parameters: what the theorem demands.
        outcomes: how each epoch ended.
        accepted: whether an epoch accepted within K.
        counts: distinct prefixes, calls and words of the run.
        spanner_entries, validation_entries: logit entries asked, repeats included.
        distance: TV(target, learned), enclosed by enumeration.
        uniform_distance: TV(target, uniform).
        promise_kept: accepted, and TV <= epsilon.
    """

    parameters: Parameters
    outcomes: tuple[str, ...]
    accepted: bool
    counts: Counts
    spanner_entries: int
    validation_entries: int
    distance: Distance
    uniform_distance: Distance
    promise_kept: bool

    def as_json(self) -> dict[str, Any]:
        """Return the run as a JSON value."""
        allowed = self.parameters.queries()
        t, k, d = self.parameters.horizon, self.parameters.alphabet_size, self.parameters.rank
        return {
            "parameters": parameters_to_json(self.parameters),
            "accepted": self.accepted,
            "epochs": len(self.outcomes),
            "outcomes": list(self.outcomes),
            "queries": {
                **self.counts.as_json(),
                "spanner_entries": self.spanner_entries,
                "validation_entries": self.validation_entries,
            },
            "queries_allowed": asdict(allowed) | {"total_words": self.parameters.total_words},
            "leading_terms": {
                "printed": queries_printed(t, k, d, self.parameters.epsilon).nearest_integer(),
                "compression": queries_by_compression(
                    t, d, self.parameters.epsilon
                ).nearest_integer(),
            },
            "total_variation": self.distance.as_json(),
            "uniform_total_variation": self.uniform_distance.as_json(),
            "promise_kept": self.promise_kept,
        }


def parameters_to_json(parameters: Parameters) -> dict[str, Any]:
    """Return parameters with rationals as strings."""
    return {
        name: text(value) if isinstance(value, fmpq) else value
        for name, value in vars(parameters).items()
    } | {"total_words": parameters.total_words}


def largest_logit(model: LanguageModel) -> fmpq:
    """Return a rational at or above max |L| in nats, by enumeration of all prefixes."""
    largest = max(
        (
            abs(x)
            for length in range(model.horizon)
            for prefix in words(model.alphabet_size, length)
            for x in model.read(model.state_of(prefix))
        ),
        default=fmpq(0),
    )
    found = model.unit.in_nats(largest)
    return -(-found).below()


def schedule_of(parameters: Parameters) -> Schedule:
    """Return what an epoch draws and tolerates by the theorem; the tolerant set shares a batch."""
    return Schedule(
        parameters.g,
        lambda infeasible: parameters.draws,
        lambda epoch: parameters.words,
        parameters.epochs,
        shared_batch=parameters.variant == "tolerant",
    )


def run_theorem(
    target: LanguageModel,
    *,
    epsilon: fmpq,
    delta: fmpq,
    xi: fmpq | None = None,
    noise: str = "adversarial",
    alpha: fmpq | None = None,
    tolerant: bool = False,
    seed: int = 0,
    adjust: Callable[[Parameters], Parameters] = lambda parameters: parameters,
    through: Callable[[LogitOracle], LogitOracle] = lambda oracle: oracle,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    tell: Tell = untold,
) -> TheoremRun:
    """Run Algorithm 1 on a small target with the parameters of Theorem 5.11.

    Args:
        target: an exact model whose words can be enumerated.
        epsilon, delta: accuracy and risk, in (0, 1).
        xi: error of the oracle in nats; default 0.
        noise: kind of error, if xi > 0.
        alpha: bound on the factors; default sqrt(d Lam) from the target's largest logit.
        tolerant: use the parameters that tolerate infeasible epochs.
        seed: of all draws.
        adjust: changes the parameters before the run; to see what fewer draws do.
        through: puts what remembers answers between oracle and learner.
        on_epoch: called after every epoch.
        tell: told how far each stage has come.

    Raises:
        HypothesisError: an argument is out of range.
        CoarseOracleError: xi is too large; says which would do.
    """
    error = xi or fmpq(0)
    if target.arithmetic is not EXACT:
        raise InputError("target", target.arithmetic.name, "an exact model")
    if error < 0:
        raise InputError("xi", ShownAs(text(error)), "a number of nats >= 0")
    if noise not in NOISES:
        raise InputError("noise", noise, "one of " + ", ".join(NOISES))
    if target.alphabet_size**target.horizon > MAX_WORDS:
        raise InputError("target", f"{target}"[:60], f"small: at most {MAX_WORDS} words")
    tell("cut ranks and parameters", 0, 0)
    rank = max(1, *cut_ranks(target))
    if alpha is None:
        square = factor_length(rank, largest_logit(target) + error).exact
        assert square is not None
        alpha = max(rational_root_above(square), fmpq(1, 1000))
    parameters = adjust(
        explicit_parameters(
            horizon=target.horizon,
            alphabet_size=target.alphabet_size,
            rank=rank,
            epsilon=epsilon,
            delta=delta,
            alpha=alpha,
            xi=error,
            tolerant=tolerant,
        )
    )
    oracle: LogitOracle = ModelOracle(target)
    if error > 0:
        oracle = NoisyOracle(oracle, noise, error, target.unit, seed)
    ledger = Ledger(through(oracle), target.alphabet_size, target.horizon, EXACT)
    learner = PrintedLearner(
        ledger,
        ModelWords(target),
        alphabet_size=target.alphabet_size,
        horizon=target.horizon,
        unit=target.unit,
        arithmetic=EXACT,
        schedule=schedule_of(parameters),
        rng=np.random.default_rng(seed),
        tell=tell,
    )
    epochs = []
    for epoch in learner.epochs():
        epochs.append(epoch)
        on_epoch(epoch)
    accepted = bool(epochs) and epochs[-1].outcome == "accepted"
    trivial = UniformModel(target.alphabet_size, target.horizon, target.unit)
    learned = LearnedModel(epochs[-1].table, target.unit) if accepted else trivial
    distance = total_variation(target, learned, tell=tell)
    assert distance.value is not None
    return TheoremRun(
        parameters=parameters,
        outcomes=tuple(e.outcome for e in epochs),
        accepted=accepted,
        counts=ledger.counts,
        spanner_entries=sum(e.spanner_entries for e in epochs),
        validation_entries=sum(e.validation_entries for e in epochs),
        distance=distance,
        uniform_distance=total_variation(target, trivial),
        promise_kept=accepted and distance.value <= epsilon,
    )

"""``llr.learn``: a learned model from any logit oracle, with every count that it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq

from llr.errors import InputError, ShownAs
from llr.learning.learned import LearnedModel
from llr.learning.printed import Epoch, PrintedLearner, Schedule
from llr.models.base import LanguageModel, UniformModel, Word, check_size
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, Arithmetic, named
from llr.numbers.rational import decimal, text
from llr.numbers.units import NAT, LogitUnit
from llr.oracles.ledger import Counts, Ledger
from llr.oracles.protocol import FloatOracle, FunctionOracle, LogitOracle, ModelOracle
from llr.oracles.sampling import ModelWords, OracleWords, WordSource

ALGORITHMS = ("printed",)
SAMPLES = 256
MAX_EPOCHS = 1000
MAX_DRAWS = 1 << 62


@dataclass(frozen=True)
class LearnResult:
    """What a learning run returns.

    Attributes:
        model: the learned model; the uniform model if not accepted.
        accepted: whether some epoch's fresh words all passed.
        epochs: number of epochs, the accepting one included.
        infeasible_epochs: epochs that ended at an infeasible program.
        witnesses: futures added, per cut s = 1..T.
        basis_sizes: basis histories in the last epoch, per cut s = 1..T (cut T needs none).
        programs: chain programs solved, all epochs.
        counts: queries, see :class:`llr.oracles.ledger.Counts`.
        algorithm, arithmetic, seed: as asked for.
        parameters: epsilon, delta, xi, g (None for T <= 2), p as rationals.
        ledger: the oracle as the learner saw it, with its log of prefixes.
    """

    model: LearnedModel | UniformModel
    accepted: bool
    epochs: int
    infeasible_epochs: int
    witnesses: tuple[int, ...]
    basis_sizes: tuple[int, ...]
    programs: int
    counts: Counts
    algorithm: str
    arithmetic: str
    seed: int
    parameters: dict[str, fmpq | None]
    ledger: Ledger = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return everything but the model and the ledger as a JSON value."""
        return {
            "algorithm": self.algorithm,
            "arithmetic": self.arithmetic,
            "seed": self.seed,
            "accepted": self.accepted,
            "epochs": self.epochs,
            "infeasible_epochs": self.infeasible_epochs,
            "witnesses": list(self.witnesses),
            "basis_sizes": list(self.basis_sizes),
            "programs": self.programs,
            "queries": self.counts.as_json(),
            "parameters": {
                name: None if x is None else text(x) for name, x in self.parameters.items()
            },
        }


def probability(value: object, argument: str) -> fmpq:
    """Return a rational in (0, 1), or raise InputError."""
    found = decimal(value, argument)
    if not 0 < found < 1:
        raise InputError(argument, ShownAs(value), "a number in (0, 1)")
    return found


def allowed_noise(value: object, epsilon: fmpq, horizon: int, argument: str = "xi") -> fmpq:
    """Return xi >= 0 if an oracle that far off can still serve, else raise InputError."""
    xi = decimal(value, argument)
    limit = 2 * epsilon / horizon
    if xi < 0:
        raise InputError(argument, ShownAs(value), "a number of nats >= 0")
    if xi >= limit:
        raise InputError(
            argument,
            ShownAs(value),
            f"below 2 epsilon / T = {text(limit)} nats (the oracle is too coarse)",
        )
    return xi


def printed_schedule(
    epsilon: fmpq, delta: fmpq, xi: fmpq, horizon: int, samples: int, max_epochs: int
) -> tuple[Schedule, dict[str, fmpq | None]]:
    """Return what Algorithm 1 draws and tolerates when nothing is known about the rank.

    p = (epsilon - T xi / 2) / 2 is the mass of bad words allowed, g = 4 p / ((T-1)(T-2)) the
    residual allowed, and epoch j validates on ceil(log(j (j+1) / delta) / p) words: so over all
    epochs a model with more bad mass than p is accepted with probability at most delta.
    """
    p = (epsilon - horizon * xi / 2) / 2
    g = 4 * p / ((horizon - 1) * (horizon - 2)) if horizon > 2 else None

    def validation(epoch: int) -> int:
        return (balls.log(epoch * (epoch + 1) / delta) / p).ceil()

    schedule = Schedule(g, lambda infeasible: samples << infeasible, validation, max_epochs)
    return schedule, {"epsilon": epsilon, "delta": delta, "xi": xi, "p": p, "g": g}


def learn(
    oracle: LogitOracle | LanguageModel | Callable[[Word], Sequence[Any]],
    *,
    alphabet_size: int | None = None,
    horizon: int | None = None,
    epsilon: object,
    delta: object,
    seed: int = 0,
    xi: object = 0,
    algorithm: str = "printed",
    arithmetic: str = "exact",
    unit: str | LogitUnit = NAT,
    samples: int = SAMPLES,
    max_epochs: int = MAX_EPOCHS,
    words: WordSource | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> LearnResult:
    """Learn a language model of low logit rank from logit queries.

    Args:
        oracle: an object whose ``logits(prefixes)`` returns one row of k numbers per prefix, a
            function that maps one prefix to k numbers, or a model of this library.
        alphabet_size: k >= 2 (taken from a model if left out).
        horizon: T >= 1 (taken from a model if left out).
        epsilon: wanted total variation, in (0, 1); a number or a string such as "0.01".
        delta: allowed probability of failure, in (0, 1).
        seed: of the generator that draws words.
        xi: how far the oracle's centred logits may be off, in nats; below 2 epsilon / T.
        algorithm: "printed" (Algorithm 1 of [P]).
        arithmetic: "exact" (the oracle answers ints, Fractions or "p/q") or "float".
        unit: of the oracle's logits; "nat" or "ln q" (taken from a model if left out).
        samples: words drawn for the spanner of each cut; doubled after an infeasible epoch.
        max_epochs: where to give up.
        words: the sample oracle; default a model's own, else words drawn through ``oracle``.
        on_epoch: called after every epoch.

    Returns:
        A :class:`LearnResult`.

    Raises:
        InputError: an argument is out of range.
        OracleError: an answer is not finite, has the wrong length, or changed between calls.

    Source: [P] Algorithm 1 and Theorem 5.11.
    """
    numbers = named(arithmetic)
    if isinstance(oracle, LanguageModel):
        unit = oracle.unit
        alphabet_size = oracle.alphabet_size if alphabet_size is None else alphabet_size
        horizon = oracle.horizon if horizon is None else horizon
    k = check_size(alphabet_size, 2, "alphabet_size")
    t = check_size(horizon, 1, "horizon")
    if isinstance(oracle, LanguageModel):
        _same("alphabet_size", k, oracle.alphabet_size)
        _same("horizon", t, oracle.horizon)
    check_size(seed, 0, "seed")
    check_size(samples, 1, "samples")
    check_size(max_epochs, 1, "max_epochs")
    if algorithm not in ALGORITHMS:
        raise InputError("algorithm", algorithm, "one of " + ", ".join(ALGORITHMS))
    wanted, risk = probability(epsilon, "epsilon"), probability(delta, "delta")
    noise = allowed_noise(xi, wanted, t)
    scale = unit if isinstance(unit, LogitUnit) else LogitUnit.parse(unit, "unit")
    schedule, parameters = printed_schedule(wanted, risk, noise, t, samples, max_epochs)
    if schedule.validation_draws(max_epochs) > MAX_DRAWS:
        raise InputError(
            "epsilon", ShownAs(epsilon), f"large enough for {MAX_DRAWS} words per epoch"
        )

    asked, words = _as_oracle(oracle, numbers, words)
    if isinstance(oracle, LanguageModel) and numbers is not EXACT:
        scale = NAT
    ledger = Ledger(asked, k, t, numbers)
    learner = PrintedLearner(
        ledger,
        OracleWords(ledger, scale, numbers) if words is None else words,
        alphabet_size=k,
        horizon=t,
        unit=scale,
        arithmetic=numbers,
        schedule=schedule,
        rng=np.random.default_rng(seed),
    )
    infeasible = programs = 0
    witnesses = [0] * t
    for epoch in learner.epochs():
        infeasible += epoch.outcome == "infeasible"
        programs += epoch.programs
        if epoch.witness is not None:
            witnesses[epoch.witness.cut - 1] += 1
        if on_epoch is not None:
            on_epoch(epoch)
    ledger.recheck()
    accepted = epoch.outcome == "accepted"
    return LearnResult(
        model=LearnedModel(epoch.table, scale) if accepted else UniformModel(k, t, scale),
        accepted=accepted,
        epochs=epoch.number,
        infeasible_epochs=infeasible,
        witnesses=tuple(witnesses),
        basis_sizes=epoch.table.basis_sizes + ((0,) if t > 1 else ()),
        programs=programs,
        counts=ledger.counts,
        algorithm=algorithm,
        arithmetic=numbers.name,
        seed=seed,
        parameters=parameters,
        ledger=ledger,
    )


def _same(argument: str, given: int, own: int) -> None:
    """Raise InputError unless a size is the model's own."""
    if given != own:
        raise InputError(argument, given, f"{own}, the model's own, or left out")


def _as_oracle(
    oracle: LogitOracle | LanguageModel | Callable[[Word], Sequence[Any]],
    arithmetic: Arithmetic,
    words: WordSource | None,
) -> tuple[LogitOracle, WordSource | None]:
    if isinstance(oracle, LanguageModel):
        exact: LogitOracle = ModelOracle(oracle)
        asked = exact if arithmetic is EXACT else FloatOracle(exact, oracle)
        return asked, ModelWords(oracle) if words is None else words
    if isinstance(oracle, LogitOracle):
        return oracle, words
    if callable(oracle):
        return FunctionOracle(oracle), words
    raise InputError("oracle", oracle, "an object with logits(prefixes), or a function of a prefix")

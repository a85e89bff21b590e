"""``llr.learn``: a learned model from any logit oracle, with every count that it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpq

from llr.analysis.counting import counting_limit
from llr.errors import InputError, ShownAs
from llr.learning.certificate import GRID, Certificate, certify, limit_without_failures
from llr.learning.lean import LeanEpoch, LeanLearner, LeanSchedule
from llr.learning.learned import LearnedModel
from llr.learning.nested import SPECTRUM
from llr.learning.printed import Epoch, PrintedLearner, Schedule
from llr.learning.shared import checked_stems, learn_shared
from llr.models.base import LanguageModel, UniformModel, Word, check_size
from llr.models.isan import Isan, known_cut_ranks
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, Arithmetic, named
from llr.numbers.rational import decimal, text
from llr.numbers.units import NAT, LogitUnit
from llr.observing import Tell, untold
from llr.oracles.corpus import draw
from llr.oracles.ledger import Counts, Ledger
from llr.oracles.protocol import FunctionOracle, LogitOracle, model_oracle
from llr.oracles.sampling import ModelWords, OracleWords, Words, WordSource

ALGORITHMS = ("lean", "printed")
"""Those that find the rank."""

SHARED = "shared"
"""The one that needs it, with a budget; see :mod:`llr.learning.shared`."""

CALLS = 16000
SAMPLES = 256
MAX_EPOCHS = 1000
MAX_DRAWS = 1 << 62

FLOAT_SLACK = 1e-9
"""Rank decisions of the lean learner in float64, in nats."""

FLOAT_THRESHOLD = fmpq(1, 10**7)
"""How far a predicted logit may be off in float64 before it counts as wrong, in nats."""


LENIENT = 16
"""Where noise kept words from passing, logits off by so many xi do not count as failures."""


@dataclass(frozen=True)
class Outcome:
    """What an algorithm hands back.

    Attributes:
        model: the learned model, None if there is none to be measured.
        passed: whether enough fresh words passed in a row.
        epochs: how many there were.
        infeasible_epochs: those that ended because coefficients left the box.
        witnesses: futures (lean: stems) added because of a mistake, per cut s = 1..T.
        basis_sizes: basis histories, per cut s = 1..T.
        ranks: what they say about the cut ranks.
        programs: chain programs solved.
        learning_prefixes: distinct prefixes asked before the model last changed.
        words: the fresh words that the accepted model passed, with counts.
        attempt: how many sets of fresh words there were, from 1: the risk of set j is
            delta / (j (j+1)).
    """

    model: LearnedModel | Isan | None
    passed: bool
    epochs: int
    infeasible_epochs: int
    witnesses: tuple[int, ...]
    basis_sizes: tuple[int, ...]
    ranks: tuple[int, ...]
    programs: int
    learning_prefixes: int
    words: Words
    attempt: int


@dataclass(frozen=True)
class LearnResult:
    """What a learning run returns.

    Attributes:
        model: the learned model; the uniform model if there is none.
        accepted: whether enough fresh words passed, or the certificate says at most epsilon.
        epochs: number of epochs, the accepting one included; for the lean learner, batches of words
            tested together.
        infeasible_epochs: epochs that ended because coefficients left the box.
        witnesses: futures (lean: stems) added because of a mistake, per cut s = 1..T.
        basis_sizes: basis histories in the last epoch, per cut s = 1..T; printed: none at T.
        programs: chain programs solved, all epochs.
        counts: queries, see :class:`llr.oracles.ledger.Counts`.
        learning_prefixes: distinct prefixes first asked before the model last changed, those of
            validation words included.
        certifying_prefixes: distinct prefixes first asked after that.
        counting_limit: :func:`llr.analysis.counting.counting_limit`.
        limit_source: "target" if the limit is that of the target's cut ranks, else "learned".
        algorithm, arithmetic, seed: as asked for.
        parameters: in nats, as rationals: epsilon, delta, xi, p, tau, and g for the printed
            learner; None where T is so small that nothing is tested.
        certificate: what the fresh words say about TV(target, model); None without a model.
        ledger: the oracle as the learner saw it, with its log of prefixes.
    """

    model: LearnedModel | Isan | UniformModel
    accepted: bool
    epochs: int
    infeasible_epochs: int
    witnesses: tuple[int, ...]
    basis_sizes: tuple[int, ...]
    programs: int
    counts: Counts
    learning_prefixes: int
    certifying_prefixes: int
    counting_limit: fmpq
    limit_source: str
    algorithm: str
    arithmetic: str
    seed: int
    parameters: dict[str, fmpq | None]
    certificate: Certificate | None
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
            "queries": {
                **self.counts.as_json(),
                "learning": self.learning_prefixes,
                "certifying": self.certifying_prefixes,
            },
            "certificate": None if self.certificate is None else self.certificate.summary(),
            "counting_limit": {"calls": text(self.counting_limit), "ranks": self.limit_source},
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
    epochs a model with more bad mass than p is accepted with probability at most delta.  Residuals
    of at most g add up to logits off by at most tau = (T-2) g.
    """
    p = (epsilon - horizon * xi / 2) / 2
    g = 4 * p / ((horizon - 1) * (horizon - 2)) if horizon > 2 else None

    def validation(epoch: int) -> int:
        return (balls.log(epoch * (epoch + 1) / delta) / p).ceil()

    schedule = Schedule(g, lambda infeasible: samples << infeasible, validation, max_epochs)
    tau = None if g is None else (horizon - 2) * g
    return schedule, {"epsilon": epsilon, "delta": delta, "xi": xi, "p": p, "g": g, "tau": tau}


def lean_schedule(
    epsilon: fmpq,
    delta: fmpq,
    xi: fmpq,
    horizon: int,
    unit: LogitUnit,
    arithmetic: Arithmetic,
    max_epochs: int,
    rank: int | None = None,
) -> tuple[LeanSchedule, dict[str, fmpq | None]]:
    """Return what the lean learner tolerates.

    TV <= p + ((T-1) tau + T xi)/2 with p = Pr(some logit of a word is off by more than tau).
    Without noise tau is 0 (in float64, a rounding error) and p takes all that is left of epsilon;
    with noise both share it equally.  Attempt j tests ceil(log(2 j (j+1) / delta) / p) words, so
    that both bounds of the certificate hold with confidence 1 - delta over all attempts.

    With a limit on the rank no p is aimed at: the next-token distances along fresh words decide,
    which stop at the first above tau/2, so that their sum is at most 3.  As many words are drawn as
    a model needs whose distances sum to epsilon/2 along every word.  xi is the error of the fits
    that decide about ranks.
    """
    inner = horizon - 1
    p: fmpq | None
    gain: balls.Real | fmpq
    if rank is not None:
        p, tau = None, fmpq(4, max(8, inner))
        largest = 1 + inner * tau / 2
        mean = (epsilon - horizon * xi / 2) / largest
        gain = balls.log((1 - mean / 2) / (1 - mean))  # of the largest stake, with every word
        odds = 4  # that stake has half of the capital
    else:
        if xi > 0 and inner:
            p = (epsilon - horizon * xi / 2) / 2
            tau = 2 * p / inner
        else:
            tau = fmpq(0) if arithmetic is EXACT else FLOAT_THRESHOLD
            p = epsilon - (inner * tau + horizon * xi) / 2
        if p <= 0:
            least = text(inner * tau / 2)
            raise InputError("epsilon", ShownAs(text(epsilon)), f"above {least} in float64")
        gain = max(p - fmpq(2, GRID), p / 2)  # certificates are rounded up
        odds = 2

    def validation(attempt: int) -> int:
        return (balls.log(odds * attempt * (attempt + 1) / delta) / gain).ceil()

    schedule = LeanSchedule(
        threshold=arithmetic.from_nats(tau, unit),
        slack=arithmetic.from_nats(xi, unit) if xi > 0 or arithmetic is EXACT else FLOAT_SLACK,
        least_slack=fmpq(1, 10**9) if arithmetic is EXACT else FLOAT_SLACK,
        boxed=xi > 0,
        validation_draws=validation,
        max_epochs=max_epochs,
        rank=rank,
    )
    return schedule, {"epsilon": epsilon, "delta": delta, "xi": xi, "p": p, "tau": tau}


@dataclass(frozen=True)
class Task:
    """What a learning run is asked for, checked.

    Attributes:
        alphabet_size, horizon, unit: of the oracle.
        epsilon, delta, xi: as rationals.
        spread: how far two answers to one prefix may differ, in nats.
        schedule: what the algorithm draws and tolerates.
        parameters: see :class:`LearnResult`.
    """

    alphabet_size: int
    horizon: int
    unit: LogitUnit
    epsilon: fmpq
    delta: fmpq
    xi: fmpq
    spread: fmpq
    schedule: LeanSchedule | Schedule
    parameters: dict[str, fmpq | None]


def task_of(
    *,
    alphabet_size: int | None,
    horizon: int | None,
    epsilon: object,
    delta: object,
    seed: int,
    xi: object,
    algorithm: str,
    arithmetic: str,
    unit: str | LogitUnit,
    samples: int,
    max_epochs: int,
    rank: int | str | None,
    relaxed: bool,
    calls: int,
    reproducible: object,
) -> Task:
    """Check everything about a learning run that can be checked before an oracle is asked.

    Args:
        reproducible: how far two answers to one prefix may differ, in nats.
        others: see :func:`learn`.

    Raises:
        InputError: an argument is out of range.
    """
    numbers = named(arithmetic)
    k = check_size(alphabet_size, 2, "alphabet_size")
    t = check_size(horizon, 1, "horizon")
    check_size(seed, 0, "seed")
    check_size(samples, 1, "samples")
    check_size(max_epochs, 1, "max_epochs")
    if algorithm not in (*ALGORITHMS, SHARED):
        raise InputError("algorithm", algorithm, "one of " + ", ".join((*ALGORITHMS, SHARED)))
    wanted, risk = probability(epsilon, "epsilon"), probability(delta, "delta")
    noise = allowed_noise(xi, wanted, t)
    scale = unit if isinstance(unit, LogitUnit) else LogitUnit.parse(unit, "unit")
    spread = decimal(reproducible, "reproducible")
    # what is left of epsilon once every logit may be off by what two answers differ by
    safe = wanted - t * spread if rank is None else wanted
    if safe <= 0:
        expected = (
            f"above T x {text(spread)} = {text(t * spread)}, since two answers may differ by "
            f"{text(spread)} nats (reproducible), unless a rank is given"
        )
        raise InputError("epsilon", ShownAs(epsilon), expected)
    schedule: LeanSchedule | Schedule
    if algorithm == "printed":
        if rank is not None or relaxed:
            given = ("relaxed", relaxed) if rank is None else ("rank", rank)
            raise InputError(*given, 'left out, or used with algorithm "lean"')
        schedule, parameters = printed_schedule(safe, risk, noise, t, samples, max_epochs)
        last = max_epochs
    else:
        limit = _rank_limit(rank, relaxed, numbers)
        if algorithm == SHARED:
            if numbers is EXACT:
                raise InputError("arithmetic", arithmetic, f'float, with algorithm "{SHARED}"')
            if limit is None or limit < 2:
                expected = f'an integer of at least 2, with algorithm "{SHARED}"'
                raise InputError("rank", rank, expected)
            checked_stems(k, t, limit, calls)
        last = 1 if algorithm == SHARED else max_epochs
        schedule, parameters = lean_schedule(safe, risk, noise, t, scale, numbers, last, limit)
    _check_draws(schedule.validation_draws(last), epsilon)
    return Task(k, t, scale, wanted, risk, noise, spread, schedule, parameters)


def learn(
    oracle: LogitOracle | LanguageModel | Callable[[Word], Sequence[Any]],
    *,
    alphabet_size: int | None = None,
    horizon: int | None = None,
    epsilon: object,
    delta: object,
    seed: int = 0,
    xi: object = 0,
    algorithm: str = "lean",
    arithmetic: str = "exact",
    unit: str | LogitUnit = NAT,
    samples: int = SAMPLES,
    max_epochs: int = MAX_EPOCHS,
    words: WordSource | None = None,
    on_epoch: Callable[[Epoch | LeanEpoch], None] | None = None,
    cut_ranks: Sequence[int] | None = None,
    rank: int | str | None = None,
    relaxed: bool = False,
    calls: int = CALLS,
    tell: Tell = untold,
) -> LearnResult:
    """Learn a language model of low logit rank from logit queries.

    Args:
        oracle: an object whose ``logits(prefixes)`` returns one row of k numbers per prefix, a
            function that maps one prefix to k numbers, or a model of this library.  An attribute
            ``reproducible`` says how far two answers to one prefix may differ, in nats; without a
            rank, epsilon must leave room for T times that.
        alphabet_size: k >= 2 (taken from a model if left out).
        horizon: T >= 1 (taken from a model if left out).
        epsilon: wanted total variation, in (0, 1); a number or a string such as "0.01".
        delta: allowed probability of failure, in (0, 1).
        seed: of the generator that draws words.
        xi: how far the oracle's centred logits may be off, in nats; below 2 epsilon / T.
        algorithm: "lean" (ours: far fewer queries), "printed" (Algorithm 1 of [P]), or "shared"
            (ours: one network for all steps, of the rank given; float64).
        arithmetic: "exact" (the oracle answers ints, Fractions or "p/q") or "float".
        unit: of the oracle's logits; "nat" or "ln q" (taken from a model if left out).
        samples: printed: words per cut for the spanners; doubled after an infeasible epoch.
        max_epochs: where to give up.
        words: printed: the sample oracle; default a model's own, else words drawn through
            ``oracle``, as the lean learner always draws them.
        on_epoch: called after every epoch.
        cut_ranks: the target's, for the counting limit (taken from a model if left out).
        rank: lean: keep at most so many histories per cut, for a target of approximate rank; or
            "spectrum": as many as it takes for the best approximation of the rows seen at a cut to
            be off by at most xi in the mean (float64).  The model is returned however good it is;
            it is accepted if its certificate says at most epsilon.  Shared: the dimension of the
            network, at least 2.
        relaxed: lean with a rank, float64: return the model of the relaxed chain programs, which
            minimize the largest error of an equation with coefficients in the box, instead of the
            network of least-squares fits.
        calls: shared: how many distinct prefixes may be asked for learning.
        tell: told how far each stage has come.

    Returns:
        A :class:`LearnResult`.

    Raises:
        InputError: an argument is out of range.
        OracleError: an answer is not finite, has the wrong length, or changed between calls.

    Source: [P] Algorithm 1 and Theorem 5.11; ours.
    """
    numbers = named(arithmetic)
    if isinstance(oracle, LanguageModel):
        unit = oracle.unit if numbers is EXACT else NAT
        alphabet_size = oracle.alphabet_size if alphabet_size is None else alphabet_size
        horizon = oracle.horizon if horizon is None else horizon
    task = task_of(
        alphabet_size=alphabet_size,
        horizon=horizon,
        epsilon=epsilon,
        delta=delta,
        seed=seed,
        xi=xi,
        algorithm=algorithm,
        arithmetic=arithmetic,
        unit=unit,
        samples=samples,
        max_epochs=max_epochs,
        rank=rank,
        relaxed=relaxed,
        calls=calls,
        reproducible=getattr(oracle, "reproducible", 0),
    )
    k, t, scale, parameters = task.alphabet_size, task.horizon, task.unit, task.parameters
    if isinstance(oracle, LanguageModel):
        _same("alphabet_size", k, oracle.alphabet_size)
        _same("horizon", t, oracle.horizon)
    asked, words = _as_oracle(oracle, numbers, words)  # a real model may ask which tokens to keep
    wanted, risk, noise, spread = task.epsilon, task.delta, task.xi, task.spread
    ledger = Ledger(asked, k, t, numbers)
    rng = np.random.default_rng(seed)
    if isinstance(task.schedule, Schedule):
        outcome = _run_printed(
            PrintedLearner(
                ledger,
                OracleWords(ledger, scale, numbers) if words is None else words,
                alphabet_size=k,
                horizon=t,
                unit=scale,
                arithmetic=numbers,
                schedule=task.schedule,
                rng=rng,
                tell=tell,
            ),
            scale,
            on_epoch,
        )
    elif algorithm == SHARED:
        limit = task.schedule.rank
        assert limit is not None
        network = learn_shared(
            ledger, alphabet_size=k, horizon=t, rank=limit, calls=calls, rng=rng, tell=tell
        )
        tell("fresh words", 0, 0)
        outcome = _measured(network, ledger, task.schedule.validation_draws(1), rng)
    else:
        outcome = _run_lean(
            LeanLearner(
                ledger,
                alphabet_size=k,
                horizon=t,
                unit=scale,
                arithmetic=numbers,
                schedule=task.schedule,
                rng=rng,
                tell=tell,
            ),
            scale,
            on_epoch,
            relaxed,
            _BoundSoFar(task.schedule, risk, wanted - (parameters["p"] or 0), tell),
        )
    certificate = None
    parameters["epsilon"] = wanted
    if outcome.model is not None:
        tau = parameters["tau"]
        if not outcome.passed and rank is None:
            tau = parameters["tau"] = max(tau or fmpq(0), LENIENT * noise)
        if spread > 0:
            tau = parameters["tau"] = (tau or fmpq(0)) + spread
        certificate = certify(
            outcome.model,
            ledger,
            outcome.words,
            scale,
            delta=risk / (outcome.attempt * (outcome.attempt + 1)),
            xi=noise,
            tau=fmpq(0) if tau is None else tau,
            reproducible=spread,
            tell=tell,
        )
    shown = certificate is not None and certificate.total_variation <= wanted
    accepted = outcome.passed or shown
    ledger.recheck(scale)
    if cut_ranks is None and isinstance(oracle, LanguageModel):
        cut_ranks = known_cut_ranks(oracle)
    return LearnResult(
        model=UniformModel(k, t, scale) if outcome.model is None else outcome.model,
        accepted=accepted,
        epochs=outcome.epochs,
        infeasible_epochs=outcome.infeasible_epochs,
        witnesses=outcome.witnesses,
        basis_sizes=outcome.basis_sizes,
        programs=outcome.programs,
        counts=ledger.counts,
        learning_prefixes=outcome.learning_prefixes,
        certifying_prefixes=ledger.counts.distinct_prefixes - outcome.learning_prefixes,
        counting_limit=counting_limit(k, outcome.ranks if cut_ranks is None else cut_ranks),
        limit_source="learned" if cut_ranks is None else "target",
        algorithm=algorithm,
        arithmetic=numbers.name,
        seed=seed,
        parameters=parameters,
        certificate=certificate,
        ledger=ledger,
    )


def _run_printed(
    learner: PrintedLearner, unit: LogitUnit, on_epoch: Callable[[Epoch | LeanEpoch], None] | None
) -> Outcome:
    infeasible = programs = 0
    witnesses = [0] * len(learner.futures)
    for epoch in learner.epochs():
        infeasible += epoch.outcome == "infeasible"
        programs += epoch.programs
        if epoch.witness is not None:
            witnesses[epoch.witness.cut - 1] += 1
        if on_epoch is not None:
            on_epoch(epoch)
    return Outcome(
        model=LearnedModel(epoch.table, unit) if epoch.outcome == "accepted" else None,
        passed=epoch.outcome == "accepted",
        epochs=epoch.number,
        infeasible_epochs=infeasible,
        witnesses=tuple(witnesses),
        basis_sizes=epoch.table.basis_sizes + ((0,) if len(witnesses) > 1 else ()),
        ranks=_with_last(epoch.table.basis_sizes, len(witnesses), epoch.table.alphabet_size),
        programs=programs,
        learning_prefixes=epoch.learning_prefixes,
        words=epoch.validation_words,
        attempt=epoch.number,
    )


def _with_last(sizes: tuple[int, ...], horizon: int, k: int) -> tuple[int, ...]:
    """Return basis sizes with the largest rank that cut T can have, which has no basis."""
    return sizes if horizon == 1 else (*sizes, min(k - 1, k * sizes[-1]))


@dataclass(frozen=True)
class _BoundSoFar:
    """Tells what the fresh words that passed so far would show if they were all.

    Attributes:
        schedule: of the learner.
        delta: the risk of all attempts together.
        rest: what the bound on TV has beside the mass of failing words.
        tell: told.
    """

    schedule: LeanSchedule
    delta: fmpq
    rest: fmpq
    tell: Tell

    def after(self, epoch: LeanEpoch) -> None:
        """Tell how far the certificate is after an epoch."""
        if self.tell is untold:
            return
        if not epoch.passed:
            self.tell("the model changed; words passed since", 0, 0)
            return
        risk = float(self.delta) / (2 * epoch.attempt * (epoch.attempt + 1))
        above = min(1.0, limit_without_failures(epoch.passed, risk) + float(self.rest))
        wanted = self.schedule.validation_draws(epoch.attempt)
        self.tell(f"TV <= {above:.3g} so far, 0 words failed; tested", epoch.passed, wanted)


def _run_lean(
    learner: LeanLearner,
    unit: LogitUnit,
    on_epoch: Callable[[Epoch | LeanEpoch], None] | None,
    relaxed: bool,
    bound: _BoundSoFar,
) -> Outcome:
    infeasible = 0
    witnesses = [0] * len(learner.table.histories)
    for epoch in learner.epochs():
        infeasible += epoch.exchanges > 0
        for cut, _ in epoch.stems:
            witnesses[cut - 1] += 1
        if on_epoch is not None:
            on_epoch(epoch)
        bound.after(epoch)
    model = (
        LearnedModel(learner.table.table(), unit, relaxed=True)
        if relaxed
        else learner.table.isan(unit)
    )
    return Outcome(
        model=None if epoch.outcome not in ("accepted", "measured") else model,
        passed=epoch.outcome == "accepted",
        epochs=epoch.number,
        infeasible_epochs=infeasible,
        witnesses=tuple(witnesses),
        basis_sizes=tuple(map(len, learner.table.histories)),
        ranks=tuple(map(len, learner.table.histories)),
        programs=0,
        learning_prefixes=learner.learning_prefixes,
        words=learner.words,
        attempt=epoch.attempt,
    )


def _measured(network: Isan, ledger: Ledger, draws: int, rng: np.random.Generator) -> Outcome:
    """Return a network with the fresh words that measure it."""
    learning = ledger.counts.distinct_prefixes
    sizes = (1, *[network.dimension] * (network.horizon - 1))
    return Outcome(
        model=network,
        passed=False,
        epochs=1,
        infeasible_epochs=0,
        witnesses=(0,) * network.horizon,
        basis_sizes=sizes,
        ranks=sizes,
        programs=0,
        learning_prefixes=learning,
        words=draw(ledger, draws, network.horizon, rng),
        attempt=1,
    )


def _rank_limit(rank: int | str | None, relaxed: bool, arithmetic: Arithmetic) -> int | None:
    """Return the limit as the lean learner reads it, or raise InputError."""
    if relaxed and rank is None:
        raise InputError("relaxed", relaxed, "used with a rank")
    for given, what in ((relaxed, "relaxed programs"), (rank == "spectrum", 'rank "spectrum"')):
        if given and arithmetic is EXACT:
            raise InputError("arithmetic", ShownAs(arithmetic.name), f"float, with {what}")
    if rank is None:
        return None
    if rank == "spectrum":
        return SPECTRUM
    return check_size(rank, 1, "rank")


def _check_draws(draws: int, epsilon: object) -> None:
    if draws > MAX_DRAWS:
        raise InputError(
            "epsilon", ShownAs(epsilon), f"large enough for {MAX_DRAWS} words per epoch"
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
        asked = model_oracle(oracle, arithmetic)
        return asked, ModelWords(oracle) if words is None else words
    if isinstance(oracle, LogitOracle):
        return oracle, words
    if callable(oracle):
        return FunctionOracle(oracle), words
    raise InputError("oracle", oracle, "an object with logits(prefixes), or a function of a prefix")

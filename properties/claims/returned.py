"""Claims about what a run hands back: a model that asks nothing, or the uniform one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.learning.api import LearnResult, learn, task_of
from llr.learning.certificate import GRID, mean_limit
from llr.learning.lean import LeanEpoch, LeanSchedule
from llr.learning.learned import LearnedModel
from llr.learning.printed import Epoch
from llr.learning.table import read_rows
from llr.models.base import LanguageModel, Word, words
from llr.models.isan import Isan
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.rational import rational
from llr.numbers.units import NAT, LogitUnit
from llr.oracles.noise import NOISES, NoisyOracle
from llr.oracles.protocol import LogitOracle, ModelOracle, model_oracle
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.strategies import isans, seeds

EPSILON, DELTA = "1/4", "1/4"


def _prefixes(model: LanguageModel) -> list[Word]:
    return [p for t in range(model.horizon) for p in words(model.alphabet_size, t)]


# -- no acceptance ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Budget:
    """A run with few epochs.

    Attributes:
        target: the true model.
        lean: the lean learner, or Algorithm 1.
        epochs: K.
        samples: words per cut for the first spanners of Algorithm 1.
        seed: of the run.
    """

    target: Isan
    lean: bool
    epochs: int
    samples: int
    seed: int


@st.composite
def budgets(draw: DrawFn, lean: bool = True) -> Budget:
    """Return runs of at most three epochs on targets that may take more.

    Args:
        draw: Hypothesis's.
        lean: draw the lean learner, too.
    """
    chosen = draw(st.booleans()) if lean else False
    return Budget(
        draw(isans(horizons=(3, 4), alphabet_sizes=(2, 2), dimensions=(1, 2))),
        chosen,
        draw(st.integers(1, 3)),
        draw(st.integers(1, 2)),
        draw(seeds()),
    )


Epochs = list[Epoch | LeanEpoch]


def _result(budget: Budget, epochs: int) -> tuple[LearnResult, Epochs]:
    seen: Epochs = []
    result = learn(
        budget.target,
        epsilon=EPSILON,
        delta=DELTA,
        seed=budget.seed,
        algorithm="lean" if budget.lean else "printed",
        samples=budget.samples,
        max_epochs=epochs,
        on_epoch=seen.append,
    )
    return result, seen


def _handed_back(result: LearnResult, epochs: Epochs) -> LanguageModel:
    return result.model


def _last_table(result: LearnResult, epochs: Epochs) -> LanguageModel:
    """Sabotage: hand back what the last epoch has stored."""
    last = epochs[-1]
    assert isinstance(last, Epoch)
    return LearnedModel(last.table, result.model.unit)


def given_up(
    budget: Budget,
    more: int = 0,
    model: Callable[[LearnResult, Epochs], LanguageModel] = _handed_back,
) -> Measurement:
    """Count what is wrong after K epochs without acceptance.

    Wrong is a run that is said to be accepted, that has a certificate or another number of epochs,
    and every prefix whose next token is not uniform.

    Args:
        budget: K, and what is run.
        more: drop the assumption, so many epochs more.
        model: result and epochs -> what is handed back.
    """
    result, epochs = _result(budget, budget.epochs)
    assume(epochs[-1].outcome != "accepted")
    if more:
        result, epochs = _result(budget, budget.epochs + more)
    wrong = result.accepted + (result.certificate is not None)
    wrong += not (result.epochs == len(epochs) == budget.epochs + more)
    found = model(result, epochs)
    return Measurement.of(wrong + sum(any(found.logits(p)) for p in _prefixes(found)))


# -- nothing asked ------------------------------------------------------------------------------


class Counting:
    """An oracle that counts its calls."""

    def __init__(self, oracle: LogitOracle) -> None:
        self._oracle = oracle
        self.calls = 0

    def logits(self, prefixes: Sequence[Word]) -> Sequence[Sequence[Any]]:
        """Return the logits at each prefix."""
        self.calls += len(prefixes)
        return self._oracle.logits(prefixes)


OPTIONS: tuple[dict[str, Any], ...] = (
    {"algorithm": "printed"},
    {"algorithm": "lean"},
    {"algorithm": "printed", "arithmetic": "float"},
    {"algorithm": "lean", "arithmetic": "float"},
    {"algorithm": "lean", "arithmetic": "float", "rank": 1},
    {"algorithm": "lean", "arithmetic": "float", "rank": "spectrum"},
    {"algorithm": "lean", "arithmetic": "float", "rank": 1, "relaxed": True},
    {"algorithm": "shared", "arithmetic": "float", "rank": 2, "calls": 16},
)
"""Every learner of the library."""


Reading: TypeAlias = tuple[Isan, int]
"""A model and the seed of the runs that learn it."""


def readings() -> SearchStrategy[Reading]:
    """Return small random ISANs and seeds."""
    return st.tuples(isans(horizons=(3, 4), alphabet_sizes=(2, 3), dimensions=(1, 2)), seeds())


def _ask_rows_again(result: LearnResult) -> None:
    """Sabotage: store one-token values alone, and ask for the other rows when they are read."""
    if isinstance(result.model, LearnedModel):
        for cut in result.model.table.cuts:
            longer = [f for f in cut.columns if len(f) > 1]
            read_rows(result.ledger, cut.histories, longer)


def calls_after_learning(
    reading: Reading, before_reading: Callable[[LearnResult], None] = lambda result: None
) -> Measurement:
    """Count the calls while every learner's model is read at every prefix.

    They are counted twice, at the oracle and at the run's ledger, which counts repeats.

    Args:
        reading: what is learned.
        before_reading: what is done each time before a model is read.
    """
    target, seed = reading
    late = 0
    for options in OPTIONS:
        exact = options.get("arithmetic") != "float"
        oracle = Counting(model_oracle(target, EXACT if exact else FLOAT64))
        result = learn(
            oracle,
            alphabet_size=target.alphabet_size,
            horizon=target.horizon,
            unit=target.unit if exact else NAT,
            epsilon=EPSILON,
            delta=DELTA,
            seed=seed,
            samples=2,
            **options,
        )
        learned = oracle.calls + result.ledger.counts.calls
        for prefix in _prefixes(target):
            before_reading(result)
            result.model.logits(prefix)
        late += oracle.calls + result.ledger.counts.calls - learned
    return Measurement.of(late)


# -- acceptance ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Accepting:
    """A run that may be accepted.

    Attributes:
        target: the true model.
        kind: "lean", "printed", "noisy" (lean) or "rank" (lean, at most one history per cut).
        noise: of the oracle, if noisy.
        seed: of the run and of the noise.
    """

    target: Isan
    kind: str
    noise: str
    seed: int


@st.composite
def accepting(draw: DrawFn) -> Accepting:
    """Return runs of every kind on targets of two to four tokens."""
    return Accepting(
        draw(isans(horizons=(2, 4), alphabet_sizes=(2, 2), dimensions=(1, 2))),
        draw(st.sampled_from(["lean", "printed", "noisy", "rank"])),
        draw(st.sampled_from(sorted(NOISES))),
        draw(seeds()),
    )


SMALL_NOISE = fmpq(1, 50)


SAMPLES = 2
"""Words per cut for the first spanners of Algorithm 1."""


def _passes(attempt: int, p: fmpq) -> int:
    """Return n_j = ceil(log(j (j+1) / delta) / p)."""
    return (balls.log(attempt * (attempt + 1) / rational(DELTA)) / p).ceil()


def _words_of(epochs: Epochs, p: fmpq, horizon: int) -> int:
    """Return how many words a run of Algorithm 1 draws: n_j fresh ones in epoch j, and (T-2) N.

    N doubles with every infeasible epoch before.
    """
    drawn, samples = 0, SAMPLES
    for j, epoch in enumerate(epochs, start=1):
        drawn += (horizon - 2) * samples
        drawn += _passes(j, p)
        samples *= 2 if epoch.outcome == "infeasible" else 1
    return drawn if horizon > 2 else 0


def promised(a: Accepting, part: fmpq = fmpq(1), shared: bool = True) -> Measurement:
    """Measure the certificate of a lean run whose words passed against epsilon.

    Beside that, count what any run promises and does not keep: words enough for attempt j, risk
    delta / (j (j+1)), the oracle's xi, no failure among words that passed, accepted if and only if
    they passed or the certificate says at most epsilon; and the words that Algorithm 1 draws.

    Args:
        a: the run.
        part: tightens epsilon.
        shared: False, sabotage: expect the whole risk at every attempt.
    """
    target, noisy = a.target, a.kind == "noisy"
    oracle: LogitOracle = ModelOracle(target)
    if noisy:
        oracle = NoisyOracle(oracle, a.noise, SMALL_NOISE, target.unit, a.seed)
    epochs: Epochs = []
    found = learn(
        oracle,
        alphabet_size=target.alphabet_size,
        horizon=target.horizon,
        unit=target.unit,
        epsilon=EPSILON,
        delta=DELTA,
        xi=SMALL_NOISE if noisy else 0,
        seed=a.seed,
        samples=SAMPLES,
        algorithm="printed" if a.kind == "printed" else "lean",
        rank=1 if a.kind == "rank" else None,
        on_epoch=epochs.append,
    )
    certificate, end = found.certificate, epochs[-1]
    epsilon, delta = rational(EPSILON), rational(DELTA)
    allowed = epsilon - target.horizon * (SMALL_NOISE if noisy else fmpq(0)) / 2
    if a.kind == "printed" or noisy:
        allowed = allowed / 2
    wrong = 0
    if a.kind == "printed":
        wrong += found.counts.words != _words_of(epochs, allowed, target.horizon)
    if certificate is None:
        return Measurement.of(wrong + found.accepted)
    attempt = end.attempt if isinstance(end, LeanEpoch) else end.number
    passed = end.outcome == "accepted"
    wrong += certificate.delta != (delta / (attempt * (attempt + 1)) if shared else delta)
    wrong += certificate.xi != (SMALL_NOISE if noisy else 0)
    wrong += found.accepted != (passed or certificate.total_variation <= epsilon)
    if not passed:
        return Measurement.of(wrong)
    wrong += certificate.failing
    if a.kind == "printed":
        return Measurement.of(wrong)
    tested = sum(many for _, many in certificate.words)
    wrong += tested < _passes(attempt, allowed)
    return worst(
        [Measurement.of(wrong), Measurement.of(certificate.total_variation, epsilon * part)]
    )


# -- shares of the error and of the risk ----------------------------------------------------------


@dataclass(frozen=True)
class Promised:
    """What a run is asked for.

    Attributes:
        kind: "printed", "lean", "float" (lean in float64) or "rank" (lean, a limit on the rank).
        horizon: T.
        epsilon, delta: the promise.
        xi, spread: error of the oracle and how far two answers differ, as parts of what epsilon
            leaves room for.
        attempt: j, from 1.
        nats: False for logits in units of ln 9.
    """

    kind: str
    horizon: int
    epsilon: fmpq
    delta: fmpq
    xi: fmpq
    spread: fmpq
    attempt: int
    nats: bool

    @property
    def moves(self) -> fmpq:
        """Return how far two answers to one prefix may differ, in nats."""
        return self.epsilon / self.horizon * self.spread

    @property
    def noise(self) -> fmpq:
        """Return the error of the oracle in nats."""
        return 2 * (self.epsilon - self.horizon * self.moves) / self.horizon * self.xi

    @property
    def unit(self) -> LogitUnit:
        """Return the logits' unit."""
        return NAT if self.nats else LogitUnit(fmpq(9))


def promised_runs() -> SearchStrategy[Promised]:
    """Return runs on up to six tokens, oracles exact and reproducible, or not."""
    part = st.sampled_from([fmpq(0), fmpq(1, 100), fmpq(1, 2)])
    return st.builds(
        Promised,
        st.sampled_from(["printed", "lean", "float", "rank"]),
        st.integers(1, 6),
        st.sampled_from([fmpq(1, 2), fmpq(1, 10), fmpq(1, 50)]),
        st.sampled_from([fmpq(1, 2), fmpq(1, 10), fmpq(1, 100)]),
        part,
        part,
        st.integers(1, 4),
        st.booleans(),
    )


def shares_kept(
    w: Promised, part: fmpq = fmpq(1), times: int = 1, fewer: int = 0, still: bool = False
) -> Measurement:
    """Measure what a run allows itself against what epsilon and delta leave for it.

    T r for answers that move by r, T xi / 2 for the oracle and (T-1) tau / 2 for words that pass
    leave p for the mass of failing words; in Algorithm 1 residuals of g add up to at most p.  That
    all words of attempt j pass shows p at its share of delta; that all but one do does not.  With a
    limit on the rank, distances whose sum is half of what is left along every word show all of it.

    Args:
        w: what is asked for.
        part: tightens epsilon.
        times: sabotage: the mass allowed is so many times p.
        fewer: sabotage: so many words fewer.
        still: sabotage: plan for answers that do not move.
    """
    horizon, inner = w.horizon, w.horizon - 1
    printed, limited = w.kind == "printed", w.kind == "rank"
    task = task_of(
        alphabet_size=2,
        horizon=horizon,
        epsilon=w.epsilon,
        delta=w.delta,
        seed=0,
        xi=w.noise,
        algorithm="printed" if printed else "lean",
        arithmetic="float" if w.kind == "float" else "exact",
        unit=w.unit,
        samples=1,
        max_epochs=w.attempt,
        rank=2 if limited else None,
        relaxed=False,
        calls=1,
        reproducible=0 if still else w.moves,
    )
    found, schedule = task.parameters, task.schedule
    fresh = schedule.validation_draws(w.attempt) - fewer
    p, g, tau = found["p"], found.get("g"), found["tau"]
    risk = w.delta / (w.attempt * (w.attempt + 1))
    room = w.epsilon - horizon * (w.moves + w.noise / 2)
    if limited:
        assert tau is not None
        reach, room = 1 + inner * tau / 2, room + horizon * w.moves
        shown = reach * mean_limit({room / reach / 2: fresh}, risk / 2)
        return Measurement.of(shown, (room + 3 * reach / GRID) * part)
    assert p is not None
    mass = p * times
    if isinstance(schedule, LeanSchedule):
        assert tau is not None
        shown, share, residuals = mass - fmpq(2, GRID), risk / 2, inner * tau / 2
        wrong = int(w.kind == "lean" and w.xi == 0 and tau > 0)
        if w.kind == "lean":
            wrong += schedule.threshold != EXACT.from_nats(tau, w.unit)
    else:
        shown, share, residuals = mass, risk, fmpq(0)
        wrong = int(schedule.threshold != g)
        if g is not None:
            residuals = inner * (inner - 1) * g / 4
            wrong += tau != (inner - 1) * g
    wrong += balls.exp(-shown * (fresh - 1)) <= share
    return worst(
        [
            Measurement.of(wrong),
            Measurement.of(mass + residuals, room * part),
            Measurement.of(balls.exp(-shown * fresh), share),
        ]
    )


# -- limits ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limited:
    """A run with a limit on the rank.

    Attributes:
        target: the true model.
        rank: R, at least 2.
        calls: of the shared network, the distinct prefixes that it may ask to learn from.
        seed: of the runs.
    """

    target: Isan
    rank: int
    calls: int
    seed: int


@st.composite
def limited(draw: DrawFn) -> Limited:
    """Return runs on targets of four or five tokens, R <= 3."""
    return Limited(
        draw(isans(horizons=(4, 5), alphabet_sizes=(2, 3), dimensions=(1, 4))),
        draw(st.integers(2, 3)),
        draw(st.integers(25, 40)),
        draw(seeds()),
    )


def kept_limits(of: Limited, part: fmpq = fmpq(1), less: int = 0) -> Measurement:
    """Measure calls of the shared network against their limit, bases and dimensions against R.

    Args:
        of: the run.
        part: tightens the limit on calls.
        less: tightens R.
    """
    found = []
    for algorithm in ("lean", "shared"):
        result = learn(
            model_oracle(of.target, FLOAT64),
            alphabet_size=of.target.alphabet_size,
            horizon=of.target.horizon,
            unit=NAT,
            epsilon="1/2",
            delta=DELTA,
            arithmetic="float",
            algorithm=algorithm,
            rank=of.rank,
            calls=of.calls,
            seed=of.seed,
        )
        assert isinstance(result.model, Isan)
        found.append(Measurement.of(result.model.dimension, of.rank - less))
        found.append(Measurement.of(max(result.basis_sizes), of.rank - less))
        if algorithm == "shared":
            found.append(Measurement.of(result.learning_prefixes, of.calls * part))
    return worst(found)


CLAIMS = (
    Claim(
        "limits-kept",
        "rank R: dimension and bases <= R; a shared network learns from at most its calls",
        "limits of llr.learn",
        "sharpened",
        limited,
        kept_limits,
        (
            Twin("half the calls", lambda of: kept_limits(of, fmpq(1, 2))),
            Twin("R - 1", lambda of: kept_limits(of, less=1)),
        ),
        examples=20,
    ),
    Claim(
        "learning-shares",
        "llr.learn: failing words, residuals and noise add up to epsilon; risks sum to delta",
        "[P] Theorem 5.11's proof, shares of llr.learn",
        "sharpened",
        promised_runs,
        shares_kept,
        (
            Twin("9/10 of epsilon", lambda w: shares_kept(w, fmpq(9, 10))),
            Twin("twice the mass", lambda w: shares_kept(w, times=2)),
            Twin("one fresh word fewer", lambda w: shares_kept(w, fewer=1)),
            Twin("answers that do not move", lambda w: shares_kept(w, still=True)),
        ),
    ),
    Claim(
        "accepted-promise",
        "llr.learn: words that passed certify TV <= epsilon, attempt j at risk delta / (j (j+1))",
        "validation over an unknown number of attempts, certificate",
        "sharpened",
        accepting,
        promised,
        (
            Twin("epsilon times 2/3", lambda a: promised(a, fmpq(2, 3))),
            Twin("the whole risk at every attempt", lambda a: promised(a, shared=False)),
        ),
        examples=200,
    ),
    Claim(
        "giving-up",
        "no acceptance in K epochs: the uniform model, no certificate, and accepted is False",
        "[P] Algorithm 1",
        "printed",
        budgets,
        given_up,
        (
            Twin(
                "an epoch more",
                lambda b: given_up(b, 1),
                lambda: budgets(lean=False),
                shrink=False,
            ),
            Twin(
                "the last table's model",
                lambda b: given_up(b, model=_last_table),
                lambda: budgets(lean=False),
                shrink=False,
            ),
        ),
        examples=40,
    ),
    Claim(
        "algorithm-2-silent",
        "no learner's model asks the oracle anything when it is read",
        "[P] Algorithm 2",
        "printed",
        readings,
        calls_after_learning,
        (
            Twin(
                "one-token rows stored, the others asked for",
                lambda r: calls_after_learning(r, _ask_rows_again),
                shrink=False,
            ),
        ),
        examples=20,
    ),
)

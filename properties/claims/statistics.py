"""Claims "with probability at least 1 - delta" at sizes where the choices cannot be enumerated.

Each check is one random run, made with the generator that it is given; the harness watches runs
and rejects by an exact sequential test.  Twins are planted faults: the same test must reject them
within the same number of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import combinations, product

import numpy as np
from flint import fmpq
from hypothesis.strategies import SearchStrategy

from bounds.boolean import function_error, label_error
from bounds.parameters import Parameters
from bounds.spanner import least_draws
from bounds.theorem import rank_error
from bounds.validation import clopper_pearson, words_to_pass
from llr.analysis.distance import total_variation
from llr.learning.api import learn
from llr.learning.certificate import certify
from llr.learning.lean import LeanEpoch, LeanLearner, LeanSchedule
from llr.learning.printed import Epoch, PrintedLearner, Schedule
from llr.learning.table import Cut, read_rows
from llr.models.base import LanguageModel, TabulatedModel, UniformModel, Word, words
from llr.models.families import copy, fourier_sparse, noisy_parity, random_isan
from llr.models.isan import Isan
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real
from llr.numbers.rational import RationalRow
from llr.numbers.units import LN2
from llr.oracles.access import SampledOracle
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NOISES
from llr.oracles.protocol import ModelOracle
from llr.oracles.sampling import ModelWords, Words, WordSource
from properties import checkers
from properties.claim import Check, Claim, Measurement, Twin
from properties.procedures import (
    Access,
    fourier_transform,
    learn_boolean,
    sampling_access,
    temperature_access,
)
from properties.scenarios import bad_mass, mass_of, probability_of
from properties.statistics import Trials
from properties.strategies import seeds
from properties.theorem import run_theorem


def generators() -> SearchStrategy[np.random.Generator]:
    """Return generators; a search that draws them sees single runs, and no law of them."""
    return seeds().map(np.random.default_rng)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 62))


def _one_epoch(
    ledger: Ledger,
    target: LanguageModel,
    rng: np.random.Generator,
    *,
    draws: int,
    fresh: int,
    threshold: fmpq | None = None,
    source: WordSource | None = None,
) -> Epoch:
    """Return the first epoch of Algorithm 1."""
    learner = PrintedLearner(
        ledger,
        source or ModelWords(target),
        alphabet_size=target.alphabet_size,
        horizon=target.horizon,
        unit=target.unit,
        arithmetic=EXACT,
        schedule=Schedule(threshold, lambda infeasible: draws, lambda epoch: fresh, 1, True),
        rng=rng,
    )
    return next(learner.epochs())


class OneWord:
    """Sabotage: a sample oracle that repeats one word, so that n words are not independent."""

    def __init__(self, model: LanguageModel) -> None:
        self._words = ModelWords(model)

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return n copies of one word."""
        return dict.fromkeys(self._words.draw(1, length, rng), n)


# -- Lemma 5.2: spanners of samples -------------------------------------------------------------

ETA, SPANNER_RISK = fmpq(1, 10), fmpq(1, 20)
_COINS = 6


@dataclass(frozen=True)
class Growing:
    """Coins, then two tokens that read the state (3^ones, 3^zeros): rank 2, rows of every size.

    Attributes:
        target: the model.
        ledger: its oracle; answers are kept from run to run.
        law: the distinct rows at the cut behind the coins, with their exact probabilities.
    """

    target: Isan
    ledger: Ledger
    law: tuple[tuple[list[Fraction], fmpq], ...]

    def outside(self, cut: Cut) -> fmpq:
        """Return the mass of rows that leave the box of the basis, exactly."""
        basis = checkers.as_fractions(cut.rows)
        return sum((p for row, p in self.law if not checkers.in_box(basis, row)), fmpq(0))


@cache
def growing(bias: int) -> Growing:
    """Return the target whose coins have centred logits +-bias/2 in units of ln 2."""
    grow = {
        token: [[1, 0, 0], [0, 3 if token else 1, 0], [0, 0, 1 if token else 3]] for token in (0, 1)
    }
    turn = [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    coin, read = [[0, 0, 0], [bias, 0, 0]], [[0, 0, 0], [0, 1, 0]]
    target = Isan(
        2,
        _COINS + 2,
        [1, 1, 1],
        [[grow[0], grow[1]]] * _COINS + [[turn, turn]],
        [coin] * _COINS + [read, read],
        LN2,
    )
    ledger = Ledger(ModelOracle(target), 2, target.horizon, EXACT)
    columns = _one_epoch(ledger, target, np.random.default_rng(0), draws=1, fresh=1).table.cut(
        _COINS + 1
    )
    histories = list(words(2, _COINS))
    mass: dict[RationalRow, fmpq] = {}
    for history, row in zip(histories, read_rows(ledger, histories, columns.columns), strict=True):
        p = probability_of(target, history).exact
        assert p is not None
        mass[row] = mass.get(row, fmpq(0)) + p
    law = tuple((checkers.as_fractions([row])[0], p) for row, p in mass.items())
    return Growing(target, ledger, law)


def spanner_of_draws(rng: np.random.Generator, factor: int = 1) -> Measurement:
    """Measure the mass outside the box of DistSpanner's basis against eta."""
    here = growing(int(rng.integers(2)))
    draws = max(2, least_draws(2, ETA, SPANNER_RISK) // factor)
    epoch = _one_epoch(here.ledger, here.target, rng, draws=draws, fresh=1)
    return Measurement.of(here.outside(epoch.table.cut(_COINS + 1)), ETA)


# -- Lemma 5.7: acceptance ----------------------------------------------------------------------

ALLOWED, ACCEPTANCE_RISK = fmpq(6, 25), fmpq(1, 5)


@cache
def conjunction(bits: int) -> Isan:
    """Return n bits, then a label with logit 4 [x_1 = x_2 = 1]: at first, a quarter is bad.

    Until witnesses reach back to cut 3, the table knows nothing of the label, and exactly the words
    with x_1 = x_2 = 1 are bad.
    """
    terms = {
        a + b + "0" * (bits - 2): fmpq((-1) ** (a + b).count("1"))
        for a, b in product("01", repeat=2)
    }
    return fourier_sparse(bits, terms)


def _bad_mass(target: Isan, ledger: Ledger, epoch: Epoch, threshold: fmpq) -> Measurement:
    """Measure the exact p_bad of an accepted table against p; 0 if it is not accepted."""
    if epoch.outcome != "accepted":
        return Measurement.of(0, ALLOWED)
    return Measurement(bad_mass(target, ledger, epoch, threshold), Real(ALLOWED))


def acceptance(rng: np.random.Generator, factor: int = 1, repeat: bool = False) -> Measurement:
    """Measure p_bad of the table of one epoch, if its fresh words all pass, against p."""
    target = conjunction(int(rng.integers(3, 6)))
    threshold = 4 * ALLOWED / ((target.horizon - 1) * (target.horizon - 2))
    ledger = Ledger(ModelOracle(target), 2, target.horizon, EXACT)
    epoch = _one_epoch(
        ledger,
        target,
        rng,
        draws=16,
        fresh=words_to_pass(ALLOWED, ACCEPTANCE_RISK) // factor,
        threshold=threshold,
        source=OneWord(target) if repeat else None,
    )
    return _bad_mass(target, ledger, epoch, threshold)


def learned(rng: np.random.Generator, repeat: bool = False) -> Measurement:
    """Measure p_bad of what ``llr.learn`` returns, over all its epochs, against p = epsilon / 2."""
    target = conjunction(3)
    epochs: list[Epoch] = []

    def keep(epoch: Epoch | LeanEpoch) -> None:
        assert isinstance(epoch, Epoch)
        epochs.append(epoch)

    result = learn(
        target,
        algorithm="printed",
        epsilon=2 * ALLOWED,
        delta=ACCEPTANCE_RISK,
        seed=_seed(rng),
        samples=16,
        words=OneWord(target) if repeat else None,
        on_epoch=keep,
    )
    threshold = 4 * ALLOWED / ((target.horizon - 1) * (target.horizon - 2))
    return _bad_mass(target, result.ledger, epochs[-1], threshold)


@cache
def biased_conjunction(bits: int) -> TabulatedModel:
    """Return n tokens that are 1 with probability 4/5, then a label that depends on all of them.

    Words of uniform tokens would rarely show what the label depends on.
    """
    return TabulatedModel(
        2,
        bits + 1,
        {
            p: [0, 2 if t < bits else 4 * (sum(p) == bits)]
            for t in range(bits + 1)
            for p in words(2, t)
        },
        LN2,
    )


class UniformWords(LeanLearner):
    """Sabotage: draws its words from uniform tokens."""

    def draw(self, n: int) -> dict[Word, int]:
        """Return n words of uniform tokens."""
        return dict(ModelWords(UniformModel(2, self._horizon)).draw(n, self._horizon, self._rng))


def lean_accepted(
    rng: np.random.Generator, factor: int = 1, learning: type[LeanLearner] = LeanLearner
) -> Measurement:
    """Measure the mass of wrong words of the network that the lean learner accepts, against p."""
    target: LanguageModel = (
        conjunction(int(rng.integers(3, 6))) if rng.integers(2) else biased_conjunction(4)
    )
    learner = learning(
        Ledger(ModelOracle(target), 2, target.horizon, EXACT),
        alphabet_size=2,
        horizon=target.horizon,
        unit=target.unit,
        arithmetic=EXACT,
        schedule=LeanSchedule(
            fmpq(0),
            fmpq(0),
            fmpq(0),
            False,
            lambda attempt: words_to_pass(ALLOWED, ACCEPTANCE_RISK) // factor,
            1000,
        ),
        rng=rng,
    )
    assert list(learner.epochs())[-1].outcome == "accepted"
    network = learner.table.isan(target.unit)
    truth = ModelOracle(target)
    wrong = {
        p
        for t in range(target.horizon)
        for p in words(2, t)
        if tuple(network.read(network.state_of(p))) != tuple(truth.logits([p])[0])
    }
    return Measurement(mass_of(target, wrong), Real(ALLOWED))


def label_coverage(rng: np.random.Generator, fewer: int = 0) -> Measurement:
    """Measure the rate of wrong labels of a noisy parity against its Clopper-Pearson limit.

    22 words and a rate of 1/10 miss with probability 0.9^22 = 0.0985, just below delta = 1/10.
    """
    n, noise = 22, fmpq(1, 10)
    secret = "".join(str(b) for b in rng.integers(0, 2, 8))
    drawn = _parity(secret, noise).draw(n, 9, rng)
    failures = sum(
        many
        for word, many in drawn.items()
        if (sum(x for x, s in zip(word, secret, strict=False) if s == "1") + word[-1]) % 2
    )
    return Measurement.of(noise, _limit(n, max(0, failures - fewer)))


@cache
def _parity(secret: str, noise: fmpq) -> ModelWords:
    return ModelWords(noisy_parity(len(secret), secret, noise))


@cache
def _limit(n: int, failures: int) -> fmpq:
    return clopper_pearson(n, failures, fmpq(1, 10))


# -- Theorem 5.11 -------------------------------------------------------------------------------


PROMISES = (
    (copy(2), fmpq(1, 4)),
    (fourier_sparse(2, {"10": "2", "01": "-2", "11": "1"}), fmpq(1, 8)),
)
"""Targets with the epsilon promised for them: what one word teaches, if that, is not enough."""

ORACLE_ERRORS = (fmpq(0), fmpq(1, 10**9), fmpq(1, 10**5))
"""Errors of the oracle in nats; with twice the last one the parameters would not exist."""

THEOREM_RISKS = {False: fmpq(1, 10), True: fmpq(1, 20)}
"""delta for the plain parameters, and for the tolerant ones, which need far fewer words."""


def _unchanged(parameters: Parameters) -> Parameters:
    return parameters


def literal_run(
    rng: np.random.Generator,
    tolerant: bool,
    adjust: Callable[[Parameters], Parameters] = _unchanged,
) -> Measurement:
    """Measure TV(M, Q) of a literal run against epsilon; 1 if it does not accept within K.

    Args:
        rng: of the choice among ``PROMISES``, ``ORACLE_ERRORS`` and kinds of error, and of the run.
        tolerant: which parameters.
        adjust: sabotages them.
    """
    target, epsilon = PROMISES[int(rng.integers(len(PROMISES)))]
    found = run_theorem(
        target,
        epsilon=epsilon,
        delta=THEOREM_RISKS[tolerant],
        xi=ORACLE_ERRORS[int(rng.integers(len(ORACLE_ERRORS)))],
        noise=sorted(NOISES)[int(rng.integers(len(NOISES)))],
        tolerant=tolerant,
        seed=_seed(rng),
        adjust=adjust,
    )
    assert found.distance.value is not None
    return Measurement(found.distance.value if found.accepted else Real.of(1), Real(epsilon))


def _starved(parameters: Parameters) -> Parameters:
    return replace(parameters, words=1, draws=1)


def _hurried(parameters: Parameters) -> Parameters:
    return replace(parameters, epochs=1)


def _literal_twins(tolerant: bool) -> tuple[Twin, ...]:
    return (
        Twin("one fresh word, one spanner word", lambda g: literal_run(g, tolerant, _starved)),
        Twin("one epoch", lambda g: literal_run(g, tolerant, _hurried)),
    )


# -- Remarks 5.8 and 5.9 ------------------------------------------------------------------------

LOGIT_ERROR, LOGIT_RISK = fmpq(1, 2), fmpq(1, 20)


@cache
def _sampled_target(hot: bool) -> tuple[Isan, Access]:
    """Return a model on five tokens, and its oracle made of samples."""
    cool = random_isan(5, 5, 2, seed=1)
    if not hot:
        return cool, sampling_access(cool, xi=LOGIT_ERROR, zeta=LOGIT_RISK)
    rows = [EXACT.rows(b) for b in cool.readouts]
    target = Isan(
        5,
        5,
        cool.initial_state,
        [[EXACT.rows(a) for a in step] for step in cool.transitions],
        [[[4 * x for x in row] for row in grid] for grid in rows],
    )
    return target, temperature_access(target, xi=LOGIT_ERROR, zeta=LOGIT_RISK)


def sampled_logits(rng: np.random.Generator, hot: bool, factor: int = 1) -> Measurement:
    """Measure the largest error of the logits sampled at a random prefix against xi, in nats."""
    target, access = _sampled_target(hot)
    prefix = tuple(int(a) for a in rng.integers(0, 5, int(rng.integers(target.horizon))))
    oracle = SampledOracle(target, access.samples // factor, _seed(rng), access.temperature)
    truth = target.read(target.state_of(prefix))
    answer = oracle.logits([prefix])[0]
    error = max(abs(x - y) for x, y in zip(answer, truth, strict=True))
    return Measurement.of(error, LOGIT_ERROR)


# -- Theorem 5.14: the asked entries ------------------------------------------------------------

BYTES, HORIZON, DRAWN, RANK_RISK = 256, 8, 8, fmpq(1, 4)
"""k, T, N_all and delta."""


def asked_entries(rng: np.random.Generator, factor: fmpq = fmpq(1)) -> Measurement:
    """Measure the largest error of an entry of Lemma 5.12's shape against the bound.

    Words are uniform on 256 tokens.  For each s and t of Def 1.6 an adversary puts equal errors on
    one pair of tokens and as many (prefix, segment) pairs as keep the error above the bound, so
    that the union bound is nearly met; which pairs is random.  All ordered pairs of different words
    are tried, at all s and t: whatever a learner asks is among them.  A run fails with probability
    at most 0.2202 delta, by the union bound over what can be hit.

    Args:
        rng: draws the words and the places of the errors.
        factor: of the bound.
    """
    drawn = [bytes(w) for w in rng.integers(0, BYTES, (DRAWN, HORIZON), dtype=np.uint8)]
    average = fmpq(1, BYTES**2)  # at each s and t the errors sum to 1 over the k^2 pairs of tokens
    bound = rank_error(DRAWN, HORIZON, BYTES, average, RANK_RISK) * factor
    assert bound.exact is not None
    largest = fmpq(0)
    for s, t in combinations(range(1, HORIZON + 1), 2):
        cells = BYTES ** (t - 2)
        off = int((cells / bound.exact).ceil()) - 1  # cells / off > bound
        if off < 1:
            continue
        step, shift = (int(x) for x in rng.integers(0, 1 << 62, 2))
        step |= 1  # odd: cell -> (step cell + shift) mod cells is one to one
        heads = [int.from_bytes(w[: s - 1]) << 8 * (t - s - 1) for w in drawn]
        tails = [int.from_bytes(w[s : t - 1]) for w in drawn]
        if any((step * (x + y) + shift) % cells < off for x, y in permuted(heads, tails)):
            largest = max(largest, fmpq(cells, off))
    return Measurement(Real(largest), bound)


def permuted(heads: Sequence[int], tails: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield a head and a tail of different words, all of them."""
    for i, head in enumerate(heads):
        for j, tail in enumerate(tails):
            if i != j:
                yield head, tail


# -- Corollary 5.15 -----------------------------------------------------------------------------

_BITS, _ACCURACY, FUNCTION_RISK = 4, fmpq(1, 60), fmpq(1, 20)


def boolean_function(
    rng: np.random.Generator, factor: fmpq = fmpq(1), algorithm: str = "printed"
) -> Measurement:
    """Measure E|f - fhat| of a learned random 2-sparse f against the corollary at epsilon.

    Args:
        rng: draws f = +-1/2 chi_S +- 1/4 chi_S' and the words.
        factor: sabotage: the label's logit is this multiple of f.
        algorithm: "printed" or "lean".
    """
    place = {x: i for i, x in enumerate(words(2, _BITS))}
    chosen = rng.choice(1 << _BITS, 2, replace=False)
    signs = 2 * rng.integers(0, 2, 2) - 1
    heavy, light = (fmpq(int(sign), size) for sign, size in zip(signs, (2, 4), strict=True))

    def f(x: Word) -> fmpq:
        here = place[x]
        value = fmpq(0)
        for c, subset in zip((heavy, light), chosen, strict=True):
            value += -c if (here & int(subset)).bit_count() % 2 else c
        return value

    found = learn_boolean(
        _BITS,
        lambda x: f(x) * factor,
        epsilon=_ACCURACY,
        delta=FUNCTION_RISK,
        seed=_seed(rng),
        algorithm=algorithm,
    )
    # the transform is its own inverse but for the factor 2^n
    guessed = fourier_transform(_BITS, lambda s: found.coefficients.get(s, fmpq(0)))
    error = fmpq(0)
    for x in place:
        error += abs(f(x) / len(place) - guessed.get(x, fmpq(0)))
    return Measurement(Real(error), function_error(label_error(_ACCURACY)))


# -- all of them --------------------------------------------------------------------------------


def _claim(
    identifier: str,
    title: str,
    source: str,
    mark: str,
    check: Check,
    twins: tuple[Twin, ...],
    trials: Trials,
    statements: tuple[str, ...],
) -> Claim:
    return Claim(
        identifier,
        title,
        source,
        mark,
        generators,
        check,
        twins,
        statements,
        grade="statistical",
        trials=trials,
    )


# -- certificates -------------------------------------------------------------------------------

COVERAGE_RISK = fmpq(1, 10)


@cache
def _opposed() -> tuple[TabulatedModel, TabulatedModel, fmpq]:
    """Return a target, a model that is wrong after (1, 1, 1) alone, and their distance."""

    def table(label: int) -> TabulatedModel:
        return TabulatedModel(
            2,
            4,
            {p: [0, label if p == (1, 1, 1) else 0] for t in range(4) for p in words(2, t)},
            LN2,
        )

    target, model = table(16), table(-16)
    apart = total_variation(target, model).value
    assert apart is not None
    assert apart.exact is not None
    return target, model, apart.exact


def certified(rng: np.random.Generator, part: fmpq = fmpq(1)) -> Measurement:
    """Measure a known distance against the certificate of 24 fresh words.

    No word sees the mistake with probability (7/8)^24 = 0.041, and then the bound is too small.
    """
    target, model, apart = _opposed()
    ledger = Ledger(ModelOracle(target), 2, 4, EXACT)
    drawn = ModelWords(target).draw(24, 4, rng)
    found = certify(model, ledger, drawn, target.unit, delta=COVERAGE_RISK, xi=fmpq(0), tau=fmpq(0))
    return Measurement.of(apart, found.total_variation * part)


_DECLARED = (
    _claim(
        "certificate-drawn",
        "a certificate of fresh words is at least TV(M, Q) but for delta, whatever the ranks",
        "Clopper-Pearson and betting, end to end",
        "sharpened",
        certified,
        (Twin("half the bound", lambda g: certified(g, fmpq(1, 2))),),
        Trials(COVERAGE_RISK, 600),
        ("clopper-pearson",),
    ),
    _claim(
        "lemma-5.2-drawn",
        "DistSpanner on the least N draws is an (eta, 2)-spanner but for delta (T = 8, rank 2)",
        "[P] Lemma 5.2, by sample compression after [M]",
        "sharpened",
        spanner_of_draws,
        (Twin("a twentieth of the draws", lambda g: spanner_of_draws(g, 20)),),
        Trials(SPANNER_RISK, 300),
        ("lemma-5.2",),
    ),
    _claim(
        "lemma-5.7-drawn",
        "an epoch accepts a table with p_bad > p with probability <= delta (T = 4..6)",
        "[P] Lemma 5.7, sharpened (exact binomial)",
        "sharpened",
        acceptance,
        (
            Twin("a third of the fresh words", lambda g: acceptance(g, 3)),
            Twin("copies of one fresh word", lambda g: acceptance(g, repeat=True)),
        ),
        Trials(ACCEPTANCE_RISK, 500),
        ("lemma-5.7-sharp",),
    ),
    _claim(
        "lean-drawn",
        "the lean learner accepts a network with p_bad > p with probability <= delta (T = 4..6)",
        "end-to-end validation (exact binomial)",
        "sharpened",
        lean_accepted,
        (
            Twin("a third of the fresh words", lambda g: lean_accepted(g, 3)),
            Twin("words of uniform tokens", lambda g: lean_accepted(g, learning=UniformWords)),
        ),
        Trials(ACCEPTANCE_RISK, 1500),
        ("lemma-5.7-sharp",),
    ),
    _claim(
        "attempts-drawn",
        "llr.learn: the accepted table has p_bad <= epsilon / 2 but for delta, over all epochs",
        "validation over an unknown number of attempts",
        "sharpened",
        learned,
        (Twin("copies of one fresh word", lambda g: learned(g, repeat=True)),),
        Trials(ACCEPTANCE_RISK, 300),
        ("attempts",),
    ),
    _claim(
        "clopper-pearson-drawn",
        "wrong labels among fresh words: their rate is below the limit but for delta",
        "exact binomial upper limit",
        "sharpened",
        label_coverage,
        (Twin("one failure fewer", lambda g: label_coverage(g, 1)),),
        Trials(fmpq(1, 10), 1000),
        ("clopper-pearson",),
    ),
    _claim(
        "theorem-5.11-plain",
        "explicit parameters, xi >= 0: accepts within K epochs with TV <= epsilon but for delta",
        "[P] Theorem 5.11, explicit",
        "sharpened",
        lambda g: literal_run(g, False),
        _literal_twins(False),
        Trials(THEOREM_RISKS[False], 120),
        ("parameters",),
    ),
    _claim(
        "theorem-5.11-tolerant",
        "tolerant parameters, xi >= 0: accepts within K' epochs with TV <= epsilon but for delta",
        "[P] Theorem 5.11, explicit",
        "sharpened",
        lambda g: literal_run(g, True),
        _literal_twins(True),
        Trials(THEOREM_RISKS[True], 400),
        ("parameters",),
    ),
    _claim(
        "remark-5.8-drawn",
        "ceil(48 ln(2k/zeta) / (gamma xi^2)) samples: logits within xi but for zeta (k = 5)",
        "[P] Remark 5.8, constant after [M]",
        "sharpened",
        lambda g: sampled_logits(g, False),
        (Twin("a 400th of the samples", lambda g: sampled_logits(g, False, 400)),),
        Trials(LOGIT_RISK, 1000),
        ("remark-5.8",),
    ),
    _claim(
        "remark-5.9-drawn",
        "temperature max(lam, xi, 1): logits within xi but for zeta (k = 5)",
        "[P] Remark 5.9, constant from Remark 5.8",
        "printed",
        lambda g: sampled_logits(g, True),
        (Twin("a 5000th of the samples", lambda g: sampled_logits(g, True, 5000)),),
        Trials(LOGIT_RISK, 400),
        ("remark-5.9",),
    ),
    _claim(
        "theorem-5.14-drawn",
        "no asked entry is above N_all^2 T^2 k^2 eps_avg / delta but for delta (T = 8, k = 256)",
        "[P] Theorem 5.14, by Lemma 5.12, Markov and a union bound",
        "reconstructed",
        asked_entries,
        (
            Twin("bound times 0.12", lambda g: asked_entries(g, fmpq(3, 25))),
            Twin("a union over words, not pairs", lambda g: asked_entries(g, fmpq(1, DRAWN))),
        ),
        Trials(RANK_RISK, 5000),
        ("theorem-5.14",),
    ),
    _claim(
        "corollary-5.15-drawn",
        "learned f: E|f - fhat| <= 2 epsilon / (2 sigma'(2)) but for delta (2-sparse, 4 bits)",
        "[P] Corollary 5.15",
        "sharpened",
        boolean_function,
        (Twin("the label's logit is f / 2", lambda g: boolean_function(g, fmpq(1, 2))),),
        Trials(FUNCTION_RISK, 150),
        ("corollary-5.15", "corollary-5.15-label"),
    ),
    _claim(
        "corollary-5.15-lean-drawn",
        "the same with the lean learner: E|f - fhat| <= 2 epsilon / (2 sigma'(2)) but for delta",
        "[P] Corollary 5.15, lean learner",
        "sharpened",
        lambda g: boolean_function(g, algorithm="lean"),
        (Twin("the label's logit is f / 2", lambda g: boolean_function(g, fmpq(1, 2), "lean")),),
        Trials(FUNCTION_RISK, 150),
        ("corollary-5.15", "corollary-5.15-label"),
    ),
)

CLAIMS = tuple(
    replace(claim, trials=replace(claim.trials, share=fmpq(1, len(_DECLARED))))
    for claim in _DECLARED
    if claim.trials is not None
)
"""Each with an equal share of the error budget."""

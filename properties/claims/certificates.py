"""Claims about certificates: what words show of a model, and the bounds made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations_with_replacement
from math import comb, factorial
from typing import TypeAlias

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.analysis.distance import total_variation
from llr.check import verify
from llr.learning.certificate import (
    GRID,
    Certificate,
    certify,
    evidence,
    failure_limit,
    mean_limit,
)
from llr.models.base import TabulatedModel, Word, words
from llr.models.files import isan_to_json
from llr.models.isan import Isan
from llr.models.realization import realize
from llr.numbers.arithmetic import EXACT, FLOAT64, Matrix
from llr.numbers.balls import Real, nearest_float, total
from llr.numbers.rational import fraction
from llr.numbers.units import LN2, NAT
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle, model_oracle
from properties.claim import Claim, Measurement, Twin
from properties.claims.slips import SparseTarget, sparse_targets
from properties.measure import worst
from properties.scenarios import beyond, probability_of
from properties.strategies import isans

STEP = fmpq(7, 10)
"""A number of nats just above ln 2, the unit of the logits."""


@dataclass(frozen=True)
class Compared:
    """A target, a model, and what a certificate tolerates.

    Attributes:
        target: its logits are what the oracle answers.
        model: Q, of the same T and k.
        moved: how far the oracle's answers move when it is asked again, in units of ln 2.
        up: the token whose logits rise.
        tolerance: tau, in steps of 7/10 nat.
        noise: xi, in steps of 7/10 nat.
    """

    target: SparseTarget
    model: SparseTarget
    moved: int
    up: int
    tolerance: fmpq
    noise: fmpq

    @property
    def again(self) -> TabulatedModel:
        """The law that the oracle's answers define when it is asked again."""
        k = self.target.alphabet_size
        shift = [fmpq(self.moved) if a == self.up else -fmpq(self.moved, k - 1) for a in range(k)]
        table = self.target.model
        return TabulatedModel(
            k,
            table.horizon,
            {
                p: [x + e for x, e in zip(table.read(p), shift, strict=True)]
                for t in range(table.horizon)
                for p in words(k, t)
            },
            LN2,
        )


@st.composite
def comparisons(draw: DrawFn) -> Compared:
    """Return two targets of at most three tokens, and a tolerance up to four units."""
    values = (1, -1, 2, -3)
    target = draw(sparse_targets(horizons=(1, 3), values=values))
    k, t = target.alphabet_size, target.horizon
    other = draw(sparse_targets(horizons=(t, t), alphabet_sizes=(k, k), values=values))
    model = target if draw(st.booleans()) else other
    return Compared(
        target,
        model,
        draw(st.integers(0, 2)),
        draw(st.integers(0, k - 1)),
        draw(st.sampled_from([fmpq(0), fmpq(1, 2), fmpq(1), fmpq(2), fmpq(4)])),
        draw(st.sampled_from([fmpq(0), fmpq(1, 4), fmpq(1)])),
    )


def shown_by_words(
    c: Compared,
    part: fmpq = fmpq(1),
    room: int = 1,
    noise: int = 1,
    risk: fmpq = fmpq(1),
) -> Measurement:
    """Measure TV(M, Q) against Pr(failed) + passing and E Z, M the law when asked again.

    Beside these, count every Z beyond its reach, the words that fail without a logit off by more
    than tau, r included, or pass with one, and the bounds of a certificate that the words at hand,
    some of them drawn twice or three times, do not show: each at half of the risk, with T xi / 2.

    Args:
        c: the target, the model and what is tolerated.
        part: tightens the bounds.
        room: 0, sabotage: no room for answers that move.
        noise: 0, sabotage: a certificate for an exact oracle.
        risk: tightens the certificate's delta.
    """
    k, horizon = c.target.alphabet_size, c.target.horizon
    ledger = Ledger(ModelOracle(c.target.model), k, horizon, EXACT)
    tau, again = c.tolerance * STEP, c.again
    every = list(words(k, horizon))
    spread = c.moved * room * STEP
    shown = evidence(c.model.model, ledger, every, LN2, tau=tau, reproducible=spread)
    truth, guess = ModelOracle(c.target.model), ModelOracle(c.model.model)
    off = {
        p: max(abs(x - y) for x, y in zip(truth.logits([p])[0], guess.logits([p])[0], strict=True))
        for t in range(horizon)
        for p in words(k, t)
    }
    mass = {w: probability_of(again, w) for w in every}
    apart = total_variation(again, c.model.model).value
    assert apart is not None
    failed = total(mass[w] for w in every if w in shown.failed)
    mean = total(mass[w] * shown.distances[w] for w in every)
    xi, delta = c.noise * STEP, fmpq(1, 2)
    counts = {w: 1 + i % 3 for i, w in enumerate(every)}
    once = certify(
        c.model.model,
        ledger,
        counts,
        LN2,
        delta=delta,
        xi=xi * noise,
        tau=tau,
        reproducible=spread,
    )
    added = horizon * xi / 2
    failing = sum(counts[w] for w in shown.failed)
    limit = once.failing_words - shown.passing - added
    mean_at_most = (once.next_token - added) / shown.reach
    values = [(shown.distances[w] / shown.reach, counts[w]) for w in every]
    wrong = sum(z > shown.reach for z in shown.distances.values())
    for w in every:
        fails = any(beyond(off[w[:t]], LN2, tau - spread) for t in range(horizon))
        wrong += fails != (w in shown.failed)
    wrong += once.failing != failing
    half = delta * risk / 2
    if once.failing_words < 1:
        wrong += not _rare(limit, sum(counts.values()), failing, half)
    if once.next_token < 1:
        wrong += not _won(mean_at_most, values, half)
    return worst(
        [
            Measurement(apart, (failed + shown.passing) * part),
            Measurement(apart, mean * part),
            Measurement.of(wrong),
        ]
    )


def checked_again(c: Compared, lower: int = 0, further: int = 0) -> Measurement:
    """Count true certificates that the second verifier refuses, and false ones that it accepts.

    It asks the target again, whose answers have moved.  Where they have not, bounds three steps of
    the grid lower are false, and any other number of failures.

    Args:
        c: the target, the model and what is tolerated.
        lower: sabotage: the bounds said to be true are so many steps lower.
        further: sabotage: so much further the answers move, in units of ln 2.
    """
    k, horizon = c.target.alphabet_size, c.target.horizon
    network = realize(c.model.model)
    honest = certify(
        network,
        Ledger(ModelOracle(c.target.model), k, horizon, EXACT),
        {w: 1 + i % 3 for i, w in enumerate(words(k, horizon))},
        LN2,
        delta=fmpq(1, 10),
        xi=c.noise * STEP,
        tau=c.tolerance * STEP,
        reproducible=c.moved * STEP,
    )
    reach = 1 + (horizon - 1) * c.tolerance * STEP / 2
    truth = replace(c, moved=c.moved + further).again

    def ask(prefixes: Sequence[Word]) -> list[list[Fraction]]:
        return [[fraction(x) for x in truth.read(p)] for p in prefixes]

    def accepted(claim: Certificate) -> bool:
        return bool(verify(claim.as_json(), isan_to_json(network), ask)["valid"])

    def lowered(failing: fmpq, mean: fmpq) -> Certificate:
        one, two = honest.failing_words, honest.next_token
        return replace(
            honest,
            failing_words=one - failing / GRID if one < 1 else one,
            next_token=two - mean / GRID if two < 1 else two,
        )

    wrong = int(not accepted(lowered(fmpq(lower), lower * reach)))
    if not c.moved:
        false = [replace(honest, failing=honest.failing + x) for x in (1, -1)]
        false += [lowered(fmpq(3), fmpq(0)), lowered(fmpq(0), 3 * reach)]
        wrong += sum(accepted(x) for x in false if x != honest and x.failing >= 0)
    return Measurement.of(wrong)


def _rare(p: fmpq, n: int, most: int, delta: fmpq) -> bool:
    """True if at most so many of n words fail with probability at most delta, each failing by p."""
    if p <= 0:
        return False
    terms = (fmpq(comb(n, i)) * p**i * (1 - p) ** (n - i) for i in range(most + 1))
    return p >= 1 or sum(terms, fmpq(0)) <= delta


def _won(m: fmpq, values: list[tuple[fmpq, int]], delta: fmpq) -> bool:
    """True if bets against a mean of m made 1 / delta of a capital of 1.

    Half of it bets all that a mean in [0, 1] allows, seven equal parts bet 1/2, 1/4, .. of that.
    """
    if not 0 < m < 1:
        return m >= 1
    capital = fmpq(0)
    for i in range(8):
        stake, bet = fmpq(1, 2**i) / (1 - m), fmpq(1, 2) if i == 0 else fmpq(1, 14)
        for z, many in values:
            bet *= (1 + stake * (m - z)) ** many
        capital += bet
    return capital * delta >= 1


# -- in float64 ---------------------------------------------------------------------------------


Models: TypeAlias = tuple[Isan, Isan]
"""A target and a model of its T and k."""


@st.composite
def model_pairs(draw: DrawFn) -> Models:
    """Return two ISANs of at most three tokens."""
    target = draw(isans(horizons=(1, 3), dimensions=(1, 2)))
    t, k = target.horizon, target.alphabet_size
    return target, draw(isans(horizons=(t, t), alphabet_sizes=(k, k), dimensions=(1, 2)))


def in_floats(model: Isan) -> Isan:
    """Return the model with every entry rounded to a double."""

    def rounded(m: Matrix) -> list[list[float]]:
        return [[nearest_float(Real.of(x)) for x in row] for row in EXACT.rows(m)]

    return Isan(
        model.alphabet_size,
        model.horizon,
        [nearest_float(Real.of(x)) for x in model.initial_state],
        [[rounded(m) for m in step] for step in model.transitions],
        [rounded(m) for m in model.readouts],
        model.unit,
        FLOAT64,
    )


FLOAT_TAU, FLOAT_EXCESS = fmpq(50_001, 100_000), fmpq(1, 2**39)
"""tau, where no difference of small rationals is, and how much float64 may add to Z per token."""


def float_evidence(pair: Models, part: fmpq = fmpq(1), margin: fmpq = fmpq(0)) -> Measurement:
    """Measure how far Z in float64 is above Z against T / 2^39.

    A Z below the exact one, and a word that fails in one arithmetic alone, count as 1.

    Args:
        pair: the target and the model.
        part: tightens the bound.
        margin: sabotage: taken off every Z per token.
    """
    target, model = pair
    k, horizon = target.alphabet_size, target.horizon
    every = list(words(k, horizon))
    exact, rounded = (
        evidence(q, Ledger(model_oracle(target, a), k, horizon, a), every, NAT, tau=FLOAT_TAU)
        for q, a in ((model, EXACT), (in_floats(model), FLOAT64))
    )
    bound = horizon * FLOAT_EXCESS
    excess = [rounded.distances[w] - horizon * margin - exact.distances[w] for w in every]
    if exact.failed != rounded.failed or any(x < 0 for x in excess):
        return Measurement.of(1, bound)
    return Measurement.of(max(excess), bound * part)


# -- the limits ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failures:
    """n words of which f fail, and delta."""

    n: int
    failing: int
    delta: fmpq


RISKS = (fmpq(1, 2), fmpq(1, 4), fmpq(1, 10), fmpq(1, 100))


@st.composite
def failures(draw: DrawFn) -> Failures:
    """Return up to 20 words, not all of which fail."""
    n = draw(st.integers(1, 20))
    return Failures(n, draw(st.integers(0, n - 1)), draw(st.sampled_from(RISKS)))


def too_low(f: Failures, factor: fmpq = fmpq(1), part: fmpq = fmpq(1)) -> Measurement:
    """Measure the chance that the limit is below p against delta, at the worst p near a limit.

    Args:
        f: p is just above the limit of so many failures.
        factor: sabotage: limits at so many times delta.
        part: tightens delta where it is the bound.
    """
    delta = min(f.delta * factor, fmpq(99, 100))
    limits = [failure_limit(f.n, m, delta) for m in range(f.n + 1)]
    p = min(fmpq(1), limits[f.failing] + fmpq(1, GRID))
    chance = fmpq(0)
    for m, limit in enumerate(limits):
        if limit < p:
            chance += fmpq(comb(f.n, m)) * p**m * (1 - p) ** (f.n - m)
    return Measurement.of(chance, f.delta * part)


@dataclass(frozen=True)
class Bet:
    """A law on quarters of 1, how many values are drawn from it, and delta.

    Attributes:
        law: weights of 0, 1/4, 1/2, 3/4 and 1; not all 0.
        draws: n.
        delta: the risk.
    """

    law: tuple[int, ...]
    draws: int
    delta: fmpq


def bets() -> SearchStrategy[Bet]:
    """Return laws with small integer weights, or a rare 0 among ones, and up to three draws."""
    law = st.lists(st.integers(0, 20), min_size=5, max_size=5).filter(any).map(tuple)
    several = st.builds(Bet, law, st.integers(1, 3), st.sampled_from(RISKS))
    return st.one_of(several, rarely_nothing())


@st.composite
def rarely_nothing(draw: DrawFn) -> Bet:
    """Return laws with a 0 among ones, about as rare as delta."""
    delta = draw(st.sampled_from(RISKS))
    ones = int((1 / delta).ceil()) + draw(st.integers(-8, 8))
    return Bet((1, 0, 0, 0, max(1, ones)), draw(st.integers(1, 3)), delta)


def bet_lost(b: Bet, factor: fmpq = fmpq(1), part: fmpq = fmpq(1)) -> Measurement:
    """Measure the chance that the limit on the mean is below the mean against delta, exactly.

    Args:
        b: the law, the draws and the risk.
        factor: sabotage: limits at so many times delta.
        part: tightens delta where it is the bound.
    """
    values = {fmpq(i, 4): fmpq(x, sum(b.law)) for i, x in enumerate(b.law) if x}
    mean = sum((z * p for z, p in values.items()), fmpq(0))
    delta, chance = min(b.delta * factor, fmpq(99, 100)), fmpq(0)
    for drawn in combinations_with_replacement(values, b.draws):
        counts = Counter(drawn)
        if mean_limit(dict(counts), delta) < mean:
            ways, p = factorial(b.draws), fmpq(1)
            for z, many in counts.items():
                ways //= factorial(many)
                p *= values[z] ** many
            chance += ways * p
    return Measurement.of(chance, b.delta * part)


CLAIMS = (
    Claim(
        "certificate-checked",
        "llr.check: true certificates are valid, lower bounds and other counts are not",
        "a second verifier of certificates",
        "sharpened",
        comparisons,
        checked_again,
        (
            Twin("three steps lower", lambda c: checked_again(c, lower=3)),
            Twin("answers that move further", lambda c: checked_again(c, further=2)),
        ),
        examples=100,
    ),
    Claim(
        "certificate-floats",
        "Z of a word in float64 is at least Z, and at most T / 2^39 above it",
        "[P] Lemma 5.9's couplings, float64",
        "sharpened",
        model_pairs,
        float_evidence,
        (
            Twin("a third of that", lambda pair: float_evidence(pair, fmpq(1, 3))),
            Twin("less 2^-20", lambda pair: float_evidence(pair, margin=fmpq(1, 2**20))),
        ),
        examples=60,
    ),
    Claim(
        "certificate-failures",
        "n words: the limit on the failing mass is below it with probability at most delta",
        "exact binomial upper limit",
        "sharpened",
        failures,
        too_low,
        (
            Twin("half of delta", lambda f: too_low(f, part=fmpq(1, 2))),
            Twin("limits at 3 delta", lambda f: too_low(f, fmpq(3))),
        ),
        examples=100,
        grade="exact law",
    ),
    Claim(
        "certificate-bets",
        "n values in [0, 1]: the limit on the mean is below it with probability at most delta",
        "betting after Ville",
        "sharpened",
        bets,
        bet_lost,
        (
            Twin("0.4 delta", lambda b: bet_lost(b, part=fmpq(2, 5))),
            Twin("limits at 4 delta", lambda b: bet_lost(b, fmpq(4))),
        ),
        examples=100,
        grade="exact law",
    ),
    Claim(
        "certificate-words",
        "TV(M, Q) <= Pr(fail) + ((T-1) tau + e) / 2 and <= E Z, M within r of the answers",
        "[P] Lemma 5.9's couplings, end to end",
        "sharpened",
        comparisons,
        shown_by_words,
        (
            Twin("bounds times 2/3", lambda c: shown_by_words(c, fmpq(2, 3))),
            Twin("r = 0 where answers move", lambda c: shown_by_words(c, room=0)),
            Twin("xi left out", lambda c: shown_by_words(c, noise=0)),
            Twin("1/3 of the risk", lambda c: shown_by_words(c, risk=fmpq(1, 3))),
        ),
        examples=200,
    ),
)

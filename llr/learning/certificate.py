"""Certificates: a bound on TV from fresh words alone, with the words as evidence.

The words y are drawn, after the model Q was fixed, from the law M that the oracle's answers define
(or from the target's; both give the same bounds).  Nothing is assumed about ranks.  Two bounds are
computed, each with confidence 1 - delta/2, and the smaller one counts:

- *failing words*: a word fails if some logit along it is off by more than tau.  With f failures
  among n words the probability of failing is at most the Clopper-Pearson limit p, and
  TV(M, Q) <= p + ((T-1) tau + e) / 2, where e is what the first token's logits are off.
- *next-token distances*: let Z be the sum of the next-token distances TV(M(.|h), Q(.|h)) over the
  prefixes h of y, stopped with the value of the sum + 1 at the first that exceeds kappa = tau/2.
  Then TV(M, Q) <= E Z: couple the two token by token as long as the words agree.  Z lies in
  [0, 1 + (T-1) kappa].  A mean of at least m would let a fair bet against it, the capital
  prod (1 - lam (Z_i - m)) averaged over stakes lam, reach 2/delta with probability at most delta/2
  (Ville); so m is a bound once the capital has reached that, and so is every larger m: for each
  stake, a part of the largest 1/(1-m), the capital grows with m.

Words are drawn by thresholds that are rounded to 2^-64 (in float64 to about 2^-51); the grid that
bounds are rounded up to is far coarser than what that changes.

The target itself is within T xi / 2 of M for an oracle whose logits are off by xi.

An oracle may answer within r nats of what it said before.  All comparisons leave room for that, so
that the certificate still holds when the target is asked again.

A certificate file, format 1::

    {"format": 1, "kind": "certificate", "alphabet_size": k, "horizon": T, "logit_unit": ...,
     "arithmetic": "exact", "delta": "1/1000000", "xi": "0", "tau": "0", "reproducible": "0",
     "words": [[[0, 1, ...], 3], ...], "failing": 0,
     "bounds": {"failing_words": "...", "next_token": "..."}, "total_variation": "..."}

Source: Clopper-Pearson; betting after Ville; the couplings are those of [P] Lemma 5.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq

from llr.models.base import LanguageModel, Word
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, Arithmetic, Matrix, Row
from llr.numbers.binomial import tail_ball
from llr.numbers.rational import ONE, ZERO, rational, text
from llr.numbers.units import LogitUnit
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import model_oracle
from llr.oracles.sampling import Words

GRID = 10**9
"""Bounds are rounded up to multiples of 1/GRID, and one more step."""

STAKES = tuple(fmpq(1, 2**i) for i in range(8))
"""Stakes of the bet as parts of the largest, 1/(1-m); the largest has half of the capital."""

ROUNDING = 1 << 32
"""Values of Z are rounded up to multiples of 1/ROUNDING, so that few different ones remain."""

BITS = 96

FLOAT_MARGIN = fmpq(1, 2**40)
"""Added to every next-token distance that float64 computed."""


@dataclass(frozen=True)
class Certificate:
    """A bound on TV with confidence 1 - delta, and its evidence.

    Attributes:
        alphabet_size, horizon, unit, arithmetic: of model and oracle.
        delta: the probability, over the words, that the bound is wrong.
        xi: how far the oracle's logits may be off the target's, in nats.
        tau: logits off by more than this, in nats, make a word fail.
        reproducible: how far two answers to the same question may differ, in nats.
        words: fresh words with their counts.
        failing: how many of them fail.
        failing_words: bound on TV(target, model) from the number of failures.
        next_token: bound on TV(target, model) from the next-token distances.
    """

    alphabet_size: int
    horizon: int
    unit: LogitUnit
    arithmetic: str
    delta: fmpq
    xi: fmpq
    tau: fmpq
    reproducible: fmpq
    words: tuple[tuple[Word, int], ...]
    failing: int
    failing_words: fmpq
    next_token: fmpq

    @property
    def total_variation(self) -> fmpq:
        """The smaller bound."""
        return min(self.failing_words, self.next_token)

    def summary(self) -> dict[str, Any]:
        """Return everything but the words as a JSON value."""
        return {
            "total_variation": text(self.total_variation),
            "delta": text(self.delta),
            "tested_words": sum(many for _, many in self.words),
            "failing": self.failing,
            "bounds": {
                "failing_words": text(self.failing_words),
                "next_token": text(self.next_token),
            },
        }

    def as_json(self) -> dict[str, Any]:
        """Return the certificate file."""
        return {
            "format": 1,
            "kind": "certificate",
            "alphabet_size": self.alphabet_size,
            "horizon": self.horizon,
            "logit_unit": str(self.unit),
            "arithmetic": self.arithmetic,
            "delta": text(self.delta),
            "xi": text(self.xi),
            "tau": text(self.tau),
            "reproducible": text(self.reproducible),
            "words": [[list(word), many] for word, many in self.words],
            "failing": self.failing,
            "bounds": {
                "failing_words": text(self.failing_words),
                "next_token": text(self.next_token),
            },
            "total_variation": text(self.total_variation),
        }


def certify(
    model: LanguageModel,
    ledger: Ledger,
    words: Words,
    unit: LogitUnit,
    *,
    delta: fmpq,
    xi: fmpq,
    tau: fmpq,
    reproducible: fmpq = ZERO,
    tell: Tell = untold,
) -> Certificate:
    """Return what fresh words say about a model.

    Args:
        model: Q; it must not depend on the words.
        ledger: the oracle; the answers along the words are there already if it drew them.
        words: independent words of the oracle's own law, with counts; none show nothing.
        unit: of the oracle's logits.
        delta: in (0, 1).
        xi: >= 0, in nats.
        tau: >= 0, in nats.
        reproducible: how far two answers to the same question may differ, in nats.
        tell: told of every place of the words.
    """
    shown = evidence(model, ledger, words, unit, tau=tau, reproducible=reproducible, tell=tell)
    tell("certifying, the bounds", 0, 0)
    n = sum(words.values())
    failing = sum(words[word] for word in shown.failed)
    sums: dict[fmpq, int] = {}
    for word, many in words.items():
        value = _rounded_up(shown.distances[word] / shown.reach)
        sums[value] = sums.get(value, 0) + many
    noise = model.horizon * xi / 2
    limit = failure_limit(n, failing, delta / 2)
    return Certificate(
        alphabet_size=model.alphabet_size,
        horizon=model.horizon,
        unit=unit,
        arithmetic=model.arithmetic.name,
        delta=delta,
        xi=xi,
        tau=tau,
        reproducible=reproducible,
        words=tuple(words.items()),
        failing=failing,
        failing_words=min(fmpq(1), limit + shown.passing + noise),
        next_token=min(fmpq(1), shown.reach * mean_limit(sums, delta / 2) + noise),
    )


@dataclass(frozen=True)
class Evidence:
    """What words show of a model: TV(M, Q) <= Pr(failed) + passing, and TV(M, Q) <= E Z.

    Attributes:
        failed: the words that fail.
        distances: Z of every word, in [0, reach].
        reach: 1 + (T-1) kappa.
        passing: ((T-1) tau + e) / 2, what words that pass may add.
    """

    failed: frozenset[Word]
    distances: dict[Word, fmpq]
    reach: fmpq
    passing: fmpq


def evidence(
    model: LanguageModel,
    ledger: Ledger,
    words: Iterable[Word],
    unit: LogitUnit,
    *,
    tau: fmpq,
    reproducible: fmpq = ZERO,
    tell: Tell = untold,
) -> Evidence:
    """Compare a model with the oracle along words.

    Args:
        model, ledger, words, unit, tau, reproducible, tell: see :func:`certify`.
    """
    horizon = model.horizon
    guesses = model_oracle(model, model.arithmetic)
    compare = _compare_exact if model.arithmetic is EXACT else _compare_floats
    kappa, first = tau / 2, ZERO
    failed: set[Word] = set()
    stopped: set[Word] = set()
    z = dict.fromkeys(words, ZERO)
    for t in range(horizon if z else 0):
        tell(f"certifying, {len(failed):,} distinct words failed; places", t, horizon)
        place: dict[Word, int] = {}
        for word in z:
            place.setdefault(word[:t], len(place))
        prefixes = list(place)
        off, apart = compare(
            unit, ledger.block(prefixes), guesses.logits(prefixes), model.arithmetic
        )
        off = [x + reproducible for x in off]
        apart = [min(ONE, x + reproducible / 2) for x in apart]
        if t == 0:
            first = off[0]
        for word in z:
            i = place[word[:t]]
            if off[i] > tau:
                failed.add(word)
            if word not in stopped:
                z[word] += apart[i] if apart[i] <= kappa else 1
                if apart[i] > kappa:
                    stopped.add(word)
    return Evidence(
        frozenset(failed), z, 1 + (horizon - 1) * kappa, ((horizon - 1) * tau + first) / 2
    )


def failure_limit(n: int, failing: int, delta: fmpq) -> fmpq:
    """Return a bound on the probability of failing after ``failing`` of n words failed.

    It is the Clopper-Pearson limit at confidence 1 - delta, rounded up on the grid; 1 if n = 0.
    """
    if failing >= n:
        return fmpq(1)

    def likely(step: int) -> bool:
        with ctx.workprec(BITS):
            return not tail_ball(n, failing, fmpq(step, GRID)) <= arb(delta)

    return _least_step(likely)


def limit_without_failures(n: int, delta: float) -> float:
    """Return about what :func:`failure_limit` is if none of n >= 1 words fails."""
    return -math.expm1(math.log(delta) / n)


def mean_limit(sums: dict[fmpq, int], delta: fmpq) -> fmpq:
    """Return a bound on the mean of values in [0, 1], at confidence 1 - delta.

    Args:
        sums: independent values with their counts.
        delta: in (0, 1).
    """

    def likely(step: int) -> bool:
        m, capital = fmpq(step, GRID), arb(0)
        with ctx.workprec(BITS):
            for place, stake in enumerate(STAKES):
                bet = arb(fmpq(1, 2) if place == 0 else fmpq(1, 2 * (len(STAKES) - 1)))
                for z, many in sums.items():
                    bet *= arb((1 - m * (1 - stake) - stake * z) / (1 - m)) ** many
                capital += bet
            return not capital * arb(delta) >= 1

    return _least_step(likely) if sums else fmpq(1)


def _least_step(likely: Callable[[int], bool]) -> fmpq:
    """Return the least multiple of 1/GRID, plus one, that is not likely; at most 1."""
    low, high = 0, GRID
    while high - low > 1:
        middle = (low + high) // 2
        if likely(middle):
            low = middle
        else:
            high = middle
    return fmpq(min(high + 1, GRID), GRID)


def _rounded_up(z: fmpq) -> fmpq:
    return fmpq((z * ROUNDING).ceil(), ROUNDING)


def _compare_exact(
    unit: LogitUnit, truth: Matrix, guesses: Sequence[Sequence[Any]], arithmetic: Arithmetic
) -> tuple[list[fmpq], list[fmpq]]:
    """Return, per row, upper bounds on what the logits are off, in nats, and on the TV."""
    differences, distances = [], []
    for row, guess in zip(arithmetic.rows(truth), guesses, strict=True):
        off = max(abs(x - y) for x, y in zip(row, guess, strict=True))
        differences.append(off if off == 0 else -((-unit.in_nats(off)).below()))
        distances.append(ZERO if off == 0 else _distance_above(unit, row, tuple(guess)))
    return differences, distances


def _distance_above(unit: LogitUnit, one: Row, two: Row) -> fmpq:
    with ctx.workprec(BITS):
        p, q = unit.ball_weights(one), unit.ball_weights(two)
        all_p, all_q = sum(p, arb(0)), sum(q, arb(0))
        gaps = (abs(x / all_p - y / all_q) for x, y in zip(p, q, strict=True))
        return rational((sum(gaps, arb(0)) / 2).upper().fmpq())


def _compare_floats(
    unit: LogitUnit, truth: Matrix, guesses: Sequence[Sequence[Any]], arithmetic: Arithmetic
) -> tuple[list[fmpq], list[fmpq]]:
    """Do the same in float64; every distance gets a margin for its rounding."""
    nats = truth * arithmetic.scalar(float(unit.nats))
    found: floats.Array = np.asarray(guesses)
    gaps = np.abs(floats.softmax(nats) - floats.softmax(found)).sum(axis=1) / 2
    differences = np.abs(nats - found).max(axis=1)
    return (
        [fmpq(*x.as_integer_ratio()) for x in differences.tolist()],
        [fmpq(*x.as_integer_ratio()) + FLOAT_MARGIN for x in gaps.tolist()],
    )

"""Claims about certificates: what words show of a model, and the bounds made of it."""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from llr.analysis.distance import total_variation
from llr.learning.certificate import certify, evidence
from llr.models.base import TabulatedModel, words
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import total
from llr.numbers.units import LN2
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from properties.claim import Claim, Measurement, Twin
from properties.claims.slips import SparseTarget, sparse_targets
from properties.measure import worst
from properties.scenarios import probability_of

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
    model = draw(sparse_targets(horizons=(t, t), alphabet_sizes=(k, k), values=values))
    return Compared(
        target,
        model,
        draw(st.integers(0, 2)),
        draw(st.integers(0, k - 1)),
        draw(st.sampled_from([fmpq(0), fmpq(1, 2), fmpq(1), fmpq(2), fmpq(4)])),
        draw(st.sampled_from([fmpq(0), fmpq(1, 4), fmpq(1)])),
    )


def shown_by_words(c: Compared, part: fmpq = fmpq(1), room: int = 1, noise: int = 1) -> Measurement:
    """Measure TV(M, Q) against Pr(failed) + passing and E Z, M the law when asked again.

    Beside these, count every Z beyond its reach, the words that fail without a logit off by more
    than tau, r included, or pass with one, and the bounds of a certificate that are below what the
    words at hand show: the failures among them and their mean Z, with T xi / 2.

    Args:
        c: the target, the model and what is tolerated.
        part: tightens the bounds.
        room: 0, sabotage: no room for answers that move.
        noise: 0, sabotage: a certificate for an exact oracle.
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
    xi = c.noise * STEP
    once = certify(
        c.model.model,
        ledger,
        dict.fromkeys(every, 1),
        LN2,
        delta=fmpq(1, 2),
        xi=xi * noise,
        tau=tau,
        reproducible=spread,
    )
    n, added = len(every), horizon * xi / 2
    share = min(fmpq(1), fmpq(len(shown.failed), n) + shown.passing + added)
    sums = min(fmpq(1), sum(shown.distances.values(), fmpq(0)) / n + added)
    wrong = sum(z > shown.reach for z in shown.distances.values())
    for w in every:
        beyond = any(LN2.in_nats(off[w[:t]]) + spread > tau for t in range(horizon))
        wrong += beyond != (w in shown.failed)
    wrong += (share > once.failing_words) + (sums > once.next_token)
    return worst(
        [
            Measurement(apart, (failed + shown.passing) * part),
            Measurement(apart, mean * part),
            Measurement.of(wrong),
        ]
    )


CLAIMS = (
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
        ),
        examples=200,
    ),
)

"""Theorem 5.11 without its assumptions: Algorithm 1 with the parameters that it demands, altered.

Targets are small and the oracle is exact.  The risk is so small that the harness may hold every run
to the promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bounds.parameters import Parameters, explicit_parameters
from llr.analysis.distance import total_variation
from llr.learning.printed import CORRECTED, Corrections, PrintedLearner
from llr.learning.program import ChainProgram
from llr.learning.table import Table
from llr.models.base import Word, words
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import ModelOracle
from llr.oracles.sampling import ModelWords, Words
from properties.claim import Measurement
from properties.claims.necessity import (
    Solve,
    Unboxed,
    as_written,
    learned,
    other_order,
    true_rank,
    without_box,
)
from properties.claims.slips import ONE_FUTURE, SparseTarget
from properties.claims.theorem import lax, unchanged
from properties.necessity import Necessity
from properties.theorem import schedule_of

RISK = fmpq(1, 10**9)


@dataclass(frozen=True)
class Promised:
    """A target of three tokens, the epsilon promised for it, and the seed of a run."""

    target: SparseTarget
    epsilon: fmpq
    seed: int


@st.composite
def promised(draw: DrawFn) -> Promised:
    """Return targets whose first token is fair or hardly ever 1, and whose others have memory."""
    k = draw(st.sampled_from([2, 2, 3]))
    value = st.sampled_from([0, 1, -1, 8])
    logits: dict[tuple[Word, int], int] = {((), 0): draw(st.sampled_from([0, 10]))}
    for prefix in (p for t in (1, 2) for p in words(2, t)):
        logits[prefix, draw(st.integers(0, k - 1))] = draw(value)
    target = SparseTarget(3, k, tuple(sorted((p, x) for p, x in logits.items() if x)))
    return Promised(
        target, draw(st.sampled_from([fmpq(1, 10), fmpq(1, 2)])), draw(st.integers(0, 15))
    )


class WithoutBox(PrintedLearner):
    """Solves chain programs without a box."""

    def _program(self, table: Table) -> ChainProgram:
        return Unboxed(table)


class WithoutFreshWords(PrintedLearner):
    """Validates on n of the N words whose prefixes were the spanners' histories."""

    _drawn: Words

    def _draw(self, n: int, length: int) -> Words:
        if length == self._horizon:
            kept = self._rng.multivariate_hypergeometric(list(self._drawn.values()), n).tolist()
            return {w: many for w, many in zip(self._drawn, kept, strict=True) if many}
        self._drawn = super()._draw(n, self._horizon)
        found: dict[Word, int] = {}
        for word, many in self._drawn.items():
            found[word[:length]] = found.get(word[:length], 0) + many
        return found


def promise(
    p: Promised,
    *,
    learner: type[PrintedLearner] = PrintedLearner,
    corrections: Corrections = CORRECTED,
    solver: Callable[[Table], Solve] = as_written,
    adjust: Callable[[Parameters], Parameters] = unchanged,
) -> Measurement:
    """Measure TV(M, Q) of a literal run against epsilon; 1 if it does not accept within K.

    Args:
        p: the instance.
        learner: Algorithm 1.
        corrections: those in force.
        solver: the chain programs that Q uses.
        adjust: changes the parameters.
    """
    model = p.target.model
    parameters = adjust(
        explicit_parameters(
            horizon=model.horizon,
            alphabet_size=model.alphabet_size,
            rank=true_rank(p.target),
            epsilon=p.epsilon,
            delta=RISK,
            tolerant=True,
        )
    )
    ledger = Ledger(ModelOracle(model), model.alphabet_size, model.horizon, EXACT)
    *_, last = learner(
        ledger,
        ModelWords(model),
        alphabet_size=model.alphabet_size,
        horizon=model.horizon,
        unit=model.unit,
        arithmetic=EXACT,
        schedule=schedule_of(parameters),
        rng=np.random.default_rng(p.seed),
        corrections=corrections,
    ).epochs()
    if last.outcome != "accepted":
        return Measurement.of(1, p.epsilon)
    distance = total_variation(model, learned(model, ledger, last.table, solver(last.table))).value
    assert distance is not None
    return Measurement(distance, Real(p.epsilon))


def _without(
    assumption: str,
    dropped: Callable[[Promised], Measurement],
    remark: str,
    expected: str = "none found",
) -> Necessity:
    return Necessity(
        assumption,
        "parameters",
        promised(),
        promise,
        dropped,
        lambda p: promise(p, adjust=lax),
        remark,
        expected=expected,
        examples=1500 if expected == "needed" else 150,
    )


NECESSITIES = (
    _without(
        "fixed tie-breaking",
        lambda p: promise(p, solver=other_order),
        "a history too rare for the n fresh words is in the basis all the same, and Q uses it",
        "needed",
    ),
    _without(
        "coefficients at most 2",
        lambda p: promise(p, learner=WithoutBox, solver=without_box),
        "not needed by the proof with an exact oracle: more programs are feasible, and neither the "
        "transfer bound nor the count of witnesses asks for a box",
    ),
    _without(
        "one-token futures present",
        lambda p: promise(p, corrections=ONE_FUTURE),
        "not needed by the proof: the witnesses at a cut stay at most d, and K allows for d",
    ),
    _without(
        "fresh words",
        lambda p: promise(p, learner=WithoutFreshWords),
        "needed by the proof; but N draws show nearly every history, so that on targets as small "
        "as these the table hardly depends on the words it is tested on",
    ),
)

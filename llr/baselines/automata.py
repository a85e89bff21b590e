"""Automata learning: the target as a Moore machine whose outputs are next-token logits.

Needs AALpy (the extra ``llr[bench]``).
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from llr.errors import InputError
from llr.models.base import LanguageModel, State, Word
from llr.numbers.arithmetic import EXACT, Arithmetic, Row
from llr.numbers.units import LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.sampling import OracleWords

ALGORITHMS = ("lstar", "lsharp")
DIGITS = 9
"""Float64 logits are rounded to so many decimals before they count as outputs."""

END = "end"


class MooreModel(LanguageModel):
    """The language model of a learned Moore machine.

    Args:
        alphabet_size, horizon, unit, arithmetic: of the target.
        start: the first state.
        steps: maps (state, token) to a state.
        rows: maps a state to its logits; states without logits read as zeros.
        learning_prefixes: distinct prefixes asked before the last hypothesis was formed.
    """

    def __init__(
        self,
        alphabet_size: int,
        horizon: int,
        unit: LogitUnit,
        arithmetic: Arithmetic,
        start: str,
        steps: dict[tuple[str, int], str],
        rows: dict[str, Row],
        learning_prefixes: int,
    ) -> None:
        self.alphabet_size, self.horizon = alphabet_size, horizon
        self.unit, self.arithmetic = unit, arithmetic
        self.states = len(rows)
        self.learning_prefixes = learning_prefixes
        self._start, self._steps, self._rows = start, steps, rows

    def start(self) -> State:
        """Return the first state."""
        return self._start

    def step(self, state: State, token: int) -> State:
        """Return the next state."""
        return self._steps[state, token]

    def read(self, state: State) -> Row:
        """Return the logits of a state, centred."""
        return self.arithmetic.centred(self._rows[state])


def learn_automaton(
    ledger: Ledger,
    *,
    alphabet_size: int,
    horizon: int,
    unit: LogitUnit,
    arithmetic: Arithmetic,
    algorithm: str,
    words: int,
    rng: np.random.Generator,
    max_rounds: int | None = None,
) -> MooreModel:
    """Run L* or L# on the target's logits; equivalence is tested on words of its own law.

    Args:
        ledger: every output is one call.
        alphabet_size, horizon, unit, arithmetic: of the target.
        algorithm: "lstar" or "lsharp".
        words: fresh words that a hypothesis must agree with.
        rng: draws them, and seeds AALpy's choices.
        max_rounds: hypotheses to try at most.

    Raises:
        InputError: AALpy is not installed, or the algorithm is unknown.
    """
    if algorithm not in ALGORITHMS:
        raise InputError("algorithm", algorithm, "one of " + ", ".join(ALGORITHMS))
    try:
        base = importlib.import_module("aalpy.base")
        algorithms = importlib.import_module("aalpy.learning_algs")
    except ImportError:
        raise InputError(
            "algorithm", algorithm, 'used with AALpy: pip install "llr[bench]"'
        ) from None
    outputs: dict[Any, Row] = {}
    asked = 0

    def output(prefix: Word) -> Any:
        if len(prefix) >= horizon:
            return END
        row = ledger.row(prefix)
        seen = row if arithmetic is EXACT else tuple(round(x, DIGITS) + 0.0 for x in row)
        outputs.setdefault(seen, row)
        return seen

    class Target(base.SUL):  # type: ignore[misc, name-defined]
        def pre(self) -> None:
            self.prefix: Word = ()

        def post(self) -> None:
            """Nothing is left to do."""

        def step(self, letter: int | None) -> Any:
            if letter is not None:
                self.prefix = (*self.prefix, letter)
            return output(self.prefix)

    class FreshWords(base.Oracle):  # type: ignore[misc, name-defined]
        def find_cex(self, hypothesis: Any) -> Sequence[int] | None:
            nonlocal asked
            asked = ledger.counts.distinct_prefixes
            drawn = OracleWords(ledger, unit, arithmetic).draw(words, horizon, rng)
            ledger.counts.words += words
            for word in drawn:
                hypothesis.reset_to_initial()
                for t in range(horizon):
                    if t:
                        hypothesis.step(word[t - 1])
                    if hypothesis.current_state.output != output(word[:t]):
                        return word[:t]
            return None

    random.seed(int(rng.integers(1 << 32)))  # AALpy takes its choices from there
    tokens = list(range(alphabet_size))
    target = Target()
    machine = getattr(algorithms, {"lstar": "run_Lstar", "lsharp": "run_Lsharp"}[algorithm])(
        tokens,
        target,
        FreshWords(tokens, target),
        "moore",
        cache_and_non_det_check=False,
        max_learning_rounds=max_rounds,
        print_level=0,
    )
    zeros = (arithmetic.scalar(0),) * alphabet_size
    steps = {
        (s.state_id, a): s.transitions[a].state_id
        for s in machine.states
        for a in tokens
        if a in s.transitions
    }
    rows = {s.state_id: outputs.get(s.output, zeros) for s in machine.states}
    first = machine.initial_state.state_id
    return MooreModel(alphabet_size, horizon, unit, arithmetic, first, steps, rows, asked)

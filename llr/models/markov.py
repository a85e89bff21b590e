"""Hidden Markov models: probability rank <= R, logits that are logarithms of rationals.

They are the contrast case of low logit rank.  Their probabilities are rational, so distances and
samples are exact; their logits are not, so logit matrices only have certified lower bounds of the
rank (:mod:`llr.models.logits`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from llr.errors import InputError
from llr.models.base import LanguageModel, State, check_grid, check_list, check_size
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT, FLOAT64, Row
from llr.numbers.rational import RationalRow, Vector
from llr.numbers.units import NAT, ODDS, Link

Grid = Sequence[Sequence[object]]


class HiddenMarkovModel(LanguageModel):
    """A hidden Markov chain on R states that emits a token, then moves.

    The state of a prefix is the exact law of the hidden state given the prefix: prefixes with equal
    laws merge.  Logits come out as float64 nats; probabilities are rational.

    Args:
        alphabet_size: k >= 2.
        horizon: T >= 1.
        initial: the law of the first hidden state, R rationals >= 0 with sum 1, R >= 1.
        transitions: R rows of R rationals >= 0 with sum 1: row i is the law of the next hidden
            state after i.
        emissions: R rows of k rationals > 0 with sum 1: row i is the law of the token that hidden
            state i emits.  Positive, so that every word has full support.

    Raises:
        InputError: a shape or an entry is wrong, or a row is no law; the message names it.

    Source: [P] Def 3.1 and the remark after it.
    """

    def __init__(
        self,
        alphabet_size: int,
        horizon: int,
        initial: Sequence[object],
        transitions: Grid,
        emissions: Grid,
    ) -> None:
        self.alphabet_size = k = check_size(alphabet_size, 2, "alphabet_size")
        self.horizon = check_size(horizon, 1, "horizon")
        self.unit = NAT
        self.arithmetic = FLOAT64
        check_list(initial, "initial", "a list of at least one rational", least=1)
        self.initial: RationalRow = Vector(
            rational.rational(x, f"initial[{i}]") for i, x in enumerate(initial)
        )
        _check_law(self.initial, "initial")
        self.hidden_states = r = len(self.initial)
        self.transitions: list[Row] = check_grid(transitions, r, r, "transitions", EXACT)
        self.emissions: list[Row] = check_grid(emissions, r, k, "emissions", EXACT)
        for i in range(r):
            _check_law(self.transitions[i], f"transitions[{i}]")
            _check_law(self.emissions[i], f"emissions[{i}]", positive=True)
        self._steps = [
            rational.matrix(
                [
                    [emitted[token] * p for p in moved]
                    for emitted, moved in zip(self.emissions, self.transitions, strict=True)
                ],
                r,
            )
            for token in range(k)
        ]
        self._readout = rational.matrix(self.emissions, k)

    def __repr__(self) -> str:
        def written(rows: Sequence[Row]) -> str:
            return "[" + "; ".join(" ".join(map(rational.text, row)) for row in rows) + "]"

        return (
            f"HiddenMarkovModel(k={self.alphabet_size}, T={self.horizon}, "
            f"initial={written([self.initial])}, transitions={written(self.transitions)}, "
            f"emissions={written(self.emissions)})"
        )

    def start(self) -> State:
        """Return the law of the first hidden state."""
        return self.initial

    def step(self, state: State, token: int) -> State:
        """Return the law of the next hidden state, given one more token."""
        forward = EXACT.combine(state, self._steps[token])
        total = sum(forward, fmpq(0))
        return Vector(x / total for x in forward)

    def read(self, state: State) -> Row:
        """Return the k mean-centred logits of the next token in nats, rounded to float64."""
        return tuple(float(x) for x in ODDS.logits(self.law(state)))

    @property
    def link(self) -> Link:
        """The law of a state is a row of probabilities."""
        return ODDS

    def law(self, state: State) -> RationalRow:
        """Return the k exact probabilities of the next token."""
        return EXACT.combine(state, self._readout)

    def probability_ranks(self) -> tuple[int, ...]:
        """Return the exact rank of M(f | h) at every cut s = 1..T (Def 3.1), in polynomial time.

        Histories have s - 1 tokens and futures the remaining T - s + 1.  The rank is that of the
        backward vectors of the futures on the forward vectors of the histories; scaling a history's
        row by its own probability does not change it.
        """
        r = self.hidden_states
        forward = [rational.matrix([self.initial], r)]
        backward = [rational.matrix([[fmpq(1)] * r], r)]
        for _ in range(self.horizon):
            moved = [row for m in self._steps for row in rational.row_tuples(forward[-1] * m)]
            forward.append(rational.row_space(rational.matrix(moved, r)))
            seen = [
                row
                for m in self._steps
                for row in rational.row_tuples(backward[-1] * m.transpose())
            ]
            backward.append(rational.row_space(rational.matrix(seen, r)))
        return tuple(
            rational.rank(forward[s] * backward[self.horizon - s].transpose())
            for s in range(self.horizon)
        )


def _check_law(row: RationalRow, argument: str, positive: bool = False) -> None:
    """Raise InputError unless the row is a probability law, with full support if ``positive``."""
    if sum(row, fmpq(0)) != 1 or any(x < 0 or (positive and x == 0) for x in row):
        sign = "positive" if positive else "nonnegative"
        raise InputError(argument, " ".join(map(rational.text, row)), f"{sign} with sum 1")


def random_hidden_markov(
    horizon: int, alphabet_size: int, hidden_states: int, seed: int = 0
) -> HiddenMarkovModel:
    """Return a hidden Markov model with small random rationals.

    Args:
        horizon: T >= 1.
        alphabet_size: k >= 2.
        hidden_states: R >= 1.
        seed: of the generator; the same seed gives the same model everywhere.

    Returns:
        A model whose laws all are integers from 1 to 9 divided by their sum.

    Raises:
        InputError: an argument is out of range.
    """
    check_size(horizon, 1, "T")
    k = check_size(alphabet_size, 2, "k")
    r = check_size(hidden_states, 1, "R")
    check_size(seed, 0, "seed")
    rng = np.random.default_rng(seed)

    def law(size: int) -> list[fmpq]:
        drawn = rng.integers(1, 10, size=size).tolist()
        return [fmpq(x, sum(drawn)) for x in drawn]

    initial = law(r)
    transitions = [law(r) for _ in range(r)]
    return HiddenMarkovModel(k, horizon, initial, transitions, [law(k) for _ in range(r)])

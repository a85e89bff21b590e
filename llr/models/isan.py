"""Time-varying ISANs (Def 1.5) and their exact cut ranks (Def 1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from flint import fmpq_mat

from llr.errors import InputError
from llr.models.base import (
    Count,
    LanguageModel,
    State,
    Word,
    check_list,
    check_matrix,
    check_size,
)
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT, Arithmetic, Matrix, Row
from llr.numbers.units import NAT, LogitUnit

Grid = Sequence[Sequence[object]]


class Isan(LanguageModel):
    """An input-switched affine network without bias: x_t = A[t][y_t] x_{t-1}.

    Token t (t = 1..T) is drawn from softmax(B[t] x_{t-1}).

    Args:
        alphabet_size: k >= 2.
        horizon: T >= 1.
        initial_state: x_0, d scalars, d >= 1.
        transitions: A[t][y], T - 1 (or T) steps of k matrices, each d x d.
        readouts: B[t], T matrices, each k x d; centring them does not change the model.
        unit: what a logit of 1 means.
        arithmetic: exact (entries int, Fraction or "p/q") or float64.

    Raises:
        InputError: a shape or an entry is wrong; the message names it.

    Source: [P] Def 1.5.
    """

    def __init__(
        self,
        alphabet_size: int,
        horizon: int,
        initial_state: Sequence[object],
        transitions: Sequence[Sequence[Grid]],
        readouts: Sequence[Grid],
        unit: LogitUnit = NAT,
        arithmetic: Arithmetic = EXACT,
    ) -> None:
        self.alphabet_size = k = check_size(alphabet_size, 2, "alphabet_size")
        self.horizon = check_size(horizon, 1, "horizon")
        self.unit = unit
        self.arithmetic = arithmetic
        check_list(initial_state, "initial_state", "a list of at least one scalar", least=1)
        self.initial_state: Row = arithmetic.row(
            [arithmetic.scalar(x, f"initial_state[{i}]") for i, x in enumerate(initial_state)]
        )
        self.dimension = d = len(self.initial_state)
        check_list(readouts, "readouts", f"a list of {horizon} matrices", horizon)
        check_list(transitions, "transitions", f"a list of {horizon - 1} or {horizon} steps")
        if len(transitions) not in (horizon - 1, horizon):
            raise InputError(
                "transitions", Count(transitions), f"a list of {horizon - 1} or {horizon} steps"
            )
        read: dict[int, tuple[Matrix, ...]] = {}  # by id: what is one object is kept once
        for t, step in enumerate(transitions):
            if id(step) not in read:
                where = f"transitions[{t}]"
                read[id(step)] = tuple(
                    check_matrix(m, d, d, f"{where}[{y}]", arithmetic)
                    for y, m in enumerate(check_list(step, where, f"a list of {k} matrices", k))
                )
        self.transitions: tuple[tuple[Matrix, ...], ...] = tuple(
            read[id(step)] for step in transitions
        )
        centred: dict[int, Matrix] = {}
        for t, m in enumerate(readouts):
            if id(m) not in centred:
                rows = arithmetic.rows(check_matrix(m, k, d, f"readouts[{t}]", arithmetic))
                centred[id(m)] = arithmetic.matrix(_column_centred(rows, arithmetic), d)
        self.readouts: tuple[Matrix, ...] = tuple(centred[id(m)] for m in readouts)

    def __repr__(self) -> str:
        def written(rows: Sequence[Row]) -> str:
            write = self.arithmetic.to_json
            return "[" + "; ".join(" ".join(str(write(x)) for x in row) for row in rows) + "]"

        a = ", ".join(
            "(" + ", ".join(written(self.arithmetic.rows(m)) for m in step) + ")"
            for step in self.transitions
        )
        b = ", ".join(written(self.arithmetic.rows(m)) for m in self.readouts)
        return (
            f"Isan(k={self.alphabet_size}, T={self.horizon}, unit={self.unit}, "
            f"x0={written([self.initial_state])}, A={a or '()'}, B={b})"
        )

    def start(self) -> State:
        """Return (0, x_0)."""
        return (0, self.initial_state)

    def step(self, state: State, token: int) -> State:
        """Return (t + 1, A[t+1][token] x_t)."""
        t, x = state
        return (t + 1, self.arithmetic.apply(self.transitions[t][token], x))

    def read(self, state: State) -> Row:
        """Return B[t+1] x_t with the token mean removed."""
        t, x = state
        return self.arithmetic.apply(self.readouts[t], x)

    # -- spaces and ranks: exact models only ------------------------------------------------

    @cached_property
    def reachable_spaces(self) -> tuple[fmpq_mat, ...]:
        """Bases (reduced echelon rows) of span{x_{s-1}(h)}, one per cut s = 1..T.

        Complexity: T eliminations of a k d x d matrix.
        """
        self._require_exact()
        d = self.dimension
        spaces = [rational.row_space(rational.matrix([self.initial_state], d))]
        for step in self.transitions[: self.horizon - 1]:
            images = [row for a in step for row in rational.row_tuples(spaces[-1] * a.transpose())]
            spaces.append(rational.row_space(rational.matrix(images, d)))
        return tuple(spaces)

    @cached_property
    def observable_spaces(self) -> tuple[fmpq_mat, ...]:
        """Bases of the functionals x_{s-1} -> L(h.f) over all futures f, one per cut s = 1..T."""
        self._require_exact()
        d = self.dimension
        spaces = [rational.row_space(self.readouts[-1])]
        for t in range(self.horizon - 2, -1, -1):
            rows = rational.row_tuples(self.readouts[t])
            for a in self.transitions[t]:
                rows.extend(rational.row_tuples(spaces[-1] * a))
            spaces.append(rational.row_space(rational.matrix(rows, d)))
        return tuple(reversed(spaces))

    def cut_ranks(self) -> tuple[int, ...]:
        """Return the exact rank of every cut s = 1..T (Def 1.4), in polynomial time.

        The rank of cut s is the rank of its observable space on its reachable space.
        """
        return tuple(
            rational.rank(o * r.transpose())
            for o, r in zip(self.observable_spaces, self.reachable_spaces, strict=True)
        )

    def mixed_rank(self) -> int:
        """Return the exact mixed rank (Def 1.4) in polynomial time.

        It is the largest rank, over L = 0..T-1, of the matrix of all |h| <= L, |f| <= T-L.

        Complexity: for each L whose bound, the number of independent columns or the sum of the
        first L + 1 cut ranks, exceeds the rank found so far: T - L eliminations of (L+1) d columns.
        """
        ranks, found = self.cut_ranks(), 0
        bounds = [
            min(sum(ranks[: longest + 1]), self.alphabet_size ** (self.horizon - longest) - 1)
            for longest in range(self.horizon)
        ]
        for longest in sorted(range(self.horizon), key=lambda at: -bounds[at]):
            if bounds[longest] > found:
                found = max(found, self._mixed_rank_at(longest))
        return found

    def _mixed_rank_at(self, longest: int) -> int:
        """Return the rank of all histories of 0..L tokens against all futures of 1..T-L.

        A history of t tokens is its state in block t of L + 1 blocks; a future is one functional
        per block.  The functionals of futures of up to m tokens, read from any L + 1 consecutive
        times, follow from those of m - 1 tokens read one step later.
        """
        d, blocks = self.dimension, longest + 1
        space = fmpq_mat(0, blocks * d)
        for first in range(self.horizon - blocks, -1, -1):
            times = range(first, first + blocks)
            rows = _beside([self.readouts[t] for t in times])
            if space.nrows():
                parts = _apart(space, d)
                for token in range(self.alphabet_size):
                    rows.extend(
                        _beside(
                            [
                                part * self.transitions[t][token]
                                for part, t in zip(parts, times, strict=True)
                            ]
                        )
                    )
            rows_matrix = rational.matrix(rows, blocks * d)
            space = rational.take_rows(rows_matrix, rational.independent_rows(rows_matrix))
        images = [
            part * reachable.transpose()
            for part, reachable in zip(_apart(space, d), self.reachable_spaces, strict=False)
        ]
        return rational.rank(rational.matrix(_beside(images), sum(m.ncols() for m in images)))

    def one_token_ranks(self) -> tuple[int, ...]:
        """Return, per cut s = 1..T, the rank of the k columns of one-token futures."""
        return tuple(
            rational.rank(b * r.transpose())
            for b, r in zip(self.readouts, self.reachable_spaces, strict=True)
        )

    def spanning_histories(self) -> list[list[Word]]:
        """Return, per cut, histories whose states span the reachable space (at most d each)."""
        self._require_exact()
        d = self.dimension
        chosen: list[list[Word]] = [[()]]
        states: dict[Word, Row] = {(): self.initial_state}
        for t in range(self.horizon - 1):
            candidates = [(*h, y) for h in chosen[-1] for y in range(self.alphabet_size)]
            images = [
                self.arithmetic.apply(self.transitions[t][h[-1]], states[h[:-1]])
                for h in candidates
            ]
            kept = rational.independent_rows(rational.matrix(images, d))
            chosen.append([candidates[i] for i in kept])
            states = {candidates[i]: images[i] for i in kept}
        return chosen

    def spanning_futures(self) -> list[list[Word]]:
        """Return, per cut, futures whose functionals span the observable space (at most d each)."""
        self._require_exact()
        d = self.dimension
        chosen: list[list[Word]] = []
        functionals: dict[Word, Row] = {}
        for t in range(self.horizon - 1, -1, -1):
            candidates: list[Word] = [(a,) for a in range(self.alphabet_size)]
            rows = rational.row_tuples(self.readouts[t])
            for f, row in functionals.items():
                for a in range(self.alphabet_size):
                    candidates.append((a, *f))
                    rows.append(self.arithmetic.combine(row, self.transitions[t][a]))
            kept = rational.independent_rows(rational.matrix(rows, d))
            chosen.append([candidates[i] for i in kept])
            functionals = {candidates[i]: rows[i] for i in kept}
        return list(reversed(chosen))

    def _require_exact(self) -> None:
        if self.arithmetic is not EXACT:
            raise InputError("arithmetic", self.arithmetic.name, "exact: float64 has no exact rank")


def known_cut_ranks(model: LanguageModel) -> tuple[int, ...] | None:
    """Return the exact cut ranks of a model that has them in polynomial time; None for others."""
    if isinstance(model, Isan) and model.arithmetic is EXACT:
        return model.cut_ranks()
    return None


def _column_centred(grid: list[Row], arithmetic: Arithmetic) -> list[Row]:
    columns = [arithmetic.centred(column) for column in zip(*grid, strict=True)]
    return list(zip(*columns, strict=True))


def _beside(matrices: Sequence[Matrix]) -> list[Row]:
    """Return the rows of matrices of one height, set side by side."""
    return [
        tuple(x for row in rows for x in row)
        for rows in zip(*map(rational.row_tuples, matrices), strict=True)
    ]


def _apart(m: Matrix, width: int) -> list[Matrix]:
    """Return the blocks of ``width`` columns of a matrix."""
    return [
        rational.take_columns(m, range(start, start + width))
        for start in range(0, m.ncols(), width)
    ]

"""The chain program (10a)-(10c): from stored rows to the next logits of a prefix.

For the prefix y_{1:t} the unknowns are c_s in R^{m_s}, s = 1..t, and the predicted rows Lh_s, with

    (10a)  Lh_s(f)     = sum_i c_{s,i} R_{s,i}(f)        s <= t, f in Fh_s
    (10b)  c_1 = e_1,  |c_{s,i}| <= 2                    s <= t
    (10c)  Lh_{s+1}(f) = sum_i c_{s,i} R_{s,i}(y_s.f)    s <= t, f in Fh_{s+1}

Neither feasibility nor the solution depends on the last token y_t, which only enters the output
Lh_{t+1}.  The exact way splits the chain into *segments*: as soon as all solutions up to a cut
predict the same next row, that row is all that the rest needs to know, and a new segment begins.
The canonical solution is the one from top-to-bottom pivots in each segment; outside the box a
Bland simplex repairs it (:mod:`llr.learning.boxed`).  Where every row is determined by its futures
a segment is one cut long, and the program is solved step by step.

Source: [P] Algorithm 1, program (10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from flint import fmpq, fmpq_mat

from llr.errors import InputError
from llr.learning.boxed import BoxedSystem, Refutation
from llr.learning.table import Table, one_token_futures
from llr.models.base import State, Word
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT, Row


@dataclass(frozen=True)
class Solution:
    """A solution of the chain program of y_{1:t}.

    Attributes:
        coefficients: c_1, ..., c_t.
    """

    coefficients: tuple[Row, ...]


class ChainProgram(Protocol):
    """Chain programs over one table, as an automaton over prefixes.

    The state of y_{1:t} knows the solution for every prefix that continues it by one token.

    Source: [P] program (10).
    """

    @property
    def solved(self) -> int:
        """How many different programs were solved so far."""

    def start(self) -> State:
        """Return the state of the empty prefix."""

    def step(self, state: State, token: int) -> State:
        """Return the state of a prefix with one more token, for prefixes of up to T - 1 tokens."""

    def read(self, state: State) -> Row | None:
        """Return the predicted logits of the next token, or None where infeasible."""

    def solution(self, prefix: Word) -> Solution | None:
        """Return the solution for a nonempty prefix, or None where the program is infeasible."""


@dataclass(frozen=True)
class Segment:
    """The open end of a chain: everything before it is settled by one row.

    Attributes:
        first: its first cut, >= 2.
        row: the row predicted for that cut, on Fh_first; for cut T + 1, the empty row.
        tokens: the tokens since, one for each cut that the segment has passed.
    """

    first: int
    row: Row
    tokens: Word

    @property
    def last(self) -> int:
        """The cut whose coefficients come last."""
        return self.first + len(self.tokens)

    def __hash__(self) -> int:
        # hashing a rational is slow, and numerators tell rows apart
        return hash((self.first, self.tokens, tuple([x.p for x in self.row])))


@dataclass(frozen=True)
class _Reached:
    """State of a prefix: the segment it ends in, which fixes the prediction for the next token."""

    segment: Segment
    prediction: Row = field(compare=False)


INFEASIBLE: State = None


class ExactChainProgram:
    """Chain programs over the rationals; no float and no tolerance anywhere.

    Args:
        table: rows in exact arithmetic.

    Source: [P] program (10).
    """

    def __init__(self, table: Table) -> None:
        assert table.arithmetic is EXACT
        self._table = table
        self._k = table.alphabet_size
        self._systems: dict[tuple[int, Word], BoxedSystem] = {}
        self._forced: dict[tuple[int, Word], bool] = {}
        self._blocks: dict[tuple[int, int], fmpq_mat] = {}
        self._onward: dict[tuple[int, int], rational.Cleared] = {}
        self._solutions: dict[Segment, RowOrRefutation] = {}
        self._parts: dict[Segment, list[Row]] = {}
        self._steps: dict[tuple[State, int], State] = {}
        first = table.cut(1)
        place = {f: j for j, f in enumerate(first.columns)}
        self._first_row = tuple(first.rows[0][place[f]] for f in one_token_futures(self._k))

    @property
    def solved(self) -> int:
        """How many different boxed systems were solved so far."""
        return len(self._solutions)

    # -- the automaton ----------------------------------------------------------------------

    def start(self) -> State:
        """Return the state of the empty prefix, whose next logits are stored."""
        return "start"

    def step(self, state: State, token: int) -> State:
        """Return the state after one more token."""
        if (state, token) not in self._steps:
            self._steps[state, token] = self._step(state, token)
        return self._steps[state, token]

    def _step(self, state: State, token: int) -> State:
        if state == "start":
            row = self._predict((fmpq(1),), 1, token)
            return _Reached(Segment(2, row, ()), row[: self._k])
        if not isinstance(state, _Reached):
            return INFEASIBLE
        segment = state.segment
        found = self._solve(segment)
        if isinstance(found, Refutation):
            return INFEASIBLE
        cut = segment.last
        width = len(self._table.cut(cut).histories)
        row = self._predict(found[len(found) - width :], cut, token)
        if cut == self._table.horizon - 1 or self._closes(segment, token):
            following = Segment(cut + 1, row, ())
        else:
            following = Segment(segment.first, segment.row, (*segment.tokens, token))
        return _Reached(following, row[: self._k])

    def _predict(self, coefficients: Row, cut: int, token: int) -> Row:
        """Return the row that a cut's coefficients predict for the next cut."""
        if (cut, token) not in self._onward:
            self._onward[cut, token] = rational.Cleared(self._next_block(cut, token))
        return self._onward[cut, token].combine(coefficients)

    def read(self, state: State) -> Row | None:
        """Return the predicted logits of the next token, or None where infeasible."""
        if state == "start":
            return self._first_row
        return state.prediction if isinstance(state, _Reached) else None

    def solution(self, prefix: Word) -> Solution | None:
        """Return the canonical solution for a nonempty prefix, or None where infeasible."""
        coefficients: list[Row] = [(fmpq(1),)]
        state = self.step(self.start(), prefix[0])
        for token in prefix[1:]:
            segment = state.segment
            state = self.step(state, token)
            if state is INFEASIBLE:
                return None
            following = state.segment
            if following.first > segment.last:
                coefficients.extend(self._split(segment))
        open_segment = state.segment
        if open_segment.tokens:
            shorter = Segment(open_segment.first, open_segment.row, open_segment.tokens[:-1])
            coefficients.extend(self._split(shorter))
        return Solution(tuple(coefficients))

    def refutation(self, prefix: Word) -> tuple[fmpq_mat, Row, Refutation] | None:
        """Return the system c G = b of an infeasible prefix with its refutation, else None."""
        state = self.step(self.start(), prefix[0])
        for token in prefix[1:]:
            segment = state.segment
            state = self.step(state, token)
            if state is INFEASIBLE:
                found = self._solve(segment)
                assert isinstance(found, Refutation)
                return self._system(segment).g, self._right_side(segment), found
        return None

    # -- segments ---------------------------------------------------------------------------

    def _solve(self, segment: Segment) -> RowOrRefutation:
        found = self._solutions.get(segment)
        if found is None:
            found = self._system(segment).solve(self._right_side(segment))
            self._solutions[segment] = found
        return found

    def _split(self, segment: Segment) -> list[Row]:
        """Return the solved segment's coefficients, cut by cut."""
        if segment in self._parts:
            return self._parts[segment]
        found = self._solve(segment)
        assert not isinstance(found, Refutation)
        parts: list[Row] = []
        start = 0
        for s in range(segment.first, segment.last + 1):
            width = len(self._table.cut(s).histories)
            parts.append(rational.Vector(found[start : start + width]))
            start += width
        self._parts[segment] = parts
        return parts

    def _right_side(self, segment: Segment) -> Row:
        later = range(segment.first + 1, segment.last + 1)
        return segment.row + (fmpq(0),) * sum(len(self._table.futures(s)) for s in later)

    def _system(self, segment: Segment) -> BoxedSystem:
        """Return the segment's equations: (10a) at its first cut, (10a) = (10c) at later ones."""
        key = (segment.first, segment.tokens)
        if key not in self._systems and not segment.tokens:
            self._systems[key] = BoxedSystem(self._block(segment.first))
        if key not in self._systems:
            cuts = range(segment.first, segment.last + 1)
            start = {}
            total = 0
            for s in cuts:
                start[s] = total
                total += len(self._table.futures(s))
            rows: list[list[fmpq]] = []
            for s in cuts:
                own = rational.row_tuples(self._block(s))
                onward = (
                    rational.row_tuples(self._next_block(s, segment.tokens[s - segment.first]))
                    if s < segment.last
                    else [()] * len(own)
                )
                for here, there in zip(own, onward, strict=True):
                    row = [fmpq(0)] * total
                    row[start[s] : start[s] + len(here)] = here
                    if there:
                        row[start[s + 1] : start[s + 1] + len(there)] = [-x for x in there]
                    rows.append(row)
            self._systems[key] = BoxedSystem(rational.matrix(rows, total))
        return self._systems[key]

    def _closes(self, segment: Segment, token: int) -> bool:
        """True if every solution of the segment predicts the same row after ``token``."""
        key = (segment.first, (*segment.tokens, token))
        if key not in self._forced:
            system = self._system(segment)
            forced = system.rank == system.unknowns
            if not forced:
                onward = rational.row_tuples(self._next_block(segment.last, token))
                width = len(self._table.futures(segment.last + 1))
                padding = [(fmpq(0),) * width] * (system.unknowns - len(onward))
                forced = system.forces(rational.matrix([*padding, *onward], width))
            self._forced[key] = forced
        return self._forced[key]

    def _block(self, s: int) -> fmpq_mat:
        """Return R_s on Fh_s."""
        return self._stored(s, -1, self._table.futures(s))

    def _next_block(self, s: int, token: int) -> fmpq_mat:
        """Return R_s on token.f, f in Fh_{s+1}."""
        return self._stored(s, token, tuple((token, *f) for f in self._table.futures(s + 1)))

    def _stored(self, s: int, token: int, futures: tuple[Word, ...]) -> fmpq_mat:
        if (s, token) not in self._blocks:
            self._blocks[s, token] = self._table.block(s, futures)
        return self._blocks[s, token]


RowOrRefutation = Row | Refutation


def chain_program(table: Table, relaxed: bool = False) -> ChainProgram:
    """Return the chain programs of a table: exact, or by HiGHS for float64 rows.

    Args:
        table: stored rows.
        relaxed: minimize the largest error of an equation instead of demanding that there be
            none; float64 only.
    """
    if table.arithmetic is EXACT:
        if relaxed:
            raise InputError("arithmetic", "exact", "float64: relaxed programs are solved in it")
        return ExactChainProgram(table)
    from llr.learning.highs import HighsChainProgram

    return HighsChainProgram(table, relaxed)

"""The chain program in float64: PuLP states it, HiGHS solves it.

The rows Lh are eliminated by (10a), each equation is scaled by a power of two to a largest
coefficient near 1 (HiGHS judges by absolute tolerances), and the solver's own status is read.
"""

from __future__ import annotations

import math

import highspy
import pulp

from llr.errors import LlrError
from llr.learning.program import Solution
from llr.learning.spanner import BOX
from llr.learning.table import Table, one_token_futures
from llr.models.base import State, Word
from llr.numbers import floats
from llr.numbers.arithmetic import Matrix, Row

NEGLIGIBLE = 1e-12
"""Coefficients below this, after scaling, are left out of a program."""

SATISFIED = 1e-6
"""How far a scaled equation may be off in an accepted solution."""


class _Silent(highspy.Highs):  # type: ignore[misc]
    """HiGHS without a word; its banner may come before any option can be set from outside."""

    def enableCallbacks(self) -> None:  # noqa: N802
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


class Solver(pulp.HiGHS):  # type: ignore[misc]
    """PuLP's HiGHS on one thread, silent."""

    def createAndConfigureSolver(self, problem: pulp.LpProblem) -> None:  # noqa: N802
        """Give a problem its solver."""
        problem.solverModel = _Silent()
        problem.solverModel.setOptionValue("threads", 1)


class HighsChainProgram:
    """Chain programs over float64 rows; see :class:`llr.learning.program.ChainProgram`.

    Args:
        table: rows in float64.
        relaxed: let every equation be off by a slack, and take the least; then no program is
            infeasible.
    """

    def __init__(self, table: Table, relaxed: bool = False) -> None:
        self._table = table
        self._relaxed = relaxed
        self._solutions: dict[Word, Solution | None] = {}
        self._blocks: dict[tuple[int, int], Matrix] = {}

    @property
    def solved(self) -> int:
        """How many programs were solved so far."""
        return len(self._solutions)

    def start(self) -> State:
        """Return the empty prefix."""
        return ()

    def step(self, state: State, token: int) -> State:
        """Return the prefix with one more token."""
        return (*state, token)

    def read(self, state: State) -> Row | None:
        """Return the predicted logits of the next token, or None where infeasible."""
        prefix: Word = state
        k = self._table.alphabet_size
        if not prefix:
            first = self._table.block(1, one_token_futures(k))
            return self._table.arithmetic.rows(first)[0]
        solution = self.solution(prefix)
        if solution is None:
            return None
        t = len(prefix)
        block = self._next_block(t, prefix[-1])
        return self._table.arithmetic.combine(solution.coefficients[-1], block)[:k]

    def solution(self, prefix: Word) -> Solution | None:
        """Return HiGHS' solution for a nonempty prefix, or None where infeasible."""
        decisive = prefix[:-1]  # the last token enters the output only
        if decisive not in self._solutions:
            self._solutions[decisive] = self._solve(decisive)
        return self._solutions[decisive]

    def _solve(self, decisive: Word) -> Solution | None:
        """Solve the program of the prefixes decisive.a; ``decisive`` has t - 1 tokens."""
        t = len(decisive) + 1
        widths = [len(self._table.cut(s).histories) for s in range(2, t + 1)]
        problem = pulp.LpProblem("chain")
        problem += 0
        c: list[list[pulp.LpVariable]] = [[]] + [
            [problem.add_variable(f"c_{s}_{i}", -BOX, BOX) for i in range(width)]
            for s, width in enumerate(widths, start=2)
        ]
        equations: list[tuple[list[tuple[float, pulp.LpVariable]], float]] = []
        for s in range(2, t + 1):
            here = self._block(s)
            before = self._next_block(s - 1, decisive[s - 2])
            for j in range(len(self._table.futures(s))):
                left = [(float(here[i, j]), v) for i, v in enumerate(c[s - 1])]
                if s == 2:
                    right = float(before[0, j])
                else:
                    right = 0.0
                    left += [(-float(before[i, j]), v) for i, v in enumerate(c[s - 2])]
                equations.append((left, right) if self._relaxed else _scaled(left, right))
        if self._relaxed:
            _relax(problem, equations)
            return self._solved(problem, c)
        for left, right in equations:
            if left:
                problem += pulp.LpAffineExpression([(v, a) for a, v in left]) == right
            elif abs(right) > SATISFIED:
                return None
        solution = self._solved(problem, c)
        if solution is None:
            return None
        values = {
            v.name: x
            for group, row in zip(c, solution.coefficients, strict=True)
            for v, x in zip(group, row, strict=False)
        }
        for left, right in equations:
            if abs(sum(a * values[v.name] for a, v in left) - right) > SATISFIED:
                raise LlrError("HiGHS returned a point that does not satisfy its chain program")
        return solution

    def _solved(self, problem: pulp.LpProblem, c: list[list[pulp.LpVariable]]) -> Solution | None:
        """Solve a stated program; None if it is infeasible."""
        if problem.numConstraints():
            problem.solve(Solver())
            status = problem.solverModel.getModelStatus()
            if status == highspy.HighsModelStatus.kInfeasible:
                return None
            if status != highspy.HighsModelStatus.kOptimal:
                raise LlrError(f"HiGHS ended a chain program with status {status.name}")
        return Solution(((1.0,), *(tuple(v.value() or 0.0 for v in group) for group in c[1:])))

    def _block(self, s: int) -> Matrix:
        if (s, -1) not in self._blocks:
            self._blocks[s, -1] = self._table.block(s, self._table.futures(s))
        return self._blocks[s, -1]

    def _next_block(self, s: int, token: int) -> Matrix:
        if (s, token) not in self._blocks:
            futures = [(token, *f) for f in self._table.futures(s + 1)]
            self._blocks[s, token] = self._table.block(s, futures)
        return self._blocks[s, token]


def _relax(
    problem: pulp.LpProblem, equations: list[tuple[list[tuple[float, pulp.LpVariable]], float]]
) -> None:
    """State that every equation may be off by the same slack, and that the slack be least."""
    slack = problem.add_variable("slack", 0)
    problem.setObjective(slack)
    for left, right in equations:
        side = pulp.LpAffineExpression([(v, a) for a, v in left])
        problem += side - slack <= right
        problem += side + slack >= right


def _scaled(
    left: list[tuple[float, pulp.LpVariable]], right: float
) -> tuple[list[tuple[float, pulp.LpVariable]], float]:
    """Scale an equation by a power of two to a largest coefficient in [1/2, 1); drop dust.

    An equation whose coefficients are all below the rank tolerance is kept unscaled: it is dust.
    """
    largest = max((abs(a) for a, _ in left), default=0.0)
    if largest <= floats.RANK_TOLERANCE:
        return [], right
    factor = 2.0 ** -math.frexp(largest)[1]
    return [(a * factor, v) for a, v in left if abs(a * factor) > NEGLIGIBLE], right * factor

"""Exact linear systems with a box: find c with c G = b and every |c_i| <= 2, or refute it.

This is what a chain program comes down to.  Everything is rational; the answer is a fixed function
of (G, b): first the basic solution from top-to-bottom pivots, then, only if that one leaves the
box, a bounded simplex with Bland's rule started from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flint import arb, arb_mat, ctx, fmpq, fmpq_mat

from llr.learning.spanner import BOX
from llr.numbers import rational
from llr.numbers.rational import ZERO, RationalRow

BITS = 256
"""Precision of the balls that choose the steps of the simplex."""


@dataclass(frozen=True)
class Refutation:
    """A proof that c G = b has no solution in the box.

    ``multipliers`` is a column z with  b z > 2 sum_i |(G z)_i|,  while c G = b would give
    b z = c (G z) <= 2 sum_i |(G z)_i|.
    """

    multipliers: RationalRow

    def holds(self, g: fmpq_mat, b: RationalRow) -> bool:
        """Check the inequality exactly."""
        z = fmpq_mat(len(self.multipliers), 1, list(self.multipliers))
        slack = sum((abs(x) for x in (g * z).entries()), fmpq(0))
        value = sum((x * y for x, y in zip(b, self.multipliers, strict=True)), fmpq(0))
        return bool(value > BOX * slack)


class BoxedSystem:
    """The system c G = b with |c_i| <= 2, for one G and many b.

    Args:
        g: n x m matrix; n unknowns, m equations.
    """

    def __init__(self, g: fmpq_mat) -> None:
        self.g = g
        self.unknowns = g.nrows()
        self._cleared = rational.Cleared(g)
        self._columns = self._cleared.pivot_columns()
        if len(self._columns) == self.unknowns:
            self.basic = list(range(self.unknowns))
            self._basic_rows = g
        else:
            self.basic = list(rational.independent_rows(g))
            self._basic_rows = rational.take_rows(g, self.basic)
            self._cleared = rational.Cleared(self._basic_rows)
            self._columns = rational.separating_columns(self._basic_rows)
        self._square = rational.take_columns(self._basic_rows, self._columns).transpose()

    @property
    def rank(self) -> int:
        """The rank of G."""
        return len(self.basic)

    def forces(self, m: fmpq_mat) -> bool:
        """True if c m is the same for all solutions c of c G = b (box aside), whatever b is."""
        if self.rank == self.unknowns or m.ncols() == 0:
            return True
        # the columns of m must be combinations of those of G
        columns = rational.take_columns(self.g, self._columns).transpose()
        return rational.coordinates(columns, m.transpose()) is not None

    def solve(self, b: RationalRow) -> RationalRow | Refutation:
        """Return the canonical solution, or a proof that there is none.

        Args:
            b: m rationals.

        Returns:
            n rationals c with c G = b and |c_i| <= 2, or a :class:`Refutation`.
        """
        values = self._basic_values(b)
        if not self._cleared.sends(values, b):
            return self._inconsistent(b, self._cleared.combine(values))
        if all(abs(x) <= BOX for x in values):
            solution = [fmpq(0)] * self.unknowns
            for i, x in zip(self.basic, values, strict=True):
                solution[i] = x
            return tuple(solution)
        return self._simplex(b)

    def _basic_values(self, b: RationalRow) -> RationalRow:
        """Return the values of the basic unknowns when all others are zero."""
        if not self.rank:
            return ()
        right = fmpq_mat(self.rank, 1, [b[j] for j in self._columns])
        return tuple(self._square.solve(right).entries())

    def _inconsistent(self, b: RationalRow, predicted: RationalRow) -> Refutation:
        """Return z with G z = 0 and b z > 0: some column of G is a combination that b is not."""
        wrong = next(j for j, (x, y) in enumerate(zip(predicted, b, strict=True)) if x != y)
        z = [fmpq(0)] * len(b)
        if self.rank:
            column = rational.take_columns(self._basic_rows, [wrong])
            shares = self._square.transpose().solve(column).entries()
            for j, x in zip(self._columns, shares, strict=True):
                z[j] = -x
        z[wrong] += 1
        sign = 1 if b[wrong] > predicted[wrong] else -1
        return Refutation(tuple(sign * x for x in z))

    def _simplex(self, b: RationalRow) -> RationalRow | Refutation:
        """Repair a basic solution that leaves the box; stop with a solution or a blocked row.

        The basic unknowns are c_B = const + c_N D.  While one is outside, the first such leaves the
        basis at the end of its interval that it had passed, and the first unknown that can give way
        enters: Bland's rule, so no basis comes twice.  Balls decide the steps; where one holds zero
        the rationals do, and balls go on from there.
        """
        at = _Basis(list(self.basic), sorted(set(range(self.unknowns)) - set(self.basic)))
        with ctx.workprec(BITS):
            balls = arb_mat(self._tableau(at, b))
            while True:
                step = _bland(balls, at)
                if step is None:
                    exact = self._tableau(at, b)
                    step = _bland(exact, at)
                    balls = arb_mat(exact)
                assert step is not None  # rationals decide everything
                if step.leaving is None:
                    return self._solution(at, b)
                if step.entering is None:
                    return self._blocked(at, step.leaving, step.side)
                balls = _pivot(balls, at, step.leaving, step.entering, step.side)

    def _transposed(self, at: _Basis) -> fmpq_mat:
        """Return the transposed square of the basic rows."""
        rows = rational.take_rows(self.g, at.basic)
        return rational.take_columns(rows, self._columns).transpose()

    def _moved(self, at: _Basis, b: RationalRow) -> list[fmpq]:
        """Return b less what the free unknowns make up, on the columns that count."""
        ends = [(i, x) for i, x in zip(at.free, at.values, strict=True) if x]
        return [b[j] - sum((x * self.g[i, j] for i, x in ends), ZERO) for j in self._columns]

    def _tableau(self, at: _Basis, b: RationalRow) -> fmpq_mat:
        """Return how the basic unknowns move per unit of each free one, and then their values."""
        free = rational.take_columns(rational.take_rows(self.g, at.free), self._columns)
        columns = [[-x for x in row] for row in rational.row_tuples(free)] + [self._moved(at, b)]
        right = rational.matrix(columns, self.rank).transpose()
        return self._transposed(at).solve(right)

    def _solution(self, at: _Basis, b: RationalRow) -> RationalRow:
        """Return all unknowns, exactly."""
        values = self._transposed(at).solve(fmpq_mat(self.rank, 1, self._moved(at, b)))
        found = dict(zip(at.basic, values.entries(), strict=True))
        found |= dict(zip(at.free, map(fmpq, at.values), strict=True))
        return tuple(found[i] for i in range(self.unknowns))

    def _blocked(self, at: _Basis, p: int, side: int) -> Refutation:
        """Return the multipliers of the row of a basic unknown that cannot reach the box."""
        unit = fmpq_mat(self.rank, 1, [fmpq(int(i == p)) for i in range(self.rank)])
        z = [ZERO] * self.g.ncols()
        column = self._transposed(at).transpose().solve(unit).entries()
        for j, x in zip(self._columns, column, strict=True):
            z[j] = side * x
        return Refutation(tuple(z))


class _Basis:
    """Which unknowns are basic, which are free, and where the free ones are: at 0, 2 or -2."""

    def __init__(self, basic: list[int], free: list[int]) -> None:
        self.basic = basic
        self.free = free
        self.values = [0] * len(free)


@dataclass(frozen=True)
class _Step:
    """Which basic unknown leaves at which end of the box, and which free unknown enters."""

    leaving: int | None
    entering: int | None = None
    side: int = 0


def _bland(tableau: fmpq_mat | arb_mat, at: _Basis) -> _Step | None:
    """Return the next step; without a leaving unknown at the end; None where a ball holds zero."""
    last = len(at.free)
    for p in sorted(range(len(at.basic)), key=at.basic.__getitem__):
        value = tableau[p, last]
        outside = _sign(abs(value) - BOX)
        if outside is None:
            return None
        if outside > 0:
            break
    else:
        return _Step(None)
    side = 1 if value > 0 else -1
    for q in sorted(range(last), key=at.free.__getitem__):
        moves = _sign(tableau[p, q])
        if moves is None:
            return None
        if moves and at.values[q] != -moves * side * BOX:  # it can move the way that helps
            return _Step(p, q, side)
    return _Step(p, None, side)


def _sign(x: Any) -> int | None:
    """Return the sign, or None where a ball does not tell."""
    if x > 0:
        return 1
    if x < 0:
        return -1
    return 0 if x == 0 else None


def _pivot(tableau: arb_mat, at: _Basis, p: int, q: int, side: int) -> arb_mat:
    """Let basic unknown p leave at one end and free unknown q enter; return the next tableau."""
    height, last = len(at.basic), len(at.free)
    inverse = 1 / tableau[p, q]
    row = [-tableau[p, c] * inverse for c in range(last)]
    row[q] = inverse
    shift = (side * BOX - tableau[p, last]) * inverse
    column = [tableau[r, q] for r in range(height)]
    column[p] = arb(1)
    for r in range(height):
        tableau[r, q] = 0
    for c in range(last + 1):
        tableau[p, c] = 0
    found = tableau + arb_mat(height, 1, column) * arb_mat(1, last + 1, [*row, shift])
    found[p, last] = at.values[q] + shift
    at.basic[p], at.free[q] = at.free[q], at.basic[p]
    at.values[q] = side * BOX
    return found

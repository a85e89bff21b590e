"""Exact linear systems with a box: find c with c G = b and every |c_i| <= 2, or refute it.

This is what a chain program comes down to.  Everything is rational; the answer is a fixed function
of (G, b): first the basic solution from top-to-bottom pivots, then, only if that one leaves the
box, a bounded simplex with Bland's rule started from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq, fmpq_mat

from llr.learning.spanner import BOX
from llr.numbers import rational
from llr.numbers.rational import RationalRow


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
        self._columns = rational.pivot_columns(g)
        if len(self._columns) == self.unknowns:
            self.basic = list(range(self.unknowns))
            self._basic_rows = g
        else:
            self.basic = list(rational.independent_rows(g))
            self._basic_rows = rational.take_rows(g, self.basic)
            self._columns = rational.separating_columns(self._basic_rows)
        self._cleared = rational.Cleared(self._basic_rows)
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
        predicted = self._cleared.combine(values)
        if predicted != tuple(b):
            return self._inconsistent(b, predicted)
        if all(abs(x) <= BOX for x in values):
            solution = [fmpq(0)] * self.unknowns
            for i, x in zip(self.basic, values, strict=True):
                solution[i] = x
            return tuple(solution)
        return self._simplex(list(values))

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

    def _simplex(self, values: list[fmpq]) -> RationalRow | Refutation:
        """Repair a basic solution that leaves the box; stop with a solution or a blocked row.

        The basic unknowns are c_B = const + c_N D.  While one is outside, the first such leaves the
        basis at the end of its interval that it had passed, and the first unknown that can give way
        enters: Bland's rule, so no basis comes twice.
        """
        basic = list(self.basic)
        free = [i for i in range(self.unknowns) if i not in set(basic)]
        if not free:
            return self._blocked(basic, values)
        rows = rational.take_columns(rational.take_rows(self.g, free), self._columns)
        # tableau[p][q]: how basic unknown p moves per unit of free unknown q
        tableau = [[-x for x in row] for row in self._square.solve(rows.transpose()).tolist()]
        at = [fmpq(0)] * len(free)
        while True:
            outside = [p for p in range(len(basic)) if abs(values[p]) > BOX]
            if not outside:
                solution = [fmpq(0)] * self.unknowns
                for i, x in [*zip(basic, values, strict=True), *zip(free, at, strict=True)]:
                    solution[i] = x
                return tuple(solution)
            p = min(outside, key=basic.__getitem__)
            bound = fmpq(BOX if values[p] > 0 else -BOX)
            up = bound > values[p]
            candidates = [
                q
                for q in range(len(free))
                if tableau[p][q] != 0
                and (at[q] < BOX if (tableau[p][q] > 0) == up else at[q] > -BOX)
            ]
            if not candidates:
                return self._blocked(basic, values, p)
            q = min(candidates, key=free.__getitem__)
            shift = (bound - values[p]) / tableau[p][q]
            for r in range(len(basic)):
                values[r] += tableau[r][q] * shift
            entering = at[q] + shift
            basic[p], free[q] = free[q], basic[p]
            values[p], at[q] = entering, bound
            _pivot(tableau, p, q)

    def _blocked(self, basic: list[int], values: list[fmpq], p: int | None = None) -> Refutation:
        """Return the multipliers of the row of a basic unknown that cannot reach the box."""
        if p is None:
            p = next(i for i, x in enumerate(values) if abs(x) > BOX)
        square = rational.take_columns(rational.take_rows(self.g, basic), self._columns)
        unit = fmpq_mat(self.rank, 1, [fmpq(int(i == p)) for i in range(self.rank)])
        z = [fmpq(0)] * self.g.ncols()
        sign = 1 if values[p] > 0 else -1
        for j, x in zip(self._columns, square.solve(unit).entries(), strict=True):
            z[j] = sign * x
        return Refutation(tuple(z))


def _pivot(tableau: list[list[fmpq]], p: int, q: int) -> None:
    """Exchange basic unknown p and free unknown q in the tableau, in place."""
    pivot_row = tableau[p]
    inverse = 1 / pivot_row[q]
    new_row = [-x * inverse for x in pivot_row]
    new_row[q] = inverse
    for r, row in enumerate(tableau):
        if r == p:
            continue
        share = row[q]
        if share != 0:
            tableau[r] = [
                share * inverse if c == q else x + share * new_row[c] for c, x in enumerate(row)
            ]
    tableau[p] = new_row

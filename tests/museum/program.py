"""Rooms of the chain program and of the learned model that reads it."""

from __future__ import annotations

from flint import fmpq

from llr.learning.boxed import BoxedSystem, Refutation
from llr.learning.learned import LearnedModel
from llr.learning.program import INFEASIBLE, ExactChainProgram
from llr.learning.spanner import BOX
from llr.numbers import rational

from .piece import Piece, target

SYSTEM = "llr.learning.program.BoxedSystem"
READ = "llr.learning.learned.chain_program"
TESTED = "llr.learning.printed.chain_program"


class BoxDropped(BoxedSystem):
    """Takes the basic solution wherever the equalities hold."""

    def solve(self, b):
        values = self._basic_values(b)
        if (rational.matrix([values], self.rank) * self._basic_rows).entries() != list(b):
            return self._inconsistent(b, self._cleared.combine(values))
        solution = [fmpq(0)] * self.unknowns
        for i, x in zip(self.basic, values, strict=True):
            solution[i] = x
        return tuple(solution)


class EqualitiesTrusted(BoxedSystem):
    """Solves the pivot equalities and looks at the box alone."""

    def solve(self, b):
        values = self._basic_values(b)
        if any(abs(x) > BOX for x in values):
            return super().solve(b)
        solution = [fmpq(0)] * self.unknowns
        for i, x in zip(self.basic, values, strict=True):
            solution[i] = x
        return tuple(solution)


class WarmStarted(BoxedSystem):
    """Takes its pivots from the top at the first call, from the bottom afterwards."""

    calls = 0

    def solve(self, b):
        self.calls += 1
        if self.calls == 1 or not self.unknowns:
            return super().solve(b)
        upside_down = rational.row_tuples(self.g)[::-1]
        found = BoxedSystem(rational.matrix(upside_down, self.g.ncols())).solve(b)
        return found if isinstance(found, Refutation) else found[::-1]


class SignSlip(ExactChainProgram):
    """Couples the cuts by (10a) + (10c) = 0."""

    _coupling = False

    def _system(self, segment):
        self._coupling = True
        try:
            return super()._system(segment)
        finally:
            self._coupling = False

    def _next_block(self, s, token):
        block = super()._next_block(s, token)
        return -block if self._coupling else block


class OneTokenValues(ExactChainProgram):
    """Predicts with the values R(a) that are stored in place of R(y.a)."""

    def _next_block(self, s, token):
        stored = self._table.cut(s).columns
        futures = [f if f in stored else (token, *f) for f in self._table.futures(s + 1)]
        return self._table.block(s, futures)


def read_by(kind):
    """Return what reads a table with this kind of program."""
    return lambda table, relaxed=False: kind(table)


PROGRAMS = [
    Piece(
        "box dropped",
        "(10b) left out: any combination will do; least squares in place of a program",
        "chain-program-split",
        {SYSTEM: BoxDropped},
        target(3, 2, 1, noisy=True),
    ),
    Piece(
        "equalities trusted",
        "as many equalities as unknowns are solved, those on the rest of Fh never looked at",
        "chain-program-split",
        {SYSTEM: EqualitiesTrusted},
        target(3, 2, 1, noisy=True),
    ),
    Piece(
        "warm start",
        "starts from the last basis, as solvers do: which solution comes depends on the calls",
        "program-order",
        {SYSTEM: WarmStarted},
        target(3, 2, 1, noisy=True),
    ),
    Piece(
        "sign slip in (10c)",
        "+ in place of - where two cuts are coupled; no effect while cuts are solved one by one",
        "witness-new",
        {READ: read_by(SignSlip), TESTED: SignSlip},
        target(4, 2, 1, noisy=True),
    ),
]


class Recovers(LearnedModel):
    """Starts again from the first token after an infeasible prefix."""

    def step(self, state, token):
        if state is INFEASIBLE:
            return super().step(self.start(), token)
        return super().step(state, token)


class Repeats(LearnedModel):
    """Emits the stored first row where the program is infeasible."""

    def read(self, state):
        return super().read(self.start() if state is INFEASIBLE else state)


LEARNED = [
    Piece(
        "one-token cache",
        "only one-token values are stored, and read in place of R(y.a); [P], end of Algorithm 1",
        "telescope",
        {READ: read_by(OneTokenValues), TESTED: OneTokenValues},
        target(2, 2, 1, noisy=True),
    ),
    Piece(
        "uniform tail forgotten",
        "uniform for one token after an infeasible prefix, then as if nothing had happened",
        "algorithm-2-uniform",
        {"properties.scenarios.LearnedModel": Recovers},
        target(4, 2, 1, noisy=True),
    ),
    Piece(
        "infeasible not noticed",
        "emits the last row that it knows where the program is infeasible",
        "algorithm-2-uniform",
        {"properties.scenarios.LearnedModel": Repeats},
        target(3, 2, 1, noisy=True),
    ),
]

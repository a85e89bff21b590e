"""Sequences for the elliptic potential (Lemma 5.1): vectors, or witnesses found in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.errors import InputError
from llr.numbers.rational import RationalRow, matrix, row_tuples, text
from properties.strategies.basic import Span, check_error, check_flag, check_span


@dataclass(frozen=True)
class Potential:
    """What Lemma 5.1 speaks of: v_1..v_W and phi_1..phi_W in R^d, with numbers D_j(i), i <= j.

    Here D_j(i) = 0 for i < j, and D_j(j) is as far from 0 as the error of those zeros allows.

    Attributes:
        v, phi: the vectors.
    """

    v: tuple[RationalRow, ...]
    phi: tuple[RationalRow, ...]

    @property
    def readings(self) -> tuple[RationalRow, ...]:
        """The numbers D_j(1)..D_j(j), row by row."""
        v, phi = self.v, self.phi
        e = max((abs(dot(v[j], phi[i])) for j in range(len(v)) for i in range(j)), default=fmpq(0))
        found = []
        for j, (x, y) in enumerate(zip(v, phi, strict=True)):
            last = dot(x, y)
            found.append((*(fmpq(0),) * j, last + e if last > 0 else last - e))
        return tuple(found)

    @property
    def dimension(self) -> int:
        """Return d."""
        return len(self.v[0])

    @property
    def error(self) -> fmpq:
        """Return e, the largest |D_j(i) - <v_j, phi_i>|."""
        return max(
            abs(value - dot(self.v[j], self.phi[i]))
            for j, row in enumerate(self.readings)
            for i, value in enumerate(row)
        )

    @property
    def threshold(self) -> fmpq:
        """Return g, the least |D_j(j)|."""
        return min(abs(row[-1]) for row in self.readings)

    @property
    def gain(self) -> fmpq:
        """Return g - e."""
        return self.threshold - self.error

    @property
    def b2(self) -> fmpq:
        """Return B^2, the largest squared length of a v_j."""
        return max(dot(x, x) for x in self.v)

    @property
    def r2(self) -> fmpq:
        """Return R^2, the largest squared length of a phi_j."""
        return max(dot(x, x) for x in self.phi)


@dataclass(frozen=True)
class Witnesses(Potential):
    """A sequence found in a table of logits that is read with errors.

    Attributes:
        v, phi: the vectors.
        read: the numbers D_j(1)..D_j(j), row by row, as they were read.
    """

    read: tuple[RationalRow, ...]

    @property
    def readings(self) -> tuple[RationalRow, ...]:
        """The numbers D_j(1)..D_j(j), row by row."""
        return self.read


def dot(x: RationalRow, y: RationalRow) -> fmpq:
    """Return the inner product."""
    return sum((a * b for a, b in zip(x, y, strict=True)), fmpq(0))


def potentials(
    *, dimensions: Span = (1, 3), exact: bool = False, error: object = 0
) -> SearchStrategy[Potential]:
    """Return sequences for Lemma 5.1 made of small vectors; g - e > 0 always.

    Args:
        dimensions: least and largest d.
        exact: make <v_j, phi_i> = 0 for i < j, by projecting.
        error: with ``exact``, then move every entry of v_j by up to four times this much, >= 0.
    """
    check_span(dimensions, 1, "dimensions")
    check_flag(exact, "exact")
    off = check_error(error, "error")
    if off > 0 and not exact:
        raise InputError("error", text(off), "0, or given together with exact=True")

    @st.composite
    def drawn(draw: DrawFn) -> Potential:
        d = draw(st.integers(*dimensions))
        entries = st.integers(-4, 4).map(fmpq)
        vectors = st.lists(entries, min_size=d, max_size=d).map(tuple)
        length = draw(st.integers(1, d if exact else d + 3))
        phi: list[RationalRow] = []
        v: list[RationalRow] = []
        orthogonal: list[RationalRow] = []
        for _ in range(length):
            x, y = draw(vectors), draw(vectors)
            if exact:
                x = _off(x, orthogonal)
                if off != 0:
                    x = tuple(a + off * b for a, b in zip(x, draw(vectors), strict=True))
            assume(dot(x, y) != 0)
            rest = _off(y, orthogonal)
            if any(rest):
                orthogonal.append(rest)
            v.append(x)
            phi.append(y)
        return Potential(tuple(v), tuple(phi))

    return drawn()


def _off(x: RationalRow, orthogonal: Sequence[RationalRow]) -> RationalRow:
    """Return x less its projection on orthogonal vectors."""
    for known in orthogonal:
        share = dot(x, known) / dot(known, known)
        x = tuple(a - share * b for a, b in zip(x, known, strict=True))
    return x


def witness_sequences(
    *,
    dimensions: Span = (1, 3),
    histories: Span = (1, 4),
    futures: Span = (1, 5),
    xi: object = 0,
) -> SearchStrategy[Witnesses]:
    """Return sequences for Lemma 5.1 as Algorithm 1 finds them in a table of logits.

    A table <u_h, v_f> of rank at most d is read with errors -xi, 0 or xi.  Futures are taken from
    left to right.  One is a witness if some weights on the histories, at most 4 in size (a
    difference of two combinations in the box), give 0 on all earlier witnesses and more than
    4 n xi on it, n histories.  So e <= 4 n xi < g, and e = 0 without noise.

    Args:
        dimensions: least and largest d.
        histories, futures: least and largest numbers of them.
        xi: error of an entry, a rational of at least 0.
    """
    check_span(dimensions, 1, "dimensions")
    check_span(histories, 1, "histories")
    check_span(futures, 1, "futures")
    off = check_error(xi, "xi")

    @st.composite
    def drawn(draw: DrawFn) -> Witnesses:
        d = draw(st.integers(*dimensions))
        n, m = draw(st.integers(*histories)), draw(st.integers(*futures))

        def factor(count: int) -> list[RationalRow]:
            entries = st.integers(-3, 3).map(fmpq)
            return [tuple(draw(entries) for _ in range(d)) for _ in range(count)]

        u, columns = factor(n), factor(m)
        signs = st.sampled_from([0, 1, -1]) if off else st.just(0)
        table = [[dot(x, y) + off * draw(signs) for y in columns] for x in u]
        chosen: list[int] = []
        v: list[RationalRow] = []
        readings: list[RationalRow] = []
        for f in range(m):
            for weights in _annihilators([[row[j] for j in chosen] for row in table]):
                scale = 4 / max(abs(w) for w in weights)
                scaled = tuple(scale * w for w in weights)
                value = dot(scaled, tuple(row[f] for row in table))
                if abs(value) > 4 * n * off:
                    v.append(tuple(dot(scaled, tuple(x[i] for x in u)) for i in range(d)))
                    readings.append((*(fmpq(0),) * len(chosen), value))
                    chosen.append(f)
                    break
        assume(chosen)
        return Witnesses(tuple(v), tuple(columns[f] for f in chosen), tuple(readings))

    return drawn()


def _annihilators(rows: list[list[Any]]) -> list[RationalRow]:
    """Return a basis of the weights w with sum_i w_i rows_i = 0."""
    n, width = len(rows), len(rows[0])
    beside = [[*row, *(fmpq(int(i == j)) for j in range(n))] for i, row in enumerate(rows)]
    reduced, _ = matrix(beside, width + n).rref()
    return [row[width:] for row in row_tuples(reduced) if not any(row[:width])]

"""Rows of rationals: families, matrices of low rank, pairs of logits."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.numbers.rational import RationalRow
from llr.numbers.units import NAT, LogitUnit
from properties.strategies.basic import (
    Span,
    check_flag,
    check_span,
    check_units,
    rationals,
    wide_rationals,
)

NEARLY = fmpq(1, 10**12)
"""How far a nearly dependent row is from its combination, in one entry."""


def row_families(
    *,
    rows: Span = (1, 8),
    columns: Span = (1, 4),
    wide: bool = False,
    nearly_dependent: bool = False,
) -> SearchStrategy[list[RationalRow]]:
    """Return lists of rows of equal length: low rank, repeats and zeros are common.

    Args:
        rows, columns: least and largest numbers of them.
        wide: also draw huge and tiny entries.
        nearly_dependent: also draw rows that miss a combination of others by 10^-12 in one entry,
            so that bases of them are near-singular.
    """
    check_span(rows, 1, "rows")
    check_span(columns, 1, "columns")
    check_flag(wide, "wide")
    check_flag(nearly_dependent, "nearly_dependent")

    @st.composite
    def drawn(draw: DrawFn) -> list[RationalRow]:
        width = draw(st.integers(*columns))
        entries = wide_rationals() if wide else rationals(size=9)
        fresh = st.lists(entries, min_size=width, max_size=width).map(tuple)
        found: list[RationalRow] = []
        for _ in range(draw(st.integers(*rows))):
            combined: bool = draw(st.booleans())
            if found and combined:
                left, right = draw(st.sampled_from(found)), draw(st.sampled_from(found))
                a, b = draw(st.integers(-3, 3)), draw(st.integers(-3, 3))
                row = [a * x + b * y for x, y in zip(left, right, strict=True)]
                if nearly_dependent and draw(st.booleans()):
                    row[draw(st.integers(0, width - 1))] += NEARLY
                found.append(tuple(row))
            else:
                found.append(draw(fresh))
        return found

    return drawn()


def low_rank_matrices(
    *, rows: Span = (1, 8), columns: Span = (1, 6), ranks: Span = (1, 3)
) -> SearchStrategy[list[RationalRow]]:
    """Return matrices, as lists of rows, that are products of two thin ones.

    Args:
        rows, columns: least and largest numbers of them.
        ranks: least and largest inner dimension: no rank is larger, some are smaller.
    """
    check_span(rows, 1, "rows")
    check_span(columns, 1, "columns")
    check_span(ranks, 1, "ranks")

    @st.composite
    def products(draw: DrawFn) -> list[RationalRow]:
        n, w = draw(st.integers(*rows)), draw(st.integers(*columns))
        r = draw(st.integers(*ranks))
        left = [[draw(rationals(size=4)) for _ in range(r)] for _ in range(n)]
        right = [[draw(rationals(size=4)) for _ in range(w)] for _ in range(r)]
        return [
            tuple(sum((row[i] * right[i][j] for i in range(r)), fmpq(0)) for j in range(w))
            for row in left
        ]

    return products()


def logit_pairs(
    *, alphabet_sizes: Span = (2, 5), units: Sequence[LogitUnit] = (NAT,)
) -> SearchStrategy[tuple[RationalRow, RationalRow, LogitUnit]]:
    """Return two rows of logits of one length, and a unit; often u = -v or nearly so.

    Logits are integers, or all of them parts of a small number.
    """
    check_span(alphabet_sizes, 2, "alphabet_sizes")
    check_units(units)

    @st.composite
    def drawn(draw: DrawFn) -> tuple[RationalRow, RationalRow, LogitUnit]:
        k = draw(st.integers(*alphabet_sizes))
        part = draw(st.sampled_from([1, 1, 8, 1000, 10**6]))
        entries = st.integers(-12, 12).map(lambda n: fmpq(n, part))
        u = tuple(draw(st.lists(entries, min_size=k, max_size=k)))
        mirrored = draw(st.booleans())
        v = (
            tuple(-x for x in u)
            if mirrored
            else tuple(draw(st.lists(entries, min_size=k, max_size=k)))
        )
        return u, v, draw(st.sampled_from(list(units)))

    return drawn()

"""Hypothesis strategies for the objects of the theory.

Names are plural nouns, options are keyword-only, bad options fail at once, and everything shrinks
to small readable instances: integers before fractions, zeros, identity transitions, small sizes.

    from hypothesis import given
    from properties import isans

    @given(isans(horizons=(1, 4), dimensions=(1, 2)))
    def test_mine(model): ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from llr.errors import InputError
from llr.models import families
from llr.models.base import TabulatedModel, Word, words
from llr.models.isan import Isan
from llr.models.markov import HiddenMarkovModel
from llr.models.teachers import BranchingProgram, cauchy_teacher, hard_teacher, random_program
from llr.numbers.rational import RationalRow
from llr.numbers.units import NAT, LogitUnit

Span: TypeAlias = tuple[int, int]
"""A least and a largest value, both included."""


def _check_span(span: Span, least: int, argument: str) -> None:
    if len(span) != 2 or not least <= span[0] <= span[1]:
        raise InputError(
            argument, span, f"a pair (least, largest) with {least} <= least <= largest"
        )


def _check_units(units: Sequence[LogitUnit]) -> None:
    if not units:
        raise InputError("units", units, "at least one unit")


def rationals(*, size: int = 3, integers: bool = False) -> SearchStrategy[fmpq]:
    """Return rationals near zero; integers are drawn first and shrunk to.

    Args:
        size: numerators lie in [-size, size].
        integers: leave out proper fractions.
    """
    if size < 1:
        raise InputError("size", size, "an integer of at least 1")
    whole = st.integers(-size, size).map(fmpq)
    if integers:
        return whole
    broken = st.builds(fmpq, st.integers(-size, size), st.sampled_from([2, 3, 5]))
    return st.one_of(whole, broken)


def wide_rationals() -> SearchStrategy[fmpq]:
    """Return rationals of every magnitude, huge and tiny ones among them."""
    scales = st.sampled_from([fmpq(1), fmpq(10**12), fmpq(1, 10**12)])
    return st.builds(lambda x, s: x * s, rationals(size=9), scales)


@st.composite
def _square_matrices(draw: DrawFn, d: int, integers: bool) -> list[list[fmpq]]:
    """A d x d matrix: identity, zero, permutation, nilpotent, sparse or dense."""
    shape = draw(st.sampled_from(["identity", "zero", "permutation", "nilpotent", "dense"]))
    if shape == "identity":
        return families.identity(d)
    if shape == "zero":
        return families.zeros(d, d)
    entries = rationals(size=2, integers=integers)
    if shape == "permutation":
        order = draw(st.permutations(range(d)))
        return [[fmpq(int(j == order[i])) for j in range(d)] for i in range(d)]
    if shape == "nilpotent":
        return [[draw(entries) if j > i else fmpq(0) for j in range(d)] for i in range(d)]
    return [[draw(entries) for _ in range(d)] for _ in range(d)]


def isans(
    *,
    horizons: Span = (1, 4),
    alphabet_sizes: Span = (2, 3),
    dimensions: Span = (1, 3),
    units: Sequence[LogitUnit] = (NAT,),
    integers: bool = False,
) -> SearchStrategy[Isan]:
    """Return time-varying ISANs, generic and structured: sparse, permuting, nilpotent, with zeros.

    Args:
        horizons, alphabet_sizes, dimensions: least and largest T, k, d.
        units: drawn from.
        integers: make every logit an integer before centring, so that with a unit ln q all
            probabilities are rational.
    """
    _check_span(horizons, 1, "horizons")
    _check_span(alphabet_sizes, 2, "alphabet_sizes")
    _check_span(dimensions, 1, "dimensions")
    _check_units(units)

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        t = draw(st.integers(*horizons))
        k = draw(st.integers(*alphabet_sizes))
        d = draw(st.integers(*dimensions))
        entries = rationals(size=2, integers=integers)
        return Isan(
            k,
            t,
            [draw(entries) for _ in range(d)],
            [[draw(_square_matrices(d, integers)) for _ in range(k)] for _ in range(t - 1)],
            [[[draw(entries) for _ in range(d)] for _ in range(k)] for _ in range(t)],
            draw(st.sampled_from(list(units))),
        )

    return drawn()


def noisy_parities(*, bits: Span = (1, 4)) -> SearchStrategy[Isan]:
    """Return noisy parities over every secret, with noise 1/10, 1/4, 1/3 or 49/100."""
    _check_span(bits, 1, "bits")

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        n = draw(st.integers(*bits))
        secret = "".join(draw(st.lists(st.sampled_from("01"), min_size=n, max_size=n)))
        noise = draw(st.sampled_from(["1/4", "1/10", "1/3", "49/100"]))
        return families.noisy_parity(n, secret, noise)

    return drawn()


def fourier_sparse(*, bits: Span = (1, 4), terms: Span = (1, 3)) -> SearchStrategy[Isan]:
    """Return labels whose logit is a sum of few characters."""
    _check_span(bits, 1, "bits")
    _check_span(terms, 1, "terms")

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        least = (terms[0] - 1).bit_length()  # so many bits have enough sets
        n = draw(st.integers(max(bits[0], least), max(bits[1], least)))
        sets = st.text("01", min_size=n, max_size=n)
        nonzero = rationals(size=3).filter(lambda x: x != 0)
        most = min(terms[1], 2**n)
        found = draw(st.dictionaries(sets, nonzero, min_size=terms[0], max_size=most))
        return families.fourier_sparse(n, found)

    return drawn()


def copies(*, tokens: Span = (1, 2), alphabet_sizes: Span = (2, 3)) -> SearchStrategy[Isan]:
    """Return copy models of strength 1 to 8."""
    _check_span(tokens, 1, "tokens")
    _check_span(alphabet_sizes, 2, "alphabet_sizes")

    @st.composite
    def drawn(draw: DrawFn) -> Isan:
        return families.copy(
            draw(st.integers(*tokens)), draw(st.integers(*alphabet_sizes)), draw(st.integers(1, 8))
        )

    return drawn()


def spikes(*, horizons: Span = (1, 5)) -> SearchStrategy[Isan]:
    """Return rank-1 spikes."""
    _check_span(horizons, 1, "horizons")
    return st.integers(*horizons).map(families.spike)


def targets(*, horizons: Span = (1, 4)) -> SearchStrategy[Isan]:
    """Return small targets of every family."""
    _check_span(horizons, 1, "horizons")
    low, high = horizons
    found: list[SearchStrategy[Isan]] = [isans(horizons=horizons, dimensions=(1, 2))]
    found.append(isans(horizons=horizons, dimensions=(1, 3), alphabet_sizes=(2, 2)))
    if high >= 2:
        bits = (max(1, low - 1), high - 1)
        found += [noisy_parities(bits=bits), fourier_sparse(bits=bits)]
        found.append(spikes(horizons=horizons))
    if high >= 4 and low <= 4:
        found.append(copies(tokens=(2, 2), alphabet_sizes=(2, 2)))
    return st.one_of(found)


def tabulated_models(
    *, horizons: Span = (1, 3), alphabet_sizes: Span = (2, 3)
) -> SearchStrategy[TabulatedModel]:
    """Return models with arbitrary small logits at every prefix: usually of full cut rank."""
    _check_span(horizons, 1, "horizons")
    _check_span(alphabet_sizes, 2, "alphabet_sizes")

    @st.composite
    def drawn(draw: DrawFn) -> TabulatedModel:
        t = draw(st.integers(*horizons))
        k = draw(st.integers(*alphabet_sizes))
        table: dict[Word, list[fmpq]] = {
            prefix: [draw(rationals(size=2)) for _ in range(k)]
            for length in range(t)
            for prefix in words(k, length)
        }
        return TabulatedModel(k, t, table)

    return drawn()


def row_families(
    *, rows: Span = (1, 8), columns: Span = (1, 4), wide: bool = False
) -> SearchStrategy[list[RationalRow]]:
    """Return lists of rows of equal length: low rank, repeats and zeros are common.

    Args:
        rows, columns: least and largest numbers of them.
        wide: also draw huge and tiny entries.
    """
    _check_span(rows, 1, "rows")
    _check_span(columns, 1, "columns")

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
                found.append(tuple(a * x + b * y for x, y in zip(left, right, strict=True)))
            else:
                found.append(draw(fresh))
        return found

    return drawn()


def low_rank_matrices(
    *, rows: Span = (1, 8), columns: Span = (1, 6), ranks: Span = (1, 3)
) -> SearchStrategy[list[RationalRow]]:
    """Return matrices, as lists of rows, that are products of two thin ones."""
    _check_span(rows, 1, "rows")
    _check_span(columns, 1, "columns")
    _check_span(ranks, 1, "ranks")

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
    """Return two rows of integer logits of one length, and a unit; often u = -v or nearly so."""
    _check_span(alphabet_sizes, 2, "alphabet_sizes")
    _check_units(units)

    @st.composite
    def drawn(draw: DrawFn) -> tuple[RationalRow, RationalRow, LogitUnit]:
        k = draw(st.integers(*alphabet_sizes))
        entries = st.integers(-12, 12).map(fmpq)
        u = tuple(draw(st.lists(entries, min_size=k, max_size=k)))
        mirrored = draw(st.booleans())
        v = (
            tuple(-x for x in u)
            if mirrored
            else tuple(draw(st.lists(entries, min_size=k, max_size=k)))
        )
        return u, v, draw(st.sampled_from(list(units)))

    return drawn()


def words_of(*, alphabet_size: int, length: int) -> SearchStrategy[Word]:
    """Return words of one length."""
    if alphabet_size < 2:
        raise InputError("alphabet_size", alphabet_size, "an integer of at least 2")
    if length < 0:
        raise InputError("length", length, "an integer of at least 0")
    return st.lists(st.integers(0, alphabet_size - 1), min_size=length, max_size=length).map(tuple)


def seeds() -> SearchStrategy[int]:
    """Return seeds for a ``numpy.random.Generator``."""
    return st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class HardTeacher:
    """A hard teacher with what it was made of.

    Attributes:
        bits: n.
        program: read by the copies.
        strength: c.
        padding: fair bits at the end.
        model: the ISAN.
    """

    bits: int
    program: BranchingProgram
    strength: int
    padding: int
    model: Isan = field(repr=False)


def hard_teachers(
    *, bits: Span = (1, 3), copies_made: Span = (1, 2)
) -> SearchStrategy[HardTeacher]:
    """Return hard teachers over random branching programs.

    Args:
        bits: least and largest n.
        copies_made: least and largest L.
    """
    _check_span(bits, 1, "bits")
    _check_span(copies_made, 1, "copies_made")

    @st.composite
    def drawn(draw: DrawFn) -> HardTeacher:
        n = draw(st.integers(*bits))
        program = random_program(n, draw(st.integers(*copies_made)), draw(st.integers(0, 99)))
        c, padding = draw(st.integers(1, 8)), draw(st.integers(0, 1))
        return HardTeacher(n, program, c, padding, hard_teacher(n, program, c, padding))

    return drawn()


def cauchy_teachers(*, bits: Span = (1, 3)) -> SearchStrategy[Isan]:
    """Return Cauchy teachers; the horizon is 2 n + 1."""
    _check_span(bits, 1, "bits")
    return st.integers(*bits).map(cauchy_teacher)


def hidden_markov_models(
    *, horizons: Span = (1, 4), alphabet_sizes: Span = (2, 3), hidden_states: Span = (1, 3)
) -> SearchStrategy[HiddenMarkovModel]:
    """Return hidden Markov models with small rationals and positive emissions.

    Args:
        horizons, alphabet_sizes, hidden_states: least and largest T, k, R.
    """
    _check_span(horizons, 1, "horizons")
    _check_span(alphabet_sizes, 2, "alphabet_sizes")
    _check_span(hidden_states, 1, "hidden_states")

    @st.composite
    def drawn(draw: DrawFn) -> HiddenMarkovModel:
        k, r = draw(st.integers(*alphabet_sizes)), draw(st.integers(*hidden_states))

        def law(size: int, least: int) -> list[fmpq]:
            weights = draw(st.lists(st.integers(least, 4), min_size=size, max_size=size))
            if not any(weights):
                weights[0] = 1
            return [fmpq(w, sum(weights)) for w in weights]

        return HiddenMarkovModel(
            k,
            draw(st.integers(*horizons)),
            law(r, 0),
            [law(r, 0) for _ in range(r)],
            [law(k, 1) for _ in range(r)],
        )

    return drawn()

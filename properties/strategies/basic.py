"""Numbers, words and seeds, and how every strategy checks its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llr.errors import InputError
from llr.models.base import Word
from llr.numbers.perturbations import NOISES, largest_error
from llr.numbers.rational import rational
from llr.numbers.units import NAT, LogitUnit

Span: TypeAlias = tuple[int, int]
"""A least and a largest value, both included."""

XIS = (fmpq(1, 7000), fmpq(1, 70), fmpq(1, 7))
"""Sizes of noise in nats; logits have no 7 in their denominators, so that none ties with them."""


def check_span(span: Span, least: int, argument: str) -> None:
    """Raise InputError unless the span is a pair ``least <= span[0] <= span[1]``."""
    if len(span) != 2 or not least <= span[0] <= span[1]:
        raise InputError(
            argument, span, f"a pair (least, largest) with {least} <= least <= largest"
        )


def check_units(units: Sequence[LogitUnit]) -> None:
    """Raise InputError if there is no unit to draw from."""
    if not units:
        raise InputError("units", units, "at least one unit")


def check_noises(noises: Sequence[str], xis: Sequence[object]) -> list[fmpq]:
    """Return the xis as rationals, or raise InputError if a kind of noise or a xi is wrong."""
    if not noises:
        raise InputError("noises", noises, "at least one of " + ", ".join(NOISES))
    if not xis:
        raise InputError("xis", xis, "at least one positive rational")
    sizes = [rational(xi, "xis") for xi in xis]
    for noise in noises:
        for xi in sizes:
            largest_error(noise, xi, NAT)
    return sizes


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

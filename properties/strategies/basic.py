"""Numbers, words and seeds, and how every strategy checks its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeGuard

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llr.errors import InputError
from llr.models.base import Word, check_size
from llr.numbers.perturbations import NOISES, largest_error
from llr.numbers.rational import rational, text
from llr.numbers.units import NAT, LogitUnit

Span: TypeAlias = tuple[int, int]
"""A least and a largest value, both included."""

XIS = (fmpq(1, 7000), fmpq(1, 70), fmpq(1, 7))
"""Sizes of noise in nats; logits have no 7 in their denominators, so that none ties with them."""


def check_span(span: object, least: int, argument: str) -> None:
    """Raise InputError unless the span is a pair of integers ``least <= span[0] <= span[1]``."""
    if (
        not isinstance(span, tuple | list)
        or len(span) != 2
        or not all(type(x) is int for x in span)
        or not least <= span[0] <= span[1]
    ):
        raise InputError(
            argument, span, f"a pair of integers (least, largest) with {least} <= least <= largest"
        )


def check_flag(value: object, argument: str) -> None:
    """Raise InputError unless the value is True or False."""
    if not isinstance(value, bool):
        raise InputError(argument, value, "True or False")


def check_units(units: object) -> None:
    """Raise InputError unless there is a unit to draw from, and nothing else."""
    if not (_is_some(units) and all(isinstance(unit, LogitUnit) for unit in units)):
        raise InputError("units", units, "a sequence of at least one LogitUnit")


def check_noises(noises: object, xis: object) -> list[fmpq]:
    """Return the xis as rationals, or raise InputError if a kind of noise or a xi is wrong."""
    if not (_is_some(noises) and all(isinstance(noise, str) for noise in noises)):
        raise InputError("noises", noises, "a sequence of at least one of " + ", ".join(NOISES))
    if not _is_some(xis):
        raise InputError("xis", xis, "a sequence of at least one positive rational")
    sizes = [rational(xi, "xis") for xi in xis]
    for noise in noises:
        for xi in sizes:
            largest_error(noise, xi, NAT)
    return sizes


def check_error(error: object, argument: str) -> fmpq:
    """Return an error as a rational, or raise InputError if it is none or negative."""
    found = rational(error, argument)
    if found < 0:
        raise InputError(argument, text(found), "a rational of at least 0")
    return found


def check_strategy(value: object, argument: str, drawn: str) -> None:
    """Raise InputError unless the value is a strategy.

    Args:
        value: the argument given.
        argument: its name.
        drawn: what the strategy should draw, a plural noun.
    """
    if not isinstance(value, SearchStrategy):
        raise InputError(argument, value, f"a strategy of {drawn}")


def _is_some(values: object) -> TypeGuard[Sequence[Any]]:
    """True for a sequence with anything in it; a string is a value, not a sequence of them."""
    return isinstance(values, Sequence) and not isinstance(values, str | bytes) and len(values) > 0


def rationals(*, size: int = 3, integers: bool = False) -> SearchStrategy[fmpq]:
    """Return rationals near zero; integers are drawn first and shrunk to.

    Args:
        size: numerators lie in [-size, size].
        integers: leave out proper fractions.
    """
    check_size(size, 1, "size")
    check_flag(integers, "integers")
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
    check_size(alphabet_size, 2, "alphabet_size")
    check_size(length, 0, "length")
    return st.lists(st.integers(0, alphabet_size - 1), min_size=length, max_size=length).map(tuple)


def seeds() -> SearchStrategy[int]:
    """Return seeds for a ``numpy.random.Generator``."""
    return st.integers(0, 2**32 - 1)

"""Words, prefixes and the interface that every language model of this library has.

A model is read as an automaton: a hashable *state* for the empty prefix, a step per token, and the
mean-centred logits of the next token at a state.  Prefixes with equal states have equal futures,
which is what lets distances and samples merge them.  Whatever needs probabilities takes them from
the *law* of a state, a row of rationals that the model's *link* turns into weights: the logits, or
in a model whose logits are irrational (hidden Markov) the probabilities themselves.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from llr.errors import InputError
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, FLOAT64, Arithmetic, Matrix, Row
from llr.numbers.balls import Real
from llr.numbers.rational import RationalRow, fraction, text
from llr.numbers.units import NAT, Link, LogitUnit

Word: TypeAlias = tuple[int, ...]
State: TypeAlias = Any  # hashable; opaque outside the model


class LanguageModel(abc.ABC):
    """A distribution with full support on the words of one length.

    Attributes:
        alphabet_size: k >= 2; tokens are 0..k-1.
        horizon: T >= 1, the length of every word.
        unit: what a logit of 1 means.
        arithmetic: of the logits: exact (rational) or float64.

    Source: [P] Def 1.2.
    """

    alphabet_size: int
    horizon: int
    unit: LogitUnit = NAT
    arithmetic: Arithmetic = EXACT

    @abc.abstractmethod
    def start(self) -> State:
        """Return the state of the empty prefix."""

    @abc.abstractmethod
    def step(self, state: State, token: int) -> State:
        """Return the state one token later; defined for prefixes shorter than T - 1."""

    @abc.abstractmethod
    def read(self, state: State) -> Row:
        """Return the k mean-centred logits of the next token, in units."""

    @property
    def link(self) -> Link:
        """What turns the law of a state into probabilities."""
        return self.unit

    def law(self, state: State) -> RationalRow:
        """Return the k exact rationals that fix the next token's probabilities, through the link.

        They are the logits, where a float is the dyadic rational that it stands for.
        """
        row = self.read(state)
        return row if self.arithmetic is EXACT else floats.to_rational(row)

    def probabilities(self, prefix: Sequence[int]) -> list[Real]:
        """Return the next token's probabilities; rational wherever the link knows them to be.

        Args:
            prefix: 0 to T - 1 tokens.

        Raises:
            InputError: a token is out of range or the prefix is too long.
        """
        return self.link.probabilities(self.law(self.state_of(self.check_prefix(prefix))))

    def state_of(self, prefix: Word) -> State:
        """Return the state that ``prefix`` leads to."""
        state = self.start()
        for token in prefix:
            state = self.step(state, token)
        return state

    def logits(self, prefix: Sequence[int]) -> tuple[Fraction, ...] | tuple[float, ...]:
        """Return the mean-centred logits of the next token (Def 1.2).

        Args:
            prefix: 0 to T - 1 tokens.

        Returns:
            k Fractions in units of ``unit``, or k floats for a float64 model.

        Raises:
            InputError: a token is out of range or the prefix is too long.
        """
        row = self.read(self.state_of(self.check_prefix(prefix)))
        return tuple(fraction(x) for x in row) if self.arithmetic is EXACT else row

    def check_prefix(self, prefix: Sequence[int], argument: str = "prefix") -> Word:
        """Return the prefix as a tuple, or raise InputError."""
        return check_word(prefix, self.alphabet_size, self.horizon - 1, argument)


def check_size(value: object, least: int, argument: str) -> int:
    """Return ``value`` if it is an integer of at least ``least``, else raise InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(argument, value, f"an integer of at least {least}")
    return value


class Count:
    """Shows a long list in an error by its length."""

    def __init__(self, items: Sequence[object]) -> None:
        self.items = items

    def __repr__(self) -> str:
        return f"a list of {len(self.items)}"


def check_list(
    value: object, argument: str, expected: str, length: int | None = None, least: int = 0
) -> Sequence[object]:
    """Return ``value`` if it is a list of the given or least length, else raise InputError."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InputError(argument, value, expected)
    if (length is not None and len(value) != length) or len(value) < least:
        raise InputError(argument, Count(value), expected)
    return value


def check_grid(
    m: object, rows: int, columns: int, argument: str, arithmetic: Arithmetic
) -> list[Row]:
    """Return the scalars of a ``rows x columns`` matrix, row by row, or raise InputError."""
    found = check_list(m, argument, f"a {rows} x {columns} matrix", rows)
    return [
        tuple(
            arithmetic.scalar(x, f"{argument}[{i}][{j}]")
            for j, x in enumerate(
                check_list(row, f"{argument}[{i}]", f"a row of {columns} scalars", columns)
            )
        )
        for i, row in enumerate(found)
    ]


def check_matrix(
    m: object, rows: int, columns: int, argument: str, arithmetic: Arithmetic
) -> Matrix:
    """Return a ``rows x columns`` matrix of the arithmetic, or raise InputError.

    A float64 array is taken as it is, not copied.
    """
    if arithmetic is FLOAT64 and isinstance(m, np.ndarray) and m.dtype == np.float64:
        if m.shape == (rows, columns) and np.isfinite(m).all():
            return m
        m = m.tolist()
    return arithmetic.matrix(check_grid(m, rows, columns, argument, arithmetic), columns)


def check_word(word: Sequence[int], k: int, longest: int, argument: str) -> Word:
    """Return the word as a tuple of tokens.

    Raises:
        InputError: it is longer than ``longest`` or has a token outside 0..k-1.
    """
    found = tuple(word)
    if len(found) > longest:
        raise InputError(argument, word, f"at most {longest} tokens long")
    for token in found:
        if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token < k:
            raise InputError(argument, word, f"made of tokens 0..{k - 1}")
    return found


def words(k: int, length: int) -> Iterator[Word]:
    """Yield all words of one length in lexicographic order."""
    return product(range(k), repeat=length)


def futures_up_to(k: int, length: int) -> list[Word]:
    """Return all futures of 1 to ``length`` tokens, shorter ones first."""
    return [f for n in range(1, length + 1) for f in words(k, n)]


class TabulatedModel(LanguageModel):
    """A model given by its logits at every prefix; for tests and small experiments.

    Args:
        alphabet_size: k >= 2.
        horizon: T >= 1.
        table: the logits (k rationals, not necessarily centred) of every prefix of 0..T-1 tokens.
        unit: what a logit of 1 means.

    Raises:
        InputError: a prefix is missing, or its row does not have k entries.
    """

    def __init__(
        self,
        alphabet_size: int,
        horizon: int,
        table: Mapping[Word, Sequence[object]],
        unit: LogitUnit = NAT,
    ) -> None:
        self.alphabet_size = check_size(alphabet_size, 2, "alphabet_size")
        self.horizon = check_size(horizon, 1, "horizon")
        self.unit = unit
        self._rows: dict[Word, Row] = {}
        for length in range(horizon):
            for prefix in words(alphabet_size, length):
                row = table.get(prefix)
                if row is None or len(row) != alphabet_size:
                    raise InputError(f"table[{prefix}]", row, f"{alphabet_size} rationals")
                self._rows[prefix] = EXACT.centred([EXACT.scalar(x) for x in row])

    def __repr__(self) -> str:
        rows = "; ".join(" ".join(map(text, row)) for row in self._rows.values())
        return (
            f"TabulatedModel(k={self.alphabet_size}, T={self.horizon}, unit={self.unit}, "
            f"logits=[{rows}])"
        )

    def start(self) -> State:
        """Return the empty prefix."""
        return ()

    def step(self, state: State, token: int) -> State:
        """Return the prefix with one more token."""
        return (*state, token)

    def read(self, state: State) -> Row:
        """Return the stored row."""
        return self._rows[state]


class UniformModel(LanguageModel):
    """All logits zero: every word has probability k^-T."""

    def __init__(self, alphabet_size: int, horizon: int, unit: LogitUnit = NAT) -> None:
        self.alphabet_size = check_size(alphabet_size, 2, "alphabet_size")
        self.horizon = check_size(horizon, 1, "horizon")
        self.unit = unit

    def start(self) -> State:
        """Return the only state."""
        return ()

    def step(self, state: State, token: int) -> State:
        """Return the only state."""
        return state

    def read(self, state: State) -> Row:
        """Return k zeros."""
        return (EXACT.scalar(0),) * self.alphabet_size

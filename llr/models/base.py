"""Words, prefixes and the interface that every language model of this library has (sec. 1).

A model is read as an automaton: a hashable *state* for the empty prefix, a step per token, and the
mean-centred logits of the next token at a state.  Prefixes with equal states have equal futures,
which is what lets distances and samples merge them.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

from llr.errors import InputError
from llr.numbers.arithmetic import EXACT, Arithmetic, Row
from llr.numbers.rational import fraction
from llr.numbers.units import NAT, LogitUnit

Word: TypeAlias = tuple[int, ...]
State: TypeAlias = Any  # hashable; opaque outside the model


class LanguageModel(abc.ABC):
    """A distribution with full support on the words of one length.

    Attributes:
        alphabet_size: k >= 2; tokens are 0..k-1.
        horizon: T >= 1, the length of every word.
        unit: what a logit of 1 means.
        arithmetic: exact (rational logits) or float64.
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

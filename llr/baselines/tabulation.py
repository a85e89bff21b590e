"""Exhaustive tabulation: ask for every prefix."""

from __future__ import annotations

from llr.errors import TooLargeError
from llr.models.base import TabulatedModel, Word, words
from llr.numbers.arithmetic import Row
from llr.numbers.units import LogitUnit
from llr.oracles.ledger import Ledger

MAX_PREFIXES = 1 << 20


def prefixes(alphabet_size: int, horizon: int) -> int:
    """Return the number of prefixes of 0..T-1 tokens: what tabulation asks for."""
    return sum(alphabet_size**t for t in range(horizon))


def tabulate(ledger: Ledger, alphabet_size: int, horizon: int, unit: LogitUnit) -> TabulatedModel:
    """Return the model of all answers of an exact oracle.

    Raises:
        TooLargeError: there are more than 2^20 prefixes.
    """
    many = prefixes(alphabet_size, horizon)
    if many > MAX_PREFIXES:
        raise TooLargeError(f"tabulation asks for {many} prefixes, more than {MAX_PREFIXES}")
    table: dict[Word, Row] = {}
    for t in range(horizon):
        layer = list(words(alphabet_size, t))
        table.update(zip(layer, ledger.rows(layer), strict=True))
    return TabulatedModel(alphabet_size, horizon, table, unit)

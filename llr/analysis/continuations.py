"""Continuations drawn from a model, and how far other next-token laws are from its own there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llr.models.base import Word
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64, Arithmetic
from llr.numbers.units import NAT, LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import LogitOracle
from llr.oracles.sampling import RowThresholds, draw_tree


@dataclass(frozen=True)
class Setting:
    """An oracle with what has to be known of it.

    Attributes:
        oracle: who answers.
        alphabet_size, horizon: k and T.
        arithmetic: of the answers.
        unit: of the answers.
    """

    oracle: LogitOracle
    alphabet_size: int
    horizon: int
    arithmetic: Arithmetic = FLOAT64
    unit: LogitUnit = NAT

    def ledger(self) -> Ledger:
        """Return a new ledger over the oracle."""
        return Ledger(self.oracle, self.alphabet_size, self.horizon, self.arithmetic)


def draw(
    ledger: Ledger, setting: Setting, before: Word, n: int, length: int, rng: np.random.Generator
) -> list[Word]:
    """Return n continuations of a prefix, drawn from the model, in random order.

    Args:
        ledger: who is asked; one batch per token.
        setting: what the ledger is made of.
        before: the prefix.
        n, length: number and length of the continuations.
        rng: the only source of randomness.
    """
    thresholds = RowThresholds(setting.unit, setting.arithmetic)

    def layer(prefixes: Sequence[Word]) -> Sequence[Sequence[int]]:
        return thresholds(ledger.block([(*before, *p) for p in prefixes]))

    found = draw_tree(n, length, layer, rng)
    words = [word for word, count in found.items() for _ in range(count)]
    return [words[i] for i in rng.permutation(n).tolist()]


def prefixes_of(word: Word) -> list[Word]:
    """Return the proper prefixes of a word, the empty one first."""
    return [word[:n] for n in range(len(word))]


def last_tokens(prompt: Word, word: Word, many: int) -> list[Word]:
    """Return the last tokens of the prompt with each proper prefix of a word behind it."""
    return [(*prompt, *z)[-many:] for z in prefixes_of(word)]


def divergences(first: floats.Array, second: floats.Array) -> floats.Array:
    """Return KL(softmax of first || softmax of second) in nats, row by row.

    Args:
        first, second: n x k logits in nats.
    """
    p, q = _log_softmax(first), _log_softmax(second)
    found: floats.Array = np.maximum((np.exp(p) * (p - q)).sum(axis=1), 0.0)
    return found


def mean_and_error(groups: Sequence[Sequence[float]]) -> tuple[float, float | None]:
    """Return the mean of all numbers and its standard error.

    Groups of one size (prompts) are what is independent; where there is one group only, its numbers
    are.  A single number has no standard error.

    >>> mean_and_error([[1.0, 3.0], [5.0, 7.0]])
    (4.0, 2.0)
    """
    means = [float(np.mean(group)) for group in groups]
    apart = means if len(means) > 1 else list(groups[0])
    if len(apart) < 2:
        return means[0], None
    return float(np.mean(means)), float(np.std(apart, ddof=1) / np.sqrt(len(apart)))


def _log_softmax(rows: floats.Array) -> floats.Array:
    away = rows - rows.max(axis=1, keepdims=True)
    found: floats.Array = away - np.log(np.exp(away).sum(axis=1, keepdims=True))
    return found

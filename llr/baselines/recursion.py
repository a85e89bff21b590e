"""The plain recursion: what Fact 1.1 gives when it is fed an oracle that is slightly off.

It is the chain program without a box and without a choice: c_{s+1} solves a square system, so that
each token multiplies by a matrix that was estimated once.  Without noise it is exact; with noise,
nothing bounds the products of the estimated matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from llr.learning.table import Cut, Table, extended_futures, one_token_futures, read_rows
from llr.models.base import Word
from llr.models.isan import Isan
from llr.models.logits import logit_matrix
from llr.numbers import rational
from llr.numbers.arithmetic import Arithmetic
from llr.oracles.ledger import Ledger


@dataclass(frozen=True)
class Minors:
    """Histories and futures that carry the rank of every cut.

    Attributes:
        histories: per cut s = 1..T, as many as its rank, of length s - 1; at cut 1 the empty one.
        futures: per cut, as many, such that the square matrix L(h.f) is nonsingular; from cut 2.
    """

    histories: tuple[tuple[Word, ...], ...]
    futures: tuple[tuple[Word, ...], ...]


def minors(model: Isan) -> Minors:
    """Return the first independent histories of each cut and the first futures that tell them.

    Args:
        model: exact.

    Raises:
        InputError: the model is in float64.

    Source: [P] Fact 1.1.
    """
    histories: list[tuple[Word, ...]] = [((),)]
    futures: list[tuple[Word, ...]] = [()]
    spanning = zip(model.spanning_histories(), model.spanning_futures(), strict=True)
    for some_histories, some_futures in list(spanning)[1:]:
        m = logit_matrix(model, some_histories, some_futures)
        rows = rational.independent_rows(m)
        columns = rational.independent_columns(rational.take_rows(m, rows))
        histories.append(tuple(some_histories[i] for i in rows))
        futures.append(tuple(some_futures[j] for j in columns))
    return Minors(tuple(histories), tuple(futures))


def plain_recursion(model: Isan, chosen: Minors, ledger: Ledger) -> Isan:
    """Return the ISAN of Fact 1.1 with the ranks of a model and the rows of an oracle.

    Args:
        model: gives the sizes and the unit.
        chosen: minors of the model.
        ledger: a rational oracle, the model's own or one that is off by a little.

    Raises:
        ZeroDivisionError: a minor is singular as the oracle has it.
    """
    k, d = model.alphabet_size, max(map(len, chosen.histories))
    transitions = []
    for here, there, futures in zip(
        chosen.histories, chosen.histories[1:], chosen.futures[1:], strict=False
    ):
        width = len(there)
        square = rational.matrix(read_rows(ledger, there, futures), width).transpose()
        step = []
        for a in range(k):
            moved = read_rows(ledger, [(*h, a) for h in here], futures)
            right = rational.matrix(moved, width).transpose()
            step.append(_padded(square.solve(right).tolist() if width else [], d, d))
        transitions.append(step)
    readouts = [
        _padded(rational.matrix(ledger.rows(words), k).transpose().tolist(), k, d)
        for words in chosen.histories
    ]
    start = [1, *[0] * (d - 1)]
    return Isan(k, model.horizon, start, transitions, readouts, model.unit)


def minor_table(model: Isan, chosen: Minors, ledger: Ledger, arithmetic: Arithmetic) -> Table:
    """Return a table of the same histories, and of the same futures and all one-token ones.

    Args:
        model: gives the sizes.
        chosen: minors of the model.
        ledger: an oracle of the model.
        arithmetic: of its rows.
    """
    k, horizon = model.alphabet_size, model.horizon
    futures = [tuple(dict.fromkeys([*one_token_futures(k), *f])) for f in chosen.futures]
    cuts = []
    for s in range(1, max(1, horizon - 1) + 1):
        columns = extended_futures(futures[s - 1], futures[s] if s < horizon else (), k)
        rows = read_rows(ledger, chosen.histories[s - 1], columns)
        cuts.append(Cut(chosen.histories[s - 1], futures[s - 1], columns, tuple(rows)))
    return Table(k, horizon, tuple(cuts), futures[-1], arithmetic)


def _padded(rows: Sequence[Sequence[fmpq]], height: int, width: int) -> list[list[fmpq]]:
    """Return the rows with zeros to the right and below."""
    zero = fmpq(0)
    found = [[*row, *[zero] * (width - len(row))] for row in rows]
    return found + [[zero] * width for _ in range(height - len(found))]

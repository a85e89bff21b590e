"""Fact 1.1: a model whose cuts have rank <= d is an ISAN of hidden dimension d, constructively."""

from __future__ import annotations

from flint import fmpq, fmpq_mat

from llr.errors import InputError
from llr.models.base import LanguageModel, Word, futures_up_to, words
from llr.models.isan import Isan
from llr.models.logits import cut, logit_matrix
from llr.numbers import rational


def realize(model: LanguageModel, dimension: int | None = None) -> Isan:
    """Return an ISAN with exactly the logits of ``model``, of hidden dimension max(1, cut rank).

    Per cut, basis histories and futures with a nonsingular minor are chosen; the state of a
    history is its row's coordinates in the basis rows, padded with zeros to the common dimension.

    Args:
        model: an exact model: an :class:`Isan` of any size (this minimizes it), or any model small
            enough to enumerate.
        dimension: hidden dimension to pad to; default the largest cut rank (at least 1).

    Raises:
        InputError: ``dimension`` is below some cut's rank.
        TooLargeError: not an ISAN, and too large to enumerate.

    Source: [P] Fact 1.1; [S] Theorem 4.3.
    """
    k, horizon = model.alphabet_size, model.horizon
    if isinstance(model, Isan):
        all_histories, all_futures = model.spanning_histories(), model.spanning_futures()
    else:
        cuts = range(1, horizon + 1)
        cut(model, 1)  # refuses what is too large
        all_histories = [list(words(k, s - 1)) for s in cuts]
        all_futures = [futures_up_to(k, horizon - s + 1) for s in cuts]

    histories: list[list[Word]] = []
    futures: list[list[Word]] = []
    minors: list[fmpq_mat] = []
    for some_histories, some_futures in zip(all_histories, all_futures, strict=True):
        m = logit_matrix(model, some_histories, some_futures)
        rows = rational.independent_rows(m)
        m = rational.take_rows(m, rows)
        columns = rational.independent_columns(m)
        histories.append([some_histories[i] for i in rows])
        futures.append([some_futures[j] for j in columns])
        minors.append(rational.take_columns(m, columns))

    ranks = [len(h) for h in histories]
    d = max(1, *ranks) if dimension is None else dimension
    if d < max(1, *ranks):
        raise InputError("dimension", dimension, f"at least the largest cut rank, {max(1, *ranks)}")

    def coordinates(prefixes: list[Word], s: int) -> list[list[fmpq]]:
        """Return, as rows padded to d, the coordinates at cut s + 1 of histories of that cut."""
        if not ranks[s]:
            return [[fmpq(0)] * d for _ in prefixes]
        values = logit_matrix(model, prefixes, futures[s])
        found = minors[s].transpose().solve(values.transpose()).transpose()
        return [[*row, *[fmpq(0)] * (d - ranks[s])] for row in rational.row_tuples(found)]

    def padded_columns(columns: list[list[fmpq]], height: int) -> list[list[fmpq]]:
        """Return the matrix with these first columns, zero columns after them."""
        columns = columns + [[fmpq(0)] * height] * (d - len(columns))
        return [[column[i] for column in columns] for i in range(height)]

    transitions = [
        [padded_columns(coordinates([(*h, y) for h in histories[s]], s + 1), d) for y in range(k)]
        for s in range(horizon - 1)
    ]
    readouts = [
        padded_columns(
            [
                list(row)
                for row in rational.row_tuples(
                    logit_matrix(model, histories[s], [(a,) for a in range(k)])
                )
            ],
            k,
        )
        for s in range(horizon)
    ]
    return Isan(k, horizon, coordinates([()], 0)[0], transitions, readouts, model.unit)

"""Logit matrices (Def 1.3) and cut ranks by enumeration (Def 1.4), for small targets."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq_mat

from llr.errors import InputError, TooLargeError
from llr.models.base import LanguageModel, Word, futures_up_to, words
from llr.models.isan import Isan
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT, Row

MAX_ENTRIES = 1 << 22


def logit_matrix(
    model: LanguageModel, histories: Sequence[Word], futures: Sequence[Word]
) -> fmpq_mat:
    """Return the ``len(histories) x len(futures)`` matrix of L(h.f), in units.

    Args:
        model: an exact model.
        histories: words; every h.f must have at most T tokens.
        futures: nonempty words.

    Raises:
        InputError: a word is out of range, a future is empty or the model is not exact.

    Source: [P] Def 1.3.
    """
    if model.arithmetic is not EXACT:
        raise InputError("model", model.arithmetic.name, "exact: float64 has no exact rank")
    rows_at: dict[Word, Row] = {}
    entries = []
    for h in histories:
        row = []
        for f in futures:
            if not f:
                raise InputError("futures", f, "nonempty words")
            prefix = model.check_prefix((*h, *f[:-1]), "histories and futures")
            if prefix not in rows_at:
                rows_at[prefix] = model.read(model.state_of(prefix))
            row.append(rows_at[prefix][f[-1]])
        entries.append(row)
    return rational.matrix(entries, len(futures))


def cut(model: LanguageModel, s: int) -> tuple[list[Word], list[Word], fmpq_mat]:
    """Return the histories, the futures and the whole logit matrix of cut s (1 <= s <= T).

    Raises:
        InputError: s is not a cut of the model.
        TooLargeError: the matrix has more than ``MAX_ENTRIES`` entries.
    """
    k, horizon = model.alphabet_size, model.horizon
    if not 1 <= s <= horizon:
        raise InputError("s", s, f"a cut, 1..{horizon}")
    if k**horizon * 2 > MAX_ENTRIES:
        raise TooLargeError(f"cut {s} of a model with k={k}, T={horizon} is too large to enumerate")
    histories = list(words(k, s - 1))
    futures = futures_up_to(k, horizon - s + 1)
    return histories, futures, logit_matrix(model, histories, futures)


def cut_ranks_by_enumeration(model: LanguageModel) -> tuple[int, ...]:
    """Return the rank of every cut, from the whole logit matrices; exponential in T."""
    return tuple(rational.rank(cut(model, s)[2]) for s in range(1, model.horizon + 1))


def cut_ranks(model: LanguageModel) -> tuple[int, ...]:
    """Return the exact rank of every cut s = 1..T.

    Takes polynomial time for an ISAN, and enumeration for other models.

    Raises:
        InputError: the model is not exact.
        TooLargeError: not an ISAN, and too large to enumerate.
    """
    return model.cut_ranks() if isinstance(model, Isan) else cut_ranks_by_enumeration(model)

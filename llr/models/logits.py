"""Logit matrices (Def 1.3) and the three ranks of a model (Def 1.4, Def 3.1).

The *cut rank* takes histories of one length, the *mixed rank* of all lengths up to a bound; the
*probability rank* is that of M(f | h).  ISANs are ranked in polynomial time, other models by
enumeration.  A model whose logits are logarithms of rationals only has certified lower bounds of
its logit ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flint import fmpq, fmpq_mat

from llr.errors import InputError, ShownAs, TooLargeError
from llr.models.base import LanguageModel, State, Word, check_word, futures_up_to, words
from llr.models.isan import Isan
from llr.models.markov import HiddenMarkovModel
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT, Row
from llr.numbers.balls import Real
from llr.numbers.elimination import rank_lower_bound
from llr.numbers.rational import RationalRow, text

MAX_ENTRIES = 1 << 22
MAX_BALLS = 1 << 14


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
            check_word(f[-1:], model.alphabet_size, 1, "histories and futures")
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
    _check_enumerable(model, k**horizon * 2, f"cut {s}")
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


def mixed_rank(model: LanguageModel) -> int:
    """Return the exact mixed rank of a model.

    It is the largest rank, over L = 0..T-1, of the matrix of all histories |h| <= L and all futures
    |f| <= T-L; it lies between the largest cut rank and the sum of the cut ranks.

    Takes polynomial time for an ISAN, and enumeration for other models.

    Raises:
        InputError: the model is not exact.
        TooLargeError: not an ISAN, and too large to enumerate.

    Source: [P] Def 1.4.
    """
    return model.mixed_rank() if isinstance(model, Isan) else mixed_rank_by_enumeration(model)


def mixed_rank_by_enumeration(model: LanguageModel) -> int:
    """Return the mixed rank from the whole logit matrices; exponential in T."""
    return max(
        rational.rank(logit_matrix(model, histories, futures))
        for histories, futures in _mixed_words(model, MAX_ENTRIES)
    )


def probability_ranks(model: LanguageModel) -> tuple[int, ...]:
    """Return the exact rank of the matrix M(f | h) at every cut s = 1..T.

    Histories h have s - 1 tokens and futures f the other T - s + 1.  Every M(h) is positive, so the
    matrix of the probabilities M(h.f) of whole words has the same ranks.

    Takes polynomial time for a hidden Markov model, and enumeration for other models.

    Raises:
        InputError: some next-token probability is not rational.
        TooLargeError: not a hidden Markov model, and too large to enumerate.

    Source: [P] Def 3.1.
    """
    if isinstance(model, HiddenMarkovModel):
        return model.probability_ranks()
    return probability_ranks_by_enumeration(model)


def probability_ranks_by_enumeration(model: LanguageModel) -> tuple[int, ...]:
    """Return the rank of M(f | h) at every cut, from the whole matrices; exponential in T.

    Histories in equal states have equal rows, and share one.
    """
    k, horizon = model.alphabet_size, model.horizon
    _check_enumerable(model, k**horizon, "a cut")
    layers: list[dict[State, None]] = [{model.start(): None}]
    for _ in range(horizon - 1):
        layers.append({model.step(s, a): None for s in layers[-1] for a in range(k)})
    ranks: list[int] = []
    rows: dict[State, list[fmpq]] = {}
    for layer in reversed(layers):
        rows = {
            state: [
                p * q
                for a, p in enumerate(_rational_law(model, state))
                for q in (rows[model.step(state, a)] if rows else (fmpq(1),))
            ]
            for state in layer
        }
        ranks.append(rational.rank(rational.matrix(list(rows.values()), k ** (len(ranks) + 1))))
    return tuple(reversed(ranks))


def cut_rank_lower_bounds(model: LanguageModel) -> tuple[int, ...]:
    """Return, per cut s = 1..T, a number that its rank is certain to reach.

    For models whose logits are no rationals; each bound is a minor that balls show to be nonzero.

    Raises:
        TooLargeError: a cut has too many entries for elimination in balls.
    """
    k, horizon = model.alphabet_size, model.horizon
    _check_enumerable(model, k**horizon * 2, "a cut", MAX_BALLS)
    return tuple(
        _lower_bound(model, list(words(k, s - 1)), futures_up_to(k, horizon - s + 1))
        for s in range(1, horizon + 1)
    )


def mixed_rank_lower_bound(model: LanguageModel) -> int:
    """Return a number that the mixed rank is certain to reach; see :func:`cut_rank_lower_bounds`.

    Raises:
        TooLargeError: a matrix has too many entries for elimination in balls.
    """
    return max(
        _lower_bound(model, histories, futures)
        for histories, futures in _mixed_words(model, MAX_BALLS)
    )


def _mixed_words(model: LanguageModel, limit: int) -> Iterator[tuple[list[Word], list[Word]]]:
    """Yield all |h| <= L and all |f| <= T-L for L = 0..T-1."""
    k, horizon = model.alphabet_size, model.horizon
    for longest in range(horizon):
        rows = (k ** (longest + 1) - 1) // (k - 1)
        columns = (k ** (horizon - longest + 1) - k) // (k - 1)
        _check_enumerable(model, rows * columns, "a mixed matrix", limit)
    for longest in range(horizon):
        histories = [h for n in range(longest + 1) for h in words(k, n)]
        yield histories, futures_up_to(k, horizon - longest)


def _lower_bound(model: LanguageModel, histories: list[Word], futures: list[Word]) -> int:
    """Return a lower bound of the rank of a logit matrix.

    Columns of the last token are left out, as the negative sums of the others, and so are rows of
    histories with the state of another one of their length.
    """
    logits: dict[RationalRow, list[Real]] = {}

    def entry(state: State, future: Word) -> Real:
        for token in future[:-1]:
            state = model.step(state, token)
        law = model.law(state)
        if law not in logits:
            logits[law] = model.link.logits(law)
        return logits[law][future[-1]]

    states = {(len(h), model.state_of(h)): None for h in histories}
    kept = [f for f in futures if f[-1] != model.alphabet_size - 1]
    return rank_lower_bound([[entry(state, f) for f in kept] for _, state in states])


def _rational_law(model: LanguageModel, state: State) -> list[fmpq]:
    """Return the exact probabilities of the next token.

    Raises:
        InputError: they are not rational.
    """
    law = model.law(state)
    weights = model.link.weights(law)
    if weights is None:
        low = min(law)
        other = next(x for x in law if x != low and (model.unit.base is None or (x - low).q != 1))
        raise InputError(
            "model",
            ShownAs(f"one with logits {text(low)} and {text(other)} in the unit {model.unit}"),
            "one with rational probabilities: the unit ln q, logits an integer apart",
        )
    total = sum(weights, fmpq(0))
    return [w / total for w in weights]


def _check_enumerable(
    model: LanguageModel, entries: int, what: str, limit: int = MAX_ENTRIES
) -> None:
    """Raise TooLargeError if a matrix would have more entries than the limit."""
    if entries > limit:
        raise TooLargeError(
            f"{what} of a model with k={model.alphabet_size}, T={model.horizon} "
            "is too large to enumerate"
        )

"""The ledger: every query passes it once, is checked, centred (Eq. 11), counted and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from llr.errors import InputError, OracleError, shorten
from llr.models.base import Word
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, Arithmetic, Matrix, Row
from llr.oracles.protocol import LogitOracle


@dataclass
class Counts:
    """What was asked of an oracle.

    Attributes:
        calls: prefixes asked for, repeats included.
        distinct_prefixes: prefixes submitted to the oracle; each is submitted once.
        cache_hits: calls answered from the ledger's store.
        tokens: tokens in the submitted prefixes.
        words: words drawn from the sample oracle.
        rechecks: prefixes submitted a second time, to see whether the oracle kept its mind.
    """

    calls: int = 0
    distinct_prefixes: int = 0
    cache_hits: int = 0
    tokens: int = 0
    words: int = 0
    rechecks: int = 0

    def as_json(self) -> dict[str, int]:
        """Return the counts as a JSON value."""
        return asdict(self)


class Ledger:
    """A logit oracle seen through a counter and a cache.

    Args:
        oracle: who answers.
        alphabet_size: k, the length of every answer.
        horizon: T; prefixes have at most T - 1 tokens.
        arithmetic: what the answers must be.

    Attributes:
        counts: see :class:`Counts`.
    """

    RECHECKED = 16

    def __init__(
        self, oracle: LogitOracle, alphabet_size: int, horizon: int, arithmetic: Arithmetic
    ) -> None:
        self._oracle = oracle
        self._k = alphabet_size
        self._horizon = horizon
        self._arithmetic = arithmetic
        self._rows: dict[Word, Row | floats.Array] = {}
        self.counts = Counts()

    @property
    def log(self) -> list[Word]:
        """The prefixes submitted so far, in order."""
        return list(self._rows)

    def row(self, prefix: Word) -> Row:
        """Return the centred answer at one prefix."""
        return self.rows([prefix])[0]

    def rows(self, prefixes: Sequence[Word]) -> list[Row]:
        """Return Lhat(h.a) for a = 0..k-1, for each prefix h; what is new goes out as one batch.

        Raises:
            InputError: a prefix is longer than T - 1.
            OracleError: an answer has the wrong length or is not finite (not rational, in exact
                arithmetic).
        """
        self._submit(prefixes)
        return [self._row(p) for p in prefixes]

    def block(self, prefixes: Sequence[Word]) -> Matrix:
        """Return the same rows as one ``len(prefixes) x k`` matrix."""
        self._submit(prefixes)
        kept: list[Any] = [self._rows[p] for p in prefixes]
        return self._arithmetic.matrix(kept, self._k)

    def _submit(self, prefixes: Sequence[Word]) -> None:
        new = [p for p in dict.fromkeys(prefixes) if p not in self._rows]
        for p in new:
            if len(p) >= self._horizon:
                raise InputError("prefix", p, f"at most {self._horizon - 1} tokens long")
        if new:
            for p, row in zip(new, self._ask(new), strict=True):
                self._rows[p] = row
            self.counts.distinct_prefixes += len(new)
            self.counts.tokens += sum(len(p) for p in new)
        self.counts.calls += len(prefixes)
        self.counts.cache_hits += len(prefixes) - len(new)

    def _row(self, prefix: Word) -> Row:
        kept = self._rows[prefix]
        return tuple(kept.tolist()) if isinstance(kept, np.ndarray) else kept

    def recheck(self) -> None:
        """Submit a few prefixes again.

        Raises:
            OracleError: some answer differs from the first one.
        """
        asked = self.log
        many = min(self.RECHECKED, len(asked))
        again = [asked[i * len(asked) // many] for i in range(many)]
        self.counts.rechecks += len(again)
        for prefix, row in zip(again, self._ask(again), strict=True):
            if tuple(row) != tuple(self._rows[prefix]):
                raise OracleError(
                    f"oracle answer at prefix {shorten(prefix)} must be the same at every call, "
                    f"not {shorten(self._shown(self._row(prefix)))} first "
                    f"and {shorten(self._shown(tuple(row)))} later"
                )

    def _ask(self, prefixes: Sequence[Word]) -> Sequence[Row | floats.Array]:
        answers = self._oracle.logits(prefixes)
        if self._arithmetic is not EXACT and isinstance(answers, np.ndarray):
            found = floats.centred_rows(answers, (len(prefixes), self._k))
            if found is not None:
                return list(found)
        expected = f"oracle answer must be {len(prefixes)} rows, one per prefix"
        if not _is_row(answers):
            raise OracleError(f"{expected}, not {shorten(answers)}")
        if len(answers) != len(prefixes):
            raise OracleError(f"{expected}, not {len(answers)}")
        rows = [self._checked(p, a) for p, a in zip(prefixes, answers, strict=True)]
        return rows if self._arithmetic is EXACT else [floats.vector(row) for row in rows]

    def _checked(self, prefix: Word, answer: Sequence[object]) -> Row:
        where = f"oracle answer at prefix {shorten(prefix)}"
        if not _is_row(answer):
            raise OracleError(f"{where} must be {self._k} logits, not {shorten(answer)}")
        if len(answer) != self._k:
            raise OracleError(f"{where} must be {self._k} logits, not {len(answer)}")
        try:
            return self._arithmetic.centred([self._arithmetic.scalar(x, where) for x in answer])
        except InputError as error:
            raise OracleError(str(error)) from None

    def _shown(self, row: Row) -> list[str | float]:
        return [self._arithmetic.to_json(x) for x in row]


def _is_row(answer: object) -> bool:
    """True for lists, tuples, arrays and the like: ordered, indexed, with a length."""
    ordered = hasattr(answer, "__len__") and hasattr(answer, "__getitem__")
    return ordered and not isinstance(answer, str | bytes | Mapping)

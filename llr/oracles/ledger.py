"""The ledger: every query passes it once, is checked, centred (Eq. 11), counted and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from llr.errors import InputError, OracleError, shorten
from llr.models.base import Word
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, Arithmetic, Matrix, Row
from llr.numbers.rational import decimal
from llr.numbers.units import NAT, LogitUnit
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


class PrefixTree:
    """Prefixes by number: each takes the same room, however long it is.

    A prefix is its parent's number and its last token.  Number 0 is the empty prefix.
    """

    def __init__(self) -> None:
        self._children: dict[tuple[int, int], int] = {}
        self._parents: list[tuple[int, int]] = [(0, 0)]
        self._recent: dict[Word, int] = {(): 0}

    def numbers(self, prefixes: Sequence[Word]) -> list[int]:
        """Return the numbers of prefixes; new ones get the next.

        Complexity: O(1) per prefix whose parent was in this call or the last one, else its length.
        """
        recent, self._recent = self._recent, {(): 0}
        found = []
        for prefix in prefixes:
            number = self._recent.get(prefix, recent.get(prefix))
            if number is None:
                shorter = prefix[:-1]
                parent = self._recent.get(shorter, recent.get(shorter))
                number = (
                    self._child(parent, prefix[-1]) if parent is not None else self._walk(prefix)
                )
            self._recent[prefix] = number
            found.append(number)
        return found

    def prefix(self, number: int) -> Word:
        """Return the prefix of a number."""
        tokens = []
        while number:
            number, token = self._parents[number]
            tokens.append(token)
        return tuple(reversed(tokens))

    def _walk(self, prefix: Word) -> int:
        number = 0
        for token in prefix:
            number = self._child(number, token)
        return number

    def _child(self, parent: int, token: int) -> int:
        key = (parent, token)
        number = self._children.get(key)
        if number is None:
            number = self._children[key] = len(self._parents)
            self._parents.append(key)
        return number


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
        self._tree = PrefixTree()
        self._rows: dict[int, Row | floats.Array] = {}  # by the prefix's number
        self.counts = Counts()

    @property
    def log(self) -> list[Word]:
        """The prefixes submitted so far, in order."""
        return [self._tree.prefix(number) for number in self._rows]

    @property
    def reproducible(self) -> float:
        """How far two answers to the same question may differ, in nats."""
        found: float = getattr(self._oracle, "reproducible", 0)
        return found

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
        return [self._row(number) for number in self._submit(prefixes)]

    def block(self, prefixes: Sequence[Word]) -> Matrix:
        """Return the same rows as one ``len(prefixes) x k`` matrix."""
        kept: list[Any] = [self._rows[number] for number in self._submit(prefixes)]
        return self._arithmetic.matrix(kept, self._k)

    def _submit(self, prefixes: Sequence[Word]) -> list[int]:
        """Ask for what is new; return the numbers of all."""
        for p in prefixes:
            if len(p) >= self._horizon:
                raise InputError("prefix", p, f"at most {self._horizon - 1} tokens long")
        numbers = self._tree.numbers(prefixes)
        new = {n: p for n, p in zip(numbers, prefixes, strict=True) if n not in self._rows}
        if new:
            self._rows.update(
                zip(new, self._ask(list(new.values()), self._oracle.logits), strict=True)
            )
            self.counts.distinct_prefixes += len(new)
            self.counts.tokens += sum(map(len, new.values()))
        self.counts.calls += len(prefixes)
        self.counts.cache_hits += len(prefixes) - len(new)
        return numbers

    def _row(self, number: int) -> Row:
        kept = self._rows[number]
        return tuple(kept.tolist()) if isinstance(kept, np.ndarray) else kept

    def recheck(self, unit: LogitUnit = NAT) -> None:
        """Submit a few prefixes again.

        An oracle with a method ``fresh`` is asked through it, past whatever remembers answers.  Two
        answers may differ by the oracle's ``reproducible``, if it has one, in nats.

        Args:
            unit: of the answers.

        Raises:
            OracleError: some answer differs from the first one.
        """
        asked = list(self._rows)
        many = min(self.RECHECKED, len(asked))
        numbers = [asked[i * len(asked) // many] for i in range(many)]
        again = [self._tree.prefix(number) for number in numbers]
        self.counts.rechecks += len(again)
        first = [self._row(number) for number in numbers]
        check_again(self._oracle, again, first, self._k, self._arithmetic, unit)

    def _ask(
        self, prefixes: Sequence[Word], ask: Callable[[Sequence[Word]], Any]
    ) -> Sequence[Row | floats.Array]:
        return centred_answers(prefixes, ask(prefixes), self._k, self._arithmetic)


def check_again(
    oracle: LogitOracle,
    prefixes: Sequence[Word],
    first: Sequence[Row],
    alphabet_size: int,
    arithmetic: Arithmetic,
    unit: LogitUnit = NAT,
) -> None:
    """Ask for prefixes a second time, past whatever remembers answers (``fresh``).

    Args:
        oracle: who is asked.
        prefixes: those that were asked before.
        first: the centred answers that came then.
        alphabet_size, arithmetic, unit: of the answers.

    Raises:
        OracleError: some answer differs from the first one by more than ``reproducible`` nats.
    """
    answers = getattr(oracle, "fresh", oracle.logits)(prefixes)
    allowed = decimal(getattr(oracle, "reproducible", 0), "reproducible")

    def shown(row: Sequence[Any]) -> str:
        return shorten([arithmetic.to_json(x) for x in row])

    later = centred_answers(prefixes, answers, alphabet_size, arithmetic)
    for prefix, before, row in zip(prefixes, first, later, strict=True):
        apart = max(abs(x - y) for x, y in zip(row, before, strict=True))
        if arithmetic.exceeds_nats(apart, unit, allowed):
            raise OracleError(
                f"oracle answer at prefix {shorten(prefix)} must be the same at every call, "
                f"not {shown(before)} first and {shown(tuple(row))} later"
            )


def centred_answers(
    prefixes: Sequence[Word], answers: Any, alphabet_size: int, arithmetic: Arithmetic
) -> Sequence[Row | floats.Array]:
    """Return the centred rows of an oracle's answers, one per prefix.

    Raises:
        OracleError: they are not one row of k finite numbers (rationals, in exact arithmetic) each.

    Source: [P] Eq. 11.
    """
    if arithmetic is not EXACT and isinstance(answers, np.ndarray):
        found = floats.centred_rows(answers, (len(prefixes), alphabet_size))
        if found is not None:
            return list(found)
    expected = f"oracle answer must be {len(prefixes)} rows, one per prefix"
    if not _is_row(answers):
        raise OracleError(f"{expected}, not {shorten(answers)}")
    if len(answers) != len(prefixes):
        raise OracleError(f"{expected}, not {len(answers)}")
    rows = [
        _centred(p, a, alphabet_size, arithmetic) for p, a in zip(prefixes, answers, strict=True)
    ]
    return rows if arithmetic is EXACT else [floats.vector(row) for row in rows]


def _centred(
    prefix: Word, answer: Sequence[object], alphabet_size: int, arithmetic: Arithmetic
) -> Row:
    where = f"oracle answer at prefix {shorten(prefix)}"
    if not _is_row(answer):
        raise OracleError(f"{where} must be {alphabet_size} logits, not {shorten(answer)}")
    if len(answer) != alphabet_size:
        raise OracleError(f"{where} must be {alphabet_size} logits, not {len(answer)}")
    try:
        return arithmetic.centred([arithmetic.scalar(x, where) for x in answer])
    except InputError as error:
        raise OracleError(str(error)) from None


def _is_row(answer: object) -> bool:
    """True for lists, tuples, arrays and the like: ordered, indexed, with a length."""
    ordered = hasattr(answer, "__len__") and hasattr(answer, "__getitem__")
    return ordered and not isinstance(answer, str | bytes | Mapping)

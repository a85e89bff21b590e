"""The extended logit matrix of [S]: sampled histories, sampled futures, all tokens after them.

A future is a *stem*, possibly empty, and one more token.  One call at h.stem reveals the k columns
(stem, token), so sampled stems stand for sampled futures whose last token is uniform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from llr.errors import InputError
from llr.models.base import Word
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT
from llr.oracles.ledger import Ledger
from llr.oracles.sampling import RowThresholds, draw_tree

LAST_TOKENS = ("uniform", "drawn")
FUTURE_WORDS = ("drawn", "nonsense")

BATCH = 1 << 12
"""About how many prefixes go out together."""

Report: TypeAlias = Callable[[int, int], None]
"""Told how many prefixes of how many have been asked."""


@dataclass(frozen=True)
class Sampling:
    """The law of histories and futures.

    A history is a prefix of a word of the model, its length uniform in a range.  The tokens of a
    future are what follows such a prefix in an independent word, their number uniform in a range;
    of the last one all k values count, which is what a uniform last token comes to in the mean.
    With one length s and a uniform last token of the history this is the law of Def 1.6.

    Attributes:
        history_lengths: the least and the largest number of tokens.
        future_lengths: the same for futures, their last token included; at least 1.
        last_token: of a history: "uniform" as in Def 1.6, or "drawn" with the rest of its word.
        future_words: "drawn" from the model, or "nonsense": uniform tokens.

    Source: [P] Def 1.6; [S] for mixed lengths and nonsense.
    """

    history_lengths: tuple[int, int]
    future_lengths: tuple[int, int]
    last_token: str = LAST_TOKENS[0]
    future_words: str = FUTURE_WORDS[0]

    def check(self, horizon: int) -> None:
        """Raise InputError unless every history with every future fits the horizon."""
        for name, (least, most) in (
            ("history_lengths", self.history_lengths),
            ("future_lengths", self.future_lengths),
        ):
            if not 1 <= least <= most:
                raise InputError(name, f"{least}-{most}", "a range of lengths from 1 upwards")
        longest = self.history_lengths[1] + self.future_lengths[1]
        if longest > horizon:
            raise InputError(
                "history_lengths and future_lengths", longest, f"at most {horizon} tokens together"
            )
        if self.last_token not in LAST_TOKENS:
            raise InputError("last_token", self.last_token, "one of " + ", ".join(LAST_TOKENS))
        if self.future_words not in FUTURE_WORDS:
            raise InputError("future_words", self.future_words, "one of " + ", ".join(FUTURE_WORDS))


class Author:
    """Draws words of a model through its ledger, and remembers which tokens were likely.

    Args:
        ledger: float64.
        alphabet_size: k.
        rng: the only source of randomness.
    """

    def __init__(self, ledger: Ledger, alphabet_size: int, rng: np.random.Generator) -> None:
        self._ledger = ledger
        self._k = alphabet_size
        self._rng = rng
        self._thresholds = RowThresholds(NAT, FLOAT64)
        self._likely = np.zeros(alphabet_size)

    def words(self, n: int, length: int) -> list[Word]:
        """Return the first ``length`` tokens of n independent words, in random order."""
        drawn = draw_tree(n, length, self._layer, self._rng)
        self._ledger.counts.words += n
        found = [word for word, count in drawn.items() for _ in range(count)]
        return [found[i] for i in self._rng.permutation(n).tolist()]

    def histories(self, n: int, sampling: Sampling) -> list[Word]:
        """Return n independent histories."""
        lengths = self._lengths(n, sampling.history_lengths)
        uniform = sampling.last_token == "uniform"
        words = self.words(n, sampling.history_lengths[1] - uniform)
        if not uniform:
            return [word[:length] for word, length in zip(words, lengths, strict=True)]
        last = self._rng.integers(self._k, size=n).tolist()
        return [(*w[: s - 1], a) for w, s, a in zip(words, lengths, last, strict=True)]

    def stems(self, m: int, sampling: Sampling) -> list[Word]:
        """Return the stems of m independent futures."""
        places = self._lengths(m, sampling.history_lengths)
        lengths = self._lengths(m, sampling.future_lengths)
        if sampling.future_words == "nonsense":
            return [tuple(self._rng.integers(self._k, size=n - 1).tolist()) for n in lengths]
        longest = sampling.history_lengths[1] + sampling.future_lengths[1] - 1
        words = self.words(m, longest)
        return [w[s : s + n - 1] for w, s, n in zip(words, places, lengths, strict=True)]

    def likely_tokens(self, many: int) -> list[int]:
        """Return the tokens of largest mean probability at the prefixes of the words drawn."""
        if not self._likely.any():
            self._layer([()])
        found: list[int] = np.argsort(-self._likely, kind="stable")[:many].tolist()
        return found

    def _layer(self, prefixes: Sequence[Word]) -> Sequence[Sequence[int]]:
        rows = self._ledger.block(prefixes)
        self._likely += floats.softmax(rows).sum(axis=0)
        return self._thresholds(rows)

    def _lengths(self, n: int, ends: tuple[int, int]) -> list[int]:
        found: list[int] = self._rng.integers(*ends, endpoint=True, size=n).tolist()
        return found


def extended_matrix(
    ledger: Ledger,
    histories: Sequence[Word],
    stems: Sequence[Word],
    tokens: Sequence[int],
    report: Report = lambda done, total: None,
) -> floats.Array:
    """Return L(h.stem.a) for all histories, stems and the tokens a.

    Logits are centred over all k tokens before columns are chosen.

    Args:
        ledger: float64, of alphabet size k.
        histories, stems: words that fit the horizon together.
        tokens: whose columns are wanted.
        report: told about progress.

    Returns:
        A ``len(histories) x len(stems) x len(tokens)`` array, in nats.

    Complexity: one call per history and stem; 8 bytes per entry, and what the ledger keeps.
    """
    found = np.empty((len(histories), len(stems), len(tokens)))
    step = max(1, BATCH // max(1, len(stems)))
    for start in range(0, len(histories), step):
        here = histories[start : start + step]
        rows = ledger.block([h + stem for h in here for stem in stems])
        kept = rows if list(tokens) == list(range(rows.shape[1])) else rows[:, list(tokens)]
        found[start : start + step] = kept.reshape(len(here), len(stems), len(tokens))
        report((start + len(here)) * len(stems), len(histories) * len(stems))
    return found

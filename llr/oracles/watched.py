"""An oracle that many ledgers ask, rechecked as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from llr.models.base import Word
from llr.numbers.arithmetic import Arithmetic
from llr.oracles.ledger import Ledger, centred_answers, check_again
from llr.oracles.protocol import LogitOracle


class Watched:
    """An oracle of whose answers a few are kept, evenly from first to last.

    Args:
        oracle: who answers.
        alphabet_size: k.
        arithmetic: of the answers.

    Attributes:
        rechecks: prefixes asked a second time.
    """

    def __init__(self, oracle: LogitOracle, alphabet_size: int, arithmetic: Arithmetic) -> None:
        self._oracle, self._k, self._arithmetic = oracle, alphabet_size, arithmetic
        self.reproducible = getattr(oracle, "reproducible", 0)
        self.rechecks = 0
        self._kept: list[tuple[Word, Any]] = []
        self._step, self._seen = 1, 0

    def logits(self, prefixes: Sequence[Word]) -> Any:
        """Return the oracle's answers, and keep those at every so many prefixes."""
        answers = self._oracle.logits(prefixes)
        place = -self._seen % self._step
        while place < min(len(prefixes), len(answers)):
            self._kept.append((prefixes[place], copy(answers[place])))
            if len(self._kept) == 2 * Ledger.RECHECKED:
                del self._kept[1::2]
                self._step *= 2
            place += self._step - (self._seen + place) % self._step
        self._seen += len(prefixes)
        return answers

    def fresh(self, prefixes: Sequence[Word]) -> Any:
        """Return answers past whatever remembers them."""
        return getattr(self._oracle, "fresh", self._oracle.logits)(prefixes)

    def recheck(self) -> None:
        """Ask for up to RECHECKED of the kept prefixes again; raises as :meth:`Ledger.recheck`."""
        many = min(Ledger.RECHECKED, len(self._kept))
        some = [self._kept[i * len(self._kept) // many] for i in range(many)]
        prefixes = [prefix for prefix, _ in some]
        kept: Any = [row for _, row in some]
        if all(isinstance(row, np.ndarray) for row in kept):
            kept = np.array(kept)  # centred as they will be, to the last bit
        rows = centred_answers(prefixes, kept, self._k, self._arithmetic)
        self.rechecks += many
        check_again(self._oracle, prefixes, [tuple(row) for row in rows], self._k, self._arithmetic)

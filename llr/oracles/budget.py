"""How many prefixes are asked, and a limit on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llr.errors import BudgetError
from llr.models.base import Word
from llr.oracles.protocol import LogitOracle


class Budget:
    """So many prefixes, shared by all oracles that are asked within it.

    Args:
        most: how many; None: without limit.

    Attributes:
        spent: how many were asked.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.spent = 0

    @property
    def left(self) -> int | None:
        """How many may still be asked; None: without limit."""
        return None if self.most is None else self.most - self.spent

    def oracle(self, oracle: LogitOracle) -> LogitOracle:
        """Return the oracle as seen within this budget.

        A batch that does not fit is not asked: it raises BudgetError.
        """
        return _Limited(self, oracle)

    def spend(self, prefixes: int) -> None:
        """Take from what is left, or raise BudgetError."""
        if self.most is not None and prefixes > self.most - self.spent:
            raise BudgetError(
                f"of {self.most:,} calls allowed, {self.left:,} are left; "
                f"the next batch has {prefixes:,}"
            )
        self.spent += prefixes


class _Limited:
    def __init__(self, budget: Budget, oracle: LogitOracle) -> None:
        self._budget, self._oracle = budget, oracle
        self.reproducible = getattr(oracle, "reproducible", 0)
        self.at_once = getattr(oracle, "at_once", None)

    @property
    def left(self) -> int | None:
        """How many prefixes may still be asked; None: without limit."""
        return self._budget.left

    def logits(self, prefixes: Sequence[Word]) -> Any:
        """Return the oracle's answers; nothing is asked if they are too many."""
        self._budget.spend(len(prefixes))
        return self._oracle.logits(prefixes)

    def fresh(self, prefixes: Sequence[Word]) -> Any:
        """Return answers past whatever remembers them."""
        self._budget.spend(len(prefixes))
        return getattr(self._oracle, "fresh", self._oracle.logits)(prefixes)

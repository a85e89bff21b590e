"""The logit oracle (Def 1.7) and its plainest form: a model that answers for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from llr.models.base import LanguageModel, State, Word
from llr.numbers import balls, floats
from llr.numbers.arithmetic import EXACT, Row

MAX_REMEMBERED_STATES = 1 << 16


@runtime_checkable
class LogitOracle(Protocol):
    """Anything that answers prefixes with logits.

    One prefix is one call.  The answer to a prefix must not depend on when it is asked.
    """

    def logits(self, prefixes: Sequence[Word]) -> Sequence[Sequence[Any]]:
        """Return one row of k numbers per prefix; a constant added to a row changes nothing."""


class ModelOracle:
    """The exact oracle of a model: its centred logits, in its own unit."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._states: dict[Word, State] = {(): model.start()}

    def logits(self, prefixes: Sequence[Word]) -> list[Row]:
        """Return the centred logits at each prefix."""
        return [self._model.read(self._state(p)) for p in prefixes]

    def _state(self, prefix: Word) -> State:
        known = len(prefix)
        while prefix[:known] not in self._states:
            known -= 1
        if len(self._states) > MAX_REMEMBERED_STATES:
            kept = {(): self._states[()], prefix[:known]: self._states[prefix[:known]]}
            self._states = kept
        state = self._states[prefix[:known]]
        for length in range(known, len(prefix)):
            state = self._model.step(state, prefix[length])
            self._states[prefix[: length + 1]] = state
        return state


class FloatOracle:
    """The answers of a model's exact oracle, correctly rounded to float64 nats."""

    def __init__(self, oracle: LogitOracle, model: LanguageModel) -> None:
        self._oracle, self._model = oracle, model

    def logits(self, prefixes: Sequence[Word]) -> list[Row]:
        """Return the logits at each prefix in nats."""
        rows = self._oracle.logits(prefixes)
        if self._model.arithmetic is not EXACT:
            unit = balls.nearest_float(self._model.unit.nats)
            return [tuple(x * unit for x in row) for row in rows]
        return [floats.from_rational(tuple(row), self._model.unit) for row in rows]


class FunctionOracle:
    """An oracle from a function that maps one prefix to its k logits."""

    def __init__(self, function: Callable[[Word], Sequence[Any]]) -> None:
        self._function = function

    def logits(self, prefixes: Sequence[Word]) -> list[Sequence[Any]]:
        """Return the function's value at each prefix."""
        return [self._function(p) for p in prefixes]

"""The logit oracle (Def 1.7) and its plainest form: a model that answers for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from llr.models.base import LanguageModel, State, Word
from llr.models.isan import Isan
from llr.models.network import Network
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, Arithmetic, Row

MAX_REMEMBERED_STATES = 1 << 16
MAX_NEAR_STATES = 1 << 12


@runtime_checkable
class LogitOracle(Protocol):
    """Anything that answers prefixes with logits.

    One prefix is one call.  The answer to a prefix must not depend on when it is asked.

    Source: [P] Def 1.7.
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
            return [floats.scaled(row, self._model.unit) for row in rows]
        return [floats.from_rational(tuple(row), self._model.unit) for row in rows]


class Float64Oracle:
    """An ISAN evaluated in float64, many prefixes at a time; answers in nats.

    After t steps the logits are off by O(t d) roundings; see :class:`llr.models.network.Network`.

    Args:
        model: exact or float64.
    """

    def __init__(self, model: Isan) -> None:
        self._network = Network(model)
        self._states: dict[Word, floats.Array] = {(): self._network.start}

    def logits(self, prefixes: Sequence[Word]) -> Any:
        """Return the logits at each prefix in nats, one row per prefix."""
        if len(self._states) > MAX_NEAR_STATES:
            near = (q for p in prefixes for q in (p, p[:-1]) if q in self._states)
            self._states = {(): self._network.start} | {q: self._states[q] for q in near}
        missing: dict[int, dict[Word, None]] = {}
        for prefix in prefixes:
            while prefix not in self._states and prefix not in missing.get(len(prefix), {}):
                missing.setdefault(len(prefix), {})[prefix] = None
                prefix = prefix[:-1]
        for length in sorted(missing):
            new = list(missing[length])
            before = np.array([self._states[p[:-1]] for p in new])
            moved = self._network.step(length - 1, before, np.array([p[-1] for p in new]))
            self._states.update(zip(new, moved, strict=True))
        found = np.empty((len(prefixes), self._network.alphabet_size))
        places: dict[int, list[int]] = {}
        for place, prefix in enumerate(prefixes):
            places.setdefault(len(prefix), []).append(place)
        for length, chosen in places.items():
            states = np.array([self._states[prefixes[i]] for i in chosen])
            found[chosen] = self._network.read(length, states)
        return found


class FunctionOracle:
    """An oracle from a function that maps one prefix to its k logits."""

    def __init__(self, function: Callable[[Word], Sequence[Any]]) -> None:
        self._function = function

    def logits(self, prefixes: Sequence[Word]) -> list[Sequence[Any]]:
        """Return the function's value at each prefix."""
        return [self._function(p) for p in prefixes]


def model_oracle(model: LanguageModel, arithmetic: Arithmetic) -> LogitOracle:
    """Return a model's own oracle, or one made of it: exact in its unit, or float64 nats."""
    own: LogitOracle | None = getattr(model, "oracle", None)
    if own is not None:
        return own
    if arithmetic is EXACT:
        return ModelOracle(model)
    return (
        Float64Oracle(model) if isinstance(model, Isan) else FloatOracle(ModelOracle(model), model)
    )

"""The register of statements: every bound is a plain function that says what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from llr.errors import LlrError
from llr.numbers.balls import Real
from llr.numbers.rational import text

MARKS = ("printed", "reconstructed", "corrected", "sharpened")

Function = TypeVar("Function", bound=Callable[..., Any])


class HypothesisError(LlrError, ValueError):
    """Report a hypothesis of a statement that its arguments violate.

    Args:
        statement: identifier, e.g. "lemma-5.1".
        hypothesis: what was assumed, e.g. "g > e".
        found: the offending values.
    """

    def __init__(self, statement: str, hypothesis: str, found: str) -> None:
        self.statement = statement
        self.hypothesis = hypothesis
        super().__init__(f"{statement} needs {hypothesis}, not {found}")


@dataclass(frozen=True)
class Statement:
    """One lemma, theorem or fact, in one form.

    Attributes:
        identifier: e.g. "lemma-5.3"; the form is part of it where there are several.
        mark: printed, reconstructed, corrected or sharpened.
        source: where it stands.
        summary: the statement on one line.
        function: its right-hand side.
    """

    identifier: str
    mark: str
    source: str
    summary: str
    function: Callable[..., Any]


STATEMENTS: dict[str, Statement] = {}

_SUBSTITUTES: ContextVar[Mapping[str, Callable[..., Any]]] = ContextVar("substitutes")
_NONE: Mapping[str, Callable[..., Any]] = {}


def statement(
    identifier: str, *, mark: str, source: str, summary: str
) -> Callable[[Function], Function]:
    """Register the decorated function as the right-hand side of a statement."""
    assert mark in MARKS
    assert identifier not in STATEMENTS

    def register(function: Function) -> Function:
        @wraps(function)
        def right_hand_side(*args: Any, **kwargs: Any) -> Any:
            substitute = _SUBSTITUTES.get(_NONE).get(identifier)
            if substitute is None:
                return function(*args, **kwargs)
            before = _SUBSTITUTES.set(_NONE)  # what a substitute calls is the original
            try:
                return substitute(*args, **kwargs)
            finally:
                _SUBSTITUTES.reset(before)

        STATEMENTS[identifier] = Statement(identifier, mark, source, summary, right_hand_side)
        return cast(Function, right_hand_side)

    return register


@contextmanager
def substituted(functions: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Put other functions in the place of right-hand sides, in this context and while it lasts.

    Args:
        functions: by identifier of the statement; each is called as the registered one is, and
            sees the registered ones itself.
    """
    before = _SUBSTITUTES.set(functions)
    try:
        yield
    finally:
        _SUBSTITUTES.reset(before)


def require(condition: bool, identifier: str, hypothesis: str, found: object) -> None:
    """Raise HypothesisError unless the condition holds."""
    if not condition:
        raise HypothesisError(identifier, hypothesis, _shown(found))


def _shown(found: object) -> str:
    if isinstance(found, Real):
        return text(found.exact) if found.exact is not None else str(found.ball())
    if isinstance(found, tuple):
        return "(" + ", ".join(map(_shown, found)) + ")"
    return str(found)

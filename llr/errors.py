"""Errors that speak to the user: each names the argument, its value and what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


class LlrError(Exception):
    """Base class of every error that this library raises on purpose."""


class InputError(LlrError, ValueError):
    """Report one argument that cannot be used.

    Args:
        argument: name of the argument, as the caller wrote it.
        value: the offending value; long values are shortened in the message.
        expected: what would have been accepted, e.g. ``"a rational in (0, 1)"``.
    """

    def __init__(self, argument: str, value: object, expected: str) -> None:
        self.argument = argument
        self.value = value
        self.expected = expected
        super().__init__(f"{on_one_line(argument)} must be {expected}, not {shorten(value)}")

    def __reduce__(self) -> tuple[type, tuple[str, ShownAs, str]]:
        """Survive the way from one process to another; the value becomes what is shown of it."""
        return type(self), (self.argument, ShownAs(shorten(self.value)), self.expected)


class OracleError(LlrError):
    """Report an oracle whose answers cannot be those of one fixed language model."""


class UnansweredError(OracleError):
    """Report a batch that an oracle answered in part.

    Args:
        message: why the rest was not answered.
        places: of the prefixes in the batch that were.
        answers: to these prefixes, as if they had been the whole batch.
    """

    def __init__(self, message: str, places: Sequence[int], answers: Any) -> None:
        self.places, self.answers = places, answers
        super().__init__(message)

    def __reduce__(self) -> tuple[type, tuple[str, Sequence[int], Any]]:
        """Survive the way from one process to another."""
        return type(self), (str(self), self.places, self.answers)


class BudgetError(LlrError):
    """Report an oracle that may not be asked for more prefixes."""


class UndecidedError(LlrError):
    """Report a comparison that stayed open at the highest precision allowed."""


class WorkersError(LlrError):
    """Report worker processes that cannot be reached, or cannot do what they are asked."""


class TooLargeError(LlrError):
    """Report an enumeration that would visit more nodes than its limit."""


NAMED = 20
"""So many names are listed; of more, those most like the one that was given."""


def one_of(names: Iterable[str], given: object) -> str:
    """Return "one of ..." for names that would have been accepted in the place of one."""
    known = list(names)
    if len(known) <= NAMED:
        return "one of " + ", ".join(known)
    near = get_close_matches(str(given), known, 5, 0.5) or known[:5]
    return f"one of {len(known)} names, such as {', '.join(near)}"


def shorten(value: object, length: int = 80) -> str:
    """Return ``repr(value)`` on one line, cut to ``length`` characters."""
    text = on_one_line(str(value) if isinstance(value, ShownAs) else repr(value))
    return text if len(text) <= length else text[: length - 3] + "..."


def on_one_line(text: str) -> str:
    """Return the text with every run of white space as one blank."""
    return " ".join(text.split())


class ShownAs(str):
    """A value whose message form is the string itself, without quotes."""

    __slots__ = ()

"""How long work says how far it is: one call per event, to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Tell: TypeAlias = Callable[[str, int, int], None]
"""Told the stage that work is in, how much of the stage is done, and of how much (0: unknown)."""


def untold(stage: str, done: int, total: int) -> None:
    """Nobody listens."""

"""A language model for tests that is trained in seconds, so that its logits mean something."""

from __future__ import annotations

from pathlib import Path

import train_small_lm
from train_small_lm import Plan, Size, Text

SMALL = Size(layers=2, width=32, inner=64, heads=2, context=64, batch=8)
STEPS = 120
LINES = 3000


def documentation() -> Text:
    """Return some of Python's documentation: text that is there wherever Python is."""
    text = train_small_lm.python_documentation()
    return Text(text.lines[:LINES], text.source, text.licence)


def small_plan(seed: int = 0, steps: int = STEPS, vocabulary: int = 300) -> Plan:
    """Return a plan of a few seconds."""
    return Plan(seed, vocabulary, steps, size=SMALL)


def write_trained(folder: Path) -> None:
    """Write ``full``, ``half``, ``untrained`` and the record."""
    train_small_lm.save(train_small_lm.train(documentation(), small_plan()), folder)

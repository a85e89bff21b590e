"""How fast a model on this machine is asked, measured in one run.

    python examples/oracle_speed.py models/full

Ratios are of the least times of rounds in which both ways take turns, so that a slow moment of the
machine counts for neither.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np

from llr.errors import InputError
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.journal import Journal
from llr.oracles.ledger import Ledger
from llr.screen import parse_integer, show, table

Sequences = Sequence[tuple[int, ...]]

VOCABULARY, BATCH = 512, 256
"""Of the ledger's measurement, over an oracle in memory."""

WORDS, LENGTH = 64, 32
SHORT_WORDS, SHORT_LENGTH = 256, 16
SINGLY = 64
"""So many sequences are asked one by one; together, all of them."""


class InMemory:
    """Gives the same rows to whatever is asked, at no cost."""

    def __init__(self) -> None:
        self._rows = np.random.default_rng(0).normal(size=(BATCH, VOCABULARY))

    def logits(self, prefixes: Sequences) -> floats.Array:
        """Return one row per prefix."""
        found: floats.Array = self._rows[: len(prefixes)]
        return found


def least_seconds(*ways: Callable[[], int], rounds: int) -> list[float]:
    """Return the least seconds per sequence of each way; a way returns how many it asked."""
    spent: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for times, way in zip(spent, ways, strict=True):
            began = time.perf_counter()
            many = way()
            times.append((time.perf_counter() - began) / many)
    return [min(times) for times in spent]


def words(count: int, length: int, vocabulary: int, start: tuple[int, ...], seed: int) -> Sequences:
    """Return random words behind the start token."""
    rows = (
        np.random.default_rng(seed).integers(0, vocabulary, (count, length - len(start))).tolist()
    )
    return [(*start, *row) for row in rows]


def asking(
    ask: Callable[[Sequences], object], sequences: Sequences, singly: bool
) -> Callable[[], int]:
    """Return a way to ask for sequences, one by one or together."""

    def way() -> int:
        if singly:
            for sequence in sequences:
                ask([sequence])
        else:
            ask(sequences)
        return len(sequences)

    return way


def of_model(folder: str, rounds: int) -> list[tuple[str, float, float]]:
    """Return, per batch, the seconds per sequence one by one and together."""
    from llr.oracles.huggingface import HuggingFaceOracle

    oracle = HuggingFaceOracle(folder)
    start, vocabulary = oracle.start, oracle.vocabulary_size
    short = words(SHORT_WORDS, SHORT_LENGTH, vocabulary, start, 0)
    long = words(WORDS, LENGTH, vocabulary, start, 1)
    prefixes = [word[:n] for word in long for n in range(1, LENGTH + 1)]
    found = []
    for name, sequences in (
        (f"{SHORT_WORDS} words of {SHORT_LENGTH} tokens", short),
        (f"all prefixes of {WORDS} words of {LENGTH} tokens", prefixes),
    ):
        few = asking(oracle.logits, sequences[:SINGLY], True)
        one, together = least_seconds(few, asking(oracle.logits, sequences, False), rounds=rounds)
        found.append((name, one, together))
    return found


def of_ledger(rounds: int) -> dict[str, tuple[float, float]]:
    """Return what a ledger takes per prefix, without and with a journal.

    Returns:
        Seconds on the clock and of the processor.
    """
    drawn = np.random.default_rng(1).integers(VOCABULARY, size=(128, SHORT_LENGTH)).tolist()
    prefixes = list(dict.fromkeys(tuple(w[:t]) for w in drawn for t in range(SHORT_LENGTH)))
    batches = [prefixes[i : i + BATCH] for i in range(0, len(prefixes), BATCH)]

    def through(oracle: object) -> int:
        ledger = Ledger(oracle, VOCABULARY, SHORT_LENGTH, FLOAT64)  # type: ignore[arg-type]
        for batch in batches:
            ledger.block(batch)
        return ledger.counts.distinct_prefixes

    spent: dict[str, list[tuple[float, float]]] = {"alone": [], "asked": [], "remembered": []}

    def timed(name: str, oracle: object) -> None:
        began, busy = time.perf_counter(), time.process_time()
        many = through(oracle)
        clock, busy = time.perf_counter() - began, time.process_time() - busy
        spent[name].append((clock / many, busy / many))

    with tempfile.TemporaryDirectory(dir=".") as folder:
        for number in range(rounds):
            timed("alone", InMemory())
            for name in ("asked", "remembered"):
                with Journal(Path(folder) / str(number)) as journal:
                    timed(name, journal.oracle(InMemory(), {}, VOCABULARY, FLOAT64))
    return {n: (min(x for x, _ in t), min(x for _, x in t)) for n, t in spent.items()}


@click.command()
@click.argument("folder")
@click.option("--rounds", default="7", metavar="N", show_default=True)
def main(folder: str, rounds: str) -> None:
    """Measure the model in FOLDER, and a ledger with a journal."""
    try:
        many = parse_integer(rounds, "--rounds", 1)
        if not (Path(folder) / "config.json").is_file():
            raise InputError("folder", folder, "a folder with a model")
    except InputError as error:
        raise click.UsageError(str(error)) from None
    report = table(
        f"Sequences per second, least times of {many} rounds",
        "asked",
        "one by one",
        "together",
        "times",
    )
    for name, one, together in of_model(folder, many):
        cells = (f"{1 / one:,.0f}", f"{1 / together:,.0f}", f"{one / together:.1f}")
        report.add_row(name, *cells)
    show(report)
    report = table(
        f"Microseconds per prefix at vocabulary {VOCABULARY}, batches of {BATCH}",
        "ledger",
        "clock",
        "processor",
    )
    for name, seconds in of_ledger(many).items():
        label = name if name == "alone" else f"with a journal, {name}"
        report.add_row(label, *(f"{x * 1e6:.1f}" for x in seconds))
    show(report)
    click.echo(f"SQLite {sqlite3.sqlite_version}; one thread.")


if __name__ == "__main__":
    main()

"""What every command shows and reads alike: options, tables, JSON, progress, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich import box
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from llr.errors import InputError
from llr.learning.lean import LeanEpoch
from llr.learning.printed import Epoch

OK, FAILED, INTERRUPTED = 0, 1, 3

MAX_DIGITS = 18

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
seed_option = click.option(
    "--seed", default="0", metavar="N", show_default=True, help="Seed of every random choice."
)


def print_json(value: object) -> None:
    """Write one JSON value on one line of standard output."""
    click.echo(json.dumps(value))


def parse_integer(written: str, argument: str, least: int = 0) -> int:
    """Return an integer of at least ``least``, or raise InputError."""
    digits = written.strip()
    if not (digits.isascii() and digits.isdigit()):
        raise InputError(argument, written, f"an integer of at least {least}")
    if len(digits) > MAX_DIGITS:
        raise InputError(argument, written, f"an integer of at most {MAX_DIGITS} digits")
    if int(digits) < least:
        raise InputError(argument, written, f"an integer of at least {least}")
    return int(digits)


def parse_ascending(written: str, argument: str, least: int) -> tuple[int, ...]:
    """Return ascending integers of at least ``least`` from ``4,8,16``, or raise InputError."""
    found = tuple(parse_integer(n, argument, least) for n in written.split(","))
    if list(found) != sorted(set(found)):
        raise InputError(argument, written, "ascending numbers")
    return found


def table(title: str, *columns: str) -> Table:
    """Return an empty table for the screen."""
    found = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        found.add_column(column, no_wrap=place == 0)
    return found


def show(item: object) -> None:
    """Print a table or a line on standard output; at least 120 columns wide in a pipe."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(120, console.width))
    if isinstance(item, Table) and item.title:
        console.print(item.title, soft_wrap=True, markup=False, highlight=False)
        item.title = None
    console.print(item, soft_wrap=isinstance(item, str))


def interval(found: dict[str, str]) -> str:
    """Return an enclosure for the screen."""
    if found["lower"] == found["upper"]:
        return f"{found['lower']} ({found['method']})"
    return f"[{found['lower']}, {found['upper']}] ({found['method']})"


@contextmanager
def progress(what: str) -> Iterator[Callable[[Epoch | LeanEpoch], None]]:
    """Show that work goes on, on a terminal's standard error; silent elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda epoch: None
        return
    with console.status(what) as status:
        yield lambda epoch: status.update(f"{what}: epoch {epoch.number} ended {epoch.outcome}")


@contextmanager
def counted_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much of a known amount is done, on a terminal's standard error; silent elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""What every command shows and reads alike: options, tables, JSON, progress, exit codes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias

import click
from click.core import ParameterSource
from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import MofNCompleteColumn, Progress
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from llr.errors import InputError, ShownAs
from llr.learning.lean import LeanEpoch
from llr.learning.printed import Epoch

OK, FAILED, INTERRUPTED = 0, 1, 3

Counts: TypeAlias = Callable[[], tuple[int, int]]

_QUIET = "llr.quiet"

MAX_DIGITS = 18

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
seed_option = click.option(
    "--seed", default="0", metavar="N", show_default=True, help="Seed of every random choice."
)


def _hush(context: click.Context, option: click.Parameter, quiet: bool) -> None:
    context.meta[_QUIET] = quiet


quiet_option = click.option(
    "--quiet", is_flag=True, expose_value=False, callback=_hush, help="Show no progress."
)


def refuse(expected: str, *names: str) -> None:
    """Raise InputError if an option was given that another one makes void.

    Args:
        expected: what would be accepted, as in "left out with --status".
        names: of the parameters of the command that runs.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name
        if name in names and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            value = context.params[name]
            shown = ShownAs("given") if value is True else value
            raise InputError(parameter.opts[0], shown, expected)


def print_json(value: object) -> None:
    """Write one JSON value on one line of standard output."""
    click.echo(json.dumps(value))


def parse_integer(written: str, argument: str, least: int = 0, most: int | None = None) -> int:
    """Return an integer from ``least`` to ``most``, or raise InputError."""
    digits = written.strip()
    if not (digits.isascii() and digits.isdigit()):
        raise InputError(argument, written, f"an integer of at least {least}")
    if len(digits) > MAX_DIGITS:
        raise InputError(argument, written, f"an integer of at most {MAX_DIGITS} digits")
    if int(digits) < least:
        raise InputError(argument, written, f"an integer of at least {least}")
    if most is not None and int(digits) > most:
        raise InputError(argument, written, f"an integer of at most {most}")
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


def shown_width() -> int:
    """Return how many columns standard output has; at least 120 in a pipe."""
    console = Console()
    return console.width if console.is_terminal else max(120, console.width)


def show(item: object) -> None:
    """Print a table or a line on standard output."""
    console = Console(width=shown_width())
    if isinstance(item, Table) and item.title:
        console.print(item.title, soft_wrap=True, markup=False, highlight=False)
        item.title = None
    console.print(item, soft_wrap=isinstance(item, str))


def interval(found: dict[str, str]) -> str:
    """Return an enclosure for the screen."""
    if found["lower"] == found["upper"]:
        return f"{found['lower']} ({found['method']})"
    return f"[{found['lower']}, {found['upper']}] ({found['method']})"


class Line:
    """What a command is doing, as progress shows it.

    Args:
        what: the work, in words.
        counts: returns the calls asked so far, and those that a journal remembered.
        also: returns what else there is to say, after so many seconds.
    """

    def __init__(
        self,
        what: str,
        counts: Counts | None = None,
        also: Callable[[float], str] | None = None,
    ) -> None:
        self._what, self._counts, self._also = what, counts, also
        self._stage, self._done, self._total = "", 0, 0
        self._epoch = self._witnesses = 0
        self._began = time.monotonic()
        self._spinner = Spinner("dots")

    def tell(self, stage: str, done: int, total: int) -> None:
        """Note how far a stage has come; total 0: nobody knows."""
        self._stage, self._done, self._total = stage, done, total

    def epoch(self, epoch: Epoch | LeanEpoch) -> None:
        """Note that an epoch of a learner has ended."""
        self._epoch = epoch.number
        if isinstance(epoch, LeanEpoch):
            self._witnesses += len(epoch.stems)
        else:
            self._witnesses += epoch.witness is not None

    def __str__(self) -> str:
        """Return all that is known, without the spinner."""
        seconds = time.monotonic() - self._began
        clock = timedelta(seconds=int(seconds))
        found = [f"{self._what}, {clock}"]
        if self._epoch:
            found.append(f"epoch {self._epoch:,}, {counted(self._witnesses, 'witness', 'es')}")
        if self._also is not None:
            found.append(self._also(seconds))
        if self._stage:
            of = f": {self._done:,} of {self._total:,}" if self._total else ""
            found.append(f"{self._stage}{of}")
        if self._counts is not None:
            asked, remembered = self._counts()
            rate = f", {asked / seconds:,.0f}/s" if asked and seconds > 0 else ""
            kept = f", {remembered:,} remembered" if remembered else ""
            found.append(f"{counted(asked, 'call')}{rate}{kept}")
        return "; ".join(found)

    def __rich__(self) -> RenderableType:
        """Return the line as it is now; a display asks ten times per second."""
        self._spinner.update(text=Text(str(self)))
        return self._spinner


def say(message: str) -> None:
    """Write one line to standard error, as it is."""
    Console(stderr=True).print(message, markup=False, highlight=False, soft_wrap=True)


def counted(number: int, thing: str, plural: str = "s") -> str:
    """Return ``1 call``, ``2 calls``."""
    return f"{number:,} {thing}{'' if number == 1 else plural}"


@contextmanager
def progress(what: str, counts: Counts | None = None) -> Iterator[Line]:
    """Show what goes on while it goes on, on a terminal's standard error.

    Silent elsewhere, and with ``--quiet``.

    Args:
        what: the work, in words.
        counts: returns the calls asked so far, and those that a journal remembered.
    """
    line = Line(what, counts)
    with shown_line(line):
        yield line


@contextmanager
def shown_line(line: RenderableType) -> Iterator[None]:
    """Show a renderable, asked again and again, where :func:`progress` would show one."""
    console = _watched()
    if console is None:
        yield
        return
    with Live(
        get_renderable=lambda: line,
        console=console,
        refresh_per_second=10,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what else is printed there stands above the line
        redirect_stderr=False,
    ):
        yield


@contextmanager
def counted_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for a known amount of work where :func:`progress` would show a line."""
    console = _watched()
    if console is None:
        yield lambda done, total: None
        return
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _watched() -> Console | None:
    """Return the terminal that somebody watches standard error on, or None."""
    context = click.get_current_context(silent=True)
    quiet = context is not None and context.meta.get(_QUIET, False)
    console = Console(stderr=True)
    # a pipe stays silent even where colour is forced
    return None if quiet or console.is_dumb_terminal or not sys.stderr.isatty() else console

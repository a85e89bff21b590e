"""``llr sweep``: grids of targets, learners, parameters and seeds, on any number of workers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.table import Table

from llr import __version__, plots
from llr.errors import InputError, ShownAs, WorkersError
from llr.models.files import check_writable
from llr.screen import (
    FAILED,
    INTERRUPTED,
    OK,
    counted,
    counted_progress,
    json_option,
    parse_integer,
    print_json,
    quiet_option,
    refuse,
    say,
    show,
    table,
)
from llr.sweeps import engines, summary
from llr.sweeps.results import Result, Results
from llr.sweeps.spec import Spec, read_spec
from llr.sweeps.tasks import FAILED as TASK_FAILED

SUFFIX = ".db"


@click.command()
@click.argument("spec", metavar="SPEC.toml")
@click.option(
    "--results",
    default=None,
    metavar="FILE",
    help=f"Where rows are kept; default SPEC with the suffix {SUFFIX}.",
)
@click.option(
    "--engine",
    default=engines.ENGINES[0],
    show_default=True,
    metavar="|".join(engines.ENGINES),
    help="Processes of this machine, this process alone, or a cluster of dask.",
)
@click.option("--workers", default=None, metavar="N", help="loky: processes; default one per core.")
@click.option("--address", default=None, metavar="tcp://HOST:PORT", help="dask: its scheduler.")
@click.option("--retry", is_flag=True, help="Do the tasks again that failed.")
@click.option("--status", is_flag=True, help="Show how far it is, and do nothing, with any engine.")
@click.option("--plot", default=None, metavar="DIR", help="Write SVG plots to a folder.")
@quiet_option
@json_option
def sweep(
    spec: str,
    results: str | None,
    engine: str,
    workers: str | None,
    address: str | None,
    retry: bool,
    status: bool,
    plot: str | None,
    as_json: bool,
) -> None:
    """Learn every target of SPEC.toml in every way that it says, and fit how the counts grow.

    Each row is kept as it comes: the same command goes on where another one was stopped or killed.
    Exit 0 if every task has a row and none failed, else 1.
    """
    if status:
        refuse("left out with --status", "retry", "plot")
    wanted = read_spec(spec)
    tasks = _engine(engine, workers, address)
    path = str(Path(spec).with_suffix(SUFFIX)) if results is None else results
    if Path(path).resolve() == Path(spec).resolve():
        raise InputError("--results", path, "another file than the spec")
    check_writable(path, "--results")
    if plot is not None:
        names = [name for key in summary.numeric(wanted) for name in _plots_of(key).values()]
        if not names:
            raise InputError("--plot", plot, "used with three numbers or more of some key")
        plots.check_folder("--plot", plot, names)
    if status:
        _show_status(path, spec, wanted, as_json)
        return
    with Results(path) as kept, _resumable(wanted, kept):
        if retry:
            kept.forget_failed(wanted.keys)
        _work(wanted, kept, tasks)
        found = kept.read()
        done = {key: found[key] for key in wanted.keys}
        others = [r.version for r in done.values() if r.version != __version__]
        if others:
            versions = ", ".join(sorted(set(others)))
            what = f"{counted(len(others), 'task')} in {path} were done by another version of llr"
            say(f"{what} than {__version__}: {versions}")
        if as_json:
            for value in rows_as_json(wanted, done):
                print_json(value)
        else:
            _report(spec, wanted, done)
        if plot is not None:
            _draw(Path(plot), spec, wanted, done)
    sys.exit(FAILED if any(_is_failed(result) for result in done.values()) else OK)


@contextmanager
def _resumable(spec: Spec, kept: Results) -> Iterator[None]:
    """Say how to resume where the work is interrupted, or ends because of its workers."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted; {_resume(spec, kept)}")
        raise SystemExit(INTERRUPTED) from None
    except WorkersError:
        say(_resume(spec, kept))
        raise


Engine = Callable[[Iterable[str]], Generator[engines.Sent, None, None]]


def _engine(engine: str, workers: str | None, address: str | None) -> Engine:
    """Return what does tasks, or raise InputError."""
    if engine not in engines.ENGINES:
        raise InputError("--engine", engine, "one of " + ", ".join(engines.ENGINES))
    if workers is not None and engine != "loky":
        raise InputError("--workers", workers, "left out, or used with --engine loky")
    if (address is None) == (engine == "dask"):
        shown = ShownAs("missing") if address is None else address
        raise InputError("--address", shown, "given with --engine dask, and only with it")
    if engine == "sequential":
        return engines.sequential
    if engine == "loky":
        many = engines.cores() if workers is None else parse_integer(workers, "--workers", 1)
        return lambda keys: engines.loky(keys, many)
    engines.check_dask("--engine")
    return lambda keys: engines.dask(keys, str(address))


def _work(spec: Spec, kept: Results, engine: Engine) -> None:
    """Do the tasks that have no row yet."""
    known = kept.read()
    left = [key for key in spec.keys if key not in known]
    if not left:
        return
    total = len(spec.keys)
    done = total - len(left)
    with counted_progress("sweep") as report, closing(engine(left)) as ended:
        report(done, total)
        for key, sent in ended:
            kept.add(key, sent)
            done += 1
            report(done, total)


def _resume(spec: Spec, kept: Results) -> str:
    known = kept.read()  # an interrupt may come right after a row was kept
    done = sum(key in known for key in spec.keys)
    rows = f"{done:,} of {counted(len(spec.keys), 'task')} are in {kept.path}"
    return f"{rows}: the same command goes on from there"


def _is_failed(result: Result) -> bool:
    return bool(result.row["outcome"] == TASK_FAILED)


def _show_status(path: str, title: str, spec: Spec, as_json: bool) -> None:
    """Show how far a sweep is, from its file alone."""
    found: dict[str, Result] = {}
    if Path(path).exists():
        with Results(path) as kept:
            found = kept.read()
    mine = [found[key] for key in spec.keys if key in found]
    spent = [result.seconds for result in mine]
    value: dict[str, Any] = {
        "results": path,
        "tasks": len(spec.entries),
        "done": len(mine),
        "failed": sum(map(_is_failed, mine)),
        "other_rows": len(found) - len(mine),
        "other_versions": sorted({r.version for r in mine} - {__version__}),
        "seconds": round(sum(spent), 3),
        "median_seconds": round(median(spent), 3) if spent else None,
    }
    if as_json:
        print_json(value)
        return
    shown = table(title, "what", "value")
    shown.add_row("rows are in", path)
    shown.add_row("tasks done", f"{value['done']:,} of {value['tasks']:,}")
    shown.add_row("of them failed", f"{value['failed']:,}")
    shown.add_row("rows of other tasks", f"{value['other_rows']:,}")
    if value["other_versions"]:
        shown.add_row("rows by other versions of llr", ", ".join(value["other_versions"]))
    if spent:
        left = (len(spec.entries) - len(mine)) * sum(spent) / len(spent)
        shown.add_row("work done", f"{sum(spent):,.1f} s, {value['median_seconds']} s a task")
        shown.add_row("work left, about", f"{left:,.0f} s on one worker")
    show(shown)


def rows_as_json(spec: Spec, results: Mapping[str, Result]) -> Iterator[dict[str, Any]]:
    """Yield what each task gave as a JSON value, in the order of the spec."""
    for entry in spec.entries:
        yield {
            "grid": dict(entry.point),
            "task": json.loads(entry.key),
            **results[entry.key].row,
        }


def _report(title: str, spec: Spec, results: Mapping[str, Result]) -> None:
    """Show the groups, the exponents, and what failed."""
    rows = {key: result.row for key, result in results.items()}
    columns = (*spec.grid, "accepted", *(f"{x}\nleast, median, most" for x in summary.COUNTS), "TV")
    found = table(f"{title}: {counted(len(rows), 'task')}", *columns)
    for group in summary.groups(spec, rows):
        accepted = f"{group.accepted} of {group.tasks}"
        counts = ["failed"] * len(summary.COUNTS)
        if group.counts is not None:
            counts = [_spread(group.counts[name]) for name in summary.COUNTS]
        error = "" if group.error is None else f"{group.error:.3g}"
        found.add_row(*map(str, group.point.values()), accepted, *counts, error)
    show(found)
    fits = summary.fits(spec, rows)
    if fits:
        show(_exponents(fits))
    failures: dict[str, int] = {}
    for key in spec.keys:
        if rows[key]["outcome"] == TASK_FAILED:
            error = rows[key]["error"]
            message = f"{error['kind']}: {error['message']}"
            failures[message] = failures.get(message, 0) + 1
    for message, many in failures.items():
        show(f"{counted(many, 'task')} failed: {message}")


def _spread(found: summary.Spread) -> str:
    if found.least == found.largest:
        return f"{found.least:,}"
    return ", ".join(f"{x:,}" for x in (found.least, found.middle, found.largest))


def _exponents(fits: Sequence[summary.Fit]) -> Table:
    fixed = list(fits[0].fixed)
    title = "count = factor * product of sizes to these powers, with 95 % intervals"
    found = table(title, *fixed, "count", "factor", *fits[0].sizes, "tasks")
    for fit in fits:
        powers = (
            f"{x:.2f} [{low:.2f}, {high:.2f}]"
            for x, (low, high) in zip(fit.law.exponents, fit.law.intervals, strict=True)
        )
        others = map(str, fit.fixed.values())
        found.add_row(*others, fit.count, f"{fit.law.factor:.4g}", *powers, str(fit.law.points))
    return found


def _plots_of(key: str) -> dict[str, str]:
    """Return the file of each count's plot against a key."""
    return {count: f"sweep-{key}-{count}.svg" for count in summary.COUNTS}


def _draw(folder: Path, title: str, spec: Spec, results: Mapping[str, Result]) -> None:
    folder.mkdir(exist_ok=True)
    found = summary.groups(spec, {key: result.row for key, result in results.items()})
    for key in summary.numeric(spec):
        for count, name in _plots_of(key).items():
            curves = summary.curves(found, key, count)
            if curves:
                plots.plot_spreads(folder / name, title, key, count, curves)

"""``llr compare``: every learner that applies, and what each pays."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
from flint import fmpq

from llr import comparison, plots
from llr.asking import Asking, opened, oracle_options
from llr.errors import InputError
from llr.learning import api
from llr.models.base import LanguageModel
from llr.numbers.arithmetic import EXACT, named
from llr.numbers.rational import text
from llr.oracles.protocol import LogitOracle
from llr.screen import (
    interval,
    json_option,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    seed_option,
    show,
    table,
)
from llr.storage import enumerable_target


@click.command()
@click.argument("target")
@click.option("--epsilon", default="0.01", show_default=True, help="Promised total variation.")
@click.option("--delta", default="1e-6", show_default=True, help="Allowed risk.")
@click.option("--arithmetic", default="exact", show_default=True, help="exact or float.")
@click.option("--plot", default=None, metavar="DIR", help="Write SVG plots to a folder.")
@oracle_options
@seed_option
@quiet_option
@json_option
def compare(
    target: str,
    epsilon: str,
    delta: str,
    arithmetic: str,
    plot: str | None,
    journal: str | None,
    max_calls: str | None,
    seed: str,
    as_json: bool,
) -> None:
    """Learn TARGET in every way that applies, and print what each pays in oracle calls."""
    model = enumerable_target(target)
    promise: dict[str, Any] = {
        "epsilon": api.probability(epsilon, "--epsilon"),
        "delta": api.probability(delta, "--delta"),
        "seed": parse_integer(seed, "--seed"),
        "arithmetic": named(arithmetic),
    }
    if promise["arithmetic"] is EXACT and model.arithmetic is not EXACT:
        raise InputError("--arithmetic", arithmetic, "float: the target has float64 logits")
    if plot is not None:
        plots.check_folder("--plot", plot, plots.FILES)
    limit = comparison.limit_of(model)
    with (
        opened(journal, max_calls) as asks,
        progress(f"learning {target} in every way", asks.counts) as line,
    ):
        oracle = asks.oracle(model, promise["arithmetic"], {"target": target})
        label = comparison.label_of(target)
        entries = list(comparison.compare(model, oracle, **promise, **label, tell=line.tell))
        if plot is not None:
            line.tell("plots, for which it is learned at other T", 0, 0)
            draw(Path(plot), target, model, entries, limit, promise, asks)
    if as_json:
        print_json(
            {
                "target": target,
                "counting_limit": None if limit is None else text(limit),
                "learners": [entry.as_json() for entry in entries],
                **asks.as_json(),
            }
        )
        return
    counted = "unknown" if limit is None else f"{float(limit):,.0f}"
    columns = ("learner", "learning\ncalls", "certifying\ncalls", "words", "TV", "note")
    found = table(f"{target}: counting limit {counted} calls", *columns)
    for e in entries:
        apart = "" if e.distance is None else interval(e.distance.as_json())
        numbers = (f"{x:,}" for x in (e.learning, e.certifying, e.words))
        found.add_row(e.learner, *numbers, apart, e.note)
    show(found)


def draw(
    folder: Path,
    target: str,
    model: LanguageModel,
    entries: Sequence[comparison.Entry],
    limit: fmpq | None,
    promise: dict[str, Any],
    asks: Asking,
) -> None:
    """Write the plots of a comparison.

    Curves come from installed packages, through the entry-point group ``llr.curves``: functions of
    horizon, alphabet size, rank, epsilon and delta.
    """
    folder.mkdir(exist_ok=True)
    paid = [(e.learner, e.learning, e.certifying) for e in entries]
    shown = None if limit is None else float(limit)
    plots.plot_learners(folder / plots.LEARNERS, target, paid, shown)

    def oracle_of(member: LanguageModel) -> LogitOracle:
        numbers = promise["arithmetic"]
        return asks.oracle(member, numbers, {"target": target, "T": member.horizon})

    sizes = comparison.growth(target, oracle_of, **promise)
    if not sizes:
        return
    curves = {
        "lean learner, learning calls": [float(g.learning) for g in sizes],
        "counting limit": [float(g.limit) for g in sizes],
    }
    for point in entry_points(group="llr.curves"):
        bound = point.load()
        curves[point.name] = [
            bound(g.horizon, model.alphabet_size, g.rank, promise["epsilon"], promise["delta"])
            for g in sizes
        ]
    horizons = [g.horizon for g in sizes]
    plots.plot_growth(folder / plots.GROWTH, f"{target}, at other T", horizons, curves)

"""``llr spectrum``: singular values, approximations and approximate logit rank of a target."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from llr import plots, spectrum_plots
from llr.analysis.extended import FUTURE_WORDS, LAST_TOKENS, Author, Sampling, extended_matrix
from llr.analysis.held_out import CutErrors, held_out_errors
from llr.analysis.spectrum import Spectrum, ViolationError, spectra
from llr.asking import opened, opened_target, oracle_options
from llr.commands.spectrum_report import FIT, HELD_OUT, cut_as_json, report, spectrum_as_json
from llr.errors import InputError, ShownAs
from llr.models.base import LanguageModel
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger
from llr.oracles.real import RealModel
from llr.screen import (
    FAILED,
    json_option,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    seed_option,
)


@dataclass(frozen=True)
class Plan:
    """What the options ask for, read and checked."""

    histories: int
    futures: int
    halvings: int
    sampling: Sampling
    top: int | None
    ranks: list[int] | None
    fit: tuple[int, int] | None
    cuts: list[int]
    error: float | None
    seed: int


@click.command()
@click.argument("target")
@click.option(
    "--control",
    default=None,
    metavar="TARGET2",
    help="Ask this one at the same histories and futures.",
)
@click.option("--histories", default="200", show_default=True, metavar="N", help="Rows.")
@click.option("--futures", default="200", show_default=True, metavar="M", help="Futures' stems.")
@click.option(
    "--length", default=None, metavar="A-B", help="Of histories; one number, or a range [1-T/2]."
)
@click.option(
    "--future-length",
    default=None,
    metavar="A-B",
    help="Of futures, their last token included [1 to what is left].",
)
@click.option(
    "--last-token",
    default=LAST_TOKENS[0],
    show_default=True,
    metavar="|".join(LAST_TOKENS),
    help="Of a history: uniform as in Def 1.6, or drawn like the others.",
)
@click.option(
    "--future-words",
    default=FUTURE_WORDS[0],
    show_default=True,
    metavar="|".join(FUTURE_WORDS),
    help="Futures from independent words, or of uniform tokens.",
)
@click.option(
    "--tokens",
    default="all",
    show_default=True,
    metavar="all|top:K",
    help="Columns after a stem: all, or the K likeliest tokens.",
)
@click.option(
    "--sizes",
    default="3",
    show_default=True,
    metavar="N",
    help="How many sizes, each half of the one before.",
)
@click.option("--ranks", default=None, metavar="LIST", help='Ranks tried, as in "0-4,8,16".')
@click.option("--fit", default=None, metavar="A-B", help="Ranks that fits use [2 to histories/4].")
@click.option(
    "--cuts",
    default="middle",
    show_default=True,
    metavar="LIST",
    help='Cuts for the approximate rank: all, none, middle, or as in "2,5-7".',
)
@click.option(
    "--error",
    default=None,
    metavar="X",
    help="Seek the least rank with mean error <= X nats: among all, or --ranks.",
)
@click.option("--plot", default=None, metavar="DIR", help="Write SVG plots to a folder.")
@oracle_options
@seed_option
@quiet_option
@json_option
def spectrum(
    target: str,
    control: str | None,
    plot: str | None,
    journal: str | None,
    max_calls: str | None,
    as_json: bool,
    **written: str | None,
) -> None:
    """Print the spectrum of TARGET's extended logit matrix and its approximate logit rank.

    Rows are histories, columns are futures: a stem and each token after it.  Exit 1 if Fact B.2's
    inequality fails.
    """
    model = opened_target(target)
    other = None if control is None else opened_target(control)
    plan = read_plan(model, written)
    if other is not None:
        check_control(model, other, str(control))
    if plot is not None:
        plots.check_folder("--plot", plot, spectrum_plots.FILES)
    rng = np.random.default_rng(plan.seed)
    try:
        with opened(journal, max_calls) as door:
            asked = [
                Ledger(
                    door.oracle(m, FLOAT64, {"target": name}), m.alphabet_size, m.horizon, FLOAT64
                )
                for name, m in ((target, model), (control, other))
                if m is not None
            ]
            if other is not None:
                check_same_tokens(model, other, str(control))
            with progress(f"spectrum of {target}", door.counts) as line:
                value, found, cuts = measure(model, plan, asked, rng, line.tell)
            value = {"target": target, "control": control, **value, **door.as_json()}
    except ViolationError as error:
        click.echo(str(error), err=True)
        sys.exit(FAILED)
    if plot is not None:
        draw(Path(plot), target, found, cuts)
    if as_json:
        print_json(value)
    else:
        report(model, value, found, cuts, plan.error)


def read_plan(model: LanguageModel, written: Mapping[str, str | None]) -> Plan:
    """Return what the options ask for; raise InputError before any work starts."""

    def given(name: str) -> str:
        return str(written[name])

    horizon = model.horizon
    if horizon < 2:
        raise InputError("target", ShownAs("one of horizon 1"), "of horizon 2 or more")
    length = written["length"]
    ends = (1, max(1, horizon // 2)) if length is None else a_range(length, "--length")
    if ends[1] >= horizon:
        raise InputError("--length", length, f"at most {horizon - 1}, so that a future fits")
    future = written["future_length"]
    left = horizon - ends[1]
    future_ends = (1, left) if future is None else a_range(future, "--future-length")
    if future_ends[1] > left:
        raise InputError("--future-length", future, f"at most {left}: T less the longest history")
    sampling = Sampling(ends, future_ends, given("last_token"), given("future_words"))
    sampling.check(horizon)
    plan = Plan(
        histories=parse_integer(given("histories"), "--histories", 8),
        futures=parse_integer(given("futures"), "--futures", 1),
        halvings=parse_integer(given("sizes"), "--sizes", 1) - 1,
        sampling=sampling,
        top=top_tokens(given("tokens"), model.alphabet_size),
        ranks=numbers(written["ranks"], "--ranks"),
        fit=None if written["fit"] is None else a_range(str(written["fit"]), "--fit"),
        cuts=which_cuts(given("cuts"), horizon),
        error=positive(written["error"], "--error"),
        seed=parse_integer(given("seed"), "--seed"),
    )
    if plan.error is not None and not plan.cuts:
        raise InputError("--error", written["error"], "left out with --cuts none")
    smallest = min(plan.histories // 2, plan.futures) >> plan.halvings
    if plan.halvings > 30 or smallest < 1:
        raise InputError("--sizes", plan.halvings + 1, "few enough for the histories and futures")
    return plan


def measure(
    model: LanguageModel,
    plan: Plan,
    asked: Sequence[Ledger],
    rng: np.random.Generator,
    tell: Tell = untold,
) -> tuple[dict[str, Any], dict[str, list[Spectrum]], list[CutErrors]]:
    """Ask all that the plan needs; return the JSON value, the spectra per model and the cuts."""
    k = model.alphabet_size

    def stage(name: str) -> Callable[[int, int], None]:
        return lambda done, total: tell(name, done, total)

    author = Author(asked[0], k, rng)
    tell("histories and futures", 0, 0)
    histories = author.histories(plan.histories, plan.sampling)
    stems = author.stems(plan.futures, plan.sampling)
    tokens = list(range(k)) if plan.top is None else author.likely_tokens(plan.top)
    found: dict[str, list[Spectrum]] = {}
    for name, ledger in zip(("target", "control"), asked, strict=False):
        m = extended_matrix(ledger, histories, stems, tokens, stage(f"asking the {name}"))
        tell(f"singular values of the {name}", 0, 0)
        found[name] = [
            s
            for removed in (False, True)
            for s in spectra(m, plan.halvings, removed, plan.ranks, plan.fit)
        ]
        del m  # the next one takes its room
    cuts = [
        held_out_errors(
            asked[0],
            author,
            k,
            model.horizon,
            cut,
            plan.histories,
            plan.futures,
            plan.ranks,
            stage(f"asking at cut {cut}"),
            every=plan.error is not None and plan.ranks is None,
        )
        for cut in plan.cuts
    ]
    for ledger in asked:
        ledger.recheck()
    value: dict[str, Any] = {
        "alphabet_size": k,
        "horizon": model.horizon,
        "arithmetic": FLOAT64.name,
        "seed": plan.seed,
        **({"restricted": model.description()} if isinstance(model, RealModel) else {}),
        "sampling": asdict(plan.sampling),
        "histories": plan.histories,
        "distinct_histories": len(set(histories)),
        "futures": plan.futures,
        "distinct_futures": len(set(stems)),
        "tokens": "all" if plan.top is None else tokens,
        "spectra": [spectrum_as_json(s, name) for name, each in found.items() for s in each],
        "fits": FIT,
        "approximate_rank": [cut_as_json(c, plan.error) for c in cuts],
        "held_out": HELD_OUT,
        "queries": asked[0].counts.as_json(),
    }
    if len(asked) > 1:
        value["control_queries"] = asked[1].counts.as_json()
    return value, found, cuts


def draw(
    folder: Path, title: str, found: Mapping[str, Sequence[Spectrum]], cuts: Sequence[CutErrors]
) -> None:
    """Write the plots."""
    folder.mkdir(exist_ok=True)
    spectrum_plots.plot_values(folder / spectrum_plots.VALUES, title, found)
    spectrum_plots.plot_errors(folder / spectrum_plots.ERRORS, title, found)
    if cuts:
        spectrum_plots.plot_held_out(folder / spectrum_plots.HELD_OUT, title, cuts)


def check_control(model: LanguageModel, other: LanguageModel, written: str) -> None:
    """Raise InputError unless two models have words of the same shape."""
    for name in ("alphabet_size", "horizon"):
        if getattr(model, name) != getattr(other, name):
            raise InputError(
                "--control",
                ShownAs(f"{written} with {name} {getattr(other, name)}"),
                f"a target of {name} {getattr(model, name)}, as the first",
            )


def check_same_tokens(model: LanguageModel, other: LanguageModel, written: str) -> None:
    """Raise InputError if two real models keep different tokens."""
    if (
        isinstance(model, RealModel)
        and isinstance(other, RealModel)
        and model.tokens != other.tokens
    ):
        raise InputError(
            "--control",
            written,
            "a target that keeps the same tokens (leave k out, or say tokens=)",
        )


def top_tokens(written: str, k: int) -> int | None:
    """Read ``all`` (None) or ``top:K``."""
    if written == "all":
        return None
    kind, colon, number = written.partition(":")
    if kind != "top" or not colon:
        raise InputError("--tokens", written, "all or top:K")
    many = parse_integer(number, "--tokens top:K", 2)
    if many > k:
        raise InputError("--tokens top:K", many, f"at most {k}, the alphabet size")
    return many


def which_cuts(written: str, horizon: int) -> list[int]:
    """Read the cuts asked for."""
    if written == "none":
        return []
    if written == "middle":
        return [horizon // 2 + 1]
    found = list(range(2, horizon + 1)) if written == "all" else numbers(written, "--cuts")
    for cut in found or []:
        if not 2 <= cut <= horizon:
            raise InputError("--cuts", cut, f"in 2..{horizon}")
    return found or []


def a_range(written: str, argument: str) -> tuple[int, int]:
    """Read ``A-B`` or one number, from 1 upwards."""
    first, dash, last = written.partition("-")
    least = parse_integer(first, argument, 1)
    most = parse_integer(last, argument, 1) if dash else least
    if most < least:
        raise InputError(argument, written, "a range, the smaller number first")
    return least, most


MAX_LISTED = 1 << 12


def numbers(written: str | None, argument: str) -> list[int] | None:
    """Read ``0-4,8`` as an ascending list of integers."""
    if written is None:
        return None
    found: set[int] = set()
    for item in written.split(","):
        first, dash, last = item.partition("-")
        least = parse_integer(first, argument)
        most = parse_integer(last, argument) if dash else least
        if most < least or most - least >= MAX_LISTED:
            raise InputError(
                argument, written, f"ranges of at most {MAX_LISTED}, smaller end first"
            )
        found.update(range(least, most + 1))
    return sorted(found)


def positive(written: str | None, argument: str) -> float | None:
    """Read a positive number."""
    if written is None:
        return None
    try:
        found = floats.finite(float(written))
    except ValueError:
        raise InputError(argument, written, "a positive number") from None
    if found <= 0:
        raise InputError(argument, written, "a positive number")
    return found

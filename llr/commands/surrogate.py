"""``llr surrogate``: low-rank networks, n-grams and a distilled network from the same calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.table import Table

from llr import plots
from llr import surrogate as study
from llr.asking import opened, opened_target, oracle_options
from llr.baselines import distillation
from llr.errors import InputError
from llr.learning.shared import check_stems, chosen_stems
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.corpus import Corpus
from llr.oracles.real import RealModel
from llr.screen import (
    json_option,
    parse_ascending,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    seed_option,
    show,
    table,
)

CALLS, RANKS = PLOTS = ("surrogate-calls.svg", "surrogate-ranks.svg")
TEXTS = 5

LIMITS = (
    "TV: the mean next-token distance, and a bound on its expectation, each wrong with probability "
    f"{study.RISK}"
)

BY = f"by more than {study.CLEAR} standard errors of the paired difference"


@click.command()
@click.argument("target")
@click.option(
    "--calls",
    default="4000,16000,64000",
    show_default=True,
    metavar="N,N,...",
    help="Budgets: distinct prefixes that each learner may ask.",
)
@click.option(
    "--ranks",
    default="17,33,65,129",
    show_default=True,
    metavar="R,R,...",
    help="Dimensions of the low-rank networks.",
)
@click.option(
    "--words", metavar="N", default="512", show_default=True, help="Fresh words to measure on."
)
@click.option("--distill", is_flag=True, help="Train a small recurrent network too (needs torch).")
@click.option(
    "--lean",
    default="",
    metavar="R,R,...",
    help="Ranks of nested tables, one per cut; they take the calls that they need.",
)
@click.option(
    "--relaxed",
    default=None,
    metavar="N",
    help="Predict by relaxed chain programs over those tables too, on N fresh words (slow).",
)
@click.option("--plot", default=None, metavar="DIR", help="Write SVG plots to a folder.")
@oracle_options
@seed_option
@quiet_option
@json_option
def surrogate(
    target: str,
    calls: str,
    ranks: str,
    words: str,
    distill: bool,
    lean: str,
    relaxed: str | None,
    plot: str | None,
    journal: str | None,
    max_calls: str | None,
    seed: str,
    as_json: bool,
) -> None:
    """Learn stand-ins for TARGET from the same calls and measure them on fresh words.

    The table has the mean KL(TARGET || stand-in) per token, next to n-gram models that count tokens
    (hard) or whole next-token laws (soft).
    """
    budgets = parse_ascending(calls, "--calls", 1)
    sizes = parse_ascending(ranks, "--ranks", 2)
    nested = parse_ascending(lean, "--lean", 1) if lean else ()
    many, start = parse_integer(words, "--words", 2), parse_integer(seed, "--seed")
    programs = None if relaxed is None else parse_integer(relaxed, "--relaxed", 2)
    if programs is not None and not nested:
        raise InputError("--relaxed", programs, "used with --lean")
    if distill:
        distillation.check_available("--distill", "given")
    if plot is not None:
        plots.check_folder("--plot", plot, PLOTS)
    model = opened_target(target)
    k, horizon = model.alphabet_size, model.horizon
    stems = chosen_stems(k, sizes[-1])
    check_stems(stems, horizon, ranks, "--ranks")
    least = horizon * len(stems)
    if budgets[0] < 2 * least:
        raise InputError(
            "--calls", calls, f"at least {2 * least} for T = {horizon} and these ranks"
        )
    entries: list[study.Entry] = []
    with opened(journal, max_calls) as asks:
        oracle = asks.oracle(model, FLOAT64, {"target": target})
        with progress("drawing fresh words", asks.counts):
            fresh, asked = study.measured_on(oracle, k, horizon, many, start)
            few = None
            if programs is not None:
                few, more = study.measured_on(oracle, k, horizon, programs, start, 4)
                asked += more
        with progress(f"learning stand-ins for {target}", asks.counts) as line:
            entries.extend(
                study.surrogates(
                    oracle,
                    fresh,
                    budgets=budgets,
                    ranks=sizes,
                    seed=start,
                    distill=distill,
                    lean=nested,
                    few=few,
                    tell=line.tell,
                )
            )
    nets = [e for e in entries if e.model is not None and e.learner == study.SURROGATE]
    best = min(nets, key=lambda e: e.divergence.mean)
    rng = np.random.default_rng(start)
    samples = {
        "target": fresh.words[rng.permutation(len(fresh.words))[:TEXTS]],
        "surrogate": study.drawn(best, TEXTS, rng),
    }
    if programs is not None:
        found = [e for e in entries if e.learner == study.RELAXED]
        least_off = min(found, key=lambda e: e.divergence.mean)
        samples[study.RELAXED] = study.drawn(least_off, TEXTS, rng)
    value: dict[str, Any] = {
        "target": target,
        **({"restricted": model.description()} if isinstance(model, RealModel) else {}),
        "seed": start,
        "words": many,
        "measuring": asked,
        "learners": [{**e.as_json(), **_less(e, entries, fresh)} for e in entries],
        "ahead": ahead(entries, fresh),
        "risk": str(study.RISK),
        "samples": {whose: _texts(model, words) for whose, words in samples.items()},
    }
    if plot is not None:
        _draw(Path(plot), target, entries)
    if as_json:
        print_json(value)
        return
    show(_table(value))
    show(_differences(value))
    chosen = model.surveyed if isinstance(model, RealModel) else 0
    show(f"prefixes asked besides: to measure {asked:,}, to choose tokens {chosen:,}")
    show(LIMITS)
    if relaxed is not None:
        show(f"({relaxed}): measured on so many fresh words of their own")
    for name, found in value["ahead"].items():
        for budget, rank in found.items():
            what = "no rank" if rank is None else f"ranks from {rank} on"
            show(f"{int(budget):,} calls: below the {name} {BY}: {what}")
    for whose, texts in value["samples"].items():
        show(f"{whose}:")
        for text in texts:
            shown = text.replace("\n", "\\n")  # a text is one line
            click.echo(f"    {shown}")


def ahead(entries: Sequence[study.Entry], fresh: Corpus) -> dict[str, dict[str, int | None]]:
    """Return, per rival and budget, the rank from which on every network is clearly below it."""
    found: dict[str, dict[str, int | None]] = {}
    nets = [e for e in entries if e.learner == study.SURROGATE]
    for budget in sorted({e.budget for e in nets}):
        here = sorted((e for e in nets if e.budget == budget), key=lambda e: -(e.rank or 0))
        for name, rival in study.rivals(here[0], entries).items():
            least = None
            for e in here:
                if not study.difference(e.divergence, rival.divergence, fresh).below:
                    break
                least = e.rank
            found.setdefault(name, {})[str(budget)] = least
    return found


def _less(e: study.Entry, entries: Sequence[study.Entry], fresh: Corpus) -> dict[str, Any]:
    """Return a network's paired differences to its rivals as JSON; nothing for other learners."""
    if e.learner != study.SURROGATE:
        return {}
    found = {}
    for name, rival in study.rivals(e, entries).items():
        less = study.difference(e.divergence, rival.divergence, fresh)
        found[name] = {"mean": less.mean, "standard_error": less.error}
    return {"less": found}


def _texts(model: Any, words: Any) -> list[str]:
    if isinstance(model, RealModel):
        return [model.text(word) for word in words.tolist()]
    return [" ".join(map(str, word)) for word in words.tolist()]


def _table(value: dict[str, Any]) -> Table:
    title = f"{value['target']}: KL per token on {value['words']:,} fresh words"
    found = table(
        title, "learner", "rank", "calls", "numbers", "s", "KL, nats", "first, last", "TV, bound"
    )
    for e in value["learners"]:
        positions = e["by_position"]
        few = "" if e["words"] == value["words"] else f" ({e['words']:,})"
        found.add_row(
            e["learner"] + few,
            "" if e["rank"] is None else str(e["rank"]),
            f"{e['calls']:,}",
            f"{e['parameters']:,}",
            f"{e['seconds']:.1f}",
            f"{e['kl']:.4f} +- {e['standard_error']:.3f}",
            f"{positions[0]:.3f}, {positions[-1]:.3f}",
            f"{e['next_token_tv']:.3f}, {e['next_token_tv_limit']:.3f}",
        )
    return found


def _differences(value: dict[str, Any]) -> Table:
    nets = [e for e in value["learners"] if "less" in e]
    names = list(nets[0]["less"])
    title = f"{study.SURROGATE} less another of the same budget, paired over the words; nats"
    found = table(title, "calls", "rank", *(f"less {name}" for name in names))
    for e in nets:
        shown = (e["less"][name] for name in names)
        cells = (f"{x['mean']:+.4f} +- {x['standard_error']:.4f}" for x in shown)
        found.add_row(f"{e['calls']:,}", str(e["rank"]), *cells)
    return found


def _draw(folder: Path, target: str, entries: Sequence[study.Entry]) -> None:
    folder.mkdir(exist_ok=True)
    by_calls: dict[str, list[tuple[int, float, float]]] = {}
    by_rank: dict[str, list[tuple[int, float, float]]] = {}
    levels: dict[str, float] = {}
    for e in entries:
        name = e.learner.partition(",")[0]
        found = e.divergence
        network = e.learner == study.SURROGATE
        label = f"rank {e.rank}" if network else name
        by_calls.setdefault(label, []).append((e.budget or e.calls, found.mean, found.error))
        if e.rank is not None:
            curve = f"{e.budget:,} calls" if network else name
            by_rank.setdefault(curve, []).append((e.rank, found.mean, found.error))
        elif name == study.SOFT:
            levels[f"{name}, {e.budget:,} calls"] = found.mean
    title = f"stand-ins for {target}"
    up = "KL per token, nats"
    asked = "distinct prefixes asked"
    plots.plot_divergences(folder / CALLS, title, asked, up, by_calls, {})
    plots.plot_divergences(folder / RANKS, title, "rank", up, by_rank, levels)

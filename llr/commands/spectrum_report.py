"""What ``llr spectrum`` says: JSON values and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.table import Table

from llr.analysis.fits import PowerLaw
from llr.analysis.held_out import CutErrors
from llr.analysis.spectrum import Spectrum
from llr.models.base import LanguageModel
from llr.oracles.real import RealModel
from llr.screen import show, table

FIT = (
    "The exponent's interval holds if the logarithms of the values scatter about a line "
    "independently and normally with one variance: it says how straight the line is. The interval "
    "over sub-samples holds if the exponents of independent sub-samples are normal."
)
HELD_OUT = (
    "Errors held out are those of one matrix of rank <= r, so they bound Def 1.6's from above. "
    "Their intervals hold together over all t and ranks of a cut with probability 95 % if means "
    "over histories and over words are normal."
)


def spectrum_as_json(found: Spectrum, of: str) -> dict[str, Any]:
    """Return a spectrum as a JSON value; exponents are those of decay, positive."""
    return {
        "of": of,
        "histories": found.histories,
        "futures": found.stems,
        "tokens": found.tokens,
        "offset": "removed" if found.offset_removed else "kept",
        "numerical_rank": found.numerical_rank,
        "fit_range": list(found.fit_range),
        "decay": law_as_json(found.decay),
        "error_decay": law_as_json(found.error_decay),
        "sub_samples": {
            "exponents": [-x for x in found.blocks],
            "interval": None if found.across is None else [-x for x in reversed(found.across)],
        },
        "singular_values": list(found.values),
        "approximations": [asdict(a) for a in found.approximations],
    }


def law_as_json(law: PowerLaw | None) -> dict[str, float] | None:
    """Return C i^-a as a JSON value."""
    if law is None:
        return None
    return {
        "exponent": -law.exponent,
        "low": -law.high,
        "high": -law.low,
        "factor": law.factor,
    }


def cut_as_json(found: CutErrors, error: float | None) -> dict[str, Any]:
    """Return the errors of a cut as a JSON value."""
    value: dict[str, Any] = {
        "cut": found.cut,
        "training": {"histories": found.histories, "words": found.words},
        "held_out": {"histories": found.held_histories, "words": found.held_words},
        "numerical_rank": found.singular_values,
        "errors": [
            {
                "rank": e.rank,
                "mean": e.largest,
                "low": e.low,
                "high": e.high,
                "means": list(e.means),
            }
            for e in found.errors
        ],
    }
    if error is not None:
        value["least_rank"] = {
            "error": error,
            "tried": list(found.tried),
            "estimate": found.least_rank(error),
            "upper_end": found.least_rank(error, sure=True),
        }
    return value


def report(
    model: LanguageModel,
    value: Mapping[str, Any],
    found: Mapping[str, Sequence[Spectrum]],
    cuts: Sequence[CutErrors],
    error: float | None,
) -> None:
    """Show a measurement as tables."""
    what = table(f"spectrum of {value['target']}", "what", "value")
    law, columns = value["sampling"], value["tokens"]
    rows = [
        *([("target", model.summary())] if isinstance(model, RealModel) else []),
        ("control", value["control"] or "none"),
        ("k, T, seed", f"{value['alphabet_size']}, {value['horizon']}, {value['seed']}"),
        ("histories (distinct)", f"{value['histories']:,} ({value['distinct_histories']:,})"),
        ("  tokens, last token", f"{ends(law['history_lengths'])}, {law['last_token']}"),
        ("futures (distinct stems)", f"{value['futures']:,} ({value['distinct_futures']:,})"),
        ("  tokens, words", f"{ends(law['future_lengths'])}, {law['future_words']}"),
        ("columns per stem", "all" if columns == "all" else f"the {len(columns)} likeliest"),
    ]
    for name, field in (("", "queries"), (" of control", "control_queries")):
        if field in value:
            counts = value[field]
            rows.append((f"oracle calls{name}", f"{counts['calls']:,}"))
            rows.append((f"distinct prefixes{name}", f"{counts['distinct_prefixes']:,}"))
    for row in rows:
        what.add_row(*row)
    show(what)
    show(values_table(found))
    show(FIT)
    for name, each in found.items():
        show(errors_table(name, [s for s in each if s.histories == value["histories"]]))
    tried = [a for each in found.values() for s in each for a in s.approximations]
    show(
        "Fact B.2 holds at every prefix of every approximation: the largest KL is "
        f"{max((a.largest_ratio for a in tried), default=0):.3f} of |L - Lr|^2 / 4."
    )
    for cut in cuts:
        show(cut_table(cut))
        if error is not None:
            show(
                f"least rank with mean error <= {error:g}, of {shown_ranks(cut.tried)}: "
                f"{shown_rank(cut, error)} (estimate), {shown_rank(cut, error, True)} (upper end)"
            )
    if cuts:
        show(HELD_OUT)


def values_table(found: Mapping[str, Sequence[Spectrum]]) -> Table:
    """Return the fits of every spectrum as a table."""
    shown = table(
        "singular values ~ C i^-a, errors ~ C r^-b",
        "of",
        "size",
        "offset",
        "ranks fitted",
        "a [95 % of the fit]",
        "a over sub-samples",
        "b [95 % of the fit]",
        "numerical rank",
    )
    for name, each in found.items():
        for s in each:
            across = "-"
            if s.across is not None:
                low, high = (-x for x in reversed(s.across))
                across = f"{-np.mean(s.blocks):.3f} [{low:.3f}, {high:.3f}] of {len(s.blocks)}"
            shown.add_row(
                name,
                f"{s.histories} x {s.stems}",
                "removed" if s.offset_removed else "kept",
                ends(s.fit_range),
                shown_decay(s.decay),
                across,
                shown_decay(s.error_decay),
                str(s.numerical_rank),
            )
    return shown


def errors_table(name: str, each: Sequence[Spectrum]) -> Table:
    """Return the errors of the best approximations of the largest matrix, per rank."""
    shown = table(
        f"best rank-r approximations of the {name}, {each[0].histories} x {each[0].stems}; nats",
        "r",
        "mean abs. error",
        "mean KL",
        "|L - Lr|^2/4",
        "r + offset: mean abs. error",
        "mean KL",
        "|L - Lr|^2/4",
    )
    both = [{a.rank: a for a in s.approximations} for s in each]
    for rank in sorted({r for one in both for r in one}):
        cells = []
        for one in both:
            a = one.get(rank)
            errors = () if a is None else (a.mean_absolute_error, a.mean_divergence, a.sharpened)
            cells += [f"{x:.4g}" for x in errors] or ["-"] * 3
        shown.add_row(str(rank), *cells)
    return shown


def cut_table(found: CutErrors) -> Table:
    """Return the errors held out at one cut, per rank."""
    shown = table(
        f"cut {found.cut}: Def 1.6's mean error on {found.held_histories} histories x "
        f"{found.held_words} words held out ({found.histories} x {found.words} in training); nats",
        "r",
        "largest over t",
        "95 % interval",
        "t - s = 1",
        f"t - s = {len(found.errors[0].means)}",
    )
    for e in found.errors:
        shown.add_row(
            str(e.rank),
            f"{e.largest:.4g}",
            f"[{e.low:.4g}, {e.high:.4g}]",
            f"{e.means[0]:.4g}",
            f"{e.means[-1]:.4g}",
        )
    return shown


def shown_rank(cut: CutErrors, error: float, sure: bool = False) -> str:
    """Return the least rank for an error; "none" if no rank tried has it."""
    found = cut.least_rank(error, sure)
    return "none" if found is None else str(found)


def shown_ranks(tried: Sequence[int]) -> str:
    """Return ascending ranks for the screen."""
    if len(tried) > 1 and tried == tuple(range(tried[0], tried[-1] + 1)):
        return f"all from {tried[0]} to {tried[-1]}"
    return ", ".join(map(str, tried))


def shown_decay(law: PowerLaw | None) -> str:
    """Return a positive exponent with its interval; "-" if nothing was fitted."""
    if law is None:
        return "-"
    return f"{-law.exponent:.3f} [{-law.high:.3f}, {-law.low:.3f}]"


def ends(pair: tuple[int, int]) -> str:
    """Return a range for the screen."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}-{pair[1]}"

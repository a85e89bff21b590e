"""``llr rank``: the exact rank of every cut of a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from llr.errors import InputError
from llr.models.base import LanguageModel
from llr.models.logits import (
    cut_rank_lower_bounds,
    cut_ranks,
    mixed_rank,
    mixed_rank_lower_bound,
    probability_ranks,
)
from llr.models.markov import HiddenMarkovModel
from llr.screen import json_option, print_json, progress, quiet_option, show, table
from llr.storage import enumerable_target

RANKS: Mapping[str, str] = {
    "cut": "cut_ranks",
    "mixed": "mixed_rank",
    "probability": "probability_ranks",
}


@click.command()
@click.argument("target")
@click.option(
    "--kind",
    default="cut",
    show_default=True,
    metavar="|".join(RANKS),
    help="Histories of one length, or mixed; or the rank of the probabilities M(f|h).",
)
@quiet_option
@json_option
def rank(target: str, kind: str, as_json: bool) -> None:
    """Print the exact rank of every cut of TARGET.

    The logits of a hidden Markov model are irrational: its cut and mixed ranks are certified lower
    bounds.
    """
    if kind not in RANKS:
        raise InputError("--kind", kind, "one of " + ", ".join(RANKS))
    model = enumerable_target(target)
    exact = kind == "probability" or not isinstance(model, HiddenMarkovModel)
    with progress(f"finding {kind} ranks of {target}"):
        ranks = ranks_of(model, kind, exact)
    if as_json:
        print_json(
            {
                "target": target,
                "alphabet_size": model.alphabet_size,
                "horizon": model.horizon,
                **({} if kind == "cut" else {"kind": kind}),
                RANKS[kind]: ranks[0] if kind == "mixed" else list(ranks),
                "exact": exact,
            }
        )
        return
    if kind != "mixed":
        found = table(f"{kind} ranks of {target}", "cut", "rank")
        for s, r in enumerate(ranks, start=1):
            found.add_row(str(s), str(r))
        show(found)
    what = "mixed rank" if kind == "mixed" else f"largest {kind} rank"
    how = "exact" if exact else "certified lower bound"
    show(f"k = {model.alphabet_size}, T = {model.horizon}, {what} {max(ranks)} ({how})")


def ranks_of(model: LanguageModel, kind: str, exact: bool) -> Sequence[int]:
    """Return the ranks of one kind, per cut; the mixed rank alone."""
    if kind == "probability":
        return probability_ranks(model)
    if kind == "mixed":
        return [mixed_rank(model) if exact else mixed_rank_lower_bound(model)]
    return cut_ranks(model) if exact else cut_rank_lower_bounds(model)

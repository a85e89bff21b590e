"""The tables of ``llr verify`` and ``llr report``, made from results as they are saved."""

from __future__ import annotations

from itertools import zip_longest

from flint import fmpq
from rich.table import Table

from llr.numbers.rational import parse
from llr.screen import show, shown_width, table
from properties import records
from properties.claim import GRADES
from properties.results import Results, Value, listed, passed, ratio, short_source, slack_of, worst

WIDE = 160
"""Columns of a screen that has room for three parts of a table."""


def show_results(results: Results, *, tightness: bool) -> None:
    """Print one table per grade, what went wrong, and the sums.

    Args:
        results: of a run.
        tightness: also print how tight every bound is, tightest first.
    """
    for grade in GRADES:
        of_grade = [v for v in results.verdicts if v["grade"] == grade and "statistics" not in v]
        if of_grade:
            show(verdict_table(grade, of_grade, shown_width()))
    if results.sampled:
        show(statistics_table(results.sampled, parse(results.run["error_budget"])))
    if tightness:
        _show_tightness(results)
    for verdict in results.verdicts:
        explain(verdict)
    missing = results.run["claims"] - len(results.verdicts)
    if missing > 0:
        show(f"the run did not finish: {missing} of {results.run['claims']} claims are missing")
    took = "" if results.seconds is None else f", {results.seconds:.0f} s"
    show(
        f"{results.passed} of {len(results.verdicts)} claims came out as expected; "
        f"{results.refuted_twins} of {results.twins} twins refuted; "
        f"{results.tried:,} instances, seed {results.run['seed']}{took}"
    )


def verdict_table(grade: str, verdicts: list[Value], width: int) -> Table:
    """Return the claims of one grade, as rows of one screen.

    Many go down the left half and then down the right; very many down three parts if the screen
    has room for them.

    Args:
        grade: their grade.
        verdicts: of the claims.
        width: of the screen.
    """
    parts = 1 if len(verdicts) <= 20 else 3 if len(verdicts) > 80 and width >= WIDE else 2
    instances = listed(verdicts)
    found = table(
        f"{grade}: {len(verdicts)} claims" + (f" ({instances})" if instances else ""),
        *("claim", "ratio", "twins", "verdict") * parts,
    )
    found.padding, found.pad_edge = (0, 1, 0, 0), False
    rows = (len(verdicts) + parts - 1) // parts
    columns = [verdicts[i * rows : (i + 1) * rows] for i in range(parts)]
    for row in zip_longest(*columns):
        found.add_row(*(cell for v in row if v is not None for cell in _cells(v)))
    return found


def statistics_table(verdicts: list[Value], error_budget: fmpq) -> Table:
    """Return one row per claim: what its sequential test saw, and what it would have found."""
    power = float(parse(verdicts[0]["statistics"]["power"]))
    found = table(
        f"statistical: {len(verdicts)} claims, error budget {float(error_budget):.4g}",
        "claim",
        "delta",
        "runs",
        "failures",
        "log10\ncapital",
        f"rate found\nwith {power:.1%}",
        "share of\nbudget",
        "twins\nrefuted",
        "verdict",
    )
    for v in verdicts:
        seen = v["statistics"]
        found.add_row(
            v["claim"],
            seen["delta"],
            str(seen["runs"]),
            str(seen["failures"]),
            f"{seen['log10_capital']:.2f}",
            f"{float(parse(seen['detectable_rate'])):.3f}",
            f"{float(parse(seen['share_of_error_budget'])):.2g}",
            _twins(v),
            _coloured(v),
        )
    return found


def _cells(v: Value) -> tuple[str, str, str, str]:
    return v["claim"], ratio(worst(v), 3), _twins(v), _coloured(v)


def _twins(v: Value) -> str:
    return f"{sum(t['refuted'] for t in v['twins'])}/{len(v['twins'])}"


def _coloured(v: Value) -> str:
    return f"[{'green' if passed(v) else 'red'}]{v['verdict']}[/]"


def _show_tightness(results: Results) -> None:
    found = table("tightness", "claim", "source", "mark", "worst ratio", "slack")
    for v in results.by_tightness:
        source = short_source(v["source"])
        found.add_row(v["claim"], source, v["mark"], ratio(worst(v)), slack_of(v["slack"]))
    show(found)
    rest = len(results.verdicts) - len(results.by_tightness)
    if rest:
        show(f"{rest} claims that count violations, or are false, have no slack to show")


def explain(verdict: Value) -> None:
    """Print what went wrong with a claim, if anything did."""
    name = verdict["claim"]
    if verdict["verdict"] == "record not reproduced":
        show(f"{name}: the instance in {records.FOLDER.name}/{name}.json has not that ratio")
    if verdict["counterexample"]:
        known = ", as it must be," if passed(verdict) else ""
        show(f"{name} is refuted{known} by {verdict['counterexample']}")
    for twin in verdict["twins"]:
        if not twin["refuted"]:
            show(f"{name}: twin survived {twin['tried']} instances: {twin['name']}")

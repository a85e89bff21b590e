"""``llr verify`` runs the claims; ``llr theorem`` runs Theorem 5.11 at its own constants."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import click
from flint import fmpq
from rich.console import Console
from rich.table import Table

from llr.errors import InputError
from llr.learning.api import probability
from llr.numbers.rational import decimal, text
from llr.screen import (
    FAILED,
    OK,
    interval,
    json_option,
    parse_integer,
    print_json,
    seed_option,
    show,
    table,
)
from llr.storage import enumerable_target
from properties import records
from properties.claim import (
    GRADES,
    PROFILES,
    Claim,
    Verdict,
    between_instances,
    claims_named,
    improved_record,
    spread,
    verify_claims,
)
from properties.claims import CLAIMS
from properties.claims.necessity import NECESSITIES
from properties.necessity import drop_all, necessity_table, outcome
from properties.statistics import POWER
from properties.theorem import run_theorem

_SOURCE = re.compile(
    r"\[\w+\]( (inside )?(Lemmas?|Theorem|Fact|Def|Corollary|Remark|Algorithm|sec\.) [\w.]+\b)?"
)


@click.command()
@click.argument("names", metavar="[CLAIM ...]", nargs=-1)
@click.option(
    "--profile",
    default="ci",
    show_default=True,
    metavar="NAME",
    help="How many instances to try: " + ", ".join(PROFILES) + ".",
)
@click.option(
    "--jobs",
    default=None,
    metavar="N",
    help="Processes to spread the claims over; default one per core.  The table is the same.",
)
@click.option(
    "--error-budget",
    default="1e-9",
    show_default=True,
    metavar="ALPHA",
    help="Probability that the run rejects some true statistical claim, split over all of them.",
)
@click.option(
    "--tightness", is_flag=True, help="Also print how tight every bound is, tightest first."
)
@click.option(
    "--update-records",
    is_flag=True,
    help="Only search, and write the extremal instances that beat those on record.",
)
@click.option(
    "--necessity",
    is_flag=True,
    help="Instead, drop each assumption of the claims (or of those named) and search.",
)
@seed_option
@json_option
def verify(
    names: tuple[str, ...],
    profile: str,
    jobs: str | None,
    error_budget: str,
    tightness: bool,
    update_records: bool,
    necessity: bool,
    seed: str,
    as_json: bool,
) -> None:
    """Try to break every claim (or those named), and make sure that false twins do break.

    Exit 0 if every claim comes out as expected and every twin is refuted, else 1.
    """
    if profile not in PROFILES:
        raise InputError("--profile", profile, "one of " + ", ".join(PROFILES))
    start = parse_integer(seed, "--seed")
    budget = probability(error_budget, "--error-budget")
    if necessity:
        sys.exit(OK if _drop_assumptions(names, profile, start, as_json) else FAILED)
    claims = claims_named(names, CLAIMS)
    processes = (os.cpu_count() or 1) if jobs is None else parse_integer(jobs, "--jobs", 1)
    if update_records:
        claims = [claim for claim in claims if claim.searched]
        _update_records(claims, profile, start, processes, as_json)
        return
    verdicts = []
    began = time.perf_counter()
    with _progress(len(claims)) as report, between_instances():
        for verdict in verify_claims(
            claims, profile=profile, start=start, processes=processes, error_budget=budget
        ):
            report(verdict.claim.identifier)
            verdicts.append(verdict)
            if as_json:
                click.echo(json.dumps(verdict.as_json()))
    if tightness and as_json:
        print_json({"tightness": [_tightness(v) for v in by_tightness(verdicts)]})
    if not as_json:
        sampled = [v for v in verdicts if v.evidence is not None]
        for grade in GRADES:
            of_grade = [v for v in verdicts if v.grade == grade and v.evidence is None]
            if of_grade:
                show(verdict_table(grade, of_grade))
        if sampled:
            show(statistics_table(sampled, budget))
        if tightness:
            _show_tightness(verdicts)
        for verdict in verdicts:
            explain(verdict)
        passed = sum(v.passed for v in verdicts)
        twins = sum(len(v.twins) for v in verdicts)
        show(
            f"{passed} of {len(verdicts)} claims came out as expected; "
            f"{sum(t.refuted for v in verdicts for t in v.twins)} of {twins} twins refuted; "
            f"{sum(v.tried for v in verdicts):,} instances, seed {start}, "
            f"{time.perf_counter() - began:.0f} s"
        )
    sys.exit(OK if all(v.passed for v in verdicts) else FAILED)


def _drop_assumptions(names: tuple[str, ...], profile: str, start: int, as_json: bool) -> bool:
    """Print what becomes of claims without their assumptions; return if all is as expected."""
    known = {n.claim: CLAIMS[n.claim] for n in NECESSITIES}
    wanted = {claim.identifier for claim in claims_named(names, known)}
    chosen = [n for n in NECESSITIES if n.claim in wanted]
    verdicts = []
    began = time.perf_counter()
    with _progress(len(chosen)) as report, between_instances():
        for verdict in drop_all(chosen, profile=profile, start=start):
            report(verdict.necessity.assumption)
            verdicts.append(verdict)
            if as_json:
                click.echo(json.dumps(verdict.as_json()))
    if not as_json:
        show(necessity_table(verdicts))
        for verdict in verdicts:
            show(outcome(verdict))
        found = sum(bool(v.counterexample) for v in verdicts)
        show(
            f"{sum(v.passed for v in verdicts)} of {len(verdicts)} came out as expected; "
            f"counterexamples to {found}; {sum(v.tried for v in verdicts):,} instances, "
            f"seed {start}, {time.perf_counter() - began:.0f} s"
        )
    return all(v.passed for v in verdicts)


def verdict_table(grade: str, verdicts: list[Verdict]) -> Table:
    """Return the claims of one grade; many go down the left half and then down the right."""
    halves = 1 if len(verdicts) <= 20 else 2
    found = table(
        f"{grade}: {len(verdicts)} claims", *("claim", "ratio", "twins", "verdict") * halves
    )
    found.padding, found.pad_edge = (0, 1, 0, 0), False
    half = (len(verdicts) + halves - 1) // halves
    for left, right in zip_longest(verdicts[:half], verdicts[half:]):
        found.add_row(*_cells(left), *([] if right is None else _cells(right)))
    return found


def statistics_table(verdicts: list[Verdict], error_budget: fmpq) -> Table:
    """Return one row per claim: what its sequential test saw, and what it would have found."""
    found = table(
        f"statistical: {len(verdicts)} claims, error budget {float(error_budget):.4g}",
        "claim",
        "delta",
        "runs",
        "failures",
        "log10\ncapital",
        f"rate found\nwith {float(POWER):.1%}",
        "share of\nbudget",
        "twins\nrefuted",
        "verdict",
    )
    for v in verdicts:
        assert v.evidence is not None
        test = v.evidence.test
        colour = "green" if v.passed else "red"
        found.add_row(
            v.claim.identifier,
            text(test.delta),
            str(v.evidence.runs),
            str(v.evidence.failures),
            f"{v.evidence.log10_capital:.2f}",
            f"{float(test.detectable_rate):.3f}",
            f"{float(test.alpha):.2g}",
            f"{sum(t.refuted for t in v.twins)}/{len(v.twins)}",
            f"[{colour}]{v.verdict}[/]",
        )
    return found


def _cells(v: Verdict) -> tuple[str, str, str, str]:
    refuted = sum(t.refuted for t in v.twins)
    colour = "green" if v.passed else "red"
    twins = f"{refuted}/{len(v.twins)}"
    return v.claim.identifier, ratio(v.worst, 3), twins, f"[{colour}]{v.verdict}[/]"


def by_tightness(verdicts: list[Verdict]) -> list[Verdict]:
    """Return the verdicts whose worst ratio says something, tightest first."""
    return sorted((v for v in verdicts if v.slack is not None), key=lambda v: -v.worst)


def _tightness(verdict: Verdict) -> dict[str, Any]:
    """Return the row of the tightness table as a JSON value."""
    claim = verdict.claim
    return {
        "claim": claim.identifier,
        "source": claim.source,
        "mark": claim.mark,
        "grade": verdict.grade,
        "worst_ratio": verdict.worst,
        "slack": verdict.slack,
        "worst_instance": verdict.worst_instance,
    }


def _show_tightness(verdicts: list[Verdict]) -> None:
    found = table("tightness", "claim", "source", "mark", "worst ratio", "slack")
    for v in by_tightness(verdicts):
        assert v.slack is not None
        source = short_source(v.claim.source)
        slack = f"{v.slack:.2g}" if v.slack < 0.01 else f"{v.slack:.4f}"
        found.add_row(v.claim.identifier, source, v.claim.mark, ratio(v.worst), slack)
    show(found)
    rest = [v.claim.identifier for v in verdicts if v.slack is None]
    if rest:
        show(f"{len(rest)} claims that count violations, or are false, have no slack to show")


def _update_records(
    claims: list[Claim], profile: str, start: int, processes: int, as_json: bool
) -> None:
    """Search every claim, and write the records that are better than those that stand."""

    def work(claim: Claim) -> tuple[float | None, float | None]:
        old = records.load(claim.identifier)
        new = improved_record(claim, profile=profile, start=start)
        if new is not None:
            records.save(new)
        return None if old is None else old.ratio, None if new is None else new.ratio

    found = table("records", "claim", "ratio on record", "now")
    with _progress(len(claims)) as report, between_instances():
        for claim, (old, new) in zip(claims, spread(work, claims, processes), strict=True):
            report(claim.identifier)
            if as_json:
                print_json({"claim": claim.identifier, "before": old, "improved": new})
            elif new is not None:
                found.add_row(claim.identifier, "" if old is None else ratio(old), ratio(new))
    if not as_json:
        show(found)
        show(f"{found.row_count} of {len(claims)} records improved, in {records.FOLDER}")


def short_source(source: str) -> str:
    """Return the paper and the number of a statement; "ours" for what no paper has."""
    match = _SOURCE.match(source)
    return match.group(0).replace("inside ", "") if match else "ours"


def ratio(worst: float, digits: int = 4) -> str:
    """Return a ratio in a few digits; one that only rounds to 1 is shown as below it."""
    written = f"{worst:.{digits}g}"
    return "< 1" if written == "1" and worst < 1 else written


def explain(verdict: Verdict) -> None:
    """Print what went wrong with a claim, if anything did."""
    if verdict.verdict == "record not reproduced":
        name = verdict.claim.identifier
        show(f"{name}: the instance in {records.FOLDER.name}/{name}.json has not that ratio")
    if verdict.counterexample:
        known = ", as it must be," if verdict.passed else ""
        show(f"{verdict.claim.identifier} is refuted{known} by {verdict.counterexample}")
    for twin in verdict.twins:
        if not twin.refuted:
            show(f"{verdict.claim.identifier}: twin survived {twin.tried} instances: {twin.name}")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show which claim is being tried, on a terminal's standard error; silent elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name: None
        return
    done = 0
    with console.status("verifying") as status:

        def report(name: str) -> None:
            nonlocal done
            done += 1
            status.update(f"verifying: {done} of {total} done, last {name}")

        yield report


@click.command()
@click.argument("target")
@click.option("--epsilon", required=True, help="Promised total variation.")
@click.option("--delta", required=True, help="Allowed probability of failure.")
@click.option("--xi", default="0", show_default=True, help="Error of the oracle, in nats.")
@click.option("--noise", default="adversarial", show_default=True, help="Kind of error if xi > 0.")
@click.option("--alpha", default=None, help="Bound on the factors; default from the target.")
@click.option("--tolerant", is_flag=True, help="Use the parameters that tolerate bad epochs.")
@seed_option
@json_option
def theorem(
    target: str,
    epsilon: str,
    delta: str,
    xi: str,
    noise: str,
    alpha: str | None,
    tolerant: bool,
    seed: str,
    as_json: bool,
) -> None:
    """Run Algorithm 1 on TARGET with exactly the parameters that Theorem 5.11 demands.

    Exit 0 if the promise TV <= epsilon was kept, else 1.
    """
    found = run_theorem(
        enumerable_target(target),
        epsilon=probability(epsilon, "--epsilon"),
        delta=probability(delta, "--delta"),
        xi=decimal(xi, "--xi"),
        noise=noise,
        alpha=None if alpha is None else decimal(alpha, "--alpha"),
        tolerant=tolerant,
        seed=parse_integer(seed, "--seed"),
    )
    value = {"target": target, "seed": int(seed), **found.as_json()}
    if as_json:
        print_json(value)
    else:
        show(theorem_table(value))
    sys.exit(OK if found.promise_kept else FAILED)


def theorem_table(value: dict[str, Any]) -> Table:
    """Return a literal run of the theorem as a table."""
    p, queries, allowed = value["parameters"], value["queries"], value["queries_allowed"]
    terms = value["leading_terms"]
    found = table(f"Theorem 5.11 run literally on {value['target']}", "what", "demanded", "used")
    rows: list[tuple[str, object, object]] = [
        ("promise kept", "", "yes" if value["promise_kept"] else "NO"),
        ("TV(target, learned)", f"<= {p['epsilon']}", interval(value["total_variation"])),
        ("TV(target, uniform)", "", interval(value["uniform_total_variation"])),
        ("epochs K", p["epochs"], value["epochs"]),
        ("witnesses per cut W", p["witnesses"], ""),
        ("fresh words n, spanner words N", f"{p['words']:,}, {p['draws']:,}", ""),
        ("g, eta, delta_s", f"{p['g']}, {p['eta']}, {p['delta_s']}", ""),
        ("words", f"{p['total_words']:,}", f"{queries['words']:,}"),
        ("spanner entries", f"{allowed['spanner_entries']:,}", f"{queries['spanner_entries']:,}"),
        (
            "validation entries",
            f"{allowed['validation_entries']:,}",
            f"{queries['validation_entries']:,}",
        ),
        ("distinct prefixes", "", f"{queries['distinct_prefixes']:,}"),
        ("printed k^3 T^13 d^4 / eps^4, leading term alone", f"{terms['printed']:,}", ""),
        ("[M] T^7 d^3 / eps^2, leading term alone", f"{terms['compression']:,}", ""),
    ]
    for name, demanded, used in rows:
        found.add_row(name, str(demanded), str(used))
    return found

"""``llr verify``: run the claims and say what held, what broke, and how close it came."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from llr.cli import FAILED, OK, json_option, parse_integer, seed_option, show, table
from llr.errors import InputError
from properties.claim import PROFILES, Verdict, claims_named, verify_claim
from properties.claims import CLAIMS


@click.command()
@click.argument("names", metavar="[CLAIM ...]", nargs=-1)
@click.option(
    "--profile",
    default="ci",
    show_default=True,
    metavar="NAME",
    help="How many instances to try: " + ", ".join(PROFILES) + ".",
)
@seed_option
@json_option
def verify(names: tuple[str, ...], profile: str, seed: str, as_json: bool) -> None:
    """Try to break every claim (or those named), and make sure that false twins do break.

    Exit 0 if every claim is verified and every twin refuted, else 1.
    """
    if profile not in PROFILES:
        raise InputError("--profile", profile, "one of " + ", ".join(PROFILES))
    start = parse_integer(seed, "--seed")
    claims = claims_named(names, CLAIMS)
    verdicts = []
    with _progress(len(claims)) as report:
        for claim in claims:
            report(claim.identifier)
            verdicts.append(verify_claim(claim, profile=profile, start=start))
            if as_json:
                click.echo(json.dumps(verdicts[-1].as_json()))
    if not as_json:
        show(verdict_table(verdicts))
        for verdict in verdicts:
            explain(verdict)
        passed = sum(v.passed for v in verdicts)
        twins = sum(len(v.twins) for v in verdicts)
        show(
            f"{passed} of {len(verdicts)} claims verified; "
            f"{sum(t.refuted for v in verdicts for t in v.twins)} of {twins} twins refuted; "
            f"{sum(v.tried for v in verdicts):,} instances, seed {start}, "
            f"{sum(v.seconds for v in verdicts):.0f} s"
        )
    sys.exit(OK if all(v.passed for v in verdicts) else FAILED)


def verdict_table(verdicts: list[Verdict]) -> Table:
    """Return one row per claim."""
    found = table(
        "claims", "claim", "source", "mark", "tried", "worst\nratio", "twins\nrefuted", "verdict"
    )
    for v in verdicts:
        refuted = sum(t.refuted for t in v.twins)
        colour = "green" if v.passed else "red"
        found.add_row(
            v.claim.identifier,
            v.claim.source.split(",")[0].split(";")[0],
            v.claim.mark,
            str(v.tried),
            ratio(v.worst),
            f"{refuted}/{len(v.twins)}",
            f"[{colour}]{v.verdict}[/]",
        )
    return found


def ratio(worst: float) -> str:
    """Return a ratio in four digits; one that only rounds to 1 is shown as below it."""
    written = f"{worst:.4g}"
    return "< 1" if written == "1" and worst < 1 else written


def explain(verdict: Verdict) -> None:
    """Print what went wrong with a claim, if anything did."""
    if verdict.counterexample:
        show(f"{verdict.claim.identifier} is refuted by {verdict.counterexample}")
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
            status.update(f"verifying {name} ({done} of {total})")

        yield report

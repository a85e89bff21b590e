"""``llr verify`` runs the claims, ``llr report`` shows saved results of it.

``llr theorem`` runs Theorem 5.11 at its own constants.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Collection, Sequence
from typing import Any

import click
from rich.table import Table

from llr.asking import journal_rows, opened, oracle_identity, oracle_options
from llr.errors import InputError
from llr.learning.api import probability
from llr.numbers.arithmetic import EXACT
from llr.numbers.rational import decimal, parse
from llr.oracles.protocol import LogitOracle
from llr.screen import (
    FAILED,
    INTERRUPTED,
    OK,
    Line,
    counted,
    interval,
    json_option,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    refuse,
    seed_option,
    show,
    shown_line,
    table,
)
from llr.storage import enumerable_target
from properties import records
from properties.claim import (
    PROFILES,
    Claim,
    Verdict,
    claims_named,
    improved_record,
    verify_claims,
)
from properties.claims import CLAIMS, NECESSITIES
from properties.costs import measure_costs
from properties.necessity import Necessity, drop, necessity_table, outcome, restored
from properties.report import check_page, write_page
from properties.results import (
    Results,
    Value,
    by_tightness,
    describe_run,
    parse_results,
    ratio,
    read_results,
    versions,
)
from properties.resuming import Kept, KeptNecessities
from properties.spreading import Board, between_instances, spread, stop_if_interrupted
from properties.tables import show_results
from properties.theorem import run_theorem

html_option = click.option(
    "--html",
    default=None,
    metavar="FILE",
    help='Also write the results as one page (needs pip install "llr[report]").',
)
tightness_option = click.option(
    "--tightness", is_flag=True, help="Also print how tight every bound is, tightest first."
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
@tightness_option
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
@click.option(
    "--resume",
    default=None,
    metavar="FILE",
    help="Keep what each claim gave in FILE as it is done; what it holds is not tried again.  "
    "Not with --update-records, which keeps the records that it improved and starts over.",
)
@html_option
@seed_option
@quiet_option
@json_option
def verify(
    names: tuple[str, ...],
    profile: str,
    jobs: str | None,
    error_budget: str,
    tightness: bool,
    update_records: bool,
    necessity: bool,
    resume: str | None,
    html: str | None,
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
    processes = (os.cpu_count() or 1) if jobs is None else parse_integer(jobs, "--jobs", 1)
    for mode, on in (("--necessity", necessity), ("--update-records", update_records)):
        if on:
            refuse(f"left out with {mode}", "html", "tightness", "error_budget")
    if necessity:
        refuse("left out with --necessity", "update_records")
        good = _drop_assumptions(names, profile, start, processes, resume, as_json=as_json)
        sys.exit(OK if good else FAILED)
    claims = claims_named(names, CLAIMS)
    if update_records:
        refuse("left out with --update-records", "resume")
        claims = [claim for claim in claims if claim.searched]
        _update_records(claims, profile, start, processes, as_json)
        return
    if html is not None:
        check_page(html)
    run = describe_run(len(claims), profile, start, budget)
    kept = None if resume is None else Kept(resume, run, [c.identifier for c in claims])
    wanted = set() if kept is None else set(kept.others)  # what is there stays
    if html is not None or (as_json and not names):
        wanted.add("queries")
    if tightness and as_json:
        wanted.add("tightness")
    results = _verified(claims, run, processes, kept, wanted, echo=as_json)
    if not as_json:
        show_results(results, tightness=tightness)
    if html is not None:
        with progress(f"writing {html}"):
            write_page(results, html)
    sys.exit(OK if results.good else FAILED)


def _verified(
    claims: list[Claim],
    run: Value,
    processes: int,
    kept: Kept | None,
    wanted: Collection[str],
    *,
    echo: bool,
) -> Results:
    """Verify claims; return what :func:`read_results` would return of the lines.

    An interrupt ends the command with exit code 3 and a word on how to resume.

    Args:
        claims, run, processes: of the run.
        kept: holds what an earlier run found, and is to hold what this one does.
        wanted: which lines besides those of run, claims and end: queries, tightness.
        echo: print each line as soon as it and those before it are known.
    """
    lines: list[str] = []
    done = {} if kept is None else dict(kept.verdicts)
    left = [claim for claim in claims if claim.identifier not in done]
    board = Board(len(left))
    line = _line("verifying", board, [c.identifier for c in left], len(claims), "claim")

    def write(value: Value) -> None:
        lines.append(json.dumps(value, allow_nan=False))
        if echo:
            click.echo(lines[-1])

    def keep(verdict: Verdict) -> None:
        done[verdict.claim.identifier] = value = verdict.as_json()
        if kept is not None:
            kept.add(value)

    def tell(stage: str, number: int, total: int) -> None:
        stop_if_interrupted()
        line.tell(stage, number, total)

    began = time.perf_counter()
    write({"run": run})
    verdicts = verify_claims(
        left,
        profile=run["profile"],
        start=run["seed"],
        processes=processes,
        error_budget=parse(run["error_budget"]),
        board=board,
        done=keep,
    )
    try:
        with shown_line(line), between_instances():
            for claim in claims:
                while claim.identifier not in done:
                    next(verdicts)
                write(done[claim.identifier])
            if "queries" in wanted:
                queries = None if kept is None else kept.queries
                if queries is None:
                    queries = measure_costs(run["seed"], tell)
                    if kept is not None:
                        kept.add({"queries": queries})
                write({"queries": queries})
            if "tightness" in wanted:
                found = by_tightness(done[claim.identifier] for claim in claims)
                write({"tightness": [_tightness(v) for v in found]})
    except KeyboardInterrupt:
        so_far = f"{len(done)} of {counted(len(claims), 'claim')}"
        _say_how_to_resume(so_far, None if kept is None else kept.path)
        sys.exit(INTERRUPTED)
    write({"end": {"seconds": round(time.perf_counter() - began, 3)}})
    if kept is not None:
        kept.finish(lines)
    return parse_results(lines, "results")


def _say_how_to_resume(so_far: str, resume: str | None) -> None:
    """Say what is done after an interrupt, and whether it was kept."""
    end = "were done: the same command starts over; with --resume FILE it would go on"
    if resume is not None:
        end = f"are in {resume}: the same command goes on from there"
    click.echo(f"interrupted; {so_far} {end}", err=True)


def _line(what: str, board: Board, left: Sequence[str], total: int, thing: str) -> Line:
    """Return a line that says what is being tried.

    Args:
        what: the work, in words.
        board: of what is left.
        left: its names.
        total: how many there are in all.
        thing: what is counted.
    """

    def state(seconds: float) -> str:
        tried = board.tried
        names = []
        for place, runs, failures in board.at_work():
            watched = f" ({counted(runs, 'run')}, {failures:,} failed)" if runs else ""
            names.append(left[place] + watched)
        return "; ".join(
            [
                f"{total - len(left) + board.done:,} of {counted(total, thing)} done",
                f"{counted(tried, 'instance')}, {tried / max(seconds, 0.1):,.0f}/s",
                *([", ".join(names)] if names else []),
            ]
        )

    return Line(what, also=state)


def _drop_assumptions(
    names: tuple[str, ...],
    profile: str,
    start: int,
    processes: int,
    resume: str | None,
    *,
    as_json: bool,
) -> bool:
    """Print what becomes of claims without their assumptions; return if all is as expected."""
    known = {n.claim: CLAIMS[n.claim] for n in NECESSITIES}
    wanted = {claim.identifier for claim in claims_named(names, known)}
    chosen = [n for n in NECESSITIES if n.claim in wanted]
    run = {"necessity": len(chosen), "profile": profile, "seed": start, "versions": versions()}
    kept = None if resume is None else KeptNecessities(resume, run, chosen)
    done = {} if kept is None else kept.verdicts
    left = [n for n in chosen if n.identifier not in done]
    board, identifiers = Board(len(left)), [n.identifier for n in left]
    line = _line("dropping assumptions", board, identifiers, len(chosen), "assumption")

    def work(necessity: Necessity) -> Value:
        return drop(necessity, profile=profile, start=start).as_json()

    def keep(place: int, value: Value) -> None:
        done[identifiers[place]] = restored(value, [left[place]], identifiers[place])
        if kept is not None:
            kept.add(value)

    began = time.perf_counter()
    spread_out = spread(work, left, processes, board=board, done=keep)
    try:
        with shown_line(line), between_instances():
            for necessity in chosen:
                while necessity.identifier not in done:
                    next(spread_out)
                if as_json:
                    click.echo(json.dumps(done[necessity.identifier].as_json()))
    except KeyboardInterrupt:
        _say_how_to_resume(f"{len(done)} of {counted(len(chosen), 'assumption')}", resume)
        sys.exit(INTERRUPTED)
    verdicts = [done[n.identifier] for n in chosen]
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


def _tightness(verdict: Value) -> Value:
    """Return the row of the tightness table as a JSON value."""
    names = ("claim", "source", "mark", "grade", "worst_ratio", "slack", "worst_instance")
    return {name: verdict[name] for name in names}


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
    board = Board(len(claims))
    line = _line("searching", board, [c.identifier for c in claims], len(claims), "claim")
    with shown_line(line), between_instances():
        spread_out = spread(work, claims, processes, board=board)
        for claim, (old, new) in zip(claims, spread_out, strict=True):
            if as_json:
                print_json({"claim": claim.identifier, "before": old, "improved": new})
            elif new is not None:
                found.add_row(claim.identifier, "" if old is None else ratio(old), ratio(new))
    if not as_json:
        show(found)
        show(f"{found.row_count} of {len(claims)} records improved, in {records.FOLDER}")


@click.command()
@click.argument("results", metavar="RESULTS.jsonl")
@tightness_option
@html_option
@quiet_option
@json_option
def report(results: str, tightness: bool, html: str | None, as_json: bool) -> None:
    """Remake the tables, and the page, from what llr verify --json printed.

    Exit 0 if the run had finished with every claim as expected, else 1.
    """
    if html is not None:
        check_page(html)
    found = read_results(results)
    if as_json:
        rows = {"tightness": [_tightness(v) for v in found.by_tightness]} if tightness else {}
        print_json({**found.summary(), **rows})
    else:
        show_results(found, tightness=tightness)
    if html is not None:
        with progress(f"writing {html}"):
            write_page(found, html)
    sys.exit(OK if found.good else FAILED)


@click.command()
@click.argument("target")
@click.option("--epsilon", required=True, help="Promised total variation.")
@click.option("--delta", required=True, help="Allowed probability of failure.")
@click.option("--xi", default="0", show_default=True, help="Error of the oracle, in nats.")
@click.option("--noise", default="adversarial", show_default=True, help="Kind of error if xi > 0.")
@click.option("--alpha", default=None, help="Bound on the factors; default from the target.")
@click.option("--tolerant", is_flag=True, help="Use the parameters that tolerate bad epochs.")
@oracle_options
@seed_option
@quiet_option
@json_option
def theorem(
    target: str,
    epsilon: str,
    delta: str,
    xi: str,
    noise: str,
    alpha: str | None,
    tolerant: bool,
    journal: str | None,
    max_calls: str | None,
    seed: str,
    as_json: bool,
) -> None:
    """Run Algorithm 1 on TARGET with exactly the parameters that Theorem 5.11 demands.

    Exit 0 if the promise TV <= epsilon was kept, else 1.
    """
    arguments: dict[str, Any] = {
        "epsilon": probability(epsilon, "--epsilon"),
        "delta": probability(delta, "--delta"),
        "xi": decimal(xi, "--xi"),
        "noise": noise,
        "alpha": None if alpha is None else decimal(alpha, "--alpha"),
        "tolerant": tolerant,
        "seed": parse_integer(seed, "--seed"),
    }
    model = enumerable_target(target)
    exact = arguments["xi"] <= 0
    if exact:
        refuse("left out, or used with --xi", "noise", "alpha")
    errs = ("none" if exact else noise, arguments["xi"], arguments["seed"])
    with (
        opened(journal, max_calls) as asks,
        progress(f"Theorem 5.11 on {target}", asks.counts) as line,
    ):

        def through(oracle: LogitOracle) -> LogitOracle:
            return asks.oracle(model, EXACT, oracle_identity(target, *errs), oracle)

        found = run_theorem(
            model, **arguments, through=through, on_epoch=line.epoch, tell=line.tell
        )
        value = {"target": target, "seed": int(seed), **found.as_json(), **asks.as_json()}
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
    for name, used in journal_rows(value):
        found.add_row(name, "", used)
    return found

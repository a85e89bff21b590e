"""``llr learn``: a model from logit queries, its certificate and its distance from the target."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.table import Table

import llr
from llr.analysis import distance as distances
from llr.asking import (
    journal_rows,
    opened,
    opened_target,
    oracle_identity,
    oracle_options,
    restriction,
)
from llr.errors import InputError
from llr.learning import api
from llr.learning.learned import LearnedModel
from llr.models.base import LanguageModel, UniformModel
from llr.models.files import check_writable, write_json
from llr.models.isan import known_cut_ranks
from llr.numbers.arithmetic import EXACT, named
from llr.numbers.rational import parse
from llr.observing import Tell, untold
from llr.oracles.noise import NOISES, noisy_oracle
from llr.oracles.real import RealModel
from llr.oracles.sampling import ModelWords
from llr.screen import (
    FAILED,
    OK,
    interval,
    json_option,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    refuse,
    seed_option,
    show,
    table,
)
from llr.storage import check_room

MAX_EXACT_NODES = 1 << 16
MAX_FLOAT_NODES = 1 << 12


@click.command()
@click.argument("target")
@click.option(
    "--algorithm",
    default=api.ALGORITHMS[0],
    show_default=True,
    metavar="NAME",
    help="Learner: " + ", ".join((*api.ALGORITHMS, api.SHARED)) + ".",
)
@click.option(
    "--arithmetic",
    default="exact",
    show_default=True,
    metavar="exact|float",
    help="Rationals, or float64.",
)
@click.option("--epsilon", default="0.01", show_default=True, help="Wanted total variation.")
@click.option("--delta", default="0.01", show_default=True, help="Allowed probability of failure.")
@click.option(
    "--xi", default="0", show_default=True, help="Promised accuracy of the oracle, in nats."
)
@click.option(
    "--noise",
    default=None,
    metavar="KIND",
    help="How the oracle errs: none, "
    + ", ".join(NOISES)
    + "; default none, adversarial when xi > 0.",
)
@click.option(
    "--samples",
    default=str(api.SAMPLES),
    show_default=True,
    help="Printed: words per cut for the first spanners.",
)
@click.option(
    "--max-epochs", default=str(api.MAX_EPOCHS), show_default=True, help="Where to give up."
)
@click.option(
    "--rank",
    default=None,
    metavar="R",
    help='Histories per cut, for a target of approximate rank; or, in float, "spectrum".  '
    "Shared: dimension.",
)
@click.option(
    "--calls",
    default=str(api.CALLS),
    show_default=True,
    metavar="N",
    help="Shared: distinct prefixes to learn from.",
)
@click.option("--relaxed", is_flag=True, help="With --rank: predict by relaxed chain programs.")
@click.option("--out", default=None, metavar="FILE", help="Write the learned model as JSON.")
@click.option(
    "--certificate",
    default=None,
    metavar="FILE",
    help="Write the bound on TV with its evidence as JSON, for llr check.",
)
@oracle_options
@seed_option
@quiet_option
@json_option
def learn(
    target: str,
    algorithm: str,
    arithmetic: str,
    epsilon: str,
    delta: str,
    xi: str,
    noise: str | None,
    samples: str,
    max_epochs: str,
    rank: str | None,
    calls: str,
    relaxed: bool,
    out: str | None,
    certificate: str | None,
    journal: str | None,
    max_calls: str | None,
    seed: str,
    as_json: bool,
) -> None:
    """Learn TARGET from logit queries and enclose the distance to it.

    Exit 0 if a model was accepted, else 1.
    """
    for path, option in ((out, "--out"), (certificate, "--certificate")):
        if path is not None:
            check_writable(path, option)
            if journal is not None and Path(path).resolve() == Path(journal).resolve():
                raise InputError(option, path, "another file than the journal")
    seed_number, numbers = parse_integer(seed, "--seed"), named(arithmetic)
    draws, epochs, budget = (
        parse_integer(written, option, 1)
        for written, option in (
            (samples, "--samples"),
            (max_epochs, "--max-epochs"),
            (calls, "--calls"),
        )
    )
    if algorithm != api.SHARED:
        refuse(f"left out, or used with --algorithm {api.SHARED}", "calls")
    else:
        refuse(f"left out with --algorithm {api.SHARED}: it has one epoch", "max_epochs")
    if algorithm != "printed":
        refuse("left out, or used with --algorithm printed", "samples")
    limit_rank = rank if rank in (None, "spectrum") else parse_integer(rank, "--rank", 1)
    model = opened_target(target)
    accuracy = api.allowed_noise(xi, api.probability(epsilon, "epsilon"), model.horizon)
    off = accuracy > 0 and model.arithmetic is EXACT
    kind = noise or ("adversarial" if off else "none")
    if numbers is EXACT and model.arithmetic is not EXACT:
        raise InputError("--arithmetic", arithmetic, "float: the target has float64 logits")
    noisy = noisy_oracle(model, numbers, kind, accuracy, seed_number)
    wanted: dict[str, Any] = {
        "alphabet_size": model.alphabet_size,
        "horizon": model.horizon,
        "epsilon": epsilon,
        "delta": delta,
        "seed": seed_number,
        "xi": xi,
        "algorithm": algorithm,
        "arithmetic": arithmetic,
        "unit": model.unit if numbers is EXACT else llr.NAT,
        "samples": draws,
        "max_epochs": epochs,
        "rank": limit_rank,
        "relaxed": relaxed,
        "calls": budget,
    }
    # before a real model is asked which tokens are frequent
    api.task_of(**wanted, reproducible=getattr(model, "reproducible", 0))
    if out is not None and isinstance(limit_rank, int) and numbers is not EXACT:
        stationary = algorithm == api.SHARED
        check_room(out, model.alphabet_size, model.horizon, limit_rank, stationary, relaxed)
    with opened(journal, max_calls) as asks:
        identity = oracle_identity(target, kind, accuracy, seed_number)
        oracle = asks.oracle(model, numbers, identity, noisy)
        with progress(f"learning {target}", asks.counts) as line:
            result = api.learn(
                oracle,
                **wanted,
                # a real model is asked through the learner's own ledger alone
                words=None if isinstance(model, RealModel) else ModelWords(model),
                on_epoch=line.epoch,
                tell=line.tell,
                cut_ranks=known_cut_ranks(model),
            )
        if out is not None:
            llr.save(result.model, out)
        if certificate is not None and result.certificate is not None:
            how = {"target": target, "noise": kind, "seed": seed_number}
            write_json(certificate, {**result.certificate.as_json(), "oracle": how})
        with progress("measuring the distance") as line:
            measured = measure(model, result.model, line.tell)
        value = {
            "target": target,
            **restriction(model),
            **result.as_json(),
            **asks.as_json(),
            "noise": kind,
            **measured,
        }
    if as_json:
        print_json(value)
    else:
        show(learn_table(value, model))
    sys.exit(OK if result.accepted else FAILED)


def measure(model: LanguageModel, learned: LanguageModel, tell: Tell = untold) -> dict[str, Any]:
    """Return the distances that are found by visiting words; null for a real model."""
    names = ("total_variation", "unrepresented_mass", "uniform_total_variation")
    if isinstance(model, RealModel):
        return dict.fromkeys(names)
    limit = MAX_EXACT_NODES if learned.arithmetic is EXACT else MAX_FLOAT_NODES
    uniform = UniformModel(model.alphabet_size, model.horizon, model.unit)
    found = (
        distances.total_variation(model, learned, max_nodes=limit, tell=tell),
        unrepresented(model, learned, limit, tell),
        distances.total_variation(model, uniform, max_nodes=limit, tell=tell),
    )
    return {name: distance.as_json() for name, distance in zip(names, found, strict=True)}


def unrepresented(
    model: LanguageModel, learned: LanguageModel, max_nodes: int, tell: Tell = untold
) -> distances.Distance:
    """Return the mass of the words with a prefix that the learned basis does not represent."""

    def marks(state: object) -> bool:
        return isinstance(learned, LearnedModel) and not learned.represents(state)

    return distances.mass(model, learned, marks, max_nodes=max_nodes, tell=tell)


def learn_table(value: dict[str, Any], target: LanguageModel) -> Table:
    """Return the outcome of a learning run as a table."""
    found = table(f"{value['algorithm']} learner on {value['target']}", "what", "value")
    queries, limit = value["queries"], value["counting_limit"]
    rows = [
        ("accepted", "yes" if value["accepted"] else "NO"),
        *distance_rows(value, target),
        ("certificate", certified(value["certificate"])),
        ("arithmetic, noise, seed", f"{value['arithmetic']}, {value['noise']}, {value['seed']}"),
        ("learning calls", f"{queries['learning']:,}"),
        ("certifying calls", f"{queries['certifying']:,}"),
        ("counting limit", f"{float(parse(limit['calls'])):,.0f} ({limit['ranks']} cut ranks)"),
        ("epochs (infeasible)", f"{value['epochs']} ({value['infeasible_epochs']})"),
        ("witnesses per cut", " ".join(map(str, value["witnesses"]))),
        ("basis sizes per cut", " ".join(map(str, value["basis_sizes"]))),
        ("chain programs", f"{value['programs']:,}"),
        ("oracle calls", f"{queries['calls']:,}"),
        ("distinct prefixes", f"{queries['distinct_prefixes']:,}"),
        ("tokens submitted", f"{queries['tokens']:,}"),
        ("words drawn", f"{queries['words']:,}"),
    ]
    if isinstance(target, RealModel) and target.surveyed:
        rows.append(("asked to choose tokens", f"{target.surveyed:,}"))
    for name, shown in [*rows, *journal_rows(value)]:
        found.add_row(name, shown)
    return found


def distance_rows(value: dict[str, Any], target: LanguageModel) -> list[tuple[str, str]]:
    """Return the rows on distances, or on why there are none."""
    if isinstance(target, RealModel):
        return [("target", target.summary()), ("TV(target, learned)", "only by the certificate")]
    return [
        ("TV(target, learned)", interval(value["total_variation"])),
        ("  of it unrepresented mass", interval(value["unrepresented_mass"])),
        ("TV(target, uniform)", interval(value["uniform_total_variation"])),
    ]


def certified(found: dict[str, Any] | None) -> str:
    """Return a certificate's summary for the screen."""
    if found is None:
        return "none"
    above, risk = (float(parse(found[name])) for name in ("total_variation", "delta"))
    if above >= 1:
        failing, words = found["failing"], found["tested_words"]
        return f"says nothing: TV <= 1 ({failing:,} of {words:,} fresh words fail)"
    return f"TV <= {above:.6g}, wrong with probability <= {risk:.3g}"

"""The ``llr`` command: the composition root.

Other packages add their commands through the entry-point group ``llr.commands``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import numpy as np
from flint import fmpq
from rich.table import Table

import llr
from llr import check as verifier
from llr import comparison, plots
from llr.analysis import distance as distances
from llr.asking import Asking, opened, opened_target, oracle_options
from llr.commands.lingen import lingen
from llr.commands.spectrum import spectrum
from llr.commands.surrogate import surrogate
from llr.commands.sweep import sweep
from llr.errors import InputError, LlrError, ShownAs, TooLargeError, UndecidedError
from llr.interrupts import interruptible
from llr.learning import api
from llr.learning.learned import LearnedModel
from llr.models.base import LanguageModel, UniformModel, Word, check_size
from llr.models.files import check_writable, read_json, write_json
from llr.models.isan import Isan, known_cut_ranks
from llr.models.logits import (
    cut_rank_lower_bounds,
    cut_ranks,
    mixed_rank,
    mixed_rank_lower_bound,
    probability_ranks,
)
from llr.models.markov import HiddenMarkovModel
from llr.models.network import Network
from llr.models.targets import FAMILIES
from llr.numbers.arithmetic import EXACT, FLOAT64, named
from llr.numbers.balls import LIMIT_BITS
from llr.numbers.rational import decimal, fraction, parse, text
from llr.numbers.units import LogitUnit
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NOISES, noisy_oracle
from llr.oracles.protocol import LogitOracle
from llr.oracles.real import RealModel
from llr.oracles.sampling import ModelWords, RowWords
from llr.oracles.sources import SOURCES
from llr.screen import (
    FAILED,
    INTERRUPTED,
    OK,
    Line,
    interval,
    json_option,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    seed_option,
    show,
    shown_line,
    table,
)
from llr.storage import check_room, enumerable_target

MAX_EXACT_NODES = 1 << 16
MAX_FLOAT_NODES = 1 << 12


class Commands(click.Group):
    """A group that finds commands in installed packages and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *(p.name for p in self._plugins())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of this module or of an installed package."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for point in self._plugins():
            if point.name == cmd_name:
                found: click.Command = point.load()
                return found
        return None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; 2 for bad input, 3 for an interrupt."""
        try:
            with interruptible():
                return super().invoke(ctx)
        except LlrError as error:
            raise click.UsageError(str(error), ctx) from None
        except KeyboardInterrupt:
            click.echo("interrupted; the same command with the same seed starts over", err=True)
            ctx.exit(INTERRUPTED)

    @staticmethod
    def _plugins() -> Any:
        return entry_points(group="llr.commands")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(llr.__version__, prog_name="llr")
def main() -> None:
    """Low logit rank, executable: learn language models from logit queries, exactly."""


main.add_command(lingen)
main.add_command(surrogate)
main.add_command(sweep)

RANKS: Mapping[str, str] = {
    "cut": "cut_ranks",
    "mixed": "mixed_rank",
    "probability": "probability_ranks",
}


@main.command()
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


@main.command()
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
    help="Words per cut for the first spanners.",
)
@click.option(
    "--max-epochs", default=str(api.MAX_EPOCHS), show_default=True, help="Where to give up."
)
@click.option(
    "--rank",
    default=None,
    metavar="R",
    help='Histories per cut, for a target of approximate rank; or "spectrum".  Shared: dimension.',
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


def restriction(model: LanguageModel) -> dict[str, Any]:
    """Return what a real model is restricted to, as fields of a JSON object; none for others."""
    return {"restricted": model.description()} if isinstance(model, RealModel) else {}


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


def oracle_identity(target: str, noise: str, xi: fmpq, seed: int) -> dict[str, Any]:
    """Return what fixes the answers of the oracle that a target is seen through."""
    if noise == "none":
        return {"target": target}
    return {"target": target, "noise": noise, "xi": text(xi), "seed": seed}


@main.command()
@click.argument("certificate", metavar="CERTIFICATE.json")
@click.argument("learned", metavar="MODEL.json")
@click.argument("target")
@oracle_options
@quiet_option
@json_option
def check(
    certificate: str,
    learned: str,
    target: str,
    journal: str | None,
    max_calls: str | None,
    as_json: bool,
) -> None:
    """Verify a certificate anew: ask TARGET again for every word of its evidence.

    The verifier shares no code with the learner.  Exit 0 if the certificate is valid, else 1.
    """
    claim, network = read_json(certificate), read_json(learned)
    model = opened_target(target)
    how = claim.get("oracle") if isinstance(claim, dict) else None
    how = how if isinstance(how, dict) else {}
    numbers = EXACT if model.arithmetic is EXACT and _is_exact(claim) else FLOAT64
    errs = (
        str(how.get("noise", "none")),
        decimal(claim.get("xi", 0), "xi") if how else fmpq(0),
        check_size(how.get("seed", 0), 0, "oracle.seed"),
    )
    noisy = noisy_oracle(model, numbers, *errs)
    unit = model.unit
    if numbers is FLOAT64 and isinstance(claim, dict):  # asked in nats, told in any unit
        unit = LogitUnit.parse(str(claim.get("logit_unit")), f"logit_unit of {certificate}")
    if isinstance(claim, dict):
        own = {
            "alphabet_size": model.alphabet_size,
            "horizon": model.horizon,
            "logit_unit": str(unit),
        }
        for name, value in own.items():
            if claim.get(name) != value:
                raise InputError(
                    f"{name} of {certificate}", claim.get(name), f"{value}, the target's"
                )

    size = float(unit.nats)
    if not size:
        raise InputError(f"logit_unit of {certificate}", str(unit), "a unit of float64")
    with opened(journal, max_calls) as asks:
        known: list[LogitOracle] = []
        line = Line(f"asking {target} again", asks.counts)
        lengths = 0

        def ask(prefixes: Sequence[Word]) -> list[list[Any]]:
            nonlocal lengths
            line.tell("prefixes, by length", lengths, model.horizon)
            lengths += 1
            if not known:  # not before the files are known to be sound
                identity = oracle_identity(target, *errs)
                known.append(asks.oracle(model, numbers, identity, noisy))
            rows = known[0].logits(prefixes)
            if numbers is FLOAT64:
                return [[x / size for x in row] for row in rows]
            return [[fraction(x) for x in row] for row in rows]

        try:
            with shown_line(line):
                found = verifier.verify(claim, network, ask)
        except InputError:
            raise
        except ValueError as error:
            shown = ShownAs(str(error))
            raise InputError(certificate, shown, "a certificate of that model") from None
        found |= asks.as_json()
    if as_json:
        files = {"certificate": certificate, "model": learned, "target": target}
        print_json({**files, **restriction(model), **found})
    else:
        report = table(f"certificate {certificate}", "what", "value")
        report.add_row("valid", "yes" if found["valid"] else "NO")
        if isinstance(model, RealModel):
            report.add_row("target", model.summary())
        for problem in found["problems"]:
            report.add_row("problem", problem)
        above = float(Fraction(found["total_variation"]))
        nothing = " (says nothing)" if above >= 1 else ""
        report.add_row("TV(target, model) <=", f"{above:.6g}{nothing}")
        report.add_row("except with probability", found["delta"])
        report.add_row("fresh words, failing", f"{found['tested_words']:,}, {found['failing']}")
        report.add_row("distinct prefixes asked", f"{found['prefixes']:,}")
        show(report)
    sys.exit(OK if found["valid"] else FAILED)


@main.command()
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


def _is_exact(claim: object) -> bool:
    return isinstance(claim, dict) and claim.get("arithmetic") == "exact"


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
    if "journal" in value:
        shown = ", ".join(f"{value['journal'][x]:,}" for x in ("asked", "remembered"))
        rows.append(("journal: asked, remembered", shown))
    for name, shown in rows:
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


@main.command()
@click.argument("target", metavar="MODEL")
@click.option("-n", "number", default="10", show_default=True, help="How many words.")
@click.option("--fast", is_flag=True, help="Draw in float64 batches; MODEL must be an ISAN.")
@oracle_options
@seed_option
@quiet_option
@json_option
def sample(
    target: str,
    number: str,
    fast: bool,
    journal: str | None,
    max_calls: str | None,
    seed: str,
    as_json: bool,
) -> None:
    """Draw words from MODEL (a JSON file or a TARGET), one per line.

    The words of a real model come with what they spell.
    Only a real model is asked anything: --journal and --max-calls are for those.
    """
    model = opened_target(target)
    real = isinstance(model, RealModel)
    for value, option in ((journal, "--journal"), (max_calls, "--max-calls")):
        if value is not None and not real:
            raise InputError(option, value, "left out: only a real model is asked")
    n = parse_integer(number, "-n", 1)
    start = parse_integer(seed, "--seed")
    rng = np.random.default_rng(start)
    if fast:
        if not isinstance(model, Isan):
            raise InputError("--fast", target, "used with an ISAN")
        words = [tuple(word) for word in Network(model).words(n, rng).tolist()]
    else:
        what = f"drawing from {target}"
        if real:
            with opened(journal, max_calls) as asks, progress(what, asks.counts):
                oracle = asks.oracle(model, FLOAT64, {"target": target})
                ledger = Ledger(oracle, model.alphabet_size, model.horizon, FLOAT64)
                drawn = RowWords(ledger).draw(n, model.horizon, rng)
        else:
            with progress(what) as line:
                drawn = ModelWords(model, line.tell).draw(n, model.horizon, rng)
        words = [word for word, count in drawn.items() for _ in range(count)]
        words = [words[i] for i in rng.permutation(n).tolist()]
    if as_json:
        head = {"model": target, **restriction(model), "n": n, "seed": start}
        print_json({**head, "words": [list(w) for w in words], **texts(model, words)})
        return
    if isinstance(model, RealModel):
        click.echo(f"# {model.summary()}")
    spelled = texts(model, words).get("texts", [None] * n)
    for word, spelling in zip(words, spelled, strict=True):
        tokens = " ".join(map(str, word))
        click.echo(tokens if spelling is None else f"{tokens}\t{json.dumps(spelling)}")


def texts(model: LanguageModel, words: Sequence[Word]) -> dict[str, list[str]]:
    """Return what the words of a real model spell, as a field of a JSON object.

    There is none without a tokenizer, or for other models.
    """
    if not isinstance(model, RealModel):
        return {}
    try:
        return {"texts": [model.text(word) for word in words]}
    except InputError:
        return {}


@main.command()
@click.argument("first")
@click.argument("second")
@click.option("--width", default="1e-12", show_default=True, help="Widest enclosure allowed.")
@quiet_option
@json_option
def distance(first: str, second: str, width: str, as_json: bool) -> None:
    """Print total variation and KL(FIRST || SECOND), exact or enclosed."""
    one, two = (enumerable_target(first, "first"), enumerable_target(second, "second"))
    widest = decimal(width, "--width")
    if widest <= 0:
        raise InputError("--width", width, "a positive number")
    computed = fraction(widest) / 2  # the other half is left to the rounding of the decimals
    try:
        with progress("measuring the distance") as line:
            apart = distances.total_variation(one, two, computed, tell=line.tell)
            kl = _divergence(one, two, computed, fraction(widest), line.tell)
    except UndecidedError:
        raise InputError("--width", width, f"reached within {LIMIT_BITS} bits") from None
    value: dict[str, Any] = {
        "first": first,
        "second": second,
        "total_variation": apart.as_json(fraction(widest)),
        "kl": kl,
    }
    if as_json:
        print_json(value)
        return
    found = table("", "distance", "value")
    found.add_row("TV", interval(value["total_variation"]))
    found.add_row("KL(first || second), nats", interval(value["kl"]))
    show(found)


def _divergence(
    one: LanguageModel, two: LanguageModel, computed: Fraction, width: Fraction, tell: Tell
) -> dict[str, str]:
    """Return KL as lower, upper and method; the trivial [0, inf] if the tree is too large."""
    try:
        found = distances.kl_divergence(one, two, tell=tell).enclosure(computed)
    except TooLargeError:
        return {"lower": "0", "upper": "inf", "method": "too large"}
    return {**found.as_json(width), "method": "exact" if found.exact else "enclosed"}


@main.command()
@json_option
def targets(as_json: bool) -> None:
    """List the families of targets, their parameters and an example of each."""
    if as_json:
        print_json(
            [
                {
                    "family": f.name,
                    "summary": f.summary,
                    "parameters": [
                        {"name": p.name, "meaning": p.meaning, "default": p.default}
                        for p in f.parameters
                    ],
                    "example": f.example,
                }
                for f in (*FAMILIES.values(), *SOURCES.values())
            ]
        )
        return
    for f in (*FAMILIES.values(), *SOURCES.values()):
        click.echo(f"{f.name}: {f.summary}\n    {f.example}")
        for p in f.parameters:
            click.echo(
                f"    {p.name:6} {p.meaning}" + (f" (default {p.default})" if p.default else "")
            )
    click.echo("A TARGET may also be a JSON file with a model.")


main.add_command(spectrum)

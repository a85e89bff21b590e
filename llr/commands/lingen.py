"""``llr lingen``: LINGEN on prompts, measured against its baselines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from llr import plots
from llr.analysis import lingen as study
from llr.analysis.continuations import Setting, draw, mean_and_error
from llr.analysis.lingen import Method, Outcome, Plan
from llr.asking import opened, opened_target, oracle_options
from llr.errors import InputError
from llr.models.base import LanguageModel, Word, check_word
from llr.numbers import floats
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.ledger import Counts
from llr.oracles.real import RealModel
from llr.screen import (
    FAILED,
    OK,
    json_option,
    parse_ascending,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    refuse,
    seed_option,
    show,
    table,
)

PROMPTS_SHARE = 5
"""Prompts come from the last fifth of a text, histories from what is before it."""


@click.command()
@click.argument("target")
@click.option(
    "--prompt",
    "written",
    multiple=True,
    metavar="TEXT",
    help="A prompt; token numbers where TARGET has no text.  May be given more than once.",
)
@click.option(
    "--prompts", metavar="N", default="0", show_default=True, help="Draw so many prompts as well."
)
@click.option(
    "--length", metavar="N", default="16", show_default=True, help="Tokens of a drawn prompt."
)
@click.option(
    "--text",
    "file",
    default=None,
    metavar="FILE",
    help="Take prompts and histories from a text, not from TARGET's own words.",
)
@click.option(
    "--histories",
    default="50,100,200",
    show_default=True,
    metavar="N,N,...",
    help="Numbers of unrelated histories.",
)
@click.option(
    "--kinds",
    default=",".join(study.KINDS),
    show_default=True,
    metavar="KIND,...",
    help="Futures: drawn after the prompt, drawn after the histories, uniform tokens.",
)
@click.option(
    "--futures", metavar="N", default="40", show_default=True, help="Futures of each kind."
)
@click.option(
    "--weights",
    default=study.PROBABILITY,
    show_default=True,
    metavar="|".join(study.WEIGHTS),
    help="What an error in a logit weighs in the fit.",
)
@click.option(
    "--ridge",
    default="held-out",
    show_default=True,
    metavar="NUMBER",
    help="Ridge strength, by default the best on held-out futures; 0 is plain least squares.",
)
@click.option("--steps", metavar="N", default="15", show_default=True, help="Tokens to generate.")
@click.option(
    "--continuations",
    metavar="N",
    default="4",
    show_default=True,
    help="Continuations of each prompt along which divergences are taken.",
)
@click.option(
    "--texts",
    metavar="N",
    default="1",
    show_default=True,
    help="Generate text for so many of the prompts; the others are only measured.",
)
@click.option("--checkpoint", default=None, metavar="TARGET2", help="A baseline: another model.")
@click.option("--plot", default=None, metavar="DIR", help="Write an SVG plot to a folder.")
@oracle_options
@seed_option
@quiet_option
@json_option
def lingen(
    target: str,
    written: tuple[str, ...],
    prompts: str,
    length: str,
    file: str | None,
    histories: str,
    kinds: str,
    futures: str,
    weights: str,
    ridge: str,
    steps: str,
    continuations: str,
    texts: str,
    checkpoint: str | None,
    plot: str | None,
    journal: str | None,
    max_calls: str | None,
    seed: str,
    as_json: bool,
) -> None:
    """Generate after a prompt from a combination of unrelated histories alone.

    The combination is fitted on futures; after the fit the prompt is not asked again (exit 1 if it
    was).  The table has KL(TARGET || method) summed over the tokens, along TARGET's own
    continuations.
    """
    plan = Plan(
        steps=parse_integer(steps, "--steps", 1),
        sizes=parse_ascending(histories, "--histories", 1),
        kinds=_named(kinds, "--kinds", study.KINDS),
        futures=parse_integer(futures, "--futures", study.HELD_OUT),
        continuations=parse_integer(continuations, "--continuations", 1),
        weights=weights,
        strength=_strength(ridge),
    )
    if weights not in study.WEIGHTS:
        raise InputError("--weights", weights, "one of " + ", ".join(study.WEIGHTS))
    shown = parse_integer(texts, "--texts")
    many, tokens = parse_integer(prompts, "--prompts"), parse_integer(length, "--length", 1)
    start = parse_integer(seed, "--seed")
    if not written and not many:
        raise InputError("--prompt", "", "given, or --prompts")
    if not many:
        refuse("left out, or used with --prompts", "length")
    if plot is not None:
        plots.check_folder("--plot", plot, (plots.HISTORIES,))
    readable = None if file is None else _read(file)
    model = opened_target(target)
    other = None if checkpoint is None else opened_target(checkpoint)
    # all that can be refused before a real model is asked which tokens are frequent
    if other is not None:
        _check_sizes(model, other, str(checkpoint))
    if many:
        _check_prompt((0,) * tokens, model, other, plan, "--length")
    for prompt in written:
        _check_prompt(_ids(model, prompt), model, other, plan, "--prompt")
    rng_prompts, rng_histories, rng = np.random.default_rng(start).spawn(3)
    with opened(journal, max_calls) as asked:
        setting = _setting(model, asked.oracle(model, FLOAT64, {"target": target}))
        second = None
        if other is not None:
            second = _setting(other, asked.oracle(other, FLOAT64, {"target": str(checkpoint)}))
            _check_tokens(model, other, str(checkpoint))
        all_prompts = [_prompt(model, text) for text in written]
        body = None if readable is None else _tokens(model, readable)
        cut = 0 if body is None else len(body) - len(body) // PROMPTS_SHARE
        drawing = setting.ledger()
        if many and body is not None:
            all_prompts += study.windows(body[cut:], (), tokens, many, rng_prompts)
        elif many:
            all_prompts += draw(drawing, setting, (), many, tokens, rng_prompts)
        outcomes = []
        given: list[list[Word] | None] = [None] * len(all_prompts)
        if body is not None:
            given = [
                study.windows(body[:cut], p, len(p), plan.sizes[-1], rng_histories)
                for p in all_prompts
            ]
        for number, p in enumerate(all_prompts, start=1):
            what = f"LINGEN, prompt {number} of {len(all_prompts)}"
            with progress(what, asked.counts) as line:
                outcomes.append(
                    study.try_prompt(
                        setting,
                        p,
                        plan,
                        rng.spawn(1)[0],
                        given[number - 1],
                        second,
                        number <= shown,
                        line.tell,
                    )
                )
        rows = [_row(method, outcomes) for method in outcomes[0].divergences]
        value = {
            "target": target,
            "checkpoint": checkpoint,
            **({"restricted": model.description()} if isinstance(model, RealModel) else {}),
            "steps": plan.steps,
            "futures": plan.futures,
            "weights": plan.weights,
            "ridge": "held-out" if plan.strength is None else plan.strength,
            "continuations": plan.continuations,
            "histories_from": "the target" if file is None else file,
            "seed": start,
            "methods": rows,
            "prompts": [_outcome(o, model) for o in outcomes],
            "counts": _totals(outcomes, drawing.counts),
            "prompt_asked_after_fit": sum(o.prompt_asked for o in outcomes),
            **asked.as_json(),
        }
    if plot is not None:
        _draw(Path(plot), target, plan, rows)
    if as_json:
        print_json(value)
    else:
        _show(value, model)
    sys.exit(FAILED if value["prompt_asked_after_fit"] else OK)


def _named(written: str, argument: str, names: Sequence[str]) -> tuple[str, ...]:
    found = tuple(written.split(","))
    if not set(found) <= set(names) or len(set(found)) < len(found):
        raise InputError(argument, written, "some of " + ", ".join(names))
    return found


def _strength(written: str) -> float | None:
    if written == "held-out":
        return None
    try:
        found = floats.finite(float(written), "--ridge")
    except ValueError:
        found = -1.0
    if found < 0:
        raise InputError("--ridge", written, "held-out, or a number of at least 0")
    return found


def _setting(model: LanguageModel, oracle: Any) -> Setting:
    return Setting(oracle, model.alphabet_size, model.horizon)


def _check_sizes(model: LanguageModel, other: LanguageModel, written: str) -> None:
    """Raise InputError unless two models have as many tokens."""
    if model.alphabet_size != other.alphabet_size:
        expected = f"of TARGET's alphabet size {model.alphabet_size} (it has {other.alphabet_size})"
        raise InputError("--checkpoint", written, expected)
    if isinstance(model, RealModel) and isinstance(other, RealModel):
        size = model.source.vocabulary_size
        if other.source.vocabulary_size != size:
            raise InputError("--checkpoint", written, f"of TARGET's vocabulary of {size} tokens")


def _check_tokens(model: LanguageModel, other: LanguageModel, written: str) -> None:
    """Raise InputError unless token a is the same token in both models."""
    if not (isinstance(model, RealModel) and isinstance(other, RealModel)):
        return
    if model.tokens != other.tokens:
        raise InputError("--checkpoint", written, "of TARGET's tokens: give both tokens=FILE")


def _check_prompt(
    prompt: Word, model: LanguageModel, other: LanguageModel | None, plan: Plan, argument: str
) -> None:
    """Raise InputError unless a prompt leaves room for the steps and has enough others beside it.

    Args:
        prompt: of the right length; what its tokens are does not matter.
    """
    horizon = model.horizon if other is None else min(model.horizon, other.horizon)
    study.check_prompt(prompt, horizon, plan.steps, argument)
    study.check_number(plan.sizes[-1], model.alphabet_size, prompt)


def _ids(model: LanguageModel, written: str) -> Word:
    """Return a prompt as ids of the source, or as tokens where there is none."""
    return model.source.encode(written) if isinstance(model, RealModel) else _prompt(model, written)


def _prompt(model: LanguageModel, written: str) -> Word:
    """Return a prompt as tokens of the model."""
    if isinstance(model, RealModel):
        try:
            return model.word(written)
        except InputError as error:
            raise InputError("--prompt", written, error.expected) from None
    try:
        tokens = [int(token) for token in written.split()]
    except ValueError:
        raise InputError("--prompt", written, "token numbers separated by blanks") from None
    return check_word(tokens, model.alphabet_size, len(tokens), "--prompt")


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("--text", file, f"a readable file in UTF-8 ({error})") from None


def _tokens(model: LanguageModel, written: str) -> list[int]:
    """Return the tokens of a text, -1 for those that the model does not keep."""
    if not isinstance(model, RealModel):
        return list(_prompt(model, written))
    place = {token: a for a, token in enumerate(model.tokens)}
    return [place.get(token, -1) for token in model.source.encode(written)]


def _row(method: Method, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return a method's divergences over all prompts."""
    found = [o.divergences[method] for o in outcomes]
    mean, error = mean_and_error([d.sum(axis=1).tolist() for d in found])
    return {
        "method": method.name,
        "size": method.size,
        "futures": method.kind,
        "kl": mean,
        "standard_error": error,
        "kl_per_token": np.mean([d.mean(axis=0) for d in found], axis=0).tolist(),
        "kl_per_prompt": [float(d.sum(axis=1).mean()) for d in found],
    }


def _outcome(outcome: Outcome, model: LanguageModel) -> dict[str, Any]:
    return {
        "prompt": _spelt(model, outcome.prompt),
        "tokens": list(outcome.prompt),
        "own": None if outcome.own is None else _spelt(model, outcome.own),
        "generated": {kind: _spelt(model, z) for kind, z in outcome.generated.items()},
        "ridge": {kind: list(s) for kind, s in outcome.strengths.items()},
        "stems": outcome.stems,
    }


def _spelt(model: LanguageModel, word: Word) -> str:
    return model.text(word) if isinstance(model, RealModel) else " ".join(map(str, word))


def _totals(outcomes: Sequence[Outcome], drawing: Counts) -> dict[str, dict[str, int]]:
    """Return what all prompts cost, by phase."""
    found = {"prompts": drawing.as_json()}
    for phase in outcomes[0].counts:
        total = Counts()
        for outcome in outcomes:
            study.add_counts(total, outcome.counts[phase])
        found[phase] = total.as_json()
    return found


def _draw(folder: Path, target: str, plan: Plan, rows: Sequence[dict[str, Any]]) -> None:
    """Write the curve over the number of histories."""
    folder.mkdir(exist_ok=True)
    curves = {
        f"LINGEN, {kind} futures": [
            (row["size"], row["kl"], row["standard_error"] or 0.0)
            for row in rows
            if row["futures"] == kind
        ]
        for kind in plan.kinds
    }
    levels = {_label(row): row["kl"] for row in rows if row["method"] != study.LINGEN}
    title = f"{target}: KL over {plan.steps} tokens, nats"
    plots.plot_divergences(folder / plots.HISTORIES, title, "histories", "nats", curves, levels)


def _label(row: dict[str, Any]) -> str:
    """Return a method's name for the screen."""
    name = str(row["method"])
    if name not in (study.LAST, study.PLACED):
        return name
    return name.replace("tokens", "token" if row["size"] == 1 else f"{row['size']} tokens")


def _show(value: dict[str, Any], model: LanguageModel) -> None:
    if isinstance(model, RealModel):
        show(model.summary())
    title = f"{value['target']}: KL(target || method) summed over {value['steps']} tokens, nats"
    found = table(title, "method", "futures", "histories", "KL", "standard error")
    for row in value["methods"]:
        counted = row["method"] in (study.LINGEN, study.MEAN)
        found.add_row(
            _label(row),
            row["futures"],
            f"{row['size']:,}" if counted else "",
            f"{row['kl']:.4g}",
            "" if row["standard_error"] is None else f"{row['standard_error']:.2g}",
        )
    show(found)
    asked = ", ".join(f"{p} {c['distinct_prefixes']:,}" for p, c in value["counts"].items())
    show(f"prefixes asked: {asked}")
    show(f"prefixes with the prompt asked after the fit: {value['prompt_asked_after_fit']}")
    for entry in value["prompts"]:
        if entry["own"] is None:
            continue
        show(f"\n{entry['prompt']!r} goes on, drawn from")
        show(f"  the target: {entry['own']!r}")
        for kind, text in entry["generated"].items():
            show(f"  LINGEN, {kind} futures: {text!r}")

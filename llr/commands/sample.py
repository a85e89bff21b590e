"""``llr sample``: words drawn from a model."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
import numpy as np

from llr.asking import opened, opened_target, oracle_options, restriction
from llr.errors import InputError
from llr.models.base import LanguageModel, Word
from llr.models.isan import Isan
from llr.models.network import Network
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.real import RealModel
from llr.oracles.sampling import ModelWords, RowWords
from llr.screen import json_option, parse_integer, print_json, progress, quiet_option, seed_option


@click.command()
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
    what = f"drawing from {target}"
    if fast:
        if not isinstance(model, Isan):
            raise InputError("--fast", target, "used with an ISAN")
        with progress(what) as line:
            words = [tuple(word) for word in Network(model).words(n, rng, line.tell).tolist()]
    else:
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

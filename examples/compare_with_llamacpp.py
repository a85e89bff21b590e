"""Compare a converted model, served by llama.cpp over HTTP, with transformers' logits.

    python examples/compare_with_llamacpp.py models/full models/full.gguf

Needs xllamacpp, which brings llama.cpp's own server; it runs in this process, on loopback.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np

from llr.errors import InputError
from llr.screen import parse_integer, show, table

SETTINGS = {
    "float32 throughout": (False, "F32"),
    "half-precision cache": (False, "F16"),
    "flash attention, half-precision cache (the default)": (True, "F16"),
}
"""Names of (flash attention, type of the key/value cache)."""


@contextmanager
def serving(file: Path, context: int, flash: bool = False, cache: str = "F32") -> Iterator[str]:
    """Serve a GGUF file with llama.cpp on loopback; give the address."""
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = str(file)
    p.hostnames = ["127.0.0.1"]
    p.port = 0
    p.n_parallel = 1
    p.n_ctx = context
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    p.warmup = False
    p.verbosity = 0
    kinds = xllamacpp.llama_flash_attn_type
    p.flash_attn_type = (
        kinds.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash else kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    p.cache_type_k = p.cache_type_v = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{cache}")
    server = xllamacpp.Server(p)
    yield server.listening_address
    del server


def post(address: str, path: str, question: dict[str, Any]) -> Any:
    """Return a server's answer to a question."""
    request = urllib.request.Request(
        address + path, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def log_probabilities(address: str, prefix: Sequence[int], model: Any) -> np.ndarray:
    """Return the log-probabilities of all tokens after a prefix."""
    vocabulary = model.config.vocab_size
    answer = post(
        address,
        "/completion",
        {
            "prompt": list(prefix),
            "n_predict": 1,
            "n_probs": vocabulary,
            "cache_prompt": False,
            "post_sampling_probs": False,
            # A drawn token that ends inside a character would hold the probabilities back, so the
            # start token is drawn; the bias acts on the draw alone.
            "logit_bias": [[model.config.bos_token_id, 1000]],
        },
    )
    if answer["tokens_evaluated"] != len(prefix):
        raise AssertionError("the server put a token of its own before the prefix")
    row = np.full(vocabulary, np.nan)
    for entry in answer["completion_probabilities"][0]["top_logprobs"]:
        row[entry["id"]] = entry["logprob"]
    return row


def random_prefixes(model: Any, count: int, seed: int) -> list[list[int]]:
    """Return prefixes of all lengths: the start token, then uniform tokens."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, model.config.max_position_embeddings - 2, count)
    return [[0, *rng.integers(1, model.config.vocab_size, n).tolist()] for n in lengths]


def largest_difference(
    address: str, model: Any, prefixes: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """Return the largest difference of centred logits, and the largest centred logit, in nats."""
    import torch

    worst = largest = 0.0
    for prefix in prefixes:
        row = log_probabilities(address, prefix, model)
        with torch.inference_mode():
            logits = model(torch.tensor([prefix])).logits[0, -1].double().numpy()
        expected = logits - logits.mean()
        worst = float(np.maximum(worst, abs(row - row.mean() - expected).max()))
        largest = max(largest, float(abs(expected).max()))
    return worst, largest


@click.command()
@click.argument("folder")
@click.argument("file")
@click.option("--prefixes", default="50", metavar="N", show_default=True)
@click.option("--seed", default="0", metavar="N", show_default=True)
def main(folder: str, file: str, prefixes: str, seed: str) -> None:
    """Compare the model in FOLDER with the GGUF FILE made of it."""
    try:
        count, number = parse_integer(prefixes, "prefixes", 1), parse_integer(seed, "seed")
        if not (Path(folder) / "config.json").is_file():
            raise InputError("folder", folder, "a folder with a model")
        if not Path(file).is_file():
            raise InputError("file", file, "a GGUF file")
    except InputError as error:
        raise click.UsageError(str(error)) from None
    import torch
    from train_small_lm import one_thread
    from transformers import AutoModelForCausalLM

    one_thread()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    asked = random_prefixes(model, count, number)
    report = table(
        f"Centred logits at {count} prefixes, all {model.config.vocab_size} tokens, in nats",
        "llama.cpp's arithmetic",
        "largest difference",
        "largest logit",
    )
    for name, (flash, cache) in SETTINGS.items():
        with serving(Path(file), model.config.max_position_embeddings, flash, cache) as address:
            worst, largest = largest_difference(address, model, asked)
        report.add_row(name, f"{worst:.2g}", f"{largest:.3g}")
    show(report)


if __name__ == "__main__":
    main()

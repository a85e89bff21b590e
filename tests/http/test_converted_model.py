"""A converted model behind llama.cpp's own server gives transformers' distributions."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import convert_to_gguf
import numpy as np
import pytest
import small_models
import train_small_lm

WANTED = "needs llama.cpp's server and the extra llr[hf]: tox -e http"
torch = pytest.importorskip("torch", reason=WANTED)
transformers = pytest.importorskip("transformers", reason=WANTED)
xllamacpp = pytest.importorskip("xllamacpp", reason=WANTED)

PREFIXES = 50
TOLERANCE = 1e-4
"""Of centred logits, in nats; 1e-5 was seen on trained models.  Unlike flash attention (4e-3) and
half-precision caches (1e-3), float32 throughout leaves room for nothing but rounding."""


@pytest.fixture(scope="module", params=["512", "bytes"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained for seconds, with merges and without."""
    train_small_lm.one_thread()
    out = tmp_path_factory.mktemp("trained")
    vocabulary = train_small_lm.VOCABULARY[request.param]
    plan = small_models.small_plan(vocabulary=vocabulary)
    train_small_lm.save(train_small_lm.train(small_models.documentation(), plan), out)
    convert_to_gguf.convert(out / "full", out / "full.gguf")
    return out


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where llama.cpp's server answers for the model, in float32 throughout."""
    p = xllamacpp.CommonParams()
    p.model.path = str(folder / "full.gguf")
    p.hostnames = ["127.0.0.1"]
    p.port = 0
    p.n_parallel = 1
    p.n_ctx = small_models.SMALL.context
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    p.warmup = False
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(p)
    yield server.listening_address
    del server


def post(address: str, path: str, question: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        address + path, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def served(address: str, prefix: list[int], vocabulary: int, letter: int) -> np.ndarray:
    """Return the log-probabilities of all tokens."""
    answer = post(
        address,
        "/completion",
        {
            "prompt": prefix,
            "n_predict": 1,
            "n_probs": vocabulary,
            "cache_prompt": False,
            "post_sampling_probs": False,
            # A drawn token that ends inside a character would hold the probabilities back; the
            # bias acts on the draw alone.
            "logit_bias": [[letter, 1000]],
        },
    )
    assert answer["tokens_evaluated"] == len(prefix)  # the server puts no token of its own first
    row = np.full(vocabulary, np.nan)
    for entry in answer["completion_probabilities"][0]["top_logprobs"]:
        row[entry["id"]] = entry["logprob"]
    assert not np.isnan(row).any()
    return row


def test_every_next_token_distribution_agrees(folder: Path, address: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "full")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder / "full", dtype=torch.float32
    ).eval()
    vocabulary = model.config.vocab_size
    letter = tokenizer.convert_tokens_to_ids("a")
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, small_models.SMALL.context - 2, PREFIXES)
    random = [[0, *rng.integers(1, vocabulary, n).tolist()] for n in lengths]
    text = tokenizer("\n".join(small_models.documentation().lines[:40]))["input_ids"]
    written = [text[:n] for n in range(1, 40, 4)]
    worst = spread = 0.0
    for prefix in [*written, *random]:
        row = served(address, prefix, vocabulary, letter)
        with torch.inference_mode():
            logits = model(torch.tensor([prefix])).logits[0, -1].double().numpy()
        expected = logits - logits.mean()
        worst = max(worst, float(abs(row - row.mean() - expected).max()))
        spread = max(spread, float(abs(expected).max()))
    assert worst < TOLERANCE
    assert spread > 2  # the model is not so flat that any other would agree


def test_both_tokenizers_agree(folder: Path, address: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "full")
    for text in ("The  'del' statement's\n12 targets:\n\n\tnaïve €…", " a", "x"):
        for special in (False, True):
            ids = post(address, "/tokenize", {"content": text, "add_special": special})["tokens"]
            assert ids == tokenizer(text, add_special_tokens=special)["input_ids"]
        assert post(address, "/detokenize", {"tokens": ids[1:]})["content"] == text

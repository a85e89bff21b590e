"""A converted model behind llama.cpp's own server gives transformers' distributions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import compare_with_llamacpp
import convert_to_gguf
import pytest
import small_models
import train_small_lm
from click.testing import CliRunner
from compare_with_llamacpp import post

WANTED = "needs llama.cpp's server and the extra llr[hf]: tox -e http"
torch = pytest.importorskip("torch", reason=WANTED)
transformers = pytest.importorskip("transformers", reason=WANTED)
pytest.importorskip("xllamacpp", reason=WANTED)

TOLERANCE = 1e-4
"""Of centred logits, in nats; 1e-5 was seen.  Unlike flash attention (4e-3) and half-precision
caches (1e-3), float32 throughout leaves room for nothing but rounding."""


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
    with compare_with_llamacpp.serving(folder / "full.gguf", small_models.SMALL.context) as found:
        yield found


def test_every_next_token_distribution_agrees(folder: Path, address: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "full")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / "full").eval()
    assert model.dtype == torch.float32
    text = tokenizer("\n".join(small_models.documentation().lines[:40]))["input_ids"]
    prefixes = compare_with_llamacpp.random_prefixes(model, 40, 0)
    prefixes += [text[:n] for n in range(1, 40, 4)]
    worst, largest = compare_with_llamacpp.largest_difference(address, model, prefixes)
    assert worst < TOLERANCE
    assert largest > 2  # the model is not so flat that any other would agree


def test_both_tokenizers_agree(folder: Path, address: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "full")
    for text in ("The  'del' statement's\n12 targets:\n\n\tnaïve €…", " a", "x"):
        for special in (False, True):
            ids = post(address, "/tokenize", {"content": text, "add_special": special})["tokens"]
            assert ids == tokenizer(text, add_special_tokens=special)["input_ids"]
        assert post(address, "/detokenize", {"tokens": ids[1:]})["content"] == text


def test_comparison_command(folder: Path) -> None:
    run = CliRunner().invoke
    model, file = str(folder / "full"), str(folder / "full.gguf")
    done = run(compare_with_llamacpp.main, [model, file, "--prefixes", "5"])
    assert done.exit_code == 0, done.output
    rows = [line for line in done.output.splitlines() if "float32 throughout" in line]
    assert len(rows) == 1
    assert 0 < float(rows[0].split()[-2]) < TOLERANCE
    for words, said in (
        ([model, "none.gguf"], "file must be a GGUF file, not 'none.gguf'"),
        (["none", file], "folder must be a folder with a model, not 'none'"),
        ([model, file, "--prefixes", "0"], "prefixes must be an integer of at least 1, not '0'"),
    ):
        done = run(compare_with_llamacpp.main, words)
        assert done.exit_code == 2
        assert said in " ".join(done.output.split())

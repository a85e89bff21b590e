"""The training script and the GGUF converter of examples/."""

from __future__ import annotations

import json
import os
import shutil
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import convert_to_gguf
import numpy as np
import pytest
import torch
import train_small_lm
from click.testing import CliRunner
from safetensors.torch import load_file
from small_models import SMALL, documentation, small_plan
from train_small_lm import Tokens

from llr.errors import InputError

NAMES = ("untrained", "half", "full")


def record(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text())


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture
def text_file(tmp_path: Path) -> str:
    """A short text, so that the script's own model is evaluated quickly."""
    path = tmp_path / "text.txt"
    path.write_text("\n".join(documentation().lines[:400]), encoding="utf-8")
    return str(path)


def invoke(*options: str) -> Any:
    return CliRunner().invoke(train_small_lm.main, list(options))


# Training


def test_seconds_of_training_beat_the_unigram(trained: Path) -> None:
    loss = record(trained)["nats_per_token"]
    assert loss["full"] < loss["half"] < loss["unigram"] < loss["uniform"]
    assert loss["bigram"] < loss["unigram"]
    assert abs(loss["untrained"] - loss["uniform"]) < 0.05


def test_losses_on_record_are_those_of_the_saved_models(trained: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, kept_out = train_small_lm.split(documentation().lines)
    tokenizer = AutoTokenizer.from_pretrained(trained / "full")
    ids: list[int] = []
    starts = []
    for line in kept_out:
        starts.append(len(ids))
        ids += tokenizer(line + "\n", add_special_tokens=False)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(trained / "full", dtype=torch.float32).eval()
    losses, end = [], 0
    for start in starts:
        if end <= start <= len(ids) - SMALL.context:
            end = start + SMALL.context
            with torch.inference_mode():
                logits = model(torch.tensor([[0, *ids[start : end - 1]]])).logits[0].double()
            rows = torch.log_softmax(logits, dim=1)
            losses.append(-rows[range(SMALL.context), ids[start:end]].mean().item())
    written = record(trained)
    assert written["tokens"]["held_out"] == len(losses) * SMALL.context
    assert np.mean(losses) == pytest.approx(written["nats_per_token"]["full"], abs=1e-5)


def test_same_seed_same_weights_bit_for_bit() -> None:
    torch.rand(1)
    before = torch.random.get_rng_state()
    first, again, other = (
        train_small_lm.train(documentation(), small_plan(seed, steps=6)).weights
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    for name in NAMES:
        assert same(first[name], again[name])
        assert not same(first[name], other[name])
    assert not same(first["untrained"], first["half"])
    assert not same(first["half"], first["full"])


def test_half_is_the_model_after_half_the_steps() -> None:
    seen = []

    def told(step: int, steps: int, loss: float) -> None:
        seen.append((step, steps))

    whole = train_small_lm.train(documentation(), small_plan(steps=7), told)
    assert seen == [(step, 7) for step in range(1, 8)]
    stopped = train_small_lm.train(
        documentation(), small_plan(steps=7), told, lambda: len(seen) == 7 + 3
    )
    assert same(whole.weights["half"], stopped.weights["full"])
    assert (stopped.record["steps_done"], stopped.record["interrupted"]) == (3, True)


def test_time_limit_becomes_a_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    plan = train_small_lm.Plan(0, 300, None, minutes=20 / 60, size=SMALL)
    with monkeypatch.context() as patch:
        # Five steps seem to take ten seconds, so ten of them fit into twenty.
        patch.setattr(train_small_lm.time, "monotonic", lambda: float(next(clock)))
        timed = train_small_lm.train(documentation(), plan)
    assert timed.record["steps"] == timed.record["steps_done"] == 10
    plain = train_small_lm.train(documentation(), small_plan(steps=10))
    assert same(timed.weights["full"], plain.weights["full"])


def test_learning_rate_rises_then_falls() -> None:
    rates = [train_small_lm.rate(step, 1000) for step in range(1000)]
    top = rates.index(max(rates))
    assert rates[top] == 1.0
    assert top < 100
    assert all(a < b for a, b in pairwise(rates[: top + 1]))
    assert all(a > b for a, b in pairwise(rates[top + 1 :]))
    assert rates[0] < 0.1
    assert rates[-1] == pytest.approx(train_small_lm.LAST_RATE, abs=1e-3)


# Text and baselines


def test_every_twentieth_block_is_held_out() -> None:
    lines = [str(i) for i in range(4100)]
    learnt, kept_out = train_small_lm.split(lines)
    assert sorted(learnt + kept_out, key=int) == lines
    assert [int(x) for x in kept_out] == [*range(1900, 2000), *range(3900, 4000)]


def test_windows_start_at_lines_and_do_not_overlap() -> None:
    text = Tokens(np.arange(20), np.array([0, 3, 4, 9, 11, 16]))
    found = train_small_lm.windows(text, 4)
    assert found.tolist() == [[i, i + 1, i + 2, i + 3] for i in (0, 4, 9, 16)]


def test_baselines_by_hand() -> None:
    # Tokens 1 2 1 2 1 3 in lines "1 2", "1 2", "1 3"; two windows "1 3" and "2 2".
    train = Tokens(np.array([1, 2, 1, 2, 1, 3]), np.array([0, 2, 4]))
    found = train_small_lm.baselines(train, np.array([[1, 3], [2, 2]]), 4)
    unigram = [(n + 3 / 4) / 9 for n in (0, 3, 2, 1)]
    # Followers: of the start 1; of 1: 2, 2, 3; of 2: 1, 1.
    bigram = [
        (3 + unigram[1]) / 4,
        (1 + 2 * unigram[3]) / 5,
        (0 + unigram[2]) / 4,
        (0 + unigram[2]) / 3,
    ]
    asked = [unigram[i] for i in (1, 3, 2, 2)]
    assert found["uniform"] == pytest.approx(np.log(4))
    assert found["unigram"] == pytest.approx(-np.mean(np.log(asked)))
    assert found["bigram"] == pytest.approx(-np.mean(np.log(bigram)))


def test_tokenizer_spells_every_text() -> None:
    tokenizer = train_small_lm.make_tokenizer(documentation().lines, 400)
    assert tokenizer.get_vocab_size() == 400
    assert tokenizer.encode("").ids == [0]
    for text in ("if x:\n\treturn  None", "naïve €\n", "a <s> in a text"):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert 0 not in ids
        assert tokenizer.decode(ids) == text
    letters = train_small_lm.make_tokenizer(documentation().lines, 257)
    assert len(letters.encode("naïve", add_special_tokens=False).ids) == len("naïve".encode())


@pytest.mark.parametrize("vocabulary", [512, 257])
def test_tokenizer_is_the_same_each_time(vocabulary: int) -> None:
    lines = documentation().lines
    made = {train_small_lm.make_tokenizer(lines, vocabulary).to_str() for _ in range(3)}
    assert len(made) == 1


def test_king_james_text_is_taken_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert train_small_lm.find_text(None).licence == "PSF-2.0"
    program = tmp_path / "bible"
    shell = shutil.which("sh", path="/bin:/usr/bin")
    program.write_text(
        f'#!{shell}\ni=0\nwhile [ $i -lt 300 ]; do echo "Ge1:$i $* $i"; i=$((i+1)); done\n'
    )
    program.chmod(0o755)
    found = train_small_lm.find_text(None)
    assert found.lines == [f"-f gen1:1-rev22:21 {i}" for i in range(300)]
    assert found.licence.startswith("public domain")
    program.write_text(f"#!{shell}\nexit 1\n")
    assert train_small_lm.find_text(None).licence == "PSF-2.0"


# The command


def test_command_writes_models_record_and_gguf(tmp_path: Path, text_file: str) -> None:
    out = tmp_path / "models"
    done = invoke("--out", str(out), "--steps", "2", "--text", text_file, "--seed", "3", "--gguf")
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    written = record(out)
    assert written["text"] == {"source": text_file, "licence": "the caller's", "lines": 400}
    assert (written["seed"], written["steps"], written["steps_done"]) == (3, 2, 2)
    assert written["interrupted"] is False
    assert written["versions"]["torch"] == str(torch.__version__)
    assert set(written["nats_per_token"]) == {*NAMES, "uniform", "unigram", "bigram"}
    for name in NAMES:
        config = json.loads((out / name / "config.json").read_text())
        assert (config["vocab_size"], config["bos_token_id"]) == (512, 0)
        found = weights_of(out / name)
        assert sum(w.numel() for w in found.values()) == written["architecture"]["parameters"]
        assert {w.dtype for w in found.values()} == {torch.float32}
        shown = f"{written['nats_per_token'][name]:.4f}"
        assert any(line.split() == [name, shown] for line in done.output.splitlines())
    assert (out / "full.gguf").stat().st_size > 4 * written["architecture"]["parameters"]


def test_interrupt_saves_what_there_is(
    tmp_path: Path, text_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, calls = train_small_lm.Trainer.step, []

    def interrupted(self: Any, share: float) -> float:
        calls.append(share)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self, share)

    monkeypatch.setattr(train_small_lm.Trainer, "step", interrupted)
    before = signal.getsignal(signal.SIGINT)
    out = tmp_path / "models"
    done = invoke("--out", str(out), "--steps", "1000", "--text", text_file)
    assert signal.getsignal(signal.SIGINT) is before
    assert done.exit_code == 3, done.output
    assert "2 of 1000 steps" in done.output
    written = record(out)
    assert (written["interrupted"], written["steps_done"]) == (True, 2)
    assert sorted(os.listdir(out)) == ["full", "record.json", "untrained"]
    assert not same(weights_of(out / "full"), weights_of(out / "untrained"))


def test_second_interrupt_is_not_held_back() -> None:
    with train_small_lm.interruptible() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--steps", "1"), "steps must be an integer of at least 2, not '1'"),
        (("--steps", "many"), "steps must be an integer"),
        (("--steps", "5", "--minutes", "1"), "minutes must be left out where --steps is given"),
        (("--minutes", "0"), "minutes must be a number in (0, 10000], not '0'"),
        (("--minutes", "nan"), "minutes must be a number in (0, 10000], not 'nan'"),
        (("--seed", "-1"), "seed must be an integer of at least 0, not '-1'"),
        (("--text", "/nowhere/at/all"), "text must be a readable file in UTF-8"),
        (("--vocabulary", "1000"), "'1000' is not one of '512', 'bytes'"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "models"
    done = invoke("--out", str(out), *options)
    assert done.exit_code == 2
    assert said in done.output
    assert not out.exists()


def test_texts_that_cannot_be_learnt_are_refused(tmp_path: Path) -> None:
    short, binary, thin = (tmp_path / name for name in ("short", "binary", "thin"))
    short.write_text("a line\n" * 199 + "\n" * 10)
    binary.write_bytes(b"\xff\xfe" * 1000)
    thin.write_text("a\n" * 200)
    for path, said in (
        (short, "at least 200 lines"),
        (binary, "a readable file in UTF-8"),
        (thin, "long enough for a window of 256 tokens"),
    ):
        done = invoke("--out", str(tmp_path / "out"), "--text", str(path), "--steps", "2")
        assert done.exit_code == 2
        assert said in done.output


def test_models_are_not_overwritten(trained: Path, tmp_path: Path) -> None:
    before = (trained / "record.json").read_bytes()
    done = invoke("--out", str(trained), "--steps", "2")
    assert done.exit_code == 2
    assert "out must be a folder without models in it" in done.output
    assert (trained / "record.json").read_bytes() == before
    (tmp_path / "file").write_text("")
    assert "out must be a folder (" in invoke("--out", str(tmp_path / "file")).output
    assert (tmp_path / "file").read_text() == ""


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_small_lm, "find_spec", lambda name: None)
    done = invoke("--out", str(tmp_path / "models"))
    assert done.exit_code == 2
    assert 'pip install "llr[hf]"' in done.output


# Conversion


def deinterleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Return transformers' order of a query or key matrix, row by row."""
    size = len(weight) // heads
    found = np.empty_like(weight)
    for head in range(heads):
        for i in range(size // 2):
            found[head * size + i] = weight[head * size + 2 * i]
            found[head * size + size // 2 + i] = weight[head * size + 2 * i + 1]
    return found


def test_gguf_holds_every_tensor_and_the_tokenizer(trained: Path, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    file = tmp_path / "model.gguf"
    convert_to_gguf.convert(trained / "full", file)
    reader = gguf.GGUFReader(file)
    original = {k: w.numpy() for k, w in weights_of(trained / "full").items()}
    named = {convert_to_gguf.gguf_name(name): w for name, w in original.items()}
    found = {t.name: t for t in reader.tensors}
    assert found.keys() == named.keys()
    assert len(found) == 3 + 9 * SMALL.layers
    for name, tensor in found.items():
        assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
        data = np.array(tensor.data)
        if "attn_q" in name or "attn_k" in name:
            assert not np.array_equal(data, named[name])
            data = deinterleaved(data, SMALL.heads)
        assert np.array_equal(data, named[name]), name

    fields = {name: field.contents() for name, field in reader.fields.items()}
    expected = {
        "general.architecture": "llama",
        "llama.block_count": SMALL.layers,
        "llama.embedding_length": SMALL.width,
        "llama.feed_forward_length": SMALL.inner,
        "llama.context_length": SMALL.context,
        "llama.attention.head_count": SMALL.heads,
        "llama.attention.head_count_kv": SMALL.heads,
        "llama.rope.dimension_count": SMALL.width // SMALL.heads,
        "llama.rope.freq_base": 10_000.0,
        "llama.vocab_size": 300,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.bos_token_id": 0,
    }
    assert {name: fields[name] for name in expected} == expected
    written = json.loads((trained / "full" / "tokenizer.json").read_text())["model"]
    by_id = sorted(written["vocab"], key=written["vocab"].get)
    assert fields["tokenizer.ggml.tokens"] == by_id
    assert fields["tokenizer.ggml.merges"] == [" ".join(pair) for pair in written["merges"]]
    assert fields["tokenizer.ggml.token_type"] == [3] + [1] * 299


def test_what_is_no_llama_is_refused(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    file = tmp_path / "model.gguf"
    with pytest.raises(InputError, match="readable JSON"):
        convert_to_gguf.convert(tmp_path, file)
    with pytest.raises(InputError, match="a folder that exists"):
        convert_to_gguf.convert(trained / "full", tmp_path / "none" / "model.gguf")
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(trained / "full" / name, tmp_path)
    with pytest.raises(InputError, match=r"model\.safetensors"):
        convert_to_gguf.convert(tmp_path, file)
    config = json.loads((tmp_path / "config.json").read_text())
    for changed, said in (
        ({"model_type": "gpt2"}, "model must be a Llama, not 'gpt2'"),
        ({"vocab_size": 301}, "301 tokens"),
        ({"hidden_act": "gelu"}, "the activation silu"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, "plain rotary positions"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, **changed}))
        with pytest.raises(InputError, match=said):
            convert_to_gguf.convert(tmp_path, file)
    (tmp_path / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text())
    for before in (None, {**tokenizer["pre_tokenizer"], "add_prefix_space": True}):
        changed = {**tokenizer, "pre_tokenizer": before}
        (tmp_path / "tokenizer.json").write_text(json.dumps(changed))
        with pytest.raises(InputError, match="tokenizer like GPT-2's"):
            convert_to_gguf.convert(tmp_path, file)
    assert not file.exists()


def test_converter_command(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    file = tmp_path / "model.gguf"
    run = CliRunner().invoke
    assert run(convert_to_gguf.main, [str(trained / "half"), str(file)]).exit_code == 0
    convert_to_gguf.convert(trained / "half", tmp_path / "again.gguf")
    assert file.read_bytes() == (tmp_path / "again.gguf").read_bytes()
    done = run(convert_to_gguf.main, [str(tmp_path / "none"), str(file)])
    assert done.exit_code == 2
    assert "model must be a readable JSON file" in done.output

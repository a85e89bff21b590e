"""Loading: what a model's folder may hold, and everything that is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import tiny_models
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file
from tiny_models import START, VOCABULARY, WORDS
from transformers import GPT2LMHeadModel
from transformers.utils import logging

import llr
from llr.errors import InputError
from llr.oracles.huggingface import HuggingFaceOracle
from llr.oracles.real import RealModel
from llr.oracles.weights import fingerprint, load


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a model and no tokenizer."""
    return tiny_models.write(tmp_path_factory.mktemp("whole"), "gpt2")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it to be changed."""
    shutil.copytree(whole, tmp_path / "model")
    return tmp_path / "model"


def configure(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(*arguments, **options):
    with pytest.raises(InputError) as error:
        HuggingFaceOracle(*map(str, arguments), **options)
    return str(error.value)


# -- the model ------------------------------------------------------------------------------------


def test_loaded_as_saved(whole):
    oracle = HuggingFaceOracle(whole)
    assert oracle.vocabulary_size == VOCABULARY
    assert oracle.start == (START,)
    assert oracle.context == tiny_models.CONTEXT
    assert oracle.tokenizer_size is None
    assert json.loads(json.dumps(oracle.identity)) == {
        "kind": "huggingface",
        "type": "gpt2",
        "sha256": fingerprint(Path(whole)),
        "dtype": "float32",
        "device": "cpu",
    }


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_weights_have_the_dtype_asked_for(whole, dtype):
    found = load(whole, dtype, "cpu", None)
    assert {p.dtype for p in found.model.parameters()} == {getattr(torch, dtype)}
    assert not found.model.training


def test_many_files_load_as_one(tmp_path, whole):
    model = tiny_models.make("gpt2")
    model.save_pretrained(tmp_path, max_shard_size="8KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    many, one = HuggingFaceOracle(str(tmp_path)), HuggingFaceOracle(whole)
    # where arrays lie in memory decides how some processors round
    assert np.abs(many.logits([(1, 2, 3)]) - one.logits([(1, 2, 3)])).max() < 1e-5
    assert many.identity["sha256"] != one.identity["sha256"]


def test_identity_is_that_of_the_weights_wherever_they_lie(whole, folder):
    own = HuggingFaceOracle(whole).identity
    assert HuggingFaceOracle(str(folder)).identity == own
    assert str(folder) not in json.dumps(own)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["transformer.ln_f.bias"][0] += 1e-3
    save_file(tensors, path, metadata={"format": "pt"})
    changed = HuggingFaceOracle(str(folder)).identity
    assert changed["sha256"] != own["sha256"]
    assert changed | {"sha256": ""} == own | {"sha256": ""}


def test_identity_tells_configurations_apart(whole, folder):
    configure(folder, layer_norm_epsilon=1e-2)
    own = HuggingFaceOracle(whole)
    assert HuggingFaceOracle(str(folder)).identity != own.identity
    assert HuggingFaceOracle(whole, dtype="float64").identity != own.identity


# -- refusals -------------------------------------------------------------------------------------


def test_bad_paths(tmp_path, whole):
    expected = "model must be a folder, or the id of a model on the hub, not "
    assert refusal(tmp_path / "nothing").startswith(expected)
    assert refusal("../nothing/at/all").startswith(expected)
    file = tmp_path / "file"
    file.write_text("")
    assert refusal(file).startswith(expected)
    assert refusal(tmp_path) == f"model must be a folder with a config.json, not {str(tmp_path)!r}"


def test_a_hub_that_cannot_be_reached(monkeypatch):
    def fetch(name, **options):
        raise LocalEntryNotFoundError("the hub is away\nand it is not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert refusal("someone/a-model") == (
        "model must be a folder, or the id of a model on the hub (the hub is away), "
        "not 'someone/a-model'"
    )


def test_what_is_fetched_from_the_hub(folder, monkeypatch):
    asked = []

    def fetch(name, **options):
        asked.append((name, options))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    own = HuggingFaceOracle(str(folder)).identity
    assert HuggingFaceOracle("someone/a-model_1.0", revision="v2").identity == own
    [(name, options)] = asked
    assert (name, options["revision"]) == ("someone/a-model_1.0", "v2")

    def is_fetched(file):
        return any(fnmatch(file, pattern) for pattern in options["allow_patterns"])

    needed = ["config.json", "model.safetensors", "model-00001-of-00002.safetensors"]
    needed += ["model.safetensors.index.json", "tokenizer.json", "tokenizer.model", "vocab.txt"]
    assert all(map(is_fetched, needed))
    assert not any(map(is_fetched, ["pytorch_model.bin", "modeling.py", "tf_model.h5", "a.pkl"]))


def test_types_without_logits_at_chosen_places_are_refused(folder, monkeypatch):
    monkeypatch.setattr(GPT2LMHeadModel, "forward", lambda self, input_ids: None)
    assert refusal(folder).startswith(
        "model must be of a type that returns logits at chosen places (GPT2LMHeadModel is not)"
    )


def test_pickles_are_refused(folder):
    (folder / "model.safetensors").unlink()
    torch.save(tiny_models.make("gpt2").state_dict(), folder / "pytorch_model.bin")
    found = refusal(folder)
    assert found.startswith("model must be a causal model saved as safetensors (")


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    assert refusal(folder).startswith("model must be a causal model saved as safetensors (")


def test_broken_files(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert refusal(folder).startswith("model must be a causal model saved as safetensors (")
    (folder / "config.json").write_text("{")
    assert "config.json must be a JSON file" in refusal(folder)


def test_missing_weights_are_not_made_up(folder):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["transformer.h.1.mlp.c_fc.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    found = refusal(folder)
    assert found.startswith(
        f"model must be complete (it lacks transformer.h.1.mlp.c_fc.weight), not '{str(folder)[:9]}"
    )


def test_weights_of_another_shape(folder):
    configure(folder, n_embd=32)
    assert refusal(folder).startswith("model must be ")


def test_models_with_code_of_their_own_are_refused(folder, tmp_path):
    proof = tmp_path / "ran"
    for name in ("modeling_own.py", "configuration_own.py"):
        (folder / name).write_text(f"open({str(proof)!r}, 'w').close()\n")
    own = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    configure(folder, model_type="own", auto_map=own)
    assert refusal(folder).startswith("model must be a causal model saved as safetensors (")
    assert not proof.exists()


def test_code_beside_a_known_model_does_not_run(folder, tmp_path):
    proof = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(proof)!r}, 'w').close()\n")
    configure(folder, auto_map={"AutoModelForCausalLM": "modeling_own.Own"})
    assert HuggingFaceOracle(str(folder)).logits([(1, 2)]).shape == (1, VOCABULARY)
    assert not proof.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"attn_implementation": "someone/kernel"},
        {"experts_implementation": "someone/kernel"},
        {"parts": [{"attn_implementation": "someone/kernel"}]},
    ],
)
def test_kernels_are_not_fetched(folder, changes):
    configure(folder, **changes)
    assert refusal(folder).startswith("config.json must be one that names no code to be used, not ")


def test_adapters_are_refused(folder):
    (folder / "adapter_config.json").write_text("{}")
    assert refusal(folder).startswith("model must be a whole model: it has an adapter, not ")


def test_options_out_of_range(whole):
    assert refusal(whole, dtype="int8") == (
        "dtype must be one of float32, float64, bfloat16, float16, not 'int8'"
    )
    assert refusal(whole, device="toaster").startswith("device must be one that torch can use (")
    assert refusal(whole, device="meta").startswith("device must be one that torch can use (")
    assert refusal(whole, device="cuda:99").startswith("device must be one that torch can use (")
    assert refusal(whole, revision="main") == ("revision must be left out for a folder, not 'main'")
    assert refusal(whole, threads=0) == "threads must be an integer of at least 1, not 0"


# -- the start token ------------------------------------------------------------------------------


def test_start_tokens(whole, folder):
    assert HuggingFaceOracle(whole, start=5).start == (5,)
    assert HuggingFaceOracle(whole, start=0).start == (0,)
    assert HuggingFaceOracle(whole, start="none").start == ()
    known = "start must be an id in 0..60, or none, not "
    assert refusal(whole, start=VOCABULARY) == known + "61"
    assert refusal(whole, start=-1) == known + "-1"
    assert refusal(whole, start="first") == known + "'first'"
    configure(folder, bos_token_id=50256)
    assert refusal(folder) == known + "50256, the model's own start token"
    configure(folder, bos_token_id=None)
    assert refusal(folder) == known + "left out: the model names no start token"


def test_the_tokenizer_names_the_start(folder):
    configure(folder, bos_token_id=7)
    assert HuggingFaceOracle(str(folder)).start == (7,)
    tiny_models.write_tokenizer(folder)
    assert HuggingFaceOracle(str(folder)).start == (1,)


def test_nothing_before_the_first_token(whole, folder):
    written = f"hf:model={whole},T=3,start=none"
    with pytest.raises(InputError) as error:
        llr.target(written)
    assert str(error.value) == (
        "target parameter start must be an id, or a prompt given: no model answers the empty text, "
        "not none"
    )
    tiny_models.write_tokenizer(folder)
    model = llr.target(f"hf:model={folder},T=3,start=none,prompt=the cat")
    assert model.source.start == ()
    assert len(model.logits(())) == VOCABULARY


# -- texts ----------------------------------------------------------------------------------------


def test_texts(folder):
    tiny_models.write_tokenizer(folder)
    oracle = HuggingFaceOracle(str(folder))
    assert oracle.encode("the cat sat") == (2, 3, 4)
    assert oracle.encode("") == ()
    assert oracle.decode((2, 3, 4)) == "the cat sat"
    assert oracle.tokenizer_size == 2 + len(WORDS)
    model = RealModel(oracle, 3, prompt=oracle.encode("on a mat"))
    assert model.description()["tokenizer_size"] == 8
    assert model.summary() == (
        "a real model restricted to all 61 tokens (the tokenizer knows 8); T = 3, after a prompt "
        "of 3 tokens, 'on a mat'"
    )


def test_a_tokenizer_with_more_ids_than_the_model(folder):
    tiny_models.write_tokenizer(folder, [f"w{i}" for i in range(VOCABULARY)])
    oracle = HuggingFaceOracle(str(folder))
    assert oracle.encode("w58") == (60,)
    with pytest.raises(InputError, match="tokens in the model's vocabulary of 61, not 'w59'"):
        oracle.encode("w59")


def test_no_tokenizer_no_texts(whole):
    oracle = HuggingFaceOracle(whole)
    for ask in (lambda: oracle.encode("the"), lambda: oracle.decode((2,))):
        with pytest.raises(InputError, match="left out: the model comes without a tokenizer"):
            ask()
    with pytest.raises(InputError, match="left out: the model comes without a tokenizer"):
        llr.target(f"hf:model={whole},T=3,prompt=the")


def test_a_broken_tokenizer_is_not_taken_for_none(folder):
    (folder / "tokenizer.json").write_text("{")
    assert refusal(folder).startswith("model must be one with a readable tokenizer, or none (")


# -- manners --------------------------------------------------------------------------------------


def test_loading_says_nothing_and_leaves_logging_as_it_was(folder, capfd):
    tensors = load_file(folder / "model.safetensors")
    tensors["not.known"] = torch.zeros(2)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    before = logging.get_verbosity()
    logging.enable_progress_bar()
    HuggingFaceOracle(str(folder)).logits([(1, 2), (1, 2, 3)])
    refusal(folder, start="first")
    assert logging.get_verbosity() == before
    assert logging.is_progress_bar_enabled()
    assert capfd.readouterr() == ("", "")


def test_importing_llr_does_not_import_torch():
    code = "import llr.cli, sys; print({'torch', 'transformers'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"

"""Models of a hub, fetched by huggingface_hub's own client over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import hub
import pytest
import tiny_models

from llr.oracles.weights import fingerprint

NAME = "someone/a-tiny.model_1"

LOADING = """
import json, sys
from llr.errors import InputError
from llr.oracles.weights import load
for name, revision in json.load(sys.stdin):
    try:
        print(load(name, "float32", "cpu", revision).fingerprint)
    except InputError as error:
        print(error)
"""


@pytest.fixture
def served():
    with hub.serving() as found:
        yield found


@pytest.fixture
def folders(tmp_path):
    """Two models of other weights; beside the first lies what can run code."""
    for seed, name in enumerate(("one", "two")):
        tiny_models.write(tmp_path / name, "gpt2", seed)
    for name in ("pytorch_model.bin", "training_args.bin", "modeling_own.py", "weights.pkl"):
        (tmp_path / "one" / name).write_bytes(b"never to be read")
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture
def loaded(served, tmp_path):
    """What a process with a cache in this folder finds: fingerprints and refusals."""

    def load(*models):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        done = subprocess.run(
            [sys.executable, "-c", LOADING],
            input=json.dumps(models),
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**inherited, "HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "cache")},
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return load


def test_a_model_of_the_hub_is_that_of_its_folder(served, loaded, folders):
    one, two = folders
    served.put(NAME, one)
    commit = served.put(NAME, two, "v2")
    found = loaded((NAME, None), (NAME, "main"), (NAME, "v2"), (NAME, commit))
    assert found == [fingerprint(folder) for folder in (one, one, two, two)]
    assert len(set(found)) == 2
    # what differs, once; and nothing that can run code
    own = ["config.json", "generation_config.json"]
    assert sorted(served.fetched) == [*own, "model.safetensors", "model.safetensors"]
    # what was fetched is there when the hub is away
    served.url = "http://127.0.0.1:9"
    *again, other = loaded((NAME, None), (NAME, "v2"), ("someone/else", None))
    assert again == [fingerprint(one), fingerprint(two)]
    assert other.startswith("model must be a folder, or the id of a model on the hub (")


def test_what_the_hub_does_not_have(served, loaded, folders):
    served.put(NAME, folders[0])
    name, revision = loaded(("someone/nothing", None), (NAME, "v9"))
    for refusal, asked in ((name, "someone/nothing"), (revision, NAME)):
        assert refusal.startswith("model must be a folder, or the id of a model on the hub (")
        assert refusal.endswith(f", not {asked!r}")
    assert served.fetched == []


def test_pickled_weights_are_not_fetched(served, loaded, folders):
    one, _ = folders
    (one / "model.safetensors").unlink()
    served.put(NAME, one)
    [refusal] = loaded((NAME, None))
    assert refusal.startswith("model must be a causal model saved as safetensors (")
    assert sorted(served.fetched) == ["config.json", "generation_config.json"]

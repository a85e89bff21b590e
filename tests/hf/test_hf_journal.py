"""A journal over a Hugging Face model: kills and a lack of memory lose what was not committed."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest
import tiny_models
import torch
from commands import call

from llr.errors import UnansweredError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles import journal as journals
from llr.oracles.huggingface import HuggingFaceOracle
from llr.oracles.journal import Journal

KEPT = (3, 20, 41, 60)
HOW = ["--arithmetic", "float", "--epsilon", "0.1", "--delta", "0.1", "--json"]

KILLED = """
import os, signal, sys
from llr.cli import main
from llr.oracles import journal

plain, left = journal._Journaled._ask, int(sys.argv[1])

def ask(self, keys, prefixes):
    global left
    left -= 1
    if not left:  # the answers are there, and are not committed yet
        self._oracle.logits(prefixes)
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, keys, prefixes)

journal._Journaled._ask = ask
main(sys.argv[2:])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny Llama."""
    return tiny_models.write(tmp_path_factory.mktemp("llama"), "llama")


def test_a_killed_run_is_resumed_and_ends_in_the_same_model(folder, tmp_path, monkeypatch):
    batches, plain = [], journals._Journaled._ask

    def ask(self, keys, prefixes):
        batches.append(list(prefixes))
        return plain(self, keys, prefixes)

    monkeypatch.setattr(journals._Journaled, "_ask", ask)
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps(KEPT))

    def words(name):
        files = ["--journal", str(tmp_path / name), "--out", str(tmp_path / f"{name}.json")]
        return ["learn", f"hf:model={folder},T=5,tokens={tokens}", *HOW, *files]

    whole = json.loads(call(*words("whole")).stdout)
    undisturbed = list(batches)
    middle = len(undisturbed) // 2 + 1
    assert middle >= 3
    command = [sys.executable, "-c", KILLED, str(middle), *words("killed")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "killed.json").exists()
    before = [p for batch in undisturbed[: middle - 1] for p in batch]
    assert committed(tmp_path / "killed") == sorted(before)

    batches.clear()
    found = json.loads(call(*words("killed")).stdout)
    # nothing but the batch in flight is asked again, and all after it as it would have been
    assert batches == undisturbed[middle - 1 :]
    assert found["journal"]["remembered"] == len(before)
    assert found["queries"] == whole["queries"]
    one, other = (tmp_path / f"{name}.json" for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()


def committed(path):
    """Return the prefixes in a journal."""
    with Journal(path) as journal:
        rows = journal._file.execute("SELECT prefix FROM answers").fetchall()
    return sorted(struct.unpack(f"<{len(key)}B", key) for (key,) in rows)


class Full:
    """A model that has no room for its n-th pass."""

    def __init__(self, model, n, error):
        self.model, self.left, self.error = model, n, error

    def __call__(self, *arguments, **named):
        self.left -= 1
        if not self.left:
            raise self.error
        return self.model(*arguments, **named)


ERRORS = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee ..."),
    "cpu": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: not enough memory"
    ),
    "python": MemoryError("no room"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_a_pass_that_does_not_fit_costs_no_other_answer(folder, tmp_path, error):
    oracle = HuggingFaceOracle(folder, dtype="float64")
    oracle._most_tokens = 8
    sequences = [(1, 5, 6, 7), (1, 8, 9, 10), (1, 11, 12, 13), (1, 5), (1, 30, 31, 32), (1, 8, 9)]
    whole = oracle.logits(sequences)
    oracle._model = Full(oracle._model, 2, ERRORS[error])
    with pytest.raises(UnansweredError, match="the model ran out of memory on cpu: ") as caught:
        oracle.logits(sequences)
    assert "\n" not in str(caught.value)
    places = caught.value.places
    assert 0 < len(places) < len(sequences)
    np.testing.assert_allclose(caught.value.answers, whole[places], atol=1e-9)
    assert oracle.logits(sequences).shape == whole.shape

    # what was answered is in the journal, and only the rest is asked again
    oracle._model = Full(oracle._model.model, 2, ERRORS[error])
    with Journal(tmp_path / "j") as journal:
        through = journal.oracle(oracle, {}, tiny_models.VOCABULARY, FLOAT64)
        with pytest.raises(UnansweredError):
            through.logits(sequences)
        assert len(journal) == len(places)
        through.logits(sequences)
        assert journal.remembered == len(places)


def test_other_errors_of_a_pass_stay_what_they_are(folder):
    oracle = HuggingFaceOracle(folder)
    oracle._model = Full(oracle._model, 1, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        oracle.logits([(1, 2)])

"""``llr lingen`` on a tiny transformer, from the command down to the sequences that it runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny_models
from click.testing import CliRunner

from llr.analysis.continuations import Setting
from llr.analysis.lingen import CHOSEN, Combinations, drawn_histories, futures, ridge_fit
from llr.cli import main
from llr.oracles.huggingface import HuggingFaceOracle
from llr.oracles.real import RealModel

PROMPT = "the cat sat on"
T, STEPS = 12, 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random GPT-2 with a tokenizer of a few words; the others have no spelling."""
    found = tiny_models.write(tmp_path_factory.mktemp("gpt2"), "gpt2")
    tiny_models.write_tokenizer(found)
    return found


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A model of the same vocabulary with other weights."""
    found = tiny_models.write(tmp_path_factory.mktemp("other"), "gpt2", seed=1)
    tiny_models.write_tokenizer(found)
    return found


def test_end_to_end(folder, other):
    arguments = ["lingen", f"hf:model={folder},T={T}", "--prompt", PROMPT, "--histories", "10,80"]
    arguments += ["--futures", "10", "--steps", STEPS, "--kinds", "chosen,nonsense", "--json"]
    arguments += ["--checkpoint", f"hf:model={other},T={T}"]
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["prompts"][0]["prompt"] == PROMPT
    assert len(found["prompts"][0]["tokens"]) == 4
    assert found["restricted"]["vocabulary_size"] == tiny_models.VOCABULARY
    assert found["restricted"]["source"]["kind"] == "huggingface"
    assert found["prompt_asked_after_fit"] == 0
    kl = {(r["method"], r["size"], r["futures"]): r["kl"] for r in found["methods"]}
    assert kl["LINGEN", 80, "chosen"] < 0.7 * kl["LINGEN", 10, "chosen"]
    assert kl["LINGEN", 80, "chosen"] < 0.5 * min(kl["last tokens", 1, ""], kl["checkpoint", 0, ""])


def test_no_sequence_with_the_prompt_runs_after_the_fit(folder, monkeypatch):
    ran = []
    answer = HuggingFaceOracle.logits

    def spy(self, sequences, tokens=None):
        ran.extend(sequences)
        return answer(self, sequences, tokens)

    model = RealModel(HuggingFaceOracle(folder), T)
    setting = Setting(model.oracle, model.alphabet_size, T)
    prompt = model.word(PROMPT)
    rng = np.random.default_rng(0)
    ledger = setting.ledger()
    histories = drawn_histories(ledger, setting, prompt, 20, rng)
    words = futures(CHOSEN, ledger, setting, prompt, histories, 5, STEPS, rng)
    monkeypatch.setattr(HuggingFaceOracle, "logits", spy)
    fit = ridge_fit(setting, setting.ledger(), prompt, histories, {CHOSEN: words}, (20,))
    whole = (*model.source.start, *prompt)
    assert any(s[: len(whole)] == whole for s in ran)
    ran.clear()
    values = fit.coefficients[CHOSEN].values
    Combinations(setting, histories, values).generate(0, 1, STEPS, rng)
    assert len(ran) == 20 * STEPS
    assert {len(s) for s in ran} == set(range(len(whole), len(whole) + STEPS))
    assert not any(s[: len(whole)] == whole for s in ran)

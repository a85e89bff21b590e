"""Commands on a Hugging Face model, from a folder to what is printed."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
import tiny_models
from commands import call

import llr
from llr.oracles.huggingface import HuggingFaceOracle


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny Llama with a tokenizer of a few words."""
    found = tmp_path_factory.mktemp("llama")
    tiny_models.write(found, "llama")
    tiny_models.write_tokenizer(found, [f"w{i}" for i in range(tiny_models.VOCABULARY - 2)])
    return found


SUMMARY = (
    "a real model restricted to 3 of 61 tokens, renormalised; T = 4, after a prompt of 2 tokens, "
    "'w7 w9'"
)


def test_sample(folder):
    target = f"hf:model={folder},T=4,k=3,prompt=w7 w9"
    found = json.loads(call("sample", target, "-n", 5, "--json", "--seed", 1).output)
    assert found["restricted"]["vocabulary_size"] == 61
    assert found["restricted"]["prompt"] == [9, 11]
    assert [len(word) for word in found["words"]] == [4] * 5
    kept = found["restricted"]["tokens"]
    assert len(kept) == 3
    assert found["texts"] == [" ".join(f"w{kept[a] - 2}" for a in w) for w in found["words"]]
    lines = call("sample", target, "-n", 5, "--seed", 1).output.splitlines()
    assert lines[0] == f"# {SUMMARY}"
    assert [line.split("\t")[0] for line in lines[1:]] == [
        " ".join(map(str, word)) for word in found["words"]
    ]
    assert [json.loads(line.split("\t")[1]) for line in lines[1:]] == found["texts"]


def test_samples_follow_the_law(folder):
    target = f"hf:model={folder},T=2,k=3,prompt=w7"
    found = json.loads(call("sample", target, "-n", 20_000, "--json").output)["words"]
    model = llr.target(target)
    first = np.exp(model.logits(()))
    first /= first.sum()
    for a in range(3):
        second = np.exp(model.logits((a,)))
        second /= second.sum()
        for b in range(3):
            p = first[a] * second[b]
            share = sum(w == [a, b] for w in found) / 20_000
            assert abs(share - p) < 6 * np.sqrt(p * (1 - p) / 20_000)


def test_sample_without_a_tokenizer(tmp_path):
    bare = tiny_models.write(tmp_path, "gpt2")
    target = f"hf:model={bare},T=3,k=2"
    assert "texts" not in json.loads(call("sample", target, "--json").output)
    lines = call("sample", target, "-n", 2).output.splitlines()
    assert lines[0].endswith("restricted to 2 of 61 tokens, renormalised; T = 3, after no prompt")
    assert all(len(line.split()) == 3 for line in lines[1:])
    assert "an ISAN" in call("sample", target, "--fast", code=2).output


@pytest.mark.parametrize("algorithm", ["lean", "printed"])
def test_learn_and_check(folder, tmp_path, algorithm):
    target = f"hf:model={folder},T=4,k=3,prompt=w7 w9"
    out, proof = tmp_path / "model.json", tmp_path / "proof.json"
    options = ["--arithmetic", "float", "--epsilon", "0.1", "--delta", "0.1"]
    command = ["learn", target, *options, "--algorithm", algorithm]
    found = json.loads(call(*command, "--out", out, "--certificate", proof, "--json").output)
    assert found["accepted"]
    assert found["restricted"]["alphabet_size"] == 3
    assert found["total_variation"] is None
    assert Fraction(found["certificate"]["total_variation"]) <= Fraction(1, 10)
    # all that a learner can ask are the 40 prefixes of the tree
    assert found["queries"]["distinct_prefixes"] <= 40
    if algorithm == "printed":
        return
    valid = json.loads(call("check", proof, out, target, "--json").output)
    assert valid["valid"]
    assert valid["restricted"] == found["restricted"]
    assert SUMMARY in " ".join(call("check", proof, out, target).output.split())
    # it is the model that was learned, to what float32 can tell
    real, learned = llr.target(target), llr.load(out)
    for prefix in ((), (0,), (2, 1), (1, 1, 0)):
        np.testing.assert_allclose(learned.logits(prefix), real.logits(prefix), atol=1e-3)
    # a certificate is not one for another prompt
    other = target.replace("w7 w9", "w9 w7")
    assert not json.loads(call("check", proof, out, other, "--json", code=1).output)["valid"]


@pytest.mark.parametrize("algorithm", ["lean", "printed"])
def test_all_that_is_asked_is_counted(folder, monkeypatch, algorithm):
    surveyed, asked, plain = [], [], HuggingFaceOracle.logits

    def logits(self, sequences, tokens=None):
        (surveyed if tokens is None else asked).extend(sequences)
        return plain(self, sequences, tokens)

    monkeypatch.setattr(HuggingFaceOracle, "logits", logits)
    command = ["learn", f"hf:model={folder},T=4,k=3", "--arithmetic", "float", "--json"]
    found = json.loads(
        call(*command, "--epsilon", "0.1", "--delta", "0.1", "--algorithm", algorithm).output
    )
    counts = found["queries"]
    # of the survey's answers the learner uses those at kept tokens
    kept = set(found["restricted"]["tokens"])
    surveyed = surveyed[-found["restricted"]["surveyed"] :]  # loading tries the model out first
    known = {s for s in surveyed if kept.issuperset(s[1:])}
    assert 0 < len(known) < len(surveyed) == len(set(surveyed))
    news = set(asked) - known
    assert len(asked) == len(news) + counts["rechecks"]
    assert len(news) <= counts["distinct_prefixes"] <= len(news) + len(known)


def test_learn_says_what_the_target_is(folder):
    target = f"hf:model={folder},T=4,k=3,prompt=w7 w9"
    shown = call("learn", target, "--arithmetic", "float", "--epsilon", "0.1", "--delta", "0.1")
    assert SUMMARY in " ".join(shown.output.split())
    assert "only by the certificate" in shown.output


def test_same_seed_same_model(folder, tmp_path):
    target = f"hf:model={folder},T=3,k=3"
    options = ["--arithmetic", "float", "--epsilon", "0.1", "--delta", "0.1", "--seed", "3"]
    for name in ("one", "two"):
        call("learn", target, *options, "--out", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_learn_keeps_to_float(folder):
    output = call("learn", f"hf:model={folder},T=4,k=3", code=2).output
    assert "--arithmetic must be float: the target has float64 logits" in output
    output = call(
        "learn", f"hf:model={folder},T=4,k=3", "--arithmetic", "float", "--noise", "random", code=2
    ).output
    assert "--noise must be none" in output


def test_tokens_from_a_file(folder, tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("[20, 21, 22]")
    found = json.loads(call("sample", f"hf:model={folder},T=3,tokens={kept}", "--json").output)
    assert found["restricted"]["tokens"] == [20, 21, 22]
    assert set(" ".join(found["texts"]).split()) <= {"w18", "w19", "w20"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("T=4,k=100", "alphabet_size must be at most 61, the vocabulary's size, not 100"),
        ("T=49", "target parameter T must be at most 48: 1 tokens come before a word"),
        ("T=4,threads=0", "threads must be an integer of at least 1, not 0"),
        ("T=4,dtype=int8", "dtype must be one of float32"),
    ],
)
def test_refusals(folder, parameters, message):
    output = call("sample", f"hf:model={folder},{parameters}", code=2).output
    assert message in " ".join(output.split())

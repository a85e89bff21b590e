"""llr.oracles.llamacpp against llama.cpp's own server, and against numpy."""

from __future__ import annotations

import json

import numpy as np
import pytest
import urllib3
from serve_gguf import CONTEXT, serving
from tiny_gguf import HALVES, SIZE, START, Tiny

import llr
from llr.errors import InputError, OracleError
from llr.oracles.llamacpp import REPRODUCIBLE, LlamaServer
from llr.oracles.transport import Server


def source(llama, connections=4, **options):
    return LlamaServer(Server(llama.url, connections=connections), **options)


def prompts(number=40, longest=30, seed=0):
    rng = np.random.default_rng(seed)
    return [(START, *rng.integers(0, SIZE, i % longest).tolist()) for i in range(number)]


def asked_plainly(llama, prompt, **more):
    """Ask with none of our code."""
    body = {"prompt": list(prompt), "n_predict": 1, "n_probs": SIZE, "cache_prompt": False, **more}
    found = urllib3.request("POST", f"{llama.url}/completion", json=body)
    assert found.status == 200
    return json.loads(found.data)


def test_what_it_is(llama):
    found = source(llama)
    assert (found.vocabulary_size, found.start) == (SIZE, (START,))
    assert found.identity["model"] == "tiny.gguf"
    assert found.identity["n_params"] == 23712
    assert "/" not in json.dumps(found.identity)


def test_the_whole_vocabulary_by_id_is_what_numpy_says(llama):
    model, asked = Tiny(), prompts()
    found = source(llama).logits(asked)
    assert found.shape == (len(asked), SIZE)
    assert np.abs(np.exp(found).sum(axis=1) - 1).max() < 1e-5
    wanted = np.array([model.log_probabilities(p) for p in asked])
    assert np.abs(found - wanted).max() <= REPRODUCIBLE
    assert np.abs(np.diff(wanted, axis=1)).min() < REPRODUCIBLE < np.ptp(wanted, axis=1).min()


def test_some_columns(llama):
    asked = prompts(5)
    whole = source(llama).logits(asked)
    assert source(llama).logits(asked, (7, 0, 47)).tolist() == whole[:, [7, 0, 47]].tolist()


@pytest.mark.parametrize("connections", [1, 4])
def test_one_slot_gives_the_same_bits_in_any_order(llama, connections):
    asked = prompts(60)
    first = source(llama, 1).logits(asked)
    order = np.random.default_rng(1).permutation(len(asked))
    again = source(llama, connections).logits([asked[i] for i in order])
    assert again.tolist() == first[order].tolist()


def test_another_process_gives_the_same_bits(llama, gguf):
    with serving(gguf) as other:
        one, two = source(llama), source(other)
        assert one.logits(prompts()).tolist() == two.logits(prompts()).tolist()
        assert one.identity == two.identity


def test_several_slots_are_reproducible_within_the_tolerance(gguf):
    with serving(gguf, slots=4) as many:
        asked = prompts(60)
        alone, together = (source(many, c).logits(asked) for c in (1, 4))
        assert np.abs(alone - together).max() <= REPRODUCIBLE


def test_another_model_is_another_identity(llama, tmp_path):
    with serving(Tiny(seed=1).write(tmp_path / "other.gguf")) as other:
        assert source(other).identity != source(llama).identity


def test_texts(llama):
    found = source(llama)
    ids = found.encode("be a cab, ok.")
    assert "".join(Tiny().tokens[i] for i in ids) == "beĠaĠcab,Ġok."
    assert found.decode(ids) == "be a cab, ok."
    assert START not in found.encode("<s>a")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ((START,) * (CONTEXT + 1), "answered 400: .*exceeds the available context size"),
        ((START, SIZE), "answered 400: .*invalid tokens"),
        ((), "answered 400: .*must not be empty"),
    ],
)
def test_prompts_that_the_server_refuses(llama, prompt, message):
    with pytest.raises(OracleError, match=message):
        source(llama).logits([prompt])


def test_a_drawn_half_of_a_character_hides_nothing(tmp_path):
    model, asked = Tiny(letters=HALVES), prompts(10)
    half = model.tokens.index("Ã")
    with serving(model.write(tmp_path / "halves.gguf")) as server:
        drawn = asked_plainly(server, asked[0], logit_bias=[[half, 1000]])
        assert "completion_probabilities" not in drawn  # so the server is
        found = source(server).logits(asked)
    wanted = np.array([model.log_probabilities(p) for p in asked])
    assert np.abs(found - wanted).max() <= REPRODUCIBLE


def test_steering_the_draw_leaves_the_probabilities_alone(llama):
    both = [
        asked_plainly(llama, (START, 5), logit_bias=bias)["completion_probabilities"][0]
        for bias in ([], [[START, 1000]])
    ]
    assert both[0]["top_logprobs"] == both[1]["top_logprobs"]
    assert both[1]["id"] == START


def test_probabilities_that_the_server_rounds_to_nothing(tmp_path):
    model = Tiny(spread=8.0)
    with serving(model.write(tmp_path / "wide.gguf")) as server:
        listed = asked_plainly(server, (START,), logit_bias=[[START, 1000]])
        listed = listed["completion_probabilities"][0]["top_logprobs"]
        assert min(entry["logprob"] for entry in listed) == -float(np.finfo(np.float32).max)
        with pytest.raises(OracleError, match=r"wanted tokens below probability 1e-38"):
            source(server).logits([(START,)])
        wanted = model.log_probabilities((START,))
        near = [int(i) for i in np.argsort(-wanted)[:10]]
        found = source(server).logits([(START,)], near)
    assert np.abs(found[0] - wanted[near]).max() < 0.4  # the same rounding as before, 40 times


def test_a_model_without_a_start_token(tmp_path):
    with serving(Tiny().write(tmp_path / "bare.gguf", start=False)) as server:
        with pytest.raises(InputError, match="start must be given"):
            source(server)
        assert source(server, start=(3,)).start == (3,)
        model = llr.target(f"llamacpp:url={server.url},T=2,k=48,start=3;4")
        found = np.array(model.logits((6,)))
    wanted = Tiny().log_probabilities((3, 4, 6))
    assert np.abs(found - (wanted - wanted.mean())).max() <= 2 * REPRODUCIBLE


def test_a_restricted_target_with_a_prompt(llama):
    model = llr.target(f"llamacpp:url={llama.url},T=3,k=5,prompt=be, a")
    tiny, before = Tiny(), (START, *source(llama).encode("be, a"))
    assert model.prompt == before[1:]
    only = llr.target(f"llamacpp:url={llama.url},T=1,k=5,prompt=be, a")
    assert only.tokens == tuple(np.argsort(-tiny.log_probabilities(before))[:5].tolist())
    wanted = tiny.log_probabilities((*before, model.tokens[1], model.tokens[4]))[list(model.tokens)]
    assert np.abs(np.array(model.logits((1, 4))) - (wanted - wanted.mean())).max() <= REPRODUCIBLE
    assert model.description()["vocabulary_size"] == SIZE

"""Answers of a Hugging Face model: however they are asked for, they are those of one sequence."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import tiny_models
import torch
from tiny_models import CONTEXT, START, VOCABULARY

from llr.errors import InputError, OracleError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles import batches, huggingface
from llr.oracles.huggingface import HuggingFaceOracle
from llr.oracles.ledger import Ledger
from llr.oracles.real import RealModel

KINDS = ("gpt2", "llama", "mistral", "mamba")
SHARES = {"gpt2": True, "llama": True, "mistral": True, "mamba": False}
TIGHT = 1e-12
"""Between float64 answers, in nats; the logits are of order one."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder with a random model of each kind."""
    return {
        kind: tiny_models.write(tmp_path_factory.mktemp(kind), kind) for kind in (*KINDS, "bert")
    }


@pytest.fixture(scope="module", params=KINDS)
def pair(request, folders):
    """The oracle of a model in float64, and the model itself."""
    oracle = HuggingFaceOracle(folders[request.param], dtype="float64")
    own = tiny_models.make(request.param).to(torch.float64).eval()
    return oracle, own, request.param


def alone(model, sequence):
    """Return the last logits of one sequence, by the model's own forward pass."""
    with torch.no_grad():
        return model(torch.tensor([sequence]), use_cache=False).logits[0, -1].numpy()


def words(n, length, seed=0):
    found = np.random.default_rng(seed).integers(0, VOCABULARY, (n, length))
    return [(START, *row) for row in found.tolist()]


def all_prefixes(sequences):
    return [s[:n] for s in sequences for n in range(1, len(s) + 1)]


def grid(histories, futures):
    return [h + f for h in histories for f in futures]


BATCHES = {
    "one length": words(9, 7),
    "many lengths": [w[:n] for n, w in enumerate(words(20, 24), start=3)],
    "all prefixes": all_prefixes(words(3, 20)),
    "repeats": words(2, 5) + words(2, 5),
    "one history": grid(words(1, 20), [w[1:] for w in words(12, 3, 1)]),
    "histories and futures": grid(
        words(4, 12), [w[1 : 2 + n % 6] for n, w in enumerate(words(11, 6, 2))]
    ),
    "histories, futures and prefixes": all_prefixes(words(2, 9))
    + grid(words(3, 9, 4), [w[1 : 2 + n % 3] for n, w in enumerate(words(7, 3, 3))]),
}
SHARED = ("one history", "histories and futures", "histories, futures and prefixes")


@pytest.mark.parametrize("name", BATCHES)
def test_every_batch_agrees_with_one_by_one(pair, name):
    oracle, own, _ = pair
    sequences = BATCHES[name]
    found = oracle.logits(sequences)
    assert found.dtype == np.float64
    expected = np.array([alone(own, s) for s in sequences])
    assert expected.std() > 0.3
    np.testing.assert_allclose(found, expected, rtol=0, atol=TIGHT)


@pytest.mark.parametrize("name", SHARED)
def test_these_batches_share_beginnings(name):
    assert any(run.tails for run in batches.plan(BATCHES[name]))


def test_which_models_share(pair):
    oracle, _, kind = pair
    assert oracle._shares is SHARES[kind]


@pytest.mark.parametrize("limit", [1, 40])
def test_small_passes_agree(pair, limit, monkeypatch):
    oracle, own, _ = pair
    monkeypatch.setattr(oracle, "_most_tokens", limit)
    monkeypatch.setattr(huggingface, "MAX_LOGITS", 5 * VOCABULARY)
    for name in ("histories and futures", "all prefixes"):
        sequences = BATCHES[name]
        expected = np.array([alone(own, s) for s in sequences])
        np.testing.assert_allclose(oracle.logits(sequences), expected, rtol=0, atol=TIGHT)


def test_passes_keep_their_limits(folders, monkeypatch):
    oracle = HuggingFaceOracle(folders["gpt2"])
    monkeypatch.setattr(oracle, "_most_tokens", 64)
    monkeypatch.setattr(huggingface, "MAX_LOGITS", 10 * VOCABULARY)
    seen = []
    run = oracle._model.forward

    def forward(ids, past_key_values=None, **options):
        before = 0 if past_key_values is None else past_key_values.get_seq_length()
        found = run(ids, past_key_values=past_key_values, **options)
        seen.append((ids.shape[0] * (before + ids.shape[1]), found.logits.shape))
        return found

    monkeypatch.setattr(oracle._model, "forward", forward)
    sequences = all_prefixes(words(4, 7)) + BATCHES["histories and futures"]
    assert oracle.logits(sequences).shape == (len(sequences), VOCABULARY)
    assert len(seen) > 5
    assert all(tokens <= 64 and rows * places <= 10 for tokens, (rows, places, _) in seen)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_single_precision_is_close(folders, kind):
    double = HuggingFaceOracle(folders[kind], dtype="float64")
    single = HuggingFaceOracle(folders[kind])
    for name, sequences in BATCHES.items():
        found = single.logits(sequences)
        apart = np.abs(found - double.logits(sequences)).max()
        assert 0 < apart <= 1e-4, name
        one = np.concatenate([single.logits([s]) for s in sequences])
        assert np.abs(found - one).max() <= single.reproducible


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_answers_in_float64(folders, dtype):
    half = HuggingFaceOracle(folders["gpt2"], dtype=dtype)
    double = HuggingFaceOracle(folders["gpt2"], dtype="float64")
    found = half.logits(BATCHES["many lengths"])
    assert found.dtype == np.float64
    apart = np.abs(found - double.logits(BATCHES["many lengths"])).max()
    assert 1e-4 < apart < half.reproducible


def test_chosen_columns_are_those_columns(pair):
    oracle, _, _ = pair
    tokens = [5, 0, VOCABULARY - 1, 17]
    for sequences in (BATCHES["all prefixes"], BATCHES["histories and futures"]):
        some, every = oracle.logits(sequences, tokens), oracle.logits(sequences)
        assert some.shape == (len(sequences), 4)
        np.testing.assert_array_equal(some, every[:, tokens])


def test_an_empty_batch(pair):
    assert pair[0].logits([]).shape == (0, VOCABULARY)
    assert pair[0].logits([], [3, 4]).shape == (0, 2)


def test_same_question_same_answer(folders):
    one, two = (HuggingFaceOracle(folders["llama"]) for _ in range(2))
    for sequences in BATCHES.values():
        np.testing.assert_array_equal(one.logits(sequences), two.logits(sequences))


def test_dropout_is_off(tmp_path):
    folder = tiny_models.write(tmp_path, "gpt2", resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5)
    oracle = HuggingFaceOracle(folder)
    np.testing.assert_array_equal(oracle.logits(words(3, 5)), oracle.logits(words(3, 5)))


# -- refusals before anything runs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([()], "sequence must be not empty; give a start token or a prompt, not ()"),
        (
            [(START,), (START,) * (CONTEXT + 1)],
            "tokens in a sequence must be at most 48, the model's context, not 49",
        ),
        ([(START, VOCABULARY)], "token must be an id in 0..60, not 61"),
        ([(START, -1), (START, 2)], "token must be an id in 0..60, not -1"),
        (
            [(START,) * 9 + (a, b) for a in range(4) for b in range(58, 62)],
            "token must be an id in 0..60, not 61",
        ),
    ],
)
def test_refused_before_anything_runs(folders, monkeypatch, sequences, message):
    oracle = HuggingFaceOracle(folders["gpt2"])
    monkeypatch.setattr(oracle._model, "forward", None)
    with pytest.raises(InputError) as error:
        oracle.logits(sequences)
    assert str(error.value) == message


def test_the_whole_context_can_be_used(pair):
    oracle, own, _ = pair
    sequence = words(1, CONTEXT - 1)[0]
    expected = alone(own, sequence)
    np.testing.assert_allclose(oracle.logits([sequence])[0], expected, rtol=0, atol=TIGHT)


def test_not_a_number_is_found_by_the_ledger(folders):
    oracle = HuggingFaceOracle(folders["gpt2"])
    with torch.no_grad():
        oracle._model.transformer.ln_f.weight.fill_(float("nan"))
    model = RealModel(oracle, 4, tokens=(3, 4, 5))
    with pytest.raises(OracleError, match="finite"):
        Ledger(model.oracle, 3, 4, FLOAT64).rows([()])


def test_a_model_that_looks_ahead_is_refused(folders):
    with pytest.raises(InputError) as error:
        HuggingFaceOracle(folders["bert"])
    assert str(error.value) == (
        "model must be a causal model, not one whose logits depend on later tokens"
    )


# -- threads --------------------------------------------------------------------------------------


def test_threads_are_set_for_a_call_and_set_back(folders, monkeypatch):
    oracle = HuggingFaceOracle(folders["gpt2"], threads=1)
    seen, run = [], oracle._model.forward

    def forward(*arguments, **options):
        seen.append(torch.get_num_threads())
        return run(*arguments, **options)

    monkeypatch.setattr(oracle._model, "forward", forward)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        oracle.logits(words(2, 3))
        assert torch.get_num_threads() == 3
        with pytest.raises(InputError):
            oracle.logits([()])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == [1]


# -- a real model as a target ---------------------------------------------------------------------


def test_kept_columns_are_the_conditional_law(folders):
    oracle = HuggingFaceOracle(folders["llama"], dtype="float64")
    tokens, prompt = (7, 50, 3, 12), (9, 9, 4)
    model = RealModel(oracle, 4, tokens=tokens, prompt=prompt)
    own = tiny_models.make("llama").to(torch.float64).eval()
    for prefix in ((), (2,), (0, 3, 1)):
        sequence = (START, *prompt, *(tokens[a] for a in prefix))
        law = np.exp(alone(own, sequence))[list(tokens)]
        found = np.exp(model.logits(prefix))
        np.testing.assert_allclose(found / found.sum(), law / law.sum(), rtol=1e-12)


def test_survey_keeps_the_most_frequent_tokens(tmp_path):
    # the model is a chain: its logits are those of the last token alone
    folder = tiny_models.write(tmp_path, "llama", vocab_size=12)
    source = HuggingFaceOracle(folder, dtype="float64")
    model = source._model
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
        model.lm_head.weight.mul_(3)
    singly = np.array([source.logits([(a,)])[0] for a in range(12)])
    law = np.exp(singly) / np.exp(singly).sum(axis=1, keepdims=True)
    at, total = np.eye(12)[START], np.zeros(12)
    for _ in range(4):
        at = at @ law
        total += at / 4
    order = np.argsort(-total)
    k = next(k for k in range(2, 11) if total[order[k - 1]] - total[order[k]] > 0.03)
    assert set(RealModel(source, 4, alphabet_size=k).tokens) == set(order[:k].tolist())
    # and it is one: what comes before the last token changes nothing
    some = [tuple(rng.integers(0, 12, 5).tolist()) for _ in range(5)]
    np.testing.assert_allclose(source.logits(some), singly[[s[-1] for s in some]], atol=1e-12)


def test_a_tree_of_prefixes_through_the_ledger(folders):
    """What a learner asks: layer after layer, all extensions of what it knows."""
    source = HuggingFaceOracle(folders["gpt2"], dtype="float64")
    model = RealModel(source, 4, tokens=(5, 6, 7), prompt=(8, 9))
    own = tiny_models.make("gpt2").to(torch.float64).eval()
    ledger = Ledger(model.oracle, 3, 4, FLOAT64)
    for length in range(4):
        prefixes = list(product(range(3), repeat=length))
        for prefix, row in zip(prefixes, ledger.rows(prefixes), strict=True):
            expected = alone(own, (START, 8, 9, *(5 + a for a in prefix)))[[5, 6, 7]]
            np.testing.assert_allclose(row, expected - expected.mean(), rtol=0, atol=TIGHT)
    ledger.recheck()
    assert ledger.counts.distinct_prefixes == 40

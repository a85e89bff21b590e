"""Real models from sources that are known exactly: restriction, frequencies, words and texts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.check import verify
from llr.errors import InputError, OracleError
from llr.learning import api
from llr.learning.certificate import certify
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import NAT
from llr.oracles import real
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import model_oracle
from llr.oracles.real import RealModel, Restricted, check_tokens
from llr.oracles.sampling import RowWords
from llr.oracles.sources import restricted
from llr.storage import to_json

START = 0


class Chain:
    """A Markov chain as a source: the law of the next token is a row of probabilities."""

    identity = {"kind": "chain"}  # noqa: RUF012

    def __init__(self, law, start=(START,), context=None, reproducible=0.0):
        self.law = np.array(law, dtype=float)
        self.vocabulary_size = len(self.law)
        self.start = start
        self.context = context
        self.reproducible = reproducible
        self.asked = []

    def logits(self, sequences, tokens=None):
        self.asked += sequences
        rows = np.log(self.law[[s[-1] for s in sequences]]) + 3.5
        return rows if tokens is None else rows[:, list(tokens)]

    def encode(self, text):
        return tuple("abcdefgh".index(x) for x in text)

    def decode(self, tokens):
        return "".join("abcdefgh"[x] for x in tokens)


def random_law(v, seed):
    law = np.random.default_rng(seed).dirichlet(np.full(v, 0.5), size=v) + 1e-3
    return law / law.sum(axis=1, keepdims=True)


def frequencies(law, horizon):
    """Return the mean law of a token over all places of a word."""
    at, total = np.eye(len(law))[START], np.zeros(len(law))
    for _ in range(horizon):
        at = at @ law
        total += at
    return total / horizon


def test_prefixes_are_asked_after_start_and_prompt():
    source = Chain(random_law(6, 0), start=(2, 1))
    oracle = Restricted(source, (4, 0, 5), (3, 3))
    oracle.logits([(), (0, 2)])
    assert source.asked == [(2, 1, 3, 3), (2, 1, 3, 3, 4, 5)]


@settings(deadline=None)
@given(st.integers(0, 50), st.permutations(range(6)), st.integers(2, 6))
def test_restriction_is_the_conditional_law(seed, order, k):
    source = Chain(random_law(6, seed))
    kept = order[:k]
    model = RealModel(source, 4, tokens=kept)
    for prefix in ((), (0,), (1, 0, 1)):
        last = kept[prefix[-1]] if prefix else START
        expected = source.law[last][kept] / source.law[last][kept].sum()
        np.testing.assert_allclose(probabilities(model, prefix), expected, rtol=1e-12)
        assert abs(sum(model.logits(prefix))) < 1e-12


def probabilities(model, prefix):
    """Return the softmax of a model's logits."""
    weights = [math.exp(x) for x in model.logits(prefix)]
    return [w / sum(weights) for w in weights]


@pytest.mark.parametrize("seed", range(8))
def test_most_frequent_tokens_are_kept(seed):
    law, horizon = random_law(8, seed), 5
    truth = frequencies(law, horizon)
    order = np.argsort(-truth)
    # of 256 words the probabilities are averaged: a gap of 0.03 is far beyond the error
    k = next(k for k in range(2, 8) if truth[order[k - 1]] - truth[order[k]] > 0.03)
    model = RealModel(Chain(law), horizon, alphabet_size=k)
    assert set(model.tokens) == set(order[:k].tolist())
    first = model.tokens
    assert first == RealModel(Chain(law), horizon, alphabet_size=k).tokens
    assert len(first) == k == model.alphabet_size


def test_rare_prefixes_count_rarely():
    # every prefix but (0) and (1) is rare, and 4 comes after all of those
    law = np.full((6, 6), 0.001)
    law[:, 4] = 0.995
    law[0] = [0.55, 0.40, 0.02, 0.02, 0.005, 0.005]
    law[1] = [0.995, 0.001, 0.001, 0.001, 0.001, 0.001]
    assert np.argsort(-frequencies(law, 2))[:3].tolist() == [0, 1, 4]
    assert RealModel(Chain(law), 2, alphabet_size=2).tokens == (0, 1)


def test_all_tokens_need_no_survey():
    source = Chain(random_law(4, 1))
    assert RealModel(source, 3).tokens == (0, 1, 2, 3)
    assert RealModel(source, 3, alphabet_size=4).tokens == (0, 1, 2, 3)
    assert source.asked == []


def test_all_columns_are_asked_for_as_such():
    class Strict(Chain):
        def logits(self, sequences, tokens=None):
            assert tokens is None
            return super().logits(sequences)

    model = RealModel(Strict(random_law(4, 1)), 3)
    assert len(model.logits(())) == 4
    assert model.description()["tokens"] == "all"


def test_survey_passes_through_the_wrapper():
    seen = []

    def wrap(oracle, identity):
        seen.append((identity["tokens"], len(oracle.logits([()])[0])))
        return oracle

    model = RealModel(Chain(random_law(6, 2)), 3, alphabet_size=2)
    model.through(wrap)
    assert len(model.oracle.logits([()])[0]) == 2
    assert seen == [("all", 6), (list(model.tokens), 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon must be an integer of at least 1, not 0"),
        ({"alphabet_size": 1}, "alphabet_size must be an integer of at least 2, not 1"),
        ({"alphabet_size": 7}, "alphabet_size must be at most 6, the vocabulary's size, not 7"),
        ({"tokens": [1]}, "alphabet_size must be an integer of at least 2, not 1"),
        ({"tokens": [1, 1]}, "tokens must be distinct ids in 0..5, not 1"),
        ({"tokens": [1, 6]}, "tokens must be distinct ids in 0..5, not 6"),
        ({"tokens": [1, -1]}, "tokens must be distinct ids in 0..5, not -1"),
        ({"tokens": [1, True]}, "tokens must be distinct ids in 0..5, not True"),
        ({"tokens": [1, "2"]}, "tokens must be distinct ids in 0..5, not '2'"),
        (
            {"tokens": [1, 2], "alphabet_size": 2},
            "alphabet_size must be left out where tokens are given, not 2",
        ),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(InputError) as error:
        RealModel(Chain(random_law(6, 0)), **{"horizon": 3, **arguments})
    assert str(error.value) == message


def test_tokens_keep_their_order():
    assert check_tokens([3, 1, 2], 4) == (3, 1, 2)


def test_texts_and_words():
    model = RealModel(Chain(random_law(6, 0)), 3, tokens=(4, 0, 2))
    assert model.text((0, 2, 1)) == "eca"
    assert model.word("eca") == (0, 2, 1)
    with pytest.raises(InputError, match=r"made of kept tokens \('b' is not\)"):
        model.word("ab")


def test_description_is_json_and_says_all():
    source = Chain(random_law(6, 0))
    model = RealModel(source, 3, tokens=(4, 0), prompt=(1, 2))
    assert json.loads(json.dumps(model.description())) == {
        "source": {"kind": "chain"},
        "start": [0],
        "prompt": [1, 2],
        "tokens": [4, 0],
        "horizon": 3,
        "alphabet_size": 2,
        "vocabulary_size": 6,
        "surveyed": 0,
        "tokenizer_size": None,
    }


def test_summary():
    source = Chain(random_law(6, 0))
    assert RealModel(source, 3, tokens=(4, 0)).summary() == (
        "a real model restricted to 2 of 6 tokens, renormalised; T = 3, after no prompt"
    )
    source.tokenizer_size = 5
    assert RealModel(source, 3, prompt=(1, 2)).summary() == (
        "a real model restricted to all 6 tokens (the tokenizer knows 5); T = 3, "
        "after a prompt of 2 tokens, 'bc'"
    )


def test_context_and_start_are_checked_beforehand():
    law = random_law(6, 0)
    assert restricted(Chain(law, context=6), 4, 2, None, "bc").prompt == (1, 2)
    source = Chain(law, context=5)
    with pytest.raises(InputError) as error:
        restricted(source, 4, 2, None, "bc")
    assert str(error.value) == (
        "target parameter T must be at most 3: 3 tokens come before a word, and the model's "
        "context is 5, not 4"
    )
    with pytest.raises(InputError, match="no model answers the empty text"):
        restricted(Chain(law, start=()), 4, 2, None, "")
    assert restricted(Chain(law, start=()), 4, 2, None, "b").prompt == (1,)
    assert source.asked == []


def test_drawn_words_follow_the_law():
    law = random_law(4, 3)
    model = RealModel(Chain(law), 2)
    oracle = model_oracle(model, FLOAT64)
    drawn = RowWords(Ledger(oracle, 4, 2, FLOAT64)).draw(40_000, 2, np.random.default_rng(0))
    assert sum(drawn.values()) == 40_000
    for a in range(4):
        for b in range(4):
            p = law[START][a] * law[a][b]
            deviation = abs(drawn.get((a, b), 0) / 40_000 - p)
            assert deviation < 6 * math.sqrt(p * (1 - p) / 40_000)


class Unsteady(Chain):
    """Its answers move by up to ``size`` nats each time that it is asked."""

    def __init__(self, law, size, reproducible):
        super().__init__(law, reproducible=reproducible)
        self.rng, self.size = np.random.default_rng(5), size

    def logits(self, sequences, tokens=None):
        rows = super().logits(sequences, tokens)
        # less their mean, so that centred logits move by no more than that
        move = self.rng.choice([-1.0, 1.0], size=rows.shape) * self.size / 2
        return rows + move - move.mean(axis=1, keepdims=True)


def learned(source, **options):
    model = RealModel(source, 3)
    return api.learn(
        model.oracle,
        alphabet_size=3,
        horizon=3,
        epsilon="0.05",
        delta="0.05",
        arithmetic="float",
        **options,
    )


def test_what_two_answers_differ_by_is_in_the_certificate():
    law = random_law(3, 4)
    plain = learned(Chain(law)).certificate
    loose = learned(Chain(law, reproducible=0.01)).certificate
    assert plain.reproducible == 0
    assert loose.reproducible == fmpq(1, 100)
    assert loose.tau == plain.tau + loose.reproducible
    assert loose.total_variation <= fmpq(1, 20)
    # the model is exact: the distances are nothing but the room left for answers that differ
    words = {(0, 0, 0): 1}
    model, ledger = (
        learned(Chain(law)).model,
        Ledger(RealModel(Chain(law), 3).oracle, 3, 3, FLOAT64),
    )
    risk, room = fmpq(1, 10), fmpq(1, 100)
    off = certify(
        model, ledger, words, NAT, delta=risk, xi=fmpq(0), tau=room / 2, reproducible=room
    )
    assert off.failing == 1
    off = certify(
        model, ledger, words, NAT, delta=risk, xi=fmpq(0), tau=2 * room, reproducible=room
    )
    assert off.failing == 0


@pytest.mark.parametrize("seed", range(4))
def test_certificates_hold_when_the_target_is_asked_again(seed):
    source = Unsteady(random_law(3, 4), 0.002, reproducible=0.004)
    source.rng = np.random.default_rng(seed)
    found = learned(source)
    claim, network = found.certificate.as_json(), to_json(found.model)
    oracle = RealModel(source, 3).oracle
    assert verify(claim, network, oracle.logits)["valid"]
    # a claim that leaves no room is one about other answers
    assert not verify(claim | {"reproducible": "0", "tau": "1/10000000"}, network, oracle.logits)[
        "valid"
    ]


def test_fewer_failures_than_claimed_are_suspect_where_answers_are_fixed():
    source = Chain(random_law(3, 4))
    found = learned(source)
    claim = found.certificate.as_json() | {"failing": 1}
    network, oracle = to_json(found.model), RealModel(source, 3).oracle
    assert "0 words fail, not 1" in verify(claim, network, oracle.logits)["problems"]
    claim["reproducible"] = "1/1000000"
    assert "0 words fail, not 1" not in verify(claim, network, oracle.logits)["problems"]


def test_an_oracle_that_differs_by_more_is_found_out():
    law = random_law(3, 4)
    with pytest.raises(OracleError, match="must be the same at every call"):
        learned(Unsteady(law, 0.02, reproducible=0.001))
    assert learned(Unsteady(law, 0.002, reproducible=0.004)).accepted


def test_a_real_model_is_asked_nothing_before_arguments_are_checked():
    source = Chain(random_law(6, 0))
    for bad in ({"epsilon": 2}, {"delta": 0}, {"algorithm": "best"}, {"relaxed": True}):
        options = {"epsilon": 0.1, "delta": 0.1, "arithmetic": "float", **bad}
        with pytest.raises(InputError):
            api.learn(RealModel(source, 3, alphabet_size=3), **options)
    assert source.asked == []
    api.learn(RealModel(source, 3, alphabet_size=3), epsilon=0.1, delta=0.1, arithmetic="float")
    assert source.asked


def test_what_the_survey_answered_is_known_and_no_more_than_that():
    source = Chain(random_law(6, 0))
    model = RealModel(source, 3, alphabet_size=3)
    kept = model.tokens
    surveyed = list(source.asked)
    assert len(surveyed) == len(set(surveyed)) == model.surveyed
    prefixes = [(), (0,), (2,), (0, 1), (1, 1), (2, 2), (2, 0)]
    found = model.oracle.logits(prefixes)
    for prefix, row in zip(prefixes, found, strict=True):
        last = kept[prefix[-1]] if prefix else START
        np.testing.assert_allclose(row, np.log(source.law[last][list(kept)]) + 3.5, rtol=1e-15)
    news = source.asked[len(surveyed) :]
    wanted = {(START, *(kept[a] for a in p)) for p in prefixes}
    assert set(news) == wanted - set(surveyed)
    # asked past all memory, for the ledger's rechecks
    model.oracle.fresh([()])
    assert source.asked[-1] == (START,)


def test_only_so_many_answers_of_the_survey_are_kept(monkeypatch):
    monkeypatch.setattr(real, "MOST_KEPT", 6 * 2)
    source = Chain(random_law(6, 0))
    model = RealModel(source, 3, alphabet_size=3)
    oracle = model.oracle
    assert () in model._rows
    assert len(model._rows) <= 2
    source.asked.clear()
    oracle.logits([(), (0, 0)])
    assert source.asked == [(START, model.tokens[0], model.tokens[0])]


def test_an_epsilon_below_what_answers_differ_by_is_refused():
    source = Chain(random_law(3, 4), reproducible=0.02)
    with pytest.raises(InputError, match=r"epsilon must be above T x 1/50 = 3/50, since two answ"):
        learned(source)
    assert source.asked == []
    assert learned(Chain(random_law(3, 4), reproducible=0.02), rank=3).certificate is not None

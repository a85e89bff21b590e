"""llr.oracles.llamacpp: every fault is a survived retry or a clear error."""

from __future__ import annotations

import math

import faulty as misbehave
import numpy as np
import pytest

import llr
from llr.errors import InputError, OracleError, UnansweredError
from llr.numbers.arithmetic import FLOAT64
from llr.oracles.ledger import Ledger
from llr.oracles.llamacpp import LEAST, LlamaServer
from llr.oracles.transport import Server


def source(faulty, timeout=30.0, **options):
    return LlamaServer(Server(faulty.url, retries=1, timeout=timeout), **options)


def test_what_the_server_says_of_itself(faulty):
    found = source(faulty)
    assert (found.vocabulary_size, found.start, found.reproducible) == (misbehave.SIZE, (0,), 1e-2)
    assert found.identity == {
        "source": "llama.cpp",
        "model": "letters.gguf",
        "n_vocab": misbehave.SIZE,
        "n_embd": 4,
        "n_params": 100,
        "size": 400,
        "lora": [],
        "build": "b1",
    }
    assert found.encode("abc") == (1, 2, 3)
    assert found.decode((3, 1)) == "ca"


def test_another_vocabulary_is_another_identity(faulty):
    first = source(faulty).identity
    faulty.size += 1
    assert source(faulty).identity != first


def test_rows_come_in_the_order_of_the_ids(faulty):
    found = source(faulty).logits([(0,), (0, 1), (0, 1, 2)])
    assert found.tolist() == [faulty.row(p) for p in ((0,), (0, 1), (0, 1, 2))]
    some = source(faulty).logits([(0, 1)], (4, 0))
    assert some.tolist() == [[faulty.row((0, 1))[a] for a in (4, 0)]]


def test_what_is_asked(faulty):
    source(faulty).logits([(0, 5)])
    (body,) = faulty.bodies
    assert body["prompt"] == [0, 5]
    assert (body["n_predict"], body["n_probs"]) == (1, misbehave.SIZE)
    assert body["cache_prompt"] is False
    assert body["post_sampling_probs"] is False


def lists(change):
    """Return a fault that changes the list of tokens."""
    return misbehave.changed(change)


def test_ids_in_any_order_are_put_in_order(faulty):
    faulty.always = lists(lambda entries: entries.sort(key=lambda e: (e["id"] * 5) % 7))
    assert source(faulty).logits([(0, 1)]).tolist() == [faulty.row((0, 1))]


def put(place, value, name="logprob"):
    return lists(lambda entries: entries[place].update({name: value}))


FINAL = {
    "one token is missing": (lists(lambda e: e.pop(2)), "lacks 1 of the 6 tokens"),
    "half of the tokens": (lists(lambda e: e.__delitem__(slice(3, 6))), "lacks 3 of the 6 tokens"),
    "no tokens": (lists(lambda e: e.clear()), "lacks 6 of the 6 tokens"),
    "a larger vocabulary": (
        lists(lambda e: e.append({"id": 6, "logprob": -9.0})),
        r"has id 6, not one of 0\.\.5",
    ),
    "a negative id": (put(0, -1, "id"), r"has id -1, not one of 0\.\.5"),
    "an id that is no integer": (put(0, "3", "id"), r"has id '3', not one of 0\.\.5"),
    "an id twice": (lists(lambda e: e.append(dict(e[0]))), "has id [0-5] twice"),
    "NaN": (put(1, math.nan), "has nan, no log-probability"),
    "null": (put(1, None), "has None, no log-probability"),
    "infinity": (put(1, -math.inf), "has -inf, no log-probability"),
    "an integer beyond all floats": (put(1, -(10**400)), "has -1000+.*, no log-probability"),
    "text": (put(1, "-1"), "has '-1', no log-probability"),
    "truth": (put(1, True), "has True, no log-probability"),
    "probabilities": (
        lists(lambda e: [x.update(logprob=math.exp(x["logprob"])) for x in e]),
        "probabilities that sum to .*, not 1",
    ),
    "huge": (put(1, 1e300), "probabilities that sum to .*, not 1"),
    "unnormalised": (put(0, -3.0), "probabilities that sum to .*, not 1"),
    "rounded to 0": (put(5, -3.4028234663852886e38), "1 of 6 wanted tokens below probability"),
    "digits lost": (put(5, LEAST - 1), "1 of 6 wanted tokens below probability"),
    "no probabilities": (misbehave.raw(b'{"content": "a"}'), "has no list of log-probabilities"),
    "nothing drawn": (
        misbehave.raw(b'{"completion_probabilities": []}'),
        "has no list of log-probabilities",
    ),
    "a list": (misbehave.raw(b"[1]"), "must be an object"),
    "garbage": (misbehave.raw(b"it is I"), "not JSON: it is I"),
    "cut short": (misbehave.raw(b'{"truncated": true}'), "the prompt is too long"),
    "a token put in front": (
        misbehave.raw(b'{"tokens_evaluated": 3}'),
        "is to a prompt of 3 tokens, not 2",
    ),
    "too long": (
        misbehave.status(400, value={"error": {"message": "exceeds the available context size"}}),
        "answered 400: .*exceeds the available context size",
    ),
    "no key": (misbehave.status(401), "answered 401"),
    "not for you": (misbehave.status(403), "answered 403"),
    "dropped connections": (misbehave.drop, "the connection broke"),
    "500s": (misbehave.status(500), "answered 500"),
    "too slow": (misbehave.slow(0.8), "nothing came for 0.5 s"),
}


@pytest.mark.parametrize("fault", FINAL)
def test_an_error_that_says_what_is_wrong(faulty, fault):
    asked = source(faulty, 0.5 if fault == "too slow" else 30.0)
    faulty.always, message = FINAL[fault]
    with pytest.raises(OracleError, match=message) as caught:
        asked.logits([(0, 1)])
    assert "\n" not in str(caught.value)


def test_what_is_lost_matters_only_where_it_is_wanted(faulty):
    lost = []
    faulty.always = lists(lambda e: lost.append(e[5]["id"]) or e[5].update(logprob=-3.4e38))
    asked = source(faulty)
    with pytest.raises(OracleError):
        asked.logits([(0, 1)])
    others = [a for a in range(misbehave.SIZE) if a != lost[0]]
    assert asked.logits([(0, 1)], others).tolist() == [[faulty.row((0, 1))[a] for a in others]]


def test_the_least_log_probability_is_where_single_precision_loses_digits():
    assert pytest.approx(-87.3365, abs=1e-4) == LEAST
    assert float(np.log(np.float64(np.float32(np.exp(LEAST + 1e-3))))) == pytest.approx(
        LEAST + 1e-3, abs=1e-6
    )


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ((), "start must be given: the server puts no token before a text"),
        ((6,), r"start must be made of tokens 0\.\.5, not \(6,\)"),
    ],
)
def test_start_tokens_that_are_refused(faulty, start, message):
    with pytest.raises(InputError, match=message):
        source(faulty, start=start)


@pytest.mark.parametrize("nats", [-1.0, math.inf, math.nan])
def test_reproducible_is_a_number_of_nats(faulty, nats):
    with pytest.raises(InputError, match="reproducible must be"):
        source(faulty, reproducible=nats)


def test_start_tokens_may_be_given(faulty):
    assert source(faulty, start=(2, 0)).start == (2, 0)


@pytest.mark.parametrize("size", [None, "6", 1, True])
def test_a_server_that_is_another_one(faulty, size):
    faulty.size = size
    with pytest.raises(OracleError, match=r"must be llama.cpp's server with one model"):
        source(faulty)


def test_a_ledger_over_a_server_that_changes_its_mind(faulty):
    model = llr.target(f"llamacpp:url={faulty.url},T=3,k=6")
    ledger = Ledger(model.oracle, 6, 3, FLOAT64)
    ledger.rows([(), (0,), (1, 2)])
    faulty.shift = 0.005
    ledger.recheck()
    faulty.shift = 0.05
    with pytest.raises(OracleError, match="must be the same at every call"):
        ledger.recheck()
    assert ledger.counts.rechecks == 6


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_size_that_is_no_number(faulty, number):
    meta = {"n_vocab": misbehave.SIZE, "n_embd": 4, "n_params": number, "size": 400}
    told = {"data": [{"id": "m", "meta": meta}]}
    faulty.instead["/v1/models"] = lambda handler, body: misbehave.reply(handler, 200, told)
    with pytest.raises(
        OracleError, match=r"must be llama.cpp's server with one model, not .*n_par"
    ):
        source(faulty)


def test_a_huge_integer_costs_no_other_answer(faulty):
    faulty.faults.extend([misbehave.good, misbehave.good, put(1, -(10**400))])
    with pytest.raises(UnansweredError, match="no log-probability") as caught:
        LlamaServer(Server(faulty.url, connections=1)).logits([(0, i) for i in range(5)])
    assert {0, 1} <= set(caught.value.places) < {0, 1, 3, 4}


def test_what_came_before_an_error_is_not_lost(faulty):
    faulty.faults.extend([misbehave.good, misbehave.good, misbehave.status(400)])
    with pytest.raises(UnansweredError, match="answered 400") as caught:
        LlamaServer(Server(faulty.url, connections=1)).logits([(0, i) for i in range(5)])
    places = caught.value.places
    assert {0, 1} <= set(places) < {0, 1, 3, 4}
    assert caught.value.answers.tolist() == [faulty.row((0, i)) for i in places]

"""llr.oracles.completions: some tokens of a server, never the whole vocabulary."""

from __future__ import annotations

import json
import math

import faulty as misbehave
import numpy as np
import pytest
from click.testing import CliRunner
from tiny_gguf import SIZE, START, Tiny

import llr
from llr.cli import main
from llr.errors import InputError, OracleError
from llr.oracles.completions import Completions
from llr.oracles.llamacpp import LlamaServer
from llr.oracles.transport import Server

TOKENS = [{"id": i, "text": misbehave.text(i)} for i in (3, 1, 4)]


@pytest.fixture
def server(faulty):
    """Serve the older shape of answers."""
    faulty.always = misbehave.legacy
    return faulty


def source(server, tokens=TOKENS, start=(0,), top=6, **options):
    return Completions(Server(server.url, retries=1), "letters", tokens, start, top, **options)


def test_the_listed_columns(server):
    found = source(server)
    assert (found.vocabulary_size, found.start) == (3, ())
    rows = found.logits([(), (1,), (2, 0)])
    for row, prompt in zip(rows, [(0,), (0, 1), (0, 4, 3)], strict=True):
        assert row.tolist() == [server.row(prompt)[a] for a in (3, 1, 4)]
    assert found.logits([(1,)], (2, 0)).tolist() == [[server.row((0, 1))[a] for a in (4, 3)]]
    assert found.decode((0, 2, 1)) == "cda"


def test_what_is_asked(server):
    source(server, start=(0, 5)).logits([(2,)])
    assert server.bodies == [
        {"model": "letters", "prompt": [0, 5, 4], "max_tokens": 1, "logprobs": 6, "temperature": 1}
    ]


def test_what_it_is(server):
    wanted = {
        "source": "completions",
        "address": server.url,
        "model": "letters",
        "start": [0],
        "ids": [3, 1, 4],
        "texts": ["c", "a", "d"],
    }
    assert source(server).identity == wanted
    assert source(server, reproducible=0.5).reproducible == 0.5


def test_other_texts_or_another_server_are_another_target_in_a_journal(server, tmp_path):
    path, journal = tmp_path / "tokens.json", tmp_path / "journal"

    def asked(url, texts):
        before = len(server.asked)
        named = [{"id": i, "text": t} for i, t in zip((3, 1, 4), texts, strict=True)]
        path.write_text(json.dumps(named))
        target = f"completions:url={url},model=letters,start=0,top=6,T=2,tokens={path}"
        found = CliRunner().invoke(main, ["sample", target, "-n", "9", "--journal", str(journal)])
        assert found.exit_code == 0, found.output
        return len(server.asked) - before

    assert asked(server.url, "cad") > 0
    assert asked(f"{server.url}/", "cad") == 0
    assert asked(server.url, "dac") > 0
    assert asked(f"{server.url}/v1", "cad") > 0
    with misbehave.served(misbehave.Faulty()) as other:
        other.always = misbehave.legacy
        assert other.asked == []
        assert asked(other.url, "cad") == 0 < len(other.asked)


def test_a_prompt_that_was_not_read_whole(server):
    def told(read):
        def fault(handler, body):
            top = {"abcd"[i]: -1.5 for i in range(4)}
            found = {"usage": {"prompt_tokens": read}}
            found["choices"] = [{"logprobs": {"top_logprobs": [top]}}]
            misbehave.reply(handler, 200, found)

        return fault

    server.always = told(2)
    with pytest.raises(OracleError, match=r"at prefix 'ad' is to a prompt of 2 tokens, not 3$"):
        source(server).logits([(1, 2)])
    for read in (3, None):
        server.always = told(read)
        assert source(server).logits([(1, 2)]).tolist() == [[-1.5] * 3]


def test_it_refuses_the_whole_vocabulary_and_says_what_is_missing(server):
    with pytest.raises(InputError) as caught:
        llr.target(f"completions:url={server.url},model=letters,start=0,T=3")
    assert str(caught.value) == (
        "tokens must be given: only the top N log-probabilities come back and the logits of all "
        "other tokens are missing, so this is no oracle of the whole vocabulary; give a list of "
        '{"id": ID, "text": TEXT}, the tokens that words are made of, not missing'
    )
    assert server.asked == []


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "tokens must be a list of"),
        (TOKENS[:1], "tokens must be a list of"),
        ({"id": 1, "text": "a"}, "tokens must be a list of"),
        ([3, 1, 4], "tokens must be a list of"),
        ([*TOKENS, {"id": 5}], "tokens must be a list of"),
        ([*TOKENS, {"id": 5, "text": ""}], "tokens must be a list of"),
        ([*TOKENS, {"id": -1, "text": "x"}], "tokens must be a list of"),
        ([*TOKENS, {"id": "5", "text": "x"}], "tokens must be a list of"),
        ([*TOKENS, {"id": True, "text": "x"}], "tokens must be a list of"),
        ([*TOKENS, {"id": 5, "text": "c"}], "tokens must be different ids with different texts"),
        ([*TOKENS, {"id": 3, "text": "x"}], "tokens must be different ids with different texts"),
    ],
)
def test_lists_of_tokens_that_are_refused(server, tokens, message):
    with pytest.raises(InputError, match=message):
        source(server, tokens)


def test_other_arguments_that_are_refused(server):
    with pytest.raises(InputError, match="top must be at least 3, the number of tokens, not 2"):
        source(server, top=2)
    with pytest.raises(InputError, match="start must be given"):
        source(server, start=())
    with pytest.raises(InputError, match="reproducible must be"):
        source(server, reproducible=-1.0)
    with pytest.raises(InputError, match="has no tokenizer"):
        source(server).encode("a")


def test_a_kept_token_that_is_not_among_the_top(server):
    row = server.row((0, 4))
    assert sorted(range(6), key=lambda a: row[a])[:2] == [5, 4]
    with pytest.raises(OracleError) as caught:
        source(server, top=4).logits([(2,)])
    assert str(caught.value) == (
        "the server's answer at prefix 'd' lacks 1 of 3 tokens: ['d']; only the top 4 come "
        "back, so their logits are unknown: ask for more (top), or keep fewer tokens"
    )


def probabilities(value):
    return misbehave.raw(json.dumps({"choices": [{"logprobs": value}]}).encode())


def newer(*entries):
    return probabilities({"content": [{"top_logprobs": list(entries)}]})


FAULTS = {
    "nothing": (misbehave.raw(b"{}"), "has no log-probabilities"),
    "no choices": (misbehave.raw(b'{"choices": []}'), "has no log-probabilities"),
    "null": (probabilities(None), "has no log-probabilities"),
    "no map": (probabilities({"top_logprobs": [None]}), "has no log-probabilities"),
    "NaN": (probabilities({"top_logprobs": [{"c": math.nan, "a": -1, "d": -1}]}), "nan, no log"),
    "none": (probabilities({"top_logprobs": [{"c": -1, "a": -1, "d": "-1"}]}), "'-1', no log"),
    "rounded to 0": (
        probabilities({"top_logprobs": [{"c": -1, "a": -1, "d": -3.4e38}]}),
        r"-3\.4e\+38, no log",
    ),
    "one text twice": (
        misbehave.raw(b'{"choices": [{"logprobs": {"top_logprobs": [{"c": -1, "c": -2}]}}]}'),
        "a name stands twice",
    ),
    "one text twice in a list": (
        newer(*({"token": t, "logprob": -1.5} for t in "cadc")),
        "two tokens of one text",
    ),
    "too many": (misbehave.status(400, value={"error": "at most 5"}), "answered 400.*at most 5"),
    "500s": (misbehave.status(500), "answered 500"),
    "dropped": (misbehave.drop, "the connection broke"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_that_says_what_is_wrong(server, fault):
    server.always, message = FAULTS[fault]
    with pytest.raises(OracleError, match=message):
        source(server).logits([(1,)])


def test_a_list_with_texts_and_no_ids(server):
    server.always = newer(*({"token": t, "logprob": -ord(t)} for t in "xadc"))
    assert source(server).logits([(1,)]).tolist() == [[-99, -97, -100]]


def test_ids_tell_tokens_of_one_text_apart(server):
    entries = [{"id": i, "token": "", "logprob": -i} for i in (1, 2, 3, 4)]
    server.always = newer(*entries)
    assert source(server).logits([(1,)]).tolist() == [[-3, -1, -4]]


def test_as_a_target(server, tmp_path):
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps(TOKENS))
    model = llr.target(
        f"completions:url={server.url},model=letters,start=0,top=6,T=3,tokens={path}"
    )
    assert (model.alphabet_size, model.horizon) == (3, 3)
    assert model.text((1, 2)) == "ad"
    row = np.array([server.row((0, 1, 4))[a] for a in (3, 1, 4)])
    assert np.allclose(model.logits((1, 2)), row - row.mean(), atol=1e-12)


def test_llama_cpp_is_such_a_server_too(llama):
    kept = [i for i in range(2, SIZE) if Tiny().tokens[i].isalpha()][:12]
    tokens = [{"id": i, "text": Tiny().tokens[i]} for i in kept]
    asked = Completions(Server(f"{llama.url}/v1"), "tiny", tokens, (START,), SIZE)
    whole = LlamaServer(Server(llama.url))
    prefixes = [(), (1,), (5, 0, 11)]
    sequences = [(START, *(kept[a] for a in p)) for p in prefixes]
    found, wanted = asked.logits(prefixes), whole.logits(sequences, kept)
    assert np.abs(found - wanted).max() <= whole.reproducible
    few = Completions(Server(f"{llama.url}/v1"), "tiny", tokens, (START,), 12)
    with pytest.raises(OracleError, match=r"lacks \d+ of 12 tokens: .*only the top 12 come back"):
        few.logits(prefixes)

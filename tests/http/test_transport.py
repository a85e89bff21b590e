"""llr.oracles.transport: retries, time-outs, keys."""

from __future__ import annotations

import logging
import socket
import sys
import time
from email.utils import formatdate

import faulty as misbehave
import pytest

from llr.errors import InputError, OracleError, UnansweredError
from llr.oracles.transport import LONGEST_WAIT, Server

QUESTION = {"prompt": [0, 1]}
IN_A_YEAR = formatdate(time.time() + 365 * 86400, usegmt=True)
GOOD = "completion_probabilities"


def ask(faulty, **options):
    return Server(faulty.url, **options).post("/completion", QUESTION)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://hidden@host",
        "http://me:hidden@host",
        "http://host/?api_key=hidden",
        "http://host/#hidden",
        "http://[hidden",
        "",
    ],
)
def test_urls_that_are_refused_are_not_shown(url):
    with pytest.raises(InputError, match="url must be http://HOST") as caught:
        Server(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connections": 0}, "connections must be an integer of at least 1, not 0"),
        ({"retries": -1}, "retries must be an integer of at least 0, not -1"),
        ({"timeout": 0.0}, "timeout must be a positive number of seconds, not 0.0"),
        ({"timeout": float("nan")}, "timeout must be a positive number of seconds, not nan"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(InputError) as caught:
        Server("http://127.0.0.1", **options)
    assert str(caught.value) == message


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(InputError, match=r'urllib3 must be installed: pip install "llr\[http\]"'):
        Server("http://127.0.0.1")


FAULTS = {
    "drop": misbehave.drop,
    "half an answer": misbehave.half,
    **{str(code): misbehave.status(code) for code in (429, 500, 502, 503, 504)},
    "too slow": misbehave.slow(0.8),
}


def patience(fault):
    """Return a time-out that a busy machine does not reach, unless that is the point."""
    return 0.5 if fault == "too slow" else 30.0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_survived(faulty, fault):
    faulty.faults.extend([FAULTS[fault]] * 3)
    assert GOOD in ask(faulty, retries=3, timeout=patience(fault))
    assert len(faulty.asked) == 4


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("drop", "gave no answer: the connection broke (2 retries)"),
        ("half an answer", "gave no answer: the connection broke (2 retries)"),
        ("too slow", "gave no answer: nothing came for 0.5 s (2 retries)"),
        ("500", 'answered 500: {"error": "so it is"}'),
        ("429", 'answered 429: {"error": "so it is"}'),
    ],
)
def test_a_fault_that_lasts_is_an_error(faulty, fault, message):
    faulty.always = FAULTS[fault]
    with pytest.raises(OracleError) as caught:
        ask(faulty, retries=2, timeout=patience(fault))
    assert str(caught.value) == f"{faulty.url}/completion {message}"
    assert len(faulty.asked) == 3


@pytest.mark.parametrize("code", [301, 400, 401, 403, 404, 422, 501])
def test_other_statuses_are_final(faulty, code):
    faulty.always = misbehave.status(code, {"Location": "/elsewhere"})
    with pytest.raises(OracleError, match=rf"/completion answered {code}: .*so it is"):
        ask(faulty)
    assert len(faulty.asked) == 1


def test_no_server_at_all():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OracleError, match=r"/props gave no answer: no connection \(1 retries\)$"):
        Server(f"http://127.0.0.1:{port}", retries=1).get("/props")


def test_the_server_says_how_long_to_wait(faulty):
    faulty.faults.append(misbehave.status(429, {"Retry-After": "1"}))
    begun = time.monotonic()
    assert GOOD in ask(faulty)
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(
    ("said", "waited"), [("7", 7), ("86400", 60), pytest.param(IN_A_YEAR, 60, id="in a year")]
)
def test_no_server_keeps_us_waiting_longer_than_a_minute(monkeypatch, faulty, said, waited):
    waits = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    faulty.faults.append(misbehave.status(429, {"Retry-After": said}))
    assert GOOD in ask(faulty)
    assert [wait for wait in waits if wait] == [waited]
    assert LONGEST_WAIT == 60


def test_waits_double(monkeypatch, faulty):
    waits = []
    monkeypatch.setattr("llr.oracles.transport.BACKOFF", 0.25)
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    faulty.faults.extend([misbehave.status(503)] * 9)
    server = Server(faulty.url, retries=9)
    assert GOOD in server.post("/completion", QUESTION)
    assert [wait for wait in waits if wait] == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("data", [b"", b"<html>502</html>", b'{"a": ', b"\xff\xfe", b"[" * 10**5])
def test_garbage_is_final(faulty, data):
    faulty.always = misbehave.raw(data)
    with pytest.raises(OracleError, match="/completion answered something that is not JSON: "):
        ask(faulty)
    assert len(faulty.asked) == 1


def test_an_object_in_which_a_name_stands_twice(faulty):
    faulty.always = misbehave.raw(b'{"a": 1, "a": 2}')
    with pytest.raises(OracleError, match="answered an object in which a name stands twice"):
        ask(faulty)


def test_long_bodies_are_cut(faulty):
    faulty.always = misbehave.raw(b"x" * 10**6)
    with pytest.raises(OracleError) as caught:
        ask(faulty)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("connections", [1, 3])
def test_answers_keep_the_order_of_the_questions(faulty, connections):
    server = Server(faulty.url, connections=connections)
    sequences = [(0, i) for i in range(12)]

    def row(sequence):
        late = 0.05 if sequence[1] % 3 == 0 else 0
        time.sleep(late)
        server.post("/completion", {"prompt": list(sequence)})
        return [sequence[1], -sequence[1]]

    assert server.rows(row, sequences, 2).tolist() == [[i, -i] for i in range(12)]
    assert server.rows(row, [], 2).shape == (0, 2)


@pytest.mark.parametrize("connections", [1, 3])
def test_so_many_questions_are_in_flight(faulty, connections):
    faulty.pause = 0.05
    server = Server(faulty.url, connections=connections)
    server.rows(lambda i: [server.post("/completion", QUESTION) is None], range(9), 1)
    assert faulty.busy == connections


def test_a_batch_answered_in_part_says_which(faulty):
    server = Server(faulty.url, connections=2)

    def row(sequence):
        if sequence == (3,):
            raise OracleError("not this one")
        time.sleep(0.01)
        return [sequence[0] + 0.5]

    with pytest.raises(UnansweredError, match="not this one") as caught:
        server.rows(row, [(i,) for i in range(40)], 1)
    places = caught.value.places
    assert {0, 1, 2} <= set(places) < set(range(10)) - {3}
    assert caught.value.answers.tolist() == [[i + 0.5] for i in places]


def test_an_error_of_another_kind_is_raised_as_it_is(faulty):
    with pytest.raises(ZeroDivisionError):
        Server(faulty.url).rows(lambda i: [1 / i], [1, 0], 1)


SECRET = "sk-4f3c9d"


def test_the_key_comes_from_the_environment(faulty, monkeypatch):
    monkeypatch.setenv("MY_KEY", SECRET)
    faulty.key = SECRET
    assert GOOD in ask(faulty, key="MY_KEY")
    assert faulty.headers["Authorization"] == f"Bearer {SECRET}"
    with pytest.raises(OracleError, match="answered 401"):
        ask(faulty)
    monkeypatch.setenv("LLR_API_KEY", SECRET)
    assert GOOD in ask(faulty)


def test_no_key_no_header(faulty):
    ask(faulty)
    assert "Authorization" not in faulty.headers


@pytest.mark.parametrize("name", [SECRET, "NOT_SET", "EMPTY", "", "sk4f3c9d"])
def test_a_name_of_no_variable_is_not_shown(name, monkeypatch):
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(InputError) as caught:
        Server("http://127.0.0.1", key=name)
    assert str(caught.value) == (
        "key must be the name of an environment variable that holds the server's key, "
        "not a name of no variable that is set"
    )


@pytest.mark.parametrize("key", [SECRET + "\n", SECRET + "\u00e9", "\x00" + SECRET])
def test_a_key_that_no_header_can_hold_is_not_shown(key, monkeypatch):
    if "\x00" in key:
        monkeypatch.setattr("os.environ", {"MY_KEY": key})
    else:
        monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(InputError, match="key must be printable ASCII") as caught:
        Server("http://127.0.0.1", key="MY_KEY")
    assert SECRET not in str(caught.value)


def test_the_key_shows_nowhere(faulty, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", SECRET)
    server = Server(faulty.url, key="MY_KEY", retries=1, timeout=0.5)
    faulty.key = "another"
    with pytest.raises(OracleError) as caught:
        server.post("/completion", QUESTION)
    assert "Invalid API Key: Bearer (key)" in str(caught.value)
    faulty.key = ""
    said = [str(caught.value), repr(caught.value), repr(server), str(server)]
    for fault in FAULTS.values():
        faulty.always = fault
        with pytest.raises(OracleError) as caught:
            server.post("/completion", QUESTION)
        said += [str(caught.value), repr(caught.value)]
    assert len(caplog.records) > 5
    assert SECRET not in "\n".join((*said, caplog.text))


ESCAPED = SECRET.replace("-", "\\u002D").replace("s", "\\u0073")
SLASHED = "sk/4f3c9d"


@pytest.mark.parametrize("spelled", [SECRET, ESCAPED])
def test_the_key_is_in_no_answer(faulty, monkeypatch, spelled):
    monkeypatch.setenv("MY_KEY", SECRET)
    server = Server(faulty.url, key="MY_KEY")
    told = f'{{"error": ["wrong: {spelled}", {{"{spelled}": 1, "n": null}}, -2.5]}}'.encode()
    faulty.always = misbehave.raw(told)
    found = server.post("/completion", QUESTION)
    assert found == {"error": ["wrong: (key)", {"(key)": 1, "n": None}, -2.5]}
    for fault in (misbehave.raw(told + b"!"), misbehave.status(400, value=told)):
        faulty.always = fault
        with pytest.raises(OracleError, match=r"wrong: \(key\)") as caught:
            server.post("/completion", QUESTION)
        assert spelled not in str(caught.value)


def test_slashes_may_be_escaped(faulty, monkeypatch):
    monkeypatch.setenv("MY_KEY", SLASHED)
    faulty.always = misbehave.status(401, value=rb'{"error": "sk\/4f3c9d"}')
    with pytest.raises(OracleError, match=r'answered 401: {"error": "\(key\)"}$'):
        ask(faulty, key="MY_KEY")


def test_an_answer_without_the_key_is_as_it_came(faulty, monkeypatch):
    plain = ask(faulty)
    monkeypatch.setenv("LLR_API_KEY", SECRET)
    assert ask(faulty) == plain


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://Host.Example/v1/", "http://host.example:80/v1"),
        ("https://host.example:443", "https://host.example:443"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        (f"http://host/{SECRET}/v1", "http://host:80/(key)/v1"),
    ],
)
def test_a_server_has_one_address(url, address, monkeypatch):
    monkeypatch.setenv("LLR_API_KEY", SECRET)
    assert Server(url).address == address

"""Runs over HTTP that are killed, cut off, or end in an error lose nothing that was paid for."""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from itertools import pairwise

import faulty as misbehave
import pytest
from click.testing import CliRunner
from faulty import Proxy, served
from serve_gguf import serving
from tiny_gguf import START

from llr.cli import main
from llr.oracles.journal import Journal

KEPT = (46, 15, 4, 40, 5, 17)
CONNECTIONS = 4
SECRET = "sk-4f3c9d"


@pytest.fixture
def tokens(tmp_path):
    """Return a file with the ids of six tokens."""
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps(KEPT))
    return path


def words_of(url, tokens, journal, out, *more, retries=8):
    """Return the words of a command that learns."""
    target = f"llamacpp:url={url},retries={retries},T=4,tokens={tokens}"
    how = (
        "--arithmetic",
        "float",
        "--epsilon",
        "0.1",
        "--json",
        "--journal",
        str(journal),
        "--out",
        str(out),
    )
    return ["learn", target, *how, *more]


def begun(words):
    """Start the command in a process of its own."""
    command = [sys.executable, "-c", "from llr.cli import main; main()", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(words):
    """Run the command to its end and return its exit code, its output and its errors."""
    process = begun(words)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def committed(journal):
    """Return the prompts whose answers are in the file."""
    with closing(sqlite3.connect(journal)) as file:
        rows = file.execute("SELECT prefix FROM answers").fetchall()
    found = [(START, *(KEPT[a] for a in row[0])) for row in rows]
    assert len(set(found)) == len(found)
    return set(found)


def test_killed_three_times_and_the_server_once(llama, gguf, tokens, tmp_path):
    journal, out = tmp_path / "journal", tmp_path / "model.json"
    with serving(gguf) as server, served(Proxy(server.port)) as proxy:
        words = words_of(proxy.url, tokens, journal, out)
        paid = []  # at each kill: the length of the log, and what was committed
        server_again = threading.Timer(1.0, server.begin)

        def fall():
            server.kill()
            server_again.start()

        for place, more in ((30, {}), (90, {60: fall}), (160, {})):
            process = begun(words)
            proxy.then = {place: process.kill, **more}
            _, err = process.communicate(timeout=120)
            assert (process.returncode, err.count("Error")) == (-signal.SIGKILL, 0)
            # the second run went on from 60 to 90 though the server fell in between
            assert place <= len(proxy.log) < place + CONNECTIONS
            paid.append((len(proxy.log), committed(journal)))
            assert paid[-1][1] <= set(proxy.log)
        server_again.join()
        assert not out.exists()
        code, said, err = finished(words)
        assert code == 0, err
    found = json.loads(said)

    # No committed prefix is asked again, but for those that the ledger asks twice on purpose.
    rechecks = found["queries"]["rechecks"]
    assert rechecks == 16
    for (length, answered), (until, _) in pairwise(paid):
        assert not answered.intersection(proxy.log[length:until])
    for length, answered in paid:
        assert sum(prompt in answered for prompt in proxy.log[length:]) <= rechecks
    # What was asked twice is a recheck, or was on its way when something was killed.
    twice = sum(times - 1 for times in Counter(proxy.log).values())
    assert twice <= rechecks + CONNECTIONS * (len(paid) + 1)
    assert len(paid[0][1]) < len(paid[1][1]) < len(paid[2][1]) < len(committed(journal))

    # The learned model is that of a run that nobody disturbed, to the byte.
    plain = tmp_path / "plain.json"
    code, undisturbed, err = finished(words_of(llama.url, tokens, tmp_path / "other", plain))
    assert code == 0, err
    assert out.read_bytes() == plain.read_bytes()
    assert json.loads(undisturbed)["queries"] == found["queries"]


def run(words):
    """Run a command in this process and return its exit code and all that it says."""
    found = CliRunner().invoke(main, words)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.output


def test_a_server_that_stays_away_ends_the_run_and_the_run_goes_on_later(gguf, tokens, tmp_path):
    journal, out = tmp_path / "journal", tmp_path / "model.json"
    with serving(gguf) as server, served(Proxy(server.port)) as proxy:
        proxy.then = {50: server.kill}
        code, said = run(words_of(proxy.url, tokens, journal, out, retries=1))
        assert code == 2
        assert f"{proxy.url}/completion gave no answer: the connection broke (1 retries)" in said
        assert not out.exists()
        answered = committed(journal)
        assert answered == set(proxy.log)
        server.begin()
        proxy.log.clear()
        code, said = run(words_of(proxy.url, tokens, journal, out))
        assert code == 0, said
    assert out.exists()
    assert (
        sum(prompt in answered for prompt in proxy.log) <= json.loads(said)["queries"]["rechecks"]
    )


def test_a_budget_stops_the_run_with_all_that_was_paid_for(llama, tokens, tmp_path):
    journal, out = tmp_path / "journal", tmp_path / "model.json"
    with served(Proxy(llama.port)) as proxy:
        words = words_of(proxy.url, tokens, journal, out)
        for calls in (50, 30):
            before = len(proxy.log)
            code, said = run([*words, "--max-calls", str(calls)])
            assert code == 3
            assert len(proxy.log) == before + calls
            assert set(proxy.log) == committed(journal)
            assert f"{len(proxy.log)} answers are in {journal}" in said
        assert not out.exists()
        code, said = run(words)
        assert code == 0, said
    twice = sum(times - 1 for times in Counter(proxy.log).values())
    assert twice <= json.loads(said)["queries"]["rechecks"]


def test_what_chose_the_tokens_is_not_asked_again(llama, tmp_path):
    how = ["--arithmetic", "float", "--epsilon", "0.1", "--json"]
    with served(Proxy(llama.port)) as proxy:
        code, said = run(["learn", f"llamacpp:url={proxy.url},T=4,k=6", *how])
    assert code == 0, said
    found = json.loads(said)
    queries, different = found["queries"], len(set(proxy.log))
    assert len(proxy.log) == different + queries["rechecks"]
    # some of what the learner wanted was known
    assert found["restricted"]["surveyed"] + queries["distinct_prefixes"] > different


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epsilon", "0.04"], "epsilon must be above T x 1/100 = 1/25, since two answers may"),
        (["--delta", "2"], "delta must be a number in (0, 1)"),
        (["--algorithm", "shared"], "rank must be an integer of at least 2"),
        (["--rank", "2", "--relaxed", "--algorithm", "printed"], "rank must be left out"),
    ],
)
def test_bad_input_costs_no_call(llama, options, message):
    with served(Proxy(llama.port)) as proxy:
        how = ["--arithmetic", "float", "--epsilon", "0.1", *options]
        code, said = run(["learn", f"llamacpp:url={proxy.url},T=4,k=6", *how])
    assert code == 2
    assert message in " ".join(said.split())
    assert proxy.log == []


# The server that misbehaves has six tokens, all kept.


def learning(faulty, tmp_path, *more, key="", timeout=30):
    """Learn from the server that misbehaves."""
    target = f"llamacpp:url={faulty.url},{key}retries=1,timeout={timeout},T=4,k=6"
    journal, out = str(tmp_path / "journal"), str(tmp_path / "model.json")
    how = (
        "--arithmetic",
        "float",
        "--epsilon",
        "0.1",
        "--json",
        "--journal",
        journal,
        "--out",
        out,
    )
    return run(["learn", target, *how, *more])


LASTING = {
    "too long": misbehave.status(400),
    "no key": misbehave.status(401),
    "not for you": misbehave.status(403),
    "500s": misbehave.status(500),
    "dropped connections": misbehave.drop,
    "half answers": misbehave.half,
    "slow answers": misbehave.slow(1.5),
    "a smaller vocabulary": misbehave.changed(lambda entries: entries.pop()),
    "a larger vocabulary": misbehave.changed(lambda e: e.append({"id": 6, "logprob": -9.0})),
    "NaN": misbehave.changed(lambda entries: entries[3].update(logprob=float("nan"))),
    "garbage": misbehave.raw(b"<html>"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_lasts_ends_the_run_and_loses_nothing(faulty, tmp_path, fault):
    faulty.faults.extend([misbehave.good] * 42)  # the last two in a batch of four
    faulty.always = LASTING[fault]
    code, said = learning(faulty, tmp_path, timeout=1 if fault == "slow answers" else 30)
    assert (code, said.count("Error: ")) == (2, 1)
    with Journal(tmp_path / "journal") as journal:
        assert len(journal) == len(faulty.answered) == 42
    faulty.always = misbehave.good
    code, said = learning(faulty, tmp_path)
    assert code == 0, said
    twice = sum(times - 1 for times in faulty.answered.values())
    assert twice <= json.loads(said)["queries"]["rechecks"]


PASSING = (
    misbehave.drop,
    misbehave.half,
    *(misbehave.status(code) for code in (429, 500, 502, 503, 504)),
    misbehave.status(503, {"Retry-After": "0"}),
    misbehave.changed(lambda entries: entries.reverse()),
)


def test_faults_that_pass_change_nothing(faulty, tmp_path):
    code, said = learning(faulty, tmp_path)
    assert code == 0
    plain, model = json.loads(said), (tmp_path / "model.json").read_bytes()
    (tmp_path / "journal").unlink()
    for fault in PASSING:
        faulty.faults.extend([fault, *[misbehave.good] * 10])
    code, said = learning(faulty, tmp_path)
    assert not faulty.faults
    assert (code, json.loads(said)) == (0, plain)
    assert (tmp_path / "model.json").read_bytes() == model


def test_a_server_that_changes_its_mind(faulty, tmp_path):
    def shifted(handler, body):
        faulty.shift = 0.05
        misbehave.good(handler, body)

    faulty.faults.extend([misbehave.good] * 40)
    faulty.always = shifted
    code, said = learning(faulty, tmp_path)
    assert code == 2
    assert "must be the same at every call" in said
    assert not (tmp_path / "model.json").exists()


def test_answers_of_another_model_are_not_taken_over(faulty, tmp_path):
    assert learning(faulty, tmp_path)[0] == 0
    asked = len(faulty.asked)
    code, said = learning(faulty, tmp_path)
    assert (code, json.loads(said)["journal"]["asked"]) == (0, 0)
    assert len(faulty.asked) == asked + 16
    faulty.name = "others.gguf"
    code, said = learning(faulty, tmp_path)
    assert (code, json.loads(said)["journal"]["asked"]) == (0, asked - 16)


def test_the_key_is_in_no_file_and_in_no_output(faulty, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", SECRET)
    faulty.key = SECRET
    faulty.faults.extend([misbehave.good] * 30)
    faulty.always = misbehave.status(403, value={"error": f"no more for Bearer {SECRET}"})
    certificate = ("--certificate", str(tmp_path / "certificate.json"))
    first = learning(faulty, tmp_path, key="key=MY_KEY,")
    faulty.always = misbehave.good
    second = learning(faulty, tmp_path, *certificate, key="key=MY_KEY,")
    assert (first[0], second[0]) == (2, 0)
    assert "no more for Bearer (key)" in first[1]
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"journal", "model.json", "certificate.json"} <= set(files)
    assert faulty.headers["Authorization"] == f"Bearer {SECRET}"
    for said in (first[1], second[1], caplog.text):
        assert said
        assert SECRET not in said
    for name, data in files.items():
        assert SECRET.encode() not in data, name

"""Commands on a server that fails late, changes its mind, or tells the key."""

from __future__ import annotations

import json
import os

import faulty as misbehave
import pytest
from click.testing import CliRunner

from llr.cli import main

SECRET = "sk-SECRET123"
SMALL = {
    "surrogate": ["--calls", "20", "--ranks", "2", "--words", "10"],
    "lingen": ["--prompt", "ab", "--histories", "3", "--futures", "5", "--steps", "2"],
    "sample": ["-n", "5"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


def run(faulty, command, *more, key=""):
    """Run a command on the server."""
    target = f"llamacpp:url={faulty.url},{key}retries=0,T=5,k=6"
    found = CliRunner().invoke(main, [command, target, *SMALL[command], *more])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


@pytest.mark.parametrize("command", ["surrogate", "lingen"])
@pytest.mark.parametrize("journal", [[], ["--journal", "j"]])
def test_a_server_that_changes_its_mind(faulty, command, journal):
    kept = run(faulty, command, "--json")
    assert kept.exit_code == 0, kept.output
    assert json.loads(kept.stdout)["rechecks"] == 16
    asked = len(faulty.asked)

    def shifted(handler, body):
        faulty.shift = 0.05
        misbehave.good(handler, body)

    # only the answers of the second half are others
    faulty.faults.extend([misbehave.good] * (asked // 2))
    faulty.always = shifted
    found = run(faulty, command, *journal)
    assert found.exit_code == 2
    assert "must be the same at every call" in found.output


@pytest.mark.parametrize("command", ["surrogate", "sample"])
def test_texts_that_the_server_does_not_tell_cost_no_result(faulty, command):
    told = run(faulty, command, "--json")
    asked = len(faulty.asked)
    faulty.instead["/detokenize"] = misbehave.status(500)
    shown, value = run(faulty, command), run(faulty, command, "--json")
    assert (told.exit_code, shown.exit_code, value.exit_code) == (0, 0, 0), shown.output
    for found in (shown, value):
        assert found.stderr.count("token numbers in place of texts: ") == 1
        assert "/detokenize answered 500" in found.stderr
    assert len(faulty.asked) == 3 * asked
    assert os.listdir() == []
    first, later = json.loads(told.stdout), json.loads(value.stdout)
    if command == "sample":
        assert later == {name: x for name, x in first.items() if name != "texts"}
        return
    words = later["samples"]["target"]
    spelt = ["".join(misbehave.text(int(a)) for a in word.split()) for word in words]
    assert spelt == first["samples"]["target"]
    assert "soft n-gram" in shown.stdout
    assert f"\n    {words[0]}\n" in shown.stdout
    for entry in first["learners"] + later["learners"]:
        del entry["seconds"]
    assert first["learners"] == later["learners"]


def test_an_interrupt_while_texts_are_asked_keeps_the_answers(faulty, monkeypatch):
    def stop(self, tokens):
        raise KeyboardInterrupt

    monkeypatch.setattr("llr.oracles.llamacpp.LlamaServer.decode", stop)
    for command in ("surrogate", "sample"):
        found = run(faulty, command)
        assert found.exit_code == 3
        assert "the same command goes on from there" in found.stderr
    assert len(os.listdir()) == 2


def test_the_surrogate_says_to_what_the_target_is_restricted(faulty):
    found = run(faulty, "surrogate")
    assert "a real model restricted to all 6 tokens; T = 5, after no prompt\n" in found.stdout
    assert found.stdout.index("a real model") < found.stdout.index("KL per token on")


TOLD = {"error": {"message": f"Incorrect API key provided: {SECRET}"}, SECRET: [SECRET]}


@pytest.mark.parametrize(
    "path", ["/v1/models", "/props", "/tokenize", "/detokenize", "/completion"]
)
def test_the_key_does_not_reach_the_screen_with_any_answer(faulty, monkeypatch, path):
    monkeypatch.setenv("MY_KEY", SECRET)

    def tell(handler, body):
        misbehave.reply(handler, 200, TOLD)

    faulty.instead[path] = tell
    found = run(faulty, "sample", key="key=MY_KEY,")
    assert faulty.headers["Authorization"] == f"Bearer {SECRET}"
    assert found.exit_code == (0 if path == "/detokenize" else 2)
    assert SECRET not in found.output
    assert "SECRET" not in found.output
    if path in ("/v1/models", "/tokenize", "/detokenize"):
        assert "Incorrect API key provided: (key)" in found.output

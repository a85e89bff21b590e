"""``llr learn --journal`` killed again and again: nothing lost, nothing paid twice, same model."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

TARGET = "isan:T=7,k=3,d=3"
CHUNK = 4
RECHECKED = 16
KILLS = 3

SCRIPT = f"""
import functools, json, os, sys, time
import llr.asking
from llr.cli import main
from llr.oracles.journal import Journal

log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
seconds = float(sys.argv.pop(1))

class Slow:
    def __init__(self, oracle):
        self.oracle = oracle

    def logits(self, prefixes):
        for prefix in prefixes:
            os.write(log, json.dumps(prefix).encode() + b"\\n")
            time.sleep(seconds)
        return self.oracle.logits(prefixes)

own = llr.asking.model_oracle
llr.asking.model_oracle = lambda model, numbers: Slow(own(model, numbers))
Journal.oracle = functools.partialmethod(Journal.oracle, chunk={CHUNK})
exec(os.environ.get("SABOTAGE", ""))
main()
"""

LATE = """
from contextlib import contextmanager
@contextmanager
def late(self):
    if not self._file.in_transaction:
        self._file.execute("BEGIN IMMEDIATE")
    yield
Journal._transaction = late
"""


def start(folder, *options, log="log", seconds=0.002, **more):
    """Start a learning run over an oracle that is slow and logs what it is asked."""
    # fmt: off
    command = [sys.executable, "-c", SCRIPT, log, str(seconds),
               "learn", TARGET, "--arithmetic", "float", "--epsilon", "0.1", "--delta", "0.1",
               "--seed", "5", "--json", *options]
    # fmt: on
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def finished(run, code=0):
    out, err = run.communicate(timeout=60)
    assert run.returncode == code, err
    return out, err


def logged(path):
    """Return the prefixes that an oracle was asked for, in order."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [tuple(json.loads(line)) for line in lines[:-1]]


def committed(journal, folder):
    """Return the prefixes in a journal; reads a copy, so that the run finds what it left."""
    if not journal.exists():
        return set()
    for end in ("", "-wal"):
        if os.path.exists(f"{journal}{end}"):
            shutil.copy(f"{journal}{end}", folder / f"copy{end}")
    file = sqlite3.connect(folder / "copy")
    try:
        made = file.execute("SELECT count(*) FROM sqlite_master WHERE name = 'answers'").fetchone()
        rows = file.execute("SELECT prefix FROM answers").fetchall() if made[0] else []
    finally:
        file.close()
    for end in ("", "-wal", "-shm"):
        (folder / f"copy{end}").unlink(missing_ok=True)
    return {tuple(prefix) for (prefix,) in rows}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The model file, the output and the log of a run with a journal that nobody disturbed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run = start(folder, "--journal", "j", "--out", "model.json", seconds=0)
    out, err = finished(run)
    assert err == ""
    return (folder / "model.json").read_bytes(), json.loads(out), logged(folder / "log")


def check_kills(folder, uninterrupted, rng, **more):
    """Kill a run at random moments, then let it finish.

    Moments are numbers of prefixes asked, so that a slow machine is killed at work as well.
    """
    model, value, asked = uninterrupted
    distinct = value["queries"]["distinct_prefixes"]
    journal, known, lost = folder / "j", set(), 0
    for number in range(KILLS):
        log = folder / f"log{number}"
        run = start(folder, "--journal", "j", "--out", "model.json", log=log.name, **more)
        moment = rng.randrange(1, max(2, (distinct - len(known)) // 2))
        while len(logged(log)) < moment:
            assert run.poll() is None, run.communicate()
            time.sleep(0.002)
        time.sleep(rng.random() * 0.03)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        assert run.returncode == -signal.SIGKILL
        now = committed(journal, folder)
        assert known <= now
        new = logged(log)
        assert len(set(new)) == len(new)
        assert not known & set(new)
        assert now <= known | set(new)
        assert len(set(new) - now) <= CHUNK
        assert len(new) >= moment
        lost += len(set(new) - now)
        known = now
    out, err = finished(start(folder, "--journal", "j", "--out", "model.json", seconds=0))
    assert err == ""
    assert (folder / "model.json").read_bytes() == model
    found = json.loads(out)
    assert found["journal"] == {"asked": distinct - len(known), "remembered": len(known)}
    assert {**found, "journal": 0} == {**value, "journal": 0}
    last = logged(folder / "log")
    assert found["queries"]["rechecks"] == RECHECKED
    rechecks = last[-RECHECKED:]
    assert not known & set(last[:-RECHECKED])
    assert known | set(last[:-RECHECKED]) == committed(journal, folder) == set(asked)
    assert len(last) == distinct - len(known) + RECHECKED
    assert rechecks == asked[-RECHECKED:]
    return len(known), lost


def test_a_run_that_is_killed_again_and_again_ends_in_the_same_model(tmp_path, uninterrupted):
    kept, lost = check_kills(tmp_path, uninterrupted, random.Random(os.urandom(8)))
    assert kept + lost > 0


def test_a_journal_that_commits_late_is_caught(tmp_path, uninterrupted):
    late = {**os.environ, "SABOTAGE": LATE}
    with pytest.raises(AssertionError, match=f"<= {CHUNK}"):
        check_kills(tmp_path, uninterrupted, random.Random(0), env=late)


def test_the_journal_changes_nothing(tmp_path, uninterrupted):
    model, value, asked = uninterrupted
    out, _ = finished(start(tmp_path, "--out", "model.json", seconds=0))
    assert (tmp_path / "model.json").read_bytes() == model
    assert json.loads(out) == {name: x for name, x in value.items() if name != "journal"}
    assert logged(tmp_path / "log") == asked


def test_an_interrupt_says_what_is_on_disk_and_how_to_go_on(tmp_path, uninterrupted):
    run = start(tmp_path, "--journal", "j", seconds=0.02)
    while len(logged(tmp_path / "log")) < 30:
        assert run.poll() is None, run.communicate()
        time.sleep(0.005)
    run.send_signal(signal.SIGINT)
    out, err = finished(run, code=3)
    kept = len(committed(tmp_path / "j", tmp_path))
    assert kept >= 30 - CHUNK
    assert out == ""
    assert err == f"interrupted; {kept} answers are in j: the same command goes on from there\n"


def test_a_journal_that_another_process_holds_is_refused(tmp_path):
    run = start(tmp_path, "--journal", "j", seconds=0.05)
    while not logged(tmp_path / "log"):
        assert run.poll() is None, run.communicate()
        time.sleep(0.005)
    out, err = finished(start(tmp_path, "--journal", "j", log="other", seconds=0), code=2)
    assert run.poll() is None
    run.kill()
    run.communicate()
    assert out == ""
    assert "Error: journal must be" in err
    assert "locked" in err
    assert logged(tmp_path / "other") == []

"""What a terminal sees of long commands, what a pipe sees, and what Ctrl-C does to each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

import llr.cli
import llr.screen
from llr.learning.lean import LeanEpoch
from llr.screen import Line, counted
from properties.claims import CLAIMS

SMALL = ["learn", "isan:T=6,k=2,d=2", "--epsilon", "0.1", "--delta", "0.1"]

# One process imports llr and forks a child for every case: standard output in a pipe, standard
# error in a pseudo-terminal or a pipe, a session and a process group of its own.
FORKING = r"""
import json, os, pty, select, signal, sys, time
import llr.cli, properties.cli, bounds.cli, llr.asking

def child(case, output, errors):
    os.setsid()
    os.dup2(output, 1)
    os.dup2(errors, 2)
    if case.get("slow"):
        own = llr.asking.model_oracle

        class Slow:
            def __init__(self, oracle):
                self.oracle = oracle

            def logits(self, prefixes):
                for _ in prefixes:
                    time.sleep(case["slow"])
                return self.oracle.logits(prefixes)

        llr.asking.model_oracle = lambda model, numbers: Slow(own(model, numbers))
    exec(case.get("first", ""), {"case": case})
    sys.argv = ["llr", *case["args"]]
    try:
        llr.cli.main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
    except BaseException as error:
        os.write(2, repr(error).encode())
    os._exit(99)

def run(case):
    reading, writing = os.pipe()
    terminal, errors = pty.openpty() if case.get("terminal", True) else os.pipe()
    process = os.fork()
    if process == 0:
        child(case, writing, errors)
    os.close(writing)
    os.close(errors)
    texts = {reading: b"", terminal: b""}
    left, interrupts, sent = {reading, terminal}, list(case.get("interrupts", [])), None
    while left:
        for place in select.select(left, [], [], 60)[0]:
            try:
                read = os.read(place, 65536)
            except OSError:  # the other side of a terminal is closed
                read = b""
            texts[place] += read
            left -= set() if read else {place}
        while interrupts and interrupts[0].encode() in texts[terminal]:
            interrupts.pop(0)
            os.killpg(process, signal.SIGINT)
            sent = time.monotonic()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    after = None if sent is None else time.monotonic() - sent
    try:
        os.killpg(process, signal.SIGKILL)
        orphans = True
    except ProcessLookupError:
        orphans = False
    return {
        "code": code, "out": texts[reading].decode(), "err": texts[terminal].decode(),
        "orphans": orphans, "after": after,
    }

for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
"""


@pytest.fixture(scope="module")
def forking():
    environment = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", FORKING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"TERM": "xterm", "COLUMNS": "200"},
    ) as process:
        yield process
        process.stdin.close()
        assert process.wait(timeout=60) == 0


@pytest.fixture
def run(forking, tmp_path):
    def case(*args, **more):
        # the folder is the child's own
        first = f"import os; os.chdir({str(tmp_path)!r})\n" + more.pop("first", "")
        forking.stdin.write(json.dumps({"args": args, "first": first, **more}) + "\n")
        forking.stdin.flush()
        return json.loads(forking.stdout.readline())

    return case


def screen(written):
    """Return the lines that stand on a terminal after all, and whether it shows its cursor."""
    lines, row, column, cursor = [""], 0, 0, True
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
        elif part.endswith("A"):
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part in ("\x1b[?25h", "\x1b[?25l"):
            cursor = part.endswith("h")
        else:
            assert part.endswith("m"), repr(part)
    return [line for line in lines if line.strip()], cursor


def seen(written):
    """Return all that was to be seen, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)


# -- what is shown ------------------------------------------------------------------------------


def test_a_terminal_sees_epochs_calls_and_the_certificate_and_is_left_clean(run):
    quiet = run(*SMALL, "--json", terminal=False)
    assert (quiet["code"], quiet["err"]) == (0, "")
    found = run(*SMALL, "--json", slow=0.03)
    assert found["code"] == 0
    assert found["out"] == quiet["out"]
    for shown in (
        r"learning isan:T=6,k=2,d=2, 0:00:0\d; first table, cuts: \d of 6; \d+ calls, \d+/s",
        r"epoch \d, \d+ witness(es)?; TV <= 0\.\d+ so far, 0 words failed; tested: \d+ of \d+; ",
    ):
        assert re.search(shown, seen(found["err"])), seen(found["err"])
    assert screen(found["err"]) == ([], True)


def test_verify_shows_claims_instances_and_the_state_of_statistical_tests(run):
    names = ["clopper-pearson-drawn", "lemma-5.3"]
    found = run("verify", *names, "--jobs", "2", interrupts=[" failed)"])
    shown = r"verifying, 0:00:0\d; [01] of 2 claims done; [\d,]+ instances?, [\d,]+/s; "
    watched = r"clopper-pearson-drawn \([\d,]+ runs?, [\d,]+ failed\)"
    assert re.search(shown + watched, seen(found["err"])), seen(found["err"])


@pytest.mark.parametrize("how", [{"args": ["--quiet"]}, {"pipe": True}], ids=["quiet", "pipe"])
@pytest.mark.parametrize(
    "command",
    [
        SMALL,
        ["rank", "isan:T=4,k=2,d=2"],
        ["verify", "copy-peak", "--profile", "quick"],
        ["bound", "lemma-5.9", "--horizon", "4", "--p-bad", "0.01", "--g", "0.001", "--xi", "0"],
    ],
    ids=["learn", "rank", "verify", "bound"],
)
def test_silence(run, command, how):
    forced = "import os; os.environ['FORCE_COLOR'] = '1'"
    found = run(*command, *how.get("args", []), terminal="pipe" not in how, first=forced)
    assert (found["code"], found["err"]) == (0, "")
    assert found["out"]


def test_every_long_command_can_be_quiet():
    commands = llr.cli.main
    context = llr.cli.click.Context(commands)
    without = [
        name
        for name in commands.list_commands(context)
        if all("--quiet" not in o.opts for o in commands.get_command(context, name).params)
    ]
    assert without == ["targets"]


# -- the line -------------------------------------------------------------------------------------


def test_a_bar_counts(run):
    first = """
import time
import llr.cli
from llr.screen import counted_progress

def bar(*arguments):
    with counted_progress("a sweep") as tell:
        for done in range(11):
            tell(done, 10)
            time.sleep(0.05)
    return (1,)

llr.commands.rank.cut_ranks = bar
"""
    rank = ["rank", "spike:T=1", "--json"]
    found = run(*rank, first=first)
    assert re.search(r"a sweep .* [1-9]/10", seen(found["err"]))
    assert screen(found["err"]) == ([], True)
    assert run(*rank, "--quiet", first=first)["err"] == ""
    assert run(*rank, terminal=False, first=first)["err"] == ""


def test_a_line_counts(monkeypatch):
    clock = iter([100.0, 165.0, 165.0])
    monkeypatch.setattr(llr.screen.time, "monotonic", lambda: next(clock))
    calls = [(0, 0)]
    line = Line("learning x", lambda: calls[0])
    calls[0] = (13000, 7)
    line.tell("tested", 4096, 5618)
    line.epoch(LeanEpoch(3, 1, 4, 0, "repaired", ((1, ()), (2, (0,))), 0, 0))
    assert str(line) == (
        "learning x, 0:01:05; epoch 3, 2 witnesses; tested: 4,096 of 5,618; "
        "13,000 calls, 200/s, 7 remembered"
    )
    line.tell("bounds", 0, 0)
    line.epoch(LeanEpoch(4, 1, 4, 4, "passed", (), 0, 0))
    calls[0] = (1, 0)
    assert "; epoch 4, 2 witnesses; bounds; 1 call, 0/s" in str(line)
    assert counted(1, "witness", "es") == "1 witness"


# -- Ctrl-C ---------------------------------------------------------------------------------------

STARTS_OVER = "interrupted; the same command starts over"
NOT_KEPT = (
    "interrupted; no answers were kept: the same command starts over; "
    "with --journal FILE it would go on"
)
KEPT_NONE = (
    f"interrupted; 0 of {len(CLAIMS)} claims were done: the same command starts over; "
    "with --resume FILE it would go on"
)
KEPT = f"interrupted; 0 of {len(CLAIMS)} claims are in r: the same command goes on from there"
DROPPED_NONE = (
    "interrupted; 0 of 28 assumptions were done: the same command starts over; "
    "with --resume FILE it would go on"
)
DROPPED = "interrupted; 0 of 28 assumptions are in r: the same command goes on from there"

LONG = "isan:T=24,k=3,d=8"
FLOAT = f"learn {LONG} --arithmetic float"
PLANE = "isan:T=16,k=2,d=3"

ASKING = {
    "lean": f"learn {LONG}",
    "printed": f"learn {LONG} --algorithm printed",
    "shared": f"{FLOAT} --algorithm shared --rank 3",
    "rank": f"{FLOAT} --rank 4 --relaxed",
    "compare": f"compare {LONG}",
    "spectrum": f"spectrum {LONG}",
    "surrogate": f"surrogate {LONG} --ranks 2,3 --calls 9000",
    "lingen": f"lingen {LONG} --prompt 0,1,2 --steps 2 --histories 9",
}
COMPUTING = {
    "sample": ("sample isan:T=100,k=4,d=8 -n 1000", "tokens, by place: ", STARTS_OVER),
    "fast": ("sample isan:T=100,k=4,d=8 -n 200000 --fast", "tokens: ", STARTS_OVER),
    "rank": ("rank isan:T=40,k=2,d=6 --kind mixed", "finding mixed ranks", STARTS_OVER),
    "distance": (f"distance {PLANE} {PLANE},seed=1", "by length: ", STARTS_OVER),
    "bound": ("bound exponents", "fitting exponents", STARTS_OVER),
    "theorem": (
        "theorem isan:T=12,k=2,d=4 --epsilon 0.05 --delta 0.1",
        "Theorem 5.11",
        NOT_KEPT,
    ),
    "alone": ("verify --jobs 1", f"0 of {len(CLAIMS)} claims done; ", KEPT_NONE),
    "spread": ("verify --jobs 2 --json --resume r", "instances, ", KEPT),
    "necessity": ("verify --necessity --jobs 1", "0 of 28 assumptions done; ", DROPPED_NONE),
    "resumed necessity": ("verify --necessity --resume r", "instances, ", DROPPED),
    "records": ("verify --update-records lemma-5.9", "searching", STARTS_OVER),
}


@pytest.mark.parametrize("command", ASKING.values(), ids=ASKING)
def test_ctrl_c_while_an_oracle_is_asked(run, command):
    words = [part.replace(",", " ") if part == "0,1,2" else part for part in command.split()]
    found = run(*words, interrupts=[" calls"], slow=0.01)
    assert (found["code"], found["out"]) == (3, ""), found
    assert screen(found["err"]) == ([NOT_KEPT], True)


def test_ctrl_c_while_a_certificate_is_checked(run):
    certificate = ["--certificate", "c", "--out", "m"]
    assert run(*SMALL, *certificate)["code"] == 0
    found = run("check", "c", "m", SMALL[1], interrupts=[" calls"], slow=0.2)
    assert (found["code"], screen(found["err"])) == (3, ([NOT_KEPT], True)), found
    shown = r"asking isan:T=6,k=2,d=2 again, .*; prefixes, by length: \d of 6; "
    assert re.search(shown, seen(found["err"]))


@pytest.mark.parametrize(("command", "moment", "message"), COMPUTING.values(), ids=COMPUTING)
def test_ctrl_c_while_something_is_computed(run, command, moment, message):
    found = run(*command.split(), interrupts=[moment])
    assert found["code"] == 3, found
    assert screen(found["err"]) == ([message], True)
    assert [list(json.loads(line)) for line in found["out"].splitlines()] in ([], [["run"]])
    assert not found["orphans"]


STUCK = """
import os, time
import llr.asking

def stuck(message):
    os.write(2, b"stuck")
    time.sleep(60)

llr.asking.say = stuck
"""

ASLEEP = """
import os, threading, time
import properties.cli, properties.spreading
from dataclasses import replace

class Event(threading.Event):
    def set(self):
        super().set()
        os.write(2, b"noted")

def check(instance):
    os.write(2, b"asleep")
    time.sleep(60)

properties.spreading._INTERRUPTED = Event()
claim = properties.cli.CLAIMS["lemma-5.3"]
claims = [replace(claim, identifier=name, check=check) for name in ("one", "two")]
properties.cli.CLAIMS = {c.identifier: c for c in claims}
"""


def test_a_second_ctrl_c_ends_at_once(run):
    found = run("learn", LONG, slow=0.01, interrupts=["calls", "stuck"], first=STUCK)
    assert (found["code"], found["orphans"]) == (3, False)
    assert found["after"] < 10
    assert screen(found["err"])[1]


def test_a_second_ctrl_c_ends_a_search_that_does_not_come_to_its_next_instance(run):
    verify = ["verify", "--jobs", "1"]
    found = run(*verify, interrupts=["asleep", "noted"], first=ASLEEP)
    assert (found["code"], found["orphans"]) == (3, False)
    assert found["after"] < 10
    assert screen(found["err"])[1]


def test_one_ctrl_c_ends_processes_that_do_not_come_to_their_next_instance(run):
    found = run("verify", "--jobs", "2", interrupts=["asleep"], first=ASLEEP)
    assert (found["code"], found["orphans"]) == (3, False)
    assert found["after"] < 10
    assert "interrupted; 0 of 2 claims were done" in found["err"]

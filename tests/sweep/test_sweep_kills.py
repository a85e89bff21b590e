"""``llr sweep`` with workers and parents that are killed: nothing is lost, nothing is left over."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hooked import POISON, TASKS, Hooked, ended, wait_until_gone


def starts(hooked):
    """Return how often each task began."""
    return Counter((target, seed) for _, target, seed in hooked.begun())


@pytest.mark.parametrize("workers", ["1", "2", "3"])
def test_any_number_of_workers_prints_the_same(tmp_path, undisturbed, workers):
    hooked = Hooked(tmp_path, seconds=0.02)
    out, err = hooked.finished("--workers", workers)
    assert (out, err) == (undisturbed, "")
    assert len({process for process, _, _ in hooked.begun()}) == int(workers)
    assert set(starts(hooked).values()) == {1}


def test_a_killed_worker_costs_its_own_task(hooked, undisturbed):
    run = hooked.begin("--workers", "2")
    victim, *task = hooked.wait_for(4)[-1]
    os.kill(victim, signal.SIGKILL)
    out, err = ended(run, 0)
    assert (out, err) == (undisturbed, "")
    times = starts(hooked)
    assert times.pop(tuple(task)) == 2
    assert set(times.values()) == {1}


def test_a_task_that_kills_its_workers_fails_and_the_others_do_not(tmp_path, undisturbed):
    spec = 'target = "isan:T=4,k=2,d={d}"\narithmetic = "float"\nepsilon = 0.2\ngrid.d = [3, 2, 1]'
    hooked = Hooked(tmp_path, spec=spec, poison=POISON)
    out, err = hooked.finished("--workers", "2", code=1)
    assert err == ""
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["outcome"] for row in rows] == ["accepted", "failed", "accepted"]
    assert rows[1]["error"]["kind"] == "WorkerDied"
    others = {("isan:T=4,k=2,d=1", 0): 1, ("isan:T=4,k=2,d=3", 0): 1}
    assert starts(hooked) == {(POISON, 0): 3, **others}
    # once what killed it is gone, the task can be done
    hooked.environment["HOOK_POISON"] = ""
    out, _ = hooked.finished("--workers", "1", "--retry")
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["accepted"] * 3
    assert starts(hooked).total() == 6


@pytest.mark.parametrize("engine", ["loky", "sequential"])
def test_a_killed_parent_loses_what_was_in_flight(hooked, undisturbed, engine):
    options = ("--engine", engine, *(("--workers", "2") if engine == "loky" else ()))
    for many in (4, 8):
        run = hooked.begin(*options)
        hooked.wait_for(many)
        run.kill()
        run.communicate(timeout=60)
        wait_until_gone({process for process, _, _ in hooked.begun()})
    begun = len(hooked.begun())
    told = json.loads(hooked.finished("--status")[0])
    at_once = 2 if engine == "loky" else 1
    assert begun - 2 * at_once <= told["done"] <= begun
    out, err = hooked.finished(*options)
    assert (out, err) == (undisturbed, "")
    # what had a row was not begun again
    assert len(hooked.begun()) == begun + TASKS - told["done"]


@pytest.mark.parametrize("engine", ["loky", "sequential"])
def test_an_interrupt_says_how_to_go_on(hooked, undisturbed, engine):
    run = hooked.begin("--engine", engine)
    hooked.wait_for(5)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers too
    out, err = ended(run, 3)
    assert out == ""
    wait_until_gone({process for process, _, _ in hooked.begun()})
    done = json.loads(hooked.finished("--status")[0])["done"]
    assert 0 < done < TASKS
    expected = f"interrupted; {done} of {TASKS} tasks are in spec.db: the same command goes on"
    assert err.startswith(expected)
    assert "Traceback" not in err
    assert hooked.finished("--engine", engine)[0] == undisturbed


def test_an_interrupt_while_workers_start(hooked):
    hooked.environment["HOOK_START"] = "1"
    run = hooked.begin("--workers", "2")
    until = time.monotonic() + 60
    while not hooked.log.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.2)
    os.killpg(run.pid, signal.SIGINT)
    out, err = ended(run, 3)
    assert out == ""
    expected = (
        f"interrupted; 0 of {TASKS} tasks are in spec.db: the same command goes on from there"
    )
    assert err == expected + "\n"
    wait_until_gone(group(run.pid))


def group(leader):
    """Return the processes of a process group."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[2]) == leader:
                found.add(int(stat.parent.name))
    return found

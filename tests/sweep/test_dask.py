"""``llr sweep --engine dask`` with a scheduler and workers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hooked import POISON, TASKS, Hooked, ended, wait_until_gone

from llr.errors import InputError, WorkersError
from llr.sweeps import engines

pytest.importorskip("distributed")


class Cluster:
    """A scheduler and workers on this machine, started from the command line.

    Args:
        folder: for their files.
        environment: of all processes.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self.processes: list[subprocess.Popen[bytes]] = []
        where = folder / "scheduler.json"
        self.scheduler = self._begin(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(where),
        )
        self.address = _address(where)

    def work(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker with one thread."""
        return self._begin(
            "worker",
            self.address,
            "--nthreads",
            "1",
            "--no-dashboard",
            "--local-directory",
            str(self._folder),
            *options,
        )

    def end(self) -> None:
        """Kill everything, the workers that a nanny has started included."""
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        name = self._folder / f"{len(self.processes)}-{words[0]}.txt"
        with name.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                env=self._environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


def _address(where: Path) -> str:
    until = time.monotonic() + 60
    while True:
        try:
            return json.loads(where.read_text())["address"]
        except (OSError, ValueError):
            assert time.monotonic() < until, "no scheduler"
            time.sleep(0.05)


@contextmanager
def cluster(hooked, *workers, **environment):
    """Run a cluster of workers with these options each."""
    found = Cluster(hooked.folder, hooked.environment | environment)
    try:
        for options in workers:
            found.work(*options)
        yield found
    finally:
        found.end()


ALONE = ("--no-nanny",)


def on(cluster):
    return "--engine", "dask", "--address", cluster.address


def test_killed_worker_then_killed_parent_then_killed_scheduler(tmp_path, undisturbed):
    hooked = Hooked(tmp_path, seconds=0.3)
    with cluster(hooked, ALONE, ALONE) as them:
        run = hooked.begin(*on(them))
        victim, *task = hooked.wait_for(4)[-1]
        os.kill(victim, signal.SIGKILL)
        hooked.wait_for(6)  # the other worker goes on
        run.kill()
        run.communicate(timeout=60)
        done = json.loads(hooked.finished("--status")[0])["done"]
        assert 2 <= done <= 6
        again = [tuple(t) for _, *t in hooked.begun()].count(tuple(task))
        assert again <= 2

        run = hooked.begin(*on(them))
        hooked.wait_for(len(hooked.begun()) + 2)
        them.scheduler.kill()
        out, err = ended(run, 2)
        assert out == ""
        assert "the same command goes on from there" in err
        assert f"cluster at {them.address} is lost" in err
        later = json.loads(hooked.finished("--status")[0])["done"]
        assert done < later < TASKS
    # an engine goes on where another one stopped
    assert hooked.finished("--engine", "sequential")[0] == undisturbed


def test_two_workers_print_the_same_and_threads_take_turns(tmp_path, undisturbed):
    hooked = Hooked(tmp_path, seconds=0.05)
    with cluster(hooked, ALONE, ("--no-nanny", "--nthreads", "3")) as them:
        out, err = hooked.finished(*on(them))
        assert (out, err) == (undisturbed, "")
        assert len({process for process, _, _ in hooked.begun()}) == 2


def test_a_task_that_kills_its_workers_fails_and_the_others_do_not(tmp_path):
    hooked = Hooked(tmp_path, seconds=0.05, poison=POISON)
    failures = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    spec = hooked.folder / "spec.toml"
    spec.write_text(spec.read_text().replace('"0..5"', "[0]").replace("[1, 2]", "[1, 2, 3]"))
    with cluster(hooked, ("--nworkers", "1"), **failures) as them:
        out, _ = hooked.finished(*on(them), code=1)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["outcome"] for row in rows] == ["accepted", "failed", "accepted"]
    assert rows[1]["error"] == {
        "kind": "WorkerDied",
        "message": "the worker process died whenever it did this task",
    }
    begun = [target for _, target, _ in hooked.begun()]
    assert begun.count(POISON) == 2
    wait_until_gone({process for process, _, _ in hooked.begun()})


KEY = json.dumps({"target": "isan:T=2,k=2,d=1", "seed": 0})


def test_nobody_answers(hooked, monkeypatch):
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 1.0)
    with pytest.raises(InputError, match="--address must be the address of a dask scheduler"):
        next(engines.dask([KEY], "tcp://127.0.0.1:9"))
    with (
        cluster(hooked) as them,
        pytest.raises(InputError, match="--address must be of a scheduler with workers"),
    ):
        next(engines.dask([KEY], them.address))


def test_the_last_worker_dies(tmp_path, monkeypatch):
    hooked = Hooked(tmp_path, seconds=60)
    monkeypatch.setattr(engines, "PATIENCE_SECONDS", 2.0)
    with cluster(hooked, ALONE) as them, closing(engines.dask([KEY], them.address)) as ended:
        timer = threading.Thread(
            target=lambda: os.kill(hooked.wait_for(1)[0][0], signal.SIGKILL), daemon=True
        )
        timer.start()
        with pytest.raises(WorkersError, match="no worker was there for 2 seconds"):
            next(ended)

"""A sweep in processes of its own, whose tasks are slow and log where they begin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HOOK = """
import os, sys
if not any("resource_tracker" in word for word in sys.orig_argv):
    import json, signal, time

    if "HOOK_START" in os.environ and any("loky" in word for word in sys.orig_argv):
        os.close(os.open(os.environ["HOOK_LOG"], os.O_WRONLY | os.O_CREAT))
        time.sleep(float(os.environ["HOOK_START"]))

    import llr.sweeps.tasks as tasks

    own = tasks.learned

    def slow(task):
        line = json.dumps([os.getpid(), task["target"], task["seed"]]) + "\\n"
        log = os.open(os.environ["HOOK_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, line.encode())
        os.close(log)
        if task["target"] == os.environ.get("HOOK_POISON"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(os.environ["HOOK_SECONDS"]))
        return own(task)

    tasks.learned = slow
"""

SPEC = """
target = "isan:T=4,k=2,d={d}"
seeds = "0..5"
arithmetic = "float"
epsilon = 0.2

[grid]
d = [1, 2]
"""
TASKS = 12
POISON = "isan:T=4,k=2,d=2"


class Hooked:
    """A folder with a spec, and the environment in which tasks are slow."""

    def __init__(
        self, folder: Path, seconds: float = 0.1, spec: str = SPEC, poison: str = ""
    ) -> None:
        self.folder = folder
        self.log = folder / "log"
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(HOOK)
        (folder / "spec.toml").write_text(spec)
        paths = [str(folder / "hook"), os.environ.get("PYTHONPATH", "")]
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "HOOK_LOG": str(self.log),
            "HOOK_SECONDS": str(seconds),
            "HOOK_POISON": poison,
        }

    def begin(self, *options: str) -> subprocess.Popen[str]:
        """Start the command in a process group of its own."""
        command = [sys.executable, "-c", "from llr.cli import main; main()", "sweep", "spec.toml"]
        return subprocess.Popen(
            [*command, "--json", *options],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finished(self, *options: str, code: int = 0) -> tuple[str, str]:
        """Run the command to its end; return its output and its errors."""
        return ended(self.begin(*options), code)

    def begun(self) -> list[tuple[int, str, int]]:
        """Return process, target and seed of every task that began."""
        if not self.log.exists():
            return []
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]

    def wait_for(self, many: int) -> list[tuple[int, str, int]]:
        """Wait until so many tasks have begun."""
        until = time.monotonic() + 60
        while len(found := self.begun()) < many:
            assert time.monotonic() < until, "tasks do not begin"
            time.sleep(0.01)
        return found


def ended(run: subprocess.Popen[str], code: int) -> tuple[str, str]:
    """Wait for a command and return its output and its errors."""
    out, err = run.communicate(timeout=120)
    assert run.returncode == code, err
    return out, err


def is_gone(process: int) -> bool:
    """Return whether a process has ended, whoever has or has not heard of it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def wait_until_gone(processes: set[int]) -> None:
    """Wait until all of some processes have ended."""
    until = time.monotonic() + 15
    while left := {p for p in processes if not is_gone(p)}:
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.05)

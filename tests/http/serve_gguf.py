"""Serve a GGUF with llama.cpp's own HTTP server until standard input ends.

``python serve_gguf.py FILE PORT SLOTS`` prints the address as soon as it answers.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONTEXT = 64


class Serving:
    """A server in a process of its own.

    Attributes:
        url: where it is.
        port: the same port after a restart.
    """

    def __init__(self, gguf: Path, slots: int = 1) -> None:
        self._gguf, self._slots = gguf, slots
        self.port = 0
        self.begin()

    def begin(self) -> None:
        """Start it, and wait until it answers."""
        words = [sys.executable, __file__, str(self._gguf), str(self.port), str(self._slots)]
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), "the server did not start"
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def serving(gguf: Path, slots: int = 1) -> Iterator[Serving]:
    """Serve a file for a while."""
    server = Serving(gguf, slots)
    try:
        yield server
    finally:
        server.kill()


def serve(path: str, port: int, slots: int) -> None:
    """Serve in this process until standard input ends."""
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = path
    wanted.port = port
    wanted.n_parallel = slots
    wanted.n_ctx = CONTEXT * slots
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.warmup = False
    server = xllamacpp.Server(wanted)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

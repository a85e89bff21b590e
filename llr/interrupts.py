"""What Ctrl-C does: the first ends the work in good order, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from types import FrameType

from llr.screen import INTERRUPTED

_CLEAN = b"\r\x1b[2K\x1b[?25h"  # an empty line and a cursor that can be seen


def _raise() -> None:
    raise KeyboardInterrupt


@contextmanager
def interruptible(first: Callable[[], None] = _raise) -> Iterator[None]:
    """Let a second interrupt end the process at once, with all that it started and exit code 3.

    Args:
        first: what the first does; by default it raises KeyboardInterrupt.
    """
    before = signal.getsignal(signal.SIGINT)
    # a shell starts background work with interrupts ignored: leave it so
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, _end)
        first()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(number: int, frame: FrameType | None) -> None:
    """Leave: what is on disk is whole, since it is committed or written line by line."""
    if sys.__stderr__ is not None and sys.__stderr__.isatty():
        os.write(sys.__stderr__.fileno(), _CLEAN)
    for process in active_children():
        process.kill()
    os._exit(INTERRUPTED)

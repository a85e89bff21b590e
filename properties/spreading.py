"""Work spread over processes: it can be watched from the first one, and stopped as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import active_children, get_all_start_methods, get_context
from multiprocessing.sharedctypes import RawArray
from signal import SIG_IGN, SIGINT, signal
from typing import Any, TypeVar

from llr.interrupts import interruptible

Item = TypeVar("Item")
Found = TypeVar("Found")

_INTERRUPTED = threading.Event()

_POLL = 0.1
"""Seconds after which an interrupt is looked for while other processes work."""


@contextmanager
def between_instances() -> Iterator[None]:
    """Let an interrupt (Ctrl-C) take effect between two instances.

    Raised at any other moment it may be lost: Hypothesis has a callback on garbage collection, and
    what is raised inside such a callback is swallowed.  A second interrupt ends the process.
    """
    try:
        with interruptible(_INTERRUPTED.set):
            yield
    finally:
        _INTERRUPTED.clear()


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt if there was an interrupt."""
    if _INTERRUPTED.is_set():
        raise KeyboardInterrupt


class Board:
    """What is being tried, item by item, in memory that forked processes share.

    Args:
        items: how many.
    """

    _WAITING, _AT_WORK, _DONE = range(3)

    def __init__(self, items: int) -> None:
        self._states, self._tried = RawArray("q", items), RawArray("q", items)
        self._runs, self._failures = RawArray("q", items), RawArray("q", items)
        self._at = 0

    def begin(self, place: int) -> None:
        """Note that this process begins with an item."""
        self._at = place
        self._states[place] = self._AT_WORK

    def end(self) -> None:
        """Note that the item is done."""
        self._states[self._at] = self._DONE

    def instance(self) -> None:
        """Note one more instance of the item."""
        self._tried[self._at] += 1

    def test(self) -> None:
        """Note that a sequential test begins."""
        self._runs[self._at] = self._failures[self._at] = 0

    def run(self, failed: bool) -> None:
        """Note one more run that the sequential test has seen."""
        self._runs[self._at] += 1
        self._failures[self._at] += failed

    @property
    def tried(self) -> int:
        """Instances of all items, so far."""
        return sum(self._tried)

    @property
    def done(self) -> int:
        """How many items are done."""
        return sum(state == self._DONE for state in self._states)

    def at_work(self) -> list[tuple[int, int, int]]:
        """Return the items that are being tried, with runs and failures of a sequential test."""
        return [
            (i, self._runs[i], self._failures[i])
            for i, state in enumerate(self._states)
            if state == self._AT_WORK
        ]


BOARDS = [Board(1)]
"""The last one is in use; :func:`spread` puts its own there, so that forked processes see it."""


def _ignored(place: int, found: object) -> None:
    pass


_ITEMS: list[Any] = []
_WORK: list[Callable[[Any], Any]] = []


def spread(
    work: Callable[[Item], Found],
    items: Sequence[Item],
    processes: int,
    *,
    board: Board | None = None,
    done: Callable[[int, Found], None] = _ignored,
) -> Iterator[Found]:
    """Yield what ``work`` returns for each item, in order, over several processes.

    An interrupt, or an end of the iteration before its time, kills the other processes.

    Args:
        work: what to do; its result must be one that can be sent between processes.
        items: what to do it for.
        processes: how many; 1 where processes cannot be forked.
        board: says meanwhile what is being tried.
        done: told the place of an item and its result as soon as there is one, in any order.
    """
    BOARDS.append(Board(len(items)) if board is None else board)
    try:
        if min(processes, len(items)) <= 1 or "fork" not in get_all_start_methods():
            for place, item in enumerate(items):
                found = _on_board(place, work, item)
                done(place, found)
                yield found
        else:
            yield from _over(processes, work, items, done)
    finally:
        BOARDS.pop()


def _over(
    processes: int,
    work: Callable[[Item], Found],
    items: Sequence[Item],
    done: Callable[[int, Found], None],
) -> Iterator[Found]:
    _ITEMS[:], _WORK[:] = items, [work]  # forked processes see them; functions cannot be sent
    others = set(active_children())
    # the first process alone decides what an interrupt of all of them means
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("fork"), initializer=signal, initargs=(SIGINT, SIG_IGN)
    )
    try:
        places: dict[Future[Any], int] = {
            pool.submit(_work_on, place): place for place in range(len(items))
        }
        left, found, following = set(places), dict[int, Found](), 0
        while following < len(items):
            ended, left = wait(left, _POLL, FIRST_COMPLETED)
            for future in sorted(ended, key=places.__getitem__):
                place = places[future]
                found[place] = future.result()
                done(place, found[place])
                while following in found:
                    yield found.pop(following)
                    following += 1
            stop_if_interrupted()
    except BaseException:
        for process in set(active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _work_on(place: int) -> Any:
    return _on_board(place, _WORK[0], _ITEMS[place])


def _on_board(place: int, work: Callable[[Item], Found], item: Item) -> Found:
    BOARDS[-1].begin(place)
    found = work(item)
    BOARDS[-1].end()
    return found

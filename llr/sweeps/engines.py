"""Where the tasks of a sweep run: here, in worker processes of this machine, or on a cluster.

An engine takes the keys of tasks and yields each with what its worker sent back, in the order in
which they end.  A worker that dies takes its own task with it and no other; the task is begun again
elsewhere, and fails once it has taken several workers with it.
"""

from __future__ import annotations

import importlib
import os
import queue
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from typing import Any

from llr.errors import InputError, WorkersError
from llr.sweeps.tasks import failed, finished, run

ENGINES = ("loky", "sequential", "dask")

DEATHS = 3
"""Workers of this machine that one task may take with it.  A cluster has a setting for that, its
scheduler's ``allowed-failures``."""

WATCH_SECONDS = 0.5
CONNECT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
"""How long to go on without any worker in the cluster."""

DIED = finished(failed("WorkerDied", "the worker process died whenever it did this task"), 0.0)

Sent = tuple[str, str]
"""The key of a task, and what its worker sent back."""


def cores() -> int:
    """Return how many processes this machine runs at once for this one."""
    found: int = importlib.import_module("joblib").cpu_count()
    return found


def sequential(keys: Iterable[str]) -> Generator[Sent, None, None]:
    """Do tasks one by one in this process."""
    for key in keys:
        yield key, run(key)


def loky(keys: Iterable[str], workers: int) -> Generator[Sent, None, None]:
    """Do tasks in worker processes of this machine.

    Each worker is a pool of its own, for a pool that loses one process ends the tasks of all.  The
    processes end with this one, also if it is killed.

    Args:
        keys: of the tasks.
        workers: how many processes.
    """
    left = iter(keys)
    # loky needs both; started here, for to start one unblocks the signals that are blocked below
    for tracker in ("multiprocessing", "joblib.externals.loky.backend"):
        importlib.import_module(f"{tracker}.resource_tracker").ensure_running()
    door = threading.Lock()
    sent: queue.SimpleQueue[Sent | BaseException | None] = queue.SimpleQueue()
    pools = [_Pool() for _ in range(workers)]

    def serve(pool: _Pool) -> None:
        # inherited by the processes that this thread starts: Ctrl-C is left to their parent
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            while True:
                with door:
                    key = next(left, None)
                if key is None:
                    break
                sent.put((key, pool.run(key)))
        except BaseException as error:
            sent.put(error)
        else:
            sent.put(None)

    threads = [threading.Thread(target=serve, args=(pool,), daemon=True) for pool in pools]
    try:
        for thread in threads:
            thread.start()
        serving = workers
        while serving:
            found = sent.get()
            if found is None:
                serving -= 1
            elif isinstance(found, BaseException):
                raise found
            else:
                yield found
    finally:
        for pool in pools:
            pool.end()
        for thread in threads:
            thread.join()


class _Pool:
    """One worker process, replaced when it dies."""

    def __init__(self) -> None:
        self._executor: Any = None
        self._door = threading.Lock()
        self._ended = False

    def run(self, key: str) -> str:
        """Return what the worker sends back for a task."""
        process_executor = importlib.import_module("joblib.externals.loky.process_executor")
        for _ in range(DEATHS):
            with suppress(process_executor.BrokenProcessPool):
                found: str = self._started().submit(run, key).result()
                return found
            self._drop()
        return DIED

    def end(self) -> None:
        """Kill the worker, if there is one, and start none again."""
        with self._door:
            self._ended = True
        self._drop()

    def _started(self) -> Any:
        loky_ = importlib.import_module("joblib.externals.loky")
        with self._door:
            if self._ended:
                raise WorkersError("the sweep has ended")
            if self._executor is None:
                self._executor = loky_.ProcessPoolExecutor(
                    max_workers=1,
                    initializer=_begin_worker,
                    initargs=(os.getpid(),),
                    env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )
            return self._executor

    def _drop(self) -> None:
        with self._door:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)


def _begin_worker(parent: int) -> None:
    """End when the parent process does."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def dask(keys: Iterable[str], address: str) -> Generator[Sent, None, None]:
    """Do tasks on a cluster of dask, as many at a time as its workers have threads.

    Args:
        keys: of the tasks.
        address: of the scheduler.

    Raises:
        InputError: nothing answers there, or no worker is connected to it.
        WorkersError: the cluster is lost, or its workers cannot run this library.
    """
    distributed = check_dask("--engine")
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        expected = f"the address of a dask scheduler ({error})"
        raise InputError("--address", address, expected) from None
    with closing(client):
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise InputError("--address", address, "of a scheduler with workers") from None
        waiting: dict[str, tuple[Any, str]] = {}
        try:
            yield from _spread(client, iter(keys), waiting)
        except OSError as error:
            raise WorkersError(f"the cluster at {address} is lost: {error}") from None
        finally:
            with suppress(OSError):
                client.cancel([future for future, _ in waiting.values()], force=True)


def _spread(
    client: Any, left: Iterator[str], waiting: dict[str, tuple[Any, str]]
) -> Generator[Sent, None, None]:
    """Keep every thread of the cluster busy with one task."""
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    while True:
        threads = sum(client.nthreads().values())
        while len(waiting) < max(threads, 1) and (key := next(left, None)) is not None:
            future = client.submit(run, key, pure=False)
            waiting[future.key] = future, key
            future.add_done_callback(ended.put)
        if not waiting:
            return
        while True:
            with suppress(queue.Empty):
                future = ended.get(timeout=PATIENCE_SECONDS)
                break
            if not client.nthreads():
                raise WorkersError(f"no worker was there for {PATIENCE_SECONDS:g} seconds")
        answer = _answer(future)
        yield waiting.pop(future.key)[1], answer


def _answer(future: Any) -> str:
    """Return what a worker of the cluster sent back."""
    if future.status == "finished":
        found: str = future.result(timeout=PATIENCE_SECONDS)
        return found
    if future.status != "error":
        raise ConnectionError(f"it gave up a task ({future.status})")
    error = future.exception(timeout=PATIENCE_SECONDS)
    if type(error).__name__ == "KilledWorker":
        return DIED
    raise WorkersError(f"a worker cannot do its task: {type(error).__name__}: {error}")


def check_dask(argument: str) -> Any:
    """Return dask's module, or raise InputError."""
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise InputError(argument, "dask", 'used with dask: pip install "llr[dask]"') from None

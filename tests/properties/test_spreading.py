"""Work over processes: in order, watched, and ended as a whole."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from properties.spreading import BOARDS, Board, between_instances, spread, stop_if_interrupted


def slept(seconds):
    time.sleep(seconds)
    return seconds


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order_and_are_told_as_they_come(processes):
    told = []
    seconds = [0.5, 0, 0.1]
    found = list(spread(slept, seconds, processes, done=lambda *x: told.append(x)))
    assert found == seconds
    assert sorted(told) == list(enumerate(seconds))
    assert (told[0][0] == 0) is (processes == 1)


def test_nothing_to_do():
    assert list(spread(slept, [], 2, board=Board(0))) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_board_counts_what_all_processes_do(processes):
    board = Board(3)

    def work(instances):
        for _ in range(instances):
            BOARDS[-1].instance()
        BOARDS[-1].test()
        for failed in (True, False, True):
            BOARDS[-1].run(failed)
        if processes == 1:
            states.append((board.done, board.at_work()))
        return instances

    states = []
    assert list(spread(work, [5, 7, 0], processes, board=board)) == [5, 7, 0]
    assert (board.tried, board.done, board.at_work()) == (12, 3, [])
    if processes == 1:
        assert states == [(i, [(i, 3, 2)]) for i in range(3)]
    assert BOARDS[-1] is not board


@pytest.mark.parametrize("end", ["interrupt", "error", "close"])
def test_no_process_is_left(end, capfd):
    def told(place, found):
        if end == "interrupt":
            signal.raise_signal(signal.SIGINT)
        elif end == "error":
            raise OSError("full")

    began = time.monotonic()
    work = spread(slept, [0, 60, 60], 2, done=told)
    with between_instances():
        if end == "close":
            assert next(work) == 0
            assert multiprocessing.active_children()
            work.close()
        else:
            with pytest.raises(KeyboardInterrupt if end == "interrupt" else OSError):
                list(work)
    assert multiprocessing.active_children() == []
    assert time.monotonic() - began < 30
    assert capfd.readouterr() == ("", "")


def test_a_process_that_dies_ends_the_run():
    with pytest.raises(Exception, match="terminated abruptly"):
        list(spread(lambda n: os.kill(os.getpid(), signal.SIGKILL), [1, 2], 2))
    assert multiprocessing.active_children() == []


def test_an_interrupt_waits_for_the_next_instance_and_is_forgotten_after():
    before = signal.getsignal(signal.SIGINT)
    with between_instances():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            stop_if_interrupted()
    assert signal.getsignal(signal.SIGINT) is before
    stop_if_interrupted()

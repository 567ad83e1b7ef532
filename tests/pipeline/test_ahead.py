"""Networks one step ahead."""

from __future__ import annotations

import multiprocessing
import os
import threading

import pytest
import torch

from cmet_cli.pipeline.ahead import ahead as on_device

CPU = torch.device("cpu")


def ahead(work, items):
    return on_device(work, items, CPU)


def test_in_order_one_step_ahead_in_a_thread_of_its_own():
    begun, threads = list[int](), set[int]()
    second = threading.Event()

    def work(k: int) -> int:
        begun.append(k)
        threads.add(threading.get_ident())
        if k == 1:
            second.set()
        return k * k

    made = ahead(work, range(5))
    assert next(made) == (0, 0)
    assert second.wait(5), "the next one is made while this one is used"
    assert list(made) == [(k, k * k) for k in range(1, 5)]
    assert begun == list(range(5))
    assert list(ahead(work, range(2)))
    assert len(threads) == 1, "cuDNN's plans are of one thread"
    assert threads != {threading.get_ident()}


def test_what_goes_wrong_arrives_and_the_next_one_works():
    def work(k: int) -> int:
        if k == 1:
            raise ValueError("no more")
        return k

    made = ahead(work, range(3))
    assert next(made) == (0, 0)
    with pytest.raises(ValueError, match="no more"):
        next(made)
    assert list(ahead(abs, [-1])) == [(-1, 1)]


def test_nothing_is_at_work_once_it_is_closed():
    go, done = threading.Event(), list[int]()

    def work(k: int) -> int:
        if k == 1:
            threading.Timer(0.1, go.set).start()
            go.wait(5)
        done.append(k)
        return k

    made = ahead(work, range(9))
    next(made)
    made.close()
    assert done[:1] == [0]
    assert len(done) <= 2
    before = list(done)
    assert list(ahead(abs, [1]))  # whatever waited would come before this
    assert done == before


def test_the_threads_of_a_network_are_those_that_the_caller_has():
    counted = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert list(ahead(lambda _: torch.get_num_threads(), [0])) == [(0, threads)]
    finally:
        torch.set_num_threads(counted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_networks_of_its_own():
    assert list(ahead(abs, [-1])) == [(-1, 1)]
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=lambda: told.put(list(ahead(abs, [-2]))))
    child.start()
    child.join(20)
    alive = child.is_alive()
    child.kill()
    assert not alive, "it waits for a thread that was not forked"
    assert told.get() == [(-2, 2)]

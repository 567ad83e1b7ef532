"""Networks one step ahead."""

from __future__ import annotations

import threading

import pytest

from cmet_cli.pipeline.ahead import ahead


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

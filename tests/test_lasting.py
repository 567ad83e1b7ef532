"""Threads that last as long as the process, and no longer."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from cmet_cli.lasting import lasting_pool

#: A process that is interrupted whenever its main thread has begun another one.
INTERRUPTED = """
import threading, torch
from cmet_cli.backends.side_by_side import side_by_side
from cmet_cli.pipeline.ahead import ahead

start = threading.Thread.start

def interrupted(self):
    start(self)
    if threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt

threading.Thread.start = interrupted
try:
    print({work})
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    "work",
    ['list(ahead(abs, [-1, 2], torch.device("cpu")))', "side_by_side(abs, [(-1,), (2,)])"],
)
def test_an_interruption_while_threads_begin_ends_the_process(work):
    script = INTERRUPTED.format(work=work)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "interrupted\n", done.stderr
    assert done.returncode == 0


def test_all_threads_are_there_from_the_beginning():
    pool = lasting_pool(3, "three")
    try:
        assert sum(t.name.startswith("three_") for t in threading.enumerate()) == 3
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
        together = threading.Barrier(3)
        assert sorted(pool.map(lambda _: together.wait(5), range(3))) == [0, 1, 2]
    finally:
        pool.shutdown()


def test_where_the_system_has_no_more_threads_fewer_do(monkeypatch):
    """And nobody waits for those that are missing."""
    start = threading.Thread.start

    def scarce(self):
        if self.name.startswith("scarce_") and not self.name.endswith("_0"):
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    pool = lasting_pool(3, "scarce")
    try:
        assert pool._work_queue.qsize() <= 1
        found = pool._threads
        assert len([t for t in found if t.is_alive()]) == 1
    finally:
        pool.shutdown(wait=False)

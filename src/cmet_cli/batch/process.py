"""A worker process: what it runs, and what it says through its pipe."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from .rows import Outcome, Task
from .worker import RowWorker, WorkerSetup

WORKERS_LOG = "workers.log"
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Ready:
    """The networks are loaded."""


@dataclass(frozen=True)
class Broken:
    """They could not be: nothing will come from this worker."""

    error: str
    hint: str


@dataclass(frozen=True)
class Stage:
    """How far the row is. part: 0 to 1, ``None``: not known."""

    name: str
    part: float | None


Message = Ready | Broken | Stage | Outcome


def main(pipe: Connection, setup: WorkerSetup, parent: int) -> None:
    """Answer tasks until ``None`` comes or the driver is gone."""
    _follow(parent)
    _behave(setup)
    try:
        worker = RowWorker(setup)
    except Exception as error:
        from .failures import judge

        failure = judge(error)
        pipe.send(Broken(failure.error, failure.hint))
        return
    pipe.send(Ready())
    with contextlib.suppress(EOFError, OSError):
        while (task := pipe.recv()) is not None:
            assert isinstance(task, Task)
            outcome = worker.run(task, lambda name, part: pipe.send(Stage(name, part)))
            pipe.send(outcome)
            if outcome.poisoned:
                return


def _follow(parent: int) -> None:
    """Die with the driver: a worker left alone could finish a row that another run repeats."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it was gone before we listened
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(1.0)
    os._exit(1)


def _terminated(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)  # unwinds, so that temporary files go


def _behave(setup: WorkerSetup) -> None:
    """Ctrl-C is the driver's to answer; what libraries print goes to the batch's own log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminated)
    if setup.state is None:
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    log = os.open(os.path.join(setup.state, WORKERS_LOG), flags, 0o644)  # noqa: PTH118
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)


def thread_environment(threads: int) -> dict[str, Any]:
    """Set before a worker's libraries load; later is too late for some of them."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {name: str(threads) for name in names}

"""Local worker processes: started, fed, watched, replaced when they die.

One process of ``multiprocessing`` and one pipe per worker. ``concurrent.futures`` ends every worker
of a pool when one is killed, and neither it nor pebble lets a row be given to a certain worker (the
one that has read its video), tells how far a row is, or ends one in the middle.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..batch_options import MAX_WORKERS
from ..media.held import HELD_BYTES
from ..weights.folder import Weights
from .plan import Outcome, Task
from .row_worker import RowWorker, WorkerSetup, judge

END_PATIENCE_S = 8.0
_PR_SET_PDEATHSIG = 1
WORKERS_PER_GPU = 2  # one decodes and encodes while the other renders
#: torch, OpenCV, buffers and sources, and a short video's frames; without any weights.
WORKER_BYTES = (830 << 20) + HELD_BYTES
#: Of the networks' files, with what convolutions in fp32 keep of them, and of the speech encoder's,
#: while they are loaded (`cmet batch` with published sizes: 3.8 GB where speech is heard).
NETWORK_COPIES, SPEECH_COPIES = 4.7, 2.2


class Ready(NamedTuple):
    """A worker's networks are loaded."""


class Broken(NamedTuple):
    """They could not be: nothing will come from this worker."""

    error: str
    hint: str


class Stage(NamedTuple):
    """How far a row is. part: 0 to 1, ``None``: not known."""

    name: str
    part: float | None


class Died(NamedTuple):
    """A worker is gone; why: in words."""

    why: str


Event = Ready | Broken | Stage | Outcome | Died


class Pool(Protocol):
    """What the runner needs of workers, wherever they are; they are numbered from 0.

    make: give a ready worker a row; place: let it give what it made its names; events: what has
    happened, waiting at most so long; restart: put a fresh worker in a dead one's place; close: end
    every worker, rows in flight are lost.
    """

    size: int

    def make(self, worker: int, task: Task) -> None: ...
    def place(self, worker: int) -> None: ...
    def events(self, timeout_s: float) -> list[tuple[int, Event]]: ...
    def restart(self, worker: int) -> None: ...
    def close(self) -> None: ...


# ---------------------------------------------------------------------- in the worker's process


def _main(pipe: Connection, setup: WorkerSetup) -> None:
    """Answer the driver until it is gone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_follow, daemon=True).start()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(setup.threads)  # before the libraries that read it are loaded
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
    signal.signal(signal.SIGTERM, _terminated)
    log = os.open(setup.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)  # what libraries print
    try:
        worker = RowWorker(setup)
    except Exception as error:
        failure = judge(error)
        pipe.send(Broken(failure.error, failure.hint))
        return
    pipe.send(Ready())
    with contextlib.suppress(EOFError, OSError):
        while True:
            task: Task | None = pipe.recv()
            if task is None:
                outcome = worker.place()
            else:
                outcome = worker.make(task, lambda name, part: pipe.send(Stage(name, part)))
            pipe.send(outcome)


def _follow() -> None:
    """End with the driver, whatever the row is at: a worker left alone could still name an output
    that the next run is about to make. Linux does so at once, and this thread elsewhere."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
    os._exit(1)


def _terminated(signum: int, _frame: object) -> None:
    raise SystemExit(128 + signum)  # unwinds, so that temporary files go


# ---------------------------------------------------------------------- in the driver's process


class LocalPool:
    """Processes on this machine. setups: one per worker."""

    def __init__(self, setups: Sequence[WorkerSetup]) -> None:
        self.size = len(setups)
        self._setups = setups
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[int, Any] = {}
        self._pipes: dict[int, Connection] = {}
        for worker in range(self.size):
            self.restart(worker)

    def restart(self, worker: int) -> None:
        """Start a worker, after the end of the one before it."""
        self._end([worker])
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._setups[worker])
        process = self._context.Process(target=_main, args=arguments, daemon=True)
        process.start()
        theirs.close()
        self._processes[worker], self._pipes[worker] = process, ours

    def make(self, worker: int, task: Task) -> None:
        self._send(worker, task)

    def place(self, worker: int) -> None:
        self._send(worker, None)

    def _send(self, worker: int, message: Task | None) -> None:
        with contextlib.suppress(OSError, KeyError):  # a death is told of by ``events``
            self._pipes[worker].send(message)

    def events(self, timeout_s: float) -> list[tuple[int, Event]]:
        """Messages of all workers, and deaths."""
        if not self._pipes:
            return []
        ready = wait(list(self._pipes.values()), timeout_s)
        found: list[tuple[int, Event]] = []
        for worker, pipe in list(self._pipes.items()):
            if pipe not in ready:
                continue
            try:
                while pipe.poll():
                    found.append((worker, pipe.recv()))
            except (EOFError, OSError):
                self._pipes.pop(worker).close()
                found.append((worker, Died(self._post_mortem(worker))))
        return found

    def _post_mortem(self, worker: int) -> str:
        process = self._processes[worker]
        process.join(END_PATIENCE_S)
        code = process.exitcode
        if code is None or code >= 0:
            return f"the worker process ended (exit code {code})"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        why = ", perhaps by the system for want of memory" if name == "SIGKILL" else ""
        return f"the worker process was killed ({name}{why})"

    def close(self) -> None:
        """Ask politely, so that temporary files go; then do not ask."""
        self._end(list(self._processes))

    def _end(self, workers: list[int]) -> None:
        processes = [self._processes.pop(w) for w in workers if w in self._processes]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + END_PATIENCE_S
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for worker in workers:
            if worker in self._pipes:
                self._pipes.pop(worker).close()


# ---------------------------------------------------------------------- how many


def worker_bytes(weights: Weights) -> float:
    """Memory that one worker takes at its most, in bytes."""
    networks = NETWORK_COPIES * sum(map(_file_bytes, weights.networks))
    return WORKER_BYTES + networks + SPEECH_COPIES * sum(map(_file_bytes, weights.ears))


def _file_bytes(path: Path) -> int:
    """Of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def local_setups(
    setup: WorkerSetup, devices: Sequence[str], workers: int, rows: int, needed_bytes: float
) -> list[WorkerSetup]:
    """One setup per worker, devices in turn, the cores shared out. workers 0: on the CPU one per
    core, as memory allows for so much each; two on each GPU."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores, gpus = cores or 1, sum(not device.startswith("cpu") for device in devices)
    bearable = _free_bytes() / needed_bytes
    count = workers or int(min(gpus * WORKERS_PER_GPU or cores, bearable, MAX_WORKERS))
    count = max(1, min(count, rows))
    runtimes = [replace(setup.runtime, device=devices[i % len(devices)]) for i in range(count)]
    return [replace(setup, threads=max(1, cores // count), runtime=r) for r in runtimes]


def _free_bytes() -> float:
    """Memory that could be had, by the system and the container, where they tell."""
    found = [float("inf")]
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable"))
        found.append(int(available.split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        limit, used = (Path(f"/sys/fs/cgroup/memory.{n}").read_text() for n in ("max", "current"))
        found.append(int(limit) - int(used))
    return min(found)

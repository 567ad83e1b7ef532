"""Local worker processes: started, fed, watched, replaced when they die."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from .process import Broken, Message, Ready, Stage, main, thread_environment
from .rows import Outcome, Task
from .worker import WorkerSetup

END_PATIENCE_S = 8.0


@dataclass(frozen=True)
class Died:
    """A worker is gone; why: in words."""

    why: str


Event = Ready | Broken | Stage | Outcome | Died


class Pool(Protocol):
    """What the runner needs of workers, wherever they are. Workers are numbered from 0."""

    size: int

    def submit(self, worker: int, task: Task) -> None:
        """Give a ready worker a row."""

    def events(self, timeout_s: float) -> list[tuple[int, Event]]:
        """What has happened, waiting at most so long."""

    def restart(self, worker: int) -> None:
        """Put a fresh worker in a dead one's place."""

    def close(self) -> None:
        """End every worker; rows in flight are lost."""


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
        setup = self._setups[worker]
        process = self._context.Process(
            target=main, args=(theirs, setup, os.getpid()), name=f"cmet-batch-{worker}", daemon=True
        )
        with _environment(thread_environment(setup.threads)):
            process.start()
        theirs.close()
        self._processes[worker], self._pipes[worker] = process, ours

    def submit(self, worker: int, task: Task) -> None:
        """A worker that died meanwhile is told of by the next ``events``."""
        with contextlib.suppress(OSError):
            self._pipes[worker].send(task)

    def events(self, timeout_s: float) -> list[tuple[int, Event]]:
        """Messages of all workers, and deaths."""
        by_pipe = {pipe: worker for worker, pipe in self._pipes.items()}
        found: list[tuple[int, Event]] = []
        for pipe in wait(list(by_pipe), timeout_s) if by_pipe else []:
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                while self._pipes[worker].poll():
                    message: Message = self._pipes[worker].recv()
                    found.append((worker, message))
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


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def spread(
    setup: WorkerSetup, devices: Sequence[str], workers: int, threads: int
) -> list[WorkerSetup]:
    """One setup per worker, devices in turn."""
    return [
        replace(
            setup,
            threads=threads,
            runtime=replace(setup.runtime, device=devices[i % len(devices)]),
        )
        for i in range(workers)
    ]

"""Rows on a Ray cluster: actors that hold the networks, one row at a time each.

Ray places the actors and notices when one dies; which row goes where, what is tried again and what
is written down stays with the runner, as on one machine.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..errors import CmetError, UsageError
from .failures import judge
from .pool import Died, Event
from .process import Broken, Ready
from .rows import Outcome, Task
from .worker import WorkerSetup

if TYPE_CHECKING:
    from types import ModuleType

    from ..weights.folder import Weights

LOCAL = "local"
CONNECT_TIMEOUT_S = 10.0


def _import_ray() -> ModuleType:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's own future default
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs Ray", 'pip install "cmet-cli[ray]"') from error
    return ray


def _reach(address: str) -> None:
    """Ray itself waits for minutes where nobody answers. Raises :class:`OSError`."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()


class RayWorker:
    """What runs in an actor. Nothing is raised from here: Ray's tracebacks are nobody's error."""

    def __init__(self, setup: WorkerSetup, version: str) -> None:
        from .worker import RowWorker

        self._worker: RowWorker | None = None
        self._broken = Broken("", "")
        try:
            if version != __version__:
                raise CmetError(f"a node has cmet {__version__}, the driver {version}")
            self._worker = RowWorker(setup)
        except Exception as error:
            failure = judge(error)
            self._broken = Broken(failure.error, failure.hint)

    def ready(self) -> Ready | Broken:
        """The first thing asked."""
        return Ready() if self._worker is not None else self._broken

    def run(self, task: Task) -> Outcome:
        """Edit one row."""
        assert self._worker is not None
        return self._worker.run(task, lambda _name, _part: None)


class RayPool:
    """Workers on a cluster. The number of tasks in flight is the number of actors.

    address: of a running cluster (``auto``, ``ray://...``, ``host:port``), or ``local`` for one
    started here for this batch; workers: 0 for one per GPU, or per ``cpus`` CPUs where there is
    none. Raises :class:`CmetError` where the cluster cannot be reached.
    """

    def __init__(
        self, address: str, setup: WorkerSetup, workers: int, cpus: int, rows: int
    ) -> None:
        self._ray = _import_ray()
        self._connect(address, workers * cpus)
        total = self._ray.cluster_resources()
        gpus = int(total.get("GPU", 0))
        wanted = workers or gpus or int(total.get("CPU", 1)) // cpus
        self.size = max(1, min(wanted, rows))
        self._setup = replace(setup, threads=cpus)
        self._class = self._ray.remote(RayWorker).options(
            num_cpus=cpus, num_gpus=1 if gpus else 0, max_restarts=0, max_task_retries=0
        )
        self._actors: dict[int, Any] = {}
        self._waiting: dict[Any, int] = {}  # reference of an answer to come -> worker
        for worker in range(self.size):
            self.restart(worker)

    def _connect(self, address: str, cpus: int) -> None:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if address == LOCAL:
                self._ray.init(
                    address=LOCAL, num_cpus=cpus or None, include_dashboard=False, **quiet
                )
            else:
                _reach(address)
                self._ray.init(address=address, **quiet)
        except Exception as error:
            what = next(iter(str(error).splitlines()), type(error).__name__)
            raise CmetError(f"no Ray cluster at '{address}': {what}") from error

    def restart(self, worker: int) -> None:
        """A new actor, wherever the cluster has room."""
        self._end(worker)
        actor = self._class.remote(self._setup, __version__)
        self._actors[worker] = actor
        self._waiting[actor.ready.remote()] = worker

    def submit(self, worker: int, task: Task) -> None:
        """Give a row to an actor."""
        self._waiting[self._actors[worker].run.remote(task)] = worker

    def events(self, timeout_s: float) -> list[tuple[int, Event]]:
        """Answers, and deaths of actors or of their nodes."""
        if not self._waiting:
            return []
        ready, _ = self._ray.wait(list(self._waiting), num_returns=1, timeout=timeout_s)
        found: list[tuple[int, Event]] = []
        for reference in ready:
            worker = self._waiting.pop(reference)
            try:
                found.append((worker, self._ray.get(reference)))
            except Exception as error:
                kind = type(error).__name__
                found.append((worker, Died(f"the Ray worker or its node was lost ({kind})")))
        return found

    def _end(self, worker: int) -> None:
        actor = self._actors.pop(worker, None)
        self._waiting = {r: w for r, w in self._waiting.items() if w != worker}
        if actor is not None:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)

    def close(self) -> None:
        """End the actors, and the cluster too if it was started here."""
        for worker in list(self._actors):
            self._end(worker)
        self._ray.shutdown()


def cluster_weights(weights: Weights, setup: WorkerSetup) -> WorkerSetup:
    """Nodes look for weights where the driver found them, not in their own working folder."""
    from ..weights.folder import inspect_folder

    if setup.weights_dir is None and setup.model != "mini":
        root = weights.root.absolute()
        if not inspect_folder(root).missing:
            return replace(setup, weights_dir=str(root))
    return setup

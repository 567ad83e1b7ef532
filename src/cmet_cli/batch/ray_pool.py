"""Rows on a Ray cluster: actors that hold the networks, one row at a time each.

Ray places the actors and notices when one dies; which row goes where, what is tried again and what
is written down stays with the runner, as on one machine.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..errors import CmetError, UsageError
from ..weights.folder import Weights, inspect_folder
from .plan import Outcome, Task
from .row_worker import RowWorker, WorkerSetup, judge
from .workers import Broken, Died, Event, Ready

if TYPE_CHECKING:
    from types import ModuleType

LOCAL = "local"
CONNECT_TIMEOUT_S, CLOSE_TIMEOUT_S = 10.0, 10.0


@dataclass(frozen=True)
class Cluster:
    """address: of a running cluster (``auto``, ``ray://...``, ``host:port``), or ``local`` for one
    started here for this batch; workers: 0 for one per GPU, or per ``cpus`` CPUs where there is
    none; cpus: of each worker."""

    address: str
    workers: int
    cpus: int


class RayWorker:
    """What runs in an actor. Nothing is raised from here: Ray's tracebacks are nobody's error."""

    def __init__(self, setup: WorkerSetup, version: str) -> None:
        self._state: Ready | Broken = Ready()
        try:
            if version != __version__:
                raise CmetError(f"a node has cmet {__version__}, the driver {version}")
            self._worker = RowWorker(setup)
        except Exception as error:
            failure = judge(error)
            self._state = Broken(failure.error, failure.hint)

    def state(self) -> Ready | Broken:
        """The first thing asked."""
        return self._state

    def make(self, task: Task) -> Outcome:
        """Edit one row, under temporary names."""
        return self._worker.make(task, lambda _name, _part: None)

    def place(self) -> Outcome:
        """Give it its names."""
        return self._worker.place()

    def close(self) -> None:
        """Before the actor is killed, which lets nothing clear up."""
        if isinstance(self._state, Ready):
            self._worker.close()


class RayPool:
    """Workers on a cluster, as many tasks in flight as actors.

    Nodes look for weights where the driver found them, not in their own working folder. Raises
    :class:`CmetError` where the cluster cannot be reached.
    """

    def __init__(self, cluster: Cluster, setup: WorkerSetup, weights: Weights, rows: int) -> None:
        self._ray = _connect(cluster)
        gpus = int(self._ray.cluster_resources().get("GPU", 0))
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        self.size = _size(cluster, nodes, rows)
        if setup.weights_dir is None and setup.model != "mini":
            whole = not inspect_folder(weights.root).missing
            setup = replace(setup, weights_dir=str(weights.root.absolute()) if whole else None)
        self._setup = replace(setup, threads=cluster.cpus)
        self._class = self._ray.remote(RayWorker).options(
            num_cpus=cluster.cpus, num_gpus=1 if gpus else 0, max_restarts=0, max_task_retries=0
        )
        self._actors: dict[int, Any] = {}
        self._waiting: dict[Any, int] = {}  # reference of an answer to come -> worker
        for worker in range(self.size):
            self.restart(worker)

    def restart(self, worker: int) -> None:
        """A new actor, wherever the cluster has room."""
        self._end(worker)
        actor = self._actors[worker] = self._class.remote(self._setup, __version__)
        self._waiting[actor.state.remote()] = worker

    def make(self, worker: int, task: Task) -> None:
        self._waiting[self._actors[worker].make.remote(task)] = worker

    def place(self, worker: int) -> None:
        self._waiting[self._actors[worker].place.remote()] = worker

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
        idle = [actor for w, actor in self._actors.items() if w not in self._waiting.values()]
        with contextlib.suppress(Exception):
            closing = [actor.close.remote() for actor in idle]
            self._ray.wait(closing, num_returns=len(closing), timeout=CLOSE_TIMEOUT_S)
        for worker in list(self._actors):
            self._end(worker)
        self._ray.shutdown()


def _size(cluster: Cluster, nodes: Sequence[Mapping[str, float]], rows: int) -> int:
    """How many workers there are to be. nodes: what each has.

    Raises :class:`UsageError` where none could ever be placed; a number that was asked for may be
    waiting for nodes to come.
    """
    most = max((int(node.get("CPU", 0)) for node in nodes), default=0)
    if not cluster.workers and most < cluster.cpus:
        raise UsageError(
            f"no node of the Ray cluster has {cluster.cpus} CPUs, as each worker is to have (the "
            f"largest has {most})",
            "give a smaller --cpus-per-worker, or --workers to wait for larger nodes",
        )
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    fit = sum(int(node.get("CPU", 0)) // cluster.cpus for node in nodes)
    return max(1, min(cluster.workers or gpus or fit, rows))


def _connect(cluster: Cluster) -> ModuleType:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's own future default
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs Ray", 'pip install "cmet-cli[ray]"') from error
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    host, _, port = cluster.address.removeprefix("ray://").rpartition(":")
    try:
        if cluster.address == LOCAL:
            few = (os.cpu_count() or 1) < cluster.cpus  # a worker's are taken as there
            cpus = cluster.workers * cluster.cpus or (cluster.cpus if few else None)
            ray.init(address=LOCAL, num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            if port.isdecimal():  # Ray itself waits for minutes where nobody answers
                socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
            ray.init(address=cluster.address, **quiet)
    except Exception as error:
        what = next(iter(str(error).splitlines()), type(error).__name__)
        raise CmetError(f"no Ray cluster at '{cluster.address}': {what}") from error
    return ray

"""A batch from its manifest to its report. The command line and the Python API both come here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..options import Model, RuntimeOptions
from .checks import Checked, CheckSettings, check_manifest, parse_defaults
from .manifest import read_manifest
from .plan import DONE, FAILED, RUN, WAITING, Decision, Key, Row, Task, decide
from .state import DATABASE, WORKERS_LOG, State, is_running, only_run, state_folder
from .storage import Digests, is_url
from .workers import MAX_WORKERS

if TYPE_CHECKING:
    from ..weights.folder import Weights
    from .runner import Listener
    from .workers import Pool

MAX_RETRIES = 100


@dataclass(frozen=True)
class BatchOptions:
    """What a batch is to do. Raises :class:`UsageError`.

    output_dir: a path or URL, ``None`` for ``<manifest>_out`` beside the manifest; defaults:
    ``column=value`` for rows that leave it empty; workers: 0 for as many as the machine bears;
    devices: given to workers in turn; ray: a cluster's address, or ``local``; cpus_per_worker: on
    a cluster without GPUs.
    """

    manifest: Path
    output_dir: str | None = None
    defaults: tuple[str, ...] = ()
    workers: int = 0
    devices: tuple[str, ...] = ("auto",)
    model: Model = "auto"
    weights_dir: Path | None = None
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    retries: int = 1
    fail_fast: bool = False
    overwrite: bool = False
    allow_outside: bool = False
    thumbnails: bool = True
    ray: str | None = None
    cpus_per_worker: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= MAX_RETRIES:
            raise UsageError(f"retries must be between 0 and {MAX_RETRIES}, got {self.retries}")
        if self.cpus_per_worker < 1:
            raise UsageError("a worker needs at least one CPU")
        if not self.devices:
            raise UsageError("no device given", "choose auto, cpu, cuda or cuda:0,cuda:1")

    @property
    def output_root(self) -> str:
        """Where outputs go: an absolute path, or a URL."""
        remote = self.output_dir is not None and is_url(self.output_dir)
        return str(self.output_dir) if remote else str(self.local_root)

    @property
    def local_root(self) -> Path:
        """Where state and report go; with outputs behind a URL, beside the manifest."""
        if self.output_dir is not None and not is_url(self.output_dir):
            return Path(self.output_dir).absolute()
        return self.manifest.with_name(f"{self.manifest.stem}_out").absolute()

    @property
    def state_folder(self) -> Path:
        return state_folder(self.local_root)


@dataclass(frozen=True)
class BatchResult:
    """How a batch ended. failed: the rows with their one-line errors; stopped: by fail_fast."""

    rows: int
    done: int
    kept: int
    failed: tuple[tuple[Row, str], ...]
    elapsed_s: float
    report_csv: Path
    report_html: Path
    stopped: bool = False

    @property
    def exit_code(self) -> int:
        """1 if any row failed."""
        return 1 if self.failed else 0


@dataclass(frozen=True)
class BatchStatus:
    """How the last run in an output folder stands. running: it is still at work; waiting: rows that
    have no last word yet; failures: (line, output, error)."""

    folder: Path
    running: bool
    done: int
    failed: int
    waiting: int
    failures: tuple[tuple[int, str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        named = [dict(zip(("line", "output", "error"), row, strict=True)) for row in self.failures]
        rows = self.done + self.failed + self.waiting
        return {**vars(self), "folder": str(self.folder), "rows": rows, "failures": named}


def parse_workers(text: str) -> int:
    """``auto`` -> 0. Raises :class:`UsageError`."""
    if text == "auto":
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= MAX_WORKERS:
        raise UsageError(f"workers must be auto or 1 to {MAX_WORKERS}, got '{text}'")
    return int(text)


def check_batch(options: BatchOptions) -> Checked:
    """Read and judge the whole manifest; nothing is written and no model loaded."""
    defaults = parse_defaults(list(options.defaults))
    settings = CheckSettings(
        options.output_root, defaults, options.allow_outside, options.overwrite
    )
    with State(options.state_folder) as state:
        return check_manifest(read_manifest(options.manifest), settings, state.made)


def plan_batch(options: BatchOptions, rows: Sequence[Row]) -> list[Decision]:
    """What a run would do with each row, and why. Raises :class:`WeightsError`."""
    with State(options.state_folder) as state:
        return _decide(rows, state, _Model.find(options).key)


def batch_status(options: BatchOptions) -> BatchStatus:
    """How the last run stands, also while it is at work. manifest: it, or an output folder. Writes
    nothing. Raises :class:`UsageError` where no run has begun."""
    given = options.manifest
    root = given.absolute() if given.is_dir() else options.local_root
    folder = state_folder(root)
    if not (folder / DATABASE).is_file():
        raise UsageError(f"no batch has run in {root}", "give a manifest or its output folder")
    with State(folder) as state:
        counts, failed = state.counts(), state.failures()
    failures = tuple((row["line"], row["output"], row["error"]) for row in failed)
    done, bad, waiting = (counts.get(status, 0) for status in (DONE, FAILED, WAITING))
    return BatchStatus(root, is_running(folder), done, bad, waiting, failures)


def run_batch(options: BatchOptions, rows: Sequence[Row], listener: Listener) -> BatchResult:
    """Do the rows that need doing. Raises :class:`CmetError`; whatever is done stays done."""
    start = time.monotonic()
    model = _Model.find(options)
    options.state_folder.mkdir(parents=True, exist_ok=True)
    with only_run(options.state_folder) as work, State(options.state_folder, write=True) as state:
        from .report import Report
        from .runner import Rules, Runner

        decisions = _decide(rows, state, model.key)
        tasks = _tasks(options, rows, decisions, state)
        state.begin(rows, decisions)
        title = f"cmet batch: {options.manifest.name}"
        report = Report(options.local_root, work, state, len(rows), title)
        listener.total(len(tasks))
        listener.note(f"{len(tasks)} rows to do, {len(rows) - len(tasks)} done already")
        ended = {}
        try:
            if tasks:
                rules = Rules(options.retries, options.fail_fast)
                with closing(model.pool(options, len(tasks), work)) as pool:
                    runner = Runner(pool, tasks, state, report, rules)
                    runner.run(listener)
                    ended = runner.ended
        finally:
            report.write()
    failed = tuple((rows[i], o.error) for i, o in sorted(ended.items()) if o.status == FAILED)
    return BatchResult(
        rows=len(rows),
        done=len(ended) - len(failed),
        kept=len(rows) - len(tasks),
        failed=failed,
        elapsed_s=round(time.monotonic() - start, 3),
        report_csv=report.csv_path,
        report_html=report.html_path,
        stopped=options.fail_fast and bool(failed),
    )


def _decide(rows: Sequence[Row], state: State, key: Key) -> list[Decision]:
    digests = Digests(state.digest)
    return [decide(row, state, digests, key) for row in rows]


def _tasks(
    options: BatchOptions, rows: Sequence[Row], decisions: Sequence[Decision], state: State
) -> list[Task]:
    tasks = []
    for index, (row, decision) in enumerate(zip(rows, decisions, strict=True)):
        if decision.action == RUN:
            ours = any(state.made(place) for place in row.outputs().values())
            tasks.append(Task(index, row, ours or options.overwrite or row.options.overwrite))
    return tasks


@dataclass(frozen=True)
class _Model:
    """The weights of a run and the devices it was resolved to (none on a cluster)."""

    weights: Weights
    key: Key
    devices: tuple[str, ...]

    @classmethod
    def find(cls, options: BatchOptions) -> _Model:
        """Raises :class:`WeightsError`, :class:`DeviceError`."""
        from ..backends.devices import resolve
        from ..weights.folder import find_weights
        from .plan import compute_name, model_digest

        weights = find_weights(options.weights_dir, options.model)
        names = options.devices if options.ray is None else ()
        computes = [resolve(replace(options.runtime, device=name)) for name in names]
        key = Key(model_digest(weights), tuple(map(compute_name, computes)))
        return cls(weights, key, tuple(str(compute.device) for compute in computes))

    def pool(self, options: BatchOptions, rows: int, work: Path) -> Pool:
        """Workers for so many rows."""
        from .row_worker import WorkerSetup
        from .workers import LocalPool, local_setups

        setup = WorkerSetup(
            weights_dir=str(options.weights_dir.absolute()) if options.weights_dir else None,
            model=options.model,
            runtime=options.runtime,
            threads=1,
            pictures=options.thumbnails,
            work=str(work),
            log=str(options.state_folder / WORKERS_LOG),
            model_digest=self.key.model,
        )
        if options.ray is not None:
            from .ray_pool import Cluster, RayPool, cluster_setup

            cluster = Cluster(options.ray, options.workers, options.cpus_per_worker)
            return RayPool(cluster, cluster_setup(self.weights, setup), rows)
        size = sum(path.stat().st_size for path in self.weights.root.glob("*.safetensors"))
        return LocalPool(local_setups(setup, self.devices, options.workers, rows, size))

"""A batch from its manifest to its report. The command line and the Python API both come here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..options import ModelChoice, RuntimeOptions
from .checks import Checked, CheckSettings, check_manifest, parse_defaults
from .journal import DONE, FAILED, History, Journal, state_folder
from .leftovers import remove_leftovers
from .lock import only_run
from .manifest import read_manifest
from .rows import Row, Task, is_url

if TYPE_CHECKING:
    from ..weights.folder import Weights
    from .plan import Decision
    from .pool import Pool
    from .report import Report
    from .runner import Listener

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
    model: ModelChoice = "auto"
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
        if self.output_dir is not None and is_url(self.output_dir):
            return self.output_dir
        return str(self.local_root)

    @property
    def local_root(self) -> Path:
        """Where journal and report go; with outputs behind a URL, beside the manifest."""
        beside = self.manifest.with_name(f"{self.manifest.stem}_out")
        remote = self.output_dir is not None and is_url(self.output_dir)
        chosen = beside if self.output_dir is None or remote else Path(self.output_dir)
        return chosen.absolute()


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


def check_batch(options: BatchOptions) -> Checked:
    """Read and judge the whole manifest; nothing is written and no model loaded."""
    history = History.read(state_folder(options.local_root))
    settings = CheckSettings(
        options.output_root, parse_defaults(list(options.defaults)), options.allow_outside,
        options.overwrite,
    )  # fmt: skip
    return check_manifest(read_manifest(options.manifest), settings, history.made)


def plan_batch(options: BatchOptions, rows: Sequence[Row]) -> list[Decision]:
    """What a run would do with each row, and why. Raises :class:`WeightsError`."""
    history = History.read(state_folder(options.local_root))
    return _plan(options, rows, history, _find_model(options)[1])


def run_batch(options: BatchOptions, rows: Sequence[Row], listener: Listener) -> BatchResult:
    """Do the rows that need doing. Raises :class:`CmetError`; whatever is done stays done."""
    start = time.monotonic()
    weights, digest = _find_model(options)
    _check_devices(options)
    root, state = options.local_root, state_folder(options.local_root)
    state.mkdir(parents=True, exist_ok=True)
    with only_run(state):
        history = History.read(state)
        decisions = _plan(options, rows, history, digest)
        places = [place for row in rows for place in row.outputs().values() if not is_url(place)]
        remove_leftovers(places, str(root))
        from .report import Report

        journal = Journal(state, history)
        report = Report(root, state, rows, f"cmet batch: {options.manifest.name}")
        tasks = _tasks(options, rows, decisions, history, report)
        listener.total(len(tasks))
        listener.note(f"{len(tasks)} rows to do, {len(rows) - len(tasks)} done already")
        try:
            if tasks:
                pool = _make_pool(options, weights, digest, len(tasks), state)
                _run(options, pool, tasks, journal, report, listener)
        finally:
            report.write()
            journal.close()
            remove_leftovers(places, str(root))
        return _result(options, rows, tasks, history, report, time.monotonic() - start)


def _run(
    options: BatchOptions,
    pool: Pool,
    tasks: list[Task],
    journal: Journal,
    report: Report,
    listener: Listener,
) -> None:
    from .runner import Runner
    from .schedule import Schedule

    try:
        runner = Runner(
            pool, Schedule(tasks), journal, report, listener, retries=options.retries,
            fail_fast=options.fail_fast,
        )  # fmt: skip
        runner.run()
    finally:
        pool.close()
    if not runner.stopped:
        journal.drop_receipts()


def _find_model(options: BatchOptions) -> tuple[Weights, str]:
    from ..weights.folder import find_weights
    from .digests import Digests, model_digest

    weights = find_weights(options.weights_dir, options.model)
    return weights, model_digest(weights, Digests())


def _check_devices(options: BatchOptions) -> None:
    from ..backends.devices import resolve

    if options.ray is None:
        for device in options.devices:
            resolve(replace(options.runtime, device=device))


def _plan(
    options: BatchOptions, rows: Sequence[Row], history: History, digest: str
) -> list[Decision]:
    from .plan import plan_rows

    return plan_rows(rows, history, digest, options.runtime.precision)


def _tasks(
    options: BatchOptions,
    rows: Sequence[Row],
    decisions: Sequence[Decision],
    history: History,
    report: Report,
) -> list[Task]:
    """Rows to do; those that stay go into the report as they were."""
    from .plan import KEEP

    tasks = []
    for index, (row, decision) in enumerate(zip(rows, decisions, strict=True)):
        if decision.action == KEEP:
            report.tell(index, history.last[row.output], earlier=True)
            continue
        ours = any(place in history.made for place in row.outputs().values())
        may_replace = ours or options.overwrite or row.options.overwrite
        tasks.append(Task(index, row, may_replace))
    return tasks


def _make_pool(
    options: BatchOptions, weights: Weights, digest: str, rows: int, state: Path
) -> Pool:
    from .capacity import auto_workers, threads_each
    from .pool import LocalPool, spread
    from .worker import WorkerSetup

    setup = WorkerSetup(
        str(options.weights_dir.absolute()) if options.weights_dir else None, options.model,
        options.runtime, 1, options.thumbnails, str(state), digest,
    )  # fmt: skip
    if options.ray is not None:
        from .ray_engine import RayPool, cluster_weights

        setup = cluster_weights(weights, setup)
        return RayPool(options.ray, setup, options.workers, options.cpus_per_worker, rows)
    devices = _resolved(options.devices)
    size = sum(p.stat().st_size for p in weights.root.glob("*.safetensors"))
    workers = min(options.workers or auto_workers(devices, rows, size), rows)
    return LocalPool(spread(setup, devices, workers, threads_each(workers)))


def _resolved(devices: Sequence[str]) -> list[str]:
    from ..backends.devices import resolve

    return [str(resolve(RuntimeOptions(device=device)).device) for device in devices]


def _result(
    options: BatchOptions,
    rows: Sequence[Row],
    tasks: Sequence[Task],
    history: History,
    report: Report,
    elapsed_s: float,
) -> BatchResult:
    failed = [
        (row, entry.note)
        for row, entry in zip(rows, report.entries, strict=True)
        if entry.status == FAILED
    ]
    done = sum(report.entries[task.index].status == DONE for task in tasks)
    return BatchResult(
        len(rows), done, len(rows) - len(tasks), tuple(failed), round(elapsed_s, 3),
        report.csv_path, report.html_path, stopped=options.fail_fast and bool(failed),
    )  # fmt: skip

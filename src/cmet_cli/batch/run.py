"""A batch from its manifest to its report. The command line and the Python API both come here."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..batch_options import BatchOptions
from ..errors import UsageError
from ..media.encoder import EncodeSettings, check_encoder
from .checks import Checked, CheckSettings, check_manifest
from .manifest import MAX_WORDS_CHARS, Problem, by_line, parse_defaults, read_manifest
from .names import check_names
from .plan import DONE, FAILED, KEEP, RUN, WAITING, Decision, Key, Outcome, Row, Task
from .report import Report, is_report
from .row_worker import WorkerSetup
from .runner import Listener, Runner
from .state import DATABASE, STATE_FOLDER, WORKERS_LOG, State, is_running, only_run
from .storage import Digests
from .workers import LocalPool, Pool, local_setups, worker_bytes

if TYPE_CHECKING:
    from ..weights.folder import Weights

OTHER_FOLDER = "give another --output-dir, or that file another name"


@dataclass(frozen=True)
class BatchResult:
    """How a batch ended. failed: the rows with their one-line errors; stopped: by fail_fast;
    unmeasured: kept rows that were to have figures and were made without."""

    rows: int
    done: int
    kept: int
    failed: tuple[tuple[Row, str], ...]
    elapsed_s: float
    report_csv: Path
    report_html: Path
    stopped: bool = False
    unmeasured: int = 0

    @property
    def exit_code(self) -> int:
        """1 if any row failed."""
        return 1 if self.failed else 0


@dataclass(frozen=True)
class BatchStatus:
    """How the last run in an output folder stands. running: it is still at work; waiting: rows that
    have no last word yet; failures: line, output and error of each; lines_left_out: those
    that are no part of it, and why."""

    folder: Path
    running: bool
    done: int
    failed: int
    waiting: int
    failures: tuple[dict[str, Any], ...]
    lines_left_out: tuple[dict[str, Any], ...]


def _state_folder(options: BatchOptions) -> Path:
    return options.local_root / STATE_FOLDER


def check_batch(options: BatchOptions) -> Checked:
    """Read and judge the whole manifest; nothing is written and no model loaded."""
    _check_reports(options)
    defaults = parse_defaults(list(options.defaults))
    permissions = options.allow_outside, options.overwrite
    settings = CheckSettings(options.output_root, defaults, *permissions)
    with State(_state_folder(options)) as state:
        checked = check_manifest(read_manifest(options.manifest), settings, state.made)
    check_names(checked, options)
    _check_encoders(checked)
    return checked


def _check_reports(options: BatchOptions) -> None:
    """Reports are replaced at every run, but only a batch's own. Raises :class:`UsageError`."""
    root = options.local_root
    ours = (_state_folder(options) / DATABASE).exists() or options.overwrite
    for path in filter(is_report, root.iterdir() if root.is_dir() else ()):
        if path.exists() and options.manifest.exists() and path.samefile(options.manifest):
            raise UsageError(f"the report would replace the manifest: {path}", OTHER_FOLDER)
        if not ours:
            raise UsageError(f"the report would replace a file of somebody's: {path}", OTHER_FOLDER)


def _check_encoders(checked: Checked) -> None:
    """An encoder that does not work here is told of once for each row that asks for it."""
    wrong: dict[int, str] = {}
    for row in checked.rows:
        if row.options.encoder != "x264":  # the answer is remembered
            try:
                asked = row.options
                check_encoder(EncodeSettings(asked.crf, asked.encoder, asked.preset))
            except UsageError as error:
                wrong[row.line] = f"{error.message} ({error.hint})"
    checked.problems += [Problem(n, "encoder", w[:MAX_WORDS_CHARS]) for n, w in wrong.items()]
    checked.problems.sort(key=lambda problem: problem.line)
    checked.rows = [row for row in checked.rows if row.line not in wrong]


def plan_batch(options: BatchOptions, rows: Sequence[Row]) -> list[Decision]:
    """What a run would do with each row, and why. Raises :class:`WeightsError`."""
    with State(_state_folder(options)) as state:
        return _Model.find(options).decide(rows, state)


def batch_status(options: BatchOptions) -> BatchStatus:
    """How the last run stands, also while it is at work. manifest: it, or an output folder. Writes
    nothing. Raises :class:`UsageError` where no run has begun."""
    given = options.manifest
    root = given.absolute() if given.is_dir() else options.local_root
    if not (root / STATE_FOLDER / DATABASE).is_file():
        raise UsageError(f"no batch has run in {root}", "give a manifest or its output folder")
    with State(root / STATE_FOLDER) as state:
        done, failed, waiting = (state.counts().get(s, 0) for s in (DONE, FAILED, WAITING))
        names = ("line", "output", "error")
        failures = tuple({name: row[name] for name in names} for row in state.rows(status=FAILED))
        left_out = tuple({"line": line, "why": w} for line, w in state.left_out().items())
    running = is_running(root / STATE_FOLDER)
    return BatchStatus(root, running, done, failed, waiting, failures, left_out)


def run_batch(
    options: BatchOptions,
    rows: Sequence[Row],
    listener: Listener,
    left_out: Sequence[Problem] = (),
) -> BatchResult:
    """Do the rows that need doing. left_out: what is wrong with those that are no part of it, which
    the reports tell, too. Raises :class:`CmetError`; whatever is done stays done."""
    start, ended = time.monotonic(), dict[int, Outcome]()
    model = _Model.find(options)
    _state_folder(options).mkdir(parents=True, exist_ok=True)
    with (
        only_run(_state_folder(options)) as work,
        State(_state_folder(options), write=True) as state,
    ):
        decisions = model.decide(rows, state)
        tasks = _tasks(options, rows, decisions, state)
        state.begin(rows, decisions, by_line(left_out))
        title = f"cmet batch: {options.manifest.name}"
        report = Report(options.local_root, work, state, len(rows), title)
        listener.total(len(tasks))
        listener.note(f"{len(tasks)} rows to do, {len(rows) - len(tasks)} done already")
        unmeasured = _unmeasured(rows, decisions, state) if options.evaluate else 0
        try:
            if tasks:
                with closing(model.pool(options, len(tasks), work)) as pool:
                    ended = Runner(pool, tasks, state, report, options).run(listener)
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
        unmeasured=unmeasured,
    )


def _unmeasured(rows: Sequence[Row], decisions: Sequence[Decision], state: State) -> int:
    """How many rows that stay have no figures: they were made without."""
    kept = [row for row, decision in zip(rows, decisions, strict=True) if decision.action == KEEP]
    results = [state.result(row.output) for row in kept if row.options.keeps_picture]
    told = [json.loads(result["result"] or "{}") for result in results if result is not None]
    return sum("worth_a_look" not in one for one in told)


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
    """The weights of a run, and the devices that its workers will have (none on a cluster)."""

    weights: Weights
    key: Key
    devices: tuple[str, ...]

    @classmethod
    def find(cls, options: BatchOptions) -> _Model:
        """Raises :class:`WeightsError`, :class:`DeviceError`."""
        from ..backends.loader import settle
        from ..weights.folder import find_weights

        weights = find_weights(options.weights_dir, options.model)
        names = options.devices if options.ray is None else ()
        computes = [settle(weights, replace(options.runtime, device=name)) for name in names]
        key = Key.of(weights, computes)
        return cls(weights, key, tuple(str(compute.device) for compute in computes))

    def decide(self, rows: Sequence[Row], state: State) -> list[Decision]:
        digests = Digests(state.digest)
        return [self.key.decide(row, state, digests) for row in rows]

    def pool(self, options: BatchOptions, rows: int, work: Path) -> Pool:
        """Workers for so many rows."""
        setup = WorkerSetup(
            weights_dir=str(options.weights_dir.absolute()) if options.weights_dir else None,
            model=options.model,
            runtime=options.runtime,
            threads=1,
            pictures=options.thumbnails,
            evaluate=options.evaluate,
            work=str(work),
            log=str(_state_folder(options) / WORKERS_LOG),
            model_digest=self.key.model,
        )
        if options.ray is not None:
            from .ray_pool import Cluster, RayPool

            cluster = Cluster(options.ray, options.worker_count, options.cpus_per_worker)
            return RayPool(cluster, setup, self.weights, rows)
        needed = worker_bytes(self.weights)
        return LocalPool(local_setups(setup, self.devices, options.worker_count, rows, needed))

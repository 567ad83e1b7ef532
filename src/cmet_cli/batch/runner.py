"""The loop of a batch: rows out, outcomes in, everything written down before it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from ..errors import CmetError
from .journal import DONE, FAILED, RECEIPTS, Journal, as_made, read_lines
from .pool import Died, Event, Pool
from .process import Broken, Ready, Stage
from .report import Report
from .rows import Outcome, Task
from .schedule import Schedule

POLL_S = 0.5
STARTS_TRIED = 3
LOG_HINT = "its last words are in .cmet/workers.log beside the outputs"


class Listener(Protocol):
    """Hears how a batch goes."""

    def total(self, rows: int) -> None:
        """How many rows are to be done."""

    def began(self, worker: int, task: Task) -> None:
        """A worker was given a row."""

    def stage(self, worker: int, stage: Stage) -> None:
        """How far it is."""

    def ended(self, worker: int, task: Task, outcome: Outcome) -> None:
        """A row's last word."""

    def note(self, text: str) -> None:
        """Something worth a line of the log."""


class Runner:
    """Runs rows on a pool until none is left, or until one fails with ``fail_fast``.

    retries: further tries of a row after a failure that may pass. A row whose worker dies has one
    further try in any case.
    """

    def __init__(
        self,
        pool: Pool,
        schedule: Schedule,
        journal: Journal,
        report: Report,
        listener: Listener,
        *,
        retries: int,
        fail_fast: bool,
    ) -> None:
        self._pool, self._schedule, self._journal = pool, schedule, journal
        self._report, self._listener = report, listener
        self._retries, self._fail_fast = retries, fail_fast
        self._idle: set[int] = set()
        self._flight: dict[int, Task] = {}
        self._deaths: dict[int, int] = {}
        self._starts_lost: dict[int, int] = {}
        self._alive = set(range(pool.size))
        self.stopped = False

    def run(self) -> None:
        """Raises :class:`CmetError` where no worker can be had or the journal cannot be written."""
        while (self._schedule.waiting or self._flight) and not self.stopped:
            self._feed()
            for worker, event in self._pool.events(POLL_S):
                self._hear(worker, event)
            self._report.tick()

    def _feed(self) -> None:
        for worker in sorted(self._idle):
            task = self._schedule.next(worker)
            if task is None:
                continue
            self._idle.discard(worker)
            self._flight[worker] = task
            self._pool.submit(worker, task)
            self._listener.began(worker, task)

    def _hear(self, worker: int, event: Event) -> None:
        if isinstance(event, Ready):
            self._starts_lost.pop(worker, None)
            self._idle.add(worker)
        elif isinstance(event, Stage):
            self._listener.stage(worker, event)
        elif isinstance(event, Broken):
            self._lose(worker, event)
        elif isinstance(event, Died):
            self._bury(worker, event)
        elif worker in self._flight:
            self._end(worker, self._flight.pop(worker), event)

    # ------------------------------------------------------------------ rows

    def _end(self, worker: int, task: Task, outcome: Outcome) -> None:
        if outcome.poisoned:
            self._pool.restart(worker)
        else:
            self._idle.add(worker)
        again = outcome.status == FAILED and outcome.transient and task.attempt <= self._retries
        if again:
            self._try_again(task, outcome.error)
        else:
            self._settle(worker, task, outcome)

    def _settle(self, worker: int, task: Task, outcome: Outcome) -> None:
        record = self._journal.finished(task.row, outcome)
        self._report.tell(task.index, record)
        self._listener.ended(worker, task, outcome)
        if outcome.status == FAILED and self._fail_fast:
            self.stopped = True

    def _try_again(self, task: Task, why: str) -> None:
        self._listener.note(f"line {task.row.line}: {task.row.name}: trying again ({why})")
        self._schedule.again(replace(task, attempt=task.attempt + 1))

    # ------------------------------------------------------------------ workers

    def _bury(self, worker: int, death: Died) -> None:
        """A dead worker costs at most its row, and that only the second time."""
        task = self._flight.pop(worker, None)
        self._idle.discard(worker)
        if task is None:
            self._starts_lost[worker] = self._starts_lost.get(worker, 0) + 1
            if self._starts_lost[worker] >= STARTS_TRIED:
                self._lose(worker, Broken(death.why, LOG_HINT))
                return
        self._pool.restart(worker)
        if task is None:
            return
        finished = self._received(task)
        self._deaths[task.index] = self._deaths.get(task.index, 0) + 1
        if finished is not None:
            self._settle(worker, task, finished)
        elif self._deaths[task.index] == 1:
            self._try_again(task, death.why)
        else:
            failed = Outcome(task.index, FAILED, 0.0, error=death.why, hint=LOG_HINT)
            self._settle(worker, task, failed)

    def _received(self, task: Task) -> Outcome | None:
        """What a worker noted of a row that it finished just before it died."""
        for path in (self._journal.folder / RECEIPTS).glob("*.jsonl"):
            for record in read_lines(path):
                if record.get("output") == task.row.output and not self._known(record):
                    return _outcome(task, record)
        return None

    def _known(self, record: Mapping[str, Any]) -> bool:
        outputs: dict[str, list[Any]] = record.get("outputs") or {}
        made = self._journal.history.made
        same = all(made.get(place) == entry for place, entry in outputs.items())
        return same or not all(as_made(place, entry) for place, entry in outputs.items())

    def _lose(self, worker: int, broken: Broken) -> None:
        """A worker that cannot start is done without; without any, the batch ends."""
        self._alive.discard(worker)
        self._schedule.give_up(worker)
        if not self._alive:
            raise CmetError(f"no worker could be started: {broken.error}", broken.hint)
        self._listener.note(f"worker {worker + 1} could not be started: {broken.error}")


def _outcome(task: Task, record: Mapping[str, Any]) -> Outcome:
    return Outcome(
        task.index, DONE, record["elapsed_s"], record["made_of"], record["inputs"],
        record["outputs"], record["result"],
    )  # fmt: skip

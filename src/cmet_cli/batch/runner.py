"""The loop over a batch's rows: who gets which, and what becomes of rows and workers that fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from ..batch_options import BatchOptions
from ..errors import CmetError
from .plan import FAILED, MADE, Outcome, Schedule, Task
from .report import Report
from .state import State
from .workers import Broken, Died, Event, Pool, Ready, Stage

POLL_S = 0.5
STARTS_TRIED = 3
LOG_HINT = "its last words are in .cmet/workers.log beside the outputs"


class Listener(Protocol):
    """Hears how a batch goes: how many rows are to be done, that a worker was given one, how far it
    is, its last word, and whatever is worth a line of the log."""

    def total(self, rows: int) -> None: ...
    def began(self, worker: int, task: Task) -> None: ...
    def stage(self, worker: int, stage: Stage) -> None: ...
    def ended(self, worker: int, task: Task, outcome: Outcome) -> None: ...
    def note(self, text: str) -> None: ...


class Runner:
    """Runs rows on a pool until none is left, or until one fails with ``fail_fast``. Everything is
    written down before it is told. A row whose worker dies has one further try in any case."""

    def __init__(
        self, pool: Pool, tasks: Sequence[Task], state: State, report: Report, options: BatchOptions
    ) -> None:
        self._pool, self._state, self._report, self._options = pool, state, report, options
        self._schedule = Schedule(tasks)
        self._idle, self._alive = set[int](), set(range(pool.size))
        self._flight: dict[int, Task] = {}
        self._deaths = Counter[int]()  # by row
        self._lost_starts = Counter[int]()  # by worker
        self._ended: dict[int, Outcome] = {}
        self._stopped = False

    def run(self, listener: Listener) -> dict[int, Outcome]:
        """-> each row's last word. Raises :class:`CmetError` where no worker can be had or nothing
        can be written down."""
        self._listener = listener
        while (self._schedule.waiting or self._flight) and not self._stopped:
            for worker in sorted(self._idle):
                if (task := self._schedule.next(worker)) is not None:
                    self._idle.discard(worker)
                    self._flight[worker] = task
                    self._pool.make(worker, task)
                    listener.began(worker, task)
            for worker, event in self._pool.events(POLL_S):
                if worker in self._alive:  # what one that was given up still says is nothing
                    self._hear(worker, event)
            self._report.tick()
        return self._ended

    def _hear(self, worker: int, event: Event) -> None:
        if isinstance(event, Ready):
            del self._lost_starts[worker]
            self._idle.add(worker)
        elif isinstance(event, Stage):
            self._listener.stage(worker, event)
        elif isinstance(event, Broken):
            self._give_up(worker, event)
        elif isinstance(event, Died):
            self._replace(worker, event)
        elif worker in self._flight and event.status == MADE:
            self._state.hold(self._flight[worker].row.output, event)
            self._pool.place(worker)
        elif worker in self._flight:
            self._end(worker, self._flight.pop(worker), event)

    def _end(self, worker: int, task: Task, outcome: Outcome) -> None:
        if outcome.poisoned:
            self._pool.restart(worker)
        else:
            self._idle.add(worker)
        if outcome.transient and task.attempt <= self._options.retries:
            self._try_again(task, outcome.error)
        else:
            self._settle(worker, task, outcome)

    def _settle(self, worker: int, task: Task, outcome: Outcome) -> None:
        self._state.finish(task.row.output, outcome)
        self._report.tell(task.index)
        self._ended[task.index] = outcome
        self._listener.ended(worker, task, outcome)
        self._stopped |= outcome.status == FAILED and self._options.fail_fast

    def _try_again(self, task: Task, why: str) -> None:
        self._listener.note(f"line {task.row.line}: {task.row.name}: trying again ({why})")
        may_replace = task.may_replace or self._state.may_replace(task.row)
        self._schedule.again(replace(task, attempt=task.attempt + 1, may_replace=may_replace))

    def _replace(self, worker: int, death: Died) -> None:
        """A dead worker costs at most its row, and that only the second time."""
        task = self._flight.pop(worker, None)
        self._idle.discard(worker)
        if task is None:
            self._lost_starts[worker] += 1
            if self._lost_starts[worker] < STARTS_TRIED:
                self._pool.restart(worker)
            else:
                self._give_up(worker, Broken(death.why, LOG_HINT))
            return
        self._pool.restart(worker)
        self._deaths[task.index] += 1
        if (finished := self._state.held(task.row.output)) is not None:
            self._settle(worker, task, finished)
        elif self._deaths[task.index] == 1:
            self._try_again(task, death.why)
        else:
            failed = Outcome(task.index, FAILED, error=death.why, hint=LOG_HINT)
            self._settle(worker, task, failed)

    def _give_up(self, worker: int, broken: Broken) -> None:
        """A worker that cannot start is done without; without any, the batch ends."""
        self._alive.discard(worker)
        self._schedule.give_up(worker)
        if not self._alive:
            raise CmetError(f"no worker could be started: {broken.error}", broken.hint)
        self._listener.note(f"worker {worker + 1} could not be started: {broken.error}")

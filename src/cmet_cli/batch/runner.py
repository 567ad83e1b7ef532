"""The loop of a batch: rows out, outcomes in, everything written down before it is told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..errors import CmetError
from .plan import FAILED, MADE, Outcome, Task
from .report import Report
from .state import State
from .workers import Broken, Died, Event, Pool, Ready, Stage

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


class Schedule:
    """Rows still to be given out.

    A worker takes a video's rows one after the other; when no video is left untouched, an idle
    worker takes over the later half of the longest queue.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        groups: dict[str, list[Task]] = {}
        for task in sorted(tasks, key=lambda t: (t.row.reading(), t.index)):
            groups.setdefault(task.row.video, []).append(task)
        by_first = sorted(groups.values(), key=lambda group: min(t.index for t in group))
        self._groups = deque(deque(group) for group in by_first)
        self._queues: dict[int, deque[Task]] = {}
        self._again: deque[Task] = deque()
        self.waiting = len(tasks)

    def next(self, worker: int) -> Task | None:
        """A row for this worker; ``None`` where nothing waits."""
        queue = self._queues.get(worker)
        if not queue and self._groups:
            queue = self._groups.popleft()
        elif not queue and self._again:
            queue = deque([self._again.popleft()])
        elif not queue:
            longest = max(self._queues.values(), key=len, default=deque[Task]())
            taken = [longest.pop() for _ in range(-(-len(longest) // 2))]
            queue = deque(reversed(taken))
        if not queue:
            return None
        self._queues[worker] = queue
        self.waiting -= 1
        return queue.popleft()

    def again(self, task: Task) -> None:
        """Another try, after the rows that have had none."""
        self._again.append(task)
        self.waiting += 1

    def give_up(self, worker: int) -> None:
        """A worker will not come back: its rows are anybody's."""
        if queue := self._queues.pop(worker, None):
            self._groups.append(queue)


@dataclass(frozen=True)
class Rules:
    """retries: further tries of a row after a failure that may pass. A row whose worker dies has
    one further try in any case."""

    retries: int = 1
    fail_fast: bool = False


class Runner:
    """Runs rows on a pool until none is left, or until one fails with ``fail_fast``."""

    def __init__(
        self, pool: Pool, tasks: Sequence[Task], state: State, report: Report, rules: Rules
    ) -> None:
        self._pool, self._state, self._report, self._rules = pool, state, report, rules
        self._schedule = Schedule(tasks)
        self._idle: set[int] = set()
        self._flight: dict[int, Task] = {}
        self._deaths = Counter[int]()  # by row
        self._lost_starts = Counter[int]()  # by worker
        self._alive = set(range(pool.size))
        self.ended: dict[int, Outcome] = {}
        self.stopped = False

    def run(self, listener: Listener) -> None:
        """Raises :class:`CmetError` where no worker can be had or nothing can be written down."""
        self._listener = listener
        while (self._schedule.waiting or self._flight) and not self.stopped:
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

    # ------------------------------------------------------------------ rows

    def _end(self, worker: int, task: Task, outcome: Outcome) -> None:
        if outcome.poisoned:
            self._pool.restart(worker)
        else:
            self._idle.add(worker)
        again = outcome.status == FAILED and outcome.transient
        if again and task.attempt <= self._rules.retries:
            self._try_again(task, outcome.error)
        else:
            self._settle(worker, task, outcome)

    def _settle(self, worker: int, task: Task, outcome: Outcome) -> None:
        self._state.finish(task.row.output, outcome)
        self._report.tell(task.index)
        self.ended[task.index] = outcome
        self._listener.ended(worker, task, outcome)
        self.stopped |= outcome.status == FAILED and self._rules.fail_fast

    def _try_again(self, task: Task, why: str) -> None:
        self._listener.note(f"line {task.row.line}: {task.row.name}: trying again ({why})")
        self._schedule.again(replace(task, attempt=task.attempt + 1))

    # ------------------------------------------------------------------ workers

    def _replace(self, worker: int, death: Died) -> None:
        """A dead worker costs at most its row, and that only the second time."""
        task = self._flight.pop(worker, None)
        self._idle.discard(worker)
        if task is None:
            self._lost_starts[worker] += 1
            if self._lost_starts[worker] >= STARTS_TRIED:
                self._give_up(worker, Broken(death.why, LOG_HINT))
                return
        self._pool.restart(worker)
        if task is None:
            return
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

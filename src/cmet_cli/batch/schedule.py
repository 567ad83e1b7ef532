"""Which row next: those of one video together on one worker, and nobody idle while rows wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .rows import Task


class Schedule:
    """Rows still to be given out.

    A worker takes a video's rows one after the other; when no video is left untouched, an idle
    worker takes over the later half of the longest queue.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        groups: dict[str, list[Task]] = {}
        for task in tasks:
            groups.setdefault(task.row.video, []).append(task)
        for group in groups.values():
            group.sort(key=lambda t: (t.row.reading(), t.index))
        self._groups = deque(deque(group) for group in groups.values())
        self._queues: dict[int, deque[Task]] = {}
        self._again: deque[Task] = deque()
        self.waiting = len(tasks)

    def next(self, worker: int) -> Task | None:
        """A row for this worker; ``None`` where nothing waits."""
        queue = self._queues.setdefault(worker, deque())
        if not queue:
            if self._groups:
                queue = self._queues[worker] = self._groups.popleft()
            elif self._again:
                self.waiting -= 1
                return self._again.popleft()
            else:
                self._steal(worker)
                queue = self._queues[worker]
        if not queue:
            return None
        self.waiting -= 1
        return queue.popleft()

    def _steal(self, worker: int) -> None:
        longest = max(self._queues.values(), key=len, default=None)
        if not longest:
            return
        taken = [longest.pop() for _ in range(-(-len(longest) // 2))]
        self._queues[worker] = deque(reversed(taken))

    def again(self, task: Task) -> None:
        """Another try, after the rows that have had none."""
        self._again.append(task)
        self.waiting += 1

    def give_up(self, worker: int) -> None:
        """A worker will not come back: its rows are anybody's."""
        queue = self._queues.pop(worker, None)
        if queue:
            self._groups.append(queue)

"""How a batch in progress is shown: bars on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .console import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from ..batch.plan import Outcome, Task
    from ..batch.runner import Listener
    from ..batch.workers import Stage


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


class PlainLines:
    """A line for every row that ends: how far, what, how long, how much longer."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._total = self._ended = 0

    def total(self, rows: int) -> None:
        self._total, self._started = rows, time.monotonic()

    def began(self, worker: int, task: Task) -> None:
        """Not worth a line."""

    def stage(self, worker: int, stage: Stage) -> None:
        """Neither is this."""

    def ended(self, worker: int, task: Task, outcome: Outcome) -> None:
        self._ended += 1
        passed_s = time.monotonic() - self._started
        left_s = passed_s / self._ended * max(0, self._total - self._ended)
        what = outcome.status + (f": {outcome.error}" if outcome.error else "")
        self.note(
            f"[{self._ended}/{self._total}] line {task.row.line}: {task.row.name}: {what} "
            f"({outcome.elapsed_s:.1f} s, {_clock(left_s)} left)"
        )

    def note(self, text: str) -> None:
        self._console.print(one_line(text), markup=False)


class Bars:
    """One bar for the batch and one for the row each worker is at."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._console, self._rows = console, {}  # type: ignore[var-annotated]
        self._all: Any = self.bars.add_task("rows", total=None)

    def total(self, rows: int) -> None:
        self.bars.update(self._all, total=rows)

    def began(self, worker: int, task: Task) -> None:
        from rich.markup import escape

        self.ended_row(worker)
        name = escape(one_line(task.row.name)[-48:])
        self._rows[worker] = (name, self.bars.add_task(f"  {name}", total=100))

    def stage(self, worker: int, stage: Stage) -> None:
        if worker in self._rows:
            name, bar = self._rows[worker]
            part = int(100 * (stage.part or 0))
            self.bars.update(bar, completed=part, description=f"  {name}: {stage.name}")

    def ended_row(self, worker: int) -> None:
        if worker in self._rows:
            self.bars.remove_task(self._rows.pop(worker)[1])

    def ended(self, worker: int, task: Task, outcome: Outcome) -> None:
        self.ended_row(worker)
        self.bars.advance(self._all)
        if outcome.error:
            self.note(f"failed: line {task.row.line}: {task.row.name}: {outcome.error}")

    def note(self, text: str) -> None:
        self._console.print(one_line(text), markup=False)


@contextmanager
def watching(console: Console, plain: bool, quiet: bool) -> Iterator[Listener]:
    """A listener for ``run_batch``. quiet: nothing is shown until the end tells what failed."""
    from rich.console import Console

    if plain or quiet:
        yield PlainLines(Console(quiet=True) if quiet else console)
        return
    shown = Bars(console)
    with shown.bars:
        yield shown

"""What commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..errors import CmetError
from ..options import Progress, no_progress

if TYPE_CHECKING:
    from rich.console import Console


class State:
    """Output choices of this run, set by the command."""

    verbose = False
    json = False


def error_console() -> Console:
    """A console on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(error: CmetError) -> int:
    """Print one error (as JSON too where asked for) and return its exit code."""
    from rich.markup import escape
    from rich.text import Text

    line = f"[bold red]error:[/] {escape(one_line(error.message))}"
    hint = f"\n[dim]hint:[/] {escape(one_line(error.hint))}" if error.hint else ""
    error_console().print(Text.from_markup(line + hint))
    if State.json:
        with suppress(OSError):  # a full disk may be what the error tells
            print_json({"error": error.message, "hint": error.hint, "exit_code": error.exit_code})
    return error.exit_code


def print_warning(text: str) -> None:
    """One line on stderr."""
    from rich.markup import escape

    error_console().print(f"[yellow]warning:[/] {escape(one_line(text))}")


def one_line(text: str) -> str:
    """Control characters out, so that a file name cannot paint the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    if sys.stdout is None:  # closed by whoever began this
        return
    sys.stdout.write(json.dumps(value) + "\n")  # ASCII: names of files need not be text
    sys.stdout.flush()


@contextmanager
def progress_bars(quiet: bool, unit: str = "frames/s") -> Iterator[Progress]:
    """One Rich bar per stage on stderr: done, rate, time left. Silent if ``quiet``."""
    if quiet:
        yield no_progress
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bars,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=error_console(), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, rate="")
            task = bars.tasks[bars.task_ids.index(tasks[stage])]
            rate = f"{task.speed:.1f} {unit}" if task.speed else ""
            bars.update(tasks[stage], completed=done, total=total, rate=rate)

        yield show

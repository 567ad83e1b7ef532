"""What the report says of each row, small enough to be kept for every row at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .journal import DONE
from .rows import Row

WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the report. earlier: done by an earlier run; thumbnails: where in the file."""

    status: str = WAITING
    earlier: bool = False
    elapsed_s: float = 0.0
    real_time_factor: float = 0.0
    duration_s: float = 0.0
    frames: int = 0
    edited: int = 0
    bridged: int = 0
    passed: int = 0
    note: str = ""
    thumbnails: tuple[int, int] | None = None

    @classmethod
    def of(cls, record: dict[str, Any], earlier: bool) -> Entry:
        """From a journal record."""
        result = record.get("result") or {}
        note = "; ".join(result.get("warnings") or ())
        if record["status"] != DONE:
            note = record.get("error", "")
            note += f" ({record['hint']})" if record.get("hint") else ""
        place = record.get("thumbnails")
        return cls(
            record["status"], earlier, record.get("elapsed_s", 0.0),
            result.get("real_time_factor", 0.0), result.get("duration_s", 0.0),
            result.get("frames", 0), result.get("frames_edited", 0),
            result.get("frames_bridged", 0), result.get("frames_passed_through", 0), note,
            (place[0], place[1]) if place else None,
        )  # fmt: skip


COLUMNS = (
    "line", "status", "output", "video", "emotion_audio", "elapsed_s", "real_time_factor",
    "duration_s", "frames", "frames_edited", "frames_bridged", "frames_passed_through", "note",
    "run",
)  # fmt: skip


def cells(row: Row, entry: Entry) -> tuple[Any, ...]:
    """A line of ``report.csv``."""
    run = "" if entry.status == WAITING else "earlier" if entry.earlier else "this"
    return (
        row.line, entry.status, row.output, row.video, ";".join(row.emotion_audio),
        entry.elapsed_s or "", entry.real_time_factor or "", entry.duration_s or "",
        entry.frames or "", entry.edited, entry.bridged, entry.passed, entry.note, run,
    )  # fmt: skip


def count(entries: Iterable[Entry]) -> dict[str, int]:
    """Rows by status."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.status] = found.get(entry.status, 0) + 1
    return found

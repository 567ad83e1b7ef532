"""Which rows must run, and why: what is missing, changed or failed, and nothing else."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH116

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from .digests import Digests, differences, made_of
from .journal import DONE, FAILED, History
from .rows import Row, is_url

RUN, KEEP = "run", "keep"


@dataclass(frozen=True)
class Decision:
    """action: ``run`` or ``keep``; why: in a few words."""

    action: str
    why: str


def decide(row: Row, history: History, digests: Digests, model: str, precision: str) -> Decision:
    """What to do with a row. Digests are taken only where the journal calls the row done."""
    record = history.last.get(row.output)
    if record is None:
        return Decision(RUN, "new")
    if record["status"] == FAILED:
        return Decision(RUN, f"failed before: {record.get('error', '')}")
    lost = [name for name, place in row.outputs().items() if not _intact(place, history)]
    if lost:
        return Decision(RUN, f"{', '.join(lost)} is missing or not as it was made")
    try:
        now = made_of(row, digests.entries(row), model, precision)
    except OSError as error:
        return Decision(RUN, f"changed: {error.filename or row.video} cannot be read")
    changed = differences(record.get("made_of") or {}, now)
    return Decision(RUN, f"changed: {changed}") if changed else Decision(KEEP, "done")


def _intact(place: str, history: History) -> bool:
    known = history.made.get(place)
    if known is None:
        return False
    if is_url(place):
        from .remote import look_at

        return not isinstance(look_at([place])[place], str)
    try:
        status = os.stat(place)
    except OSError:
        return False
    return [status.st_size, status.st_mtime_ns] == known[:2] or _same_bytes(place, status, known)


def _same_bytes(place: str, status: os.stat_result, known: list[Any]) -> bool:
    """A copied or restored file has another time of change and may still be the same."""
    from pathlib import Path

    from ..weights.record import sha256_of

    return status.st_size == known[0] and sha256_of(Path(place)) == known[2]


def plan_rows(rows: list[Row], history: History, model: str, precision: str) -> list[Decision]:
    """A decision for each row."""
    digests = Digests(history.digests)
    return [decide(row, history, digests, model, precision) for row in rows]


def summary(decisions: list[Decision]) -> dict[str, int]:
    """How many rows run and stay, by the kind of reason."""
    counts: dict[str, int] = {}
    for decision in decisions:
        kind = DONE if decision.action == KEEP else decision.why.split(":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    return counts

"""A table of pairs to compare: ``before,after,emotion,truth``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..errors import UsageError
from ..media.ffmpeg import check_input

MOST_PAIRS, MOST_BYTES = 100_000, 64 << 20


@dataclass(frozen=True)
class Pair:
    """line: in the table, as editors count; truth: a true take of the same words, if there is
    one."""

    before: Path
    after: Path
    emotion: str
    line: int
    truth: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.before, self.after, *(() if self.truth is None else (self.truth,)))


def read_pairs(path: Path) -> list[Pair]:
    """Files are relative to the table. Raises :class:`UsageError` naming the line."""
    check_input(path, "table of pairs", MOST_BYTES)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if not {"before", "after"} <= set(table.fieldnames or ()):
                raise UsageError(f"{path}: the columns before and after are needed")
            pairs = [_pair(path, row, table.line_num) for row in islice(table, MOST_PAIRS)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: no table of pairs ({reason})") from error
    if not pairs:
        raise UsageError(f"{path}: no pairs")
    missing = [next((file for file in pair.files if not file.is_file()), None) for pair in pairs]
    if all(missing):  # one that is missing is told beside the others' figures
        raise UsageError(f"{path}: line {pairs[0].line}: not found: {missing[0]}")
    return pairs


def _pair(path: Path, row: dict[str, str | None], line: int) -> Pair:
    before, after = ((row.get(name) or "").strip() for name in ("before", "after"))
    if not (before and after):
        raise UsageError(f"{path}: line {line}: before and after are both needed")
    truth = (row.get("truth") or "").strip()
    found = path.parent / before, path.parent / after
    emotion = (row.get("emotion") or "").strip()
    return Pair(*found, emotion, line, path.parent / truth if truth else None)

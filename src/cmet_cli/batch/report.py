"""``report.csv`` and ``report.html``, kept up to date while rows finish, at a bounded cost."""

from __future__ import annotations

import contextlib
import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..media.files import atomic_path
from .entries import COLUMNS, WAITING, Entry, cells, count
from .journal import THUMBNAILS
from .pages import PAGE_ROWS, page, page_name
from .rows import Row

EVERY_S = 5.0
MOST_OF_THE_TIME = 0.05  # of the driver's time that may go into reports


class Report:
    """The report of a batch. Files are replaced whole, every few seconds at most.

    folder: where they go; state: where the thumbnails lie.
    """

    def __init__(self, folder: Path, state: Path, rows: Sequence[Row], title: str) -> None:
        self.csv_path, self.html_path = folder / "report.csv", folder / page_name(0)
        self._folder, self._thumbnails = folder, state / THUMBNAILS
        self._rows, self._title = rows, title
        self.entries = [Entry()] * len(rows)
        self._stale = set(range(self._pages))
        self._due = time.monotonic() + EVERY_S

    @property
    def _pages(self) -> int:
        return max(1, -(-len(self._rows) // PAGE_ROWS))

    def tell(self, index: int, record: dict[str, Any], *, earlier: bool = False) -> None:
        """A row's last word."""
        self.entries[index] = Entry.of(record, earlier)
        self._stale |= {0, index // PAGE_ROWS}  # the first page holds the totals

    def counts(self) -> dict[str, int]:
        """Rows by status."""
        return count(self.entries)

    def tick(self) -> None:
        """Write if it is time to; the longer it takes, the rarer it is done."""
        if self._stale and time.monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write the table and every page that has changed. A full disk is no reason to stop."""
        start = time.monotonic()
        with contextlib.suppress(OSError):
            self._write_csv()
            for number in sorted(self._stale):
                self._write_page(number)
            self._stale.clear()
        cost_s = time.monotonic() - start
        self._due = time.monotonic() + max(EVERY_S, cost_s / MOST_OF_THE_TIME)

    def _write_csv(self) -> None:
        with (
            atomic_path(self.csv_path, overwrite=True) as part,
            part.open("w", encoding="utf-8", newline="") as file,
        ):
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows(map(cells, self._rows, self.entries))

    def _write_page(self, number: int) -> None:
        first = number * PAGE_ROWS
        rows, entries = (
            self._rows[first : first + PAGE_ROWS],
            self.entries[first : first + PAGE_ROWS],
        )
        pictures = self._pictures(entries)
        failed = [
            (i, self._rows[i], entry)
            for i, entry in enumerate(self.entries)
            if number == 0 and entry.status == "failed"
        ]
        text = page(
            self._title, number, self._pages, self.counts(), rows, entries, pictures, failed
        )
        with atomic_path(self._folder / page_name(number), overwrite=True) as part:
            part.write_text(text, "utf-8")

    def _pictures(self, entries: Sequence[Entry]) -> list[tuple[str, str]]:
        """Thumbnails of these rows, read where they lie: they are never all in memory."""
        if not self._thumbnails.exists():
            return [("", "")] * len(entries)
        found: list[tuple[str, str]] = []
        with self._thumbnails.open("rb") as file:
            for entry in entries:
                pair = ("", "")
                if entry.thumbnails is not None and entry.status != WAITING:
                    offset, length = entry.thumbnails
                    file.seek(offset)
                    with contextlib.suppress(ValueError):
                        before, after = json.loads(file.read(length))
                        pair = (str(before), str(after))
                found.append(pair)
        return found

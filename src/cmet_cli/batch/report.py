"""``report.csv`` and ``report.html``, kept up to date while rows finish, at a bounded cost."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import sqlite3
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from ..errors import CmetError
from ..evaluation.marks import MARKS, shown
from .plan import FAILED, WAITING
from .state import State
from .storage import deliver

EVERY_S = 5.0
MOST_OF_THE_TIME = 0.05  # of the driver's time that may go into reports
PAGE_ROWS, FAILED_LISTED = 500, 1000
LEFT_OUT = "left out"
TEMPLATE, TABLE = "report.html.j2", "report.csv"
COLUMNS: tuple[str, ...] = (
    "line",
    "status",
    "output",
    "video",
    "asked",
    "elapsed_s",
    "edit_s",
    "real_time_factor",
)
COLUMNS += ("duration_s", "frames", "frames_edited", "frames_bridged", "frames_passed_through")
COLUMNS += (
    "device",
    "precision",
    "note",
    "run",
    "worth_a_look",
    *(f"eval_{mark.name}" for mark in MARKS),
)
#: A spreadsheet takes a cell that begins so for a formula, and runs it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def page_name(number: int) -> str:
    """``report.html``, ``report-2.html`` ..."""
    return "report.html" if number == 0 else f"report-{number + 1}.html"


def is_report(path: Path) -> bool:
    """Whether a file is called as one that a run writes or replaces."""
    return path.name == TABLE or re.fullmatch(r"report(-\d+)?\.html", path.name) is not None


class Report:
    """The report of a run, one HTML page per few hundred rows, each complete in itself. Files are
    replaced whole, every few seconds at most.

    folder: where they go; work: for unfinished ones; rows: how many.
    """

    def __init__(self, folder: Path, work: Path, state: State, rows: int, title: str) -> None:
        self.csv_path, self.html_path = folder / TABLE, folder / page_name(0)
        self._folder, self._work, self._state, self._title = folder, work, state, title
        self._left_out = state.left_out()
        self._pages = max(1, -(-rows // PAGE_ROWS))
        self._stale = set(range(self._pages))
        self._due = time.monotonic() + EVERY_S
        templates = FileSystemLoader(Path(__file__).parent)
        self._template = Environment(loader=templates, autoescape=True).get_template(TEMPLATE)

    def tell(self, position: int) -> None:
        """A row has had its last word."""
        self._stale |= {0, position // PAGE_ROWS}  # the first page holds the totals

    def tick(self) -> None:
        """Write if it is time to; the longer it takes, the rarer it is done."""
        if self._stale and time.monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write the table and every page that has changed. A full disk is no reason to stop."""
        start = time.monotonic()
        with contextlib.suppress(OSError, CmetError):
            self._write_csv()
            for number in sorted(self._stale):
                self._write_page(number)
            self._stale.clear()
        now = time.monotonic()
        self._due = now + max(EVERY_S, (now - start) / MOST_OF_THE_TIME)

    def _write_csv(self) -> None:
        part = self._work / self.csv_path.name
        with part.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for row in map(_told, self._state.rows()):
                table.writerow(_harmless(row.get(name)) for name in COLUMNS)
            for line, why in self._left_out.items():
                row = {"line": line, "status": LEFT_OUT, "note": why}
                table.writerow(_harmless(row.get(name)) for name in COLUMNS)
        deliver(part, str(self.csv_path), replace=True)

    def _write_page(self, number: int) -> None:
        first = number * PAGE_ROWS
        left_out = self._left_out
        failures = self._state.rows(most=FAILED_LISTED if number == 0 else 0, status=FAILED)
        text = self._template.render(
            title=self._title,
            number=number,
            pages=self._pages,
            page_rows=PAGE_ROWS,
            page_name=page_name,
            counts=self._state.counts() | ({LEFT_OUT: len(left_out)} if left_out else {}),
            left_out=dict(islice(left_out.items(), FAILED_LISTED if number == 0 else 0)),
            failed=list(map(_told, failures)),
            rows=map(_on_page, self._state.rows(first, PAGE_ROWS, pictures=True)),
        )
        part = self._work / page_name(number)
        part.write_text(text, "utf-8")
        deliver(part, str(self._folder / part.name), replace=True)


def _told(row: sqlite3.Row) -> Mapping[str, Any]:
    """A row of the plan with everything that is known of its result."""
    found = {**json.loads(row["result"] or "{}"), **dict(row)}
    look = found.get("worth_a_look")
    note = "; ".join([*([f"worth a look: {look}"] if look else []), *found.get("warnings", ())])
    if row["status"] == FAILED:
        note = row["error"] + (f" ({row['hint']})" if row["hint"] else "")
    run = "" if row["status"] == WAITING else "earlier" if row["earlier"] else "this"
    figures = {f"eval_{name}": v for name, v in (found.get("evaluation") or {}).items()}
    # The row's own time has pictures, digests and figures in it.
    edit_s = json.loads(row["result"] or "{}").get("elapsed_s")
    return {**figures, **found, "edit_s": edit_s, "note": note, "run": run, "asked": row["voices"]}


def _on_page(row: sqlite3.Row) -> Mapping[str, Any]:
    """The same, with each figure and whether it is worth a look."""
    told = _told(row)
    known = [(mark, told.get(f"eval_{mark.name}")) for mark in MARKS]
    figures = [(mark, shown(mark.name, v), mark.flags(v)) for mark, v in known if v is not None]
    return {**told, "figures": figures}


def _harmless(cell: Any) -> Any:
    """No cell is a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell

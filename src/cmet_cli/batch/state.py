"""What has been done, kept so that it survives a kill at any moment: ``.cmet/state.db``.

One SQLite database in the output folder. Only the driver writes, and before anyone is told. A row
that is complete is put down with what its files are *before* they get their names, so that a driver
killed right afterwards knows them for its own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from filelock import FileLock, Timeout

from ..errors import CmetError, UsageError
from .plan import DONE, FAILED, KEEP, WAITING, Decision, Outcome, Row
from .storage import Entry, exists, is_as_made

STATE_FOLDER = ".cmet"
DATABASE, LOCK, HOLDER, WORK, WORKERS_LOG = "state.db", "lock", "holder", "work", "workers.log"
BUSY_TIMEOUT_S = 60.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS results (  -- the last word about every output
    output TEXT PRIMARY KEY, status TEXT, elapsed_s REAL, made_of TEXT, result TEXT,
    error TEXT, hint TEXT, before TEXT, after TEXT);
CREATE TABLE IF NOT EXISTS made (  -- files that are ours
    place TEXT PRIMARY KEY, entry TEXT);
CREATE TABLE IF NOT EXISTS inputs (  -- digests, while size and time of change stay the same
    place TEXT PRIMARY KEY, entry TEXT);
CREATE TABLE IF NOT EXISTS pending (  -- complete, but perhaps without their names yet
    output TEXT PRIMARY KEY, outcome TEXT);
CREATE TABLE IF NOT EXISTS plan (  -- the rows of the last run
    position INTEGER PRIMARY KEY, line INTEGER, name TEXT, output TEXT UNIQUE, video TEXT,
    voices TEXT, status TEXT, earlier INTEGER);
CREATE TABLE IF NOT EXISTS left_out (  -- rows that make no sense and were not part of it
    line INTEGER PRIMARY KEY, why TEXT);
"""
_ROWS = """
SELECT p.*, r.elapsed_s, r.result, r.error, r.hint {}
FROM plan p LEFT JOIN results r ON r.output = p.output AND p.status != 'waiting'
WHERE p.position >= ? AND p.status LIKE ? ORDER BY p.position LIMIT ?
"""


class State:
    """The database of one output folder; as if empty where there is none.

    write: make it, and write down what a killed run could not. Raises :class:`CmetError`.
    """

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self.path = folder / DATABASE
        with self._told():
            self._db = self._opened(write)
        self._unwritten = self._interrupted()
        if write:
            self._write_down()

    def _opened(self, write: bool) -> sqlite3.Connection:
        if write:
            db = self._connected(f"{self.path.absolute().as_uri()}?mode=rwc")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")  # a commit is on the disk
        else:
            if self.path.exists():
                db = self._connected(f"{self.path.absolute().as_uri()}?mode=ro")
                if db.execute("SELECT name FROM sqlite_master WHERE name = 'plan'").fetchall():
                    return db
                db.close()  # a first run that found the disk full left it empty
            db = self._connected("file::memory:")
        db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        return db

    @staticmethod
    def _connected(place: str) -> sqlite3.Connection:
        db = sqlite3.connect(place, uri=True, timeout=BUSY_TIMEOUT_S)
        db.row_factory = sqlite3.Row
        return db

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            hint = "nothing done so far is lost; run the same command again once that is mended"
            raise CmetError(f"{self.path} cannot be used: {error}", hint) from error

    def _read(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._told():
            return self._db.execute(query, values).fetchall()

    # ------------------------------------------------------------------ what is known

    def result(self, output: str) -> dict[str, Any] | None:
        """The last word about an output."""
        if output in self._unwritten:
            return _result_of(output, self._unwritten[output])
        found = self._read(
            "SELECT status, error, made_of, result FROM results WHERE output = ?", output
        )
        return dict(found[0]) if found else None

    def made(self, place: str) -> Entry | None:
        """What a file of ours was when it was made; ``None`` for anybody else's."""
        for outcome in self._unwritten.values():
            if place in outcome.outputs:
                return outcome.outputs[place]
        return self._entry("made", place)

    def digest(self, place: str) -> Entry | None:
        """What an input was when it was last read."""
        return self._entry("inputs", place)

    def _entry(self, table: str, place: str) -> Entry | None:
        found = self._read(f"SELECT entry FROM {table} WHERE place = ?", place)
        return json.loads(found[0]["entry"]) if found else None

    def counts(self) -> dict[str, int]:
        """Rows of the last run by status."""
        rows = self._read("SELECT status, count(*) AS n FROM plan GROUP BY status ORDER BY status")
        return {row["status"]: row["n"] for row in rows}

    def rows(
        self, first: int = 0, most: int = -1, *, status: str = "%", pictures: bool = False
    ) -> Iterator[sqlite3.Row]:
        """Rows of the last run with their results, from a position on, read as they are taken."""
        query = _ROWS.format(", r.before, r.after" if pictures else "")
        with self._told(), closing(self._db.cursor()) as cursor:
            yield from cursor.execute(query, (first, status, most))

    def left_out(self) -> dict[int, str]:
        """Lines that were no part of the last run, and why."""
        if not self._read("SELECT name FROM sqlite_master WHERE name = 'left_out'"):
            return {}  # the last run was an older version's
        return dict(map(tuple, self._read("SELECT line, why FROM left_out ORDER BY line")))

    # ------------------------------------------------------------------ what happens

    def begin(
        self,
        rows: Sequence[Row],
        decisions: Sequence[Decision],
        left_out: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        """A run starts, with these rows; left_out: lines that are no part of it, and why."""
        kept = [decision.action == KEEP for decision in decisions]
        with self._told(), self._db:
            self._db.execute("DELETE FROM plan")
            self._db.execute("DELETE FROM left_out")
            self._db.executemany("INSERT INTO left_out VALUES (?, ?)", left_out.items())
            self._db.executemany(
                "INSERT INTO plan VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (i, row.line, row.name, row.output, row.video, row.asked)
                    + ((DONE, True) if kept[i] else (WAITING, False))
                    for i, row in enumerate(rows)
                ),
            )

    def hold(self, output: str, outcome: Outcome) -> None:
        """A row is complete and is about to get its names."""
        with self._told(), self._db:
            values = (output, json.dumps(asdict(outcome)))
            self._db.execute("INSERT OR REPLACE INTO pending VALUES (?, ?)", values)

    def held(self, output: str) -> Outcome | None:
        """A row put down before it got its names, if they are there now and what they should be."""
        outcome = self._interrupted(output).get(output)
        return outcome if outcome is not None and outcome.status == DONE else None

    def may_replace(self, row: Row) -> bool:
        """Whether what is there of a row's outputs arrived by a try that did not get further."""
        part = self._interrupted(row.output).get(row.output)
        ours = part.outputs if part is not None else {}
        return bool(ours) and all(p in ours or not exists(p) for p in row.outputs().values())

    def finish(self, output: str, outcome: Outcome) -> None:
        """A row's last word, durably. Of one that failed, the files that did arrive are ours."""
        made = outcome.outputs
        if outcome.status == FAILED and (part := self._interrupted(output).get(output)):
            made = part.outputs
        columns = _result_of(output, outcome)
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        with self._told(), self._db:
            self._db.execute(
                f"INSERT OR REPLACE INTO results ({names}) VALUES ({marks})",
                tuple(columns.values()),
            )
            for table, entries in (("made", made), ("inputs", outcome.inputs)):
                pairs = [(place, json.dumps(entry)) for place, entry in entries.items()]
                self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", pairs)
            self._db.execute("DELETE FROM pending WHERE output = ?", (output,))
            self._db.execute(
                "UPDATE plan SET status = ? WHERE output = ?", (outcome.status, output)
            )

    # ------------------------------------------------------------------ after a kill

    def _interrupted(self, output: str | None = None) -> dict[str, Outcome]:
        """Rows put down that have all their names, or (as failed) some; by output."""
        found = {}
        for row in self._read("SELECT * FROM pending WHERE output = ?1 OR ?1 IS NULL", output):
            outcome = Outcome(**json.loads(row["outcome"]))
            there = {p: entry for p, entry in outcome.outputs.items() if is_as_made(p, entry)}
            if there == outcome.outputs:
                found[row["output"]] = replace(outcome, status=DONE)
            elif there:
                part = Outcome(outcome.index, FAILED, outputs=there, error="interrupted")
                found[row["output"]] = part
        return found

    def _write_down(self) -> None:
        for output, outcome in self._unwritten.items():
            self.finish(output, outcome)
        with self._told(), self._db:
            self._db.execute("DELETE FROM pending")
        self._unwritten = {}


def _result_of(output: str, outcome: Outcome) -> dict[str, Any]:
    """A line of the table ``results``."""
    before, after = outcome.pictures
    return {
        "output": output,
        "status": outcome.status,
        "elapsed_s": outcome.elapsed_s,
        "made_of": json.dumps(outcome.made_of),
        "result": json.dumps(outcome.result),
        "error": outcome.error,
        "hint": outcome.hint,
        "before": before,
        "after": after,
    }


@contextmanager
def only_run(folder: Path) -> Iterator[Path]:
    """Hold the folder's lock, which the system lets go of when its holder dies; -> a folder for
    unfinished files, gone with all that is in it at the end, and before a run after a kill.

    Raises :class:`UsageError` naming who holds it.
    """
    work = folder / WORK
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UsageError(
            f"another run is at work in {folder.parent} ({_holder(folder)})",
            "wait for it, end it, or give another --output-dir",
        ) from None
    try:
        (folder / HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(exist_ok=True)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return (folder / HOLDER).read_text()
    except OSError:
        return "its process is not known"


def is_running(folder: Path) -> bool:
    """Whether a run holds the folder. Writes nothing."""
    if not (folder / HOLDER).exists():
        return False
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return True
    lock.release()
    return False

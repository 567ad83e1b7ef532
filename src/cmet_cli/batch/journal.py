"""What has been done, kept so that it survives a kill at any moment.

``<output folder>/.cmet/journal.jsonl``: one JSON object a line, the last line about an output
counts. A line is one write, flushed to the disk before anyone is told. ``receipts/``: what each
worker notes just before a finished video gets its name, for a driver killed before it could write
that down. ``thumbnails.jsonl``: the pictures of the report, found by their offset.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import CmetError
from .naming import STATE_FOLDER
from .rows import Outcome, Row, is_url

JOURNAL, RECEIPTS, THUMBNAILS = "journal.jsonl", "receipts", "thumbnails.jsonl"
DONE, FAILED = "done", "failed"


def state_folder(root: Path) -> Path:
    """Where a batch keeps its own files."""
    return root / STATE_FOLDER


class AppendFile:
    """Lines appended whole or not at all, as far as a reader is concerned.

    A torn line (a kill, a full disk) is closed by a newline before the next one.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path, self._durable = path, durable
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.size = os.fstat(self._file).st_size
        self._torn = self.size > 0 and not _ends_with_newline(path)

    def append(self, value: Any) -> tuple[int, int]:
        """Write one line; -> its offset and length in bytes. Raises :class:`CmetError`."""
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        offset = self.size + self._torn
        data = memoryview(b"\n" + line if self._torn else line)
        try:
            while data:
                written = os.write(self._file, data)
                self.size += written
                self._torn = True  # until the last byte is there
                data = data[written:]
            self._torn = False
            if self._durable:
                os.fsync(self._file)
        except OSError as error:
            raise CmetError(
                f"{self._path} cannot be written: {error.strerror}",
                "nothing done so far is lost; run the same command again once that is mended",
            ) from error
        return offset, len(line)

    def close(self) -> None:
        """Give the file back."""
        with contextlib.suppress(OSError):
            os.close(self._file)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of a file; what is torn or damaged is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    yield value


class History:
    """What a journal says, by output: the last word, what is ours, and known digests."""

    def __init__(self) -> None:
        self.last: dict[str, dict[str, Any]] = {}
        self.made: dict[str, list[Any]] = {}
        self.digests: dict[str, list[Any]] = {}
        self.unwritten: list[dict[str, Any]] = []

    @classmethod
    def read(cls, folder: Path) -> History:
        """Journal and receipts of a state folder; empty where there are none. Writes nothing."""
        history = cls()
        for record in read_lines(folder / JOURNAL):
            history.add(record)
        for path in sorted((folder / RECEIPTS).glob("*.jsonl")):
            for record in read_lines(path):
                history._receipt(record)
        return history

    def _receipt(self, record: dict[str, Any]) -> None:
        """A row that a killed run finished without writing it down is done all the same."""
        outputs: dict[str, list[Any]] = record.get("outputs") or {}
        if self.last.get(record.get("output", ""), {}).get("outputs") == outputs:
            return
        there = {place: entry for place, entry in outputs.items() if as_made(place, entry)}
        self.made.update(there)
        if outputs and len(there) == len(outputs):
            self.unwritten.append(record)
            self.add(record)

    def add(self, record: dict[str, Any]) -> None:
        """Take one record in; a strange one is passed over."""
        output, status = record.get("output"), record.get("status")
        if not isinstance(output, str) or status not in (DONE, FAILED):
            return
        if status == DONE:
            self.made.update(record.get("outputs") or {})
        self.digests.update(record.get("inputs") or {})
        self.last[output] = {k: v for k, v in record.items() if k != "inputs"}


def as_made(place: str, entry: list[Any]) -> bool:
    """Whether a file is what a worker noted just before giving it its name."""
    if is_url(place):
        from .remote import look_at

        found = look_at([place])[place]
        return not isinstance(found, str) and found["size"] == entry[0]
    from ..weights.record import sha256_of

    path = Path(place)
    return path.is_file() and path.stat().st_size == entry[0] and sha256_of(path) == entry[2]


class Receipts:
    """A worker's own notes. Where the folder is not on this machine, none are kept."""

    def __init__(self, folder: Path | None) -> None:
        self._file: AppendFile | None = None
        if folder is not None and folder.is_dir():
            inside = folder / RECEIPTS
            inside.mkdir(exist_ok=True)
            self._file = AppendFile(inside / f"{uuid.uuid4().hex}.jsonl")

    def note(self, row: Row, outcome: Outcome) -> None:
        """Before the output gets its name."""
        if self._file is not None:
            self._file.append(record_of(row, outcome))


def record_of(row: Row, outcome: Outcome) -> dict[str, Any]:
    """An outcome as a journal line."""
    record: dict[str, Any] = {
        "status": outcome.status, "output": row.output, "line": row.line,
        "elapsed_s": outcome.elapsed_s,
    }  # fmt: skip
    if outcome.status == FAILED:
        return record | {"error": outcome.error, "hint": outcome.hint}
    return record | {
        "made_of": outcome.made_of, "inputs": outcome.inputs, "outputs": outcome.outputs,
        "result": outcome.result,
    }  # fmt: skip


class Journal:
    """The journal being written; ``history`` stays up to date."""

    def __init__(self, folder: Path, history: History) -> None:
        self.folder, self.history = folder, history
        self._file = AppendFile(folder / JOURNAL)
        self._thumbnails = AppendFile(folder / THUMBNAILS, durable=False)
        for record in history.unwritten:
            self._file.append(record)
        self.drop_receipts()

    def finished(self, row: Row, outcome: Outcome) -> dict[str, Any]:
        """Write a row's end down, durably; -> the record. Raises :class:`CmetError`."""
        record = record_of(row, outcome)
        if any(outcome.thumbnails):
            record["thumbnails"] = self._thumbnails.append(outcome.thumbnails)
        self._file.append(record)
        self.history.add(record)
        return record

    def drop_receipts(self) -> None:
        """Once everything they tell is in the journal, and no worker is at work."""
        for path in (self.folder / RECEIPTS).glob("*.jsonl"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._thumbnails.close()

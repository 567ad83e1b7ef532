"""The record of what was received, kept beside the files as ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import WeightsError
from ..media.files import atomic_path

RECORD_FILE = "manifest.json"
MAX_RECORD_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Record:
    """One received file: where it came from, what it was, and what it became here.

    revision: the commit that was received; sha256, size: of the published file; kept_*: of the file
    in this folder (the same one, or the safetensors made from it).
    """

    name: str
    repo: str
    published: str
    revision: str
    size: int
    sha256: str
    kept: str
    kept_size: int
    kept_sha256: str


def sha256_of(path: Path) -> str:
    """Hex digest, streamed."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_records(root: Path) -> dict[str, Record]:
    """Records by kept path; empty where nothing was recorded. Raises :class:`WeightsError`."""
    path = root / RECORD_FILE
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise ValueError("too large")
        rows = json.loads(path.read_text("utf-8"))["files"]
        return {row["kept"]: _record(row) for row in rows}
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: not a readable record of the download ({reason})",
            "delete it and download again",
        ) from error


def _record(row: dict[str, Any]) -> Record:
    record = Record(**row)
    for item in fields(Record):
        value = getattr(record, item.name)
        if type(value).__name__ != item.type:
            raise ValueError(f"'{item.name}' is a {type(value).__name__}")
    if not is_inside(record.kept):
        raise ValueError(f"'{record.kept[:80]}' is not inside the folder")
    return record


def is_inside(relative: str) -> bool:
    """Whether a POSIX path, written by others, stays below the folder it is joined to."""
    path = PurePosixPath(relative)
    plain = relative.isprintable() and "\\" not in relative
    return plain and bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def write_records(root: Path, records: dict[str, Record]) -> None:
    """Replace the record atomically."""
    rows = [asdict(records[key]) for key in sorted(records)]
    with atomic_path(root / RECORD_FILE, overwrite=True) as part:
        part.write_text(json.dumps({"files": rows}, indent=1) + "\n", "utf-8")

"""The record of what was received, kept beside the files as ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import WeightsError
from ..media.files import atomic_path
from .folder import MANIFEST

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Record:
    """One received file: where it came from, what it was, and what it became here.

    sha256, size: of the published file; kept_*: of the file in this folder (the same one, or the
    safetensors made from it).
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


def read_manifest(root: Path) -> dict[str, Record]:
    """Records by kept path; empty where there is no manifest."""
    path = root / MANIFEST
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text("utf-8"))["files"]
        return {row["kept"]: Record(**row) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}: not a readable manifest ({error})", "delete it and download again"
        ) from error


def write_manifest(root: Path, records: dict[str, Record]) -> None:
    """Replace the manifest atomically."""
    rows = [asdict(records[key]) for key in sorted(records)]
    with atomic_path(root / MANIFEST, overwrite=True) as part:
        part.write_text(json.dumps({"files": rows}, indent=1) + "\n", "utf-8")

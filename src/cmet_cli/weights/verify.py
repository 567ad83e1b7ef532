"""Checking a weights folder against its record, without a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError
from .folder import default_folder, inspect_folder
from .record import read_records, sha256_of
from .registry import FILES, WeightFile


@dataclass(frozen=True)
class FileCheck:
    """One file's state.

    ``ok``; ``unverified``: nothing known to compare with; ``other``: not the published content;
    ``changed``: not what was received; ``missing``.
    """

    path: str
    state: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        return self.state in ("ok", "unverified")

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}" if self.detail else self.path


def check_folder(folder: Path | None, only: tuple[str, ...] = ()) -> list[FileCheck]:
    """Look at every file's digest (so it reads every file once) and at what is missing.

    A folder of ``cmet download-weights`` is checked against its record; one laid out as published
    against the digests known for certain. Raises :class:`WeightsError` if it is not a folder.
    """
    root = folder or default_folder()
    if not root.is_dir():
        raise WeightsError(f"weights folder not found: {root}", "run `cmet download-weights`")
    checks = []
    records = read_records(root)
    for kept, record in sorted(records.items()):
        if not only or record.name in only:
            found = _compare(root / kept, record.kept_size, record.kept_sha256)
            checks.append(FileCheck(kept, "changed" if found else "ok", found))
    for entry in FILES:
        path = root / entry.local_published
        unlisted = entry.local_published not in records and path.is_file()
        if unlisted and (not only or entry.name in only):
            checks.append(_check_published(path, entry))
    missing = [n for n in inspect_folder(root).missing if not only or n in only]
    checks += [FileCheck(str(root), "missing", f"no {name} weights") for name in missing]
    return checks


def _check_published(path: Path, entry: WeightFile) -> FileCheck:
    if entry.sha256 is None:
        return FileCheck(entry.local_published, "unverified", "present, no digest is published")
    if _compare(path, entry.size, entry.sha256):
        return FileCheck(entry.local_published, "other", "is not the published file (sha256)")
    return FileCheck(entry.local_published, "ok")


def _compare(path: Path, size: int | None, sha256: str) -> str:
    """An empty string, or what is wrong with a file."""
    if not path.is_file():
        return "missing"
    found = path.stat().st_size
    if size is not None and found != size:
        return f"{found} bytes, expected {size}"
    if sha256_of(path) != sha256:
        return "content has changed since it was received (sha256)"
    return ""

"""Checking a weights folder against its record, without a network."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from ..errors import WeightsError
from .folder import default_folder, inspect_folder, part_of
from .record import read_records, sha256_of
from .registry import (
    EVALUATION_FILES,
    FILES,
    PRESETS_NAME,
    TOGETHER,
    WeightFile,
    check_names,
)


@dataclass(frozen=True)
class FileCheck:
    """One file's state.

    ``ok``; ``unverified``: nothing known to compare with; ``other``: not the published content;
    ``changed``: not what was received; ``damaged``: cannot be read whole; ``missing``.
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
    against the digests known for certain, else its archives' own checksums. Raises
    :class:`WeightsError` if it is not a folder, :class:`UsageError` for an unknown name.
    """
    check_names(only)
    root = folder or default_folder()
    if not root.is_dir():
        raise WeightsError(f"weights folder not found: {root}", "run `cmet download-weights`")
    only = tuple(name for asked in only for name in TOGETHER.get(asked, (asked,)))
    checks = []
    records = read_records(root)
    for kept, record in sorted(records.items()):
        if not only or record.name in only:
            found = _compare(root / kept, record.kept_size, record.kept_sha256)
            checks.append(FileCheck(kept, "changed" if found else "ok", found))
    for entry in (*FILES, *EVALUATION_FILES):
        for relative in dict.fromkeys((entry.kept, entry.local_published)):
            unlisted = relative not in records and (root / relative).is_file()
            if unlisted and (not only or entry.name in only):
                checks.append(_check_unlisted(root, relative, entry))
    # Beyond what an edit needs, files are missed by nobody who does not ask for them.
    told = {records[check.path].name for check in checks if check.path in records}
    missing = [name for name in only if name not in told and not _is_there(root, name)]
    missing = missing if only else list(inspect_folder(root).missing)
    checks += [FileCheck(str(root), "missing", f"no {name} weights") for name in missing]
    return checks


def _is_there(root: Path, name: str) -> bool:
    if name == PRESETS_NAME:
        return inspect_folder(root).presets is not None
    entries = [entry for entry in (*FILES, *EVALUATION_FILES) if entry.name == name]
    return part_of(root, entries[0]) is not None


def check_file(path: Path, entry: WeightFile) -> str:
    """An empty string, or how a file differs from what is known of the published one."""
    return _compare(path, entry.size, entry.sha256) if entry.sha256 else ""


def _check_unlisted(root: Path, relative: str, entry: WeightFile) -> FileCheck:
    path, published = root / relative, relative == entry.local_published
    if not _is_whole(path):
        return FileCheck(relative, "damaged", "damaged or truncated, cannot be read")
    if not published or entry.sha256 is None:
        return FileCheck(relative, "unverified", "present, no digest is known")
    if _compare(path, entry.size, entry.sha256):
        return FileCheck(relative, "other", "is not the published file (sha256)")
    return FileCheck(relative, "ok")


def _is_whole(path: Path) -> bool:
    """Whether a checkpoint's own structure is intact; ``True`` where it says nothing of itself."""
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="np"):  # compares its header with the file's length
                return True
        if path.suffix in (".pt", ".pth") and _starts_as_zip(path):
            with zipfile.ZipFile(path) as archive:
                stored = all(m.compress_type == zipfile.ZIP_STORED for m in archive.infolist())
                return stored and archive.testzip() is None
    except Exception:  # whatever a damaged header leads the libraries to
        return False
    return True


def _starts_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


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

"""Checking a weights folder against its record, without a network."""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsError
from .folder import default_folder, inspect_folder
from .manifest import read_manifest, sha256_of
from .registry import FILES, REQUIRED


def check_folder(folder: Path | None, only: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """-> problems, verified files. Looks at digests, so it reads every file once.

    A folder of ``cmet download-weights`` is checked against its record; one laid out as published
    against the digests known for certain. Raises :class:`WeightsError` if it is not a folder.
    """
    root = folder or default_folder()
    if not root.is_dir():
        raise WeightsError(f"weights folder not found: {root}", "run `cmet download-weights`")
    problems, verified = [], []
    records = read_manifest(root)
    for kept, record in sorted(records.items()):
        if only and record.name not in only:
            continue
        problem = _compare(root / kept, record.kept_size, record.kept_sha256)
        (problems if problem else verified).append(problem or kept)
    for entry in FILES:
        path = root / entry.local_published
        if (only and entry.name not in only) or entry.local_published in records:
            continue
        if path.is_file():
            problem = _compare(path, entry.size, entry.sha256)
            known = entry.sha256 is not None
            label = entry.local_published + ("" if known else " (present; no digest published)")
            (problems if problem else verified).append(problem or label)
    missing = [n for n in inspect_folder(root).missing if not only or n in only]
    problems += [f"{root}: no {name} weights" for name in missing if name in REQUIRED]
    return problems, verified


def _compare(path: Path, size: int | None, sha256: str | None) -> str:
    """An empty string, or what is wrong with a file."""
    if not path.is_file():
        return f"{path}: missing"
    found = path.stat().st_size
    if size is not None and found != size:
        return f"{path}: {found} bytes, expected {size}"
    if sha256 is not None and sha256_of(path) != sha256:
        return f"{path}: content has changed (sha256 differs from the record)"
    return ""

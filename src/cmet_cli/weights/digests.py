"""Which files a model is, by content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .folder import Weights
from .record import read_records, sha256_of


def file_digests(
    weights: Weights,
    digest: Callable[[Path], str] = sha256_of,
    also: Sequence[Path] = (),
) -> dict[str, str]:
    """SHA-256 of every file of a model, and of more files and folders, by its name in the model's
    folder (in its own, where it is in another); downloaded ones as recorded.

    Raises :class:`OSError`, :class:`WeightsError`.
    """
    records, found = read_records(weights.root), dict[str, str]()
    for part in (*weights.parts, *also):
        for path in sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]:
            inside = path.is_relative_to(weights.root)
            name = path.relative_to(weights.root if inside else part.parent).as_posix()
            record = records.get(name)
            recorded = record is not None and record.kept_size == path.stat().st_size
            found[name] = record.kept_sha256 if record and recorded else digest(path)
    return found

"""What determines a result: the content of its inputs, its options, the model and this version."""

# Paths stay text: 100,000 rows are checked in seconds.
# ruff: noqa: PTH116, PTH122

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from .rows import Row, is_url

if TYPE_CHECKING:
    from ..weights.folder import Weights


def digest_of(value: Any) -> str:
    """Hex digest of plain values."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Digests:
    """Content digests, each file read once while its size and time of change stay the same.

    known: location -> [size, mtime_ns, digest], from the journal.
    """

    def __init__(self, known: Mapping[str, list[Any]] | None = None) -> None:
        self._known: dict[str, list[Any]] = dict(known or {})

    def entry(self, location: str) -> list[Any]:
        """[size, mtime_ns, digest]. Raises :class:`OSError` where the file is gone."""
        if is_url(location):
            from .remote import remote_entry

            return remote_entry(location)
        status = os.stat(location)
        identity = [status.st_size, status.st_mtime_ns]
        known = self._known.get(location)
        if known is None or known[:2] != identity:
            from ..weights.record import sha256_of

            known = [*identity, sha256_of(Path(location))]
            self._known[location] = known
        return known

    def entries(self, row: Row) -> dict[str, list[Any]]:
        """Every input of a row."""
        return {place: self.entry(place) for group in row.inputs().values() for place in group}


def made_of(
    row: Row, entries: Mapping[str, list[Any]], model: str, precision: str
) -> dict[str, Any]:
    """What a row's result is made of, by name; equal if and only if the result is the same."""
    from ..media.writer import CONTAINERS

    inputs = {
        name: [entries[place][2] for place in places]
        for name, places in row.inputs().items()
        if places
    }
    suffix = os.path.splitext(row.output)[1].lower()
    return inputs | {
        "options": row.result_options(),
        "container": CONTAINERS.get(suffix, suffix),
        "model": model,
        "precision": precision,
        "version": __version__,
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Why a row must be done again, in words; empty where it need not."""
    names = []
    for name in dict.fromkeys([*now, *before]):
        old, new = before.get(name), now.get(name)
        if name == "options" and isinstance(old, dict) and isinstance(new, dict):
            names += [k for k in dict.fromkeys([*new, *old]) if old.get(k) != new.get(k)]
        elif old != new:
            names.append(name)
    return ", ".join(names)


def model_digest(weights: Weights, digests: Digests) -> str:
    """One digest for all files of a model; large ones are taken from the download's record."""
    from ..weights.record import read_records

    records = read_records(weights.root)
    found: dict[str, str] = {}
    parts = (
        weights.edtalk, weights.audio2lip, weights.connector, weights.speech, weights.yunet,
        weights.config, *weights.neutral_presets,
    )  # fmt: skip
    for part in parts:
        for path in _files(part):
            inside = path.is_relative_to(weights.root)
            name = path.relative_to(weights.root).as_posix() if inside else path.name
            record = records.get(name)
            recorded = record is not None and record.kept_size == path.stat().st_size
            digest = record.kept_sha256 if record and recorded else digests.entry(str(path))[2]
            found[name] = digest
    return digest_of(found)


def _files(part: Path | None) -> list[Path]:
    if part is None:
        return []
    return sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]

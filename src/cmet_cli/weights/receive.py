"""One file from the Hub into a weights folder: fetched, verified, converted, recorded."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import HubError
from ..media.files import atomic_path
from ..options import Progress
from . import hub
from .checkpoint import Shapes, convert_pickle
from .folder import cached_file
from .record import Record, sha256_of
from .registry import PRESETS_NAME, WeightFile

INCOMING = ".incoming"


@dataclass(frozen=True)
class Receiver:
    """Where files go, and how they are got.

    expected: tensor names and shapes of the networks, by registry name, where they are known.
    """

    root: Path
    progress: Progress
    endpoint: str | None = None
    keep_originals: bool = False
    expected: Mapping[str, Shapes] | None = None

    def weights(self, entry: WeightFile, remote: hub.RemoteFile) -> tuple[Record, list[str]]:
        """Get one published file; -> its record, and the names in it that no network uses.

        Raises :class:`HubError`, :class:`CheckpointError` or :class:`MediaError`.
        """
        stage = Path(entry.published).name
        cached = cached_file(entry, remote.revision)
        received = cached or hub.fetch(
            remote,
            self.root / INCOMING / entry.repo.replace("/", "--"),
            lambda done, total: self.progress(stage, done, total),
            self.endpoint,
        )
        digest = _verified_digest(received, remote, entry)
        size, destination = received.stat().st_size, self.root / entry.kept
        destination.parent.mkdir(parents=True, exist_ok=True)
        unknown: list[str] = []
        if entry.converted:
            shapes = (self.expected or {}).get(entry.name)
            # Under its own name it is for hashing too long without a record.
            made = self.root / INCOMING / "converted" / destination.name
            made.parent.mkdir(parents=True, exist_ok=True)
            unknown = convert_pickle(received, made, entry, shapes)
            if self.keep_originals:
                original = self.root / entry.local_published
                original.parent.mkdir(parents=True, exist_ok=True)
                _place(received, original, move=cached is None)
            elif cached is None:
                received.unlink()
            kept = sha256_of(made)
            _place(made, destination, move=True)
        else:
            kept = digest
            _place(received, destination, move=cached is None)
        record = Record(
            name=entry.name,
            repo=entry.repo,
            published=entry.published,
            revision=remote.revision,
            size=size,
            sha256=digest,
            kept=entry.kept,
            kept_size=destination.stat().st_size,
            kept_sha256=kept,
        )
        return record, unknown

    def presets(self, remotes: Sequence[hub.RemoteFile]) -> list[Record]:
        """Get the published utterance features, all or none. Raises :class:`HubError`."""
        incoming, records, received = self.root / INCOMING / PRESETS_NAME, [], []
        for i, remote in enumerate(remotes):
            path = hub.fetch(remote, incoming, lambda *_: None, self.endpoint)
            digest = _verified_digest(path, remote)
            received.append(path)
            records.append(
                Record(
                    name=PRESETS_NAME,
                    repo=remote.repo,
                    published=remote.path,
                    revision=remote.revision,
                    size=remote.size,
                    sha256=digest,
                    kept=remote.path,
                    kept_size=remote.size,
                    kept_sha256=digest,
                )
            )
            self.progress(PRESETS_NAME, i + 1, len(remotes))
        for path, record in zip(received, records, strict=True):
            destination = self.root / record.kept
            destination.parent.mkdir(parents=True, exist_ok=True)
            path.replace(destination)
        return records


def _verified_digest(path: Path, remote: hub.RemoteFile, entry: WeightFile | None = None) -> str:
    """The file's sha256, after comparing it with everything known about it."""
    digest = sha256_of(path)
    comparisons = [(digest, remote.sha256), (digest, entry.sha256 if entry else None)]
    if remote.git_sha1:
        comparisons.append((git_sha1_of(path), remote.git_sha1))
    for found, expected in comparisons:
        if expected is not None and found != expected:
            raise HubError(
                f"{remote.repo}/{remote.path}: received content is not what was published "
                f"(digest {found[:12]}..., expected {expected[:12]}...)",
                "run the download again; if it repeats, the file has changed at its publisher",
            )
    size = path.stat().st_size
    if size != remote.size:
        raise HubError(
            f"{remote.repo}/{remote.path}: {size} bytes received, expected {remote.size}",
            "run the download again",
        )
    return digest


def git_sha1_of(path: Path) -> str:
    """git's name for a file's content, which the Hub states for small files."""
    content = path.read_bytes()
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def _place(source: Path, destination: Path, *, move: bool) -> None:
    """Move within one file system (atomic), or copy a file that belongs to the Hub cache."""
    if move:
        source.replace(destination)
        return
    with atomic_path(destination, overwrite=True) as part:
        shutil.copyfile(source, part)

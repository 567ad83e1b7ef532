"""``download_weights``: fetch what is missing, check it, keep only the tensors that are used."""

from __future__ import annotations

import difflib
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..emotion.speech.emotion2vec import strip_prefixes
from ..errors import HubError, MediaError, UsageError
from ..options import Progress, no_progress
from . import hub
from .checkpoint import convert_pickle
from .folder import cached_file, default_folder
from .record import Record, read_manifest, sha256_of, write_manifest
from .registry import (
    FEATURE_FOLDER,
    FILES,
    NAMES,
    PRESETS_FOLDER,
    PRESETS_NAME,
    PRESETS_REPO,
    PRESETS_REPO_TYPE,
    WeightFile,
)

INCOMING = ".incoming"
#: A pickle and the safetensors made from it lie side by side for a moment.
DISK_FACTOR = 2.0
DISK_RESERVE_BYTES = 64 << 20


@dataclass
class DownloadReport:
    """What a run did: files by their kept path, and what the user should know."""

    folder: Path
    fetched: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"folder": str(self.folder)}


def download_weights(
    folder: Path | None = None,
    *,
    only: tuple[str, ...] = (),
    keep_originals: bool = False,
    progress: Progress = no_progress,
    endpoint: str | None = None,
) -> DownloadReport:
    """Bring a weights folder up to date; a complete one costs no request.

    folder: default is beside the Hub client's cache; only: names from the registry;
    endpoint: another Hub than ``$HF_ENDPOINT``. Raises :class:`HubError`,
    :class:`CheckpointError`, :class:`MediaError` (disk) or :class:`UsageError`.
    """
    _check_names(only)
    root = folder or default_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"weights folder cannot be made: {root} ({error.strerror})") from error
    report, records = DownloadReport(root), read_manifest(root)
    missing = []
    for entry in FILES:
        if only and entry.name not in only:
            continue
        kept = entry.converted or entry.local_published
        if _is_present(root, kept, records):
            report.present.append(kept)
        else:
            missing.append(entry)
    remotes = [
        (entry, hub.remote_file(entry.repo, entry.published, entry.revision, endpoint=endpoint))
        for entry in missing
    ]
    _check_disk(root, remotes)
    for entry, remote in remotes:
        record = _fetch_entry(entry, remote, root, keep_originals, progress, endpoint)
        _note_change(records.get(record.kept), record, report)
        records[record.kept] = record
        write_manifest(root, records)
        report.fetched.append(record.kept)
    if not only or PRESETS_NAME in only:
        _presets(root, records, report, bool(only), progress, endpoint)
    shutil.rmtree(root / INCOMING, ignore_errors=True)
    return report


def _check_names(only: tuple[str, ...]) -> None:
    for name in only:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(NAMES)}"
            raise UsageError(f"no weights are called '{name}'", hint)


def _is_present(root: Path, kept: str, records: dict[str, Record]) -> bool:
    path, record = root / kept, records.get(kept)
    return record is not None and path.is_file() and path.stat().st_size == record.kept_size


def _check_disk(root: Path, remotes: list[tuple[WeightFile, hub.RemoteFile]]) -> None:
    need = sum((r.size or e.about_bytes) * DISK_FACTOR for e, r in remotes)
    free = shutil.disk_usage(root).free
    if remotes and free < need + DISK_RESERVE_BYTES:
        raise MediaError(
            f"{root}: {free / 1e9:.2f} GB free, {need / 1e9:.2f} GB needed for the download",
            "free some disk space, or choose another place with --dir",
        )


def _fetch_entry(
    entry: WeightFile,
    remote: hub.RemoteFile,
    root: Path,
    keep_originals: bool,
    progress: Progress,
    endpoint: str | None,
) -> Record:
    """Download, verify, convert or move into place, and describe one file."""
    stage = Path(entry.published).name
    already = cached_file(entry)
    incoming = root / INCOMING / entry.repo.replace("/", "--")
    received = already or hub.fetch(
        remote, incoming, lambda done, total: progress(stage, done, total or remote.size), endpoint
    )
    digest = _verified_digest(received, entry, remote, ours=already is None)
    size, kept = received.stat().st_size, entry.converted or entry.local_published
    destination = root / kept
    destination.parent.mkdir(parents=True, exist_ok=True)
    if entry.converted:
        rename = strip_prefixes if entry.name == "emotion2vec" else str
        convert_pickle(received, destination, entry.key, entry.unused, rename)
        if keep_originals:
            original = root / entry.local_published
            original.parent.mkdir(parents=True, exist_ok=True)
            _place(received, original, move=already is None)
        elif already is None:
            received.unlink()
    else:
        _place(received, destination, move=already is None)
    kept_digest = digest if not entry.converted else sha256_of(destination)
    return Record(
        entry.name, entry.repo, entry.published, remote.revision, size, digest,
        kept, destination.stat().st_size, kept_digest,
    )  # fmt: skip


def _verified_digest(path: Path, entry: WeightFile, remote: hub.RemoteFile, ours: bool) -> str:
    """The file's sha256, after comparing it with everything known about it."""
    digest, size = sha256_of(path), path.stat().st_size
    for expected in (entry.sha256, remote.sha256):
        if expected is not None and digest != expected:
            if ours:
                path.unlink()
            raise HubError(
                f"{entry.repo}/{entry.published}: received content is not what was published "
                f"(sha256 {digest[:12]}..., expected {expected[:12]}...)",
                "run the download again; if it repeats, the file has changed at its publisher",
            )
    expected_size = entry.size if entry.size is not None else remote.size
    if expected_size is not None and size != expected_size:
        raise HubError(
            f"{entry.repo}/{entry.published}: {size} bytes received, expected {expected_size}",
            "run the download again",
        )
    return digest


def _place(source: Path, destination: Path, *, move: bool) -> None:
    """Move within one file system (atomic), or copy a file that belongs to the Hub cache."""
    if move:
        source.replace(destination)
    else:
        part = destination.with_name(f".{destination.name}.part")
        shutil.copyfile(source, part)
        part.replace(destination)


def _note_change(before: Record | None, now: Record, report: DownloadReport) -> None:
    if before is not None and before.sha256 != now.sha256:
        report.warnings.append(
            f"{now.repo}/{now.published} has changed at its publisher since it was first fetched"
        )


def _presets(
    root: Path,
    records: dict[str, Record],
    report: DownloadReport,
    asked_for: bool,
    progress: Progress,
    endpoint: str | None,
) -> None:
    """The published utterance features. An edit runs without them, so trouble is a warning."""
    recorded = [kept for kept, record in records.items() if record.name == PRESETS_NAME]
    have = [kept for kept in recorded if _is_present(root, kept, records)]

    if have:
        report.present += have
        return
    try:
        files = [
            f
            for f in hub.list_files(PRESETS_REPO, PRESETS_FOLDER, PRESETS_REPO_TYPE, endpoint)
            if f.path.endswith(".npy") and FEATURE_FOLDER in f.path
        ]
        if not files:
            raise HubError(f"no presets in {PRESETS_REPO}/{PRESETS_FOLDER}", "edits work without")
        for i, remote in enumerate(files):
            record = _fetch_preset(remote, root, endpoint)
            records[record.kept] = record
            report.fetched.append(record.kept)
            progress(PRESETS_NAME, i + 1, len(files))
        write_manifest(root, records)
    except HubError as error:
        if asked_for:
            raise
        report.warnings.append(f"emotion presets were not fetched: {error.message}")


def _fetch_preset(remote: hub.RemoteFile, root: Path, endpoint: str | None) -> Record:
    received = hub.fetch(remote, root / INCOMING / "presets", lambda *_: None, endpoint)
    destination = root / remote.path
    destination.parent.mkdir(parents=True, exist_ok=True)
    received.replace(destination)
    digest, size = sha256_of(destination), destination.stat().st_size
    return Record(
        PRESETS_NAME, remote.repo, remote.path, remote.revision, size, digest,
        remote.path, size, digest,
    )  # fmt: skip

"""``download_weights``: fetch what is missing, check it, keep only the tensors that are used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import filelock

from ..errors import HubError, MediaError, UsageError
from ..options import Progress, no_progress
from . import hub
from .checkpoint import Shapes, listed
from .folder import default_folder
from .receive import INCOMING, Receiver
from .record import Record, read_records, sha256_of, write_records
from .registry import (
    EVALUATION_FILES,
    FEATURE_FOLDER,
    FILES,
    PRESETS_FOLDER,
    PRESETS_NAME,
    PRESETS_REPO,
    PRESETS_REPO_TYPE,
    SPEECH_NAME,
    TOGETHER,
    WeightFile,
    check_names,
)

#: A pickle and the safetensors made from it lie side by side for a moment.
DISK_FACTOR = 2.0
DISK_RESERVE_BYTES = 64 << 20
#: A file may grow at its publisher, but not without bound.
MOST_TIMES_ABOUT = 4
MOST_SMALL_BYTES = 64 << 20
MOST_PRESET_BYTES = 1 << 20


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
    expected: Mapping[str, Shapes] | None = None,
) -> DownloadReport:
    """Bring a weights folder up to date; a complete one costs no request.

    folder: default is beside the Hub client's cache; only: names from the registry; endpoint:
    another Hub than ``$HF_ENDPOINT``; expected: tensor names and shapes by registry name (the
    renderer's ``published_shapes()``): with them a file that does not fit is refused here, not at
    the first edit, and tensors that are not used are left out and listed. Whatever happens, only
    whole, verified files appear. Raises :class:`HubError`, :class:`CheckpointError`,
    :class:`MediaError` (disk) or :class:`UsageError`.
    """
    check_names(only)
    only = tuple(name for asked in only for name in TOGETHER.get(asked, (asked,)))
    root = folder or default_folder()
    plan = _plan(root, only)
    if not plan.files and not plan.presets:
        return plan.report
    _check_ours(root, [entry.kept for entry in plan.files], plan.records)
    with _incoming(root):
        plan = _plan(root, only)  # another run may just have finished
        receiver = Receiver(root, progress, endpoint, keep_originals, expected)
        _receive_weights(plan, receiver)
        if plan.presets:
            _receive_presets(plan, receiver, asked_for=PRESETS_NAME in only)
    return plan.report


def _check_ours(root: Path, kept: Iterable[str], records: Mapping[str, Record]) -> None:
    """Nothing is replaced that no download put there. Raises :class:`UsageError`."""
    if (root / INCOMING).exists():
        return  # a download that was killed may have come as far as a file, and not to its record
    for place in kept:
        if place not in records and os.path.lexists(root / place):
            raise UsageError(
                f"{root / place} is there, and no download put it there",
                "choose another place with --dir, or move it away",
            )


@dataclass
class _Plan:
    """What is there (in ``report``), what is to be fetched, and the record so far."""

    report: DownloadReport
    files: list[WeightFile]
    presets: bool
    records: dict[str, Record]


def _plan(root: Path, only: tuple[str, ...]) -> _Plan:
    report, records = DownloadReport(root), read_records(root)
    wanted = [e for e in (*FILES, *EVALUATION_FILES) if e.name in only] if only else list(FILES)
    names = {entry.name for entry in wanted} | {PRESETS_NAME}
    mine = {kept: record for kept, record in records.items() if record.name in names}
    here = {kept for kept, record in mine.items() if _is_present(root, record)}
    report.present += [entry.kept for entry in wanted if entry.kept in here]
    # What emotion2vec hears is told by its likeness to the published emotions.
    presets = not only or PRESETS_NAME in only or SPEECH_NAME in only
    if presets:
        known = {kept for kept, record in records.items() if record.name == PRESETS_NAME}
        report.present += sorted(known & here)
        presets = not known or not known <= here
    return _Plan(report, [e for e in wanted if e.kept not in here], presets, records)


def _is_present(root: Path, record: Record) -> bool:
    """Whether a file is there as it was received: a disk may change one and keep its size."""
    path = root / record.kept
    whole = path.is_file() and path.stat().st_size == record.kept_size
    return whole and sha256_of(path) == record.kept_sha256


@contextmanager
def _incoming(root: Path) -> Iterator[None]:
    """A place for files on their way, for one run at a time, gone when the block is left."""
    place = root / INCOMING
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"weights folder cannot be made or written: {root} ({error.strerror})",
            "choose another place with --dir",
        ) from error
    try:
        with filelock.FileLock(place / "lock", timeout=0):
            try:
                yield
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except filelock.Timeout as error:
        raise UsageError(f"another download into {root} is running", "wait for it") from error


def _receive_weights(plan: _Plan, receiver: Receiver) -> None:
    remotes = [
        hub.remote_file(
            entry.repo, entry.published, entry.revision, entry.repo_type, receiver.endpoint
        )
        for entry in plan.files
    ]
    for entry, remote in zip(plan.files, remotes, strict=True):
        _check_size(entry, remote)
    _check_disk(receiver.root, remotes)
    _note_revisions(plan, remotes)
    for entry, remote in zip(plan.files, remotes, strict=True):
        record, unknown = receiver.weights(entry, remote)
        if unknown:
            plan.report.warnings.append(
                f"{entry.repo}/{entry.published}: {listed(unknown)} not used by this version of "
                "cmet, left out"
            )
        _keep(plan, record)
        write_records(receiver.root, plan.records)


def _keep(plan: _Plan, record: Record) -> None:
    before = plan.records.get(record.kept)
    if before is not None and before.sha256 != record.sha256:
        plan.report.warnings.append(
            f"{record.repo}/{record.published} has changed at its publisher since it was first "
            "fetched"
        )
    plan.records[record.kept] = record
    plan.report.fetched.append(record.kept)


def _check_size(entry: WeightFile, remote: hub.RemoteFile) -> None:
    """A wrong size is told before the download, and none is without bound."""
    most = max(MOST_TIMES_ABOUT * entry.about_bytes, MOST_SMALL_BYTES)
    if remote.size > most or (entry.size is not None and remote.size != entry.size):
        about = entry.size or entry.about_bytes or "less"
        raise HubError(
            f"{entry.repo}/{entry.published}: the Hub says {remote.size} bytes, expected {about}",
            "the file has changed at its publisher, or this is not the Hub (HF_ENDPOINT)",
        )


def _check_disk(root: Path, remotes: list[hub.RemoteFile]) -> None:
    need = sum(remote.size for remote in remotes) * DISK_FACTOR
    free = shutil.disk_usage(root).free
    if remotes and free < need + DISK_RESERVE_BYTES:
        raise MediaError(
            f"{root}: {free / 1e9:.2f} GB free, {need / 1e9:.2f} GB needed for the download",
            "free some disk space, or choose another place with --dir",
        )


def _note_revisions(plan: _Plan, remotes: list[hub.RemoteFile]) -> None:
    """A repository that cannot be pinned may move between two downloads; that is said."""
    for repo in dict.fromkeys(remote.repo for remote in remotes):
        before = [r for r in plan.records.values() if r.repo == repo and r.name != PRESETS_NAME]
        seen = {record.revision: record.kept for record in before}
        for remote in (r for r in remotes if r.repo == repo):
            if seen and remote.revision not in seen:
                old, kept = next(iter(seen.items()))
                plan.report.warnings.append(
                    f"{repo} has moved: {kept} is of revision {old[:12]}, "
                    f"{remote.path} of {remote.revision[:12]}; they may not belong together "
                    "(delete the folder and download again for all of one)"
                )
                break
            seen.setdefault(remote.revision, remote.path)


def _receive_presets(plan: _Plan, receiver: Receiver, *, asked_for: bool) -> None:
    """The published utterance features. An edit runs without them, so trouble is a warning."""
    try:
        listing = hub.list_files(PRESETS_REPO, PRESETS_FOLDER, PRESETS_REPO_TYPE, receiver.endpoint)
        files = [
            remote
            for remote in listing
            if remote.path.startswith(f"{PRESETS_FOLDER}/")
            and remote.path.endswith(".npy")
            and FEATURE_FOLDER in remote.path
            and 0 < remote.size <= MOST_PRESET_BYTES
        ]
        if not files:
            raise HubError(f"no presets in {PRESETS_REPO}/{PRESETS_FOLDER}", "edits work without")
        for record in receiver.presets(files):
            _keep(plan, record)
        write_records(receiver.root, plan.records)
    except HubError as error:
        if asked_for:
            raise
        plan.report.warnings.append(f"emotion presets were not fetched: {error.message}")

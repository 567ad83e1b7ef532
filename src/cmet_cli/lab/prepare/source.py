"""What is found in a data set as it is distributed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..layout import ClipKey

_LFS_HEAD = b"version https://git-lfs"


@dataclass(frozen=True)
class SourceClip:
    """One clip. name: as the data set calls it; sound: the recording to hear, which may be the
    video itself."""

    key: ClipKey
    name: str
    video: Path
    sound: Path


@dataclass(frozen=True)
class Skipped:
    """Something of the data set that is left out, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Found:
    """Clips to prepare, in order, and what is left out for a reason known beforehand."""

    clips: tuple[SourceClip, ...]
    skipped: tuple[Skipped, ...] = ()


def folders(root: Path) -> Iterator[Path]:
    """The folders of a folder that are not hidden, by name."""
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            yield path


def files(root: Path, pattern: str) -> list[Path]:
    """Files by pattern, hidden ones (of other systems, or unfinished) left out, by name."""
    return sorted(p for p in root.glob(pattern) if not p.name.startswith(".") and p.is_file())


def is_pointer(path: Path) -> bool:
    """Whether a file is what Git LFS leaves in the place of one that was not fetched."""
    if path.stat().st_size > 1024:
        return False
    with path.open("rb") as file:
        return file.read(len(_LFS_HEAD)) == _LFS_HEAD

"""The files that an edit can be written as."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError

#: ffmpeg's muxers by suffix.
CONTAINERS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov", ".m4v": "mp4"}


def container_of(path: Path) -> str:
    """ffmpeg's muxer for an output name. Raises :class:`UsageError` for another suffix."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(CONTAINERS)
        raise UsageError(f"output must end in one of {known}: {path}") from None


def check_picture(path: Path) -> None:
    """Raises :class:`UsageError` for a preview that is not to be a PNG."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"a preview is written as .png: {path}")

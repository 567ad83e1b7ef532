"""Whether a file is still the one that was read."""

from __future__ import annotations

from pathlib import Path

from ..media.ffmpeg import check_input


def file_identity(path: Path) -> tuple[str, int, int]:
    """Changes when a file is replaced or rewritten: resolved path, size, time of change. Raises
    :class:`UsageError` for one that is not there."""
    check_input(path, "video")
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns

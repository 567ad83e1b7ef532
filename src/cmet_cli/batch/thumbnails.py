"""Small pictures before and after, for the report."""

from __future__ import annotations

import base64
from pathlib import Path

from ..errors import CmetError
from ..media.ffmpeg import file_url, run_short

SIDE_PX = 112
JPEG_Q = 6  # ffmpeg's scale, 2 (best) to 31
KEPT = 16
PICTURE_TIMEOUT_S = 20.0


class Thumbnails:
    """Makes them; pictures of a video that serves several rows are made once."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._before: dict[tuple[str, int, float], str] = {}

    def of(self, video: Path, edited: Path, duration_s: float) -> tuple[str, str]:
        """Base64 JPEGs of the middle of a clip, before and after; empty where none can be made."""
        if not self._wanted:
            return "", ""
        moment_s = round(duration_s / 2, 3)
        key = (str(video), video.stat().st_mtime_ns, moment_s)
        if key not in self._before:
            while len(self._before) >= KEPT:
                self._before.pop(next(iter(self._before)))
            self._before[key] = picture(video, moment_s)
        return self._before[key], picture(edited, moment_s)


def picture_argv(video: Path, moment_s: float) -> list[str]:
    """One frame as JPEG on stdout."""
    fit = f"scale=w={SIDE_PX}:h={SIDE_PX}:force_original_aspect_ratio=decrease"
    return [
        "-ss", f"{moment_s:.3f}", "-i", file_url(video), "-map", "0:V:0", "-frames:v", "1",
        "-vf", f"{fit},format=yuvj420p", "-c:v", "mjpeg", "-q:v", str(JPEG_Q), "-f", "image2pipe",
        "pipe:1",
    ]  # fmt: skip


def picture(video: Path, moment_s: float) -> str:
    """Base64 JPEG; empty where ffmpeg gives none (a report without a picture is still one)."""
    try:
        run = run_short(picture_argv(video, moment_s), PICTURE_TIMEOUT_S)
    except CmetError:
        return ""
    return base64.b64encode(run.stdout).decode() if run.returncode == 0 else ""

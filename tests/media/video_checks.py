"""Clips for the media tests, and what must hold of an edited one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cmet_cli import EditOptions
from cmet_cli.backends.edtalk.crop_calibration import EDTALK_CROP
from cmet_cli.faces.blend import face_mask
from cmet_cli.media.ffmpeg import run_short
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader

PICTURE = "-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds}"
SOUND = "-f lavfi -i sine=f=220:r=48000:d={seconds}"
H264 = "-c:v libx264 -preset ultrafast"


def clip(make_media, name, tail, *, size="96x64", rate="25", seconds=0.6, sound=True):
    inputs = PICTURE.format(size=size, rate=rate, seconds=seconds)
    if sound:
        inputs += " " + SOUND.format(seconds=seconds)
    return make_media(name, f"{inputs} {tail}")


def read(path: Path):
    info = probe_video(path)
    with FrameReader(info, timestamps=True) as reader:
        frames = [frame.planes for frame in reader]
        return info, frames, [t * info.time_base for t in reader.ticks]


def packets(path: Path, streams: str = "a") -> list[tuple[int, int, str]]:
    run = run_short(["-i", str(path), "-map", f"0:{streams}", "-c", "copy", "-f", "framehash", "-"])
    # Stream, size and hash of each packet, by stream: containers count time in other units, order
    # the streams' packets in other ways and note the encoder's delay in their own side data.
    rows = [r.split(",") for r in run.stdout.decode().splitlines() if not r.startswith("#")]
    return sorted((int(r[0]), i, r[4] + r[5]) for i, r in _per_stream(rows))


def _per_stream(rows: list[list[str]]):
    seen: dict[str, int] = {}
    for row in rows:
        seen[row[0]] = seen.get(row[0], -1) + 1
        yield seen[row[0]], row


def edit(editor, video, voice, tmp_path, suffix=".mp4", **options):
    # Random weights render nothing that a difference would be trusted with.
    wanted = {"face_detector": "none", "crf": 0, "detail": "render", "lips": "audio"} | options
    output = tmp_path / f"out{suffix}"
    result = editor.edit(video, voice, output, neutral=voice, options=EditOptions(**wanted))
    # What the sound of a fixture is taken for, or that it has none, is not what is checked here.
    others = ("what was heard", "lips follow the picture: the video has no sound")
    kept = tuple(words for words in result.warnings if not words.startswith(others))
    return replace(result, warnings=kept)


def assert_same_clock(before: list[Fraction], after: list[Fraction], tick: Fraction) -> None:
    assert len(before) == len(after)
    worst = max(abs(a - b) for a, b in zip(before, after, strict=True))
    assert worst <= tick / 2, f"off by {float(worst):.6f} s"


def near_face(width: int, height: int) -> np.ndarray:
    """Where the face mask may reach, with room for chroma and smoothing. bool ``[h, w]``."""
    side = min(width, height)
    big = cv2.resize(face_mask(32, EDTALK_CROP.face), (side, side)) > 0
    touched = np.zeros((height, width), np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    touched[top : top + side, left : left + side] = big
    return cv2.dilate(touched, np.ones((11, 11), np.uint8)) > 0


def assert_untouched_outside(before, after, info) -> None:
    """Outside the face nothing differs at all, and inside it something does."""
    grown = near_face(info.width, info.height)
    changed = 0
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(old[0][~grown], new[0][~grown])
        for c in (1, 2):
            sub = grown[:: info.pixel_format.sub_y, :: info.pixel_format.sub_x]
            sub = sub[: old[c].shape[0], : old[c].shape[1]]
            assert np.array_equal(old[c][~sub], new[c][~sub])
        changed += int((old[0] != new[0]).sum())
    assert changed > 0


def shown(path: Path, pixels: str, dtype: str = "u1") -> np.ndarray:
    """Every frame as ffmpeg itself shows it, in one of its packed formats. ``[n, h, w, c]``."""
    info = probe_video(path)
    tail = ["-map", "0:V:0", "-fps_mode", "passthrough", "-pix_fmt", pixels, "-f", "rawvideo", "-"]
    flags = ["-vf", "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp"]
    run = run_short(["-i", str(path), *flags, *tail])
    assert run.returncode == 0, run.stderr.decode()
    channels = 1 if pixels.startswith("gray") else 3
    return np.frombuffer(run.stdout, dtype).reshape(-1, info.height, info.width, channels)

"""What a media file holds, asked of ffmpeg itself (the bundled one brings no ffprobe)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import ffmpeg

from ..errors import MediaError
from .ffmpeg import check_input, file_url, last_words, run_short
from .pixels import Colour, PixelFormat, working_format

MAX_SIDE_PX = 16_384
_TIME_BASE = re.compile(r"config in time_base: (\d+)/(\d+), frame_rate: (\d+)/(\d+)")
_FRAME = re.compile(r"\] n:\s*\d+ pts:\s*(\S+).* fmt:(\S+) .*sar:(\d+)/(\d+) s:(\d+)x(\d+)")
_COLOUR = re.compile(
    r"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:([\w.-]+)"
)
_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)")
_STREAM = re.compile(r"^\s*Stream #0:\d+.*?: (Audio|Subtitle|Video): (\w+)", re.MULTILINE)
_ROTATION = re.compile(r"rotation of (-?[\d.]+) degrees")
SHOW_FRAMES = "showinfo=checksum=0"


@dataclass(frozen=True)
class VideoInfo:
    """One video stream as it is shown (rotation applied), and its companions.

    width, height in pixels; time_base in seconds per tick; frame_rate as the container states it;
    sample_aspect: pixel width over height; duration_s: of the whole file, None if not stated.
    """

    path: Path
    width: int
    height: int
    pixel_format: PixelFormat
    source_format: str
    colour: Colour
    time_base: Fraction
    frame_rate: Fraction | None
    sample_aspect: Fraction
    duration_s: float | None
    audio_streams: int
    subtitle_codecs: tuple[str, ...]
    rotation_deg: float

    @property
    def frame_bytes(self) -> int:
        return self.pixel_format.frame_bytes(self.width, self.height)


def probe_video(path: Path) -> VideoInfo:
    """Read the file's header and decode its first frame.

    Raises :class:`UsageError` for a missing or empty path, :class:`MediaError` for a file without
    a decodable video stream.
    """
    check_input(path, "video")
    # 0:V is video without cover pictures.
    first_frame = {"map": "0:V:0", "frames:v": 1, "vf": SHOW_FRAMES, "f": "null"}
    arguments = ffmpeg.input(file_url(path)).output("-", **first_frame).get_args()
    text = run_short(arguments).stderr.decode(errors="replace")
    streams = _STREAM.findall(text.split("Stream mapping")[0].split("Output #0")[0])
    kinds = [kind for kind, _ in streams]
    base, frame = _TIME_BASE.search(text), _FRAME.search(text)
    if base is None or frame is None:
        raise _not_a_video(path, kinds, text)
    width, height = int(frame[5]), int(frame[6])
    if max(width, height) > MAX_SIDE_PX:
        raise MediaError(f"{path}: {width}x{height} is larger than {MAX_SIDE_PX} pixels a side")
    colour = _COLOUR.search(text)
    source_format = frame[2]
    found = Colour(*colour.groups()) if colour else Colour()
    if source_format.startswith("yuvj"):
        found = Colour("pc", found.space, found.primaries, found.transfer)
    rotation = _ROTATION.search(text)
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        pixel_format=working_format(source_format, width, height),
        source_format=source_format,
        colour=found,
        time_base=Fraction(int(base[1]), int(base[2])),
        frame_rate=Fraction(int(base[3]), int(base[4])) if int(base[3]) else None,
        sample_aspect=Fraction(int(frame[3]) or 1, int(frame[4]) or 1),
        duration_s=_duration(text),
        audio_streams=kinds.count("Audio"),
        subtitle_codecs=tuple(codec for kind, codec in streams if kind == "Subtitle"),
        rotation_deg=float(rotation[1]) if rotation else 0.0,
    )


def _duration(text: str) -> float | None:
    found = _DURATION.search(text)
    if found is None:
        return None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def _not_a_video(path: Path, kinds: list[str], text: str) -> MediaError:
    if "Video" not in kinds and "Audio" in kinds:
        return MediaError(f"{path}: has sound but no video stream", "give a video with --video")
    if "Video" in kinds:
        return MediaError(f"{path}: no frame of the video could be decoded ({last_words(text)})")
    return MediaError(f"{path}: not a video that ffmpeg can read ({last_words(text)})")

"""How the picture is encoded: x264 on the processor, or NVENC on an NVIDIA GPU.

Whether NVENC works is found out by encoding a frame: an ffmpeg may bring it on a machine without a
driver, and each generation of GPUs takes other sizes and formats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import ffmpeg

from ..errors import UsageError
from ..options import PRESETS, EncoderChoice
from .ffmpeg import last_words, run_short
from .pixels import FORMATS, PixelFormat
from .probe import VideoInfo
from .program import find_ffmpeg

TRIAL_SIZE, TRIAL_RATE = (320, 240), Fraction(25)
#: What every NVENC for H.264 takes; other layouts keep their numbers with x264 only.
NVENC_FORMATS = ("yuv420p", "yuv444p")
INSTEAD = "--encoder x264 works everywhere"
_COMPLAINT = re.compile(r"^\[h264_nvenc[^\]]*\] *(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class EncodeSettings:
    """crf: quality as x264 counts it, 0 (lossless) to 51; encoder: who encodes; preset: its speed,
    its usual one where empty; note: metadata comment; warning: what could not be done as asked."""

    crf: int = 18
    encoder: EncoderChoice = "x264"
    preset: str = ""
    note: str = ""
    warning: str = ""

    def options(self, layout: PixelFormat) -> dict[str, object]:
        """ffmpeg's output options for frames of a layout."""
        preset = self.preset or PRESETS[self.encoder][0]
        if self.encoder == "nvenc":
            # To NVENC a quality of 0 means that it may choose. Without a bit rate nothing but the
            # quality counts.
            rate = {"cq": self.crf, "rc": "vbr", "b:v": 0} if self.crf else {"tune": "lossless"}
            return {"c:v": "h264_nvenc", "preset": preset, "pix_fmt": layout.name, **rate}
        # CRF 0 is lossless in 8 bits only; a quantiser of 0 is in 10 bits too.
        quality = {"crf": self.crf} if self.crf else {"qp": 0}
        name, raw = ("libx264rgb", "rgb24") if layout.rgb else ("libx264", layout.name)
        return {"c:v": name, "preset": preset, "pix_fmt": raw, **quality}


def check_encoder(settings: EncodeSettings) -> None:
    """Raises :class:`UsageError` where this encoder does not work on this machine."""
    if settings.encoder == "x264":  # every ffmpeg that is taken has it
        return
    why = _refusal(find_ffmpeg(), settings, "yuv420p", TRIAL_SIZE, TRIAL_RATE)
    if why:
        raise UsageError(f"NVENC does not work here: {why}", INSTEAD)


def fitted(settings: EncodeSettings, info: VideoInfo, unit: Fraction) -> EncodeSettings:
    """The settings for one video to write (unit: seconds per tick of its clock). What NVENC cannot
    take as it is goes to x264, with a warning: the pixels come first, then the time."""
    if settings.encoder == "x264":
        return settings
    name, size = info.pixel_format.name, (info.width, info.height)
    if name not in NVENC_FORMATS:
        why = f"it would not keep {name}"
    else:
        why = _refusal(find_ffmpeg(), settings, name, size, 1 / unit)
    if not why:
        return settings
    # Its preset means nothing to x264.
    warning = f"written by x264, as NVENC does not take this video: {why}"
    return replace(settings, encoder="x264", preset="", warning=warning)


@lru_cache(maxsize=64)
def _refusal(
    program: str,
    settings: EncodeSettings,
    pix_fmt: str,
    size: tuple[int, int],
    rate: Fraction,
) -> str:
    """Why one frame of this kind cannot be encoded; empty where it can. program: whose answer is
    remembered."""
    width, height = size
    source = f"color=gray:s={width}x{height}:r={rate.numerator}/{rate.denominator}"
    options = settings.options(FORMATS[pix_fmt]) | {"frames:v": 1, "f": "null"}
    command = ffmpeg.input(source, f="lavfi").output("-", **options)
    run = run_short(command.global_args("-loglevel", "error").get_args())
    if run.returncode == 0:
        return ""
    text = run.stderr.decode(errors="replace")
    found = _COMPLAINT.search(text)  # the first is the cause, the others follow from it
    return (found[1] if found else last_words(text)).strip()[:200]

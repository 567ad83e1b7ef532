"""What a media file holds, and what of it can be kept."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import MediaError
from .facts import Facts, HdrMetadata, facts_from_json, facts_from_log
from .ffmpeg import check_input
from .formats import losses, settled_colour, working_format
from .pixels import Colour, PixelFormat
from .program import chosen_ffmpeg

MAX_SIDE_PX = 16_384
MAX_PIXELS = 2**26  # twice an 8K picture
_DOLBY_ALONE = (5,)  # profiles whose base layer is no picture by itself
_UNKNOWN_MATRICES = ("ipt-c2", "ictcp", "ycgco", "ycgco-re", "ycgco-ro", "bt2020c", "smpte2085")
_OTHER_TRANSFERS = ("linear", "log100", "log316", "smpte428")


@dataclass(frozen=True)
class VideoInfo:
    """One video stream as it is shown (rotation applied), and its companions.

    width, height in pixels; source_format: ffmpeg's name of the file's own pixels; pixel_format:
    the planes they are read into; colour: what those planes mean; time_base in seconds per tick;
    frame_rate as the container states it; sample_aspect: pixel width over height; duration_s: of
    the whole file, None if not stated; hdr: the grading's metadata; warnings: what is not kept;
    prefilter: ffmpeg filters that make of the file's frames what all this describes; last_ticks:
    for how many the last frame is shown, once that is known to be longer than usual, else 0.
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
    hdr: HdrMetadata
    warnings: tuple[str, ...]
    prefilter: str = ""
    last_ticks: int = 0

    @property
    def frame_bytes(self) -> int:
        return self.pixel_format.frame_bytes(self.width, self.height)


def probe_video(path: Path) -> VideoInfo:
    """Read the file's header and decode its first frame.

    An ``ffprobe`` beside the chosen ffmpeg is asked where there is one, else ffmpeg itself. Raises
    :class:`UsageError` for a missing or empty path, :class:`MediaError` for a file without a
    decodable video stream, or one that cannot be edited without spoiling it.
    """
    check_input(path, "video")
    ffprobe = chosen_ffmpeg().ffprobe
    facts = facts_from_json(path, ffprobe) if ffprobe else None
    return video_info(path, facts or facts_from_log(path))


def video_info(path: Path, facts: Facts) -> VideoInfo:
    """Decide how a file's pixels are read; refuse what cannot be."""
    width, height, source = facts.width, facts.height, facts.source_format
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        limit = f"{MAX_SIDE_PX} pixels a side, {MAX_PIXELS // 10**6} million in all"
        raise MediaError(f"{path}: {width}x{height} is larger than {limit}", "scale it down first")
    if facts.hdr.dolby and facts.hdr.dolby[0] in _DOLBY_ALONE:
        raise MediaError(
            f"{path}: Dolby Vision profile {facts.hdr.dolby[0]}, whose picture cannot be shown "
            "without its metadata",
            "convert it to HDR10, HLG or SDR first",
        )
    pixels = working_format(source, width, height)
    kinds = [kind for kind, _ in facts.kinds]
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        pixel_format=pixels,
        source_format=source,
        colour=settled_colour(source, facts.colour, pixels),
        time_base=facts.time_base,
        frame_rate=facts.frame_rate,
        sample_aspect=facts.sample_aspect,
        duration_s=facts.duration_s,
        audio_streams=kinds.count("Audio"),
        subtitle_codecs=tuple(codec for kind, codec in facts.kinds if kind == "Subtitle"),
        rotation_deg=facts.rotation_deg,
        hdr=facts.hdr,
        warnings=(*losses(source), *_colour_warnings(facts)),
    )


def _colour_warnings(facts: Facts) -> list[str]:
    lost = []
    if facts.hdr.dolby:
        lost.append("Dolby Vision metadata is left out: the base layer is kept")
    if facts.hdr.dynamic:
        lost.append("HDR10+ metadata is left out: the rest of the HDR is kept")
    if facts.colour.space in _UNKNOWN_MATRICES:
        lost.append(f"the face's colours are read inexactly: matrix {facts.colour.space}")
    if facts.colour.transfer in _OTHER_TRANSFERS:
        lost.append(f"the face's light is read inexactly: transfer {facts.colour.transfer}")
    return lost

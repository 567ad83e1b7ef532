"""A picture as a video of one frame, so that everything that reads videos reads pictures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..errors import MediaError
from .ffmpeg import check_input
from .formats import NO_ALPHA
from .pixels import FORMATS, Colour
from .probe import VideoInfo, probe_video

#: Larger pictures are scaled down to this long side: players are made for videos of about that.
LONG_SIDE_PX = 1920
STILL_HZ = 25
_COLOUR = Colour(range="tv", space="bt709", primaries="bt709", transfer="bt709")


def still_info(picture: Path) -> VideoInfo:
    """A picture (of a video the first frame) as what every player shows: 8-bit 4:2:0, even sides,
    at most :data:`LONG_SIDE_PX`. Raises :class:`UsageError`, :class:`MediaError`."""
    check_input(picture, "identity image")
    try:
        info = probe_video(picture)
    except MediaError as error:
        reason = error.message.removeprefix(f"{picture}: ")
        raise MediaError(f"{picture}: no picture could be read ({reason})") from error
    shown = info.width * float(info.sample_aspect), float(info.height)
    scale = min(1.0, LONG_SIDE_PX / max(shown))
    width, height = (max(2, round(side * scale) // 2 * 2) for side in shown)
    to = "out_range=tv:out_color_matrix=bt709:flags=lanczos+accurate_rnd+full_chroma_int"
    return replace(
        info,
        width=width,
        height=height,
        pixel_format=FORMATS["yuv420p"],
        source_format="yuv420p",
        colour=_COLOUR,
        time_base=Fraction(1, STILL_HZ),
        frame_rate=Fraction(STILL_HZ),
        sample_aspect=Fraction(1),
        audio_streams=0,
        subtitle_codecs=(),
        warnings=tuple(words for words in info.warnings if words == NO_ALPHA),
        prefilter=f"trim=end_frame=1,scale={width}:{height}:{to},format=yuv420p",
    )

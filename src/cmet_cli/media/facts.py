"""What ffmpeg or ffprobe says of a video file, in one form."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ..errors import MediaError
from .ffmpeg import complaint, file_url, last_words, run_short
from .pixels import Colour

SHOW_FRAMES = "showinfo=checksum=0"
_TIME_BASE = re.compile(r"config in time_base: (\d+)/(\d+), frame_rate: (\d+)/(\d+)")
_FRAME = re.compile(r"\] n:\s*\d+ pts:\s*(\S+).* fmt:(\S+) .*sar:(\d+)/(\d+) s:(\d+)x(\d+)")
_COLOUR = re.compile(
    r"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:([\w.-]+)"
)
_DURATION = re.compile(r"^  Duration: (\d+):(\d+):(\d+(?:\.\d+)?)", re.MULTILINE)
_STREAM = re.compile(r"^\s*Stream #0:\d+.*?: (Audio|Subtitle|Video): (\w+)", re.MULTILINE)
#: Where what is said of the input ends.
_OUTPUT = re.compile(r"^(?:Stream mapping:|Output #0,)", re.MULTILINE)
_TAGS = re.compile(r"^( *)Metadata:$\n(?:\1 +.*$\n?)*", re.MULTILINE)
_NAME = re.compile(r"^(?:Input|Output) #\d+, .*$", re.MULTILINE)
_ROTATION = re.compile(r"rotation of (-?[\d.]+) degrees")
_MASTERING = re.compile(
    r"has_primaries:1 has_luminance:1 r\(([\d.]+), ?([\d.]+)\) g\(([\d.]+), ?([\d.]+)\) "
    r"b\(([\d.]+),? ([\d.]+)\) wp\(([\d.]+), ([\d.]+)\) "
    r"min_luminance=([\d.]+), max_luminance=([\d.]+)"
)
_LIGHT = re.compile(r"MaxCLL=(\d+), MaxFALL=(\d+)")
_DOLBY = re.compile(r"DOVI configuration record:.*?profile: (\d+).*?compatibility id: (\d+)")
_DYNAMIC = re.compile(r"HDR10\+|SMPTE2094|HDR Dynamic Metadata|HDR Vivid", re.IGNORECASE)
_PRIMARY_STEPS, _LUMINANCE_STEPS = 50_000, 10_000  # H.265's units, which x264 takes


@dataclass(frozen=True)
class HdrMetadata:
    """What an HDR file says of its grading, as x264 parameters; empty where it says nothing.

    dolby: Dolby Vision profile and its base layer's compatibility; dynamic: HDR10+ or the like.
    """

    mastering: str = ""
    light: str = ""
    dolby: tuple[int, int] | None = None
    dynamic: bool = False


@dataclass(frozen=True)
class Facts:
    """One video stream as it is shown (rotation applied) and its companions.

    kinds: (``Audio`` | ``Subtitle`` | ``Video``, codec) of every stream; duration_s to a hundredth.
    """

    width: int
    height: int
    source_format: str
    colour: Colour
    time_base: Fraction
    frame_rate: Fraction | None
    sample_aspect: Fraction
    duration_s: float | None
    kinds: tuple[tuple[str, str], ...]
    rotation_deg: float
    hdr: HdrMetadata


# ---------------------------------------------------------------- by ffmpeg's log


def facts_from_log(path: Path) -> Facts:
    """Decode the first frame and read what ffmpeg says of it."""
    # 0:V is video without cover pictures.
    first_frame = {"map": "0:V:0", "frames:v": 1, "vf": SHOW_FRAMES, "f": "null"}
    # More threads than one would each want a frame before the first one comes out.
    arguments = ffmpeg.input(file_url(path), threads=1).output("-", **first_frame).get_args()
    text = run_short(arguments).stderr.decode(errors="replace")
    told = said_by_ffmpeg(text)
    header = _OUTPUT.split(told)[0]
    kinds = tuple((str(kind), str(codec)) for kind, codec in _STREAM.findall(header))
    base, frame = _TIME_BASE.search(told), _FRAME.search(told)
    if base is None or frame is None or not int(base[1]):
        raise not_a_video(path, [kind for kind, _ in kinds], text)
    colour, rotation = _COLOUR.search(told), _ROTATION.search(told)
    rate = Fraction(int(base[3]), int(base[4])) if int(base[3]) and int(base[4]) else None
    return Facts(
        width=int(frame[5]),
        height=int(frame[6]),
        source_format=frame[2],
        colour=Colour(*colour.groups()) if colour else Colour(),
        time_base=Fraction(int(base[1]), int(base[2])),
        frame_rate=rate,
        sample_aspect=_aspect(int(frame[3]), int(frame[4])),
        duration_s=_clock_s(header),
        kinds=kinds,
        rotation_deg=float(rotation[1]) if rotation else 0.0,
        hdr=_hdr_from_log(told),
    )


def said_by_ffmpeg(log: str) -> str:
    """A log without what files say of themselves: titles, comments and names may be of any words,
    also of ffmpeg's own."""
    log = _NAME.sub(lambda found: found[0].split(",")[0] + ",", log.replace("\r\n", "\n"))
    return _TAGS.sub("", log)


def not_a_video(path: Path, kinds: list[str], text: str) -> MediaError:
    """Why a file gave no frame, from what ffmpeg said."""
    if "Video" not in kinds and "Audio" in kinds:
        return MediaError(f"{path}: has sound but no video stream", "give a video with --video")
    if "Video" in kinds:
        words = complaint(text) or "no key frame, or damaged data"
        return MediaError(f"{path}: no frame of the video could be decoded ({words})")
    return MediaError(f"{path}: not a video or picture that ffmpeg can read ({last_words(text)})")


def _clock_s(header: str) -> float | None:
    found = _DURATION.search(header)
    if found is None:
        return None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def _aspect(numerator: int, denominator: int) -> Fraction:
    return Fraction(numerator or 1, denominator or 1) if numerator else Fraction(1)


def _hdr_from_log(text: str) -> HdrMetadata:
    mastering, light, dolby = _MASTERING.search(text), _LIGHT.search(text), _DOLBY.search(text)
    return HdrMetadata(
        mastering=_mastering([float(x) for x in mastering.groups()]) if mastering else "",
        light=f"{light[1]},{light[2]}" if light else "",
        dolby=(int(dolby[1]), int(dolby[2])) if dolby else None,
        dynamic=_DYNAMIC.search(text) is not None,
    )


def _mastering(numbers: list[float]) -> str:
    """Red, green, blue, white (x, y each), least and greatest luminance -> x264's form."""
    steps = [round(x * _PRIMARY_STEPS) for x in numbers[:8]]
    low, high = (round(x * _LUMINANCE_STEPS) for x in numbers[8:])
    red, green, blue, white = (f"({steps[i]},{steps[i + 1]})" for i in (0, 2, 4, 6))
    return f"G{green}B{blue}R{red}WP{white}L({high},{low})"


# ---------------------------------------------------------------- by ffprobe's JSON


def facts_from_json(path: Path, ffprobe: str) -> Facts | None:
    """The same from ffprobe; None where it gives no first frame (ffmpeg looks further)."""
    told = _ffprobe(path, ffprobe, "-show_streams", "-show_format")
    first = ("-select_streams", "V:0", "-read_intervals", "%+#1", "-show_frames")
    frames = _ffprobe(path, ffprobe, *first).get("frames", [])
    shown = [f for f in frames if f.get("media_type") == "video" and f.get("pix_fmt")]
    if not shown:
        return None
    frame, streams = shown[0], told.get("streams", [])
    stream = next((s for s in streams if s.get("index") == frame.get("stream_index")), None)
    if stream is None or not _ratio(stream.get("time_base")):
        return None
    parts = [*stream.get("side_data_list", []), *frame.get("side_data_list", [])]
    rotation = next((float(p["rotation"]) for p in parts if "rotation" in p), 0.0)
    size, aspect = (int(frame["width"]), int(frame["height"])), frame.get("sample_aspect_ratio", "")
    numerator, denominator = (int(x) for x in (aspect or "0:1").split(":"))
    if abs(round(rotation)) % 180 == 90:  # shown upright
        size, numerator, denominator = size[::-1], denominator, numerator
        numerator, denominator = (numerator, denominator) if denominator else (0, 1)
    names = ("color_range", "color_space", "color_primaries", "color_transfer")
    return Facts(
        width=size[0],
        height=size[1],
        source_format=frame["pix_fmt"],
        colour=Colour(*(frame.get(name, "unknown") for name in names)),
        time_base=_ratio(stream["time_base"]) or Fraction(1),
        frame_rate=_frame_rate(stream),
        sample_aspect=_aspect(numerator, denominator),
        duration_s=_hundredths(told.get("format", {}).get("duration")),
        kinds=tuple(
            (s["codec_type"].capitalize(), s.get("codec_name", "none"))
            for s in streams
            if s.get("codec_type") in ("audio", "subtitle", "video")
        ),
        rotation_deg=rotation,
        hdr=_hdr_from_json(parts),
    )


def _ffprobe(path: Path, ffprobe: str, *options: str) -> dict[str, Any]:
    arguments = ["-v", "error", "-of", "json", *options, file_url(path)]
    text = run_short(arguments, program=ffprobe).stdout.decode(errors="replace")
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _ratio(text: str | None) -> Fraction | None:
    """``25/1`` -> 25; None for nothing and for a part that is 0."""
    numerator, _, denominator = (text or "0/0").replace(":", "/").partition("/")
    if not int(numerator) or not int(denominator or 1):
        return None
    return Fraction(int(numerator), int(denominator or 1))


def _frame_rate(stream: dict[str, Any]) -> Fraction | None:
    """The container's rate, as ffmpeg guesses it for a filter graph."""
    real, mean = _ratio(stream.get("r_frame_rate")), _ratio(stream.get("avg_frame_rate"))
    if real and mean and real > 210 and mean < 70:
        return mean
    return real or mean


def _hundredths(seconds: str | None) -> float | None:
    return None if seconds is None else math.floor(float(seconds) * 100 + 0.5) / 100


def _hdr_from_json(parts: list[dict[str, Any]]) -> HdrMetadata:
    mastering = light = ""
    dolby, dynamic = None, False
    points = [f"{c}_{axis}" for c in ("red", "green", "blue", "white_point") for axis in "xy"]
    for part in parts:
        kind = part.get("side_data_type", "")
        if all(p in part for p in points) and "max_luminance" in part:
            order = [*points, "min_luminance", "max_luminance"]
            mastering = _mastering([float(_ratio(part[p]) or 0) for p in order])
        elif "max_content" in part:
            light = f"{part['max_content']},{part['max_average']}"
        elif "dv_profile" in part:
            dolby = (int(part["dv_profile"]), int(part.get("dv_bl_signal_compatibility_id", 0)))
        dynamic |= _DYNAMIC.search(kind) is not None
    return HdrMetadata(mastering, light, dolby, dynamic)

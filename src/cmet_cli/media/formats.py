"""Which of the layouts worked in here a source's pixel format is decoded into, and what is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from .pixels import FORMATS, Colour, ColourConverter, PixelFormat

MAX_BITS = 10  # H.264's, as its encoder here takes them
_RGB = re.compile(r"x?[02]?(rgb|bgr)|gbr|a(rgb|bgr)|pal8|xyz|bayer")
_GREY = re.compile(r"gray|ya\d|yaf|mono")
_ALPHA = re.compile(r"yuva|gbrap|rgba|bgra|argb|abgr|ya\d|yaf|vuya|ayuv|uyva")
_NUMBERED = re.compile(
    r"(?:yuv[aj]?4\d\dp|gbra?pf?|grayf?|yaf?|[py][024]|rgba?f|bayer_[rgb]{4})(\d+)?"
)
_DEPTHS = {
    "nv20": 10,
    "rgb48": 16,
    "bgr48": 16,
    "rgba64": 16,
    "bgra64": 16,
    "rgb96": 32,
    "rgba128": 32,
    "ayuv64": 16,
    "xyz12": 12,
    "xv30": 10,
    "xv36": 12,
    "xv48": 16,
    "v30x": 10,
    "x2rgb10": 10,
    "x2bgr10": 10,
}
#: Chroma layout where it is not one of ours by name: nothing is thinned out.
_CHROMA = (
    (re.compile(r"nv12|nv21|p0\d\d|yuvj?410"), "420"),
    (re.compile(r"nv16|nv20|p2\d\d|y2\d\d|yuyv|yvyu|uyvy|yuvj?411|uyyvyy"), "422"),
    (re.compile(r"nv24|nv42|p4\d\d|vuy|uyva|ayuv|vyu|xv|v30|yuvj?440"), "444"),
    (re.compile(r"yuv[aj]?4(20|22|44)"), ""),
)


def is_rgb(source: str) -> bool:
    return _RGB.match(source) is not None


def is_grey(source: str) -> bool:
    return _GREY.match(source) is not None


def depth_of(source: str) -> int:
    """Bits a sample of an ffmpeg pixel format, at least 8."""
    name = re.sub(r"(msb)?(le|be)$", "", source)
    numbered = _NUMBERED.fullmatch(name)
    bits = int(numbered[1] or 8) if numbered else _DEPTHS.get(name, 8)
    return max(8, bits)


def working_format(source: str, width: int, height: int) -> PixelFormat:
    """The layout to decode a source format into: its own where the encoder can take it.

    Semi-planar, packed and deprecated full-range names map onto the equal planar layout; 8-bit RGB
    stays RGB, deeper RGB becomes 4:4:4; odd sizes need 4:4:4, because H.264 cannot crop 4:2:0 to an
    odd number; more than 10 bits become 10.
    """
    deep = depth_of(source) > 8
    if is_rgb(source):
        return FORMATS["yuv444p10le" if deep else "gbrp"]
    chroma = "420"
    for pattern, layout in _CHROMA:
        if found := pattern.match(source):
            chroma = layout or "4" + found[1]
            break
    chosen = FORMATS[f"yuv{chroma}p" + ("10le" if deep else "")]
    if (width % chosen.sub_x) or (height % chosen.sub_y):
        chosen = FORMATS["yuv444p" + ("10le" if deep else "")]
    return chosen


@dataclass(frozen=True)
class Decoding:
    """How frames come out of ffmpeg. pix_fmt: raw format on the pipe; filters: the way there."""

    pix_fmt: str
    filters: tuple[str, ...] = ()


def decoding(source: str, colour: Colour, target: PixelFormat) -> Decoding:
    """From a source format to the planes of ``target``; ``colour`` is what they then mean.

    Ranges and the matrix are said outright: what ffmpeg takes for granted differs by version. Grey
    sources give their one plane, unchanged; deep RGB comes as it is, since swscale's way to full
    range is four steps off, and :func:`planes_of` does the rest.
    """
    edges = "pc" if colour.full_range else "tv"
    scale = f"scale=in_range={edges}:out_range={edges}:flags=accurate_rnd+full_chroma_int"
    if is_grey(source):
        raw = target.grey
        return Decoding(raw) if source == raw else Decoding(raw, (scale, f"format={raw}"))
    if source.replace("yuvj", "yuv") == target.name:
        return Decoding(source)  # under its full-range name, or swscale would squeeze it
    if is_rgb(source):
        raw = target.name if target.rgb else "gbrp16le"
        return Decoding(raw, ("scale=flags=accurate_rnd+full_chroma_int", f"format={raw}"))
    return Decoding(target.name, (scale, f"format={target.name}"))


def planes_of(
    raw: list[np.ndarray], source: str, colour: Colour, target: PixelFormat
) -> tuple[np.ndarray, ...]:
    """What came through the pipe as :func:`decoding` asked for it -> the planes of ``target``."""
    if is_grey(source):  # grey has no chroma
        height, width = raw[0].shape
        shapes = target.plane_shapes(width, height)[1:]
        middle = 1 << (target.bits - 1)
        return (raw[0], *(np.full(shape, middle, target.dtype) for shape in shapes))
    if is_rgb(source) and not target.rgb:
        light = replace(colour, transfer="unknown")  # numbers as they are, nothing tone-mapped
        converter = ColourConverter(light, target, raw[0].shape[0])
        rgb = np.stack([raw[2], raw[0], raw[1]], axis=-1) * np.float32(255 / 65535)
        yuv = np.clip(np.rint(converter.to_yuv(rgb)), 0, 2**target.bits - 1).astype(target.dtype)
        return tuple(np.ascontiguousarray(yuv[..., c]) for c in range(3))
    return tuple(raw)


def settled_colour(source: str, colour: Colour, target: PixelFormat) -> Colour:
    """What the planes of ``target`` mean, given what the source says of itself."""
    if target.rgb:
        return replace(colour, range="pc", space="gbr")
    if is_rgb(source):
        wide = colour.primaries == "bt2020"
        return replace(colour, range="pc", space="bt2020nc" if wide else "bt709")
    if colour.space == "gbr":  # said of YUV it is a mistake
        colour = replace(colour, space="unknown")
    full = source.startswith("yuvj") or (is_grey(source) and colour.range == "unknown")
    return replace(colour, range="pc") if full else colour


#: What is said of a format with an alpha plane.
NO_ALPHA = "transparency, if there is any, is left out"


def losses(source: str) -> tuple[str, ...]:
    """What of a source's pixels cannot be kept, in words."""
    bits, lost = depth_of(source), []
    if _ALPHA.match(source):
        lost.append(NO_ALPHA)
    if is_rgb(source) and bits > 8:
        lost.append(f"RGB of {bits} bits is written as 4:4:4 YUV of {MAX_BITS} bits")
    elif bits > MAX_BITS:
        lost.append(f"{bits} bits a sample are written as {MAX_BITS}")
    return tuple(lost)

"""Pixel formats and colour: raw planes as ffmpeg delivers them, and RGB squares cut from them.

Frames stay in the video's own planes from decoder to encoder; only the face square is ever
converted. So everything outside it is untouched, and full-range, 10-bit and BT.709 sources keep
their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

HD_HEIGHT_PX = 720


@dataclass(frozen=True)
class PixelFormat:
    """A planar YUV layout.

    name: ffmpeg's name; bits per sample; sub_x, sub_y: luma pixels per chroma pixel;
    fourcc: the tag under which ffmpeg's raw decoder knows it.
    """

    name: str
    bits: int
    sub_x: int
    sub_y: int
    fourcc: bytes

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.bits == 8 else "<u2")

    def plane_shapes(self, width: int, height: int) -> tuple[tuple[int, int], ...]:
        """(height, width) of Y, U and V."""
        chroma = (-(-height // self.sub_y), -(-width // self.sub_x))
        return ((height, width), chroma, chroma)

    def frame_bytes(self, width: int, height: int) -> int:
        samples = sum(h * w for h, w in self.plane_shapes(width, height))
        return samples * self.dtype.itemsize


def _formats() -> dict[str, PixelFormat]:
    table = {}
    for layout, sub, tag8, tag in (
        ("yuv420p", (2, 2), b"I420", 11),
        ("yuv422p", (2, 1), b"Y42B", 10),
        ("yuv444p", (1, 1), b"444P", 0),
    ):
        table[layout] = PixelFormat(layout, 8, *sub, tag8)
        name = f"{layout}10le"
        table[name] = PixelFormat(name, 10, *sub, b"Y3" + bytes([tag, 10]))
    return table


FORMATS = _formats()


def working_format(source: str, width: int, height: int) -> PixelFormat:
    """The layout to decode a source format into: its own where the encoder can take it.

    Semi-planar and deprecated full-range names map onto the equal planar layout; odd sizes need
    4:4:4, because H.264 cannot crop 4:2:0 to an odd number; anything else becomes 8- or 10-bit
    4:4:4 or 4:2:0 by its depth.
    """
    name = source.replace("yuvj", "yuv").replace("yuva", "yuv")
    name = {"nv12": "yuv420p", "nv21": "yuv420p", "p010le": "yuv420p10le", "nv16": "yuv422p"}.get(
        name, name
    )
    name = name.replace("p12le", "p10le").replace("p16le", "p10le").replace("p9le", "p10le")
    deep = any(tag in source for tag in ("10", "12", "14", "16", "48", "64", "f32"))
    if name not in FORMATS:
        name = "yuv444p" if source.startswith(("gbr", "rgb", "bgr", "argb", "pal")) else "yuv420p"
        name += "10le" if deep and "gray" not in source else ""
    chosen = FORMATS[name]
    if (width % chosen.sub_x) or (height % chosen.sub_y):
        chosen = FORMATS[name.replace("420", "444").replace("422", "444")]
    return chosen


@dataclass(frozen=True)
class Colour:
    """How numbers mean colour. Names are ffmpeg's; ``unknown`` where the file does not say."""

    range: str = "unknown"  # tv | pc | unknown
    space: str = "unknown"
    primaries: str = "unknown"
    transfer: str = "unknown"

    @property
    def full_range(self) -> bool:
        return self.range == "pc"

    @property
    def luma_weights(self) -> tuple[float, float]:
        """Kr, Kb of ITU-R BT.601, 709 or 2020."""
        if self.space in ("bt709", "smpte240m"):
            return 0.2126, 0.0722
        if self.space.startswith("bt2020"):
            return 0.2627, 0.0593
        return 0.299, 0.114


class ColourConverter:
    """Between planes' numbers and RGB in [0, 255] (float32), for one video's format and colour.

    Where a file does not name its matrix, the picture's height decides, as in players.
    """

    def __init__(self, colour: Colour, pixel_format: PixelFormat, height: int) -> None:
        if colour.space == "unknown":  # settled here, so that a crop keeps its video's matrix
            colour = replace(colour, space="bt709" if height >= HD_HEIGHT_PX else "smpte170m")
        self.colour = colour
        kr, kb = colour.luma_weights
        kg = 1 - kr - kb
        to_yuv = np.array(
            [
                [kr, kg, kb],
                [-kr / (2 * (1 - kb)), -kg / (2 * (1 - kb)), 0.5],
                [0.5, -kg / (2 * (1 - kr)), -kb / (2 * (1 - kr))],
            ]
        )
        step = 2 ** (pixel_format.bits - 8)
        peak = 2**pixel_format.bits - 1
        if colour.full_range:
            scale, offset = np.full(3, peak / 255.0), np.array([0.0, 128 * step, 128 * step])
        else:
            scale = np.array([219.0, 224.0, 224.0]) * step / 255.0
            offset = np.array([16.0, 128.0, 128.0]) * step
        self._to_yuv = (to_yuv * scale[:, None]).astype(np.float32)
        self._offset = offset.astype(np.float32)
        self._to_rgb = np.linalg.inv(to_yuv * scale[:, None]).astype(np.float32)

    def to_rgb(self, yuv: np.ndarray) -> np.ndarray:
        """``[H, W, 3]`` plane numbers -> RGB in [0, 255], clipped. float32."""
        return np.clip((yuv - self._offset) @ self._to_rgb.T, 0.0, 255.0)

    def to_yuv(self, rgb: np.ndarray) -> np.ndarray:
        """``[H, W, 3]`` RGB in [0, 255] -> plane numbers, not rounded. float32."""
        return rgb.astype(np.float32) @ self._to_yuv.T + self._offset

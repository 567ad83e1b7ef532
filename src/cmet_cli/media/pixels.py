"""Pixel formats and colour: raw planes as ffmpeg delivers them, and RGB squares cut from them.

Frames stay in the video's own planes from decoder to encoder; only the face square is ever
converted. So everything outside it is untouched, and full-range, 10-bit, RGB and BT.709 sources
keep their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .tonemap import TONE_MAPS

HD_HEIGHT_PX = 720


@dataclass(frozen=True)
class PixelFormat:
    """A planar layout: Y, U, V; or G, B, R where ``rgb`` is set.

    name: ffmpeg's name; bits per sample; sub_x, sub_y: luma pixels per chroma pixel;
    fourcc: the tag under which ffmpeg's raw decoder knows it.
    """

    name: str
    bits: int
    sub_x: int
    sub_y: int
    fourcc: bytes
    rgb: bool = False

    @property
    def grey(self) -> str:
        """ffmpeg's name of the first plane alone."""
        return "gray" if self.bits == 8 else f"gray{self.bits}le"

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.bits == 8 else "<u2")

    def plane_shapes(self, width: int, height: int) -> tuple[tuple[int, int], ...]:
        """(height, width) of the three planes."""
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
    table["gbrp"] = PixelFormat("gbrp", 8, 1, 1, b"G3\x00\x08", rgb=True)
    return table


FORMATS = _formats()


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
    def hdr(self) -> bool:
        """PQ or HLG."""
        return self.transfer in TONE_MAPS

    def settled(self, height: int, *, rgb: bool = False) -> Colour:
        """With a matrix where none is named, for YUV planes of a video of that height.

        A crop of the video keeps this one: it must not be guessed again from the crop's height.
        """
        if not rgb and self.space in ("unknown", "gbr"):
            edges = "tv" if self.space == "gbr" else self.range
            space = "bt709" if height >= HD_HEIGHT_PX else "smpte170m"
            return replace(self, range=edges, space=space)
        return self

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

    Where a file does not name its matrix, the picture's height decides, as in players. PQ and HLG
    are tone-mapped to SDR on the way to RGB and back on the way from it, so that networks and
    whoever looks at the RGB see an SDR picture. rgb_of_yuv, yuv_of_rgb: float32 ``[3, 3]``;
    offset: of the planes' numbers, float32 ``[3]``; tone_map: None for SDR.
    """

    def __init__(self, colour: Colour, pixel_format: PixelFormat, height: int) -> None:
        self.colour = colour = colour.settled(height, rgb=pixel_format.rgb)
        self.tone_map = TONE_MAPS.get(colour.transfer)
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
        if pixel_format.rgb:
            to_yuv = np.eye(3)[[1, 2, 0]]  # G, B, R
            scale, offset = np.full(3, peak / 255.0), np.zeros(3)
        elif colour.full_range:
            scale, offset = np.full(3, peak / 255.0), np.array([0.0, 128 * step, 128 * step])
        else:
            scale = np.array([219.0, 224.0, 224.0]) * step / 255.0
            offset = np.array([16.0, 128.0, 128.0]) * step
        self.yuv_of_rgb = (to_yuv * scale[:, None]).astype(np.float32)
        self.offset = offset.astype(np.float32)
        self.rgb_of_yuv = np.linalg.inv(to_yuv * scale[:, None]).astype(np.float32)

    def to_rgb(self, yuv: np.ndarray) -> np.ndarray:
        """``[H, W, 3]`` plane numbers -> SDR RGB in [0, 255], clipped. float32."""
        rgb = np.clip((yuv - self.offset) @ self.rgb_of_yuv.T, 0.0, 255.0)
        if self.tone_map is not None:
            rgb = self.tone_map.to_sdr(rgb / np.float32(255)) * np.float32(255)
        return rgb

    def to_yuv(self, rgb: np.ndarray) -> np.ndarray:
        """``[H, W, 3]`` SDR RGB in [0, 255] -> plane numbers, not rounded. float32."""
        rgb = rgb.astype(np.float32)
        if self.tone_map is not None:
            rgb = self.tone_map.from_sdr(rgb / np.float32(255)) * np.float32(255)
        return rgb @ self.yuv_of_rgb.T + self.offset

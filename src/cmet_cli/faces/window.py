"""From the crop's grid to the pixels of a plane: the part that changes, and fields enlarged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .geometry import Square, crop_to_plane, plane_rectangle

#: Of OpenCV's cubics.
SHARP = -0.75


@dataclass(frozen=True)
class Axis:
    """One axis of a window. pixels: of the plane; part: of the crop, widened by ``MARGIN`` pixels
    on both sides; begin: which pixel of the enlarged part is the window's first; way: how far the
    fine grid is to be moved for that, in its pixels; shift: the same as a filter; scale: plane
    pixels per crop pixel; finer: fine pixels per crop pixel."""

    pixels: slice
    part: slice
    begin: int
    way: float
    shift: np.ndarray
    scale: float
    finer: int

    @classmethod
    def of(cls, hit: np.ndarray, whole: slice, scale: float, origin: float) -> Axis | None:
        """hit: which pixels of the crop change ``[S]``; whole: the square's pixels in the plane;
        origin: where the crop's first pixel is. None where nothing of it is in the plane."""
        at = np.flatnonzero(hit)
        # A cubic reaches two pixels of the crop beyond each.
        first = max(whole.start, math.floor(origin + (at[0] - 2) * scale))
        stop = min(whole.stop, math.ceil(origin + (at[-1] + 2) * scale) + 1)
        if stop <= first:
            return None
        margin = margin_of(scale)
        # The enlarged part begins here; whole pixels are cut off, the rest is the shift.
        corner = origin + scale * (at[0] - margin - 0.5) + 0.5
        begin, finer = first - round(corner), 4 if len(hit) <= 128 else 2
        part = slice(int(at[0]), int(at[-1]) + 1 + 2 * margin)
        way = (round(corner) - corner) / scale * finer
        return cls(slice(first, stop), part, begin, way, _shifting(way), scale, finer)

    @property
    def of_enlarged(self) -> slice:
        return slice(self.begin, self.begin + self.pixels.stop - self.pixels.start)


def margin_of(scale: float) -> int:
    return 5 + math.ceil(1 / scale)


@dataclass(frozen=True)
class Window:
    """The part of a plane that changes."""

    x: Axis
    y: Axis

    def inside(self, wider: Window) -> tuple[slice, slice]:
        """Its rows and columns in a wider window."""
        rows, columns = (
            slice(part.pixels.start - whole.pixels.start, part.pixels.stop - whole.pixels.start)
            for part, whole in ((self.y, wider.y), (self.x, wider.x))
        )
        return rows, columns

    def enlarged(self, values: np.ndarray) -> np.ndarray:
        """Values of the crop's pixels ``[S, S]`` at the window's; those at the border go on beyond
        it. A cubic to two or four times the size, where it is cheap, and straight lines from there
        on; resizing is several times as fast as warping, but must be told where to begin."""
        x, y, replicate = self.x, self.y, cv2.BORDER_REPLICATE
        above, left = margin_of(y.scale), margin_of(x.scale)
        # Each field by itself: what lies together in memory is worked on several times as fast.
        values = np.ascontiguousarray(values, np.float32)
        wide = cv2.copyMakeBorder(values, above, above, left, left, replicate)
        part = wide[y.part, x.part]
        fine = cv2.resize(part, None, fx=x.finer, fy=y.finer, interpolation=cv2.INTER_CUBIC)
        fine = cv2.sepFilter2D(fine, cv2.CV_32F, x.shift, y.shift, borderType=replicate)
        fx, fy = x.scale / x.finer, y.scale / y.finer
        large = cv2.resize(fine, None, fx=fx, fy=fy, interpolation=cv2.INTER_LINEAR)
        return large[y.of_enlarged, x.of_enlarged]


def _shifting(way: float) -> np.ndarray:
    """The filter that moves a grid by ``way`` of its pixels: OpenCV's cubic, float32 ``[k]``. (A
    warp knows thirty-seconds of a pixel only.)"""
    reach = 2 + math.ceil(abs(way))
    t = np.abs(np.arange(-reach, reach + 1) - way)
    near, far = (SHARP + 2) * t**3 - (SHARP + 3) * t**2 + 1, SHARP * (t**3 - 5 * t**2 + 8 * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0)).astype(np.float32)


def window_of(
    shape: tuple[int, ...], hit: np.ndarray, square: Square, sub: tuple[int, int]
) -> Window | None:
    """Where in a plane some pixels of the crop ``[S, S]`` lie; None where they do not."""
    to_plane = crop_to_plane(square, len(hit), *sub)
    rows, columns = plane_rectangle(square, (shape[0], shape[1]), *sub)
    if not hit.any():
        return None
    x = Axis.of(np.asarray(hit.any(0)), columns, float(to_plane[0, 0]), float(to_plane[0, 2]))
    y = Axis.of(np.asarray(hit.any(1)), rows, float(to_plane[1, 1]), float(to_plane[1, 2]))
    return None if x is None or y is None else Window(x, y)

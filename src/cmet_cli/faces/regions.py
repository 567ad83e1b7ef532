"""Boxes and the parts of a picture that detectors look at. A box is (x, y, w, h) in pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Box = tuple[float, float, float, float]


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes, 0..1."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def shrink(rgb: np.ndarray, long_px: int, least_px: int) -> tuple[np.ndarray, float]:
    """Scale a picture so that its long side is within ``least_px``..``long_px``.

    Returns the picture (uint8, contiguous) and the factor by which it was multiplied.
    """
    height, width = rgb.shape[:2]
    scale = float(np.clip(max(height, width), least_px, long_px)) / max(height, width)
    if scale == 1.0:
        return np.ascontiguousarray(rgb), 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(rgb, size, interpolation=how), scale


def pad(rgb: np.ndarray, share: float) -> tuple[np.ndarray, int]:
    """Mirror the picture's edges outward by ``share`` of its long side; also returns the pixels."""
    px = round(share * max(rgb.shape[:2]))
    if px == 0:
        return rgb, 0
    return cv2.copyMakeBorder(rgb, px, px, px, px, cv2.BORDER_REFLECT), px


def square_around(box: Sequence[float], reach: float) -> tuple[int, int, int]:
    """Whole-pixel square (left, top, side) centred on a box, ``reach`` times its longer side."""
    side = max(8, round(reach * max(box[2], box[3])))
    left = round(box[0] + box[2] / 2 - side / 2)
    top = round(box[1] + box[3] / 2 - side / 2)
    return left, top, side


def cut_square(rgb: np.ndarray, left: int, top: int, side: int) -> np.ndarray | None:
    """The square's pixels, uint8 [side, side, 3]; beyond the picture its edge is repeated.

    None where the square and the picture share nothing.
    """
    height, width = rgb.shape[:2]
    x0, x1 = max(0, left), min(width, left + side)
    y0, y1 = max(0, top), min(height, top + side)
    if x0 >= x1 or y0 >= y1:
        return None
    inside = rgb[y0:y1, x0:x1]
    if inside.shape[:2] == (side, side):
        return inside
    edges = (y0 - top, top + side - y1, x0 - left, left + side - x1)
    return cv2.copyMakeBorder(inside, *edges, cv2.BORDER_REPLICATE)

"""Parts of a face that a change can be limited to, with soft borders."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .calibration import FaceEllipse
from .fields import smoothstep

#: In units of the face's ellipse: top, bottom, and how far from the middle line.
AREAS = {
    "upper": (-3.0, 0.08, 3.0),
    "lower": (0.08, 3.0, 3.0),
    "brows": (-0.80, -0.30, 3.0),
    "eyes": (-0.34, 0.02, 3.0),
    "mouth": (0.22, 0.95, 0.85),
    "lips": (0.14, 0.95, 0.42),
}
SOFT = 0.16  # width of a border


@lru_cache(maxsize=8)
def _area(size_px: int, face: FaceEllipse, names: tuple[str, ...]) -> np.ndarray:
    axis = (np.arange(size_px) + 0.5) / size_px
    across = np.abs(axis[None] - face.centre[0]) / face.radii[0]
    down = (axis[:, None] - face.centre[1]) / face.radii[1]
    mask = np.zeros((size_px, size_px), np.float32)
    for name in names:
        top, bottom, wide = AREAS[name]
        inside = np.minimum(np.minimum(down - top, bottom - down), wide - across)
        mask = np.maximum(mask, smoothstep(inside / SOFT + 0.5, 0.0, 1.0))
    return mask


def area_mask(
    size_px: int, face: FaceEllipse, names: tuple[str, ...], right: float, down: float
) -> np.ndarray:
    """float32 ``[size, size]`` in [0, 1]; right, down: the head's offset in shares of the crop."""
    mask = _area(size_px, face, names)
    if right == 0.0 and down == 0.0:
        return mask
    move = np.array([[1.0, 0.0, right * size_px], [0.0, 1.0, down * size_px]])
    moved = cv2.warpAffine(mask, move, (size_px, size_px), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)

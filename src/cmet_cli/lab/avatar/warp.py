"""From the frontal face to the posed one: a smooth warp that also lets the jaw down.

For every output pixel the warp says which point of the frontal picture it shows. Turning is faked
by parallax: the middle of the face, and the nose most of all, slides over the outline of the head.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

_CELLS = 32  # the field is worked out on a coarse grid and enlarged: it is smooth
#: Heads roll and grow about the neck's upper end.
PIVOT_V = 0.45
_NECK_V = 0.72  # below, the shoulders: they shift with the head only in part


@lru_cache(maxsize=8)
def _grid(size_px: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Coarse unit coordinates u, v float32 [34, 34] with one cell of margin, and a cell in px."""
    cell = -(-size_px // _CELLS)
    centres = (np.arange(-1, _CELLS + 1, dtype=np.float32) + 0.5) * cell * 2 / size_px - 1
    return (*np.meshgrid(centres, centres), cell)


def source_points(
    u: np.ndarray, v: np.ndarray, p: dict[str, float], jaw: float, chin_v: float
) -> tuple[np.ndarray, np.ndarray]:
    """The frontal (u, v) seen at posed (u, v); arrays of any one shape, unit coordinates."""
    body = np.clip((v - _NECK_V) / 0.28, 0, 1)
    body = body * body * (3 - 2 * body)
    follow = 1 - 0.75 * body
    size = np.exp(p["scale"] * (1 - 0.5 * body))
    u = u - p["shift_x"] * follow
    v = v - p["shift_y"] * (1 - 0.35 * body)
    angle = p["roll"] * follow
    cos, sin = np.cos(angle) / size, np.sin(angle) / size
    u, v = cos * u + sin * (v - PIVOT_V), cos * (v - PIVOT_V) - sin * u + PIVOT_V

    bulge = np.exp(-1.1 * ((u / 0.50) ** 2 + ((v - 0.08) / 0.68) ** 2))
    tip = np.exp(-0.5 * ((u / 0.085) ** 2 + ((v - 0.13) / 0.13) ** 2))
    depth = 0.105 * bulge + 0.030 * tip + 0.02 * (1 - body)
    u = u - p["yaw"] * depth
    v = v + p["pitch"] * 0.78 * depth

    # The jaw swings down: from the mouth to the chin everything is drawn out, the neck shortens.
    mouth_v = chin_v - 0.34
    hang = np.clip((v - mouth_v) / (chin_v + 0.06 - mouth_v), 0, 1)
    hang = hang * hang * (3 - 2 * hang)
    release = np.clip((1.15 - v) / (1.15 - chin_v - 0.06), 0, 1)
    return u, v - 0.085 * jaw * hang * release


def warp(planes: np.ndarray, p: dict[str, float], jaw: float, chin_v: float) -> np.ndarray:
    """Pose a frontal picture: planes float32 [C, S, S], 0..255 -> uint8 [S, S, C]."""
    size_px = planes.shape[-1]
    u, v, cell = _grid(size_px)
    u, v = source_points(u, v, p, jaw, chin_v)
    both = (np.stack([u, v], axis=-1) + 1) * (0.5 * size_px) - 0.5
    side = (_CELLS + 2) * cell
    fine = cv2.resize(both, (side, side), interpolation=cv2.INTER_LINEAR)
    fine = np.ascontiguousarray(fine[cell : cell + size_px, cell : cell + size_px])
    flat = cv2.convertScaleAbs(cv2.merge(list(planes)))
    # One map of pairs; OpenCV's type stubs know two maps only.
    return cv2.remap(  # type: ignore[call-overload]
        flat, fine, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )

"""Squares in a frame, and the affine maps between a square and each plane of a frame.

Coordinates are in luma pixels with edges at whole numbers: the first pixel covers [0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CENTRE = 0.5


@dataclass(frozen=True)
class Square:
    """Centre and side in luma pixels; may reach beyond the frame."""

    cx: float
    cy: float
    side: float

    @property
    def left(self) -> float:
        return self.cx - self.side / 2

    @property
    def top(self) -> float:
        return self.cy - self.side / 2


def crop_to_plane(square: Square, size_px: int, sub_x: int, sub_y: int) -> np.ndarray:
    """Affine ``[2, 3]`` from crop pixel indices to a plane's pixel indices. float64.

    Sub-sampled chroma sits on the left luma column and between the luma rows (MPEG siting).
    """
    step = square.side / size_px  # luma pixels per crop pixel
    x = (square.left + CENTRE * step) / sub_x - CENTRE / sub_x
    y = (square.top + CENTRE * step) / sub_y - CENTRE
    return np.array([[step / sub_x, 0.0, x], [0.0, step / sub_y, y]])


def invert(matrix: np.ndarray) -> np.ndarray:
    """Inverse of an axis-aligned affine map ``[2, 3]``."""
    sx, sy = matrix[0, 0], matrix[1, 1]
    return np.array([[1 / sx, 0.0, -matrix[0, 2] / sx], [0.0, 1 / sy, -matrix[1, 2] / sy]])


def plane_rectangle(
    square: Square, shape: tuple[int, int], sub_x: int, sub_y: int
) -> tuple[slice, slice]:
    """Rows and columns of a plane that a square touches, clipped to the plane (may be empty)."""
    height, width = shape
    y0, y1 = square.top / sub_y, (square.top + square.side) / sub_y
    x0, x1 = square.left / sub_x, (square.left + square.side) / sub_x
    rows = slice(max(0, int(np.floor(y0)) - 1), max(0, min(height, int(np.ceil(y1)) + 1)))
    columns = slice(max(0, int(np.floor(x0)) - 1), max(0, min(width, int(np.ceil(x1)) + 1)))
    return rows, columns

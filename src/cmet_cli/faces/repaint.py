"""Doing a difference to a frame's own planes, at the video's own size and depth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..media.pixels import ColourConverter, PixelFormat
from .difference import Difference, warp
from .geometry import Square, crop_to_plane, invert, plane_rectangle

Planes = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Target:
    """A face square in planes of some layout and colour."""

    square: Square
    layout: PixelFormat
    converter: ColourConverter


def repaint(planes: Planes, crop: np.ndarray, change: Difference, target: Target) -> Planes:
    """Copies of the planes with the change done; where it is 0 the numbers stay as they were.

    crop: the square as the networks see it, RGB float32 ``[S, S, 3]``: says what the residual's
    RGB means in the planes' numbers.
    """
    moved = warp(crop, change.flow)
    to_yuv = target.converter.to_yuv
    residual = to_yuv(np.clip(moved + change.residual, 0, 255)) - to_yuv(moved)
    untouched = ~(change.flow.any(-1) | (np.abs(change.residual).max(-1) > 0))
    if untouched.all():
        return planes
    out = []
    for c, plane in enumerate(planes):
        sub = (1, 1) if c == 0 else (target.layout.sub_x, target.layout.sub_y)
        out.append(_repaint(plane, residual[..., c], change, target, sub))
    return tuple(out)


def _repaint(
    plane: np.ndarray,
    residual: np.ndarray,
    change: Difference,
    target: Target,
    sub: tuple[int, int],
) -> np.ndarray:
    size_px = residual.shape[0]
    to_plane = crop_to_plane(target.square, size_px, *sub)
    rows, columns = plane_rectangle(target.square, plane.shape, *sub)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if height <= 0 or width <= 0:
        return plane
    local = invert(to_plane)
    local[:, 2] += local[:, :2] @ np.array([columns.start, rows.start])
    scale_x, scale_y = to_plane[0, 0], to_plane[1, 1]  # plane pixels per crop pixel

    def enlarged(values: np.ndarray) -> np.ndarray:
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_CONSTANT if _fades(values) else cv2.BORDER_REPLICATE
        return cv2.warpAffine(values, local, (width, height), flags=flags, borderMode=border)

    flow = enlarged(change.flow) * np.array([scale_x, scale_y], np.float32)
    added, tear = enlarged(residual), enlarged(change.tear)
    own = plane.astype(np.float32)
    x = flow[..., 0] + np.arange(columns.start, columns.stop, dtype=np.float32)[None]
    y = flow[..., 1] + np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    new = cv2.remap(own, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    if tear.any():
        # Two bands: below the renderer's resolution the join, above it the frame's own detail
        # except where the motion tore.
        low = cv2.GaussianBlur(new, (0, 0), max(0.5, 0.8 * scale_x), sigmaY=max(0.5, 0.8 * scale_y))
        new = new + np.clip(tear, 0, 1) * (low - new)
    new = np.rint(new + added)
    touched = (flow != 0).any(-1) | (added != 0)
    before = plane[rows, columns]
    peak = 2**target.layout.bits - 1
    out = plane.copy()
    out[rows, columns] = np.where(touched, np.clip(new, 0, peak).astype(plane.dtype), before)
    return out


def _fades(values: np.ndarray) -> bool:
    """Whether values end at 0 on every edge of the crop."""
    edges = (values[0], values[-1], values[:, 0], values[:, -1])
    return not any(edge.any() for edge in edges)

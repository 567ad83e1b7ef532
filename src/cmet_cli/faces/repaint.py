"""Doing a difference to a frame's own planes, at the video's own size and depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ..media.pixels import ColourConverter, PixelFormat
from .difference import Difference, warp
from .geometry import Square, crop_to_plane, invert, plane_rectangle

Planes = tuple[np.ndarray, ...]
#: Gaussian sigma, in pixels of the crop, that parts the renderer's band from the finer ones.
DETAIL = 0.8
LEAST_TEAR = 0.02
FINER = 4


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
    touched = np.asarray(change.flow.any(-1) | change.residual.any(-1))
    if not touched.any():
        return planes
    moved, to_yuv = warp(crop, change.flow), target.converter.to_yuv
    residual = to_yuv(np.clip(moved + change.residual, 0, 255)) - to_yuv(moved)
    residual[~touched] = 0  # not even by rounding
    out, peak = [], 2**target.layout.bits - 1
    for c, plane in enumerate(planes):
        sub = (1, 1) if c == 0 else (target.layout.sub_x, target.layout.sub_y)
        window = _window(plane, touched, target.square, sub)
        if window is None:
            out.append(plane)
        else:
            out.append(_repaint(plane, residual[..., c], change, window, peak))
    return tuple(out)


@dataclass(frozen=True)
class _Window:
    """The part of a plane that changes. to_crop: affine ``[2, 3]`` from its pixels to the crop's;
    scale: plane pixels per crop pixel (x, y)."""

    rows: slice
    columns: slice
    to_crop: np.ndarray
    scale: tuple[float, float]

    def enlarged(self, values: np.ndarray) -> np.ndarray:
        """Values of the crop's pixels at the window's; those at the border go on beyond it."""
        size = (self.columns.stop - self.columns.start, self.rows.stop - self.rows.start)
        to_crop = self.to_crop
        if max(self.scale) >= FINER:
            # A cubic to four times the size, where it is cheap, and straight lines from there on.
            height, width = values.shape[:2]
            values = cv2.resize(
                values, (FINER * width, FINER * height), interpolation=cv2.INTER_CUBIC
            )
            to_crop = FINER * to_crop
            to_crop[:, 2] += (FINER - 1) / 2
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        else:
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, to_crop, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _window(
    plane: np.ndarray, touched: np.ndarray, square: Square, sub: tuple[int, int]
) -> _Window | None:
    """Where in a plane the touched pixels of the crop ``[S, S]`` lie; None where they do not."""
    to_plane = crop_to_plane(square, touched.shape[0], *sub)
    rows, columns = plane_rectangle(square, plane.shape, *sub)
    spans = []
    for whole, hit, axis in ((columns, touched.any(0), 0), (rows, touched.any(1), 1)):
        at, scale, origin = np.flatnonzero(hit), to_plane[axis, axis], to_plane[axis, 2]
        # A cubic reaches two pixels of the crop beyond each.
        first = max(whole.start, math.floor(origin + (at[0] - 2) * scale))
        spans.append(slice(first, min(whole.stop, math.ceil(origin + (at[-1] + 2) * scale) + 1)))
    if any(span.stop <= span.start for span in spans):
        return None
    to_crop = invert(to_plane)
    to_crop[:, 2] += to_crop[:, :2] @ np.array([spans[0].start, spans[1].start])
    return _Window(spans[1], spans[0], to_crop, (to_plane[0, 0], to_plane[1, 1]))


def _soften(picture: np.ndarray, tear: np.ndarray, scale: tuple[float, float]) -> None:
    """Take away fine detail where the motion tore, in place.

    Two bands are joined: below the renderer's resolution the moved pixels with what is added to
    them, above it the frame's own detail except where that is not to be trusted.
    """
    torn = tear > LEAST_TEAR
    rows, columns = np.flatnonzero(torn.any(1)), np.flatnonzero(torn.any(0))
    if not len(rows):
        return
    sigma_x, sigma_y = (max(0.5, DETAIL * s) for s in scale)
    around_y, around_x = math.ceil(3 * sigma_y), math.ceil(3 * sigma_x)
    part = (
        slice(max(0, rows[0] - around_y), rows[-1] + around_y + 1),
        slice(max(0, columns[0] - around_x), columns[-1] + around_x + 1),
    )
    low = cv2.GaussianBlur(picture[part], (0, 0), sigma_x, sigmaY=sigma_y)
    picture[part] += tear[part] * (low - picture[part])


def _repaint(
    plane: np.ndarray, residual: np.ndarray, change: Difference, window: _Window, peak: int
) -> np.ndarray:
    # Each field by itself: what lies together in memory is added to several times as fast.
    x, y = (
        window.enlarged(np.ascontiguousarray(change.flow[..., k] * np.float32(window.scale[k])))
        for k in (0, 1)
    )
    x += np.arange(window.columns.start, window.columns.stop, dtype=np.float32)
    y += np.arange(window.rows.start, window.rows.stop, dtype=np.float32)[:, None]
    added = window.enlarged(np.ascontiguousarray(residual, np.float32))
    # At whole places this gives the pixels themselves, so that nothing changes where nothing moves.
    new = cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    if float(change.tear.max()) > LEAST_TEAR:
        new = new.astype(np.float32)
        tear = window.enlarged(np.asarray(change.tear, np.float32))
        _soften(new, np.clip(tear, 0, 1), window.scale)
    # One pass that adds, rounds and keeps within the type.
    depth = cv2.CV_8U if plane.dtype == np.uint8 else cv2.CV_16U
    new = cv2.add(new, added, dtype=depth)
    out = plane.copy()
    out[window.rows, window.columns] = np.minimum(new, peak) if depth == cv2.CV_16U else new
    return out

"""Putting a rendered square back into a frame's planes; outside the mask nothing changes."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ..media.pixels import ColourConverter, PixelFormat
from .crop import antialias
from .geometry import Square, crop_to_plane, invert, plane_rectangle


def paste_rgb(
    planes: tuple[np.ndarray, ...],
    rgb: np.ndarray,
    mask: np.ndarray,
    square: Square,
    pixel_format: PixelFormat,
    converter: ColourConverter,
) -> tuple[np.ndarray, ...]:
    """Blend ``rgb [S, S, 3]`` float32 in [0, 255] into copies of the planes.

    mask ``[S, S]`` float32 in [0, 1]: where it is 0 the plane's numbers stay exactly as they were.
    """
    yuv = converter.to_yuv(rgb)
    size_px, peak = rgb.shape[0], 2**pixel_format.bits - 1
    result = []
    for c, plane in enumerate(planes):
        sub_x, sub_y = (1, 1) if c == 0 else (pixel_format.sub_x, pixel_format.sub_y)
        to_crop = invert(crop_to_plane(square, size_px, sub_x, sub_y))
        rows, columns = plane_rectangle(square, plane.shape, sub_x, sub_y)
        window = PlaneWindow(rows, columns, to_crop)
        result.append(_blend(plane, yuv[..., c], mask, window, peak))
    return tuple(result)


class PlaneWindow(NamedTuple):
    """The part of a plane that a square touches, and the map from the plane to the crop."""

    rows: slice
    columns: slice
    to_crop: np.ndarray


def _blend(
    plane: np.ndarray, new: np.ndarray, mask: np.ndarray, window: PlaneWindow, peak: int
) -> np.ndarray:
    rows, columns, to_crop = window
    height, width = rows.stop - rows.start, columns.stop - columns.start
    out = plane.copy()
    if height <= 0 or width <= 0:
        return out
    shift = to_crop[:, :2] @ np.array([columns.start, rows.start])
    local = to_crop.copy()
    local[:, 2] += shift
    scale = max(to_crop[0, 0], to_crop[1, 1])  # crop pixels per plane pixel
    smooth = cv2.INTER_CUBIC if scale < 1 else cv2.INTER_LINEAR
    new = _warp(antialias(new, scale), local, (width, height), smooth, cv2.BORDER_REPLICATE)
    alpha = _warp(
        antialias(mask, scale), local, (width, height), cv2.INTER_LINEAR, cv2.BORDER_CONSTANT
    )
    old = plane[rows, columns].astype(np.float32)
    mixed = np.rint(old + alpha * (new - old))
    out[rows, columns] = np.clip(mixed, 0, peak).astype(plane.dtype)
    return out


def _warp(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], interpolation: int, border: int
) -> np.ndarray:
    return cv2.warpAffine(
        image, matrix, size, flags=interpolation | cv2.WARP_INVERSE_MAP, borderMode=border
    )

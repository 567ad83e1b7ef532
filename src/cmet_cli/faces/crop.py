"""Cutting the face square out of a frame's planes, as the networks expect it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ..media.pixels import ColourConverter, PixelFormat
from ..media.probe import VideoInfo
from .geometry import Square, crop_to_plane

BLUR_PER_SCALE = 0.45  # Gaussian sigma per unit of sqrt(scale**2 - 1): little aliasing, little blur
MARGIN_PX = 4
#: From the first on, shrinking happens in two steps (what is larger does not fit where a processor
#: is quick): by blocks of two, or of as many pixels as the other goes into it.
HALVED_FROM, KEPT_SCALE = 6.0, 4.0


def antialias(image: np.ndarray, scale: float) -> np.ndarray:
    """Blur a picture that is about to be shrunk ``scale`` times (no-op up to 1)."""
    if scale <= 1.0:
        return image
    sigma = BLUR_PER_SCALE * math.sqrt(scale * scale - 1)
    return cv2.GaussianBlur(image, (0, 0), sigma)


def crop_rgb(
    planes: tuple[np.ndarray, ...],
    square: Square,
    size_px: int,
    pixel_format: PixelFormat,
    converter: ColourConverter,
) -> np.ndarray:
    """Y, U, V planes -> RGB ``[size, size, 3]`` float32 in [0, 255].

    The part of a square beyond the frame is filled by reflection; nothing is stretched.
    """
    yuv = np.empty((size_px, size_px, 3), np.float32)
    for c, plane in enumerate(planes):
        sub_x, sub_y = (1, 1) if c == 0 else (pixel_format.sub_x, pixel_format.sub_y)
        yuv[..., c] = _crop_plane(plane, crop_to_plane(square, size_px, sub_x, sub_y), size_px)
    return converter.to_rgb(yuv)


def step_of(matrix: np.ndarray) -> int:
    """How large the blocks are whose means are taken first."""
    scale = max(matrix[0, 0], matrix[1, 1])
    return max(2 if scale >= HALVED_FROM else 1, int(scale / KEPT_SCALE))


def reach(matrix: np.ndarray, size_px: int, step: int) -> tuple[int, int, int, int]:
    """What of a plane a crop sees: left, top, right and bottom, whole blocks; maybe beyond it."""
    x0 = math.floor(matrix[0, 2]) - MARGIN_PX
    y0 = math.floor(matrix[1, 2]) - MARGIN_PX
    x1 = math.ceil(matrix[0, 2] + matrix[0, 0] * size_px) + MARGIN_PX
    y1 = math.ceil(matrix[1, 2] + matrix[1, 1] * size_px) + MARGIN_PX
    return x0, y0, x1 + -(x1 - x0) % step, y1 + -(y1 - y0) % step


def sigma_of(scale: float, step: int) -> float:
    """Of the Gaussian, in blocks, that a shrinking by ``scale`` still wants; 0 for none."""
    if scale <= 1.0:
        return 0.0
    # A block's mean is a blur already, of variance (step**2 - 1) / 12.
    return math.sqrt(BLUR_PER_SCALE**2 * (scale * scale - 1) - (step * step - 1) / 12) / step


def _crop_plane(plane: np.ndarray, matrix: np.ndarray, size_px: int) -> np.ndarray:
    scale, step = max(matrix[0, 0], matrix[1, 1]), step_of(matrix)
    x0, y0, x1, y1 = reach(matrix, size_px, step)
    region = rectangle(plane, x0, y0, x1, y1)
    local = matrix - np.array([[0, 0, x0], [0, 0, y0]])
    if step > 1:
        # Means of whole blocks first: a tenth of the pixels to blur.
        size = (region.shape[1] // step, region.shape[0] // step)
        region = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
        local[:, 2] = (local[:, 2] + 0.5) / step - 0.5
        local[:, :2] /= step
        region = cv2.GaussianBlur(region.astype(np.float32), (0, 0), sigma_of(scale, step))
    else:
        region = antialias(region.astype(np.float32), scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        region, local, (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )


def rectangle(plane: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """A rectangle of a plane, reflected at the plane's edges where it reaches beyond them."""
    height, width = plane.shape
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return plane[y0:y1, x0:x1]
    inside = plane[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    above, below, left, right = (max(0, d) for d in (-y0, y1 - height, -x0, x1 - width))
    if max(above, below) < inside.shape[0] and max(left, right) < inside.shape[1]:
        # The same numbers twenty times as fast, where it looks no further in than it reaches out.
        return cv2.copyMakeBorder(inside, above, below, left, right, cv2.BORDER_REFLECT_101)
    rows = _reflect(np.arange(y0, y1), height)
    columns = _reflect(np.arange(x0, x1), width)
    return plane[rows[:, None], columns]


def _reflect(index: np.ndarray, size: int) -> np.ndarray:
    period = max(1, 2 * (size - 1))
    folded = np.abs(index) % period
    return np.minimum(folded, period - folded) if size > 1 else np.zeros_like(index)


def planes_to_rgb(planes: tuple[np.ndarray, ...], info: VideoInfo) -> np.ndarray:
    """A whole frame's planes -> RGB uint8 ``[H, W, 3]``, for pictures shown to people."""
    size = (info.width, info.height)
    yuv = [cv2.resize(p.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) for p in planes]
    converter = ColourConverter(info.colour, info.pixel_format, info.height)
    return np.rint(converter.to_rgb(np.stack(yuv, axis=-1))).astype(np.uint8)

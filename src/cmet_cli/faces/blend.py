"""How a rendered face joins the frame: a soft mask, and colours that meet at its border."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .calibration import FaceEllipse
from .fields import smoothstep

#: The mask falls from 1 to 0 between these multiples of the radii.
FADE_FROM, FADE_TO = 0.88, 1.12
#: A border of the whole-square mask over which it fades, in crop units.
SQUARE_FADE = 0.04
#: Differences at the border spread inwards over about this share of the crop.
SPREAD = 0.12


@lru_cache(maxsize=8)
def face_mask(size_px: int, face: FaceEllipse) -> np.ndarray:
    """Soft ellipse over the moving part of the face. float32 ``[size, size]`` in [0, 1]."""
    axis = (np.arange(size_px) + 0.5) / size_px
    x = (axis[None] - face.centre[0]) / face.radii[0]
    y = (axis[:, None] - face.centre[1]) / face.radii[1]
    return smoothstep((FADE_TO - np.hypot(x, y)) / (FADE_TO - FADE_FROM), 0.0, 1.0)


def head_mask(size_px: int, face: FaceEllipse, right: float, down: float) -> np.ndarray:
    """The face mask moved with the head, by shares of the crop; always 0 at the crop's border."""
    if right == 0.0 and down == 0.0:
        return face_mask(size_px, face)
    move = np.array([[1.0, 0.0, right * size_px], [0.0, 1.0, down * size_px]])
    moved = cv2.warpAffine(
        face_mask(size_px, face), move, (size_px, size_px), flags=cv2.INTER_LINEAR
    )
    return moved * square_mask(size_px, True)


@lru_cache(maxsize=8)
def square_mask(size_px: int, faded: bool) -> np.ndarray:
    """The whole square, fading at its border unless it is the whole picture."""
    if not faded:
        return np.ones((size_px, size_px), np.float32)
    axis = (np.arange(size_px) + 0.5) / size_px
    edge = np.minimum(axis, 1 - axis) / SQUARE_FADE
    return smoothstep(np.minimum(edge[None], edge[:, None]), 0.0, 1.0)


def match_colours(rendered: np.ndarray, original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Shift a rendered crop so that it meets the original all along the mask's border.

    rendered, original: ``[S, S, 3]`` float32 in [0, 255]; mask ``[S, S]``. The difference seen in
    the band where the mask falls is spread smoothly inwards (a normalised convolution), so neither
    a seam nor a shift of the face's own contrast remains.
    """
    band = mask * (1 - mask) * 4
    if float(band.max()) < 1e-3:
        return rendered
    size = rendered.shape[0]
    small = max(16, size // 4)
    difference = cv2.resize(
        (original - rendered) * band[..., None], (small, small), interpolation=cv2.INTER_AREA
    )
    weight = cv2.resize(band, (small, small), interpolation=cv2.INTER_AREA)
    sigma = SPREAD * small
    spread = cv2.GaussianBlur(difference, (0, 0), sigma)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    # Far from the border the estimate fades out rather than growing from rounding noise.
    offset = spread / (total + 1e-3 * float(total.max()))[..., None]
    offset = cv2.resize(offset, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.clip(rendered + offset, 0.0, 255.0)

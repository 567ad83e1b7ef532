"""Draw one moment of one person."""

from __future__ import annotations

import cv2
import numpy as np

from . import eyes_and_nose
from .canvas import Canvas
from .face_state import FaceState
from .head import Base, base, over
from .identity import Identity
from .mouth import paint_mouth
from .shapes import jaw_opening, mouth
from .warp import warp

# Up to this size the face is painted twice as large and averaged down; above, anti-aliased lines
# are smooth enough by themselves.
_SUPERSAMPLE_UP_TO_PX = 288


def draw(identity: Identity, state: FaceState, size_px: int) -> np.ndarray:
    """The portrait as uint8 [size_px, size_px, 3] RGB."""
    if size_px < 16:
        raise ValueError(f"a portrait needs at least 16 pixels a side, not {size_px}")
    work_px = 2 * size_px if size_px <= _SUPERSAMPLE_UP_TO_PX else size_px
    p = state.values()
    still = base(identity, work_px)
    planes = still.planes.copy()
    _paint_features(Canvas(planes), identity, p)
    _lay_over(planes, still)
    front = warp(planes, p, jaw_opening(p), identity.chin_v)
    picture = over(front, still.backdrop)
    if work_px != size_px:
        picture = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return picture


def _paint_features(canvas: Canvas, who: Identity, p: dict[str, float]) -> None:
    shape = mouth(who, p)
    eyes_and_nose.paint_forehead(canvas, who, p)
    eyes_and_nose.paint_cheeks(canvas, who, p, shape)
    eyes_and_nose.paint_nose(canvas, who, p)
    eyes_and_nose.paint_eyes(canvas, who, p)
    eyes_and_nose.paint_brows(canvas, who, p)
    paint_mouth(canvas, who, p, shape)


def _lay_over(planes: np.ndarray, still: Base) -> None:
    """Put hair and glasses back over what was painted under them."""
    strip = planes[:3, still.overlay_rows]
    strip *= still.overlay_keep
    strip += still.overlay

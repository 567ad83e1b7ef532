"""OpenCV's bundled Haar cascade: needs no weights, finds upright frontal faces only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import cv2.data
import numpy as np

from ..errors import FaceError
from .detection import Detection, search_whole
from .regions import Box, cut_square, overlap, square_around

# Of the bundled frontal cascades, alt2 was the fastest of those with few false alarms.
CASCADE = "haarcascade_frontalface_alt2.xml"
SEARCH_LONG_PX = 480
SEARCH_LEAST_PX = 192
SEARCH_STEP = 1.15
SEARCH_NEIGHBOURS = 4
SEARCH_LEAST_SHARE = 0.05  # of the long side: smaller squares are mostly leaves and bricks
WINDOW_REACH = 1.6
WINDOW_FACE_PX = 97
WINDOW_STEP = 1.05
WINDOW_NEIGHBOURS = 4
# Sizes that are looked for in a window, in its pixels. A box is the mean of all that fit, so few
# sizes give steadier boxes, and sooner: but they are drawn to the middle of the few, and are taken
# only near it. What is lost otherwise is looked for in all sizes.
ALL_SIZES, FEW_SIZES, NEAR_MIDDLE = (69, 134), (77, 117), (0.9, 1.12)
# Boxes of all sizes (which crops are calibrated for) against those of few, on four talking faces:
# so much larger, and so far to the right and down, in shares of their size.
LARGER, RIGHT, DOWN = 1.06, -0.004, 0.003
# The cascade's sum of stage votes: above 56.15 for 160 upright faces (darkened, blurred and 96 px
# small ones too), half of them above 57.2. With this threshold 135 pictures without an upright
# face gave 1 false alarm (lower thresholds gave 3 to 11); of faces cut by all four edges of a
# 64..128 px picture it finds 30 in 30.
LEAST_VOTES = 55.95
SURE_VOTES = 57.5


class Haar:
    """Square face boxes without landmarks. Not safe for use from several threads at once."""

    name = "haar"
    #: A window of few sizes follows the face's.
    grows = 0.02

    def __init__(self) -> None:
        """Load the cascade. Raises FaceError where this OpenCV does not bring it."""
        path = Path(cv2.data.haarcascades) / CASCADE
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise FaceError(f"OpenCV's face cascade {path} is missing", "use the detector 'yunet'")

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """Faces in ``rgb`` (uint8 [H, W, 3]), best score first."""
        return self._detect(rgb, SEARCH_LONG_PX)

    def detect_large(self, rgb: np.ndarray) -> list[Detection]:
        """The same for faces of a tenth of the long side and more."""
        return self._detect(rgb, SEARCH_LONG_PX // 2)

    def _detect(self, rgb: np.ndarray, long_px: int) -> list[Detection]:
        return search_whole(rgb, long_px, SEARCH_LEAST_PX, self._propose, self._measure_afresh)

    def detect_near(self, rgb: np.ndarray, boxes: Sequence[Box]) -> list[Detection | None]:
        """For each box the face found in a window around it, or None."""
        return [self._follow(rgb, box) for box in boxes]

    def _measure_afresh(self, rgb: np.ndarray, boxes: Sequence[Box]) -> list[Detection | None]:
        return [self._measure(rgb, box, ALL_SIZES) for box in boxes]

    def _follow(self, rgb: np.ndarray, box: Box) -> Detection | None:
        """A face that was measured before."""
        least, most = NEAR_MIDDLE
        x, y, w, h = box
        found = self._measure(
            rgb, _scaled((x - RIGHT * w, y - DOWN * h, w, h), 1 / LARGER), FEW_SIZES
        )
        if found is not None and least < found.w * LARGER / max(w, h) < most:
            x, y, w, h = _scaled(found.box, LARGER)
            return replace(found, x=x + RIGHT * w, y=y + DOWN * h, w=w, h=h)
        return self._measure(rgb, box, ALL_SIZES)

    def _propose(self, small: np.ndarray) -> list[Detection]:
        gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        least_px = max(22, round(SEARCH_LEAST_SHARE * max(gray.shape)))
        # No votes are asked for here: they are counted in the finer steps of the measurement.
        found = self._cascade.detectMultiScale(
            gray, SEARCH_STEP, SEARCH_NEIGHBOURS, minSize=(least_px, least_px)
        )
        return [Detection.of(box, 0.5) for box in found]

    def _measure(self, rgb: np.ndarray, box: Box, sizes_px: tuple[int, int]) -> Detection | None:
        left, top, side = square_around(box, WINDOW_REACH)
        window = cut_square(rgb, left, top, side)
        if window is None:
            return None
        size = round(WINDOW_REACH * WINDOW_FACE_PX)
        how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        gray = cv2.resize(cv2.cvtColor(window, cv2.COLOR_RGB2GRAY), (size, size), interpolation=how)
        least, most = sizes_px
        found, _, votes = self._cascade.detectMultiScale3(
            gray,
            WINDOW_STEP,
            WINDOW_NEIGHBOURS,
            minSize=(least, least),
            maxSize=(most, most),
            outputRejectLevels=True,
        )
        sure = (np.ravel(votes) - LEAST_VOTES) / (SURE_VOTES - LEAST_VOTES)
        faces = [
            Detection.of(one, float(np.clip(0.5 + trust / 2, 0, 1))).moved(side / size, left, top)
            for one, trust in zip(found, sure, strict=True)
            if trust >= 0
        ]
        best = max(faces, key=lambda face: overlap(face.box, box), default=None)
        return best if best is not None and overlap(best.box, box) > 0.1 else None


def _scaled(box: Box, times: float) -> Box:
    """Around its middle."""
    x, y, w, h = box
    return x + w / 2 * (1 - times), y + h / 2 * (1 - times), w * times, h * times

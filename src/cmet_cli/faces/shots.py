"""Noticing hard cuts from frame to frame."""

from __future__ import annotations

import statistics
from collections import deque

import cv2
import numpy as np

GRID_PX = 32
# Mean difference on the 0..255 scale. Talking heads stay below 5, cuts are mostly above 25.
LEAST_CHANGE = 10.0
# 1 - correlation of the two pictures. Talking stays below 0.04; a flash or a dimmed lamp below
# 0.1, because the picture keeps its structure; a cut to another framing is above 0.3.
LEAST_UNLIKENESS = 0.25
# A pan changes the picture in every frame, a cut in one.
OUTLIER_FACTOR = 3.0
RECENT_FRAMES = 8


class CutFinder:
    """Feed it the frames in order; it keeps one 32x32 picture and eight numbers."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=RECENT_FRAMES)

    @property
    def picture(self) -> np.ndarray:
        """The last frame reduced, uint8 [32, 32, 3]: to know a camera's place again."""
        assert self._last is not None
        return self._last.astype(np.uint8)

    def is_cut(self, rgb: np.ndarray) -> bool:
        """Whether ``rgb`` (uint8 [H, W, 3]) begins a new shot; never for the first frame."""
        grid = _reduce(rgb)
        last, self._last = self._last, grid
        if last is None:
            return False
        change = float(np.abs(grid - last).mean())
        usual = statistics.median(self._changes) if self._changes else 0.0
        cut = change > max(LEAST_CHANGE, OUTLIER_FACTOR * usual)
        cut = cut and unlikeness(last, grid) > LEAST_UNLIKENESS
        if cut:
            self._changes.clear()
        else:
            self._changes.append(change)
        return cut


def unlikeness(a: np.ndarray, b: np.ndarray) -> float:
    """1 - correlation of two float [h, w, 3] pictures, channel means removed: 0 alike, 1 not."""
    a = a - a.mean(axis=(0, 1))
    b = b - b.mean(axis=(0, 1))
    # The 1 keeps two flat pictures (black to grey) from dividing by nothing: they count as unlike.
    return 1.0 - float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1.0))


def _reduce(rgb: np.ndarray) -> np.ndarray:
    """float32 [32, 32, 3], 0..255. Every n-th pixel is enough here and costs nothing."""
    height, width = rgb.shape[:2]
    step = max(1, min(height, width) // (4 * GRID_PX))
    thin = rgb[: height // step * step, : width // step * step]
    thin = cv2.resize(thin, (width // step, height // step), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(thin, (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA).astype(np.float32)

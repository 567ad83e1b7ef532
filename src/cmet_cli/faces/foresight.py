"""Measuring known faces in the coming frames, in threads of their own, where they are now.

What a detector finds near a place depends on the picture and that place alone, and the places stay
put while heads hardly move. So it is found beforehand, and taken if the place has stayed: the same
numbers as one frame after the other, on more than one core.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from .detection import Detection, FaceDetector, NearDetector
from .regions import Box

#: Threads that measure: half of those that OpenCV may have here, between these.
FEWEST, MOST = 2, 8

_Near = list[Detection | None]


class Foresight:
    """make: another detector of the same kind; each thread has its own, as they are not made to be
    shared. frames_ahead: how many frames may wait to be measured. Use as a context manager."""

    def __init__(self, make: Callable[[], FaceDetector]) -> None:
        self._make, self._own = make, threading.local()
        threads = min(MOST, max(FEWEST, cv2.getNumThreads() // 2))  # a batch shares its cores out
        self.frames_ahead = threads + 1
        self._pool = ThreadPoolExecutor(threads, "faces")
        self._coming: deque[tuple[tuple[Box, ...], Future[_Near] | None]] = deque()

    def begin(self, rgb: np.ndarray, boxes: Sequence[Box]) -> None:
        """The next frame that is coming, uint8 [H, W, 3], and where its faces should be."""
        places = tuple(boxes)
        future = self._pool.submit(self._measure, rgb, places) if places else None
        self._coming.append((places, future))

    def take(self, boxes: Sequence[Box]) -> _Near | None:
        """What was found in the first of the coming frames; None where it was not looked for in
        exactly these places."""
        if not self._coming:
            return None
        places, future = self._coming.popleft()
        if future is None or places != tuple(boxes):
            return None
        return future.result()

    def _measure(self, rgb: np.ndarray, boxes: tuple[Box, ...]) -> _Near:
        if not hasattr(self._own, "detector"):
            self._own.detector = self._make()
        detector = self._own.detector
        assert isinstance(detector, NearDetector)
        return detector.detect_near(rgb, boxes)

    def __enter__(self) -> Foresight:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

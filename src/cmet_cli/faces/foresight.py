"""Looking at the coming frames in threads of their own: known faces where they are now, and all of
a picture where that is due.

What a detector finds near a place depends on the picture and that place alone, and the places stay
put while heads hardly move. So it is found beforehand, and taken if the place has stayed: the same
numbers as one frame after the other, on more than one core.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

from .appearance import Appearance, appearance_of
from .detection import Detection, FaceDetector, NearDetector
from .regions import Box

#: Threads that look: this share of those that OpenCV may have here, between these.
SHARE, FEWEST, MOST = 0.75, 2, 12
#: Pictures that wait, at most.
MOST_AHEAD = 32

_Near = list[Detection | None]


@dataclass
class _Coming:
    """A picture; places: where its faces should be; near: what is there; whole: what is in all of
    the picture, if that was asked for."""

    rgb: np.ndarray
    places: tuple[Box, ...] = ()
    near: Future[tuple[_Near, dict[Box, Appearance]]] | None = None
    whole: Future[list[Detection]] | None = None


class Foresight:
    """make: another detector of the same kind; each thread has its own, as they are not made to be
    shared. looks: whether it is wanted what faces look like. frames_ahead: how many frames may wait
    to be looked at. Use as a context manager.

    Frames are told of with :meth:`begin`, places with :meth:`expect`; :meth:`advance` goes on to
    the next of the frames, which the other questions are about.
    """

    def __init__(self, make: Callable[[], FaceDetector], *, looks: bool = False) -> None:
        self._make, self._looks, self._own = make, looks, threading.local()
        # A batch shares its cores out.
        threads = min(MOST, max(FEWEST, int(SHARE * cv2.getNumThreads())))
        # A whole search takes as long as several known faces: it is to be over when it is due. A
        # known face may be elsewhere by then.
        self.frames_ahead, self._near_ahead = min(4 * threads, MOST_AHEAD), threads + 1
        self._pool = ThreadPoolExecutor(threads, "faces")
        self._coming: deque[_Coming] = deque()
        self._places: tuple[Box, ...] = ()
        self._now: _Coming | None = None
        self._known: dict[Box, Appearance] = {}

    @property
    def waiting(self) -> int:
        """How many frames have been told of and not been gone on to."""
        return len(self._coming)

    def begin(self, rgb: np.ndarray, *, search: bool = False) -> None:
        """The next frame that is coming, uint8 [H, W, 3], and whether all of it is to be
        searched."""
        coming = _Coming(rgb)
        if search:
            coming.whole = self._pool.submit(self._search, rgb)
        self._coming.append(coming)
        if len(self._coming) <= self._near_ahead:
            self._look_near(coming)

    def expect(self, boxes: Sequence[Box]) -> None:
        """Where faces should be from now on, in the frames that wait too."""
        if (places := tuple(boxes)) == self._places:
            return
        self._places = places
        for coming in islice(self._coming, self._near_ahead):
            if coming.near is not None:
                coming.near.cancel()
            self._look_near(coming)

    def _look_near(self, coming: _Coming) -> None:
        coming.places, coming.near = self._places, None
        if self._places:
            coming.near = self._pool.submit(self._measure, coming.rgb, self._places)

    def advance(self) -> None:
        """Go on to the first of the coming frames, if there is one."""
        self._now = self._coming.popleft() if self._coming else None
        self._known = {}
        if len(self._coming) >= self._near_ahead:
            self._look_near(self._coming[self._near_ahead - 1])

    def near(self, boxes: Sequence[Box]) -> _Near | None:
        """What was found; None where it was not looked for in exactly these places."""
        now = self._now
        if now is None or now.near is None or now.places != tuple(boxes):
            return None
        found, self._known = now.near.result()
        return found

    def whole(self) -> list[Detection] | None:
        """What was found in the whole picture; None where it was not looked for."""
        now = self._now
        return None if now is None or now.whole is None else now.whole.result()

    def look(self, found: Detection) -> Appearance | None:
        """What a face that :meth:`near` gave looks like, if that is known."""
        return self._known.get(found.box)

    def _detector(self) -> FaceDetector:
        if not hasattr(self._own, "detector"):
            self._own.detector = self._make()
        detector: FaceDetector = self._own.detector
        return detector

    def _search(self, rgb: np.ndarray) -> list[Detection]:
        return self._detector().detect(rgb)

    def _measure(
        self, rgb: np.ndarray, boxes: tuple[Box, ...]
    ) -> tuple[_Near, dict[Box, Appearance]]:
        detector = self._detector()
        assert isinstance(detector, NearDetector)
        near = detector.detect_near(rgb, boxes)
        seen = [found for found in near if found is not None] if self._looks else []
        return near, {found.box: appearance_of(rgb, found) for found in seen}

    def __enter__(self) -> Foresight:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

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
from typing import Literal

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
#: Of faces that a whole picture is searched for.
Sizes = Literal["all", "large"]


@dataclass
class _Coming:
    """A picture; wanted: whether faces are looked at in it; places: where they should be; near:
    what is there; whole: what is in all of the picture, if that was asked for; sizes: of faces."""

    rgb: np.ndarray
    wanted: bool = True
    places: tuple[Box, ...] = ()
    near: Future[tuple[_Near, dict[Box, Appearance]]] | None = None
    whole: Future[list[Detection]] | None = None
    sizes: Sizes = "all"


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

    def begin(self, rgb: np.ndarray, *, near: bool = True, search: Sizes | None = None) -> None:
        """The next frame that is coming, uint8 [H, W, 3], whether known faces are to be looked at
        in it, and whether all of it is to be searched, for faces of which sizes."""
        coming = _Coming(rgb, wanted=near)
        if search is not None:
            coming.whole, coming.sizes = self._pool.submit(self._search, rgb, search), search
        self._coming.append(coming)
        self._look_ahead()

    def expect(self, boxes: Sequence[Box], *, in_each: bool = False) -> None:
        """Where faces should be from now on, in the frames that wait too; in_each: they are to be
        looked at in each of these."""
        self._places = tuple(boxes)
        for coming in self._coming if in_each else ():
            coming.wanted = True
        self._look_ahead()

    def _look_ahead(self) -> None:
        """At the first of those that wait, in the places known now."""
        wanted = (coming for coming in self._coming if coming.wanted)
        for coming in islice(wanted, self._near_ahead):
            if coming.places == self._places:
                continue
            if coming.near is not None:
                coming.near.cancel()
            coming.places, coming.near = self._places, None
            if self._places:
                coming.near = self._pool.submit(self._measure, coming.rgb, self._places)

    def advance(self) -> None:
        """Go on to the first of the coming frames, if there is one."""
        self._now = self._coming.popleft() if self._coming else None
        self._known = {}
        self._look_ahead()

    def near(self, boxes: Sequence[Box]) -> _Near | None:
        """What was found; None where it was not looked for in exactly these places."""
        now = self._now
        if now is None or now.near is None or now.places != tuple(boxes):
            return None
        found, self._known = now.near.result()
        return found

    def whole(self, sizes: Sizes) -> list[Detection] | None:
        """What was found in the whole picture; None where it was not looked for."""
        now = self._now
        if now is None or now.whole is None or sizes != now.sizes:
            return None
        return now.whole.result()

    def look(self, found: Detection) -> Appearance | None:
        """What a face that :meth:`near` gave looks like, if that is known."""
        return self._known.get(found.box)

    def _detector(self) -> FaceDetector:
        if not hasattr(self._own, "detector"):
            self._own.detector = self._make()
        detector: FaceDetector = self._own.detector
        return detector

    def _search(self, rgb: np.ndarray, sizes: Sizes) -> list[Detection]:
        return searched(self._detector(), rgb, sizes)

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


def searched(detector: FaceDetector, rgb: np.ndarray, sizes: Sizes) -> list[Detection]:
    """Faces in a whole picture, best score first."""
    if sizes == "large" and isinstance(detector, NearDetector):
        return detector.detect_large(rgb)
    return detector.detect(rgb)

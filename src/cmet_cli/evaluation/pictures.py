"""What the judging networks look at: one face of one video, cut out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..faces.geometry import Square
from ..faces.placement import Placement
from ..media.clock import Timeline
from ..media.probe import VideoInfo
from ..media.reader import Frame, FrameReader
from ..pipeline.cropper import Cropper
from .face import SIDE_PX
from .networks import syncnet

RATE_HZ = 25
#: Longer takes are judged by their beginning: a minute of crops is half a gigabyte.
MOST_S = 60.0
#: SyncNet's published crops, in sides of a renderer's square: S3FD's box of a face, its larger side
#: ``b``, is grown to 1.4 ``b`` and its middle lowered by 0.2 ``b``. YuNet, trained on the same
#: annotation, has ``b`` at 0.73 and 0.76 of the square (medians over two people filmed).
SYNC_SIDE, SYNC_DOWN = 1.4 * 0.745, 0.2 * 0.745


@dataclass(frozen=True)
class FacePictures:
    """faces: uint8 ``[n, 256, 256, 3]`` RGB, every frame that shows the face; lips: uint8
    ``[m, 224, 224, 3]`` RGB, 25 a second, the longest stretch without a break; lips_s: when the
    first of them is shown."""

    faces: np.ndarray
    lips: np.ndarray
    lips_s: float


class Gatherer:
    """Gathers them from frames given in order. place: where the face is, frame by frame (of this
    video, or of the one that it is an edit of); only the first minute is looked at."""

    def __init__(self, info: VideoInfo, place: Placement, timeline: Timeline) -> None:
        times_s = timeline.times_s[: len(place.squares)]
        shown = (place.present & (place.weights > 0))[: len(times_s)]
        self._shown = shown & (times_s - times_s[0] <= MOST_S)
        self._at, self._lips_s = _grid(times_s, self._shown, place.shots)
        self._wanted, self._place = set(self._at.tolist()), place
        self._cut, self._cut_lips = Cropper(info, SIDE_PX), Cropper(info, syncnet.SIDE_PX)
        self._faces, self._lips = list[np.ndarray](), dict[int, np.ndarray]()

    def add(self, frame: Frame, face: np.ndarray | None = None) -> None:
        """face: the frame's crop, RGB float32 ``[256, 256, 3]``, where it is cut already."""
        square = self._place.square(frame.index) if frame.index < len(self._shown) else None
        if square is None or not self._shown[frame.index]:
            return
        self._faces.append(_bytes(self._cut(frame, square) if face is None else face))
        if frame.index in self._wanted:
            self._lips[frame.index] = _bytes(self._cut_lips(frame, lip_square(square)))

    def pictures(self) -> FacePictures:
        """What was gathered."""
        lips = [self._lips[i] for i in self._at.tolist() if i in self._lips]
        return FacePictures(
            _stacked(self._faces, SIDE_PX), _stacked(lips, syncnet.SIDE_PX), self._lips_s
        )


def gather(info: VideoInfo, place: Placement, timeline: Timeline) -> FacePictures:
    """By a pass over the video. Raises :class:`MediaError`."""
    gatherer = Gatherer(info, place, timeline)
    with FrameReader(info) as reader:
        for frame in reader:
            gatherer.add(frame)
    return gatherer.pictures()


def lip_square(square: Square) -> Square:
    """The part of a picture that SyncNet sees."""
    lower = square.cy + SYNC_DOWN * square.side
    return replace(square, cy=lower, side=SYNC_SIDE * square.side)


def _grid(times_s: np.ndarray, shown: np.ndarray, shots: np.ndarray) -> tuple[np.ndarray, float]:
    """Frames of the longest unbroken stretch, picked 25 times a second, and when it begins."""
    edges = np.flatnonzero(np.diff(shots[: len(shown)]) | (np.diff(shown.astype(int)) != 0)) + 1
    stretches = [part for part in np.split(np.arange(len(shown)), edges) if shown[part].all()]
    longest = max(stretches, key=len, default=np.zeros(0, int))
    if not len(longest):
        return longest, 0.0
    start, end = times_s[longest[0]], times_s[longest[-1]]
    wanted = start + np.arange(int((end - start) * RATE_HZ + 1e-6) + 1) / RATE_HZ
    at = np.searchsorted(times_s[longest], wanted + 1e-6, side="right") - 1
    return longest[at], float(start)


def _stacked(pictures: list[np.ndarray], side_px: int) -> np.ndarray:
    return np.stack(pictures) if pictures else np.zeros((0, side_px, side_px, 3), np.uint8)


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def uniformly(pictures: np.ndarray, count: int) -> np.ndarray:
    """``count`` of ``[n, ...]``, evenly from the first to the last; fewer where there are fewer."""
    n = len(pictures)
    if n <= count:
        return pictures
    return pictures[np.rint(np.linspace(0, n - 1, count)).astype(int)]

"""What the judging networks look at: one face of one video, cut out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..faces.geometry import Square
from ..faces.placement import Placement
from ..media.clock import Timeline
from ..media.probe import VideoInfo
from ..media.reader import FrameReader
from ..pipeline.cropper import Cropper
from .networks import syncnet

SIDE_PX = 256
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


def gather(info: VideoInfo, place: Placement, timeline: Timeline) -> FacePictures:
    """One pass over a video's first minute. place: where the face is, frame by frame (of this
    video, or of the one that it is an edit of). Raises :class:`MediaError`."""
    times_s = timeline.times_s[: len(place.squares)]
    shown = place.present & (place.weights > 0)
    shown = shown[: len(times_s)] & (times_s - times_s[0] <= MOST_S)
    at, lips_s = _grid(times_s, shown, place.shots)
    wanted, cut_face = set(at.tolist()), Cropper(info, SIDE_PX)
    cut_lips = Cropper(info, syncnet.SIDE_PX)
    faces, lips = list[np.ndarray](), dict[int, np.ndarray]()
    with FrameReader(info) as reader:
        for frame in reader:
            if frame.index >= len(shown):
                break
            square = place.square(frame.index)
            if square is None or not shown[frame.index]:
                continue
            faces.append(_bytes(cut_face(frame, square)))
            if frame.index in wanted:
                lips[frame.index] = _bytes(cut_lips(frame, lip_square(square)))
    side, small = (0, SIDE_PX, SIDE_PX, 3), (0, syncnet.SIDE_PX, syncnet.SIDE_PX, 3)
    seen = [lips[i] for i in at.tolist() if i in lips]
    return FacePictures(
        np.stack(faces) if faces else np.zeros(side, np.uint8),
        np.stack(seen) if seen else np.zeros(small, np.uint8),
        lips_s,
    )


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


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def uniformly(pictures: np.ndarray, count: int) -> np.ndarray:
    """``count`` of ``[n, ...]``, evenly from the first to the last; fewer where there are fewer."""
    n = len(pictures)
    if n <= count:
        return pictures
    return pictures[np.rint(np.linspace(0, n - 1, count)).astype(int)]

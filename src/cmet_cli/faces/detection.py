"""Finding faces in one picture: what a detector is and gives, and the search they share.

Every detector works in two steps. A whole-picture search proposes rough boxes on a reduced
picture; each proposal is then measured in a window around it, where the face always has the same
size in pixels. So a box means the same for a small face and for one that fills the picture, and a
tracker that already knows where a face is may ask for the measurement alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from .regions import Box, overlap, pad, shrink

# Detectors lose faces that touch the border; the mirrored margin gives them a background.
BORDER_SHARE = 0.3
SAME_FACE_OVERLAP = 0.4


@dataclass(frozen=True)
class Detection:
    """One face: box in pixels of the picture given, score 0..1, five landmarks where known.

    Landmarks are float32 [5, 2] (x, y): the eye, the nose tip and the mouth corner points in the
    order of YuNet: right eye, left eye, nose, right and left mouth corner, as the person has them.
    """

    x: float
    y: float
    w: float
    h: float
    score: float
    landmarks: np.ndarray | None = None

    @classmethod
    def of(
        cls, box: Sequence[float], score: float, landmarks: np.ndarray | None = None
    ) -> Detection:
        """From any four numbers x, y, w, h."""
        x, y, w, h = (float(value) for value in box)
        return cls(x, y, w, h, score, landmarks)

    @property
    def box(self) -> Box:
        """(x, y, w, h) in pixels."""
        return self.x, self.y, self.w, self.h

    def moved(self, scale: float, left: float, top: float) -> Detection:
        """The same face after multiplying coordinates by ``scale``, then adding an offset."""
        marks = self.landmarks
        if marks is not None:
            marks = (marks * scale + (left, top)).astype(np.float32)
        return replace(
            self,
            x=self.x * scale + left,
            y=self.y * scale + top,
            w=self.w * scale,
            h=self.h * scale,
            landmarks=marks,
        )


class FaceDetector(Protocol):
    """Finds all faces of a picture."""

    name: str

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """Faces in ``rgb`` (uint8 [H, W, 3]), best score first; empty where there is none."""
        ...


@runtime_checkable
class NearDetector(Protocol):
    """A detector that can also look only where faces are expected, which is much cheaper, or for
    large faces only, which is a quarter of the work.

    It may say, as ``grows``, how much larger or smaller than its box (a logarithm) a face may be
    found to be before the box is to be the new one.
    """

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """As :class:`FaceDetector` has it."""
        ...

    def detect_large(self, rgb: np.ndarray) -> list[Detection]:
        """The same, but faces are missed that are less than twice as large as the least."""
        ...

    def detect_near(self, rgb: np.ndarray, boxes: Sequence[Box]) -> list[Detection | None]:
        """For each box the face found in it or close around it, or None."""
        ...


def search_whole(
    rgb: np.ndarray,
    long_px: int,
    least_px: int,
    propose: Callable[[np.ndarray], list[Detection]],
    measure: Callable[[np.ndarray, Sequence[Box]], list[Detection | None]],
) -> list[Detection]:
    """Propose faces on a picture reduced to ``long_px``, then measure each of them.

    Only a picture that shows none is searched again with mirrored margins: that costs as much as
    the first search, and most pictures have room around the face.
    """
    for share in (0.0, BORDER_SHARE):
        wide, edge_px = pad(rgb, share)
        small, scale = shrink(wide, long_px, least_px)
        proposals = [found.moved(1 / scale, -edge_px, -edge_px) for found in propose(small)]
        boxes = [found.box for found in proposals if _mostly_inside(found, rgb)]
        measured = distinct([found for found in measure(rgb, boxes) if found is not None])
        if measured:
            return measured
    return []


def distinct(detections: list[Detection]) -> list[Detection]:
    """One detection per face, best score first."""
    kept: list[Detection] = []
    for found in sorted(detections, key=lambda one: -one.score):
        if all(overlap(found.box, other.box) < SAME_FACE_OVERLAP for other in kept):
            kept.append(found)
    return kept


def _mostly_inside(found: Detection, rgb: np.ndarray) -> bool:
    """A mirrored margin also mirrors faces; a real one has its centre in the picture."""
    height, width = rgb.shape[:2]
    return 0 <= found.x + found.w / 2 <= width and 0 <= found.y + found.h / 2 <= height

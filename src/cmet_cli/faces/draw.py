"""The picture that shows which face has which number."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .track import FaceTrack

COLOURS = ((255, 196, 0), (0, 200, 255), (255, 90, 160), (120, 230, 90), (190, 140, 255))


def busiest_frame(tracks: Sequence[FaceTrack]) -> int:
    """Index of the first frame that shows as many of the faces as any frame does."""
    counts = np.sum([track.status != 0 for track in tracks], axis=0)
    return int(np.argmax(counts))


def faces_in_frame(tracks: Sequence[FaceTrack], index: int) -> list[tuple[int, np.ndarray]]:
    """(number, box float32 [4]) of every face present in that frame."""
    boxes = ((track.number, track.box_at(index)) for track in tracks)
    return [(number, box) for number, box in boxes if box is not None]


def draw_faces(rgb: np.ndarray, tracks_in_frame: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
    """A copy of ``rgb`` (uint8 [H, W, 3]) with each (number, box) drawn and numbered."""
    picture = np.ascontiguousarray(rgb).copy()
    line_px = max(1, round(min(picture.shape[:2]) / 240))
    letters = max(0.4, min(picture.shape[:2]) / 500)
    font = cv2.FONT_HERSHEY_SIMPLEX
    for number, box in tracks_in_frame:
        colour = COLOURS[(number - 1) % len(COLOURS)]
        x, y, w, h = (round(float(value)) for value in box)
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, line_px)
        (wide, high), _ = cv2.getTextSize(str(number), font, letters, line_px)
        # The label stays inside the picture where the face touches its edge.
        left = min(max(x, 0), picture.shape[1] - wide - 8)
        top = min(max(y, 0), picture.shape[0] - high - 8)
        cv2.rectangle(picture, (left, top), (left + wide + 8, top + high + 8), colour, -1)
        place = (left + 4, top + high + 4)
        cv2.putText(picture, str(number), place, font, letters, (0, 0, 0), line_px, cv2.LINE_AA)
    return picture

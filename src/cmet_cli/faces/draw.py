"""Pictures that show which face has which number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from .regions import shrink
from .track import ABSENT, FaceTrack

COLOURS = ((255, 196, 0), (0, 200, 255), (255, 90, 160), (120, 230, 90), (190, 140, 255))
MOST_PICTURES = 12
# Where several pictures are needed, the long side of each is at most this.
TILE_LONG_PX = 640


def telling_frames(people: Sequence[FaceTrack]) -> list[int]:
    """Frames, in order, that show everybody: first the one that shows most, then who is missing."""
    missing = list(people)
    frames: list[int] = []
    while missing and len(frames) < MOST_PICTURES:
        counts = np.zeros(people[0].n_frames, np.int32)
        for person in missing:
            counts[person.first : person.end] += person.span_status != ABSENT
        best = int(np.argmax(counts))
        frames.append(best)
        missing = [person for person in missing if person.box_at(best) is None]
    return sorted(frames)


def faces_in_frame(people: Sequence[FaceTrack], index: int) -> list[tuple[int, np.ndarray]]:
    """(number, box float32 [4]) of everybody present in that frame."""
    boxes = ((person.number, person.box_at(index)) for person in people)
    return [(number, box) for number, box in boxes if box is not None]


def draw_faces(rgb: np.ndarray, numbered: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
    """A copy of ``rgb`` (uint8 [H, W, 3]) with each (number, box) drawn and numbered."""
    picture = np.ascontiguousarray(rgb).copy()
    line_px = max(1, round(min(picture.shape[:2]) / 240))
    letters = max(0.4, min(picture.shape[:2]) / 500)
    font = cv2.FONT_HERSHEY_SIMPLEX
    for number, box in numbered:
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


def as_tile(rgb: np.ndarray) -> np.ndarray:
    """A picture, uint8 [H, W, 3], of a tile's size at most."""
    small, _ = shrink(rgb, TILE_LONG_PX, 1)
    return small


def tiled(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of one size, uint8 [H, W, 3], beside and below each other."""
    columns = math.ceil(math.sqrt(len(pictures)))
    blanks = [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    tiles = [*pictures, *blanks]
    return np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])

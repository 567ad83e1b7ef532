"""One face followed through a clip, and the choice of the faces to edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import FaceError, UsageError
from .regions import overlap

ABSENT, DETECTED, BRIDGED = 0, 1, 2
# After a cut, a face within this overlap of where one was last seen counts as the same person.
SAME_PERSON_OVERLAP = 0.3


@dataclass(frozen=True)
class FaceTrack:
    """A face's boxes. Only the span from its first to its last frame is stored."""

    number: int  # 1-based, left to right in the first frame that shows faces
    detector: str  # whose boxes these are: "yunet", "haar", "none"
    n_frames: int  # of the whole clip
    first: int  # frame index of the span's start
    span_boxes: np.ndarray  # float32 [m, 4]: x, y, w, h in pixels; NaN where absent
    span_status: np.ndarray  # uint8 [m]: ABSENT, DETECTED or BRIDGED
    cuts: tuple[int, ...] = ()  # frame indices at which a new shot begins

    @property
    def boxes(self) -> np.ndarray:
        """float32 [n_frames, 4]: x, y, w, h in pixels, NaN where absent. A fresh array."""
        boxes = np.full((self.n_frames, 4), np.nan, np.float32)
        boxes[self.first : self.first + len(self.span_boxes)] = self.span_boxes
        return boxes

    @property
    def status(self) -> np.ndarray:
        """uint8 [n_frames]: 0 absent, 1 detected, 2 bridged. A fresh array."""
        status = np.zeros(self.n_frames, np.uint8)
        status[self.first : self.first + len(self.span_status)] = self.span_status
        return status

    @property
    def shot(self) -> int:
        """Index of the shot in which the track starts."""
        return int(np.searchsorted(self.cuts, self.first, side="right"))

    @property
    def prominence(self) -> float:
        """Sum over its detected frames of the face's size in pixels: large and present."""
        seen = self.span_boxes[self.span_status == DETECTED]
        return float(np.sqrt(seen[:, 2] * seen[:, 3]).sum())

    def box_at(self, index: int) -> np.ndarray | None:
        """float32 [4] at a frame, or None where the face is absent."""
        at = index - self.first
        if not 0 <= at < len(self.span_status) or self.span_status[at] == ABSENT:
            return None
        return self.span_boxes[at]


def select_faces(tracks: Sequence[FaceTrack], choice: int | str | None = None) -> list[FaceTrack]:
    """The faces to edit, each joined over the whole clip.

    ``None``: one face, in every shot the largest and most present one. ``N``: the N-th face,
    counted left to right in the first frame that shows faces, later ones after them; after a cut
    it goes on where a face appears about where it was. ``"all"``: every face, in that numbering.
    Raises UsageError for an N that does not exist, FaceError where there are no tracks.
    """
    if not tracks:
        raise FaceError("no face was found", "try another detector, or a frontal, larger face")
    if choice is None:
        best: dict[int, FaceTrack] = {}
        for track in tracks:
            rival = best.get(track.shot)
            if rival is None or track.prominence > rival.prominence:
                best[track.shot] = track
        return [_join([best[shot] for shot in sorted(best)], 1)]
    people = [_join(parts, k) for k, parts in enumerate(_people(tracks), start=1)]
    if choice == "all":
        return people
    if isinstance(choice, bool) or not isinstance(choice, int):
        raise UsageError(f"no such choice of face: {choice!r}", "give a number, or 'all'")
    if not 1 <= choice <= len(people):
        count = "1 face" if len(people) == 1 else f"{len(people)} faces"
        raise UsageError(
            f"face {choice} does not exist: the video shows {count}",
            "see the numbers with: cmet faces VIDEO -o faces.png",
        )
    return [people[choice - 1]]


def _people(tracks: Sequence[FaceTrack]) -> list[list[FaceTrack]]:
    """Tracks of different shots that stand in the same place, grouped; in order of appearance."""
    people: list[list[FaceTrack]] = []
    for track in tracks:  # in order of shots
        before = [parts for parts in people if parts[-1].shot < track.shot]
        shared = [overlap(parts[-1].span_boxes[-1], track.span_boxes[0]) for parts in before]
        if shared and max(shared) >= SAME_PERSON_OVERLAP:
            before[int(np.argmax(shared))].append(track)
        else:
            people.append([track])
    return people


def _join(parts: Sequence[FaceTrack], number: int) -> FaceTrack:
    """One track from tracks that do not overlap in time, in order."""
    first = parts[0].first
    length = max(part.first + len(part.span_status) for part in parts) - first
    boxes = np.full((length, 4), np.nan, np.float32)
    status = np.zeros(length, np.uint8)
    for part in parts:
        at = slice(part.first - first, part.first - first + len(part.span_status))
        boxes[at], status[at] = part.span_boxes, part.span_status
    return replace(parts[0], number=number, span_boxes=boxes, span_status=status)

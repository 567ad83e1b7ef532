"""One face followed through a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .appearance import Appearance

ABSENT, DETECTED, BRIDGED = 0, 1, 2


@dataclass(frozen=True)
class FaceTrack:
    """A face's boxes and landmarks. Only the span from its first to its last frame is stored."""

    number: int  # from 1, left to right in the first frame that shows faces
    detector: str  # whose boxes these are: "yunet", "haar", "none"
    n_frames: int  # of the whole clip
    first: int  # frame index of the span's start
    span_boxes: np.ndarray  # float32 [m, 4]: x, y, w, h in pixels; NaN where absent
    span_status: np.ndarray  # uint8 [m]: ABSENT, DETECTED or BRIDGED
    # float32 [m, 5, 2]: x, y in pixels, in the order of Detection; NaN where not measured
    span_landmarks: np.ndarray
    cuts: tuple[int, ...] = ()  # frame indices at which a new shot begins
    appearance: Appearance | None = None  # None: any face is taken for the same
    # uint8 [2, 32, 32, 3]: the whole picture at the track's first and last frame, reduced
    setting: np.ndarray | None = None

    @property
    def boxes(self) -> np.ndarray:
        """float32 [n_frames, 4]: x, y, w, h in pixels, NaN where absent. A fresh array."""
        boxes = np.full((self.n_frames, 4), np.nan, np.float32)
        boxes[self.first : self.first + len(self.span_boxes)] = self.span_boxes
        return boxes

    @property
    def landmarks(self) -> np.ndarray:
        """float32 [n_frames, 5, 2]: x, y in pixels, NaN where not measured. A fresh array."""
        landmarks = np.full((self.n_frames, 5, 2), np.nan, np.float32)
        landmarks[self.first : self.first + len(self.span_landmarks)] = self.span_landmarks
        return landmarks

    @property
    def end(self) -> int:
        """Index of the frame after the span's last."""
        return self.first + len(self.span_status)

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

"""Where one face is in every frame of a clip, how strongly it is edited, and which frame lends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Square
from .smooth import crop_squares, edit_weights, head_shifts
from .track import BRIDGED, FaceTrack


@dataclass(frozen=True)
class Placement:
    """One face of a clip of ``n`` frames.

    squares: float32 ``[n, 3]``, centre x, centre y, side in pixels, NaN where absent;
    heads: float32 ``[n, 2]``, the head's offset from the square's middle in shares of its side;
    weights: float32 ``[n]`` in [0, 1]; bridged: bool ``[n]``, placed by interpolation;
    shots: int ``[n]``, the number of the shot a frame is in.
    """

    squares: np.ndarray
    heads: np.ndarray
    weights: np.ndarray
    bridged: np.ndarray
    shots: np.ndarray

    @classmethod
    def of_track(
        cls, track: FaceTrack, frame_size: tuple[int, int], times_s: np.ndarray, scale: float
    ) -> Placement:
        """From a track made on pictures ``scale`` times as large as the frames."""
        seen_size = (round(frame_size[0] * scale), round(frame_size[1] * scale))
        squares = crop_squares(track, seen_size, times_s)
        heads = head_shifts(track, squares, times_s)
        shots = np.searchsorted(np.asarray(track.cuts), np.arange(track.n_frames), side="right")
        bridged = track.status == BRIDGED
        weights = edit_weights(track, times_s)
        return cls(squares / np.float32(scale), heads, weights, bridged, shots)

    @classmethod
    def everywhere(cls, n: int, size_px: int) -> Placement:
        """A face that fills each of ``n`` square pictures."""
        squares = np.tile(np.float32([size_px / 2, size_px / 2, size_px]), (n, 1))
        shifts = np.zeros((n, 2), np.float32)
        return cls(squares, shifts, np.ones(n, np.float32), np.zeros(n, bool), np.zeros(n, int))

    def part(self, span: range) -> Placement:
        """The same face in a stretch of the frames."""
        at = slice(span.start, span.stop)
        return Placement(
            self.squares[at], self.heads[at], self.weights[at], self.bridged[at], self.shots[at]
        )

    @property
    def present(self) -> np.ndarray:
        """bool ``[n]``."""
        return ~np.isnan(self.squares[:, 2])

    def square(self, index: int) -> Square | None:
        """The square of a frame, or None where the face is absent."""
        cx, cy, side = (float(v) for v in self.squares[index])
        return None if np.isnan(side) else Square(cx, cy, side)

    def lenders(self, scores: np.ndarray | None = None) -> np.ndarray:
        """For each frame the index of the frame that lends its face, int ``[n]`` (-1: absent).

        One per shot: the first that shows the face, or, with ``scores [n]``, the best scored.
        """
        lenders = np.full(len(self.squares), -1)
        for shot in np.unique(self.shots):
            members = np.flatnonzero((self.shots == shot) & self.present)
            if len(members):
                best = 0 if scores is None else int(np.argmax(scores[members]))
                lenders[members] = members[best]
        return lenders


def fill_absent(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Rows ``[n, D]`` where ``present`` is False are interpolated from their neighbours."""
    if present.all() or not present.any():
        return values
    at, known = np.arange(len(values)), np.flatnonzero(present)
    columns = [np.interp(at, known, values[known, d]) for d in range(values.shape[1])]
    return np.stack(columns, axis=1).astype(values.dtype)

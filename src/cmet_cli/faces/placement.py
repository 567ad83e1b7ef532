"""Where one face is in every frame of a clip, how strongly it is edited, and its source frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .calibration import CropCalibration
from .geometry import Square
from .squares import crop_squares, edit_weights, head_offsets
from .track import BRIDGED, FaceTrack


@dataclass(frozen=True)
class Placement:
    """One face of a clip of ``n`` frames.

    squares: float32 ``[n, 3]``, centre x, centre y, side in pixels, NaN where absent;
    head_offsets: float32 ``[n, 2]``, the head's offset from the square's middle in shares of its
    side; weights: float32 ``[n]`` in [0, 1]; bridged: bool ``[n]``, placed by interpolation;
    shots: int ``[n]``, the number of the shot a frame is in; landmarks: float32 ``[n, 5, 2]`` in
    pixels as :class:`~cmet_cli.faces.detection.Detection` has them, NaN where not measured.
    """

    squares: np.ndarray
    head_offsets: np.ndarray
    weights: np.ndarray
    bridged: np.ndarray
    shots: np.ndarray
    landmarks: np.ndarray

    @classmethod
    def of_track(
        cls,
        track: FaceTrack,
        frame_size: tuple[int, int],
        times_s: np.ndarray,
        calibration: CropCalibration,
        scale: float = 1.0,
    ) -> Placement:
        """From a track made on pictures ``scale`` times as large as the frames."""
        seen_size = (round(frame_size[0] * scale), round(frame_size[1] * scale))
        squares = crop_squares(track, seen_size, times_s, calibration)
        return cls(
            squares=squares / np.float32(scale),
            head_offsets=head_offsets(track, squares, times_s, calibration),
            weights=edit_weights(track, times_s),
            bridged=track.status == BRIDGED,
            shots=np.searchsorted(track.cuts, np.arange(track.n_frames), side="right"),
            landmarks=track.landmarks / np.float32(scale),
        )

    @classmethod
    def everywhere(cls, n: int, size_px: int) -> Placement:
        """A face that fills each of ``n`` square pictures."""
        return cls(
            squares=np.tile(np.array([size_px / 2, size_px / 2, size_px], np.float32), (n, 1)),
            head_offsets=np.zeros((n, 2), np.float32),
            weights=np.ones(n, np.float32),
            bridged=np.zeros(n, bool),
            shots=np.zeros(n, int),
            landmarks=np.full((n, 5, 2), np.nan, np.float32),
        )

    def part(self, span: range) -> Placement:
        """The same face in a stretch of the frames."""
        at = slice(span.start, span.stop)
        return Placement(**{name: values[at] for name, values in vars(self).items()})

    @property
    def present(self) -> np.ndarray:
        """bool ``[n]``."""
        return ~np.isnan(self.squares[:, 2])

    def square(self, index: int) -> Square | None:
        """The square of a frame, or None where the face is absent."""
        cx, cy, side = (float(v) for v in self.squares[index])
        return None if np.isnan(side) else Square(cx, cy, side)

    def source_frames(self, scores: np.ndarray | None = None) -> np.ndarray:
        """For each frame the index of the frame whose face it is drawn from, int ``[n]``.

        One per shot: the first that shows the face, or, with ``scores [n]``, the best scored.
        -1 where the face is absent.
        """
        sources = np.full(len(self.squares), -1)
        for shot in np.unique(self.shots):
            members = np.flatnonzero((self.shots == shot) & self.present)
            if len(members):
                best = 0 if scores is None else int(np.argmax(scores[members]))
                sources[members] = members[best]
        return sources


def fill_absent(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Rows ``[n, D]`` where ``present`` is False are interpolated from their neighbours."""
    if present.all() or not present.any():
        return values
    at, known = np.arange(len(values)), np.flatnonzero(present)
    columns = [np.interp(at, known, values[known, d]) for d in range(values.shape[1])]
    return np.stack(columns, axis=1).astype(values.dtype)

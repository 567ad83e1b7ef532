"""From a face's boxes to the steady square that is cropped, and to how strongly it is edited."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ..media.smoothing import gaussian, median
from .calibration import CropCalibration
from .track import ABSENT, FaceTrack

# The published crops are fixed for a clip and the head moves inside. So the square holds still
# while the head stays within these shares of the side (position) and of itself (size).
HOLD_SHARE = 0.03
HOLD_SIZE_SHARE = 0.06
MEDIAN_S = 0.2
POSITION_SIGMA_S = 0.12
SIZE_SIGMA_S = 0.8
# ... and its centre within this share of the side.
WHOLE_SHIFT_SHARE = 0.1
MOST_HEAD_OFFSET = 0.12  # of the side; beyond it the box is wrong rather than the head far


def crop_squares(
    track: FaceTrack,
    frame_size: tuple[int, int],
    times_s: np.ndarray,
    calibration: CropCalibration,
    *,
    keep_whole: bool = True,
) -> np.ndarray:
    """The square to crop in each frame: float32 [n, 3] centre x, centre y, side in pixels.

    NaN where the face is absent; a square may reach beyond the frame. ``frame_size``: (width,
    height) in pixels; ``times_s``: seconds [n]. Smoothing never crosses a cut or a long gap.
    ``keep_whole`` answers with the whole picture where the video is a face crop already.
    """
    margin = calibration.margin(track.detector)
    boxes = track.boxes.astype(np.float64)
    size = np.sqrt(boxes[:, 2] * boxes[:, 3])
    centre_x = boxes[:, 0] + boxes[:, 2] / 2 + margin.right * size
    centre_y = boxes[:, 1] + boxes[:, 3] / 2 + margin.down * size
    squares = np.full((track.n_frames, 3), np.nan, np.float32)
    step_s = _step_s(times_s)
    for run in present_runs(track):
        side = _steady_side(margin.side * size[run], step_s)
        slack = HOLD_SHARE * float(np.median(side))
        squares[run, 0] = _steady(centre_x[run], slack, POSITION_SIGMA_S, step_s)
        squares[run, 1] = _steady(centre_y[run], slack, POSITION_SIGMA_S, step_s)
        squares[run, 2] = side
        if keep_whole and _is_whole(squares[run], frame_size, margin.doubt):
            squares[run] = (frame_size[0] / 2, frame_size[1] / 2, min(frame_size))
    return squares


def head_offsets(
    track: FaceTrack, squares: np.ndarray, times_s: np.ndarray, calibration: CropCalibration
) -> np.ndarray:
    """How far the head is from the middle of its square: float32 [n, 2], in shares of the side.

    The square holds still where the head hardly moves; the mask of the edit follows the head.
    """
    margin = calibration.margin(track.detector)
    boxes = track.boxes.astype(np.float64)
    size = np.sqrt(boxes[:, 2] * boxes[:, 3])
    wanted = (margin.right, margin.down)
    offsets = np.zeros((track.n_frames, 2), np.float32)
    step_s = _step_s(times_s)
    for run in present_runs(track):
        usual = float(np.median(size[run]))
        for axis in (0, 1):
            centre = boxes[run, axis] + boxes[run, axis + 2] / 2 + wanted[axis] * usual
            smooth = _gaussian(_median(centre, MEDIAN_S / step_s), POSITION_SIGMA_S / step_s)
            offsets[run, axis] = (smooth - squares[run, axis]) / squares[run, 2]
    return np.clip(offsets, -MOST_HEAD_OFFSET, MOST_HEAD_OFFSET)


def edit_weights(track: FaceTrack, times_s: np.ndarray, fade_s: float = 0.2) -> np.ndarray:
    """How strongly each frame is edited: float32 [n] in 0..1, 0 where the face is absent.

    Rises and falls over ``fade_s`` where a face comes or goes inside a shot; at cuts and at the
    clip's ends it switches at once.
    """
    weights = np.zeros(track.n_frames, np.float32)
    borders = {0, track.n_frames, *track.cuts}
    for run in present_runs(track):
        now = times_s[run]
        rise = np.ones(len(now))
        if run.start not in borders:
            rise = (now - times_s[run.start - 1]) / fade_s
        fall = np.ones(len(now))
        if run.stop not in borders:
            fall = (times_s[run.stop] - now) / fade_s
        weights[run] = np.clip(np.minimum(rise, fall), 0, 1)
    return weights


def present_runs(track: FaceTrack) -> Iterator[slice]:
    """Unbroken stretches of frames that show the face; they end at absences and at cuts."""
    present = track.status != ABSENT
    starts = np.flatnonzero(present & ~np.concatenate([[False], present[:-1]]))
    stops = np.flatnonzero(present & ~np.concatenate([present[1:], [False]])) + 1
    for start, stop in zip(starts, stops, strict=True):
        inner = [cut for cut in track.cuts if start < cut < stop]
        edges = [int(start), *inner, int(stop)]
        for a, b in pairwise(edges):
            yield slice(a, b)


def _steady(values: np.ndarray, slack: float, sigma_s: float, step_s: float) -> np.ndarray:
    """Smooth without delay, then hold still within ``slack``, then round off the starts and stops.

    [n] -> [n]; exactly constant where all of it fits into the slack.
    """
    smooth = _gaussian(_median(values, MEDIAN_S / step_s), sigma_s / step_s)
    # Pulled along from both ends and averaged: a hold that lags neither way.
    held = (_hold(smooth, slack) + _hold(smooth[::-1], slack)[::-1]) / 2
    return _gaussian(held, sigma_s / step_s)


def _steady_side(sides: np.ndarray, step_s: float) -> np.ndarray:
    """Square sides in pixels, smoothed on a ratio scale, much more strongly than positions."""
    return np.exp(_steady(np.log(sides), HOLD_SIZE_SHARE, SIZE_SIGMA_S, step_s))


def _hold(values: np.ndarray, slack: float) -> np.ndarray:
    """Follow ``values`` like a weight on a string of length ``slack``: moves only when pulled."""
    rest = float(np.median(values))
    low, high = float(values.max()) - slack, float(values.min()) + slack
    at = min(max(rest, low), high) if low <= high else rest
    held = np.empty_like(values)
    for k, value in enumerate(values):
        at = min(max(at, value - slack), value + slack)
        held[k] = at
    return held


def _median(values: np.ndarray, window_frames: float) -> np.ndarray:
    """Running median over about ``window_frames`` (an odd number, at least 3 where they exist)."""
    reach = min(max(1, round(window_frames / 2 - 0.5)), (len(values) - 1) // 2)
    if reach < 1:
        return values
    return median(values, 2 * reach + 1)


def _gaussian(values: np.ndarray, sigma_frames: float) -> np.ndarray:
    """Gaussian smoothing; ends are mirrored through the end point, which keeps slopes there."""
    reach = min(int(np.ceil(3 * sigma_frames)), len(values) - 1)
    if reach < 1:
        return values
    # Relative to the first value, so that a constant stays exactly that constant.
    padded = np.pad(values - values[0], reach, mode="reflect", reflect_type="odd")
    smooth = gaussian(padded, sigma_frames, reach)
    return values[0] + smooth[reach:-reach]


def _is_whole(squares: np.ndarray, frame_size: tuple[int, int], doubt: float) -> bool:
    width, height = frame_size
    side = min(frame_size)
    x, y, wanted = np.median(squares, axis=0)
    square = abs(width - height) <= 0.02 * side
    fits = abs(np.log(wanted / side)) <= doubt
    shift = max(abs(x - width / 2), abs(y - height / 2))
    return bool(square and fits and shift <= WHOLE_SHIFT_SHARE * side)


def _step_s(times_s: np.ndarray) -> float:
    """The usual time between frames; any clip with fewer than two frames gets 1/25 s."""
    step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return step if step > 0 else 0.04

"""A mouth that opens: its lips part along one line, and what is filmed moves apart with them.

A small renderer's motion is smooth: it draws out whatever lies about the mouth, lips and teeth
alike. Here what is above the line goes with the upper lip and what is below it with the lower one,
each as a whole, so that nothing is drawn out or shown twice; between them is what nobody filmed.
Arrays are of one crop of side S; rows are in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .corners import central, offsets
from .fields import LUMA, PLAIN, across, at_rows, smoothstep

#: How far lips carry on what is beside them, in shares of the side: a wide open mouth's height.
MOUTH_HEIGHT = 0.14
#: A mouth opens by its middle: how much more of that is new than beside it, from which on it opens
#: at all (where lips only bend, as in anger, corners are drawn out as much). The middle's and its
#: flanks' sigmas and how far off these are, in shares of the side.
OPENS_FROM, OPENS_TO = 0.25, 0.29
MIDDLE_SIGMA, FLANK_SIGMA, FLANK_OFF = 0.047, 0.031, 0.125
#: Share of new pixels in a column, at its most, from which on its lips then part there.
PARTS_FROM, PARTS_TO = 0.3, 0.6
#: Stretch of lips that is let be.
GIVE = 0.05
#: Words part lips from so much further on, and all the way from there. A widest opening is so high,
#: in shares of the side (in the drawn world 0.1), and the upper lip does such a share of it. What a
#: renderer does of it lies so near to the line, and tells how wide the mouth is, as far as that is
#: more than this; a column opens from and to these shares of what the middle does. No mouth is
#: wider than this to either side of its middle, a lens.
WORDS_FROM, WORDS_TO, WIDEST, UPPER = 0.04, 0.14, 0.08, 0.2
NEAR, PLAIN_WIDE, SPOKEN_FROM, SPOKEN_TO, LENS = 0.12, 0.1, 0.3, 0.8, 0.18
# Gaussian sigmas in shares of the side, along the mouth.
ORIGIN_SIGMA, PARTS_SIGMA = 0.03, 0.015
#: Teeth are less red than the face and not dark: shares of its redness and its light.
RED_FROM, RED_TO = 0.5, 0.85
LIGHT_FROM, LIGHT_TO = 0.6, 0.9
#: The line is no more exact than the crop's pixels: the gap begins so far over either lip, less
#: where it is not this deep. In shares of the side.
OVER, DEEP = 0.011, 0.03
#: A gap comes to a point at the corners: where half of it may be it is lower by this on either
#: side, in shares of the side; where less than the least share may be there is none.
TAPER, LEAST_SHARE = 0.02, 0.15


@dataclass(frozen=True, eq=False)
class Opening:
    """flow: motion with lips that part, float32 ``[S, S, 2]``; edge: how far from the nearer lip a
    pixel between them is, in pixels, and below 0 outside, float32 ``[S, S]``; over: how much
    further the gap may reach over the lips, ``[1, S]``; below: how far it is below the upper lip,
    height: of the gap, both in pixels, ``[S, S]``; share: of the way to a mouth that opens."""

    flow: np.ndarray
    edge: np.ndarray
    over: np.ndarray
    below: np.ndarray
    height: np.ndarray
    share: float


def parting(flow: np.ndarray, mouth: np.ndarray) -> float:
    """How much more of the mouth's middle is new than of what is beside it, up to 1."""
    most = (drawn_out(flow[..., 1]) * mouth).max(0)
    column, width = np.arange(len(flow), dtype=np.float32), mouth.max(0)
    middle = (column * width).sum() / (width.sum() + np.float32(1e-6))
    off = (column - middle) / np.float32(len(flow))
    inner = np.exp(np.float32(-0.5) * np.square(off / np.float32(MIDDLE_SIGMA)))
    beside = np.exp(np.float32(-0.5) * np.square((np.abs(off) - FLANK_OFF) / FLANK_SIGMA))
    return float((most * (inner / inner.sum() - beside / beside.sum())).sum())


def opened(flow: np.ndarray, line: np.ndarray, mouth: np.ndarray, much: float) -> Opening:
    """line: the row along which lips part, ``[1, S]``; mouth: where they may, ``[S, S]``; much: how
    far the mouth opens, as :func:`parting` has it.

    Each pixel comes from where the upper lip's motion says while that is above the line, from where
    the lower lip's says once that is below it, and from the line itself between.
    """
    down = np.ascontiguousarray(flow[..., 1])
    most = (drawn_out(down) * mouth).max(0, keepdims=True)
    parts = smoothstep(most, PARTS_FROM, PARTS_TO)
    share = smoothstep(np.float32(much), OPENS_FROM, OPENS_TO)
    return _opening(flow, line, mouth, carried_on(down), parts, float(share))


def opened_by_words(
    flow: np.ndarray, line: np.ndarray, mouth: np.ndarray, further: float
) -> Opening:
    """The same where it is known how much further lips part, in shares of a widest opening: a
    renderer's motion, which is smooth, parts them less or not at all."""
    side, down = np.float32(len(flow)), np.ascontiguousarray(flow[..., 1])
    upper, lower = carried_on(down)
    # A jaw that rises draws out the chin, too.
    lips = mouth * (1 - smoothstep(np.abs(_rows(len(flow)) - line) / side, NEAR / 2, NEAR))
    wide = across((drawn_out(down) * lips).max(0, keepdims=True), PARTS_SIGMA)
    middle = central(mouth)
    wide = wide + np.float32(PLAIN_WIDE) * middle
    # Corners that smile draw out what is about them, too.
    lens = np.maximum(1 - np.square(offsets(mouth)[None] / np.float32(LENS)), 0)
    wide = np.minimum(wide / weighed(wide, middle), 1) * lens
    share = smoothstep(np.float32(further), WORDS_FROM, WORDS_TO)
    got = np.maximum(at_rows(upper - lower, line), 0)
    more = np.maximum(wide * np.float32(further * WIDEST) * side - got, (lens - 1) * got)
    more = share * across(more, PARTS_SIGMA)
    moved = upper + UPPER * more, lower - (1 - UPPER) * more
    parts = smoothstep(wide, SPOKEN_FROM, SPOKEN_TO)
    return _opening(flow, line, mouth, moved, parts, float(share))


def _opening(
    flow: np.ndarray,
    line: np.ndarray,
    mouth: np.ndarray,
    moved: tuple[np.ndarray, np.ndarray],
    parts: np.ndarray,
    share: float,
) -> Opening:
    """moved: how far down what is seen comes from, if it is the upper lip's and if the lower one's,
    ``[S, S]`` each; parts: of each column, ``[1, S]``."""
    side, row = len(flow), _rows(len(flow))
    upper, lower = (row + motion for motion in moved)
    parts = mouth * across(parts, PARTS_SIGMA) * np.float32(share)
    out = flow.copy()
    out[..., 1] += parts * (np.clip(line, lower, upper) - row - flow[..., 1])
    inside = np.minimum(upper - line, line - lower)
    deep = across(np.maximum(inside, 0).max(0, keepdims=True), PARTS_SIGMA) / np.float32(side)
    over = np.float32(OVER * side) * smoothstep(deep, 0.0, DEEP)
    height = np.maximum(upper - lower, 0) * (mouth > 0)  # a raised brow opens something, too
    return Opening(out, inside - tapered(parts), over, upper - line, height, share)


def weighed(row: np.ndarray, weight: np.ndarray) -> float:
    """The mean of ``row``, both ``[1, S]``."""
    return float((row * weight).sum() / (weight.sum() + np.float32(1e-6)))


def tapered(share: np.ndarray) -> np.ndarray:
    """How much lower half a gap is where only a share of it may be, in pixels. ``[S, S]``."""
    return (1 / np.maximum(share, np.float32(LEAST_SHARE)) - 1) * np.float32(TAPER * len(share))


def carried_on(down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Motion (down, ``[S, S]``) of the skin above carried on downwards, and of the skin below
    carried on upwards."""
    return _highest(down), -_highest(-down[::-1])[::-1]


def _highest(field: np.ndarray) -> np.ndarray:
    """The greatest number above each, a little less for every row it is away. ``[S, S]``."""
    reach, seen = round(MOUTH_HEIGHT * len(field)), 1
    while seen <= reach:  # rows are looked at in runs, which double
        step = min(seen, reach + 1 - seen)
        further = field.copy()  # the first rows have been above every row so far
        np.maximum(field[step:], field[:-step] - np.float32(GIVE * step), out=further[step:])
        field, seen = further, seen + step
    return field


def drawn_out(down: np.ndarray) -> np.ndarray:
    """How much of each pixel is new, downwards. float32 ``[S, S]`` in [0, 1]."""
    return np.clip(-np.gradient(down, axis=0), 0, 1).astype(np.float32)


def origin(flow: np.ndarray, mouth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row that each column of the mouth is drawn out from, and how much it is. ``[1, S]``."""
    down = flow[..., 1]
    row, much = _rows(len(down)), np.square(drawn_out(down)) * mouth
    middle = (mouth * row).sum() / (mouth.sum() + np.float32(1e-6))
    total = across(much.sum(0, keepdims=True), ORIGIN_SIGMA) + np.float32(1e-4)
    off = across((much * (row + down - middle)).sum(0, keepdims=True), ORIGIN_SIGMA) / total
    return middle + off, total


def teeth(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """What looks like teeth beside the skin of the face, float32 ``[S, S]`` in [0, 1]."""
    luma, light = picture @ LUMA, light_of(picture, face)
    red = (picture[..., 0] - (picture[..., 1] + picture[..., 2]) / 2) / (luma + PLAIN)
    usual = max(float((red * face).sum()) / (float(face.sum()) + 1e-6), 0.02)
    pale = 1 - smoothstep(red / usual, RED_FROM, RED_TO)
    return pale * smoothstep(luma / light, LIGHT_FROM, LIGHT_TO)


def light_of(picture: np.ndarray, face: np.ndarray) -> float:
    """How light the face is, in grey levels."""
    return float((picture @ LUMA * face).sum()) / (float(face.sum()) + 1e-6) + PLAIN


def _rows(side: int) -> np.ndarray:
    return np.arange(side, dtype=np.float32)[:, None]

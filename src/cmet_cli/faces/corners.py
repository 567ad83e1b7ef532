"""The corners of a mouth turn down no further than drawn people's do.

A small renderer learned on drawn mouths, which bend as a whole; a filmed one, smaller or in the
middle of a word, it bends into a tent. Lips move together here: what parts them stays, and so does
what moves to a side. Arrays are of one crop of side S; lengths are in shares of it.
"""

from __future__ import annotations

import numpy as np

from .fields import blur, down_mean, smoothstep

#: Corners lie so far to either side of the middle; motion there and in the middle is a mean with
#: this deviation.
CORNER, SPREAD = 0.105, 0.02
#: Lips are in the middle of where mouths may be, with this deviation.
CENTRAL = 0.08
#: How much further down than the middle they move freely, and how much more they come close to, by
#: the mean from nose to chin (a quarter of what the lips' own line does).
FREE, MORE = 0.009, 0.005
#: Up to here to either side motion is held as at the corners, and from there on as it was, in
#: shares of how far off these lie; softly up and down.
HELD, LET_GO, SOFT = 1.2, 2.0, 0.02


def held_up(flow: np.ndarray, mouth: np.ndarray, further: float | np.float32) -> np.ndarray:
    """Motion with that of a corner that would be drawn down too far nearer to the middle's.

    flow: where each pixel comes from ``[S, S, 2]`` in pixels; further: the share of it that will
    be added; mouth: where lips are ``[S, S]`` in [0, 1]. float32.
    """
    down = np.ascontiguousarray(down_mean(flow)[..., 1])
    off = offsets(mouth)
    moved = column_means(down, mouth)
    left, middle, right = (at_off(moved, off - place) for place in (-CORNER, 0.0, CORNER))
    times = (1 + further) / len(flow)
    less = np.where(
        off < 0, *(too_much((middle - end) * times, FREE, MORE) for end in (left, right))
    )
    if not (less > 0).any():
        return flow
    far = smoothstep(np.abs(off), HELD * CORNER, LET_GO * CORNER)
    held = less * blur(mouth, SOFT) * (1 - far) * np.minimum(down - middle, 0)
    out = flow.copy()
    out[..., 1] -= held.astype(np.float32)
    return out


def offsets(mouth: np.ndarray) -> np.ndarray:
    """How far each column is to the right of the mouth's middle, ``[S]``."""
    column, width = np.arange(len(mouth), dtype=np.float32), mouth.max(0)
    centre = (column * width).sum() / (width.sum() + np.float32(1e-6))
    return np.asarray((column - centre) / np.float32(len(mouth)))


def central(mouth: np.ndarray) -> np.ndarray:
    """How much each column says of lips, which are narrower than where mouths may be. ``[1, S]``"""
    near = np.exp(np.float32(-0.5) * np.square(offsets(mouth) / np.float32(CENTRAL)))
    return np.asarray(np.maximum(mouth.max(0) * near, np.float32(1e-3))[None])


def column_means(field: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each column where it weighs anything, ``[S]``."""
    total = weights.sum(0) + np.float32(1e-6)
    return np.asarray((field * weights).sum(0) / total, np.float32)


def at_off(moved: np.ndarray, off: np.ndarray) -> np.float32:
    """What of each column ``[S]`` there is about where the offset is 0."""
    near = np.exp(np.float32(-0.5) * np.square(off / np.float32(SPREAD)))
    return np.float32((moved * near).sum() / near.sum())


def too_much(drop: float, free: float, more: float) -> float:
    """The share of a drop by which it is further than ``free`` and, softly, so much more."""
    over = max(drop - free, 0.0)
    return (over - more * float(np.tanh(over / more))) / max(drop, free)

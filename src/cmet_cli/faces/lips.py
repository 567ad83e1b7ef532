"""Lips that turn down and stay together move as a whole, with what the film shows between them.

A small renderer's motion rises evenly from the chin to the nose: a mouth that was filmed in the
middle of a word it draws out into a tent. Here lips bend, all of them, as their mean does in each
column, and the skin around them is drawn out instead. Arrays are of one crop of side S; lengths are
in shares of it.
"""

from __future__ import annotations

import numpy as np

from .corners import CORNER, at_off, column_means, offsets
from .fields import across, smoothstep
from .opening import Look, line_off

#: Where lips meet in the film is looked for about here, above the middle of where mouths may be,
#: whatever the renderer does there.
ABOVE = 0.03
ANYWHERE = Look(far=0.09, steps=25, lower=0.0, near=0.05)
#: Lips reach so far above and below that line, and the skin that moves with them so far; beside
#: each other they move as a mean with the last deviation.
LIPS, SKIN, BESIDE = 0.045, 0.10, 0.02
#: The share of it where corners turn down so much further than the middle, by the mean from nose to
#: chin.
TOGETHER, TURNED = 0.9, 0.004


def kept_together(
    flow: np.ndarray,
    residual: np.ndarray,
    picture: np.ndarray,
    mouth: np.ndarray,
    face: np.ndarray,
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Motion with that of whole lips, and shading without what is of no use between them.

    flow: where each pixel comes from ``[S, S, 2]`` in pixels; residual: ``[S, S, 3]``; picture: RGB
    ``[S, S, 3]`` in [0, 255]; mouth: where lips are, face: where skin is, ``[S, S]`` in [0, 1];
    share: how much of it is done. float32.
    """
    side, width = len(flow), mouth.max(0, keepdims=True)
    row, down = np.arange(side, dtype=np.float32)[:, None], flow[..., 1]
    mean, off = column_means(down, mouth), offsets(mouth)
    left, centre, right = (at_off(mean, off - place) for place in (-CORNER, 0.0, CORNER))
    turned = smoothstep((centre - (left + right) / 2) / np.float32(side), 0.0, TURNED)
    if turned == 0:
        return flow, residual
    middle = (mouth * row).sum() / (mouth.sum() + np.float32(1e-6)) - np.float32(ABOVE * side)
    weight = np.maximum(width, np.float32(1e-3))
    line = middle + line_off(picture, np.full_like(width, middle), weight, face, ANYWHERE)
    far = np.abs(row + down - line) / np.float32(side)
    lips = 1 - smoothstep(far, LIPS / 2, LIPS)
    whole = across(column_means(down, lips)[None], BESIDE)
    much = width * turned * np.float32(TOGETHER * share)
    out = flow.copy()
    out[..., 1] += much * (1 - smoothstep(far, LIPS, SKIN)) * (whole - down)
    return out, residual * (1 - much * lips)[..., None]

"""Brows move as a whole: raised, they stay as thick as they are, and the skin below is drawn out.
In a frown they slant no more than people's do.

A small renderer's motion rises evenly from the lids, which stay, to the forehead, and would draw
out the brow between them; a drawn frown is a slash from the temple to the nose. Arrays are of one
crop of side S; lengths are in shares of it.
"""

from __future__ import annotations

import numpy as np

from .corners import at_off, column_means, offsets, too_much
from .fields import LUMA, blur, smoothstep, stretch, warp
from .opening import light_of

#: Brows are darker than the skin around them (the mean over so far), by these shares of the face's
#: light: the first is none, the second is all brow.
AROUND, DARK_FROM, DARK_TO = 0.06, 0.04, 0.24
#: Hairs so near move with each other; so much of the mean brow there is a whole one.
TOGETHER, WHOLE = 0.026, 0.5
#: Shares of new pixels in a brow, from and to which that matters; and how far it is raised: a frown
#: that draws it out at one end is to be one.
DRAWN_FROM, DRAWN_TO, RAISED = 0.05, 0.15, 0.015
#: So far to either side of the middle are a brow's two ends. The inner one comes down so much
#: further than the outer one freely, and comes close to so much more.
INNER, OUTER, FREE, MORE = 0.08, 0.19, 0.008, 0.010
#: Where one brow's motion passes into the other's, all of the way, and how softly into the skin's.
BETWEEN, SOFT = 0.08, 0.03


def kept_together(flow: np.ndarray, picture: np.ndarray, brows: np.ndarray) -> np.ndarray:
    """Motion with that of the whole brow where one would be drawn out.

    flow: where each pixel comes from ``[S, S, 2]`` in pixels; picture: RGB ``[S, S, 3]`` in [0,
    255]; brows: where they may lie afterwards, ``[S, S]`` in [0, 1]. float32.
    """
    shine = picture @ LUMA
    light = light_of(picture, brows)
    darker = (blur(shine, AROUND) - shine) / light
    hair = warp(smoothstep(darker, DARK_FROM, DARK_TO), flow) * brows
    near = blur(np.dstack([flow * hair[..., None], hair, stretch(flow)]), TOGETHER)
    mean = near[..., :2] / (near[..., 2:3] + np.float32(1e-3))
    share = np.clip(near[..., 2] / WHOLE, 0, 1) * smoothstep(near[..., 3], DRAWN_FROM, DRAWN_TO)
    share = share * smoothstep(mean[..., 1] / len(flow), 0.0, RAISED)
    return np.asarray(flow + share[..., None] * (mean - flow), np.float32)


def held_level(flow: np.ndarray, brows: np.ndarray) -> np.ndarray:
    """Motion with that of an inner end that would come down too far nearer to the outer one's. As
    :func:`kept_together`."""
    side, down, off = np.float32(len(flow)), flow[..., 1], offsets(brows)
    moved, soft, out = -column_means(down, brows), blur(brows, SOFT), flow.copy()
    for way in (-1.0, 1.0):
        inner, outer = (at_off(moved, off - np.float32(way * at)) for at in (INNER, OUTER))
        share = np.float32(too_much(float((inner - outer) / side), FREE, MORE))
        here = np.clip(0.5 + off * np.float32(way / BETWEEN), 0, 1).astype(np.float32)
        # What does not come down is not moved.
        out[..., 1] += share * here * soft * np.maximum(-down - max(outer, np.float32(0)), 0)
    return out

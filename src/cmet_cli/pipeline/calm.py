"""A still face that lives: a head that is never quite still, and blinks.

What these are in a backend's codes is asked of its own encoder: the picture is turned, shifted and
given lowered lids by hand, and what that does to the codes is the direction.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..backends.base import Backend
from ..faces.eyes import lids_down
from ..faces.fields import smoothstep
from ..media.smoothing import gaussian
from .encode import encode_crops

#: What the encoder is shown, and how large the usual movement is beside that.
TURN_DEG, SHIFT, NEARER = 3.0, 0.03, 0.05
USUAL = {"turn": 0.5, "right": 0.45, "down": 0.4, "nearer": 0.35}
#: How slowly the head wanders (Gaussian), and over how long it begins to.
WANDER_S, BEGIN_S = 0.6, 0.6
#: Mean and least time between blinks, and how long one takes; lids fall faster than they rise.
BLINK_GAP_S, LEAST_GAP_S, FALL_S, RISE_S = 3.6, 1.4, 0.08, 0.16
FIRST_BLINK_S = 1.2
#: Lids drawn by hand leave a rim of the eye: a blink goes on from there.
WHOLE_BLINK = 1.5
SEED = 11


def calm_codes(
    crop: np.ndarray, eyes: np.ndarray, backend: Backend, times_s: np.ndarray
) -> np.ndarray:
    """Codes of one picture come to life, float32 ``[n, layout.dim]``; the first is its own.

    crop: RGB float32 ``[S, S, 3]`` as the backend takes it; eyes: their centres in shares of the
    side ``[k, 2]``, none for a face that does not blink; times_s: from 0, ``[n]``.
    """
    layout, shown = backend.layout, _variants(crop)
    pictures = [crop, *shown.values(), lids_down(crop, eyes)]
    own, *others, shut = encode_crops(pictures, backend)
    codes = np.tile(own, (len(times_s), 1))
    rng = np.random.default_rng(SEED)
    for name, other in zip(shown, others, strict=True):
        change = (other - own)[layout.pose_slice] * np.float32(USUAL[name])
        codes[:, layout.pose_slice] += _wandering(times_s, rng)[:, None] * change
    if len(eyes):
        blink = (shut - own)[layout.expression_slice] * np.float32(WHOLE_BLINK)
        codes[:, layout.expression_slice] += _blinks(times_s, rng)[:, None] * blink
    return codes


def _variants(crop: np.ndarray) -> dict[str, np.ndarray]:
    """The picture turned, moved right and down, and nearer."""
    side = crop.shape[0]
    middle, far = ((side - 1) / 2, (side - 1) / 2), SHIFT * side
    matrices = {
        "turn": cv2.getRotationMatrix2D(middle, TURN_DEG, 1.0),
        "right": np.array([[1.0, 0.0, far], [0.0, 1.0, 0.0]]),
        "down": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, far]]),
        "nearer": cv2.getRotationMatrix2D(middle, 0.0, 1.0 + NEARER),
    }
    return {
        name: cv2.warpAffine(crop, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)
        for name, matrix in matrices.items()
    }


def _wandering(times_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A slow wandering of spread 1 that begins at 0 and gently. float32 ``[n]``."""
    step_s = 0.02
    n = int(times_s[-1] / step_s) + 2
    rough = rng.standard_normal(n + 1)
    reach = round(4 * WANDER_S / step_s)
    smooth = gaussian(np.pad(rough, reach, mode="wrap"), WANDER_S / step_s, reach)[reach:-reach]
    smooth /= np.sqrt(step_s / (2 * np.sqrt(np.pi) * WANDER_S))
    at = np.interp(times_s, np.arange(n + 1) * step_s, smooth)
    return (at * smoothstep(times_s, 0, BEGIN_S)).astype(np.float32)


def _blinks(times_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How far the lids are down. float32 ``[n]`` in [0, 1]."""
    down, at = np.zeros(len(times_s)), FIRST_BLINK_S
    while at <= times_s[-1]:
        since = times_s - at
        falling, rising = np.clip(1 + since / FALL_S, 0, 1), np.clip(1 - since / RISE_S, 0, 1)
        down = np.maximum(down, np.where(since < 0, falling, rising))
        at += LEAST_GAP_S + rng.exponential(BLINK_GAP_S - LEAST_GAP_S)
    return down.astype(np.float32)

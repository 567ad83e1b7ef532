"""Skin that is pressed together bulges, and shows it: cheeks that a smile lifts, a nose's root.

A small renderer shows next to nothing of it. Here what its motion presses together rises, lighter
where it faces up and darker where it faces down, since light mostly comes from above, and darker
where it folds. Only bare skin does: a beard shows no such thing, and a forehead gets furrows
(:mod:`.furrows`). Arrays are of one crop of side S; lengths are in shares of it.
"""

from __future__ import annotations

import cv2
import numpy as np

from .fields import LUMA, area, blur, smoothstep
from .opening import light_of

#: How much darker folds are, and how much lighter or darker a slope, of a bulge whose height is the
#: logarithm of how many pixels lay on one, up to the last.
FOLDS, RISES, MOST = 0.7, 2.0, 3.0
#: A bulge is so smooth, and a fold so narrow against what lies so far around it.
BULGE, FOLD, AROUND = 0.02, 0.012, 0.06
#: Bare skin is at least so light, in shares of the face's light: hardly and surely.
DARK_TO, BARE_FROM = 0.45, 0.8


def bare_skin(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Where no hair is, float32 ``[S, S]`` in [0, 1]. picture: RGB ``[S, S, 3]`` in [0, 255];
    face: where to look how light it is ``[S, S]``."""
    light = blur(picture @ LUMA, FOLD) / np.float32(light_of(picture, face))
    return smoothstep(light, DARK_TO, BARE_FROM)


def pressed(flow: np.ndarray) -> np.ndarray:
    """How much skin is pressed together: the logarithm of the area, from 0. float32 ``[S, S]``."""
    return np.log(np.clip(area(flow), 1, np.float32(MOST)))


def forehead(brows: np.ndarray) -> np.ndarray:
    """Brows and all above them. float32 ``[S, S]``."""
    return np.maximum.accumulate(brows[::-1])[::-1]


def bulging(flow: np.ndarray, skin: np.ndarray, bare: np.ndarray) -> np.ndarray:
    """What is added to the moved pixels ``skin``, RGB float32 ``[S, S, 3]`` in [0, 255].

    flow: where each pixel comes from ``[S, S, 2]`` in pixels; bare: where skin may bulge ``[S, S]``
    in [0, 1].
    """
    height = pressed(flow) * bare
    fold = blur(height, FOLD)
    fold = np.maximum(fold - blur(fold, AROUND), 0)
    up = cv2.Sobel(blur(height, BULGE), cv2.CV_32F, 0, 1, scale=len(flow) / 512)  # a 64th a unit
    return np.asarray((bare * (RISES * up - FOLDS * fold))[..., None] * skin, np.float32)

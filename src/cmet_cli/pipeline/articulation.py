"""Lips that meet in the film meet in the edit: an emotion lets the jaw drop between words only.

An emotion's mouth hangs open as long as it lasts (surprise, fear). On somebody who speaks that
swallows every m, b and p, and the mouth no longer says what is heard. How far lips are apart by
what is said stands in the lip codes, for whichever lips are shown: filmed ones or those of a sound.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..backends.base import Jaw
from ..faces.fields import smoothstep
from ..media.smoothing import gaussian

#: What a shot's lips are like when they meet, and when they speak: percentiles of their opening.
MET, APART = 4, 60
#: Where somebody speaks for a part of the shot only, lips are apart by this share of the way to
#: their widest, which is a percentile too.
WIDEST, OF_WIDEST = 95, 0.6
#: So far apart at least these are where somebody speaks; below half of it nobody does. Of a drawn
#: face's widest opening.
SPEAKS = 0.12
#: From lips that meet to lips apart: up to here the jaw stays up, and from here it drops.
SHUT, OPEN = 0.1, 0.45
#: How much of the emotion's jaw there is in speech at its most: nobody speaks with a dropped jaw.
SPOKEN = np.float32(0.75)
#: The jaw rises before lips meet and drops after it, by this (seconds), and is as slow as this
#: (sigma of a Gaussian).
AROUND_S, JAW_S = 0.04, 0.048


def jaw_shares(
    opening: np.ndarray,
    shots: np.ndarray,
    present: np.ndarray,
    step_s: float,
    more: np.ndarray | None = None,
) -> np.ndarray:
    """How much of an emotion's jaw each frame may show. float32 ``[n]`` in [0, 1].

    opening: of the lips by what is said, ``[n]``, 0 closed and 1 wide open; shots: each frame's
    shot ``[n]``; present: whether there is a face, bool ``[n]``; step_s: between frames; more: how
    open the same lips are elsewhere ``[m]``. Lips that hardly move in a shot say nothing there: 1.
    """
    shares = np.ones(len(opening), np.float32)
    for shot in np.unique(shots[present]):
        at = present & (shots == shot)
        known = opening[at] if more is None else np.concatenate([opening[at], more])
        met, apart, widest = np.percentile(known, (MET, APART, WIDEST))
        if apart - met < SPEAKS:
            apart = max(apart, met + OF_WIDEST * (widest - met))
        speaks = smoothstep((apart - met) / SPEAKS, 0.5, 1.0)
        if speaks > 0:
            how_open = (opening[at] - met) / (apart - met)
            shares[at] = 1 - speaks * (1 - SPOKEN * _moved(how_open, step_s))
    return shares


def _moved(opening: np.ndarray, step_s: float) -> np.ndarray:
    """How far down a jaw is that has to be up in time, float32 ``[n]`` in [0, 1]."""
    down = smoothstep(opening, SHUT, OPEN)[:, None]
    around = np.ones((2 * round(AROUND_S / step_s) + 1, 1), np.uint8)
    down = cv2.erode(down, around, borderType=cv2.BORDER_REPLICATE)
    sigma = JAW_S / step_s
    return np.asarray(gaussian(down, sigma, round(3 * sigma)), np.float32)[:, 0]


def articulated(moved: np.ndarray, shares: np.ndarray, jaw: Jaw) -> np.ndarray:
    """A change of expression ``[n, D]`` whose jaw drops by these shares ``[n]`` only."""
    drop = np.maximum(moved @ jaw.felt, 0)
    return np.asarray(moved - ((1 - shares) * drop)[:, None] * jaw.felt, np.float32)

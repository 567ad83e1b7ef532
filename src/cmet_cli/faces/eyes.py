"""Where the eyes are in a picture of a face, and the same picture with its lids down."""

from __future__ import annotations

from pathlib import Path

import cv2
import cv2.data
import numpy as np

CASCADE = "haarcascade_eye.xml"
STEP, NEIGHBOURS = 1.05, 4
#: Eyes are looked for in this upper share of a crop, at least so large.
UPPER, LEAST = 0.66, 0.09
#: Reach of a lid in shares of the crop: across, and down from where its skin is taken.
ACROSS, DOWN = 0.06, 0.055


def find_eyes(rgb: np.ndarray) -> np.ndarray:
    """Centres of up to two eyes in a face crop (RGB float32 ``[S, S, 3]`` in [0, 255]), in shares
    of its side. float32 ``[k, 2]``."""
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / CASCADE))
    side = rgb.shape[0]
    grey = cv2.cvtColor(np.clip(rgb, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
    least = round(LEAST * side)
    found = cascade.detectMultiScale(
        grey[: round(UPPER * side)], STEP, NEIGHBOURS, minSize=(least, least)
    )
    middles = [((x + w / 2) / side, (y + h / 2) / side) for x, y, w, h in found]
    left, right = ([m for m in middles if (m[0] < 0.5) == one] for one in (True, False))
    return np.array([*left[:1], *right[:1]], np.float32).reshape(-1, 2)


def lids_down(rgb: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """A face crop with the skin above each eye drawn down over it; eyes: as :func:`find_eyes`."""
    side = rgb.shape[0]
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / np.float32(side)
    covered = np.zeros((side, side), np.float32)
    for right, down in eyes:
        near = ((x - right) / ACROSS) ** 4 + ((y - down) / DOWN) ** 4
        covered = np.maximum(covered, np.exp(-near))
    at = (y - np.float32(DOWN) * covered) * np.float32(side)
    return cv2.remap(rgb, x * np.float32(side), at, cv2.INTER_LINEAR)

"""Faces as networks for still pictures want them: found by landmarks, turned upright, 112 px."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ...faces.detection import Detection
from ...faces.yunet import YuNet

#: Eyes, nose and corners of the mouth in an upright face of 112 px (ArcFace, CVPR 2019).
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366]]
    + [[41.5493, 92.3655], [70.7299, 92.2041]]
)
TEMPLATE_PX = 112


class Landmarks:
    """Finds the largest face of a crop. path: YuNet's file. Raises :class:`WeightsError`."""

    def __init__(self, path: Path) -> None:
        self._detector = YuNet(path)

    def __call__(self, picture: np.ndarray) -> Detection | None:
        """picture: uint8 RGB ``[H, W, 3]``."""
        found = self._detector.detect(picture)
        return max(found, key=lambda face: face.w * face.h, default=None)


def upright(picture: np.ndarray, landmarks: np.ndarray, side_px: int) -> np.ndarray:
    """The face by its landmarks ``[5, 2]``, moved, turned and scaled onto the template (least
    squares), uint8 ``[side, side, 3]``."""
    here, there = (points @ (1, 1j) for points in (landmarks, TEMPLATE * (side_px / TEMPLATE_PX)))
    a, b = here - here.mean(), there - there.mean()
    turn = (a.conj() * b).sum() / np.square(np.abs(a)).sum()
    shift = there.mean() - turn * here.mean()
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return np.asarray(cv2.warpAffine(picture, matrix, (side_px, side_px)))


def around(picture: np.ndarray, face: Detection, side_px: int) -> np.ndarray:
    """The square around a face's box, uint8 ``[side, side, 3]``."""
    half = max(face.w, face.h) / 2
    scale = side_px / (2 * half)
    left, top = face.x + face.w / 2 - half, face.y + face.h / 2 - half
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return np.asarray(cv2.warpAffine(picture, matrix, (side_px, side_px)))

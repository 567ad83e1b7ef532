"""Whether two faces are one person's: SFace (Zhong et al., 2021) by OpenCV."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from ...errors import CheckpointError
from .faces import TEMPLATE_PX, Landmarks, upright


class IdentityJudge:
    """Raises :class:`CheckpointError` for a file that is no such network."""

    def __init__(self, path: Path, landmarks: Landmarks) -> None:
        self._landmarks = landmarks
        try:
            onnx = np.frombuffer(path.read_bytes(), np.uint8)
            none = np.empty(0, np.uint8)
            self._network = cv2.FaceRecognizerSF.create("onnx", onnx, none)
            self._network.feature(np.zeros((TEMPLATE_PX, TEMPLATE_PX, 3), np.uint8))
        except (cv2.error, OSError) as error:
            raise CheckpointError(f"{path}: no face recognition network ({error})"[:240]) from error

    def __call__(self, before: np.ndarray, after: np.ndarray) -> float:
        """Mean cosine of frames side by side, uint8 RGB ``[n, H, W, 3]``; NaN where no face is
        found in any of them."""
        found = []
        for pair in zip(before, after, strict=False):
            faces = [self._landmarks(picture) for picture in pair]
            marks = [face.landmarks for face in faces if face is not None]
            if len(marks) < 2 or any(mark is None for mark in marks):
                continue
            features = [
                self._network.feature(upright(picture, mark, TEMPLATE_PX)[..., ::-1].copy()).ravel()
                for picture, mark in zip(pair, marks, strict=True)
                if mark is not None
            ]
            one, other = (f / max(float(np.linalg.norm(f)), 1e-9) for f in features)
            found.append(float(one @ other))
        return float(np.mean(found)) if found else math.nan

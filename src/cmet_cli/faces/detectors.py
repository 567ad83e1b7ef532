"""The detectors there are, and the choice among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import UsageError, WeightsError
from .detection import Detection, FaceDetector
from .haar import Haar
from .yunet import YuNet

KINDS = ("auto", "yunet", "haar", "none")


class WholePicture:
    """The detector ``none``: the picture is a face crop already, its middle square is the face."""

    name = "none"

    def __init__(self, size: tuple[float, float] | None = None) -> None:
        """size: width and height that pictures stand for, which may be no whole numbers."""
        self._size = size

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """One detection: the largest square in the middle of ``rgb`` (uint8 [H, W, 3])."""
        width, height = self._size or rgb.shape[1::-1]
        side = float(min(height, width))
        return [Detection((width - side) / 2, (height - side) / 2, side, side, 1.0)]


def make_detector(kind: str = "auto", yunet_path: Path | None = None) -> FaceDetector:
    """The detector of that kind; ``auto`` is YuNet where its file exists, else Haar.

    Raises UsageError for an unknown kind, WeightsError where ``yunet`` has no file or the file
    cannot be used (under ``auto`` as well: a damaged file is worth knowing about).
    """
    if kind not in KINDS:
        raise UsageError(f"unknown face detector {kind!r}", f"choose one of {', '.join(KINDS)}")
    if kind == "none":
        return WholePicture()
    if kind == "haar":
        return Haar()
    if yunet_path is not None and yunet_path.is_file():
        return YuNet(yunet_path)
    if kind == "yunet":
        what = (
            f"the face detector file {yunet_path} does not exist"
            if yunet_path
            else "no face detector file face_detection_yunet_2023mar.onnx was found"
        )
        raise WeightsError(what, "download the weights, or choose the detector 'haar'")
    return Haar()

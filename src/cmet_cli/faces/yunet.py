"""The YuNet face detector, run by OpenCV."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..errors import WeightsError
from ..weights.registry import FILES
from .detection import Detection, search_whole
from .regions import Box, cut_square, overlap, square_around

PUBLISHED_SHA256 = next(entry.sha256 for entry in FILES if entry.name == "yunet")
SEARCH_LONG_PX = 640  # finds faces from about 12 px up, at 20 ms for a 16:9 picture
SEARCH_LEAST_PX = 160
SEARCH_SCORE = 0.6
# The window in which a face is measured: twice the face, drawn 160 px wide. Of 96..256 px this was
# the smallest whose boxes were as steady as the largest ones; 3 ms.
WINDOW_REACH = 2.0
WINDOW_PX = 160
WINDOW_SCORE = 0.5
# Boxes of neighbouring anchors disagree by several pixels, and which of them scores best changes
# from frame to frame. Averaging all that mean the same face halves the jitter.
VOTE_OVERLAP = 0.5
VOTE_POWER = 4
KEEP_ALL = 1.0  # non-maximum suppression that suppresses nothing: the votes are counted here


class YuNet:
    """Faces with five landmarks. Not safe for use from several threads at once."""

    name = "yunet"

    def __init__(self, path: Path) -> None:
        """Load the ONNX file. Raises WeightsError naming it where it cannot be used."""
        try:
            data = path.read_bytes()  # OpenCV itself dies of file names that are no text,
            if hashlib.sha256(data).hexdigest() != PUBLISHED_SHA256:  # and of damaged networks
                raise _unusable(path, "it is not the published one")
            onnx = np.frombuffer(data, np.uint8)
            self._search = _network(onnx, SEARCH_SCORE)
            self._window = _network(onnx, WINDOW_SCORE)
            self._window.setInputSize((WINDOW_PX, WINDOW_PX))
            self._window.detect(np.zeros((WINDOW_PX, WINDOW_PX, 3), np.uint8))
        except (cv2.error, OSError) as error:
            lines = str(error).strip().splitlines()
            raise _unusable(path, lines[-1] if lines else "unknown") from error

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """Faces in ``rgb`` (uint8 [H, W, 3]), best score first."""
        return self._detect(rgb, SEARCH_LONG_PX)

    def detect_large(self, rgb: np.ndarray) -> list[Detection]:
        """The same for faces of about 1/25 of the long side and more."""
        return self._detect(rgb, SEARCH_LONG_PX // 2)

    def _detect(self, rgb: np.ndarray, long_px: int) -> list[Detection]:
        return search_whole(rgb, long_px, SEARCH_LEAST_PX, self._propose, self.detect_near)

    def detect_near(self, rgb: np.ndarray, boxes: Sequence[Box]) -> list[Detection | None]:
        """For each box the face found in a window around it, or None."""
        return [self._measure(rgb, box) for box in boxes]

    def _propose(self, small: np.ndarray) -> list[Detection]:
        self._search.setInputSize((small.shape[1], small.shape[0]))
        return _faces(self._search, small)

    def _measure(self, rgb: np.ndarray, box: Box) -> Detection | None:
        left, top, side = square_around(box, WINDOW_REACH)
        window = cut_square(rgb, left, top, side)
        if window is None:
            return None
        how = cv2.INTER_AREA if side > WINDOW_PX else cv2.INTER_LINEAR
        small = cv2.resize(window, (WINDOW_PX, WINDOW_PX), interpolation=how)
        found = [face.moved(side / WINDOW_PX, left, top) for face in _faces(self._window, small)]
        best = max(found, key=lambda face: overlap(face.box, box), default=None)
        return best if best is not None and overlap(best.box, box) > 0.1 else None


def _unusable(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"the face detector file {path} cannot be used: {reason}",
        "download it again, or choose the detector 'haar'",
    )


def _network(onnx: np.ndarray, least_score: float) -> cv2.FaceDetectorYN:
    size, no_config = (SEARCH_LONG_PX, SEARCH_LONG_PX), np.empty(0, np.uint8)
    return cv2.FaceDetectorYN.create("onnx", onnx, no_config, size, least_score, KEEP_ALL, 2000)


def _faces(network: cv2.FaceDetectorYN, picture: np.ndarray) -> list[Detection]:
    """Run the network on a picture of its input size; one detection per face."""
    _, rows = network.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if rows is None:
        return []
    faces = []
    rows = rows[np.argsort(-rows[:, 14])]  # [m, 15]: box 4, landmarks 10, score
    while len(rows):
        same = _overlaps(rows, rows[0]) > VOTE_OVERLAP
        same[0] = True
        votes = rows[same]
        weight = votes[:, 14] ** VOTE_POWER
        mean = (votes * weight[:, None]).sum(axis=0) / weight.sum()
        marks = mean[4:14].reshape(5, 2).astype(np.float32)
        faces.append(Detection.of(mean[:4], float(rows[0, 14]), marks))
        # Stray boxes of the same face that agree less than a vote must not become a second face.
        rows = rows[_overlaps(rows, rows[0]) < VOTE_OVERLAP / 2]
    return faces


def _overlaps(rows: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Intersection over union of each row's box with one row's box, float [m]."""
    low = np.maximum(rows[:, :2], row[:2])
    high = np.minimum(rows[:, :2] + rows[:, 2:4], row[:2] + row[2:4])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / (rows[:, 2:4].prod(axis=1) + row[2:4].prod() - shared + 1e-6)

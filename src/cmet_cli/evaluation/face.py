"""A face before and after, frame by frame: detail, flicker, light and colour."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from ..faces.areas import area_mask
from ..faces.blend import head_mask
from ..faces.calibration import FaceEllipse
from ..faces.geometry import Square
from ..media.probe import VideoInfo

SIDE_PX = 256
#: The part of a crop that counts as face, and what around it is left out of both.
SHRUNK, GROWN = 0.9, 1.35
OUTSIDE_SIDE_PX = 480
#: Grey levels below which a difference is a codec's.
NOISE = 1.0
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class FaceFigures:
    """Give it crops (RGB float32 ``[256, 256, 3]``) of the same squares, in order.

    new_words: the mouth says something else, so that restlessness is compared above it.
    """

    def __init__(self, face: FaceEllipse, *, new_words: bool = False) -> None:
        radii = (face.radii[0] * SHRUNK, face.radii[1] * SHRUNK)
        self._face = head_mask(SIDE_PX, FaceEllipse(face.centre, radii), 0.0, 0.0) > 0.5
        upper = area_mask(SIDE_PX, face, ("upper",), 0.0, 0.0) > 0.5
        self._steady = self._face & upper if new_words else self._face
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: list[np.ndarray] | None = None
        self._detail: list[tuple[float, float]] = []
        self._restless: list[tuple[float, float]] = []
        self._mean: list[np.ndarray] = []
        self._change: list[float] = []

    def add(self, before: np.ndarray, after: np.ndarray) -> None:
        """One frame in which the face is."""
        greys = [np.clip(crop @ _LUMA, 0, 255).astype(np.uint8) for crop in (before, after)]
        self._detail.append((self._sharpness(greys[0]), self._sharpness(greys[1])))
        if self._last is not None:
            pairs = zip(self._last, greys, strict=True)
            one, other = (self._unexplained(*pair) for pair in pairs)
            self._restless.append((one, other))
        self._last = greys
        inside = [crop[self._face] for crop in (before, after)]
        self._mean.append(inside[1].mean(0) - inside[0].mean(0))
        self._change.append(float(np.abs((inside[1] - inside[0]) @ _LUMA).mean()))

    def cut(self) -> None:
        """What comes next is no neighbour of what came last."""
        self._last = None

    def _sharpness(self, grey: np.ndarray) -> float:
        return float(cv2.Laplacian(grey.astype(np.float32), cv2.CV_32F)[self._face].var())

    def _unexplained(self, last: np.ndarray, grey: np.ndarray) -> float:
        """Mean difference of two neighbouring frames once motion is taken out, in grey levels."""
        flow = self._dis.calc(grey, last, np.zeros((SIDE_PX, SIDE_PX, 2), np.float32))
        at = np.asarray(flow, np.float32)
        at[..., 0] += np.arange(SIDE_PX, dtype=np.float32)
        at[..., 1] += np.arange(SIDE_PX, dtype=np.float32)[:, None]
        moved = cv2.remap(last, at, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
        return float(np.abs(moved.astype(np.float32) - grey)[self._steady].mean())

    def values(self) -> dict[str, float]:
        """sharpness and flicker as ratios; exposure, colour and change in levels."""
        if not self._detail:
            return dict.fromkeys(("sharpness", "flicker", "exposure", "colour", "change"), math.nan)
        detail = np.array(self._detail)
        restless = np.array(self._restless or [(0.0, 0.0)])
        mean = np.mean(self._mean, axis=0)
        luma, sharp = float(mean @ _LUMA), np.median(detail, axis=0) + NOISE
        return {
            "sharpness": float(sharp[1] / sharp[0]),
            "flicker": float(restless[:, 1].mean() + 0.1) / float(restless[:, 0].mean() + 0.1),
            "exposure": luma,
            "colour": float(np.linalg.norm(mean - luma)),
            "change": float(np.mean(self._change)),
        }


class OutsideFigure:
    """How much a picture changed outside of the faces, in levels of 255; not known where one file
    holds RGB and the other does not."""

    def __init__(self, face: FaceEllipse, infos: Sequence[VideoInfo]) -> None:
        formats = [info.pixel_format for info in infos]
        self._face, self._alike = face, len({f.rgb for f in formats}) == 1
        self._scales = [255 / (2**f.bits - 1) for f in formats]
        self._changes: list[tuple[float, float]] = []

    def add(self, before: np.ndarray, after: np.ndarray, squares: Sequence[Square | None]) -> None:
        """Luma planes ``[H, W]`` of one frame, and where the edited faces are in it."""
        if not self._alike:
            return
        height, width = before.shape
        scale = min(1.0, OUTSIDE_SIDE_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = [
            cv2.resize(p, size, interpolation=cv2.INTER_AREA).astype(np.float32) * level
            for p, level in zip((before, after), self._scales, strict=True)
        ]
        outside = np.ones(size[::-1], np.uint8)
        for square in filter(None, squares):
            (x, y), (rx, ry) = self._face.centre, self._face.radii
            centre = (
                round((square.left + x * square.side) * scale),
                round((square.top + y * square.side) * scale),
            )
            axes = (
                round(rx * GROWN * square.side * scale),
                round(ry * GROWN * square.side * scale),
            )
            cv2.ellipse(outside, centre, axes, 0, 0, 360, 0, -1)
        if outside.any():
            change = np.abs(small[1] - small[0])[outside > 0]
            self._changes.append((float(change.mean()), float(np.percentile(change, 99))))

    def values(self) -> dict[str, float]:
        """The mean over frames of the mean and of what is largest."""
        mean, most = np.mean(self._changes, axis=0) if self._changes else (math.nan, math.nan)
        return {"outside": float(mean), "outside_most": float(most)}

"""Pass two: the codes of every face in every frame. Keeps a few dozen floats a frame and face."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from ..backends.base import Backend, CodeLayout
from ..backends.images import to_images
from ..faces.placement import Placement, fill_absent
from ..media.probe import VideoInfo
from ..media.reader import FrameReader
from ..options import Progress
from .cropper import Cropper, batches
from .find import FaceMap


@dataclass(frozen=True)
class FaceCodes:
    """One face's codes, float32 ``[n, layout.dim]`` (absent frames filled in from their
    neighbours), and its sharpness ``[n]`` (variance of the crop's Laplacian)."""

    placement: Placement
    codes: np.ndarray
    sharpness: np.ndarray

    def fitness(self, layout: CodeLayout) -> np.ndarray:
        """How fit each frame is to lend its face, float ``[n]``: sharp, near the clip's middle.

        A clip is mostly neutral and mostly frontal, so its medians stand for both.
        """
        present = self.placement.present
        seen, far = self.codes[present], np.zeros(len(self.codes))
        for part in (layout.pose_slice, layout.expression_slice):
            if part.start == part.stop:
                continue
            centre, spread = np.median(seen[:, part], 0), seen[:, part].std(0) + 1e-6
            far += (((self.codes[:, part] - centre) / spread) ** 2).mean(1)
        typical = np.median(self.sharpness[present]) + 1e-6
        return np.minimum(self.sharpness / typical, 2.0) - far


def encode_crops(crops: Sequence[np.ndarray], backend: Backend) -> np.ndarray:
    """RGB crops -> codes float32 ``[len(crops), layout.dim]``."""
    images = to_images(np.stack(crops), backend.compute.device)
    return backend.encode(images).cpu().numpy()


def encode_faces(
    info: VideoInfo, faces: FaceMap, backend: Backend, progress: Progress
) -> list[FaceCodes]:
    """Encode every face square of every frame."""
    cropper, n = Cropper(info, backend.crop.size_px), len(faces.ticks)
    codes = [np.zeros((n, backend.layout.dim), np.float32) for _ in faces.placements]
    sharpness = [np.zeros(n, np.float32) for _ in faces.placements]
    done = 0

    def keep(k: int, at: list[int], crops: list[np.ndarray]) -> None:
        codes[k][at] = encode_crops(crops, backend)
        sharpness[k][at] = [sharpness_of(crop) for crop in crops]

    # The networks work on one group while the next is decoded and cut.
    with FrameReader(info) as reader, ThreadPoolExecutor(1, "networks") as networks:
        begun: list[Future[None]] = []
        for group in batches(reader, backend.compute.batch_size):
            for k, placement in enumerate(faces.placements):
                seen = [(f, s) for f in group if f.index < n and (s := placement.square(f.index))]
                if not seen:
                    continue
                crops = [cropper(frame, square) for frame, square in seen]
                begun.append(networks.submit(keep, k, [f.index for f, _ in seen], crops))
                if len(begun) > 1:
                    begun.pop(0).result()
            done += len(group)
            progress("reading", done, n)
        for last in begun:
            last.result()
    return [
        FaceCodes(p, fill_absent(c, p.present), s)
        for p, c, s in zip(faces.placements, codes, sharpness, strict=True)
    ]


def sharpness_of(rgb: np.ndarray) -> float:
    """Variance of the Laplacian of a picture ``[S, S, 3]`` in [0, 255]."""
    return float(cv2.Laplacian(rgb.mean(-1), cv2.CV_32F).var())

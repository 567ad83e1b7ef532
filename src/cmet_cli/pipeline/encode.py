"""Pass two: the codes of every face in every frame. Keeps a few dozen floats a frame and face."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ..backends.base import Backend, CodeLayout
from ..backends.images import of_pixels, to_images
from ..faces.device.crop import sharpness
from ..faces.geometry import Square
from ..faces.placement import Placement, fill_absent
from ..media.probe import VideoInfo
from ..media.reader import Frame, FrameReader
from ..options import Progress
from .cropper import Cropper, batches
from .find import FaceMap
from .on_device import DeviceCropper, pixel_device


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


#: RGB crops, ``[S, S, 3]`` each or ``[B, 3, S, S]`` on a device.
Crops = Sequence[np.ndarray] | Tensor


def encode_crops(crops: Crops, backend: Backend) -> np.ndarray:
    """RGB crops -> codes float32 ``[len(crops), layout.dim]``."""
    if isinstance(crops, Tensor):
        return backend.encode(of_pixels(crops)).cpu().numpy()
    images = to_images(np.stack(crops), backend.compute.device)
    return backend.encode(images).cpu().numpy()


def encode_faces(
    info: VideoInfo,
    faces: FaceMap,
    backend: Backend,
    progress: Progress,
    *,
    device: torch.device | None = None,
) -> list[FaceCodes]:
    """Encode every face square of every frame. device: where they are cut; left out, as
    :func:`pixel_device` has it."""
    size_px, n = backend.crop.size_px, len(faces.ticks)
    device = device or pixel_device(backend.compute)
    here = Cropper(info, size_px)
    there = None if device is None else DeviceCropper(info, size_px, device)
    codes = [np.zeros((n, backend.layout.dim), np.float32) for _ in faces.placements]
    sharp = [np.zeros(n, np.float32) for _ in faces.placements]
    done = 0

    def cut(seen: list[tuple[Frame, Square]]) -> Crops:
        if there is None:
            return [here(frame, square) for frame, square in seen]
        return there([frame for frame, _ in seen], [square for _, square in seen])

    def keep(k: int, at: list[int], crops: Crops) -> None:
        codes[k][at] = encode_crops(crops, backend)
        sharp[k][at] = sharpnesses(crops)

    # The networks work on one group while the next is decoded and cut.
    with FrameReader(info) as reader, ThreadPoolExecutor(1, "networks") as networks:
        begun: list[Future[None]] = []
        for group in batches(reader, backend.compute.batch_size):
            for k, placement in enumerate(faces.placements):
                seen = [(f, s) for f in group if f.index < n and (s := placement.square(f.index))]
                if not seen:
                    continue
                begun.append(networks.submit(keep, k, [f.index for f, _ in seen], cut(seen)))
                if len(begun) > 1:
                    begun.pop(0).result()
            done += len(group)
            progress("reading", done, n)
        for last in begun:
            last.result()
    return [
        FaceCodes(p, fill_absent(c, p.present), s)
        for p, c, s in zip(faces.placements, codes, sharp, strict=True)
    ]


def sharpnesses(crops: Crops) -> np.ndarray:
    """Of each crop, float32 ``[n]``."""
    if isinstance(crops, Tensor):
        return sharpness(crops).cpu().numpy()
    return np.array([sharpness_of(crop) for crop in crops], np.float32)


def sharpness_of(rgb: np.ndarray) -> float:
    """Variance of the Laplacian of a picture ``[S, S, 3]`` in [0, 255]."""
    return float(cv2.Laplacian(rgb.mean(-1), cv2.CV_32F).var())

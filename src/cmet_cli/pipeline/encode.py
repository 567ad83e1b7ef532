"""Pass two: the codes of every face in every frame. Keeps 36 floats a frame and face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ..backends.devices import Compute
from ..backends.edtalk.networks import EDTalk
from ..faces.crop import crop_rgb
from ..faces.geometry import Square
from ..faces.placement import Placement, fill_absent
from ..media.pixels import ColourConverter
from ..media.probe import VideoInfo
from ..media.reader import Frame, FrameReader
from ..options import Progress
from .find import FaceMap


@dataclass(frozen=True)
class FaceCodes:
    """One face's codes, float32 ``[n, code_dim]`` (lip, pose, expression; absent frames filled in
    from their neighbours), and its sharpness ``[n]`` (variance of the crop's Laplacian)."""

    placement: Placement
    codes: np.ndarray
    sharpness: np.ndarray

    def fitness(self, pose: slice, expression: slice) -> np.ndarray:
        """How fit each frame is to lend its face, float ``[n]``: sharp, near the clip's middle.

        A clip is mostly neutral and mostly frontal, so its medians stand for both.
        """
        seen, far = self.codes[self.placement.present], np.zeros(len(self.codes))
        for part in (pose, expression):
            centre, spread = np.median(seen[:, part], 0), seen[:, part].std(0) + 1e-6
            far += (((self.codes[:, part] - centre) / spread) ** 2).mean(1)
        typical = np.median(self.sharpness[self.placement.present]) + 1e-6
        return np.minimum(self.sharpness / typical, 2.0) - far


class Cropper:
    """Cuts face squares out of one video's frames, for a network's picture size."""

    def __init__(self, info: VideoInfo, size_px: int) -> None:
        self.size_px, self.layout = size_px, info.pixel_format
        self.converter = ColourConverter(info.colour, info.pixel_format, info.height)

    def __call__(self, frame: Frame, square: Square) -> np.ndarray:
        """-> RGB ``[S, S, 3]`` float32 in [0, 255]."""
        return crop_rgb(frame.planes, square, self.size_px, self.layout, self.converter)


def to_network(rgb: np.ndarray) -> torch.Tensor:
    """Pictures ``[B, S, S, 3]`` float32 in [0, 255] -> ``[B, 3, S, S]`` in [-1, 1]."""
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).div(127.5).sub(1.0)


def from_network(frames: torch.Tensor) -> np.ndarray:
    """``[B, 3, S, S]`` nominally in [-1, 1] -> ``[B, S, S, 3]`` float32 in [0, 255], clipped."""
    return frames.float().clamp(-1, 1).add(1).mul(127.5).permute(0, 2, 3, 1).cpu().numpy()


def batches(reader: FrameReader, size: int) -> Iterator[list[Frame]]:
    """Frames in lists of ``size``, the last one shorter."""
    group: list[Frame] = []
    for frame in reader:
        group.append(frame)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def encode_crops(crops: list[np.ndarray], edtalk: EDTalk, compute: Compute) -> np.ndarray:
    """RGB crops -> codes float32 ``[len(crops), code_dim]``."""
    images = to_network(np.stack(crops)).to(compute.device)
    with compute.autocast(), torch.inference_mode():
        latent, _ = edtalk.encode(images)
    return edtalk.latent_to_codes(latent.float()).cpu().numpy()


def analyse(
    info: VideoInfo, faces: FaceMap, edtalk: EDTalk, compute: Compute, progress: Progress
) -> list[FaceCodes]:
    """Encode every face square of every frame."""
    cropper, n = Cropper(info, edtalk.config.image_size_px), len(faces.ticks)
    codes = [np.zeros((n, edtalk.config.code_dim), np.float32) for _ in faces.placements]
    sharpness = [np.zeros(n, np.float32) for _ in faces.placements]
    done = 0
    with FrameReader(info) as reader:
        for group in batches(reader, compute.batch_size):
            for k, placement in enumerate(faces.placements):
                seen = [(f, s) for f in group if f.index < n and (s := placement.square(f.index))]
                if not seen:
                    continue
                crops = [cropper(frame, square) for frame, square in seen]
                at = [frame.index for frame, _ in seen]
                codes[k][at] = encode_crops(crops, edtalk, compute)
                sharpness[k][at] = [sharpness_of(crop) for crop in crops]
            done += len(group)
            progress("reading", done, n)
    return [
        FaceCodes(p, fill_absent(c, p.present), s)
        for p, c, s in zip(faces.placements, codes, sharpness, strict=True)
    ]


def sharpness_of(rgb: np.ndarray) -> float:
    """Variance of the Laplacian of a picture ``[S, S, 3]`` in [0, 255]."""
    return float(cv2.Laplacian(rgb.mean(-1), cv2.CV_32F).var())

"""As :mod:`..crop`, for many frames at once on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...media.pixels import ColourConverter, PixelFormat
from .. import crop as on_cpu
from ..geometry import Square, crop_to_plane
from ..repaint import Planes
from .colour import DeviceColour
from .planes import alike, numbers, uploaded
from .sampling import STEPS, reach_of, resampling

#: Of a pixel, in OpenCV's affine maps.
FIXED = 1024


def crop_rgb(
    planes: Sequence[Planes],
    squares: Sequence[Square],
    size_px: int,
    layout: PixelFormat,
    converter: ColourConverter,
    device: torch.device,
) -> Tensor:
    """Frames' planes and a square in each -> RGB float32 ``[B, 3, size, size]`` in [0, 255]."""
    yuv = []
    for which, sub in alike(layout):
        matrices = [crop_to_plane(square, size_px, *sub) for square in squares]
        step = min(on_cpu.step_of(matrix) for matrix in matrices)
        places = [on_cpu.reach(matrix, size_px, step) for matrix in matrices]
        parts = [
            on_cpu.rectangle(frame[c], *place)
            for frame, place in zip(planes, places, strict=True)
            for c in which
        ]
        there = uploaded(parts, device).unflatten(0, (len(planes), len(which)))
        yuv.append(_cropped(there, matrices, places, size_px, step))
    return DeviceColour(converter).to_rgb(torch.cat(yuv, dim=1))


def _cropped(
    there: Tensor,
    matrices: Sequence[np.ndarray],
    places: Sequence[tuple[int, int, int, int]],
    size_px: int,
    step: int,
) -> Tensor:
    """Rectangles ``[B, P, h, w]`` of planes at these places, shrunk by ``step`` and then cut."""
    if step > 1:
        there = F.avg_pool2d(there, step)
    scales = [max(matrix[0, 0], matrix[1, 1]) for matrix in matrices]
    sigmas = [on_cpu.sigma_of(scale, step) for scale in scales]
    blurs = [(max(sigma, 1e-3), reach_of(sigma) if sigma else 0) for sigma in sigmas]
    sigma, reach = numbers(blurs, there.device).unbind(1)
    ways = []
    for axis in (0, 1):
        sizes = [(place[2 + axis] - place[axis]) // step for place in places]
        at = [
            _sampled_at(matrix[axis, axis], matrix[axis, 2] - place[axis], size_px, step)
            for matrix, place in zip(matrices, places, strict=True)
        ]
        told = numbers(np.stack(at), there.device), numbers(sizes, there.device)
        ways.append(resampling(*told, there.shape[3 - axis], sigma, reach)[:, None])
    return ways[1] @ there @ ways[0].transpose(2, 3)


def _sampled_at(scale: float, begin: float, size_px: int, step: int) -> np.ndarray:
    """Where the crop's pixels are in the shrunk rectangle ``[size]``, by OpenCV's fixed point."""
    scale, begin = scale / step, (begin + 0.5) / step - 0.5
    fine = np.rint(scale * np.arange(size_px) * FIXED) + np.rint(begin * FIXED)
    return np.floor((fine * STEPS / FIXED) + 0.5) / STEPS


def sharpness(pictures: Tensor) -> Tensor:
    """Variance of the Laplacian of each picture ``[B, 3, S, S]``, ``[B]``."""
    grey = F.pad(pictures.mean(1, keepdim=True), [1] * 4, mode="reflect")[:, 0]
    across, down = grey[:, 1:-1], grey[:, :, 1:-1]
    around = across[:, :, :-2] + across[:, :, 2:] + down[:, :-2] + down[:, 2:]
    return (around - 4 * grey[:, 1:-1, 1:-1]).flatten(1).var(1, correction=0)

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
        steps = [on_cpu.step_of(matrix) for matrix in matrices]
        # Faces that grow past a step's border are cut one by one; it is rare.
        runs = [range(len(steps))] if len(set(steps)) == 1 else map(_only, range(len(steps)))
        crops = []
        for run in runs:
            step, there = steps[run[0]], [matrices[k] for k in run]
            places = [on_cpu.reach(matrix, size_px, step) for matrix in there]
            parts = [
                on_cpu.rectangle(planes[k][c], *place)
                for k, place in zip(run, places, strict=True)
                for c in which
            ]
            numbers_there = uploaded(parts, device).unflatten(0, (len(run), len(which)))
            crops.append(_cropped(numbers_there, there, places, size_px, step))
        yuv.append(torch.cat(crops))
    return DeviceColour(converter).to_rgb(torch.cat(yuv, dim=1))


def _only(k: int) -> range:
    return range(k, k + 1)


def _cropped(
    there: Tensor,
    matrices: Sequence[np.ndarray],
    places: Sequence[tuple[int, int, int, int]],
    size_px: int,
    step: int,
) -> Tensor:
    """Rectangles ``[B, P, h, w]`` of planes at these places, shrunk by ``step`` and then cut."""
    if step > 1:
        there = (F.avg_pool2d(there, step) + 0.5).floor()  # planes' own numbers, as OpenCV's
    sigmas = [on_cpu.sigma_of(max(matrix[0, 0], matrix[1, 1]), step) for matrix in matrices]
    blurs = [(max(sigma, 1e-3), reach_of(sigma) if sigma else 0) for sigma in sigmas]
    ways = []
    for axis, look in enumerate((_columns, _rows)):
        at = [
            look(*_shrunk(matrix, place, axis, step), size_px)
            for matrix, place in zip(matrices, places, strict=True)
        ]
        rows = [
            ((place[2 + axis] - place[axis]) // step, *gaussian)
            for place, gaussian in zip(places, blurs, strict=True)
        ]
        at_there, rows_there = (numbers(values, there.device) for values in (at, rows))
        ways.append(resampling(at_there, there.shape[3 - axis], rows_there)[:, None])
    return ways[1] @ there @ ways[0].transpose(2, 3)


def _shrunk(
    matrix: np.ndarray, place: tuple[int, int, int, int], axis: int, step: int
) -> tuple[float, float]:
    """Pixels of the shrunk rectangle per crop pixel, and where the first of those is in it."""
    begin = float(matrix[axis, 2]) - place[axis]
    return float(matrix[axis, axis]) / step, (begin + 0.5) / step - 0.5


def _columns(scale: float, begin: float, size_px: int) -> np.ndarray:
    """Where a crop's columns are looked for ``[size]``, by OpenCV's fixed point."""
    return _at_steps(np.rint(scale * np.arange(size_px) * FIXED) + np.rint(begin * FIXED))


def _rows(scale: float, begin: float, size_px: int) -> np.ndarray:
    """The same for rows, which it rounds once."""
    return _at_steps(np.rint((scale * np.arange(size_px) + begin) * FIXED))


def _at_steps(fixed: np.ndarray) -> np.ndarray:
    return np.floor(fixed * STEPS / FIXED + 0.5) / STEPS


def sharpness(pictures: Tensor) -> Tensor:
    """Variance of the Laplacian of each picture ``[B, 3, S, S]``, ``[B]``."""
    grey = F.pad(pictures.mean(1, keepdim=True), [1] * 4, mode="reflect")[:, 0]
    across, down = grey[:, 1:-1], grey[:, :, 1:-1]
    around = across[:, :, :-2] + across[:, :, 2:] + down[:, :-2] + down[:, 2:]
    return (around - 4 * grey[:, 1:-1, 1:-1]).flatten(1).var(1, correction=0)

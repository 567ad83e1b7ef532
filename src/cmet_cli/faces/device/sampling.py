"""Blurring, warping and resizing as OpenCV does them, on whatever device the tensors are.

Pictures and fields are float32 ``[B, C, h, w]``. Blurs and resizings are matrices, one an axis: no
convolution, so that no GPU rounds to TF32 on the way.
"""

from __future__ import annotations

from functools import cache

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import fields as on_cpu

#: OpenCV samples at thirty-seconds of a pixel; so both ways give the same picture.
STEPS = 32


def at_steps(places: Tensor) -> Tensor:
    """Places rounded to what OpenCV knows."""
    return (places * STEPS).round() / STEPS


def sampled(pictures: Tensor, x: Tensor, y: Tensor, mode: str = "bilinear") -> Tensor:
    """``[B, C, h, w]`` at places ``[B, H, W]`` in pixel indices -> ``[B, C, H, W]``; the border
    goes on beyond it. mode: ``bilinear`` or ``bicubic`` (the same cubic as OpenCV's)."""
    height, width = pictures.shape[-2:]
    grid = torch.stack([x * (2 / max(1, width - 1)) - 1, y * (2 / max(1, height - 1)) - 1], dim=-1)
    return F.grid_sample(pictures, grid, mode=mode, padding_mode="border", align_corners=True)


def warp(pictures: Tensor, flow: Tensor) -> Tensor:
    """``pictures`` sampled at every pixel's place plus ``flow [B, 2, h, w]`` (right, down)."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, dtype=torch.float32, device=flow.device)
    y = torch.arange(height, dtype=torch.float32, device=flow.device)[:, None]
    return sampled(pictures, at_steps(x + flow[:, 0]), at_steps(y + flow[:, 1]))


def resampling(at: Tensor, width: int, rows: Tensor) -> Tensor:
    """Matrices that blur rows of numbers and sample them linearly: ``[B, n, width]``.

    at: where, in pixel indices, ``[B, n]``; rows: how many of the ``width`` numbers each has (they
    are reflected beyond), and the Gaussian's sigma and reach in pixels (0: none), ``[B, 3]``.
    """
    sizes, sigmas, reaches = rows[:, :, None, None].unbind(1)
    pixel = torch.arange(width, dtype=torch.float32, device=at.device)
    last = sizes - 1
    low = at.floor()[..., None]
    share = at[..., None] - low
    narrow = -0.5 / sigmas.square()
    # Each pixel stands where it is and where the edges mirror it to.
    here = pixel.expand(last.shape[0], 1, width)
    mirrored = torch.stack([here, -here, 2 * last - here])
    there = torch.stack([here <= last, (here > 0) & (here <= last), here < last])
    far = low - mirrored
    taps = [
        part * (away.square() * narrow).exp() * (away.abs() <= reaches)
        for away, part in ((far, 1 - share), (far + 1, share))
    ]
    matrix = ((taps[0] + taps[1]) * there).sum(0)
    return matrix / matrix.sum(-1, keepdim=True)


def reach_of(sigma: float) -> int:
    """How many pixels to each side OpenCV's Gaussian of float pictures has."""
    return (round(8 * sigma + 1) | 1) // 2


@cache  # never let go of: recordings know where they lie
def _gaussian(size: int, sigma: float, reach: int, device: torch.device) -> Tensor:
    """The matrix ``[size, size]`` of one blur."""
    at = torch.arange(size, dtype=torch.float32)[None]
    return resampling(at, size, torch.tensor([[size, sigma, reach]]))[0].to(device)


def blur(pictures: Tensor, sigma_share: float) -> Tensor:
    """Gaussian with a sigma in shares of the pictures' side."""
    size = pictures.shape[-1]
    sigma = max(0.3, sigma_share * size)
    matrix = _gaussian(size, sigma, reach_of(sigma), pictures.device)
    return matrix @ pictures @ matrix.t()


def across(lines: Tensor, sigma_share: float) -> Tensor:
    """Each row of ``lines [B, 1, n, S]`` blurred by itself."""
    sigma = max(0.3, sigma_share * lines.shape[-1])
    return lines @ _gaussian(lines.shape[-1], sigma, round(3 * sigma), lines.device).t()


def at_rows(field: Tensor, rows: Tensor) -> Tensor:
    """``field [B, 1, S, S]`` in each column at the rows ``[B, 1, n, S]``, between two linearly."""
    last = field.shape[2] - 1
    rows = rows.clamp(0, last)
    low = rows.long().clamp(max=last - 1)
    above, below = (field.gather(2, low + k) for k in (0, 1))
    return above + (rows - low) * (below - above)


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """0 up to ``low``, 1 from ``high`` on, smooth between."""
    x = ((x - low) / (high - low)).clamp(0, 1)
    return x * x * (3 - 2 * x)


def area(flow: Tensor) -> Tensor:
    down, right = torch.gradient(flow, dim=(2, 3))
    return (1 + right[:, :1]) * (1 + down[:, 1:]) - right[:, 1:] * down[:, :1]


def stretch(flow: Tensor) -> Tensor:
    return (1 - area(flow)).clamp(0, 1)


def down_mean(flow: Tensor) -> Tensor:
    """Motion averaged from top to bottom."""
    size = flow.shape[-1]
    sigma = on_cpu.LIPS_SIGMA * size
    return _gaussian(size, sigma, round(3 * sigma), flow.device) @ flow


def dilate(pictures: Tensor, reach: int) -> Tensor:
    """The largest value in an ellipse of ``reach`` pixels around each, ``[B, 1, h, w]``."""
    side = 2 * reach + 1
    widths = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).sum(1).tolist()
    out = pictures
    # An ellipse is made of rectangles that are the taller the narrower they are.
    for up in range(reach, -1, -1):
        wide = widths[reach - up]
        if up < reach and wide == widths[reach - up - 1]:
            continue  # the last one holds it
        rows = F.max_pool2d(pictures, (1, wide), 1, (0, wide // 2))
        out = torch.maximum(out, F.max_pool2d(rows, (2 * up + 1, 1), 1, (up, 0)))
    return out

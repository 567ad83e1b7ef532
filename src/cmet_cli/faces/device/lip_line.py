"""As :mod:`..lip_line`, which says why, for many frames at once on the device.

Pictures are float32 ``[B, 3, S, S]`` in [0, 255], masks ``[B, 1, S, S]`` in [0, 1], lines
``[B, 1, 1, S]``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import lip_line as on_cpu
from .colour import luma
from .corners import central
from .opening import light_of, teeth
from .sampling import across, at_rows, blur


def met(unlike: Tensor, mouth: Tensor, lips: Tensor) -> Tensor:
    """Of each frame, in pixels; unlike ``[B, 1, S, S]``, lips ``[B, 1, 1, 1]``, infinite where that
    is not known."""
    side = mouth.shape[-1]
    rows = torch.arange(side, dtype=torch.float32, device=mouth.device)[:, None]
    middle = _total(mouth * rows) / (_total(mouth) + 1e-6) - on_cpu.ABOVE * side
    known, weight = lips.isfinite(), central(mouth)
    row = torch.where(known, (lips - on_cpu.ABOVE_PARTING) * side, middle)
    near = torch.where(known, on_cpu.NEAR_PARTING, on_cpu.NEAR)
    return _found(unlike, row.expand_as(weight), near, weight)


def parted(unlike: Tensor, row: Tensor, weight: Tensor) -> Tensor:
    above = on_cpu.ABOVE_PARTING * unlike.shape[-1]
    return _found(unlike, row - above, on_cpu.NEAR_PARTING, weight)


def _found(unlike: Tensor, row: Tensor, near: float | Tensor, weight: Tensor) -> Tensor:
    side = unlike.shape[-1]
    off = torch.linspace(-on_cpu.FAR, on_cpu.FAR, on_cpu.STEPS, device=row.device)[:, None]
    cost = at_rows(unlike, row + off * side)
    cost = across(cost * weight, on_cpu.COST_SIGMA) / across(weight, on_cpu.COST_SIGMA)
    found, unsure = _likeliest(cost, off, 0.0, near)
    found = _straight(found, weight / (unsure + on_cpu.BENT**2))
    return row + _likeliest(cost, off, found, on_cpu.BENT)[0] * side


def _likeliest(
    cost: Tensor, off: Tensor, expected: Tensor | float, spread: float | Tensor
) -> tuple[Tensor, Tensor]:
    likely = (-cost - 0.5 / spread**2 * (off - expected).square()).softmax(2)
    mean = (likely * off).sum(2, keepdim=True)
    return mean, (likely * (off - mean).square()).sum(2, keepdim=True)


def _straight(line: Tensor, weight: Tensor) -> Tensor:
    x = torch.arange(line.shape[3], dtype=torch.float32, device=line.device)
    total = _total(weight)
    x = x - _total(weight * x) / total
    height = _total(weight * line) / total
    slope = _total(weight * x * (line - height)) / (_total(weight * x * x) + 1e-6)
    return height + slope * x


def unlikely(picture: Tensor, mouth: Tensor, face: Tensor) -> Tensor:
    shine, side = luma(picture), picture.shape[-1]
    dark = shine - on_cpu.AROUND * blur(shine, on_cpu.VALLEY_SIGMA)
    dark = dark / (light_of(picture, face) * on_cpu.DARKER)
    white = teeth(picture, face)
    seen, next_to = (max(1, round(reach * side)) for reach in (on_cpu.SEEN, on_cpu.RIGHT_ABOVE))
    below = (_below(white, seen) + white / 2).clamp(max=1)
    above = (_below((white * mouth).flip(2), seen).flip(2) + white / 2).clamp(max=1)
    under = _below(white.flip(2), next_to).flip(2).clamp(max=1) * (1 - white)
    return dark + on_cpu.TEETH * (below * (1 - above) - on_cpu.UNDER * under)


def _below(field: Tensor, rows: int) -> Tensor:
    total = F.pad(field, (0, 0, 0, rows), mode="replicate").cumsum(2)
    return total[:, :, rows:] - total[:, :, :-rows]


def _total(field: Tensor) -> Tensor:
    return field.sum((2, 3), keepdim=True)

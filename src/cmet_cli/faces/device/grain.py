"""As :mod:`..grain`, for many frames at once on the device."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import grain as on_cpu
from .sampling import area


def detail_change(flow: Tensor) -> Tensor:
    """As on the CPU, ``[B, 1, S, S]`` of ``[B, 2, S, S]``; 0 where it would not be seen."""
    here = area(flow).clamp(on_cpu.LEAST_AREA, on_cpu.MOST_AREA)
    share = torch.where(here < 1, here**-on_cpu.RETURNS, here**-on_cpu.TAKEN) - 1
    share = share * (flow != 0).any(1, keepdim=True)
    return share * (share.abs().amax((2, 3), keepdim=True) > on_cpu.LEAST_CHANGE)


def with_detail(planes: Tensor, more: Tensor) -> Tensor:
    """Planes ``[n, P, h, w]`` with their finest detail shown by so much more, ``[n, 1, h, w]``."""
    low, middle, _ = on_cpu.COARSE.tolist()
    wide = F.pad(planes, [1] * 4, mode="replicate")
    rows = low * (wide[:, :, :-2] + wide[:, :, 2:]) + middle * wide[:, :, 1:-1]
    coarse = low * (rows[..., :-2] + rows[..., 2:]) + middle * rows[..., 1:-1]
    return planes + more * (planes - coarse)

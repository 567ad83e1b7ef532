"""Where a face and its parts are in crops, on the device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .sampling import warp


def on_device(mask: np.ndarray, device: torch.device) -> Tensor:
    """``[S, S]`` -> ``[1, 1, S, S]``."""
    return torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(device)


def moved(mask: Tensor, heads: Tensor) -> Tensor:
    """A mask ``[1, 1, S, S]`` moved with each head's offset ``[B, 2]`` in shares of the side; its
    border goes on beyond it. ``[B, 1, S, S]``."""
    size, n = mask.shape[-1], len(heads)
    flow = (-size * heads)[:, :, None, None].expand(-1, -1, size, size)
    return warp(mask.expand(n, -1, -1, -1), flow)

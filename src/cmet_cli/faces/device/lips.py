"""As :mod:`..lips`, which says why, for many frames at once on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import lips as on_cpu
from ..corners import CORNER
from .corners import at_off, column_means, offsets
from .opening import line_off
from .sampling import across, smoothstep


def kept_together(
    flow: Tensor, residual: Tensor, picture: Tensor, mouth: Tensor, face: Tensor, share: Tensor
) -> tuple[Tensor, Tensor]:
    """flow ``[B, 2, S, S]``, residual and picture ``[B, 3, S, S]``, mouth and face
    ``[B, 1, S, S]``, share ``[B, 1, 1, 1]``."""
    side, down, width = flow.shape[-1], flow[:, 1:], mouth.amax(2, keepdim=True)
    row = torch.arange(side, dtype=torch.float32, device=flow.device)[:, None]
    total = mouth.sum((2, 3), keepdim=True) + 1e-6
    middle = (mouth * row).sum((2, 3), keepdim=True) / total - on_cpu.ABOVE * side
    weight, rows = width.clamp(min=1e-3), middle.expand_as(width)
    line = middle + line_off(picture, rows, weight, face, on_cpu.ANYWHERE)
    far = (row + down - line).abs() / side
    lips = 1 - smoothstep(far, on_cpu.LIPS / 2, on_cpu.LIPS)
    whole = across(column_means(down, lips), on_cpu.BESIDE)
    mean, off = column_means(down, mouth), offsets(mouth)
    left, centre, right = (at_off(mean, off - place) for place in (-CORNER, 0.0, CORNER))
    turned = smoothstep((centre - (left + right) / 2) / side, 0.0, on_cpu.TURNED)
    much = width * turned * (on_cpu.TOGETHER * share)
    moved = down + much * (1 - smoothstep(far, on_cpu.LIPS, on_cpu.SKIN)) * (whole - down)
    return torch.cat([flow[:, :1], moved], dim=1), residual * (1 - much * lips)

"""As :mod:`..lips`, which says why, for many frames at once on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import lips as on_cpu
from ..corners import CORNER
from .corners import at_off, column_means, offsets
from .mouth import Frames, Memory, eased
from .sampling import across, smoothstep


def kept_together(
    flow: Tensor,
    residual: Tensor,
    line: Tensor,
    mouth: Tensor,
    face: Tensor,
    parted: Tensor,
    memory: Memory,
    frames: Frames,
) -> tuple[Tensor, Tensor, Memory]:
    """flow ``[B, 2, S, S]``, residual ``[B, 3, S, S]``, line ``[B, 1, 1, S]``, mouth and face
    ``[B, 1, S, S]``, parted ``[B, 1, 1, 1]``; and what is remembered then."""
    side, down = flow.shape[-1], flow[:, 1:]
    now = turned(down, mouth) * (1 - parted.flatten(1))
    shares, last = frames.followed(now, memory.together, eased)
    frowns, smiles = each = torch.stack(shares, dim=1)[..., None, None, None]
    row = torch.arange(side, dtype=torch.float32, device=flow.device)[:, None]
    far = (row + down - line).abs() / side
    lips = 1 - smoothstep(far, on_cpu.LIPS / 2, on_cpu.LIPS)
    down_alone = frowns / each.amax(0).clamp(min=on_cpu.LEAST)
    whole = levelled(column_means(down, lips), offsets(mouth), down_alone)
    whole = across(whole, on_cpu.BESIDE)
    less = smiles * thinner(column_means(flow[:, :1], lips))
    whole = whole + less * (row + whole - line)
    much = face * mouth.amax(2, keepdim=True) * (on_cpu.TOGETHER * each.amax(0))
    reach = on_cpu.LIPS + (on_cpu.SMILING - on_cpu.LIPS) * smiles
    moved = down + much * (1 - smoothstep(far, reach, on_cpu.SKIN)) * (whole - down)
    flow = torch.cat([flow[:, :1], moved], dim=1)
    return flow, residual * (1 - much * lips), memory._replace(together=last)


def turned(down: Tensor, mouth: Tensor) -> Tensor:
    """Of each frame, ``[B, 2]``."""
    mean, off = column_means(down, mouth), offsets(mouth)
    left, centre, right = (at_off(mean, off - place) for place in (-CORNER, 0.0, CORNER))
    drop = ((centre - (left + right) / 2) / down.shape[-1]).view(-1, 1)
    return smoothstep(torch.cat([drop, -drop], dim=1), on_cpu.TURNED_FROM, on_cpu.TURNED_TO)


def levelled(moved: Tensor, off: Tensor, share: Tensor) -> Tensor:
    """moved and off ``[B, 1, 1, S]``, share ``[B, 1, 1, 1]``."""
    level = 1 - smoothstep(off.abs() / CORNER, on_cpu.LEVEL_TO, on_cpu.BENT_FROM)
    return moved + share * level * (at_off(moved, off) - moved)


def thinner(right: Tensor) -> Tensor:
    """Of each frame, ``[B, 1, 1, S]``."""
    (there,) = torch.gradient(right, dim=3)
    wider = across((-there).clamp(0, on_cpu.WIDEST), on_cpu.BESIDE) * on_cpu.GIVES
    return wider / (1 - wider)

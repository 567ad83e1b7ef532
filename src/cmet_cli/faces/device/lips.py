"""As :mod:`..lips`, which says why, for many frames at once on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import lips as on_cpu
from ..corners import CORNER
from .corners import at_off, column_means, offsets
from .mouth import Frames, Memory, eased
from .opening import line_off
from .sampling import across, smoothstep


def kept_together(
    flow: Tensor,
    residual: Tensor,
    picture: Tensor,
    mouth: Tensor,
    face: Tensor,
    parted: Tensor,
    memory: Memory,
    frames: Frames,
) -> tuple[Tensor, Tensor, Memory]:
    """flow ``[B, 2, S, S]``, residual and picture ``[B, 3, S, S]``, mouth and face
    ``[B, 1, S, S]``, parted ``[B, 1, 1, 1]``; and what is remembered then."""
    side, down = flow.shape[-1], flow[:, 1:]
    now = turned(down, mouth) * (1 - parted.flatten(1))
    shares, last = frames.followed(now, memory.together, eased)
    lines, line = frames.followed(met(picture, mouth, face), memory.met, eased)
    _, smiles = each = torch.stack(shares, dim=1)[..., None, None, None]
    row = torch.arange(side, dtype=torch.float32, device=flow.device)[:, None]
    off = (row + down - torch.stack(lines)) / side
    far = off.abs()
    lips = 1 - smoothstep(far, on_cpu.LIPS / 2, on_cpu.LIPS)
    whole = across(column_means(down, lips), on_cpu.BESIDE)
    less = smiles * thinner(column_means(flow[:, :1], lips))
    whole = whole + less * (row + whole - torch.stack(lines))
    much = face * mouth.amax(2, keepdim=True) * (on_cpu.TOGETHER * each.amax(0))
    higher = on_cpu.HIGHER * (off < 0) * smiles
    reach = on_cpu.LIPS + (on_cpu.SMILING - on_cpu.LIPS) * smiles
    moved = down + much * (1 - smoothstep(far - higher, reach, on_cpu.SKIN)) * (whole - down)
    flow = torch.cat([flow[:, :1], moved], dim=1)
    return flow, residual * (1 - much * lips), memory._replace(together=last, met=line)


def turned(down: Tensor, mouth: Tensor) -> Tensor:
    """Of each frame, ``[B, 2]``."""
    mean, off = column_means(down, mouth), offsets(mouth)
    left, centre, right = (at_off(mean, off - place) for place in (-CORNER, 0.0, CORNER))
    drop = ((centre - (left + right) / 2) / down.shape[-1]).view(-1, 1)
    return smoothstep(torch.cat([drop, -drop], dim=1), on_cpu.TURNED_FROM, on_cpu.TURNED_TO)


def thinner(right: Tensor) -> Tensor:
    """Of each frame, ``[B, 1, 1, S]``."""
    (there,) = torch.gradient(right, dim=3)
    wider = across((-there).clamp(0, on_cpu.WIDEST), on_cpu.BESIDE) * on_cpu.GIVES
    return wider / (1 - wider)


def met(picture: Tensor, mouth: Tensor, face: Tensor) -> Tensor:
    """Of each frame, ``[B, 1, 1, S]``."""
    side, width = mouth.shape[-1], mouth.amax(2, keepdim=True)
    row = torch.arange(side, dtype=torch.float32, device=mouth.device)[:, None]
    total = mouth.sum((2, 3), keepdim=True) + 1e-6
    middle = (mouth * row).sum((2, 3), keepdim=True) / total - on_cpu.ABOVE * side
    off = line_off(picture, middle.expand_as(width), width.clamp(min=1e-3), face, on_cpu.ANYWHERE)
    return middle + off

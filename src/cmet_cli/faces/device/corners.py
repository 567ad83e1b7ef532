"""As :mod:`..corners`, which says why, for many frames at once on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import corners as on_cpu
from .sampling import blur, down_mean, smoothstep


def held_up(flow: Tensor, mouth: Tensor, further: Tensor) -> Tensor:
    """flow ``[B, 2, S, S]``, mouth ``[B, 1, S, S]``, further ``[B, 1, 1, 1]``."""
    side, down, corner = flow.shape[-1], down_mean(flow[:, 1:]), on_cpu.CORNER
    off = offsets(mouth)
    moved = column_means(down, mouth)
    left, middle, right = (at_off(moved, off - place) for place in (-corner, 0.0, corner))
    times = (1 + further) / side
    left, right = (
        too_much((middle - end) * times, on_cpu.FREE, on_cpu.MORE) for end in (left, right)
    )
    far = smoothstep(off.abs(), on_cpu.HELD * corner, on_cpu.LET_GO * corner)
    held = torch.where(off < 0, left, right) * blur(mouth, on_cpu.SOFT)
    held = held * (1 - far) * (down - middle).clamp(max=0)
    return torch.cat([flow[:, :1], flow[:, 1:] - held], dim=1)


def offsets(mouth: Tensor) -> Tensor:
    """``[B, 1, 1, S]``"""
    column = torch.arange(mouth.shape[-1], dtype=torch.float32, device=mouth.device)
    width = mouth.amax(2, keepdim=True)
    centre = (column * width).sum(3, keepdim=True) / (width.sum(3, keepdim=True) + 1e-6)
    return (column - centre) / mouth.shape[-1]


def central(mouth: Tensor) -> Tensor:
    near = (-0.5 * (offsets(mouth) / on_cpu.CENTRAL).square()).exp()
    return (mouth.amax(2, keepdim=True) * near).clamp(min=1e-3)


def column_means(field: Tensor, weights: Tensor) -> Tensor:
    """``[B, 1, 1, S]``"""
    return (field * weights).sum(2, keepdim=True) / (weights.sum(2, keepdim=True) + 1e-6)


def at_off(moved: Tensor, off: Tensor) -> Tensor:
    near = (-0.5 * (off / on_cpu.SPREAD).square()).exp()
    return (moved * near).sum(3, keepdim=True) / near.sum(3, keepdim=True)


def too_much(drop: Tensor, free: float, more: float) -> Tensor:
    over = (drop - free).clamp(min=0)
    return (over - more * (over / more).tanh()) / drop.clamp(min=free)

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
    less = torch.where(off < 0, _less((middle - left) * times), _less((middle - right) * times))
    far = smoothstep(off.abs(), on_cpu.HELD * corner, on_cpu.LET_GO * corner)
    held = less * blur(mouth, on_cpu.SOFT) * (1 - far) * (down - middle).clamp(max=0)
    return torch.cat([flow[:, :1], flow[:, 1:] - held], dim=1)


def offsets(mouth: Tensor) -> Tensor:
    """``[B, 1, 1, S]``"""
    column = torch.arange(mouth.shape[-1], dtype=torch.float32, device=mouth.device)
    width = mouth.amax(2, keepdim=True)
    centre = (column * width).sum(3, keepdim=True) / (width.sum(3, keepdim=True) + 1e-6)
    return (column - centre) / mouth.shape[-1]


def column_means(field: Tensor, weights: Tensor) -> Tensor:
    """``[B, 1, 1, S]``"""
    return (field * weights).sum(2, keepdim=True) / (weights.sum(2, keepdim=True) + 1e-6)


def at_off(moved: Tensor, off: Tensor) -> Tensor:
    near = (-0.5 * (off / on_cpu.SPREAD).square()).exp()
    return (moved * near).sum(3, keepdim=True) / near.sum(3, keepdim=True)


def _less(drop: Tensor) -> Tensor:
    over = (drop - on_cpu.FREE).clamp(min=0)
    return (over - on_cpu.MORE * (over / on_cpu.MORE).tanh()) / drop.clamp(min=on_cpu.FREE)

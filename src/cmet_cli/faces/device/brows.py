"""As :mod:`..brows`, which says why, for many frames at once on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import brows as on_cpu
from .colour import luma
from .corners import at_off, column_means, offsets, too_much
from .opening import light_of
from .sampling import blur, smoothstep, stretch, warp


def kept_together(flow: Tensor, pictures: Tensor, brows: Tensor) -> Tensor:
    """flow ``[B, 2, S, S]``, pictures ``[B, 3, S, S]``, brows ``[B, 1, S, S]``."""
    shine = luma(pictures)
    darker = (blur(shine, on_cpu.AROUND) - shine) / light_of(pictures, brows)
    hair = warp(smoothstep(darker, on_cpu.DARK_FROM, on_cpu.DARK_TO), flow) * brows
    near = blur(torch.cat([flow * hair, hair, stretch(flow)], dim=1), on_cpu.TOGETHER)
    moved, much, drawn = near.split([2, 1, 1], dim=1)
    mean = moved / (much + 1e-3)
    share = smoothstep(drawn, on_cpu.DRAWN_FROM, on_cpu.DRAWN_TO)
    share = share * (much / on_cpu.WHOLE).clamp(0, 1)
    share = share * smoothstep(mean[:, 1:] / flow.shape[-1], 0.0, on_cpu.RAISED)
    return flow + share * (mean - flow)


def held_level(flow: Tensor, brows: Tensor) -> Tensor:
    """As :func:`kept_together`."""
    down, off = flow[:, 1:], offsets(brows)
    moved, soft, more = -column_means(down, brows), blur(brows, on_cpu.SOFT), 0 * down
    for way in (-1.0, 1.0):
        inner, outer = (at_off(moved, off - way * at) for at in (on_cpu.INNER, on_cpu.OUTER))
        share = too_much((inner - outer) / flow.shape[-1], on_cpu.FREE, on_cpu.MORE)
        here = (0.5 + off * (way / on_cpu.BETWEEN)).clamp(0, 1)
        more = more + share * here * soft * (-down - outer.clamp(min=0)).clamp(min=0)
    return torch.cat([flow[:, :1], down + more], dim=1)

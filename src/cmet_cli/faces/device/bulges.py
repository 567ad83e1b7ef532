"""As :mod:`..bulges`, which says why, for many frames at once on the device."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .. import bulges as on_cpu
from .colour import luma
from .opening import light_of
from .sampling import area, blur, smoothstep


def bare_skin(pictures: Tensor, face: Tensor) -> Tensor:
    """pictures ``[B, 3, S, S]``, face ``[B, 1, S, S]``."""
    light = blur(luma(pictures), on_cpu.FOLD) / light_of(pictures, face)
    return smoothstep(light, on_cpu.DARK_TO, on_cpu.BARE_FROM)


def pressed(flow: Tensor) -> Tensor:
    """``[B, 1, S, S]`` of ``[B, 2, S, S]``."""
    return area(flow).clamp(1, on_cpu.MOST).log()


def forehead(brows: Tensor) -> Tensor:
    return brows.flip(2).cummax(2).values.flip(2)


def bulging(flow: Tensor, skin: Tensor, bare: Tensor) -> Tensor:
    """flow ``[B, 2, S, S]``, skin ``[B, 3, S, S]``, bare ``[B, 1, S, S]``."""
    height = pressed(flow) * bare
    fold = blur(height, on_cpu.FOLD)
    fold = (fold - blur(fold, on_cpu.AROUND)).clamp(min=0)
    wide = F.pad(blur(height, on_cpu.BULGE), [1] * 4, mode="reflect")
    rows = wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]
    up = (rows[:, :, 2:] - rows[:, :, :-2]) * (flow.shape[-1] / 512)
    return bare * (on_cpu.RISES * up - on_cpu.FOLDS * fold) * skin

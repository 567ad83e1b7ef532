"""Colours on the device: planes' numbers, RGB, and one person's range of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ...media.pixels import ColourConverter
from .. import palette as on_cpu


def constant(values: np.ndarray, device: torch.device) -> Tensor:
    """A few numbers as a float32 tensor; copied once, since a copy waits for all that runs."""
    return _kept(tuple(values.ravel().tolist()), values.shape, device)


@cache  # never let go of: recordings know where they lie
def _kept(numbers: tuple[float, ...], shape: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).view(shape).to(device)


def column(values: np.ndarray, device: torch.device) -> Tensor:
    """One number a channel, ``[C, 1, 1]``."""
    return constant(values, device).view(-1, 1, 1)


def mixed(pictures: Tensor, matrix: np.ndarray) -> Tensor:
    """Channels ``[B, 3, h, w]`` through a matrix ``[k, 3]`` -> ``[B, k, h, w]``."""
    rows = constant(matrix, pictures.device)
    return (rows @ pictures.flatten(2)).unflatten(2, pictures.shape[2:])


def luma(pictures: Tensor) -> Tensor:
    """RGB ``[B, 3, h, w]`` -> ``[B, 1, h, w]``."""
    return mixed(pictures, on_cpu._LUMA[None])


@dataclass(frozen=True)
class DeviceColour:
    """As :class:`ColourConverter`."""

    converter: ColourConverter

    def to_rgb(self, yuv: Tensor) -> Tensor:
        """Planes' numbers ``[B, 3, h, w]`` -> SDR RGB in [0, 255], clipped."""
        offset, tones = column(self.converter.offset, yuv.device), self.converter.tone_map
        rgb = mixed(yuv - offset, self.converter.rgb_of_yuv).clamp(0, 255)
        return rgb if tones is None else tones.to_sdr(rgb / 255, torch) * 255

    def to_yuv(self, rgb: Tensor) -> Tensor:
        """The way back, not rounded."""
        if (tones := self.converter.tone_map) is not None:
            rgb = tones.from_sdr(rgb / 255, torch) * 255
        return mixed(rgb, self.converter.yuv_of_rgb) + column(self.converter.offset, rgb.device)


def ranges(pictures: Tensor, face: Tensor) -> tuple[Tensor, Tensor]:
    """What :meth:`Palette.learn` looks for: the ends of the ranges of Y, Cb and Cr where a face is.

    pictures: RGB ``[B, 3, h, w]``; face ``[B, 1, h, w]`` -> ``[B, 2, 3]`` (low, high), and how many
    pixels they are of ``[B]``.
    """
    inside = (face > 0.5).flatten(2)
    values = mixed(pictures, on_cpu._TO_YCC).flatten(2)
    counts = inside.sum(-1)[:, 0]
    # Linear between neighbours, as numpy's quantile has it.
    place = on_cpu.TAIL * (counts - 1).clamp(min=0).double()
    low, k = place.floor().long(), int(on_cpu.TAIL * (values.shape[-1] - 1)) + 2
    share = (place - low)[:, None].float()
    ends = []
    for sign in (1, -1):
        least = (sign * values).masked_fill(~inside, torch.inf).topk(k, largest=False).values
        a, b = (
            least.gather(2, at.view(-1, 1, 1).expand(-1, 3, 1))[..., 0]
            for at in (low, torch.minimum(low + 1, (counts - 1).clamp(min=0)))
        )
        ends.append(sign * torch.lerp(a, b, share))
    return torch.stack(ends, dim=1), counts


def limited(basis: Tensor, residual: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """As :meth:`Palette.limited`. low, high: this person's ranges ``[B, 3, 1, 1]``."""
    now, change = mixed(basis, on_cpu._TO_YCC), mixed(residual, on_cpu._TO_YCC)
    dark = on_cpu.DARK
    light = ((now[:, :1] + change[:, :1] + dark) / (now[:, :1] + dark)).clamp(0.0, 1.3)
    shaded = now[:, 1:] * (light.sqrt() - 1)
    colour = (1 - on_cpu.OWN_COLOUR) * shaded + on_cpu.OWN_COLOUR * change[:, 1:]
    wanted = now + torch.cat([change[:, :1], colour], dim=1)
    beyond = on_cpu.DARKER, on_cpu.BRIGHTER
    darker, brighter = (column(on_cpu._luma(v), basis.device) for v in beyond)
    wanted = wanted.clamp(torch.minimum(low - darker, now), torch.maximum(high + brighter, now))
    return mixed(wanted - now, on_cpu._TO_RGB)

"""As :mod:`..inside`, which says why, for many frames at once on the device.

Pictures are float32 ``[B, 3, S, S]`` in [0, 255], fields and masks ``[B, 1, S, S]``, lines and what
is of columns ``[B, 1, 1, S]``, what is of frames ``[B, 1, 1, 1]`` but where it says so.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import inside as on_cpu
from .colour import column, luma
from .opening import light_of, teeth
from .sampling import at_rows, smoothstep


def cavity(pictures: Tensor, face: Tensor, depth: Tensor, height: Tensor) -> Tensor:
    side, tall = pictures.shape[-1], height.amax(2, keepdim=True)
    share = _of_highest(tall)
    arch = on_cpu.ARCH * smoothstep(share, on_cpu.ARCH_FROM, 1.0)
    tongue = smoothstep((depth - (1 - arch)) / on_cpu.RIM, 0.0, 1.0)
    tongue = tongue * (1 - on_cpu.LOW * smoothstep(depth, on_cpu.LOW_FROM, 1.0))
    tongue = tongue * smoothstep(tall / side, on_cpu.HIDDEN, on_cpu.LIT)
    palate, flesh = (column(c, pictures.device) for c in (on_cpu.PALATE, on_cpu.TONGUE))
    mean = _colour(pictures, face)
    return _as_coloured(mean * (palate + tongue * (flesh - palate)), mean)


def were_shut(pictures: Tensor, face: Tensor, line: Tensor, weight: Tensor) -> Tensor:
    """Of each frame, ``[B]``."""
    side, light = pictures.shape[-1], light_of(pictures, face)
    near = torch.linspace(-on_cpu.NEAR, on_cpu.NEAR, on_cpu.STEPS, device=line.device)
    above = near[: on_cpu.STEPS // 2 + 1]
    white = at_rows(teeth(pictures, face), line + above[:, None] * side).amax(2, keepdim=True)
    white = smoothstep(white, on_cpu.TEETH_FROM, on_cpu.TEETH_TO)
    lit = at_rows(pictures.amax(1, keepdim=True) / light, line + near[:, None] * side)
    dark = (1 - lit / on_cpu.DARK).clamp(0, 1).mean(2, keepdim=True) * (2 * on_cpu.NEAR)
    lip = (1 - smoothstep(dark, on_cpu.LINE, on_cpu.OPENED)) * (1 - white)
    share = _total(lip * weight) / (_total(weight) + 1e-6)
    return smoothstep(share, on_cpu.OPEN, on_cpu.SHUT).flatten()


def teeth_edge(below: Tensor, height: Tensor, shut: Tensor) -> Tensor:
    side, tall = below.shape[-1], height.amax(2, keepdim=True)
    within = smoothstep(_of_highest(tall), on_cpu.CORNER, on_cpu.WHOLE)
    shown = smoothstep(tall / side, on_cpu.SLIT, on_cpu.SHOWN)
    long = (on_cpu.MOST_OF_GAP * height).clamp(max=on_cpu.TEETH * side)
    long = long * shown * within * shut
    faint = float(on_cpu.FAINT)
    none = 1 - smoothstep(long / side, 0.0, faint)
    return long - below.clamp(min=0) - faint * side * none


def enamel(pictures: Tensor, face: Tensor, below: Tensor, height: Tensor) -> Tensor:
    light = light_of(pictures, face)
    lit = smoothstep(below / below.shape[-1], 0.0, on_cpu.SHADOW_TO)
    shade = on_cpu.SHADOW + (1 - on_cpu.SHADOW) * lit
    tall = height.amax(2, keepdim=True)
    front = smoothstep(_of_highest(tall), on_cpu.CORNER, 1.0)
    shade = shade * (on_cpu.BESIDE + (1 - on_cpu.BESIDE) * front)
    mean = _colour(pictures, face)
    cast = mean / (luma(mean) + on_cpu.PLAIN) - 1
    white = column(on_cpu.ENAMEL, pictures.device) * (1 + float(on_cpu.CAST) * cast)
    return _as_coloured((light + on_cpu.WHITER * (255 - light)) * shade * white, mean)


def _as_coloured(pictures: Tensor, face: Tensor) -> Tensor:
    least, most = face.aminmax(dim=1, keepdim=True)
    share = smoothstep(1 - least / (most + on_cpu.PLAIN), on_cpu.GREY, on_cpu.COLOURED)
    grey = luma(pictures)
    return grey + share * (pictures - grey)


def _of_highest(tall: Tensor) -> Tensor:
    return tall / (tall.amax(3, keepdim=True) + 1e-6)


def _colour(pictures: Tensor, face: Tensor) -> Tensor:
    return _total(pictures * face) / (_total(face) + 1e-6)


def _total(field: Tensor) -> Tensor:
    return field.sum((2, 3), keepdim=True)

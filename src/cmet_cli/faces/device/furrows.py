"""As :mod:`..furrows`, which says why, for many frames at once on the device.

Fields and masks are float32 ``[B, 1, S, S]``, what is across a face ``[B, 1, 1, S]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import furrows as on_cpu
from .colour import luma
from .corners import at_off, column_means, offsets
from .mouth import Frames, Memory, eased
from .opening import light_of
from .sampling import area, blur, smoothstep


@dataclass(frozen=True, eq=False)
class Furrows:
    """depth and phase, ``[B, K, S, S]``."""

    depth: Tensor
    phase: Tensor

    def scaled(self, weights: Tensor) -> Furrows:
        return Furrows(self.depth * weights, self.phase)


def furrowed(
    flow: Tensor,
    bare: Tensor,
    brows: Tensor,
    line: Tensor | None,
    memory: Memory,
    frames: Frames,
) -> tuple[Furrows, Memory]:
    """As :class:`on_cpu.Furrowed`, flow ``[B, 2, S, S]``; and what is remembered then. Lines that
    would not be seen are 0 deep."""
    side, off = flow.shape[-1], offsets(brows)
    row = torch.arange(side, dtype=torch.float32, device=flow.device)[:, None]
    middle = _total(row * brows) / (_total(brows) + 1e-6)
    below = (row - middle) / side - on_cpu.CENTRE
    told = [at_off(-column_means(flow[:, 1:], brows), off) / side]
    if line is not None:
        lips = (line - middle) / side - on_cpu.CENTRE
        told += [sloping(lips, off), *lifted(flow[:, 1:] / side, off, below, lips)]
    told += [torch.zeros_like(told[0])] * (len(memory.furrows) - len(told))

    def bit_by_bit(before: Tensor, now: Tensor, k: int) -> Tensor:
        return eased(before, now, k, pace=on_cpu.FURROW_PACE)

    now = torch.cat(told, dim=1).flatten(1)
    along, last = frames.followed(now, memory.furrows, bit_by_bit)
    frown, slope, lips, *cheeks = torch.stack(along)[:, :, None, None].split(1, dim=1)
    tilt = (on_cpu.STEEPER * slope).atan()
    right, down = turned(off + flow[:, :1] / side, below + flow[:, 1:] / side, tilt)
    up = -down - on_cpu.CENTRE
    kinds = [
        across_forehead(area(flow), bare, right, up),
        between_brows(bare, right, up, frown),
    ]
    if line is not None:
        right, down = turned(off, below, tilt)
        kinds.append(beside_nose(bare, right, down - tilt.cos() * lips, cheeks))
    depth, phase = (torch.cat([kind[k] for kind in kinds], dim=1) for k in (0, 1))
    turns = 1 - on_cpu.UNEVEN + on_cpu.UNEVEN * (on_cpu.TURNS * phase).cos()
    depth = depth * turns * (depth.amax((2, 3), keepdim=True) >= on_cpu.LEAST_DEPTH)
    return Furrows(depth, phase), memory._replace(furrows=last)


def turned(right: Tensor, down: Tensor, tilt: Tensor) -> tuple[Tensor, Tensor]:
    """right and down, ``[B, 1, S, S]`` together, tilt ``[B, 1, 1, 1]``."""
    cos, sin = tilt.cos(), tilt.sin()
    return right * cos + down * sin, down * cos - right * sin


def sloping(lips: Tensor, off: Tensor) -> Tensor:
    """Of each frame, ``[B, 1, 1, 1]``."""
    left, right = (at_off(lips, off - way * on_cpu.SLOPE) for way in (-1, 1))
    steepest = on_cpu.STEEPEST
    return ((right - left) / (2 * on_cpu.SLOPE)).clamp(-steepest, steepest)


def bare_skin(pictures: Tensor, face: Tensor) -> Tensor:
    """pictures ``[B, 3, S, S]``."""
    light = blur(luma(pictures), on_cpu.SKIN) / light_of(pictures, face)
    return smoothstep(light, on_cpu.DARK_TO, on_cpu.BARE_FROM)


def across_forehead(area: Tensor, bare: Tensor, right: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    pressed = area.clamp(1, on_cpu.MOST_PRESSED).log()
    deep = on_cpu.RAISED / on_cpu.MOST_RAISED * blur(pressed * bare, on_cpu.PRESSED)
    depth = on_cpu.MOST_RAISED * deep.tanh() * bare
    depth = depth * smoothstep(up, on_cpu.ABOVE_FROM, on_cpu.ABOVE_TO)
    turn = 2 * np.pi * right
    flatter = 1 - on_cpu.FLATTER * smoothstep(up, on_cpu.FLAT_FROM, on_cpu.FLAT_TO)
    gull = on_cpu.GULL * (turn / on_cpu.BROW).cos() * flatter
    uneven = on_cpu.UNEVENLY * (turn / on_cpu.OFTEN + on_cpu.ASKEW * up).sin()
    return depth, (up + gull + uneven) / on_cpu.APART


def between_brows(bare: Tensor, right: Tensor, up: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    deep = (100 * on_cpu.FROWNED * down).clamp(0, on_cpu.MOST_FROWNED)
    tall = smoothstep(up, on_cpu.FROWN_FROM, on_cpu.FROWN_FULL)
    tall = tall * (1 - smoothstep(up, on_cpu.FROWN_LESS, on_cpu.FROWN_TO))
    wide = 1 - smoothstep(right.abs(), 0.7 * on_cpu.FROWN_APART, on_cpu.FROWN_APART)
    return deep * tall * wide * bare, right / on_cpu.FROWN_APART + 0.5


def beside_nose(
    bare: Tensor, right: Tensor, down: Tensor, cheeks: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """cheeks: left and right, ``[B, 1, 1, 1]``."""
    down = (down - on_cpu.WING_UP) / (on_cpu.CORNER_DOWN - on_cpu.WING_UP)
    curve = on_cpu.WING + (on_cpu.CORNER - on_cpu.WING) * down.clamp(-0.2, 1.3)
    curve = curve + on_cpu.BENT * (np.pi * down.clamp(0, 1)).sin()
    phase = (right.abs() - curve) / on_cpu.FOLD_WIDE
    left, other = ((100 * on_cpu.LIFTED * c).clamp(0, on_cpu.MOST_LIFTED) for c in cheeks)
    tall = smoothstep(down, -0.1, 0.25) * (1 - smoothstep(down, 0.75, 1.15))
    wide = 1 - smoothstep(phase.abs(), on_cpu.FOLD_FULL, on_cpu.FOLD_TO)
    return torch.where(right < 0, left, other) * tall * wide * bare, phase


def lifted(rise: Tensor, off: Tensor, below: Tensor, lips: Tensor) -> list[Tensor]:
    """Of each frame, ``[B, 1, 1, 1]``."""
    line = at_off(lips, off)
    high = (-0.5 * ((below - line - on_cpu.CHEEK_UP) / on_cpu.CHEEK_HIGH).square()).exp()
    out = [line]
    for way in (-1, 1):
        far = (off - way * on_cpu.CHEEK) / on_cpu.CHEEK_WIDE
        cheek = high * (-0.5 * far.square()).exp()
        out.append(_total(rise * cheek) / (_total(cheek) + 1e-6))
    return out


def darkened(depth: Tensor, phase: Tensor) -> Tensor:
    """Of all kinds together, ``[n, 1, h, w]`` of ``[n, K, h, w]``."""
    line = (-0.5 / on_cpu.NARROW**2 * (phase - phase.round()).square()).exp()
    mean = float(np.sqrt(2 * np.pi) * on_cpu.NARROW)
    return 1 - (1 - depth * (line - mean)).prod(1, keepdim=True)


def _total(field: Tensor) -> Tensor:
    return field.sum((2, 3), keepdim=True)

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
    mouth: Tensor | None,
    line: Tensor | None,
    memory: Memory,
    frames: Frames,
) -> tuple[Furrows, Memory]:
    """As :class:`on_cpu.Furrowed`, flow ``[B, 2, S, S]``; and what is remembered then. Lines that
    would not be seen are 0 deep."""
    side, beside = flow.shape[-1], offsets(brows)
    right, down = flow.split(1, dim=1)
    row = torch.arange(side, dtype=torch.float32, device=flow.device)[:, None]
    middle = _total(row * brows) / (_total(brows) + 1e-6)
    up = (middle - row - down) / side
    off = offsets(brows if mouth is None else mouth)
    told = [at_off(-column_means(down, brows), beside) / side]
    if line is None:
        told *= 4
    else:
        told += lifted(down, off, row, at_off(line, off))
    now = torch.cat(told, dim=1).flatten(1)

    def bit_by_bit(before: Tensor, now: Tensor, k: int) -> Tensor:
        return eased(before, now, k, pace=on_cpu.FURROW_PACE)

    along, last = frames.followed(now, memory.furrows, bit_by_bit)
    down_here, lips, *cheeks = torch.stack(along)[:, :, None, None].split(1, dim=1)
    kinds = [
        across_forehead(flow, bare * forehead(brows), beside, up),
        between_brows(right, bare, beside, up, down_here),
    ]
    if line is not None:
        kinds.append(beside_nose(bare, off, row, lips, cheeks))
    depth, phase = (torch.cat([kind[k].expand_as(up) for kind in kinds], dim=1) for k in (0, 1))
    depth = depth * (depth.amax((2, 3), keepdim=True) >= on_cpu.LEAST_DEPTH)
    return Furrows(depth, phase), memory._replace(furrows=last)


def bare_skin(pictures: Tensor, face: Tensor) -> Tensor:
    """pictures ``[B, 3, S, S]``."""
    light = blur(luma(pictures), on_cpu.SKIN) / light_of(pictures, face)
    return smoothstep(light, on_cpu.DARK_TO, on_cpu.BARE_FROM)


def forehead(brows: Tensor) -> Tensor:
    return brows.flip(2).cummax(2).values.flip(2)


def across_forehead(
    flow: Tensor, bare: Tensor, beside: Tensor, up: Tensor
) -> tuple[Tensor, Tensor]:
    pressed = area(flow).clamp(1, on_cpu.MOST_PRESSED).log()
    deep = on_cpu.RAISED / on_cpu.MOST_RAISED * blur(pressed * bare, on_cpu.PRESSED)
    depth = on_cpu.MOST_RAISED * deep.tanh() * bare
    depth = depth * smoothstep(up, on_cpu.ABOVE_FROM, on_cpu.ABOVE_TO)
    turn = 2 * np.pi * beside
    flatter = 1 - on_cpu.FLATTER * smoothstep(up, on_cpu.FLAT_FROM, on_cpu.FLAT_TO)
    gull = on_cpu.GULL * (turn / on_cpu.BROW).cos() * flatter
    uneven = on_cpu.UNEVENLY * (turn / on_cpu.OFTEN + on_cpu.ASKEW * up).sin()
    return depth, (up + gull + uneven) / on_cpu.APART


def between_brows(
    right: Tensor, bare: Tensor, beside: Tensor, up: Tensor, down: Tensor
) -> tuple[Tensor, Tensor]:
    off = beside + right / right.shape[-1]
    deep = (100 * on_cpu.FROWNED * down).clamp(0, on_cpu.MOST_FROWNED)
    tall = smoothstep(up, on_cpu.FROWN_FROM, on_cpu.FROWN_FULL)
    tall = tall * (1 - smoothstep(up, on_cpu.FROWN_LESS, on_cpu.FROWN_TO))
    wide = 1 - smoothstep(off.abs(), 0.7 * on_cpu.FROWN_APART, on_cpu.FROWN_APART)
    return deep * tall * wide * bare, off / on_cpu.FROWN_APART + 0.5


def beside_nose(
    bare: Tensor, off: Tensor, row: Tensor, line: Tensor, cheeks: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """line and cheeks, left and right, ``[B, 1, 1, 1]``."""
    tall = on_cpu.CORNER_DOWN - on_cpu.WING_UP
    down = (row / bare.shape[-1] - line - on_cpu.WING_UP) / tall
    curve = on_cpu.WING + (on_cpu.CORNER - on_cpu.WING) * down.clamp(-0.2, 1.3)
    curve = curve + on_cpu.BENT * (np.pi * down.clamp(0, 1)).sin()
    phase = (off.abs() - curve) / on_cpu.FOLD_WIDE
    left, right = ((100 * on_cpu.LIFTED * c).clamp(0, on_cpu.MOST_LIFTED) for c in cheeks)
    ends = smoothstep(down, -0.1, 0.25) * (1 - smoothstep(down, 0.75, 1.15))
    wide = 1 - smoothstep(phase.abs(), on_cpu.FOLD_FULL, on_cpu.FOLD_TO)
    return torch.where(off < 0, left, right) * ends * wide * bare, phase


def lifted(down: Tensor, off: Tensor, row: Tensor, line: Tensor) -> list[Tensor]:
    """Of each frame, ``[B, 1, 1, 1]``."""
    side = down.shape[-1]
    high = (row - line) / side - on_cpu.CHEEK_UP
    high = (-0.5 * (high / on_cpu.CHEEK_HIGH).square()).exp()
    out = [line / side]
    for way in (-1, 1):
        far = (off - way * on_cpu.CHEEK) / on_cpu.CHEEK_WIDE
        cheek = high * (-0.5 * far.square()).exp()
        out.append(_total(down * cheek) / _total(cheek) / side)
    return out


def darkened(depth: Tensor, phase: Tensor) -> Tensor:
    """Of all kinds together, ``[n, 1, h, w]`` of ``[n, K, h, w]``."""
    line = (-0.5 / on_cpu.NARROW**2 * (phase - phase.round()).square()).exp()
    between = float(np.sqrt(2 * np.pi) * on_cpu.NARROW)
    turns = 1 - on_cpu.UNEVEN + on_cpu.UNEVEN * (2.4 * phase).cos()
    return (depth * turns * (line - between)).sum(1, keepdim=True)


def _total(field: Tensor) -> Tensor:
    return field.sum((2, 3), keepdim=True)

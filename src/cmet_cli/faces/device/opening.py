"""As :mod:`..opening`, which says why, for many frames at once on the device.

Names and constants are those of there. Pictures are float32 ``[B, 3, S, S]`` in [0, 255], flows
``[B, 2, S, S]`` (right, down) in pixels, masks ``[B, 1, S, S]`` in [0, 1], lines ``[B, 1, 1, S]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import opening as on_cpu
from ..fields import PLAIN
from .colour import luma
from .corners import central, offsets
from .sampling import across, at_rows, smoothstep


@dataclass(frozen=True, eq=False)
class Opening:
    """flow ``[B, 2, S, S]``, edge, below and height ``[B, 1, S, S]``, over ``[B, 1, 1, S]``, share
    ``[B, 1, 1, 1]``."""

    flow: Tensor
    edge: Tensor
    over: Tensor
    below: Tensor
    height: Tensor
    share: Tensor


def parting(flow: Tensor, mouth: Tensor) -> Tensor:
    """Of each frame, ``[B]``."""
    most = (drawn_out(flow[:, 1:]) * mouth).amax(2, keepdim=True)
    side, width = flow.shape[-1], mouth.amax(2, keepdim=True)
    column = torch.arange(side, dtype=torch.float32, device=flow.device)
    off = (column - _total(column * width) / (_total(width) + 1e-6)) / side
    inner = (-0.5 * (off / on_cpu.MIDDLE_SIGMA).square()).exp()
    beside = (-0.5 * ((off.abs() - on_cpu.FLANK_OFF) / on_cpu.FLANK_SIGMA).square()).exp()
    return _total(most * (inner / _total(inner) - beside / _total(beside))).flatten()


def opened(flow: Tensor, line: Tensor, mouth: Tensor, much: Tensor) -> Opening:
    """much: ``[B]``."""
    down = flow[:, 1:]
    most = (drawn_out(down) * mouth).amax(2, keepdim=True)
    parts = smoothstep(most, on_cpu.PARTS_FROM, on_cpu.PARTS_TO)
    share = smoothstep(much, on_cpu.OPENS_FROM, on_cpu.OPENS_TO).view(-1, 1, 1, 1)
    return _opening(flow, line, mouth, carried_on(down), parts, share)


def opened_by_words(flow: Tensor, line: Tensor, mouth: Tensor, further: Tensor) -> Opening:
    """further: ``[B, 1, 1, 1]``."""
    side, down = flow.shape[-1], flow[:, 1:]
    upper, lower = carried_on(down)
    off = (_rows(flow) - line).abs() / side
    lips = mouth * (1 - smoothstep(off, on_cpu.NEAR / 2, on_cpu.NEAR))
    wide = across((drawn_out(down) * lips).amax(2, keepdim=True), on_cpu.PARTS_SIGMA)
    middle = central(mouth)
    wide = wide + on_cpu.PLAIN_WIDE * middle
    lens = (1 - (offsets(mouth) / on_cpu.LENS).square()).clamp(min=0)
    mean = _total(wide * middle) / (_total(middle) + 1e-6)
    wide = (wide / mean).clamp(max=1) * lens
    share = smoothstep(further, on_cpu.WORDS_FROM, on_cpu.WORDS_TO)
    got = at_rows(upper - lower, line).clamp(min=0)
    more = torch.maximum(wide * (further * on_cpu.WIDEST) * side - got, (lens - 1) * got)
    more = share * across(more, on_cpu.PARTS_SIGMA)
    moved = upper + on_cpu.UPPER * more, lower - (1 - on_cpu.UPPER) * more
    parts = smoothstep(wide, on_cpu.SPOKEN_FROM, on_cpu.SPOKEN_TO)
    return _opening(flow, line, mouth, moved, parts, share)


def _opening(
    flow: Tensor,
    line: Tensor,
    mouth: Tensor,
    moved: tuple[Tensor, Tensor],
    parts: Tensor,
    share: Tensor,
) -> Opening:
    side, row, down = flow.shape[-1], _rows(flow), flow[:, 1:]
    upper, lower = (row + motion for motion in moved)
    parts = mouth * across(parts, on_cpu.PARTS_SIGMA) * share
    new = down + parts * (torch.clamp(line, lower, upper) - row - down)
    inside = torch.minimum(upper - line, line - lower)
    deep = across(inside.clamp(min=0).amax(2, keepdim=True), on_cpu.PARTS_SIGMA) / side
    over = on_cpu.OVER * side * smoothstep(deep, 0.0, on_cpu.DEEP)
    height = (upper - lower).clamp(min=0) * (mouth > 0)
    flow = torch.cat([flow[:, :1], new], dim=1)
    return Opening(flow, inside - tapered(parts), over, upper - line, height, share)


def tapered(share: Tensor) -> Tensor:
    return (1 / share.clamp(min=on_cpu.LEAST_SHARE) - 1) * (on_cpu.TAPER * share.shape[2])


def carried_on(down: Tensor) -> tuple[Tensor, Tensor]:
    return _highest(down), -_highest(-down.flip(2)).flip(2)


def _highest(field: Tensor) -> Tensor:
    reach, seen = round(on_cpu.MOUTH_HEIGHT * field.shape[-1]), 1
    while seen <= reach:
        step = min(seen, reach + 1 - seen)
        moved = F.pad(field, (0, 0, step, 0), mode="replicate")[:, :, : field.shape[2]]
        field, seen = torch.maximum(field, moved - on_cpu.GIVE * step), seen + step
    return field


def drawn_out(down: Tensor) -> Tensor:
    (slope,) = torch.gradient(down, dim=2)
    return (-slope).clamp(0, 1)


def origin(flow: Tensor, mouth: Tensor) -> tuple[Tensor, Tensor]:
    down = flow[:, 1:]
    row, much = _rows(down), drawn_out(down).square() * mouth
    middle = _total(mouth * row) / (_total(mouth) + 1e-6)
    total = across(much.sum(2, keepdim=True), on_cpu.ORIGIN_SIGMA) + 1e-4
    off = (much * (row + down - middle)).sum(2, keepdim=True)
    return middle + across(off, on_cpu.ORIGIN_SIGMA) / total, total


def teeth(picture: Tensor, face: Tensor) -> Tensor:
    shine, light = luma(picture), light_of(picture, face)
    red = (picture[:, :1] - picture[:, 1:].mean(1, keepdim=True)) / (shine + PLAIN)
    usual = (_total(red * face) / (_total(face) + 1e-6)).clamp(min=0.02)
    pale = 1 - smoothstep(red / usual, on_cpu.RED_FROM, on_cpu.RED_TO)
    return pale * smoothstep(shine / light, on_cpu.LIGHT_FROM, on_cpu.LIGHT_TO)


def light_of(picture: Tensor, face: Tensor) -> Tensor:
    """Of each picture, ``[B, 1, 1, 1]``."""
    return _total(luma(picture) * face) / (_total(face) + 1e-6) + PLAIN


def _rows(field: Tensor) -> Tensor:
    return torch.arange(field.shape[2], dtype=torch.float32, device=field.device)[:, None]


def _total(field: Tensor) -> Tensor:
    return field.sum((2, 3), keepdim=True)

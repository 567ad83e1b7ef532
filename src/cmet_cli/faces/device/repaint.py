"""As :mod:`..repaint`, for many frames at once on the device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import repaint as on_cpu
from ..crop import rectangle
from ..geometry import crop_to_plane, plane_rectangle
from ..repaint import Planes, Target
from ..window import Axis, margin_of
from .colour import DeviceColour
from .difference import Difference
from .furrows import Furrows, darkened
from .grain import detail_change, with_detail
from .mouth import Gap
from .planes import alike, downloaded, numbers, rounded, uploaded
from .sampling import at_steps, sampled, smoothstep, warp

#: A cubic between pixels goes beyond them by less than this share of their range.
OVERSHOOT = 0.25
CUBIC_REACH = 2


def repaint(
    planes: Sequence[Planes], crops: Tensor, change: Difference, targets: Sequence[Target]
) -> list[Planes]:
    """Copies of every frame's planes with its change done; where it is 0 the numbers stay as they
    were.

    crops: ``[B, 3, S, S]``; targets: one a frame, of one layout.
    """
    touched = (change.flow != 0).any(1, keepdim=True) | (change.residual != 0).any(1, keepdim=True)
    if change.furrows is not None:
        touched = touched | (change.furrows.depth != 0).any(1, keepdim=True)
    near = touched if change.gap is None else touched | _near(change.gap.edge)
    extents = _extents(change, near)
    layout, colour = targets[0].layout, DeviceColour(targets[0].converter)
    moved = warp(crops, change.flow)
    coarse = colour.to_yuv(moved)
    residual = colour.to_yuv((moved + change.residual).clamp(0, 255)) - coarse
    residual = residual * touched  # not even by rounding
    torn = [extent.tear > on_cpu.LEAST_TEAR for extent in extents]
    tear = change.tear * numbers(torn, crops.device).view(-1, 1, 1, 1)
    detail, added = detail_change(change.flow), residual + tear * coarse
    far = on_cpu.SOFT_EDGE * crops.shape[-1] + on_cpu.NEAR_PX
    furrows, black = [], float(targets[0].converter.offset[0])
    if change.furrows is not None:
        sides = numbers([target.square.side for target in targets], crops.device)
        seen = smoothstep(sides.view(-1, 1, 1, 1), on_cpu.LINES_FROM, on_cpu.LINES_TO)
        depth, phase = _in_numbers(change.furrows, moved, coarse, colour, black)
        furrows = [depth * seen, phase]
    layers = [
        (layer.edge.clamp(-far, far), colour.to_yuv(layer.colour)) for layer in _layers(change.gap)
    ]
    done: list[tuple[Tensor, range, list[_Window]]] = []
    for which, sub in alike(layout):
        found = (
            _Window.of(k, planes[k][which.start].shape, extents[k], targets[k], sub)
            for k in range(len(planes))
        )
        windows = [window for window in found if window is not None]
        if windows:
            parts = [rectangle(planes[w.frame][c], *w.source) for w in windows for c in which]
            parts_there = uploaded(parts, crops.device).unflatten(0, (len(windows), len(which)))
            at = numbers([w.frame for w in windows], crops.device).long()
            # Of planes with a number for each pixel, as on the CPU.
            lines = furrows if sub == (1, 1) else []
            fields = [change.flow, tear, detail * (sub == (1, 1)), *lines]
            fields.append(added[:, which.start : which.stop])
            for edge, inside in layers:
                fields += [edge, inside[:, which.start : which.stop]]
            there = torch.cat(fields, dim=1)[at]
            kinds = sum(field.shape[1] for field in lines) // 2
            lit = numbers([float(c == 0 or layout.rgb) for c in which], crops.device)
            new = _repainted(parts_there, there, windows, layout.bits, kinds, lit, black)
            done.append((new, which, windows))
    out = [list(frame) for frame in planes]
    for host, (_, which, windows) in zip(downloaded([d[0] for d in done]), done, strict=True):
        for new, window in zip(host, windows, strict=True):
            for plane, c in zip(new, which, strict=True):
                out[window.frame][c] = window.pasted(planes[window.frame][c], plane)
    return [tuple(frame) for frame in out]


def _in_numbers(
    furrows: Furrows, moved: Tensor, coarse: Tensor, colour: DeviceColour, black: float
) -> tuple[Tensor, Tensor]:
    """Depth and phase."""
    told, kinds = coarse[:, :1], furrows.depth.split(1, dim=1)
    less = [told - colour.to_yuv(moved * (1 - depth))[:, :1] for depth in kinds]
    return torch.cat(less, dim=1) / (told - black).clamp(min=1), furrows.phase


def _layers(gap: Gap | None) -> list[Gap]:
    """A gap, and what lies before it."""
    return [] if gap is None else [gap, *_layers(gap.teeth)]


def _near(edge: Tensor) -> Tensor:
    soft = on_cpu.SOFT_EDGE * edge.shape[-1]
    there = edge.amax((2, 3), keepdim=True) > -soft
    return there & (edge > -soft - on_cpu.NEAR_PX)


@dataclass(frozen=True)
class _Extent:
    """Of one frame's change. columns, rows: which of the crop's change, bool ``[S]``; flow: the
    least and the greatest of it to the right and down ``[2, 2]``; tear: the greatest."""

    columns: np.ndarray
    rows: np.ndarray
    flow: np.ndarray
    tear: float


def _extents(change: Difference, touched: Tensor) -> list[_Extent]:
    """Waits for the device."""
    size, flow = touched.shape[-1], change.flow.flatten(2)
    told = [touched.any(2).flatten(1), touched.any(3).flatten(1), flow.amin(2), flow.amax(2)]
    (rows,) = downloaded([torch.cat([*told, change.tear.amax((2, 3))], dim=1)])
    return [
        _Extent(
            row[:size] > 0,
            row[size : 2 * size] > 0,
            row[2 * size : -1].reshape(2, 2).T,
            float(row[-1]),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class _Axis:
    """One axis of a window. there: as on the CPU; source: where what is seen of the plane begins
    and ends, maybe beyond it."""

    there: Axis
    source: tuple[int, int]

    @classmethod
    def of(cls, there: Axis | None, flow: np.ndarray) -> _Axis | None:
        """flow: its least and greatest, in pixels of the crop."""
        if there is None:
            return None
        low, high = (float(f) * there.scale for f in (min(0.0, flow[0]), max(0.0, flow[1])))
        more, pixels = OVERSHOOT * (high - low), there.pixels
        start = pixels.start + math.floor(low - more) - CUBIC_REACH
        stop = pixels.stop + math.ceil(high + more) + CUBIC_REACH
        return cls(there, (start, stop))

    @property
    def length(self) -> int:
        return self.there.pixels.stop - self.there.pixels.start

    @property
    def first(self) -> int:
        """The window's first pixel, in the source."""
        return self.there.pixels.start - self.source[0]

    @property
    def margin(self) -> int:
        return margin_of(self.there.scale)

    def begin(self, margin: int) -> float:
        """The window's first pixel, in the fine grid of a crop widened by ``margin`` pixels."""
        axis = self.there
        part = axis.part.start + margin - self.margin
        return part * axis.finer + (axis.begin + 0.5) * axis.finer / axis.scale - 0.5


@dataclass(frozen=True)
class _Window:
    """The part of a frame's plane that changes."""

    frame: int
    x: _Axis
    y: _Axis

    @classmethod
    def of(
        cls,
        frame: int,
        shape: tuple[int, ...],
        extent: _Extent,
        target: Target,
        sub: tuple[int, int],
    ) -> _Window | None:
        if not extent.columns.any():
            return None
        to_plane = crop_to_plane(target.square, len(extent.columns), *sub)
        rows, columns = plane_rectangle(target.square, (shape[0], shape[1]), *sub)
        x, y = (
            _Axis.of(Axis.of(hit, whole, float(map_[k]), float(map_[2])), extent.flow[k])
            for k, (hit, whole, map_) in enumerate(
                ((extent.columns, columns, to_plane[0]), (extent.rows, rows, to_plane[1]))
            )
        )
        return None if x is None or y is None else cls(frame, x, y)

    @property
    def source(self) -> tuple[int, int, int, int]:
        return self.x.source[0], self.y.source[0], self.x.source[1], self.y.source[1]

    def pasted(self, plane: np.ndarray, new: np.ndarray) -> np.ndarray:
        out = plane.copy()
        out[self.y.there.pixels, self.x.there.pixels] = new[: self.y.length, : self.x.length]
        return out


def _repainted(
    source: Tensor,
    fields: Tensor,
    windows: list[_Window],
    bits: int,
    kinds: int,
    lit: Tensor,
    black: float,
) -> Tensor:
    """Planes' new numbers ``[n, P, h, w]``, each window in its upper left corner.

    source: the planes' numbers there ``[n, P, h', w']``; fields: flow, tear, how much more
    detail, furrows' depths and phases, what is added and, where lips may part, how far inside the
    gap and what is there, and of teeth in it the same, on the crop's grid ``[n, C, S, S]``; kinds:
    how many of furrows; lit: which planes they darken, 0 or 1 ``[P]``; black: no light in those.
    """
    fine = _enlarged(fields, windows)
    where = []
    for k, axis in enumerate(([w.x for w in windows], [w.y for w in windows])):
        told = [[a.first, a.there.scale, a.length - 1] for a in axis]
        first, scale, last = numbers(told, source.device)[..., None, None].unbind(1)
        pixel = torch.arange(fine.shape[3 - k], device=source.device)
        place = first + torch.minimum(pixel if k == 0 else pixel[:, None], last)
        where.append(at_steps(place + fine[:, k] * scale))
    x, y = where
    new = sampled(source, x, y, "bicubic")
    ends = [kinds, 2 * kinds, 2 * kinds + source.shape[1]]
    depth, phase, added, layers = fine[:, 4:].tensor_split(ends, dim=1)
    new = with_detail(new, fine[:, 3:4])
    if kinds:
        new = new - (new - black) * darkened(depth, phase) * lit.view(-1, 1, 1)
    new = new * (1 - fine[:, 2:3]) + added
    if layers.shape[1]:
        soft = on_cpu.SOFT_EDGE * fields.shape[-1]
        parts = layers.split(1 + source.shape[1], dim=1)
        masks = [smoothstep(part[:, :1], -soft, soft) for part in parts]
        inside = parts[0][:, 1:]
        for mask, part in zip(masks[1:], parts[1:], strict=True):
            inside = torch.lerp(inside, part[:, 1:], mask)
        new = torch.lerp(new, inside, masks[0])
    return rounded(new, bits)


def _enlarged(fields: Tensor, windows: list[_Window]) -> Tensor:
    """Fields of the crop's pixels ``[n, C, S, S]`` at the windows' ``[n, C, h, w]``, in the same
    three steps as on the CPU (:mod:`..window`): finer, moved, and straight lines from there.
    A window's last numbers go on beyond it."""
    device, finer = fields.device, windows[0].x.there.finer
    axes = [w.x for w in windows], [w.y for w in windows]
    margin = max(a.margin for axis in axes for a in axis)
    wide = F.pad(fields, [margin] * 4, mode="replicate")
    fine = F.interpolate(wide, scale_factor=finer, mode="bicubic", align_corners=False)
    still, there = torch.arange(fine.shape[-1], device=device), []
    for axis in axes:
        told = [[a.there.way, a.begin(margin), finer / a.there.scale, a.length - 1] for a in axis]
        way, begin, step, last = numbers(told, device)[..., None].unbind(1)
        pixel = torch.arange(max(a.length for a in axis), device=device)
        there.append((still + way, begin + step * torch.minimum(pixel, last)))
    for mode, x, y in zip(("bicubic", "bilinear"), *there, strict=True):
        shape = len(windows), y.shape[1], x.shape[1]
        fine = sampled(fine, x[:, None].expand(shape), y[..., None].expand(shape), mode)
    return fine

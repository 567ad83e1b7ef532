"""Doing a difference to a frame's own planes, at the video's own size and depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..media.pixels import ColourConverter, PixelFormat
from .difference import Difference
from .fields import over_channels, smoothstep, warp
from .furrows import LEAST_DEPTH, Furrows, darkened
from .geometry import Square
from .grain import detail_change, with_detail
from .mouth import Gap
from .window import Window, window_of

Planes = tuple[np.ndarray, ...]
LEAST_TEAR = 0.02
#: The outline of a gap between lips is soft over so much to either side, in shares of the crop.
SOFT_EDGE = 0.006
#: Pixels of the crop beside a gap by which its outline is found.
NEAR_PX = 2.0
#: Lines in the skin of a face in a square of so many pixels of the video: none, and all of them. In
#: smaller ones they are finer than pixels.
LINES_FROM, LINES_TO = 40.0, 100.0


@dataclass(frozen=True)
class Target:
    """A face square in planes of some layout and colour."""

    square: Square
    layout: PixelFormat
    converter: ColourConverter


def repaint(planes: Planes, crop: np.ndarray, change: Difference, target: Target) -> Planes:
    """Copies of the planes with the change done; where it is 0 the numbers stay as they were.

    crop: the square as the networks see it, RGB float32 ``[S, S, 3]``: says what the residual's
    RGB means in the planes' numbers.
    """
    touched = over_channels(np.logical_or, change.flow)
    touched |= over_channels(np.logical_or, change.residual)
    if change.furrows is not None:
        touched |= change.furrows.depth.any(-1)
    between = np.zeros_like(touched) if change.gap is None else near(change.gap.edge)
    if not (touched.any() or between.any()):
        return planes
    moved, to_yuv = warp(crop, change.flow), target.converter.to_yuv
    coarse = to_yuv(moved)
    residual = to_yuv(np.clip(moved + change.residual, 0, 255)) - coarse
    residual[~touched] = 0  # not even by rounding
    if float(change.tear.max()) > LEAST_TEAR:
        # Where motion draws out one fine row, no blur of it is what the crop shows there.
        residual += change.tear[..., None] * coarse
    if change.furrows is not None:
        furrows = _in_numbers(change.furrows, moved, coarse, target.converter)
        seen = smoothstep(np.float32(target.square.side), LINES_FROM, LINES_TO)
        change = replace(change, furrows=furrows.scaled(float(seen)))
    inside = [to_yuv(layer.colour) for layer in _layers(change.gap)]
    out, peak, offset = [], 2**target.layout.bits - 1, float(target.converter.offset[0])
    motions: dict[tuple[int, ...], _Motion | None] = {}  # both chroma planes have the same
    for c, plane in enumerate(planes):
        sub = (1, 1) if c == 0 else (target.layout.sub_x, target.layout.sub_y)
        if sub not in motions:
            all_of_it, gap = (
                window_of(plane.shape, hit, target.square, sub)
                for hit in (touched | between, between)
            )
            found = None
            if all_of_it is not None:
                # Thinned out planes have no detail of a camera's, and no lines.
                full, size = sub == (1, 1), plane.shape
                told = change.furrows if full else None
                lines = _Lines.all(told, all_of_it, size, target.square)
                found = _Motion.of(change, all_of_it, gap, size, full, lines)
            motions[sub] = found
        motion = motions[sub]
        if motion is not None:
            new = [colour[..., c] for colour in inside]
            black = offset if c == 0 or target.layout.rgb else None
            plane = _repaint(plane, residual[..., c], new, motion, black, peak)
        out.append(plane)
    return tuple(out)


def _in_numbers(
    furrows: Furrows, moved: np.ndarray, coarse: np.ndarray, converter: ColourConverter
) -> Furrows:
    """With depths as shares of the planes' numbers, which a curve for HDR makes other ones."""
    numbers, black = coarse[..., 0], converter.offset[0]
    less = [
        numbers - converter.to_yuv(moved * (1 - depth[..., None]))[..., 0]
        for depth in np.moveaxis(furrows.depth, -1, 0)
    ]
    return Furrows(np.stack(less, -1) / np.maximum(numbers - black, 1)[..., None], furrows.phase)


def _layers(gap: Gap | None) -> list[Gap]:
    """A gap, and what lies before it."""
    return [] if gap is None else [gap, *_layers(gap.teeth)]


def near(edge: np.ndarray) -> np.ndarray:
    """Where a gap is and close by; nowhere if there is none. bool ``[S, S]``."""
    soft = SOFT_EDGE * len(edge)
    return edge > (-soft - NEAR_PX if float(edge.max()) > -soft else np.inf)


@dataclass(frozen=True)
class _Mask:
    """A soft mask ``[h, w]`` of a part of a plane, and where that is in a wider window; teeth: of
    what lies before it."""

    window: Window
    at: tuple[slice, slice]
    mask: np.ndarray
    teeth: np.ndarray | None

    @classmethod
    def of(cls, gap: Gap, window: Window, within: Window) -> _Mask:
        mask = _outlined(gap.edge, window)
        teeth = None if gap.teeth is None else _outlined(gap.teeth.edge, window)
        return cls(window, window.inside(within), mask, teeth)

    def colour(self, inside: Sequence[np.ndarray]) -> np.ndarray:
        """The numbers ``[h, w]`` in it, from those of the crop's pixels: behind, and of teeth."""
        behind = self.window.enlarged(inside[0])
        if self.teeth is None:
            return behind
        return behind + self.teeth * (self.window.enlarged(inside[1]) - behind)


def _outlined(edge: np.ndarray, window: Window) -> np.ndarray:
    """edge: how far inside a pixel of the crop is, in its pixels ``[S, S]`` -> a soft mask."""
    soft = SOFT_EDGE * len(edge)
    return smoothstep(window.enlarged(np.clip(edge, -soft - NEAR_PX, soft + NEAR_PX)), -soft, soft)


@dataclass(frozen=True)
class _Motion:
    """What is done to the pixels of planes of one size.

    source: the part of the plane that they come from; x, y: from where in it, ``[h, w]`` of the
    window; detail: how much more of their fine detail is shown, None where all of it is as it is;
    tear: where the plane's own numbers give way to the crop's, None where they nowhere do. float32.
    """

    window: Window
    source: tuple[slice, slice]
    x: np.ndarray
    y: np.ndarray
    detail: np.ndarray | None
    tear: np.ndarray | None
    furrows: Sequence[_Lines]
    gap: _Mask | None

    @classmethod
    def of(
        cls,
        change: Difference,
        window: Window,
        between: Window | None,
        shape: tuple[int, ...],
        full: bool,
        furrows: Sequence[_Lines],
    ) -> _Motion:
        """full: whether the planes have a number for each pixel."""
        x, y = (
            window.enlarged(change.flow[..., k] * np.float32(axis.scale))
            + np.arange(axis.pixels.start, axis.pixels.stop, dtype=np.float32).reshape(grid)
            for k, axis, grid in ((0, window.x, (1, -1)), (1, window.y, (-1, 1)))
        )
        rows, columns = _span(y, shape[0]), _span(x, shape[1])
        x -= np.float32(columns.start)
        y -= np.float32(rows.start)
        tear = None
        if float(change.tear.max()) > LEAST_TEAR:
            tear = window.enlarged(change.tear)
        gap = None
        if change.gap is not None and between is not None:
            gap = _Mask.of(change.gap, between, window)
        detail = detail_change(change.flow) if full else None
        if detail is not None:
            detail = window.enlarged(detail)
        return cls(window, (rows, columns), x, y, detail, tear, furrows, gap)


@dataclass(frozen=True)
class _Lines:
    """Furrows of one kind, where they are in a window. share: of the light that they take
    ``[h, w]``."""

    at: tuple[slice, slice]
    share: np.ndarray

    @classmethod
    def all(
        cls, furrows: Furrows | None, within: Window, shape: tuple[int, ...], square: Square
    ) -> list[_Lines]:
        """In a plane with a number for each pixel."""
        if furrows is None:
            return []
        kinds = np.moveaxis(np.stack([furrows.depth, furrows.phase]), -1, 0)
        seen = [kind for kind in kinds if kind[0].max() >= LEAST_DEPTH]
        windows = [window_of(shape, depth != 0, square, (1, 1)) for depth, _ in seen]
        return [
            cls(window.inside(within), darkened(window.enlarged(depth), window.enlarged(phase)))
            for window, (depth, phase) in zip(windows, seen, strict=True)
            if window is not None
        ]


def _span(at: np.ndarray, size: int) -> slice:
    """What of a plane's rows or columns cubics at these places see, reflected at its edges."""
    low, high = math.floor(at.min()) - 1, math.floor(at.max()) + 3
    return slice(max(0, min(low, 2 * size - 1 - high)), min(size, max(high, 1 - low)))


def _repaint(
    plane: np.ndarray,
    added: np.ndarray,
    inside: Sequence[np.ndarray],
    motion: _Motion,
    black: float | None,
    peak: int,
) -> np.ndarray:
    """added: what is added; inside: the numbers in the gap, if there is one. Of crop's pixels.
    black: the number that shows no light; None of a plane that tells none."""
    window, gap = motion.window, motion.gap
    # At whole places this gives the pixels themselves, so that nothing changes where nothing moves.
    # OpenCV's cubic is four times as fast on float32 as on bytes, and rounds nothing.
    new = cv2.remap(
        plane[motion.source].astype(np.float32),
        motion.x,
        motion.y,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if motion.detail is not None:
        new = with_detail(new, motion.detail)
    for lines in () if black is None else motion.furrows:
        new[lines.at] -= (new[lines.at] - np.float32(black)) * lines.share
    if motion.tear is not None:
        new = new * (1 - motion.tear)
    more = window.enlarged(added)
    if gap is not None:
        more[gap.at] += gap.mask * (gap.colour(inside) - more[gap.at] - new[gap.at])
    # One pass that adds, rounds and keeps within the type.
    depth = cv2.CV_8U if plane.dtype == np.uint8 else cv2.CV_16U
    new = cv2.add(new, more, dtype=depth)
    out = plane.copy()
    out[window.y.pixels, window.x.pixels] = np.minimum(new, peak) if depth == cv2.CV_16U else new
    return out

"""Soft, anti-aliased painting in unit coordinates, one small region at a time.

Points are float arrays [n, 2] of (u, v): u to the right, v downwards, the picture from -1 to 1.
Lengths (`soft`, radii, widths) are in the same unit: 0.01 is half a percent of the picture's side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

Colour = tuple[float, ...]  # one number per plane of the canvas, 0..255

_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class Clip:
    """A mask uint8 [h, w], 0..255, and where it lies; no region if it is outside the picture."""

    region: tuple[int, int, int, int] | None
    mask: np.ndarray | None


class Canvas:
    """Colour planes [C, size, size] float32, 0..255, painted in place.

    The planes are kept apart, not interleaved, because multiplying [3, h, w] by [h, w] is several
    times quicker in numpy than [h, w, 3] by [h, w, 1].
    """

    def __init__(self, planes: np.ndarray) -> None:
        self.planes = planes
        self.size = planes.shape[-1]
        self._half = 0.5 * self.size

    def fill(
        self,
        points: np.ndarray | list[np.ndarray],
        colour: Colour,
        alpha: float = 1.0,
        soft: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        """Fill a closed polygon, or several in one pass.

        `soft` blurs the edge, `clip` keeps the paint inside another shape.
        """
        if alpha <= 0.003:
            return
        soft_px = soft * self._half
        region = self._region(points, 2.0 + 2.5 * soft_px) if clip is None else clip.region
        if region is None:
            return
        mask = self._mask(points, region, soft_px)
        if clip is not None and clip.mask is not None:
            mask = cv2.multiply(mask, clip.mask, scale=1 / 255)
        self._blend(mask, region, colour, alpha / 255)

    def stroke(
        self,
        points: np.ndarray | list[np.ndarray],
        half_width: float | np.ndarray,
        colour: Colour,
        alpha: float = 1.0,
        soft: float = 0.0,
        clip: Clip | None = None,
    ) -> None:
        """Paint along a curve with a half width per point (taper it for a brush-like line)."""
        if alpha <= 0.003:
            return
        lines = points if isinstance(points, list) else [points]
        self.fill([ribbon(line, half_width) for line in lines], colour, alpha, soft, clip)

    def hairs(
        self,
        segments: list[np.ndarray],
        width: float,
        colour: Colour,
        alpha: float,
        within: np.ndarray | None = None,
    ) -> None:
        """Many thin lines in one pass; `within` is an optional mask [size, size], 0..255."""
        region = self._region(segments, 3.0)
        if region is None:
            return
        mask = np.zeros((region[3] - region[1], region[2] - region[0]), np.uint8)
        width_px = width * self._half
        lines = [self._fixed(segment, region) for segment in segments]
        thickness_px = max(1, round(width_px))
        cv2.polylines(mask, lines, False, 255, thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS)
        if within is not None:
            patch = within[region[1] : region[3], region[0] : region[2]]
            mask = mask * (patch * np.float32(1 / 255))
        # A line thinner than a pixel is drawn a pixel wide and paler.
        self._blend(mask, region, colour, alpha * min(1.0, max(width_px, 0.25)) / 255)

    def glow(
        self, centre: tuple[float, float], radius: tuple[float, float], colour: Colour, alpha: float
    ) -> None:
        """A Gaussian spot: `alpha` in the middle, `radius` its standard deviations in u and v."""
        if abs(alpha) <= 0.003:
            return
        reach = 2.4 * np.asarray(radius)
        corners = np.stack([centre - reach, centre + reach])
        region = self._region(corners, 0.0)
        if region is None:
            return
        x0, y0, x1, y1 = region
        across = (np.arange(x0, x1, dtype=np.float32) + 0.5) / self._half - 1 - centre[0]
        down = (np.arange(y0, y1, dtype=np.float32) + 0.5) / self._half - 1 - centre[1]
        # Less the value at the rim, so that the spot ends at nought without an edge.
        wide = np.exp(-0.5 * (across / radius[0]) ** 2)
        tall = np.exp(-0.5 * (down / radius[1]) ** 2)
        mask = np.maximum(np.outer(tall, wide) - 0.056, 0) * (1 / 0.944)
        self._blend(mask, region, colour, alpha)

    def clip(self, points: np.ndarray | list[np.ndarray]) -> Clip:
        """A shape to keep later paint inside, its mask worked out once."""
        region = self._region(points, 2.0)
        return Clip(region, None if region is None else self._mask(points, region, 0.0))

    def mask_of(self, points: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """uint8 [size, size]: 255 inside the polygon, 0 outside."""
        return self._mask(points, (0, 0, self.size, self.size), soft * self._half)

    def blend(self, mask: np.ndarray, colour: Colour, alpha: float = 1.0) -> None:
        """Paint a colour through a full mask [size, size], 0..255."""
        self._blend(mask, (0, 0, self.size, self.size), colour, alpha / 255)

    def _blend(self, mask: np.ndarray, region: tuple, colour: Colour, gain: float) -> None:
        x0, y0, x1, y1 = region
        patch = self.planes[:3, y0:y1, x0:x1]
        weight = mask.astype(np.float32)
        weight *= gain
        patch += (np.asarray(colour, np.float32)[:, None, None] - patch) * weight

    def _region(self, points: np.ndarray | list, pad_px: float) -> tuple | None:
        """Pixel bounds x0, y0, x1, y1 with a margin, cut to the picture; None if outside it."""
        points = np.concatenate(points) if isinstance(points, list) else points
        # Plain floats from here on: numpy's overhead on four numbers would dominate.
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        half, size = self._half, self.size
        x0 = max(math.floor((left + 1) * half - pad_px), 0)
        y0 = max(math.floor((top + 1) * half - pad_px), 0)
        x1 = min(math.ceil((right + 1) * half + pad_px), size)
        y1 = min(math.ceil((bottom + 1) * half + pad_px), size)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def _fixed(self, points: np.ndarray, region: tuple) -> np.ndarray:
        """Points as OpenCV's fixed-point integers relative to the region's corner."""
        unit = 1 << _SUBPIXEL_BITS
        offset = np.array([self._half - 0.5 - region[0], self._half - 0.5 - region[1]])
        return np.rint((points * self._half + offset) * unit).astype(np.int32)

    def _mask(self, points: np.ndarray | list, region: tuple, soft_px: float) -> np.ndarray:
        mask = np.zeros((region[3] - region[1], region[2] - region[0]), np.uint8)
        for shape in points if isinstance(points, list) else (points,):
            cv2.fillPoly(mask, [self._fixed(shape, region)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        if soft_px > 0.35:
            # Blur only as wide as needed: a 2.5 sigma kernel keeps the cost down.
            side = 2 * max(1, round(2.5 * soft_px)) + 1
            mask = cv2.GaussianBlur(mask, (side, side), soft_px, borderType=cv2.BORDER_CONSTANT)
        return mask


def ribbon(points: np.ndarray, half_width: float | np.ndarray) -> np.ndarray:
    """The closed polygon [2n, 2] around a curve [n, 2], its half width given per point or once."""
    # Points as complex numbers: a quarter turn is a product with 1j, a length one abs().
    line = points[:, 0] + 1j * points[:, 1]
    side = np.empty_like(line)
    side[1:-1] = line[2:] - line[:-2]
    side[0], side[-1] = line[1] - line[0], line[-1] - line[-2]
    side *= 1j * half_width / np.maximum(np.abs(side), 1e-6)
    rim = np.concatenate([line + side, (line - side)[::-1]])
    return rim.view(np.float64).reshape(-1, 2)


def spline(knots: np.ndarray, per_span: int = 8) -> np.ndarray:
    """A smooth (Catmull-Rom) curve through knots [k, 2]: [(k - 1) * per_span + 1, 2]."""
    knots = np.asarray(knots, float)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    spans = np.array([before, start, end, after]).reshape(4, -1)  # [4, (k - 1) * 2]
    curve = (_blends(per_span) @ spans).reshape(per_span, -1, 2)
    return np.concatenate([curve.swapaxes(0, 1).reshape(-1, 2), knots[-1:]])


@lru_cache(maxsize=8)
def _blends(per_span: int) -> np.ndarray:
    """[per_span, 4]: weights of the four knots around a span, at equal steps along it."""
    t = np.arange(per_span) / per_span
    a, d = -t + 2 * t**2 - t**3, t**3 - t**2
    return 0.5 * np.stack([a, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, d], axis=1)


def disc(centre: tuple[float, float], radius: float, tall: float = 1.0, n: int = 20) -> np.ndarray:
    """An ellipse as a polygon [n, 2]: half width `radius`, half height `radius * tall`."""
    return _unit_circle(n) * (radius, radius * tall) + centre


@lru_cache(maxsize=16)
def _unit_circle(n: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def shade(colour: Colour, amount: float) -> Colour:
    """Darker and warmer for positive amounts (skin in shadow reddens), paler for negative ones."""
    if amount >= 0:
        keep = (1 - amount, (1 - amount) ** 1.25, (1 - amount) ** 1.35)
        return tuple(c * k for c, k in zip(colour, keep, strict=True))
    return tuple(c + (255 - c) * -amount for c in colour)

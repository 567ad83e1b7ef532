"""Hair: where it grows for each style, and how it is combed. Painted once per identity and size."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import Canvas, disc, shade, spline
from .identity import Identity
from .shapes import head_outline

LONG_STYLES = ("bob", "long")
# How much of the volume each style has on top of the head.
_LIFT = {"buzz": 0.25, "short": 0.8, "receding": 0.45, "curly": 1.6, "swept": 1.25, "bun": 0.55}


def paint_back(canvas: Canvas, alpha: Canvas, who: Identity) -> None:
    """Hair behind the neck and shoulders, and the bun on top: before the head is painted."""
    dark = shade(who.hair, 0.34)
    shapes = []
    if who.hair_style in LONG_STYLES:
        end = 0.66 if who.hair_style == "bob" else who.hair_length_v + 0.25
        shapes.append(_curtain(who, end))
    if who.hair_style == "bun":
        shapes.append(disc((0.0, who.skull_top_v - 0.06), 0.21, 0.85, 32))
    if who.hair_style == "curly":
        shapes.extend(_curls(who, outwards=0.06, low_v=0.12))
    for shape in shapes:
        canvas.fill(shape, dark, soft=0.006)
        alpha.fill(shape, (255,), soft=0.006)
    if who.hair_style == "bun":
        lit = (0.08 * who.light, who.skull_top_v - 0.12)
        canvas.glow(lit, (0.09, 0.045), shade(who.hair, -0.30), 0.55)


def paint_front(canvas: Canvas, alpha: Canvas, who: Identity) -> np.ndarray:
    """Hair over the head; returns its mask, float32 [size, size], 0..255."""
    soft = 0.03 if who.hair_style == "buzz" else 0.008
    lift = _LIFT.get(who.hair_style, 1.0) * who.hair_volume
    cover = canvas.mask_of(_cap(who, lift), 0.006).astype(np.float32)
    if who.hair_style == "curly":
        for curl in _curls(who, outwards=0.02, low_v=-0.05):
            cover = np.maximum(cover, canvas.mask_of(curl, 0.005))
    window = canvas.mask_of(_face_window(who), soft).astype(np.float32)
    mask = cover * (1 - window / 255)
    if who.hair_style == "buzz":
        mask *= 0.72
    # Hair shades the skin just below its edge.
    near = cv2.GaussianBlur(mask, (0, 0), 0.022 * canvas.size)
    shift = np.array(
        [[1, 0, -0.01 * who.light * canvas.size], [0, 1, 0.012 * canvas.size]], np.float32
    )
    near = cv2.warpAffine(near, shift, (canvas.size, canvas.size))
    canvas.blend(np.where(alpha.planes[0] > 250, near, 0), shade(who.skin, 0.6), 0.5)
    canvas.blend(mask, shade(who.hair, 0.12))
    alpha.blend(mask, (255,))
    _comb(canvas, who, mask)
    return mask


def _curtain(who: Identity, end_v: float) -> np.ndarray:
    """Long hair seen from the front, as one closed shape around the whole head."""
    wide = who.face_half_width + who.hair_volume
    flare = 1.16 if who.hair_style == "bob" else 1.08
    right = [
        (0.0, who.skull_top_v - who.hair_volume),
        (0.62 * wide, who.skull_top_v + 0.03),
        (1.02 * wide, -0.30),
        (1.10 * wide, 0.20),
        (flare * wide, min(end_v - 0.08, 0.62)),
        (flare * wide * 0.95, end_v),
    ]
    left = [(-u, v) for u, v in right[::-1]]
    return spline(np.array(right + left))


def _cap(who: Identity, lift: float) -> np.ndarray:
    """Everything the hair could cover from the front; the face is cut out of it afterwards."""
    if who.hair_style in LONG_STYLES:
        end = 0.62 if who.hair_style == "bob" else min(who.hair_length_v + 0.2, 1.1)
        return _curtain(who, end)
    cap = head_outline(who, lift)
    high = np.clip((-0.25 - cap[:, 1]) / 0.45, 0, 1)
    cap = cap * np.stack([np.ones(len(cap)), 1 + 0.35 * lift * high], 1)
    if who.hair_style == "swept":
        cap[:, 0] += 0.05 * np.sign(who.parting) * high
    return cap


def _face_window(who: Identity) -> np.ndarray:
    """The part of the head that no hair covers, open towards the neck."""
    wide, line = who.face_half_width, who.hairline_v
    side = np.sign(who.parting)
    style = who.hair_style
    temple = [(0.90 * wide, -0.20), (0.82 * wide, -0.35), (0.52 * wide, line + 0.015)]
    if style == "receding":
        temple = [(0.93 * wide, -0.26), (0.80 * wide, -0.46), (0.50 * wide, line - 0.13)]
        line -= 0.03
    left = [(-u, v) for u, v in temple]
    top = [(0.0, line)]
    if style in ("side_part", "long"):
        # One side falls across the forehead, the other opens up at the parting.
        top = [(0.40 * who.parting * wide, line - 0.07), (-0.25 * side * wide, line + 0.02)]
        top.sort()
        low, high = (left, temple) if side > 0 else (temple, left)
        for knots, drop in ((low, 0.06), (high, -0.03)):
            knots[:] = [(u, v + drop) for u, v in knots]
    elif style == "fringe":
        wave = np.random.default_rng([who.seed, 7]).uniform(-0.012, 0.012, 5)
        us = np.linspace(-0.74, 0.74, 5) * wide
        top = [(u, -0.355 + w) for u, w in zip(us, wave, strict=True)]
        temple, left = [(0.86 * wide, -0.24)], [(-0.86 * wide, -0.24)]
    elif style == "bob":
        top = [(0.3 * who.parting * wide, line - 0.02)]
    bottom_v = 2.0
    if style in LONG_STYLES:
        low = [(0.93 * wide, 0.05), (0.90 * wide, 0.45), (0.80 * wide, 1.0)]
    else:
        # Sideburns end beside the eye; from there down the window is wider than the head.
        low = [(0.93 * wide, -0.08), (0.985 * wide, 0.0), (1.2 * wide, 0.03), (2.0, 0.03)]
    knots = [(-u, v) for u, v in low[::-1]] + left + top + temple[::-1] + low
    curve = spline(np.array(knots), 8)
    return np.concatenate([curve, [(curve[-1, 0], bottom_v), (curve[0, 0], bottom_v)]])


def _curls(who: Identity, outwards: float, low_v: float) -> list[np.ndarray]:
    """Round tufts along the upper outline."""
    rng = np.random.default_rng([who.seed, 11])
    rim = head_outline(who, outwards)
    rim = rim[rim[:, 1] < low_v]
    places = rim[:: max(1, len(rim) // 34)]
    radii = rng.uniform(0.08, 0.13, len(places))
    nudge = rng.normal(0, 0.012, places.shape)
    return [disc(tuple(c), r, 1.0, 20) for c, r in zip(places + nudge, radii, strict=True)]


def _comb(canvas: Canvas, who: Identity, mask: np.ndarray) -> None:
    """Light and dark strands from the parting outwards, and a band of sheen across the top."""
    rng = np.random.default_rng([who.seed, 13])
    sheen_v = 0.5 * (who.skull_top_v + who.hairline_v) - 0.02
    lit_u = 0.22 * who.light
    rows = np.linspace(-1, 1, canvas.size, dtype=np.float32)[:, None]
    cols = np.linspace(-1, 1, canvas.size, dtype=np.float32)[None, :]
    arc = np.exp(-0.5 * (((rows - sheen_v - 0.5 * cols**2) / 0.075) ** 2))
    band = arc * np.exp(-0.5 * ((cols - lit_u) / 0.34) ** 2)
    canvas.blend(mask * band, shade(who.hair, -0.30), 0.40)
    edge = np.clip(np.abs(cols) / (who.face_half_width + 0.1), 0, 1) ** 3
    canvas.blend(mask * edge, shade(who.hair, 0.5), 0.5)
    # Small pictures show no single strand: fewer will do, and a new person is ready sooner.
    count = 130 if canvas.size >= 256 else 60
    if who.hair_style in ("buzz", "receding"):
        count = 30
    strands = _ringlets(who, rng, count) if who.hair_style == "curly" else _locks(who, rng, count)
    half = len(strands) // 2
    within = mask.astype(np.float32)
    canvas.hairs(strands[:half], 0.008, shade(who.hair, 0.55), 0.32, within)
    canvas.hairs(strands[half:], 0.007, shade(who.hair, -0.28), 0.20, within)


def _locks(who: Identity, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Curves that leave the crown and fall to the sides (and on down, for long hair)."""
    crown = np.array([0.35 * who.parting * who.face_half_width, who.skull_top_v - who.hair_volume])
    end_v = who.hair_length_v if who.hair_style in LONG_STYLES else 0.05
    aims = rng.uniform(-1.12, 1.12, count)
    strands = []
    for aim in aims:
        u = aim * who.face_half_width
        mid_v = who.skull_top_v + 0.10 + 0.28 * aim**2 + rng.normal(0, 0.02)
        knots = [crown + rng.normal(0, (0.05, 0.015)), (0.62 * u + 0.38 * crown[0], mid_v - 0.08)]
        knots += [(u, mid_v + 0.20), (1.04 * u, max(end_v, mid_v + 0.3))]
        strands.append(spline(np.array(knots), 5))
    return strands


def _ringlets(who: Identity, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Short arcs in all directions, for curls."""
    strands = []
    for _ in range(2 * count):
        centre = rng.uniform((-0.72, -0.95), (0.72, 0.1))
        start, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.06)
        angle = start + np.linspace(0, 2.4, 7)
        strands.append(centre + radius * np.stack([np.cos(angle), np.sin(angle)], 1))
    return strands

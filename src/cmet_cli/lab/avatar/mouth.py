"""The mouth: cavity, teeth, tongue, lips, and the skin that the lips push about."""

from __future__ import annotations

import numpy as np

from . import shapes
from .canvas import Canvas, shade, spline
from .identity import Identity

_CAVITY = (58, 18, 22)
_TEETH = (242, 238, 230)
_TONGUE = (186, 84, 88)
_TAPER = 1 - np.linspace(-1, 1, 25) ** 2


def paint_mouth(canvas: Canvas, who: Identity, p: dict[str, float], shape: shapes.Mouth) -> None:
    """Everything between nose and chin."""
    _shade_around(canvas, who, p, shape)
    if shape.gap > 0.004:
        _paint_inside(canvas, p, shape)
    upper = np.concatenate([shape.outer_top, shape.inner_top[::-1]])
    lower = np.concatenate([shape.inner_bottom, shape.outer_bottom[::-1]])
    lip, skin = who.lip, who.skin
    # The upper lip faces down and lies in shadow, the lower one catches the light.
    canvas.fill(upper, shade(lip, 0.20), 0.96, soft=0.005)
    canvas.fill(lower, lip, 0.96, soft=0.005)
    middle = 0.45 * shape.inner_bottom + 0.55 * shape.outer_bottom
    wet = 0.30 * (1 - 0.8 * p["lip_press"])
    canvas.stroke(middle[6:-6], 0.010 * _TAPER[6:-6], shade(lip, -0.55), wet + 0.1, soft=0.008)
    canvas.stroke(shape.outer_bottom, 0.006 * _TAPER, shade(lip, 0.45), 0.35, soft=0.006)
    canvas.stroke(shape.outer_top, 0.005, shade(skin, -0.4), 0.16, soft=0.004)
    line = (70, 26, 28)
    canvas.stroke(shape.inner_top, 0.0035 + 0.0055 * _TAPER, line, 0.80, soft=0.003)
    if shape.gap > 0.012:
        canvas.stroke(shape.inner_bottom, 0.004 * _TAPER, line, 0.6, soft=0.003)
    for s, corner in ((-1, shape.corners[0]), (1, shape.corners[1])):
        canvas.glow((corner[0] + s * 0.008, corner[1]), (0.020, 0.018), shade(skin, 0.66), 0.62)


def _paint_inside(canvas: Canvas, p: dict[str, float], shape: shapes.Mouth) -> None:
    outline = np.concatenate([shape.inner_top, shape.inner_bottom[::-1]])
    canvas.fill(outline, _CAVITY)
    opening = canvas.clip(outline)
    room = shape.inner_bottom[:, 1] - shape.inner_top[:, 1]
    inner = slice(2, -2)
    tongue_top = shape.inner_bottom[:, 1] - np.minimum(0.45 * room, 0.075 * _TAPER)
    tongue = _band(shape.inner_bottom[5:-5], tongue_top[5:-5])
    canvas.fill(tongue, _TONGUE, 0.85, 0.010, opening)
    bare = max(p["lip_stretch"], 0.0)
    low_teeth = np.minimum(0.55 * room, 0.034 * bare + 0.004)
    low_top = shape.inner_bottom[:, 1] - low_teeth
    lower_row = _band(shape.inner_bottom[inner], low_top[inner])
    canvas.fill(lower_row, (228, 222, 212), 0.95, 0.003, opening)
    # Rounded lips hide the upper teeth; a raised lip or a smile bares them.
    hang = 0.046 * (1 - 0.75 * p["rounding"]) + 0.020 * p["upper_lip"]
    teeth_low = shape.inner_top[:, 1] + np.minimum(0.92 * room, hang * (0.55 + 0.45 * _TAPER))
    upper_row = _band(shape.inner_top[inner], teeth_low[inner])
    canvas.fill(upper_row, _TEETH, 0.97, 0.003, opening)
    # Lips throw a shadow on what lies behind them.
    canvas.stroke(shape.inner_top, 0.012, (50, 20, 22), 0.45, soft=0.008, clip=opening)


def _band(edge: np.ndarray, other_v: np.ndarray) -> np.ndarray:
    """The strip between a curve and the same curve at other heights, as a polygon."""
    other = np.stack([edge[:, 0], other_v], 1)
    return np.concatenate([edge, other[::-1]])


def _shade_around(canvas: Canvas, who: Identity, p: dict[str, float], shape: shapes.Mouth) -> None:
    deep = shade(who.skin, 0.52)
    below = shape.outer_bottom + (0, 0.030)
    canvas.stroke(below[5:-5], 0.016 * _TAPER[5:-5], deep, 0.40, soft=0.014)
    press = p["lip_press"]
    if press > 0.02:
        # Pressed lips roll in: the skin above and below them bulges and the chin tightens.
        for curve, shift in ((shape.outer_top, -0.024), (shape.outer_bottom, 0.022)):
            canvas.stroke(curve + (0, shift), 0.013, deep, 0.50 * press, soft=0.009)
        canvas.glow((0, who.chin_v - 0.14), (0.07, 0.035), deep, 0.34 * press)
    for s, pull, corner in (
        (-1, p["corner_left"], shape.corners[0]),
        (1, p["corner_right"], shape.corners[1]),
    ):
        stretch = max(p["lip_stretch"], 0.0)
        if pull < -0.05:
            # A sagging corner draws a fold towards the chin.
            fold = corner + (s, 1) * np.array([(0.012, 0.0), (0.040, 0.05), (0.045, 0.11)])
            canvas.stroke(spline(fold), 0.010, deep, 0.60 * -pull, soft=0.010)
        tuck = max(pull, 0.0) + 0.8 * stretch
        if tuck > 0.05:
            # A dimple beside a corner that is pulled outwards.
            bow = corner + (s, 1) * np.array([(0.030, -0.030), (0.046, 0.0), (0.032, 0.034)])
            canvas.stroke(spline(bow), 0.007, deep, min(0.5, 0.40 * tuck), soft=0.010)

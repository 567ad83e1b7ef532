"""Eyes, brows and nose with everything that an expression does to the skin around them."""

from __future__ import annotations

import numpy as np

from . import shapes
from .canvas import Canvas, disc, shade, spline
from .identity import Identity

_EYE_WHITE = (240, 236, 230)
_LASH = (24, 18, 18)
_T17 = np.linspace(-1, 1, 17)


def paint_eyes(canvas: Canvas, who: Identity, p: dict[str, float]) -> None:
    """Lids, white, iris, pupil, highlight and lashes; both eyes in each pass, for speed."""
    eyes = [shapes.eye(who, p, side) for side in (-1, 1)]
    skin, upper, lower = who.skin, [eye.upper for eye in eyes], [eye.lower for eye in eyes]
    # The lid between crease and lashes catches light; it is all there is of a shut eye.
    lids = [np.concatenate([eye.crease, eye.upper[::-1]]) for eye in eyes]
    canvas.fill(lids, shade(skin, 0.10), 0.55, soft=0.010)
    creases = [eye.crease for eye in eyes]
    canvas.stroke(creases, 0.0075 * (1.1 - _T17**2), shade(skin, 0.62), 0.75, soft=0.004)
    if eyes[0].aperture > 0.03:
        _paint_balls(canvas, who, eyes)
    thick = 0.0085 + 0.007 * who.lash
    canvas.stroke(upper, thick * (0.62 + 0.38 * _T17), _LASH, 0.94, soft=0.0025)
    if who.lash > 0.5:
        flicks = [
            eye.upper[-1] + np.array([(0, 0), (side * 0.020, -0.014)])
            for side, eye in zip((-1, 1), eyes, strict=True)
        ]
        canvas.stroke(flicks, np.array([0.008, 0.002]), _LASH, 0.8)
    canvas.stroke(lower, 0.0045, shade(skin, 0.68), 0.55, soft=0.003)
    # A raised lower lid bulges: light on the roll, a dark line beneath it.
    squint = min(1.0, p["lid_lower"] + 0.4 * p["cheek"])
    rolls = [line + (0, 0.034 + 0.012 * squint) for line in lower]
    canvas.stroke(rolls, 0.010, shade(skin, 0.55), 0.14 + 0.62 * squint, soft=0.008)
    if squint > 0.05:
        rolls = [line + (0, 0.016) for line in lower]
        canvas.stroke(rolls, 0.007, shade(skin, -0.4), 0.5 * squint, soft=0.005)
        _crow_feet(canvas, who, eyes, squint)


def _paint_balls(canvas: Canvas, who: Identity, eyes: list[shapes.Eye]) -> None:
    openings = [eye.outline for eye in eyes]
    canvas.fill(openings, _EYE_WHITE)
    clip, radius = canvas.clip(openings), eyes[0].iris_radius
    wide = who.eye_half_width * 0.92
    corners = [disc((e.centre[0] + s * wide, e.centre[1]), 0.034) for e in eyes for s in (-1, 1)]
    canvas.fill(corners, (176, 140, 134), 0.55, 0.012, clip)
    # Both eyes look very slightly inwards, as at someone across a table.
    iris = [(0.982 * eye.centre[0], eye.centre[1] - 0.004) for eye in eyes]
    canvas.fill([disc(c, radius) for c in iris], shade(who.eye, 0.58), 0.97, 0.003, clip)
    canvas.fill([disc(c, radius * 0.80) for c in iris], who.eye, 1.0, 0.006, clip)
    low = [disc((u, v + 0.22 * radius), radius * 0.52) for u, v in iris]
    canvas.fill(low, shade(who.eye, -0.30), 0.7, 0.010, clip)
    canvas.fill([disc(c, radius * 0.42) for c in iris], (12, 9, 10), clip=clip)
    # The lid's shadow on the ball.
    canvas.stroke([eye.upper for eye in eyes], 0.020, (40, 26, 28), 0.55, 0.010, clip)
    aside = 0.34 * radius * np.sign(who.light)
    lights = [disc((u + aside, v - 0.34 * radius), radius * 0.23, 1, 12) for u, v in iris]
    canvas.fill(lights, (255, 255, 255), 0.95, 0.002, clip)


def _crow_feet(canvas: Canvas, who: Identity, eyes: list[shapes.Eye], squint: float) -> None:
    lines = [
        eye.upper[-1] + np.array([(side * 0.018, 0.4 * rise), (side * 0.062, 1.3 * rise)])
        for side, eye in zip((-1, 1), eyes, strict=True)
        for rise in (-0.022, 0.004, 0.028)
    ]
    alpha = (0.18 + 0.45 * who.age) * squint
    canvas.stroke(lines, 0.005, shade(who.skin, 0.5), alpha, soft=0.004)


def paint_brows(canvas: Canvas, who: Identity, p: dict[str, float]) -> None:
    """Tapered brows: a soft body with short hairs over it."""
    (left, half), (right, _) = (shapes.brow(who, p, side) for side in (-1, 1))
    lines = [left, right]
    # The skin under a lowered brow darkens.
    press = max(0.0, -p["brow_inner_raise"] * 0.6 + p["brow_furrow"] * 0.5)
    ridges = [line[:8] + (0, 0.045) for line in lines]
    canvas.stroke(ridges, 0.022, shade(who.skin, 0.55), 0.42 * min(press, 1), soft=0.022)
    canvas.stroke(lines, half * 1.15, who.brow, 0.55, soft=0.010)
    canvas.stroke(lines, half * 0.85, who.brow, 0.80, soft=0.005)
    if canvas.size < 256:
        return
    hairs = []
    for side, line in zip((-1, 1), lines, strict=True):
        for (u, v), h in zip(line[:-1], half, strict=False):
            hairs.append(np.array([(u, v + 0.9 * h), (u + side * 0.034, v - 0.7 * h)]))
    canvas.hairs(hairs, 0.005, shade(who.brow, 0.5), 0.28)


def paint_forehead(canvas: Canvas, who: Identity, p: dict[str, float]) -> None:
    """Lines above raised brows, and the crease between drawn ones."""
    fold = shade(who.skin, 0.50)
    lift = max(0.0, 0.5 * (p["brow_inner_raise"] + p["brow_outer_raise"]))
    inner = max(0.0, p["brow_inner_raise"])
    alpha = (0.34 + 0.3 * who.age) * max(lift, 0.6 * inner)
    top = who.eye_v - who.brow_gap - 0.155
    if alpha > 0.01:
        lines = []
        for reach, v in ((0.26, top), (0.22, top - 0.062)):
            reach *= 1 if lift > 0.5 * inner else 0.55
            lines.append(spline(np.array([(-reach, v + 0.015), (0, v), (reach, v + 0.015)])))
        canvas.stroke(lines, 0.006, fold, alpha, soft=0.007)
    furrow = p["brow_furrow"]
    if furrow > 0.02:
        v = who.eye_v - who.brow_gap - 0.06 * p["brow_inner_raise"]
        crease = spline(np.array([(0.030, v - 0.07), (0.036, v), (0.026, v + 0.06)]))
        taper = 0.010 * np.sin(np.linspace(0.15, np.pi - 0.1, len(crease)))
        pair = [crease, crease * (-1, 1)]
        canvas.stroke(pair, taper, shade(who.skin, 0.62), 0.75 * furrow, soft=0.006)
        canvas.glow((0, v + 0.02), (0.045, 0.05), fold, 0.38 * furrow)


def paint_nose(canvas: Canvas, who: Identity, p: dict[str, float]) -> None:
    """Nostrils and wings, and the creases of a wrinkled nose."""
    nose = shapes.nose(who, p)
    wide, low, skin = nose.half_width, nose.bottom_v, who.skin
    mirror = (-1, 1)
    wing = [(0.80, -0.080), (1.06, -0.040), (1.00, -0.004), (0.66, 0.004)]
    line = spline(np.array([(wide * u, low + v) for u, v in wing]))
    taper = 0.009 * np.sin(np.linspace(0.3, np.pi - 0.3, len(line)))
    wings = [line, line * mirror]
    canvas.stroke(wings, taper, shade(skin, 0.56), 0.55 + 0.3 * nose.wrinkle, soft=0.007)
    hole = disc((wide * 0.46, low - 0.004), wide * 0.25, 0.46, 16)
    canvas.fill([hole, hole * mirror], shade(skin, 0.78), 0.66, soft=0.007)
    under = [(-wide * 0.3, low + 0.006), (0, low + 0.020), (wide * 0.3, low + 0.006)]
    canvas.stroke(spline(np.array(under)), 0.007, shade(skin, 0.5), 0.45, soft=0.008)
    if nose.wrinkle > 0.02:
        _wrinkle_nose(canvas, who, nose.wrinkle)


def _wrinkle_nose(canvas: Canvas, who: Identity, amount: float) -> None:
    fold = shade(who.skin, 0.60)
    lines = []
    for row, v in enumerate((0.055, 0.098, 0.14)):
        v = who.eye_v + v
        ends = [(0.010, v - 0.006), (0.045, v), (0.085 - 0.006 * row, v - 0.03)]
        lines += [spline(np.array(ends)), spline(np.array(ends)) * (-1, 1)]
    canvas.stroke(lines, 0.008, fold, 0.48 * amount, soft=0.008)
    canvas.glow((0, who.eye_v + 0.09), (0.085, 0.06), shade(who.skin, 0.42), 0.40 * amount)


def paint_cheeks(canvas: Canvas, who: Identity, p: dict[str, float], mouth: shapes.Mouth) -> None:
    """Lifted cheeks: a lit apple, its shadow beneath, and the fold from nose to mouth."""
    lift = p["cheek"]
    skin, deep = who.skin, shade(who.skin, 0.55)
    nose = shapes.nose(who, p)
    for s, corner in ((-1, mouth.corners[0]), (1, mouth.corners[1])):
        pull = max(0.0, p["corner_left"] if s < 0 else p["corner_right"])
        apple = (s * 0.285, 0.135 - 0.035 * lift)
        if lift > 0.02:
            canvas.glow((apple[0], apple[1] + 0.115), (0.10, 0.035), deep, 0.34 * lift)
            blush = (min(skin[0] * 1.04 + 8, 255), skin[1] * 0.82, skin[2] * 0.80)
            canvas.glow(apple, (0.105, 0.062), blush, 0.55 * lift)
            canvas.glow((apple[0], apple[1] - 0.045), (0.07, 0.03), shade(skin, -0.5), 0.60 * lift)
        amount = 0.08 + 0.18 * who.age + 0.30 * lift + 0.20 * pull
        amount += 0.35 * p["nose_wrinkle"] + 0.25 * p["upper_lip"]
        start = (s * nose.half_width * 1.10, nose.bottom_v - 0.06)
        end = (corner[0] + s * (0.045 + 0.02 * pull), corner[1] - 0.015)
        bend = 0.020 + 0.008 * pull
        middle = (0.5 * (start[0] + end[0]) + s * bend, 0.5 * (start[1] + end[1]) - 0.5 * bend)
        fold = spline(np.array([start, middle, end]))
        taper = 0.013 * np.sin(np.linspace(0.25, np.pi - 0.25, len(fold)))
        canvas.stroke(fold, taper, deep, min(0.85, amount), soft=0.012)

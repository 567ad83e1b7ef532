"""Everything in the picture that depends on the person alone, painted once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from . import hair
from .canvas import Canvas, disc, shade, spline
from .identity import Identity
from .shapes import head_outline

# Rows of the picture where hair and glasses lie over features that move.
OVERLAY_V = (-0.64, 0.16)


@dataclass(frozen=True, eq=False)
class Base:
    """A person without features. Float32 planes, 0..255; treat as read-only."""

    backdrop: np.ndarray  # uint8 [S, S, 3]
    planes: np.ndarray  # [4, S, S]: colour and opacity of body, head and hair
    overlay: np.ndarray  # [3, rows, S]: what lies over brows and eyes, times its opacity
    overlay_keep: np.ndarray  # [rows, S]: 1 - the overlay's opacity, 0..1
    overlay_rows: slice


@lru_cache(maxsize=32)
def base(who: Identity, size_px: int) -> Base:
    """Paint backdrop, body, head and hair at a square size."""
    planes = np.zeros((4, size_px, size_px), np.float32)
    # Start from the colour that each outline has, not black: soft rims would pull in a dark line.
    neck_row, cloth_row = round(0.55 * size_px), round(0.91 * size_px)
    if who.hair_style in hair.LONG_STYLES:
        neck_row = cloth_row
    planes[:3] = np.asarray(shade(who.skin, 0.25), np.float32)[:, None, None]
    planes[:3, :neck_row] = np.asarray(shade(who.hair, 0.2), np.float32)[:, None, None]
    planes[:3, cloth_row:] = np.asarray(who.clothes, np.float32)[:, None, None]
    colour, alpha = Canvas(planes[:3]), _Opacity(planes[3:])
    hair.paint_back(colour, alpha, who)
    _paint_body(colour, alpha, who)
    _paint_ears(colour, alpha, who)
    outline = head_outline(who)
    colour.fill(outline, who.skin, soft=0.006)
    alpha.fill(outline, (255,), soft=0.006)
    _model_skin(colour, who, colour.mask_of(outline, 0.006).astype(np.float32))
    hair_mask = hair.paint_front(colour, alpha, who)

    rows = slice(*(round((v + 1) * 0.5 * size_px) for v in OVERLAY_V))
    over = Canvas(planes[:3].copy())
    cover = hair_mask[rows] / 255
    if who.glasses:
        seen = np.zeros((1, size_px, size_px), np.float32)
        _paint_glasses(over, _Opacity(seen), who)
        cover = np.maximum(cover, seen[0, rows] / 255)
    return Base(
        backdrop=_backdrop(who, size_px),
        planes=planes,
        overlay=over.planes[:, rows] * cover,
        overlay_keep=1 - cover,
        overlay_rows=rows,
    )


class _Opacity(Canvas):
    """A single plane painted towards opaque; the colour asked for is ignored."""

    def _blend(self, mask: np.ndarray, region: tuple, colour: tuple, gain: float) -> None:
        x0, y0, x1, y1 = region
        patch = self.planes[0, y0:y1, x0:x1]
        patch += (255 - patch) * (mask.astype(np.float32) * gain)


def _backdrop(who: Identity, size_px: int) -> np.ndarray:
    """uint8 [S, S, 3]: what stands behind the person, out of focus."""
    first, second = (np.asarray(c, np.float32) for c in who.backdrop)
    rows = np.linspace(0, 1, size_px, dtype=np.float32)[:, None]
    cols = np.linspace(-0.5, 0.5, size_px, dtype=np.float32)[None, :]
    picture = np.broadcast_to(first, (size_px, size_px, 3)).copy()
    if who.background == "gradient":
        mix = np.clip(0.15 + 0.7 * rows + 0.5 * who.light * cols, 0, 1)[..., None]
        picture += (second - first) * mix
    elif who.background == "blobs":
        rng = np.random.default_rng([who.seed, 3])
        painter = Canvas(np.ascontiguousarray(picture.transpose(2, 0, 1)))
        for _ in range(9):
            place, radius = rng.uniform(-1, 1, 2), rng.uniform(0.12, 0.42)
            tint = tuple(second + rng.normal(0, 16, 3))
            painter.glow(tuple(place), (radius, radius), tint, rng.uniform(0.25, 0.7))
        picture = painter.planes.transpose(1, 2, 0)
    # A little fall-off away from the light, as on any studio wall.
    falloff = 1.0 + 0.16 * who.light * cols - 0.10 * rows
    return np.clip(picture * falloff[..., None], 0, 255).astype(np.uint8)


def _paint_body(colour: Canvas, alpha: Canvas, who: Identity) -> None:
    """Neck, the head's shadow on it, shoulders and collar."""
    neck = who.neck_half_width
    right = [(neck * 1.02, 0.45), (neck * 0.98, 0.80), (neck * 1.15, 0.93), (neck * 1.7, 1.02)]
    side = spline(np.array(right))
    throat = np.concatenate([side, [(neck * 2, 1.3)], [(-neck * 2, 1.3)], side[::-1] * (-1, 1)])
    colour.fill(throat, shade(who.skin, 0.14), soft=0.006)
    alpha.fill(throat, (255,), soft=0.006)
    shadow = head_outline(who) * (0.94, 1.0) + (-0.03 * who.light, 0.085)
    colour.fill(shadow, shade(who.skin, 0.46), 0.75, soft=0.035, clip=colour.clip(throat))

    slope = spline(np.array([(neck * 1.05, 0.86), (neck * 1.9, 0.94), (0.86, 1.02), (1.1, 1.3)]))
    dips = {"crew": 0.985, "vee": 1.12, "shirt": 1.03, "high": 0.86}
    dip = dips[who.collar]
    middle = spline(np.array([(-neck * 1.05, 0.86), (0, dip), (neck * 1.05, 0.86)]), 10)
    if who.collar == "vee":
        middle = np.array([(-neck * 1.05, 0.86), (0, dip), (neck * 1.05, 0.86)])
    cloth = np.concatenate([middle, slope, slope[::-1] * (-1, 1)])
    for painter, tint in ((colour, who.clothes), (alpha, (255,))):
        painter.fill(cloth, tint, soft=0.005)
    colour.stroke(middle, 0.016, shade(who.clothes, 0.3), 0.7, soft=0.006)
    colour.glow((0.62 * who.light, 0.98), (0.3, 0.1), shade(who.clothes, -0.35), 0.35)
    if who.collar == "shirt":
        for s in (-1, 1):
            wing = np.array(
                [(s * neck * 1.12, 0.80), (s * neck * 1.5, 0.93), (s * 0.22, 1.10), (0, 1.0)]
            )
            colour.fill(wing, shade(who.clothes, -0.18), soft=0.005)
            alpha.fill(wing, (255,), soft=0.005)


def _paint_ears(colour: Canvas, alpha: Canvas, who: Identity) -> None:
    if who.hair_style in ("bob", "long"):
        return
    for s in (-1, 1):
        centre = (s * (who.face_half_width + 0.012), 0.03)
        ear = disc(centre, 0.062 * who.ear_size, 2.1, 28)
        ear[:, 0] += s * 0.12 * (centre[1] - ear[:, 1])
        colour.fill(ear, shade(who.skin, 0.10 - 0.06 * s * who.light), soft=0.006)
        alpha.fill(ear, (255,), soft=0.006)
        inner = disc((centre[0] + s * 0.006, 0.02), 0.032 * who.ear_size, 2.3, 20)
        colour.fill(inner, shade(who.skin, 0.42), 0.5, soft=0.016)


def _model_skin(canvas: Canvas, who: Identity, mask: np.ndarray) -> None:
    """Light and shadow on a bare face: a rounded form first, then its hollows and heights."""
    size, skin = canvas.size, who.skin
    rows = np.linspace(-1, 1, size, dtype=np.float32)[:, None]
    cols = np.linspace(-1, 1, size, dtype=np.float32)[None, :]
    across = cols / (who.face_half_width * 1.04)
    down = (rows - 0.02) / 0.86
    # A lamp to one side and above: brightness of an egg, lit softly.
    depth = np.sqrt(np.clip(1 - across**2 - 0.55 * down**2, 0.02, 1))
    lit = 0.50 * who.light * across - 0.26 * down + 0.80 * depth
    canvas.blend(mask * np.clip(0.66 - lit, 0, 1), shade(skin, 0.62), 0.78)
    canvas.blend(mask * np.clip(lit - 0.70, 0, 1), shade(skin, -0.55), 0.85)

    before = canvas.planes[:3].copy()
    deep, bright, red = shade(skin, 0.50), shade(skin, -0.42), _ruddy(skin)
    for s in (-1, 1):
        eye_u = s * who.eye_offset
        canvas.glow((eye_u, who.eye_v - 0.035), (0.105, 0.058), deep, 0.42)
        canvas.glow((s * 0.095, who.eye_v - 0.02), (0.038, 0.06), deep, 0.40)
        canvas.glow((eye_u * 0.95, who.eye_v + 0.105), (0.085, 0.028), deep, 0.16 + 0.2 * who.age)
        canvas.glow((eye_u, who.eye_v - 0.24), (0.13, 0.03), bright, 0.18)
        canvas.glow((s * 0.30, 0.16), (0.11, 0.08), red, 0.16 + 0.45 * who.blush)
        canvas.glow((s * 0.29, 0.07), (0.09, 0.045), bright, 0.30 + 0.16 * s * who.light)
        canvas.glow((s * 0.40, 0.34), (0.07, 0.14), deep, 0.20 - 0.16 * s * who.light)
    canvas.glow((0.08 * who.light, -0.42), (0.24, 0.10), bright, 0.30)
    canvas.glow((0.0, who.chin_v - 0.12), (0.11, 0.055), bright, 0.22)
    canvas.glow((0.0, who.mouth_v + 0.125), (0.12, 0.028), deep, 0.40)
    canvas.glow((0.0, 0.5 * (who.nose_v + who.mouth_v) + 0.01), (0.022, 0.04), deep, 0.20)
    _model_nose(canvas, who, deep, bright)
    if who.stubble:
        _paint_stubble(canvas, who)
    if who.freckles:
        rng = np.random.default_rng([who.seed, 5])
        for u, v in rng.normal((0, 0.08), (0.22, 0.06), (46, 2)):
            canvas.fill(disc((u, v), 0.008, 1, 8), shade(skin, 0.35), 0.5 * who.freckles, 0.003)
    # Keep all of it on the skin.
    weight = mask / 255
    canvas.planes[:3] = before + (canvas.planes[:3] - before) * weight


def _model_nose(canvas: Canvas, who: Identity, deep: tuple, bright: tuple) -> None:
    far = -np.sign(who.light)
    wide, tip_v = who.nose_half_width, who.nose_v - 0.055
    ridge = spline(np.array([(0.0, who.eye_v - 0.06), (0.0, 0.0), (0.0, tip_v)]))
    canvas.stroke(ridge, 0.020, bright, 0.55, soft=0.022)
    canvas.glow((0.008 * -far, tip_v), (0.032, 0.026), bright, 0.55)
    slope = [(far * 0.066, who.eye_v + 0.02), (far * 0.058, 0.03), (far * wide * 0.85, tip_v)]
    canvas.stroke(spline(np.array(slope)), 0.020, deep, 0.42, soft=0.024)
    canvas.stroke(spline(np.array(slope) * (-1, 1)), 0.014, deep, 0.20, soft=0.022)
    canvas.glow((far * 0.02, who.nose_v + 0.035), (wide * 0.75, 0.024), deep, 0.42)


def _paint_stubble(canvas: Canvas, who: Identity) -> None:
    """A cool shadow over jaw, chin and upper lip."""
    shadow = tuple(0.55 * s + 0.45 * h for s, h in zip(shade(who.skin, 0.3), who.hair, strict=True))
    jaw = head_outline(who)
    beard = np.zeros((canvas.size, canvas.size), np.float32)
    low = canvas.mask_of(jaw + (0, 0.0), 0.01).astype(np.float32)
    hollow = canvas.mask_of(disc((0, 0.02), 0.40, 0.98, 40), 0.05).astype(np.float32)
    rows = np.linspace(-1, 1, canvas.size, dtype=np.float32)[:, None]
    beard = low * (1 - hollow / 255) * np.clip((rows - 0.0) / 0.25, 0, 1)
    canvas.blend(beard, shadow, 0.62 * who.stubble)
    canvas.glow((0, who.mouth_v - 0.085), (0.13, 0.035), shadow, 0.5 * who.stubble)


def _ruddy(skin: tuple) -> tuple:
    return (min(skin[0] * 1.02 + 6, 255), skin[1] * 0.78, skin[2] * 0.76)


def _paint_glasses(colour: Canvas, alpha: Canvas, who: Identity) -> None:
    """Two rims, a bridge and the arms; the lenses stay clear so that the eyes are seen."""
    half = who.glasses
    rims = []
    for s in (-1, 1):
        rim = disc((s * who.eye_offset * 1.02, who.eye_v + 0.02), 0.168, 0.76, 40)
        rims.append(np.concatenate([rim, rim[:2]]))
        ends = [(s * (who.eye_offset + 0.165), who.eye_v), (s * who.face_half_width, -0.07)]
        rims.append(np.array(ends))
    bridge = [(-0.066, who.eye_v + 0.0), (0, who.eye_v - 0.022), (0.066, who.eye_v + 0.0)]
    rims.append(spline(np.array(bridge)))
    for line in rims:
        colour.stroke(line, half, who.glasses_colour)
        alpha.stroke(line, half, (255,), 0.92)


def over(front: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """uint8 [S, S, 4] colour and opacity laid over uint8 [S, S, 3]."""
    opacity = front[..., 3].astype(np.float32) * (1 / 255)
    # blendLinear divides by the sum of the weights, which is one here.
    return cv2.blendLinear(np.ascontiguousarray(front[..., :3]), backdrop, opacity, 1 - opacity)

"""Where the parts of a face lie for given looks and parameters: curves, no paint.

All points are float [n, 2] unit coordinates of the frontal, upright face; the pose comes later
(`warp`). `side` is -1 for the picture's left and 1 for its right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import spline
from .identity import Identity

_LID_T = np.linspace(-1, 1, 17)
_LIP_T = np.linspace(-1, 1, 25)


def head_outline(who: Identity, grow: float = 0.0) -> np.ndarray:
    """The skin's outline from the top clockwise, [64, 2]; `grow` moves it outwards."""
    wide = who.face_half_width
    # Half widths going down from the cheek bones: temples hold, the jaw narrows, the chin rounds.
    jaw = 0.60 + 0.24 * who.jaw
    chin = 0.26 + 0.13 * who.jaw
    cheek_v, mouth_v = 0.02, who.mouth_v
    right = np.array(
        [
            (0.0, who.skull_top_v),
            (0.52 * wide, who.skull_top_v + 0.075),
            (0.90 * wide, -0.42),
            (1.0 * wide, -0.18),
            (0.985 * wide, cheek_v + 0.08),
            ((0.30 + 0.72 * jaw) * wide, mouth_v - 0.02),
            ((0.10 + 0.86 * jaw) * wide, mouth_v + 0.13),
            ((chin + 0.10) * wide, who.chin_v - 0.055),
            (0.0, who.chin_v),
        ]
    )
    left = right[-2::-1] * (-1, 1)
    curve = spline(np.concatenate([right, left]), 6)
    if grow:
        centre = np.array([0.0, -0.05])
        away = curve - centre
        curve = curve + grow * away / np.hypot(away[:, :1], away[:, 1:])
    return curve


@dataclass(frozen=True)
class Eye:
    """One eye: lid curves run from the nose outwards, [17, 2] each."""

    centre: tuple[float, float]
    upper: np.ndarray
    lower: np.ndarray
    crease: np.ndarray
    iris_radius: float
    aperture: float  # 0 shut, about 1 in a neutral face

    @property
    def outline(self) -> np.ndarray:
        """The opening between the lids as a closed polygon [34, 2]."""
        return np.concatenate([self.upper, self.lower[::-1]])


def eye(who: Identity, p: dict[str, float], side: int) -> Eye:
    """Lids for `eye_open`, `lid_lower`, `cheek` and `blink`."""
    centre = (side * who.eye_offset, who.eye_v)
    tall = who.eye_half_height
    # The upper lid's peak sits a little towards the nose, the lower one's dip away from it.
    arc = 1 - np.abs(_LID_T) ** 2.3
    upper_arc = arc**0.85 * (1 - 0.10 * _LID_T)
    lower_arc = arc * (1 + 0.15 * _LID_T)
    lift = p["eye_open"]
    open_by = 1 + (0.62 if lift > 0 else 0.72) * lift
    squint = min(1.0, p["lid_lower"] + 0.35 * p["cheek"])
    tilt = -who.eye_tilt * _LID_T
    lower = tilt + tall * (0.62 - 0.95 * squint) * lower_arc + 0.12 * tall * max(lift, 0) * arc
    upper = tilt - tall * 1.05 * open_by * upper_arc
    # A drooping lid hangs at its outer end first.
    upper = upper + 0.35 * tall * max(-lift, 0) * np.maximum(_LID_T, 0) * arc
    upper = np.minimum(upper, lower - 0.004)
    shut = p["blink"]
    rest = lower + (0.25 * tall + 0.3 * tall * squint) * arc
    upper = upper + (rest - 0.003 - upper) * shut
    lower = lower + (rest - lower) * shut
    u = centre[0] + side * who.eye_half_width * _LID_T
    # The fold above the eye comes closer as the lid goes up and spreads as it comes down.
    fold = tall * (0.62 - 0.32 * max(lift, 0) + 0.25 * max(-lift, 0) + 0.45 * shut)
    crease = np.minimum(upper - fold * (0.45 + 0.55 * arc), tilt - 0.5 * tall * arc - fold * 0.9)
    return Eye(
        centre=centre,
        upper=np.stack([u, who.eye_v + upper], 1),
        lower=np.stack([u, who.eye_v + lower], 1),
        crease=np.stack([u, who.eye_v + crease], 1),
        iris_radius=0.94 * who.eye_half_height,
        aperture=float((lower - upper).max() / (1.67 * tall)),
    )


def brow(who: Identity, p: dict[str, float], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Middle line [13, 2] from the nose outwards, and the half thickness [13] along it."""
    t = np.linspace(0, 1, 13)
    furrow, skew = p["brow_furrow"], side * p["brow_skew"]
    inner = (1 - t) ** 1.5
    outer = np.sin(np.pi * np.clip(0.12 + 0.72 * t, 0, 1)) ** 2 * t**0.6
    v = who.eye_v - who.brow_gap - who.brow_arch * np.sin(np.pi * t**1.25) + 0.022 * t**3
    v = v - 0.098 * p["brow_inner_raise"] * inner - 0.098 * p["brow_outer_raise"] * outer
    v = v + 0.040 * furrow * inner
    v = v - (0.085 if skew > 0 else 0.050) * skew * (0.55 + 0.45 * np.sin(np.pi * t))
    v = v - 0.010 * p["eye_open"] + 0.020 * p["nose_wrinkle"] * inner
    start = who.eye_offset - 1.02 * who.eye_half_width - 0.034 * furrow
    end = who.eye_offset + 1.28 * who.eye_half_width
    u = side * (start + (end - start) * t)
    half = who.brow_half_thickness * (0.62 + 0.85 * t - 1.30 * t**2.2) * (1 + 0.12 * furrow)
    return np.stack([u, v], 1), np.maximum(half, 0.0025)


@dataclass(frozen=True)
class Mouth:
    """Lip curves from the picture's left to its right, [25, 2] each, top to bottom."""

    outer_top: np.ndarray
    inner_top: np.ndarray
    inner_bottom: np.ndarray
    outer_bottom: np.ndarray
    gap: float  # the widest opening, unit coordinates

    @property
    def corners(self) -> np.ndarray:
        """[2, 2]: where the lips meet, left then right."""
        return self.inner_top[[0, -1]]


#: How far the jaw hangs where lips are opened as wide as speech does, and as wide as emotions do.
JAW_SPOKEN, JAW_FELT = 0.78, 0.85


def jaw_opening(p: dict[str, float]) -> float:
    """How far the jaw hangs, 0..1, from what is said and what is felt."""
    wanted = JAW_SPOKEN * p["opening"] + JAW_FELT * p["jaw_drop"]
    return min(1.15, wanted) * (1 - 0.45 * p["lip_press"])


def mouth(who: Identity, p: dict[str, float]) -> Mouth:
    """Lips for the three lip parameters and everything in the expression that pulls at them."""
    t, arc = _LIP_T, 1 - _LIP_T**2
    jaw, press, stretch = jaw_opening(p), p["lip_press"], p["lip_stretch"]
    rounding, sneer = p["rounding"], p["upper_lip"]
    smile = 0.5 * (p["corner_left"] + p["corner_right"])
    half = who.mouth_half_width * (1 + 0.30 * p["width"] - 0.40 * rounding + 0.34 * stretch)
    half *= 1 - 0.08 * p["jaw_drop"] * (1 - max(stretch, 0))
    reach = np.where(t < 0, p["corner_left"], p["corner_right"])
    u = half * t * (1 + (0.10 * np.abs(reach) + 0.14 * np.maximum(reach, 0)) * np.abs(t))
    # Corners carry their half of the lips along; a lifted pair lets the middle sag a little.
    base = -0.120 * reach * np.abs(t) ** 1.7 + 0.022 * smile - 0.010 * max(-smile, 0)
    base = base + 0.022 * max(stretch, 0) * np.abs(t) ** 2 - 0.030 * sneer * arc
    top_gap = 0.040 * jaw * arc**0.6 + sneer * (0.030 * arc**0.6 + 0.014 * np.abs(t) * arc)
    low_gap = (0.215 - 0.06 * rounding) * jaw * arc**0.55
    low_gap = low_gap + (0.046 * max(stretch, 0) + 0.018 * max(smile, 0) ** 2) * arc**0.8
    top_gap, low_gap = top_gap * (1 - 0.75 * press), low_gap * (1 - 0.75 * press)
    full = who.lip_thickness * (1 + 0.40 * rounding - 0.62 * press)
    full *= 1 - 0.20 * max(stretch, 0) - 0.16 * abs(smile) - 0.08 * jaw
    # Two peaks beside a dip: the bow of the upper lip.
    bow = 0.80 + 0.34 * np.exp(-(((np.abs(t) - 0.24) / 0.20) ** 2))
    bow = bow - 0.10 * np.exp(-((t / 0.1) ** 2))
    top_full = full * (1 - 0.25 * sneer) * bow * arc**0.75
    low_full = full * (1.28 + 0.1 * rounding) * arc**0.55
    v = who.mouth_v + base
    rows = [v - top_gap - top_full, v - top_gap, v + low_gap, v + low_gap + low_full]
    outer_top, inner_top, inner_bottom, outer_bottom = (np.stack([u, row], 1) for row in rows)
    gap = float((top_gap + low_gap).max())
    return Mouth(outer_top, inner_top, inner_bottom, outer_bottom, gap)


@dataclass(frozen=True)
class Nose:
    """Landmarks of the nose: half width at the wings, its bottom, and how creased it is."""

    half_width: float
    bottom_v: float
    wrinkle: float


def nose(who: Identity, p: dict[str, float]) -> Nose:
    """Wrinkling pulls the nose up and its wings apart; a smile widens it slightly."""
    wrinkle = p["nose_wrinkle"]
    smile = max(0.5 * (p["corner_left"] + p["corner_right"]), 0.0)
    wide = who.nose_half_width * (1 + 0.20 * wrinkle + 0.08 * smile)
    return Nose(wide, who.nose_v - 0.050 * wrinkle - 0.010 * p["upper_lip"], wrinkle)

"""Who is in the picture: everything about a drawn person that does not move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Colour

HAIR_STYLES = (
    "buzz",
    "short",
    "side_part",
    "swept",
    "fringe",
    "bob",
    "long",
    "curly",
    "bun",
    "receding",
)
BACKGROUNDS = ("plain", "gradient", "blobs")
COLLARS = ("crew", "vee", "shirt", "high")

# From very fair to very dark; a person lies anywhere between two neighbours.
_SKIN = (
    (252, 222, 200),
    (243, 203, 174),
    (228, 182, 146),
    (204, 154, 116),
    (172, 121, 86),
    (138, 93, 65),
    (108, 72, 52),
)
_HAIR = (
    (28, 24, 26),
    (48, 34, 28),
    (78, 50, 34),
    (112, 72, 44),
    (158, 110, 66),
    (206, 168, 112),
    (150, 66, 38),
    (150, 148, 146),
    (214, 210, 204),
)
_IRIS = ((70, 46, 30), (98, 66, 38), (112, 98, 54), (78, 112, 82), (82, 124, 160), (104, 118, 132))
_CLOTHES = (
    (44, 52, 74),
    (96, 40, 48),
    (52, 84, 76),
    (206, 202, 194),
    (62, 62, 66),
    (168, 124, 62),
    (88, 104, 148),
    (128, 92, 122),
    (196, 112, 84),
    (112, 140, 122),
)
_BACKDROP = (
    (196, 204, 208),
    (222, 214, 202),
    (168, 182, 172),
    (150, 166, 188),
    (206, 186, 178),
    (120, 132, 140),
    (186, 176, 200),
    (226, 220, 216),
    (104, 124, 122),
)


@dataclass(frozen=True)
class Identity:
    """Looks of one person. Lengths are in unit coordinates (the picture spans -1..1)."""

    seed: int
    skin: Colour  # RGB 0..255, lit from the front
    face_half_width: float  # at the cheek bones
    skull_top_v: float  # where the skin of the head would end under the hair
    chin_v: float
    jaw: float  # 0 pointed .. 1 square
    hair_style: str
    hair: Colour
    hair_volume: float  # how far the hair stands off the head
    hairline_v: float
    hair_length_v: float  # where long hair ends
    parting: float  # -1 left .. 1 right
    eye: Colour
    eye_half_width: float
    eye_half_height: float
    eye_offset: float  # of each eye's centre from the middle line
    eye_v: float
    eye_tilt: float  # outer corner above the inner one
    brow: Colour
    brow_half_thickness: float
    brow_gap: float  # from the eye's centre up to the brow
    brow_arch: float
    nose_half_width: float
    nose_v: float  # bottom of the nose
    lip: Colour
    lip_thickness: float
    mouth_half_width: float
    mouth_v: float
    lash: float  # 0 light .. 1 heavy
    blush: float
    stubble: float  # 0 none .. 1 dark shadow of a beard
    freckles: float
    age: float  # 0 smooth .. 1 lined
    glasses: float  # 0 none, else the frame's half thickness
    glasses_colour: Colour
    ear_size: float
    neck_half_width: float
    clothes: Colour
    collar: str
    background: str
    backdrop: tuple[Colour, Colour]
    light: float  # -1 from the left .. 1 from the right

    @classmethod
    def from_seed(cls, seed: int) -> Identity:
        """Draw a person at random; the same seed always gives the same person."""
        rng = np.random.default_rng([seed, 0xFACE])
        depth = rng.uniform(0, len(_SKIN) - 1.001)
        skin = _between(_SKIN, depth, rng.normal(0, 3, 3))
        # Dark skin mostly goes with dark hair; grey and white stay possible for everyone.
        hair_choice = rng.choice(len(_HAIR), p=_hair_odds(depth))
        hair = _vary(_HAIR[hair_choice], rng.normal(0, 5, 3))
        style = str(rng.choice(HAIR_STYLES))
        grey = hair_choice >= 7
        brow = tuple(min(c * 0.72 + 4, 118) for c in hair)
        iris_odds = np.array([3, 3, 1, 1, 1, 1]) if depth < 2.5 else np.array([6, 3, 0.4, 0, 0, 0])
        masculine = rng.random() < (0.12 if style in ("bob", "long", "bun") else 0.62)
        lip_base = _mix(skin, (178, 74, 78), rng.uniform(0.26, 0.42 if masculine else 0.66))
        backdrop = rng.choice(len(_BACKDROP), 2, replace=False)
        return cls(
            seed=seed,
            skin=skin,
            face_half_width=rng.uniform(0.48, 0.555),
            skull_top_v=rng.uniform(-0.74, -0.68),
            chin_v=rng.uniform(0.70, 0.79),
            jaw=float(np.clip(rng.normal(0.62 if masculine else 0.32, 0.18), 0, 1)),
            hair_style=style,
            hair=hair,
            hair_volume=rng.uniform(0.04, 0.10),
            hairline_v=rng.uniform(-0.53, -0.44),
            hair_length_v=rng.uniform(0.62, 1.2),
            parting=float(rng.choice([-1, 1]) * rng.uniform(0.2, 0.6)),
            eye=_vary(_IRIS[rng.choice(6, p=iris_odds / iris_odds.sum())], rng.normal(0, 6, 3)),
            eye_half_width=rng.uniform(0.108, 0.13),
            eye_half_height=rng.uniform(0.052, 0.068),
            eye_offset=rng.uniform(0.212, 0.238),
            eye_v=rng.uniform(-0.10, -0.06),
            eye_tilt=rng.uniform(-0.006, 0.018),
            brow=brow,
            brow_half_thickness=rng.uniform(0.015, 0.028) * (1.1 if masculine else 0.85),
            brow_gap=rng.uniform(0.148, 0.172),
            brow_arch=rng.uniform(0.015, 0.045),
            nose_half_width=rng.uniform(0.082, 0.112) + 0.006 * depth / 6,
            nose_v=rng.uniform(0.165, 0.205),
            lip=lip_base,
            lip_thickness=rng.uniform(0.037, 0.058),
            mouth_half_width=rng.uniform(0.188, 0.226),
            mouth_v=rng.uniform(0.39, 0.425),
            lash=rng.uniform(0.2, 0.6) if masculine else rng.uniform(0.55, 1.0),
            blush=rng.uniform(0.1, 0.5),
            stubble=rng.uniform(0.15, 0.8) if masculine and rng.random() < 0.5 else 0.0,
            freckles=rng.uniform(0.3, 0.8) if depth < 2 and rng.random() < 0.2 else 0.0,
            age=rng.uniform(0.5, 1.0) if grey else rng.uniform(0.0, 0.5),
            glasses=rng.uniform(0.006, 0.011) if rng.random() < 0.2 else 0.0,
            glasses_colour=_CLOTHES[rng.choice([0, 4, 1])],
            ear_size=rng.uniform(0.85, 1.15),
            neck_half_width=rng.uniform(0.27, 0.32) if masculine else rng.uniform(0.22, 0.27),
            clothes=_vary(_CLOTHES[rng.integers(len(_CLOTHES))], rng.normal(0, 8, 3)),
            collar=str(rng.choice(COLLARS)),
            background=str(rng.choice(BACKGROUNDS)),
            backdrop=(_BACKDROP[backdrop[0]], _BACKDROP[backdrop[1]]),
            light=float(rng.choice([-1, 1]) * rng.uniform(0.2, 0.9)),
        )


def _hair_odds(depth: float) -> np.ndarray:
    odds = np.array([2, 2, 2, 2, 1.6, 1.4, 0.9, 0.8, 0.5], float)
    odds[3:7] *= max(0.0, 1 - depth / 3.2)
    return odds / odds.sum()


def _mix(a: Colour, b: Colour, t: float) -> Colour:
    return tuple(float(x + (y - x) * t) for x, y in zip(a, b, strict=True))


def _vary(colour: Colour, noise: np.ndarray) -> Colour:
    return tuple(float(x) for x in np.clip(np.asarray(colour) + noise, 8, 250))


def _between(palette: tuple, place: float, noise: np.ndarray) -> Colour:
    index = int(place)
    return _vary(_mix(palette[index], palette[index + 1], place - index), noise)

"""What moves in a face, as three named vectors and a blink. Neutral is nought everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """One number of a face: its allowed range and how far it usually strays from neutral."""

    name: str
    low: float
    high: float
    spread: float
    meaning: str


LIP_PARAMETERS = (
    Parameter("opening", 0.0, 1.0, 0.35, "lips closed .. wide open (1: as in a shouted 'ah')"),
    Parameter("width", -1.0, 1.0, 0.4, "corners drawn in .. spread, as in 'ee'"),
    Parameter("rounding", 0.0, 1.0, 0.35, "flat .. rounded and pushed out, as in 'oo'"),
)

POSE_PARAMETERS = (
    Parameter("shift_x", -0.15, 0.15, 0.03, "to the right, 1 = half the picture"),
    Parameter("shift_y", -0.15, 0.15, 0.03, "downwards, 1 = half the picture"),
    Parameter("roll", -0.3, 0.3, 0.06, "radians, clockwise as seen in the picture"),
    Parameter("scale", -0.2, 0.2, 0.04, "natural logarithm of the size"),
    Parameter("yaw", -1.0, 1.0, 0.35, "turned towards the picture's right, 1 is about 30 degrees"),
    Parameter("pitch", -1.0, 1.0, 0.3, "looking up, 1 is about 25 degrees"),
)

EXPRESSION_PARAMETERS = (
    Parameter("brow_inner_raise", -1.0, 1.0, 0.5, "inner ends of the brows up (down if negative)"),
    Parameter("brow_outer_raise", -1.0, 1.0, 0.5, "outer ends of the brows up"),
    Parameter("brow_furrow", 0.0, 1.0, 0.4, "brows together, a crease between them"),
    Parameter("eye_open", -1.0, 1.0, 0.5, "upper lids raised (drooping if negative)"),
    Parameter("lid_lower", 0.0, 1.0, 0.4, "lower lids raised: a squint"),
    Parameter("corner_left", -1.0, 1.0, 0.5, "mouth corner on the picture's left up"),
    Parameter("corner_right", -1.0, 1.0, 0.5, "mouth corner on the picture's right up"),
    Parameter("lip_press", 0.0, 1.0, 0.4, "lips pressed thin and shut"),
    Parameter("lip_stretch", -1.0, 1.0, 0.4, "corners pulled apart, lower teeth bared"),
    Parameter("cheek", 0.0, 1.0, 0.4, "cheeks lifted and rounded, folds beside the nose"),
    Parameter("nose_wrinkle", 0.0, 1.0, 0.4, "nose drawn up and creased"),
    Parameter("upper_lip", 0.0, 1.0, 0.4, "upper lip raised off the teeth"),
    Parameter("jaw_drop", 0.0, 1.0, 0.35, "jaw fallen, mouth open apart from what is said"),
    Parameter("brow_skew", -1.0, 1.0, 0.4, "brow on the picture's right up, the other down"),
)

LIP_NAMES = tuple(p.name for p in LIP_PARAMETERS)
POSE_NAMES = tuple(p.name for p in POSE_PARAMETERS)
EXPRESSION_NAMES = tuple(p.name for p in EXPRESSION_PARAMETERS)

LIP_SPREAD = np.array([p.spread for p in LIP_PARAMETERS], np.float32)
POSE_SPREAD = np.array([p.spread for p in POSE_PARAMETERS], np.float32)
EXPRESSION_SPREAD = np.array([p.spread for p in EXPRESSION_PARAMETERS], np.float32)
EXPRESSION_LOW = np.array([p.low for p in EXPRESSION_PARAMETERS], np.float32)
EXPRESSION_HIGH = np.array([p.high for p in EXPRESSION_PARAMETERS], np.float32)


@dataclass(frozen=True, eq=False)
class FaceState:
    """One moment of a face. Values outside a parameter's range are drawn as the nearest end."""

    lips: np.ndarray = field(  # float [3]
        default_factory=lambda: np.zeros(len(LIP_NAMES), np.float32)
    )
    pose: np.ndarray = field(  # float [6]
        default_factory=lambda: np.zeros(len(POSE_NAMES), np.float32)
    )
    expression: np.ndarray = field(  # float [14]
        default_factory=lambda: np.zeros(len(EXPRESSION_NAMES), np.float32)
    )
    blink: float = 0.0  # 0 open .. 1 shut

    @classmethod
    def of(cls, blink: float = 0.0, **named: float) -> FaceState:
        """A state by names, the rest neutral: `FaceState.of(corner_left=1, yaw=-0.3)`."""
        state = cls(blink=blink)
        for name, value in named.items():
            for names, vector in (
                (LIP_NAMES, state.lips),
                (POSE_NAMES, state.pose),
                (EXPRESSION_NAMES, state.expression),
            ):
                if name in names:
                    vector[names.index(name)] = value
                    break
            else:
                raise ValueError(f"no face parameter is called {name!r}")
        return state

    @classmethod
    def random(cls, rng: np.random.Generator) -> FaceState:
        """Every parameter drawn from a normal with its own spread, cut to its range."""

        def draw(parameters: tuple[Parameter, ...]) -> np.ndarray:
            values = [np.clip(rng.normal(0, p.spread), p.low, p.high) for p in parameters]
            return np.array(values, np.float32)

        lips, pose = draw(LIP_PARAMETERS), draw(POSE_PARAMETERS)
        return cls(lips, pose, draw(EXPRESSION_PARAMETERS))

    def values(self) -> dict[str, float]:
        """Every parameter by name, cut to its range; `blink` included."""
        out = {"blink": float(min(max(self.blink, 0.0), 1.0))}
        for parameters, vector in (
            (LIP_PARAMETERS, self.lips),
            (POSE_PARAMETERS, self.pose),
            (EXPRESSION_PARAMETERS, self.expression),
        ):
            if len(vector) != len(parameters):
                raise ValueError(f"expected {len(parameters)} values, got {len(vector)}")
            for p, value in zip(parameters, vector, strict=True):
                out[p.name] = min(max(float(value), p.low), p.high)
        return out

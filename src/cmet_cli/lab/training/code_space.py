"""The mini model's code spaces: fixed linear maps from the avatar world's parameters.

The renderer is told what its 20 lip, 6 pose and 10 expression numbers mean instead of finding a
meaning by itself; so they can be checked, and mapped back to the parameters of a face.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...backends.base import Jaw
from ..avatar.emotions import EMOTIONS, LEVELS, sample_expression
from ..avatar.face_state import (
    EXPRESSION_HIGH,
    EXPRESSION_LOW,
    EXPRESSION_NAMES,
    EXPRESSION_SPREAD,
    LIP_NAMES,
    LIP_SPREAD,
    POSE_SPREAD,
    FaceState,
)
from ..avatar.shapes import JAW_FELT, JAW_SPOKEN

LIP_DIM, POSE_DIM, EXPRESSION_DIM = 20, 6, 10
CODE_DIM = LIP_DIM + POSE_DIM + EXPRESSION_DIM
LIPS = slice(0, LIP_DIM)
POSE = slice(LIP_DIM, LIP_DIM + POSE_DIM)
EXPRESSION = slice(LIP_DIM + POSE_DIM, CODE_DIM)

EYE_OPEN = EXPRESSION_NAMES.index("eye_open")
SHUT = -1.39  # where `eye_open` would close the lids: each unit below nought takes 0.72 of them
SPACE_FILE = "code_space.json"
CODE_SEED = 3
PCA_SAMPLES = 6000


def fold_blink(expression: np.ndarray, blink: np.ndarray | float) -> np.ndarray:
    """Turn blinks into lowered lids, so that one number says how open an eye is. ``[..., 14]``."""
    folded = np.array(expression, np.float32)
    folded[..., EYE_OPEN] += (SHUT - folded[..., EYE_OPEN]) * np.asarray(blink, np.float32)
    return folded


def sample_faces(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """One expression from the world's distribution: float32 [14] and a blink in 0..1.

    Mostly showings of an emotion; some in-between states, some that no emotion has.
    """
    kind = rng.uniform()
    expression = _showing(rng)
    if kind > 0.65:
        expression = expression + rng.uniform(0, 1) * (_showing(rng) - expression)
    if kind > 0.8:
        n = len(EXPRESSION_SPREAD)
        expression = 0.5 * expression + 0.6 * EXPRESSION_SPREAD * rng.standard_normal(n)
    blink = rng.uniform(0.2, 1.0) if rng.uniform() < 0.1 else 0.0
    return np.clip(expression, EXPRESSION_LOW, EXPRESSION_HIGH).astype(np.float32), float(blink)


def _showing(rng: np.random.Generator) -> np.ndarray:
    emotion = EMOTIONS[rng.integers(len(EMOTIONS))]
    level = LEVELS[rng.choice(len(LEVELS), p=(0.2, 0.3, 0.5))]
    return sample_expression(emotion, level, 1, 25.0, rng)[0] * np.exp(0.12 * rng.normal())


@dataclass(frozen=True, eq=False)
class CodeSpace:
    """Linear maps, neutral to nought. ``lips [3, 20]``, ``expression [14, 10]``: orthonormal."""

    lips: np.ndarray
    expression: np.ndarray

    def encode(
        self, lips: np.ndarray, pose: np.ndarray, expression: np.ndarray, blink: np.ndarray
    ) -> np.ndarray:
        """Parameters ``[..., 3], [..., 6], [..., 14], [...]`` -> codes float32 ``[..., 36]``."""
        parts = (
            self.encode_lips(lips),
            self.encode_pose(pose),
            self.encode_expression(fold_blink(expression, blink)),
        )
        return np.concatenate(parts, axis=-1)

    def encode_state(self, state: FaceState) -> np.ndarray:
        """float32 [36]."""
        return self.encode(state.lips, state.pose, state.expression, np.float32(state.blink))

    def encode_lips(self, lips: np.ndarray) -> np.ndarray:
        """``[..., 3]`` -> float32 ``[..., 20]``."""
        return (np.asarray(lips, np.float32) / LIP_SPREAD) @ self.lips

    def decode_lips(self, codes: np.ndarray) -> np.ndarray:
        """``[..., 20]`` -> opening, width, rounding ``[..., 3]``."""
        return codes @ self.lips.T * LIP_SPREAD

    def jaw(self) -> Jaw:
        """What these codes say of the jaw."""
        opening = LIP_NAMES.index("opening")
        drop = EXPRESSION_NAMES.index("jaw_drop")
        felt = self.expression[drop] / EXPRESSION_SPREAD[drop]
        length = float(np.linalg.norm(felt))
        parts = JAW_FELT / JAW_SPOKEN / length
        return Jaw(self.lips[opening] * LIP_SPREAD[opening], felt / length, parts)

    def encode_pose(self, pose: np.ndarray) -> np.ndarray:
        """``[..., 6]`` -> float32 ``[..., 6]``."""
        return (np.asarray(pose) / POSE_SPREAD).astype(np.float32)

    def encode_expression(self, expression: np.ndarray) -> np.ndarray:
        """``[..., 14]``, blinks folded in -> float32 ``[..., 10]``."""
        return (np.asarray(expression, np.float32) / EXPRESSION_SPREAD) @ self.expression

    def decode_expression(self, codes: np.ndarray) -> np.ndarray:
        """``[..., 10]`` -> the nearest parameters ``[..., 14]``."""
        return codes @ self.expression.T * EXPRESSION_SPREAD


@lru_cache(maxsize=1)
def code_space() -> CodeSpace:
    """The code space that the shipped weights speak, kept in ``code_space.json`` beside this file.

    A change of the world's emotions must not change it behind the weights' back: whoever trains
    anew may write :func:`fit_code_space` there first.
    """
    text = Path(__file__).with_name(SPACE_FILE).read_text("utf-8")
    return CodeSpace(**{k: np.array(v, np.float32) for k, v in json.loads(text).items()})


def fit_code_space() -> CodeSpace:
    """Principal axes of the world's expressions, and any orthonormal axes for the lips."""
    rng = np.random.default_rng(CODE_SEED)
    lips = np.linalg.qr(rng.standard_normal((LIP_DIM, len(LIP_NAMES))))[0].T
    faces = np.stack([fold_blink(*sample_faces(rng)) for _ in range(PCA_SAMPLES)])
    scaled = (faces / EXPRESSION_SPREAD).astype(np.float64)
    # Not centred: neutral has to be nought.
    _, axes = np.linalg.eigh(scaled.T @ scaled)
    main = axes[:, ::-1][:, :EXPRESSION_DIM]
    main = main * np.sign(main[np.abs(main).argmax(0), np.arange(EXPRESSION_DIM)])
    return CodeSpace(lips.astype(np.float32), main.astype(np.float32))

"""Plain measures of pictures and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..avatar.emotions import BASIC_EMOTIONS
from .judge import Judge

BEST_PSNR_DB = 99.0  # said of pictures that are the same


@dataclass
class Tally:
    """Right and asked, per emotion."""

    right: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, emotion: str, right: bool) -> None:
        self.right.setdefault(emotion, []).append(right)

    def per_emotion(self) -> dict[str, float]:
        return {e: round(float(np.mean(v)), 3) for e, v in self.right.items()}

    def mean(self) -> float:
        """Every emotion counts alike."""
        return mean([float(np.mean(v)) for v in self.right.values()])

    def figures(self) -> dict[str, float]:
        return {"mean": self.mean(), **self.per_emotion()}


def mean(values: Sequence[float], digits: int = 3) -> float:
    return round(float(np.mean(values)), digits)


def psnr_db(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Of pictures ``[n, H, W, 3]`` in [0, 255]; ``mask [n, H, W]`` selects pixels."""
    square = (a.astype(np.float32) - b.astype(np.float32)) ** 2
    error = float(square.mean() if mask is None else square[mask].mean())
    return min(BEST_PSNR_DB, float(10 * np.log10(255.0**2 / max(error, 1e-12))))


def jerk(pictures: np.ndarray) -> float:
    """Mean second difference over time of pictures ``[n, S, S, 3]``: what flickers."""
    return float(np.abs(np.diff(pictures.astype(np.float32), n=2, axis=0)).mean())


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


def judged(judge: Judge, pictures: np.ndarray) -> str:
    """A clip's emotion: mean log-probability over its frames."""
    return BASIC_EMOTIONS[int(judge.read(pictures)[0].mean(0).argmax())]

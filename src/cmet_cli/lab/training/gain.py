"""How well a connector does on whole clips, and the gain that makes up for its caution.

A network that must guess answers with less than the full change. The gain is found on people and
voices that neither training nor judging uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...backends.edtalk.connector import Connector
from .clip_features import ClipFeatures
from .pairs import NEUTRAL

GAINS = tuple(round(0.8 + 0.05 * k, 2) for k in range(25))  # 0.8 .. 2.0


@dataclass(frozen=True, eq=False)
class Trial:
    """An edit as a user makes it: one neutral clip, one emotional voice of somebody else.

    codes float32 ``[n, 10]`` of the neutral clip; speech float32 ``[D]``, the difference of two
    single clips; change float32 ``[10]``: how this person's face really changes, on average.
    """

    emotion: str
    codes: np.ndarray
    speech: np.ndarray
    change: np.ndarray


@dataclass(frozen=True)
class GainChoice:
    """The best gain, its score, and every gain's score in order."""

    gain: float
    score: float
    table: tuple[tuple[float, float], ...]


def draw_trials(clips: Sequence[ClipFeatures], per_emotion: int, seed: int = 0) -> list[Trial]:
    """Trials for every emotion but neutral; the strongest level, voices of other people."""
    rng = np.random.default_rng([seed, 0x7121])
    groups: dict[tuple[str, str], list[ClipFeatures]] = {}
    for clip in clips:
        groups.setdefault((clip.key.identity, clip.key.emotion), []).append(clip)
    people = sorted({clip.key.identity for clip in clips})
    trials = []
    for emotion in sorted({clip.key.emotion for clip in clips} - {NEUTRAL}):
        shown = {p: _strongest(groups[p, emotion]) for p in people if (p, emotion) in groups}
        faces = [p for p in shown if (p, NEUTRAL) in groups]
        for _ in range(per_emotion if faces else 0):
            face = faces[rng.integers(len(faces))]
            voices = [p for p in shown if p != face] or [face]
            voice = shown[voices[rng.integers(len(voices))]]
            heard, plain = _one(rng, voice), _one(rng, groups[face, NEUTRAL])
            change = _mean_code(shown[face]) - _mean_code(groups[face, NEUTRAL])
            trials.append(Trial(emotion, plain.codes, heard.speech - plain.speech, change))
    return trials


def predict(connector: Connector, trials: Sequence[Trial]) -> list[np.ndarray]:
    """The connector's deltas for each trial's clip, float32 ``[n, 10]`` each, at gain 1."""
    device = next(connector.parameters()).device
    connector.eval()
    deltas = []
    for trial in trials:
        codes, speech = torch.from_numpy(trial.codes), torch.from_numpy(trial.speech)
        deltas.append(connector.predict_clip(codes.to(device), speech.to(device)).cpu().numpy())
    return deltas


def cosines(trials: Sequence[Trial], deltas: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean cosine between the predicted and the true change of the face, by emotion."""
    found: dict[str, list[float]] = {}
    for trial, delta in zip(trials, deltas, strict=True):
        mean = delta.mean(axis=0)
        norms = max(float(np.linalg.norm(mean) * np.linalg.norm(trial.change)), 1e-9)
        found.setdefault(trial.emotion, []).append(float(mean @ trial.change) / norms)
    return {emotion: float(np.mean(values)) for emotion, values in found.items()}


def code_error_score(
    trials: Sequence[Trial], deltas: Sequence[np.ndarray]
) -> Callable[[float], float]:
    """A scoring function for :func:`calibrate_gain`: minus the mean length of the code error."""
    predicted = np.stack([delta.mean(axis=0) for delta in deltas])
    change = np.stack([trial.change for trial in trials])
    return lambda gain: -float(np.linalg.norm(gain * predicted - change, axis=1).mean())


def calibrate_gain(score: Callable[[float], float], gains: Sequence[float] = GAINS) -> GainChoice:
    """The gain of the highest score (a judge's accuracy, or minus an error); the least on a tie."""
    table = tuple((float(gain), float(score(gain))) for gain in gains)
    best = max(table, key=lambda row: (row[1], -row[0]))
    return GainChoice(best[0], best[1], table)


def _strongest(clips: Sequence[ClipFeatures]) -> list[ClipFeatures]:
    level = max(clip.key.level for clip in clips)
    return [clip for clip in clips if clip.key.level == level]


def _one(rng: np.random.Generator, clips: Sequence[ClipFeatures]) -> ClipFeatures:
    return clips[int(rng.integers(len(clips)))]


def _mean_code(clips: Sequence[ClipFeatures]) -> np.ndarray:
    return np.mean([clip.codes.mean(axis=0) for clip in clips], axis=0)

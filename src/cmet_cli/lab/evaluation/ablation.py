"""The paper's ablation in the avatar world: reconstruction, + contrastive, + direction.

Nine connectors (three seeds each) are trained on the same features; told is, per setting, mean and
spread over the seeds of what they do to people and voices that no training has met.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...backends.edtalk.connector import Connector
from ...emotion.speech.choose import load_speech_encoder
from ...media.files import atomic_path
from ...options import Progress, no_progress
from ...weights.folder import inspect_folder, mini_folder
from ..avatar.emotions import BASIC_EMOTIONS, EMOTIONS, EXTENDED_EMOTIONS
from ..seeds import EVALUATION_SEEDS
from ..training.clip_features import ClipFeatures, WorldFeatures, WorldSpec, load_all
from ..training.gain import Trial, cosines, draw_trials, predict
from ..training.pairs import FeatureBank
from ..training.train_connector import mini_training, train_connector

SETTINGS: dict[str, dict[str, Any]] = {
    "recon": {"lambda_contrast": 0.0, "lambda_direction": 0.0},
    "recon + contrastive": {"lambda_direction": 0.0},
    "recon + contrastive + direction": {},
}
JUDGED_WORLD = WorldSpec(people=25, first=EVALUATION_SEEDS[0], clips=2, emotions=EMOTIONS)


@dataclass(frozen=True)
class AblationPlan:
    """steps: of each connector; seeds: one connector each, per setting; trials: per emotion."""

    steps: int = 1500
    seeds: tuple[int, ...] = (1, 2, 3)
    trials: int = 20
    training: WorldSpec = field(default_factory=WorldSpec)
    judging: WorldSpec = JUDGED_WORLD


def nearest_centroid_accuracy(
    trials: Sequence[Trial], deltas: Sequence[np.ndarray], centres: dict[str, np.ndarray]
) -> float:
    """Share of edits whose mean code lies nearest to the asked emotion's training mean."""
    right = []
    for trial, delta in zip(trials, deltas, strict=True):
        if trial.emotion in centres:
            mean = (trial.codes + delta).mean(0)
            nearest = min(centres, key=lambda e: float(np.linalg.norm(centres[e] - mean)))
            right.append(nearest == trial.emotion)
    return float(np.mean(right))


def emotion_centres(clips: Sequence[ClipFeatures]) -> dict[str, np.ndarray]:
    """Mean code of every basic emotion at its strongest level."""
    centres = {}
    for emotion in BASIC_EMOTIONS:
        shown = [c for c in clips if c.key.emotion == emotion]
        strongest = max(c.key.level for c in shown)
        codes = [c.codes.mean(0) for c in shown if c.key.level == strongest]
        centres[emotion] = np.mean(codes, axis=0)
    return centres


def measure(
    connector: Connector, trials: Sequence[Trial], centres: dict[str, np.ndarray]
) -> dict[str, float]:
    """Accuracy in code space and mean cosine of the change, basic and extended emotions apart."""
    deltas = predict(connector, trials)
    by_emotion = cosines(trials, deltas)
    return {
        "accuracy": nearest_centroid_accuracy(trials, deltas, centres),
        "cosine_basic": _mean(by_emotion, BASIC_EMOTIONS),
        "cosine_extended": _mean(by_emotion, EXTENDED_EMOTIONS),
    }


def _mean(values: dict[str, float], names: Sequence[str]) -> float:
    return float(np.mean([values[n] for n in names if n in values]))


def ablate(
    run_dir: Path, plan: AblationPlan, progress: Progress = no_progress
) -> dict[str, object]:
    """-> per setting and measure, "mean ± spread" over the seeds; ``ablation.json`` in ``run_dir``
    holds the same."""
    listener = load_speech_encoder(inspect_folder(mini_folder()), torch.device("cpu"))
    training = load_all(WorldFeatures(plan.training, listener), progress).clips
    held_out = load_all(WorldFeatures(plan.judging, listener), progress).clips
    bank, centres = FeatureBank(training), emotion_centres(training)
    trials = draw_trials(held_out, plan.trials)
    table: dict[str, object] = {"steps": plan.steps, "seeds": len(plan.seeds)}
    for name, losses in SETTINGS.items():
        rows = []
        for seed in plan.seeds:
            config = mini_training(bank.speech_dim, seed)
            schedule = replace(config.schedule, steps=plan.steps)
            config = replace(config, losses=replace(config.losses, **losses), schedule=schedule)
            place = run_dir / f"{name.replace(' + ', '-')}-{seed}"
            rows.append(measure(train_connector(bank, config, place, progress), trials, centres))
        table[name] = {key: _spread([row[key] for row in rows]) for key in rows[0]}
    text = json.dumps(table, indent=1, ensure_ascii=False)
    with atomic_path(run_dir / "ablation.json", overwrite=True) as part:
        part.write_text(text + "\n", "utf-8")
    return table


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"

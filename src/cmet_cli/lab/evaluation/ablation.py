"""The paper's ablation in the avatar world: reconstruction, + contrastive, + direction.

``python -m cmet_cli.lab.evaluation.ablation RUN_DIR [STEPS]`` trains nine connectors (three seeds
each) on the same features and prints, per setting, mean and spread over the seeds of what they do
to people and voices that no training has met.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ...backends.edtalk.connector import Connector
from ...backends.edtalk.load import load_speechnet, read_config
from ...cli.console import progress_bars
from ...emotion.speech.mini import MiniSpeechEncoder
from ...media.files import atomic_path
from ...options import Progress
from ...weights.folder import inspect_folder, mini_folder
from ..avatar.emotions import BASIC_EMOTIONS, EMOTIONS, EXTENDED_EMOTIONS
from ..training.calibration import Trial, cosines, draw_trials, predict
from ..training.train_connector import mini_training, train_connector
from ..training.clip_features import ClipFeatures, WorldFeatures, WorldSpec, load_all
from ..training.pairs import FeatureBank

SETTINGS = {
    "recon": {"lambda_contrast": 0.0, "lambda_direction": 0.0},
    "recon + contrastive": {"lambda_direction": 0.0},
    "recon + contrastive + direction": {},
}
SEEDS = (1, 2, 3)
TRIALS_PER_EMOTION = 20
EVALUATION = WorldSpec(people=25, first=100_000, clips=2, emotions=EMOTIONS)


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


def ablate(run_dir: Path, steps: int, progress: Progress) -> dict[str, dict[str, str]]:
    """-> per setting and measure, "mean ± spread" over the seeds."""
    weights = inspect_folder(mini_folder())
    assert weights.config is not None
    network = load_speechnet(weights, read_config(weights.config))
    listener = MiniSpeechEncoder(network)
    training = load_all(WorldFeatures(WorldSpec(), listener), progress).clips
    held_out = load_all(WorldFeatures(EVALUATION, listener), progress).clips
    bank, centres = FeatureBank(training), emotion_centres(training)
    trials = draw_trials(held_out, TRIALS_PER_EMOTION)
    table: dict[str, dict[str, str]] = {}
    for name, weights_of in SETTINGS.items():
        rows = []
        for seed in SEEDS:
            config = mini_training(bank.speech_dim, seed)
            schedule = replace(config.schedule, steps=steps)
            config = replace(config, losses=replace(config.losses, **weights_of), schedule=schedule)
            place = run_dir / f"{name.replace(' + ', '-')}-{seed}"
            rows.append(measure(train_connector(bank, config, place, progress), trials, centres))
        table[name] = {
            key: f"{np.mean([r[key] for r in rows]):.3f} ± {np.std([r[key] for r in rows]):.3f}"
            for key in rows[0]
        }
    return table


def main() -> None:
    """See the module's words."""
    torch.set_num_threads(1)  # these networks are too small to share
    run_dir, steps = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    with progress_bars(quiet=not sys.stderr.isatty(), unit="steps/s") as progress:
        table = ablate(run_dir, steps, progress)
    text = json.dumps({"steps": steps, "seeds": len(SEEDS), **table}, indent=1, ensure_ascii=False)
    with atomic_path(run_dir / "ablation.json", overwrite=True) as part:
        part.write_text(text + "\n", "utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()

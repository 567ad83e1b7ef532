"""The named emotions that ship with the mini model: what its ear makes of many voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...emotion.named import SUFFIX
from ...emotion.presets import Preset, preset_of, write_preset
from ...emotion.speech.encoder import SpeechEncoder
from ...options import Progress, no_progress
from ...weights.folder import EMOTIONS_FOLDER
from ..avatar.clip import make_clip
from ..avatar.emotions import EMOTIONS
from ..seeds import TRAINING_SEEDS

VOICES = 32
SECONDS = 3.0
STRONGEST = 3


def world_presets(
    ear: SpeechEncoder, voices: int = VOICES, progress: Progress = no_progress
) -> list[Preset]:
    """Every emotion of the avatar world, spoken by the first training voices."""
    presets = []
    for done, emotion in enumerate(EMOTIONS, start=1):
        features = [ear.feature(_voice(emotion, seed)) for seed in TRAINING_SEEDS[:voices]]
        about = f"{voices} synthesised voices"
        presets.append(preset_of(emotion, np.stack(features), ear.name, about))
        progress("emotions", done, len(EMOTIONS))
    return presets


def _voice(emotion: str, seed: int) -> np.ndarray:
    clip = make_clip(
        identity_seed=0,
        voice_seed=seed,
        emotion=emotion,
        level=STRONGEST,
        seconds=SECONDS,
        seed=seed,
    )
    return clip.wave


def export_presets(out_dir: Path, presets: list[Preset]) -> None:
    """Write them where a model folder has them."""
    for preset in presets:
        path = out_dir / EMOTIONS_FOLDER / f"{preset.name}{SUFFIX}"
        write_preset(preset, path, overwrite=True)

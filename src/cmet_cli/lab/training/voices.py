"""Emotional speech of the avatar world, synthesised once: mel frames and what made the sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...media.mel import CLIP, RANGE_DB, mel_spectrogram
from ...options import Progress, no_progress
from ..avatar.clip import make_clip
from ..avatar.emotions import EMOTIONS, LEVELS
from .made_once import Recipe

MEL_PER_DB = 2 * CLIP / RANGE_DB  # a gain only shifts a log-mel picture


@dataclass(frozen=True)
class VoicesConfig:
    """How much is said: ``clips`` clips by ``voices`` voices, emotions and levels in turn."""

    clips: int = 1500
    seconds: float = 4.0
    voices: int = 500
    first_voice: int = 0
    seed: int = 0
    workers: int = 2


@dataclass(frozen=True, eq=False)
class Speech:
    """mel: float16 ``[n, 80, T]`` of the sound as it is; lips: float32 ``[n, frames, 3]`` at 25 Hz;
    emotion, voice: int64 ``[n]``; level: int64 ``[n]``, 1 to 3."""

    mel: np.ndarray
    lips: np.ndarray
    emotion: np.ndarray
    voice: np.ndarray
    level: np.ndarray


def speech_recipe(config: VoicesConfig) -> Recipe[Speech]:
    return Recipe(Speech, config, _clip, config.clips, "voices")


def load_speech(config: VoicesConfig, folder: Path, progress: Progress = no_progress) -> Speech:
    """The speech of a configuration: from ``folder``, or synthesised now and kept there."""
    return speech_recipe(config).load(folder, progress)


def synthesise(config: VoicesConfig, progress: Progress = no_progress) -> Speech:
    """Every clip."""
    return speech_recipe(config).make(progress)


def _clip(job: tuple[VoicesConfig, int]) -> tuple[np.ndarray, ...]:
    config, i = job
    emotion = i % len(EMOTIONS)
    level = LEVELS[(i // len(EMOTIONS)) % len(LEVELS)]
    rng = np.random.default_rng([config.seed, i])
    voice = config.first_voice + int(rng.integers(config.voices))
    clip = make_clip(
        identity_seed=0,
        voice_seed=voice,
        emotion=EMOTIONS[emotion],
        level=level,
        seconds=config.seconds,
        seed=int(rng.integers(1 << 31)),
    )
    mel = mel_spectrogram(torch.from_numpy(clip.wave)).numpy().astype(np.float16)
    return mel, clip.lips, np.int64(emotion), np.int64(voice), np.int64(level)

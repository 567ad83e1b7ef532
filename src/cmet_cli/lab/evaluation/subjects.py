"""Who is edited, and whose voices ask for it: seeds that no training and no calibration uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..avatar.clip import AvatarClip, make_clip
from ..avatar.emotions import sample_expression

FIRST_SEED = 100_000  # below it: training (0 ...) and calibration (90,000 ...)
VIDEO_S = 1.6
SPEECH_S = 3.0


@dataclass(frozen=True, eq=False)
class Subject:
    """A neutral talking clip with its drawn frames uint8 ``[n, S, S, 3]``."""

    seed: int
    clip: AvatarClip
    frames: np.ndarray

    def true_clip(self, emotion: str) -> AvatarClip:
        """The same clip as if it had been shown with an emotion: the drawing to compare with."""
        rng = np.random.default_rng([self.seed, 77])
        track = sample_expression(emotion, 3, len(self.clip), float(self.clip.fps), rng)
        return self.clip.with_expression(track)


def make_subject(index: int, size_px: int, seconds: float = VIDEO_S) -> Subject:
    """The ``index``-th person of the evaluation."""
    seed = FIRST_SEED + index
    clip = make_clip(
        identity_seed=seed, voice_seed=seed, emotion="neutral", level=1, seconds=seconds, seed=seed
    )
    return Subject(seed, clip, draw_frames(clip, size_px))


def draw_frames(clip: AvatarClip, size_px: int, every: int = 1) -> np.ndarray:
    """uint8 ``[n, S, S, 3]``."""
    return np.stack([clip.frame(i, size_px) for i in range(0, len(clip), every)])


def emotional_speech(emotion: str, index: int, level: int = 3) -> np.ndarray:
    """One clip of a voice that is not the subject's. float32 ``[n]`` at 16 kHz."""
    seed = FIRST_SEED + 5000 + index
    clip = make_clip(
        identity_seed=seed, voice_seed=seed, emotion=emotion, level=level, seconds=SPEECH_S,
        seed=seed,
    )  # fmt: skip
    return clip.wave

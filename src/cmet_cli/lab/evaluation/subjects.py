"""Who is edited, and whose voices ask for it: files of people that nothing was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..avatar.clip import AvatarClip, make_clip
from ..avatar.clip_writer import Scene, write_clip
from ..avatar.emotions import sample_expression
from ..seeds import EVALUATION_SEEDS

FIRST_SEED = EVALUATION_SEEDS[0]
FIRST_VOICE = FIRST_SEED + 5000  # voices that ask are other people's
VIDEO_S = 1.6
SPEECH_S = 3.0
PICTURE_PX = 256
LOSSLESS_CRF = 0


@dataclass(frozen=True, eq=False)
class Person:
    """A neutral talking clip, with all that is known of it."""

    seed: int
    clip: AvatarClip

    def true_clip(self, emotion: str) -> AvatarClip:
        """The same clip as if it had been shown with an emotion: the drawing to compare with."""
        rng = np.random.default_rng([self.seed, 77])
        track = sample_expression(emotion, 3, len(self.clip), float(self.clip.fps), rng)
        return self.clip.with_expression(track)


@dataclass(frozen=True, eq=False)
class Subject(Person):
    """A person to edit. video: the file, with sound."""

    video: Path


def neutral_clip(seed: int, seconds: float) -> AvatarClip:
    return make_clip(
        identity_seed=seed, voice_seed=seed, emotion="neutral", level=1, seconds=seconds, seed=seed
    )


def write_portrait(clip: AvatarClip, video: Path) -> None:
    """A 256x256 portrait with its sound, lossless but for the halved colour planes."""
    write_clip(clip, video, scene=Scene.square(PICTURE_PX), crf=LOSSLESS_CRF, overwrite=True)


def write_subject(index: int, folder: Path, seconds: float = VIDEO_S) -> Subject:
    """The ``index``-th person of the evaluation, as a file in ``folder``."""
    seed = FIRST_SEED + index
    clip, video = neutral_clip(seed, seconds), folder / f"person-{index}.mkv"
    write_portrait(clip, video)
    return Subject(seed, clip, video)


def write_speech(emotion: str, index: int, folder: Path) -> Path:
    """One WAV of somebody else who speaks with an emotion; made once."""
    path = folder / f"voice-{index}-{emotion}.wav"
    if not path.is_file():
        seed = FIRST_VOICE + index
        clip = make_clip(
            identity_seed=seed,
            voice_seed=seed,
            emotion=emotion,
            level=3,
            seconds=SPEECH_S,
            seed=seed,
        )
        write_clip(clip, path)
    return path

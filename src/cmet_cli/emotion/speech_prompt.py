"""Asking by speech: recordings in, the difference of their features out.

C-MET describes an emotion as a difference (CVPR 2026, "Formulate semantic vectors"): the target
speech feature minus the feature of the input speech.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MediaError, UsageError
from ..media.probe import VideoInfo
from ..options import Progress
from .speech.clips import EMOTION_AUDIO, expand_clips, mean_feature
from .speech.encoder import SpeechEncoder

#: A path or several.
Clips = Path | str | Iterable[Path | str]


@dataclass(frozen=True)
class SpeechPrompt:
    """The emotion to put on (``target``) and, if given, the speech it starts from (``neutral``).

    Each is recordings, folders of recordings, or saved ``.npy`` utterance features; several are
    averaged.
    """

    target: tuple[Path, ...]
    neutral: tuple[Path, ...] = ()

    @classmethod
    def of(cls, target: Clips, neutral: Clips = ()) -> SpeechPrompt:
        """Accept one path or several, as ``Path`` or ``str``. Raises :class:`UsageError` for
        anything else."""
        return cls(_paths(target), _paths(neutral))

    def target_clips(self) -> list[Path]:
        return expand_clips(self.target, EMOTION_AUDIO)

    def neutral_clips(self) -> list[Path]:
        return expand_clips(self.neutral, "neutral audio") if self.neutral else []


@dataclass(frozen=True, eq=False)
class SemanticVector:
    """An emotion as a difference of speech features, float32 ``[speech_dim]`` each.

    target: of the wanted emotion's speech; start: of the speech it is compared with; neutral_from:
    where that came from.
    """

    target: np.ndarray
    start: np.ndarray
    neutral_from: str

    @property
    def vector(self) -> np.ndarray:
        return self.target - self.start


@dataclass(frozen=True)
class Neutral:
    """What the target is compared with: clips or features, and their name for people."""

    clips: Sequence[Path]
    origin: str


def _paths(value: Clips) -> tuple[Path, ...]:
    if isinstance(value, str | Path):
        return (Path(value),)
    try:
        return tuple(Path(v) for v in value)
    except TypeError:
        raise UsageError(
            f"recordings are a path or several, and not {value!r}"[:200],
            "an emotion of your own has delta(codes, timeline)",
        ) from None


def choose_neutral(prompt: SpeechPrompt, video: VideoInfo, presets: Sequence[Path]) -> Neutral:
    """The input side, in this order: the prompt's own neutral clips; the published neutral presets;
    the video's own speech. Raises :class:`UsageError` where there is none."""
    clips = prompt.neutral_clips()
    if clips:
        return Neutral(clips, f"neutral audio ({len(clips)} clip{'s' if len(clips) > 1 else ''})")
    if presets:
        return Neutral(presets, f"the published neutral presets ({len(presets)})")
    if video.audio_streams:
        return Neutral([video.path], "the video's own speech")
    raise UsageError(
        f"{video.path} has no sound to compare the emotion with",
        "give neutral speech of the same kind of voice with --neutral-audio, or ask by name",
    )


def neutral_feature(encoder: SpeechEncoder, neutral: Neutral, progress: Progress) -> np.ndarray:
    """The mean feature of what the target is compared with. Raises :class:`MediaError`."""
    try:
        return mean_feature(encoder, neutral.clips, "neutral speech", progress)
    except MediaError as error:
        if neutral.origin != "the video's own speech":
            raise
        raise MediaError(
            f"the video's own speech cannot be used: {error.message}", "give --neutral-audio"
        ) from error

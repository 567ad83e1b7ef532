"""What emotion is asked for: speech in, semantic vector out.

C-MET describes an emotion as a difference (CVPR 2026, "Formulate semantic vectors"): the target
speech feature minus the feature of the input speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MediaError, UsageError
from ..media.probe import VideoInfo
from ..options import Progress
from .speech.clips import expand_clips, mean_feature
from .speech.encoder import SpeechEncoder

Clips = Path | str | Sequence[Path | str]


@dataclass(frozen=True)
class EmotionPrompt:
    """The emotion to put on (``target``) and, if given, the speech it starts from (``neutral``).

    Each is recordings, folders of recordings, or saved ``.npy`` utterance features; several are
    averaged.
    """

    target: tuple[Path, ...]
    neutral: tuple[Path, ...] = ()

    @classmethod
    def of(cls, target: Clips, neutral: Clips = ()) -> EmotionPrompt:
        """Accept one path or several, as ``Path`` or ``str``."""
        return cls(_paths(target), _paths(neutral))

    def target_clips(self) -> list[Path]:
        return expand_clips(self.target, "emotion audio")

    def neutral_clips(self) -> list[Path]:
        return expand_clips(self.neutral, "neutral audio") if self.neutral else []


@dataclass(frozen=True)
class SemanticVector:
    """Speech semantic vector float32 ``[speech_dim]``, and where its neutral side came from."""

    vector: np.ndarray
    neutral_from: str


def _paths(value: Clips) -> tuple[Path, ...]:
    if isinstance(value, str | Path):
        return (Path(value),)
    return tuple(Path(v) for v in value)


def semantic_vector(
    prompt: EmotionPrompt,
    encoder: SpeechEncoder,
    video: VideoInfo,
    presets: Sequence[Path],
    progress: Progress,
) -> SemanticVector:
    """Target mean minus input mean.

    The input side is, in this order: the prompt's own neutral clips; the published neutral presets;
    the video's own speech. Raises :class:`UsageError` or :class:`MediaError`.
    """
    target = mean_feature(encoder, prompt.target_clips(), "emotion speech", progress)
    clips = prompt.neutral_clips()
    if clips:
        source = f"neutral audio ({len(clips)} clip{'s' if len(clips) > 1 else ''})"
    elif presets:
        clips, source = list(presets), f"the published neutral presets ({len(presets)})"
    elif video.audio_streams:
        clips, source = [video.path], "the video's own speech"
    else:
        raise UsageError(
            f"{video.path} has no sound to compare the emotion with",
            "give neutral speech of the same kind of voice with --neutral-audio",
        )
    try:
        neutral = mean_feature(encoder, clips, "neutral speech", progress)
    except MediaError as error:
        if clips != [video.path]:
            raise
        raise MediaError(
            f"the video's own speech cannot be used: {error.message}", "give --neutral-audio"
        ) from error
    return SemanticVector(target - neutral, source)

"""What the connector learns from: expression codes and a speech feature per clip.

One interface, two sources: features cached on disk (:mod:`.mead`) and the avatar world.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...emotion.speech.encoder import SpeechEncoder
from ...errors import MediaError, UsageError
from ...options import Progress, no_progress
from ..avatar.clip import AvatarClip
from ..avatar.dataset import world_clip
from ..avatar.emotions import BASIC_EMOTIONS, EMOTIONS
from ..layout import ClipKey, emotion_levels
from .code_space import code_space, fold_blink


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """One clip: codes float32 ``[n, 10]`` at 25 Hz, speech float32 ``[D]``, and whose they are."""

    key: ClipKey
    codes: np.ndarray
    speech: np.ndarray
    model: str = ""


class FeatureSource(Protocol):
    """Clips that can be named first and loaded one by one."""

    def keys(self) -> Sequence[ClipKey]: ...

    def load(self, key: ClipKey) -> ClipFeatures:
        """Raises :class:`MediaError` for a clip that cannot be used."""
        ...


@dataclass(frozen=True)
class Loaded:
    """Everything a source could give, and one line for each clip that it could not."""

    clips: tuple[ClipFeatures, ...]
    skipped: tuple[str, ...] = ()


def load_all(source: FeatureSource, progress: Progress = no_progress) -> Loaded:
    """Every clip of a source into memory (MEAD's 13,000 take about 110 MB).

    A clip that cannot be read is skipped and named. Raises :class:`UsageError` if none is left, or
    if features of different networks are mixed.
    """
    clips, skipped, keys = [], [], source.keys()
    for done, key in enumerate(keys, start=1):
        try:
            clips.append(source.load(key))
        except MediaError as error:
            skipped.append(str(error))
        progress("features", done, len(keys))
    if not clips:
        raise UsageError(f"none of {len(keys)} clips could be read; the first: {skipped[0]}")
    kinds = {(clip.model, clip.speech.shape) for clip in clips}
    if len(kinds) > 1:
        listed = ", ".join(sorted(f"'{model}' {list(shape)}" for model, shape in kinds))
        raise UsageError(
            f"features of different networks are mixed: {listed}",
            "make all of them with one `cmet extract --overwrite`",
        )
    return Loaded(tuple(clips), tuple(skipped))


@dataclass(frozen=True)
class WorldSpec:
    """Which part of the avatar world.

    people: how many, each with a voice of their own; first: seed of the first; clips: showings per
    person, emotion and level.
    """

    people: int = 60
    first: int = 0
    clips: int = 4
    seconds: float = 3.0
    emotions: tuple[str, ...] = BASIC_EMOTIONS

    def __post_init__(self) -> None:
        if self.people < 1 or self.clips < 1 or self.first < 0:
            raise UsageError("the world needs at least one person and one clip")
        unknown = set(self.emotions) - set(EMOTIONS)
        if unknown:
            raise UsageError(
                f"no emotion is called {', '.join(sorted(unknown))}",
                f"there are {', '.join(EMOTIONS)}",
            )


#: From a clip to its expression codes, float32 ``[n, 10]``.
CodeFunction = Callable[[AvatarClip], np.ndarray]


def known_codes(clip: AvatarClip) -> np.ndarray:
    """A clip's expression codes by the mini's code map, blinks included. float32 ``[n, 10]``."""
    return code_space().encode_expression(fold_blink(clip.expression, clip.blink))


class WorldFeatures:
    """The avatar world as a :class:`FeatureSource`; every clip is made when it is asked for.

    codes: known parameters through the mini's code map, or drawn frames through its encoder.
    """

    def __init__(
        self, spec: WorldSpec, speech: SpeechEncoder, codes: CodeFunction = known_codes
    ) -> None:
        self.spec, self._codes, self._speech = spec, codes, speech

    def keys(self) -> tuple[ClipKey, ...]:
        spec = self.spec
        return tuple(
            ClipKey(str(person), emotion, level, number)
            for person in range(spec.first, spec.first + spec.people)
            for emotion in spec.emotions
            for level in emotion_levels(emotion)
            for number in range(1, spec.clips + 1)
        )

    def load(self, key: ClipKey) -> ClipFeatures:
        clip = world_clip(key, self.spec.seconds)
        return ClipFeatures(key, self._codes(clip), self._speech.feature(clip.wave), "world")

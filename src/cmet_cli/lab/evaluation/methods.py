"""Our way of asking for an emotion, and those that the paper sets itself against.

Each is a recording or an :class:`EmotionSource` of the lab's own, given to the same editor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from ...editor import Emotion
from ...emotion.source import SpeechEmotion
from ...emotion.speech.clips import clip_feature
from ...media.clock import Timeline
from ..avatar.clip import AvatarClip
from ..avatar.emotions import EMOTIONS
from ..seeds import TRAINING_SEEDS
from ..training.extract_features import ExpressionCoder
from .bench import Bench
from .subjects import FIRST_SEED, Person, neutral_clip, write_portrait, write_speech

Method = Literal["difference", "target only", "label mean", "reference picture"]
METHODS: tuple[Method, ...] = get_args(Method)
LABEL_PEOPLE = 12
LABEL_S = 0.4
REFERENCE_S = 0.04  # one frame
REFERENCE_SHIFT = 37  # the reference picture is of somebody else


@dataclass(frozen=True)
class ConstantChange:
    """The same change for every face and frame: float32 ``[D]``."""

    change: np.ndarray

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        return np.broadcast_to(self.change, codes.shape).astype(np.float32)


@dataclass(frozen=True)
class OthersExpression:
    """Somebody else's expression codes put in the place of the face's own (EDTalk's way)."""

    codes: np.ndarray

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        return (self.codes - codes).astype(np.float32)


class Asking:
    """What the editor is given, by method and emotion."""

    def __init__(self, bench: Bench, label_people: int = LABEL_PEOPLE) -> None:
        """label_people: how many are drawn for the mean change of a label."""
        self._bench, self._label_people = bench, label_people
        self._coder = ExpressionCoder(bench.editor.backend, "none")  # pictures that are crops

    def emotion(self, method: Method, emotion: str, index: int) -> Emotion:
        """index: of the subject; voices and pictures that ask are other people's."""
        if method == "label mean":
            return ConstantChange(self._label_means[emotion])
        if method == "reference picture":
            return OthersExpression(self._read_other(emotion, index))
        voice = write_speech(emotion, index, self._bench.folder)
        if method == "difference":
            return voice
        feature = clip_feature(self._bench.editor.speech_encoder, voice)
        return SpeechEmotion(self._bench.editor.model.connector, feature)

    def _read_other(self, emotion: str, index: int) -> np.ndarray:
        """Expression codes of somebody else's picture, read as an edit reads them. ``[D]``."""
        seed = FIRST_SEED + index + REFERENCE_SHIFT
        clip = Person(seed, neutral_clip(seed, REFERENCE_S)).true_clip(emotion)
        video = self._bench.folder / "reference.mkv"
        write_portrait(clip, video)
        return self._coder(video)[0]

    @cached_property
    def _label_means(self) -> dict[str, np.ndarray]:
        """Mean code change per emotion over people of the training seeds, ``[D]`` each."""
        changes: dict[str, list[np.ndarray]] = {emotion: [] for emotion in EMOTIONS}
        for seed in TRAINING_SEEDS[: self._label_people]:
            person = Person(seed, neutral_clip(seed, LABEL_S))
            frames = range(len(person.clip))
            neutral = self._expression(person.clip, frames).mean(0)
            for emotion in EMOTIONS:
                shown = self._expression(person.true_clip(emotion), frames[::3])
                changes[emotion].append(shown.mean(0) - neutral)
        return {emotion: np.mean(rows, axis=0) for emotion, rows in changes.items()}

    def _expression(self, clip: AvatarClip, frames: range) -> np.ndarray:
        """Expression codes read off drawings, float32 ``[len(frames), D]``."""
        codes = self._bench.encode(self._bench.drawn(clip, frames))
        return codes[:, self._bench.editor.backend.layout.expression_slice]

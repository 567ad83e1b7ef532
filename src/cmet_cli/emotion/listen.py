"""From speech to an emotion for a face: through a model's connector, or by way of names."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ..backends.base import SpeechConnector
from ..cache import FeatureStore
from ..errors import UsageError
from ..media.probe import VideoInfo
from ..options import Progress
from ..weights.folder import Weights
from .following import VaryingMixture, VaryingSpeech, hear_over_time
from .hearing import NOTHING_HEARD, Heard, hear
from .named import NEUTRAL
from .presets import Presets
from .source import EmotionSource, Mixture, SpeechEmotion
from .speech.clips import mean_feature
from .speech.encoder import EMOTION2VEC, CachingEncoder, SpeechEncoder
from .speech_prompt import SemanticVector, SpeechPrompt, choose_neutral, neutral_feature

#: Names whose share of what was heard is smaller take no part in a mixture.
LEAST_SHARE = 0.02
UNLIKE = (
    "what was heard is a guess: the speech encoder that ships learned from synthesised voices and "
    "is near chance on real ones; ask by name (--emotion happy), or get one that knows people with "
    "`cmet download-weights --only emotion2vec`"
)


@dataclass(frozen=True)
class Asked:
    """The emotion of an edit; with what its speech was compared, what was heard, and by whom."""

    source: EmotionSource
    neutral_from: str = ""
    heard: Heard = NOTHING_HEARD
    warnings: tuple[str, ...] = ()


class Ear:
    """A speech encoder, loaded when speech is first heard, and the emotions it knows by name."""

    def __init__(
        self,
        open_encoder: Callable[[], SpeechEncoder],
        presets: Presets,
        weights: Weights,
        remembers: bool = False,
    ) -> None:
        """remembers: what a slow encoder heard is kept for later runs."""
        self._open, self.presets, self._weights = open_encoder, presets, weights
        self._remembers = remembers

    @cached_property
    def encoder(self) -> SpeechEncoder:
        """Hears every recording once. Raises :class:`WeightsError`."""
        encoder = self._open()
        store = None
        if self._remembers and (version := getattr(encoder, "version", "")):
            store = FeatureStore(f"{encoder.name} {version}", encoder.dim)
        return CachingEncoder(encoder, store)

    def semantic_vector(
        self, prompt: SpeechPrompt, info: VideoInfo, progress: Progress
    ) -> SemanticVector:
        """What the speech asks for. Raises :class:`UsageError` or :class:`MediaError`.

        A video without sound is compared with the model's own idea of neutral, if it has one.
        """
        target = mean_feature(self.encoder, prompt.target_clips(), "emotion speech", progress)
        return SemanticVector(target, *self.start(prompt, info, progress))

    def start(
        self, prompt: SpeechPrompt, info: VideoInfo, progress: Progress
    ) -> tuple[np.ndarray, str]:
        """The feature that speech is compared with, and where it came from."""
        published = self._weights.neutral_presets if self.presets.encoder == EMOTION2VEC else ()
        mine = self.presets.by_name.get(NEUTRAL)
        if mine is None or prompt.neutral or published or info.audio_streams:
            neutral = choose_neutral(prompt, info, published)
            return neutral_feature(self.encoder, neutral, progress), neutral.origin
        return mine.preset.mean, "the model's own idea of neutral"

    def heard(self, vector: SemanticVector) -> Heard:
        return hear(vector.vector, vector.target, self.presets)


class Listener(Protocol):
    """Turns speech into an emotion."""

    @property
    def ear(self) -> Ear: ...

    def listen(self, prompt: SpeechPrompt, info: VideoInfo, progress: Progress) -> Asked: ...

    def follow(
        self, speech: Path, prompt: SpeechPrompt, info: VideoInfo, progress: Progress
    ) -> Asked:
        """The emotion as a recording has it over time; of the prompt only its neutral side."""
        ...

    def shown(self, name: str) -> EmotionSource:
        """The emotion of one of the ear's own presets. Raises :class:`UsageError`."""
        ...


@dataclass(frozen=True, eq=False)
class ConnectorListener:
    """The paper's way: the difference of speech features through the model's connector."""

    ear: Ear
    connector: SpeechConnector
    own_ear: bool = False

    def listen(self, prompt: SpeechPrompt, info: VideoInfo, progress: Progress) -> Asked:
        vector = self.ear.semantic_vector(prompt, info, progress)
        heard = self.ear.heard(vector)
        source = SpeechEmotion(self.connector, vector.vector)
        return Asked(source, vector.neutral_from, heard, self._doubts(heard))

    def _doubts(self, heard: Heard) -> tuple[str, ...]:
        return (UNLIKE,) if self.own_ear and not heard.sure else ()

    def follow(
        self, speech: Path, prompt: SpeechPrompt, info: VideoInfo, progress: Progress
    ) -> Asked:
        heard = hear_over_time(speech, self.ear.encoder, progress)
        start, origin = self.ear.start(prompt, info, progress)
        vectors = np.where(heard.voiced[:, None], heard.features - start, 0).astype(np.float32)
        mean = SemanticVector(heard.features[heard.voiced].mean(0), start, origin)
        whole = self.ear.heard(mean)
        source = VaryingSpeech(self.connector, heard.times_s, vectors)
        return Asked(source, origin, whole, self._doubts(whole))

    def shown(self, name: str) -> EmotionSource:
        return SpeechEmotion(self.connector, self.ear.presets.direction(name))


@dataclass(frozen=True, eq=False)
class NamingListener:
    """For a speech encoder that no connector was trained for: what it hears becomes a mixture of
    named emotions, and the names drive the face.

    named: the emotion of a name that the model knows; names: which those are.
    """

    ear: Ear
    named: Callable[[str], EmotionSource]
    names: Collection[str]

    def listen(self, prompt: SpeechPrompt, info: VideoInfo, progress: Progress) -> Asked:
        vector = self.ear.semantic_vector(prompt, info, progress)
        heard = hear(vector.vector, vector.target, self.ear.presets, self.names)
        return Asked(self._mixture(heard), vector.neutral_from, heard)

    def follow(
        self, speech: Path, prompt: SpeechPrompt, info: VideoInfo, progress: Progress
    ) -> Asked:
        over_time = hear_over_time(speech, self.ear.encoder, progress)
        start, origin = self.ear.start(prompt, info, progress)
        names = tuple(sorted(self.names))
        shares = np.zeros((len(over_time.times_s), len(names)), np.float32)
        for k in np.flatnonzero(over_time.voiced):
            feature = over_time.features[k]
            found = dict(hear(feature - start, feature, self.ear.presets, names).shares)
            shares[k] = [found.get(name, 0.0) for name in names]
        source = VaryingMixture(names, self.named, over_time.times_s, shares)
        feature = over_time.features[over_time.voiced].mean(0)
        heard = hear(feature - start, feature, self.ear.presets, names)
        return Asked(source, origin, heard)

    def shown(self, name: str) -> EmotionSource:
        presets = self.ear.presets
        mean = presets.by_name[name].preset.mean
        return self._mixture(hear(presets.direction(name), mean, presets, self.names))

    def _mixture(self, heard: Heard) -> EmotionSource:
        terms = [(share, self.named(name)) for name, share in heard.shares if share > LEAST_SHARE]
        if not terms:
            raise UsageError(
                "what was heard has no name that this model can show",
                "get the published emotions with `cmet download-weights --only presets`",
            )
        return Mixture(terms)

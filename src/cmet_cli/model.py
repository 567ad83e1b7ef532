"""What an edit runs with: the networks, and what was found beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .backends.base import Backend, LabelledBackend, SpeechConnector
from .backends.loader import check_runtime, load_backend, settle
from .emotion.listen import ConnectorListener, Ear, Listener, NamingListener
from .emotion.named import parse_mixture
from .emotion.presets import presets_for
from .emotion.source import EmotionSource, Mixture, SpeechEmotion
from .emotion.speech.choose import encoder_name, load_emotion2vec, load_speech_encoder
from .emotion.speech.encoder import EMOTION2VEC, SpeechEncoder
from .errors import UsageError
from .options import ModelChoice, ModelOptions, RuntimeOptions
from .pipeline.reference import OthersExpression
from .weights.folder import Weights, find_weights


@dataclass
class Model:
    """backend and connector are loaded; speech encoders are when speech is first heard.

    open_speech_encoder: the encoder that the connector was trained for; open_ear: emotion2vec+,
    where the model's own encoder is a small one and that was found too; remembers: whether what
    is heard is kept for later runs.
    """

    backend: Backend
    connector: SpeechConnector
    weights: Weights
    open_speech_encoder: Callable[[], SpeechEncoder]
    open_ear: Callable[[], SpeechEncoder] | None = None
    remembers: bool = False

    @cached_property
    def ear(self) -> Ear:
        """The connector's own: what names mean, they mean in its features."""
        presets = presets_for(self.weights, encoder_name(self.weights))
        return Ear(self.open_speech_encoder, presets, self.weights, self.remembers)

    @property
    def speech_encoder(self) -> SpeechEncoder:
        """Hears every recording once. Raises :class:`WeightsError`."""
        return self.ear.encoder

    @cached_property
    def listener(self) -> Listener:
        """Who turns speech into an emotion for this model."""
        if self.open_ear is None:
            return ConnectorListener(self.ear, self.connector, self.weights.own_ear)
        presets = presets_for(self.weights, EMOTION2VEC)
        names = set(presets.names) & set(self.ear.presets.names)
        ear = Ear(self.open_ear, presets, self.weights, self.remembers)
        return NamingListener(ear, self.named, names)

    def named(self, name: str) -> EmotionSource:
        """The emotion of a name. Raises :class:`UsageError` where none has it.

        ``edtalk:happy`` and the like are the renderer's own labels: codes that are put in the place
        of the face's.
        """
        if ":" in name:
            return self._labelled(name)
        heard = self.listener.ear.presets
        mine = heard.by_name.get(name)
        if heard is not self.ear.presets and mine is not None and mine.origin == "yours":
            return self.listener.shown(name)
        return SpeechEmotion(self.connector, self.ear.presets.direction(name))

    def _labelled(self, name: str) -> EmotionSource:
        owner, _, label = name.partition(":")
        labels = self.backend.labels if isinstance(self.backend, LabelledBackend) else {}
        if not labels or owner != self.backend.labels_name:  # type: ignore[attr-defined]
            raise UsageError(
                f"model {self.backend.name} has no labels called '{owner}:'",
                "they come with the published networks",
            )
        if label not in labels:
            raise UsageError(f"no label '{label}'", f"there are {', '.join(sorted(labels))}")
        return OthersExpression(np.zeros(1), labels[label][None])

    def mixture(self, text: str) -> EmotionSource:
        """``0.6 happy + 0.4 sarcastic``. Raises :class:`UsageError`."""
        return Mixture([(term.weight, self.named(term.name)) for term in parse_mixture(text)])


def load_model(
    weights_dir: Path | None = None,
    choice: ModelChoice = "auto",
    runtime: RuntimeOptions | None = None,
) -> Model:
    """Find the weights, load the networks. Raises :class:`WeightsError`, :class:`DeviceError`, and
    :class:`UsageError` for a model that there is not."""
    ModelOptions(choice, weights_dir)
    runtime = runtime or RuntimeOptions()
    check_runtime(runtime)
    weights = find_weights(weights_dir, choice)
    compute = settle(weights, runtime)
    backend, connector = load_backend(weights, compute)
    device, ear = compute.device, weights.ear
    return Model(
        backend,
        connector,
        weights,
        lambda: load_speech_encoder(weights, device),
        None if ear is None else lambda: load_emotion2vec(ear, device),
        runtime.cache,
    )

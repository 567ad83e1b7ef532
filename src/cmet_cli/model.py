"""What an edit runs with: the networks, and what was found beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .backends.base import Backend, SpeechConnector
from .backends.devices import resolve
from .backends.loader import load_backend
from .emotion.speech.choose import load_speech_encoder
from .emotion.speech.encoder import CachingEncoder, SpeechEncoder
from .options import ModelChoice, RuntimeOptions
from .weights.folder import Weights, find_weights


@dataclass
class Model:
    """backend and connector are loaded; the speech encoder is when speech is first heard."""

    backend: Backend
    connector: SpeechConnector
    weights: Weights
    open_speech_encoder: Callable[[], SpeechEncoder]

    @cached_property
    def speech_encoder(self) -> SpeechEncoder:
        """Hears every recording once. Raises :class:`WeightsError`."""
        return CachingEncoder(self.open_speech_encoder())


def load_model(
    weights_dir: Path | None = None,
    choice: ModelChoice = "auto",
    runtime: RuntimeOptions | None = None,
) -> Model:
    """Find the weights, load the networks. Raises :class:`WeightsError`, :class:`DeviceError`."""
    compute = resolve(runtime or RuntimeOptions())
    weights = find_weights(weights_dir, choice)
    backend, connector = load_backend(weights, compute)
    device = compute.device
    return Model(backend, connector, weights, lambda: load_speech_encoder(weights, device))

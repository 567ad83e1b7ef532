"""What every way of asking for an emotion comes down to: a change of expression codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ..backends.base import SpeechConnector
from ..media.clock import Timeline


@runtime_checkable
class EmotionSource(Protocol):
    """An emotion as a difference, for any face. A new kind of prompt is a new class of this."""

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        """Change of expression at intensity 1, float32 ``[n, D]``.

        codes: the face's own expression codes ``[n, D]``, one per frame of the timeline.
        """
        ...


class NoChange:
    """Nothing is asked for."""

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        return np.zeros_like(codes)


@dataclass(frozen=True)
class SpeechEmotion:
    """Speech through the connector (C-MET, CVPR 2026).

    vector: the semantic vector, target minus input speech feature, float32 ``[speech_dim]``; or
    ``[n, speech_dim]``, one per frame of the timeline, where the emotion changes with time.
    """

    connector: SpeechConnector
    vector: np.ndarray

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        vector = self.vector if self.vector.ndim == 1 else timeline.to_grid(self.vector)
        change = self.connector.predict(timeline.to_grid(codes), vector)
        return timeline.from_grid(change) * self.connector.gain


@dataclass(frozen=True)
class Mixture:
    """A weighted sum of emotions: differences add."""

    terms: Sequence[tuple[float, EmotionSource]]

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        total = np.zeros_like(codes)
        for weight, source in self.terms:
            total += np.float32(weight) * source.delta(codes, timeline)
        return total

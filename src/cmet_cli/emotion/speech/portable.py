"""The mini model's speech encoder without torch: :mod:`.mini` as a graph."""

from __future__ import annotations

import numpy as np

from ...weights.folder import Weights
from ...weights.graphs import SPEECH, Graph


class PortableSpeechEncoder:
    """A :class:`.SpeechEncoder`, of the very features of :class:`.MiniSpeechEncoder`.

    Raises :class:`CheckpointError`.
    """

    def __init__(self, weights: Weights, dim: int, name: str) -> None:
        self._graph = Graph(weights, SPEECH)
        self.dim, self.name = dim, name

    def feature(self, wave: np.ndarray) -> np.ndarray:
        """16 kHz mono float32 ``[n]`` -> utterance feature float32 ``[dim]``."""
        return self._graph(wave)[0]

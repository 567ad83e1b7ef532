"""What a speech emotion encoder is."""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np

from ...cache import FeatureStore

EMOTION2VEC = "emotion2vec+ large"


class SpeechEncoder(Protocol):
    """Maps a voice to a vector whose differences carry emotion."""

    dim: int
    #: Features of one name can be compared; those of another are of another space.
    name: str

    def feature(self, wave: np.ndarray) -> np.ndarray:
        """16 kHz mono float32 ``[n]``, one utterance -> utterance feature float32 ``[dim]``."""
        ...


class CachingEncoder:
    """An encoder that hears a sound once, however often it comes.

    store: what was heard in earlier runs, None to know nothing of them.
    """

    def __init__(self, encoder: SpeechEncoder, store: FeatureStore | None = None) -> None:
        self._encoder, self.dim, self.name = encoder, encoder.dim, encoder.name
        self._features: dict[bytes, np.ndarray] = {}
        self._store = store

    def feature(self, wave: np.ndarray) -> np.ndarray:
        """As :meth:`SpeechEncoder.feature`."""
        key = hashlib.sha256(np.ascontiguousarray(wave).data).digest()
        if key not in self._features:
            known = None if self._store is None else self._store.get(key)
            self._features[key] = self._heard(key, wave) if known is None else known
        return self._features[key]

    def _heard(self, key: bytes, wave: np.ndarray) -> np.ndarray:
        feature = self._encoder.feature(wave)
        if self._store is not None:
            self._store.put(key, feature)
        return feature

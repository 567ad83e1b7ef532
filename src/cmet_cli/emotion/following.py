"""An emotion that changes as a recording's does: speech heard through a window that moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..backends.base import SpeechConnector
from ..errors import MediaError
from ..media.audio import SAMPLE_RATE_HZ, audio_chunks, split_stretch
from ..media.clock import Timeline, interpolate
from ..options import Progress
from .source import EmotionSource, SpeechEmotion
from .speech.encoder import SpeechEncoder
from .speech.windows import SILENCE_PEAK

#: emotion2vec's features are of utterances: shorter windows say little, longer ones blur.
WINDOW_S, STEP_S = 2.0, 0.5
_WINDOW, _STEP = (int(s * SAMPLE_RATE_HZ) for s in (WINDOW_S, STEP_S))


@dataclass(frozen=True, eq=False)
class Heard:
    """Features over time: times_s ``[k]``, the windows' middles on the recording's clock; features
    float32 ``[k, dim]``; voiced: whether anything was said there, bool ``[k]``."""

    times_s: np.ndarray
    features: np.ndarray
    voiced: np.ndarray


def hear_over_time(path: Path, encoder: SpeechEncoder, progress: Progress) -> Heard:
    """Hear a recording window by window. Raises :class:`MediaError` where nothing is said."""
    times, features, voiced = list[float](), list[np.ndarray](), list[bool]()
    for start, window in _windows(path):
        said = float(np.abs(window).max()) >= SILENCE_PEAK
        times.append(start / SAMPLE_RATE_HZ + window.size / SAMPLE_RATE_HZ / 2)
        voiced.append(said)
        features.append(encoder.feature(window) if said else np.zeros(encoder.dim, np.float32))
        progress("speech over time", len(times), None)
    if not any(voiced):
        raise MediaError(f"{path}: silent", "give a recording with a voice in it")
    return Heard(np.array(times), np.stack(features), np.array(voiced))


def _windows(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """First sample and sound of every window; a recording shorter than one is one."""
    held, start = np.zeros(0, np.float32), 0
    given = False
    file, only = split_stretch(path)
    for chunk in audio_chunks(file, "followed speech", only=only):
        held = np.concatenate([held, chunk])
        while held.size >= _WINDOW:
            yield start, held[:_WINDOW]
            held, start, given = held[_STEP:], start + _STEP, True
    if not given and held.size:
        yield start, held


@dataclass(frozen=True, eq=False)
class VaryingSpeech:
    """The paper's way with a semantic vector for each moment: vectors float32 ``[k, speech_dim]``
    at times_s ``[k]``."""

    connector: SpeechConnector
    times_s: np.ndarray
    vectors: np.ndarray

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        vectors = interpolate(timeline.times_s, self.times_s, self.vectors)
        return SpeechEmotion(self.connector, vectors).delta(codes, timeline)


@dataclass(frozen=True, eq=False)
class VaryingMixture:
    """Named emotions whose shares change: shares float32 ``[k, names]`` at times_s ``[k]``."""

    names: tuple[str, ...]
    named: Callable[[str], EmotionSource]
    times_s: np.ndarray
    shares: np.ndarray

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        shares = interpolate(timeline.times_s, self.times_s, self.shares)
        total = np.zeros_like(codes)
        for k in np.flatnonzero(self.shares.max(0) > 0):
            total += shares[:, k : k + 1] * self.named(self.names[k]).delta(codes, timeline)
        return total

"""Drawing training pairs: two emotions of one person, each side the mean of a few random clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UsageError
from .clip_features import ClipFeatures
from .code_space import EXPRESSION_DIM

NEUTRAL = "neutral"


@dataclass(frozen=True)
class SamplingConfig:
    """How the two sides of a pair are drawn; the defaults are the published ones.

    A side is a person showing an emotion. Clips are drawn without repetition while there are
    enough of them, and with it where a person has fewer than are to be averaged.
    """

    #: How many clips are averaged a side, drawn anew for each side from this range.
    visual_samples: tuple[int, int] = (10, 10)
    speech_samples: tuple[int, int] = (10, 10)
    #: Show the network one clip's own window on the input side, and let the deltas alone compare
    #: means: what a face does by itself, a blink say, then stays its own. Else it sees the mean.
    own_window: bool = False
    #: Keep to one intensity level per side, so that a louder anger means a stronger face.
    by_level: bool = False
    #: Share of pairs with neutral on one side, beyond what chance gives.
    neutral_share: float = 0.0
    #: Share of sides whose speech is another person's, as it is when somebody edits a video.
    other_voice: float = 0.0


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Pairs of an input and a target side. The window before lies ahead of each window.

    Side 0 is the input, side 1 the target: codes float32 ``[B, 2, 2T, 10]``, the means whose
    difference is to be learned; shown, the same shape, what the network is given; speech float32
    ``[B, 2, D]``; emotions int64 ``[B, 2]``, indices into the bank's emotions.
    """

    codes: Tensor
    shown: Tensor
    speech: Tensor
    emotions: Tensor

    def to(self, device: torch.device) -> PairBatch:
        parts = (self.codes, self.shown, self.speech, self.emotions)
        return PairBatch(*(part.to(device) for part in parts))


class FeatureBank:
    """All clips of a source in memory, ready to draw pairs from."""

    def __init__(self, clips: Sequence[ClipFeatures]) -> None:
        """Raises :class:`UsageError` where nobody shows two emotions."""
        self.emotions = tuple(sorted({c.key.emotion for c in clips}, key=_neutral_first))
        self.speech = np.stack([c.speech for c in clips]).astype(np.float32)  # [clips, D]
        self._lengths = np.array([len(c.codes) for c in clips])
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._codes = np.concatenate([c.codes for c in clips]).astype(np.float32)  # [frames, 10]
        # person -> emotion -> level -> clips; and the same of everybody together
        self._people: dict[str, dict[int, dict[int, list[int]]]] = {}
        self._everybody: dict[tuple[int, int], list[int]] = {}
        for i, clip in enumerate(clips):
            emotion = self.emotions.index(clip.key.emotion)
            person = self._people.setdefault(clip.key.identity, {})
            person.setdefault(emotion, {}).setdefault(clip.key.level, []).append(i)
            self._everybody.setdefault((emotion, clip.key.level), []).append(i)
        self._names = sorted(name for name, shown in self._people.items() if len(shown) > 1)
        if not self._names:
            raise UsageError("nobody in the data shows two emotions: there is nothing to learn")

    @property
    def tables(self) -> tuple[Any, ...]:
        """All that pairs are drawn from."""
        return self.emotions, self._people, self.speech, self._lengths, self._codes

    @property
    def speech_dim(self) -> int:
        return self.speech.shape[1]

    def draw(
        self, rng: np.random.Generator, batch: int, window: int, config: SamplingConfig
    ) -> PairBatch:
        """``batch`` pairs of ``2 * window`` frames; what is drawn depends on ``rng`` alone."""
        codes = np.empty((batch, 2, 2 * window, EXPRESSION_DIM), np.float32)
        shown = np.empty_like(codes)
        speech = np.empty((batch, 2, self.speech_dim), np.float32)
        emotions = np.empty((batch, 2), np.int64)
        for b in range(batch):
            person = self._people[self._names[rng.integers(len(self._names))]]
            emotions[b] = self._draw_emotions(rng, list(person), config)
            for side, emotion in enumerate(emotions[b]):
                codes[b, side], shown[b, side], speech[b, side] = self._draw_side(
                    rng, person, int(emotion), window, config
                )
        return PairBatch(*(torch.from_numpy(a) for a in (codes, shown, speech, emotions)))

    def _draw_side(
        self,
        rng: np.random.Generator,
        person: dict[int, dict[int, list[int]]],
        emotion: int,
        window: int,
        config: SamplingConfig,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One side: mean codes ``[2T, 10]``, shown codes ``[2T, 10]``, mean speech ``[D]``."""
        seen, heard = self._draw_clips(rng, person, emotion, config)
        codes = self._mean_window(rng, seen, 2 * window)
        shown = self._mean_window(rng, seen[:1], 2 * window) if config.own_window else codes
        return codes, shown, self.speech[heard].mean(axis=0)

    def _draw_emotions(
        self, rng: np.random.Generator, shown: list[int], config: SamplingConfig
    ) -> np.ndarray:
        """Two different emotions of those a person shows, int64 ``[2]``."""
        if self.emotions[0] == NEUTRAL and 0 in shown and rng.random() < config.neutral_share:
            others = [e for e in shown if e]
            pair = np.array([0, others[rng.integers(len(others))]])
            return pair[::-1] if rng.random() < 0.5 else pair
        return rng.choice(shown, 2, replace=False)

    def _draw_clips(
        self,
        rng: np.random.Generator,
        person: dict[int, dict[int, list[int]]],
        emotion: int,
        config: SamplingConfig,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Clips to average for one side: those seen and those heard, indices."""
        levels = person[emotion]
        chosen = list(levels)
        if config.by_level:
            chosen = [chosen[rng.integers(len(chosen))]]
        own = [i for level in chosen for i in levels[level]]
        heard_from = own
        if rng.random() < config.other_voice:
            heard_from = [i for level in chosen for i in self._everybody[emotion, level]]
        return (
            _some(rng, own, config.visual_samples),
            _some(rng, heard_from, config.speech_samples),
        )

    def _mean_window(self, rng: np.random.Generator, clips: np.ndarray, frames: int) -> np.ndarray:
        """Mean over clips of a random stretch of each, ``[frames, 10]``.

        A clip shorter than that is held at its last frame.
        """
        room = np.maximum(self._lengths[clips] - frames, 0)
        first = rng.integers(0, room + 1)
        offset = np.minimum(first[:, None] + np.arange(frames), self._lengths[clips, None] - 1)
        return self._codes[self._starts[clips, None] + offset].mean(axis=0)


def _neutral_first(emotion: str) -> tuple[bool, str]:
    return emotion != NEUTRAL, emotion


def _some(rng: np.random.Generator, clips: list[int], count: tuple[int, int]) -> np.ndarray:
    """A random number of clips within ``count``, without repetition if there are enough."""
    wanted = int(rng.integers(count[0], count[1] + 1))
    if wanted > len(clips):
        return np.asarray(clips)[rng.integers(len(clips), size=wanted)]
    return rng.choice(clips, wanted, replace=False)

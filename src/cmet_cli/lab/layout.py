"""MEAD's layout on disk and its published selection: ``ID/front/EMOTION/level_N/NNN.mp4|wav``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

VIEW = "front"
VIDEO_SUFFIX, SPEECH_SUFFIX = ".mp4", ".wav"
EMOTIONS = ("neutral", "angry", "contempt", "disgusted", "fear", "happy", "sad", "surprised")
LEVELS = (1, 2, 3)
TEST_IDENTITIES = ("M003", "M030", "W009", "W015")
COMMON_SENTENCES = (1, 2, 3)
MAX_SENTENCES = 999
_GENERIC = {True: range(31, 41), False: range(21, 31)}  # by "is it neutral"


@dataclass(frozen=True, order=True)
class ClipKey:
    """Which clip. Prints as its place in the layout."""

    identity: str
    emotion: str
    level: int
    sentence: int

    def __str__(self) -> str:
        return f"{self.identity}/{VIEW}/{self.emotion}/level_{self.level}/{self.sentence:03d}"


def clip_path(root: Path, key: ClipKey, suffix: str = VIDEO_SUFFIX) -> Path:
    """Where a clip, or something of it, lies under ``root``."""
    return root / f"{key}{suffix}"


def published_sentences(emotion: str) -> tuple[int, ...]:
    """Numbers of the sentences that the connector was trained on: common and generic ones."""
    return (*COMMON_SENTENCES, *_GENERIC[emotion == "neutral"])


def sentence_numbers(emotion: str, count: int) -> tuple[int, ...]:
    """``count`` sentence numbers: the published selection first, then the others in order."""
    chosen = published_sentences(emotion)
    others = (n for n in range(1, MAX_SENTENCES + 1) if n not in chosen)
    return tuple(islice(chain(chosen, others), count))


def emotion_levels(emotion: str) -> tuple[int, ...]:
    """Neutral has one level, every other emotion three."""
    return LEVELS[:1] if emotion == "neutral" else LEVELS

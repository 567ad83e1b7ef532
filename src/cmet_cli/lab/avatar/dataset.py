"""A whole data set of avatar clips in MEAD's layout: the same people, made up."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ...errors import UsageError
from ...options import Progress, no_progress
from ..layout import (
    MAX_SENTENCES,
    SPEECH_SUFFIX,
    VIDEO_SUFFIX,
    ClipKey,
    clip_path,
    emotion_levels,
    sentence_numbers,
)
from .clip import AvatarClip, make_clip
from .clip_writer import Scene, write_clip
from .emotions import BASIC_EMOTIONS, EMOTIONS


@dataclass(frozen=True)
class DatasetSpec:
    """What to write. ``clips``: per person, emotion and level; ``first``: seed of person one."""

    identities: int = 4
    clips: int = 3
    seconds: float = 3.0
    first: int = 0
    emotions: tuple[str, ...] = BASIC_EMOTIONS
    size_px: int = 256
    fps: Fraction = field(default_factory=lambda: Fraction(25))
    seed: int = 0

    def __post_init__(self) -> None:
        if self.identities < 1 or self.first < 0:
            raise UsageError("a data set needs at least one identity, and seeds from 0 up")
        if not 1 <= self.clips <= MAX_SENTENCES:
            raise UsageError(f"clips must be between 1 and {MAX_SENTENCES}, got {self.clips}")
        unknown = [e for e in self.emotions if e not in EMOTIONS]
        if unknown:
            listed = ", ".join(EMOTIONS)
            raise UsageError(f"no emotion is called {', '.join(unknown)}", f"there are {listed}")

    def keys(self) -> tuple[ClipKey, ...]:
        """Every clip, in the order of writing."""
        return tuple(
            ClipKey(str(person), emotion, level, number)
            for person in range(self.first, self.first + self.identities)
            for emotion in self.emotions
            for level in emotion_levels(emotion)
            for number in sentence_numbers(emotion, self.clips)
        )


@dataclass(frozen=True)
class DatasetReport:
    """How many clips were written, and how many were there already."""

    root: Path
    written: int
    present: int


def world_clip(
    key: ClipKey, seconds: float, fps: Fraction = Fraction(25), seed: int = 0
) -> AvatarClip:
    """The clip that a key names; words, movements and showing differ from key to key.

    The identity's name is the seed of both looks and voice.
    """
    person = int(key.identity)
    return make_clip(
        identity_seed=person,
        voice_seed=person,
        emotion=key.emotion,
        level=key.level,
        seconds=seconds,
        fps=fps,
        seed=zlib.crc32(f"{seed}:{key}".encode()),
    )


def write_dataset(
    root: Path, spec: DatasetSpec, *, overwrite: bool = False, progress: Progress = no_progress
) -> DatasetReport:
    """Write every clip as video and speech; go on where an interrupted run stopped.

    A file that exists is complete, because files appear only when they are, and is left alone
    unless ``overwrite``. Raises :class:`UsageError`, :class:`MediaError`.
    """
    if root.exists() and not root.is_dir():
        raise UsageError(f"not a folder: {root}")
    keys, scene = spec.keys(), Scene.square(spec.size_px)
    written = 0
    for done, key in enumerate(keys, start=1):
        wanted = [clip_path(root, key, suffix) for suffix in (VIDEO_SUFFIX, SPEECH_SUFFIX)]
        if not overwrite:
            wanted = [path for path in wanted if not path.is_file()]
        if wanted:
            clip = world_clip(key, spec.seconds, spec.fps, spec.seed)
            wanted[0].parent.mkdir(parents=True, exist_ok=True)
            for path in wanted:
                write_clip(clip, path, scene=scene, overwrite=overwrite)
            written += 1
        progress("clips", done, len(keys))
    return DatasetReport(root, written, len(keys) - written)

"""What a speech emotion encoder is, and features from files and folders."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ...errors import MediaError, UsageError
from ...media.audio import decode_speech
from ...options import Progress, no_progress

FEATURE_SUFFIX = ".npy"
AUDIO_SUFFIXES = frozenset(
    [".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus", ".wma", ".aiff", ".aif"]
    + [".amr", ".mp4", ".mov", ".mkv", ".webm", ".avi"]
)


class SpeechEncoder(Protocol):
    """Maps a voice to a vector whose differences carry emotion."""

    dim: int

    def feature(self, wave: np.ndarray) -> np.ndarray:
        """16 kHz mono float32 ``[n]`` -> utterance feature float32 ``[dim]``."""
        ...


class Remembering:
    """An encoder that hears every recording once, while its content stays the same."""

    def __init__(self, encoder: SpeechEncoder) -> None:
        self._encoder, self.dim = encoder, encoder.dim
        self._known: dict[bytes, np.ndarray] = {}

    def feature(self, wave: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(wave.tobytes()).digest()
        if key not in self._known:
            self._known[key] = self._encoder.feature(wave)
        return self._known[key]


def expand_clips(paths: Sequence[Path], what: str) -> list[Path]:
    """Files as given and, for each folder, the recordings and features in it, sorted by name."""
    clips: list[Path] = []
    for path in paths:
        try:
            is_folder = path.is_dir()
        except (OSError, ValueError) as error:  # a name that no file can have
            raise UsageError(f"{what} cannot be opened: {path} ({error})") from error
        if is_folder:
            known = AUDIO_SUFFIXES | {FEATURE_SUFFIX}
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in known and p.is_file())
            if not inside:
                raise UsageError(f"{what}: no recordings in folder {path}")
            clips += inside
        elif path.exists():
            clips.append(path)
        else:
            raise UsageError(f"{what} not found: {path}")
    if not clips:
        raise UsageError(f"no {what} given")
    return clips


def load_feature(path: Path, dim: int) -> np.ndarray:
    """A saved utterance feature, float32 ``[dim]``, as the presets are published."""
    try:
        feature = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise MediaError(f"{path}: not a NumPy array file ({error})") from error
    if feature.shape != (dim,) or feature.dtype.kind != "f" or not np.isfinite(feature).all():
        raise MediaError(
            f"{path}: holds {feature.dtype} {feature.shape}, expected a finite float [{dim}]",
            "speech features belong to one encoder and cannot be mixed",
        )
    return feature.astype(np.float32)


def mean_feature(
    encoder: SpeechEncoder,
    clips: Sequence[Path],
    what: str,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Mean utterance feature over clips (recordings or saved ``.npy`` features). ``[dim]``."""
    total = np.zeros(encoder.dim, np.float64)
    progress(what, 0, len(clips))
    for i, clip in enumerate(clips):
        if clip.suffix.lower() == FEATURE_SUFFIX:
            total += load_feature(clip, encoder.dim)
        else:
            total += encoder.feature(decode_speech(clip, what))
        progress(what, i + 1, len(clips))
    return (total / len(clips)).astype(np.float32)

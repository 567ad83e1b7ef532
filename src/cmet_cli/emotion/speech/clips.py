"""Utterance features of files and folders: recordings, and features that were saved before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ...errors import MediaError, UsageError
from ...media.audio import audio_chunks, split_stretch
from ...options import Progress, no_progress
from .encoder import SpeechEncoder
from .windows import utterance_feature

FEATURE_SUFFIX = ".npy"
EMOTION_AUDIO = "emotion audio"
#: What is likelier a name than a file.
_NAME = re.compile(r"[A-Za-z_]+")
#: A header may be some hundred bytes; nothing larger is a feature.
MAX_HEADER_BYTES = 4096
AUDIO_SUFFIXES = frozenset(
    [".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus", ".wma", ".aiff", ".aif"]
    + [".amr", ".mp4", ".mov", ".mkv", ".webm", ".avi"]
)


def expand_clips(paths: Sequence[Path], what: str) -> list[Path]:
    """Files (or stretches of them) as given and, for each folder, what it holds, sorted by name."""
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
        elif split_stretch(path)[0].exists():
            clips.append(path)
        else:
            raise UsageError(f"{what} not found: {path}", _by_name(path, what))
    if not clips:
        raise UsageError(f"no {what} given")
    return clips


def _by_name(path: Path, what: str) -> str:
    """What to do where a name was given for a file."""
    if what != EMOTION_AUDIO or not _NAME.fullmatch(str(path)):
        return ""
    return f"an emotion is asked for by name with --emotion {path} (options.emotion in Python)"


def load_feature(path: Path, dim: int) -> np.ndarray:
    """A saved utterance feature, float32 ``[dim]``, as the presets are published.

    Raises :class:`MediaError`; a file that claims to be huge takes no memory.
    """
    try:
        if path.stat().st_size > dim * np.dtype(np.float64).itemsize + MAX_HEADER_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes are too many for one feature")
        # A mapping is never longer than its file, and never holds objects.
        stored = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # a mutated header raises anything
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise MediaError(f"{path}: not a NumPy array file ({reason[:160]})") from error
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        feature = np.array(stored, np.float32) if stored.dtype.kind == "f" else np.full(1, np.nan)
    if stored.shape != (dim,) or not np.isfinite(feature).all():
        raise MediaError(
            f"{path}: holds {str(stored.dtype)[:40]} {stored.shape}, expected a finite float "
            f"[{dim}]",
            "speech features belong to one encoder and cannot be mixed",
        )
    return feature


def clip_feature(encoder: SpeechEncoder, clip: Path, what: str = "speech") -> np.ndarray:
    """Utterance feature of a recording of any length, or a saved ``.npy`` feature. ``[dim]``.

    Raises :class:`MediaError` or :class:`UsageError` naming the file.
    """
    if clip.suffix.lower() == FEATURE_SUFFIX:
        return load_feature(clip, encoder.dim)
    try:
        return utterance_feature(encoder, _sound(clip, what))
    except MediaError as error:
        if error.message.startswith(str(clip)):
            raise
        raise MediaError(f"{clip}: {error.message}", error.hint) from error


def _sound(clip: Path, what: str) -> Iterable[np.ndarray]:
    """A recording's sound in pieces, as :func:`utterance_feature` takes it."""
    path, only = split_stretch(clip)
    return audio_chunks(path, what, only=only)


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
        total += clip_feature(encoder, clip, what)
        progress(what, i + 1, len(clips))
    return (total / len(clips)).astype(np.float32)

"""Sound of any container, rate and channel count, as 16 kHz mono float32."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import numpy as np

from ..errors import MediaError, UsageError
from .clock import seconds
from .ffmpeg import NO_WORDS, FfmpegProcess, check_input, file_url

SAMPLE_RATE_HZ = 16_000
CHUNK_S = 10.0
NO_SOUND_HINT = "name one with speech in it; a picture's emotion is asked for by --emotion-image"
_STRETCH = re.compile(r"(?P<file>.+)@(?P<start>[\d.:]+)-(?P<end>[\d.:]+)")


@dataclass(frozen=True)
class Stretch:
    """A part of a recording, in seconds on its own clock."""

    start_s: float
    end_s: float


def split_stretch(place: Path) -> tuple[Path, Stretch | None]:
    """``talk.mp4@12.5-18.0`` -> the file and the part of it; any other name is a file.

    Times as :func:`~cmet_cli.media.clock.seconds` reads them. Raises :class:`UsageError`.
    """
    found = _STRETCH.fullmatch(place.name)
    if found is None or place.exists():
        return place, None
    try:
        start_s, end_s = seconds(found["start"]), seconds(found["end"])
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from error
    if start_s >= end_s:
        raise UsageError(f"{place}: ends before it begins")
    return place.with_name(found["file"]), Stretch(start_s, end_s)


def audio_chunks(
    path: Path,
    what: str = "audio",
    *,
    max_s: float | None = None,
    chunk_s: float = CHUNK_S,
    only: Stretch | None = None,
) -> Iterator[np.ndarray]:
    """The first audio stream on the file's own clock: sample 0 is the container's time zero, or the
    beginning of the stretch that is asked for (``only``).

    Late starts and gaps are filled with silence. -> float32 ``[k]`` at 16 kHz, mono, nominally in
    [-1, 1]; every chunk but the last holds ``chunk_s`` seconds, none is empty. Memory does not grow
    with the length. Raises :class:`UsageError` (missing, empty) or :class:`MediaError` (no sound);
    what ffmpeg says of a stream it cannot read comes with the first chunk.
    """
    check_input(path, what)
    options: dict[str, object] = {"map": "0:a:0", "af": "aresample=async=1:first_pts=0"}
    options |= {"f": "f32le", "ac": 1, "ar": SAMPLE_RATE_HZ} | ({"t": max_s} if max_s else {})
    part = {"ss": only.start_s, "t": only.end_s - only.start_s} if only is not None else {}
    source = ffmpeg.input(file_url(path), **part)
    command = source.output("pipe:1", **options).global_args("-loglevel", "error")
    size = max(1, round(chunk_s * SAMPLE_RATE_HZ))
    with FfmpegProcess(command.get_args()) as process:
        empty = True
        while True:
            chunk = np.empty(size, "<f4")
            samples = process.read_into(chunk.data.cast("B")) // chunk.itemsize
            if samples:
                empty = False
                if not np.isfinite(chunk[:samples]).all():
                    raise MediaError(f"{path}: the sound holds NaN or infinite samples")
                yield chunk[:samples]
            if samples < size:
                break
        process.wait()
        if empty and process.said("matches no streams"):
            raise MediaError(f"{path}: has no audio stream", NO_SOUND_HINT)
        if empty and only is not None:
            raise MediaError(f"{path}: no sound between {only.start_s:g} and {only.end_s:g} s")
        if empty:
            words = process.last_words
            reason = "it holds none" if words == NO_WORDS else words
            raise MediaError(f"{path}: no sound could be decoded ({reason})")


def decode_audio(path: Path, what: str = "audio", *, max_s: float | None = None) -> np.ndarray:
    """All of :func:`audio_chunks` in one array, float32 ``[n]``, n > 0."""
    return np.concatenate(list(audio_chunks(path, what, max_s=max_s)))

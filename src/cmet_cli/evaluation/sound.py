"""Whether two files sound the same, and how far apart."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.signal import correlate

from ..errors import MediaError
from ..media.audio import SAMPLE_RATE_HZ, audio_chunks
from ..media.ffmpeg import file_url, run_short

#: Compared over at most this much, and moved against each other by at most that.
COMPARED_S, MOST_LAG_S = 60.0, 1.0
_STEP = 16  # samples of the lag's grid: a millisecond
LEAST_LIKENESS = 0.3


def same_packets(before: Path, after: Path) -> float:
    """1 where all sound came through packet by packet, else 0."""
    return float(_digest(before) == _digest(after))


def _digest(path: Path) -> bytes:
    words = ["-i", file_url(path), "-map", "0:a", "-c", "copy", "-f", "streamhash", "-"]
    return run_short(words).stdout


def lag_s(before: Path, after: Path) -> tuple[float, float]:
    """How much later the same sound comes in ``after``, in seconds, and the correlation of their
    loudness there; NaN where it is not the same or there is none."""
    try:
        waves = [_envelope(path) for path in (before, after)]
    except MediaError:
        return math.nan, math.nan
    most = round(MOST_LAG_S * SAMPLE_RATE_HZ / _STEP)
    n = min(map(len, waves))
    a, b = (wave[:n] - wave[:n].mean() for wave in waves)
    together = correlate(b, a, mode="full", method="fft")
    middle = n - 1
    span = together[max(0, middle - most) : middle + most + 1]
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    if not len(span) or not span.max() > LEAST_LIKENESS * size:
        return math.nan, math.nan
    lag = int(span.argmax()) - min(most, middle)
    return lag * _STEP / SAMPLE_RATE_HZ, float(span.max()) / size


def _envelope(path: Path) -> np.ndarray:
    """Loudness per millisecond, float32 ``[n]``."""
    chunk_s = 10.0
    pieces = islice(audio_chunks(path, chunk_s=chunk_s), round(COMPARED_S / chunk_s))
    wave = np.concatenate(list(pieces))
    wave = wave[: len(wave) // _STEP * _STEP]
    if not len(wave):
        raise MediaError(f"{path}: too little sound")
    return np.sqrt(np.square(wave).reshape(-1, _STEP).mean(1))

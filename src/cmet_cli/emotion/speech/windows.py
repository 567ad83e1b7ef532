"""Long speech, heard in windows: memory stays within a window's, time in proportion to the sound.

emotion2vec's memory grows with the square of the time. So speech longer than a window is cut at
quiet places, its silence skipped, and the windows' features averaged by length. Speech that fits
one window is heard in one piece, as it is: the published feature.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ...errors import MediaError
from ...media.audio import SAMPLE_RATE_HZ
from ...media.smoothing import mean
from .encoder import SpeechEncoder

SHORTEST_SPEECH_S = 0.2
SILENCE_PEAK = 1e-3  # -60 dBFS: below the noise of any recorded voice
WINDOW_S = 20.0
WINDOW_SAMPLES = int(WINDOW_S * SAMPLE_RATE_HZ)
#: So much is gathered before a cut that what remains is never less than half a window.
AHEAD_SAMPLES = WINDOW_SAMPLES * 3 // 2
FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
#: Of a longer silence only its first half second is heard.
PAUSE_KEPT_FRAMES = 25
#: A frame is silent 40 dB below the loudest so far, or 20 dB below the quietest accepted peak.
SILENT_RATIO = 0.01
SILENT_RMS = SILENCE_PEAK / 10
#: A place to cut is quiet for a fifth of a second.
QUIET_FRAMES = 10


def utterance_feature(encoder: SpeechEncoder, chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Utterance feature of speech of any length, float32 ``[dim]``.

    chunks: 16 kHz mono float32 pieces ``[n]`` of one recording, in order, of any size. Raises
    :class:`MediaError`: shorter than 0.2 s, silent, or not finite.
    """
    features, lengths = [], []
    for window in speech_windows(chunks):
        features.append(encoder.feature(window))
        lengths.append(window.size)
    if len(features) == 1:
        return features[0]
    return np.average(features, axis=0, weights=lengths).astype(np.float32)


def speech_windows(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Cut speech into windows of at most 20 s; speech of up to 20 s comes back whole, unchanged.

    chunks and errors as for :func:`utterance_feature`. Where the cuts are does not depend on how
    the sound is divided into chunks. About 30 s of sound and one chunk are held.
    """
    pieces = _checked(chunks)
    start = np.zeros(0, np.float32)
    for piece in pieces:
        start = np.concatenate([start, piece]) if start.size else piece
        if start.size > WINDOW_SAMPLES:
            break
    else:
        yield start
        return
    held = np.zeros(0, np.float32)
    for voiced in _without_silence(_chain(start, pieces)):
        held = np.concatenate([held, voiced])
        while held.size > AHEAD_SAMPLES:
            cut = _quietest(held, WINDOW_SAMPLES // 2, WINDOW_SAMPLES)
            yield held[:cut]
            held = held[cut:]
    if held.size > WINDOW_SAMPLES:
        middle, reach = held.size // 2, WINDOW_SAMPLES // 4
        cut = _quietest(held, middle - reach, middle + reach)
        yield held[:cut]
        held = held[cut:]
    yield held


def _checked(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The sound in pieces of at most a window; told at its end if there was no speech in it."""
    samples, peak = 0, 0.0
    for chunk in chunks:
        for at in range(0, chunk.size, WINDOW_SAMPLES):
            piece = chunk[at : at + WINDOW_SAMPLES]
            samples += piece.size
            peak = max(peak, float(piece.max()), -float(piece.min()))
            if not np.isfinite(peak + float(piece.sum())):
                raise MediaError("the sound holds NaN or infinite samples")
            yield piece
    seconds = samples / SAMPLE_RATE_HZ
    if seconds < SHORTEST_SPEECH_S:
        raise MediaError(f"only {seconds:.2f} s of sound", f"give at least {SHORTEST_SPEECH_S} s")
    if peak < SILENCE_PEAK:
        raise MediaError("silent", "give a recording with a voice in it")


def _chain(first: np.ndarray, others: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from others


def _without_silence(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The sound with long silences shortened. Needs no look ahead, so it works on a stream."""
    rest, loudest, run = np.zeros(0, np.float32), 0.0, 0
    for piece in pieces:
        joined = np.concatenate([rest, piece])
        whole = joined.size // FRAME_SAMPLES * FRAME_SAMPLES
        frames, rest = joined[:whole].reshape(-1, FRAME_SAMPLES), joined[whole:]
        if not len(frames):
            continue
        rms = _rms(frames)
        loudest_so_far = np.maximum(np.maximum.accumulate(rms), loudest)
        silent = rms < np.maximum(SILENT_RATIO * loudest_so_far, SILENT_RMS)
        index = np.arange(len(frames))
        last_voiced = np.maximum.accumulate(np.where(silent, -1 - run, index))
        silence = index - last_voiced  # frames since the last voiced one
        loudest, run = float(loudest_so_far[-1]), int(silence[-1])
        yield frames[silence <= PAUSE_KEPT_FRAMES].reshape(-1)
    yield rest


def _rms(frames: np.ndarray) -> np.ndarray:
    """``[n, samples]`` -> ``[n]``."""
    return np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))


def _quietest(wave: np.ndarray, low: int, high: int) -> int:
    """The sample between ``low`` and ``high`` around which least is heard."""
    first, last = low // FRAME_SAMPLES, high // FRAME_SAMPLES
    frames = wave[first * FRAME_SAMPLES : last * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    level = mean(_rms(frames), QUIET_FRAMES)
    return (first + int(level.argmin())) * FRAME_SAMPLES

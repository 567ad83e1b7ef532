"""Mel windows for the lip network, from 16 kHz mono sound (Wav2Lip's features), without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from .audio import SAMPLE_RATE_HZ
from .clock import GRID_HZ

SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // GRID_HZ  # 640
N_FFT = 800
HOP = 200
MEL_FRAMES_PER_S = SAMPLE_RATE_HZ // HOP  # 80
WINDOW_COLUMNS = 16
MARGIN_COLUMNS = N_FFT // 2 // HOP + 1  # half a transform, and pre-emphasis looks one back
PIECE = 64  # windows made at once from sound that streams
FIRST_FRAME_LEAD = 2  # a window starts two video frames before its own

#: A wave ``[n]`` -> its mel ``[80, 1 + n // 200]``, float32.
Spectrogram = Callable[[np.ndarray], np.ndarray]


def frame_count(n_samples: int) -> int:
    """Whole 25 Hz frames in ``n_samples`` at 16 kHz."""
    return n_samples // SAMPLES_PER_FRAME


def window_columns(first_frame: int, last_frame: int) -> np.ndarray:
    """Mel columns of the windows of 25 Hz frames ``first_frame`` to before ``last_frame``.

    -> ``[k, 16]``; below zero before the sound begins.
    """
    frames = np.arange(first_frame, last_frame) - FIRST_FRAME_LEAD
    first = np.trunc(frames * MEL_FRAMES_PER_S / GRID_HZ).astype(np.int64)
    return first[:, None] + np.arange(WINDOW_COLUMNS)


def mel_window_pieces(
    chunks: Iterable[np.ndarray], spectrogram: Spectrogram, piece: int = PIECE
) -> Iterator[np.ndarray]:
    """:func:`.mel.mel_windows` of a sound that comes in chunks, without ever holding the whole.

    chunks: float32 ``[k]`` each, any lengths. -> ``[<= piece, 80, 16]`` arrays which together are
    ``mel_windows`` of the chunks put together. Memory grows with ``piece`` and the longest chunk.
    """
    kept = np.empty(0, np.float32)  # samples from `start` on
    start, done = 0, 0
    for chunk in chunks:
        kept = np.concatenate([kept, chunk.astype(np.float32, copy=False)])
        # Whole frames are certain to stay; a window needs the sound up to its last column's end.
        certain = frame_count(start + len(kept)) * SAMPLES_PER_FRAME
        while _end_sample(done + piece) <= certain:
            sound = kept[: certain - start]
            yield _piece(sound, spectrogram, start, done, done + piece, None)
            done += piece
            ahead = _first_sample(done) - start
            kept, start = kept[ahead:], start + ahead
    frames = frame_count(start + len(kept))
    kept = kept[: frames * SAMPLES_PER_FRAME - start]
    while done < frames:
        last = min(done + piece, frames)
        columns = 1 + frames * SAMPLES_PER_FRAME // HOP
        yield _piece(kept, spectrogram, start, done, last, columns)
        done = last


def _first_sample(frame: int) -> int:
    """Where to cut the sound so that nothing is missing for windows from ``frame`` on."""
    column = int(window_columns(frame, frame + 1)[0, 0]) - MARGIN_COLUMNS
    return max(0, column) * HOP


def _end_sample(frame: int) -> int:
    """Past the last sample that the windows before ``frame`` look at."""
    return int(window_columns(frame - 1, frame)[0, -1]) * HOP + N_FFT // 2


def _piece(
    wave: np.ndarray, spectrogram: Spectrogram, start: int, first: int, last: int, total: int | None
) -> np.ndarray:
    """Windows of frames ``first`` to before ``last`` from sound whose first sample is ``start``.

    total: number of mel columns of the whole sound, once it is known.
    """
    begin = _first_sample(first)
    end = min(start + len(wave), _end_sample(last))
    mel = spectrogram(wave[begin - start : end - start])
    columns = window_columns(first, last).clip(0, None if total is None else total - 1)
    return mel[:, columns - begin // HOP].transpose(1, 0, 2)

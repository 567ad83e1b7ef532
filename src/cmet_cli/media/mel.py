"""Mel windows for the lip network, from 16 kHz mono sound (Wav2Lip's features)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import torch
import torchaudio
from torch import Tensor

from .audio import SAMPLE_RATE_HZ
from .clock import GRID_HZ

SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // GRID_HZ  # 640
PRE_EMPHASIS = 0.97
N_FFT = 800
HOP = 200
MEL_BANDS = 80
MEL_HZ = (55.0, 7600.0)
MEL_FRAMES_PER_S = SAMPLE_RATE_HZ // HOP  # 80
WINDOW_COLUMNS = 16
MARGIN_COLUMNS = N_FFT // 2 // HOP + 1  # half a transform, and pre-emphasis looks one back
PIECE = 64  # windows made at once from sound that streams
FIRST_FRAME_LEAD = 2  # a window starts two video frames before its own
FLOOR = 1e-5
REFERENCE_DB = 20.0
RANGE_DB = 100.0
CLIP = 4.0


@lru_cache(maxsize=1)
def _mel_transform() -> torchaudio.transforms.MelSpectrogram:
    return torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE_HZ,
        n_fft=N_FFT,
        win_length=N_FFT,
        hop_length=HOP,
        f_min=MEL_HZ[0],
        f_max=MEL_HZ[1],
        n_mels=MEL_BANDS,
        power=1.0,
        norm="slaney",
        mel_scale="slaney",
        pad_mode="constant",
    )


def mel_spectrogram(wave: Tensor) -> Tensor:
    """``[n]`` float32 in [-1, 1] at 16 kHz -> ``[80, 1 + n // 200]`` in [-4, 4]."""
    magnitude = _mel_transform()(torchaudio.functional.preemphasis(wave, PRE_EMPHASIS))
    level_db = 20.0 * torch.log10(magnitude.clamp_min(FLOOR)) - REFERENCE_DB
    return (2 * CLIP * (level_db + RANGE_DB) / RANGE_DB - CLIP).clamp(-CLIP, CLIP)


def frame_count(n_samples: int) -> int:
    """Whole 25 Hz frames in ``n_samples`` at 16 kHz."""
    return n_samples // SAMPLES_PER_FRAME


def _window_columns(first_frame: int, last_frame: int) -> Tensor:
    """Mel columns of the windows of 25 Hz frames ``first_frame`` to before ``last_frame``.

    -> ``[k, 16]``; below zero before the sound begins.
    """
    frames = torch.arange(first_frame, last_frame) - FIRST_FRAME_LEAD
    first = torch.div(frames * MEL_FRAMES_PER_S, GRID_HZ, rounding_mode="trunc")
    return first[:, None] + torch.arange(WINDOW_COLUMNS)


def mel_windows(wave: Tensor) -> Tensor:
    """One 16-column window per 25 Hz frame. ``[n]`` -> ``[N, 80, 16]``, N = n // 640.

    The sound is cut to whole frames before the mel is taken, as published.
    """
    n = frame_count(wave.shape[0])
    mel = mel_spectrogram(wave[: n * SAMPLES_PER_FRAME])
    columns = _window_columns(0, n).clamp(0, mel.shape[1] - 1)
    return mel[:, columns].permute(1, 0, 2)


def mel_window_pieces(chunks: Iterable[np.ndarray], piece: int = PIECE) -> Iterator[Tensor]:
    """:func:`mel_windows` of a sound that comes in chunks, without ever holding the whole.

    chunks: float32 ``[k]`` each, any lengths. -> ``[<= piece, 80, 16]`` tensors which together are
    ``mel_windows`` of the chunks put together. Memory grows with ``piece`` and the longest chunk.
    """
    kept = np.empty(0, np.float32)  # samples from `start` on
    start, done = 0, 0
    for chunk in chunks:
        kept = np.concatenate([kept, chunk.astype(np.float32, copy=False)])
        # Whole frames are certain to stay; a window needs the sound up to its last column's end.
        certain = frame_count(start + len(kept)) * SAMPLES_PER_FRAME
        while _end_sample(done + piece) <= certain:
            yield _piece(kept[: certain - start], start, done, done + piece, None)
            done += piece
            ahead = _first_sample(done) - start
            kept, start = kept[ahead:], start + ahead
    frames = frame_count(start + len(kept))
    kept = kept[: frames * SAMPLES_PER_FRAME - start]
    while done < frames:
        last = min(done + piece, frames)
        yield _piece(kept, start, done, last, 1 + frames * SAMPLES_PER_FRAME // HOP)
        done = last


def _first_sample(frame: int) -> int:
    """Where to cut the sound so that nothing is missing for windows from ``frame`` on."""
    column = int(_window_columns(frame, frame + 1)[0, 0]) - MARGIN_COLUMNS
    return max(0, column) * HOP


def _end_sample(frame: int) -> int:
    """Past the last sample that the windows before ``frame`` look at."""
    return int(_window_columns(frame - 1, frame)[0, -1]) * HOP + N_FFT // 2


def _piece(wave: np.ndarray, start: int, first: int, last: int, total: int | None) -> Tensor:
    """Windows of frames ``first`` to before ``last`` from sound whose first sample is ``start``.

    total: number of mel columns of the whole sound, once it is known.
    """
    begin = _first_sample(first)
    end = min(start + len(wave), _end_sample(last))
    mel = mel_spectrogram(torch.from_numpy(wave[begin - start : end - start]))
    columns = _window_columns(first, last).clamp(0, None if total is None else total - 1)
    return mel[:, columns - begin // HOP].permute(1, 0, 2)

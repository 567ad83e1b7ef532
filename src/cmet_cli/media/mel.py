"""Mel windows for the lip network, from 16 kHz mono sound (Wav2Lip's features)."""

from __future__ import annotations

from functools import lru_cache

import torch
import torchaudio
from torch import Tensor

SAMPLE_RATE_HZ = 16_000
GRID_HZ = 25
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // GRID_HZ  # 640
PRE_EMPHASIS = 0.97
N_FFT = 800
HOP = 200
MEL_BANDS = 80
MEL_HZ = (55.0, 7600.0)
MEL_FRAMES_PER_S = SAMPLE_RATE_HZ // HOP  # 80
WINDOW_COLUMNS = 16
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


def mel_windows(wave: Tensor) -> Tensor:
    """One 16-column window per 25 Hz frame. ``[n]`` -> ``[N, 80, 16]``, N = n // 640.

    The sound is cut to whole frames before the mel is taken, as published.
    """
    n = frame_count(wave.shape[0])
    mel = mel_spectrogram(wave[: n * SAMPLES_PER_FRAME])
    frames = torch.arange(n) - FIRST_FRAME_LEAD
    first = torch.div(frames * MEL_FRAMES_PER_S, GRID_HZ, rounding_mode="trunc")
    columns = first[:, None] + torch.arange(WINDOW_COLUMNS)  # [N, 16]
    return mel[:, columns.clamp(0, mel.shape[1] - 1)].permute(1, 0, 2)

"""The mel spectrogram of 16 kHz mono sound (Wav2Lip's features)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .audio import SAMPLE_RATE_HZ
from .mel_windows import HOP, N_FFT, SAMPLES_PER_FRAME, frame_count, window_columns
from .torch_audio import torchaudio

PRE_EMPHASIS = 0.97
MEL_BANDS = 80
MEL_HZ = (55.0, 7600.0)
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


def spectrogram(wave: np.ndarray) -> np.ndarray:
    """The same for NumPy's arrays."""
    return mel_spectrogram(torch.from_numpy(wave)).numpy()


def mel_windows(wave: Tensor) -> Tensor:
    """One 16-column window per 25 Hz frame. ``[n]`` -> ``[N, 80, 16]``, N = n // 640.

    The sound is cut to whole frames before the mel is taken, as published.
    """
    n = frame_count(wave.shape[0])
    mel = mel_spectrogram(wave[: n * SAMPLES_PER_FRAME])
    columns = torch.from_numpy(window_columns(0, n)).clamp(0, mel.shape[1] - 1)
    return mel[:, columns].permute(1, 0, 2)

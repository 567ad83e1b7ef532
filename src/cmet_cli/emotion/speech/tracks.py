"""How somebody speaks, apart from whose voice it is and where: pitch, loudness, tilt over time.

What microphones and rooms change least. Most tracks are taken about the clip's own mean.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ...media.audio import SAMPLE_RATE_HZ
from ...media.mel_windows import HOP, N_FFT

TRACKS = 9
PITCH_HZ = (60.0, 480.0)
_PITCH_BAND_HZ = (50.0, 1500.0)
_FFT = 2048  # the frames are padded to it: 8 Hz a bin
_REFERENCE_HZ = 160.0
_OCTAVE_COST = 0.04  # of a lag an octave longer: a period's double fits as well as the period
_OWN_OCTAVES = 0.8  # a frame's pitch lies no further from the clip's
_VOICED = 0.45
_ACTIVE_DB = 35.0  # below the loudest parts is silence
_FLOOR = 1e-9


@lru_cache(maxsize=1)
def _tables() -> tuple[Tensor, Tensor, Tensor, slice]:
    """Hann window ``[800]``; cosines ``[bins, lags]``; log2 pitch of each lag; the bins."""
    window = torch.hann_window(N_FFT)
    hz = torch.arange(_FFT // 2 + 1) * (SAMPLE_RATE_HZ / _FFT)
    low, high = (int(f * _FFT / SAMPLE_RATE_HZ) for f in _PITCH_BAND_HZ)
    bins = slice(low, high)
    # Lags evenly apart in pitch: 48 an octave.
    octaves = torch.log2(torch.tensor(PITCH_HZ[1] / PITCH_HZ[0]))
    pitch = torch.linspace(0, float(octaves), int(48 * octaves) + 1) + torch.log2(
        torch.tensor(PITCH_HZ[0])
    )
    lags_s = 2.0**-pitch
    cosines = torch.cos(2 * torch.pi * hz[bins, None] * lags_s)
    # A window makes a long lag's likeness smaller than it is: divide by the window's own.
    spectrum = torch.fft.rfft(window, _FFT).abs().square()
    own = (spectrum[:, None] * torch.cos(2 * torch.pi * hz[:, None] * lags_s)).sum(0)
    own = own / spectrum.sum()
    return window, cosines / own.clamp_min(0.3).sqrt(), pitch, bins


def speech_tracks(wave: Tensor) -> Tensor:
    """``[n]`` float32 at 16 kHz -> ``[9, 1 + n // 200]`` at 80 Hz, roughly -3 to 3.

    Pitch (octaves about 160 Hz; about the clip's own), voicing, harmonicity, loudness below the
    clip's loud parts, tilt, tilt about its mean, low tilt and hiss about theirs. Nought in silence.
    """
    window, *_, bins = _tables()
    wave = torch.nn.functional.pad(wave, (N_FFT // 2, N_FFT // 2))
    frames = wave.unfold(0, N_FFT, HOP) * window
    power = torch.fft.rfft(frames, _FFT).abs().square()  # [T, 1025]
    whole = _db(power, 60, 7500)
    loud = _quantile(whole, 0.95)
    loudness = ((whole - loud) / 20).clamp(-2.5, 0.5)
    active = (whole > loud - _ACTIVE_DB).float()
    pitch, likeness = _pitch(power[:, bins])
    voiced = ((likeness - _VOICED) * 10).sigmoid() * active
    ratio = likeness.clamp(0.05, 0.98)
    harmonic = torch.log10(ratio / (1 - ratio)) * voiced
    middle = _mean(pitch, voiced)
    middle_db = _db(power, 1000, 4000)
    tilt = (middle_db - _db(power, 80, 1000)) / 20
    low = (_db(power, 80, 400) - _db(power, 400, 1000)) / 20
    hiss = (_db(power, 4000, 7500) - middle_db) / 20
    tilt_mean = _mean(tilt, voiced)
    tracks = (
        (pitch - torch.log2(torch.tensor(_REFERENCE_HZ))) * voiced,
        3 * (pitch - middle) * voiced,
        voiced,
        harmonic,
        loudness,
        (tilt_mean + 1) * active,
        (tilt - tilt_mean) * active,
        (low - _mean(low, voiced)) * voiced,
        (hiss - _mean(hiss, active)) * active,
    )
    return torch.stack(tracks).clamp(-3, 3)


def _pitch(power: Tensor) -> tuple[Tensor, Tensor]:
    """log2 of the pitch in Hz and how alike a period is to the next, 0 to 1. ``[T]`` each."""
    _, cosines, pitch, _ = _tables()
    magnitude = power**0.7
    likeness = magnitude @ cosines / magnitude.sum(1, keepdim=True).clamp_min(_FLOOR)
    score = likeness + _OCTAVE_COST * (pitch - pitch.mean())
    best = score.max(1)
    weight = (best.values - 0.3).clamp_min(0).square() * magnitude.sum(1).sqrt()
    clip = _weighted_median(pitch[best.indices], weight)
    near = (pitch - clip).abs() < _OWN_OCTAVES
    at = score.masked_fill(~near, -9.0).argmax(1)
    return pitch[at], likeness.gather(1, at[:, None])[:, 0]


def _weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    ordered, order = values.sort()
    total = weights[order].cumsum(0)
    below = (total < total[-1] / 2).sum()  # as searchsorted, which has no graph
    return ordered.gather(0, below.clamp_max(total.shape[0] - 1)[None])[0]


def _quantile(values: Tensor, share: float) -> Tensor:
    """As :func:`torch.quantile`, which has no graph either."""
    ordered = values.sort().values
    at = torch.scalar_tensor(share) * (values.shape[0] - 1)
    around = ordered.gather(0, torch.stack([at.floor(), at.ceil()]).long())
    return torch.lerp(around[0], around[1], at - at.floor())


def _db(power: Tensor, low_hz: float, high_hz: float) -> Tensor:
    first, last = (int(f * _FFT / SAMPLE_RATE_HZ) for f in (low_hz, high_hz))
    return 10 * torch.log10(power[:, first:last].mean(1) + _FLOOR)


def _mean(track: Tensor, weight: Tensor) -> Tensor:
    return (track * weight).sum() / weight.sum().clamp_min(1e-3)

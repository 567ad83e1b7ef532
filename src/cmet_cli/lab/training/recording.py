"""What rooms, microphones and codecs do to a voice, at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...media.audio import SAMPLE_RATE_HZ

_KNOTS_HZ = np.array([60.0, 150, 350, 800, 1800, 4000, 8000])


@dataclass(frozen=True)
class RecordingRanges:
    """How far recordings differ; each range is drawn from evenly, each ``p_`` is how often.

    strength: factor on what is done, 0 leaves every voice as it was said.
    """

    equaliser_db: float = 5.0  # standard deviation at knots about an octave apart
    p_low_pass: float = 0.35
    low_pass_hz: tuple[float, float] = (4000.0, 8000.0)
    p_high_pass: float = 0.4
    high_pass_hz: tuple[float, float] = (60.0, 250.0)
    p_room: float = 0.6
    decay_s: tuple[float, float] = (0.1, 0.8)  # RT60
    direct_db: tuple[float, float] = (0.0, 16.0)  # direct sound against the room's
    p_noise: float = 0.85
    noise_db: tuple[float, float] = (5.0, 45.0)  # signal to noise
    noise_slope_db: tuple[float, float] = (-6.0, 0.0)  # per octave
    p_clip: float = 0.15
    clip_rms: tuple[float, float] = (1.5, 4.0)  # where it is cut off, against its RMS
    p_codec: float = 0.25
    codec_db: tuple[float, float] = (25.0, 50.0)  # what lies further below a frame's peak is lost


class Recording:
    """One place, microphone and codec: the same for every wave it is given, the noise anew."""

    def __init__(self, ranges: RecordingRanges, strength: float, rng: np.random.Generator) -> None:
        def happens(share: float) -> bool:
            return bool(rng.random() < share * min(1.0, strength))

        self.gains_db = rng.normal(0, ranges.equaliser_db * strength, len(_KNOTS_HZ))
        low, high = rng.uniform(*ranges.low_pass_hz), rng.uniform(*ranges.high_pass_hz)
        self.low_pass_hz = low if happens(ranges.p_low_pass) else SAMPLE_RATE_HZ
        self.high_pass_hz = high if happens(ranges.p_high_pass) else 1.0
        decay_s, direct_db = rng.uniform(*ranges.decay_s), rng.uniform(*ranges.direct_db)
        self.room = _room(decay_s, direct_db, rng) if happens(ranges.p_room) else None
        noise_db = ranges.noise_db[1] - strength * rng.uniform(0, np.ptp(ranges.noise_db))
        self.noise_db = noise_db if happens(ranges.p_noise) else np.inf
        self.noise_slope_db = rng.uniform(*ranges.noise_slope_db)
        self.clip = float(rng.uniform(*ranges.clip_rms)) if happens(ranges.p_clip) else 0.0
        codec_db = rng.uniform(*ranges.codec_db)
        self.codec_db = codec_db if happens(ranges.p_codec) else 0.0

    def __call__(self, wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """float32 ``[n]`` -> float32 ``[n]``."""
        n = len(wave)
        size = 1 << int(np.ceil(np.log2(n + (0 if self.room is None else len(self.room)))))
        hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
        spectrum = np.fft.rfft(wave, size)
        if self.room is not None:
            spectrum *= np.fft.rfft(self.room, size)
        if np.isfinite(self.noise_db):
            noise = np.fft.rfft(rng.standard_normal(size))
            noise *= (np.maximum(hz, 50) / 1000) ** (self.noise_slope_db / 6.02)
            power = np.square(np.abs(spectrum)).sum() * size / n
            noise *= np.sqrt(power / np.square(np.abs(noise)).sum()) * 10 ** (-self.noise_db / 20)
            spectrum += noise
        gain_db = np.interp(np.log(np.maximum(hz, 1)), np.log(_KNOTS_HZ), self.gains_db)
        passes = 10 ** (gain_db / 20) / np.sqrt(1 + (hz / self.low_pass_hz) ** 12)
        passes /= np.sqrt(1 + (self.high_pass_hz / np.maximum(hz, 1)) ** 6)
        heard = np.fft.irfft(spectrum * passes, size)[:n]
        if self.clip:
            most = self.clip * np.sqrt(np.mean(heard**2))
            heard = np.clip(heard, -most, most)
        if self.codec_db:
            heard = _codec(heard, self.codec_db)
        return np.asarray(heard, np.float32)


def _room(decay_s: float, direct_db: float, rng: np.random.Generator) -> np.ndarray:
    """Impulse response: the direct sound, then noise that falls by 60 dB in ``decay_s``."""
    t = np.arange(int(decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / decay_s)
    tail[: int(rng.uniform(0.001, 0.015) * SAMPLE_RATE_HZ)] = 0
    response = tail * 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    response[0] = 1.0
    return np.asarray(response, np.float32)


def _codec(wave: np.ndarray, below_db: float, frame: int = 512) -> np.ndarray:
    """Lose what lies far below the loudest of its frame, as lossy codecs do."""
    hop = frame // 2
    window = np.sin(np.pi * (np.arange(frame) + 0.5) / frame)
    padded = np.pad(wave, (hop, frame))
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop] * window
    spectra = np.fft.rfft(frames, axis=1)
    size = np.abs(spectra)
    spectra[size < size.max(axis=1, keepdims=True) * 10 ** (-below_db / 20)] = 0
    parts = np.fft.irfft(spectra, frame, axis=1) * window
    out = np.zeros((len(parts) + 1) * hop)
    out[: len(parts) * hop] += parts[:, :hop].reshape(-1)
    out[hop : hop + len(parts) * hop] += parts[:, hop:].reshape(-1)
    return out[hop : hop + len(wave)]

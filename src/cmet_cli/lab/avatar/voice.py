"""A voice made of a buzz, a hiss and formant filters, and what emotions do to it.

The buzz is a band-limited sawtooth at the pitch, the hiss white noise. Both are cut into short
overlapping frames, each frame's spectrum is multiplied by what the vocal tract passes at that
moment, and the frames are added up again: a handful of array operations for a whole clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .emotions import Prosody, smooth_noise
from .phones import PHONES, Sentence, Timing, align, gaussian_smooth, phone_index

SAMPLE_RATE_HZ = 16000
_FRAME = 512  # samples per spectrum
_HOP = 128
_HISS = 0.22  # amplitude of a full hiss against a full vowel's spectrum
_LOUDNESS = 0.62  # scale that puts neutral speech at a comfortable level


@dataclass(frozen=True)
class Voice:
    """Whose voice it is."""

    seed: int
    pitch_hz: float
    tract: float  # factor on all formants: longer tracts have lower ones
    breath: float
    tilt_db: float  # per octave above 500 Hz
    rate: float

    @classmethod
    def from_seed(cls, seed: int) -> Voice:
        """From a low male to a high female voice; the tract follows the pitch loosely."""
        rng = np.random.default_rng([seed, 0x70CE])
        height = rng.uniform(0, 1)
        return cls(
            seed=seed,
            pitch_hz=float(92 * (228 / 92) ** height),
            tract=float(0.93 + 0.20 * height + rng.normal(0, 0.02)),
            breath=float(rng.uniform(0.0, 0.04)),
            tilt_db=float(rng.normal(0, 0.7)),
            rate=float(np.exp(rng.normal(0, 0.05))),
        )


def speak(
    sentence: Sentence,
    voice: Voice,
    style: Prosody,
    rng: np.random.Generator,
    duration_s: float | None = None,
) -> tuple[np.ndarray, Timing]:
    """Say a sentence: float32 wave [n] in -1..1 at 16 kHz, and when each phone sounds.

    style: what the emotion asks for; varied a little. With `duration_s` the wave has exactly
    `round(duration_s * SAMPLE_RATE_HZ)` samples.
    """
    style, rate_hz = _vary(style, rng), SAMPLE_RATE_HZ
    timing = align(sentence, style.rate * voice.rate, duration_s)
    n_samples = round(timing.duration_s * rate_hz)
    # Control points sit at the middles of the frames; frame k is centred on sample k * _HOP.
    n_frames = n_samples // _HOP + 2
    times_s = np.arange(n_frames) * _HOP / rate_hz
    index = phone_index(timing, times_s)
    stress = gaussian_smooth(timing.stresses[index][:, None], 4.0)[:, 0]

    pitch_hz, wobble = _pitch_track(voice, style, times_s, stress, rng)
    voiced_gain, noise_gain = _gains(timing, times_s, style, stress, wobble)
    passes = _tract(timing, index, voice, style, rate_hz)
    hiss = _hiss(timing, index, rate_hz)

    buzz = _spectra(_sawtooth(pitch_hz, n_samples, rate_hz), n_frames)
    noise = _spectra(rng.standard_normal(n_samples).astype(np.float32), n_frames)
    # Breath is noise through the same tract, and it takes over from the buzz as it grows.
    breath = 0.55 * (style.breath + voice.breath)
    spectra = buzz * (passes * (voiced_gain * (1 - 0.4 * breath))[:, None])
    spectra += noise * (passes * (0.5 * breath * voiced_gain)[:, None] + hiss * noise_gain[:, None])
    wave = _overlap_add(spectra, n_samples)
    wave *= _LOUDNESS * 10 ** (style.energy_db / 20)
    # Bend loud peaks over softly: the wave cannot leave -1..1.
    return np.tanh(wave).astype(np.float32), timing


def _vary(style: Prosody, rng: np.random.Generator) -> Prosody:
    """The same emotion never sounds twice exactly alike."""
    n = rng.standard_normal(8)
    return Prosody(
        pitch=style.pitch * np.exp(0.035 * n[0]),
        pitch_range=style.pitch_range * np.exp(0.12 * n[1]),
        slope=style.slope + 0.04 * n[2],
        rate=style.rate * np.exp(0.035 * n[3]),
        energy_db=style.energy_db + 0.7 * n[4],
        accent=style.accent,
        jitter=style.jitter * np.exp(0.12 * n[5]),
        tilt_db=style.tilt_db + 0.35 * n[6],
        breath=style.breath * np.exp(0.12 * n[7]),
        tremor=style.tremor,
        tremor_hz=style.tremor_hz,
        formant=style.formant,
    )


def _pitch_track(
    voice: Voice, style: Prosody, times_s: np.ndarray, stress: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz [n] and the tremor's wave [n], -1..1."""
    n = len(times_s)
    step_s = times_s[1] - times_s[0]
    melody = smooth_noise(n, 1, 0.16 / step_s, rng)[:, 0]
    rough = rng.standard_normal(n)
    along = times_s / max(times_s[-1], 1e-3) - 0.5
    tremor = np.sin(2 * np.pi * (style.tremor_hz * times_s + rng.random()))
    bend = style.pitch_range * (0.75 * melody + style.accent * 1.6 * (stress - 0.5))
    bend = bend + style.slope * along + style.tremor * tremor + style.jitter * rough
    pitch = voice.pitch_hz * style.pitch * np.exp(bend)
    return np.clip(pitch, 55, 620), tremor


def _gains(
    timing: Timing, times_s: np.ndarray, style: Prosody, stress: np.ndarray, wobble: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Amplitudes [n] of the voiced sound and of the hiss, smooth across phone borders."""
    phones = [PHONES[name] for name in timing.names]
    index = phone_index(timing, times_s)
    voiced = np.array([phone.voicing for phone in phones])[index]
    noise = np.array([phone.noise for phone in phones])[index]
    # A plosive is a silence with a burst in its last third.
    burst = np.array([phone.kind == "plosive" for phone in phones])[index]
    length_s = np.maximum(timing.end_s - timing.start_s, 1e-3)
    place = np.clip((times_s - timing.start_s[index]) / length_s[index], 0, 1)
    noise = np.where(burst & (place < 0.62), 0.0, noise)
    both = gaussian_smooth(np.stack([voiced, noise], 1), 1.3)
    level = 1 + style.accent * 0.9 * (stress - 0.4)
    level = np.maximum(level, 0.1) * (1 + 3.0 * style.tremor * wobble)
    return both[:, 0] * level, both[:, 1] * np.sqrt(level)


def _tract(
    timing: Timing, index: np.ndarray, voice: Voice, style: Prosody, rate_hz: int
) -> np.ndarray:
    """What the mouth lets through: amplitude [n, bins] of four resonances and the tilt."""
    table = np.array([PHONES[name].formants_hz for name in timing.names])
    formants = gaussian_smooth(table[index], 2.5) * voice.tract * style.formant
    fourth = np.full((len(index), 1), 3700.0 * voice.tract)
    formants = np.concatenate([formants, fourth], 1)[:, :, None]  # [n, 4, 1]
    widths = np.array([80.0, 110.0, 160.0, 260.0])[None, :, None]
    freq = np.fft.rfftfreq(_FRAME, 1 / rate_hz)
    # Sum of resonances with falling weights: valleys stay shallow, as through real lips.
    weights = np.array([1.0, 0.62, 0.36, 0.2])[None, :, None]
    ring = weights / np.sqrt(1 + ((freq - formants) / widths) ** 2)
    octaves = np.log2(np.maximum(freq, 250) / 500)
    # The sawtooth falls by 6 dB per octave; real voices with the lips' radiation a little more.
    tilt_db = (style.tilt_db + voice.tilt_db - 1.0) * octaves
    passes = ring.sum(axis=1) * 10 ** (tilt_db / 20)
    passes[:, freq < 60] = 0
    # Loudness is decided by the phone and the emotion, not by which formants lie close together:
    # level the power that a sawtooth (amplitude 1 / frequency) has left after the filter.
    power = ((passes * (500 / np.maximum(freq, 60))) ** 2).sum(axis=1, keepdims=True)
    return passes / np.sqrt(power)


def _hiss(timing: Timing, index: np.ndarray, rate_hz: int) -> np.ndarray:
    """Amplitude [n, bins] of each phone's noise band."""
    freq = np.fft.rfftfreq(_FRAME, 1 / rate_hz)
    rows = [
        _HISS / np.sqrt(1 + ((freq - phone.noise_hz) / phone.noise_width_hz) ** 4)
        for phone in (PHONES[name] for name in timing.names)
    ]
    return np.array(rows)[index]


def _sawtooth(pitch_hz: np.ndarray, n_samples: int, rate_hz: int) -> np.ndarray:
    """A sawtooth of unit power [n_samples] whose jumps are rounded (PolyBLEP) against aliasing."""
    at = np.arange(n_samples) / _HOP
    step = np.interp(at, np.arange(len(pitch_hz)), pitch_hz) / rate_hz  # cycles per sample
    phase = np.cumsum(step) % 1.0
    wave = 2 * phase - 1
    after, before = phase / step, (phase - 1) / step
    wave -= np.where(phase < step, 2 * after - after**2 - 1, 0)
    wave -= np.where(phase > 1 - step, before**2 + 2 * before + 1, 0)
    # Cycles come more often at a high pitch; keep the power of one voice level.
    return (wave * np.sqrt(3)).astype(np.float32)


def _window() -> np.ndarray:
    """Square root of a Hann window: applied twice, at a quarter hop, it adds up to two."""
    return np.sin(np.pi * (np.arange(_FRAME) + 0.5) / _FRAME).astype(np.float32)


def _spectra(wave: np.ndarray, n_frames: int) -> np.ndarray:
    """complex64 [n_frames, 257] of the frames centred on every _HOP-th sample."""
    padded = np.zeros((n_frames - 1) * _HOP + _FRAME, np.float32)
    padded[_FRAME // 2 : _FRAME // 2 + len(wave)] = wave
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    return np.fft.rfft(frames * _window(), axis=1)


def _overlap_add(spectra: np.ndarray, n_samples: int) -> np.ndarray:
    """Back from spectra to a wave float [n_samples]."""
    frames = np.fft.irfft(spectra, _FRAME, axis=1) * (0.5 * _window())
    n_frames, parts = len(frames), _FRAME // _HOP
    blocks = frames.reshape(n_frames, parts, _HOP)
    out = np.zeros((n_frames + parts - 1, _HOP))
    for part in range(parts):
        out[part : part + n_frames] += blocks[:, part]
    return out.reshape(-1)[_FRAME // 2 : _FRAME // 2 + n_samples]

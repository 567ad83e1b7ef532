"""Voices, acting and recordings that differ far more than the avatar world's, by the speaker.

Every speaker says several sentences: neutral ones and emotional ones, all in one place through one
microphone. One number, the speaker's wildness, goes from the world as it is drawn (0) to as far as
the ranges go (1).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch

from ...emotion.speech.mini import level_wave
from ...emotion.speech.tracks import speech_tracks
from ...media.mel import mel_spectrogram
from ...options import Progress, no_progress
from ..avatar.emotions import EMOTIONS, LEVELS, Prosody, prosody
from ..avatar.phones import random_sentence
from ..avatar.voice import SAMPLE_RATE_HZ, Voice, speak
from .made_once import Recipe
from .recording import Recording, RecordingRanges

NEUTRALS, ACTED = 2, 5  # sentences of a speaker
#: How an emotion's pull on a voice differs between two actings of it, and between speakers'
#: neutral: standard deviations in the coordinates of :func:`style_numbers`.
_ACTING = Prosody(0.08, 0.25, 0.12, 0.12, 2.0, 0.12, 0.5, 1.0, 0.5, 0.015, 0.5, 0.02)
_HABIT = Prosody(0.0, 0.30, 0.08, 0.0, 0.0, 0.10, 0.5, 0.0, 0.6, 0.005, 0.5, 0.0)
_LOGARITHMIC = ("pitch", "pitch_range", "rate", "jitter", "breath", "formant", "tremor_hz")
STYLE_NAMES = tuple(f.name for f in fields(Prosody) if f.name != "tremor_hz")


@dataclass(frozen=True)
class VoiceRanges:
    """pitch_hz: lowest and highest neutral pitch; tract: spread about what suits the pitch."""

    pitch_hz: tuple[float, float] = (75.0, 270.0)
    tract_spread: float = 0.06
    breath: float = 0.15
    tilt_db: float = 2.0
    rate: float = 0.15


@dataclass(frozen=True)
class WildConfig:
    """wildness: range it is drawn from, evenly, by the speaker."""

    speakers: int = 2000
    seconds: float = 3.2
    first_voice: int = 0
    wildness: tuple[float, float] = (0.0, 1.0)
    voices: VoiceRanges = field(default_factory=VoiceRanges)
    recordings: RecordingRanges = field(default_factory=RecordingRanges)
    seed: int = 1
    workers: int = 2


@dataclass(frozen=True, eq=False)
class WildSpeech:
    """By speaker and sentence, the neutral ones first: mel float16 ``[n, 7, 80, T]``, levelled;

    tracks float16 ``[n, 7, 9, T]``; emotion int64 ``[n, 7]``; style float32 ``[n, 7, 11]``, what
    was asked for against the speaker's own neutral.
    """

    mel: np.ndarray
    tracks: np.ndarray
    emotion: np.ndarray
    style: np.ndarray


def load_wild(config: WildConfig, folder: Path, progress: Progress = no_progress) -> WildSpeech:
    """The speech of a configuration: from ``folder``, or synthesised now and kept there."""
    return Recipe(WildSpeech, config, _speaker, config.speakers, "wild").load(folder, progress)


def style_numbers(style: Prosody) -> np.ndarray:
    """float64 ``[12]``: factors as logarithms, the rest as it is."""
    values = [getattr(style, f.name) for f in fields(Prosody)]
    log = np.array([f.name in _LOGARITHMIC for f in fields(Prosody)])
    return np.where(log, np.log(np.maximum(values, 1e-4)), values)


def style_of(numbers: np.ndarray) -> Prosody:
    """The other way, kept to what a voice can do."""
    log = np.array([f.name in _LOGARITHMIC for f in fields(Prosody)])
    values = dict(
        zip((f.name for f in fields(Prosody)), np.where(log, np.exp(numbers), numbers), strict=True)
    )
    limits = {"pitch_range": (0.02, 0.6), "rate": (0.5, 1.6), "accent": (0.0, 1.0)}
    limits |= {"jitter": (0.0, 0.1), "breath": (0.0, 0.8), "tremor": (0.0, 0.12)}
    for name, (low, high) in limits.items():
        values[name] = min(max(values[name], low), high)
    return Prosody(**{name: float(value) for name, value in values.items()})


def _speaker(job: tuple[WildConfig, int]) -> tuple[np.ndarray, ...]:
    emotions, waves, styles = spoken(*job)
    sounds = [level_wave(torch.from_numpy(wave)) for wave in waves]
    mel = np.stack([mel_spectrogram(sound).numpy() for sound in sounds])
    tracks = np.stack([speech_tracks(sound).numpy() for sound in sounds])
    return mel.astype(np.float16), tracks.astype(np.float16), emotions, styles


def spoken(config: WildConfig, i: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Of the ``i``-th speaker: emotions ``[7]``, waves float32 ``[n]``, styles ``[7, 11]``."""
    rng = np.random.default_rng([config.seed, config.first_voice + i])
    wildness = float(rng.uniform(*config.wildness))
    voice = wild_voice(config.first_voice + i, config.voices, wildness, rng)
    habit = style_numbers(Prosody())
    habit = habit + wildness * _deviation(_HABIT) * rng.standard_normal(len(habit))
    recording = Recording(config.recordings, wildness, rng)
    emotions = [0] * NEUTRALS + list(1 + rng.permutation(len(EMOTIONS) - 1)[:ACTED])
    waves, styles = [], []
    for emotion in emotions:
        pull = acting(EMOTIONS[emotion], wildness, rng)
        said = _say(voice, style_of(habit + pull), config.seconds, wildness, rng)
        waves.append(recording(said, rng))
        styles.append([pull[k] for k, f in enumerate(fields(Prosody)) if f.name in STYLE_NAMES])
    return np.array(emotions), waves, np.array(styles, np.float32)


def acting(emotion: str, wildness: float, rng: np.random.Generator) -> np.ndarray:
    """What one acting of an emotion adds to a neutral style: ``[12]``.

    It may be stronger or weaker as a whole, and any part of it may be all but left out.
    """
    level = int(rng.choice(LEVELS))
    pull = style_numbers(prosody(emotion, level)) - style_numbers(Prosody())
    whole = np.exp(wildness * rng.normal(0, 0.25))
    parts = 1 + wildness * rng.uniform(-0.9, 0.5, len(pull))
    own = 0.6 if emotion == EMOTIONS[0] else 1.0
    spread = wildness * own * _deviation(_ACTING) * rng.standard_normal(len(pull))
    return pull * whole * parts + spread


def wild_voice(seed: int, ranges: VoiceRanges, wildness: float, rng: np.random.Generator) -> Voice:
    """Between a voice of the world and one of the ranges."""
    plain = Voice.from_seed(seed)
    height = rng.uniform(0, 1)
    low, high = ranges.pitch_hz
    tract = 0.90 + 0.24 * height + rng.normal(0, ranges.tract_spread)

    def between(a: float, b: float) -> float:
        return float(a + wildness * (b - a))

    return Voice(
        seed=seed,
        pitch_hz=plain.pitch_hz ** (1 - wildness) * (low * (high / low) ** height) ** wildness,
        tract=between(plain.tract, tract),
        breath=between(plain.breath, rng.uniform(0, ranges.breath)),
        tilt_db=between(plain.tilt_db, rng.normal(0, ranges.tilt_db)),
        rate=float(np.exp(between(np.log(plain.rate), rng.normal(0, ranges.rate)))),
    )


def _say(
    voice: Voice, style: Prosody, seconds: float, wildness: float, rng: np.random.Generator
) -> np.ndarray:
    """A sentence with silence before and after it: float32 ``[n]``."""
    n = round(seconds * SAMPLE_RATE_HZ)
    silent_s = wildness * rng.uniform(0, 0.6)
    spoken_s = seconds - silent_s
    shorter = 1 - 0.4 * wildness * rng.random()  # it may end before the clip does
    sentence = random_sentence(int(rng.integers(1 << 31)), 1.6 * spoken_s * shorter)
    wave, _ = speak(sentence, voice, style, rng, spoken_s)
    before = int(rng.integers(n - len(wave) + 1))
    return np.pad(wave, (before, n - len(wave) - before))


def _deviation(style: Prosody) -> np.ndarray:
    return np.array([getattr(style, f.name) for f in fields(Prosody)])

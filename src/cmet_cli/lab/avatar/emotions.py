"""What each emotion does to a face and to a voice.

The eight basic emotions carry the names of the data set that the published model was trained on.
The two extended ones are mostly mixtures of the basic ones, as they are for that model, with a
touch of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .face_state import EXPRESSION_HIGH, EXPRESSION_LOW, EXPRESSION_NAMES

BASIC_EMOTIONS = (
    "neutral",
    "angry",
    "contempt",
    "disgusted",
    "fear",
    "happy",
    "sad",
    "surprised",
)
EXTENDED_EMOTIONS = ("sarcastic", "charismatic")
EMOTIONS = BASIC_EMOTIONS + EXTENDED_EMOTIONS
LEVELS = (1, 2, 3)
_INTENSITY = {1: 0.55, 2: 0.8, 3: 1.0}

# How one showing of an emotion differs from another (whole clip), and how it moves within a clip.
_CLIP_SPREAD = 0.085
_DRIFT_SPREAD = 0.055
_DRIFT_S = 0.45  # time scale of the slow variation


@dataclass(frozen=True)
class Prosody:
    """How an emotion sounds, against the same voice speaking neutrally at the defaults."""

    pitch: float = 1.0  # factor on the mean pitch
    pitch_range: float = 0.09  # standard deviation of log pitch over a phrase
    slope: float = -0.06  # change of log pitch from the start of a clip to its end
    rate: float = 1.0  # factor on the speaking rate
    energy_db: float = 0.0
    accent: float = 0.25  # how much stressed syllables stand out in loudness and pitch, 0..1
    jitter: float = 0.006  # roughness: irregular cycles, standard deviation of log pitch
    tilt_db: float = 0.0  # per octave above 500 Hz; positive is bright and tense
    breath: float = 0.05  # aspiration noise against the voiced sound, amplitude
    tremor: float = 0.0  # depth of a wobble in log pitch and loudness
    tremor_hz: float = 6.0
    formant: float = 1.0  # factor on formants: spread lips raise them, rounded lips lower them


_FACES = {
    "neutral": {},
    "angry": {
        "brow_inner_raise": -0.81,
        "brow_outer_raise": -0.04,
        "brow_furrow": 0.65,
        "eye_open": 0.20,
        "lid_lower": 0.51,
        "corner_left": -0.40,
        "corner_right": -0.40,
        "lip_press": 0.16,
        "lip_stretch": 0.18,
        "cheek": 0.16,
        "nose_wrinkle": 0.73,
        "upper_lip": 0.57,
    },
    "contempt": {
        "corner_right": 1.00,
        "corner_left": -0.20,
        "lip_press": 0.35,
        "eye_open": -0.25,
        "lid_lower": 0.30,
        "brow_skew": 0.30,
        "cheek": 0.15,
    },
    "disgusted": {
        "nose_wrinkle": 1.00,
        "upper_lip": 1.00,
        "brow_furrow": 0.45,
        "brow_inner_raise": -0.45,
        "brow_outer_raise": -0.30,
        "eye_open": -0.65,
        "lid_lower": 0.55,
        "corner_left": -0.55,
        "corner_right": -0.55,
        "lip_stretch": -0.30,
        "cheek": 0.30,
    },
    "fear": {
        "brow_inner_raise": 0.90,
        "brow_outer_raise": 0.25,
        "brow_furrow": 0.60,
        "eye_open": 0.90,
        "corner_left": -0.30,
        "corner_right": -0.30,
        "lip_stretch": 0.70,
        "jaw_drop": 0.12,
    },
    "happy": {
        "corner_left": 1.00,
        "corner_right": 1.00,
        "cheek": 0.85,
        "lid_lower": 0.30,
        "lip_stretch": 0.40,
        "upper_lip": 0.50,
    },
    "sad": {
        "brow_inner_raise": 0.90,
        "brow_outer_raise": -0.45,
        "brow_furrow": 0.30,
        "eye_open": -0.50,
        "corner_left": -0.65,
        "corner_right": -0.65,
        "lip_press": 0.10,
        "lip_stretch": -0.15,
    },
    "surprised": {
        "brow_inner_raise": 0.75,
        "brow_outer_raise": 0.75,
        "eye_open": 1.00,
        "jaw_drop": 0.30,
    },
}

# Extended emotions: shares of the basic ones, and what is theirs alone.
_MIXTURES = {
    "sarcastic": (
        {"contempt": 0.65, "happy": 0.10, "sad": 0.35},
        {"brow_skew": 0.45, "eye_open": -0.15, "brow_inner_raise": -0.20, "brow_outer_raise": 0.15},
    ),
    "charismatic": (
        {"happy": 0.62, "surprised": 0.50},
        {"jaw_drop": -0.05, "lid_lower": -0.12, "upper_lip": 0.15},
    ),
}

PROSODY = {
    "neutral": Prosody(),
    "angry": Prosody(1.22, 0.20, -0.16, 1.18, 8.0, 0.85, 0.030, 5.0, 0.02, 0.0, 6.0, 1.0),
    "contempt": Prosody(0.90, 0.13, -0.42, 0.86, -1.5, 0.45, 0.022, 1.5, 0.07, 0.0, 6.0, 0.95),
    "disgusted": Prosody(0.84, 0.20, -0.10, 0.70, 2.0, 0.60, 0.065, 2.0, 0.12, 0.02, 4.0, 0.90),
    "fear": Prosody(1.60, 0.12, 0.10, 1.32, -2.0, 0.20, 0.025, -1.0, 0.42, 0.075, 7.0, 1.03),
    "happy": Prosody(1.34, 0.27, 0.08, 1.10, 4.5, 0.60, 0.008, 3.0, 0.05, 0.0, 6.0, 1.10),
    "sad": Prosody(0.86, 0.05, -0.26, 0.70, -7.0, 0.10, 0.010, -5.5, 0.28, 0.03, 4.0, 0.97),
    "surprised": Prosody(1.52, 0.36, 0.62, 0.92, 4.0, 0.70, 0.008, 1.0, 0.16, 0.0, 6.0, 0.97),
    "sarcastic": Prosody(0.93, 0.05, -0.20, 0.62, -0.5, 0.55, 0.016, 1.0, 0.06, 0.0, 6.0, 0.98),
    "charismatic": Prosody(1.16, 0.33, 0.0, 0.96, 5.0, 0.85, 0.007, 2.5, 0.04, 0.018, 5.5, 1.05),
}


def intensity(level: int) -> float:
    """0.55, 0.8 or 1.0 for the three levels."""
    if level not in _INTENSITY:
        raise ValueError(f"level is one of {LEVELS}, not {level!r}")
    return _INTENSITY[level]


def mean_expression(emotion: str, level: int = 3) -> np.ndarray:
    """float32 [14]: the typical face of an emotion at a level."""
    return _full_expression(emotion) * np.float32(intensity(level))


def prosody(emotion: str, level: int = 3) -> Prosody:
    """How an emotion sounds at a level: the way from neutral, part of it or all of it."""
    if emotion not in PROSODY:
        raise ValueError(_unknown(emotion))
    amount, plain, full = intensity(level), Prosody(), PROSODY[emotion]
    mixed = {}
    for f in fields(Prosody):
        a, b = getattr(plain, f.name), getattr(full, f.name)
        mixed[f.name] = b if f.name == "tremor_hz" else a + (b - a) * amount
    return Prosody(**mixed)


def sample_expression(
    emotion: str, level: int, n_frames: int, fps: float, rng: np.random.Generator
) -> np.ndarray:
    """float32 [n_frames, 14]: one showing of an emotion, moving slowly as faces do."""
    mean = mean_expression(emotion, level)
    n = len(mean)
    # What the emotion uses varies in strength, and everything wanders a little.
    strength = np.exp(rng.normal(0, 0.10)) * (1 + 0.10 * rng.standard_normal(n))
    offset = _CLIP_SPREAD * rng.standard_normal(n)
    drift = _DRIFT_SPREAD * smooth_noise(n_frames, n, _DRIFT_S * float(fps), rng)
    sway = 1 + 0.08 * smooth_noise(n_frames, 1, 2 * _DRIFT_S * float(fps), rng)
    track = mean * strength * sway + offset + drift
    return np.clip(track, EXPRESSION_LOW, EXPRESSION_HIGH).astype(np.float32)


def smooth_noise(
    n_frames: int, channels: int, scale_frames: float, rng: np.random.Generator
) -> np.ndarray:
    """[n_frames, channels] of unit variance, smooth over about `scale_frames` frames."""
    reach = max(1, round(3 * scale_frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(scale_frames, 1e-3)) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    white = rng.standard_normal((channels, n_frames + 2 * reach))
    return np.stack([np.convolve(row, kernel, mode="valid") for row in white], axis=1)


def _full_expression(emotion: str) -> np.ndarray:
    if emotion in _FACES:
        values = _FACES[emotion]
        return np.array([values.get(name, 0.0) for name in EXPRESSION_NAMES], np.float32)
    if emotion not in _MIXTURES:
        raise ValueError(_unknown(emotion))
    shares, own = _MIXTURES[emotion]
    mixed = np.sum([share * _full_expression(name) for name, share in shares.items()], axis=0)
    mixed = mixed + np.array([own.get(name, 0.0) for name in EXPRESSION_NAMES], np.float32)
    return np.clip(mixed, EXPRESSION_LOW, EXPRESSION_HIGH)


def _unknown(emotion: str) -> str:
    return f"no emotion is called {emotion!r}; there are {', '.join(EMOTIONS)}"

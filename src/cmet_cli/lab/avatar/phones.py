"""Made-up speech: sounds with a lip shape each, random sentences of them, and their timing.

The same timing drives the lips here and the sound in `voice`, so what is seen fits what is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_TRACK_HZ = 200  # lips are worked out at this rate before they are sampled at the frames
_COARTICULATION_S = 0.032  # lips reach their targets gradually: sigma of the smoothing


@dataclass(frozen=True)
class Phone:
    """One speech sound. Formants are those of an average adult vocal tract."""

    name: str
    kind: str  # vowel, nasal, glide, fricative, plosive or silence
    formants_hz: tuple[float, float, float]
    lips: tuple[float, float, float]  # opening, width, rounding
    duration_s: float
    voicing: float  # amplitude of the voiced sound, 0..1
    noise: float  # amplitude of the hiss, 0..1
    noise_hz: float  # where the hiss is centred
    noise_width_hz: float
    hold: float  # how firmly the lips keep their target against their neighbours


_F, _P = "fricative", "plosive"


def _table() -> dict[str, Phone]:
    rows = (
        # name kind formants lips duration voicing noise noise_hz width hold
        ("_", "silence", (500, 1500, 2500), (0.02, 0.0, 0.0), 0.22, 0, 0, 1000, 1000, 1.0),
        ("a", "vowel", (760, 1300, 2550), (0.95, 0.10, 0.0), 0.130, 1.0, 0, 0, 1, 1.2),
        ("ae", "vowel", (680, 1720, 2500), (0.78, 0.45, 0.0), 0.125, 0.92, 0, 0, 1, 1.2),
        ("e", "vowel", (500, 1900, 2600), (0.48, 0.60, 0.0), 0.115, 0.70, 0, 0, 1, 1.2),
        ("i", "vowel", (290, 2250, 3000), (0.26, 0.95, 0.0), 0.110, 0.50, 0, 0, 1, 1.2),
        ("uh", "vowel", (560, 1250, 2450), (0.46, 0.00, 0.0), 0.080, 0.68, 0, 0, 1, 0.9),
        ("aw", "vowel", (590, 900, 2450), (0.72, -0.25, 0.50), 0.130, 0.90, 0, 0, 1, 1.2),
        ("o", "vowel", (450, 820, 2400), (0.50, -0.45, 0.80), 0.125, 0.70, 0, 0, 1, 1.2),
        ("u", "vowel", (310, 860, 2300), (0.22, -0.70, 1.00), 0.115, 0.48, 0, 0, 1, 1.2),
        ("m", "nasal", (260, 1050, 2200), (0.00, 0.00, 0.05), 0.075, 0.26, 0, 0, 1, 4.0),
        ("n", "nasal", (270, 1550, 2500), (0.18, 0.15, 0.0), 0.070, 0.28, 0, 0, 1, 0.5),
        ("l", "glide", (350, 1150, 2700), (0.28, 0.10, 0.0), 0.070, 0.40, 0, 0, 1, 0.5),
        ("r", "glide", (370, 1150, 1650), (0.24, -0.20, 0.45), 0.075, 0.40, 0, 0, 1, 0.8),
        ("w", "glide", (300, 700, 2250), (0.12, -0.60, 1.00), 0.070, 0.34, 0, 0, 1, 2.0),
        ("y", "glide", (280, 2200, 2950), (0.20, 0.65, 0.0), 0.065, 0.38, 0, 0, 1, 0.8),
        ("s", _F, (400, 1600, 2600), (0.14, 0.45, 0.0), 0.095, 0, 0.55, 6000, 1500, 0.8),
        ("z", _F, (300, 1600, 2600), (0.14, 0.40, 0.0), 0.080, 0.3, 0.32, 5800, 1500, 0.8),
        ("sh", _F, (400, 1700, 2500), (0.20, -0.35, 0.70), 0.100, 0, 0.55, 3200, 1000, 1.2),
        ("f", _F, (400, 1200, 2300), (0.06, 0.15, 0.0), 0.090, 0, 0.20, 5000, 3500, 3.0),
        ("v", _F, (300, 1200, 2300), (0.07, 0.12, 0.0), 0.070, 0.35, 0.10, 4500, 3500, 3.0),
        ("h", _F, (600, 1500, 2500), (0.40, 0.00, 0.0), 0.060, 0, 0.22, 1700, 1600, 0.2),
        ("p", _P, (400, 1000, 2200), (0.00, 0.00, 0.05), 0.085, 0, 0.45, 1200, 1500, 4.0),
        ("b", _P, (250, 1000, 2200), (0.00, 0.00, 0.05), 0.075, 0.2, 0.22, 1000, 1300, 4.0),
        ("t", _P, (400, 1700, 2600), (0.15, 0.20, 0.0), 0.075, 0, 0.50, 4500, 2000, 0.5),
        ("d", _P, (270, 1700, 2600), (0.16, 0.20, 0.0), 0.065, 0.2, 0.28, 4000, 2000, 0.5),
        ("k", _P, (400, 1900, 2300), (0.26, 0.00, 0.0), 0.085, 0, 0.48, 2200, 1000, 0.3),
        ("g", _P, (260, 1900, 2300), (0.26, 0.00, 0.0), 0.070, 0.2, 0.26, 2000, 1000, 0.3),
    )
    return {row[0]: Phone(*row) for row in rows}


PHONES = _table()
VOWELS = tuple(name for name, phone in PHONES.items() if phone.kind == "vowel")
CONSONANTS = tuple(n for n, phone in PHONES.items() if phone.kind not in ("vowel", "silence"))
_CODAS = ("n", "m", "s", "t", "l", "r", "k", "d")


@dataclass(frozen=True)
class Sentence:
    """Phones in order, each with a factor on its usual length and the stress of its syllable."""

    names: tuple[str, ...]
    lengths: tuple[float, ...]
    stresses: tuple[float, ...]  # 0 unstressed .. 1 stressed

    @property
    def duration_s(self) -> float:
        """Length at the normal speaking rate."""
        pairs = zip(self.names, self.lengths, strict=True)
        return sum(PHONES[name].duration_s * length for name, length in pairs)


@dataclass(frozen=True, eq=False)
class Timing:
    """When each phone of a clip begins and ends."""

    names: tuple[str, ...]
    start_s: np.ndarray  # float64 [k]
    end_s: np.ndarray  # float64 [k]
    stresses: np.ndarray  # float64 [k], 0..1

    @property
    def duration_s(self) -> float:
        return float(self.end_s[-1])


def random_sentence(seed: int, min_duration_s: float = 4.0) -> Sentence:
    """Words of one to three syllables until the sentence is long enough, with pauses between."""
    if min_duration_s <= 0:
        raise ValueError("a sentence needs a positive duration")
    rng = np.random.default_rng([seed, 0x5EED])
    phones: list[tuple[str, float, float]] = [("_", float(rng.uniform(0.4, 0.9)), 0.0)]
    total_s = 0.0
    while total_s < min_duration_s:
        word = _random_word(rng)
        if rng.random() < 0.16:
            word.append(("_", float(rng.uniform(0.6, 1.4)), 0.0))
        phones += word
        total_s = sum(PHONES[name].duration_s * length for name, length, _ in phones)
    phones.append(("_", 1.0, 0.0))
    return Sentence(*(tuple(column) for column in zip(*phones, strict=True)))


def _random_word(rng: np.random.Generator) -> list[tuple[str, float, float]]:
    syllables = int(rng.choice([1, 2, 3], p=[0.35, 0.45, 0.2]))
    stressed = int(rng.integers(syllables))
    word = []
    for index in range(syllables):
        stress = 1.0 if index == stressed else 0.0
        if rng.random() < 0.9:
            word.append((str(rng.choice(CONSONANTS)), float(rng.uniform(0.85, 1.15)), stress))
        length = rng.uniform(0.9, 1.15) * (1.3 if stress else 0.9)
        word.append((str(rng.choice(VOWELS)), float(length), stress))
        if rng.random() < 0.3:
            word.append((str(rng.choice(_CODAS)), float(rng.uniform(0.85, 1.1)), stress))
    return word


def align(sentence: Sentence, rate: float = 1.0, duration_s: float | None = None) -> Timing:
    """Lay the sentence out in time at a speaking rate.

    With `duration_s` the result lasts exactly that: cut where it is too long, silent at the end
    where it is too short.
    """
    if rate <= 0:
        raise ValueError("the speaking rate must be positive")
    lengths_s = [
        PHONES[name].duration_s * length / rate
        for name, length in zip(sentence.names, sentence.lengths, strict=True)
    ]
    end_s = np.cumsum(lengths_s)
    names, stresses = list(sentence.names), list(sentence.stresses)
    if duration_s is not None:
        keep = int(np.searchsorted(end_s, duration_s)) + 1
        names, stresses, end_s = names[:keep], stresses[:keep], end_s[:keep]
        if end_s[-1] < duration_s:
            names, stresses = [*names, "_"], [*stresses, 0.0]
            end_s = np.append(end_s, duration_s)
        end_s[-1] = duration_s
    start_s = np.concatenate([[0.0], end_s[:-1]])
    return Timing(tuple(names), start_s, end_s, np.asarray(stresses, float))


def phone_index(timing: Timing, times_s: np.ndarray) -> np.ndarray:
    """int [n]: which phone sounds at each time; times outside count as the nearest end."""
    index = np.searchsorted(timing.end_s, times_s, side="right")
    return np.minimum(index, len(timing.names) - 1)


def lip_track(timing: Timing, times_s: np.ndarray) -> np.ndarray:
    """float32 [n_frames, 3]: opening, width and rounding at the given times.

    Each phone pulls the lips towards its target with its own firmness (`hold`): m, b and p always
    close them, k and h take the shape of their neighbours.
    """
    n = int(np.ceil(timing.duration_s * _TRACK_HZ)) + 1
    phones = [PHONES[name] for name in timing.names]
    index = phone_index(timing, (np.arange(n) + 0.5) / _TRACK_HZ)
    hold = np.array([phone.hold for phone in phones])[index]
    target = np.array([phone.lips for phone in phones])[index]
    # A stressed syllable is spoken with more movement.
    target = target * (0.88 + 0.14 * timing.stresses[index])[:, None]
    pulled = gaussian_smooth(target * hold[:, None], _COARTICULATION_S * _TRACK_HZ)
    weight = gaussian_smooth(hold[:, None], _COARTICULATION_S * _TRACK_HZ)
    track = pulled / weight
    grid_s = (np.arange(n) + 0.5) / _TRACK_HZ
    lips = np.stack([np.interp(times_s, grid_s, column) for column in track.T], axis=1)
    return np.clip(lips, (0, -1, 0), (1, 1, 1)).astype(np.float32)


def gaussian_smooth(track: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth [n, c] along the first axis, the ends held; `sigma` in samples."""
    reach = max(1, int(np.ceil(3 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)

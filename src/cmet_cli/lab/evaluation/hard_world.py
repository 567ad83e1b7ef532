"""People as hard to learn from as the paper's: noisy clips, overlapping emotions, own ways.

Features are drawn, not synthesised: an emotion's place is the mini model's (its named emotions for
speech, the world's faces through its code map), and around it lies what real people add. How much
that is was measured or taken from what is published; :class:`Hardness` says which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...emotion.named import SUFFIX
from ...emotion.presets import read_preset
from ...errors import UsageError
from ...weights.folder import EMOTIONS_FOLDER, mini_folder
from ..avatar.emotions import (
    BASIC_EMOTIONS,
    EMOTIONS,
    intensity,
    mean_expression,
    smooth_noise,
)
from ..layout import ClipKey, emotion_levels
from ..seeds import EVALUATION_SEEDS, TRAINING_SEEDS
from ..training.clip_features import ClipFeatures
from ..training.code_space import EXPRESSION_DIM, code_space
from ..training.pairs import NEUTRAL

DRIFT_FRAMES = 11.0  # the world's own: faces vary over 0.45 s
DRIFT_SHARE = (
    0.42  # of a clip's noise, its variance within the clip; the world's own (0.055/0.085)²
)


@dataclass(frozen=True)
class Hardness:
    """How hard the people are. Variances are sums over the numbers of a feature, in units of the
    variance between one person's means of the eight basic emotions at their strongest.

    *Measured* is on published emotion2vec+ large features of MEAD's M003 (4 clips at level 3 of
    each of seven emotions, 5 of neutral) and W015 (5 of neutral), leave-one-out where a mean takes
    part. There, between emotions the variance is 74 and within one 29; the nearest mean of the
    others is right for 26 of 28 emotional clips, and for 24 of 33 with neutral among the classes.
    """

    #: MEAD's published 48 people without its four of the test; all different from the judged.
    people: int = 44
    judged: int = 40
    #: Emotions that a training person shows, neutral among them. Assumed.
    shown: int = 5
    #: Clips per person, emotion and level. Assumed; MEAD has 13, and ten are averaged a side.
    clips: int = 2
    #: Clips averaged a side, from this range. Assumed: a user has one.
    averaged: tuple[int, int] = (1, 3)
    #: Of a clip at 25 Hz.
    frames: int = 25
    #: Standard deviation of how much of its emotion a clip shows, in voice and face alike.
    #: Measured: 24 clips' share of the way from neutral to their emotion is 0.98 ± 0.37.
    strength: float = 0.36
    #: How far spoken contempt is from neutral, the mini's way being 1. Measured: 3.3 against 11.3
    #: on average for the other six.
    contempt: float = 0.29
    #: A clip's noise among the emotions, and elsewhere. Measured: 0.67 of the variance within an
    #: emotion lies in the space that the means span; 12.5 of its 19.4 is the strength's. In shares
    #: of the mini's own spread of emotions, so that a change of its ear asks for others.
    noise_among: float = 0.117
    noise_elsewhere: float = 0.169
    #: Directions of the noise elsewhere. Measured (participation ratio of the rest): 4.6.
    elsewhere: int = 5
    #: A voice's offset. Measured: two people's neutral means are 2.5 apart, no more than their
    #: clips' scatter gives; this takes all of that for the voices.
    voice: float = 0.04
    #: Share of the variance between a person's emotions that is their own way with them, a blend
    #: of the basic ones at full intensity. One voice and no face cannot tell. For the face: so that
    #: the nearest mean names a stranger's clip as often as people do without the sound, of six
    #: emotions at any level (58.2 % on CREMA-D, Cao et al. 2014, the paper's other test). For the
    #: voice: so that naming a stranger's strongest clip of eight by ear (0.84) and, of those, by
    #: face (0.66, a person's true change with their resting face) come to what the paper's whole
    #: chain reaches on MEAD (0.559). With 0.7, an ear no better than that chain, reconstruction
    #: alone came to 0.28 in a pilot (the paper's: 0.494). A resting face has as much as a way.
    way_voice: float = 0.2
    way_face: float = 0.32
    #: Share of that way which voice and face have in common. Assumed.
    way_shared: float = 0.5
    #: A clip's noise in the face. No real codes of single clips are at hand: as in the voice.
    noise_face: float = 0.22
    #: Factor on the codes, so that the losses' weights weigh as in the paper: EDTalk's published
    #: codes of seven emotions are 7.46 from its neutral, the mini's 3.74.
    code_scale: float = 1.99

    def __post_init__(self) -> None:
        if not 2 <= self.shown <= len(BASIC_EMOTIONS) or self.people < 1 or self.judged < 2:
            raise UsageError(
                f"a hard world needs people, two to judge and 2 to {len(BASIC_EMOTIONS)} emotions "
                f"shown, got {self.people}, {self.judged} and {self.shown}"
            )


@dataclass(frozen=True, eq=False)
class Side:
    """One modality. towards: emotion -> its change from neutral float64 ``[D]``; neutral ``[D]``;
    basis ``[7, D]``: orthonormal, what the basic emotions span; unit: variance between a person's
    emotions, what all people share and what is their own."""

    neutral: np.ndarray
    towards: dict[str, np.ndarray]
    basis: np.ndarray
    unit: float

    @classmethod
    def of(cls, neutral: np.ndarray, towards: dict[str, np.ndarray], own: float) -> Side:
        basic = np.stack([towards[e] for e in BASIC_EMOTIONS])
        basic = basic - basic.mean(axis=0)
        basis = np.linalg.svd(basic, full_matrices=False)[2][: len(basic) - 1]
        shared = float((basic**2).sum() / (len(basic) - 1))
        return cls(neutral, towards, basis, shared / (1 - own))

    def blend(self, weights: np.ndarray, variance: float) -> np.ndarray:
        """weights: standard normal, one per basic emotion but neutral. -> change ``[D]``."""
        basic = np.stack([self.towards[e] for e in BASIC_EMOTIONS if e != NEUTRAL])
        return weights @ basic * np.sqrt(variance * self.unit / (basic**2).sum())

    def among(self, rng: np.random.Generator, variance: float) -> np.ndarray:
        """Noise in the space that the emotions span, ``[D]``."""
        size = np.sqrt(variance * self.unit / len(self.basis))
        return size * rng.standard_normal(len(self.basis)) @ self.basis


class HardWorld:
    """Training and judged people of one seed; what a person is depends on seed and number alone."""

    def __init__(self, hardness: Hardness, seed: int) -> None:
        self.hardness, self.seed = hardness, seed
        self._voice = _voice_side(hardness.contempt, hardness.way_voice)
        self._face = _face_side(hardness.code_scale, hardness.way_face)
        dim = len(self._voice.neutral)
        free = np.random.default_rng(0xE15E).standard_normal((hardness.elsewhere, dim))
        free = free - free @ self._voice.basis.T @ self._voice.basis
        self._elsewhere = np.linalg.qr(free.T)[0].T  # [elsewhere, D], across the emotions

    def training(self) -> list[ClipFeatures]:
        """Basic emotions only; a person shows some of them."""
        clips = []
        for person in TRAINING_SEEDS[: self.hardness.people]:
            rng = np.random.default_rng([self.seed, person, 0x5806])
            some = rng.choice(BASIC_EMOTIONS[1:], self.hardness.shown - 1, replace=False)
            clips += self.person(person, [e for e in BASIC_EMOTIONS if e == NEUTRAL or e in some])
        return clips

    def held_out(self) -> list[ClipFeatures]:
        """Other people, with every emotion, the two that no training meets among them."""
        people = EVALUATION_SEEDS[: self.hardness.judged]
        return [clip for person in people for clip in self.person(person, EMOTIONS)]

    def person(self, number: int, emotions: Sequence[str]) -> list[ClipFeatures]:
        """All clips of one person, at every level."""
        h, rng = self.hardness, np.random.default_rng([self.seed, number])
        count = len(BASIC_EMOTIONS) - 1
        rest = self._face.blend(rng.standard_normal(count), h.way_face)
        dim = len(self._voice.neutral)
        offset = rng.standard_normal(dim) * np.sqrt(h.voice * self._voice.unit / dim)
        ways = {e: self._way(rng, e) for e in EMOTIONS}  # all, so that `emotions` changes nothing
        clips = []
        for emotion in emotions:
            voice, face = ways[emotion]
            for level in emotion_levels(emotion):
                for sentence in range(1, h.clips + 1):
                    amount = intensity(level) * max(0.0, 1 + h.strength * rng.standard_normal())
                    key = ClipKey(str(number), emotion, level, sentence)
                    speech = self._voice.neutral + offset + amount * voice + self._voice_noise(rng)
                    codes = rest + amount * face + self._face_noise(rng)
                    clips.append(
                        ClipFeatures(key, codes.astype(np.float32), speech.astype(np.float32))
                    )
        return clips

    def _way(self, rng: np.random.Generator, emotion: str) -> tuple[np.ndarray, np.ndarray]:
        """How this person shows an emotion: change of the voice, change of the face."""
        if emotion == NEUTRAL:
            return np.zeros_like(self._voice.neutral), np.zeros_like(self._face.neutral)
        h = self.hardness
        both, voice, face = rng.standard_normal((3, len(BASIC_EMOTIONS) - 1))
        share, rest = np.sqrt(h.way_shared), np.sqrt(1 - h.way_shared)
        return (
            self._voice.towards[emotion]
            + self._voice.blend(share * both + rest * voice, h.way_voice),
            self._face.towards[emotion] + self._face.blend(share * both + rest * face, h.way_face),
        )

    def _voice_noise(self, rng: np.random.Generator) -> np.ndarray:
        h, side = self.hardness, self._voice
        size = np.sqrt(h.noise_elsewhere * side.unit / h.elsewhere)
        away = size * rng.standard_normal(h.elsewhere) @ self._elsewhere
        return side.among(rng, h.noise_among) + away

    def _face_noise(self, rng: np.random.Generator) -> np.ndarray:
        """``[frames, 10]``: a clip's own offset, and what wanders within it."""
        h = self.hardness
        size = np.sqrt(h.noise_face * self._face.unit / EXPRESSION_DIM)
        offset = rng.standard_normal(EXPRESSION_DIM)
        drift = smooth_noise(h.frames, EXPRESSION_DIM, DRIFT_FRAMES, rng)
        return size * (offset + np.sqrt(DRIFT_SHARE) * drift)


def heard(clip: ClipFeatures) -> np.ndarray:
    """What a listener has of a clip."""
    return clip.speech


def seen(clip: ClipFeatures) -> np.ndarray:
    """What an onlooker has of a clip: its mean code."""
    return clip.codes.mean(axis=0)


def nearest_mean_accuracy(
    known: Sequence[ClipFeatures],
    asked: Sequence[ClipFeatures],
    view: Callable[[ClipFeatures], np.ndarray],
    emotions: Sequence[str],
) -> float:
    """How often the nearest emotion mean of ``known`` names a clip of ``asked`` rightly; every
    emotion counts alike."""
    means = np.stack([np.mean([view(c) for c in known if c.key.emotion == e], 0) for e in emotions])
    rates = []
    for truth, emotion in enumerate(emotions):
        clips = np.stack([view(c) for c in asked if c.key.emotion == emotion])
        nearest = np.linalg.norm(clips[:, None] - means, axis=2).argmin(axis=1)
        rates.append(float((nearest == truth).mean()))
    return float(np.mean(rates))


@lru_cache(maxsize=4)
def _voice_side(contempt: float, own: float) -> Side:
    folder = mini_folder() / EMOTIONS_FOLDER
    means = {e: read_preset(folder / f"{e}{SUFFIX}").mean.astype(np.float64) for e in EMOTIONS}
    towards = {e: mean - means[NEUTRAL] for e, mean in means.items()}
    towards["contempt"] *= contempt
    return Side.of(means[NEUTRAL], towards, own)


@lru_cache(maxsize=4)
def _face_side(scale: float, own: float) -> Side:
    encode = code_space().encode_expression
    towards = {e: scale * encode(mean_expression(e)).astype(np.float64) for e in EMOTIONS}
    return Side.of(np.zeros(EXPRESSION_DIM), towards, own)

"""A talking person for a few seconds: the sound and every number behind the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .emotions import prosody, sample_expression, smooth_noise
from .face import draw
from .face_state import POSE_SPREAD, FaceState
from .identity import Identity
from .phones import Timing, lip_track, random_sentence
from .voice import SAMPLE_RATE_HZ, Voice, speak

_POSE_DRIFT_S = 0.7
_BLINK_S = 0.13  # half of it down, half up
_BLINK_GAP_S = 3.2  # mean time between blinks
_FASTEST_RATE = 1.6  # sentences are long enough for the quickest speaker


@dataclass(frozen=True, eq=False)
class AvatarClip:
    """Frames are drawn on demand; everything that decides them is here."""

    identity: Identity
    fps: Fraction
    wave: np.ndarray  # float32 [n_samples], -1..1
    sample_rate: int
    timing: Timing  # when each phone sounds
    lips: np.ndarray  # float32 [n, 3]
    pose: np.ndarray  # float32 [n, 6]
    expression: np.ndarray  # float32 [n, 14]
    blink: np.ndarray  # float32 [n], 0..1
    times_s: np.ndarray  # float64 [n], when each frame is shown

    def __len__(self) -> int:
        return len(self.times_s)

    def state(self, i: int) -> FaceState:
        """The face's parameters at frame `i`."""
        return FaceState(self.lips[i], self.pose[i], self.expression[i], float(self.blink[i]))

    def frame(self, i: int, size_px: int) -> np.ndarray:
        """uint8 [size_px, size_px, 3] RGB."""
        return draw(self.identity, self.state(i), size_px)

    def with_expression(self, track: np.ndarray) -> AvatarClip:
        """The same person, words and movements with another expression track [n, 14]."""
        track = np.asarray(track, np.float32)
        if track.shape != self.expression.shape:
            raise ValueError(f"expected a track of {self.expression.shape}, got {track.shape}")
        return replace(self, expression=track)


def make_clip(
    *,
    identity_seed: int,
    voice_seed: int,
    emotion: str,
    level: int,
    seconds: float,
    fps: Fraction = Fraction(25),
    seed: int,
) -> AvatarClip:
    """One clip. `seed` fixes the words, head movements and blinks whatever the emotion is.

    `seconds` is rounded to whole frames; the wave lasts exactly as long as the frames.
    """
    fps = Fraction(fps)
    n = round(Fraction(seconds).limit_denominator(100_000) * fps)
    if n < 1:
        raise ValueError(f"{seconds} s at {fps} frames a second is not a single frame")
    duration_s = float(n / fps)
    times_s = np.arange(n) / float(fps)
    sentence = random_sentence(seed, _FASTEST_RATE * duration_s)
    # Separate streams: another emotion must not change the words, the pose or the blinks.
    sound_rng, face_rng, pose_rng, blink_rng = (
        np.random.default_rng([seed, stream]) for stream in range(1, 5)
    )
    voice = Voice.from_seed(voice_seed)
    wave, timing = speak(sentence, voice, prosody(emotion, level), sound_rng, duration_s)
    return AvatarClip(
        identity=Identity.from_seed(identity_seed),
        fps=fps,
        wave=wave,
        sample_rate=SAMPLE_RATE_HZ,
        timing=timing,
        lips=lip_track(timing, times_s),
        pose=_pose_track(n, float(fps), pose_rng),
        expression=sample_expression(emotion, level, n, float(fps), face_rng),
        blink=_blink_track(times_s, blink_rng),
        times_s=times_s,
    )


def _pose_track(n: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """float32 [n, 6]: a place for the whole clip and a slow drift about it."""
    place = rng.standard_normal(len(POSE_SPREAD))
    drift = smooth_noise(n, len(POSE_SPREAD), _POSE_DRIFT_S * fps, rng)
    return (POSE_SPREAD * (0.7 * place + 0.5 * drift)).astype(np.float32)


def _blink_track(times_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float32 [n]: lids fall and rise at irregular moments."""
    blink = np.zeros(len(times_s))
    at_s = rng.uniform(0.3, _BLINK_GAP_S)
    while at_s < times_s[-1]:
        blink = np.maximum(blink, 1 - np.abs(times_s - at_s) / (0.5 * _BLINK_S + 0.02))
        at_s += max(0.5, rng.exponential(_BLINK_GAP_S))
    return np.clip(1.3 * blink, 0, 1).astype(np.float32)

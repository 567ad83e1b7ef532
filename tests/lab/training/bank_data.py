"""Made-up features: each emotion moves the codes along a direction of its own, and the speech."""

from __future__ import annotations

import numpy as np

from cmet_cli.lab.layout import ClipKey, emotion_levels
from cmet_cli.lab.training.clip_features import ClipFeatures

EMOTIONS = ("neutral", "angry", "happy", "sad")
SPEECH_DIM = 6


def centres(dim: int) -> np.ndarray:
    """One direction per emotion, ``[4, dim]``; neutral is nought."""
    rng = np.random.default_rng(dim)
    table = 2 * rng.standard_normal((len(EMOTIONS), dim)).astype(np.float32)
    table[0] = 0
    return table


def clips(people=3, per_group=3, frames=23, noise=0.1, speech_dim=SPEECH_DIM, emotions=EMOTIONS):
    rng = np.random.default_rng(0)
    faces, voices = centres(10), centres(speech_dim)
    made = []
    for person in range(people):
        own_face = 0.3 * rng.standard_normal(10)
        for e, emotion in enumerate(emotions):
            at = EMOTIONS.index(emotion) if emotion in EMOTIONS else e
            for level in emotion_levels(emotion):
                for number in range(1, per_group + 1):
                    codes = (
                        faces[at] * level / 3 + own_face + noise * rng.standard_normal((frames, 10))
                    )
                    speech = voices[at] * level / 3 + noise * rng.standard_normal(speech_dim)
                    key = ClipKey(f"P{person}", emotion, level, number)
                    made.append(
                        ClipFeatures(key, codes.astype(np.float32), speech.astype(np.float32))
                    )
    return made

"""Does the mini model do what is asked? Read off rendered frames, per basic emotion.

A person and voices that no training has met. The numbers are read by the model's own encoder,
which learned from true drawings, and turned into the world's parameters.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.lab.avatar.emotions import mean_expression
from cmet_cli.lab.avatar.state import EXPRESSION_NAMES
from cmet_cli.lab.evaluation.__main__ import load_bench
from cmet_cli.lab.evaluation.methods import Bench
from cmet_cli.lab.evaluation.proof import cosine
from cmet_cli.lab.evaluation.subjects import make_subject
from cmet_cli.lab.training.codes import EXPRESSION, LIPS, code_space
from cmet_cli.media.audio import decode_speech
from cmet_cli.weights.folder import mini_folder

VOICES = Path(__file__).parents[3] / "examples" / "voices"
SUBJECT = 3
SECONDS = 0.8


def corners(p: dict[str, float]) -> float:
    return (p["corner_left"] + p["corner_right"]) / 2


#: What must have changed on the face, in the world's units (full range about 1).
CHECKS = {
    "happy": lambda p: corners(p) > 0.3 and p["cheek"] > 0.1,
    "sad": lambda p: corners(p) < -0.2 and p["brow_inner_raise"] > 0.1,
    "angry": lambda p: p["brow_furrow"] > 0.25 and p["brow_inner_raise"] < -0.1,
    "surprised": lambda p: p["brow_outer_raise"] > 0.3 and p["eye_open"] > 0.2,
    "fear": lambda p: p["eye_open"] > 0.2 and p["brow_inner_raise"] > 0.1 and corners(p) < 0.1,
    "disgusted": lambda p: p["nose_wrinkle"] > 0.2 and p["upper_lip"] > 0.1,
    "contempt": lambda p: abs(p["corner_left"] - p["corner_right"]) > 0.2,
}
#: The voice that must not pass for it.
SWAPPED = {
    "happy": "sad", "sad": "happy", "angry": "surprised", "surprised": "angry", "fear": "angry",
    "disgusted": "happy", "contempt": "surprised",
}  # fmt: skip


@lru_cache(maxsize=1)
def bench() -> Bench:
    return load_bench(mini_folder())


@lru_cache(maxsize=1)
def subject():
    return make_subject(SUBJECT, bench().size_px, SECONDS)


@lru_cache(maxsize=16)
def change(voice: str) -> dict[str, float]:
    """Expression change in the rendered pictures, asked for by an example voice."""
    person, model = subject(), bench()
    base = model.encode(person.frames)
    base[:, LIPS] = model.lips_from_sound(person)
    heard = model.listener.feature(decode_speech(VOICES / f"{voice}.wav"))
    vector = heard - model.listener.feature(person.clip.wave)
    edited = base.copy()
    edited[:, EXPRESSION] += model.delta(base, vector)
    at = np.arange(0, len(base), 3)
    read = []
    for codes in (base, edited):
        pictures = model.render(person, codes, model.networks.config.source, at)
        seen = model.encode(pictures)[:, EXPRESSION]
        read.append(code_space().decode_expression(seen).mean(0))
    return dict(zip(EXPRESSION_NAMES, (read[1] - read[0]).tolist(), strict=True))


@pytest.mark.parametrize("emotion", CHECKS)
def test_the_face_moves_the_right_way(emotion):
    assert CHECKS[emotion](change(emotion)), change(emotion)


@pytest.mark.parametrize("emotion", CHECKS)
def test_a_swapped_voice_is_noticed(emotion):
    assert not CHECKS[emotion](change(SWAPPED[emotion])), change(SWAPPED[emotion])


@pytest.mark.parametrize("emotion", ["sarcastic", "charismatic"])
def test_emotions_that_the_connector_never_met_go_the_right_way(emotion):
    moved = np.array([change(emotion)[name] for name in EXPRESSION_NAMES])
    assert cosine(moved, mean_expression(emotion, 3)) > 0.4


def test_a_neutral_voice_leaves_the_face_alone():
    """Half as much change, at most, as the weakest basic emotion makes."""
    size = {v: np.linalg.norm(list(change(v).values())) for v in ("neutral", *CHECKS)}
    assert size["neutral"] < 0.5 * min(size[e] for e in CHECKS)

"""Does ``EmotionEditor.edit`` with the mini model do what is asked? Files in, files out.

One person and voices that no training has met; the statistics are `cmet proof`'s. What the written
video shows is read by the model's own encoder, which learned from true drawings, and turned into
the world's parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from cmet_cli.editor import EmotionEditor
from cmet_cli.emotion.source import Mixture
from cmet_cli.lab.avatar.emotions import mean_expression
from cmet_cli.lab.avatar.face_state import EXPRESSION_NAMES
from cmet_cli.lab.evaluation.bench import Bench, outside_face, read_pictures
from cmet_cli.lab.evaluation.measures import cosine
from cmet_cli.lab.evaluation.methods import Asking, ConstantChange
from cmet_cli.lab.evaluation.subjects import PICTURE_PX, write_speech, write_subject
from cmet_cli.lab.training.code_space import EXPRESSION, code_space
from cmet_cli.options import EditOptions

VOICES = Path(__file__).parents[3] / "examples" / "voices"
SUBJECT = 5
SECONDS = 1.6  # of shorter speech the encoder hears too little for the neutral side
LOSSLESS = EditOptions(crf=0)


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
    "happy": "sad",
    "sad": "happy",
    "angry": "surprised",
    "surprised": "sad",
    "fear": "angry",
    "disgusted": "happy",
    "contempt": "surprised",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    return Bench(EmotionEditor.from_weights(model="mini"), tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def subject(bench):
    return write_subject(SUBJECT, bench.folder, SECONDS)


@pytest.fixture(scope="module")
def shown(bench, subject) -> Callable:
    """``shown(emotion, options)``: what the edited file shows beyond the original, ``[14]``."""

    def read(pictures: np.ndarray) -> np.ndarray:
        codes = bench.encode(bench.reduced(pictures[::3]))[:, EXPRESSION]
        return code_space().decode_expression(codes).mean(0)

    before = read(read_pictures(subject.video))
    return lambda emotion, options=LOSSLESS: (
        read(bench.edit(subject.video, emotion, options)) - before
    )


@pytest.fixture(scope="module")
def change(shown) -> Callable[[str], dict[str, float]]:
    """``change(voice)``: the same by name, asked for by an example voice."""

    @lru_cache(maxsize=16)
    def asked(voice: str) -> dict[str, float]:
        return dict(zip(EXPRESSION_NAMES, shown(VOICES / f"{voice}.wav").tolist(), strict=True))

    return asked


@pytest.mark.parametrize("emotion", CHECKS)
def test_the_face_moves_the_right_way(change, emotion):
    assert CHECKS[emotion](change(emotion)), change(emotion)


@pytest.mark.parametrize("emotion", CHECKS)
def test_a_swapped_voice_is_noticed(change, emotion):
    assert not CHECKS[emotion](change(SWAPPED[emotion])), change(SWAPPED[emotion])


@pytest.mark.parametrize("emotion", ["sarcastic", "charismatic"])
def test_emotions_that_the_connector_never_met_go_the_right_way(bench, shown, emotion):
    """Asked for by the mean of four voices, as a user with several recordings would."""
    moved = shown([write_speech(emotion, voice, bench.folder) for voice in range(4)])
    own = cosine(moved, mean_expression(emotion, 3))
    assert own > 0.4
    assert cosine(moved, mean_expression("sad", 3)) < own - 0.1  # which sarcastic holds a third of


def test_a_neutral_voice_leaves_the_face_alone(change):
    """Half as much change, at most, as the weakest basic emotion makes."""
    size = {v: np.linalg.norm(list(change(v).values())) for v in ("neutral", *CHECKS)}
    assert size["neutral"] < 0.5 * min(size[e] for e in CHECKS)


def test_other_ways_of_asking_go_through_the_same_door(bench, shown, change):
    """A label's mean and somebody else's picture: sources that the tool has never heard of."""
    happy, sad = (np.array(list(change(voice).values())) for voice in ("happy", "sad"))
    asking = Asking(bench, label_people=1)
    for method in ("label mean", "reference picture"):
        moved = shown(asking.emotion(method, "happy", SUBJECT))
        assert cosine(moved, happy) > 0.6, method
        assert cosine(moved, sad) < 0.2, method


def constant(emotion: str) -> ConstantChange:
    return ConstantChange(code_space().encode_expression(mean_expression(emotion, 3)))


def test_a_source_and_its_opposite_cancel(shown):
    happy, nothing = constant("happy"), ConstantChange(np.zeros(10, np.float32))
    still = shown(nothing)
    np.testing.assert_allclose(shown(Mixture([(1.0, happy), (-1.0, happy)])), still, atol=1e-5)
    assert np.linalg.norm(shown(happy) - still) > 0.5


def test_nothing_changes_outside_the_face(bench, subject):
    codes = bench.folder / "codes.npz"
    rendered = EditOptions(crf=0, save_codes=codes, overwrite=True, detail="render")
    edited = bench.edit(subject.video, VOICES / "angry.wav", rendered)
    changed = np.abs(edited.astype(int) - read_pictures(subject.video)).max(-1) > 0
    outside = outside_face(codes, bench.size_px, PICTURE_PX)
    assert 0.2 < outside.mean() < 0.9
    assert not (changed & outside).any()
    assert changed[~outside].mean() > 0.5  # else the line above says nothing

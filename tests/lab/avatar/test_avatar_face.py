"""The drawn face: repeatable, every parameter visible where it belongs, found by detectors."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from cmet_cli.lab.avatar import shapes
from cmet_cli.lab.avatar.emotions import BASIC_EMOTIONS, mean_expression, sample_expression
from cmet_cli.lab.avatar.face import draw
from cmet_cli.lab.avatar.face_state import (
    EXPRESSION_NAMES,
    EXPRESSION_PARAMETERS,
    LIP_PARAMETERS,
    POSE_PARAMETERS,
    FaceState,
)
from cmet_cli.lab.avatar.identity import Identity

# The detector's weights are not part of the project; they may lie beside or in the checkout.
_YUNET_NAME = "shared/models/face_detection_yunet_2023mar.onnx"
YUNET = next((p / _YUNET_NAME for p in Path(__file__).parents if (p / _YUNET_NAME).exists()), None)
# Rows of the picture (unit coordinates, downwards) where a parameter has to show most.
_BROWS, _EYES, _MIDDLE, _MOUTH = (-0.7, -0.1), (-0.25, 0.1), (-0.2, 0.35), (0.2, 0.9)
_PLACE = {
    "brow_inner_raise": _BROWS,
    "brow_outer_raise": _BROWS,
    "brow_furrow": _BROWS,
    "brow_skew": _BROWS,
    "eye_open": _EYES,
    "lid_lower": _EYES,
    "cheek": _MIDDLE,
    "nose_wrinkle": (-0.45, 0.42),  # it takes the brows' inner ends along
}


@cache
def who(seed: int) -> Identity:
    return Identity.from_seed(seed)


def change(parameter, size_px: int, seed: int) -> np.ndarray:
    """Mean absolute change per row [size_px], grey levels, for one spread from neutral."""
    moved = draw(who(seed), FaceState.of(**{parameter.name: parameter.spread}), size_px)
    still = draw(who(seed), FaceState(), size_px)
    return np.abs(moved.astype(float) - still).mean(axis=(1, 2))


def test_same_seed_same_pixels_and_another_seed_another_person():
    state = FaceState.random(np.random.default_rng(1))
    first = draw(Identity.from_seed(5), state, 96)
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw(Identity.from_seed(5), state, 96))
    assert np.abs(first.astype(float) - draw(Identity.from_seed(6), state, 96)).mean() > 8


def test_drawing_leaves_no_trace_on_the_next_picture():
    before = draw(who(5), FaceState(), 64)
    draw(who(5), FaceState.of(jaw_drop=1, brow_skew=1, yaw=1), 64)
    assert np.array_equal(before, draw(who(5), FaceState(), 64))


@pytest.mark.parametrize("size_px", [64, 256])
@pytest.mark.parametrize("parameter", EXPRESSION_PARAMETERS + LIP_PARAMETERS, ids=lambda p: p.name)
def test_each_parameter_shows_where_it_belongs(parameter, size_px):
    top, bottom = _PLACE.get(parameter.name, _MOUTH)
    rows = slice(round((top + 1) / 2 * size_px), round((bottom + 1) / 2 * size_px))
    for seed in (8, 12):
        rise = change(parameter, size_px, seed)
        assert rise[rows].mean() > 0.15  # grey levels over the whole width: faint, but there
        assert rise[rows].sum() > 0.75 * rise.sum()


@pytest.mark.parametrize("parameter", POSE_PARAMETERS, ids=lambda p: p.name)
def test_pose_moves_the_whole_head(parameter):
    assert change(parameter, 64, 8).mean() > 0.8


def test_parameters_change_the_picture_in_different_ways():
    still = draw(who(8), FaceState(), 64).astype(float)
    moves = []
    for p in EXPRESSION_PARAMETERS + LIP_PARAMETERS:
        move = draw(who(8), FaceState.of(**{p.name: p.spread}), 64) - still
        moves.append(move.ravel() / np.linalg.norm(move))
    alike = np.array(moves) @ np.array(moves).T - np.eye(len(moves))
    # Speaking 'ah' and dropping the jaw are rightly close; nothing else may come near.
    names = [p.name for p in EXPRESSION_PARAMETERS + LIP_PARAMETERS]
    a, b = names.index("jaw_drop"), names.index("opening")
    alike[a, b] = alike[b, a] = 0
    assert alike.max() < 0.9


def test_happy_corners_up_and_sad_corners_down():
    def rise(emotion: str) -> float:
        """How far the corners lie above the middle of the lips' meeting line."""
        state = FaceState(expression=mean_expression(emotion))
        shape = shapes.mouth(who(2), state.values())
        middle = 0.5 * (shape.inner_top + shape.inner_bottom)
        return float(middle[12, 1] - shape.corners[:, 1].mean())

    assert rise("happy") > rise("neutral") + 0.05
    assert rise("sad") < rise("neutral") - 0.05


def test_one_corner_moves_one_half_of_the_mouth():
    still = draw(who(8), FaceState(), 128).astype(float)
    for name, near in (("corner_left", slice(0, 64)), ("corner_right", slice(64, 128))):
        moved = np.abs(draw(who(8), FaceState.of(**{name: 1}), 128) - still)
        assert moved[:, near].sum() > 0.6 * moved.sum()


def test_shut_eyes_hide_the_white():
    rows = slice(50, 70)  # about the eyes at 128 px
    open_, shut = (draw(who(12), FaceState(blink=b), 128)[rows].max() for b in (0.0, 1.0))
    assert int(open_) - int(shut) > 40


def test_emotions_are_told_apart_on_new_faces_at_64_px():
    def look(seed: int) -> np.ndarray:
        """[8, 1024]: how each emotion changes one person's face."""
        still, moves = draw(who(seed), FaceState(), 64).astype(np.float32), []
        for k, emotion in enumerate(BASIC_EMOTIONS):
            track = sample_expression(emotion, 3, 1, 25, np.random.default_rng([seed, k]))
            move = (draw(who(seed), FaceState(expression=track[0]), 64) - still).mean(axis=2)
            moves.append(cv2.resize(move, (32, 32), interpolation=cv2.INTER_AREA).ravel())
        # Contrast differs between people: what counts is the pattern of the change.
        return np.array(moves) / np.linalg.norm(moves)

    centres = np.mean([look(seed) for seed in range(10)], axis=0)
    new = np.array([look(seed) for seed in range(100, 108)])
    nearest = np.linalg.norm(new[:, :, None] - centres, axis=-1).argmin(axis=-1)
    assert (nearest == np.arange(len(BASIC_EMOTIONS))).mean() > 0.8


@pytest.mark.parametrize("inset", [False, True])
def test_haar_cascade_finds_the_faces(inset):
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    found = [
        len(cascade.detectMultiScale(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), 1.1, 4)) > 0
        for p in pictures(inset)
    ]
    assert np.mean(found) >= 0.95


@pytest.mark.skipif(YUNET is None, reason="the YuNet model is not here")
def test_yunet_finds_the_faces():
    for inset, size in ((False, (256, 256)), (True, (640, 360))):
        net = cv2.FaceDetectorYN.create(str(YUNET), "", size, 0.6)
        found = [net.detect(p[..., ::-1].copy())[1] is not None for p in pictures(inset)]
        assert np.mean(found) >= 0.95


@cache
def portraits() -> list[np.ndarray]:
    """Twenty people with random states, 256 px."""
    states = [FaceState.random(np.random.default_rng(seed)) for seed in range(20)]
    return [draw(who(seed), state, 256) for seed, state in enumerate(states)]


def pictures(inset: bool):
    """The portraits, alone or as a part of a wider picture."""
    for picture in portraits():
        if inset:
            scene = np.full((360, 640, 3), (70, 80, 90), np.uint8)
            scene[80:280, 220:420] = cv2.resize(picture, (200, 200), interpolation=cv2.INTER_AREA)
            picture = scene
        yield picture


def test_haar_cascade_is_not_fooled_by_just_anything():
    """The tests above can fail: the same pictures upside down hold no face."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    grey = [cv2.cvtColor(p[::-1].copy(), cv2.COLOR_RGB2GRAY) for p in portraits()[:10]]
    assert np.mean([len(cascade.detectMultiScale(g, 1.1, 4)) > 0 for g in grey]) < 0.5


def test_wrong_requests_are_refused():
    with pytest.raises(ValueError, match="no face parameter"):
        FaceState.of(eyebrows=1)
    with pytest.raises(ValueError, match="expected 14 values"):
        draw(who(1), FaceState(expression=np.zeros(len(EXPRESSION_NAMES) - 1)), 64)
    with pytest.raises(ValueError, match="at least 16 pixels"):
        draw(who(1), FaceState(), 8)

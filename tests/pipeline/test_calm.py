"""A still face that lives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cmet_cli import EmotionEditor
from cmet_cli.faces.eyes import find_eyes, lids_down
from cmet_cli.faces.geometry import Square
from cmet_cli.lab.training.code_space import EYE_OPEN, code_space
from cmet_cli.media.reader import FrameReader
from cmet_cli.media.still import still_info
from cmet_cli.pipeline.calm import _blinks, calm_codes
from cmet_cli.pipeline.cropper import Cropper
from cmet_cli.pipeline.encode import encode_crops

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
TIMES = np.arange(250) / 25


@pytest.fixture(scope="module")
def backend():
    return EmotionEditor.from_weights(model="mini").backend


@pytest.fixture(scope="module")
def crops():
    """The example's first frame, as large as eyes are looked for and as the network sees it."""
    info = still_info(EXAMPLE)
    with FrameReader(info) as reader:
        frame = next(iter(reader))
    whole = Square(info.width / 2, info.height / 2, min(info.width, info.height))
    return Cropper(info, 256)(frame, whole), Cropper(info, 64)(frame, whole)


def test_the_eyes_are_found(crops):
    eyes = find_eyes(crops[0])
    assert eyes.shape == (2, 2)
    assert np.abs(eyes - [[0.39, 0.45], [0.61, 0.46]]).max() < 0.05
    assert find_eyes(np.full((256, 256, 3), 120, np.float32)).shape == (0, 2)


def test_lids_come_down_over_the_eyes_and_nowhere_else(crops):
    eyes = find_eyes(crops[0])
    shut = lids_down(crops[1], eyes)
    moved = np.abs(shut - crops[1]).max(-1)
    x = np.flatnonzero(moved > 1) % 64
    near = np.abs((x / 64)[:, None] - eyes[:, 0]).min(1)
    assert len(near)
    assert near.max() < 0.1
    assert np.array_equal(lids_down(crops[1], eyes[:0]), crops[1])


def test_a_calm_face_begins_as_it_is_and_never_goes_far(backend, crops):
    codes = calm_codes(crops[1], find_eyes(crops[0]), backend, TIMES)
    layout = backend.layout
    pose = codes[:, layout.pose_slice]
    assert np.allclose(codes[0], encode_crops([crops[1]], backend)[0], atol=1e-5)
    assert np.array_equal(codes[:, layout.lip_slice], np.tile(codes[0, layout.lip_slice], (250, 1)))
    assert 0.05 < pose.std(0).max() < 1.0
    assert np.abs(pose - pose[0]).max() < 3
    # A step of a frame is small beside the whole way.
    assert np.abs(np.diff(pose, axis=0)).max() < 0.1 * np.ptp(pose, axis=0).max()
    again = calm_codes(crops[1], find_eyes(crops[0]), backend, TIMES)
    assert np.array_equal(again, codes)


def test_it_blinks_with_its_lids(backend, crops):
    """In the mini model's codes one can read how far the lids are."""
    codes = calm_codes(crops[1], find_eyes(crops[0]), backend, TIMES)
    parts = code_space().decode_expression(codes[:, backend.layout.expression_slice])
    lids = parts[:, EYE_OPEN]
    assert lids[0] - lids.min() > 0.7
    assert (lids < lids[0] - 0.3).mean() < 0.15
    unblinking = calm_codes(crops[1], np.zeros((0, 2), np.float32), backend, TIMES)
    expression = unblinking[:, backend.layout.expression_slice]
    assert np.array_equal(expression, np.tile(expression[0], (250, 1)))


def test_blinks_are_as_rare_and_short_as_people_s():
    times = np.arange(25 * 600) / 25
    down = _blinks(times, np.random.default_rng(0))
    begun = np.flatnonzero((down[1:] > 0) & (down[:-1] == 0))
    assert 2.5 < 600 / len(begun) < 5
    assert np.diff(times[begun]).min() > 1.2
    assert down.max() > 0.6
    assert (down > 0).mean() < 0.1

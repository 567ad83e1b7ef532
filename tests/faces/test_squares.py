"""The crop square and the edit weights."""

import functools

import numpy as np
import pytest
from face_media import CROPPED, UNCROPPED, YUNET, frames, needs_media, track

from cmet_cli.backends.edtalk.crop_calibration import EDTALK_CROP
from cmet_cli.faces.detectors import make_detector
from cmet_cli.faces.follow import FaceFollower
from cmet_cli.faces.people import number_people
from cmet_cli.faces.squares import crop_squares, edit_weights

FACE = (40.0, 20.0, 20.0, 26.0)
SIZE_PX = float(np.sqrt(20 * 26))


def times(n):
    return np.arange(n) / 25


def wobbling(n, move_px=0.0, noise_px=0.3):
    """One face per frame that jitters and moves steadily."""
    noise = np.random.default_rng(1).normal(0, noise_px, (n, 4))
    return [[tuple(np.array(FACE) + (move_px * k, 0, 0, 0) + noise[k])] for k in range(n)]


@functools.cache
def real_track(kind, clip):
    follower = FaceFollower(make_detector(kind, YUNET))
    for picture in frames(clip)[:120]:
        follower.add(picture)
    return follower.finish(times(follower.n_frames))[0]


def test_a_still_head_gets_exactly_one_square():
    (one,) = track(wobbling(60))
    squares = crop_squares(one, (128, 72), times(60), EDTALK_CROP)
    assert squares.dtype == np.float32
    assert (squares == squares[0]).all()
    assert squares[0, 2] == pytest.approx(EDTALK_CROP.margins["yunet"].side * SIZE_PX, rel=0.02)


def test_a_moving_head_is_followed_without_delay_or_jitter():
    (one,) = track(wobbling(100, move_px=0.6))
    squares = crop_squares(one, (128, 72), times(100), EDTALK_CROP)
    wanted = 50 + 0.6 * np.arange(100) + EDTALK_CROP.margins["yunet"].right * SIZE_PX
    assert np.abs(squares[20:80, 0] - wanted[20:80]).max() < 0.5  # a delay of 3 frames is 1.8 px
    assert np.diff(squares[:, 0], 2).std() < 0.05
    assert np.ptp(squares[:, 2]) == 0


def test_the_square_jumps_at_a_cut():
    after = (80.0, 30.0, 30.0, 39.0)
    tracks = track([[FACE]] * 30 + [[after]] * 30, [0] * 30 + [1] * 30)
    (one,) = number_people(tracks)
    squares = crop_squares(one, (128, 72), times(60), EDTALK_CROP)
    assert (squares[:30] == squares[0]).all()
    assert (squares[30:] == squares[30]).all()
    assert squares[30, 2] == pytest.approx(1.5 * squares[0, 2], rel=1e-3)


def test_absent_frames_have_no_square_and_no_weight():
    (one,) = track([[FACE]] * 20 + [[]] * 25 + [[FACE]] * 20)
    squares = crop_squares(one, (128, 72), times(65), EDTALK_CROP)
    assert np.isnan(squares[20:45]).all()
    assert np.isfinite(squares[:20]).all()
    assert np.isfinite(squares[45:]).all()
    weights = edit_weights(one, times(65))
    assert (weights[20:45] == 0).all()
    np.testing.assert_allclose(weights[15:20], [1, 0.8, 0.6, 0.4, 0.2], atol=1e-5)
    np.testing.assert_allclose(weights[45:50], [0.2, 0.4, 0.6, 0.8, 1], atol=1e-5)
    assert weights[0] == weights[-1] == 1


def test_weights_switch_at_once_at_a_cut():
    script = [[FACE]] * 20 + [[]] * 20
    (one,) = track(script, [0] * 20 + [1] * 20)
    weights = edit_weights(one, times(40))
    assert (weights[:20] == 1).all()
    assert (weights[20:] == 0).all()


@needs_media
@pytest.mark.parametrize("kind", ["yunet", "haar"])
def test_a_published_crop_is_taken_whole(kind):
    squares = crop_squares(real_track(kind, CROPPED), (256, 256), times(120), EDTALK_CROP)
    assert (squares == (128, 128, 256)).all()


@needs_media
def test_the_calibration_gives_back_the_published_crop():
    free = crop_squares(
        real_track("yunet", CROPPED), (256, 256), times(120), EDTALK_CROP, keep_whole=False
    )
    assert np.diff(free[:, :2], 2, axis=0).std() < 0.5
    np.testing.assert_allclose(np.median(free, axis=0), (128, 128, 256), atol=6)


@needs_media
@pytest.mark.parametrize("kind", ["yunet", "haar"])
def test_head_hair_and_chin_are_inside_and_the_square_is_calm(kind):
    squares = crop_squares(real_track(kind, UNCROPPED), (450, 450), times(120), EDTALK_CROP)
    x, y, side = squares[0]
    assert y - side / 2 < 55  # hair: begins at row 43
    assert y + side / 2 > 358  # chin
    assert side < 380
    assert abs(x - 225) < 20
    assert np.diff(squares[:, :2], 2, axis=0).std() < 0.2
    assert np.abs(np.diff(squares[:, 2])).max() < 0.2

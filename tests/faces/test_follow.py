"""Linking, numbering, cuts and gaps, on scripted boxes; detection rates on the real clips."""

import numpy as np
import pytest
from face_media import CROPPED, UNCROPPED, YUNET, Scripted, frames, needs_media, scene, track

from cmet_cli.errors import FaceError
from cmet_cli.faces.detectors import make_detector
from cmet_cli.faces.follow import FaceFollower
from cmet_cli.faces.shots import CutFinder

LEFT, RIGHT = (10.0, 10.0, 20.0, 26.0), (80.0, 12.0, 20.0, 26.0)


def test_faces_are_numbered_left_to_right():
    tracks = track([[RIGHT, LEFT]] * 12)
    assert [one.number for one in tracks] == [1, 2]
    assert [one.boxes[0, 0] for one in tracks] == [10, 80]
    assert all((one.status == 1).all() for one in tracks)


def test_two_faces_that_cross_keep_their_numbers():
    going = [(10.0 + 2 * k, 10.0, 20.0, 26.0) for k in range(41)]
    coming = [(90.0 - 2 * k, 11.0, 21.0, 26.0) for k in range(41)]
    pairs = zip(going, coming, strict=True)
    script = [[a, b] if k % 2 else [b, a] for k, (a, b) in enumerate(pairs)]
    first, second = track(script)
    np.testing.assert_array_equal(first.boxes, np.float32(going))
    np.testing.assert_array_equal(second.boxes, np.float32(coming))


def test_a_face_hidden_while_it_crosses_is_found_again():
    going = [(10.0 + 2 * k, 10.0, 20.0, 26.0) for k in range(41)]
    still = (50.0, 11.0, 21.0, 26.0)
    script = [[still] if 16 <= k <= 24 else [still, box] for k, box in enumerate(going)]
    first, second = track(script)
    assert (first.status == 2).sum() == 9
    np.testing.assert_allclose(first.boxes, going, atol=1e-3)
    assert (second.boxes[:, 0] == 50).all()


@pytest.mark.parametrize(("missing", "expected"), [(10, 2), (12, 2), (13, 0), (25, 0)])
def test_only_gaps_up_to_half_a_second_are_bridged(missing, expected):
    moved = (14.0, 10.0, 20.0, 26.0)
    (one,) = track([[LEFT]] * 20 + [[]] * missing + [[moved]] * 20)
    gap = slice(20, 20 + missing)
    assert (one.status[gap] == expected).all()
    assert np.isnan(one.boxes[gap]).all() == (expected == 0)
    if expected == 2:
        assert (np.diff(one.boxes[19 : 21 + missing, 0]) > 0).all()
    assert (one.status[20 + missing :] == 1).all()


def test_gaps_are_measured_in_time_not_in_frames():
    follower = FaceFollower(Scripted([[LEFT]] * 10 + [[]] * 5 + [[LEFT]] * 10))
    for _ in range(25):
        follower.add(scene(0))
    (slow,) = follower.finish(np.arange(25) / 5)  # 5 frames are 1 s here
    assert (slow.status[10:15] == 0).all()


def test_a_cut_starts_new_tracks_and_is_never_bridged():
    script = [[LEFT]] * 10 + [[]] * 4 + [[LEFT]] * 10
    before, after = track(script, [0] * 12 + [1] * 12)
    assert before.cuts == (12,)
    assert (before.status[:10] == 1).all()
    assert (after.status[14:] == 1).all()
    assert (before.status[10:] == 0).all()
    assert (after.status[:14] == 0).all()


def test_a_moment_of_false_alarm_is_dropped():
    script = [[LEFT, RIGHT] if k in (4, 5) else [LEFT] for k in range(30)]
    assert len(track(script)) == 1


def test_a_single_picture_is_enough():
    (one,) = track([[LEFT]])
    assert one.n_frames == 1


def test_nothing_found_says_what_was_tried():
    with pytest.raises(FaceError, match=r"30 frames.*scripted"):
        track([[]] * 30)


def test_the_wrong_number_of_times_is_refused():
    follower = FaceFollower(Scripted([[LEFT]]))
    follower.add(scene(0))
    with pytest.raises(ValueError, match="2 times for 1 frames"):
        follower.finish(np.arange(2) / 25)


@needs_media
def test_cuts_are_seen_and_talking_is_not_a_cut():
    import cv2

    one = frames(CROPPED)[:60]
    two = [cv2.resize(picture, (256, 256)) for picture in frames(UNCROPPED)]
    finder = CutFinder()
    fired = [k for k, picture in enumerate([*one, *two, *one]) if finder.is_cut(picture)]
    assert fired == [60, 60 + len(two)]


def test_a_flash_is_not_a_cut():
    calm = scene(3) // 2
    finder = CutFinder()
    assert not any(finder.is_cut(p) for p in [calm, calm, calm * 2, calm, calm])


@needs_media
@pytest.mark.parametrize("clip", [CROPPED, UNCROPPED], ids=["cropped", "uncropped"])
@pytest.mark.parametrize("kind", ["yunet", "haar"])
def test_the_face_is_found_in_nearly_every_frame(kind, clip):
    pictures = frames(clip)
    if kind == "haar":
        pictures = pictures[:100]
    follower = FaceFollower(make_detector(kind, YUNET))
    for picture in pictures:
        follower.add(picture)
    (one,) = follower.finish(np.arange(len(pictures)) / 25)
    assert one.cuts == ()
    assert (one.status == 1).mean() >= 0.99

"""Landmarks that a detector finds stay on the track and in the placement."""

import numpy as np
from face_media import UNCROPPED, YUNET, frames, needs_media, people_in, scene, track

from cmet_cli.backends.edtalk.crop_calibration import EDTALK_CROP
from cmet_cli.faces.detection import Detection
from cmet_cli.faces.detectors import make_detector
from cmet_cli.faces.follow import FaceFollower
from cmet_cli.faces.placement import Placement

MARKS = np.float32([[26, 18], [34, 18], [30, 23], [27, 28], [33, 28]])


class Marked:
    """A face with landmarks that moves a pixel a frame and hides for some."""

    name = "marked"

    def __init__(self):
        self.index = -1

    def detect(self, rgb):
        self.index += 1
        if 8 <= self.index < 12:
            return []
        return [Detection(20.0 + self.index, 10, 20, 26, 0.9, MARKS + (self.index, 0))]


def test_landmarks_are_kept_and_unknown_ones_are_not_made_up():
    follower = FaceFollower(Marked(), by_looks=False)
    for _ in range(20):
        follower.add(scene(0))
    (one,) = follower.finish(np.arange(20) / 25)
    np.testing.assert_array_equal(one.landmarks[5], MARKS + (5, 0))
    assert np.isnan(one.landmarks[8:12]).all()
    assert (one.status[8:12] == 2).all()
    placement = Placement.of_track(one, (256, 144), np.arange(20) / 25, EDTALK_CROP, 0.5)
    assert placement.landmarks.dtype == np.float32
    np.testing.assert_allclose(placement.landmarks[5], 2 * (MARKS + (5, 0)))


def test_a_detector_without_landmarks_leaves_them_unknown():
    (one,) = track([[(10.0, 10.0, 20.0, 26.0)]] * 6)
    assert one.landmarks.shape == (6, 5, 2)
    assert np.isnan(one.landmarks).all()


@needs_media
def test_filmed_landmarks_lie_in_the_square():
    (one,) = people_in(list(frames(UNCROPPED)[:10]), make_detector("yunet", YUNET))
    placement = Placement.of_track(one, (450, 450), np.arange(10) / 25, EDTALK_CROP)
    x, y, side = placement.squares[4]
    assert (np.abs(placement.landmarks[4] - (x, y)) < side / 2).all()

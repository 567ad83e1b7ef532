"""A face that grows or shrinks is followed in its size, and held still where it is still."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.faces import live
from cmet_cli.faces.detection import Detection
from cmet_cli.faces.detectors import make_detector
from cmet_cli.faces.follow import FaceFollower
from cmet_cli.faces.haar import Haar
from cmet_cli.lab.avatar.face import draw
from cmet_cli.lab.avatar.face_state import FaceState
from cmet_cli.lab.avatar.identity import Identity

SIDE, N = 360, 50


def sizes(zooms: np.ndarray, seed: int = 100_011) -> np.ndarray:
    """Box widths of a drawn face that is shown so large, float ``[n]``."""
    face = draw(Identity.from_seed(seed), FaceState(), 256)
    follower = FaceFollower(make_detector("haar"))
    rng = np.random.default_rng(0)
    for zoom in zooms:
        scale = SIDE / 512 * zoom
        place = np.array([[scale, 0, SIDE / 2 - 128 * scale], [0, scale, SIDE / 2 - 128 * scale]])
        picture = cv2.warpAffine(face, place, (SIDE, SIDE), borderValue=(128, 128, 128))
        grain = rng.normal(0, 3, picture.shape)
        follower.add(np.clip(picture + grain, 0, 255).astype(np.uint8))
    (one,) = follower.finish(np.arange(len(zooms)) / 25)
    return one.boxes[:, 2]


@pytest.mark.parametrize("ends", [(1.0, 1.4), (1.4, 1.0)])
def test_a_zoom_is_followed(ends):
    zooms = np.geomspace(*ends, N)
    found = sizes(zooms) / zooms
    assert found[-8:].mean() / found[:8].mean() == pytest.approx(1, abs=0.07)


def test_a_still_face_has_a_steady_size():
    found = sizes(np.ones(N))
    assert found.std() / found.mean() < 0.012


@pytest.mark.parametrize("times", [0.72, 0.85, 1.2, 1.35])
def test_a_size_that_is_far_off_is_soon_right(times):
    face = draw(Identity.from_seed(100_003), FaceState(), 256)
    picture = cv2.copyMakeBorder(face, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(128,) * 3)
    (true,) = Haar().detect(picture)
    x, y, w, h = true.box
    box = (x + w / 2 * (1 - times), y + h / 2 * (1 - times), w * times, h * times)
    for _ in range(4):
        (found,) = Haar().detect_near(picture, [box])
        assert found is not None
        box = found.box
    assert box[2] == pytest.approx(w, rel=0.07)


def test_a_window_keeps_its_place_while_it_takes_another_size():
    seen = live.Sight(None, np.zeros((32, 32, 3), np.uint8))
    one = live.LiveFace(0, Detection(100, 100, 50, 50, 1.0), seen, grows=0.02)
    one.take(1, Detection(101, 101, 50.5, 50.5, 1.0), seen)
    assert one.anchor == (100, 100, 50, 50)
    one.take(2, Detection(101, 101, 55, 55, 1.0), seen)
    assert one.anchor == (97.5, 97.5, 55, 55)
    one.take(3, Detection(125, 101, 55, 55, 1.0), seen)
    assert one.anchor == (125, 101, 55, 55)

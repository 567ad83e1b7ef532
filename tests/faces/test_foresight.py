"""Measuring frames ahead of their turn gives what measuring them in turn gives."""

from __future__ import annotations

import threading
from collections import deque
from typing import ClassVar

import cv2
import numpy as np
import pytest

from cmet_cli.errors import FaceError
from cmet_cli.faces.detection import Detection
from cmet_cli.faces.follow import FaceFollower
from cmet_cli.faces.foresight import Foresight

SIDE = 20.0


class Bright:
    """Finds the bright square; what it finds depends on where it looks, as with real detectors."""

    name = "bright"
    threads: ClassVar[set[int]] = set()

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        rows, columns = np.nonzero(rgb[..., 0] == 255)
        if not len(rows):
            return []
        return [Detection(float(columns.min()), float(rows.min()), SIDE, SIDE, 0.9)]

    def detect_near(self, rgb: np.ndarray, boxes) -> list[Detection | None]:
        self.threads.add(threading.get_ident())
        found = self.detect(rgb)
        return [
            Detection(f.x + 0.01 * box[0], f.y, f.w, f.h, 0.9) if found else None
            for box in boxes
            for f in found or [None]  # type: ignore[list-item]
        ]


def film() -> list[np.ndarray]:
    """A square that stands, walks, is gone for a while, and jumps at a cut. uint8 [72, 128, 3]."""
    rng = np.random.default_rng(0)
    backs = [rng.integers(0, 200, (72, 128, 3), np.uint8) for _ in range(2)]
    frames = []
    for k in range(60):
        picture = backs[k >= 40].copy()
        x = 10 + (2 * max(0, k - 15) if k < 40 else 90 - k)
        if not 30 <= k < 34:
            picture[20:40, x : x + 20] = 255
        frames.append(picture)
    return frames


def followed(foresight: Foresight | None):
    follower = FaceFollower(Bright(), by_looks=False, foresight=foresight)
    coming: deque[np.ndarray] = deque()
    for frame in film():
        follower.foresee(frame)
        coming.append(frame)
        if len(coming) > (foresight.frames_ahead if foresight else 0):
            follower.add(coming.popleft())
    while coming:
        follower.add(coming.popleft())
    return follower.finish(np.arange(60) / 25)


def test_the_same_tracks_as_one_frame_after_the_other():
    Bright.threads.clear()
    plain = followed(None)
    with Foresight(Bright) as foresight:
        ahead = followed(foresight)
    assert len(Bright.threads) > 1, "nothing was measured ahead"
    assert [t.cuts for t in plain] == [t.cuts for t in ahead] == [(40,), (40,)]
    for one, other in zip(plain, ahead, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.status, other.status)


def test_what_was_looked_for_elsewhere_is_not_taken():
    picture = film()[0]
    with Foresight(Bright) as foresight:
        assert foresight.take([(0, 0, 1, 1)]) is None  # nothing was told of
        for _ in range(2):
            foresight.begin(picture, [(0.0, 0.0, 9.0, 9.0)])
        assert foresight.take([(1.0, 0.0, 9.0, 9.0)]) is None
        (found,) = foresight.take([(0.0, 0.0, 9.0, 9.0)]) or []
        assert found is not None


def test_an_error_of_a_detector_arrives():
    class Broken(Bright):
        def detect_near(self, rgb, boxes):
            raise FaceError("no more")

    with Foresight(Broken) as foresight:
        foresight.begin(film()[0], [(0.0, 0.0, 9.0, 9.0)])
        with pytest.raises(FaceError, match="no more"):
            foresight.take([(0.0, 0.0, 9.0, 9.0)])


@pytest.mark.parametrize(("cores", "ahead"), [(1, 3), (4, 3), (8, 5), (64, 9)])
def test_as_many_threads_as_this_process_may_have(monkeypatch, cores, ahead):
    """Workers of a batch share the machine's cores, and tell OpenCV how many are theirs."""
    monkeypatch.setattr(cv2, "getNumThreads", lambda: cores)
    with Foresight(Bright) as foresight:
        assert foresight.frames_ahead == ahead

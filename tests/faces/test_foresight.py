"""Measuring frames ahead of their turn gives what measuring them in turn gives."""

from __future__ import annotations

import threading
from typing import ClassVar

import cv2
import numpy as np
import pytest
from face_media import follow

from cmet_cli.errors import FaceError
from cmet_cli.faces.appearance import appearance_of
from cmet_cli.faces.detection import Detection
from cmet_cli.faces.follow import FaceFollower
from cmet_cli.faces.foresight import Foresight

SIDE = 20.0


class Bright:
    """Finds the bright square; what it finds depends on where it looks, as with real detectors."""

    name = "bright"
    grows = 0.02
    threads: ClassVar[set[int]] = set()

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        rows, columns = np.nonzero(rgb[..., 0] == 255)
        if not len(rows):
            return []
        return [Detection(float(columns.min()), float(rows.min()), SIDE, SIDE, 0.9)]

    def detect_large(self, rgb: np.ndarray) -> list[Detection]:
        return self.detect(rgb)

    def detect_near(self, rgb: np.ndarray, boxes) -> list[Detection | None]:
        self.threads.add(threading.get_ident())
        found = self.detect(rgb)
        return [
            Detection(f.x + 0.01 * box[0], f.y, f.w + 0.1 * box[3], f.h, 0.9) if found else None
            for box in boxes
            for f in found or [None]  # type: ignore[list-item]
        ]


def film() -> list[np.ndarray]:
    """A square that stands, walks, is gone for a while, and jumps at a cut; what it looks like is
    another one's for some frames. uint8 [72, 128, 3]."""
    rng = np.random.default_rng(0)
    backs = [rng.integers(0, 200, (72, 128, 3), np.uint8) for _ in range(2)]
    frames = []
    for k in range(60):
        picture = backs[k >= 40].copy()
        x = 10 + (2 * max(0, k - 15) if k < 40 else 90 - k)
        if not 30 <= k < 34:
            picture[20:40, x : x + 20] = 255
            picture[24:36, x + 4 : x + 16, 1:] = rng.integers(0, 250, (12, 12, 2)) if k > 50 else 90
        frames.append(picture)
    return frames


def followed(foresight: Foresight | None):
    follower = FaceFollower(Bright(), by_looks=True, foresight=foresight)
    return follow(follower, film(), foresight.frames_ahead if foresight else 0)


def test_the_same_tracks_as_one_frame_after_the_other():
    Bright.threads.clear()
    plain = followed(None)
    with Foresight(Bright, looks=True) as foresight:
        ahead = followed(foresight)
    assert len(Bright.threads) > 1, "nothing was measured ahead"
    cuts = plain[0].cuts
    assert 40 in cuts
    assert len(cuts) > 1, "one face never takes another's place"
    for one, other in zip(plain, ahead, strict=True):
        assert one.cuts == other.cuts == cuts
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.status, other.status)
        np.testing.assert_array_equal(one.appearance.pattern, other.appearance.pattern)


def test_what_was_looked_for_elsewhere_is_not_taken():
    picture = film()[0]
    with Foresight(Bright) as foresight:
        foresight.advance()
        assert foresight.near([(0, 0, 1, 1)]) is None  # nothing was told of
        foresight.expect([(0.0, 0.0, 9.0, 9.0)])
        for _ in range(2):
            foresight.begin(picture)
        foresight.advance()
        assert foresight.near([(1.0, 0.0, 9.0, 9.0)]) is None
        foresight.advance()
        (found,) = foresight.near([(0.0, 0.0, 9.0, 9.0)]) or []
        assert found is not None


def test_where_a_search_is_due_it_is_done_ahead():
    searched: list[int] = []

    class Counting(Bright):
        def detect(self, rgb):
            searched.append(threading.get_ident())
            return super().detect(rgb)

        def detect_near(self, rgb, boxes):
            return [*super().detect(rgb), None][:1] * len(boxes)

    with Foresight(Counting) as foresight:
        follower = FaceFollower(Counting(), by_looks=False, foresight=foresight)
        frames = film()[:15]  # it stands all the time
        for frame in frames:
            follower.foresee(frame)
        for frame in frames:
            follower.add(frame)
    assert len(searched) == 2  # the first frame and the tenth after it
    assert threading.get_ident() not in searched


def test_looks_are_learned_ahead_where_they_are_wanted():
    picture, place = film()[0], (10.0, 20.0, SIDE, SIDE)
    for looks in (False, True):
        with Foresight(Bright, looks=looks) as foresight:
            foresight.expect([place])
            foresight.begin(picture)
            foresight.advance()
            (found,) = foresight.near([place]) or []
            assert found is not None
            look = foresight.look(found)
            assert (look is not None) == looks
            if look is not None:
                np.testing.assert_array_equal(look.pattern, appearance_of(picture, found).pattern)


def test_where_faces_are_expected_now_counts_for_frames_that_wait():
    picture = film()[0]
    with Foresight(Bright) as foresight:
        for _ in range(2):
            foresight.begin(picture)
        foresight.advance()
        assert foresight.near([(4.0, 0.0, 9.0, 9.0)]) is None  # nobody knew of it
        for x in (2.0, 4.0):
            foresight.expect([(x, 0.0, 9.0, 9.0)])
        foresight.advance()
        assert foresight.near([(2.0, 0.0, 9.0, 9.0)]) is None
        assert foresight.near([(4.0, 0.0, 9.0, 9.0)]) is not None


def test_every_frame_that_waits_has_been_looked_at_when_its_turn_comes():
    place = (10.0, 20.0, SIDE, SIDE)
    with Foresight(Bright) as foresight:
        foresight.expect([place])
        for _ in range(foresight.frames_ahead):
            foresight.begin(film()[0])
        for _ in range(foresight.frames_ahead):
            foresight.advance()
            assert foresight.near([place]) is not None


def test_a_picture_is_looked_at_once_in_one_place():
    looked: list[int] = []

    class Counting(Bright):
        def detect_near(self, rgb, boxes):
            looked.append(id(rgb))
            return super().detect_near(rgb, boxes)

    place, pictures = (10.0, 20.0, SIDE, SIDE), film()[:3]
    with Foresight(Counting) as foresight:
        for picture in pictures:
            foresight.begin(picture)
            foresight.expect([place])
        for _ in pictures:
            foresight.advance()
            foresight.expect([place])
            assert foresight.near([place]) is not None
    assert sorted(looked) == sorted(map(id, pictures))


def test_where_nobody_need_be_looked_at_nobody_is_until_all_frames_count():
    place = (10.0, 20.0, SIDE, SIDE)
    with Foresight(Bright) as foresight:
        for _ in range(3):
            foresight.begin(film()[0], near=False)
        foresight.expect([place])
        foresight.advance()
        assert foresight.near([place]) is None
        foresight.expect([place], in_each=True)
        foresight.advance()
        assert foresight.near([place]) is not None


def test_a_search_for_large_faces_is_none_for_all():
    with Foresight(Bright) as foresight:
        foresight.begin(film()[0], search="large")
        foresight.advance()
        assert foresight.whole("all") is None
        assert len(foresight.whole("large") or []) == 1


def test_an_error_of_a_detector_arrives():
    class Broken(Bright):
        def detect_near(self, rgb, boxes):
            raise FaceError("no more")

    with Foresight(Broken) as foresight:
        foresight.expect([(0.0, 0.0, 9.0, 9.0)])
        foresight.begin(film()[0])
        foresight.advance()
        with pytest.raises(FaceError, match="no more"):
            foresight.near([(0.0, 0.0, 9.0, 9.0)])


@pytest.mark.parametrize(("cores", "ahead"), [(1, 8), (4, 12), (8, 24), (64, 32)])
def test_as_many_threads_as_this_process_may_have(monkeypatch, cores, ahead):
    """Workers of a batch share the machine's cores, and tell OpenCV how many are theirs."""
    monkeypatch.setattr(cv2, "getNumThreads", lambda: cores)
    with Foresight(Bright) as foresight:
        assert foresight.frames_ahead == ahead

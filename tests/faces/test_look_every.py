"""Faces that hardly move are not looked at in every frame; nothing else changes by that."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from face_media import UNCROPPED, YUNET, drawn, follow, frames, needs_media

from cmet_cli.faces.appearance import LANDMARKS
from cmet_cli.faces.detection import Detection
from cmet_cli.faces.detectors import make_detector
from cmet_cli.faces.follow import FaceFollower
from cmet_cli.faces.foresight import Foresight
from cmet_cli.faces.live import LiveFace, Sight
from cmet_cli.faces.track import FaceTrack
from cmet_cli.pipeline.find import look_every

SIDE = 40.0
MARKS = np.float32(LANDMARKS * 20 + (20, 43))  # of a face at 0


def still(picture: int, x: float = 30.0, who: int = 1, other: float = 0.0) -> np.ndarray:
    """A frame whose face is at ``x``, of its own number; other: how much it looks like somebody
    else. uint8 [72, 128, 3]."""
    frame = np.empty((72, 128, 3), np.uint8)
    frame[:] = np.linspace(20, 180, 128, dtype=np.uint8)[:, None]
    frame[20:60, int(x) : int(x) + 40] = 210
    one, two = (np.random.default_rng(k).integers(0, 200, (4, 4, 3), np.uint8) for k in (who, 2))
    blocks = ((1 - other) * one + other * two).astype(np.uint8)
    frame[26:54, int(x) + 6 : int(x) + 34] = blocks.repeat(7, 0).repeat(7, 1)
    frame[0, 0] = (picture, round(8 * (x - int(x))), 1)
    return frame


class Reading:
    """Reads from a frame which one it is and where its face is."""

    name = "reading"

    def __init__(self) -> None:
        self.near: list[int] = []
        self.searched: list[tuple[str, int]] = []
        self.missing: set[int] = set()

    def _found(self, rgb: np.ndarray) -> list[Detection]:
        if int(rgb[0, 0, 0]) in self.missing:
            return []
        x = float(np.flatnonzero((rgb[40] == 210).all(-1))[0]) + rgb[0, 0, 1] / 8
        return [Detection(x, 20.0, SIDE, SIDE, 0.9, MARKS + np.float32((x, 0)))]

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        self.searched.append(("all", int(rgb[0, 0, 0])))
        return self._found(rgb)

    def detect_large(self, rgb: np.ndarray) -> list[Detection]:
        self.searched.append(("large", int(rgb[0, 0, 0])))
        return self._found(rgb)

    def detect_near(self, rgb: np.ndarray, boxes) -> list[Detection | None]:
        self.near.append(int(rgb[0, 0, 0]))
        return [(self._found(rgb) or [None])[0] for _ in boxes]  # type: ignore[list-item]


def followed(
    film: list[np.ndarray], detector: Reading, every: int, foresight: Foresight | None = None
) -> list[FaceTrack]:
    follower = FaceFollower(detector, look_every=every, foresight=foresight)
    return follow(follower, film, foresight.frames_ahead if foresight else 0)


@pytest.mark.parametrize("every", [2, 3])
def test_a_face_that_hardly_moves_is_looked_at_now_and_then_and_is_on_the_way_between(every):
    film = [still(k, 30 + k / 8) for k in range(31)]
    detector = Reading()
    (one,) = followed(film, detector, every)
    assert detector.near == [k for k in range(31) if k % every == 0 or k == 1]
    assert (one.status == 1).all()
    np.testing.assert_allclose(one.boxes[:, 0], 30 + np.arange(31) / 8, atol=1e-5)
    np.testing.assert_allclose(one.landmarks[..., 0], MARKS[:, 0] + one.boxes[:, :1], atol=1e-4)
    np.testing.assert_allclose(one.landmarks[..., 1], np.tile(MARKS[:, 1], (31, 1)), atol=1e-4)


def test_a_face_that_moves_is_looked_at_in_every_frame():
    places = [30 + 2 * k + (k % 3) for k in range(12)]
    film = [still(k, float(x)) for k, x in enumerate(places)]
    (one,) = followed(film, Reading(), 3)
    np.testing.assert_array_equal(one.boxes[:, 0], np.float32(places))


@pytest.mark.parametrize("jump", range(9, 14))
def test_one_that_begins_to_move_was_where_it_was_seen_in_each_frame_before(jump):
    places = [30.0] * jump + [33.0 + k % 2 for k in range(20 - jump)]
    film = [still(k, x) for k, x in enumerate(places)]
    (one,) = followed(film, Reading(), 3)
    np.testing.assert_array_equal(one.boxes[:, 0], np.float32(places))


@pytest.mark.parametrize("gone", range(9, 14))
def test_a_face_is_gone_from_the_frame_on_in_which_it_is(gone):
    film = [still(k) for k in range(24)]
    detector = Reading()
    detector.missing = set(range(gone, 24))
    (one,) = followed(film, detector, 4)
    assert one.end == gone
    assert (one.status[:gone] == 1).all()


@pytest.mark.parametrize("swap", range(9, 14))
def test_another_face_in_its_place_is_another_one_from_its_first_frame_on(swap):
    film = [still(k, who=1 if k < swap else 2) for k in range(24)]
    before, after = followed(film, Reading(), 4)
    assert before.cuts == (swap,)
    assert (before.end, after.first) == (swap, swap)


@pytest.mark.parametrize("cut", range(9, 13))
@pytest.mark.parametrize("ahead", [False, True])
def test_a_shot_is_followed_to_its_last_frame_and_the_next_from_its_first(cut, ahead):
    film = [still(k) for k in range(20)]
    for frame in film[cut:]:
        frame[:, 80:] = 255 - frame[:, 80:]
        frame[:18, 1:] = 255 - frame[:18, 1:]
        frame[62:] = 255 - frame[62:]
    detector = Reading()
    if ahead:
        with Foresight(lambda: detector, looks=True) as foresight:
            before, after = followed(film, detector, 4, foresight)
    else:
        before, after = followed(film, detector, 4)
    assert before.cuts == (cut,)
    assert (before.end, after.first, after.end) == (cut, cut, 20)
    assert (after.status[cut:] == 1).all()


@pytest.mark.parametrize("every", [1, 2, 4])
def test_who_was_gone_for_long_may_come_back_changed(every):
    """There are few frames then to begin another shot in."""
    looks = [0.0, 0.25] + [0.3] * 10 + [0.48] * 20
    film = [still(k, other=much) for k, much in enumerate(looks)]
    detector = Reading()
    detector.missing = set(range(2, 12))
    (one,) = followed(film, detector, every)
    assert (one.first, one.end, one.cuts) == (0, 32, ())


@pytest.mark.parametrize("every", [1, 2, 4])
@pytest.mark.parametrize("gone", [14, 40])
def test_who_comes_back_after_a_while_and_changes_is_not_compared_with_then(gone, every):
    looks = [0.0] * (20 + gone) + [0.2] * 2 + [0.4] * 2 + [0.5] * 30
    detector = Reading()
    detector.missing = set(range(20, 20 + gone))
    film = [still(k, other=much) for k, much in enumerate(looks)]
    (one,) = followed(film, detector, every)
    assert (one.first, one.end, one.cuts) == (0, len(looks), ())


@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_moment_of_another_look_is_no_cut(every):
    looks = [0.0] * 33 + [0.25] * 3 + [0.48] + [0.25] * 8 + [0.0] * 20
    (one,) = followed([still(k, other=much) for k, much in enumerate(looks)], Reading(), every)
    assert one.cuts == ()


@pytest.mark.parametrize("every", [1, 2, 4])
def test_one_who_becomes_another_is_cut_where_each_frame_would_tell_it(every):
    looks = np.clip((np.arange(60) - 25) / 12, 0, 1)
    film = [still(k, other=float(much)) for k, much in enumerate(looks)]
    (before, *_), (every_frame, *_) = followed(film, Reading(), every), followed(film, Reading(), 1)
    assert before.cuts == every_frame.cuts != ()


def test_its_speed_is_by_frame():
    """It is looked for where it goes once it is lost."""
    at = [Detection(30.0 + k, 20.0, SIDE, SIDE, 0.9) for k in range(4)]
    sight = Sight(None, np.zeros((32, 32, 3), np.uint8))
    one = LiveFace(0, at[0], sight)
    one.go_straight(3, at[3])
    one.take(3, at[3], sight)
    assert one.speed == pytest.approx((0.5, 0.0))  # half of what is new, as ever
    assert list(one.frames) == [0, 1, 2, 3]


def test_most_searches_are_for_large_faces_and_all_are_where_frames_are_looked_at():
    film = [still(k) for k in range(120)]
    detector = Reading()
    followed(film, detector, 3)
    assert detector.searched == [
        *(("all", 0), ("large", 15), ("large", 30), ("large", 45), ("large", 60)),
        *(("all", 75), ("large", 90), ("large", 105)),
    ]


def test_beside_a_small_face_small_ones_are_searched_for():
    """Whoever speaks with somebody is about as large."""
    film = [np.pad(still(k), ((0, 150), (0, 150), (0, 0))) for k in range(22)]
    detector = Reading()
    followed(film, detector, 2)
    assert detector.searched == [("all", 0), ("all", 10), ("all", 20)]


def test_a_face_that_is_lost_is_searched_for_in_all_sizes():
    film = [still(k) for k in range(20)]
    detector = Reading()
    detector.missing = {10}
    followed(film, detector, 2)
    assert ("all", 10) in detector.searched
    assert ("large", 10) not in detector.searched


@pytest.mark.parametrize("every", [1, 2, 4])
def test_the_same_tracks_with_frames_looked_at_ahead(every):
    places = [30.0] * 20 + [30.0 + 2 * k for k in range(10)] + [50.0] * 30
    film = [still(k, x) for k, x in enumerate(places)]
    plain = followed(film, Reading(), every)
    threads = Reading()
    with Foresight(lambda: threads, looks=True) as foresight:
        ahead = followed(film, Reading(), every, foresight)
    assert threads.near, "nothing was looked at ahead"
    for one, other in zip(plain, ahead, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.appearance.pattern, other.appearance.pattern)


@pytest.mark.parametrize(
    ("rate", "every"),
    [(None, 1), (0, 1), (5, 1), (15, 1), (24, 2), (25, 2), (Fraction(60000, 1001), 2)]
    + [(Fraction(600, 7), 1), (240, 1), (1000, 1), (90000, 1)],
)
def test_frames_are_left_out_of_films_alone(rate, every):
    """Of steps that vary containers tell anything, up to the ticks of their clock."""
    info = SimpleNamespace(frame_rate=rate if rate is None else Fraction(rate))
    assert look_every(info) == every  # type: ignore[arg-type]


@needs_media
@pytest.mark.parametrize("kind", ["yunet", "haar"])
def test_a_real_face_is_where_it_is_if_every_frame_is_looked_at(kind):
    tracks = []
    for every in (1, 2):
        follower = FaceFollower(make_detector(kind, YUNET), look_every=every)
        for picture in frames(UNCROPPED)[:80]:
            follower.add(picture)
        tracks += follower.finish(np.arange(80) / 25)
    far = np.abs(tracks[0].boxes - tracks[1].boxes)
    assert 0 < far.max() < 0.03 * np.sqrt(tracks[0].boxes[:, 2] * tracks[0].boxes[:, 3]).mean()
    assert np.median(far) < 0.005 * tracks[0].boxes[:, 2].mean()


def test_large_faces_are_found_by_the_quick_search():
    picture = drawn(3, 1, size=160)[0]
    detector = make_detector("haar")
    (one,), (other,) = detector.detect(picture), detector.detect_large(picture)
    assert np.abs(np.subtract(one.box, other.box)).max() < 0.1 * one.w

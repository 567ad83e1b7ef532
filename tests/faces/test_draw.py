"""The picture with numbered boxes."""

import numpy as np
from face_media import scene, track

from cmet_cli.faces.draw import as_tile, draw_faces, faces_in_frame, telling_frames, tiled

FACE = (40.0, 20.0, 20.0, 26.0)


def test_the_sheet_shows_each_face():
    tracks = track([[FACE]] * 5 + [[FACE, (100.0, 10.0, 20.0, 26.0)]] * 10)
    (index,) = telling_frames(tracks)
    assert index == 5
    shown = faces_in_frame(tracks, index)
    assert [number for number, _ in shown] == [1, 2]
    plain = scene(0)
    before = plain.copy()
    picture = draw_faces(plain, shown)
    assert picture.dtype == np.uint8
    assert (plain == before).all()
    changed = (picture != plain).any(axis=2)
    assert changed[33, 40]  # the left edges of both boxes
    assert changed[30, 100]
    assert not changed[60:].any()


def test_people_who_never_meet_get_a_picture_each():
    far = (100.0, 10.0, 20.0, 26.0)
    tracks = track([[FACE]] * 10 + [[far]] * 10, [0] * 10 + [1] * 10)
    first, second = telling_frames(tracks)
    assert first < 10 <= second
    assert [number for number, _ in faces_in_frame(tracks, second)] == [2]


def test_tiles_are_small_and_side_by_side():
    assert as_tile(np.zeros((720, 1280, 3), np.uint8)).shape == (360, 640, 3)
    pictures = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    both = tiled(pictures)
    assert both.shape == (8, 12, 3)
    assert [both[0, 0, 0], both[0, 6, 0], both[4, 0, 0], both[4, 6, 0]] == [10, 20, 30, 0]

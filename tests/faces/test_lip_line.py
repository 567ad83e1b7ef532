"""The row in which lips meet is found in the film."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.faces.lip_line import met, parted, unlikely

SIZE, MIDDLE, LINE = 64, 32, 44
EVERYWHERE = np.ones((SIZE, SIZE), np.float32)
#: Where lips may be: much wider than they are. A line above its middle, as they are, is row 48.
MOUTH = np.zeros((SIZE, SIZE), np.float32)
MOUTH[40:60, 12:52] = 1
ROW = np.arange(SIZE, dtype=np.float32)[:, None]
SKIN, LIPS, TEETH, DARK = (180, 140, 120), (165, 95, 90), (225, 220, 210), (40, 25, 22)
SHINE = (215, 205, 200)


def face(*between: tuple[int, int, tuple[int, int, int]], line: int = LINE) -> np.ndarray:
    """Skin and lips about the line, and what is between them: rows from it and to it."""
    picture = np.full((SIZE, SIZE, 3), SKIN, np.float32)
    picture[line - 4 : line + 5, 21:44] = LIPS
    for first, last, colour in between:
        picture[line + first : line + last + 1, 23:42] = colour
    return picture


def seen(picture: np.ndarray, sigma: float = 0.5) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


SHUT = (0, 0, DARK)


def found(picture: np.ndarray, mouth: np.ndarray = MOUTH) -> np.ndarray:
    """Where the lips are. ``[n]``"""
    line = met(unlikely(picture, mouth, EVERYWHERE), mouth)
    assert line.shape == (1, SIZE)
    assert line.dtype == np.float32
    return line[0, 24:41]


@pytest.mark.parametrize("line", [41, 44, 48, 52])
def test_wherever_it_is(line):
    assert found(seen(face(SHUT, line=line))) == pytest.approx(line, abs=0.7)


@pytest.mark.parametrize("background", [DARK, (250, 250, 250)])
def test_what_is_beside_a_narrow_face_says_nothing(background):
    """A head that looks up is small: its background is where lips may be."""
    picture = face(SHUT, line=41)
    picture[:, :17] = picture[:, 48:] = background
    assert found(seen(picture, 0.8)) == pytest.approx(41, abs=0.7)


def test_a_shadow_under_the_lower_lip_is_not_it():
    picture = face(SHUT, line=41)
    picture[47:51, 20:45] = (150, 114, 98)
    assert found(seen(picture, 1.0)) == pytest.approx(41, abs=0.8)


def test_what_is_dark_beside_the_middle_hardly_bends_it():
    """A moustache that hangs over the corners of closed lips."""
    picture = face((0, 0, (130, 75, 70)))
    for x in (slice(18, 28), slice(37, 47)):
        picture[LINE - 4 : LINE - 2, x] = (90, 60, 55)
    assert np.ptp(found(seen(picture))) < 0.5


@pytest.mark.parametrize("slope", [-0.15, 0.0, 0.15])
def test_it_is_tilted_as_the_head_is(slope):
    tilt = slope * (np.arange(SIZE, dtype=np.float32) - MIDDLE)[None]
    across_it = np.tile(np.arange(SIZE, dtype=np.float32), (SIZE, 1))
    picture = cv2.remap(seen(face(SHUT)), across_it, ROW - tilt, cv2.INTER_LINEAR)
    assert np.abs(found(picture) - LINE - tilt[0, 24:41]).max() < 0.8


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_teeth_go_with_the_upper_lip(rows):
    """Not split, although a darker line is above them than below."""
    picture = face((-rows - 1, 0, (110, 70, 65)), (-rows - 1, -rows - 1, DARK), (-rows, -1, TEETH))
    # What is dark of a thin row of teeth is seen from above.
    assert np.median(found(seen(picture))) > LINE - 1
    assert np.median(found(seen(picture))) < LINE + 1.5


def test_a_lower_lip_that_shines_below_teeth_has_none():
    """What is above the darkness between is the upper jaw's."""
    picture = face((-3, -2, TEETH), (-1, 0, (120, 70, 65)), (2, 3, SHINE))
    assert found(seen(picture)) == pytest.approx(LINE - 0.5, abs=0.8)


def test_lips_meet_right_under_teeth_and_not_where_the_lower_one_ends():
    """Its rim is in the shade, and nothing dark is between it and the teeth."""
    picture = face((-4, -4, (110, 70, 65)), (-3, -1, TEETH))
    picture[LINE + 4 : LINE + 6, 21:44] = (130, 80, 75)
    assert line_of(seen(picture), LINE + 1) == pytest.approx(LINE, abs=1.0)


def test_the_dark_of_an_open_mouth_is_between_lips():
    assert found(seen(face((-2, 2, DARK)))) == pytest.approx(LINE, abs=1.5)


@pytest.mark.parametrize("mouth", [0 * MOUTH, np.eye(SIZE, dtype=np.float32)])
def test_a_mouth_that_is_nowhere_or_of_lines_breaks_nothing(mouth):
    for picture, skin in ((seen(face(SHUT)), EVERYWHERE), (0 * face(SHUT), 0 * EVERYWHERE)):
        assert np.isfinite(met(unlikely(picture, mouth, skin), mouth)).all()


def line_of(picture: np.ndarray, row: float) -> np.ndarray:
    """Where lips that a renderer parts in that row meet, where it parts them. ``[n]``"""
    weight = np.exp(-np.square((np.arange(SIZE) - MIDDLE) / 6))[None].astype(np.float32)
    unlike = unlikely(picture, MOUTH, EVERYWHERE)
    return parted(unlike, np.full((1, SIZE), row, np.float32), weight + np.float32(1e-4))[0, 26:39]


@pytest.mark.parametrize("off", [-2.0, 0.0, 2.0])
def test_lips_part_where_they_meet_in_the_film(off):
    assert line_of(seen(face(SHUT)), LINE + off) == pytest.approx(LINE, abs=0.7)


def test_of_two_dark_lines_that_one_parts_about_which_the_renderer_does():
    """Lips, and a dark chin strap of a helmet, say."""
    picture = face(SHUT)
    picture[LINE + 6 : LINE + 9] = 0
    for at in (LINE, LINE + 7):
        assert line_of(seen(picture), at) == pytest.approx(at, abs=1.0)


def test_where_nothing_is_seen_lips_part_as_the_renderer_says():
    """A little above, as on people."""
    plain = np.full((SIZE, SIZE, 3), SKIN, np.float32)
    for row in (40.0, 50.0):
        whole = met(unlikely(plain, MOUTH, EVERYWHERE), MOUTH, row / SIZE)
        assert whole[0, 26:39] == pytest.approx(row - 1.2, abs=0.3)
        assert line_of(plain, row) == pytest.approx(row - 1.2, abs=0.3)


def test_a_nose_that_shines_is_no_row_of_teeth():
    """Else the dark below it would be lips under the upper teeth, and the teeth a lower lip's."""
    picture = face((-2, -1, TEETH), (0, 0, (110, 65, 60)), (-3, -3, DARK), line=46)
    picture[34:40, 25:40] = SHINE
    assert np.median(line_of(seen(picture), 45)) > 45


@pytest.mark.parametrize("lips", [45.0, 47.0])
def test_a_collar_and_a_beards_edge_are_not_lips(lips):
    """They are darker, and only the renderer knows that they do not open."""
    picture = face((0, 0, (110, 70, 65)))
    picture[54:] = DARK
    picture[34:37] = (60, 45, 40)
    unlike = unlikely(seen(picture), MOUTH, EVERYWHERE)
    assert met(unlike, MOUTH, lips / SIZE)[0, 24:41] == pytest.approx(LINE, abs=1.0)
    assert np.abs(met(unlike, MOUTH)[0, 24:41] - LINE).max() > 4

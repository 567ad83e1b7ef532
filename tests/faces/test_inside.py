"""The inside of a mouth that nobody filmed."""

from __future__ import annotations

import numpy as np
import pytest
from test_opening import (
    DARK,
    EVERYWHERE,
    LINE,
    LIPS,
    MIDDLE,
    MOUTH,
    ROW,
    SHUT,
    SIZE,
    SKIN,
    SPEAKS,
    TEETH,
    beside,
    change,
    face,
    opens,
    shown,
    toothless,
)

from cmet_cli.faces import inside
from cmet_cli.faces.difference import Differ, Renderings
from cmet_cli.faces.opening import opened
from cmet_cli.faces.palette import Palette


def were_shut(picture: np.ndarray, line: float = LINE + 0.5) -> float:
    straight = np.full((1, SIZE), line, np.float32)
    return inside.were_shut(picture, EVERYWHERE, straight, np.square(beside(0.0))[None])


def white(picture: np.ndarray) -> np.ndarray:
    """Light and not red, bool ``[S, S]``."""
    return (picture.mean(-1) > 100) & (picture[..., 0] - picture[..., 2] < 50)


def test_lips_that_were_shut_show_upper_teeth():
    after = shown(SHUT, change(SHUT, 8.0))
    teeth = np.flatnonzero(white(after)[:, MIDDLE] & (MOUTH[:, MIDDLE] > 0))
    dark = np.flatnonzero(after[:, MIDDLE].mean(-1) < 70)
    below = dark[dark > teeth[-1]]
    assert 1 <= len(teeth) <= 3
    assert np.ptp(teeth) == len(teeth) - 1
    assert len(below) >= 3  # the tongue, and the dark
    assert after[teeth[0] - 4, MIDDLE] == pytest.approx(np.array(LIPS), abs=20)


def test_they_do_not_reach_the_corners():
    seen = (white(shown(SHUT, change(SHUT, 8.0))) & (MOUTH > 0)).any(0)
    gap = change(SHUT, 8.0).gap.edge.max(0) > 0
    assert seen.sum() >= 4
    assert seen.sum() <= gap.sum() - 4
    assert seen[gap][[0, -1]].sum() == 0


@pytest.mark.parametrize(
    ("height", "shut", "least", "most"),
    [(0.9, 1.0, -9.0, -0.5), (8.0, 0.0, -9.0, -0.5), (2.5, 1.0, 0.3, 1.3), (8.0, 1.0, 1.1, 1.35)],
)
def test_a_slit_shows_none_and_a_wide_mouth_no_more_than_teeth_are_long(height, shut, least, most):
    """At the lip itself, in pixels of the crop."""
    tall, at_the_lip = np.full((SIZE, SIZE), height, np.float32), np.zeros((SIZE, SIZE), np.float32)
    edge = inside.teeth_edge(at_the_lip, tall, shut)
    assert least <= edge.min()
    assert edge.max() <= most


def test_teeth_that_were_filmed_are_the_only_ones():
    """And no rim of others is left along the lip."""
    found = change(SPEAKS, 8.0)
    assert found.gap.teeth.edge.max() < -0.5
    assert np.array_equal(shown(SPEAKS, found), shown(SPEAKS, toothless(found)))


@pytest.mark.parametrize(
    ("filmed", "shut"),
    [
        (SHUT, 1.0),
        (SPEAKS, 0.0),
        (face((slice(LINE - 3, LINE + 1), DARK)), 0.0),  # open, no teeth to be seen
        (face((slice(LINE - 4, LINE - 1), TEETH), (slice(LINE - 1, LINE + 1), DARK)), 0.0),
    ],
)
def test_whether_lips_were_shut_is_seen_above_their_line(filmed, shut):
    assert were_shut(filmed) == pytest.approx(shut, abs=0.1)
    assert were_shut(filmed, line=LINE + 1) == pytest.approx(shut, abs=0.1)


def test_painted_and_dark_lips_are_lips():
    red = np.where(np.abs(ROW - LINE)[..., None] < 6, np.array((170, 20, 35)), np.array(SKIN))
    dark = np.where(np.abs(ROW - LINE)[..., None] < 6, np.array((88, 52, 48)), (105, 70, 55))
    for picture in (red, dark):
        assert were_shut(np.broadcast_to(picture, (SIZE, SIZE, 3)).astype(np.float32)) > 0.9


def test_a_smile_that_shows_teeth_in_its_middle_is_open():
    picture = SHUT.copy()
    picture[LINE - 2 : LINE, MIDDLE - 6 : MIDDLE + 6] = TEETH
    assert were_shut(picture) < 0.2


def test_teeth_are_whiter_than_skin_in_its_light_and_dark_below_the_lip():
    below = np.broadcast_to(ROW - 20, (SIZE, SIZE)).astype(np.float32)
    for skin in (SKIN, (105, 70, 55), (60, 45, 40)):
        picture = np.broadcast_to(np.array(skin, np.float32), (SIZE, SIZE, 3)).copy()
        colour = inside.enamel(picture, EVERYWHERE, below, 8 * EVERYWHERE)
        lit, shaded = colour[30, 30], colour[20, 30]
        assert lit.mean() > np.mean(skin) + 10
        assert lit.max() <= 255
        assert shaded == pytest.approx(lit * inside.SHADOW, rel=1e-3)
        assert lit[0] > lit[2] > 0.7 * lit[0]


def test_teeth_are_in_the_dark_towards_the_corners():
    below, height = np.full((SIZE, SIZE), 3.0, np.float32), arched(8.0)[1]
    row = inside.enamel(SHUT, EVERYWHERE, below, height)[30].mean(-1)
    assert (np.diff(row[MIDDLE : MIDDLE + 14]) <= 0).all()
    assert row[MIDDLE + 6] < 0.9 * row[MIDDLE]
    assert row[MIDDLE + 13] == pytest.approx(inside.BESIDE * row[MIDDLE], rel=0.01)


def test_drawn_teeth_give_way_at_once_and_come_back_over_seconds():
    """Where a frame of the film shows its own: they do not come and go with speech."""
    differ, palette, seen = Differ(), Palette(), []
    differ._own_motion = True
    motion = opens(8.0)
    for picture in (*[SHUT] * 4, SPEAKS, *[SHUT] * 120):
        now = Renderings(picture, picture, picture - 20, motion)
        gap = differ(now, EVERYWHERE, palette, MOUTH).gap
        seen.append(float((gap.teeth.edge + 0.5)[gap.edge > 0].max()))
    assert seen[4] < 0.5 * seen[3]
    assert seen[10] < 0.6 * seen[3]
    assert seen[-1] > 0.8 * seen[3] > 0.5


def test_a_fading_face_fades_them_with_the_gap():
    whole = change(SHUT, 8.0)
    half = whole.scaled(0.5).gap
    assert 0 < half.teeth.edge.max() < 0.7 * whole.gap.teeth.edge.max()
    assert half.edge.max() < 0.7 * whole.gap.edge.max()


def arched(height: float) -> tuple[np.ndarray, np.ndarray]:
    """Depth in a gap that is ``height`` pixels high in the middle and comes to a point 14 to either
    side, and its height."""
    tall = np.maximum(1 - np.square((np.arange(SIZE) - MIDDLE) / 14), 0) * height
    depth = np.clip((ROW - 20) / np.maximum(tall, 1e-3), 0, 1)
    return depth.astype(np.float32), np.tile(tall, (SIZE, 1)).astype(np.float32)


def test_a_wide_mouth_has_a_tongue_low_in_its_middle_and_dark_above_and_beside():
    colour = inside.cavity(SHUT, EVERYWHERE, *arched(12.0))
    column = colour[20:33, MIDDLE]
    assert (column[:3] == column[0]).all(), "dark under the palate"
    lit = column[9]
    assert lit[0] > 2 * column[0, 0]
    assert lit[0] > 1.3 * lit[1], "red"
    assert lit.mean() < np.mean(LIPS), "and darker than lips"
    assert column[12, 0] < 0.8 * lit[0], "in the lower lip's shadow"
    assert colour[24, MIDDLE - 12] == pytest.approx(column[0]), "dark in the corners"


def test_teeth_have_the_colour_of_the_light():
    below = np.broadcast_to(ROW - 20, (SIZE, SIZE)).astype(np.float32)
    height = 8 * EVERYWHERE
    red, blue = (
        inside.enamel(np.full((SIZE, SIZE, 3), skin, np.float32), EVERYWHERE, below, height)[40, 40]
        for skin in ((200, 140, 110), (150, 150, 170))
    )
    assert red[0] / red[2] > 1.1 * blue[0] / blue[2]


def test_brows_that_are_raised_say_nothing_of_a_mouth():
    """What is drawn out below them is no gap between lips."""
    down, row, mouth = np.zeros((SIZE, SIZE, 2), np.float32), np.full((1, SIZE), LINE), MOUTH
    down[..., 1] = opens(8.0)[..., 1]
    raised = down.copy()
    raised[4:10, :, 1] += 6
    plain, beside_it = (opened(f, row.astype(np.float32), mouth, 1.0) for f in (down, raised))
    np.testing.assert_array_equal(plain.height, beside_it.height)
    assert plain.height.max() > 4


def test_a_slit_shows_no_tongue():
    depth, height = arched(1.0)
    colour = inside.cavity(SHUT, EVERYWHERE, depth, height)
    assert np.ptp(colour, axis=(0, 1)).max() < 1e-3


@pytest.mark.parametrize(("share", "coloured"), [(0.0, False), (1.0, True)])
def test_a_film_in_black_and_white_has_grey_mouths(share, coloured):
    """Dark, tongue and teeth."""
    grey = SHUT.mean(-1, keepdims=True)
    after = shown(picture := grey + share * (SHUT - grey), change(picture, 8.0))
    seen = after[(change(picture, 8.0).gap.edge > 1) & (MOUTH > 0)]
    assert len(seen) > 30
    assert np.ptp(seen.mean(-1)) > 30, "teeth, and the dark"
    assert (np.ptp(seen, axis=-1).max() > 10) == coloured
    assert (np.ptp(seen, axis=-1).max() < 2) != coloured

"""A mouth that opens: what moves with which lip, what is new between them, and along which line."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cmet_cli.faces import mouth
from cmet_cli.faces.difference import Differ, Difference, Renderings
from cmet_cli.faces.geometry import Square
from cmet_cli.faces.inside import TONGUE
from cmet_cli.faces.lip_line import parted, unlikely
from cmet_cli.faces.opening import (
    OPENS_FROM,
    OPENS_TO,
    WIDEST,
    WORDS_FROM,
    WORDS_TO,
    carried_on,
    opened,
    opened_by_words,
    origin,
    parting,
)
from cmet_cli.faces.palette import Palette
from cmet_cli.faces.repaint import Target, repaint
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter

SIZE, MIDDLE, LINE = 64, 32, 40
EVERYWHERE = np.ones((SIZE, SIZE), np.float32)
MOUTH = np.zeros((SIZE, SIZE), np.float32)
MOUTH[26:60, 12:52] = 1
WIDE = 1.0  # it opens
ROW = np.arange(SIZE, dtype=np.float32)[:, None]
SKIN, LIPS, TEETH, DARK = (180, 140, 120), (165, 95, 90), (225, 220, 210), (40, 25, 22)
#: Mean levels below which it is neither skin nor lip: dark, or tongue.
IN_GAP = 90


def opens(by: float, line: float = LINE) -> np.ndarray:
    """As a small renderer opens a mouth: smoothly, most of all the middle of the lower lip.
    ``[S, S, 2]``"""
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    down = 0.5 + 0.5 * np.tanh((ROW - line - by / 2) / (0.55 * by))
    flow[..., 1] = -by * down * np.clip((62 - ROW) / 14, 0, 1) * beside(0.0)
    return flow


def beside(off: float) -> np.ndarray:
    """1 so far to either side of the mouth's middle, less and less around. ``[S]``"""
    return np.exp(-0.5 * ((np.abs(np.arange(SIZE) - MIDDLE) - off) / 6) ** 2).astype(np.float32)


def face(*inside: tuple[slice, tuple[int, int, int]]) -> np.ndarray:
    """Skin and lips about the line, and what is between them."""
    picture = np.full((SIZE, SIZE, 3), SKIN, np.float32)
    picture[LINE - 4 : LINE + 5, 18:46] = LIPS
    for rows, colour in inside:
        picture[rows, 20:44] = colour
    return cv2.GaussianBlur(picture, (0, 0), 0.5)


SHUT = face((slice(LINE, LINE + 1), DARK))
SPEAKS = face((slice(LINE - 2, LINE), TEETH), (slice(LINE, LINE + 2), DARK))


def change(picture: np.ndarray, by: float = 6.0) -> Difference:
    """The renderer draws a smudge where the mouth opens."""
    motion = opens(by)
    smudge = 60 * np.exp(-0.5 * ((ROW - LINE - 3) / 2.5) ** 2) * MOUTH
    edited = cv2.remap(
        picture,
        np.broadcast_to(ROW.T, (SIZE, SIZE)).copy(),
        ROW + motion[..., 1],
        cv2.INTER_LINEAR,
    )
    differ = Differ()
    differ._own_motion = True  # decided before
    seen = Renderings(picture, picture, edited - smudge[..., None], motion)
    return differ(seen, EVERYWHERE, Palette(), MOUTH)


def shown(picture: np.ndarray, what: Difference) -> np.ndarray:
    """The picture, whole, with the change done."""
    kind = FORMATS["gbrp"]
    whole = Target(Square(SIZE / 2, SIZE / 2, SIZE), kind, ColourConverter(Colour(), kind, SIZE))
    planes = tuple(np.rint(picture[..., c]).astype(np.uint8) for c in (1, 2, 0))
    green, blue, red = repaint(planes, picture, what, whole)
    return np.stack([red, green, blue], -1).astype(np.float32)


def toothless(what: Difference) -> Difference:
    return replace(what, gap=replace(what.gap, teeth=None))


@pytest.mark.parametrize("by", [2.0, 4.0, 6.0])
def test_nothing_is_seen_twice(by):
    """Going down a column, the places pixels come from go down too."""
    flow = opens(by)
    for line in (LINE - 3.0, LINE, LINE + 3.0):
        out = opened(flow, np.full((1, SIZE), line, np.float32), MOUTH, WIDE)
        assert np.diff(ROW + out.flow[..., 1], axis=0).min() > -1e-3
        np.testing.assert_array_equal(out.flow[..., 0], flow[..., 0])
    assert np.diff(ROW + change(SPEAKS, by).flow[..., 1], axis=0)[:, MIDDLE].min() > -0.05


def test_each_lip_keeps_its_thickness():
    """The renderer draws out both; what is drawn out is the line alone."""
    out = opened(opens(6.0), np.full((1, SIZE), LINE, np.float32), MOUTH, WIDE)
    came_from = (ROW + out.flow[..., 1])[:, MIDDLE]
    gap = np.abs(came_from - LINE) < 0.05
    assert gap.sum() >= 4
    below = np.flatnonzero(gap)[-1] + 1
    assert np.diff(came_from[below : below + 4]).min() > 0.85
    assert np.array_equal(out.edge[:, MIDDLE] > 0, gap & (out.edge[:, MIDDLE] > 0))
    assert out.edge[: LINE - 4].max() < -1
    depth = out.below[gap, MIDDLE] / out.height[gap, MIDDLE]
    assert depth[0] < 0.2
    assert depth[-1] > 0.8
    assert (np.diff(depth) > 0).all()
    assert out.height[gap, MIDDLE] == pytest.approx(gap.sum() + 0.5, abs=1.5)


def test_a_mouth_that_does_not_open_moves_as_it_did():
    for flow in (np.full((SIZE, SIZE, 2), -3, np.float32), opens(6.0) * np.float32(0.1)):
        out = opened(flow, np.full((1, SIZE), LINE, np.float32), MOUTH, WIDE)
        np.testing.assert_allclose(out.flow, flow, atol=1e-5)
        assert (out.edge + out.over).max() <= 0
    nowhere = opened(opens(6.0), np.full((1, SIZE), LINE, np.float32), 0 * MOUTH, WIDE)
    np.testing.assert_array_equal(nowhere.flow, opens(6.0))


def test_motion_carried_on_stops_a_mouths_height_away():
    down = np.zeros((SIZE, 1), np.float32)
    down[40:44] = -5
    above, below = carried_on(down)
    assert above[43, 0] > -0.5
    assert below[36, 0] < -4.5
    assert below[30, 0] == 0


def test_the_dark_reaches_over_the_lips_the_further_the_deeper_it_is():
    line = np.full((1, SIZE), LINE, np.float32)
    shallow, deep = (opened(opens(by), line, MOUTH, WIDE).over[0, MIDDLE] for by in (2.0, 6.0))
    assert 0 < shallow < deep < 1


def test_lips_that_only_bend_stay_together():
    """Corners that are drawn down draw out as much as an opening does, but not in the middle."""
    line, parts = np.full((1, SIZE), LINE, np.float32), opens(6.0)
    bends = parts / beside(0.0)[:, None] * beside(9.0)[:, None]
    assert parting(bends, MOUTH) < OPENS_FROM < OPENS_TO < parting(parts, MOUTH)
    out = opened(bends, line, MOUTH, parting(bends, MOUTH))
    np.testing.assert_allclose(out.flow, bends, atol=1e-5)
    assert (out.edge + out.over).max() <= 0
    assert opened(parts, line, MOUTH, parting(parts, MOUTH)).edge.max() > 1


def test_a_gap_is_lower_towards_its_corners_and_nowhere_beside_the_mouth():
    narrow = MOUTH * np.clip((14 - np.abs(np.arange(SIZE) - MIDDLE)) / 10, 0, 1)
    flow = opens(8.0) / beside(0.0)[:, None]  # all of it alike
    out = opened(flow, np.full((1, SIZE), LINE, np.float32), np.float32(narrow), WIDE)
    heights = (out.edge > 0).sum(0)
    assert heights[MIDDLE] >= 5
    assert (np.diff(heights[MIDDLE:]) <= 0).all()
    assert (np.diff(heights[: MIDDLE + 1]) >= 0).all()
    assert 0 < heights[MIDDLE + 7] < heights[MIDDLE]
    assert not heights[MIDDLE + 13 :].any()


def test_between_lips_that_part_no_strip_of_lip_is_left(monkeypatch):
    """Of a line that is found a little too low."""
    monkeypatch.setattr(mouth, "parted", lambda *_: np.full((1, SIZE), LINE + 0.7, np.float32))
    differ = Differ()
    differ._own_motion = True
    motion = opens(6.0)
    edited = np.where(MOUTH[..., None] > 0, SHUT - 12, SHUT)
    change = differ(Renderings(SHUT, SHUT, edited, motion), EVERYWHERE, Palette(), MOUTH)
    column = shown(SHUT, toothless(change))[:, MIDDLE].mean(-1)
    dark = np.flatnonzero(column < IN_GAP)
    assert len(dark) >= 3
    assert (np.diff(dark) == 1).all()


def line_found(picture: np.ndarray, row: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return parted(unlikely(picture, MOUTH, EVERYWHERE), row, weight)


@pytest.mark.parametrize("off", [-1.5, 0.0, 1.5])
def test_lips_part_where_they_meet_in_the_film(off):
    row, weight = origin(opens(6.0, LINE + off), MOUTH)
    assert row[0, MIDDLE] == pytest.approx(LINE + off, abs=1.6)
    assert weight[0, MIDDLE] > 10 * weight[0, [10, 54]].max() > 0
    assert line_found(SHUT, row, weight)[0, 24:40] == pytest.approx(LINE, abs=0.8)


def off_from(picture: np.ndarray) -> np.ndarray:
    """How far from ``LINE`` the line is found, where the mouth is; the renderer parts lips a little
    lower, as it does on people. ``[n]``"""
    row = np.full((1, SIZE), LINE + 0.9, np.float32)
    return (line_found(picture, row, np.square(beside(0.0))[None] + 1e-3) - LINE)[0, 22:43]


def test_what_is_dark_beside_the_middle_hardly_bends_the_line():
    """A moustache that hangs over the corners of closed lips."""
    picture = face((slice(LINE, LINE + 1), (130, 75, 70)))
    for x in (slice(18, 28), slice(37, 47)):
        picture[LINE - 4 : LINE - 2, x] = (80, 50, 45)
    assert np.ptp(off_from(picture)) < 0.5


@pytest.mark.parametrize("slope", [-0.15, 0.0, 0.15])
def test_the_line_is_tilted_as_the_head_is(slope):
    tilt = slope * (np.arange(SIZE, dtype=np.float32) - MIDDLE)[None]
    across_it = np.tile(np.arange(SIZE, dtype=np.float32), (SIZE, 1))
    picture = cv2.remap(SHUT, across_it, ROW - tilt, cv2.INTER_LINEAR)
    assert np.abs(off_from(picture) - tilt[0, 22:43]).max() < 0.7


def test_teeth_go_with_the_upper_lip():
    """Not split, although as dark a line is above them as below."""
    teeth = slice(LINE - 1, LINE + 2)
    picture = face((slice(LINE - 2, LINE + 3), (110, 70, 65)), (teeth, TEETH))
    row, weight = origin(opens(6.0), MOUTH)
    assert line_found(picture, row, weight)[0, 26:38].min() > LINE + 1


def test_the_gap_is_dark_and_the_filmed_mouth_is_in_the_picture_once():
    """Teeth that were seen are seen as before, no larger, and nothing dark lies over them."""
    after = shown(SPEAKS, change(SPEAKS))[:, MIDDLE].mean(-1)
    before = SPEAKS[:, MIDDLE].mean(-1)
    bright, was_bright = after > 170, before > 170
    assert was_bright.sum() - 1 <= bright.sum() <= was_bright.sum() + 1
    assert np.ptp(np.flatnonzero(bright)) == bright.sum() - 1
    assert after.max() > before.max() - 15
    dark = np.flatnonzero(after < IN_GAP)
    assert len(dark) >= 5
    assert np.ptp(dark) == len(dark) - 1  # one gap
    assert dark[0] > np.flatnonzero(bright)[-1]
    lower_lip = after[dark[-1] + 2]
    assert lower_lip == pytest.approx(np.mean(LIPS), abs=15)


def test_lips_that_were_closed_show_the_dark_of_a_mouth():
    after = shown(SHUT, toothless(change(SHUT)))
    dark = np.flatnonzero(after[:, MIDDLE].mean(-1) < IN_GAP)
    assert len(dark) >= 4
    assert np.ptp(dark) == len(dark) - 1
    middle = after[dark[len(dark) // 2], MIDDLE]
    assert (middle <= np.array(SKIN) * TONGUE + 5).all()
    assert after[dark[0] - 3, MIDDLE] == pytest.approx(np.array(LIPS), abs=15)


def test_a_smudge_over_lips_and_teeth_is_no_more_than_a_shade():
    motion = opens(6.0)
    differ = Differ()
    differ._own_motion = True
    moved = SPEAKS - 90 * np.exp(-0.5 * ((ROW - LINE - 3) / 5) ** 2)[..., None]
    seen = Renderings(SPEAKS, SPEAKS, moved, motion)
    found = differ(seen, EVERYWHERE, Palette(), MOUTH)
    new = np.flatnonzero(found.gap.edge[:, MIDDLE] > -0.2)
    assert len(new) >= 4
    for row in (new[0] - 1, new[-1] + 1):
        assert found.residual[row, MIDDLE].mean() > -25


@pytest.mark.parametrize("off", [-2.0, 2.0])
def test_a_renderer_that_misses_the_line_is_put_right(off):
    differ = Differ()
    differ._own_motion = True
    seen = Renderings(SHUT, SHUT, SHUT - 20, opens(6.0, LINE + off))
    found = differ(seen, EVERYWHERE, Palette(), MOUTH)
    came_from = (ROW + found.flow[..., 1])[found.gap.edge[:, MIDDLE] > 0, MIDDLE]
    assert len(came_from) >= 3
    assert np.median(came_from) == pytest.approx(LINE, abs=0.8)


def test_a_large_renderer_may_draw_teeth_in_the_gap():
    big = 2 * SIZE
    wide = [cv2.resize(a, (big, big)) for a in (SHUT, MOUTH, opens(6.0) * 2)]
    picture, mouth, motion = wide
    edited = picture.copy()
    edited[2 * LINE + 2 : 2 * LINE + 10, 40:88] = TEETH
    differ = Differ()
    differ._own_motion = True
    seen = Renderings(picture, picture, edited, motion)
    found = differ(seen, np.ones((big, big), np.float32), Palette(), mouth)
    came_from = np.arange(big) + found.flow[:, big // 2, 1]
    there = np.interp(came_from, np.arange(big), picture[:, big // 2].mean(-1))
    assert (there + found.residual[:, big // 2].mean(-1))[2 * LINE + 6] > 170


def test_the_line_does_not_jump_from_frame_to_frame():
    """Teeth appear: the line moves below them bit by bit."""
    differ, palette, at = Differ(), Palette(), []
    differ._own_motion = True
    motion = opens(6.0)
    teeth = face((slice(LINE - 2, LINE + 3), (110, 70, 65)), (slice(LINE - 1, LINE + 2), TEETH))
    for picture in (SHUT, SHUT, teeth, teeth, teeth, teeth, teeth, teeth):
        differ(Renderings(picture, picture, picture - 20, motion), EVERYWHERE, palette, MOUTH)
        at.append(float(differ._mouth._line[0, MIDDLE]))
    steps = np.diff(at)
    assert at[-1] - at[0] > 1
    assert steps.max() < 0.51 * (at[-1] - at[0])


def test_a_mouth_opens_at_once_and_a_gap_that_shuts_may_open_again():
    """Or else what lies between the lips would be drawn out meanwhile."""
    differ, palette = Differ(), Palette()
    differ._own_motion = True
    still = np.zeros_like(opens(6.0))
    gaps = []
    for motion in (still, opens(7.0), still, *[opens(7.0)] * 12, still, opens(7.0)):
        seen = Renderings(SHUT, SHUT, SHUT - 20, motion)
        gaps.append(differ(seen, EVERYWHERE, palette, MOUTH).gap)
    assert gaps[0] is None
    widest = [0.0 if gap is None else float(gap.edge.max()) for gap in gaps]
    assert widest[1] > 0.9 * widest[-1]
    assert max(widest[2], widest[-2]) < 0 < 2 < min(widest[-3], widest[-1])


def test_lips_that_met_for_a_word_part_again_at_once():
    """It is remembered that this mouth opens: what lies between is not drawn out meanwhile."""
    differ, palette, gaps = Differ(), Palette(), []
    differ._own_motion = True
    still, wide = np.zeros_like(opens(7.0)), opens(7.0)
    for motion in (*[wide] * 6, *[still] * 6, wide):
        seen = Renderings(SHUT, SHUT, SHUT - 20, motion)
        gaps.append(differ(seen, EVERYWHERE, palette, MOUTH).gap)
    assert max(float(gap.edge.max()) for gap in gaps[6:-1]) < 0
    assert float(gaps[-1].edge.max()) > 0.9 * float(gaps[5].edge.max()) > 0


@pytest.mark.parametrize("further", [0.2, 0.4, 0.7])
def test_words_part_lips_as_far_as_they_say(further):
    """However little the renderer does."""
    flow, line = opens(1.0), np.full((1, SIZE), LINE, np.float32)
    out = opened_by_words(flow, line, MOUTH, further)
    wanted = further * WIDEST * SIZE
    assert out.share == 1.0
    assert out.height[LINE, MIDDLE] == pytest.approx(wanted, rel=0.1)
    assert (out.edge[:, MIDDLE] > 0).sum() == pytest.approx(wanted, abs=1.1)
    assert np.diff(ROW + out.flow[..., 1], axis=0).min() > -1e-3
    came_from = (ROW + out.flow[..., 1])[:, MIDDLE]
    assert np.diff(came_from[LINE + 5 : LINE + 8]).min() > 0.75, "the lower lip is drawn out"
    assert out.edge[:, [MIDDLE - 14, MIDDLE + 14]].max() < 0, "corners stay together"
    none = opened_by_words(flow, line, MOUTH, WORDS_FROM)
    np.testing.assert_array_equal(none.flow, flow)
    assert none.edge.max() < 0


def test_a_smile_does_not_part_its_corners():
    """It draws out what is about them, more than a mouth that opens a little does its middle."""
    flow, line = opens(0.5), np.full((1, SIZE), LINE, np.float32)
    for off in (-12, 12):
        flow = flow + np.roll(opens(4.0), off, axis=1)
    out = opened_by_words(flow, line, MOUTH, 0.2)
    high = np.maximum(out.edge, 0).sum(0)
    assert high[MIDDLE] > 0.2
    assert high[: MIDDLE - 9].max() == high[MIDDLE + 10 :].max() == 0
    assert high.max() < 3 * high[MIDDLE]


def test_a_wider_rendering_is_not_narrowed():
    flow, line = opens(8.0), np.full((1, SIZE), LINE, np.float32)
    little, all_of_it = (opened_by_words(flow, line, MOUTH, by).height for by in (0.2, 0.5))
    assert little[LINE, MIDDLE] > 5
    np.testing.assert_allclose(little[:, MIDDLE], all_of_it[:, MIDDLE], atol=0.1)


def drawn_at(line: float, further: float) -> Renderings:
    """A shut mouth, and a renderer that draws out what is about ``line``."""
    motion = opens(5.0, line=line)
    across = np.broadcast_to(ROW.T, (SIZE, SIZE)).copy()
    edited = cv2.remap(SHUT, across, ROW + motion[..., 1], cv2.INTER_LINEAR)
    return Renderings(SHUT, SHUT, edited, motion, words=mouth.Words(0.5 + further, 0.5))


def test_words_that_shut_lips_do_not_say_where_these_are():
    """A jaw that rises draws out the chin."""
    differ = Differ()
    differ._own_motion = True
    for _ in range(3):
        assert differ(drawn_at(54, -0.3), EVERYWHERE, Palette(), MOUTH).gap is None
    found = differ(drawn_at(LINE, 0.4), EVERYWHERE, Palette(), MOUTH)
    rows = np.flatnonzero(found.gap.edge[:, MIDDLE] > 0)
    assert abs(rows.mean() - LINE) < 3.5


def test_lips_part_where_the_renderer_knows_them():
    """What is dark under a lower lip is darker than lips that meet, at times."""
    picture = SHUT.copy()
    picture[LINE + 8 : LINE + 10] = 0
    seen = Renderings(picture, picture, picture - 20, opens(4.0), words=mouth.Words(0.4, 0.0))

    def row(lips: float | None) -> float:
        differ = Differ()
        differ._own_motion = True
        gap = differ(replace(seen, lips=lips), EVERYWHERE, Palette(), MOUTH).gap
        return float(np.flatnonzero(gap.edge[:, MIDDLE] > 0).mean())

    assert row(None) > LINE + 5
    for off in (-1, 1, 3):
        assert row((LINE + off) / SIZE) == pytest.approx(LINE, abs=2)


def test_slits_do_not_say_whether_lips_were_shut():
    """Of them it is hardly known where they are."""
    line, seen = np.full((1, SIZE), LINE, np.float32), mouth.Mouth()
    for further, shut in ((WORDS_TO - 0.01, 1.0), (WORDS_TO, 0.0), (WORDS_TO, 0.0)):
        words = mouth.Words(further, 0.0)
        told = SPEAKS, opens(1.0), MOUTH, EVERYWHERE
        assert seen.spoken(*told, words, line) is not None
        assert seen._shut == pytest.approx(shut, abs=0.05)
    words = mouth.Words(0.0, 0.0)
    assert seen.spoken(*told, words, line) is None


def test_lips_that_look_shut_are_not_read_as_far_apart():
    """As people's are, of whom the encoder knows little."""
    line, words = np.full((1, SIZE), LINE, np.float32), mouth.Words(0.3, 0.3)

    def height(picture: np.ndarray) -> float:
        told = picture, opens(1.0), MOUTH, EVERYWHERE
        out = mouth.Mouth().spoken(*told, words, line)
        return 0.0 if out is None else float(out.height[LINE, MIDDLE])

    assert height(SPEAKS) == 0
    believed = 0.3 - mouth.QUIET
    assert height(SHUT) == pytest.approx(believed * WIDEST * SIZE, rel=0.15)
    assert mouth.Words(0.9, 0.9).further(1.0) == pytest.approx(mouth.TOO_WIDE)
    assert mouth.Words(0.5, 0.1).further(1.0) == pytest.approx(0.4), "as drawn people's are"

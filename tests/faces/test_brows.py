"""Raised brows stay as thick as they were filmed, and a frown slants them no more than people's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.faces import difference
from cmet_cli.faces.brows import FREE, INNER, OUTER, held_level, kept_together
from cmet_cli.faces.fields import LUMA, warp
from cmet_cli.faces.palette import Palette

SIZE, TOP, BOTTOM = 64, 22, 26  # the brow's rows
SKIN, HAIR = (190.0, 140.0, 120.0), (50.0, 40.0, 35.0)


def face(hair=HAIR) -> np.ndarray:
    """Skin with one brow from left to right of the middle, RGB ``[64, 64, 3]``."""
    picture = np.full((SIZE, SIZE, 3), SKIN, np.float32)
    picture[TOP:BOTTOM, 14:50] = hair
    return picture


def rising(much: float) -> np.ndarray:
    """Motion that raises by ``much`` pixels from row 20 up, by nothing from row 30 down: all of a
    brow between is drawn out (or pressed together, if less than nothing)."""
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 1] = np.interp(np.arange(SIZE), [2, 12, 16, 30], [0, much, much, 0])[:, None]
    return flow


def brows(bottom: int = 30) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[8:bottom] = 1
    return mask


def thickness(picture: np.ndarray, column: int = 32) -> tuple[float, float]:
    """Of what is dark in a column, in pixels, and the middle of it."""
    dark = (np.dot(SKIN, LUMA) - picture[:, column] @ LUMA) / np.dot(np.subtract(SKIN, HAIR), LUMA)
    return float(dark.sum()), float((dark * np.arange(SIZE)).sum() / dark.sum())


def test_a_raised_brow_stays_as_thick_as_it_was():
    picture, flow = face(), rising(7.0)
    was, _ = thickness(picture)
    drawn, raised_to = thickness(warp(picture, flow))
    kept, kept_at = thickness(warp(picture, kept_together(flow, picture, brows())))
    assert drawn > 1.5 * was, "else there is nothing to mend"
    assert abs(kept - was) < 0.65 * (drawn - was)
    assert abs(kept_at - raised_to) < 1.0, "it is raised all the same"


@pytest.mark.parametrize(
    ("picture", "flow", "mask"),
    [
        (face(hair=SKIN), rising(7.0), brows()),  # nothing is dark
        (face(), rising(-6.0), brows()),  # a frown presses it together
        (face(), rising(7.0) - np.float32([0, 7]), brows(44)),  # or draws it out on its way down
        (face(), rising(7.0), np.zeros((SIZE, SIZE), np.float32)),  # brows are elsewhere
    ],
)
def test_other_motion_stays_as_it_is(picture, flow, mask):
    np.testing.assert_allclose(kept_together(flow, picture, mask)[16:30], flow[16:30], atol=0.15)


def test_far_from_a_brow_nothing_is_touched():
    picture, flow = face(), rising(7.0)
    kept = kept_together(flow, picture, brows())
    assert np.abs(kept - flow)[14:30, 20:44].max() > 0.5
    np.testing.assert_allclose(kept[40:], flow[40:], atol=1e-3)
    np.testing.assert_allclose(kept[:, :4], flow[:, :4], atol=1e-3)


OFF = (np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2) / SIZE


def frowning(inner: float, outer: float = 0.0) -> np.ndarray:
    """Both brows' inner ends come down so many pixels, the outer ones so many."""
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    slant = np.interp(np.abs(OFF), [INNER, OUTER], [inner, outer])
    flow[..., 1] = -slant * np.interp(np.arange(SIZE), [4, 12, 26, 34], [0, 1, 1, 0])[:, None]
    flow[..., 0] = 1.5
    return flow


def slants(flow: np.ndarray) -> list[float]:
    """How much further the inner end comes down, left and right, in pixels."""
    ends = [[round((0.5 + way * at) * SIZE - 0.5) for at in (INNER, OUTER)] for way in (-1, 1)]
    return [float(flow[20, outer, 1] - flow[20, inner, 1]) for inner, outer in ends]


@pytest.mark.parametrize("outer", [-1.0, 0.0, 1.0])
def test_a_frown_slants_brows_only_so_far(outer):
    found = []
    for inner in (3.0, 6.0):
        flow = frowning(outer + inner, outer)
        out = held_level(flow, brows())
        found += slants(out)
        assert max(slants(out)) < 0.7 * min(slants(flow))
        np.testing.assert_array_equal(out[..., 0], flow[..., 0])
    assert min(found) > FREE * SIZE
    assert np.ptp(found) < 0.3


def test_the_stronger_the_frown_the_further_all_the_same():
    weak, strong = (held_level(frowning(by), brows())[20, 26, 1] for by in (1.0, 4.0))
    assert strong < weak < -0.5


def test_one_brow_that_frowns_is_held_alone():
    flow = frowning(5.0)
    flow[:, SIZE // 2 :] = 0
    out = held_level(flow, brows())
    assert slants(out)[0] < 0.6 * slants(flow)[0]
    np.testing.assert_array_equal(out[:, SIZE // 2 + 4 :], flow[:, SIZE // 2 + 4 :])


@pytest.mark.parametrize("flow", [frowning(0.4), frowning(4.0, 4.0), frowning(-5.0), rising(7.0)])
def test_brows_that_slant_little_or_rise_move_as_they_did(flow):
    np.testing.assert_allclose(held_level(flow, brows()), flow, atol=0.02)


def test_what_does_not_come_down_is_not_moved_by_a_frown():
    """Not even beside outer ends that rise."""
    flow = frowning(4.0, -3.0)
    out = held_level(flow, brows())
    assert np.abs(out - flow).max() > 1
    still = flow[..., 1] >= 0
    np.testing.assert_array_equal(out[still], flow[still])


def test_only_where_brows_may_be():
    flow = frowning(5.0)
    flow[40:60, :, 1] = -4  # a jaw that drops
    out = held_level(flow, brows())
    assert np.abs(out - flow)[12:26].max() > 1
    np.testing.assert_array_equal(out[42:], flow[42:])


def test_brows_that_are_nowhere_break_nothing():
    np.testing.assert_array_equal(held_level(frowning(5.0), 0 * brows()), frowning(5.0))


@pytest.mark.parametrize(("size", "held"), [(64, 1), (128, 0)])
def test_frowns_of_small_renderers_are_held(monkeypatch, size, held):
    """Large ones were trained on people."""
    told = []
    monkeypatch.setattr(
        difference, "held_level", lambda flow, mask: told.append(mask) or held_level(flow, mask)
    )
    picture, mask = (cv2.resize(a, (size, size)) for a in (face(), brows()))
    flow = cv2.resize(frowning(5.0), (size, size)) * np.float32(size / SIZE)
    differ = difference.Differ()
    differ._own_motion = True
    seen = difference.Renderings(picture, picture, picture + 1, flow)
    change = differ(seen, np.ones((size, size), np.float32), Palette(), brows=mask)
    assert len(told) == held
    strongest = -change.flow[..., 1].min() * SIZE / size
    assert (strongest < 3.5) == bool(held)

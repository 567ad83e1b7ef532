"""Raised brows stay as thick as they were filmed."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.faces.brows import kept_together
from cmet_cli.faces.fields import LUMA, warp

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

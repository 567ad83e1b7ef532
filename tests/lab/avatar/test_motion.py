"""Where skin goes: the maps between a moment's picture and the person's quiet face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.lab.avatar.emotions import mean_expression
from cmet_cli.lab.avatar.face import draw
from cmet_cli.lab.avatar.face_state import FaceState
from cmet_cli.lab.avatar.identity import Identity
from cmet_cli.lab.avatar.motion import GRID, from_quiet, to_quiet

SIDE = 128
WHO = Identity.from_seed(7)


def states():
    turned = FaceState.of(yaw=-0.4, roll=0.1, shift_x=0.05)
    happy = FaceState(expression=mean_expression("happy", 2), pose=turned.pose)
    return {"quiet": FaceState.of(opening=0.12), "turned": turned, "happy": happy}


def enlarged(field, size_px):
    """Pixel centres of both sizes span -1..1 with half a pixel left at either end."""
    return cv2.resize(field, (size_px, size_px), interpolation=cv2.INTER_CUBIC)


def pixels(field):
    return ((enlarged(field, SIDE) + 1) * SIDE / 2 - 0.5).astype(np.float32)


def moved(picture, before, after):
    """The picture of one state warped to another."""
    there, back = pixels(to_quiet(WHO, after)), pixels(from_quiet(WHO, before))
    at = cv2.remap(back, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.remap(picture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("name", ["quiet", "turned", "happy"])
def test_there_and_back_is_nowhere(name):
    state = states()[name]
    there, back = pixels(to_quiet(WHO, state)), pixels(from_quiet(WHO, state))
    both = cv2.remap(there, back, None, cv2.INTER_LINEAR)
    inside = slice(SIDE // 4, 3 * SIDE // 4)
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1)
    assert np.abs((both - grid)[inside, inside]).max() < 1.5
    assert to_quiet(WHO, state).shape == (GRID, GRID, 2)


def test_a_quiet_face_lies_on_itself():
    axis = (np.arange(GRID) + 0.5) * 2 / GRID - 1
    still = np.stack(np.meshgrid(axis, axis), -1)
    assert np.abs(to_quiet(WHO, states()["quiet"]) - still)[8:24, 8:24].max() < 0.02


@pytest.mark.parametrize(("before", "after"), [("quiet", "turned"), ("quiet", "happy")])
def test_moving_the_skin_brings_a_picture_nearer_to_the_drawing(before, after):
    first, second = states()[before], states()[after]
    picture, wanted = draw(WHO, first, SIDE).astype(float), draw(WHO, second, SIDE).astype(float)
    face = (slice(SIDE // 4, 7 * SIDE // 8), slice(SIDE // 4, 3 * SIDE // 4))
    still = np.abs(picture - wanted)[face].mean()
    warped = np.abs(moved(draw(WHO, first, SIDE), first, second).astype(float) - wanted)[face]
    assert warped.mean() < 0.75 * still


def test_a_smile_draws_the_corners_of_the_mouth_up():
    smile = FaceState(expression=mean_expression("happy"))
    there = enlarged(from_quiet(WHO, smile), SIDE) - enlarged(from_quiet(WHO, FaceState()), SIDE)
    u, v = WHO.mouth_half_width, WHO.mouth_v
    column, row = (round((x + 1) * SIDE / 2) for x in (u, v))
    assert there[row, column, 1] < -0.05
    assert there[row, SIDE - column, 1] < -0.05
    assert np.abs(there[: SIDE // 8]).max() < 0.01  # hair stays

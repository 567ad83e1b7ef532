"""Lips that turn down or up move as a whole, wherever they are in the film."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from cmet_cli.faces import difference
from cmet_cli.faces.corners import CORNER
from cmet_cli.faces.lips import LIPS, SKIN, WIDEST, Lips

SIZE, MIDDLE = 64, 32
MOUTH = np.zeros((SIZE, SIZE), np.float32)
MOUTH[36:60, 14:51] = 1
FACE = np.ones((SIZE, SIZE), np.float32)
RESIDUAL = np.full((SIZE, SIZE, 3), -8.0, np.float32)
OFF = (np.arange(SIZE, dtype=np.float32) - MIDDLE) / SIZE


def line_in(row: float) -> np.ndarray:
    return np.full((1, SIZE), row, np.float32)


def tent(row: int, down: float = 5.0, stretch: float = 0.25) -> np.ndarray:
    """Corners come to lie ``down`` pixels lower; above and below that row everything is drawn
    apart."""
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    bent = -down * np.clip(np.square(OFF / CORNER), 0, 1) * np.exp(-((OFF / 0.3) ** 4))
    apart = stretch * np.clip(row - np.arange(SIZE, dtype=np.float32), -12, 12)
    flow[..., 1] = bent + apart[:, None]
    flow[..., 0] = 1.5
    return flow


def held(row: int, flow: np.ndarray, parted: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    return Lips().kept_together(flow, RESIDUAL, line_in(row), MOUTH, FACE, parted)


def uneven(flow: np.ndarray, row: int) -> float:
    """How differently lips move that came from about a row, in the middle, in pixels."""
    down = flow[..., 1]
    there = np.abs(np.arange(SIZE)[:, None] + down - row) < LIPS * SIZE - 0.5
    return float(np.ptp(down[:, MIDDLE][there[:, MIDDLE]]))


@pytest.mark.parametrize("down", [5.0, -5.0])
@pytest.mark.parametrize("row", [41, 44, 47])
def test_lips_are_not_drawn_out(row, down):
    """Wherever they are filmed; the mouth's middle is row 48."""
    flow = tent(row, down)
    out, _ = held(row, flow)
    assert uneven(flow, row) > 0.8
    assert uneven(out, row) < 0.3 * uneven(flow, row)
    # As they themselves do, not as the chin does.
    assert out[row, MIDDLE, 1] == pytest.approx(flow[row, MIDDLE, 1], abs=0.6)
    np.testing.assert_array_equal(out[..., 0], flow[..., 0])


def test_they_bend_as_they_did():
    out, _ = held(44, tent(44, stretch=0.0))
    reach = round(CORNER * SIZE)
    drop = out[44, MIDDLE, 1] - (out[44, MIDDLE - reach, 1] + out[44, MIDDLE + reach, 1]) / 2
    assert 3.0 < drop < 5.5


@pytest.mark.parametrize("down", [5.0, -5.0])
def test_teeth_stay_straight_where_corners_turn_down(down):
    """Up to half of the way to the corners; a smile's line bends as a whole, as people's do."""
    flow = tent(44, down, stretch=0.0)
    out, _ = held(44, flow)
    half = round(0.5 * CORNER * SIZE)
    bent = np.abs(out[44, MIDDLE - half : MIDDLE + half + 1, 1] - out[44, MIDDLE, 1]).max()
    as_it_was = np.abs(flow[44, MIDDLE - half : MIDDLE + half + 1, 1] - flow[44, MIDDLE, 1]).max()
    corner = MIDDLE + round(CORNER * SIZE)
    assert out[44, corner, 1] == pytest.approx(flow[44, corner, 1], abs=0.7)
    if down > 0:
        assert bent < 0.6 * as_it_was
    else:
        assert bent > 0.7 * as_it_was


def test_only_lips_and_the_skin_beside_them():
    flow = tent(44)
    moved = np.abs(held(44, flow)[0] - flow)[..., 1]
    came_from = np.abs(np.arange(SIZE)[:, None] + flow[..., 1] - 44)
    assert moved[came_from > (SKIN + 0.03) * SIZE].max() < 0.01
    assert moved[:, :14].max() == moved[:, 51:].max() == 0
    assert moved.max() > 0.5


def test_no_shadow_of_a_drawn_mouth_between_them():
    _, shading = held(44, tent(44))
    assert shading[44, MIDDLE].max() < 0
    assert shading[44, MIDDLE].min() > 0.3 * RESIDUAL.min()
    assert (shading[:30] == RESIDUAL[:30]).all()


def drawn_wide(down: float, wider: float) -> np.ndarray:
    """What comes to lie in each pixel of the mouth comes from nearer to its middle, by a share."""
    flow = tent(44, down, stretch=0.0)
    flow[..., 0] = -wider * SIZE * OFF
    return flow


def height(flow: np.ndarray) -> float:
    """How many rows of the film each row of the lips shows, in the middle."""
    out, _ = held(44, flow)
    came_from = np.arange(SIZE) + out[:, MIDDLE, 1]
    return float(np.gradient(came_from)[np.abs(came_from - 44) < LIPS * SIZE].mean())


def test_lips_that_a_smile_draws_wide_get_thinner():
    """As real ones do."""
    assert height(drawn_wide(-5.0, 0.0)) == pytest.approx(1.0, abs=0.02)
    assert 1.15 < height(drawn_wide(-5.0, 0.3)) < 1.3


def test_no_wider_lips_than_there_can_be_are_thinner():
    assert height(drawn_wide(-5.0, 0.9)) == pytest.approx(
        height(drawn_wide(-5.0, WIDEST)), abs=0.01
    )


@pytest.mark.parametrize("flow", [drawn_wide(-5.0, -0.3), drawn_wide(5.0, 0.3)])
def test_lips_that_get_narrower_or_turn_down_are_as_thick_as_filmed(flow):
    assert height(flow) == pytest.approx(1.0, abs=0.02)


def test_what_does_not_bend_stays_as_it_is():
    flow = tent(44, 0.0)
    out, shading = held(44, flow)
    np.testing.assert_array_equal(out, flow)
    np.testing.assert_array_equal(shading, RESIDUAL)


def test_the_less_the_further_a_mouth_is_on_the_way_to_open():
    """Where its lips part, each moves as a whole anyway."""
    flow = tent(44)
    none, half, all_of_it = (held(44, flow, parted)[0] - flow for parted in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(half, none / 2, atol=1e-5)
    assert (all_of_it == 0).all()


def test_no_frame_jumps_where_a_mouth_begins_to_open():
    lips, flow = Lips(), tent(44)
    told = flow, RESIDUAL, line_in(44), MOUTH, FACE
    frames = [lips.kept_together(*told, parted)[0] for parted in (0.0, *[1.0] * 20)]
    steps = [float(np.abs(b - a).max()) for a, b in pairwise(frames)]
    whole = float(np.abs(frames[0] - flow).max())
    assert max(steps) < 0.4 * whole
    assert float(np.abs(frames[-1] - flow).max()) < 0.01 * whole


def test_nothing_outside_of_where_a_change_may_be():
    face = np.zeros((SIZE, SIZE), np.float32)
    face[40:50, 20:40] = 1
    out, _ = Lips().kept_together(tent(44), RESIDUAL, line_in(44), MOUTH, face, 0.0)
    moved = np.abs(out - tent(44))[..., 1]
    assert moved[face == 0].max() == 0
    assert moved.max() > 0.5


@pytest.mark.parametrize("broken", [0 * MOUTH, np.eye(SIZE, dtype=np.float32)])
def test_a_mouth_that_is_nowhere_or_of_lines_breaks_nothing(broken):
    told = tent(44, 9.0), RESIDUAL, line_in(44), broken, FACE, 0.0
    out, shading = Lips().kept_together(*told)
    assert np.isfinite(out).all()
    assert np.isfinite(shading).all()


@pytest.mark.parametrize(("size", "opens", "told"), [(64, 0, [0]), (64, 1, [1]), (128, 0, [])])
def test_those_of_small_renderers_and_how_far_they_part(monkeypatch, size, opens, told):
    """Large renderers draw what is new."""
    parted: list[float] = []

    def noted(_, flow, residual, *rest):
        parted.append(rest[-1])
        return flow, residual

    monkeypatch.setattr(Lips, "kept_together", noted)
    picture = np.full((size, size, 3), 140, np.float32)
    mouth, face = (cv2.resize(m, (size, size)) for m in (MOUTH, FACE))
    flow = cv2.resize(tent(44), (size, size)) * np.float32(size / SIZE)
    if opens:
        gap = np.clip(np.arange(size, dtype=np.float32) - 0.7 * size, -6, 6)[:, None]
        flow[..., 1] = -np.exp(-np.square(np.arange(size) / size - 0.5) / 0.005) * gap
    differ = difference.Differ()
    differ._own_motion = True
    differ(
        difference.Renderings(picture, picture, picture + 1, flow, 0.05),
        face, difference.Palette(), mouth,
    )  # fmt: skip
    assert parted == told


def test_their_line_is_followed_bit_by_bit(monkeypatch):
    """One that is found elsewhere for a frame: a shadow, say."""
    lines: list[float] = []

    def noted(_, flow, residual, line, *rest):
        lines.append(float(line[0, MIDDLE]))
        return flow, residual

    monkeypatch.setattr(Lips, "kept_together", noted)
    picture = np.full((SIZE, SIZE, 3), 140, np.float32)
    differ = difference.Differ()
    differ._own_motion = True
    for row in (44, 44, 48, 44):
        monkeypatch.setattr(difference, "met", lambda *_, row=row: line_in(row))
        seen = difference.Renderings(picture, picture, picture + 1, tent(44))
        differ(seen, FACE, difference.Palette(), MOUTH)
    assert lines[:2] == [44, 44]
    assert 45 < lines[2] < 47
    assert 44 < lines[3] < lines[2]

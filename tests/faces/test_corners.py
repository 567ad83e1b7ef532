"""Corners of a mouth turn down so far and no further."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.faces.corners import CORNER, held_up

SIZE, MIDDLE, ROW = 64, 32, 42
MOUTH = np.zeros((SIZE, SIZE), np.float32)
MOUTH[32:54, 14:51] = 1
OFF = (np.arange(SIZE, dtype=np.float32) - MIDDLE) / SIZE


def turned(down: float, lifted: float = 0.0, parted: float = 0.0) -> np.ndarray:
    """Motion of a mouth whose corners come to lie ``down`` pixels lower, less and less far beside
    them; its middle is lifted, and its lips part. Where pixels come from, ``[64, 64, 2]``."""
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 1] = lifted - down * np.clip(np.square(OFF / CORNER), 0, 1) * np.exp(
        -((OFF / 0.3) ** 4)
    )
    flow[ROW:, :, 1] -= parted
    return flow


def drop(flow: np.ndarray, middle: int = MIDDLE) -> float:
    """How much further down than the middle the corners move, in pixels."""
    row = -flow[ROW, :, 1]
    reach = round(CORNER * SIZE)
    return float((row[middle - reach] + row[middle + reach]) / 2 - row[middle])


@pytest.mark.parametrize("down", [4.0, 8.0])
def test_corners_that_turn_down_too_far_are_held(down):
    """Whatever the mouth does as a whole: the middle stays where it was moved to."""
    for lifted in (0.0, 3.0):
        flow = turned(down, lifted)
        held = held_up(flow, MOUTH, 0.0)
        assert drop(flow) > 0.9 * down
        assert drop(held) < 0.5 * down
        assert drop(held) > 0.1
        assert held[ROW, MIDDLE, 1] == pytest.approx(flow[ROW, MIDDLE, 1], abs=0.4)


def test_more_asked_for_is_a_little_more():
    drops = [drop(held_up(turned(down), MOUTH, 0.0)) for down in (0.5, 1.0, 2.0, 4.0)]
    assert drops[0] == pytest.approx(drop(turned(0.5)), abs=1e-5)
    assert (np.diff(drops) > 0).all()


def test_what_is_carried_on_later_counts():
    once, twice = (held_up(turned(1.2), MOUTH, further) for further in (0.0, 1.0))
    assert drop(twice) < drop(once)
    assert 2 * drop(twice) > drop(once)


@pytest.mark.parametrize("flow", [turned(-6.0), turned(0.0, 3.0), turned(0.5, 0.0, 5.0)])
def test_smiles_and_what_does_not_bend_stay_as_they_are(flow):
    np.testing.assert_array_equal(held_up(flow, MOUTH, 0.0), flow)


def test_lips_part_as_far_as_they_did():
    parted, joined = (held_up(turned(6.0, parted=p), MOUTH, 0.0) for p in (4.0, 0.0))
    gap = parted[ROW - 1, :, 1] - parted[ROW, :, 1]
    bent = joined[ROW - 1, :, 1] - joined[ROW, :, 1]
    np.testing.assert_allclose(gap[20:45] - bent[20:45], 4.0, atol=0.5)


def test_only_around_the_mouth():
    flow = turned(8.0)
    moved = np.abs(held_up(flow, MOUTH, 0.0) - flow)
    assert moved[..., 0].max() == 0
    assert moved[ROW, MIDDLE - 7, 1] > 1
    assert moved[:24].max() < 0.01
    assert moved[:, np.abs(OFF) > 2 * CORNER].max() == 0


@pytest.mark.parametrize(("down", "most"), [(3.0, 1.4), (30.0, 2.5)])
def test_however_far_is_asked_for_there_is_a_most(down, most):
    """In pixels, at the lips' own line; where the module measures it is a quarter of that."""
    flow = turned(down)
    assert drop(held_up(flow, MOUTH, 0.0)) < most
    assert drop(held_up(np.roll(flow, 9, 1), np.roll(MOUTH, 9, 1), 0.0), MIDDLE + 9) < most


def test_each_corner_by_itself():
    """One that rises goes on rising, and the other is held all the same."""
    flow = turned(6.0)
    flow[:, MIDDLE:, 1] *= -1
    held = held_up(flow, MOUTH, 0.0)
    reach = round(CORNER * SIZE)
    np.testing.assert_array_equal(held[:, MIDDLE + 1 :], flow[:, MIDDLE + 1 :])
    assert -2 < held[ROW, MIDDLE - reach, 1] < -0.3


@pytest.mark.parametrize("broken", [0 * MOUTH, np.eye(SIZE, dtype=np.float32)])
def test_a_mouth_that_is_nowhere_or_of_lines_breaks_nothing(broken):
    assert np.isfinite(held_up(turned(9.0), broken, 1.0)).all()

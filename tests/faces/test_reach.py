"""Motion that falls short is carried on, what was drawn with it; motion that does not is left."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.faces.difference import Differ, Renderings
from cmet_cli.faces.palette import Palette
from cmet_cli.faces.reach import MOST, Reach

SIZE = 64
EVERYWHERE = np.ones((SIZE, SIZE), np.float32)


def right(pixels: float) -> np.ndarray:
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 0] = pixels
    return flow


def test_motion_goes_as_far_as_expected_never_less_and_not_too_far():
    for asked, share in ((3.0, 0.5), (2.0, 0.0), (1.0, 0.0), (50.0, MOST - 1)):
        assert Reach()(right(2.0), asked / SIZE) == pytest.approx(share, abs=0.01)


def test_nothing_expected_of_nothing_is_nothing():
    assert Reach()(right(0.0), 0.0) == 0.0


def test_one_odd_frame_hardly_changes_how_far():
    reach = Reach()
    before = [reach(right(2.0), 3 / SIZE) for _ in range(5)][-1]
    assert abs(reach(right(1.2), 3 / SIZE) - before) < 0.1


@pytest.mark.parametrize("expected", [None, 1.5 * 2 / SIZE])
def test_a_difference_goes_that_far_and_takes_along_what_was_drawn(expected):
    noise = np.random.default_rng(0).standard_normal((8, 8, 1)).astype(np.float32)
    picture = 128 + 30 * np.kron(noise, np.ones((8, 8, 3), np.float32))
    moved = np.roll(picture, 2, axis=1)
    moved[28:36, 28:36] -= 60  # drawn at the place where the skin is now
    seen = Renderings(picture, picture, moved, right(-2.0), expected)
    change = Differ()(seen, EVERYWHERE, Palette())
    far = -3.0 if expected else -2.0
    assert np.median(change.flow[20:-20, 20:-20, 0]) == pytest.approx(far, abs=0.1)
    dark = np.minimum(change.residual.mean(-1)[16:-16, 16:-16], 0)
    place = 16 + float((dark.sum(0) * np.arange(dark.shape[1])).sum() / dark.sum())
    assert place == pytest.approx(31.5 - (far + 2), abs=0.4)


def test_lips_move_further_as_a_whole_but_part_no_further():
    picture = np.tile(np.linspace(60, 200, SIZE, dtype=np.float32)[:, None, None], (1, SIZE, 3))
    rows = np.arange(SIZE, dtype=np.float32) - SIZE / 2 + 0.5
    for own, most, least in ((np.sign(rows) * 1.5, 0.2, -0.1), (np.full(SIZE, -1.5), 0.55, 0.45)):
        flow = np.zeros((SIZE, SIZE, 2), np.float32)
        flow[..., 1] = own[:, None]
        length = 1.5 * 1.5 / SIZE
        at = np.clip(np.arange(SIZE) + own, 0, SIZE - 1).astype(np.float32)
        edited = np.stack([np.interp(at, np.arange(SIZE), picture[:, 0, 0])] * 3, -1)[:, None]
        edited = np.repeat(edited, SIZE, 1).astype(np.float32)
        seen = Renderings(picture, picture, edited, flow, length)
        found = Differ()(seen, EVERYWHERE, Palette(), mouth=EVERYWHERE).flow[..., 1]
        lip = slice(SIZE // 2 + 2, SIZE // 2 + 6)  # the mean over both fades over a mouth's height
        without = Differ()(Renderings(picture, picture, edited, flow), EVERYWHERE, Palette())
        grown = float((found / without.flow[..., 1])[lip, 20:-20].mean()) - 1
        assert least < grown < most

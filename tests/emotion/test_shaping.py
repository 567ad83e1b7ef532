"""Clipping and easing of a change."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.emotion.shaping import Easing, clipped
from cmet_cli.media.clock import Timeline


def test_a_change_is_never_longer_than_allowed_and_keeps_its_direction():
    change = np.array([[3.0, 4.0], [0.03, 0.04], [0, 0], [30, 40]], np.float32)
    out = clipped(change, 2.0)
    lengths = np.linalg.norm(out, axis=1)
    assert (lengths <= 2.0 + 1e-6).all()
    assert lengths[3] == pytest.approx(2.0, abs=1e-3)
    assert lengths[1] == pytest.approx(0.05, rel=1e-3)  # small changes stay as they are
    assert out[0, 1] / out[0, 0] == pytest.approx(4 / 3, rel=1e-5)
    assert not out[2].any()


def test_a_change_comes_and_goes_smoothly():
    timeline = Timeline(2 + np.arange(100) / 25)
    share = Easing.over(timeline, 1.0, 0.5).share(timeline.times_s)[:, 0]
    assert share[0] == 0
    assert (np.diff(share[:25]) > 0).all()
    assert (share[25:80] == 1).all()
    assert share[-1] < 0.1
    whole = Easing.over(timeline, 0, 0).share(timeline.times_s)
    assert (whole == 1).all()


def test_a_part_of_a_clip_is_eased_as_in_the_whole():
    timeline = Timeline(np.arange(100) / 25)
    easing = Easing.over(timeline, 1.0, 1.0)
    whole = easing.share(timeline.times_s)
    assert np.array_equal(easing.share(timeline.times_s[40:60]), whole[40:60])

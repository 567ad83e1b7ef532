"""Somebody else's expression in the place of a face's own."""

from __future__ import annotations

import numpy as np

from cmet_cli.media.clock import Timeline
from cmet_cli.pipeline.reference import OthersExpression

TIMES = np.arange(10) / 25
OTHER = OthersExpression(TIMES, np.arange(10, dtype=np.float32)[:, None])


def test_a_part_of_a_clip_follows_that_part_of_the_reference():
    """As a preview asks: every moment showed the reference's beginning."""
    own = np.full((10, 1), 3, np.float32)
    whole = OTHER.delta(own, Timeline(TIMES))
    assert np.allclose(whole[:, 0], np.arange(10) - 3)
    part = OTHER.delta(own[4:8], Timeline(TIMES[4:8]))
    assert np.array_equal(part, whole[4:8])


def test_a_reference_that_ends_holds_its_last_face_and_a_picture_its_only_one():
    late = Timeline(np.array([0.2, 5.0]))
    own = np.zeros((2, 1), np.float32)
    assert np.allclose(OTHER.delta(own, late)[:, 0], [5, 9])
    picture = OthersExpression(np.zeros(1), np.full((1, 1), 2, np.float32))
    assert np.allclose(picture.delta(own, late), 2)

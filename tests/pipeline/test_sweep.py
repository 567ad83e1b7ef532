"""Which moment of a video a sheet of emotions shows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from cmet_cli.backends.base import CodeLayout
from cmet_cli.errors import FaceError
from cmet_cli.faces.placement import Placement
from cmet_cli.pipeline.encode import FaceCodes
from cmet_cli.pipeline.sweep import telling_frame

LAYOUT, FRAMES = CodeLayout(lip=1, pose=2, expression=3), 40
BLINK = slice(17, 20)


def reading(*, blink: float, sharp_at: int, weight: float = 1.0):
    """A face that trembles a little, blinks once and is sharpest in one frame."""
    rng = np.random.default_rng(0)
    codes = rng.normal(0, 0.1, (FRAMES, LAYOUT.dim)).astype(np.float32)
    codes[BLINK, LAYOUT.expression_slice] += blink
    sharpness = np.full(FRAMES, 50, np.float32)
    sharpness[sharp_at] = 70
    placement = Placement(
        np.full((FRAMES, 3), 100, np.float32),
        np.zeros((FRAMES, 2), np.float32),
        np.full(FRAMES, weight, np.float32),
        np.zeros(FRAMES, bool),
        np.zeros(FRAMES, int),
        np.zeros((FRAMES, 5, 2), np.float32),
    )
    info = SimpleNamespace(path="talk.mp4")
    return SimpleNamespace(info=info, people=[FaceCodes(placement, codes, sharpness)])


def test_it_is_a_sharp_one():
    codes = reading(blink=0.0, sharp_at=18)
    codes.people[0].codes[:] = 0
    assert telling_frame(codes, LAYOUT) == 18


def test_it_is_not_one_with_lids_down_however_sharp():
    shown = telling_frame(reading(blink=1.0, sharp_at=18), LAYOUT)
    assert shown not in range(BLINK.start, BLINK.stop)
    assert FRAMES // 4 <= shown < 3 * FRAMES // 4


def test_there_must_be_a_frame_that_shows_the_face():
    with pytest.raises(FaceError, match="well enough"):
        telling_frame(reading(blink=0.0, sharp_at=3, weight=0.0), LAYOUT)
    nobody = SimpleNamespace(info=SimpleNamespace(path="talk.mp4"), people=[])
    with pytest.raises(FaceError, match="no face"):
        telling_frame(nobody, LAYOUT)

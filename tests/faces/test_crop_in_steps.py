"""Crops of large faces shrink in two steps and look as if they had shrunk in one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.faces.crop import crop_rgb, sigma_of, step_of
from cmet_cli.faces.geometry import Square, crop_to_plane
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter

SIZE = 64


@pytest.mark.parametrize(
    ("scale", "step"), [(0.5, 1), (5.9, 1), (6.0, 2), (11.9, 2), (12.1, 3), (16.1, 4)]
)
def test_blocks_grow_with_what_is_shrunk(scale, step):
    matrix = crop_to_plane(Square(500, 500, scale * SIZE), SIZE, 1, 1)
    assert step_of(matrix) == step
    assert sigma_of(scale, step) > 0 or scale < 1


@pytest.mark.parametrize("scale", [5.9, 6.1, 7.9, 11.9, 14.0])
def test_as_in_one_step(scale, monkeypatch):
    rng = np.random.default_rng(0)
    fine = cv2.GaussianBlur(rng.uniform(0, 255, (1000, 1000)).astype(np.float32), (0, 0), 2.0)
    luma = np.rint(np.clip(fine * 3 - 255, 16, 235)).astype(np.uint8)
    planes = luma, *[np.full((500, 500), 128, np.uint8)] * 2
    layout = FORMATS["yuv420p"]
    converter = ColourConverter(Colour(), layout, 1000)
    given = planes, Square(501.3, 498.6, scale * SIZE), SIZE, layout, converter
    found = crop_rgb(*given)
    monkeypatch.setattr("cmet_cli.faces.crop.step_of", lambda _: 1)
    once = crop_rgb(*given)
    assert once.std() > 5
    assert np.sqrt(np.square(found - once).mean()) < 0.1 * once.std()

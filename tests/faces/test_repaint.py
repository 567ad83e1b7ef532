"""From the crop's grid to the planes' pixels: quick ways that must agree with the plain ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.faces.difference import Difference
from cmet_cli.faces.geometry import Square, crop_to_plane
from cmet_cli.faces.repaint import Target, repaint
from cmet_cli.faces.window import window_of
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter

PLANE = (720, 1280)


def cubic(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """OpenCV's cubic along the first axis, in float64, the ends going on. ``[n, m] -> [k, m]``."""
    low, out = np.floor(at).astype(int), 0.0
    for k in range(-1, 3):
        t = np.abs(at - low - k)
        near, far = 1.25 * t**3 - 2.25 * t**2 + 1, -0.75 * (t**3 - 5 * t**2 + 8 * t - 4)
        taken = values[np.clip(low + k, 0, len(values) - 1)]
        out = out + np.where(t <= 1, near, far)[:, None] * taken
    return np.asarray(out)


def bump(size: int) -> np.ndarray:
    """A soft field as flows are, 0 away from the middle. float32 ``[S, S]``."""
    rng = np.random.default_rng(1)
    field = cv2.GaussianBlur(rng.standard_normal((size, size)), (0, 0), 0.016 * size)
    inner = np.zeros((size, size))
    inner[size // 5 : size * 4 // 5, size // 4 : size * 3 // 4] = 1
    inner = np.clip(2 * cv2.GaussianBlur(inner, (0, 0), 0.02 * size) - 1, 0, 1)
    return (field / field.std() * inner).astype(np.float32)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("sub", [(1, 1), (2, 2), (2, 1)])
@pytest.mark.parametrize(
    "square",
    [
        Square(640.3, 361.7, 533.1),
        Square(100.2, 90.1, 130.4),
        Square(32.0, 32.0, 40.0),
        Square(1240.6, 700.9, 211.7),
    ],
)
def test_fields_are_enlarged_as_cubics_would(size, sub, square):
    values, plane = bump(size), np.zeros(PLANE, np.uint8)[:: sub[1], :: sub[0]]
    window = window_of(plane.shape, values != 0, square, sub)
    assert window is not None
    matrix = crop_to_plane(square, size, *sub)
    x, y = (
        (np.arange(axis.pixels.start, axis.pixels.stop) - matrix[k, 2]) / matrix[k, k]
        for k, axis in enumerate((window.x, window.y))
    )
    exact = cubic(cubic(values.astype(np.float64), y).T, x).T
    error = np.abs(window.enlarged(values) - exact)
    assert error.max() < 0.1
    assert np.sqrt(np.square(error).mean()) < 0.02


@pytest.mark.parametrize("shift", [(-9.3, -7.1), (8.4, 6.2), (0.25, -0.5)])
def test_pixels_from_beyond_the_edge_are_reflected(shift):
    """Only what is looked at of a plane is worked on; a whole plane gives the same."""
    size, kind = 64, FORMATS["yuv444p"]
    rng = np.random.default_rng(2)
    planes = tuple(rng.integers(0, 256, (size, size), np.uint8) for _ in range(3))
    target = Target(Square(size / 2, size / 2, size), kind, ColourConverter(Colour(), kind, size))
    flow = np.zeros((size, size, 2), np.float32)
    flow[:] = shift
    nothing = np.zeros((size, size, 3), np.float32)
    after = repaint(planes, nothing, Difference(flow, nothing, nothing[..., 0]), target)
    at = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32)
    for old, new in zip(planes, after, strict=True):
        exact = cv2.remap(
            old.astype(np.float32),
            at + np.array(shift, np.float32),
            None,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        # 444 chroma is sited as luma but for the crop's own half pixel.
        inside = np.abs(new.astype(float) - np.clip(exact, 0, 255))[1:-1, 1:-1]
        assert inside.max() <= 1.0


def test_a_corner_looks_inwards_for_what_lies_beyond_it():
    kind, rng = FORMATS["yuv444p"], np.random.default_rng(3)
    planes = tuple(rng.integers(0, 256, (128, 128), np.uint8) for _ in range(3))
    target = Target(Square(32, 32, 64), kind, ColourConverter(Colour(), kind, 128))
    flow = np.zeros((64, 64, 2), np.float32)
    flow[:8, :8] = -20
    nothing = np.zeros((64, 64, 3), np.float32)
    after = repaint(planes, nothing, Difference(flow, nothing, nothing[..., 0]), target)
    for old, new in zip(planes, after, strict=True):
        assert np.array_equal(new[:4, :4], old[20:16:-1, 20:16:-1])


def test_where_motion_tore_the_crop_is_shown_and_not_one_fine_row_drawn_out():
    """A thin bright line, and motion that takes all of a mouth from it."""
    size, fine, kind = 64, 512, FORMATS["gbrp"]
    plane = np.full((fine, fine), 60, np.uint8)
    plane[256] = 250
    crop = cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    flow = np.zeros((size, size, 2), np.float32)
    rows = np.arange(28, 38)
    flow[28:38, :, 1] = (31.5 + 0.5 / 8 + 1 / 16 - rows)[:, None]
    tear = np.zeros((size, size), np.float32)
    tear[28:38] = 1
    whole = Target(Square(256, 256, 512), kind, ColourConverter(Colour(), kind, fine))
    nothing = np.zeros((size, size, 3), np.float32)
    after = repaint((plane,) * 3, np.dstack([crop] * 3), Difference(flow, nothing, tear), whole)
    drawn_out = repaint(
        (plane,) * 3, np.dstack([crop] * 3), Difference(flow, nothing, 0 * tear), whole
    )
    assert drawn_out[0][250:280, 256].mean() > 150
    assert after[0][250:280, 256].max() < 100

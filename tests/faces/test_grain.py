"""Skin that is moved keeps the grain of the camera that filmed it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from cmet_cli.faces import repaint as repainting
from cmet_cli.faces.device.grain import detail_change as change_there
from cmet_cli.faces.device.grain import with_detail as with_detail_there
from cmet_cli.faces.difference import Difference
from cmet_cli.faces.geometry import Square
from cmet_cli.faces.grain import detail_change, with_detail
from cmet_cli.faces.repaint import Target, repaint
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter

SIZE, HEIGHT, WIDTH = 64, 256, 256
SQUARE = Square(cx=128.0, cy=128.0, side=224.0)
#: Rows of the frame in whose middle all is spread or pressed evenly.
MIDDLE = slice(108, 148)


def spread(times: float) -> np.ndarray:
    """Motion that spreads the middle of a crop so many times downwards (below 1: presses it)."""
    row = np.arange(SIZE, dtype=np.float32) + 0.5 - SIZE / 2
    # Where each pixel comes from goes back to its own place towards the crop's edge.
    way = row * (1 / times - 1) * np.clip((SIZE / 2 - 4 - np.abs(row)) / 12, 0, 1)
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 1] = way[:, None]
    return flow


def grain(layout: str) -> tuple[np.ndarray, ...]:
    kind, rng = FORMATS[layout], np.random.default_rng(0)
    rest = (HEIGHT // kind.sub_y, WIDTH // kind.sub_x)
    noise = (rng.normal(0, 30, shape) for shape in ((HEIGHT, WIDTH), rest, rest))
    # No camera or encoder leaves every pixel to itself.
    return tuple((120 + cv2.GaussianBlur(n, (0, 0), 0.8)).round().astype(np.uint8) for n in noise)


def painted(planes: tuple[np.ndarray, ...], flow: np.ndarray, layout: str = "yuv420p"):
    target = Target(SQUARE, FORMATS[layout], ColourConverter(Colour(), FORMATS[layout], HEIGHT))
    nothing = np.zeros((SIZE, SIZE), np.float32)
    change = Difference(flow, np.zeros((SIZE, SIZE, 3), np.float32), nothing)
    return repaint(planes, np.full((SIZE, SIZE, 3), 120, np.float32), change, target)


def fineness(plane: np.ndarray) -> float:
    return float(cv2.Laplacian(plane[MIDDLE].astype(np.float32), cv2.CV_32F).var())


@pytest.mark.parametrize(("times", "nearer"), [(1.8, 0.85), (1.4, 0.85), (0.7, 0.75)])
def test_grain_is_nearer_to_what_was_filmed(times, nearer, monkeypatch):
    """nearer: how much of what is amiss without it is left at most, in logarithms."""
    planes = grain("yuv420p")
    filmed, after = fineness(planes[0]), fineness(painted(planes, spread(times))[0])
    monkeypatch.setattr(repainting, "detail_change", lambda _: None)
    without = fineness(painted(planes, spread(times))[0])
    assert abs(np.log(after / filmed)) < nearer * abs(np.log(without / filmed))


def test_skin_that_is_pressed_together_shimmers_less(monkeypatch):
    """Grain that differs from frame to frame is not made to differ more."""
    planes, flow = grain("yuv420p"), spread(0.7)
    after = painted(planes, flow)[0][MIDDLE].std()
    monkeypatch.setattr(repainting, "detail_change", lambda _: None)
    assert after < 0.97 * painted(planes, flow)[0][MIDDLE].std()


def test_what_is_moved_as_a_whole_or_not_at_all_keeps_its_own():
    still = np.zeros((SIZE, SIZE, 2), np.float32)
    assert detail_change(still) is None
    assert detail_change(still + np.float32(2.5)) is None
    flow = spread(1.8)
    flow[:, :32] = 0  # the left half stays
    found = detail_change(flow)
    assert found is not None
    assert (found[:, :32] == 0).all()
    assert found[30:34, 40:].min() > 0.1


def test_only_planes_of_full_size_are_touched(monkeypatch):
    for layout, fine in (("yuv420p", 1), ("yuv444p", 3)):
        planes = grain(layout)
        with monkeypatch.context() as patched:
            found = painted(planes, spread(1.8), layout)
            patched.setattr(repainting, "detail_change", lambda _: None)
            without = painted(planes, spread(1.8), layout)
        differ = [not np.array_equal(a, b) for a, b in zip(found, without, strict=True)]
        assert sum(differ) == fine
        assert differ[0]


def test_an_even_plane_stays_even():
    even = np.full((20, 30), 77.0, np.float32)
    assert np.allclose(with_detail(even, np.full_like(even, 0.5)), 77.0, atol=1e-4)


def test_the_device_does_the_same():
    rng = np.random.default_rng(1)
    flows = [spread(1.8), spread(0.6), np.zeros((SIZE, SIZE, 2), np.float32)]
    flows[0] += cv2.GaussianBlur(rng.normal(0, 20, flows[0].shape).astype(np.float32), (0, 0), 6)
    found = change_there(torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2))
    for flow, there in zip(flows, found[:, 0].numpy(), strict=True):
        here = detail_change(flow)
        assert np.abs((0 if here is None else here) - there).max() < 1e-4
    plane, more = rng.normal(100, 9, (2, 40, 50)).astype(np.float32)
    there = with_detail_there(*(torch.from_numpy(a)[None, None] for a in (plane, more)))
    assert np.abs(with_detail(plane, more) - there[0, 0].numpy()).max() < 1e-2

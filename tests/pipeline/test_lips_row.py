"""Where a face's lips are is asked of the renderer, which is let open them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from toy import ToyBackend

from cmet_cli.backends.base import CodeLayout, Jaw
from cmet_cli.faces.placement import Placement
from cmet_cli.lab.avatar.face import draw
from cmet_cli.lab.avatar.face_state import FaceState
from cmet_cli.lab.avatar.identity import Identity
from cmet_cli.model import load_model
from cmet_cli.options import RuntimeOptions
from cmet_cli.pipeline.lips_row import EVERY, LipsRow

SIDE, N = 64, 60
JAW = Jaw(np.array([0.5], np.float32), np.ones(1, np.float32), 0.4)


class Opening(ToyBackend):
    """Draws out its pictures about a row, as far as codes say."""

    row = 40.0

    def __init__(self) -> None:
        super().__init__()
        self.layout = CodeLayout(1, 1, 1, JAW)
        self.crop = replace(self.crop, size_px=SIDE)

    def render_moving(self, source: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        far = torch.arange(SIDE, dtype=torch.float32)[:, None] - self.row
        flow = torch.zeros(len(codes), SIDE, SIDE, 2)
        flow[..., 1] = codes[:, :1, None] * -3 * torch.tanh(far / 3)
        return source, flow

    def expected_motion(self, change: np.ndarray) -> float | None:
        return None


def placed(cut: int = N) -> Placement:
    place = Placement.everywhere(N, SIDE)
    place.shots[cut:] = 1
    return place


IMAGE, CODES = torch.zeros(1, 3, SIDE, SIDE), np.zeros((1, 3), np.float32)


def looked(row: LipsRow, index: int) -> float | None:
    row.look(index, IMAGE, CODES)
    return row.of(index)


def test_where_the_renderer_opens_lips_is_where_they_are():
    backend = Opening()
    assert looked(LipsRow(backend, placed()), 0) == pytest.approx(40 / SIDE, abs=0.01)
    backend.row = 46.0
    assert looked(LipsRow(backend, placed()), 0) == pytest.approx(46 / SIDE, abs=0.01)


def test_it_goes_along_with_the_head():
    place = placed()
    place.head_offsets[5, 1] = 0.05
    row = LipsRow(Opening(), place)
    first = looked(row, 0)
    assert first is not None
    assert row.of(5) == pytest.approx(first + 0.05)
    assert row.of(4) == pytest.approx(first)


def test_a_shot_is_looked_at_now_and_then_and_what_is_usual_counts():
    backend, place = Opening(), placed(cut=50)
    row = LipsRow(backend, place)
    due = []
    for index in range(N):
        if row.is_due(index):
            due.append(index)
            backend.row = 52.0 if index == EVERY else 41.0  # a mouth that is open says less
            row.look(index, IMAGE, CODES)
        if index == 49:
            assert row.of(index) == pytest.approx(41 / SIDE, abs=0.01)
    assert due == [0, EVERY, 2 * EVERY, 50]
    backend.row = 47.0
    assert looked(row, 59) == pytest.approx((41 + 47) / 2 / SIDE, abs=0.01), "of this shot alone"


def test_nothing_is_known_where_nothing_opens_or_a_renderer_does_not_say():
    backend = Opening()
    backend.row = -40.0  # all of it moves alike
    assert looked(LipsRow(backend, placed()), 0) is None
    large = Opening()
    large.crop = replace(large.crop, size_px=256)
    silent = Opening()
    silent.layout = CodeLayout(1, 1, 1)
    for other in (large, silent):
        assert not LipsRow(other, placed()).is_due(0)
    toy = ToyBackend()
    toy.layout, toy.crop = Opening().layout, Opening().crop
    assert looked(LipsRow(toy, placed()), 0) is None


@pytest.mark.parametrize("seed", [100_006, 100_011, 100_017])
def test_the_small_model_knows_where_drawn_lips_are(seed):
    """However the person looks: two or three pixels of 64 would be another part of the face."""
    backend = load_model(
        choice="mini", runtime=RuntimeOptions(device="cpu", precision="fp32")
    ).backend
    shut, wide = (
        draw(Identity.from_seed(seed), FaceState.of(opening=by), SIDE).astype(np.float32)
        for by in (0.0, 0.6)
    )
    changed = np.abs(wide - shut).sum(-1)[:, SIDE // 2 - 4 : SIDE // 2 + 4].mean(1)
    changed[: SIDE // 2] = changed[54:] = 0
    true_row = float((changed**2 * np.arange(SIDE)).sum() / (changed**2).sum())
    image = torch.from_numpy(shut).permute(2, 0, 1)[None] / 127.5 - 1
    row = LipsRow(backend, placed())
    row.look(0, image, backend.encode(image))
    assert row.of(0) == pytest.approx(true_row / SIDE, abs=0.04)

"""Drawings made to look filmed: what belongs to the skin moves with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from cmet_cli.lab.avatar.face import draw
from cmet_cli.lab.avatar.face_state import FaceState
from cmet_cli.lab.avatar.identity import Identity
from cmet_cli.lab.training.batches import to_tensor
from cmet_cli.lab.training.noise import Noise
from cmet_cli.lab.training.photographic import (
    Pair,
    PhotographicConfig,
    Place,
    _bends,
    photographed,
    sampled,
    skin_motion,
)

SIDE, BATCH = 32, 4
NOTHING = PhotographicConfig(**dict.fromkeys(vars(PhotographicConfig()), 0.0))


def still():
    axis = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).expand(BATCH, -1, -1, -1)


def pair(shift_px=0):
    generator = torch.Generator().manual_seed(3)
    source = torch.rand(BATCH, 3, SIDE, SIDE, generator=generator) - 0.5
    flow = still() + torch.tensor([shift_px * 2 / SIDE, 0.0])
    return Pair(source, sampled(source, flow), flow, torch.ones(BATCH, 1, SIDE, SIDE))


def smooth_pair(shift_px):
    """A picture that a bend can be seen in."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(BATCH, 3, 8, 8, generator=generator) - 0.5
    source = torch.nn.functional.interpolate(coarse, size=SIDE, mode="bicubic")
    flow = still() + torch.tensor([shift_px * 2 / SIDE, 0.0])
    return Pair(source, sampled(source, flow), flow, torch.ones(BATCH, 1, SIDE, SIDE))


def test_nothing_asked_for_changes_nothing():
    before = pair(2)
    after = photographed(before, NOTHING, np.random.default_rng(0))
    for name in ("source", "target", "flow", "head"):
        a, b = getattr(before, name), getattr(after, name)
        assert (a - b).abs().max() < 2e-3, name


def test_texture_moves_with_the_skin():
    config = replace(NOTHING, texture=0.3, patches=0.3)
    after = photographed(pair(4), config, np.random.default_rng(0))
    inside = slice(2, SIDE - 6)
    assert (after.source - pair(4).source).abs().mean() > 0.02
    moved = sampled(after.source, after.flow)[..., inside]
    assert (moved - after.target[..., inside]).abs().mean() < 1e-3
    assert (after.source - after.target)[..., inside].abs().mean() > 0.05


def test_light_and_tone_are_alike_in_both_and_grain_is_the_source_s():
    lit = replace(NOTHING, light=0.5, cast=0.3, contrast=0.3, colour=0.5, blur=1.0)
    after = photographed(pair(0), lit, np.random.default_rng(0))
    assert (after.source - after.target).abs().max() < 1e-5
    grainy = photographed(pair(0), replace(NOTHING, grain=20), np.random.default_rng(0))
    assert (grainy.target - pair(0).target).abs().max() < 2e-3
    assert (grainy.source - pair(0).source).abs().mean() > 0.01


def test_a_stretched_pair_still_fits():
    after = photographed(pair(4), replace(NOTHING, stretch=0.2), np.random.default_rng(0))
    moved = sampled(after.source, after.flow)
    inside = slice(8, SIDE - 8)
    apart = (moved - after.target)[..., inside, inside].abs().mean()
    # Sampled twice, so a little softer than once.
    assert apart < 0.25 * (after.source - after.target)[..., inside, inside].abs().mean()


def test_a_bent_pair_still_fits_and_lies_elsewhere():
    before = smooth_pair(4)
    after = photographed(before, replace(NOTHING, bend=0.05), np.random.default_rng(0))
    inside = slice(8, SIDE - 8)
    assert (after.source - before.source)[..., inside, inside].abs().mean() > 0.02
    apart = (sampled(after.source, after.flow) - after.target)[..., inside, inside].abs().mean()
    unbent = (sampled(after.source, before.flow) - after.target)[..., inside, inside].abs().mean()
    assert apart < 0.4 * unbent


def test_a_bend_neither_shifts_nor_scales_a_face():
    bends = _bends(64, SIDE, Noise(np.random.default_rng(0)))
    assert 0.3 < bends.std() < 1.5
    weight = torch.exp(-still()[0].square().sum(-1) / 0.8)
    for basis in (torch.ones(SIDE, SIDE), still()[0, ..., 0], still()[0, ..., 1]):
        assert (bends * weight * basis).mean((2, 3)).abs().max() < 1e-4


def test_features_are_made_fainter_along_the_skin():
    before = smooth_pair(4)
    after = photographed(before, replace(NOTHING, faint=0.5), np.random.default_rng(0))
    inside = slice(4, SIDE - 8)
    assert after.source.std() < 0.95 * before.source.std()
    moved = sampled(after.source, after.flow)[..., inside, inside]
    assert (moved - after.target[..., inside, inside]).abs().mean() < 0.02


def test_a_face_put_elsewhere_is_the_one_drawn_there():
    who, quiet = Identity.from_seed(3), np.zeros(14, np.float32)
    lips, pose = np.zeros(3, np.float32), np.array([0.02, -0.01, 0.05, 0.03, 0.2, 0.1], np.float32)

    def drawn(at):
        return to_tensor(draw(who, FaceState(lips, at, quiet, 0.0), 64)[None])

    place = Place(torch.tensor([[0.05, -0.10]]), torch.tensor([0.06]))
    before = drawn(pose)
    nowhere = Pair(before, before, torch.zeros(1, 64, 64, 2), before[:, :1])
    asked = drawn(place.pose(torch.from_numpy(pose)[None])[0].numpy())
    face = (..., slice(14, 46), slice(14, 46))
    away = (place(nowhere).source - asked)[face].abs().mean()
    assert away < 0.2 * (before - asked)[face].abs().mean()


def test_a_pair_put_elsewhere_still_fits():
    place = Place(torch.tensor([[0.1, -0.1]] * BATCH), torch.tensor([0.1] * BATCH))
    after = place(smooth_pair(4))
    inside = slice(8, SIDE - 8)
    apart = (sampled(after.source, after.flow) - after.target)[..., inside, inside].abs().mean()
    assert apart < 0.1 * (after.source - after.target)[..., inside, inside].abs().mean()


def test_pictures_of_a_group_lie_alike():
    place = Place.drawn(3, 2, PhotographicConfig(), np.random.default_rng(0))
    assert torch.equal(place.shift[0], place.shift[1])
    assert not torch.equal(place.shift[1], place.shift[2])
    assert place.size.shape == (6,)


def test_skin_motion_composes_the_maps():
    grid = np.stack(np.meshgrid(*[(np.arange(32) + 0.5) / 16 - 1] * 2), -1).astype(np.float16)
    there = torch.from_numpy(np.repeat(grid[None], BATCH, 0))
    flow, head = skin_motion(there, there + 0.25, SIDE)
    inside = slice(4, SIDE - 8)
    assert torch.allclose(flow[:, inside, inside], still()[:, inside, inside] + 0.25, atol=0.02)
    assert head[0, 0, SIDE // 2, SIDE // 2] == 1
    assert head[0, 0, 0, 0] == 0

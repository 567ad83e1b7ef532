"""Drawings made to look filmed: what belongs to the skin moves with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from cmet_cli.lab.training.photographic import (
    Pair,
    PhotographicConfig,
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


def test_skin_motion_composes_the_maps():
    grid = np.stack(np.meshgrid(*[(np.arange(32) + 0.5) / 16 - 1] * 2), -1).astype(np.float16)
    there = np.repeat(grid[None], BATCH, 0)
    flow, head = skin_motion(there, there + np.float16(0.25), SIDE)
    inside = slice(4, SIDE - 8)
    assert torch.allclose(flow[:, inside, inside], still()[:, inside, inside] + 0.25, atol=0.02)
    assert head[0, 0, SIDE // 2, SIDE // 2] == 1
    assert head[0, 0, 0, 0] == 0

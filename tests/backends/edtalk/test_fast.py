"""The fast arithmetic against the plain modules."""

from __future__ import annotations

import filling
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny import TINY

from cmet_cli.backends import side_by_side, winograd
from cmet_cli.backends.edtalk import fast, form
from cmet_cli.backends.edtalk.fast import FastEDTalk
from cmet_cli.backends.edtalk.layers import fold_weights
from cmet_cli.backends.edtalk.networks import EDTalk
from cmet_cli.backends.edtalk.warp import warped
from cmet_cli.weights.checkpoint import load_strict
from cmet_cli.weights.registry import EDTALK_UNUSED


@pytest.fixture(scope="module")
def published() -> EDTalk:
    """The published sizes, filled as the golden figures are."""
    model = EDTalk()
    load_strict(model, filling.filled_state("EDTalk.pt"), filling.DATA, EDTALK_UNUSED)
    return fold_weights(model)


@pytest.fixture(scope="module")
def tiny() -> EDTalk:
    torch.manual_seed(5)
    return fold_weights(EDTalk(TINY["edtalk"]))


@torch.inference_mode()
def both(model, images, codes, dtype=torch.float32):
    """(codes, frames, motion) by the plain modules and by the fast ones."""
    quick = FastEDTalk(model, dtype)
    plain = model.latent_to_codes(model.encode(images)[0])
    first = (plain, *model.render_moving(model.prepare_source(images), codes))
    second = (quick.encode(images), *quick.render_moving(quick.prepare_source(images), codes))
    return first, second


@pytest.mark.parametrize("fewer", [False, True])
def test_the_golden_pictures(published, fewer, monkeypatch):
    """By plain convolutions, and by Winograd's, the encoder's and the source's details too."""
    monkeypatch.setattr(winograd, "_tried", lambda _: fewer)
    real, calls = winograd.Winograd.styled, []
    monkeypatch.setattr(
        winograd.Winograd, "styled", lambda *a: [calls.append(len(a[1])), real(*a)][1]
    )
    images = torch.cat([filling.image(name, "cmet") for name in ("img_a", "img_b")])
    with torch.inference_mode():
        codes = published.latent_to_codes(published.encode(images)[0])
    plain, quick = both(published, images[:1], codes)
    # Of the published layers four in the encoder, twice, four of details, four of two pictures.
    assert sum(calls) == (20 if fewer else 0)
    for expected, got, most in zip(plain, quick, (1e-4, 1e-3, 1e-2), strict=True):
        assert (expected - got).abs().max() <= most
    _, half = both(published, images[:1], codes, torch.bfloat16)
    assert (plain[0] - half[0]).abs().max() <= 2e-2
    error = (plain[1].clamp(-1, 1) - half[1].clamp(-1, 1)).square().mean()
    assert 10 * torch.log10(4 / error) >= 45


@pytest.mark.parametrize("sources", [1, 3])
@pytest.mark.parametrize("folded", [True, False])
def test_one_source_and_one_for_each_frame(tiny, sources, folded, monkeypatch):
    """Whether styles go into weights or onto activations, as for large and for small pictures."""
    monkeypatch.setattr(fast, "FOLD_SIDE", 4 if folded else 1000)
    side = tiny.config.image_size_px
    images = torch.rand(sources, 3, side, side) * 2 - 1
    codes = torch.randn(3, tiny.config.code_dim) * 0.1
    for expected, got in zip(*both(tiny, images, codes), strict=True):
        assert expected.shape == got.shape
        assert torch.allclose(expected, got, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("sources", [1, 3])
def test_pictures_side_by_side_are_the_same(tiny, sources, monkeypatch):
    side = tiny.config.image_size_px
    images = torch.rand(sources, 3, side, side) * 2 - 1
    codes = torch.randn(3, tiny.config.code_dim) * 0.1
    together = both(tiny, images, codes)[1]
    monkeypatch.setattr(side_by_side, "LARGE_PX", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    counts = []

    def noted(work, parts):
        counts.append(len(parts))
        return [work(*part) for part in parts]

    monkeypatch.setattr(fast, "side_by_side", noted)
    apart = both(tiny, images, codes)[1]
    assert counts == [min(sources, 2), min(sources, 2), 2]
    for expected, got in zip(together, apart, strict=True):
        assert torch.allclose(expected, got, atol=2e-4, rtol=1e-3)


def test_encoded_and_prepared_at_once(tiny):
    side = tiny.config.image_size_px
    images, codes = torch.rand(3, 3, side, side) * 2 - 1, torch.zeros(3, tiny.config.code_dim)
    with torch.inference_mode():
        quick = FastEDTalk(tiny, torch.float32)
        seen, source = quick.encode_and_prepare(images)
        plain = quick.prepare_source(images)
        assert torch.equal(seen, quick.encode(images))
        for a, b in zip(
            quick.render_moving(source, codes), quick.render_moving(plain, codes), strict=True
        ):
            assert torch.equal(a, b)
        assert source.nbytes > 4 * images.numel()


def raw_flow(seed: int, far: float) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(2, 3, 16, 16)) * far).float()


@pytest.mark.parametrize("channels", [3, 6])
@pytest.mark.parametrize("far", [0.05, 0.5, 5.0])
def test_rows_of_a_table_are_grid_sample(far, channels):
    """Also where places lie beyond the edges."""
    features, raw = torch.randn(2, channels, 16, 16), raw_flow(0, far)
    axis = torch.linspace(-1, 1, 16)
    grid = torch.stack([raw[:, 0].tanh() + axis, raw[:, 1].tanh() + axis[:, None]], -1)
    expected = F.grid_sample(features, grid, align_corners=False)
    assert torch.allclose(warped(features, raw), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [3, 6])
def test_a_place_that_is_no_number_gives_none_and_no_crash(channels):
    raw = raw_flow(1, 0.1)
    raw[0, 0, 3, 4] = float("nan")
    moved = warped(torch.randn(1, channels, 16, 16), raw)
    assert moved[0, :, 3, 4].isnan().all()
    assert int(moved.isnan().sum()) == channels


@pytest.mark.parametrize("pictures", [1, 2])
@pytest.mark.parametrize("piece", [7, 64, 10_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_planes_piece_by_piece_are_the_same(dtype, piece, pictures, monkeypatch):
    """Each picture's own weights, or one picture by all of them."""
    monkeypatch.setattr(fast, "PIECE", piece)
    torch.manual_seed(3)
    x = torch.randn(pictures, 12, 9, 9).to(dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(2, 3, 12)
    expected = torch.einsum("bchw,bkc->bkhw", x.float().expand(2, -1, -1, -1), weight)
    assert torch.allclose(fast._planes(x, weight), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [16, 96])
def test_rows_of_short_pixels_give_the_same_numbers(channels):
    torch.manual_seed(3)
    x, more = (
        (40 + torch.randn(2, channels, 8, 8)).contiguous(memory_format=torch.channels_last)
        for _ in range(2)
    )
    scale, offset = torch.randn(2, channels), torch.randn(channels)
    plain = x * scale[..., None, None] + offset[:, None, None]
    assert torch.allclose(form.by_channel(x, scale, offset), plain, atol=1e-5)
    assert torch.allclose(form.by_channel(x, scale, offset, more), plain + more, atol=1e-4)
    norm = form.instance_norm(x.clone(), x.dtype)
    assert torch.allclose(norm, F.instance_norm(x, eps=form.INSTANCE_NORM_EPS), atol=1e-4)
    assert norm.is_contiguous(memory_format=torch.channels_last)

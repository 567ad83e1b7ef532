"""The kernels for a GPU beside the arithmetic they stand for: in Triton's interpreter on a CPU
(``conftest.py`` chooses it), and compiled where there is a GPU."""

from __future__ import annotations

import filling
import pytest
import torch
import torch.nn.functional as F

from cmet_cli.backends.edtalk import fast
from cmet_cli.backends.edtalk.fast import FastEDTalk
from cmet_cli.backends.edtalk.layers import LEAKY_SLOPE, binomial_kernel, fold_weights
from cmet_cli.backends.edtalk.networks import EDTalk, EDTalkConfig
from cmet_cli.weights.checkpoint import load_strict
from cmet_cli.weights.registry import EDTALK_UNUSED

pytest.importorskip("triton")
GPU = torch.cuda.is_available()
#: What an interpreter does in seconds.
SMALL = EDTalkConfig(channels=(6, 8, 12), latent_dim=40, expression_hidden=8)
DEVICE = torch.device("cuda:0" if GPU else "cpu")


@pytest.fixture(scope="module")
def kernels():
    from cmet_cli.backends.edtalk import kernels

    return kernels


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    order = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return noise.to(DEVICE).contiguous(memory_format=order)


def by_channel(values: torch.Tensor) -> torch.Tensor:
    return values[..., None, None]


def leaky(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, LEAKY_SLOPE)


@pytest.mark.parametrize(("padding", "stride"), [(2, 1), (1, 2), (1, 1)])
@pytest.mark.parametrize("around", [False, True])
def test_blurs_with_what_is_before_and_after(kernels, padding, stride, around):
    x, bias, gain, style = pictures(2, 5, 9, 9), *(pictures(2, 5, seed=k) for k in (1, 2, 3))
    kernel = binomial_kernel(4.0).to(DEVICE).expand(5, 1, 4, 4)
    more = {"before": bias[0], "after": (gain, bias[1]), "style": style} if around else {}
    begun = leaky(x + by_channel(bias[0])) if around else x
    expected = F.conv2d(begun, kernel, stride=stride, padding=padding, groups=5)
    if around:
        expected = leaky(expected * by_channel(gain) + by_channel(bias[1])) * by_channel(style)
    found = kernels.blurred(x, padding, stride=stride, total=4.0, **more)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-5)


def test_activations_with_and_without_the_rest(kernels):
    x, more = pictures(2, 70, 7, 7), pictures(2, 70, 7, 7, seed=1)
    bias, gain, style = pictures(70), pictures(2, 70, seed=2), pictures(2, 70, seed=3)
    plain = leaky(x + by_channel(bias))
    whole = (leaky(x * by_channel(gain) + by_channel(bias)) + more) * by_channel(style)
    assert torch.allclose(kernels.activated(x.clone(), bias), plain, atol=1e-5)
    found = kernels.activated(x.clone(), bias, gain=gain, style=style, more=more)
    assert torch.allclose(found, whole, atol=1e-5)


def test_whatever_order_a_picture_has_in_memory(kernels):
    x, bias = pictures(2, 5, 9, 9), pictures(5)
    plain = x.contiguous()
    assert plain.stride() != x.stride()
    assert torch.allclose(kernels.blurred(x, 1), kernels.blurred(plain, 1))
    found = kernels.activated(plain.clone(), bias, more=plain)
    assert torch.allclose(found, kernels.activated(x.clone(), bias, more=x))


@pytest.fixture(scope="module")
def both(kernels):
    """A model in passes and by kernels, in a number format."""

    def lay_out(model: EDTalk, dtype: torch.dtype) -> tuple[FastEDTalk, FastEDTalk]:
        laid_out = []
        for fused in (False, True):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(fast, "has_kernels", lambda _, fused=fused: fused)
                laid_out.append(FastEDTalk(model, dtype))
        return laid_out[0], laid_out[1]

    return lay_out


@pytest.mark.parametrize("sources", [1, 2])
def test_one_source_and_one_for_each_frame(both, sources):
    torch.manual_seed(5)
    model = fold_weights(EDTalk(SMALL)).to(DEVICE)
    for bias in (p for name, p in model.named_parameters() if name.endswith("bias")):
        bias.add_(0.05 * torch.randn_like(bias))
    side = model.config.image_size_px
    images = pictures(2, 3, side, side).tanh()
    codes = pictures(2, model.config.code_dim) * 0.1
    results = []
    for network in both(model, torch.float32):
        with torch.inference_mode():
            source = network.prepare_source(images[:sources])
            results.append((network.encode(images), *network.render_moving(source, codes)))
    for expected, found in zip(*results, strict=True):
        assert expected.shape == found.shape
        assert expected.std() > 0.01
        assert torch.allclose(expected, found, atol=2e-4, rtol=1e-3)


def test_kernels_that_do_not_work_are_done_without(both, monkeypatch):
    """No compiler, or a GPU that Triton does not know."""
    from cmet_cli.backends.edtalk import fused

    def fails(*_):
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(fused, "painted_scale", fails)
    model = fold_weights(EDTalk(SMALL)).to(DEVICE)
    side = model.config.image_size_px
    images, codes = pictures(1, 3, side, side), pictures(1, model.config.code_dim) * 0.1
    frames = []
    with torch.inference_mode():
        for network in both(model, torch.float32):
            frames.append(network.render_moving(network.prepare_source(images), codes)[0])
    assert torch.equal(*frames)


def test_what_is_no_number_shows(both):
    """So that a frame in too coarse a format is done again."""
    torch.manual_seed(5)
    model = fold_weights(EDTalk(SMALL)).to(DEVICE)
    side = model.config.image_size_px
    _, fused = both(model, torch.float32)
    codes = torch.zeros(2, model.config.code_dim, device=DEVICE)
    codes[1] = torch.nan
    with torch.inference_mode():
        frames, _ = fused.render_moving(fused.prepare_source(pictures(1, 3, side, side)), codes)
    assert frames[0].isfinite().all()
    assert not frames[1].isfinite().any()


@pytest.mark.skipif(not GPU, reason="the interpreter would take minutes at published sizes")
def test_the_golden_pictures_on_a_gpu(both, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    model = EDTalk()
    load_strict(model, filling.filled_state("EDTalk.pt"), filling.DATA, EDTALK_UNUSED)
    fold_weights(model).to(DEVICE)
    images = torch.cat([filling.image(name, "cmet") for name in ("img_a", "img_b")]).to(DEVICE)
    with torch.inference_mode():
        codes = model.latent_to_codes(model.encode(images)[0])
        plain = model.render_moving(model.prepare_source(images[:1]), codes)
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            _, fused = both(model, dtype)
            found = fused.encode(images)
            frames, motion = fused.render_moving(fused.prepare_source(images[:1]), codes)
            error = (frames.clamp(-1, 1) - plain[0].clamp(-1, 1)).square().mean()
            print(
                f"{dtype}: codes {(found - codes).abs().max():.1e}, pictures "
                f"{(frames - plain[0]).abs().max():.1e}, {10 * torch.log10(4 / error):.1f} dB, "
                f"motion {(motion - plain[1]).abs().max():.1e} px"
            )
            exact = dtype == torch.float32
            assert (found - codes).abs().max() <= (1e-4 if exact else 2e-2)
            assert 10 * torch.log10(4 / error) >= (80 if exact else 45)
            if exact:
                assert (frames - plain[0]).abs().max() <= 1e-3
                assert (motion - plain[1]).abs().max() <= 1e-2

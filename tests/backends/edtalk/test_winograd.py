"""3x3 convolutions with fewer multiplications."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from cmet_cli.backends.edtalk import winograd


@pytest.fixture
def alone(monkeypatch):
    """One thread, and everything is large."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(winograd, "LARGE", 0)
    monkeypatch.setattr(winograd, "DEEP", 0)
    monkeypatch.setattr(winograd, "pays", lambda: True)
    if not torch.backends.nnpack.is_available():
        pytest.skip("this processor has no NNPACK")
    yield
    torch.set_num_threads(before)


@pytest.fixture
def asked(monkeypatch):
    """The shapes that NNPACK is given."""
    shapes, real = [], torch._nnpack_spatial_convolution

    def note(x, *args, **kw):
        shapes.append(tuple(x.shape))
        return real(x, *args, **kw)

    monkeypatch.setattr(torch, "_nnpack_spatial_convolution", note)
    return shapes


def layer(pictures=1, into=12, out=20, side=17, dtype=torch.float32):
    torch.manual_seed(3)
    last = torch.channels_last
    x = torch.randn(pictures, into, side, side, dtype=dtype).contiguous(memory_format=last)
    weight = torch.randn(out, into, 3, 3, dtype=dtype).contiguous(memory_format=last)
    return x, weight, torch.randn(out, dtype=dtype)


@pytest.mark.parametrize("pictures", [1, 3])
@pytest.mark.parametrize("biased", [True, False])
def test_the_same_numbers_as_a_plain_convolution(alone, asked, pictures, biased):
    x, weight, bias = layer(pictures)
    found = winograd.convolved(x, weight, bias if biased else None)
    exact = F.conv2d(x.double(), weight.double(), bias.double() if biased else None, padding=1)
    assert asked == [(1, 12, 17, 17)] * pictures  # one by one: many at once are slower
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert (found - exact).abs().max() < 3e-5 * exact.abs().max()


def test_by_one_thread_only(alone, asked):
    torch.set_num_threads(2)
    x, weight, bias = layer()
    assert torch.equal(winograd.convolved(x, weight, bias), F.conv2d(x, weight, bias, padding=1))
    assert not asked


def test_in_float32_only(alone, asked):
    x, weight, bias = layer(dtype=torch.bfloat16)
    assert torch.equal(winograd.convolved(x, weight, bias), F.conv2d(x, weight, bias, padding=1))
    assert not asked


@pytest.mark.parametrize(("what", "least"), [("LARGE", 12 * 20 * 9 * 17 * 17), ("DEEP", 12)])
def test_small_ones_are_left_to_torch(alone, asked, monkeypatch, what, least):
    x, weight, bias = layer()
    monkeypatch.setattr(winograd, what, least)
    winograd.convolved(x, weight, bias)
    assert asked
    asked.clear()
    monkeypatch.setattr(winograd, what, least + 1)
    assert torch.equal(winograd.convolved(x, weight, bias), F.conv2d(x, weight, bias, padding=1))
    assert not asked


@pytest.mark.parametrize(("there", "faster", "used"), [(0, 1, 0), (1, 0, 0), (1, 1, 1)])
def test_it_is_used_where_it_is_there_and_faster(monkeypatch, there, faster, used):
    monkeypatch.setattr(torch.backends.nnpack, "is_available", lambda: bool(there))
    times = iter([1.0, 0.5 if faster else 0.99])
    monkeypatch.setattr(winograd, "_fastest_s", lambda _: next(times))
    winograd._tried.cache_clear()
    try:
        assert winograd.pays() is bool(used)
    finally:
        winograd._tried.cache_clear()

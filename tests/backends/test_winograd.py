"""3x3 convolutions with fewer multiplications."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from cmet_cli.backends import winograd
from cmet_cli.backends.winograd import Winograd, plain_only


@pytest.fixture
def taken(monkeypatch):
    """Everything is large, and all of it is faster: how often it was done with fewer."""
    monkeypatch.setattr(winograd, "LARGE", 0)
    monkeypatch.setattr(winograd, "DEEP", 0)
    monkeypatch.setattr(winograd, "_tried", lambda _: True)
    calls, real = [], Winograd.styled
    monkeypatch.setattr(Winograd, "styled", lambda *args: [calls.append(1), real(*args)][1])
    return calls


def layer(pictures=1, into=12, out=20, height=16, width=24, dtype=torch.float32):
    torch.manual_seed(3)
    last = torch.channels_last
    x = torch.randn(pictures, into, height, width, dtype=dtype).contiguous(memory_format=last)
    weight = torch.randn(out, into, 3, 3, dtype=dtype).contiguous(memory_format=last)
    return x, weight, torch.randn(out, dtype=dtype)


def near(found, exact):
    return bool((found - exact).abs().max() < 3e-5 * exact.abs().max())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("at_once", [1, 6, 13, 1000])
@pytest.mark.parametrize(("pictures", "height"), [(1, 16), (3, 4), (2, 28)])
def test_the_same_numbers_as_a_plain_convolution(
    taken, monkeypatch, pictures, height, at_once, threads
):
    """However many rows of tiles a strip has; seven of them are not divided evenly."""
    monkeypatch.setattr(winograd, "AT_ONCE", at_once)
    monkeypatch.setattr(winograd, "NUMBERS_AT_ONCE", 0)
    x, weight, bias = layer(pictures, height=height)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = Winograd(weight, bias)(x, 0.2)
    finally:
        torch.set_num_threads(before)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    assert taken
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert near(found, F.leaky_relu(exact, 0.2))


@pytest.mark.parametrize("out", [5, 20])
def test_styles_and_gains_are_each_picture_s_own(out):
    x, weight, bias = layer(3, out=out)
    style, gain = torch.rand(3, 12) + 0.5, torch.rand(3, out) + 0.5
    exact = F.conv2d((x * style[..., None, None]).double(), weight.double(), padding=1)
    exact = exact * gain[..., None, None] + bias[:, None, None]
    assert near(Winograd(weight, bias).styled(x, style, gain), exact)
    assert near(Winograd(weight, bias).styled(x, style, gain, 0.2), F.leaky_relu(exact, 0.2))


@pytest.mark.parametrize("at_once", [1, 1000])
def test_planes_of_it_alone(monkeypatch, at_once):
    """What a convolution of one pixel makes of the whole."""
    monkeypatch.setattr(winograd, "AT_ONCE", at_once)
    monkeypatch.setattr(winograd, "NUMBERS_AT_ONCE", 0)
    x, weight, bias = layer(2)
    style, gain, planes = torch.rand(2, 12) + 0.5, torch.rand(2, 20) + 0.5, torch.randn(2, 3, 20)
    convolve = Winograd(weight, bias)
    whole = convolve.styled(x, style, gain, 0.2)
    found = convolve.styled(x, style, gain, 0.2, planes)
    assert found.shape == (2, 3, 16, 24)
    assert near(found, torch.einsum("bchw,bkc->bkhw", whole.double(), planes.double()))


def test_pictures_one_after_the_other_leave_nothing_behind(taken, monkeypatch):
    """The memory of a strip is used again, its edges too."""
    monkeypatch.setattr(winograd, "AT_ONCE", 1)
    monkeypatch.setattr(winograd, "NUMBERS_AT_ONCE", 0)
    x, weight, bias = layer(2)
    convolve = Winograd(weight, bias)
    x[0] = 1e4
    assert torch.equal(convolve(x)[1], convolve(x[1:])[0])


@pytest.mark.parametrize(("height", "width"), [(17, 16), (16, 18)])
def test_what_tiles_do_not_fill_is_left_to_torch(taken, height, width):
    x, weight, bias = layer(height=height, width=width)
    assert torch.equal(Winograd(weight, bias)(x), F.conv2d(x, weight, bias, padding=1))
    assert not taken


def test_in_float32_only(taken):
    x, weight, bias = layer(dtype=torch.bfloat16)
    assert torch.equal(Winograd(weight, bias)(x), F.conv2d(x, weight, bias, padding=1))
    assert not taken


@pytest.mark.parametrize(("what", "least"), [("LARGE", 12 * 20 * 9 * 16 * 24), ("DEEP", 12)])
def test_small_ones_are_left_to_torch(taken, monkeypatch, what, least):
    x, weight, bias = layer()
    monkeypatch.setattr(winograd, what, least)
    Winograd(weight, bias)(x)
    assert taken
    taken.clear()
    monkeypatch.setattr(winograd, what, least + 1)
    assert torch.equal(
        Winograd(weight, bias)(x, 0.2), F.leaky_relu(F.conv2d(x, weight, bias, 1, 1), 0.2)
    )
    assert not taken


def test_plain_ones_where_they_are_counted(taken):
    x, weight, bias = layer()
    with plain_only():
        with plain_only():
            pass
        Winograd(weight, bias)(x)
    assert not taken
    Winograd(weight, bias)(x)
    assert taken


@pytest.mark.parametrize(("fewer_s", "used"), [(0.99, False), (0.5, True)])
def test_it_is_used_where_it_is_faster(monkeypatch, fewer_s, used):
    times = iter([1.0, fewer_s])
    monkeypatch.setattr(winograd, "_fastest_s", lambda work: [work(), next(times)][1])
    winograd._tried.cache_clear()
    try:
        assert winograd.is_faster() is used
    finally:
        winograd._tried.cache_clear()


def test_each_number_of_threads_is_tried(monkeypatch):
    asked = []
    monkeypatch.setattr(winograd, "_tried", lambda threads: [asked.append(threads), True][1])
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            winograd.is_faster()
    finally:
        torch.set_num_threads(before)
    assert asked == [1, 2]


def test_a_program_that_wants_fewer_digits_of_its_own_products_keeps_these(taken):
    x, weight, bias = layer()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        Winograd(weight, bias)(x)
    finally:
        torch.set_float32_matmul_precision(before)
    with torch.autocast("cpu"):
        Winograd(weight, bias)(x)
    assert not taken


def test_a_child_process_waits_for_nobody():
    """Who held the lock in the parent is not in the child."""
    winograd._TRYING[0].acquire()
    winograd._forked()
    assert winograd._TRYING[0].acquire(blocking=False)
    winograd._TRYING[0].release()

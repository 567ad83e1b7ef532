"""Triton kernels for what lies between EDTalk's convolutions, so that each picture is read once.

Pictures are channels-last ``[B, C, s, s]`` of any float type; arithmetic is float32. Every kernel
is what :mod:`.fast` does in several passes. Imported only where there is a CUDA device (and, with
``TRITON_INTERPRET=1``, by tests on a CPU).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .layers import ACTIVATION_GAIN, LEAKY_SLOPE

#: Pixels and channels that one program works on.
PIXELS, CHANNELS = 32, 64
_SLOPE: tl.constexpr = tl.constexpr(LEAKY_SLOPE)
_GAIN: tl.constexpr = tl.constexpr(ACTIVATION_GAIN)


@triton.jit
def _leaky(x):
    return tl.where(x < 0, x * _SLOPE, x)  # what is no number stays none


@triton.jit
def _tanh(x):
    return 2 * tl.sigmoid(2 * x) - 1


@triton.jit
def _blur_kernel(
    x, out, before, gain, bias, style,
    height, width, out_height, out_width, channels, padding,
    BEFORE: tl.constexpr, AFTER: tl.constexpr, STYLED: tl.constexpr,
    STRIDE: tl.constexpr, SUM: tl.constexpr, P: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    picture, y = row // out_height, row % out_height
    column = tl.program_id(1) * P + tl.arange(0, P)
    c = tl.program_id(2) * C + tl.arange(0, C)
    here = c < channels
    x += picture.to(tl.int64) * height * width * channels
    if BEFORE:
        first = tl.load(before + c, mask=here, other=0.0).to(tl.float32)[None, :]
    total = tl.zeros([P, C], tl.float32)
    for down in tl.static_range(4):
        for across in tl.static_range(4):
            share = (1 if down % 3 == 0 else 3) * (1 if across % 3 == 0 else 3) * SUM / 64
            from_y, from_x = y * STRIDE + down - padding, column * STRIDE + across - padding
            inside = (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < width)
            inside = inside[:, None] & here[None, :]
            at = (from_y * width + from_x)[:, None] * channels + c[None, :]
            value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
            if BEFORE:
                value = tl.where(inside, _leaky(value + first), 0.0)
            total += value * share
    if AFTER:
        of = picture * channels + c
        total = total * tl.load(gain + of, mask=here, other=0.0)[None, :]
        total = _leaky(total + tl.load(bias + c, mask=here, other=0.0)[None, :])
    if STYLED:
        total = total * tl.load(style + picture * channels + c, mask=here, other=0.0)[None, :]
    at = (y * out_width + column)[:, None] * channels + c[None, :]
    out += picture.to(tl.int64) * out_height * out_width * channels
    tl.store(out + at, total, mask=(column < out_width)[:, None] & here[None, :])


def blurred(
    x: Tensor,
    padding: int,
    *,
    stride: int = 1,
    total: float = 1.0,
    before: Tensor | None = None,
    after: tuple[Tensor, Tensor] | None = None,
    style: Tensor | None = None,
) -> Tensor:
    """The 4x4 binomial blur of zero-padded pictures; ``total``: of its weights.

    before: a bias ``[C]`` added, and leaky ReLU, first; after: gain ``[B, C]`` and bias ``[C]``,
    and leaky ReLU, afterwards; style ``[B, C]``: factors at last.
    """
    x = _in_order(x)
    n, channels, height, width = x.shape
    tall, wide = ((side + 2 * padding - 4) // stride + 1 for side in (height, width))
    out = _like(x, n, channels, tall, wide)
    gain, bias = after or (x, x)
    block = _block(channels)
    grid = (n * tall, triton.cdiv(wide, PIXELS), triton.cdiv(channels, block))
    _blur_kernel[grid](
        x, out, x if before is None else before, gain, bias, x if style is None else style,
        height, width, tall, wide, channels, padding,
        before is not None, after is not None, style is not None, stride, total, PIXELS, block,
    )  # fmt: skip
    return out


@triton.jit
def _activation_kernel(
    x, out, gain, bias, style, more, pixels, channels,
    GAIN: tl.constexpr, STYLED: tl.constexpr, MORE: tl.constexpr, P: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    picture = tl.program_id(1)
    pixel = tl.program_id(0) * P + tl.arange(0, P)
    c = tl.program_id(2) * C + tl.arange(0, C)
    here = c < channels
    inside = (pixel < pixels)[:, None] & here[None, :]
    at = picture.to(tl.int64) * pixels * channels + pixel[:, None] * channels + c[None, :]
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    of = picture * channels + c
    if GAIN:
        value = value * tl.load(gain + of, mask=here, other=0.0)[None, :]
    value = _leaky(value + tl.load(bias + c, mask=here, other=0.0)[None, :])
    if MORE:
        value = value + tl.load(more + at, mask=inside, other=0.0).to(tl.float32)
    if STYLED:
        value = value * tl.load(style + of, mask=here, other=0.0)[None, :]
    tl.store(out + at, value, mask=inside)


def activated(
    x: Tensor,
    bias: Tensor,
    *,
    gain: Tensor | None = None,
    style: Tensor | None = None,
    more: Tensor | None = None,
) -> Tensor:
    """``(leaky(x * gain + bias) + more) * style``, mostly in the place of ``x``. gain, style
    ``[B, C]`` float32, bias ``[C]`` float32; more: as x."""
    x, more = _in_order(x), None if more is None else _in_order(more)
    n, channels, height, width = x.shape
    block = _block(channels)
    grid = (triton.cdiv(height * width, PIXELS), n, triton.cdiv(channels, block))
    _activation_kernel[grid](
        x, x, bias if gain is None else gain, bias, bias if style is None else style,
        x if more is None else more, height * width, channels,
        gain is not None, style is not None, more is not None, PIXELS, block,
    )  # fmt: skip
    return x


@triton.jit
def _trunk(x, gain, bias, picture, pixel, c, inside, here, channels: tl.constexpr):
    """What a convolution gave, activated; ``[P, C]``."""
    value = tl.load(x + pixel[:, None] * channels + c[None, :], mask=inside, other=0.0)
    by = tl.load(gain + picture * channels + c, mask=here, other=0.0)[None, :]
    plus = tl.load(bias + c, mask=here, other=0.0)[None, :]
    return _leaky(value.to(tl.float32) * by + plus)


@triton.jit
def _twice(plane, half, pixel, side, real):
    """Zero insertion and the 4x4 binomial blur: a coarser plane's numbers at finer pixels."""
    row, column = pixel // side, pixel % side
    near_y, near_x = row // 2, column // 2
    far_y, far_x = near_y + 2 * (row % 2) - 1, near_x + 2 * (column % 2) - 1
    in_y, in_x = (far_y >= 0) & (far_y < half) & real, (far_x >= 0) & (far_x < half) & real
    near = tl.load(plane + near_y * half + near_x, mask=real, other=0.0)
    beside = tl.load(plane + near_y * half + far_x, mask=in_x, other=0.0)
    above = tl.load(plane + far_y * half + near_x, mask=in_y, other=0.0)
    across = tl.load(plane + far_y * half + far_x, mask=in_y & in_x, other=0.0)
    return 0.5625 * near + 0.1875 * (beside + above) + 0.0625 * across


@triton.jit
def _scale_kernel(
    x, gain, bias, to_flow, flow_bias, detail, feature, scale, offset, to_rgb, rgb_bias, style,
    coarse, state, trunk, own, side: tl.constexpr, channels: tl.constexpr,
    BEGUN: tl.constexpr, LAST: tl.constexpr, P: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    picture = tl.program_id(1)
    pixels, half = side * side, side // 2
    pixel = tl.program_id(0) * P + tl.arange(0, P)
    real = pixel < pixels
    x += picture.to(tl.int64) * pixels * channels
    state += picture * 6 * pixels + pixel
    coarse += picture * 6 * half * half
    # Where to look: three weighted sums over the trunk's channels, and the coarser scale's.
    flow_x = tl.zeros([P], tl.float32)
    flow_y = tl.zeros([P], tl.float32)
    flow_mask = tl.zeros([P], tl.float32)
    for start in range(0, channels, C):
        c = start + tl.arange(0, C)
        here = c < channels
        inside = real[:, None] & here[None, :]
        value = _trunk(x, gain, bias, picture, pixel, c, inside, here, channels)
        weight = to_flow + picture * 3 * channels + c
        flow_x += tl.sum(value * tl.load(weight, mask=here, other=0.0)[None, :], 1)
        weight += channels
        flow_y += tl.sum(value * tl.load(weight, mask=here, other=0.0)[None, :], 1)
        weight += channels
        flow_mask += tl.sum(value * tl.load(weight, mask=here, other=0.0)[None, :], 1)
    flow_x += tl.load(flow_bias)
    flow_y += tl.load(flow_bias + 1)
    flow_mask += tl.load(flow_bias + 2)
    if BEGUN:
        flow_x += _twice(coarse, half, pixel, side, real)
        flow_y += _twice(coarse + half * half, half, pixel, side, real)
        flow_mask += _twice(coarse + 2 * half * half, half, pixel, side, real)
    tl.store(state, flow_x, mask=real)
    tl.store(state + pixels, flow_y, mask=real)
    tl.store(state + 2 * pixels, flow_mask, mask=real)
    share = tl.sigmoid(flow_mask)
    column, row = (pixel % side).to(tl.float32), (pixel // side).to(tl.float32)
    step = 2.0 / (side - 1)
    at_x = (_tanh(flow_x) + column * step) * (side / 2) - 0.5
    at_y = (_tanh(flow_y) + row * step) * (side / 2) - 0.5
    low_x, low_y = tl.floor(at_x), tl.floor(at_y)
    more_x, more_y = at_x - low_x, at_y - low_y
    detail += picture.to(tl.int64) * own
    feature += picture.to(tl.int64) * own
    red = tl.zeros([P], tl.float32)
    green = tl.zeros([P], tl.float32)
    blue = tl.zeros([P], tl.float32)
    for start in range(0, channels, C):
        c = start + tl.arange(0, C)
        here = c < channels
        by = tl.load(scale + picture * channels + c, mask=here, other=0.0)[None, :]
        plus = tl.load(offset + picture * channels + c, mask=here, other=0.0)[None, :]
        moved = tl.zeros([P, C], tl.float32)
        for corner in tl.static_range(4):
            from_x, from_y = low_x + corner % 2, low_y + corner // 2
            weight_x = more_x if corner % 2 == 1 else 1 - more_x
            weight_y = more_y if corner // 2 == 1 else 1 - more_y
            # A flow that is no number is neither away nor seen: it leaves none in the picture.
            away = (from_x < 0) | (from_x >= side) | (from_y < 0) | (from_y >= side)
            seen = (from_x >= 0) & (from_x < side) & (from_y >= 0) & (from_y < side) & real
            weight = tl.where(away, 0.0, weight_x * weight_y)[:, None]
            place = tl.where(seen, from_y * side + from_x, 0.0).to(tl.int32)
            at = place[:, None] * channels + c[None, :]
            inside = seen[:, None] & here[None, :]
            fine = tl.load(detail + at, mask=inside, other=0.0).to(tl.float32)
            plain = tl.load(feature + at, mask=inside, other=0.0).to(tl.float32)
            moved += weight * (fine * by + plus + plain)
        weight = to_rgb + c
        red += tl.sum(moved * tl.load(weight, mask=here, other=0.0)[None, :], 1)
        weight += channels
        green += tl.sum(moved * tl.load(weight, mask=here, other=0.0)[None, :], 1)
        weight += channels
        blue += tl.sum(moved * tl.load(weight, mask=here, other=0.0)[None, :], 1)
        if not LAST:
            inside = real[:, None] & here[None, :]
            at = pixel[:, None] * channels + c[None, :]
            value = _trunk(x, gain, bias, picture, pixel, c, inside, here, channels)
            value += share[:, None] * (moved - value)
            value = value * tl.load(style + picture * channels + c, mask=here, other=0.0)[None, :]
            tl.store(trunk + picture.to(tl.int64) * pixels * channels + at, value, mask=inside)
    red = _leaky(red * share + tl.load(rgb_bias)) * _GAIN + tl.load(rgb_bias + 3)
    green = _leaky(green * share + tl.load(rgb_bias + 1)) * _GAIN + tl.load(rgb_bias + 4)
    blue = _leaky(blue * share + tl.load(rgb_bias + 2)) * _GAIN + tl.load(rgb_bias + 5)
    if BEGUN:
        red += _twice(coarse + 3 * half * half, half, pixel, side, real)
        green += _twice(coarse + 4 * half * half, half, pixel, side, real)
        blue += _twice(coarse + 5 * half * half, half, pixel, side, real)
    tl.store(state + 3 * pixels, red, mask=real)
    tl.store(state + 4 * pixels, green, mask=real)
    tl.store(state + 5 * pixels, blue, mask=real)


def painted_scale(
    x: Tensor,
    activation: tuple[Tensor, Tensor],
    to_flow: tuple[Tensor, Tensor],
    source: tuple[Tensor, Tensor, Tensor, Tensor],
    to_rgb: tuple[Tensor, Tensor],
    style: Tensor | None,
    coarse: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """One scale of the decoder, from its last convolution on.

    x: what that gave ``[B, C, s, s]``; activation: its gain ``[B, C]`` and bias ``[C]``; to_flow:
    weights ``[B, 3, C]`` and bias ``[3]``; source: detail and feature ``[1 or B, C, s, s]``, scale
    and offset ``[B, C]``; to_rgb: weights ``[3, C]``, the biases before and after its activation
    ``[6]``; style: factors on the new trunk ``[B, C]``, None where no scale follows; coarse: what
    the scale before gave. Small tensors are float32.
    Returns raw flow and picture, float32 ``[B, 6, s, s]``, and the new trunk (x where none is).
    """
    x = _in_order(x)
    n, channels, side, _ = x.shape
    detail, feature, scale, offset = source
    detail, feature = _in_order(detail), _in_order(feature)
    state = torch.empty(n, 6, side, side, device=x.device)
    trunk = x if style is None else _like(x, n, channels, side, side)
    own = 0 if len(detail) == 1 else channels * side**2
    _scale_kernel[(triton.cdiv(side**2, PIXELS), n)](
        x, *activation, *to_flow, detail, feature, scale, offset, *to_rgb,
        scale if style is None else style, state if coarse is None else coarse,
        state, trunk, own, side, channels,
        coarse is not None, style is None, PIXELS, _block(channels),
    )  # fmt: skip
    return state, trunk


def _in_order(x: Tensor) -> Tensor:
    """As the kernels walk it, whatever a convolution gave; mostly the tensor itself."""
    return x.contiguous(memory_format=torch.channels_last)


def _like(x: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


def _block(channels: int) -> int:
    return min(CHANNELS, triton.next_power_of_2(channels))

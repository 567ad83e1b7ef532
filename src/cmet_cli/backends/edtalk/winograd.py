"""3x3 convolutions with a fifth of the multiplications: Winograd's minimal filtering (Lavin and
Gray, CVPR 2016, section 4), F(6x6, 3x3). torch brings it as NNPACK and by itself does not use it on
x86; here it is used where it was measured to be faster.

In float32 its sums differ from a plain convolution's by about 1e-5 of the largest.
"""

from __future__ import annotations

import functools
import threading
import timeit
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

#: From so many multiplications of a plain convolution on preparing the weights is repaid, and from
#: so many channels on moving the pixels about.
LARGE, DEEP = 2e9, 128
#: What is tried out: channels and side.
TRIAL = 128, 64
WORTH, TRIES = 0.9, 8


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.conv2d(x, weight, bias, padding=1)``, channels-last ``[B, in, s, s]``, 3x3 weights."""
    if not (_fits(x, weight) and pays()):
        return F.conv2d(x, weight, bias, padding=1)
    weight = weight.contiguous()
    pictures = [_picture(one, weight, bias) for one in x.split(1)]
    return pictures[0] if len(pictures) == 1 else torch.cat(pictures)


def _fits(x: Tensor, weight: Tensor) -> bool:
    """Its own threads wait for each other too often: one thread alone, or not at all."""
    large = weight.numel() * x.shape[-1] * x.shape[-2] >= LARGE and x.shape[1] >= DEEP
    here = x.dtype == torch.float32 and x.device.type == "cpu"
    return large and here and torch.get_num_threads() == 1


def _picture(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """By way of planes: a transposition of two dimensions, which torch does several times as fast
    as a change of the order in memory."""
    _, channels, height, width = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(height * width, channels)
    planes = rows.t().contiguous().view(1, channels, height, width)
    made = torch._nnpack_spatial_convolution(planes, weight, bias, padding=1, stride=1)
    pixels = made.view(len(weight), height * width).t().contiguous()
    return pixels.view(1, height, width, len(weight)).permute(0, 3, 1, 2)


def pays() -> bool:
    """Whether it is there (it wants AVX2 or Neon) and faster than torch's choice, by one thread."""
    with _TRYING:  # two tries at once would hinder each other
        return _tried()


_TRYING = threading.Lock()


@functools.cache
def _tried() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a processor lacks it is no news
        if not torch.backends.nnpack.is_available():  # which makes it ready, too
            return False
    channels, side = TRIAL
    weight = torch.zeros(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    x = torch.zeros(1, channels, side, side).contiguous(memory_format=torch.channels_last)
    plain_s = _fastest_s(lambda: F.conv2d(x, weight, padding=1))
    return _fastest_s(lambda: _picture(x, weight.contiguous(), None)) < WORTH * plain_s


def _fastest_s(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=1, repeat=TRIES))

"""How tensors are stored for speed, and what of a decoder depends on the source alone: common to
:mod:`.fast` and :mod:`.fused`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..winograd import Winograd
from .decoder import INSTANCE_NORM_EPS, Decoder, SourceFeatures
from .layers import binomial_kernel

#: Pixels of fewer channels are too short for a CPU's inner loop.
SHORT = 64


@dataclass(frozen=True)
class Form:
    """How tensors are stored: number format and order in memory."""

    dtype: torch.dtype
    order: torch.memory_format

    @classmethod
    def on(cls, device: torch.device, dtype: torch.dtype) -> Form:
        plain = device.type == "mps"  # its convolutions copy channels-last back and forth
        return cls(dtype, torch.contiguous_format if plain else torch.channels_last)

    def __call__(self, tensor: Tensor) -> Tensor:
        return tensor.detach().to(self.dtype).contiguous(memory_format=self.order)

    def vector(self, values: Tensor) -> Tensor:
        """One number a channel."""
        return values.detach().flatten().to(self.dtype)

    def blur(self, channels: int, gain: float, device: torch.device) -> Tensor:
        kernel = binomial_kernel(gain).to(device)
        return self(kernel.expand(channels, 1, 4, 4).clone())


class Details:
    """What of a decoder depends on the source alone."""

    def __init__(self, decoder: Decoder, form: Form) -> None:
        self._form = form
        blocks: list[Any] = list(decoder.fineadainresblock)  # torch knows them as any module
        self._convs = [Winograd(form(b.conv2.weight), form.vector(b.conv2.bias)) for b in blocks]

    def __call__(self, latent: Tensor, features: list[Tensor]) -> SourceFeatures:
        details = []
        for convolve, feature in zip(self._convs, features, strict=True):
            raw = convolve(feature)
            details.append(self._form(instance_norm(raw.float(), raw.dtype)))
        return SourceFeatures(latent, tuple(features), tuple(details))


def instance_norm(x: Tensor, dtype: torch.dtype) -> Tensor:
    """As :func:`F.instance_norm`, ``[B, C, s, s]`` float32 (which may be overwritten) -> the same
    in a number format, without another order in memory."""
    if not (x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)):
        return F.instance_norm(x, eps=INSTANCE_NORM_EPS).to(dtype)
    n, channels, side, _ = x.shape

    def mean(rows: Tensor) -> Tensor:
        return row_of(rows.mean(1).view(n, side, channels).mean(1), side)

    centred = pixel_rows(x)
    centred -= mean(centred)
    gain = torch.rsqrt(mean(centred.square()) + INSTANCE_NORM_EPS)
    return of_rows(torch.mul(centred, gain, out=torch.empty_like(centred, dtype=dtype)), channels)


def pixel_rows(x: Tensor) -> Tensor:
    """Channels-last pictures ``[B, C, s, s]`` as rows of numbers ``[B, s, s * C]``."""
    return x.permute(0, 2, 3, 1).reshape(len(x), x.shape[2], -1)


def row_of(values: Tensor, side: int) -> Tensor:
    """``[C]`` or ``[B, C]`` for each pixel of a row, ``[1 or B, 1, s * C]``."""
    return values.reshape(-1, 1, values.shape[-1]).repeat(1, 1, side)


def of_rows(rows: Tensor, channels: int) -> Tensor:
    """The way back from :func:`pixel_rows`."""
    return rows.view(len(rows), rows.shape[1], -1, channels).permute(0, 3, 1, 2)


def by_channel(x: Tensor, scale: Tensor, offset: Tensor, more: Tensor | None = None) -> Tensor:
    """``x * scale + offset``, and ``more``: pictures ``[1 or B, C, s, s]``, scale ``[B, C]``,
    offset ``[C]`` or ``[B, C]``. The same numbers as by broadcasting.

    Where pixels are short, a CPU is several times as fast on whole rows of them.
    """
    if not _in_rows(x):
        return _scaled(x, scale[..., None, None], offset[..., None, None], more)
    side = x.shape[-1]
    scale, offset = row_of(scale, side), row_of(offset, side)
    rows = _scaled(pixel_rows(x), scale, offset, None if more is None else pixel_rows(more))
    return of_rows(rows, x.shape[1])


def _scaled(x: Tensor, scale: Tensor, offset: Tensor, more: Tensor | None) -> Tensor:
    start = offset if more is None else more + offset
    if more is None or len(start) < max(len(x), len(scale)):
        return torch.addcmul(start, x, scale)
    return start.addcmul_(x, scale)  # where new memory costs more than the numbers


def _in_rows(x: Tensor) -> bool:
    short = x.device.type == "cpu" and x.shape[1] < SHORT
    return short and x.is_contiguous(memory_format=torch.channels_last)

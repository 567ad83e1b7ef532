"""3x3 convolutions with a quarter of the multiplications: Winograd's minimal filtering (Lavin and
Gray, CVPR 2016, section 4), F(4x4, 3x3), by torch's own products of matrices.

Strips of tiles are gathered, transformed, multiplied and transformed back while a processor still
has them at hand; style, demodulation, bias and activation are applied on the way. In float32 the
sums differ from a plain convolution's by about 1e-5 of the largest.
"""

from __future__ import annotations

import functools
import os
import threading
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

#: Pixels a tile gives and pixels it looks at, along a side.
GIVES, SEES = 4, 6
#: What a row of six pixels is taken to, three weights, and six sums (there, for the points 0, 1,
#: -1, 2, -2 and infinity).
PIXELS = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
WEIGHTS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
SUMS = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
#: From so many multiplications of a plain convolution on it is worth its memory, and from so many
#: channels it is faster.
LARGE, DEEP = 2e9, 64
#: Tiles at once for each thread, and how many with all their channels: fewer make small products of
#: matrices, more leave the cache.
AT_ONCE, NUMBERS_AT_ONCE = 64, 8192
#: What is tried out: channels and side.
TRIAL = 128, 64
WORTH, TRIES = 0.9, 8


class Winograd:
    """A 3x3 convolution, padded by one pixel, with fewer multiplications where that pays.

    weight: ``[out, in, 3, 3]``, bias: ``[out]``, of the pictures' number format. What a float32
    weight is taken to, four times as large, is made when it is first used, and kept.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight, self._bias = weight.detach(), bias

    def pays(self, x: Tensor) -> bool:
        """Whether fewer multiplications are faster for pictures ``[B, in, h, w]``."""
        height, width = x.shape[-2:]
        fits = height % GIVES == 0 and width % GIVES == 0
        here = x.dtype == torch.float32 and x.device.type == "cpu"
        large = self._weight.numel() * height * width >= LARGE and x.shape[1] >= DEEP
        return fits and here and large and _exact() and is_faster()

    def __call__(self, x: Tensor, slope: float = 1.0) -> Tensor:
        """``leaky_relu(conv(x) + bias, slope)``, ``[B, out, h, w]``."""
        if self.pays(x):
            return self.styled(x, None, None, slope)
        y = F.conv2d(x, self._weight, self._bias, padding=1)
        return y if slope == 1 else F.leaky_relu_(y, slope)

    def styled(
        self,
        x: Tensor,
        style: Tensor | None,
        gain: Tensor | None,
        slope: float = 1.0,
        planes: Tensor | None = None,
    ) -> Tensor:
        """``leaky_relu(gain * conv(style * x) + bias, slope)``, channels-last, with fewer
        multiplications; or only ``planes [B, k, out]`` of it, a 1x1 convolution.

        style: ``[B, in]``; gain: ``[B, out]``; None is 1.
        """
        n, _, height, width = x.shape
        out = len(self._weight) if planes is None else planes.shape[1]
        made = x.new_empty(n, height, width, out)
        rows = height // GIVES
        strip = _Strip(self._ready, rows, width // GIVES)
        for i, picture in enumerate(x.permute(0, 2, 3, 1)):
            for top in range(0, rows, strip.rows):
                strip.look(picture, top, None if style is None else style[i])
                sums = strip.sums()
                if gain is None:
                    sums.add_(self._bias)
                else:
                    torch.addcmul(self._bias, sums, gain[i], out=sums)
                if slope != 1:
                    F.leaky_relu_(sums, slope)
                strip.put(made[i], top, sums if planes is None else sums @ planes[i].t())
        return made.permute(0, 3, 1, 2)

    @functools.cached_property
    def _ready(self) -> Tensor:
        """``[36, in, out]``"""
        out, into = self._weight.shape[:2]
        taps = self._weight.reshape(out * into, 9).t()
        return (_along_both(WEIGHTS) @ taps).view(-1, out, into).transpose(1, 2).contiguous()


class _Strip:
    """A few rows of tiles, in memory that is used again for the next ones."""

    def __init__(self, weights: Tensor, rows: int, columns: int) -> None:
        points, channels, out = weights.shape
        at_once = max(AT_ONCE, NUMBERS_AT_ONCE // channels) * torch.get_num_threads()
        most = -(-at_once // columns)
        #: How many rows of tiles: as many each time.
        self.rows = max(n for n in range(1, rows + 1) if rows % n == 0 and n <= max(1, most))
        tiles = self.rows * columns
        self._weights = weights
        self._into, self._back = _along_both(PIXELS), _along_both(SUMS)
        self._pixels = weights.new_zeros(GIVES * self.rows + 2, GIVES * columns + 2, channels)
        down, right, one = self._pixels.stride()
        self._seen = self._pixels.as_strided(
            (SEES, SEES, self.rows, columns, channels),
            (down, right, GIVES * down, GIVES * right, one),
        )
        # What was gathered is not needed any more when the products come: the same memory.
        shared = weights.new_empty(points * tiles * max(channels, out))
        self._gathered = shared[: points * tiles * channels].view(points, -1)
        self._products = shared[: points * tiles * out].view(points, tiles, out)
        self._turned = weights.new_empty(points, tiles, channels)
        self._sums = weights.new_empty(GIVES, GIVES, self.rows, columns, out)

    def look(self, picture: Tensor, top: int, style: Tensor | None) -> None:
        """At a picture ``[h, w, in]``, from a row of tiles on."""
        first = GIVES * top - 1
        seen = slice(max(0, first), min(len(picture), first + len(self._pixels)))
        rows = self._pixels[:, 1:-1]
        rows[: seen.start - first] = 0
        rows[seen.stop - first :] = 0
        inside = rows[seen.start - first : seen.stop - first]
        if style is None:
            inside.copy_(picture[seen])
        else:
            torch.mul(picture[seen], style, out=inside)

    def sums(self) -> Tensor:
        """Of what is looked at, ``[n, out]``; may be changed."""
        self._gathered.view(self._seen.shape).copy_(self._seen)
        points = len(self._turned)
        torch.mm(self._into, self._gathered, out=self._turned.view(points, -1))
        torch.bmm(self._turned, self._weights, out=self._products)
        torch.mm(self._back, self._products.view(points, -1), out=self._sums.view(GIVES**2, -1))
        return self._sums.view(-1, self._sums.shape[-1])

    def put(self, made: Tensor, top: int, numbers: Tensor) -> None:
        """What was made of the sums, ``[n, k]``, into a picture ``[h, w, k]``, from a row of tiles
        on."""
        to = made[GIVES * top : GIVES * (top + self.rows)].unflatten(1, (-1, GIVES))
        of_tiles = numbers.view(*self._sums.shape[:-1], -1)
        to.unflatten(0, (-1, GIVES)).copy_(of_tiles.permute(2, 0, 3, 1, 4))


@functools.cache
def _along_both(matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """What it does to a row, done to rows and columns of a square."""
    exact = torch.tensor(matrix, dtype=torch.float64, device="cpu")
    return torch.kron(exact, exact).float()


def _exact() -> bool:
    """Whether products of matrices are as exact as their numbers: a program may have asked for
    fewer digits of them, which leaves convolutions alone."""
    coarse = torch.get_float32_matmul_precision() == "medium"
    return not coarse and not torch.is_autocast_enabled("cpu")


def is_faster() -> bool:
    """Whether it was, on this processor and with so many threads, than torch's choice."""
    if _plain_only:
        return False
    with _TRYING[0]:  # two tries at once would hinder each other
        return _tried(torch.get_num_threads())


_TRYING = [threading.Lock()]
_plain_only = False


def _forked() -> None:
    """Whoever held the lock is not there any more."""
    _TRYING[0] = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def plain_only() -> Iterator[None]:
    """Plain convolutions, whatever is faster, in all threads: for counting what they would take."""
    global _plain_only
    before, _plain_only = _plain_only, True
    try:
        yield
    finally:
        _plain_only = before


@functools.cache
def _tried(_threads: int) -> bool:
    channels, side = TRIAL
    weight, bias = _last(torch.zeros(channels, channels, 3, 3)), torch.zeros(channels)
    x, fewer = _last(torch.zeros(1, channels, side, side)), Winograd(weight, bias)
    plain_s = _fastest_s(lambda: F.conv2d(x, weight, bias, padding=1))
    return _fastest_s(lambda: fewer.styled(x, None, None)) < WORTH * plain_s


def _last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last)


def _fastest_s(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=1, repeat=TRIES))

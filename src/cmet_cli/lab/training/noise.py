"""Random numbers and smooth fields on any device, and the few constants that go with them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CPU = torch.device("cpu")


class Noise:
    """Random tensors that a NumPy generator decides: its own numbers on the CPU; elsewhere the
    device's generator draws them, seeded from it, so that nothing large has to be copied."""

    def __init__(self, rng: np.random.Generator, device: torch.device = CPU) -> None:
        self._rng, self.device = rng, device
        self._generator = None if device.type == "cpu" else self._seeded(device)

    def _seeded(self, device: torch.device) -> torch.Generator:
        return torch.Generator(device).manual_seed(int(self._rng.integers(1 << 62)))

    def normal(self, *shape: int) -> Tensor:
        """Of unit spread, float32."""
        if self.device.type == "cpu":
            return torch.from_numpy(self._rng.standard_normal(shape, np.float32))
        return torch.randn(shape, generator=self._generator, device=self.device)

    def uniform(self, high: float, *shape: int) -> Tensor:
        """In 0..high, float32."""
        if self.device.type == "cpu":
            return torch.from_numpy(self._rng.uniform(0, high, shape).astype(np.float32))
        return high * torch.rand(shape, generator=self._generator, device=self.device)

    def amount(self, batch: int, spread: float) -> Tensor:
        """``[B, 1, 1, 1]``, from nothing to well above the spread."""
        if self.device.type == "cpu":
            drawn = np.abs(self._rng.normal(0, spread, (batch, 1, 1, 1)))
            return torch.from_numpy(drawn.astype(np.float32))
        return (spread * self.normal(batch, 1, 1, 1)).abs()


def enlarged(fields: Tensor, size: int) -> Tensor:
    """Bicubic: ``[B, C, s, s]`` -> ``[B, C, size, size]``; as two products of matrices, which are
    several times as quick as ``F.interpolate`` is, on a CPU and on a GPU."""
    if fields.shape[-1] == size:
        return fields
    weights = _bicubic(fields.shape[-1], size, fields.device)
    return weights @ (fields @ weights.T)


@lru_cache(maxsize=64)
def _bicubic(size: int, larger: int, device: torch.device) -> Tensor:
    """What each of a larger field's rows takes of the rows of a field. ``[larger, size]``."""
    rows = torch.eye(size)[None, None]
    weights = F.interpolate(rows, size=(larger, size), mode="bicubic", align_corners=False)
    return weights[0, 0].to(device)


@lru_cache(maxsize=16)
def pixel_centres(size: int, device: torch.device = CPU) -> Tensor:
    """Where pixels lie in grid coordinates (-1..1), to the right and down. ``[S, S, 2]``."""
    axis = (torch.arange(size) + 0.5) * 2 / size - 1
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).to(device)

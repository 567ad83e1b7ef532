"""Parts of planes on their way to the device and back: no more of a frame than its face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ...media.pixels import PixelFormat


def alike(layout: PixelFormat) -> list[tuple[range, tuple[int, int]]]:
    """Planes that lie in the same way, and their sub-sampling."""
    chroma = (layout.sub_x, layout.sub_y)
    if chroma == (1, 1):
        return [(range(3), chroma)]
    return [(range(1), (1, 1)), (range(1, 3), chroma)]


def uploaded(parts: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """Rectangles of planes (uint8 or uint16, of any sizes) -> float32 ``[n, h, w]``, each in the
    upper left corner of its own; what lies beyond it there means nothing."""
    height, width = (max(part.shape[axis] for part in parts) for axis in (0, 1))
    # torch knows few things of uint16; planes have no more than 15 bits.
    kind = torch.uint8 if parts[0].dtype == np.uint8 else torch.int16
    staged = torch.empty(len(parts), height, width, dtype=kind, pin_memory=device.type == "cuda")
    host = staged.numpy().view(parts[0].dtype)
    for room, part in zip(host, parts, strict=True):
        room[: part.shape[0], : part.shape[1]] = part
    return staged.to(device, non_blocking=True).float()


def rounded(values: Tensor, bits: int) -> Tensor:
    """Planes' numbers, rounded and within their type: uint8, or int16 for more than 8 bits."""
    kind = torch.uint8 if bits == 8 else torch.int16
    return values.round().clamp(0, 2**bits - 1).to(kind)


def downloaded(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    """Results on the host; waits for them once. int16 comes as uint16."""
    host = []
    for tensor in tensors:
        pinned = tensor.device.type == "cuda"
        room = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=pinned)
        host.append(room.copy_(tensor, non_blocking=True))
    for device in {t.device for t in tensors if t.device.type == "cuda"}:
        torch.cuda.current_stream(device).synchronize()
    arrays = [room.numpy() for room in host]
    return [a.view(np.uint16) if a.dtype == np.int16 else a for a in arrays]


def numbers(values: ArrayLike, device: torch.device) -> Tensor:
    """A few numbers a frame, float32 ``[B, ...]``, without waiting for the device."""
    staged = torch.from_numpy(np.asarray(values, np.float32))
    if device.type == "cuda":
        staged = staged.pin_memory()
    return staged.to(device, non_blocking=True)

"""Between pictures as NumPy has them and images as networks take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compute import Array, Device, HostDevice

if TYPE_CHECKING:
    from torch import Tensor


def to_images(rgb: np.ndarray, device: Device) -> Array:
    """Pictures ``[B, S, S, 3]`` float32 in [0, 255] -> ``[B, 3, S, S]`` in [-1, 1]."""
    if isinstance(device, HostDevice):
        return np.ascontiguousarray(rgb.transpose(0, 3, 1, 2)) / np.float32(127.5) - np.float32(1)
    import torch

    return torch.from_numpy(rgb).permute(0, 3, 1, 2).div(127.5).sub(1.0).to(device)


def of_pixels(rgb: Tensor) -> Tensor:
    """The same for a tensor ``[B, 3, S, S]`` in [0, 255]."""
    return rgb.div(127.5).sub(1.0)


def to_pixels(images: Tensor) -> Tensor:
    """The way back, clipped; float32."""
    return images.float().clamp(-1, 1).add(1).mul(127.5)


def to_pictures(images: Array) -> np.ndarray:
    """``[B, 3, S, S]`` nominally in [-1, 1] -> ``[B, S, S, 3]`` float32 in [0, 255], clipped."""
    if isinstance(images, np.ndarray):
        pixels = (np.clip(images, -1, 1) + np.float32(1)) * np.float32(127.5)
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    return to_pixels(images).permute(0, 2, 3, 1).cpu().numpy()

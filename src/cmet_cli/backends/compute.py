"""What networks run on, and the arrays they take there. Nothing here imports torch by itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..options import RuntimeOptions

if TYPE_CHECKING:
    import torch


#: Pixels per network call on a processor, where more at once are no faster, and pictures.
CPU_BATCH_PIXELS, MAX_AUTO_BATCH = 256**2, 64


@dataclass(frozen=True)
class HostDevice:
    """The processor, for networks that take NumPy's arrays; torch would call it ``cpu``."""

    type: str = "cpu"

    def __str__(self) -> str:
        return self.type


HOST = HostDevice()

Device: TypeAlias = "torch.device | HostDevice"
#: An array of the device's kind: ``np.ndarray`` on the host, else ``torch.Tensor``.
Array: TypeAlias = Any


@dataclass(frozen=True)
class Compute:
    """A resolved device, number format and batch size (0: by the pictures' size)."""

    device: Device
    precision: str
    batch_size: int

    @property
    def torch_device(self) -> torch.device:
        """What torch calls the device."""
        return torch_device(self.device)


def pictures_at_once(size_px: int) -> int:
    """How many pictures of a size are best given to a network on a processor."""
    return min(MAX_AUTO_BATCH, max(1, CPU_BATCH_PIXELS // size_px**2))


#: Of GPUs that torch knows: NVIDIA's driver (whose device only its first user may make), a board's
#: and the one in WSL; AMD's.
_DRIVERS = (
    "/dev/nvidiactl",
    "/proc/driver/nvidia",
    "/sys/module/nvidia",
    "/dev/nvhost-ctrl",
    "/dev/nvgpu",
    "/dev/dxg",
    "/dev/kfd",
)


def may_have_accelerator() -> bool:
    """False where there is certainly none, which Linux alone tells without torch."""
    return sys.platform != "linux" or any(Path(driver).exists() for driver in _DRIVERS)


def is_for_host(runtime: RuntimeOptions) -> bool:
    """Whether what is asked for may be done by networks that run without torch."""
    here = runtime.device == "cpu" or (runtime.device == "auto" and not may_have_accelerator())
    return here and runtime.precision in ("auto", "fp32")


def torch_device(device: Device) -> torch.device:
    """What torch calls it."""
    import torch

    return torch.device(str(device)) if isinstance(device, HostDevice) else device


def on_device(array: np.ndarray, device: Device) -> Array:
    """An array as the networks there take it."""
    if isinstance(device, HostDevice):
        return array
    import torch

    return torch.from_numpy(array).to(device)


def on_host(array: Array) -> np.ndarray:
    """The way back."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()

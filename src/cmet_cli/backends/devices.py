"""Choosing the compute device and the number format."""

from __future__ import annotations

import contextlib
import platform
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ..errors import DeviceError
from ..options import Precision, RuntimeOptions
from .compute import MAX_AUTO_BATCH, Compute, pictures_at_once
from .side_by_side import shares
from .tuning import remembered_batch

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_CHOICES = "auto, cpu, cuda, cuda:N or mps"


def resolve(options: RuntimeOptions) -> Compute:
    """Turn ``auto`` into what this machine has. Raises :class:`DeviceError`."""
    device = _device(options.device)
    precision = _precision(options.precision, device)
    if device.type == "cuda" and precision == "fp32":
        torch.backends.cudnn.allow_tf32 = False  # torch would round to 10 bits; who asks means it
    return Compute(device, precision, options.batch_size)


def batch_for(
    compute: Compute, size_px: int, run: Callable[[int], object], networks: str = ""
) -> Compute:
    """Settle an automatic batch size (0) for pictures of a size; run: does that many frames;
    networks: tells these from others of that size."""
    if compute.batch_size:
        return compute
    if compute.device.type == "cpu":
        # Of large pictures as many as are computed side by side.
        size = max(pictures_at_once(size_px), shares(MAX_AUTO_BATCH, size_px, compute.torch_device))
    else:
        device = describe_model(compute.torch_device)
        name = f"{device} {compute.precision} {size_px} {torch.__version__}"
        size = remembered_batch(f"{name} {networks}".strip(), run)
    return replace(compute, batch_size=size)


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise DeviceError(f"unknown device '{name}'", f"choose {_CHOICES}")
    if name.startswith("cuda"):
        if not torch.cuda.is_available():
            raise DeviceError(f"device '{name}': no CUDA GPU is available", "use --device cpu")
        index, count = int(name[5:] or 0), torch.cuda.device_count()
        if index >= count:
            raise DeviceError(f"device '{name}': only {count} CUDA GPU(s) here, counted from 0")
        return torch.device("cuda", index)
    if name == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps': no Apple GPU is available", "use --device cpu")
    return torch.device(name)


def _precision(asked: Precision, device: torch.device) -> str:
    if asked == "auto":
        return "bf16" if _computes_bf16(device) else "fp32"
    if asked == "fp16" and device.type == "cpu":
        raise DeviceError("precision 'fp16' is not for the CPU", "use fp32 or bf16")
    return asked


def _computes_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bf16 itself: elsewhere it is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def describe_model(device: torch.device) -> str:
    """What kind of device it is."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return device.type


def describe_machine(device: torch.device) -> str:
    """Processor and device, for figures that depend on them."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):  # Linux tells the model nowhere else
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        processor = next(models, processor)
    return f"{processor}, {describe(device)}"


def describe(device: torch.device) -> str:
    """Name and memory of a device, for people."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        return f"{device} ({name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free)"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return str(device)

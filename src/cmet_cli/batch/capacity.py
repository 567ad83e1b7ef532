"""How many workers a machine bears, and how many threads each may have."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError

MAX_WORKERS = 256
WORKERS_PER_GPU = 2  # one decodes and encodes while the other renders
WORKER_BYTES = 700 << 20  # torch, OpenCV and buffers, without any weights
WEIGHT_COPIES = 2.5  # while they are loaded and folded


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_bytes() -> int | None:
    """Memory that could be had, by the system or the container; ``None`` where neither tells."""
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(line for line in lines if line.startswith("MemAvailable"))
        found.append(int(available.split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        found.append(limit - int((group / "memory.current").read_text()))
    return min(found) if found else None


def auto_workers(devices: Sequence[str], rows: int, weight_bytes: int) -> int:
    """CPU: a worker per core, as memory allows; GPU: two on each, as cores allow."""
    on_gpu = [d for d in devices if not d.startswith("cpu")]
    wanted = len(on_gpu) * WORKERS_PER_GPU if on_gpu else cores()
    memory = free_bytes()
    if memory is not None:
        wanted = min(wanted, int(memory // (WORKER_BYTES + WEIGHT_COPIES * weight_bytes)))
    return max(1, min(wanted, rows, MAX_WORKERS))


def threads_each(workers: int, most: int | None = None) -> int:
    """The cores, shared out."""
    return max(1, (most or cores()) // workers)


def parse_workers(text: str) -> int:
    """``auto`` -> 0. Raises :class:`UsageError`."""
    if text == "auto":
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= MAX_WORKERS:
        raise UsageError(f"workers must be auto or 1 to {MAX_WORKERS}, got '{text}'")
    return int(text)

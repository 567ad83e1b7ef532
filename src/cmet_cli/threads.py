"""How many threads networks use on the processor, whoever runs them."""

from __future__ import annotations

import contextlib
import os
import sys

_VARIABLE = "OMP_NUM_THREADS"


def thread_count() -> int:
    """Of this process: as many as torch was told to use, else as OpenMP was, else one a core."""
    if "torch" in sys.modules:
        count: int = sys.modules["torch"].get_num_threads()
        return count
    with contextlib.suppress(KeyError, ValueError):
        return max(1, int(os.environ[_VARIABLE].split(",")[0]))  # of nested loops the outermost
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_threads(count: int) -> None:
    """So many from here on; torch is told once it is there."""
    os.environ[_VARIABLE] = str(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)

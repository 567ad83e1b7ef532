"""How many frames an accelerator should be given at once: tried out, and remembered."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

import torch

from ..cache import cache_folder, write_whole

CANDIDATES = (1, 4, 8, 16, 32, 64)
#: A larger batch must be so much faster a frame to be worth its memory, and its longer wait.
WORTH = 0.95
#: A frame that costs no more than this is done before the next one is decoded: what is gained with
#: still larger batches, waiting for them loses.
ENOUGH_S = 5e-4
BUDGET_S = 3.0
FILE = "batch.json"


def remembered_batch(key: str, run: Callable[[int], object]) -> int:
    """The best batch size for ``key`` (device, networks, number format); run: does that many frames
    and waits for them."""
    path = cache_folder() / FILE
    known: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        known = {str(k): int(v) for k, v in json.loads(path.read_text("utf-8")).items()}
    if known.get(key) in CANDIDATES:
        return known[key]
    known[key] = best_batch(run)
    write_whole(path, json.dumps(known, indent=1).encode())
    return known[key]


def best_batch(run: Callable[[int], object], clock: Callable[[], float] = time.perf_counter) -> int:
    """Ever larger ones until a frame gets no cheaper, memory ends, or the time for trying does."""
    best, best_s = 1, float("inf")
    with contextlib.suppress(torch.OutOfMemoryError):
        run(1)  # the very first call builds kernels and plans: longer than all trying, maybe
    begun = clock()
    for size in CANDIDATES:
        if clock() - begun + 2 * size * best_s > BUDGET_S and size > 1:
            break
        try:
            run(size)  # warms up
            start = clock()
            run(size)
        except torch.OutOfMemoryError:
            break
        a_frame_s = (clock() - start) / size
        if a_frame_s > WORTH * best_s:
            break
        best, best_s = size, a_frame_s
        if best_s < ENOUGH_S:
            break
    return best

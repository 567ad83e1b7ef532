"""Pictures of a batch computed side by side on a CPU, the threads shared out among them: threads of
one convolution wait for each other, most of all where a decoder and an encoder want cores too."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

from ..lasting import lasting_pool

#: More pictures at once would need more memory than they save time.
MOST = 16
#: Smaller ones are done in less time than Python needs to ask for so many at once.
LARGE_PX = 128

R = TypeVar("R")


@cache
def _pool() -> ThreadPoolExecutor:
    return lasting_pool(MOST, "pictures")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads are not forked


def shares(pictures: int, size_px: int, device: torch.device) -> int:
    """Into how many parts so many pictures are best divided there: 1 is all of them together."""
    if device.type != "cpu" or size_px < LARGE_PX:
        return 1
    return max(1, min(pictures, torch.get_num_threads(), MOST))


def side_by_side(work: Callable[..., R], parts: Sequence[tuple[object, ...]]) -> list[R]:
    """``work`` on the arguments of each part, in inference mode, by its share of the threads; in
    order."""
    if len(parts) == 1:
        return [work(*parts[0])]
    threads = torch.get_num_threads()

    def alone(part: tuple[object, ...]) -> R:
        torch.set_num_threads(max(1, threads // len(parts)))
        with torch.inference_mode():
            return work(*part)

    try:
        return list(_pool().map(alone, parts))
    finally:
        torch.set_num_threads(threads)  # of this thread, and of those that are still to come

"""Networks at work in a thread of their own, one step ahead of whoever uses what they make."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from ..lasting import lasting_pool

T = TypeVar("T")
R = TypeVar("R")

#: One for each device, as long as the process lives: what cuDNN plans and the threads OpenMP begins
#: belong to the thread that first needed them, and a new one would begin again.
_NETWORKS: dict[torch.device, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_NETWORKS.clear)  # threads are not forked


def ahead(
    work: Callable[[T], R], items: Iterable[T], device: torch.device
) -> Iterator[tuple[T, R]]:
    """Each item and what ``work`` makes of it there, in order. While one is used the next is made.

    Whoever does not want the rest closes the iterator: nothing is at work any more afterwards.
    """
    networks = _NETWORKS.get(device) or _NETWORKS.setdefault(device, lasting_pool(1, "networks"))
    threads, begun = torch.get_num_threads(), deque[tuple[T, Future[R]]]()

    def made(item: T) -> R:
        if torch.get_num_threads() != threads:  # which every thread has its own number of
            torch.set_num_threads(threads)
        return work(item)

    try:
        for item in items:
            begun.append((item, networks.submit(made, item)))
            if len(begun) > 1:
                ready, future = begun.popleft()
                yield ready, future.result()
        while begun:
            ready, future = begun.popleft()
            yield ready, future.result()
    finally:
        wait([future for _, future in begun if not future.cancel()])

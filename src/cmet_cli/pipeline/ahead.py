"""Networks at work in a thread of their own, one step ahead of whoever uses what they make."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from ..backends.compute import Device, HostDevice
from ..lasting import lasting_pool

T = TypeVar("T")
R = TypeVar("R")

#: One for each device, as long as the process lives: what cuDNN plans and the threads OpenMP begins
#: belong to the thread that first needed them, and a new one would begin again.
_NETWORKS: dict[Device, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_NETWORKS.clear)  # threads are not forked


def ahead(work: Callable[[T], R], items: Iterable[T], device: Device) -> Iterator[tuple[T, R]]:
    """Each item and what ``work`` makes of it there, in order. While one is used the next is made.

    Whoever does not want the rest closes the iterator: nothing is at work any more afterwards.
    """
    networks = _NETWORKS.get(device) or _NETWORKS.setdefault(device, lasting_pool(1, "networks"))
    begun = deque[tuple[T, Future[R]]]()
    made = work if isinstance(device, HostDevice) else _with_our_threads(work)

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


def _with_our_threads(work: Callable[[T], R]) -> Callable[[T], R]:
    """As many of torch's as there are here: every thread has its own number of them."""
    import torch

    threads = torch.get_num_threads()

    def made(item: T) -> R:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        return work(item)

    return made

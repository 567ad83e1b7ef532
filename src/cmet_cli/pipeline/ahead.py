"""Networks at work in a thread of their own, one step ahead of whoever uses what they make."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: One for the whole process: what cuDNN plans and the threads OpenMP begins belong to the thread
#: that first needed them, and a new one would begin again.
_NETWORKS = ThreadPoolExecutor(1, "networks")


def ahead(work: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Each item and what ``work`` makes of it, in order. While one is used the next is made.

    Whoever does not want the rest closes the iterator: nothing is at work any more afterwards.
    """
    begun: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            begun.append((item, _NETWORKS.submit(work, item)))
            if len(begun) > 1:
                ready, made = begun.popleft()
                yield ready, made.result()
        while begun:
            ready, made = begun.popleft()
            yield ready, made.result()
    finally:
        for _, made in begun:
            made.cancel()
        wait([made for _, made in begun])

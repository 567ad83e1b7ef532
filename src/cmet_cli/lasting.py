"""Threads that last as long as the process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def lasting_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """A pool of so many threads, all of them begun.

    An interruption that comes while the main thread begins a pool's thread leaves one that Python
    does not know of, and waits for without end when the process is over. So another thread begins
    them, which is never interrupted.
    """
    pool, together = ThreadPoolExecutor(threads, name), threading.Barrier(threads)

    def begin() -> None:
        for waits in [pool.submit(together.wait) for _ in range(threads)]:
            waits.result()

    beginner = threading.Thread(target=begin, name=f"{name} begin")
    beginner.start()
    beginner.join()
    return pool

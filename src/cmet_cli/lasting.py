"""Threads that last as long as the process."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor


def lasting_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """A pool of so many threads, all of them begun: or fewer, where the system has no more.

    An interruption that comes while the main thread begins a pool's thread leaves one that Python
    does not know of, and waits for without end when the process is over. So another thread begins
    them, which is never interrupted.
    """
    pool, all_begun = ThreadPoolExecutor(threads, name), threading.Event()

    def begin() -> None:
        with contextlib.suppress(RuntimeError):  # whoever then asks the pool is told
            for _ in range(threads):
                pool.submit(all_begun.wait)
        all_begun.set()

    beginner = threading.Thread(target=begin, name=f"{name} begin")
    beginner.start()
    beginner.join()
    return pool

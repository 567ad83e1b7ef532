"""One run at a time in an output folder. The system lets go of the lock when its holder dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from ..errors import UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "lock"


@contextlib.contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises :class:`UsageError` naming who holds it.

    A lock file left by a dead process is no lock: the kernel's own lock on it is what counts, and
    where there is none of those, whether its process still lives.
    """
    path = folder / LOCK
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _take(file, path):
            raise UsageError(
                f"another run is at work in {folder.parent} ({_holder(path)})",
                "wait for it, end it, or give another --output-dir",
            )
        os.ftruncate(file, 0)
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname()})
        os.pwrite(file, text.encode(), 0) if hasattr(os, "pwrite") else os.write(
            file, text.encode()
        )
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def _take(file: int, path: Path) -> bool:
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks
    return not _alive(path)


def _alive(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, KeyError):
        told = json.loads(path.read_text())
        if told["host"] != socket.gethostname():
            return True  # cannot be asked from here
        os.kill(int(told["pid"]), 0)
        return int(told["pid"]) != os.getpid()
    return False


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError):
        told = json.loads(path.read_text())
        return f"process {told['pid']} on {told['host']}"
    return "its process is not known"

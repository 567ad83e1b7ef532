"""What an error in a row means: its one line, whether to try again, whether the worker is spent."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from ..errors import CmetError, DeviceError, WeightsError

#: System errors that may pass by themselves: busy, out of memory or handles, a network drive away.
PASSING = frozenset(
    getattr(errno, name)
    for name in ("EAGAIN", "EBUSY", "EIO", "EINTR", "ENFILE", "EMFILE", "ENOMEM", "ESTALE")
    + ("ETIMEDOUT", "ECONNRESET", "EHOSTDOWN", "ENETUNREACH")
    if hasattr(errno, name)
)
_PASSING_WORDS = ("did not finish within", "could not be started", "while it was being edited")
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")


@dataclass(frozen=True)
class Failure:
    """transient: another try may go better; poisoned: the process it happened in is unusable."""

    error: str
    hint: str = ""
    transient: bool = False
    poisoned: bool = False


def is_out_of_memory(error: BaseException) -> bool:
    """Of the GPU, or of the machine where it said so politely."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY_WORDS)


def judge(error: Exception) -> Failure:
    """Any exception of a row, in one line."""
    if is_out_of_memory(error):
        return Failure("out of memory", "use fewer --workers or a smaller --batch-size", True, True)
    if isinstance(error, CmetError):
        passing = any(words in error.message for words in _PASSING_WORDS)
        broken = isinstance(error, WeightsError | DeviceError)
        return Failure(_line(error.message), _line(error.hint), passing or broken, broken)
    if isinstance(error, FileNotFoundError):
        return Failure(f"not found any more: {error.filename}", "it was there at the check")
    if isinstance(error, OSError):
        what = f"{error.filename or 'system'}: {error.strerror or error}"
        return Failure(_line(what), transient=error.errno in PASSING)
    text = _line(f"{type(error).__name__}: {error}")
    if isinstance(error, RuntimeError) and "CUDA error" in text:
        return Failure(text, "the worker was started afresh", True, True)
    return Failure(text, "this is a bug in cmet; report it with .cmet/workers.log")


def _line(text: str) -> str:
    """The first line, printable."""
    first = next(iter(text.strip().splitlines()), "")
    return "".join(c if c.isprintable() else " " for c in first)[:500]

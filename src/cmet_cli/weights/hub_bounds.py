"""Bounds on what a Hub may send: whoever answers, a download ends, and so does the memory it takes.

The Hub client reads an answer to its end, however long that is. Within :func:`bounded` its answers
are counted as they come in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from huggingface_hub.utils import get_session

from ..errors import HubError

#: An answer that is not a file: metadata, one page of a listing. The largest seen are 1 % of this.
API_BYTES = 8 << 20
#: Compressed, a thousand times as much may come out.
COMPRESSED_API_BYTES = API_BYTES // 32
CODINGS = ("", "identity", "gzip", "deflate")
#: Redirects, pages and retries of one request.
MAX_ANSWERS = 64
#: After so long an answer must have kept this pace, or it is given up.
PATIENCE_S = 60.0
SLOWEST_BYTES_PER_S = 1000


class Bounds:
    """What the answers to one request may add up to."""

    def __init__(self, what: str, most_bytes: int) -> None:
        self._what, self._most = what, most_bytes
        self._bytes = self._answers = 0

    def admit(self, response: Any) -> None:
        """Called by the Hub client with every answer, before its body is read."""
        self._answers += 1
        if self._answers > MAX_ANSWERS:
            raise HubError(f"{self._what}: the Hub keeps sending us elsewhere", NOT_A_HUB)
        coding = response.headers.get("Content-Encoding", "")
        if coding not in CODINGS:
            raise HubError(f"{self._what}: the Hub answered in an unknown coding", NOT_A_HUB)
        if coding and self._most <= API_BYTES:
            self._most = min(self._most, COMPRESSED_API_BYTES)
        response.stream = _counted(response.stream.__class__)(response.stream, self)

    def count(self, n: int, elapsed_s: float, received: int) -> None:
        """Bytes that came in; of this answer ``received`` in ``elapsed_s`` seconds."""
        self._bytes += n
        if self._bytes > self._most:
            raise HubError(f"{self._what}: the Hub sends more than it announced", NOT_A_HUB)
        if elapsed_s > PATIENCE_S and received < SLOWEST_BYTES_PER_S * elapsed_s:
            raise HubError(
                f"{self._what}: the Hub sends too slowly ({received} bytes in {elapsed_s:.0f} s)",
                "try again later, or copy the file by hand and give it with --weights-dir",
            )


NOT_A_HUB = "is the address that of a Hub (HF_ENDPOINT), and is no login page or proxy in between?"


@contextmanager
def bounded(what: str, most_bytes: int = API_BYTES) -> Iterator[None]:
    """Within the block this thread's answers from the Hub may have ``most_bytes`` in all.

    Raises :class:`HubError` from within the client's call.
    """
    bounds, thread = Bounds(what, most_bytes), threading.get_ident()

    def admit(response: Any) -> None:
        if threading.get_ident() == thread:
            bounds.admit(response)

    hooks = get_session().event_hooks["response"]
    hooks.append(admit)
    try:
        yield
    finally:
        hooks.remove(admit)


@cache
def _counted(kind: Any) -> Any:
    """A byte stream of the client's HTTP library, whichever that is, that counts."""
    base = next(c for c in kind.__mro__ if c.__name__ == "SyncByteStream")

    class CountedStream(base):  # type: ignore[misc, valid-type]
        def __init__(self, stream: Any, bounds: Bounds) -> None:
            self._stream, self._bounds = stream, bounds

        def __iter__(self) -> Iterator[bytes]:
            start, received = time.monotonic(), 0
            for chunk in self._stream:
                received += len(chunk)
                self._bounds.count(len(chunk), time.monotonic() - start, received)
                yield chunk

        def close(self) -> None:
            self._stream.close()

    return CountedStream

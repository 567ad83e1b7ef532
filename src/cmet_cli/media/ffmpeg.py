"""Running ffmpeg: argv lists, never a shell, its last words in the error, and no hang."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from ..errors import MediaError, UsageError
from .program import find_ffmpeg

SHORT_RUN_TIMEOUT_S = 120.0
STALL_S = 120.0  # a running ffmpeg that neither gives nor takes a byte for so long is ended
GRACE_S = 10.0  # from the end of its stderr to its own
STDERR_LINES_KEPT = 40
_NOISE = ("Press [q]", "frame=", "  lib", "Last message repeated", "Conversion failed")
_CONSEQUENCES = (
    "Output file is empty",
    "Terminating thread",
    "marking filters",
    "muxing overhead",
    "Task finished",
    "before EOF",
    "after EOF",
)
NO_WORDS = "no message"
#: Pictures whose names ffmpeg takes for those of a series, and what of a name it does that for.
PICTURES = frozenset(
    [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".tga", ".jp2", ".j2k"]
    + [".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".exr", ".dpx", ".sgi", ".pcx", ".xbm", ".jxl"]
)
_SEQUENCE = re.compile(r"%[0-9]*d")
#: What is left of a URL that was taken for a path.
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
NOT_FETCHED = "download it first; `cmet batch` takes URLs"
FULL_DISK = ("No space left on device", "File too large", "Disk quota exceeded")


def file_url(path: Path) -> str:
    """A path as ffmpeg takes it, whatever its name looks like (``-x.mp4``, ``a:b.mp4``).

    For :func:`run_short` and :class:`FfmpegProcess` only, which give names of no text their bytes
    back: ffmpeg-python wants text all the way.
    """
    return f"file:{path}".translate(_AS_TEXT)


#: Python's stand-ins for undecodable bytes <-> characters for private use.
_AS_TEXT = {0xDC00 + byte: 0x10FF00 + byte for byte in range(0x80, 0x100)}
_AS_BYTES = {private: byte for byte, private in _AS_TEXT.items()}


def _argv(arguments: list[str], program: str | None = None) -> list[str]:
    front = [program] if program else base_argv()
    return [*front, *(argument.translate(_AS_BYTES) for argument in arguments)]


def base_argv() -> list[str]:
    return [find_ffmpeg(), "-hide_banner", "-nostdin", "-nostats"]


def check_input(path: Path, what: str, most_bytes: int | None = None) -> None:
    """Refuse what no decoder should be asked to open. most_bytes: for what is read as a whole.
    Raises :class:`UsageError`."""
    try:
        if not path.exists():
            broken = " (a link that leads nowhere)" if path.is_symlink() else ""
            hint = NOT_FETCHED if _URL.match(str(path)) else ""
            raise UsageError(f"{what} not found: {path}{broken}", hint)
        if path.is_dir():
            raise UsageError(f"{what} is a folder: {path}", "name a file in it")
        if _SEQUENCE.search(path.name) and path.suffix.lower() in PICTURES:
            raise UsageError(
                f"{what}: ffmpeg takes a % and d in a picture's name for a number: {path}",
                "give it another name",
            )
        if not path.is_file():  # a pipe, a device: opening one may wait for ever
            raise UsageError(f"{what} is not a file: {path}")
        if path.stat().st_size == 0:
            raise UsageError(f"{what} is empty: {path}")
        if most_bytes is not None and path.stat().st_size > most_bytes:
            raise UsageError(f"{what} is larger than {most_bytes >> 20} MiB: {path}")
        if not os.access(path, os.R_OK):
            raise UsageError(f"{what} cannot be read (permissions): {path}")
    except (OSError, ValueError, RuntimeError) as error:  # a loop, no permission, an odd name
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{what} cannot be opened: {path} ({reason})") from error


def run_short(
    arguments: list[str],
    timeout_s: float = SHORT_RUN_TIMEOUT_S,
    *,
    program: str | None = None,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg to its end and capture everything. A run past its time is an error, not a hang.

    program: another one of the family, ffprobe, with all its arguments; pass_fds: open files that
    it may use, as ``/dev/fd/N``.
    """
    try:
        return subprocess.run(
            _argv(arguments, program),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            pass_fds=pass_fds,
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(
            f"ffmpeg did not finish within {timeout_s:.0f} s", transient=True
        ) from error
    except OSError as error:
        raise MediaError(f"ffmpeg could not be started: {error}", transient=True) from error


def last_words(lines: list[str] | str) -> str:
    """The most telling line of ffmpeg's stderr, for an error message."""
    lines = lines.splitlines() if isinstance(lines, str) else lines
    useful = [s.strip() for s in lines if s.strip() and not s.strip().startswith(_NOISE)]
    useful = [s for s in useful if not any(c in s for c in _CONSEQUENCES)]
    for words in FULL_DISK:
        if any(words in line for line in useful):
            return words
    return (_telling(useful) or useful or [NO_WORDS])[-1][:300]


def complaint(text: str) -> str:
    """The most telling line, or nothing where none complains."""
    lines = [s.strip() for s in text.splitlines() if not any(c in s for c in _CONSEQUENCES)]
    return (_telling(lines) or [""])[-1][:300]


def _telling(lines: list[str]) -> list[str]:
    return [s for s in lines if "rror" in s or "nvalid" in s or "not " in s or "missing" in s]


class FfmpegProcess:
    """A running ffmpeg with piped stdin or stdout; its stderr is drained by a thread.

    Use as a context manager: leaving the block, by success or error, ends the process. ``read``
    and ``write`` end it too once it has been silent for ``stall_s`` while they waited.
    """

    def __init__(
        self,
        arguments: list[str],
        *,
        feed: bool = False,
        on_line: Callable[[str], None] | None = None,
        stall_s: float | None = None,
    ) -> None:
        try:
            self._process = subprocess.Popen(
                _argv(arguments),
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C reaches the whole group; we end ffmpeg ourselves, in order.
                start_new_session=True,
            )
        except OSError as error:
            raise MediaError(f"ffmpeg could not be started: {error}", transient=True) from error
        self._tail: deque[str] = deque(maxlen=STDERR_LINES_KEPT)
        self._on_line = on_line
        self._stall_s = STALL_S if stall_s is None else stall_s
        self._waiting_since: float | None = None
        self._stalled = False
        self._over = threading.Event()
        self._drain = threading.Thread(target=self._read_stderr, daemon=True)
        self._watch = threading.Thread(target=self._end_if_stalled, daemon=True)
        self._drain.start()
        self._watch.start()

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for raw in self._process.stderr:
            line = raw.decode(errors="replace").rstrip()
            if self._on_line is not None:
                self._on_line(line)
            self._tail.append(line)

    def _end_if_stalled(self) -> None:
        while not self._over.wait(min(1.0, self._stall_s / 4)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._stall_s:
                self._stalled = True
                self._kill()
                return

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None
        if self._stalled:
            raise MediaError(f"ffmpeg stood still for {self._stall_s:.0f} s and was ended")

    def read_into(self, view: memoryview) -> int:
        """Fill a buffer with output; -> bytes got, fewer than asked for only at the end."""
        filled = 0
        while filled < len(view):
            with self._waiting():
                got = self.stdout.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                break
            filled += got
        return filled

    def write(self, data: bytes | memoryview) -> None:
        """Give ffmpeg input. Raises ``BrokenPipeError`` where it has ended by itself."""
        try:
            with self._waiting():
                self.stdin.write(data)
        except OSError:
            with self._waiting():  # says so where it was ended for standing still
                pass
            raise

    @property
    def stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def said(self, words: str) -> bool:
        """Whether a recent line of stderr holds ``words``."""
        return any(words in line for line in self._tail)

    @property
    def last_words(self) -> str:
        """What it last complained about, or which signal ended it."""
        code = self._process.poll()
        if code is not None and code < 0 and not self._stalled:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            return "File too large" if name == "SIGXFSZ" else f"ffmpeg was ended by {name}"
        return last_words(list(self._tail))

    def wait(self, timeout_s: float = SHORT_RUN_TIMEOUT_S) -> int:
        """Exit code, after all of stderr has been read."""
        # Its stderr ends when it does, and that is noticed at once: waiting for a process with a
        # timeout looks for its end again after ever longer sleeps.
        started = time.monotonic()
        self._drain.join(timeout_s)
        try:
            return self._process.wait(max(GRACE_S, timeout_s - (time.monotonic() - started)))
        except subprocess.TimeoutExpired as error:
            raise MediaError(
                f"ffmpeg did not finish within {timeout_s:.0f} s", transient=True
            ) from error

    def _kill(self) -> None:
        try:  # it leads a group of its own
            os.killpg(self._process.pid, signal.SIGKILL)
        except (AttributeError, OSError):
            self._process.kill()

    def close(self) -> None:
        """End the process if it still runs, and free its pipes."""
        self._over.set()
        if self._process.poll() is None:
            self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()
        self._drain.join(5)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> FfmpegProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

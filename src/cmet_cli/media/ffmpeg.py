"""Finding ffmpeg and running it: argv lists, never a shell, and its last words in the error."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import IO

from ..errors import MediaError, UsageError

SHORT_RUN_TIMEOUT_S = 120.0
STDERR_LINES_KEPT = 40
OLDEST_VERSION = (5, 1)
_NOISE = ("Press [q]", "frame=", "  lib", "Last message repeated", "Conversion failed")


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """``$CMET_FFMPEG``, else a recent ffmpeg on PATH, else the one imageio-ffmpeg ships."""
    chosen = os.environ.get("CMET_FFMPEG")
    if chosen:
        if not shutil.which(chosen):
            raise MediaError(f"CMET_FFMPEG is not a program: {chosen}", "unset it, or correct it")
        return chosen
    on_path = shutil.which("ffmpeg")
    if on_path and _is_recent(on_path):
        return on_path
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise MediaError(
            "no ffmpeg found", "install ffmpeg, or `pip install imageio-ffmpeg`"
        ) from error


def _is_recent(program: str) -> bool:
    """Whether an ffmpeg knows the options used here (5.1 and later; development builds do)."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        text = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
        number = re.match(r"ffmpeg version n?(\d+)\.(\d+)", text)
        return number is None or (int(number[1]), int(number[2])) >= OLDEST_VERSION
    return False


def ffmpeg_version() -> str:
    """First line of ``ffmpeg -version``, e.g. ``ffmpeg version 7.1``."""
    text = run_short(["-version"]).stdout.decode(errors="replace")
    return text.splitlines()[0].split(" Copyright")[0] if text else "unknown"


def file_url(path: Path) -> str:
    """A path as ffmpeg takes it, whatever its name looks like (``-x.mp4``, ``a:b.mp4``)."""
    return f"file:{path}"


def base_argv() -> list[str]:
    return [find_ffmpeg(), "-hide_banner", "-nostdin", "-nostats"]


def check_input(path: Path, what: str) -> None:
    """Refuse what no decoder should be asked to open. Raises :class:`UsageError`."""
    if not path.exists():
        raise UsageError(f"{what} not found: {path}")
    if not path.is_file():
        raise UsageError(f"{what} is not a file: {path}")
    if path.stat().st_size == 0:
        raise UsageError(f"{what} is empty: {path}")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{what} cannot be read (permissions): {path}")


def run_short(
    arguments: list[str], timeout_s: float = SHORT_RUN_TIMEOUT_S
) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg to its end and capture everything. A run past its time is an error, not a hang."""
    try:
        return subprocess.run(
            [*base_argv(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
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
    for line in useful:
        if "No space left" in line:
            return "No space left on device"
    telling = [s for s in useful if "rror" in s or "nvalid" in s or "not " in s]
    return (telling or useful or ["no message"])[-1][:300]


class FfmpegProcess:
    """A running ffmpeg with piped stdin or stdout; its stderr is drained by a thread.

    Use as a context manager: leaving the block, by success or error, ends the process.
    """

    def __init__(
        self, arguments: list[str], *, feed: bool = False, on_line: object | None = None
    ) -> None:
        try:
            self._process = subprocess.Popen(
                [*base_argv(), *arguments],
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
        self._drain = threading.Thread(target=self._read_stderr, daemon=True)
        self._drain.start()

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for raw in self._process.stderr:
            line = raw.decode(errors="replace").rstrip()
            if callable(self._on_line):
                self._on_line(line)
            self._tail.append(line)

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
        return last_words(list(self._tail))

    def wait(self, timeout_s: float = SHORT_RUN_TIMEOUT_S) -> int:
        """Exit code, after all of stderr has been read."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise MediaError(
                f"ffmpeg did not finish within {timeout_s:.0f} s", transient=True
            ) from error
        self._drain.join(timeout_s)
        return code

    def close(self) -> None:
        """End the process if it still runs, and free its pipes."""
        if self._process.poll() is None:
            self._process.kill()
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

"""The ``cmet`` command: runs what was asked for and turns errors into one line and a code."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
import traceback
from types import FrameType

import typer

from ..errors import CmetError, MediaError
from .commands import command_line
from .console import State, error_console, print_error

EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 2, 130, 143
#: Commands that make a video take the one they begin with as an option, as theirs are many inputs;
#: those that look at one take it by itself.
MAKING, LOOKING = ("edit", "sweep"), ("inspect", "faces", "timeline", "evaluate")
CLEARING_UP_S = 5.0


class _Stop:
    """Ctrl-C and SIGTERM unwind the run, so that temporary files go.

    Further ones that come while it clears up are let pass: they would leave files behind.
    """

    def __init__(self) -> None:
        self._since_s, self._code = -CLEARING_UP_S, 0
        signal.signal(signal.SIGTERM, self)
        # One that is ignored (nohup, a background job) stays ignored.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if now_s - self._since_s < CLEARING_UP_S:
            return
        self._since_s = now_s
        self._code = EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_TERMINATED
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(EXIT_TERMINATED)

    @property
    def code(self) -> int | None:
        """The exit code, if one has come just now: what goes wrong then comes of it (a library that
        is stopped within an import or a context of its own makes another error of it)."""
        return self._code if time.monotonic() - self._since_s < CLEARING_UP_S else None


def _interrupted(ended: SystemExit) -> bool:
    """Typer turns Ctrl-C into an exit without a word."""
    cause = ended.__context__
    return isinstance(cause, typer.Exit) and isinstance(cause.__cause__, KeyboardInterrupt)


def _say_interrupted() -> None:
    error_console().print("interrupted; nothing was left half-written")


def main() -> None:
    """Parse the arguments, run the command, and exit with its code."""
    # torch's threads spin while they wait, which costs a busy machine most of its speed: with one
    # other process on two cores an edit took 30 s so, 3 s with sleeping threads, alone the same.
    # A short spin before they sleep costs little there, and halves the time of small networks.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    stop = _Stop()
    for stream in (sys.stdout, sys.stderr):  # names of files need not be text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        command_line(sys.argv[1:])(standalone_mode=True)
    except SystemExit as ended:
        if _interrupted(ended):
            _say_interrupted()
        elif ended.code == EXIT_USAGE and (hint := video_hint(sys.argv[1:])):
            typer.echo(hint, err=True)
        raise
    except Exception as error:
        if State.verbose:
            traceback.print_exc()
        if (code := stop.code) is not None:
            if code == EXIT_INTERRUPTED:
                _say_interrupted()
            sys.exit(code)
        if isinstance(error, CmetError | OSError | MemoryError):
            sys.exit(print_error(_as_cmet_error(error)))
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "this is a bug in cmet; run again with --verbose and report it"
        sys.exit(print_error(CmetError(what, hint)))


def video_hint(arguments: list[str]) -> str | None:
    """How a command wants its video named, where it was named in the other way."""
    command, given = (arguments or [""])[0], arguments[1:]
    named = any(word.split("=")[0] in ("--video", "-v") for word in given)
    if command in MAKING and given and not named and not given[0].startswith("-"):
        return f"hint: the video is named by --video: cmet {command} --video {given[0]}"
    if command in LOOKING and named:
        return f"hint: the video is named without --video: cmet {command} VIDEO"
    return None


def _as_cmet_error(error: Exception) -> CmetError:
    if isinstance(error, CmetError):
        return error
    if isinstance(error, MemoryError):
        return CmetError("out of memory", "use a smaller --batch-size")
    return MediaError(f"{getattr(error, 'filename', None) or 'system'}: {error.args[-1]}")

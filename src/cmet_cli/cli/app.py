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

from ..errors import CmetError, MediaError, UsageError
from .commands import command_line
from .console import State, error_console, print_error

EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 2, 130, 143
#: Commands that make a video take the one they begin with as an option, as theirs are many inputs;
#: those that look at one take it by itself.
MAKING = ("edit", "sweep")
LOOKING = {"inspect": "VIDEO", "faces": "VIDEO", "timeline": "VIDEO", "evaluate": "BEFORE AFTER"}
#: What Typer raises for arguments that make no sense: the first of its public kinds that has words.
_Unreadable: type[Exception] = next(
    kind for kind in reversed(typer.BadParameter.__mro__) if hasattr(kind, "format_message")
)
#: Words of Typer's validation that say nothing to people.
_OF_VALIDATION = (
    *("Value error, ", ", unable to parse string as an integer"),
    ", unable to parse string as a number",
)
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
    arguments = sys.argv[1:]
    State.json = "--json" in arguments  # also where the rest of them makes no sense
    try:
        ended = command_line(arguments)(prog_name="cmet", standalone_mode=False)
        if ended == EXIT_INTERRUPTED and stop.code is not None:
            _say_interrupted()
        sys.exit(ended if isinstance(ended, int) else 0)
    except _Unreadable as error:
        sys.exit(_print_unreadable(error, arguments))
    except Exception as error:
        if State.verbose:
            traceback.print_exc()
        if (code := stop.code) is not None:
            if code == EXIT_INTERRUPTED:
                _say_interrupted()
            sys.exit(code)
        if isinstance(error, typer.Abort):  # a question that was not answered
            sys.exit(print_error(CmetError("nothing was done")))
        if isinstance(error, CmetError | OSError | MemoryError):
            sys.exit(print_error(_as_cmet_error(error)))
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "this is a bug in cmet; run again with --verbose and report it"
        sys.exit(print_error(CmetError(what, hint)))


def _print_unreadable(error: Exception, arguments: list[str]) -> int:
    """Print what is wrong with the arguments, in a line, and return the exit code."""
    context = getattr(error, "ctx", None)
    message = error.format_message()  # type: ignore[attr-defined]
    if not message:  # no command was named, and help has been shown
        return EXIT_USAGE
    if "\n" in message:  # it is the help itself, where Typer does without Rich
        error.show()  # type: ignore[attr-defined]
        return EXIT_USAGE
    for words in _OF_VALIDATION:
        message = message.replace(words, "")
    message = message.rstrip(".")
    path = "cmet" if context is None else context.command_path
    return print_error(UsageError(message, video_hint(arguments) or f"see {path} --help"))


def video_hint(arguments: list[str]) -> str | None:
    """How a command wants its video named, where it was named in the other way."""
    command, given = (arguments or [""])[0], arguments[1:]
    named = any(word.split("=")[0] in ("--video", "-v") for word in given)
    if command in MAKING and given and not named and not given[0].startswith("-"):
        return f"the video is named by --video: cmet {command} --video {given[0]}"
    if command in LOOKING and named:
        return f"the video is named without --video: cmet {command} {LOOKING[command]}"
    return None


def _as_cmet_error(error: Exception) -> CmetError:
    if isinstance(error, CmetError):
        return error
    if isinstance(error, MemoryError):
        return CmetError("out of memory", "use a smaller --batch-size")
    what = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return MediaError(f"{getattr(error, 'filename', None) or 'system'}: {what}")

"""``python -m cmet_cli`` is ``cmet``: the command line, from its first import to its last word."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys


def main() -> None:
    """Entry point of the console script."""
    # What imports make is there to stay; looking through it for garbage took 0.2 s of importing
    # torch, and nearly as much of a short edit.
    gc.set_threshold(10_000, 20, 100)
    try:
        from .cli.app import main as run

        run()
    except KeyboardInterrupt:  # while importing; the command line answers its own
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    finally:
        _leave_quietly()


def _leave_quietly() -> None:
    """Everything is done: a signal or a full disk from here on gives no traceback, and Python does
    not look for garbage once more."""
    gc.freeze()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # one may have been closed
        try:
            stream.flush()
        except (OSError, ValueError):  # Python would try again when it ends
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()

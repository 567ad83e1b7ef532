"""What a forked process of the attack runs: the real command line, its libraries loaded before."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path


def run(
    argv: list[str],
    folder: str,
    environment: dict[str, str],
    largest_file: int | None,
    patience_s: float,
    stdout: Connection,
    stderr: Connection,
) -> None:
    """``cmet argv`` in ``folder``; exits as the command does."""
    from cmet_cli.__main__ import main

    for number, pipe in ((1, stdout), (2, stderr)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    os.chdir(folder)
    os.environ.update(environment)
    tempfile.tempdir = None
    Path("../begun").touch()
    if largest_file is not None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
    # Where it stands, should it hang: in the report of the hang.
    faulthandler.dump_traceback_later(patience_s - 5, file=sys.stderr)
    sys.argv = ["cmet", *argv]
    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code
        raise
    finally:
        # The fork server may lose the code on its way (the parent is then told 255).
        with contextlib.suppress(OSError):  # no room for it, where that is the attack
            Path("../ended").write_text(str(code or 0))

"""A signal ends a command with its own code, whatever a library makes of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, time
from cmet_cli.cli import app

def work(**_):
    number = {number}
    try:
        if number:
            os.kill(os.getpid(), number)
            time.sleep(5)
    except BaseException:
        if {swallowed}:
            return
    raise RuntimeError("a stack is empty")

app.command_line = lambda _: work
app.main()
"""


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        ("signal.SIGTERM", 143, ""),
        ("signal.SIGINT", 130, "interrupted; nothing was left half-written\n"),
        ("None", 1, "a stack is empty"),
    ],
)
def test_an_error_that_a_signal_became_is_no_bug(number, code, said):
    script = SCRIPT.format(number=number, swallowed=False)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    assert done.stderr == said if code > 1 else said in done.stderr
    assert ("bug in cmet" in done.stderr) == (code == 1)


def test_a_command_that_comes_to_its_end_all_the_same_has_done_its_work():
    script = SCRIPT.format(number="signal.SIGTERM", swallowed=True)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")

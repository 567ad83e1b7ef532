"""Faces found by a process of its own: the same ones, with their frames, and an end to it.

A fork needs a process that is one thread, which the tests' own is not: each begins another.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cmet_cli.media.held import HELD_BYTES
from cmet_cli.pipeline.early import SHARED_BYTES, may_fork

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")

WIDE = Path(__file__).parents[2] / "examples" / "wide.mp4"
BEGIN = """
import os, signal, sys, time
from pathlib import Path
from cmet_cli.pipeline import early as module
{before}
video = Path(sys.argv[1])
early = module.EarlyFind(video, "haar", None, "mini")
"""
TAKE = """
from cmet_cli.media.probe import probe_video
from cmet_cli.weights.folder import mini_folder
info, told = probe_video(video), []
key = module.find_key(info, "haar", mini_folder())
found = early.take(key, lambda _, done, total: told.append((done, total)))
"""


def begun(after: str, video: Path = WIDE, before: str = "") -> subprocess.Popen[str]:
    script = BEGIN.format(before=before) + after
    return subprocess.Popen(
        [sys.executable, "-c", script, str(video)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(after: str, video: Path = WIDE, before: str = "") -> str:
    with begun(after, video, before) as process:
        said, wrong = process.communicate(timeout=60)
    assert (process.returncode, wrong) == (0, "")
    return said


@pytest.fixture(scope="module")
def long(make_media) -> Path:
    """Nobody is in it, which takes long to find out."""
    return make_media("long_apart.mp4", "-f lavfi -i testsrc2=s=1280x720:r=25:d=20 -c:v libx264")


def wait_until_gone(pids: list[int]) -> None:
    latest = time.monotonic() + 10
    while pids and time.monotonic() < latest:
        pids = [pid for pid in pids if running(pid)]
        time.sleep(0.02)
    for pid in pids:  # not to be left behind by a test that fails
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not pids


def running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # of those nobody has asked after


#: The other process and its ffmpeg, once it reads the video.
TELL = """
early._begun.wait()
def children(pid):
    parts = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for part in parts for child in part.read_text().split()]
other = early._other.process.pid
while not children(other):
    time.sleep(0.01)
print(other, *children(other), flush=True)
"""


SELDOM = "module.TOLD_EVERY_S = 1e9"


def test_the_same_faces_and_frames_as_when_it_is_their_turn():
    said = run(
        TAKE
        + """
assert early._other is not None, "it is a process of its own"
assert early.take(module.find_key(info, "none", mini_folder()), print) is None
from itertools import zip_longest
import numpy as np
from cmet_cli.media.reader import FrameReader
from cmet_cli.pipeline.find import follow_faces
plain = follow_faces(info, "haar", mini_folder(), lambda *_: None)
assert found.ticks == plain.ticks
assert found.scale == plain.scale and found.frame_size == plain.frame_size
for one, other in zip_longest(found.people, plain.people):
    np.testing.assert_array_equal(one.boxes, other.boxes)
assert found.held.complete
with FrameReader(info) as reader:
    for frame, decoded in zip_longest(found.held.get(), reader):
        assert frame.index == decoded.index
        for plane, other in zip_longest(frame.planes, decoded.planes):
            np.testing.assert_array_equal(plane, other)
            assert plane.dtype == other.dtype and not plane.flags.writeable
assert told[-1] == (len(plain.ticks), len(plain.ticks))
early.close()
print("same")
"""
    )
    assert said == "same\n"


def test_the_end_is_told_however_seldom_it_tells():
    said = run(TAKE + "print(set(told) == {(len(found.ticks),) * 2})", before=SELDOM)
    assert said == "True\n"


def test_what_goes_wrong_is_told_where_the_faces_are_asked_for(make_media):
    blank = make_media("blank_apart.mp4", "-f lavfi -i color=gray:s=320x240:d=0.4 -c:v libx264")
    said = run(
        f"""
from cmet_cli.errors import FaceError
assert early._other is not None
try:
{TAKE.replace(chr(10), chr(10) + "    ")}
except FaceError as error:
    print(error.hint and error.message)
""",
        blank,
    )
    assert said == f"{blank}: no face was found in 10 frames by the detector 'haar'\n"


def test_a_file_that_is_no_video_is_left_to_the_edit(tmp_path):
    broken = tmp_path / "x.mp4"
    broken.write_bytes(b"no video")
    said = run("print(early._other is None, early.take(('anything',), print))", broken)
    assert said == "False None\n"


CLOSE = "early.close()\nassert not early._other.process.is_alive()"


@pytest.mark.parametrize("end", [CLOSE, "sys.exit()"])
def test_nobody_wants_it_any_more(long, end):
    """Leaving ends the process and its ffmpeg at once; so does the end of the program."""
    said = run(TELL + f"start = time.monotonic()\n{end}\nassert time.monotonic() - start < 4", long)
    wait_until_gone([int(pid) for pid in said.split()])


def test_whoever_asked_is_killed(long):
    with begun(TELL + "os.kill(os.getpid(), signal.SIGKILL)", long) as process:
        said, wrong = process.communicate(timeout=60)
    assert (process.returncode, wrong) == (-signal.SIGKILL, "")
    pids = [int(pid) for pid in said.split()]
    assert len(pids) == 2
    wait_until_gone(pids)


def test_a_ctrl_c_reaches_both_and_one_of_them_speaks(long):
    after = f"""
try:
    with early:
{TELL.replace(chr(10), chr(10) + "        ")}
        time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""
    with begun(after, long) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        os.killpg(process.pid, signal.SIGINT)
        said, wrong = process.communicate(timeout=60)
    assert (process.returncode, said, wrong) == (0, "interrupted\n", "")
    assert len(pids) == 2
    wait_until_gone(pids)


def test_where_the_other_process_is_killed_the_edit_looks_itself(long):
    said = run(TELL + "os.kill(other, signal.SIGKILL)\n" + TAKE + "print(found)", long)
    assert said.splitlines()[-1] == "None"


NOTED = """
import weakref
made, real = [], module.mmap
def noting(*how):
    memory = real(*how)
    made.append(weakref.ref(memory))
    return memory
module.mmap = noting
"""


def test_memory_is_let_go_of_with_the_frames():
    told = "print(made[0]() is None)\nfound.held.clear()\nprint(made[0]() is None)"
    assert run(TAKE + told, before=NOTED) == "False\nTrue\n"


NO_MEMORY = """
def none(*_):
    raise OSError("no memory")
module.mmap = none
"""
NO_FORK = """
def none():
    raise OSError("no processes")
os.fork = none
"""


@pytest.mark.parametrize(
    ("before", "expected"), [(NO_MEMORY, "False None 1"), (NO_FORK, "True True 1")]
)
def test_where_the_system_has_no_more(before, expected):
    """Without memory frames are decoded again, without processes it is a thread."""
    told = "print(early._other is None, found.held and found.held.complete, len(found.people))"
    assert run(TAKE + told, before=before) == f"{expected}\n"


@pytest.mark.parametrize("given", ["", "3"])
def test_what_both_need_is_loaded_once_and_changes_nothing(given):
    """With NumPy's own threads there could be no other process."""
    before = "os.environ.pop(module.BLAS_THREADS, None)\nassert 'numpy' not in sys.modules"
    before += f"\nos.environ[module.BLAS_THREADS] = {given!r}" if given else ""
    told = """
assert "numpy" in sys.modules and "cmet_cli.pipeline.find" in sys.modules
print(early._other is not None, os.environ.get("OPENBLAS_NUM_THREADS", ""))
early.close()
"""
    assert run(told, before=before) == f"True {given}\n"


def test_a_process_of_many_threads_is_not_forked():
    assert not may_fork()


def test_there_is_room_for_all_that_is_held():
    assert SHARED_BYTES == HELD_BYTES


def test_two_threads_do_not_import_opencv_at_once():
    """For a while its loader leaves a module in place that has no ``cv2.data``."""
    slow = """
import importlib
load = importlib.import_module
def slowly(name, package=None):
    loaded = load(name, package)
    if name == "cv2":
        time.sleep(0.5)
    return loaded
importlib.import_module = slowly
module.may_fork = lambda: False
"""
    beside = """
while early._thread.is_alive():
    there = sys.modules.get("cv2")
    if there and not hasattr(there, "__path__"):
        import cv2.data
    time.sleep(0.001)
import cv2.data
print(cv2.data.haarcascades)
"""
    assert "data" in run(beside, before=slow)

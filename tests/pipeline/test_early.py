"""Finding faces while the networks load: the same faces, the same errors, and an end to it.

Here by a thread, since the tests' process has others; ``test_early_apart.py`` has the fork.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
from toy import toy_model

from cmet_cli.errors import FaceError
from cmet_cli.media.probe import probe_video
from cmet_cli.options import no_progress
from cmet_cli.pipeline import find, read
from cmet_cli.pipeline.early import EarlyFind, find_key
from cmet_cli.pipeline.find import follow_faces
from cmet_cli.pipeline.read import VideoReader
from cmet_cli.weights.folder import mini_folder

WIDE = Path(__file__).parents[2] / "examples" / "wide.mp4"
MINI = mini_folder()


def own_children() -> set[int]:
    """Processes this one started that still run (Linux)."""
    listed = Path(f"/proc/{os.getpid()}/task")
    found: set[int] = set()
    for task in listed.iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that is over
            found |= set(map(int, (task / "children").read_text().split()))
    return found


def test_the_same_faces_as_when_it_is_their_turn():
    info = probe_video(WIDE)
    plain = follow_faces(info, "haar", MINI, no_progress)
    told: list[int] = []
    with EarlyFind(WIDE, "haar", None, "mini") as early:
        found = early.take(find_key(info, "haar", MINI), lambda _, done, __: told.append(done))
        assert found is not None
        assert early.take(find_key(info, "none", MINI), no_progress) is None, "another detector"
    assert found.ticks == plain.ticks
    for one, other in zip(found.people, plain.people, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)


def test_progress_goes_to_whoever_takes_over(monkeypatch):
    """What is slow after the take-over is shown to whom it is taken over by."""
    info, told, latest = probe_video(WIDE), list[int](), time.monotonic() + 10

    def slow(info, detector, weights_dir, progress, **_):
        while not told and time.monotonic() < latest:
            progress("finding faces", 7, 9)
            time.sleep(0.01)
        return "faces"

    monkeypatch.setattr(find, "follow_faces", slow)
    with EarlyFind(WIDE, "haar", None, "mini") as early:
        take = early.take(find_key(info, "haar", MINI), lambda _, done, __: told.append(done))
    assert take == "faces"
    assert told == [7]


def test_what_goes_wrong_is_told_where_the_faces_are_asked_for(make_media):
    blank = make_media("blank.mp4", "-f lavfi -i color=gray:s=320x240:d=0.4 -c:v libx264")
    info = probe_video(blank)
    with (
        EarlyFind(blank, "haar", None, "mini") as early,
        pytest.raises(FaceError, match="no face was found"),
    ):
        early.take(find_key(info, "haar", MINI), no_progress)


def test_a_file_that_is_no_video_is_left_to_the_edit(tmp_path):
    broken = tmp_path / "x.mp4"
    broken.write_bytes(b"no video")
    with EarlyFind(broken, "haar", None, "mini") as early:
        assert early.take(("anything",), no_progress) is None


@pytest.mark.skipif(not Path(f"/proc/{os.getpid()}/task").is_dir(), reason="needs /proc")
def test_nobody_wants_it_any_more(make_media):
    """Leaving ends the thread and its ffmpeg at once."""
    long = make_media("long.mp4", "-f lavfi -i testsrc2=s=640x360:r=25:d=20 -c:v libx264")
    before = own_children()
    start = time.monotonic()
    with EarlyFind(long, "haar", None, "mini") as early:
        early._begun.wait()
    assert time.monotonic() - start < 4
    assert not early._thread.is_alive()
    assert own_children() <= before


def test_a_reader_takes_it_over_and_looks_itself_at_other_videos(tmp_path, monkeypatch):
    reader, own = VideoReader(toy_model(tmp_path).backend, MINI), list[str]()

    def look(info, *_, **how):
        own.append(info.path.name)
        return follow_faces(info, "none", None, no_progress, **how)

    monkeypatch.setattr(read, "follow_faces", look)
    with EarlyFind(WIDE, "haar", None, "mini") as early:
        reader.early = early
        faces = reader._look(probe_video(WIDE), "haar", no_progress, True)
        assert len(faces.people) == 1
        assert own == []
        reader._look(probe_video(WIDE.with_name("neutral.mp4")), "haar", no_progress, True)
    assert own == ["neutral.mp4"]

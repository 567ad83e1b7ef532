"""A short video is decoded once for all passes, a long one again in each, with the same result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy import Constant, toy_model

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.media import reader as readers
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.options import no_progress
from cmet_cli.pipeline import look
from cmet_cli.pipeline.stopwatch import Stopwatch

ASKED = EditOptions(face_detector="none", paste="crop", lips="video", crf=0, detail="render")


@pytest.fixture(scope="module")
def moving(make_media) -> Path:
    return make_media(
        "moving.mkv",
        "-f lavfi -i testsrc2=s=64x48:r=25:d=0.6 -f lavfi -i sine=f=300:d=0.6:r=16000 "
        "-pix_fmt yuv420p -c:v libx264 -qp 0 -c:a pcm_s16le -shortest",
    )


@pytest.fixture
def decodings(monkeypatch) -> list[str]:
    """Grows by one for every time that frames are decoded."""
    begun: list[str] = []
    decode_argv = readers.decode_argv

    def noted(info, **how):
        begun.append(info.path.name)
        return decode_argv(info, **how)

    monkeypatch.setattr(readers, "decode_argv", noted)
    return begun


def planes(path: Path) -> list[tuple[np.ndarray, ...]]:
    with FrameReader(probe_video(path)) as reader:
        return [frame.planes for frame in reader]


@pytest.mark.parametrize(
    ("more", "again"),
    [
        ({}, 2),
        ({"source": "best"}, 3),
        ({"detail": "source", "paste": "face"}, 2),
        ({"paste": "none"}, 2),
        ({"speech": True, "fit": "bounce", "lips": "audio"}, 3),
    ],
)
def test_once_or_in_every_pass(moving, make_media, tmp_path, decodings, monkeypatch, more, again):
    if "speech" in more:
        more = more | {"speech": make_media("second.wav", "-f lavfi -i sine=f=200:d=1:r=16000")}
    options = EditOptions(**(vars(ASKED) | more))
    editor = EmotionEditor(toy_model(tmp_path))
    editor.edit(moving, Constant(0.2), tmp_path / "held.mkv", options=options)
    assert decodings == ["moving.mkv"]
    editor.edit(moving, Constant(0.2), tmp_path / "second.mkv", options=options)
    assert decodings == ["moving.mkv"], "and once for several edits"
    decodings.clear()
    monkeypatch.setattr(look, "HELD_BYTES", 0)
    EmotionEditor(toy_model(tmp_path)).edit(
        moving, Constant(0.2), tmp_path / "again.mkv", options=options
    )
    assert len(decodings) == 1 + again
    decoded = planes(tmp_path / "again.mkv")
    for name in ("held.mkv", "second.mkv"):
        for one, other in zip(planes(tmp_path / name), decoded, strict=True):
            assert all(map(np.array_equal, one, other))


def test_the_next_video_takes_the_place_of_the_last(moving, talking, tmp_path, decodings):
    editor = EmotionEditor(toy_model(tmp_path))
    first = editor.read(moving, ASKED).faces.held
    assert first is not None
    assert first.complete
    second = editor.read(talking, ASKED).faces.held
    assert second is not None
    assert second.complete
    assert not first.complete
    decodings.clear()
    editor.edit(moving, Constant(0.2), tmp_path / "out.mkv", options=ASKED)
    assert decodings == ["moving.mkv"], "what is known of it is, its frames are not"
    assert second.complete
    editor.let_go()
    assert not second.complete


def test_what_is_only_looked_at_takes_no_place(moving, talking, tmp_path):
    """Somebody whose expression is borrowed, say."""
    reader = EmotionEditor(toy_model(tmp_path))._reader
    held = reader.read(moving, ASKED, Stopwatch(), no_progress).faces.held
    other = reader.read(talking, ASKED, Stopwatch(), no_progress, hold=False).faces.held
    assert held is not None
    assert held.complete
    assert other is None

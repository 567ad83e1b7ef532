"""A short video is decoded once for all passes, a long one again in each, with the same result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import Constant, toy_model

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.errors import MediaError, UsageError
from cmet_cli.media import reader as readers
from cmet_cli.media.audio import decode_audio
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


def test_a_file_is_the_one_it_is_called_by_now(moving, make_media, tmp_path, monkeypatch):
    """A name that was relative, or a link, may mean another file later."""
    other = make_media(
        "another_of_that_name.mkv",
        "-f lavfi -i color=red:s=64x48:r=25:d=0.6 -f lavfi -i sine=f=900:d=0.2:r=16000 "
        "-pix_fmt yuv420p -c:v libx264 -qp 0 -c:a pcm_s16le",
    )
    places = [tmp_path / name for name in ("first", "second")]
    for place, clip in zip(places, (moving, other), strict=True):
        place.mkdir()
        (place / "in.mkv").write_bytes(clip.read_bytes())
    editor = EmotionEditor(toy_model(tmp_path))
    monkeypatch.chdir(places[0])
    editor.edit("in.mkv", Constant(0.2), tmp_path / "before.mkv", options=ASKED)
    monkeypatch.chdir(places[1])
    editor.let_go()  # as a longer video's frames are not kept either
    editor.edit(places[0] / "in.mkv", Constant(0.2), tmp_path / "after.mkv", options=ASKED)
    before, after = (
        np.concatenate([plane.ravel() for frame in planes(tmp_path / name) for plane in frame])
        for name in ("before.mkv", "after.mkv")
    )
    assert np.array_equal(before, after)
    sounds = [decode_audio(tmp_path / name) for name in ("before.mkv", "after.mkv")]
    assert np.array_equal(*sounds)


def test_a_decoder_that_ends_early_is_no_shorter_face(moving, tmp_path, monkeypatch):
    """Codes of frames that never came would be nought, and were painted."""
    reader, given = FrameReader.__iter__, []

    def torn(self):
        given.append(0)
        for frame in reader(self):
            if len(given) == 2 and frame.index == 9:  # the second pass
                return
            yield frame

    monkeypatch.setattr(look, "HELD_BYTES", 0)
    monkeypatch.setattr(FrameReader, "__iter__", torn)
    editor = EmotionEditor(toy_model(tmp_path))
    with pytest.raises(MediaError, match="decoding it twice gave different frames"):
        editor.edit(moving, Constant(0.2), tmp_path / "o.mkv", options=ASKED)
    assert not (tmp_path / "o.mkv").exists()


def test_another_device_or_format_needs_another_editor(tmp_path):
    editor = EmotionEditor(toy_model(tmp_path))
    editor.compute = replace(editor.compute, batch_size=7)
    assert editor.compute.batch_size == 7
    with pytest.raises(UsageError, match="one device and number format"):
        editor.compute = replace(editor.compute, precision="bf16")
    assert editor.compute.precision == "fp32"

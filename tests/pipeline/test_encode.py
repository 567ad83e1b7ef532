"""What is kept between reading a video and rendering it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from test_detail import SOURCE, same
from toy import Constant, ToyBackend, toy_model

from cmet_cli import EmotionEditor
from cmet_cli.pipeline import read
from cmet_cli.pipeline.encode import KeptSources

OPTIONS = replace(SOURCE, lips="video", face_detector="none", overwrite=True)


def test_as_many_are_kept_as_there_is_room_for():
    kept = KeptSources(100)
    kept.keep([0, 1], ["a", "b"], "first", 60)
    assert not kept.full
    kept.keep([2, 3], ["c", "d"], "second", 60)
    assert kept.full
    assert kept.of([0, 1]) == (["a", "b"], "first")
    assert kept.of([2, 3]) is None
    assert kept.of([0]) is None
    assert kept.of([1, 0]) is None
    kept.clear()
    assert kept.full
    assert kept.of([0, 1]) is None


@dataclass
class Preparing(ToyBackend):
    """Counts the pictures it is given."""

    encoded: int = 0
    prepared: int = 0
    both: int = 0

    def encode(self, images):
        self.encoded += len(images)
        return super().encode(images)

    def prepare(self, images):
        self.prepared += len(images)
        return super().prepare(images)

    def encode_and_prepare(self, images):
        self.both += len(images)
        return super().encode(images), images

    def prepared_bytes(self, source):
        return source.nbytes


def editor(root: Path, backend: ToyBackend) -> EmotionEditor:
    model = toy_model(root)
    model.backend = backend
    return EmotionEditor(model)


@pytest.fixture
def noise(tmp_path, make_media) -> Path:
    return make_media("noise.mkv", "-f lavfi -i testsrc2=s=64x64:r=20:d=0.5 -c:v ffv1")


@pytest.mark.parametrize("detail", ["source", "render"])
def test_a_frame_is_encoded_and_prepared_once(noise, tmp_path, detail):
    options = replace(OPTIONS, detail=detail)
    one, other = Preparing(), ToyBackend()
    for backend, name in ((one, "kept.mkv"), (other, "made.mkv")):
        result = editor(tmp_path, backend).edit(
            noise, Constant(0.3), tmp_path / name, options=options
        )
    n = result.frames
    assert (one.both, one.encoded, one.prepared) == (n, 0, 0)
    assert same(tmp_path / "kept.mkv", tmp_path / "made.mkv")
    assert not same(tmp_path / "kept.mkv", noise)


def test_where_memory_ends_the_rest_is_made_again(noise, tmp_path, monkeypatch):
    a_group = 3 * 3 * 16 * 16 * 4
    monkeypatch.setattr(read, "KEPT_BYTES", a_group * 2 + 1)
    backend = Preparing()
    result = editor(tmp_path, backend).edit(
        noise, Constant(0.3), tmp_path / "out.mkv", options=OPTIONS
    )
    assert backend.both == 9  # the third group is one too many
    assert backend.encoded == result.frames - 9
    assert backend.prepared == result.frames - 6
    editor(tmp_path, ToyBackend()).edit(
        noise, Constant(0.3), tmp_path / "made.mkv", options=OPTIONS
    )
    assert same(tmp_path / "out.mkv", tmp_path / "made.mkv")


def test_sources_of_the_last_video_alone_are_kept(noise, tmp_path, make_media):
    other = make_media("other.mkv", "-f lavfi -i testsrc2=s=64x64:r=20:d=0.3 -c:v ffv1")
    backend = Preparing()
    one = editor(tmp_path, backend)

    def made_again(video: Path) -> int:
        before = backend.prepared
        one.edit(video, Constant(0.3), tmp_path / "out.mkv", options=OPTIONS)
        return backend.prepared - before

    assert [made_again(video) for video in (noise, noise, other, noise)] == [0, 0, 0, 10]
    assert (backend.encoded, backend.both) == (0, 16)  # each video was read once


def test_nothing_is_kept_of_what_is_not_rendered_from_itself(noise, voice, tmp_path):
    for changes in ({"source": "first"}, {"speech": voice, "lips": "auto"}):
        backend = Preparing()
        asked = replace(OPTIONS, **changes)
        editor(tmp_path, backend).edit(noise, Constant(0.3), tmp_path / "o.mkv", options=asked)
        assert backend.both == 0, changes
    backend = Preparing()
    editor(tmp_path, backend).read(noise, OPTIONS)
    assert (backend.encoded, backend.both) == (10, 0)

"""Frames that are held in memory are those that would be decoded."""

from __future__ import annotations

import weakref
from mmap import mmap

import numpy as np
import pytest

from cmet_cli.media import held as module
from cmet_cli.media.held import HeldFrames, opened
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader


@pytest.fixture(scope="module")
def info(make_media):
    return probe_video(make_media("held.mkv", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.48 -c:v ffv1"))


def filled(info, most_bytes):
    held = HeldFrames(most_bytes)
    with FrameReader(info) as reader:
        passed = list(held.filling(reader))
    assert [frame.index for frame in passed] == list(range(12)), "all of them pass in any case"
    return held


def same(some, others):
    some, others = list(some), list(others)
    assert [f.index for f in some] == [f.index for f in others]
    for one, other in zip(some, others, strict=True):
        assert all(map(np.array_equal, one.planes, other.planes))


@pytest.mark.parametrize("only", [None, [range(2, 5)], [range(7, 9), range(3, 8)], [range(10, 40)]])
def test_they_are_what_would_be_decoded(info, only, monkeypatch):
    with FrameReader(info, only=only) as reader:
        decoded = list(reader)
    held = filled(info, 12 * info.frame_bytes)
    assert held.complete
    for frame in held.get():
        assert not any(plane.flags.writeable for plane in frame.planes)
    monkeypatch.setattr(module, "FrameReader", None)  # nothing is decoded any more
    with opened(info, held, only=only) as frames:
        same(frames, decoded)


def test_a_video_too_long_is_let_go_of_and_decoded(info):
    held = filled(info, 12 * info.frame_bytes - 1)
    assert not held.complete
    assert held.get() is None
    with opened(info, held) as frames:
        assert len(list(frames)) == 12


def test_an_unfinished_pass_is_no_video(info):
    held = HeldFrames()
    with FrameReader(info) as reader:
        next(held.filling(reader))
    assert not held.complete


def test_whoever_reads_them_keeps_them_when_they_are_let_go_of(info):
    held = filled(info, 12 * info.frame_bytes)
    with opened(info, held) as frames:
        next(frames)
        held.clear()
        assert len(list(frames)) == 11
    assert not held.complete


@pytest.mark.parametrize(
    ("name", "arguments", "cut"),
    [
        ("held_grey.mkv", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -pix_fmt gray -c:v ffv1", 0),
        ("held_odd.mp4", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4,crop=63:47 -c:v libx264rgb", 0),
        ("held_torn.ts", "-f lavfi -i testsrc2=s=64x48:r=25:d=2 -c:v libx264 -g 10", 0.5),
    ],
)
def test_of_files_of_all_kinds(make_media, tmp_path, name, arguments, cut):
    path = make_media(name, arguments)
    if cut:
        data = path.read_bytes()
        path = tmp_path / name
        path.write_bytes(data[: int(len(data) * cut)])
    info = probe_video(path)
    held = HeldFrames()
    with FrameReader(info) as reader:
        passed = list(held.filling(reader))
    with FrameReader(info) as reader:
        same(reader, passed)
    same(held.get(), passed)


def into(info, memory):
    held = HeldFrames(memory=memory)
    with FrameReader(info) as reader:
        passed = list(held.filling(reader))
    return held, passed


def test_in_memory_that_another_process_has_too(info):
    memory = mmap(-1, 12 * info.frame_bytes)
    held, passed = into(info, memory)
    there = HeldFrames.found(memory, held.laid_out)
    assert there.complete
    with FrameReader(info) as reader:
        same(there.get(), reader)
    same(there.get(), passed)
    memory[:] = bytes(len(memory))
    assert all((plane == 0).all() for frame in there.get() for plane in frame.planes), "no copies"
    assert not any(plane.flags.writeable for frame in there.get() for plane in frame.planes)


def test_a_video_too_long_for_that_memory(info):
    held, passed = into(info, mmap(-1, 12 * info.frame_bytes - 1))
    assert len(passed) == 12
    assert held.laid_out is None
    assert not held.complete


def test_what_is_not_all_there_is_not_told_of(info):
    held = HeldFrames(memory=mmap(-1, 12 * info.frame_bytes))
    with FrameReader(info) as reader:
        next(held.filling(reader))
    assert held.laid_out is None
    assert filled(info, 12 * info.frame_bytes).laid_out is None, "in memory of its own"


@pytest.mark.parametrize("which", ["put", "found"])
def test_memory_is_let_go_of_with_them(info, which):
    memory = mmap(-1, 12 * info.frame_bytes)
    held, passed = into(info, memory)
    if which == "found":
        held = HeldFrames.found(memory, held.laid_out)
    gone = weakref.ref(memory)
    held.clear()
    del memory, passed
    assert gone() is None

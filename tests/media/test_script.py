"""Frames of a file in another order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cmet_cli.errors import MediaError
from cmet_cli.media import script as scripts
from cmet_cli.media.melt import melt
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import frames_ahead
from cmet_cli.media.script import Script, open_frames, runs


@pytest.fixture(scope="module")
def info(make_media):
    """Twelve different frames, lossless."""
    return probe_video(
        make_media("twelve.mkv", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.48 -c:v ffv1")
    )


@pytest.fixture(scope="module")
def plain(info):
    with open_frames(info) as frames:
        return [frame.planes for frame in frames]


def shown(info, script):
    with open_frames(info, script) as frames:
        got = list(frames)
    assert [frame.index for frame in got] == list(range(len(script.indices)))
    return [frame.planes for frame in got]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    "indices",
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        [0, 1, 2, 1, 0, 1, 2, 3],
        [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        [3, 3, 3, 3],
        [9, 10, 11, 11, 11, 11],
        [0, 5, 2, 2, 9],
        [10, 11, 3, 4, 5, 0],
    ],
)
def test_every_place_shows_its_frame(info, plain, indices):
    frames = shown(info, Script.of(np.array(indices)))
    assert all(equal(got, plain[i]) for got, i in zip(frames, indices, strict=True))


def test_going_backwards_holds_few_frames_at_a_time(info, plain, monkeypatch):
    monkeypatch.setattr(scripts, "TURNED_BYTES", 3 * info.frame_bytes)
    frames = shown(info, Script.of(np.arange(11, -1, -1)))
    assert all(equal(got, plain[11 - k]) for k, got in enumerate(frames))


def test_a_frame_that_is_not_there_is_an_error_and_not_a_shorter_video(info):
    with pytest.raises(MediaError, match="different frame counts"):
        shown(info, Script.of(np.arange(9, 15)))


def test_runs_are_whole():
    indices = np.array([0, 1, 2, 2, 2, 1, 0, 5, 6, 9])
    found = runs(indices)
    spread = [first + step * k for first, step, count in found for k in range(count)]
    assert spread == indices.tolist()
    assert len(found) == 5


def test_melting_goes_from_one_frame_to_the_other(info, plain):
    script = Script(np.array([8, 9, 10]), np.array([-1, 0, 1]), np.array([0, 0.5, 1], np.float32))
    first, middle, last = shown(info, script)
    assert equal(first, plain[8])
    assert not equal(middle, plain[9])
    assert equal(last, plain[1])


def test_numbers_melt_as_pictures_do():
    values = np.array([[0.0, 1], [10, 1], [20, 5]], np.float32)
    script = Script(np.array([1, 2]), np.array([-1, 0]), np.array([0.0, 0.25], np.float32))
    assert np.allclose(script.mixed(values), [[10, 1], [15, 4]])
    absent = np.array([np.nan, 1, 2], np.float32)
    assert script.mixed(absent)[0] == 1
    assert np.isnan(script.mixed(absent)[1])


def disc(right):
    y, x = np.mgrid[0:96, 0:128]
    picture = np.where((x - right) ** 2 + (y - 48) ** 2 < 15**2, 220, 40)
    return (picture.astype(np.uint8), *[np.full((48, 64), 128, np.uint8)] * 2)


def test_what_moved_moves_on_the_way():
    """A dissolve would show two pale discs instead of one."""
    luma = melt(disc(60), disc(66), 0.5)[0].astype(int)
    truth = disc(63)[0].astype(int)
    dissolved = (disc(60)[0].astype(int) + disc(66)[0]) // 2
    assert np.abs(luma - truth).mean() < 0.5 * np.abs(dissolved - truth).mean()


def test_a_melt_passes_without_a_jump():
    a, b = disc(60), disc(70)
    way = [melt(a, b, share)[0].astype(int) for share in np.linspace(0, 1, 11)]
    steps = [np.abs(x - y).mean() for x, y in pairwise(way)]
    assert max(steps) < 0.4 * np.abs(way[0] - way[-1]).mean()


@pytest.mark.parametrize(
    ("width", "height", "frames"),
    [(1280, 720, 16), (1920, 1080, 10), (7680, 4320, 4), (64, 64, 16)],
)
def test_small_frames_wait_in_numbers_and_large_ones_do_not(width, height, frames):
    assert frames_ahead(width * height * 3 // 2) == frames

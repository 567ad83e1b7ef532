"""The pictures on which faces are looked for, from either way of reading them."""

from __future__ import annotations

import numpy as np
import pytest

from cmet_cli.media.probe import probe_video
from cmet_cli.options import no_progress
from cmet_cli.pipeline import look
from cmet_cli.pipeline.find import follow_faces
from cmet_cli.pipeline.look import BLIND_SIDE_PX, LOOK_SIDE_PX, Looker

SMOOTH = "-f lavfi -i mandelbrot=s={size}:r=25:end_scale=0.3,boxblur=2 -t 0.12 -c:v libx264 -crf 4 "


def pictures(info, **how):
    looker = Looker(info, **({"blind": False, "hold": False} | how))
    with looker.pictures() as (reader, seen):
        found = list(seen)
        assert len(reader.ticks) == len(found) == 3
    return looker, found


def test_without_a_detector_the_middle_is_the_middle(make_media):
    """Of the frames, whatever the tiny pictures' sides come to."""
    for size in ("1280x544", "1280x534", "1000x980"):
        info = of(make_media, size)
        found = follow_faces(info, "none", None, no_progress, hold=True)
        plain = follow_faces(info, "none", None, no_progress)
        np.testing.assert_array_equal(found.people[0].boxes, plain.people[0].boxes)
        side, left = info.height, (info.width - info.height) / 2
        box = found.people[0].boxes[0] / found.scale
        assert box == pytest.approx([left, 0, side, side], abs=1e-2)


def of(make_media, size, more="-pix_fmt yuv420p"):
    name = f"look_{size}_{more.split()[-1]}.mp4"
    return probe_video(make_media(name, SMOOTH.format(size=size) + more))


@pytest.mark.parametrize("size", ["320x180", "1280x720", "1920x1080", "1440x960"])
def test_a_videos_own_planes_give_what_ffmpeg_gives(make_media, size, monkeypatch):
    info = of(make_media, size)
    looker, own = pictures(info)
    assert looker.own_planes
    monkeypatch.setattr(look, "_as_opencv_has_it", lambda _: False)
    other, theirs = pictures(info)
    assert not other.own_planes
    assert looker.scale == other.scale == min(1, LOOK_SIDE_PX / info.width)
    for one, two in zip(own, theirs, strict=True):
        assert one.shape == two.shape
        apart = np.abs(one.astype(float) - two)
        assert apart.mean() < 4  # the matrices differ
        assert one.std() > 20


@pytest.mark.parametrize(
    "more", ["-pix_fmt yuv444p", "-pix_fmt yuv420p10le", "-pix_fmt yuvj420p", "-pix_fmt yuv422p"]
)
def test_other_layouts_are_left_to_ffmpeg(make_media, more):
    looker, found = pictures(of(make_media, "320x180", more), hold=True)
    assert not looker.own_planes
    assert looker.held is None
    assert found[0].shape == (180, 320, 3)


def test_larger_pictures_are_made_smaller_by_ffmpeg(make_media):
    looker, found = pictures(of(make_media, "2048x1152"))
    assert not looker.own_planes
    assert found[0].shape == (720, 1280, 3)


def test_frames_are_held_if_that_is_asked_for_and_there_is_room(make_media, monkeypatch):
    info = of(make_media, "320x180")
    assert pictures(info)[0].held is None
    held = pictures(info, hold=True)[0].held
    assert held is not None
    assert held.complete
    monkeypatch.setattr(look, "HELD_BYTES", 3 * info.frame_bytes - 1)
    assert pictures(info, hold=True)[0].held is None  # not even for a while


@pytest.mark.parametrize("hold", [False, True])
def test_without_a_detector_pictures_are_tiny(make_media, hold):
    looker, found = pictures(of(make_media, "320x180"), blind=True, hold=hold)
    assert looker.own_planes == hold
    assert found[0].shape == (36, BLIND_SIDE_PX, 3)

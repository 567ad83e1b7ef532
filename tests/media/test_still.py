"""A picture as a video of one frame."""

from __future__ import annotations

import subprocess

import cv2
import numpy as np
import pytest

from cmet_cli.errors import MediaError, UsageError
from cmet_cli.media.pictures import write_picture
from cmet_cli.media.pixels import ColourConverter
from cmet_cli.media.program import bundled_ffmpeg
from cmet_cli.media.reader import FrameReader
from cmet_cli.media.still import LONG_SIDE_PX, still_info


def picture(tmp_path, height, width, name="p.png"):
    across = np.linspace(20, 230, width)[None].repeat(height, 0)
    rgb = np.stack([across, 250 - across, np.full_like(across, 90)], -1).astype(np.uint8)
    write_picture(rgb, tmp_path / "p.png", overwrite=True)
    if name != "p.png":
        cv2.imwrite(str(tmp_path / name), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    return rgb, tmp_path / name


@pytest.mark.parametrize("name", ["p.png", "p.jpg"])
def test_colours_stay_and_sides_become_even(tmp_path, name):
    rgb, path = picture(tmp_path, 51, 81, name)
    info = still_info(path)
    assert (info.width, info.height, info.pixel_format.name) == (80, 50, "yuv420p")
    with FrameReader(info) as reader:
        (frame,) = reader
    yuv = [cv2.resize(plane, (80, 50)).astype(np.float32) for plane in frame.planes]
    seen = ColourConverter(info.colour, info.pixel_format, info.height).to_rgb(np.dstack(yuv))
    assert np.abs(seen - cv2.resize(rgb, (80, 50)))[:, 4:-4].max() < 8


def test_a_huge_picture_is_scaled_down(tmp_path):
    info = still_info(picture(tmp_path, 300, 4000)[1])
    assert (info.width, info.height) == (LONG_SIDE_PX, 144)
    with FrameReader(info) as reader:
        (frame,) = reader
    assert frame.planes[0].shape == (144, LONG_SIDE_PX)


def test_of_a_video_the_first_frame(talking):
    with FrameReader(still_info(talking)) as reader:
        assert len(list(reader)) == 1


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "p.png").write_bytes(b"no picture at all" * 20)
    with pytest.raises(MediaError, match=r"p\.png"):
        still_info(tmp_path / "p.png")


def test_pixels_that_are_not_square_become_so(tmp_path):
    """As players show it: half as wide as it is stored, or twice."""
    _, path = picture(tmp_path, 60, 80)
    squeezed = tmp_path / "squeezed.mkv"
    command = [bundled_ffmpeg(), "-v", "error", "-i", str(path), "-vf", "scale=40:60,setsar=2/1"]
    subprocess.run([*command, "-c:v", "ffv1", str(squeezed)], check=True)
    info = still_info(squeezed)
    assert (info.width, info.height, info.sample_aspect) == (80, 60, 1)
    with FrameReader(info) as reader:
        (frame,) = reader
    assert frame.planes[0].shape == (60, 80)


def test_what_is_transparent_is_said_to_be_left_out(tmp_path):
    rgb, plain = picture(tmp_path, 60, 80)
    clear = np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 40, np.uint8)])
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    assert "transparency" in still_info(tmp_path / "clear.png").warnings[0]
    assert still_info(plain).warnings == ()


@pytest.mark.parametrize("name", ["face%d.png", "50%03done.JPG"])
def test_a_name_that_ffmpeg_takes_for_a_series_is_refused(tmp_path, name):
    _, path = picture(tmp_path, 60, 80)
    for number in (1, 50):  # which it would read instead
        (tmp_path / (name % number)).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="for a number"):
        still_info(tmp_path / name)
    whole = tmp_path / "100%.png"
    whole.write_bytes(path.read_bytes())
    assert still_info(whole).width == 80

"""A picture as a video of one frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cmet_cli.errors import MediaError
from cmet_cli.media.pictures import write_picture
from cmet_cli.media.pixels import ColourConverter
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

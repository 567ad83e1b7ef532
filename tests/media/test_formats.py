"""Every pixel format ffmpeg has: its depth, and the layout it is worked on in."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cmet_cli.media.ffmpeg import run_short
from cmet_cli.media.formats import depth_of, losses, settled_colour, working_format
from cmet_cli.media.pixels import FORMATS, Colour, ColourConverter


def formats() -> dict[str, int]:
    """Name -> bits of its deepest part, as ffmpeg says."""
    text = run_short(["-pix_fmts"]).stdout.decode()
    rows = re.findall(r"^[IOHPB.]{5} (\S+) +\d+ +\d+ +([\d-]+)$", text, re.MULTILINE)
    depths = {name: max(int(d) for d in bits.split("-")) for name, bits in rows}
    return {name: bits for name, bits in depths.items() if bits and "bayer" not in name}


def test_depth_is_what_ffmpeg_says():
    known = formats()
    assert len(known) > 150
    wrong = {n: (depth_of(n), bits) for n, bits in known.items() if depth_of(n) != max(8, bits)}
    assert not wrong


def test_depth_is_kept_up_to_ten_bits():
    for name, bits in formats().items():
        assert working_format(name, 64, 64).bits == (10 if bits > 8 else 8), name


@pytest.mark.parametrize(
    ("source", "layout"),
    [
        ("yuv410p", "yuv420p"),
        ("yuv411p", "yuv422p"),
        ("yuv440p", "yuv444p"),
        ("yuvj422p", "yuv422p"),
        ("nv12", "yuv420p"),
        ("p010le", "yuv420p10le"),
        ("p210le", "yuv422p10le"),
        ("y210le", "yuv422p10le"),
        ("uyvy422", "yuv422p"),
        ("yuva444p", "yuv444p"),
        ("yuv420p12le", "yuv420p10le"),
        ("gray", "yuv420p"),
        ("gray10le", "yuv420p10le"),
        ("rgb24", "gbrp"),
        ("bgra", "gbrp"),
        ("pal8", "gbrp"),
        ("gbrp", "gbrp"),
        ("gbrp10le", "yuv444p10le"),
        ("rgb48be", "yuv444p10le"),
    ],
)
def test_layouts(source, layout):
    assert working_format(source, 64, 64).name == layout


def test_odd_sizes_need_full_chroma():
    assert working_format("yuv420p10le", 65, 64).name == "yuv444p10le"
    assert working_format("yuv422p", 64, 65).name == "yuv422p"
    assert working_format("rgb24", 65, 65).name == "gbrp"


def test_what_is_lost_is_told():
    assert losses("yuv420p") == losses("rgb24") == losses("yuv410p") == ()
    assert "transparency" in losses("rgba")[0]
    assert "12 bits" in losses("yuv420p12le")[0]
    assert "4:4:4" in losses("gbrp10le")[0]


def test_yuv_never_says_it_is_rgb():
    tagged = Colour("tv", "gbr")
    assert settled_colour("yuv444p", tagged, FORMATS["yuv444p"]).space == "unknown"
    assert settled_colour("rgb24", Colour(), FORMATS["gbrp"]) == Colour("pc", "gbr")
    deep = settled_colour("gbrp10le", tagged, FORMATS["yuv444p10le"])
    assert (deep.range, deep.space) == ("pc", "bt709")


def test_rgb_planes_are_green_blue_red():
    converter = ColourConverter(Colour("pc", "gbr"), FORMATS["gbrp"], 480)
    rgb = np.array([[[10.0, 20.0, 30.0]]], np.float32)
    assert converter.to_yuv(rgb).tolist() == [[[20.0, 30.0, 10.0]]]
    assert converter.to_rgb(converter.to_yuv(rgb)).tolist() == rgb.tolist()


def test_a_crop_of_an_rgb_video_is_written_as_yuv_that_says_so():
    assert Colour("pc", "gbr").settled(1080) == Colour("tv", "bt709")
    assert Colour("pc").settled(480) == Colour("pc", "smpte170m")
    assert Colour("tv", "bt2020nc").settled(480) == Colour("tv", "bt2020nc")

"""Any video in: containers, rates, layouts, rotation, sound. What is not the face stays."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from video_checks import (
    H264,
    assert_same_clock,
    assert_untouched_outside,
    clip,
    edit,
    packets,
    read,
)

from cmet_cli import EmotionEditor
from cmet_cli.media.ffmpeg import run_short
from cmet_cli.options import RuntimeOptions


@pytest.fixture(scope="module")
def editor(tiny_weights):
    return EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cpu"))


@pytest.mark.parametrize(
    "rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"]
)
def test_every_rate_keeps_its_clock(editor, make_media, voice, tmp_path, rate):
    name = f"rate{rate.replace('/', '_')}.mp4"
    video = clip(make_media, name, f"{H264} -pix_fmt yuv420p -c:a aac", rate=rate)
    result = edit(editor, video, voice, tmp_path)
    info, before, times = read(video)
    out, after, out_times = read(result.output)
    assert_same_clock(times, out_times, out.time_base)
    assert out.frame_rate == info.frame_rate
    assert_untouched_outside(before, after, info)
    assert packets(video) == packets(result.output)


def test_variable_frame_rate(editor, make_media, voice, tmp_path):
    video = clip(
        make_media,
        "vfr.mp4",
        "-vf settb=1/1000,setpts='40*N+11*mod(N*N\\,5)' -fps_mode vfr -enc_time_base 1:1000 "
        f"{H264} -pix_fmt yuv420p -c:a aac",
    )
    result = edit(editor, video, voice, tmp_path)
    _, _, times = read(video)
    assert len({b - a for a, b in pairwise(times)}) > 2  # it does vary
    out, _, out_times = read(result.output)
    assert_same_clock(times, out_times, out.time_base)


@pytest.mark.parametrize(
    ("pixels", "codec"),
    [
        ("yuv420p", H264),
        ("yuv422p", H264),
        ("yuv444p", H264),
        ("yuv420p10le", H264),
        ("yuv422p10le", H264),
        ("yuvj420p", H264),
        ("nv12", "-c:v libx264"),
    ],
)
def test_pixel_layouts_are_kept(editor, make_media, voice, tmp_path, pixels, codec):
    video = clip(make_media, f"pix_{pixels}.mkv", f"{codec} -pix_fmt {pixels} -c:a aac")
    result = edit(editor, video, voice, tmp_path)
    info, before, _ = read(video)
    out, after, _ = read(result.output)
    assert out.pixel_format == info.pixel_format
    assert (out.colour.full_range, out.colour.space) == (info.colour.full_range, info.colour.space)
    assert_untouched_outside(before, after, info)


@pytest.mark.parametrize(
    "tags",
    [
        "range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709",
        "range=pc:colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m",
    ],
)
def test_colour_tags_and_a_grey_ramp_survive(editor, make_media, voice, tmp_path, tags):
    kind = tags[6:8]
    video = make_media(
        f"ramp_{kind}.mp4",
        f"-f lavfi -i nullsrc=s=64x64:r=25:d=0.2,format=yuv420p,geq=lum='X*4':cb=128:cr=128,"
        f"setparams={tags} {H264} -pix_fmt yuv420p",
    )
    result = edit(editor, video, voice, tmp_path)
    info, before, _ = read(video)
    out, after, _ = read(result.output)
    assert out.colour == info.colour
    assert out.colour.range == kind
    corner = (slice(0, 4), slice(0, 64))
    assert np.array_equal(before[0][0][corner], after[0][0][corner])


@pytest.mark.parametrize("size", ["97x65", "65x96", "33x33"])
def test_odd_sizes(editor, make_media, voice, tmp_path, size):
    tail = f"-vf scale={size.replace('x', ':')} -c:v libvpx-vp9 -c:a libopus"
    video = clip(make_media, f"odd{size}.webm", tail)
    result = edit(editor, video, voice, tmp_path, ".mkv")
    assert f"{result.width}x{result.height}" == size
    assert read(result.output)[0].width == int(size.split("x")[0])


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_honoured(editor, make_media, voice, tmp_path, degrees):
    flat = clip(make_media, "flat.mp4", f"{H264} -pix_fmt yuv420p -c:a aac")
    video = make_media(f"rot{degrees}.mp4", f"-display_rotation {degrees} -i {flat} -c copy")
    result = edit(editor, video, voice, tmp_path)
    info, before, _ = read(video)
    out, after, _ = read(result.output)
    assert (out.width, out.height) == (info.width, info.height)
    assert info.width == (64 if degrees % 180 else 96)
    assert out.rotation_deg == 0  # shown upright by its pixels, not turned twice
    assert_untouched_outside(before, after, info)


@pytest.mark.parametrize(
    ("name", "tail"),
    [
        ("a.mov", f"{H264} -pix_fmt yuv420p -c:a pcm_s16le"),
        ("b.mkv", f"{H264} -pix_fmt yuv420p -c:a flac -ac 6"),
        ("c.webm", "-c:v libvpx -c:a libvorbis"),
        ("d.mp4", f"{H264} -pix_fmt yuv420p -c:a ac3 -ac 6"),
    ],
)
def test_containers_and_sound_layouts(editor, make_media, voice, tmp_path, name, tail):
    video = clip(make_media, name, tail)
    result = edit(editor, video, voice, tmp_path, ".mkv")
    assert packets(video) == packets(result.output)
    assert not result.warnings


def test_several_sounds_and_subtitles_come_along(editor, make_media, voice, tmp_path):
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:00,500\nhello\n")
    video = make_media(
        "many.mkv",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=0.6 -f lavfi -i sine=d=0.6 "
        f"-f lavfi -i sine=f=99:d=0.6 -i {words} -map 0 -map 1 -map 2 -map 3 "
        f"{H264} -pix_fmt yuv420p -c:a aac -c:s srt",
    )
    result = edit(editor, video, voice, tmp_path)  # into mp4: subtitles change their coding
    out, _, _ = read(result.output)
    assert out.audio_streams == 2
    assert len(out.subtitle_codecs) == 1
    assert packets(video) == packets(result.output)


def test_sound_that_the_container_cannot_hold_is_told(editor, make_media, voice, tmp_path):
    video = clip(make_media, "wma.mkv", f"{H264} -pix_fmt yuv420p -c:a wmav2")
    result = edit(editor, video, voice, tmp_path)
    assert any("re-encoded to AAC" in w for w in result.warnings)
    assert read(result.output)[0].audio_streams == 1


@pytest.mark.parametrize(("late", "name"), [("sound", "late_a"), ("picture", "late_v")])
def test_start_offsets_are_kept(editor, make_media, voice, tmp_path, late, name):
    shift = ["-itsoffset 0.3 " if late == part else "" for part in ("picture", "sound")]
    video = make_media(
        f"{name}.mkv",
        f"{shift[0]}-f lavfi -i testsrc2=s=64x64:r=25:d=0.6 {shift[1]}-f lavfi -i sine=d=0.6 "
        f"{H264} -pix_fmt yuv420p -c:a aac",
    )
    result = edit(editor, video, voice, tmp_path, ".mkv")
    assert_same_clock(read(video)[2], read(result.output)[2], Fraction(1, 1000))
    assert first_sound_s(video) == pytest.approx(first_sound_s(result.output), abs=0.002)


def first_sound_s(path: Path) -> float:
    run = run_short(
        ["-i", str(path), "-map", "0:a:0", "-frames:a", "1", "-af", "ashowinfo", "-f", "null", "-"]
    )
    line = next(s for s in run.stderr.decode().splitlines() if "pts_time" in s)
    return float(line.split("pts_time:")[1].split()[0])


@pytest.mark.parametrize("sound_s", [0.2, 1.5])
def test_the_picture_decides_the_length(editor, make_media, voice, tmp_path, sound_s):
    video = make_media(
        f"sound{sound_s}.mp4",
        f"-f lavfi -i testsrc2=s=64x64:r=25:d=0.6 -f lavfi -i sine=d={sound_s} {H264} "
        "-pix_fmt yuv420p -c:a aac",
    )
    result = edit(editor, video, voice, tmp_path)
    assert result.frames == 15
    assert result.lips == "audio"
    assert packets(video) == packets(result.output)


def test_compare_doubles_the_width_and_paste_none_gives_the_crop(editor, talking, voice, tmp_path):
    both = edit(editor, talking, voice, tmp_path, ".mkv", compare=True)
    info, frames, _ = read(both.output)
    original = read(talking)[1]
    assert (info.width, info.height) == (128, 64)
    assert np.array_equal(frames[3][0][:, :64], original[3][0])
    crop = edit(editor, talking, voice, tmp_path, paste="none")
    assert (crop.width, crop.height) == (32, 32)
    assert len(read(crop.output)[1]) == 25


# ---------------------------------------------------------------- broken and extreme media


def test_truncated_files_end_well(editor, make_media, voice, tmp_path):
    """Index at the front: what is there is edited and the damage told. At the end: one error."""
    whole = clip(make_media, "front.mkv", f"{H264} -pix_fmt yuv420p -c:a aac", seconds=2)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = edit(editor, cut, voice, tmp_path, ".mkv")
    assert 1 <= result.frames < 50
    assert len(read(result.output)[1]) == result.frames
    back = clip(make_media, "back.mp4", f"{H264} -pix_fmt yuv420p -c:a aac", seconds=2)
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(back.read_bytes()[: back.stat().st_size // 2])
    with pytest.raises(Exception, match="not a video or picture that ffmpeg can read"):
        edit(editor, headless, voice, tmp_path, ".mov")
    assert not list(tmp_path.glob("*.mov"))


def test_corrupt_packets_midway_do_not_stop_an_edit(editor, make_media, voice, tmp_path):
    whole = clip(make_media, "good.mkv", f"{H264} -pix_fmt yuv420p -c:a aac", seconds=2)
    data = bytearray(whole.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(data) // 2, int(len(data) * 0.8), 200):
        data[at] ^= 0xFF
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(bytes(data))
    result = edit(editor, broken, voice, tmp_path, ".mkv")
    assert len(read(result.output)[1]) == result.frames > 10


@pytest.mark.parametrize(
    ("name", "source", "frames"),
    [
        ("still.png", "-f lavfi -i testsrc2=s=64x64 -frames:v 1", 1),
        ("one.mp4", f"-f lavfi -i testsrc2=s=64x64 -frames:v 1 {H264} -pix_fmt yuv420p", 1),
        ("tiny.mp4", f"-f lavfi -i testsrc2=s=16x16:d=0.2 {H264} -pix_fmt yuv420p", 5),
        ("huge.mp4", f"-f lavfi -i testsrc2=s=7680x4320 -frames:v 2 {H264} -pix_fmt yuv420p", 2),
    ],
)
def test_extreme_pictures(editor, make_media, voice, tmp_path, name, source, frames):
    result = edit(editor, make_media(name, source), voice, tmp_path, crf=30)
    assert result.frames == frames
    assert len(read(result.output)[1]) == frames


def test_sound_of_no_length(editor, talking, make_media, voice, tmp_path):
    wav = tmp_path / "nothing.wav"
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        16000,
        32000,
        2,
        16,
        b"data",
        0,
    )
    wav.write_bytes(head)
    with pytest.raises(Exception, match="no sound could be decoded"):
        edit(editor, talking, wav, tmp_path)
    assert not list(tmp_path.glob("out*"))

"""Broken clocks, and what a file says of itself: titles, chapters, the note."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from video_checks import H264, assert_same_clock, clip, edit, read

from cmet_cli import EmotionEditor
from cmet_cli.errors import MediaError
from cmet_cli.media import reader as readers
from cmet_cli.media.ffmpeg import run_short
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader, repair_ticks
from cmet_cli.media.writer import frame_clock
from cmet_cli.options import RuntimeOptions

CHAPTERS = """;FFMETADATA1
title=A day; at the sea
artist=Someone
[CHAPTER]
TIMEBASE=1/1000
START=0
END=300
title=Morning
[CHAPTER]
TIMEBASE=1/1000
START=300
END=600
title=Evening
"""


@pytest.fixture(scope="module")
def editor(tiny_weights):
    return EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cpu"))


def described(path: Path) -> tuple[dict[str, str], list[tuple[str, float, float]]]:
    """Global metadata, and each chapter's times and title."""
    text = run_short(["-i", str(path), "-f", "ffmetadata", "-"]).stdout.decode()
    head, *chapters = text.split("[CHAPTER]")
    pairs = (line.split("=", 1) for line in head.splitlines() if "=" in line)
    told = []
    for chapter in chapters:
        base, start, end = (
            Fraction(found[1])
            for name in ("TIMEBASE", "START", "END")
            if (found := re.search(rf"^{name}=(\S+)$", chapter, re.MULTILINE))
        )
        title = re.search(r"^title=(.*)$", chapter, re.MULTILINE)
        name = title[1] if title else ""
        told.append((name, float(start * base), float(end * base)))
    return {key.lower(): value for key, value in pairs}, told


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_metadata_and_chapters_are_kept(editor, make_media, voice, tmp_path, sound, suffix):
    words = tmp_path / "words.txt"
    words.write_text(CHAPTERS)
    picture = "-f lavfi -i testsrc2=s=64x64:r=25:d=0.6" + " -f lavfi -i sine=d=0.6" * sound
    video = make_media(
        f"told{sound}.mkv",
        f"{picture} -i {words} -map_metadata {1 + sound} -map_chapters {1 + sound} "
        f"{H264} -pix_fmt yuv420p -c:a aac",
    )
    result = edit(editor, video, voice, tmp_path, suffix)
    (before, chapters), (after, kept) = described(video), described(result.output)
    assert before["title"] == after["title"]
    assert after["artist"] == "Someone"
    assert "Synthetic edit" in after["comment"]
    assert [name for name, _, _ in chapters] == ["Morning", "Evening"]
    for old, new in zip(chapters, kept, strict=True):
        # ffmpeg 5 counts from before the sound's 23 ms of lead-in, and cuts there.
        assert new == (old[0], pytest.approx(old[1], abs=0.03), pytest.approx(old[2], abs=0.03))
    assert read(result.output)[0].audio_streams == int(sound)
    assert not read(result.output)[0].subtitle_codecs


# ---------------------------------------------------------------- times


@pytest.fixture
def info(talking):
    """25 frames a second, 1000 ticks a second: 40 ticks a frame."""
    return replace(probe_video(talking), time_base=Fraction(1, 1000), frame_rate=Fraction(25))


@pytest.mark.parametrize(
    ("told", "ticks"),
    [
        ([0, 40, 80], [0, 40, 80]),
        ([-80, -40, 0], [-80, -40, 0]),
        ([None, None, None], [0, 40, 80]),
        ([None, None, 5000, 5040], [4920, 4960, 5000, 5040]),  # not 0 and then a leap
        ([0, None, None, 120], [0, 40, 80, 120]),
        ([0, 40, 40, 41, 120], [0, 40, 41, 42, 120]),  # said twice: moved by a tick
        ([0, 40, 30, 120], [0, 40, 41, 120]),
        # Recordings put end to end go on; they are not squeezed into ticks.
        ([0, 1000, 2000, 0, 40, 80], [0, 1000, 2000, 2040, 2080, 2120]),
        ([500, 0, 40, 80, 120, 160, 0], [500, 540, 580, 620, 660, 700, 740]),
    ],
)
def test_times_are_made_to_rise(info, told, ticks):
    assert repair_ticks(told, info) == ticks


def test_a_clock_holds_a_start_off_its_own_grid():
    """At 25 frames a second from 0.343 s: a unit of 40 ms would round the start."""
    ticks = [343, 383, 423]
    offsets, unit, start = frame_clock(ticks, Fraction(1, 1000))
    assert start == Fraction(343, 1000)
    assert (start / unit).denominator == 1
    assert [start + t * unit for t in offsets] == [Fraction(t, 1000) for t in ticks]
    assert frame_clock([400, 440, 480], Fraction(1, 1000)) == (
        [0, 1, 2],
        Fraction(1, 25),
        Fraction(2, 5),
    )


def moved(make_media, name: str, expression: str) -> Path:
    """A clip with B-frames whose packets' times are put elsewhere."""
    flat = clip(make_media, "flat_b.mp4", "-c:v libx264 -bf 2 -pix_fmt yuv420p", seconds=1)
    times = f"setts=pts={expression.replace('T', 'PTS')}:dts={expression.replace('T', 'DTS')}"
    return make_media(name, f"-i {flat} -an -c copy -bsf:v {times} -avoid_negative_ts disabled")


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("ahead.mkv", "if(gt(N\\,10)\\,T+51200\\,T)"),
        ("back.mkv", "if(gt(N\\,10)\\,T-12800\\,T)"),
        ("negative.mp4", "T-3000"),
        ("negative.mkv", "T-3000"),
    ],
)
def test_odd_clocks_come_through(editor, make_media, voice, tmp_path, name, expression):
    video = moved(make_media, name, expression)
    result = edit(editor, video, voice, tmp_path, ".mkv")
    _, frames, times = read(video)
    _, edited, out_times = read(result.output)
    assert len(frames) == len(edited) == result.frames
    assert all(b > a for a, b in pairwise(times))
    assert_same_clock(times, out_times, Fraction(1, 1000))


def test_a_leap_of_hours_is_refused(editor, make_media, voice, tmp_path):
    video = moved(make_media, "hours.mkv", "if(gt(N\\,10)\\,T+12800*36000\\,T)")
    with pytest.raises(MediaError, match="jump by 36000 s"):
        edit(editor, video, voice, tmp_path)
    assert not list(tmp_path.iterdir())


def test_frames_without_times_get_the_rates(editor, make_media, voice, tmp_path):
    flat = clip(make_media, "flat_b.mp4", "-c:v libx264 -bf 2 -pix_fmt yuv420p", seconds=1)
    video = make_media("bare.h264", f"-i {flat} -an -c copy")
    result = edit(editor, video, voice, tmp_path)
    out, frames, times = read(result.output)
    assert len(frames) == 25
    assert {b - a for a, b in pairwise(times)} == {Fraction(1, 25)}
    assert out.frame_rate == 25


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_variable_rate_survives_frames_out_of_order(editor, make_media, voice, tmp_path, suffix):
    """A lossy encoder stores frames in another order than they are shown in."""
    video = make_media(
        "vfr_order.mkv",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=0.6 "
        "-vf settb=1/1000,setpts='40*N+11*mod(N*N\\,5)' -fps_mode vfr -enc_time_base 1:1000 "
        f"{H264} -pix_fmt yuv420p",
    )
    before = read(video)[2]
    after = read(edit(editor, video, voice, tmp_path, suffix, crf=18).output)[2]
    assert_same_clock(before, after, Fraction(1, 1000))


def test_a_variable_rates_last_frame_is_shown_as_long_as_others(
    editor, make_media, voice, tmp_path
):
    video = make_media(
        "vfr_last.mkv",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=0.6 "
        "-vf settb=1/1000,setpts='40*N+11*mod(N*N\\,5)' -fps_mode vfr -enc_time_base 1:1000 "
        f"{H264} -pix_fmt yuv420p",
    )
    result = edit(editor, video, voice, tmp_path, ".mkv")
    info, _, times = read(result.output)
    assert info.duration_s == pytest.approx(float(times[-1]) + 0.04, abs=0.015)


def test_only_some_stretches_can_be_read(talking):
    info = probe_video(talking)
    with FrameReader(info) as reader:
        whole = {frame.index: frame for frame in reader}
    with FrameReader(info, only=[range(3, 5), range(4, 7), range(20, 21)]) as reader:
        part = list(reader)
    assert [frame.index for frame in part] == [3, 4, 5, 6, 20]
    for frame in part:
        assert np.array_equal(frame.planes[0], whole[frame.index].planes[0])


def test_a_long_way_to_the_first_frame_is_no_standstill(talking, monkeypatch):
    """Nothing is heard of frames that are dropped."""
    given = []

    class Noted(readers.FfmpegProcess):
        def __init__(self, arguments, **how):
            given.append(how["stall_s"])
            super().__init__(arguments, **how)

    monkeypatch.setattr(readers, "FfmpegProcess", Noted)
    info = probe_video(talking)
    for only in (None, [range(3)], [range(20, 21), range(2)], [range(2), range(24, 25)]):
        with FrameReader(info, only=only) as reader:
            list(reader)
    usual = readers.STALL_S
    gaps = [(s - usual) * readers.SLOWEST_HZ for s in given]
    assert gaps == pytest.approx([0, 0, 18, 22])


@pytest.mark.parametrize("second", ["s=96x64 yuv420p", "s=64x64 yuv444p", "s=32x48 yuv420p10le"])
def test_stretches_of_a_file_that_changes_are_its_own_frames(make_media, tmp_path, second):
    """As of a broadcast: filters must not begin to count anew."""
    (size, pixels), parts = second.split(), []
    for name, how, layout in (("one", "s=64x64", "yuv420p"), ("two", size, pixels)):
        arguments = f"-f lavfi -i testsrc2={how}:r=25:d=0.4 -c:v libx264 -pix_fmt {layout}"
        parts.append(make_media(f"{name}_{how}_{layout}.ts", arguments).read_bytes())
    video = tmp_path / "changing.ts"
    video.write_bytes(b"".join(parts))
    info = probe_video(video)
    with FrameReader(info) as reader:
        whole = {frame.index: frame.planes for frame in reader}
    assert len(whole) == 20
    for only in ([range(8, 13)], [range(14, 16)], [range(2, 3), range(9, 11), range(18, 20)]):
        with FrameReader(info, only=only) as reader:
            found = {frame.index: frame.planes for frame in reader}
        assert sorted(found) == [i for span in only for i in span]
        for index, planes in found.items():
            assert all(map(np.array_equal, planes, whole[index]))

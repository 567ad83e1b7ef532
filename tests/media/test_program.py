"""Which ffmpeg is used, and that what asks for another is told plainly."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import pytest

from cmet_cli.doctor import diagnose
from cmet_cli.errors import MediaError
from cmet_cli.media import facts, program
from cmet_cli.media.facts import facts_from_json, facts_from_log
from cmet_cli.media.ffmpeg import FfmpegProcess, run_short
from cmet_cli.media.program import NEEDED, bundled_ffmpeg, chosen_ffmpeg


def script(folder: Path, text: str, name: str = "ffmpeg") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def disguised(folder: Path, *, version: str = "", without: str = "") -> Path:
    """The real ffmpeg that says it is older, or lists less."""
    real = bundled_ffmpeg()
    lines = ""
    if version:
        lines += f'[ "$1" = -version ] && {{ echo "{version}"; exit 0; }}\n'
    return script(folder, f'{lines}"{real}" "$@" | grep -v \'{without or "no such word"}\'')


@pytest.fixture
def ask(monkeypatch):
    def asked(path: object) -> program.Ffmpeg:
        monkeypatch.setenv("CMET_FFMPEG", str(path))
        return chosen_ffmpeg()

    return asked


def test_the_bundled_one_is_used_whatever_is_on_path(monkeypatch, tmp_path):
    script(tmp_path, "echo ffmpeg version 99.0; exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg"))
    monkeypatch.delenv("CMET_FFMPEG", raising=False)
    chosen = chosen_ffmpeg()
    assert "imageio_ffmpeg" in chosen.program
    assert "comes with the package" in chosen.why
    assert chosen.version.startswith("ffmpeg version")


def test_another_is_used_when_asked_for(ask, tmp_path):
    other = disguised(tmp_path)
    chosen = ask(other)
    assert chosen.program == str(other)
    assert "CMET_FFMPEG asks for it" in chosen.why
    (ffmpeg,) = (f for f in diagnose() if f.name == "ffmpeg")
    assert ffmpeg.ok
    assert str(other) in ffmpeg.detail
    assert "CMET_FFMPEG asks for it" in ffmpeg.detail


def test_a_bare_name_is_looked_for_on_path(ask, monkeypatch, tmp_path):
    disguised(tmp_path).rename(tmp_path / "my-ffmpeg")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert ask("my-ffmpeg").program == str(tmp_path / "my-ffmpeg")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: f / "absent", "not a program"),
        (lambda f: f, "not a program"),
        (lambda f: script(f, "echo hello"), "not an ffmpeg"),
        (lambda f: script(f, "exit 1"), "not an ffmpeg"),
        (
            lambda f: disguised(f, version="ffmpeg version 4.4\nlibavutil      56. 70.100 / 56"),
            "too old: ffmpeg version 4.4",
        ),
        (lambda f: disguised(f, without="libx264 "), "lacks libx264 (encoder)"),
        (lambda f: disguised(f, without="showinfo"), "lacks showinfo (filter)"),
    ],
)
def test_one_that_cannot_do_it_is_refused_in_one_line(ask, cmet, tmp_path, make, said):
    path = make(tmp_path)
    with pytest.raises(MediaError) as error:
        ask(path)
    assert said in error.value.message
    assert "\n" not in str(error.value)
    (ffmpeg,) = (f for f in diagnose() if f.name == "ffmpeg")
    assert not ffmpeg.ok


def test_the_command_line_refuses_it_too(cmet, talking, voice, tmp_path):
    bad = script(tmp_path, "echo hello", "not-ffmpeg")
    run = cmet("edit", talking, "--emotion", voice, "-o", "o.mp4", CMET_FFMPEG=str(bad))
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "o.mp4").exists()


def test_what_is_needed_is_what_the_bundled_one_has():
    assert program._check(bundled_ffmpeg(), "bundled").startswith("ffmpeg version")
    assert all(NEEDED.values())


# ---------------------------------------------------------------- ffprobe beside it


CLIPS = {
    "plain.mp4": "-c:v libx264 -pix_fmt yuv420p -c:a aac",
    "ntsc.ts": "-r 30000/1001 -vf setsar=4/3 -c:v libx264 -pix_fmt yuv420p -c:a aac",
    "tall.mkv": "-c:v ffv1 -c:a flac",
    "old.avi": "-c:v mpeg4 -c:a mp2",
    "web.webm": "-c:v libvpx -c:a libvorbis",
    "raw.h264": "-an -c:v libx264 -pix_fmt yuv420p",
    "moving.gif": "-an",
    "hdr.mp4": "-vf format=yuv420p10le,setparams=range=tv:colorspace=bt2020nc"
    ":color_primaries=bt2020:color_trc=smpte2084 -c:v libx265 -x265-params log-level=error:"
    "master-display="
    "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400",
}


def real_pair() -> tuple[str, str]:
    """An ffmpeg with its ffprobe, as distributions install them."""
    found = shutil.which("ffmpeg")
    chosen = program._choose(found) if found else None
    if chosen is None or chosen.ffprobe is None:
        pytest.skip("no ffmpeg with an ffprobe beside it is installed")
    return chosen.program, chosen.ffprobe


@pytest.mark.parametrize("name", [*CLIPS, "turned.mp4"])
def test_ffprobe_and_the_log_tell_the_same(make_media, ask, name):
    ffmpeg, ffprobe = real_pair()
    picture = "-f lavfi -i testsrc2=s=64x48:r=25:d=0.5 -f lavfi -i sine=d=0.5"
    if name == "turned.mp4":
        flat = make_media("sar.mp4", f"{picture} -vf setsar=4/3 -c:v libx264 -pix_fmt yuv420p")
        path = make_media(name, f"-display_rotation 90 -i {flat} -c copy")
    else:
        path = make_media(name, f"{picture} {CLIPS[name]}")
    ask(ffmpeg)
    by_log, by_probe = facts_from_log(path), facts_from_json(path, ffprobe)
    assert by_probe == by_log
    assert by_log.kinds


def test_the_bundled_one_has_no_ffprobe_and_needs_none(monkeypatch, talking):
    monkeypatch.delenv("CMET_FFMPEG", raising=False)
    assert chosen_ffmpeg().ffprobe is None
    assert facts_from_log(talking).kinds == (("Video", "h264"), ("Audio", "aac"))


def test_a_broken_ffprobe_is_done_without(ask, monkeypatch, tmp_path, talking):
    ask(disguised(tmp_path))
    ffprobe = script(tmp_path, "echo nonsense; exit 3", "ffprobe")
    assert chosen_ffmpeg().ffprobe == str(ffprobe)
    assert facts_from_json(talking, str(ffprobe)) is None
    from cmet_cli.media.probe import probe_video

    assert probe_video(talking).width == 64


def test_rates_of_zero_are_no_rates():
    assert facts._ratio("0/0") is facts._ratio("1/0") is facts._ratio(None) is None
    assert facts._frame_rate({"r_frame_rate": "240/1", "avg_frame_rate": "30/1"}) == 30


# ---------------------------------------------------------------- one that stands still


def test_a_silent_ffmpeg_is_ended(ask, tmp_path):
    ask(disguised(tmp_path))
    script(tmp_path, "sleep 600", "ffmpeg")  # it hangs from now on
    started = time.monotonic()
    with (
        pytest.raises(MediaError, match="stood still"),
        FfmpegProcess(["-version"], stall_s=0.4) as process,
    ):
        process.read_into(memoryview(bytearray(10)))
    with (
        FfmpegProcess(["-version"], feed=True, stall_s=0.4) as process,
        pytest.raises(MediaError, match="stood still"),
    ):
        process.write(bytes(4 << 20))  # more than a pipe holds
    with pytest.raises(MediaError, match="did not finish within"):
        run_short(["-version"], 0.4)
    assert time.monotonic() - started < 60  # not the script's ten minutes

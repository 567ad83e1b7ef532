"""Inputs that are no ordinary files, and disks that are full: one line, no hang, nothing left."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import struct
import sys
import zlib
from pathlib import Path

import pytest
from video_checks import edit, read

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.errors import MediaError, UsageError
from cmet_cli.media.audio import decode_audio
from cmet_cli.media.ffmpeg import check_input
from cmet_cli.media.probe import probe_video
from cmet_cli.media.program import bundled_ffmpeg
from cmet_cli.options import RuntimeOptions

WHOLE = EditOptions(face_detector="none", crf=30)
NAMES = [
    "two\nlines.mp4",
    "-dash.mp4",
    'it\'s "quoted".mp4',
    "a b:c%03d.mp4",
    "\u00fc\U0001f600.mp4",
]


@pytest.fixture(scope="module")
def editor(tiny_weights):
    return EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cpu"))


def no_file(kind: str, folder: Path) -> Path:
    path = folder / "input.mp4"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to("input.mp4")
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "device":
        return Path("/dev/zero")
    elif kind == "null":
        return Path("/dev/null")
    elif kind == "long":
        return folder / ("x" * 5000)
    elif kind == "nul":
        return folder / "a\0b.mp4"
    elif kind == "empty":
        path.touch()
    return path


@pytest.mark.parametrize(
    "kind",
    ["fifo", "folder", "loop", "dangling", "device", "null", "long", "nul", "empty", "absent"],
)
def test_what_is_no_file_is_refused_at_once(editor, talking, voice, tmp_path, kind):
    path = no_file(kind, tmp_path)
    for use in (
        lambda: check_input(path, "video"),
        lambda: probe_video(path),
        lambda: decode_audio(path),
        lambda: editor.edit(path, voice, tmp_path / "out.mp4"),
        lambda: editor.edit(talking, path, tmp_path / "out.mp4"),
    ):
        with pytest.raises(UsageError) as error:
            use()
        assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_read_and_written(editor, talking, voice, tmp_path, name):
    video = tmp_path / name
    shutil.copy(talking, video)
    output = tmp_path / f"out {name}"
    result = edit(editor, video, voice, tmp_path)
    assert result.frames == 25
    written = editor.edit(video, voice, output, options=WHOLE).output
    assert len(read(written)[1]) == 25


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are text")
def test_names_of_no_text_are_read_and_written(editor, talking, voice, tmp_path):
    video = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    shutil.copy(talking, video)
    output = Path(os.fsdecode(os.fsencode(tmp_path) + b"/out\xff.mp4"))
    assert editor.edit(video, voice, output, options=WHOLE).frames == 25
    assert output.exists()
    video.write_bytes(b"nothing of the kind")
    with pytest.raises(MediaError) as error:
        probe_video(video)
    assert "caf\\udce9.mp4" in str(error.value)
    str(error.value).encode()  # can be printed


def test_a_message_is_one_line_whatever_the_name(tmp_path):
    with pytest.raises(UsageError) as error:
        probe_video(tmp_path / "two\nlines\x1b[31m.mp4")
    assert "two\\nlines\\x1b[31m.mp4" in str(error.value)


def huge_png(path: Path, side: int) -> Path:
    """A few bytes that claim ``side`` x ``side`` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("side", [60_000, 16_384, 12_000])
def test_a_picture_that_claims_to_be_huge_is_refused(editor, voice, tmp_path, side):
    path = huge_png(tmp_path / "huge.png", side)
    with pytest.raises(MediaError) as error:
        editor.edit(path, voice, tmp_path / "out.mp4")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*out*"))


def test_a_video_without_a_key_frame_is_refused(editor, make_media, voice, tmp_path):
    whole = make_media("whole.mp4", "-f lavfi -i testsrc2=s=64x48:d=1 -c:v libx264 -g 100")
    video = make_media("nokey.mkv", f"-i {whole} -c copy -bsf:v noise=drop=eq(n\\,0)")
    with pytest.raises(MediaError, match="no frame of the video could be decoded"):
        editor.edit(video, voice, tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())


@contextlib.contextmanager
def largest_file(limit: int):
    """As a quota does it: a write past the limit fails, here and in what is started here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [3000, 20_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    editor, make_media, voice, tmp_path, monkeypatch, limit, suffix
):
    video = make_media(
        "busy.mp4",
        "-f lavfi -i testsrc2=s=128x128:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac",
    )
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with largest_file(limit), pytest.raises(MediaError) as error:
        edit(editor, video, voice, tmp_path, suffix)
    assert "too large" in str(error.value) or "full" in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_an_ffmpeg_that_ends_well_though_it_could_not_write(
    editor, talking, voice, tmp_path, monkeypatch
):
    """ffmpeg 5.1 exits 0 when it has no room for the file's end: only its words tell."""
    real, program = bundled_ffmpeg(), tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n"{real}" "$@"\ncode=$?\n'
        'case "$*" in *"-f ivf"*) echo "Error writing trailer of x: No space left on device" >&2;; '
        "esac\nexit $code\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("CMET_FFMPEG", str(program))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(MediaError, match="No space left on device") as error:
        edit(editor, talking, voice, out, ".mkv")
    assert "disk space" in error.value.hint
    assert not list(out.iterdir())


def test_no_temporary_folder_is_one_line(editor, talking, voice, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(MediaError, match="no temporary file"):
        edit(editor, talking, voice, tmp_path)
    assert not list(tmp_path.iterdir())

"""x264 and NVENC: what ffmpeg is told, what is refused, and what goes to x264 after all."""

from __future__ import annotations

import csv
import re
import subprocess
from dataclasses import replace
from fractions import Fraction

import pytest

from cmet_cli.batch.run import check_batch
from cmet_cli.batch_options import BatchOptions
from cmet_cli.errors import UsageError
from cmet_cli.media import encoder
from cmet_cli.media.encoder import EncodeSettings, check_encoder, fitted
from cmet_cli.media.pixels import FORMATS
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.media.writer import FrameWriter, StreamPlan, encode_argv
from cmet_cli.options import PRESETS, EditOptions
from cmet_cli.reporting import encoding

EIGHT, TEN, RGB = FORMATS["yuv420p"], FORMATS["yuv420p10le"], FORMATS["gbrp"]
UNIT = Fraction(1, 25)


def nvenc_works() -> bool:
    try:
        check_encoder(EncodeSettings(encoder="nvenc"))
    except UsageError:
        return False
    return True


def test_x264_is_told_as_before():
    usual = {"c:v": "libx264", "preset": "veryfast", "pix_fmt": "yuv420p", "crf": 18}
    assert EncodeSettings().options(EIGHT) == usual
    lossless = EncodeSettings(0, preset="slow").options(TEN)
    assert lossless == {"c:v": "libx264", "preset": "slow", "pix_fmt": "yuv420p10le", "qp": 0}
    assert EncodeSettings().options(RGB)["c:v"] == "libx264rgb"


def test_nvenc_has_a_quality_of_its_own_and_lossless_by_name():
    told = EncodeSettings(23, "nvenc").options(EIGHT)
    assert (told["c:v"], told["preset"], told["cq"]) == ("h264_nvenc", "p5", 23)
    assert told["b:v"] == 0, "a bit rate would overrule the quality"
    lossless = EncodeSettings(0, "nvenc").options(EIGHT)
    assert lossless["tune"] == "lossless"
    assert "cq" not in lossless, "0 would mean any quality"


def test_only_x264_gets_its_parameters(talking, tmp_path):
    info = probe_video(talking)
    for name, has in (("x264", True), ("nvenc", False)):
        settings, output = EncodeSettings(encoder=name), tmp_path / "o.mp4"
        argv = encode_argv(info, [0, 1, 2], output, settings, StreamPlan())
        assert ("-x264-params" in argv) == has


def test_presets_are_checked_at_once():
    EditOptions(emotion="happy", preset="slow")
    EditOptions(emotion="happy", encoder="nvenc", preset="p7")
    with pytest.raises(UsageError, match="x264 has no preset 'p7'") as refused:
        EditOptions(emotion="happy", preset="p7")
    assert "veryslow" in refused.value.hint
    with pytest.raises(UsageError, match="nvenc has no preset 'veryfast'"):
        EditOptions(emotion="happy", encoder="nvenc", preset="veryfast")
    with pytest.raises(UsageError, match="encoder must be one of x264, nvenc"):
        EditOptions(emotion="happy", encoder="h265")  # type: ignore[arg-type]


def test_the_names_are_ffmpegs(tmp_path):
    """Of x264 each is tried; those of NVENC stand in ffmpeg's help, where it has that encoder."""
    source = ["-f", "lavfi", "-i", "color=s=64x64:d=0.04"]
    for preset in PRESETS["x264"]:
        argv = [encoder.find_ffmpeg(), "-v", "error", *source, "-c:v", "libx264"]
        subprocess.run([*argv, "-preset", preset, "-f", "null", "-"], check=True)
    argv = [encoder.find_ffmpeg(), "-hide_banner", "-h", "encoder=h264_nvenc"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "-preset" in told:
        for preset in PRESETS["nvenc"]:
            assert re.search(rf"^ +{preset} +\d+ ", told, re.MULTILINE)


@pytest.mark.skipif(nvenc_works(), reason="this machine has NVENC")
def test_without_a_driver_nvenc_is_refused_in_one_line():
    with pytest.raises(UsageError, match="NVENC does not work here: ") as refused:
        check_encoder(EncodeSettings(encoder="nvenc"))
    assert "\n" not in refused.value.message
    assert "incorrect parameters" not in refused.value.message, "the cause, not what followed"
    assert "x264" in refused.value.hint


@pytest.mark.skipif(nvenc_works(), reason="this machine has NVENC")
def test_a_batch_tells_the_row_before_it_begins(talking, voice, tmp_path):
    manifest = tmp_path / "rows.csv"
    with manifest.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "emotion_audio", "encoder", "preset"])
        rows.writerow([talking, voice, "x264", "fast"])
        rows.writerow([talking, voice, "nvenc", "p1"])
        rows.writerow([talking, voice, "x264", "p1"])
    checked = check_batch(BatchOptions(manifest, output_dir=str(tmp_path / "out")))
    assert [row.options.preset for row in checked.rows] == ["fast"]
    told = {problem.line: problem.message for problem in checked.problems}
    assert "NVENC does not work here" in told[3]
    assert "no preset 'p1'" in told[4]


@pytest.mark.parametrize("layout", ["yuv420p10le", "yuv422p", "gbrp"])
def test_what_nvenc_would_not_keep_goes_to_x264(talking, layout):
    info = replace(probe_video(talking), pixel_format=FORMATS[layout])
    settings = fitted(EncodeSettings(20, "nvenc", "p7", "note"), info, UNIT)
    assert (settings.encoder, settings.preset, settings.crf) == ("x264", "", 20)
    assert layout in settings.warning
    assert settings.options(info.pixel_format)["preset"] == "veryfast"


def test_a_size_that_the_gpu_refuses_goes_to_x264(talking, monkeypatch):
    info, asked = probe_video(talking), EncodeSettings(20, "nvenc")
    monkeypatch.setattr(encoder, "_refusal", lambda *_: "")
    assert fitted(asked, info, UNIT) is asked
    monkeypatch.setattr(encoder, "_refusal", lambda *_: "Frame dimension too small")
    assert fitted(asked, info, UNIT).encoder == "x264"
    assert "too small" in fitted(asked, info, UNIT).warning


def test_the_preset_is_in_the_stream(talking, tmp_path):
    """x264 writes its settings beside the picture: how thoroughly it looks for motion."""
    info, seen = probe_video(talking), {}
    with FrameReader(info, timestamps=True) as reader:
        frames = list(reader)
        ticks = reader.ticks
    for preset in ("", "ultrafast", "faster"):
        output = tmp_path / f"{preset or 'usual'}.mp4"
        settings = EncodeSettings(preset=preset)
        with FrameWriter(info, ticks, output, settings, StreamPlan()) as writer:
            for frame in frames:
                writer.write(frame.planes)
            writer.finish()
        found = re.search(rb"subme=(\d+)", output.read_bytes())
        assert found is not None
        seen[preset] = int(found[1])
    assert seen == {"": 2, "ultrafast": 0, "faster": 4}


def test_the_options_reach_the_encoder():
    options = EditOptions(emotion="happy", encoder="nvenc", preset="p1", crf=30)
    settings = encoding(options)
    assert (settings.encoder, settings.preset, settings.crf) == ("nvenc", "p1", 30)
    assert encoding(EditOptions(emotion="happy")).encoder == "x264"

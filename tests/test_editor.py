"""The main job on a tiny model: what goes in, what comes out, what stays as it was."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from faces_in_pictures import scene, write_video

from cmet_cli import CmetError, EditOptions, EmotionEditor
from cmet_cli.errors import DeviceError, MediaError, UsageError, WeightsError
from cmet_cli.media.ffmpeg import run_short
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.options import RuntimeOptions


def whole(**options) -> EditOptions:
    """The middle square of the picture: test patterns show no face."""
    """As published: random weights render nothing that a difference would be trusted with."""
    plain = {"face_detector": "none", "paste": "crop", "detail": "render", "lips": "audio"}
    return EditOptions(**(plain | options))


@pytest.fixture(scope="module")
def editor(tiny_weights):
    return EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cpu"))


def read_all(path: Path):
    info = probe_video(path)
    with FrameReader(info, timestamps=True) as reader:
        frames = [np.concatenate([p.ravel() for p in f.planes]) for f in reader]
        times = [float(t * info.time_base) for t in reader.ticks]
    return info, np.stack(frames), times


def audio_packets(path: Path) -> list[str]:
    """Time, size and checksum of every sound packet, untouched by any decoder."""
    run = run_short(["-i", str(path), "-map", "0:a", "-c", "copy", "-f", "framecrc", "-"])
    return [line for line in run.stdout.decode().splitlines() if not line.startswith("#")]


def test_every_frame_and_its_sound_come_back(editor, talking, voice, tmp_path):
    result = editor.edit(talking, voice, tmp_path / "out.mp4", options=whole())
    info, frames, times = read_all(result.output)
    original, before, original_times = read_all(talking)
    assert (info.width, info.height) == (original.width, original.height)
    assert len(frames) == len(before) == result.frames == 25
    assert np.allclose(times, original_times, atol=1e-6)
    assert audio_packets(result.output) == audio_packets(talking)
    assert np.abs(frames.astype(int) - before).mean() > 5  # the picture did change
    assert result.lips == "audio"
    assert result.neutral_from == "the video's own speech"
    assert result.duration_s == pytest.approx(1.0)


def test_output_says_it_was_edited(editor, talking, voice, tmp_path):
    output = editor.edit(talking, voice, tmp_path / "noted.mkv", options=whole()).output
    text = run_short(["-i", str(output)]).stderr.decode()
    assert "Synthetic edit" in text


def test_two_runs_are_identical(editor, talking, voice, tmp_path):
    first, second = (
        editor.edit(talking, voice, tmp_path / f"{i}.mp4", options=whole()).output for i in "ab"
    )
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("frames", [1, 4, 5, 11])
def test_a_last_short_window_is_edited_too(editor, make_media, voice, tmp_path, frames):
    clip = make_media(
        f"short{frames}.mp4",
        f"-f lavfi -i testsrc2=s=32x32:r=25 -frames:v {frames} -c:v libx264 -pix_fmt yuv420p",
    )
    codes = tmp_path / "codes.npz"
    options = whole(save_codes=codes)
    result = editor.edit(clip, voice, tmp_path / "out.mp4", neutral=voice, options=options)
    assert result.frames == frames
    assert result.lips == "video"  # there is no sound to follow
    with np.load(codes) as saved:
        assert saved["delta"].shape == saved["neutral_expression"].shape == (frames, 10)
        assert saved["edited_expression"].shape == (frames, 10)
        assert (saved["pose"].shape[1], saved["lip"].shape[1]) == (6, 20)
        assert len(saved["times_s"]) == frames


def test_intensity_scales_the_change_and_nothing_else(editor, talking, voice, tmp_path):
    """0 is the neutral reconstruction: it must not depend on the emotion asked for."""
    neutral, happy = (tmp_path / f"{n}.npy" for n in ("a", "b"))
    np.save(neutral, np.zeros(12, np.float32))
    np.save(happy, np.full(12, 3, np.float32))
    outputs = {}
    for name, emotion, intensity in (("0a", voice, 0.0), ("0b", happy, 0.0), ("2b", happy, 2.0)):
        options = whole(intensity=intensity, lips="video", crf=0)
        path = tmp_path / f"{name}.mp4"
        editor.edit(talking, emotion, path, neutral=neutral, options=options)
        outputs[name] = read_all(path)[1]
    assert np.array_equal(outputs["0a"], outputs["0b"])
    assert not np.array_equal(outputs["0a"], outputs["2b"])


def test_every_source_choice_is_another_picture(editor, make_media, voice, tmp_path):
    """The face comes from the first frame, from the best one, or from every frame itself."""
    clip = make_media(
        "sources.mp4",
        "-f lavfi -i testsrc2=s=64x64:r=25:d=0.6,gblur=sigma=8:enable=lt(n\\,6) "
        "-c:v libx264 -pix_fmt yuv420p",
    )
    shown = {}
    for source in ("first", "best", "frame"):
        output = tmp_path / f"{source}.mp4"
        result = editor.edit(
            clip, voice, output, neutral=voice, options=whole(source=source, crf=0)
        )
        assert (result.source, result.frames) == (source, 15)
        shown[source] = read_all(output)[1].astype(int)
    for one, other in (("first", "best"), ("first", "frame"), ("best", "frame")):
        assert np.abs(shown[one] - shown[other]).mean() > 0.5, (one, other)
    # The first frame is its own source with two of the three choices.
    assert np.array_equal(shown["first"][0], shown["frame"][0])
    assert not np.array_equal(shown["first"][0], shown["best"][0])


def test_codes_of_every_face_are_saved(editor, voice, tmp_path):
    video = write_video(tmp_path / "two.mkv", scene({12: (10, 30), 16: (265, 40)}, 10))
    codes = tmp_path / "codes.npz"
    options = EditOptions(face_detector="haar", face="all", lips="video", save_codes=str(codes))
    editor.edit(video, voice, tmp_path / "out.mkv", neutral=voice, options=options)
    with np.load(codes) as saved:
        assert int(saved["faces"]) == 2
        assert saved["delta"].shape == saved["delta_2"].shape == (10, 10)
        assert saved["square"][0, 0] < 240 < saved["square_2"][0, 0]


def test_batch_size_does_not_change_the_result(tiny_weights, talking, voice, tmp_path):
    pictures = []
    for size in (1, 7):
        editor = EmotionEditor.from_weights(
            tiny_weights, runtime=RuntimeOptions("cpu", "fp32", batch_size=size)
        )
        out = tmp_path / f"{size}.mp4"
        editor.edit(talking, voice, out, options=whole(crf=0))
        pictures.append(read_all(out)[1].astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 2


def test_nothing_is_overwritten_unless_asked(editor, talking, voice, tmp_path):
    out = tmp_path / "precious.mp4"
    out.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        editor.edit(talking, voice, out, options=whole())
    assert out.read_bytes() == b"mine"
    editor.edit(talking, voice, out, options=whole(overwrite=True))
    assert out.stat().st_size > 100


def test_output_must_not_be_an_input(editor, talking, voice, tmp_path):
    same = tmp_path / "same.mp4"
    same.write_bytes(talking.read_bytes())
    with pytest.raises(UsageError, match="same file"):
        editor.edit(same, voice, same, options=whole(overwrite=True))


BAD_VIDEOS = {
    "empty.mp4": (b"", UsageError, "empty"),
    "text.mp4": (b"this is not a video\n" * 50, MediaError, "not a video"),
}


@pytest.mark.parametrize("name", BAD_VIDEOS)
def test_bad_videos_are_one_error(editor, voice, tmp_path, name):
    content, kind, words = BAD_VIDEOS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(kind, match=words):
        editor.edit(path, voice, tmp_path / "out.mp4", options=whole())
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


def test_sound_given_as_video(editor, voice, tmp_path):
    with pytest.raises(MediaError, match="no video stream"):
        editor.edit(voice, voice, tmp_path / "out.mp4", options=whole())


def test_a_failure_in_the_middle_leaves_nothing(editor, talking, voice, tmp_path, monkeypatch):
    def fail(*_args, **_kw):
        raise MediaError("stopped")

    monkeypatch.setattr("cmet_cli.pipeline.join.paste_rgb", fail)
    with pytest.raises(CmetError, match="stopped"):
        editor.edit(talking, voice, tmp_path / "out.mp4", options=whole())
    assert list(tmp_path.iterdir()) == []


def test_no_video_without_the_codes_asked_for(editor, talking, voice, tmp_path, monkeypatch):
    def full(*_args, **_kw):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numpy.savez_compressed", full)
    options = whole(save_codes=tmp_path / "codes.npz")
    with pytest.raises(OSError, match="No space"):
        editor.edit(talking, voice, tmp_path / "out.mp4", options=options)
    assert list(tmp_path.iterdir()) == []


def test_unusable_devices_are_refused(tiny_weights):
    with pytest.raises(DeviceError, match="unknown device"):
        EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="gpu"))
    with pytest.raises(DeviceError):
        EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cuda:99"))


def test_missing_weights_name_what_is_missing(tmp_path, tiny_weights):
    (tmp_path / "edtalk.safetensors").write_bytes(
        (tiny_weights / "edtalk.safetensors").read_bytes()
    )
    with pytest.raises(WeightsError, match="audio2lip, connector"):
        EmotionEditor.from_weights(tmp_path)


# ---------------------------------------------------------------- the command line


def arguments(talking, voice, weights, out="out.mp4"):
    return (
        "edit",
        "--video",
        talking,
        "-e",
        voice,
        "-o",
        out,
        "--weights-dir",
        weights,
        "--face-detector",
        "none",
    )


def test_command_line_edits(cmet, talking, voice, tiny_weights, tmp_path):
    run = cmet(*arguments(talking, voice, tiny_weights), "--json", "--device", "cpu")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["frames"] == 25
    assert (tmp_path / "out.mp4").is_file()
    again = cmet(*arguments(talking, voice, tiny_weights))
    assert (again.returncode, again.stdout) == (2, "")
    assert "output exists" in again.stderr


def test_default_output_is_named_after_the_emotion(cmet, talking, voice, tiny_weights, tmp_path):
    video = tmp_path / "talk.mp4"
    video.write_bytes(talking.read_bytes())
    run = cmet(
        "edit",
        "--video",
        video,
        "-e",
        voice,
        "--weights-dir",
        tiny_weights,
        "--quiet",
        "--face-detector",
        "none",
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "talk_voice.mp4").is_file()
    assert "25 frames" in run.stdout


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("--video", "nowhere.mp4"), 2, "not found"),
        (("-e", "nowhere.wav"), 2, "not found"),
        (("--intensity", "nan"), 2, "intensity"),
        (("--crf", "99"), 2, "crf"),
        (("--device", "cuda:99"), 2, "cuda:99"),
        (("--device", "toaster"), 2, "unknown device"),
        (("-o", "out.avi"), 2, ".mp4"),
        (("-o", "no/such/folder/out.mp4"), 2, "folder does not exist"),
        (("--weights-dir", "nowhere"), 1, "weights folder not found"),
        (("--lips", "telepathy"), 2, "telepathy"),
    ],
)
def test_wrong_requests_are_one_line(
    cmet, talking, voice, tiny_weights, tmp_path, change, code, words
):
    run = cmet(*arguments(talking, voice, tiny_weights), *change)
    assert run.returncode == code, run.stderr
    assert words in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.glob("*.mp4")) == []


def test_ctrl_c_leaves_nothing(talking, voice, tiny_weights, tmp_path, make_media):
    long = make_media(
        "long.mp4",
        "-f lavfi -i testsrc2=s=256x256:r=25:d=12 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    )
    command = [sys.executable, "-m", "cmet_cli", "edit", "--video", str(long), "-e", str(voice)]
    command += ["-n", str(voice), "-o", "out.mp4", "--weights-dir", str(tiny_weights)]
    command += ["--face-detector", "none"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".out.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.glob(".out.*")), "rendering never began"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert "interrupted" in told
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_twice_leaves_nothing_either(talking, voice, tiny_weights, tmp_path):
    """The second one would break the clearing up."""
    command = [sys.executable, "-c", TWICE, "edit", "--video", str(talking), "-e", str(voice)]
    command += ["-o", "out.mp4", "--weights-dir", str(tiny_weights), "--face-detector", "none"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 130
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


TWICE = """
import os, pathlib, signal
from cmet_cli.pipeline import render
from cmet_cli.__main__ import main

finish, unlink = render.FrameWriter.finish, pathlib.Path.unlink

def interrupted(self):
    os.kill(os.getpid(), signal.SIGINT)

def again(self, **kw):
    os.kill(os.getpid(), signal.SIGINT)
    unlink(self, **kw)

render.FrameWriter.finish, pathlib.Path.unlink = interrupted, again
main()
"""


@pytest.mark.parametrize("after", ["import", "main()"])
def test_ctrl_c_at_start_and_end_gives_no_traceback(after, tmp_path):
    """While the command line is imported, and when Python ends."""
    if after == "main()":
        code = (
            "import atexit, os, signal, sys\n"
            "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
            "sys.argv = ['cmet', '--version']\nfrom cmet_cli.__main__ import main\nmain()"
        )
    else:
        code = (
            "import os, signal, sys\n"
            "class Finder:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.meta_path.insert(0, Finder())\n"
            "from cmet_cli.__main__ import main\nmain()"
        )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in run.stderr
    assert run.returncode in (130, -signal.SIGINT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_stdout_is_one_line(tmp_path):
    command = [sys.executable, "-m", "cmet_cli", "doctor", "--json"]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr
    assert "No space left" in run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are text")
@pytest.mark.parametrize("more", [("--json",), (), ("--preview", "2")])
def test_an_output_name_of_no_text(cmet, talking, voice, tiny_weights, tmp_path, more):
    suffix = b".png" if "--preview" in more else b".mp4"
    name = os.fsdecode(b"caf\xe9" + suffix)
    run = cmet(*arguments(talking, voice, tiny_weights, name), *more)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / name).is_file()
    if "--json" in more:
        assert json.loads(run.stdout)["output"] == name


def test_help_is_quick_and_light(cmet):
    """Heavy imports happen inside the command that needs them, and importing changes nothing."""
    probe = (
        "import os, sys; before = dict(os.environ); import cmet_cli.cli.app; "
        "from cmet_cli.cli.commands import command_line; command_line(); "
        "print('torch' in sys.modules, os.environ == before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "False True"
    assert "download-weights" in cmet("--help").stdout


def test_an_edit_does_not_wait_for_what_it_does_not_need(tmp_path):
    """By name, by speech and with new words: SciPy is for sounds and the lab, the Hub's client for
    downloads, FunASR for real voices, torch for large networks and GPUs."""
    code = (
        "import sys; from pathlib import Path; from cmet_cli import EditOptions, EmotionEditor; "
        "from cmet_cli.options import RuntimeOptions; runtime = RuntimeOptions(device='cpu'); "
        "editor = EmotionEditor.from_weights(model='mini', runtime=runtime); "
        "video, output, voice, new = map(Path, sys.argv[1:]); "
        "editor.edit(video, None, output, options=EditOptions(emotion='happy')); "
        "words = EditOptions(speech=voice); "
        "editor.edit(video, voice, new, options=words); "
        "heavy = ('scipy', 'huggingface_hub.file_download', 'funasr', 'torch'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    example = Path(__file__).parents[1] / "examples/neutral.mp4"
    voice = example.parent / "voices/sad.wav"
    files = map(str, (example, tmp_path / "out.mp4", voice, tmp_path / "words.mp4"))
    run = subprocess.run(
        [sys.executable, "-c", code, *files],
        capture_output=True, text=True, check=True, timeout=120,
        env=os.environ | {"HF_HOME": str(tmp_path)},
    )  # fmt: skip
    assert run.stdout.strip() == "[]"

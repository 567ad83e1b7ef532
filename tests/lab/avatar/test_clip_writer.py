"""Clips on disk: the right frames, rate, length and sound; whole files or none; never replaced."""

import wave
from fractions import Fraction

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cmet_cli.cli.commands import command_line
from cmet_cli.errors import MediaError, UsageError
from cmet_cli.lab import rgb_video
from cmet_cli.lab.avatar import clip_writer, dataset
from cmet_cli.lab.avatar.clip import make_clip
from cmet_cli.lab.avatar.clip_writer import Scene, pictures, write_clip
from cmet_cli.lab.avatar.dataset import DatasetSpec, write_dataset
from cmet_cli.media.audio import decode_audio
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader

SMALL = Scene.square(64)
NTSC = Fraction(30000, 1001)


def clip(seconds=1.0, fps=Fraction(25), emotion="happy"):
    return make_clip(
        identity_seed=14, voice_seed=3, emotion=emotion, level=3, seconds=seconds, fps=fps, seed=5
    )


def luma(path):
    """Every frame's brightness plane, float ``[n, h, w]``."""
    with FrameReader(probe_video(path)) as reader:
        return np.stack([frame.planes[0].astype(float) for frame in reader])


@pytest.mark.parametrize(("fps", "scene"), [(Fraction(25), SMALL), (NTSC, Scene.wide(160, 90))])
def test_frames_rate_and_sound_are_the_clip_s(tmp_path, fps, scene):
    one = clip(1.2, fps)
    info = probe_video(write_clip(one, tmp_path / "a.mp4", scene=scene))
    assert (info.width, info.height) == (scene.width_px, scene.height_px)
    assert info.frame_rate == fps
    assert info.audio_streams == 1
    assert len(luma(info.path)) == len(one)
    sound = decode_audio(info.path)
    assert abs(len(sound) - len(one.wave)) <= 1024  # one AAC frame at most
    n = min(len(sound), len(one.wave))
    assert np.corrcoef(sound[:n], one.wave[:n])[0, 1] > 0.9
    assert np.corrcoef(np.roll(sound[:n], 160), one.wave[:n])[0, 1] < 0.8  # 10 ms would be heard


def test_pictures_are_the_drawn_ones_in_order(tmp_path):
    one = clip(0.8)
    seen = luma(write_clip(one, tmp_path / "a.mkv", scene=SMALL, crf=5))
    drawn = np.stack([p.astype(float) @ (0.2126, 0.7152, 0.0722) for p in pictures(one, SMALL)])
    drawn = 16 + drawn * 219 / 255
    assert np.abs(seen - drawn).mean() < 2.0
    assert np.abs(seen[::-1] - drawn).mean() > 1.2 * np.abs(seen - drawn).mean()


def test_speech_alone_is_sixteen_bit_mono(tmp_path):
    one = clip(0.5)
    with wave.open(str(write_clip(one, tmp_path / "a.wav"))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    assert np.abs(samples - one.wave).max() < 1e-4


def test_same_clip_same_bytes(tmp_path):
    one, two = (write_clip(clip(0.4), tmp_path / f"{k}.mp4", scene=SMALL) for k in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_the_wall_meets_the_portrait_without_a_seam():
    scene = Scene.wide(640, 360)
    picture = next(pictures(clip(), scene)).astype(float)
    row = picture[scene.top_px + 20]
    for edge in (scene.left_px, scene.left_px + scene.face_px):
        assert np.abs(row[edge] - row[edge - 1]).max() < 6
    top = picture[scene.top_px] - picture[scene.top_px - 1]
    assert np.abs(top[scene.left_px : scene.left_px + scene.face_px]).max() < 6
    assert scene.left_px + scene.face_px / 2 > 0.6 * 640
    square = next(pictures(clip(), Scene.square(scene.face_px)))
    right = scene.left_px + scene.face_px
    assert np.array_equal(picture[scene.top_px :, scene.left_px : right], square)


def test_nothing_is_left_of_a_failed_write(tmp_path, monkeypatch):
    def broken(clip, scene):
        yield np.zeros((64, 64, 3), np.uint8)
        raise RuntimeError("no more paint")

    monkeypatch.setattr(clip_writer, "pictures", broken)
    with pytest.raises(RuntimeError, match="paint"):
        write_clip(clip(), tmp_path / "a.mp4", scene=SMALL)
    monkeypatch.undo()
    monkeypatch.setattr(rgb_video, "_COLOUR", "nosuchfilter")
    with pytest.raises(MediaError, match="mp4 failed"):
        write_clip(clip(), tmp_path / "a.mp4", scene=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_kept(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        write_clip(clip(), path)
    assert path.read_bytes() == b"mine"
    write_clip(clip(), path, overwrite=True)
    assert path.read_bytes()[:4] == b"RIFF"


def test_a_dataset_is_laid_out_as_mead_and_goes_on_where_it_stopped(tmp_path):
    spec = DatasetSpec(1, 2, 0.2, 7, ("neutral", "sad"), 32)
    report = write_dataset(tmp_path, spec)
    assert (report.written, report.present) == (2 + 3 * 2, 0)
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.mp4"))
    assert found[0] == "7/front/neutral/level_1/001.mp4"
    assert found[-1] == "7/front/sad/level_3/002.mp4"
    assert len(found) == 8
    lost = tmp_path / "7/front/sad/level_2/001.wav"
    before = lost.read_bytes()
    lost.unlink()
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")}
    report = write_dataset(tmp_path, spec)
    assert (report.written, report.present) == (1, 7)
    assert lost.read_bytes() == before
    assert all(p.stat().st_mtime_ns == t for p, t in times.items())


def test_an_interrupted_dataset_holds_whole_clips_only(tmp_path, monkeypatch):
    calls = []

    def stop_at_third(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write_clip(*args, **options)

    monkeypatch.setattr(dataset, "write_clip", stop_at_third)
    spec = DatasetSpec(1, 2, 0.2, 7, ("neutral",), 32)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, spec)
    assert [p.name for p in sorted(tmp_path.rglob("*.*"))] == ["001.mp4", "001.wav"]
    monkeypatch.undo()
    assert write_dataset(tmp_path, spec).written == 1


def avatar(output, options: str) -> Result:
    return CliRunner().invoke(command_line(), ["avatar", str(output), "--quiet", *options.split()])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--emotion bored", "bored"),
        ("--level 4", "level"),
        ("--fps fast", "frame rate"),
        ("--fps 0", "frame rate"),
        ("--seconds nan", "seconds"),
        ("--seconds 0.001", "seconds"),
        ("--seconds 601", "seconds"),
        ("--size 65", "even"),
        ("--size 8", "pixels"),
        ("--scene 640", "picture size"),
        ("--seed -1", "seed"),
        ("--dataset --clips 0", "clips"),
        ("--dataset --identities 0", "identity"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, options, says):
    error = avatar(tmp_path / "a.mp4", options).exception
    assert isinstance(error, UsageError)
    assert says in error.message
    assert error.exit_code == 2
    assert "\n" not in error.message
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_and_reports(tmp_path):
    done = avatar(tmp_path / "a.mp4", "--emotion sad --seconds 0.4 --size 32")
    assert "10 frames, 0.40 s" in done.output
    again = avatar(tmp_path / "a.mp4", "--seconds 0.4 --size 32")
    assert isinstance(again.exception, UsageError)
    assert "exists" in again.exception.message
    folder = tmp_path / "set"
    avatar(folder, "--dataset --identities 1 --clips 1 --seconds 0.1 --size 16")
    assert len(list(folder.rglob("*.mp4"))) == 1 + 7 * 3

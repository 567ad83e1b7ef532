"""New speech on a video, and pictures that talk, through the editor, on the drawn example."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.errors import FaceError, MediaError, UsageError
from cmet_cli.media.audio import SAMPLE_RATE_HZ, decode_audio
from cmet_cli.media.ffmpeg import run_short
from cmet_cli.media.pictures import write_picture
from cmet_cli.media.probe import probe_video
from cmet_cli.media.program import bundled_ffmpeg
from cmet_cli.media.reader import FrameReader

EXAMPLES = Path(__file__).parents[1] / "examples"
HAPPY = EXAMPLES / "voices" / "happy.wav"
SECONDS = 1.2


@pytest.fixture(scope="module")
def editor():
    return EmotionEditor.from_weights(model="mini")


def ffmpeg(*words):
    subprocess.run([bundled_ffmpeg(), "-loglevel", "error", "-y", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dub")


@pytest.fixture(scope="module")
def video(folder):
    """The example's first 1.2 seconds, lossless, with its sound."""
    path = folder / "talk.mkv"
    ffmpeg("-i", EXAMPLES / "neutral.mp4", "-t", SECONDS, "-crf", 0, "-c:a", "copy", path)
    return path


@pytest.fixture(scope="module")
def speech(folder):
    """2.2 s of other words."""
    path = folder / "words.wav"
    ffmpeg("-i", HAPPY, "-t", 2.2, path)
    return path


@pytest.fixture(scope="module")
def picture(folder, video):
    with FrameReader(probe_video(video), rgb_size=(256, 256)) as reader:
        write_picture(next(iter(reader)).planes[0], folder / "face.png", overwrite=True)
    return folder / "face.png"


def luma(path):
    with FrameReader(probe_video(path)) as reader:
        return np.stack([frame.planes[0].astype(np.int16) for frame in reader])


def edit(editor, video, output, **options):
    return editor.edit(video, None, output, options=EditOptions(crf=0, **options))


def likeness(a, b):
    """Correlation of two sounds where they go together best, at most 0.1 s from the beginning: some
    versions of ffmpeg begin a file at its AAC stream's priming, and the picture after it."""
    n, most = min(len(a), len(b)), SAMPLE_RATE_HZ // 10
    together = correlate(a[:n], b[:n], "full", "fft")[n - 1 - most : n + most]
    lag = int(together.argmax()) - most
    one, other = a[max(0, lag) :], b[max(0, -lag) :]
    n = min(len(one), len(other))
    return np.corrcoef(one[:n], other[:n])[0, 1]


def test_new_speech_is_heard_and_moves_the_lips(editor, video, speech, tmp_path):
    output = tmp_path / "out.mp4"
    result = edit(editor, video, output, speech=speech, emotion="happy", intensity=0)
    assert (result.frames, result.lips) == (30, "audio")
    heard, said = decode_audio(output), decode_audio(speech)
    assert abs(len(heard) - SECONDS * SAMPLE_RATE_HZ) < 0.1 * SAMPLE_RATE_HZ  # AAC's own frames
    assert likeness(heard, said) > 0.95  # AAC
    before, after = luma(video), luma(output)
    moved = np.abs(after - before).mean(0)
    rows, columns = moved.mean(1), moved.mean(0)
    assert moved.max() > 4
    assert 0.55 < np.average(np.arange(256), weights=rows) / 256 < 0.85  # the mouth's place
    assert 0.35 < np.average(np.arange(256), weights=columns) / 256 < 0.65
    assert any("1.0 s longer than the picture (1.2 s)" in w for w in result.warnings)


def test_it_asks_for_its_own_emotion_where_nothing_else_does(editor, video, speech, tmp_path):
    result = edit(editor, video, tmp_path / "own.mp4", speech=speech, lips="video")
    assert max(result.heard, key=result.heard.get) == "happy"
    assert result.neutral_from == "the video's own speech"
    other = edit(editor, video, tmp_path / "other.mp4", speech=speech, emotion="sad")
    assert not other.heard


def test_with_filmed_lips_and_no_emotion_only_the_sound_changes(editor, video, speech, tmp_path):
    output = tmp_path / "out.mkv"
    edit(editor, video, output, speech=speech, emotion="happy", intensity=0, lips="video")
    assert np.array_equal(luma(video), luma(output))
    assert likeness(decode_audio(output), decode_audio(speech)) > 0.9999


def test_a_stretch_of_a_recording(editor, video, speech, tmp_path):
    part = speech.with_name(f"{speech.name}@0.5-1.5")
    output = tmp_path / "out.mov"
    edit(editor, video, output, speech=part, emotion="happy", fit="cut")
    said = decode_audio(speech)[SAMPLE_RATE_HZ // 2 :]
    assert len(luma(output)) == 25
    assert likeness(decode_audio(output), said) > 0.999


def unmoved(editor, video, output, speech, fit):
    edit(editor, video, output, speech=speech, fit=fit, emotion="happy", intensity=0, lips="video")
    return luma(output)


def test_a_picture_that_bounces_and_one_that_stands(editor, video, speech, tmp_path):
    before = luma(video)
    bounced = unmoved(editor, video, tmp_path / "b.mkv", speech, "bounce")
    assert len(bounced) == 55
    assert np.array_equal(bounced[:30], before)
    assert np.array_equal(bounced[30:], before[28:3:-1])
    held = unmoved(editor, video, tmp_path / "h.mkv", speech, "hold")
    assert np.array_equal(held[30:], np.tile(before[-1:], (25, 1, 1)))


def test_a_loop_goes_on_without_a_jump(editor, video, speech, tmp_path):
    before = luma(video)
    looped = unmoved(editor, video, tmp_path / "l.mkv", speech, "loop")
    assert len(looped) == 55
    steps = np.array([np.abs(b - a).mean() for a, b in pairwise(looped)])
    jump = np.abs(before[-1] - before[0]).mean()
    assert steps[20:32].max() < max(0.5 * jump, 1.5 * steps[:20].max())
    assert np.array_equal(looped[30:44], before[8:22])  # what the end had melted into goes on


def test_a_picture_talks(editor, picture, speech, tmp_path):
    output = tmp_path / "out.mp4"
    result = edit(editor, None, output, identity_image=picture, speech=speech, emotion="happy")
    frames, still = luma(output), luma(picture)
    assert (result.frames, result.video, result.source) == (55, picture, "first")
    assert likeness(decode_audio(output), decode_audio(speech)) > 0.95
    # Nothing outside the face moves; the face does, and calmly.
    border = np.concatenate([frames[:, :, :6], frames[:, :, -6:]], axis=2)
    moved = np.abs(border - border[0])
    assert moved.max() <= 2
    assert (moved > 1).mean() < 1e-4  # a few pixels of a shade's last step, rounded
    moved = np.abs(frames - frames[0]).mean((1, 2))
    assert moved[5:].max() > 0.3
    assert np.abs(np.diff(frames, axis=0)).mean((1, 2)).max() < 4
    assert still.shape[1:] == frames.shape[1:]
    note = subprocess.run([bundled_ffmpeg(), "-i", output], capture_output=True, text=True).stderr
    assert "a still picture moved with cmet" in note


def test_a_picture_on_a_clip_s_motion(editor, video, picture, tmp_path):
    output = tmp_path / "out.mkv"
    result = edit(editor, video, output, identity_image=picture)
    assert (result.frames, result.lips) == (30, "video")
    assert np.array_equal(decode_audio(output), decode_audio(video))
    # It moves when and as far as the clip does.
    ways = [np.abs(np.diff(luma(p), axis=0)).mean((1, 2)) for p in (video, output)]
    assert np.corrcoef(*ways)[0, 1] > 0.6
    assert 0.4 < ways[1].mean() / ways[0].mean() < 1.6


def test_a_dub_of_a_clip_on_another_face(editor, video, picture, speech, tmp_path):
    output = tmp_path / "out.mkv"
    chosen = {"identity_image": picture, "speech": speech, "fit": "bounce", "emotion": "sad"}
    result = edit(editor, video, output, **chosen)
    assert (result.frames, result.lips) == (55, "audio")
    assert likeness(decode_audio(output), decode_audio(speech)) > 0.9999


def test_what_cannot_be_done_is_told_and_nothing_is_left(editor, video, picture, speech, tmp_path):
    blank = tmp_path / "blank.png"
    write_picture(np.full((64, 64, 3), 90, np.uint8), blank, overwrite=True)
    output = tmp_path / "out.mp4"
    with pytest.raises(FaceError, match=r"blank\.png: no face"):
        edit(editor, None, output, identity_image=blank, speech=speech)
    with pytest.raises(UsageError, match="no video to edit"):
        edit(editor, None, output, speech=speech)
    with pytest.raises(UsageError, match="no --speech is given"):
        edit(editor, video, output, fit="loop", emotion="happy")
    with pytest.raises(MediaError, match="no audio stream"):
        edit(editor, video, output, speech=picture)
    with pytest.raises(UsageError, match="speech not found"):
        edit(editor, video, output, speech=tmp_path / "none.wav")
    with pytest.raises(UsageError, match="identity image not found"):
        edit(editor, video, output, identity_image=tmp_path / "none.png")
    with pytest.raises(UsageError, match="whole picture"):
        EditOptions(identity_image=picture, face="all")
    options = EditOptions(identity_image=picture, emotion="happy")
    with pytest.raises(UsageError, match="video's own face"):
        editor.preview(video, None, tmp_path / "p.png", options=options)
    assert [p.name for p in tmp_path.iterdir()] == ["blank.png"]


def shown(path, stream):
    """(begin, end) in seconds of every packet of a stream, in the order of the file."""
    words = ["-i", str(path), "-map", f"0:{stream}", "-c", "copy", "-f", "framehash", "-"]
    told = run_short(words).stdout.decode().splitlines()
    scale = next(line.split()[-1] for line in told if line.startswith("#tb"))
    rows = [line.split(",") for line in told if not line.startswith("#")]
    unit = float(Fraction(scale))
    return [(int(r[2]) * unit, (int(r[2]) + int(r[3])) * unit) for r in rows]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_keeps_its_own_times_at_any_frame_rate(editor, video, speech, tmp_path, suffix):
    """They were rounded to the frames'."""
    slow, output = tmp_path / "slow.mkv", tmp_path / f"out.{suffix}"
    ffmpeg("-i", video, "-vf", "fps=5", "-crf", 0, "-an", slow)
    edit(editor, slow, output, speech=speech, emotion="happy", intensity=0, lips="video")
    packets = shown(output, "a")
    steps = np.diff([begin for begin, _ in packets])
    assert np.ptp(steps[:-1]) < 0.002
    assert abs(packets[-1][1] - 1.2) < 0.1


@pytest.mark.parametrize("fit", ["video", "cut", "hold", "bounce", "loop"])
def test_a_single_frame_lasts_as_long_as_frames_do(editor, video, speech, tmp_path, fit):
    one, output = tmp_path / "one.mp4", tmp_path / "out.mp4"
    ffmpeg("-i", video, "-frames:v", 1, "-an", one)
    result = edit(editor, one, output, speech=speech, emotion="happy", fit=fit)
    frames = 1 if fit in ("video", "cut") else 55
    assert result.frames == frames
    (begin, _), *_, (_, end) = [*shown(output, "v"), *shown(output, "v")]
    assert end - begin == pytest.approx(frames / 25, abs=0.005)


def test_a_cut_ends_the_subtitles_too(editor, video, speech, tmp_path):
    words, titled = tmp_path / "t.srt", tmp_path / "titled.mkv"
    lines = "1\n00:00:00,100 --> 00:00:00,300\nEarly\n\n2\n00:00:00,900 --> 00:00:01,100\nLate\n"
    words.write_text(lines)
    ffmpeg("-i", video, "-i", words, "-c", "copy", "-map", 0, "-map", 1, titled)
    output, part = tmp_path / "out.mkv", speech.with_name(f"{speech.name}@0-0.5")
    edit(editor, titled, output, speech=part, fit="cut", emotion="happy")
    said = run_short(["-i", str(output), "-map", "0:s", "-f", "srt", "-"]).stdout.decode()
    assert "Early" in said
    assert "Late" not in said
    assert len(luma(output)) == 13


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cut_ends_the_chapters_too(editor, video, speech, tmp_path, suffix):
    told = tmp_path / "chapters.txt"
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\n"
    told.write_text(";FFMETADATA1\n" + chapter.format(0, 700) + chapter.format(700, 1200))
    source, short, out = tmp_path / "c.mkv", tmp_path / "short.wav", tmp_path / f"o{suffix}"
    ffmpeg("-i", video, "-i", told, "-map_metadata", 1, "-c", "copy", source)
    ffmpeg("-i", speech, "-t", 0.4, short)
    options = EditOptions(emotion="happy", speech=short, fit="cut")
    editor.edit(source, None, out, options=options)
    words = run_short(["-i", str(out)]).stderr.decode()
    assert words.count("Chapter #0") == 1
    assert "end 0.4" in words


def test_a_plan_for_a_picture_that_goes_on_is_on_its_own_clock(editor, video, speech, tmp_path):
    """The picture begins a second after the file does, and goes on for as long as the speech."""
    late, plan = tmp_path / "late.mkv", tmp_path / "plan.csv"
    ffmpeg(
        "-itsoffset", 1, "-i", video, "-i", HAPPY, "-map", "0:v", "-map", "1:a", "-c", "copy", late
    )
    plan.write_text("start,end,emotion\n2.4,3.1,happy\n")
    options = EditOptions(speech=speech, fit="bounce", timeline=plan)
    result = editor.edit(late, None, tmp_path / "o.mkv", options=options)
    assert result.duration_s == pytest.approx(2.2, abs=0.05)
    plan.write_text("start,end,emotion\n2.4,4.4,happy\n")
    with pytest.raises(UsageError, match="after the video"):
        editor.edit(late, None, tmp_path / "p.mkv", options=options)


def test_lips_that_no_sound_could_move_are_not_said_to_follow_it(editor, video, picture, tmp_path):
    silent = tmp_path / "silent.mkv"
    ffmpeg("-i", video, "-an", "-c:v", "copy", silent)
    for more in ({}, {"identity_image": picture}):
        options = EditOptions(emotion="happy", lips="audio", overwrite=True, **more)
        result = editor.edit(silent, None, tmp_path / "o.mkv", options=options)
        assert result.lips == "video"
        assert "the video has no sound" in " ".join(result.warnings)


def test_a_stretch_beyond_the_end_says_so(editor, video, speech, tmp_path):
    beyond = speech.with_name(f"{speech.name}@5-9")
    with pytest.raises(MediaError, match=r"words\.wav: no sound between 5 and 9 s"):
        edit(editor, video, tmp_path / "x.mp4", speech=beyond)


def test_what_is_no_picture_is_called_none(editor, speech, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    for name, said in (("empty.png", "identity image is empty"), (speech, "no picture could be")):
        options = EditOptions(identity_image=tmp_path / name, speech=speech)
        with pytest.raises((UsageError, MediaError), match=said):
            editor.edit(None, None, tmp_path / "x.mp4", options=options)


def test_a_cut_that_leaves_no_face_is_told(editor, folder, tmp_path):
    """The face comes later than the speech lasts."""
    late, short = folder / "late.mkv", folder / "short.wav"
    black = "color=black:s=256x256:r=25:d=1[b];[0:v]scale=256:256[v];[b][v]concat"
    ffmpeg("-i", EXAMPLES / "neutral.mp4", "-t", 2, "-filter_complex", black, "-an", late)
    ffmpeg("-i", HAPPY, "-t", 0.6, short)
    with pytest.raises(FaceError, match=r"no face in the first 0\.6 s"):
        edit(editor, late, tmp_path / "o.mkv", speech=short, fit="cut", emotion="happy")
    assert not (tmp_path / "o.mkv").exists()


def test_a_picture_takes_no_fit(editor, picture, speech, tmp_path):
    with pytest.raises(UsageError, match="without --fit bounce"):
        edit(editor, None, tmp_path / "o.mkv", identity_image=picture, speech=speech, fit="bounce")


def test_the_face_that_is_asked_for_talks(editor, picture, speech, tmp_path):
    """A picture of two people, as a video of them."""
    import cv2

    one = cv2.imread(str(picture))
    both = tmp_path / "both.png"
    cv2.imwrite(str(both), np.hstack([one, one[:, ::-1]]))
    moved = []
    for face in (1, 2):
        output = tmp_path / f"{face}.mkv"
        edit(editor, None, output, identity_image=both, speech=speech, face=face)
        with FrameReader(probe_video(output)) as reader:
            luma = np.stack([frame.planes[0].astype(np.float32) for frame in reader])
        moving = np.abs(np.diff(luma, axis=0)).mean((0, 1))
        half = moving.size // 2
        moved.append(moving[:half].mean() > moving[half:].mean())
    assert moved[0] != moved[1]
    with pytest.raises((FaceError, UsageError)):
        edit(editor, None, tmp_path / "o.mkv", identity_image=both, speech=speech, face=7)


def test_a_clips_subtitles_stay_under_another_face(editor, video, picture, speech, tmp_path):
    lines, subtitled = tmp_path / "lines.srt", tmp_path / "subtitled.mkv"
    lines.write_text("1\n00:00:00,000 --> 00:00:01,000\nWell\n")
    ffmpeg("-i", video, "-i", lines, "-map", "0", "-map", "1", "-c", "copy", subtitled)
    for name, asked in (("dub", {}), ("face", {"identity_image": picture})):
        output = tmp_path / f"{name}.mkv"
        edit(editor, subtitled, output, speech=speech, emotion="happy", **asked)
        assert len(probe_video(output).subtitle_codecs) == 1, name

"""Every way of asking for an emotion, through the editor, on the drawn example."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.asking import Wanted
from cmet_cli.errors import FaceError, UsageError
from cmet_cli.media.pictures import write_picture
from cmet_cli.media.probe import probe_video
from cmet_cli.media.program import bundled_ffmpeg
from cmet_cli.media.reader import FrameReader

EXAMPLES = Path(__file__).parents[1] / "examples"
HAPPY = EXAMPLES / "voices" / "happy.wav"


@pytest.fixture(scope="module")
def editor():
    return EmotionEditor.from_weights(model="mini")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """The example's first 1.2 seconds, lossless, with its sound."""
    path = tmp_path_factory.mktemp("prompts") / "talk.mkv"
    command = [bundled_ffmpeg(), "-loglevel", "error", "-i", str(EXAMPLES / "neutral.mp4")]
    command += ["-t", "1.2", "-crf", "0", "-c:a", "copy", str(path)]
    subprocess.run(command, check=True)
    return path


def frames(path):
    with FrameReader(probe_video(path)) as reader:
        return [[plane.astype(np.int16) for plane in frame.planes] for frame in reader]


def edit(editor, video, output, speech=None, **options):
    return editor.edit(video, speech, output, options=EditOptions(crf=0, overwrite=True, **options))


def change(before, after):
    """Mean change of luma by frame and row, ``[frames, H]``."""
    pairs = zip(frames(before), frames(after), strict=True)
    return np.stack([np.abs(a[0] - b[0]).mean(1) for a, b in pairs])


def same(before, after):
    pairs = zip(frames(before), frames(after), strict=True)
    return [all(np.array_equal(a, b) for a, b in zip(*pair, strict=True)) for pair in pairs]


def test_at_intensity_nought_every_number_is_the_input_s(editor, video, tmp_path):
    output = tmp_path / "out.mkv"
    result = edit(editor, video, output, emotion="happy", intensity=0)
    assert result.frames_edited == result.frames
    assert all(same(video, output))


def test_a_name_and_a_mixture(editor, video, tmp_path):
    outputs = [tmp_path / f"{k}.mkv" for k in range(3)]
    edit(editor, video, outputs[0], emotion="happy")
    edit(editor, video, outputs[1], emotion="0.5 happy + 0.5 surprised")
    edit(editor, video, outputs[2], emotion="happy - happy")
    whole = change(video, outputs[0]).mean()
    assert whole > 0.3
    assert 0.5 < change(outputs[0], outputs[1]).mean() / whole < 2
    assert change(video, outputs[2]).mean() < 0.01 * whole


def test_speech_beside_a_name_counts_half(editor, video, tmp_path):
    output, alone = tmp_path / "out.mkv", tmp_path / "alone.mkv"
    both = edit(editor, video, output, HAPPY, emotion="sad")
    assert max(both.heard, key=both.heard.get) == "happy"
    edit(editor, video, alone, emotion="0.5 sad + 0.5 happy")
    assert change(alone, output).mean() < 0.5 * change(video, alone).mean()


def test_a_region_limits_the_change(editor, video, tmp_path):
    rows = {}
    for name in ("brows", "mouth"):
        output = tmp_path / f"{name}.mkv"
        edit(editor, video, output, emotion="surprised", region=name)
        rows[name] = change(video, output).mean(0)
    height = len(rows["brows"])
    assert rows["brows"][: height // 2].sum() > 50 * rows["brows"][int(0.62 * height) :].sum()
    assert rows["mouth"][int(0.58 * height) :].sum() > 50 * rows["mouth"][: height // 2].sum()


def test_a_timeline_leaves_its_gaps_untouched(editor, video, tmp_path):
    plan, output = tmp_path / "plan.csv", tmp_path / "out.mkv"
    plan.write_text("start,end,emotion,ease\n0,0.3,happy,0.1\n0.9,2,sad,0.1\n")
    edit(editor, video, output, timeline=plan)
    untouched = same(video, output)
    # What is steadied reaches six frames into a gap.
    assert all(untouched[14:16])
    assert not any(untouched[2:6])
    assert not any(untouched[26:29])


def test_ease_in_begins_with_the_input(editor, video, tmp_path):
    output = tmp_path / "out.mkv"
    edit(editor, video, output, emotion="happy", ease_in=0.8)
    moved = change(video, output).mean(1)
    assert same(video, output)[0]
    assert moved[2] < 0.3 * moved[25]


def test_followed_speech(editor, video, tmp_path):
    output = tmp_path / "out.mkv"
    result = edit(editor, video, output, emotion_follow=HAPPY)
    assert max(result.heard, key=result.heard.get) == "happy"
    assert result.neutral_from == "the video's own speech"
    assert change(video, output).mean() > 0.2


def test_a_picture_and_a_video_lend_their_expression(editor, video, tmp_path):
    happy = tmp_path / "happy.mkv"
    edit(editor, video, happy, emotion="happy", detail="render")
    with FrameReader(probe_video(happy), rgb_size=(256, 256)) as reader:
        picture = next(iter(reader)).planes[0]
    write_picture(picture, tmp_path / "happy.png", overwrite=True)
    for name, option in (("happy.png", "emotion_image"), ("happy.mkv", "emotion_video")):
        output = tmp_path / f"{option}.mkv"
        edit(editor, video, output, **{option: tmp_path / name})
        there = change(video, output).mean()
        assert there > 0.2
    blank = tmp_path / "blank.png"
    write_picture(np.full((64, 64, 3), 90, np.uint8), blank, overwrite=True)
    with pytest.raises(FaceError, match=r"blank\.png"):
        edit(editor, video, tmp_path / "x.mkv", emotion_image=blank)
    assert not (tmp_path / "x.mkv").exists()


def test_unknown_names_are_told_before_work_begins(editor, tmp_path):
    nothing = tmp_path / "empty.mp4"
    nothing.write_bytes(b"never opened")
    plan = tmp_path / "plan.csv"
    plan.write_text("start,end,emotion\n0,1,hapy\n")
    with pytest.raises(UsageError, match="no emotion is called 'hapy'"):
        edit(editor, nothing, tmp_path / "x.mkv", emotion="hapy")
    with pytest.raises(UsageError, match=r"plan\.csv: line 2: no emotion is called 'hapy'"):
        edit(editor, nothing, tmp_path / "x.mkv", timeline=plan)
    with pytest.raises(UsageError, match="no emotion is asked for"):
        edit(editor, nothing, tmp_path / "x.mkv")


def test_a_word_past_what_was_trained(editor, video, tmp_path):
    result = edit(editor, video, tmp_path / "out.mkv", emotion="happy", intensity=1.8)
    assert any("not trained beyond 1.5" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("emotion", "rows", "most"),
    [
        ("", "", 1.0),
        ("0.6 happy + 0.4 sad", "", 0.6),
        ("10 happy", "", 10.0),
        ("2 happy - happy", "", 1.0),
        ("surprised - 3 fear", "", 3.0),
        ("", "0,1,sad,-1.8\n1,2,0.5 fear,2\n", 1.8),
        ("0.5 happy", "0,1,sad,-1.8\n1,2,0.5 fear,2\n", 0.9),  # each counts half
    ],
)
def test_however_much_is_asked_for_it_is_known(tmp_path, emotion, rows, most):
    options, plan = EditOptions(emotion=emotion), tmp_path / "plan.csv"
    if rows:
        plan.write_text(f"start,end,emotion,intensity\n{rows}")
        options = replace(options, timeline=plan)
    speech = None if emotion or rows else HAPPY
    assert Wanted.of(speech, (), options).most == pytest.approx(most)


def test_more_than_was_trained_in_words_is_warned_of_too(editor, video, tmp_path):
    result = edit(editor, video, tmp_path / "out.mkv", emotion="2 happy", intensity=-1)
    assert any("intensity 2: the networks" in warning for warning in result.warnings)


def test_lips_that_cannot_be_held_are_told(editor, video, tmp_path):
    def warned(**asked):
        result = edit(editor, video, tmp_path / "out.mkv", emotion="happy", **asked)
        return any("keep-lips did nothing" in warning for warning in result.warnings)

    assert warned(keep_lips=True, detail="render")
    assert not warned(keep_lips=True)
    assert not warned(detail="render")


def test_a_look_refuses_what_it_would_not_do(editor, video, tmp_path):
    """Rather than to look at something else."""
    plan, sheet = tmp_path / "plan.csv", tmp_path / "sheet.png"
    plan.write_text("start,end,emotion\n0,1,happy\n")
    with pytest.raises(UsageError, match="not --timeline"):
        editor.sweep(video, ["sad"], sheet, options=EditOptions(timeline=plan))
    for name, value in (("compare", True), ("face", "all"), ("intensity", 1.5), ("fit", "loop")):
        with pytest.raises(UsageError, match="a sweep"):
            editor.sweep(video, ["sad"], sheet, options=EditOptions(**{name: value}))
    with pytest.raises(UsageError, match="no emotion is asked for"):
        edit(editor, tmp_path / "nothing.mp4", sheet.with_suffix(".mkv"), emotion="  ")
    for name, value in (("save_codes", tmp_path / "c.npz"), ("sidecar", True)):
        options = EditOptions(emotion="happy", **{name: value})
        for look in (
            lambda o: editor.sweep(video, ["happy"], sheet, options=o),
            lambda o: editor.preview(video, None, sheet, options=o),
            lambda o: editor.inspect(video, None, tmp_path / "page.html", options=o),
        ):
            with pytest.raises(UsageError, match="nothing to write"):
                look(options)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plan.csv"]


def test_a_line_that_begins_after_the_video_is_refused(editor, video, tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_text("start,end,emotion\n0,0.5,happy\n1.6,1.9,sad\n")
    with pytest.raises(UsageError, match=r"line 3 begins at 1\.6 s, after the video"):
        edit(editor, video, tmp_path / "o.mkv", timeline=plan)


def test_a_plan_for_all_of_a_video_is_the_emotion_by_its_name(editor, video, tmp_path):
    """No neutral face is faded in from before a video, or out to behind it."""
    plan = tmp_path / "plan.csv"
    plan.write_text(f"start,end,emotion\n0,{probe_video(video).duration_s},happy\n")
    planned, named = tmp_path / "planned.mkv", tmp_path / "named.mkv"
    edit(editor, video, planned, timeline=plan)
    edit(editor, video, named, emotion="happy")
    assert all(same(planned, named))
    assert not any(same(video, named))


def test_a_sweep_is_one_reading(editor, video, tmp_path):
    import cv2

    sheet, tiles = tmp_path / "sheet.png", tmp_path / "tiles.mp4"
    editor.sweep(video, ["happy", "sad"], sheet, intensities=(0.5, 1.0))
    picture = cv2.imread(str(sheet))
    assert picture.shape == (24 + 2 * 192, 112 + 3 * 192, 3)
    face, weak, strong = (picture[24 : 24 + 192, 112 + k * 192 :][:, :192] for k in range(3))
    apart = [np.abs(face.astype(int) - tile).mean() for tile in (weak, strong)]
    assert 0.2 < apart[0] < apart[1]
    assert editor.sweep(video, ["happy"], tiles, intensities=(1.0,)) is None
    written = probe_video(tiles)
    assert (written.width, written.audio_streams) == (112 + 2 * 192, 1)
    assert len(frames(tiles)) == len(frames(video))
    with pytest.raises(UsageError, match="1 to 150 tiles"):
        editor.sweep(video, ["happy"] * 80, sheet, intensities=(1, 2), options=EditOptions())


def test_an_inspection_is_one_page(editor, video, tmp_path):
    page = tmp_path / "page.html"
    editor.inspect(video, HAPPY, page, frames=2)
    text = page.read_text()
    assert "heard: happy" in text
    assert text.count("<polyline") == 21
    assert "http" not in text.replace("http-equiv", "")
    alone = tmp_path / "alone.html"
    editor.inspect(video, None, alone, frames=1)
    assert alone.read_text().count("<polyline") == 10
    with pytest.raises(UsageError, match="exists"):
        editor.inspect(video, None, alone)


def changes(editor, video, tmp_path, **options):
    """The change of expression at each frame, as saved."""
    codes = tmp_path / "codes.npz"
    edit(editor, video, tmp_path / "out.mkv", save_codes=codes, **options)
    return np.load(codes)["delta"]


def test_the_algebra_of_asking(editor, video, tmp_path):
    """One of one is itself; a plan of one full-length segment is the plain edit; signs cancel."""
    happy = changes(editor, video, tmp_path, emotion="happy")
    for other in ("1 happy", "0.25 happy + 0.75 happy", "2 happy - happy"):
        assert np.allclose(changes(editor, video, tmp_path, emotion=other), happy, atol=1e-6)
    plan = tmp_path / "plan.csv"
    plan.write_text("start,end,emotion,ease\n0,2,happy,0\n")
    assert np.allclose(changes(editor, video, tmp_path, timeline=plan), happy, atol=1e-6)
    assert not changes(editor, video, tmp_path, emotion="happy - happy").any()


def test_sound_that_goes_on_after_the_picture_is_not_its_end(editor, video, tmp_path):
    """A row that ends with the picture does not fade there."""
    longer = tmp_path / "longer.mkv"
    command = [bundled_ffmpeg(), "-loglevel", "error", "-i", str(video), "-f", "lavfi"]
    command += ["-i", "anoisesrc=d=1.6:r=16000:a=0.1", "-map", "0:v", "-map", "1:a"]
    subprocess.run([*command, "-c:v", "copy", str(longer)], check=True)
    plan = tmp_path / "plan.csv"
    plan.write_text("start,end,emotion,ease\n0,1.2,happy,0.4\n")
    happy = changes(editor, longer, tmp_path, emotion="happy")
    assert np.allclose(changes(editor, longer, tmp_path, timeline=plan), happy, atol=1e-6)


def test_a_change_of_prompt_is_no_jump(editor, video, tmp_path):
    """No step of the change is larger than the cross-fade's own slope allows, nor than a steady
    prompt's steps."""
    plan = tmp_path / "plan.csv"
    plan.write_text("start,end,emotion,ease\n0,0.6,happy,0.4\n0.6,2,sad,0.4\n")
    moved = changes(editor, video, tmp_path, timeline=plan)
    ends = [changes(editor, video, tmp_path, emotion=name) for name in ("happy", "sad")]
    apart = np.linalg.norm(ends[0] - ends[1], axis=1).max()
    steady = max(np.linalg.norm(np.diff(e, axis=0), axis=1).max() for e in ends)
    steps = np.linalg.norm(np.diff(moved, axis=0), axis=1)
    assert steps[5:25].max() < 1.5 * apart * (1 / 25) / 0.4 + steady
    assert np.allclose(moved[27:], ends[1][27:], atol=1e-3)


def test_a_segment_past_the_end_is_told(editor, video, tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_text("start,end,emotion\n0,99,happy\n")
    with pytest.raises(UsageError, match="line 2 ends at 99 s, after the video"):
        edit(editor, video, tmp_path / "x.mkv", timeline=plan)


def test_recordings_may_come_in_anything_that_lists_them(tmp_path):
    nothing = EditOptions()
    for several in ([HAPPY], (str(HAPPY),), {HAPPY}, (path for path in [HAPPY])):
        assert Wanted.of(several, (), nothing).prompt.target == (HAPPY,)
    for wrong in (3, [None], object()):
        with pytest.raises(UsageError, match="recordings are a path or several") as error:
            Wanted.of(wrong, (), nothing)
        assert "delta(codes, timeline)" in error.value.hint


def test_a_name_given_for_a_recording_and_the_other_way_round():
    with pytest.raises(UsageError, match="not found: happy") as error:
        Wanted.of("happy", (), EditOptions()).files()
    assert "--emotion happy" in error.value.hint
    with pytest.raises(UsageError, match="neutral audio not found") as error:
        Wanted.of(HAPPY, "happy", EditOptions()).files()
    assert error.value.hint == ""
    with pytest.raises(UsageError, match="cannot be read") as error:
        Wanted.of(None, (), EditOptions(emotion=str(HAPPY)))
    assert "--emotion-audio" in error.value.hint
    with pytest.raises(UsageError, match="cannot be read") as error:
        Wanted.of(None, (), EditOptions(emotion="0.5 happy sad"))
    assert "'0.6 happy + 0.4 sarcastic'" in error.value.hint


def test_neutral_speech_beside_a_name_is_compared_with_nothing():
    asked = EditOptions(emotion="happy", speech=HAPPY)
    with pytest.raises(UsageError, match="no emotion is asked for by speech") as error:
        Wanted.of(None, HAPPY, asked)
    assert "leave it out" in error.value.hint


def test_a_result_has_a_name_of_its_own(editor, video):
    result = editor.edit(video, options=EditOptions(emotion="happy", intensity=0.5))
    assert result.output == video.with_name("talk_happy_intensity0.5.mkv")
    with pytest.raises(UsageError, match="exists"):
        editor.edit(video, options=EditOptions(emotion="happy", intensity=0.5))
    with pytest.raises(UsageError, match="no video to edit"):
        editor.edit(None, HAPPY)


def test_of_several_ways_to_ask_each_counts_its_part():
    twice = EditOptions(emotion="2 happy")
    assert Wanted.of(None, (), twice).most == 2
    assert Wanted.of(HAPPY, (), twice).most == 1


def test_a_file_that_is_not_there_is_no_bug(editor, tmp_path):
    with pytest.raises(UsageError, match="video not found"):
        editor.read(str(tmp_path / "missing.mp4"), EditOptions())

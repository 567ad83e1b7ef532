"""Faces found, followed and put back in whole pictures: drawn people, the bundled detector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from faces_in_pictures import FACE_PX, HEIGHT, WIDTH, scene, write_video

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.backends.edtalk.crop_calibration import EDTALK_CROP
from cmet_cli.errors import FaceError, UsageError
from cmet_cli.faces.blend import face_mask, head_mask, match_colours
from cmet_cli.media.probe import probe_video
from cmet_cli.media.reader import FrameReader
from cmet_cli.options import RuntimeOptions

N = 20
LEFT, TOP = 250, 40
FACE = EDTALK_CROP.face


@pytest.fixture(scope="module")
def editor(tiny_weights):
    return EmotionEditor.from_weights(tiny_weights, runtime=RuntimeOptions(device="cpu"))


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """One drawn person right of the middle."""
    return write_video(tmp_path_factory.mktemp("p") / "person.mkv", scene({12: (LEFT, TOP)}, N))


def read(path: Path) -> np.ndarray:
    info = probe_video(path)
    with FrameReader(info) as reader:
        return np.stack([np.stack(f.planes) for f in reader])  # 4:4:4, all planes of one size


def options(**changes) -> EditOptions:
    return replace(EditOptions(face_detector="haar", crf=0, detail="render"), **changes)


def test_only_the_face_changes(editor, person, voice, tmp_path):
    result = editor.edit(person, voice, tmp_path / "out.mkv", neutral=voice, options=options())
    assert (result.frames, result.frames_edited, result.frames_passed_through) == (N, N, 0)
    before, after = read(person), read(result.output)
    changed = (before != after).any(axis=(0, 1))
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    # All changes lie in the portrait, around its middle, and leave the surroundings alone.
    assert columns[0] > LEFT - 10
    assert columns[-1] < LEFT + FACE_PX + 10
    assert rows[0] > TOP - 10
    assert abs(columns.mean() - (LEFT + FACE_PX / 2)) < 25
    assert 0.05 < changed.mean() < 0.3


def test_two_people_are_told_apart(editor, voice, tmp_path):
    video = write_video(tmp_path / "two.mkv", scene({12: (10, 30), 16: (265, 40)}, N))
    halves = {}
    for face in (1, 2, "all"):
        output = tmp_path / f"{face}.mkv"
        editor.edit(video, voice, output, neutral=voice, options=options(face=face))
        changed = (read(video) != read(output)).any(axis=(0, 1, 2))
        halves[face] = (bool(changed[:240].any()), bool(changed[240:].any()))
    assert halves == {1: (True, False), 2: (False, True), "all": (True, True)}
    with pytest.raises(UsageError, match="face 3 does not exist"):
        editor.edit(video, voice, tmp_path / "3.mkv", neutral=voice, options=options(face=3))


def test_a_stretch_without_a_face_passes_through_untouched(editor, voice, tmp_path):
    frames = scene({12: (LEFT, TOP)}, 60)
    frames[20:45] = 120  # one second: too long to bridge
    video = write_video(tmp_path / "gone.mkv", frames)
    result = editor.edit(video, voice, tmp_path / "out.mkv", neutral=voice, options=options())
    before, after = read(video), read(result.output)
    assert np.array_equal(before[22:43], after[22:43])
    assert (before[5] != after[5]).any()
    assert result.frames_passed_through >= 20
    assert result.frames_edited + result.frames_passed_through == 60


def test_no_face_at_all_says_what_was_tried(editor, talking, voice, tmp_path):
    with pytest.raises(FaceError, match=r"25 frames.*haar") as error:
        editor.edit(talking, voice, tmp_path / "out.mp4", options=options())
    assert "--face-detector" in error.value.hint
    assert not list(tmp_path.iterdir())


def test_faces_picture_and_preview(cmet, person, voice, tiny_weights, tmp_path):
    run = cmet("faces", person, "-o", "faces.png", "--face-detector", "haar")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0] == f"face 1: in {N} of {N} frames"
    assert cv2.imread(str(tmp_path / "faces.png")).shape == (HEIGHT, WIDTH, 3)
    shown = cmet(
        "edit", "--video", person, "-e", voice, "-n", voice, "--preview", "3", "-o", "p.png",
        "--weights-dir", tiny_weights, "--face-detector", "haar",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert cv2.imread(str(tmp_path / "p.png")).shape[0] > 2 * 200


def test_mask_is_soft_bounded_and_follows_the_head():
    mask = face_mask(128, FACE)
    assert mask.max() == 1.0
    assert mask[0].max() == mask[-1].max() == mask[:, 0].max() == mask[:, -1].max() == 0.0
    assert np.abs(np.diff(mask, axis=0)).max() < 0.2
    moved = head_mask(128, FACE, 0.1, 0.0)
    middle = [float((m.sum(0) * np.arange(128)).sum() / m.sum()) for m in (mask, moved)]
    assert middle[1] - middle[0] == pytest.approx(12.8, abs=2.0)


def test_colours_meet_at_the_border_and_contrast_stays():
    """A render with a cast over a slanted light is brought to the frame's colours."""
    size = 96
    slope = np.linspace(60, 160, size, dtype=np.float32)[None, :, None]
    original = np.broadcast_to(slope, (size, size, 3)).copy()
    rendered = original + np.array([25, -10, 5], np.float32)
    rendered[40:56, 40:56] += 30  # a feature that must survive
    mask = face_mask(size, FACE)
    matched = match_colours(rendered, original, mask)
    band = (mask > 0.1) & (mask < 0.9)
    assert np.abs(matched - original)[band].mean() < 0.25 * np.abs(rendered - original)[band].mean()
    feature = matched[44:52, 44:52].mean() - matched[44:52, 30:36].mean()
    expected = rendered[44:52, 44:52].mean() - rendered[44:52, 30:36].mean()
    assert feature == pytest.approx(expected, abs=6)


def test_real_clips_are_followed(shared_media, tiny_weights, editor, voice, tmp_path):
    """The real talking clip, in which the head moves: every frame is edited."""
    video = shared_media / "talking_uncropped_450_25fps.mp4"
    result = editor.edit(video, voice, tmp_path / "out.mp4", options=options(crf=30))
    assert result.frames == 202
    assert result.frames_edited >= 0.99 * 202

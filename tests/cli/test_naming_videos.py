"""A video named as another command wants it, or something else named in its place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cmet_cli import EditOptions
from cmet_cli.cli.app import video_hint
from cmet_cli.naming import default_output

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("edit", "talk.mp4", "--emotion", "happy"), "cmet edit --video talk.mp4"),
        (("sweep", "talk.mp4"), "cmet sweep --video talk.mp4"),
        (("inspect", "--video", "talk.mp4"), "cmet inspect VIDEO"),
        (("faces", "--video=talk.mp4"), "cmet faces VIDEO"),
    ],
)
def test_the_other_way_round(cmet, words, said):
    run = cmet(*words)
    assert run.returncode == 2
    assert said in run.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["edit"],
        ["edit", "--video", "talk.mp4", "more.mp4"],
        ["edit", "more.mp4", "--video=talk.mp4"],
        ["edit", "--emotion", "happy"],
        ["inspect", "talk.mp4", "--nonsense"],
        ["batch", "talk.mp4"],
    ],
)
def test_nothing_is_said_where_that_is_not_what_is_wrong(words):
    assert video_hint(words) is None


def test_a_run_that_is_well_named_gets_no_hint(cmet):
    run = cmet("faces", EXAMPLE, "--json")
    assert run.returncode == 0, run.stderr
    assert "hint" not in run.stderr


def test_a_picture_for_a_video(cmet, tmp_path):
    """One frame is edited, as asked; and it is said what a picture is for."""
    picture = tmp_path / "face.png"
    cv2.imwrite(str(picture), np.full((96, 96, 3), 128, np.uint8))
    run = cmet("edit", "--video", picture, "--emotion", "happy", "--face-detector", "none")
    assert run.returncode == 0, run.stderr
    assert "--identity-image" in run.stderr
    assert (tmp_path / "face_happy.mp4").is_file()
    told = cmet("edit", "--video", EXAMPLE, "--emotion", "happy", "-o", "o.mp4")
    assert "--identity-image" not in told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("edit", "--video", ".", "--emotion", "happy", "-o", "o.mp4"), "name a file in it"),
        (("edit", "--video", EXAMPLE, "-e", "face.png", "-o", "o.mp4"), "--emotion-image"),
        (("edit", "--video", EXAMPLE, "--emotion-image", "a.txt", "-o", "o.mp4"), "or picture"),
        (("batch", "face.png"), "a manifest is a table"),
    ],
)
def test_something_else_in_its_place(cmet, tmp_path, words, said):
    cv2.imwrite(str(tmp_path / "face.png"), np.full((32, 32, 3), 128, np.uint8))
    (tmp_path / "a.txt").write_text("not a picture")
    run = cmet(*words)
    assert run.returncode in (1, 2)
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "talk_happy.mov"),
        ({"intensity": 1.5}, "talk_happy_intensity1.5.mov"),
        ({"intensity": -1}, "talk_happy_intensity-1.mov"),
        ({"region": "mouth", "compare": True}, "talk_happy_comparetrue_regionmouth.mov"),
        ({"crf": 0, "face_detector": "haar", "overwrite": True}, "talk_happy.mov"),
    ],
)
def test_edits_of_one_emotion_are_told_apart_by_name(asked, name):
    options = EditOptions(emotion="happy", **asked)
    assert default_output(Path("a/talk.mov"), [], options) == Path("a") / name


def test_several_voices_and_a_talking_picture_have_names_too():
    clips, talk = [Path("v/sad.wav"), Path("more.wav")], Path("talk.webm")
    assert default_output(talk, clips, EditOptions()) == Path("talk_sad+1.mp4")
    still = EditOptions(identity_image="face.png", speech="words.wav")
    assert default_output(Path("face.png"), [], still) == Path("face_words.mp4")
    moved = default_output(talk, [], EditOptions(identity_image="face.png", emotion="sad"))
    assert moved == Path("talk_sad_face.mp4")
    assert default_output(talk, [], EditOptions(emotion="sad"), True) == Path("talk_sad.png")
    both = EditOptions(identity_image="face.png", speech="words.wav", intensity=0.5)
    assert default_output(talk, clips[:1], both) == Path("talk_sad_intensity0.5_words_face.mp4")

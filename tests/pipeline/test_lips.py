"""Whose mouth the sound is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faces_in_pictures import scene_with_sound

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.media.clock import Timeline
from cmet_cli.pipeline.lips import how_much_speaks, share_lips

STEP_S = 0.04
N = 150


def mouth(seed: int, n: int = N) -> np.ndarray:
    """A mouth at work, ``[n, 3]``: slow noise, as syllables are."""
    rng = np.random.default_rng(seed)
    rough = rng.standard_normal((n + 8, 3))
    return np.stack([rough[k : k + n] for k in range(8)]).mean(0).astype(np.float32)


def timeline(n: int = N) -> Timeline:
    return Timeline(np.arange(n) * STEP_S)


def test_a_mouth_that_moves_with_the_sound_speaks_even_a_little_late():
    heard = mouth(1)
    late = np.concatenate([heard[:1], heard[:1], heard[:-2]]) + 0.05 * mouth(2)
    assert how_much_speaks(heard, late, STEP_S)[10:-10].min() > 0.9


@pytest.mark.parametrize("seed", range(3, 9))
def test_another_text_is_not_the_sound(seed):
    assert (how_much_speaks(mouth(1), mouth(seed), STEP_S) > 0.5).mean() < 0.1


def test_a_still_mouth_does_not_speak():
    assert how_much_speaks(mouth(1), np.zeros((N, 3), np.float32), STEP_S).max() == 0.0


def test_only_the_speaker_gets_the_sounds_lips():
    heard, other = mouth(1), mouth(4)
    lips = share_lips(heard, [heard * 0.8, other], timeline())
    assert lips.codes[0] == pytest.approx(heard, abs=0.02)
    assert lips.codes[1] is None
    assert lips.warnings == ("face 2 does not speak: its lips follow the picture",)


def test_two_who_speak_in_turn_are_each_followed_while_they_do():
    n = 400
    heard, silent = mouth(1, n), np.zeros((n, 3), np.float32)
    first = np.concatenate([heard[:200], silent[200:]])
    second = np.concatenate([silent[:200], heard[200:]])
    lips = share_lips(heard, [first, second], timeline(n))
    assert lips.warnings == ()
    early, late = slice(20, 140), slice(260, 380)
    assert lips.codes[0][early] == pytest.approx(heard[early], abs=1e-3)
    assert lips.codes[0][late] == pytest.approx(first[late], abs=1e-3)
    assert lips.codes[1][late] == pytest.approx(heard[late], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("people", [(12, 16), (100_020, 100_031)])
def test_drawn_people_side_by_side(people, tmp_path):
    """The left one speaks; the right one's lips move to another text."""
    editor = EmotionEditor.from_weights(model="mini")
    video = scene_with_sound(tmp_path / "two.mkv", *people)
    reading = editor.read(video, EditOptions(face="all", face_detector="haar", lips="audio"))
    assert len(reading.people) == 2
    assert reading.lips[0] is not None
    assert reading.lips[1] is None
    assert any("face 2 does not speak" in w for w in reading.warnings)
    alone = editor.read(video, EditOptions(face=2, face_detector="haar", lips="audio"))
    assert alone.lips == (None,)


def test_one_person_alone_is_the_speaker(tiny_weights, talking, tmp_path: Path):
    """Random networks agree on nothing; with nobody else there, the sound is this face's."""
    editor = EmotionEditor.from_weights(tiny_weights)
    reading = editor.read(talking, EditOptions(face_detector="none", lips="audio"))
    assert reading.lips[0] is not None
    assert reading.lips[0].shape == (25, 20)

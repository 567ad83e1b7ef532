"""Lips that meet in the film meet in the edit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmet_cli import EditOptions, EmotionEditor
from cmet_cli.backends.base import CodeLayout, Jaw
from cmet_cli.faces.placement import Placement
from cmet_cli.media.clock import Timeline
from cmet_cli.pipeline.articulation import SPOKEN, articulated, jaw_shares
from cmet_cli.pipeline.codes import Change, change_for, edit_codes
from cmet_cli.pipeline.encode import FaceCodes

EXAMPLE = Path(__file__).parents[2] / "examples" / "neutral.mp4"
N, STEP_S = 100, 0.04
SHUT_AT = (30, 31, 32, 70, 71, 72)
EVERY = np.ones(N, bool)
ONE_SHOT = np.zeros(N, int)


def speech(n: int = N, shut: tuple[int, ...] = SHUT_AT) -> np.ndarray:
    """Lips half open but for two closed sounds. ``[n]``."""
    opening = np.full(n, 0.5, np.float32)
    opening[list(shut)] = 0.1  # what a closed mouth is read as
    return opening


def test_the_jaw_is_up_while_lips_meet_and_in_time():
    shares = jaw_shares(speech(), ONE_SHOT, EVERY, STEP_S)
    assert shares.shape == (N,)
    assert shares[[30, 31, 32]].max() < 0.2
    assert shares[31] < 0.05
    assert 0.05 < shares[28] < 0.7 * SPOKEN  # on its way before the lips are
    assert shares[[10, 50, 90]] == pytest.approx(SPOKEN)
    assert np.abs(np.diff(shares)).max() < 0.3  # a jaw has weight


def test_it_is_a_matter_of_time_not_of_frames():
    twice = jaw_shares(np.repeat(speech(), 2), np.repeat(ONE_SHOT, 2), np.repeat(EVERY, 2), 0.02)
    once = jaw_shares(speech(), ONE_SHOT, EVERY, STEP_S)
    assert twice.reshape(-1, 2).mean(1) == pytest.approx(once, abs=0.02)


@pytest.mark.parametrize("opening", [0.0, 0.1, 0.6])
def test_lips_that_hardly_move_say_nothing(opening):
    rng = np.random.default_rng(0)
    still = opening + 0.02 * rng.standard_normal(N).astype(np.float32)
    assert (jaw_shares(still, ONE_SHOT, EVERY, STEP_S) == 1).all()


@pytest.mark.parametrize("silent", [0, 2, 6])
def test_who_speaks_for_a_part_of_a_shot_is_heard_too(silent):
    """A listener's lips, shut with the tremble of a reading, then a sentence."""
    tremble = 0.02 * np.random.default_rng(1).standard_normal(silent * N).astype(np.float32)
    opening = np.concatenate([0.1 + tremble, speech()])
    n = len(opening)
    shares = jaw_shares(opening, np.zeros(n, int), np.ones(n, bool), STEP_S)[silent * N :]
    assert shares[[31, 71]].max() < 0.15
    assert shares[[10, 50, 90]] == pytest.approx(SPOKEN, abs=0.02)


def test_each_shot_is_judged_by_itself():
    """A listener whose lips are shut may drop the jaw while the other shot speaks."""
    both = np.concatenate([speech(), np.full(N, 0.1, np.float32)])
    shares = jaw_shares(both, np.repeat([0, 1], N), np.ones(2 * N, bool), STEP_S)
    assert shares[N:].min() == 1
    assert shares[:N] == pytest.approx(jaw_shares(speech(), ONE_SHOT, EVERY, STEP_S))


def test_frames_without_a_face_count_nothing():
    opening, present = speech(), EVERY.copy()
    opening[40:60], present[40:60] = -9.0, False
    shares = jaw_shares(opening, ONE_SHOT, present, STEP_S)
    assert shares[[31, 71]].max() < 0.1
    assert shares[10] == pytest.approx(SPOKEN)
    assert (jaw_shares(opening, ONE_SHOT, ~EVERY, STEP_S) == 1).all()


def test_a_moment_is_judged_by_more_of_the_clip():
    """Lips that meet throughout a moment of somebody who speaks."""
    moment, few = np.full(8, 0.1, np.float32), np.zeros(8, int)
    alone = jaw_shares(moment, few, few == 0, STEP_S)
    assert (alone == 1).all()
    assert jaw_shares(moment, few, few == 0, STEP_S, speech()).max() < 0.05
    assert jaw_shares(moment + 0.4, few, few == 0, STEP_S, speech()) == pytest.approx(SPOKEN)


def test_only_the_drop_of_the_jaw_is_held_back():
    jaw = Jaw(np.ones(1, np.float32), np.array([0.6, 0.8], np.float32))
    drop, beside = jaw.felt, np.array([-0.8, 0.6], np.float32)
    moved = np.stack([2 * drop + 3 * beside, -2 * drop + 3 * beside, drop])
    out = articulated(moved, np.array([0.25, 0.25, 1.0], np.float32), jaw)
    assert out[0] == pytest.approx(0.5 * drop + 3 * beside, abs=1e-6)
    assert out[1] == pytest.approx(moved[1], abs=1e-6)  # a jaw that is raised is let be
    assert out[2] == pytest.approx(moved[2], abs=1e-6)


class Wide:
    """An emotion that opens the mouth, always."""

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        return np.ones((len(codes), 1), np.float32)


def test_the_lips_that_are_shown_decide():
    """Those of a sound, where they replace the filmed ones; none where no jaw is known."""
    jaw = Jaw(np.ones(1, np.float32), np.ones(1, np.float32))
    codes = np.zeros((N, 3), np.float32)
    codes[:, 0] = speech()
    face = FaceCodes(Placement.everywhere(N, 64), codes, np.ones(N, np.float32))
    timeline, layout = Timeline(np.arange(N) * STEP_S), CodeLayout(1, 1, 1, jaw)
    filmed = edit_codes(face, timeline, Change(Wide(), 1.0), layout).codes
    assert filmed[31, 2] < 0.05
    assert filmed[50, 2] == pytest.approx(SPOKEN)
    other = speech(shut=(50, 51, 52, 90, 91, 92))[:, None]
    dubbed = edit_codes(face, timeline, Change(Wide(), 1.0, other), layout).codes
    assert dubbed[51, 2] < 0.05
    assert dubbed[31, 2] == pytest.approx(SPOKEN)
    assert dubbed[:, :1] == pytest.approx(other)
    plain = edit_codes(face, timeline, Change(Wide(), 1.0), replace(layout, jaw=None)).codes
    assert plain[:, 2] == pytest.approx(np.ones(N))


def test_surprise_does_not_swallow_the_words():
    """The model that ships knows its jaw: on the example's drawn speaker, whose lips meet."""
    editor = EmotionEditor.from_weights(model="mini")
    layout, options = editor.backend.layout, EditOptions(emotion="surprised", lips="video")
    assert layout.jaw is not None
    reading = editor.read(EXAMPLE, options)
    face, timeline = reading.people[0], reading.faces.timeline
    change = change_for(editor.model.mixture("surprised"), options, timeline)
    edited = edit_codes(face, timeline, change, layout)
    part = layout.expression_slice
    dropped = (edited.codes - face.codes)[:, part] @ layout.jaw.felt
    opening = face.codes[:, layout.lip_slice] @ layout.jaw.spoken
    shut = opening < np.percentile(opening, 5)
    wide = opening > np.percentile(opening, 70)
    assert dropped[shut].mean() < 0.2 * dropped[wide].mean()
    assert dropped[wide].mean() > 0.5

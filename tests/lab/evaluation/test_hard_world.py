"""The hard world is what it says: strangers, overlap, noise as measured, the same by seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cmet_cli.errors import UsageError
from cmet_cli.lab.avatar.emotions import BASIC_EMOTIONS, EMOTIONS
from cmet_cli.lab.evaluation.hard_world import (
    Hardness,
    HardWorld,
    heard,
    nearest_mean_accuracy,
    seen,
)
from cmet_cli.lab.training.clip_features import ClipFeatures

CREMA_D = ("neutral", "angry", "disgusted", "fear", "happy", "sad")
SMALL = Hardness(people=3, judged=2, clips=1, frames=5)
#: Everybody shows everything, so that few people are enough to measure on.
MEASURED = Hardness(people=60, judged=60, shown=len(BASIC_EMOTIONS), frames=5)


@pytest.fixture(scope="module")
def people() -> tuple[list[ClipFeatures], list[ClipFeatures]]:
    world = HardWorld(MEASURED, seed=7)
    return world.training(), world.held_out()


def strongest(clips: list[ClipFeatures]) -> list[ClipFeatures]:
    return [c for c in clips if c.key.emotion == "neutral" or c.key.level == 3]


def test_training_and_judged_people_are_strangers():
    world = HardWorld(SMALL, seed=1)
    training, held_out = world.training(), world.held_out()
    assert len({c.key.identity for c in training}) == 3
    assert len({c.key.identity for c in held_out}) == 2
    assert not {c.key.identity for c in training} & {c.key.identity for c in held_out}
    assert {c.key.emotion for c in held_out} == set(EMOTIONS)
    assert {c.key.emotion for c in training} <= set(BASIC_EMOTIONS)
    for person in {c.key.identity for c in training}:
        shown = {c.key.emotion for c in training if c.key.identity == person}
        assert "neutral" in shown
        assert len(shown) == SMALL.shown
    levels = {c.key.level for c in held_out if c.key.emotion == "angry"}
    assert levels == {1, 2, 3}
    clip = held_out[0]
    assert (clip.codes.shape, clip.speech.shape) == ((5, 10), (128,))
    assert clip.codes.dtype == clip.speech.dtype == np.float32


def test_a_seed_decides_everything():
    first, again = HardWorld(SMALL, 1).training(), HardWorld(SMALL, 1).training()
    other = HardWorld(SMALL, 2).training()
    assert [c.key for c in first] == [c.key for c in again]
    assert all(np.array_equal(a.codes, b.codes) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a.speech, b.speech) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].speech, other[0].speech)


def test_what_a_person_is_depends_on_nobody_else():
    world, more = HardWorld(SMALL, 1), HardWorld(replace(SMALL, people=9), 1)
    assert np.array_equal(world.training()[0].codes, more.training()[0].codes)


def test_faces_overlap_as_faces_do_for_people(people):
    """CREMA-D: 58.2 % by the face alone, six emotions at any level."""
    assert nearest_mean_accuracy(*people, seen, CREMA_D) == pytest.approx(0.582, abs=0.05)


def test_a_strangers_voice_is_heard_as_often_as_said(people):
    known, asked = (strongest(clips) for clips in people)
    assert nearest_mean_accuracy(known, asked, heard, BASIC_EMOTIONS) == pytest.approx(
        0.84, abs=0.05
    )


def test_one_voice_is_as_noisy_as_the_one_measured():
    """Published features of M003: within/between 0.39; the nearest mean of the others is right for
    26 of 28 emotional clips."""
    world = HardWorld(replace(MEASURED, clips=4), seed=3)
    ratios, right = [], []
    for person in range(24):
        clips = strongest(world.person(person, BASIC_EMOTIONS))
        x = np.stack([c.speech for c in clips])
        groups = np.array([c.key.emotion for c in clips])
        means = np.stack([x[groups == e].mean(0) for e in BASIC_EMOTIONS])
        within = np.mean([x[groups == e].var(0, ddof=1).sum() for e in BASIC_EMOTIONS])
        ratios.append((within, means.var(0, ddof=1).sum() - within / 4))
        right += [leave_one_out(x, groups, i) for i in range(len(x)) if groups[i] != "neutral"]
    within, between = np.mean(ratios, axis=0)
    assert within / between == pytest.approx(0.39, abs=0.06)
    assert np.mean(right) == pytest.approx(26 / 28, abs=0.06)


def leave_one_out(x: np.ndarray, groups: np.ndarray, left_out: int) -> bool:
    kept = np.arange(len(x)) != left_out
    means = {e: x[kept & (groups == e)].mean(0) for e in BASIC_EMOTIONS[1:]}
    nearest = min(means, key=lambda e: float(np.linalg.norm(means[e] - x[left_out])))
    return nearest == groups[left_out]


@pytest.mark.parametrize("field", ["way_face", "noise_face", "strength"])
def test_without_what_makes_it_hard_it_is_easier(people, field):
    world = HardWorld(replace(MEASURED, people=30, judged=30, **{field: 0.0}), seed=7)
    easier = nearest_mean_accuracy(world.training(), world.held_out(), seen, CREMA_D)
    assert easier > nearest_mean_accuracy(*people, seen, CREMA_D) + 0.01


@pytest.mark.parametrize("wrong", [{"shown": 1}, {"shown": 9}, {"people": 0}, {"judged": 1}])
def test_impossible_worlds_are_refused(wrong):
    with pytest.raises(UsageError, match="hard world"):
        Hardness(**wrong)

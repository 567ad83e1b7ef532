"""Who is who through cuts: drawn people found by the bundled detector, and two filmed ones."""

import cv2
import numpy as np
import pytest
from face_media import CROPPED, UNCROPPED, YUNET, drawn, frames, needs_media, people_in, track

from cmet_cli.errors import FaceError, UsageError
from cmet_cli.faces.detectors import make_detector
from cmet_cli.faces.people import choose_people, number_people, shots_of_others
from cmet_cli.lab.avatar.identity import Identity

LEFT, RIGHT = (10.0, 10.0, 20.0, 26.0), (80.0, 12.0, 20.0, 26.0)


def shown(person):
    """The frames that show a person, as a set."""
    return set(np.flatnonzero(person.status))


@pytest.mark.parametrize("pair", [(3, 12), (5, 21), (8, 33)])
def test_a_reverse_shot_is_somebody_else_in_the_same_place(pair):
    a, b = pair
    first, second = people_in([*drawn(a, 8), *drawn(b, 8), *drawn(a, 8), *drawn(b, 8)])
    assert shown(first) == {*range(8), *range(16, 24)}
    assert shown(second) == {*range(8, 16), *range(24, 32)}
    assert choose_people([first, second]) == (first,)
    assert shots_of_others([first, second], [first]) == (2, 16)


def test_somebody_else_before_the_same_wall_is_seen_though_no_cut_is():
    wall = {"backdrop": ((150, 150, 150), (140, 140, 140)), "background": "plain", "light": 0.0}
    pictures = [*drawn(3, 10, **wall), *drawn(48, 10, **wall), *drawn(3, 10, **wall)]
    first, second = people_in(pictures)
    assert shown(first) == {*range(10), *range(20, 30)}
    assert shown(second) == set(range(10, 20))
    assert first.cuts == (10, 20)


def test_the_same_person_closer_and_darker_goes_on():
    closer = [(p * 0.7).astype(np.uint8) for p in drawn(12, 8, size=230, place=(20, 5))]
    (one,) = people_in([*drawn(12, 8), *closer])
    assert one.cuts == (8,)
    assert (one.status == 1).all()
    sizes = np.sqrt(one.boxes[:, 2] * one.boxes[:, 3])
    assert sizes[8:].min() > 1.3 * sizes[:8].max()


def test_who_is_edited_by_default_is_the_most_prominent_over_the_whole_clip():
    closer = drawn(5, 8, size=230, place=(20, 5))
    people = people_in([*closer, *drawn(21, 8), *drawn(21, 8, place=(120, 70)), *drawn(21, 8)])
    (one,) = choose_people(people)
    assert one.number == 2
    assert shown(one) == set(range(8, 32))
    assert choose_people(people, 1)[0].number == 1
    assert [person.number for person in choose_people(people, "all")] == [1, 2]


def test_of_people_about_as_prominent_the_first_is_edited():
    first, second = people_in([*drawn(5, 8), *drawn(21, 8)])
    least = first.prominence / 0.99
    second.span_boxes[:, 2:] *= least / second.prominence
    assert second.prominence > first.prominence
    assert choose_people([first, second]) == (first,)
    second.span_boxes[:, 2:] *= 1.05
    assert choose_people([first, second]) == (second,)


def test_a_person_who_leaves_and_comes_back_elsewhere_is_the_same():
    """In one shot: before a plain wall nothing else tells that it is the same."""
    plain = {"backdrop": ((150, 150, 150), (150, 150, 150)), "background": "plain", "light": 0.0}
    here, there = (drawn(12, 20, size=120, place=p, **plain) for p in ((0, 60), (190, 60)))
    empty = [np.full_like(here[0], 150)] * 30
    (one,) = people_in([*here, *empty, *there])
    assert shown(one) >= {*range(20), *range(50, 70)}
    assert not shown(one) & set(range(33, 50))
    assert one.boxes[5, 0] + 100 < one.boxes[60, 0]


def test_a_flash_is_not_somebody_else():
    pictures = drawn(12, 16)
    pictures[7] = np.clip(pictures[7].astype(int) * 3, 0, 255).astype(np.uint8)
    (one,) = people_in(pictures)
    assert one.cuts == ()
    assert (one.status > 0).all()


def test_without_looks_any_face_after_a_cut_is_the_same_one():
    """The detector 'none' sees no face: the middle of every picture is taken."""
    (one,) = number_people(track([[LEFT]] * 12 + [[RIGHT]] * 12, [0] * 12 + [1] * 12))
    assert (one.status == 1).all()


@pytest.mark.parametrize("choice", [0, 3, -1, True, "2"])
def test_a_choice_that_does_not_exist_is_refused(choice):
    people = number_people(track([[LEFT, RIGHT]] * 12))
    with pytest.raises(UsageError, match=r"2 faces|no such choice"):
        choose_people(people, choice)


def test_nobody_cannot_be_chosen():
    with pytest.raises(FaceError):
        choose_people([])


def test_few_drawn_people_are_confused():
    """Two shots each of 24 people, one by one against one another: the error rates hold."""
    from itertools import combinations

    from cmet_cli.faces.appearance import appearance_of, same_person
    from cmet_cli.lab.avatar.face import draw
    from cmet_cli.lab.avatar.face_state import FaceState

    rng, detector, looks = np.random.default_rng(1), make_detector("haar"), []
    for seed in [*range(100, 124)] * 2:
        picture = draw(Identity.from_seed(seed), FaceState.random(rng), 160)
        picture = (picture * rng.uniform(0.6, 1.0)).astype(np.uint8)
        looks += [(seed, appearance_of(picture, one)) for one in detector.detect(picture)[:1]]
    odds = [(a == b, same_person(x, y)) for (a, x), (b, y) in combinations(looks, 2)]
    same = np.array([value for alike, value in odds if alike])
    different = np.array([value for alike, value in odds if not alike])
    assert len(same) >= 20
    assert (same < 0).mean() <= 0.15
    assert (different > 0).mean() <= 0.08


@needs_media
@pytest.mark.parametrize("kind", ["yunet", "haar"])
def test_filmed_people_are_told_apart(kind):
    one = [cv2.resize(picture, (450, 450)) for picture in frames(CROPPED)[:60]]
    mirrored = [np.ascontiguousarray(p[:, ::-1]) for p in one[20:40]]
    small = [np.pad(cv2.resize(p, (300, 300)), ((150, 0), (75, 75), (0, 0))) for p in one[40:60]]
    other = list(frames(UNCROPPED)[:20])
    bright = [np.clip(p * 1.3, 0, 255).astype(np.uint8) for p in frames(UNCROPPED)[100:120]]
    pictures = [*one[:20], *other, *mirrored, *bright, *small]
    first, second = people_in(pictures, make_detector(kind, YUNET))
    assert shown(first) >= {*range(20), *range(42, 60), *range(82, 100)}
    assert not shown(first) & {*range(20, 40), *range(60, 80)}
    assert not shown(second) & {*range(20), *range(40, 60), *range(80, 100)}


def test_a_face_that_dissolves_into_another_is_somebody_else():
    wall = {"backdrop": ((150, 150, 150), (140, 140, 140)), "background": "plain", "light": 0.0}
    one, other = drawn(3, 36, **wall), drawn(48, 36, **wall)
    shares = np.clip((np.arange(36) - 14) / 8, 0, 1)
    pictures = [
        np.rint(a * (1 - share) + b * share).astype(np.uint8)
        for a, b, share in zip(one, other, shares, strict=True)
    ]
    first, second = people_in(pictures)
    assert shown(first) >= set(range(14))
    assert not shown(first) & set(range(24, 36))
    assert shown(second) >= set(range(24, 36))

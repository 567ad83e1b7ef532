"""Which edits there are in whole data sets, what is heard for them, and what one square holds."""

import numpy as np
import pytest

from cmet_cli.lab.layout import EMOTIONS, LEVELS, TEST_IDENTITIES, ClipKey, emotion_levels
from cmet_cli.lab.prepare.crop_clip import fixed_square
from cmet_cli.lab.prepare.edits import NEUTRAL, Edit, every_edit, listed_edits, speech_of
from cmet_cli.lab.prepare.mead_tree import clip_key
from cmet_cli.lab.prepare.truths import number_of, truths_by_name


def whole_mead():
    return {
        ClipKey(name, emotion, level, n)
        for name in TEST_IDENTITIES
        for emotion in EMOTIONS
        for level in emotion_levels(emotion)
        for n in (*range(1, 4), *(range(31, 41) if emotion == NEUTRAL else range(21, 31)))
    }


def whole_crema_d():
    emotions = ("angry", "disgusted", "fear", "happy", "sad")
    for actor in map(str, range(1001, 1092)):
        for sentence in range(1, 13):
            yield ClipKey(actor, NEUTRAL, 1, sentence)
            for level in LEVELS if sentence == 1 else (2,):
                yield from (ClipKey(actor, emotion, level, sentence) for emotion in emotions)


def test_as_many_edits_as_the_report_s_rule_says():
    assert len(every_edit(whole_mead(), {})) == 1092
    keys = set(whole_crema_d())
    assert len(keys) == 91 * 82
    assert len(every_edit(keys, truths_by_name(keys), only_true=True)) == 6370


def test_ten_recordings_a_side_are_heard_and_the_truth_is_none_of_them():
    keys, source = whole_mead(), ClipKey("W009", NEUTRAL, 1, 31)
    truth = ClipKey("W009", "sad", 2, 21)
    emotional, neutral = speech_of(Edit(source, "sad", 2, truth), keys)
    assert (len(emotional), len(neutral)) == (10, 10)
    assert {(key.identity, key.emotion, key.level) for key in emotional} == {("W009", "sad", 2)}
    assert {(key.identity, key.emotion) for key in neutral} == {("W009", NEUTRAL)}
    assert truth not in emotional
    assert source not in neutral
    assert speech_of(Edit(source, "sad", 2, truth), keys) == (emotional, neutral)
    other = speech_of(Edit(source, "sad", 3), keys)[0]
    assert [key.sentence for key in other] != [key.sentence for key in emotional]


def test_an_edit_is_listed_once_and_unknown_names_are_left_out():
    at = "FPS25/W009/front"
    row = f"{at}/neutral/level_1/001.mp4", f"{at}/sad/level_2/001.mp4"
    rows = [row, row, ("W009/neutral.mp4", row[1])]
    edits, left_out = listed_edits(rows, clip_key, whole_mead(), {})
    assert [edit.name for edit in edits] == ["W009_001_sad_2.mp4"]
    assert len(left_out) == 1


@pytest.mark.parametrize(("neutral", "number"), [(1, 1), (3, 3), (31, 21), (40, 30)])
def test_the_published_order(neutral, number):
    assert number_of(ClipKey("M003", NEUTRAL, 1, neutral)) == number


def test_one_square_holds_those_of_all_frames():
    squares = np.array([[50, 40, 20], [np.nan] * 3, [60, 42, 24]], np.float32)
    square = fixed_square(squares)
    assert (square.left, square.cx + square.side / 2) == (40, 72)
    assert square.side == 32
    assert square.top <= 30
    assert square.top + square.side >= 54

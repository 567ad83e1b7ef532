"""Plans of emotions over time."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from cmet_cli.emotion.schedule import (
    Scheduled,
    presence,
    read_plan,
    seconds,
    starter_plan,
    subtitle_lines,
)
from cmet_cli.errors import UsageError
from cmet_cli.media.clock import Timeline


def plan(tmp_path, text, name="plan.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


class Held:
    def __init__(self, value):
        self.value = value

    def delta(self, codes, timeline):
        return np.full_like(codes, self.value)


def test_a_csv_is_read_in_order_of_time(tmp_path):
    text = "start,end,emotion,audio,intensity,ease\n# said\n2,3,sad,,1.5,0\n0,0:01.5,happy\n"
    found = read_plan(plan(tmp_path, text))
    assert [(s.start_s, s.end_s, s.emotion, s.intensity, s.ease_s) for s in found] == [
        (0, 1.5, "happy", 1, 0.3),
        (2, 3, "sad", 1.5, 0),
    ]


def test_json_and_audio_beside_the_plan(tmp_path):
    rows = [{"start": 0, "end": "00:00:02.250", "audio": "a.wav", "ease": 0.1}]
    found = read_plan(plan(tmp_path, json.dumps(rows), "plan.json"))
    assert found[0].audio == tmp_path / "a.wav"
    assert found[0].end_s == 2.25


def test_subtitles_name_emotions_in_brackets(tmp_path):
    text = (
        "1\n00:00:00,500 --> 00:00:01,000\n[happy] Hello\n\n"
        "2\n00:00:01,000 --> 00:00:02,000\nplain\n\n"
        "3\n00:00:02,000 --> 00:00:03,000\n[0.5 sad + 0.5 fear] Oh\n"
    )
    path = plan(tmp_path, text, "talk.srt")
    assert [(s.start_s, s.emotion) for s in read_plan(path)] == [
        (0.5, "happy"),
        (2.0, "0.5 sad + 0.5 fear"),
    ]
    lines = subtitle_lines(path)
    assert lines[1] == (1.0, 2.0, "plain")
    again = read_plan(plan(tmp_path, starter_plan(3, lines, ("happy", "sad", "fear")), "again.csv"))
    # What names nothing is neutral until somebody writes something.
    assert [(s.start_s, s.emotion) for s in again] == [(0.5, "happy"), (2.0, "0.5 sad + 0.5 fear")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("start,end,emotion\n0,2,happy\n1,3,sad\n", "line 3 overlaps line 2"),
        ("start,end,emotion\n2,1,happy\n", "line 2: ends"),
        ("start,end,emotion,audio\n0,1,happy,a.wav\n", "line 2: needs an emotion or an audio"),
        ("start,end,emotion\n0,1,\n", "line 2: needs an emotion"),
        ("start,end,emotion\n0,x,happy\n", "line 2: time 'x' is not a number"),
        ("start,end,emotion\n0,nan,happy\n", "line 2: time nan is not between"),
        ("start,end,emotion\n-1,1,happy\n", "line 2: time -1"),
        ("start,end,emotion,ease\n0,1,happy,-1\n", "line 2: ease is negative"),
        ("start,end,emotion,intensity\n0,1,happy,99\n", "line 2: intensity 99"),
        ("start,end,emotion\n0,1,happy sad\n", "line 2: emotion 'happy sad' cannot be read"),
        ("start,end,mood\n0,1,happy\n", "unknown 'mood'"),
        ("start,emotion\n0,happy\n", "no 'end'"),
        ("# nothing\n", "no segment"),
        ("start,end,emotion\n0,1,happy,2,3,4,5\n", "7 cells, 3 columns"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line(tmp_path, text, words):
    path = plan(tmp_path, text)
    with pytest.raises(UsageError, match=words) as caught:
        read_plan(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"[1, 2]", b"{", b'{"a": 1}'])
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"plan\.json"):
        read_plan(path)


def test_times():
    assert [seconds(t) for t in ("12.5", "1:02.5", "01:00:00.250", "00:00:01,5")] == [
        12.5,
        62.5,
        3600.25,
        1.5,
    ]


TEXT = "start,end,emotion,intensity,ease\n1,2,happy,1,0.4\n2,3,sad,2,0.4\n5,6,happy,1,0\n"


def test_neighbours_cross_fade_and_gaps_are_neutral(tmp_path):
    segments = read_plan(plan(tmp_path, TEXT))
    times = np.arange(0, 7, 0.01)
    shares = presence(segments, times)
    total = shares.sum(0)
    assert total.max() == pytest.approx(1)
    assert np.allclose(total[(times > 1.41) & (times < 2.59)], 1)
    assert not total[(times < 1) | ((times > 3.01) & (times < 4.99)) | (times > 6.01)].any()
    assert shares[0, 200] == pytest.approx(0.5, abs=0.01)  # at two seconds, where they meet
    # Smooth in value and slope: no step is larger than a smooth ramp of 0.4 s has.
    eased = shares[:2]
    assert np.abs(np.diff(eased)).max() < 1.5 / 40 + 1e-6
    assert np.abs(np.diff(eased, 2)).max() < 6 / 40**2 + 1e-3


@pytest.mark.parametrize(("start", "end"), [(0, 4), (0.04, 3.96), (0, 4.03)])
def test_at_the_videos_ends_there_is_no_neutral_face_to_come_from(tmp_path, start, end):
    whole = read_plan(plan(tmp_path, f"start,end,emotion,ease\n{start},{end},happy,0.4\n"))
    times = np.arange(0, 4, 0.04)
    assert np.allclose(presence(whole, times, end_s=4.0), 1)
    # Where its end is not known, it may be a gap's beginning.
    assert presence(whole, times)[0, -1] < 0.1


def test_beside_a_gap_an_emotion_eases_in_and_out_also_near_the_ends(tmp_path):
    late = read_plan(plan(tmp_path, "start,end,emotion,ease\n0.2,3.8,happy,0.4\n"))
    shares = presence(late, np.arange(0, 4, 0.04), end_s=4.0)[0]
    assert shares[0] == shares[-1] == 0
    assert 0.1 < shares[10] < 0.9  # at 0.4 s
    assert 0.1 < shares[90] < 0.9  # at 3.6 s


def test_a_schedule_is_a_source(tmp_path):
    segments = read_plan(plan(tmp_path, TEXT))
    parts = [(s, Held(10.0 if s.emotion == "sad" else 1.0)) for s in segments]
    timeline = Timeline(np.array([0.5, 1.5, 2.5, 4.0, 5.5]))
    change = Scheduled(parts).delta(np.zeros((5, 2), np.float32), timeline)
    assert change[:, 0].tolist() == pytest.approx([0, 1, 20, 0, 1])
    # A part of the clip, as a preview takes it, has the clip's own times.
    part = Scheduled(parts).delta(np.zeros((1, 2), np.float32), Timeline(np.array([2.5])))
    assert part[0, 0] == pytest.approx(20)


def test_words_in_comments_hide_no_rows(tmp_path):
    """Subtitles become comments of a plan, whatever is said in them."""
    said = [(0.0, 1.0, 'Well,"she said'), (1.0, 2.0, '"quoted"'), (2.0, 3.0, "#5, 'is'")]
    text = starter_plan(3.0, said).replace("neutral", "happy")
    assert [s.start_s for s in read_plan(plan(tmp_path, text)) if not s.is_gap][:3] == [0, 1, 2]
    bad = text + "5,4,sad,,1,0.3\n"
    with pytest.raises(UsageError, match=f"line {len(bad.splitlines())}:"):
        read_plan(plan(tmp_path, bad))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_line_of_a_few_frames_is_there(tmp_path, frames):
    """However it is to be eased."""
    rows = f"start,end,emotion,ease\n1,{1 + frames / 25},happy,0.4\n"
    shares = presence(read_plan(plan(tmp_path, rows)), np.arange(100) / 25)[0]
    assert shares.max() == pytest.approx(1)
    assert not shares[:25].any()
    assert not shares[25 + frames :].any()


def test_a_plan_made_of_subtitles_keeps_the_emotions_they_name(tmp_path):
    words = ("[sad] Well", "[door slams!] Oh", "Yes", "[music] Ah", "[0.5 sad + 0.5 music] Oh")
    said = [(float(k), k + 1.0, text) for k, text in enumerate(words)]
    text = starter_plan(5.0, said, ("sad", "happy"))
    named = read_plan(plan(tmp_path, text))
    assert [(s.start_s, s.emotion) for s in named] == [(0.0, "sad")]


def test_subtitles_in_any_order_are_lines_in_order_of_time(tmp_path):
    later = "1\n00:00:20,000 --> 00:00:22,000\nLater\n\n"
    first = "2\n00:00:05,000 --> 00:00:07,000\nFirst\n\n"
    over = "3\n00:00:06,000 --> 00:00:08,000\nOver it\n"
    path = plan(tmp_path, later + first + over, "a.srt")
    assert subtitle_lines(path) == [(5, 6, "First"), (6, 8, "Over it"), (20, 22, "Later")]


def test_subtitles_of_the_web_name_emotions_too(tmp_path):
    text = "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n[happy] Well\n"
    (only,) = read_plan(plan(tmp_path, text, "a.vtt"))
    assert (only.start_s, only.end_s, only.emotion) == (1.0, 2.5, "happy")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n(sad) Well\n", r"\[sad\]"),
        ("a.csv", "start;end;emotion\n0;1;happy\n", "commas, not ';'"),
        ("a.csv", "start,end,emotion,intensity\n0,1,happy,3\n", "intensity"),
    ],
)
def test_what_is_nearly_a_plan_is_told_what_it_lacks(tmp_path, name, text, said):
    with pytest.raises(UsageError) as told:
        read_plan(plan(tmp_path, text, name))
    assert re.search(said, f"{told.value.message} {told.value.hint}")

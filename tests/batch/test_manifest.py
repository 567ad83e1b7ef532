"""Reading manifests, and everything that is wrong with them before anything runs."""

from __future__ import annotations

import csv
import json
from dataclasses import fields

import pytest

from cmet_cli.batch import manifest as manifests
from cmet_cli.batch.checks import CheckSettings, check_manifest
from cmet_cli.batch.manifest import (
    Problem,
    by_line,
    columns,
    parse_defaults,
    read_manifest,
    template,
)
from cmet_cli.batch.storage import local_entry
from cmet_cli.errors import UsageError
from cmet_cli.options import ASKING, RESTAGING, EditOptions


@pytest.fixture
def folder(tmp_path):
    for name in ("a.mp4", "b.mp4", "v.wav", "w;x.wav", "sub/a.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"content")
    return tmp_path


def check(folder, text, name="m.csv", made=None, **settings):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    defaults = CheckSettings(str(folder / "out"), **settings)
    return check_manifest(read_manifest(path), defaults, (made or {}).get)


def only_problem(checked):
    assert len(checked.problems) == 1, checked.problems
    return checked.problems[0]


def test_every_option_is_a_column_and_the_template_names_it():
    assert set(columns()) >= {f.name for f in fields(EditOptions)}
    header = next(line for line in template().splitlines() if not line.startswith("#"))
    assert tuple(header.split(",")) == columns()


def test_template_round_trip(folder):
    (folder / "talk.mp4").write_bytes(b"v")
    (folder / "voices").mkdir()
    for name in ("face.png", "smile.jpg", "actor.mp4"):
        (folder / name).write_bytes(b"p")
    (folder / "plan.csv").write_text("start,end,emotion\n0,1,happy\n")
    for name in ("happy", "sad_1", "sad_2", "scene"):
        (folder / "voices" / f"{name}.wav").write_bytes(b"s")
    checked = check(folder, template())
    assert checked.problems == []
    first, second, *others = checked.rows
    assert (first.name, first.options) == ("talk_happy.mp4", EditOptions())
    assert second.options.intensity == 1.2
    assert len(second.emotion_audio) == 2
    # Every way to ask has its row.
    asked = {name for row in others for name in ASKING + RESTAGING if getattr(row.options, name)}
    assert asked == {*ASKING, *RESTAGING}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", '\ufeffvideo,emotion_audio,output\r\na.mp4,v.wav,"o, 1.mp4"\r\n\r\n# end\r\n'),
        ("m.tsv", "# first\nvideo\temotion-audio\toutput\na.mp4\tv.wav\to, 1.mp4"),
        ("m.jsonl", '{"video":"a.mp4","emotion_audio":["v.wav"],"output":"o, 1.mp4"}\n\n'),
    ],
)
def test_dialects(folder, name, text):
    checked = check(folder, text, name)
    assert checked.problems == []
    row = checked.rows[0]
    assert row.video == str(folder / "a.mp4")
    assert row.emotion_audio == (str(folder / "v.wav"),)
    assert row.output == str(folder / "out" / "o, 1.mp4")


def test_cells_are_typed_like_the_options(folder):
    text = (
        "video,emotion_audio,intensity,face,compare,crf,lips,save_codes\n"
        "a.mp4,v.wav;w;x.wav,-0.5,2,yes,20,video,codes.npz\n"
    )
    (folder / "w").write_bytes(b"c")
    (folder / "x.wav").write_bytes(b"c")
    row = check(folder, text).rows[0]
    o = row.options
    assert (o.intensity, o.face, o.compare, o.crf, o.lips) == (-0.5, 2, True, 20, "video")
    assert o.save_codes == folder / "out" / "codes.npz"
    assert len(row.emotion_audio) == 3


def test_a_name_with_a_semicolon_is_one_file(folder):
    row = check(folder, "video,emotion_audio\na.mp4,w;x.wav\n").rows[0]
    assert row.emotion_audio == (str(folder / "w;x.wav"),)


def test_a_folder_of_voices(folder):
    (folder / "voices").mkdir()
    (folder / "voices" / "b.wav").write_bytes(b"s")
    row = check(folder, "video,emotion_audio\na.mp4,voices\n").rows[0]
    assert row.emotion_audio == (str(folder / "voices" / "b.wav"),)


BAD_ROWS = {
    "nowhere.mp4,v.wav,,": ("video", "not found: nowhere.mp4"),
    "a.mp4,nowhere.wav,,": ("emotion_audio", "not found"),
    "a.mp4,,,": ("emotion_audio", "missing"),
    ",v.wav,,": ("video", "missing"),
    "sub,v.wav,,": ("video", "is a folder"),
    "empty.mp4,v.wav,,": ("video", "empty"),
    "a.mp4,v.wav,loud,": ("intensity", "'loud' is not a number"),
    "a.mp4,v.wav,nan,": ("intensity", "between -2 and 2"),
    "a.mp4,v.wav,1,o.avi": ("output", ".mp4"),
    "a.mp4,v.wav,1,../o.mp4": ("output", "outside"),
    "a.mp4,v.wav,1,/tmp/o.mp4": ("output", "outside"),
    "a.mp4,v.wav,1,link/o.mp4": ("output", "outside"),
    "a.mp4,v.wav,1,.cmet/o.mp4": ("output", "outside"),
    "a.mp4,v.wav,1,theirs.mp4": ("output", "was not made by this batch"),
    "a.mp4,v.wav,1,dir.mp4": ("output", "is a folder"),
    "a.mp4,v.wav,1,o.mp4,more": ("", "5 cells, but 4 columns"),
    'a.mp4,v.wav,1,"o.mp4': ("", "cannot be read"),
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_bad_row_is_told_with_its_line(folder, row):
    (folder / "empty.mp4").touch()
    (folder / "out" / "dir.mp4").mkdir(parents=True)
    (folder / "out" / "theirs.mp4").write_bytes(b"precious")
    (folder / "out" / "link").symlink_to(folder / "sub")
    problem = only_problem(
        check(folder, f"# head\nvideo,emotion_audio,intensity,output\nb.mp4,v.wav,,\n{row}\n")
    )
    column, words = BAD_ROWS[row]
    assert (problem.line, problem.column) == (4, column)
    assert words in problem.message


def test_all_problems_are_told_at_once(folder):
    text = "video,emotion_audio,intensty,output,crf\nx.mp4,y.wav,1,../z.mp4,99\n"
    told = {(p.line, p.column) for p in check(folder, text).problems}
    assert told == {(1, "intensty"), (2, "video"), (2, "emotion_audio"), (2, "output"), (2, "crf")}


def test_unknown_columns_suggest_the_nearest(folder):
    problem = only_problem(check(folder, "video,emotion_audio,intensty\na.mp4,v.wav,1\n"))
    assert "did you mean 'intensity'?" in problem.message


@pytest.mark.parametrize("second", ["o.mp4", "O.mp4", "x/../o.mp4", "o\u0308.mp4", "link/o.mp4"])
def test_outputs_that_collide(folder, second):
    (folder / "out").mkdir()
    (folder / "out" / "link").symlink_to(folder / "out")
    first = "\u00f6.mp4" if "\u0308" in second else "o.mp4"
    text = f"video,emotion_audio,output\na.mp4,v.wav,{first}\nb.mp4,v.wav,{second}\n"
    problem = only_problem(check(folder, text))
    assert (problem.line, problem.column) == (3, "output")
    assert "line 2" in problem.message


def test_default_outputs_mirror_folders_and_tell_options_apart(folder):
    text = "video,emotion_audio,intensity\na.mp4,v.wav,\nsub/a.mp4,v.wav,\na.mp4,v.wav,2\n"
    checked = check(folder, text)
    assert checked.problems == []
    assert [r.name for r in checked.rows] == ["a_v.mp4", "sub/a_v.mp4", "a_v_intensity2.mp4"]


def test_rows_that_would_have_one_name_must_say_more(folder):
    problem = only_problem(check(folder, "video,emotion_audio\na.mp4,v.wav\na.mp4,v.wav\n"))
    assert "give this row an output of its own" in problem.message


def test_an_output_must_not_be_an_input(folder):
    text = "video,emotion_audio,output\nb.mp4,v.wav,../a.mp4\na.mp4,v.wav,\n"
    problems = check(folder, text, allow_outside=True, overwrite=True).problems
    assert [p.line for p in problems] == [2]
    assert "also an input" in problems[0].message


def test_outside_is_permitted_when_asked(folder):
    text = "video,emotion_audio,output\na.mp4,v.wav,../new.mp4\n"
    assert check(folder, text, allow_outside=True).rows[0].output == str(folder / "new.mp4")


def test_a_file_cannot_be_a_folder_too(folder):
    text = "video,emotion_audio,output\na.mp4,v.wav,x.mp4\nb.mp4,v.wav,x.mp4/y.mp4\n"
    assert "folder is a file" in only_problem(check(folder, text)).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("video,emotion_audio\n", "no rows"),
        ("a;b\n1;2\n", "separated by commas"),
        ("emotion_audio\nv.wav\n", "no column 'video'"),
    ],
)
def test_files_that_are_no_manifest(folder, text, words):
    assert any(words in p.message for p in check(folder, text).problems)


def test_options_that_need_each_other_are_judged_together(folder):
    head = "video,emotion_audio,output,paste,detail\n"
    found = check(folder, f"{head}a.mp4,v.wav,1.mp4,crop,render\na.mp4,v.wav,2.mp4,crop,\n")
    assert [row.name for row in found.rows] == ["1.mp4"]
    assert only_problem(found)[:2] == (3, "paste")


def test_what_may_be_done_without_the_rest(folder):
    """Whole rows only: a row of which one cell cannot be read is not done without that cell."""
    good = '{"video": "a.mp4", "emotion_audio": "v.wav", "output": "1.mp4"}'
    odd = '{"video": "b.mp4", "emotion_audio": "v.wav", "output": "2.mp4", "intensiti": 2}'
    found = check(folder, f"{good}\n{odd}\nnonsense\n", "m.jsonl")
    assert [row.name for row in found.sound] == ["1.mp4"]
    assert {problem.line for problem in found.problems} == {2, 3}


@pytest.mark.parametrize(
    "text",
    [
        "video,emotion_audio,intensiti\na.mp4,v.wav,2\n",
        "video,video,emotion_audio\na.mp4,a.mp4,v.wav\n",
        'video,emotion_audio\na.mp4,v.wav\n"b.mp4,v.wav\n',
    ],
)
def test_where_more_than_rows_is_wrong_nothing_may(folder, text):
    found = check(folder, text)
    assert found.problems
    assert found.sound == []


def test_where_problems_are_too_many_to_tell_nothing_may(folder, monkeypatch):
    monkeypatch.setattr(manifests, "MAX_PROBLEMS", 2)
    rows = "a.mp4,v.wav,1.mp4\n" + "gone.mp4,v.wav,\n" * 4
    found = check(folder, f"video,emotion_audio,output\n{rows}")
    assert found.sound == []


def test_not_text(folder):
    (folder / "m.csv").write_bytes(b"video\n\xff\xfe\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read_manifest(folder / "m.csv")
    with pytest.raises(UsageError, match="not found"):
        read_manifest(folder / "nowhere.csv")


def test_bad_json_lines(folder):
    text = '{"video": "a.mp4"\n[1]\n{"video":"a.mp4","emotion_audio":{"a":1}}\n'
    lines = [p.line for p in check(folder, text, "m.jsonl").problems]
    assert lines[:2] == [1, 2]
    assert 3 in lines


def test_set_gives_empty_cells_a_value(folder):
    text = "video,emotion_audio,intensity\na.mp4,v.wav,\nb.mp4,v.wav,2\n"
    defaults = parse_defaults(["intensity=0.5", "face-detector=none"])
    rows = check(folder, text, defaults=defaults).rows
    assert [r.options.intensity for r in rows] == [0.5, 2.0]
    assert {r.options.face_detector for r in rows} == {"none"}
    assert rows[0].name == "a_v.mp4"
    for wrong in ("intensity", "intensty=1", "output=x.mp4"):
        with pytest.raises(UsageError):
            parse_defaults([wrong])


HOSTILE = (
    "../../etc/passwd",
    "/etc/passwd.mp4",
    "=cmd|' /C calc'!A0.mp4",
    "\x1b]0;owned\x07.mp4",
    "nul\0byte.mp4",
    "o\u202egpj.mp4",
    "O.MP4",
    "o.mp4",
    "a" * 5000 + ".mp4",
    ".cmet/state.db",
    "file:///etc/passwd.mp4",
    "-rf.mp4",
    "a\tb.mp4",
    "loop/x.mp4",
    "a.mp4",
    '"quoted".mp4',
)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_hostile_rows_are_refused_and_the_refusal_is_bounded(folder, suffix):
    """Every cell of every row is somebody's attack; nothing of it runs, hangs or is written."""
    (folder / "out").mkdir()
    (folder / "out" / "loop").symlink_to("loop")
    names = [HOSTILE[i % len(HOSTILE)] for i in range(20_000)]
    options = ["1", "nan", "1e999", "__import__('os')", "9" * 5000]
    lines = []
    for i, name in enumerate(names):
        row = {"video": name, "emotion_audio": f"{name};v.wav", "output": name}
        row |= {"intensity": options[i % 5], "save_codes": f"{name}.npz", "face": options[-i % 5]}
        lines.append(row)
    path = folder / f"m.{suffix}"
    with path.open("w", newline="", encoding="utf-8") as file:
        if suffix == "jsonl":
            file.writelines(json.dumps(row | {"\ud800": "[" * 99}) + "\n" for row in lines)
        else:
            table = csv.DictWriter(file, list(lines[0]))
            table.writeheader()
            table.writerows(lines)
    before = sorted(p for p in folder.rglob("*"))
    manifest = read_manifest(path)
    checked = check_manifest(manifest, CheckSettings(str(folder / "out")), lambda _place: None)
    assert len(checked.problems) == 10_001
    assert "the rest was not looked at" in checked.problems[-1].message
    assert max(len(p.message) for p in checked.problems) <= 300
    outside = [row.output for row in checked.rows if not row.output.startswith(f"{folder}/out/")]
    assert outside == []
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("cell", "words"),
    [("nul\0.mp4", "null"), ("\udcff.mp4", "surrogates"), ("a" * 300 + ".mp4", "too long")],
)
def test_names_that_no_file_can_have(folder, cell, words):
    row = {"video": "a.mp4", "emotion_audio": "v.wav", "output": cell}
    problem = only_problem(check(folder, json.dumps(row), "m.jsonl"))
    assert (problem.column, words in problem.message) == ("output", True), problem
    row = {"video": cell, "emotion_audio": "v.wav", "output": "o.mp4"}
    assert only_problem(check(folder, json.dumps(row), "m.jsonl")).column == "video"


def test_json_that_is_too_deep_or_too_long(folder):
    deep = "[" * 100_000
    assert "not JSON" in only_problem(check(folder, deep, "m.jsonl")).message
    with pytest.raises(UsageError, match="line 1 is too long"):
        check(folder, "x" * (1 << 23), "m.jsonl")


def test_outputs_that_are_an_input_by_another_name(folder):
    (folder / "out").mkdir()
    (folder / "out" / "hard.mp4").hardlink_to(folder / "a.mp4")
    (folder / "out" / "soft.mp4").symlink_to(folder / "b.mp4")
    text = "video,emotion_audio,output\na.mp4,v.wav,hard.mp4\nb.mp4,v.wav,soft.mp4\n"
    problems = check(folder, text, overwrite=True).problems
    assert [(p.line, p.message.split(":")[0]) for p in problems] == [
        (2, "output is also an input"),
        (3, "outside the output folder"),
    ]


@pytest.mark.parametrize(
    ("columns", "cells", "column"),
    [
        ("emotion,neutral_audio", "happy,v.wav", "neutral_audio"),
        ("emotion,sign_cert", "happy,cert.pem", "sign_cert"),
        ("emotion,sign_cert,sign_key,output", "happy,cert.pem,key.pem,o.mkv", "output"),
        ("timeline", "plan.csv", "timeline"),
        ("emotion,sidecar,output", "happy,true,kept.mp4", "sidecar"),
    ],
)
def test_what_would_fail_later_is_told_with_the_rest(folder, columns, cells, column):
    for name in ("cert.pem", "key.pem"):
        (folder / name).write_bytes(b"pem")
    (folder / "plan.csv").write_text("start,end,emotion\n1,0,happy\n")
    (folder / "out").mkdir()
    (folder / "out" / "kept.mp4.cmet.json").write_bytes(b"somebody's")
    found = check(folder, f"video,{columns}\na.mp4,{cells}\n")
    assert only_problem(found).column == column
    assert found.rows == []


def test_what_is_compared_with_speech_may_be_beside_any(folder):
    head = "video,emotion_audio,emotion_follow,speech,timeline,neutral_audio,output\n"
    (folder / "plan.csv").write_text("start,end,audio\n0,1,v.wav\n")
    rows = ("v.wav,,,", ",v.wav,,", ",,v.wav,", ",,,plan.csv")
    text = "".join(f"a.mp4,{cells},v.wav,{k}.mp4\n" for k, cells in enumerate(rows))
    assert check(folder, head + text).problems == []


def test_a_default_does_not_unname_rows(folder):
    rows = "video,emotion\na.mp4,sad\na.mp4,angry\na.mp4,\n"
    found = check(folder, rows, defaults={"emotion": "happy"})
    assert found.problems == []
    assert [row.name for row in found.rows] == ["a_sad.mp4", "a_angry.mp4", "a_edit.mp4"]


def test_a_file_behind_a_url_that_is_another_now_is_not_replaced(folder):
    place = (folder / "there").as_uri()
    (folder / "there").mkdir()
    theirs = folder / "there" / "1.mp4"
    theirs.write_bytes(b"ours")
    ours = local_entry(theirs)
    text = "video,emotion,output\na.mp4,happy,1.mp4\n"
    made = {f"{place}/1.mp4": ours}

    def judged():
        path = folder / "m.csv"
        path.write_text(text)
        return check_manifest(read_manifest(path), CheckSettings(place), made.get)

    theirs.write_bytes(b"somebody else's by now")
    assert only_problem(judged()).column == "output"


def test_what_is_wrong_with_a_line_in_one_text_that_can_be_written():
    problems = [Problem(3, "video", "gone"), Problem(2, "", "b\udce9.mp4"), Problem(3, "fit", "no")]
    assert by_line(problems) == {3: "video: gone; fit: no", 2: "b\\udce9.mp4"}
    many = by_line([Problem(7, "video", "x" * 10_000)] * 1000)[7]
    assert many.endswith("; and 990 more")
    assert len(many) < 4000  # less than a spreadsheet's cell holds

"""What is worth a look, and tables of pairs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cmet_cli.errors import UsageError
from cmet_cli.evaluation.marks import BY_NAME, Evaluation, shown, summed
from cmet_cli.evaluation.pairs import read_pairs


def found(**values):
    return Evaluation(Path("a.mp4"), Path("b.mp4"), values)


def test_what_lies_outside_its_range_is_flagged_and_what_is_not_known_is_not():
    one = found(frames=1.0, sharpness=0.2, flicker=math.nan, exposure=-30.0, mouth=1.0000001)
    assert one.flagged == ("sharpness", "exposure")
    told = json.loads(json.dumps(one.as_dict()))
    assert told["values"]["flicker"] is None
    assert told["flagged"] == ["sharpness", "exposure"]


def test_means_are_over_what_was_measured():
    several = [found(sharpness=0.5, mouth=math.nan), found(sharpness=1.0, mouth=0.8)]
    assert summed(several) == {"sharpness": 0.75, "mouth": 0.8}


def test_figures_for_people():
    assert shown("sync_s", 0.08) == "0.080 s"
    assert shown("sharpness", 1.061) == "1.06"
    assert shown("exposure", -2.345) == "-2.35 levels"
    assert shown("mouth", math.nan) == ""
    assert set(BY_NAME) >= {"frames", "sound", "sync_s", "outside"}


def test_pairs_are_relative_to_their_table(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    table = tmp_path / "pairs.csv"
    table.write_text("before,after,emotion\na.mp4,b.mp4,happy\na.mp4,a.mp4,\n")
    first, second = read_pairs(table)
    assert (first.before, first.after, first.emotion) == (
        tmp_path / "a.mp4",
        tmp_path / "b.mp4",
        "happy",
    )
    assert (second.emotion, second.line) == ("", 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("before,emotion\na,b\n", "before and after"),
        ("before,after\n", "no pairs"),
        ("before,after\na.mp4,\n", "line 2: before and after are both needed"),
        ("before,after\na.mp4,none.mp4\n", "line 2: not found"),
        ("before,after\n\x00\xff", "pairs.csv"),
    ],
)
def test_tables_that_make_no_sense(tmp_path, text, said):
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "pairs.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=said):
        read_pairs(tmp_path / "pairs.csv")


def test_one_that_is_missing_does_not_keep_the_others_from_being_compared(tmp_path):
    """As after a batch one of whose rows failed."""
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "b.mp4").write_bytes(b"x")
    (tmp_path / "pairs.csv").write_text("before,after\na.mp4,b.mp4\na.mp4,none.mp4\n")
    assert [pair.line for pair in read_pairs(tmp_path / "pairs.csv")] == [2, 3]

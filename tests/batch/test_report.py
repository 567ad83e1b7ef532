"""What a run leaves to be read: one page, one table."""

from __future__ import annotations

import csv

import pytest

from cmet_cli.batch.plan import RUN, Decision, Outcome, Row
from cmet_cli.batch.report import Report
from cmet_cli.batch.state import State
from cmet_cli.options import EditOptions


@pytest.fixture
def written(tmp_path):
    """The page and the table of one row with these figures, and of lines left out."""

    def write(evaluation: dict[str, float | None], left_out: dict[int, str]):
        out = str(tmp_path / "o.mp4")
        row = Row(2, str(tmp_path / "a.mp4"), (), (), out, EditOptions(), "o.mp4")
        with State(tmp_path, write=True) as state:
            state.begin([row], [Decision(RUN, "new")], left_out)
            state.finish(out, Outcome(0, "done", 1.0, result={"evaluation": evaluation}))
            work = tmp_path / "work"
            work.mkdir()
            report = Report(tmp_path, work, state, 1, "title")
            report.write()
        with report.csv_path.open(newline="", encoding="utf-8") as file:
            return report.html_path.read_text("utf-8"), list(csv.DictReader(file))

    return write


def test_figures_that_are_worth_a_look_stand_out(written):
    page, (row,) = written({"frames": 0.5, "sound": 1.0, "sync_s": -0.2, "mouth": None}, {})
    assert 'class="failed">frames 0.50</span>,' in page
    assert ">sound 1.00</span>," in page
    assert 'class="failed">sync_s -0.200 s</span>\n</details>' in page
    assert 'class="failed">sound' not in page
    assert "mouth" not in page
    assert (row["eval_frames"], row["eval_mouth"]) == ("0.5", "")


def test_without_figures_there_is_nothing_to_open(written):
    page, _ = written({}, {})
    assert "<details>" not in page


def test_lines_that_were_left_out_are_told_and_cannot_write_the_page(written):
    left_out = {3: "video: <b>gone</b>", 7: "=cmd()"}
    page, (done, *others) = written({}, left_out)
    assert "1 done, 2 left out" in page
    assert "line 3: video: &lt;b&gt;gone" in page
    assert done["status"] == "done"
    assert [(r["line"], r["status"], r["note"]) for r in others] == [
        ("3", "left out", "video: <b>gone</b>"),
        ("7", "left out", "'=cmd()"),
    ]

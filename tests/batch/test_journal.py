"""What survives a kill: journal, receipts, lock, leftovers, and what resume makes of them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from cmet_cli.batch.digests import Digests, differences, made_of
from cmet_cli.batch.journal import JOURNAL, RECEIPTS, AppendFile, History, Journal, read_lines
from cmet_cli.batch.leftovers import remove_leftovers
from cmet_cli.batch.lock import only_run
from cmet_cli.batch.plan import KEEP, RUN, decide
from cmet_cli.batch.rows import Outcome, Row
from cmet_cli.errors import CmetError, UsageError
from cmet_cli.options import EditOptions


@pytest.fixture
def row(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"video")
    (tmp_path / "v.wav").write_bytes(b"voice")
    video, voice = str(tmp_path / "a.mp4"), str(tmp_path / "v.wav")
    return Row(2, video, (voice,), (), str(tmp_path / "o.mp4"), EditOptions(), "o.mp4")


def entry(path) -> list[object]:
    status = os.stat(path)  # noqa: PTH116
    with open(path, "rb") as file:  # noqa: PTH123
        return [status.st_size, status.st_mtime_ns, hashlib.sha256(file.read()).hexdigest()]


def finished(row, content=b"edited", model="m") -> Outcome:
    with open(row.output, "wb") as file:  # noqa: PTH123
        file.write(content)
    entries = Digests().entries(row)
    made = made_of(row, entries, model, "auto")
    return Outcome(0, "done", 1.0, made, entries, {row.output: entry(row.output)}, {"frames": 1})


def journalled(folder, row, outcome):
    journal = Journal(folder, History.read(folder))
    journal.finished(row, outcome)
    journal.close()
    return History.read(folder)


def test_a_torn_last_line_is_tolerated_and_closed(tmp_path, row):
    history = journalled(tmp_path, row, finished(row))
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"status":"done","output":"/x')
    assert list(History.read(tmp_path).last) == list(history.last) == [row.output]
    AppendFile(tmp_path / JOURNAL).append({"status": "failed", "output": "/y"})
    assert list(History.read(tmp_path).last) == [row.output, "/y"]


def test_offsets_find_lines_after_a_tear(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"torn")
    file = AppendFile(path)
    for value in ([1], ["\u00e9"]):
        offset, length = file.append(value)
        assert json.loads(path.read_bytes()[offset : offset + length]) == value


def test_a_full_disk_is_one_error():
    with pytest.raises(CmetError, match="cannot be written"):
        AppendFile("/dev/full").append({"a": 1})


def test_done_rows_are_kept_until_something_changes(tmp_path, row):
    history = journalled(tmp_path, row, finished(row))

    def now(**change):
        from dataclasses import replace

        options = change.pop("options", EditOptions())
        changed = replace(row, options=options)
        return decide(changed, history, Digests(), change.get("model", "m"), "auto")

    assert now().action == KEEP
    assert now(options=EditOptions(overwrite=True)).action == KEEP
    assert now(options=EditOptions(intensity=2.0)).why == "changed: intensity"
    assert now(model="n").why == "changed: model"
    (tmp_path / "a.mp4").write_bytes(b"VIDEO")
    assert now().why == "changed: video"
    (tmp_path / "a.mp4").write_bytes(b"video")
    assert now().action == KEEP  # touched, but the same content
    (tmp_path / "v.wav").unlink()
    assert "cannot be read" in now().why
    (tmp_path / "o.mp4").write_bytes(b"EDITED")
    assert now().action == RUN
    (tmp_path / "o.mp4").unlink()
    assert "missing" in now().why


def test_failed_rows_run_again_and_say_why(tmp_path, row):
    failed = Outcome(0, "failed", 0.1, error="silent")
    history = journalled(tmp_path, row, failed)
    decision = decide(row, history, Digests(), "m", "auto")
    assert (decision.action, decision.why) == (RUN, "failed before: silent")
    assert decide(row, History(), Digests(), "m", "auto").why == "new"


def test_differences_name_what_changed():
    before = {"video": ["1"], "options": {"crf": 18, "lips": "audio"}, "model": "a"}
    now = {"video": ["1"], "options": {"crf": 20, "lips": "audio"}, "model": "b"}
    assert differences(before, now) == "crf, model"
    assert differences(before, before) == ""


def receipt(folder, row, outcome):
    from cmet_cli.batch.journal import record_of

    (folder / RECEIPTS).mkdir()
    AppendFile(folder / RECEIPTS / "w.jsonl").append(record_of(row, outcome))


def test_a_row_finished_but_not_written_down_is_done(tmp_path, row):
    """Killed between the output's name and the journal's line."""
    receipt(tmp_path, row, finished(row))
    history = History.read(tmp_path)
    assert decide(row, history, Digests(), "m", "auto").action == KEEP
    Journal(tmp_path, history).close()
    assert [r["output"] for r in read_lines(tmp_path / JOURNAL)] == [row.output]
    assert list((tmp_path / RECEIPTS).iterdir()) == []


def test_a_receipt_without_its_output_is_nothing(tmp_path, row):
    """Killed between the receipt and the output's name; and somebody else's file is not ours."""
    receipt(tmp_path, row, finished(row))
    with open(row.output, "wb") as file:  # noqa: PTH123
        file.write(b"theirs")
    history = History.read(tmp_path)
    assert decide(row, history, Digests(), "m", "auto").why == "new"
    assert history.made == {}


def test_one_run_at_a_time_and_a_dead_holder_is_none(tmp_path):
    code = (
        "import os,sys,time; from pathlib import Path; from cmet_cli.batch.lock import only_run\n"
        f"with only_run(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=f"process {holder.pid}"), only_run(tmp_path):
            pass
        holder.kill()
    with only_run(tmp_path):
        assert (tmp_path / "lock").stat().st_size > 0


def test_leftovers_of_ours_go_and_nothing_else(tmp_path):
    root, outside = tmp_path / "out", tmp_path / "outside"
    long = "l" * 100
    ours = [
        ".o.0123abcd.part.mp4", "..o.0123abcd.part.89abcdef.part.mp4", ".o.0123abcd.part.npz",
        f".{long[:80]}.0123abcd.part.mp4", f"..{long[:79]}.89abcdef.part.mp4",
    ]  # fmt: skip
    theirs = [
        ".other.0123abcd.part.mp4", "o.0123abcd.part.mp4", ".o.0123.part.mp4", ".o.mp4", "o.mp4"
    ]  # fmt: skip
    for folder in (root, outside):
        folder.mkdir()
        for name in ours + theirs:
            (folder / name).touch()
    outputs = [str(f / n) for f in (root, outside) for n in ("o.mp4", f"{long}.mp4", "o.npz")]
    assert remove_leftovers(outputs, str(root)) == len(ours)
    assert sorted(p.name for p in root.iterdir()) == sorted(theirs)
    assert len(list(outside.iterdir())) == len(ours + theirs)

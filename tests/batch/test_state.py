"""What survives a kill: the database, the lock, unfinished files, and what resume makes of them."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cmet_cli.batch.plan import KEEP, RUN, Decision, Key, Outcome, Row, differences, made_of
from cmet_cli.batch.state import DATABASE, State, only_run
from cmet_cli.batch.storage import Digests, deliver, local_entry
from cmet_cli.errors import CmetError, UsageError
from cmet_cli.options import EditOptions

KEY = Key("m", ("cpu fp32",))


@pytest.fixture
def row(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"video")
    (tmp_path / "v.wav").write_bytes(b"voice")
    video, voice = str(tmp_path / "a.mp4"), str(tmp_path / "v.wav")
    return Row(2, video, (voice,), (), str(tmp_path / "o.mp4"), EditOptions(), "o.mp4")


def finished(row, content=b"edited", compute="cpu fp32") -> Outcome:
    """The row's output is there, and this is what its worker says."""
    Path(row.output).write_bytes(content)
    entries = row.entries(Digests())
    made = made_of(row, entries, "m", compute)
    outputs = {row.output: local_entry(Path(row.output))}
    return Outcome(0, "done", 1.0, made, entries, outputs, {"frames": 1})


def put_down(folder, row, outcome):
    with State(folder, write=True) as state:
        state.begin([row], [Decision(RUN, "new")])
        state.finish(row.output, outcome)


def decision(folder, row, key=KEY):
    with State(folder) as state:
        return key.decide(row, state, Digests())


def test_what_is_written_down_is_there_without_a_goodbye(tmp_path, row):
    state = State(tmp_path, write=True)  # neither closed nor left: as after a kill
    state.begin([row], [Decision(RUN, "new")])
    state.finish(row.output, finished(row))
    assert decision(tmp_path, row).action == KEEP
    with State(tmp_path) as other:
        assert other.counts() == {"done": 1}
        with pytest.raises(CmetError, match="readonly"):
            other.finish(row.output, finished(row))


def test_looking_writes_nothing(tmp_path, row):
    assert decision(tmp_path / "nowhere", row).why == "new"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("content", [b"", "header"])
def test_a_database_that_was_never_made_is_an_empty_one(tmp_path, row, content):
    """As a first run leaves it that finds the disk full."""
    if content == "header":
        with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE results (output TEXT)")
    else:
        (tmp_path / DATABASE).write_bytes(content)
    assert decision(tmp_path, row).why == "new"
    with State(tmp_path) as state:
        assert (state.counts(), list(state.rows())) == ({}, [])


def test_what_a_try_placed_may_be_replaced_by_the_next_and_nothing_else(tmp_path, row):
    both = replace(row, options=EditOptions(sidecar=True))
    video, beside = (Path(place) for place in both.outputs().values())
    made = finished(both)
    beside.write_bytes(b"what was done")
    made.outputs[str(beside)] = local_entry(beside)
    beside.unlink()  # the second one never arrived
    with State(tmp_path, write=True) as state:
        state.begin([both], [Decision(RUN, "new")])
        assert not state.may_replace(both)  # nothing of ours was on the way
        state.hold(both.output, made)
        assert state.may_replace(both)
        beside.write_bytes(b"somebody's")
        assert not state.may_replace(both)
        beside.unlink()
        video.write_bytes(b"somebody's too")
        assert not state.may_replace(both)


def test_a_full_disk_is_one_error_and_costs_nothing(tmp_path, row):
    with State(tmp_path, write=True) as state:
        state.begin([row], [Decision(RUN, "new")])
        state.finish(row.output, finished(row))
        state._db.execute("PRAGMA max_page_count = 1")
        big = Outcome(0, "failed", error="x" * 1_000_000)
        with pytest.raises(CmetError, match="full"):
            state.finish(row.output, big)
    assert decision(tmp_path, row).action == KEEP


def test_a_damaged_database_is_one_error(tmp_path, row):
    put_down(tmp_path, row, finished(row))
    (tmp_path / DATABASE).write_bytes(b"not a database at all, but long enough" * 99)
    with pytest.raises(CmetError, match=r"state\.db cannot be used"):
        decision(tmp_path, row)


def test_done_rows_are_kept_until_something_changes(tmp_path, row):
    put_down(tmp_path, row, finished(row))

    def now(options=EditOptions(), key=KEY):  # noqa: B008
        return decision(tmp_path, replace(row, options=options), key)

    assert now().action == KEEP
    assert now(options=EditOptions(overwrite=True)).action == KEEP
    assert now(options=EditOptions(intensity=2.0)).why == "changed: intensity"
    assert now(key=Key("n", KEY.computes)).why == "changed: model"
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


def test_another_device_or_number_format_makes_another_result(tmp_path, row):
    put_down(tmp_path, row, finished(row))
    assert decision(tmp_path, row, Key("m", ("cuda bf16",))).why == "changed: compute"
    assert decision(tmp_path, row, Key("m", ("cuda bf16", "cpu fp32"))).action == KEEP
    assert decision(tmp_path, row, Key("m")).action == KEEP  # only the cluster knows


def test_failed_rows_run_again_and_say_why(tmp_path, row):
    put_down(tmp_path, row, Outcome(0, "failed", 0.1, error="silent"))
    assert decision(tmp_path, row) == Decision(RUN, "failed before: silent")
    assert decision(tmp_path / "other", row).why == "new"


def test_differences_name_what_changed():
    before = {"video": ["1"], "options": {"crf": 18, "lips": "audio"}, "model": "a"}
    now = {"video": ["1"], "options": {"crf": 20, "lips": "audio"}, "model": "b"}
    assert set(differences(before, now).split(", ")) == {"crf", "model"}
    assert differences(before, before) == ""


def hold(folder, row, outcome):
    """A driver is killed after a row was complete, and before it heard of its names."""
    with State(folder, write=True) as state:
        state.begin([row], [Decision(RUN, "new")])
        state.hold(row.output, outcome)


def test_a_row_finished_but_not_written_down_is_done(tmp_path, row):
    hold(tmp_path, row, finished(row))
    assert decision(tmp_path, row).action == KEEP
    with State(tmp_path, write=True) as state:
        assert state.counts() == {"done": 1}
        assert state.held(row.output) is None  # it is written down now
    assert decision(tmp_path, row).action == KEEP


def test_a_row_put_down_without_its_output_is_nothing(tmp_path, row):
    """Killed before the output had its name; and somebody else's file is not ours."""
    hold(tmp_path, row, finished(row))
    Path(row.output).write_bytes(b"theirs")
    assert decision(tmp_path, row).why == "new"
    with State(tmp_path, write=True) as state:
        assert state.made(row.output) is None
        assert state.held(row.output) is None


def test_of_a_row_half_named_the_named_files_are_ours(tmp_path, row):
    outcome = finished(row)
    both = outcome.outputs | {str(tmp_path / "o.npz"): [1, 2, "3"]}
    hold(tmp_path, row, replace(outcome, outputs=both))
    with State(tmp_path, write=True) as state:
        assert state.made(row.output) == outcome.outputs[row.output]
        assert state.made(str(tmp_path / "o.npz")) is None
    assert decision(tmp_path, row) == Decision(RUN, "failed before: interrupted")


def test_what_was_left_out_is_that_of_the_last_run(tmp_path, row):
    with State(tmp_path, write=True) as state:
        state.begin([row], [Decision(RUN, "")], {3: "video: gone", 2: "output: taken"})
        assert list(state.left_out().items()) == [(2, "output: taken"), (3, "video: gone")]
        state.begin([row], [Decision(RUN, "")])
        assert state.left_out() == {}


def test_a_database_of_before_knows_of_nothing_left_out(tmp_path, row):
    with State(tmp_path, write=True) as state:
        state.begin([row], [Decision(RUN, "")])
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("DROP TABLE left_out")
    with State(tmp_path) as state:
        assert state.left_out() == {}
        assert state.counts() == {"waiting": 1}


def test_another_program_can_read_it(tmp_path, row):
    put_down(tmp_path, row, finished(row))
    with sqlite3.connect(tmp_path / DATABASE) as database:
        query = "SELECT json_extract(result, '$.frames') FROM results WHERE status = 'done'"
        assert database.execute(query).fetchall() == [(1,)]


def test_one_run_at_a_time_and_a_dead_holder_is_none(tmp_path):
    code = (
        "import time; from pathlib import Path; from cmet_cli.batch.state import only_run\n"
        f"with only_run(Path({str(tmp_path)!r})) as work:\n"
        " (work / 'half').touch(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=f"process {holder.pid}"), only_run(tmp_path):
            pass
        holder.kill()
    with only_run(tmp_path) as work:
        assert list(work.iterdir()) == []  # what the killed one left is gone
    assert not work.exists()


def test_a_file_gets_its_name_whole_and_never_over_another(tmp_path, monkeypatch):
    part, there = tmp_path / "part.mp4", tmp_path / "there.mp4"
    part.write_bytes(b"new")
    there.write_bytes(b"precious")
    with pytest.raises(UsageError, match="output exists"):
        deliver(part, str(there), replace=False)
    assert there.read_bytes() == b"precious"
    deliver(part, str(tmp_path / "fresh.mp4"), replace=False)
    deliver(part, str(there), replace=True)
    assert (tmp_path / "fresh.mp4").read_bytes() == there.read_bytes() == b"new"


def test_a_file_gets_its_name_on_another_file_system(tmp_path):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system")
    part, there = tmp_path / "part.mp4", other / f"cmet-test-{tmp_path.name}.mp4"
    part.write_bytes(b"new")
    entry = local_entry(part)
    try:
        deliver(part, str(there), replace=False)
        assert local_entry(there)[2] == entry[2]
        with pytest.raises(UsageError, match="output exists"):
            deliver(part, str(there), replace=False)
    finally:
        there.unlink()

"""The loop over rows, with workers that only pretend."""

from __future__ import annotations

import csv
from collections import deque
from dataclasses import replace

import pytest

from cmet_cli.batch.plan import RUN, Decision, Outcome, Row, Schedule, Task
from cmet_cli.batch.report import Report
from cmet_cli.batch.row_worker import is_out_of_memory, judge
from cmet_cli.batch.runner import Runner
from cmet_cli.batch.state import State
from cmet_cli.batch.storage import local_entry
from cmet_cli.batch.workers import Broken, Died, Ready
from cmet_cli.batch_options import BatchOptions
from cmet_cli.errors import CmetError, MediaError
from cmet_cli.options import EditOptions


def make_task(index: int, video: str = "v") -> Task:
    name = f"o{index}.mp4"
    return Task(
        index, Row(index + 2, video, ("e",), (), f"/out/{name}", EditOptions(), name), False
    )


class FakePool:
    """Workers whose answers are written beforehand: (row, attempt) -> event; ("start", worker) ->
    its first events; ("place", row) -> what comes instead of the row's end."""

    def __init__(self, size, answers):
        self.size, self.answers = size, answers
        self.given: list[tuple[int, int]] = []
        self.tasks: list[Task] = []
        self.restarts: list[int] = []
        self._events = deque(
            (w, event) for w in range(size) for event in answers.get(("start", w), [Ready()])
        )

    def make(self, worker, task):
        self.given.append((worker, task.index))
        self.tasks.append(task)
        made = Outcome(task.index, "made", 0.1, outputs=self.answers.get("outputs", {}))
        self._events.append((worker, self.answers.get((task.index, task.attempt), made)))

    def place(self, worker):
        index = next(index for w, index in reversed(self.given) if w == worker)
        done = Outcome(index, "done", 0.1)
        self._events.append((worker, self.answers.get(("place", index), done)))

    def events(self, _timeout_s):
        found, self._events = list(self._events), deque()
        return found

    def restart(self, worker):
        self.restarts.append(worker)
        self._events.append((worker, Ready()))


class Silent:
    def __getattr__(self, _name):
        return lambda *_args: None


@pytest.fixture
def go(tmp_path):
    def run(tasks, answers, workers=1, retries=1, fail_fast=False):
        pool = FakePool(workers, answers)
        (tmp_path / "work").mkdir()
        with State(tmp_path, write=True) as state:
            state.begin([task.row for task in tasks], [Decision(RUN, "new")] * len(tasks))
            report = Report(tmp_path, tmp_path / "work", state, len(tasks), "<title>")
            options = BatchOptions(tmp_path / "m.csv", retries=retries, fail_fast=fail_fast)
            runner = Runner(pool, tasks, state, report, options)
            try:
                runner.run(Silent())
            finally:
                report.write()
            lines = [dict(row) for row in state.rows() if row["status"] != "waiting"]
        return pool, {line["output"]: line["status"] for line in lines}, lines

    return run


def failed(index, transient=False, poisoned=False):
    return Outcome(index, "failed", 0.1, error="bad", transient=transient, poisoned=poisoned)


def test_a_failure_is_its_rows_own(go, tmp_path):
    _, status, lines = go([make_task(i) for i in range(3)], {(1, 1): failed(1)})
    assert list(status.values()) == ["done", "failed", "done"]
    assert lines[1]["error"] == "bad"
    with (tmp_path / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["status"], r["note"]) for r in rows] == [
        ("done", ""),
        ("failed", "bad"),
        ("done", ""),
    ]
    html = (tmp_path / "report.html").read_text()
    assert "&lt;title&gt;" in html
    assert "1 failed" in html


def test_the_next_try_may_replace_what_the_last_one_placed(go, tmp_path):
    task = make_task(0)
    out = tmp_path / "o0.mp4"
    out.write_bytes(b"arrived before its sidecar, which did not")
    row = replace(task.row, output=str(out), options=EditOptions(sidecar=True))
    answers = {
        "outputs": {str(out): local_entry(out), f"{out}.cmet.json": [1, 2, "3"]},
        ("place", 0): failed(0, transient=True),
    }
    pool, _, _ = go([replace(task, row=row)], answers)
    assert [task.may_replace for task in pool.tasks] == [False, True]


def test_fail_fast_stops(go):
    _, status, _ = go([make_task(i) for i in range(3)], {(0, 1): failed(0)}, fail_fast=True)
    assert list(status.values()) == ["failed"]


def test_passing_failures_are_tried_again_last(go):
    pool, status, _ = go([make_task(i) for i in range(2)], {(0, 1): failed(0, transient=True)})
    assert pool.given == [(0, 0), (0, 1), (0, 0)]
    assert set(status.values()) == {"done"}


def test_retries_have_an_end(go):
    answers = {(0, n): failed(0, transient=True) for n in (1, 2, 3, 4)}
    pool, status, _ = go([make_task(0)], answers, retries=2)
    assert len(pool.given) == 3
    assert list(status.values()) == ["failed"]


def test_a_spent_worker_is_replaced(go):
    answers = {(0, 1): failed(0, transient=True, poisoned=True)}
    pool, status, _ = go([make_task(0), make_task(1)], answers)
    assert pool.restarts == [0]
    assert set(status.values()) == {"done"}


def test_a_dead_worker_costs_one_row_at_most(go):
    answers = {(0, 1): Died("killed"), (0, 2): Died("killed"), (1, 1): Died("killed")}
    pool, status, lines = go([make_task(i) for i in range(3)], answers, retries=0)
    assert status == {"/out/o0.mp4": "failed", "/out/o1.mp4": "done", "/out/o2.mp4": "done"}
    assert pool.restarts == [0, 0, 0]
    assert "killed" in next(line["error"] for line in lines if line["status"] == "failed")


def test_no_worker_at_all_is_an_error(go):
    with pytest.raises(CmetError, match="no worker could be started: no weights"):
        go(
            [make_task(0)],
            {("start", worker): [Broken("no weights", "")] for worker in range(2)},
            workers=2,
        )


def test_a_worker_given_up_is_not_started_again(go):
    """It says that it is broken, and then its process ends."""
    broken = [Broken("no weights", ""), Died("the worker process ended (exit code 0)")]
    pool, status, _ = go([make_task(0)], {("start", 0): broken}, workers=2)
    assert pool.restarts == []
    assert pool.given == [(1, 0)]
    assert set(status.values()) == {"done"}


def test_a_worker_that_dies_while_it_starts_is_tried_three_times(go):
    pool, status, _ = go([make_task(0)], {("start", 0): [Died("killed")] * 2})
    assert pool.restarts == [0, 0]
    assert set(status.values()) == {"done"}


def test_a_worker_that_always_dies_while_it_starts_is_an_error(go):
    with pytest.raises(CmetError, match="no worker could be started: killed"):
        go([make_task(0)], {("start", 0): [Died("killed")] * 3})


def test_a_worker_killed_after_its_row_had_its_name_costs_nothing(go, tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"edited")
    outputs = {str(tmp_path / "o.mp4"): local_entry(tmp_path / "o.mp4")}
    answers = {"outputs": outputs, ("place", 0): Died("killed")}
    pool, status, _ = go([make_task(0)], answers)
    assert pool.given == [(0, 0)]
    assert set(status.values()) == {"done"}


def test_rows_of_one_video_stay_together_and_nobody_idles():
    tasks = [make_task(i, video) for i, video in enumerate("abababab")]
    schedule = Schedule(tasks)
    first = [schedule.next(0) for _ in range(4)]
    assert {t.row.video for t in first} == {"a"}
    second = schedule.next(1)
    assert second.row.video == "b"
    stolen = schedule.next(0)  # worker 1 has three more of b
    assert stolen.row.video == "b"
    rest = [schedule.next(w).index for w in (0, 1)]
    assert schedule.next(0) is schedule.next(1) is None
    assert schedule.waiting == 0
    assert sorted([t.index for t in first] + [second.index, stolen.index] + rest) == list(range(8))


def test_errors_in_one_line_each():
    memory = RuntimeError("CUDA out of memory. Tried to allocate\n2 GiB")
    assert is_out_of_memory(memory)
    assert judge(memory).transient
    assert judge(OSError(116, "Stale file handle", "x")).transient
    full = judge(OSError(28, "No space left on device", "/out"))
    assert (full.error, full.transient) == ("/out: No space left on device", False)
    assert judge(FileNotFoundError(2, "No such file", "/a.mp4")).error.endswith("/a.mp4")
    assert not judge(MediaError("silent")).transient
    assert judge(ValueError("a\nb")).error == "ValueError: a"
    assert judge(RuntimeError("CUDA error: launch failure")).poisoned


def test_no_cell_of_the_report_is_a_formula_and_nothing_in_it_is_markup(go, tmp_path):
    """What a spreadsheet would run is only text there, and what a browser would run too."""
    attacks = ("=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "<script>alert(1)</script>")
    answers = {(i, 1): Outcome(i, "failed", error=text) for i, text in enumerate(attacks)}
    go([make_task(i) for i in range(len(attacks))], answers)
    with (tmp_path / "report.csv").open(newline="") as file:
        notes = [row["note"] for row in csv.DictReader(file)]
    assert notes == [*(f"'{text}" for text in attacks[:4]), attacks[4]]
    html = (tmp_path / "report.html").read_text()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_long_report_has_pages(go, tmp_path):
    go([make_task(i) for i in range(501)], {(500, 1): failed(500)})
    pages = [(tmp_path / f"report{n}.html").read_text() for n in ("", "-2")]
    assert [page.count("<tr id=") for page in pages] == [500, 1]
    assert '<a href="report-2.html#l502">line 502</a>' in pages[0]
    assert not (tmp_path / "report-3.html").exists()

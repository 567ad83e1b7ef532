"""The loop over rows, with workers that only pretend."""

from __future__ import annotations

import csv
from collections import deque

import pytest

from cmet_cli.batch.failures import is_out_of_memory, judge
from cmet_cli.batch.journal import History, Journal, read_lines
from cmet_cli.batch.pool import Died
from cmet_cli.batch.process import Broken, Ready
from cmet_cli.batch.report import Report
from cmet_cli.batch.rows import Outcome, Row, Task
from cmet_cli.batch.runner import Runner
from cmet_cli.batch.schedule import Schedule
from cmet_cli.errors import CmetError, MediaError
from cmet_cli.options import EditOptions


def make_task(index: int, video: str = "v") -> Task:
    name = f"o{index}.mp4"
    return Task(
        index, Row(index + 2, video, ("e",), (), f"/out/{name}", EditOptions(), name), False
    )


class FakePool:
    """Workers whose answers are written beforehand: (row, attempt) -> event."""

    def __init__(self, size, answers):
        self.size, self.answers = size, answers
        self.given: list[tuple[int, int]] = []
        self.restarts: list[int] = []
        self._events = deque((w, answers.get("start", Ready())) for w in range(size))

    def submit(self, worker, task):
        self.given.append((worker, task.index))
        answer = self.answers.get((task.index, task.attempt), Outcome(task.index, "done", 0.1))
        self._events.append((worker, answer))

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
        journal = Journal(tmp_path, History())
        report = Report(tmp_path, tmp_path, [t.row for t in tasks], "<title>")
        runner = Runner(
            pool, Schedule(tasks), journal, report, Silent(), retries=retries, fail_fast=fail_fast
        )
        runner.run()
        report.write()
        lines = list(read_lines(tmp_path / "journal.jsonl"))
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
        go([make_task(0)], {"start": Broken("no weights", "")}, workers=2)


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

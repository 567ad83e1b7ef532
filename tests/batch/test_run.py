"""Whole batches with the tiny model: what is made, what fails by itself, what is not done twice."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal

import pytest

from cmet_cli.batch.plan import DONE
from cmet_cli.batch.run import BatchOptions, batch_status, check_batch, run_batch
from cmet_cli.media.probe import probe_video

from .conftest import outputs_of, results_of, told


class Watching:
    """A listener that remembers, and may do something when a row begins."""

    def __init__(self, on_begin=None):
        self.ended_rows, self.notes, self.begun = [], [], 0
        self._on_begin = on_begin

    def total(self, rows):
        self.rows = rows

    def began(self, worker, task):
        self.begun += 1
        if self._on_begin is not None:
            self._on_begin(self.begun)

    def stage(self, worker, stage):
        pass

    def ended(self, worker, task, outcome):
        self.ended_rows.append((task.row.name, outcome.status, outcome.error))

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def options(tiny_weights):
    def make(manifest, **more):
        base = {"weights_dir": tiny_weights, "devices": ("cpu",), "workers": 1}
        return BatchOptions(manifest, **(base | {"defaults": ("face_detector=none",)} | more))

    return make


def rows_of(*cells):
    return [dict(zip(("video", "emotion_audio", "output"), row, strict=False)) for row in cells]


def test_rows_are_done_kept_and_done_again_when_changed(batch, write_manifest, clips):
    rows = rows_of(("v0.mp4", "e0.wav", "sub/a.mp4"), ("v0.mp4", "e1.wav", "b.mp4"))
    rows[1]["save_codes"] = "b.npz"
    manifest = write_manifest(rows)
    dry = batch(manifest, "--dry-run")
    assert (dry.returncode, dry.stdout.count("run   ")) == (0, 2), dry.stderr
    assert not (clips / "m_out").exists()
    first = batch(manifest, "--json")
    assert first.returncode == 0, first.stderr
    assert (told(first)["done"], told(first)["kept"]) == (2, 0)
    made = outputs_of(manifest)
    assert set(made) == {"sub/a.mp4", "b.mp4"}
    assert probe_video(clips / "m_out" / "b.mp4").audio_streams == 1
    assert (clips / "m_out" / "b.npz").is_file()
    stages = [r["result"]["stages_s"] for r in results_of(manifest)]
    assert ["reading" in s for s in stages] == [True, False]  # one video, read once
    second = batch(manifest, "--json")
    assert (told(second)["done"], told(second)["kept"]) == (0, 2)
    rows[1]["intensity"] = "1.5"
    write_manifest(rows)
    dry = batch(manifest, "--dry-run")
    assert "run   b.mp4  (changed: intensity)" in dry.stdout
    assert "keep  sub/a.mp4  (done)" in dry.stdout
    third = batch(manifest, "--json")
    assert (told(third)["done"], told(third)["kept"]) == (1, 1)
    assert outputs_of(manifest)["sub/a.mp4"] == made["sub/a.mp4"]
    with (clips / "m_out" / "report.csv").open() as file:
        assert [(r["status"], r["run"]) for r in csv.DictReader(file)] == [
            (DONE, "earlier"),
            (DONE, "this"),
        ]
    html = (clips / "m_out" / "report.html").read_text()
    assert html.count("data:image/jpeg;base64,/9j/") == 4
    assert "http" not in html


def test_problems_stop_everything_before_it_begins(batch, write_manifest, clips):
    manifest = write_manifest(rows_of(("v0.mp4", "e0.wav"), ("gone.mp4", "e1.wav", "../x.mp4")))
    run = batch(manifest)
    assert run.returncode == 2
    assert "gone.mp4" in run.stderr
    assert "outside" in run.stderr
    assert "2 problems in 1 line; nothing was run" in run.stderr
    assert not (clips / "m_out").exists()
    assert batch(clips / "no.csv").returncode == 2


def test_the_rows_that_can_be_done_are_if_so_asked(batch, write_manifest, clips):
    rows = rows_of(
        ("v0.mp4", "e0.wav", "good.mp4"),
        ("gone.mp4", "e1.wav", "bad.mp4"),
        ("v0.mp4", "e1.wav", "good.mp4"),  # a name that is taken
    )
    manifest = write_manifest(rows)
    refused = batch(manifest)
    assert (refused.returncode, "--skip-invalid does the other row" in refused.stderr) == (2, True)
    dry = batch(manifest, "--skip-invalid", "--dry-run", "--json")
    assert dry.returncode == 1
    assert [row["output"] for row in told(dry)["rows"]] == [str(clips / "m_out" / "good.mp4")]
    run = batch(manifest, "--skip-invalid")
    assert run.returncode == 1, run.stderr
    assert "gone.mp4" in run.stderr
    assert "2 problems in 2 lines: left out" in run.stderr
    assert "1 done, 0 kept, 0 failed, 2 left out in" in run.stdout
    assert set(outputs_of(manifest)) == {"good.mp4"}
    again = told(batch(manifest, "--skip-invalid", "--json"))
    assert (again["done"], again["kept"]) == (0, 1)
    assert [(p["line"], p["column"]) for p in again["left_out"]] == [(3, "video"), (4, "output")]
    # Whoever comes later finds them, too.
    table = list(csv.DictReader((clips / "m_out" / "report.csv").open(encoding="utf-8")))
    assert [(r["line"], r["status"]) for r in table] == [
        *(("2", "done"), ("3", "left out"), ("4", "left out"))
    ]
    assert table[1]["note"].startswith("video: ")
    page = (clips / "m_out" / "report.html").read_text("utf-8")
    assert "2 left out of the run" in page
    assert "gone.mp4" in page
    status = batch(manifest, "--status")
    assert "left out: line 3: video: " in status.stdout
    assert "1 done, 0 failed, 0 waiting, 2 left out; no run" in status.stdout
    lines = told(batch(manifest, "--status", "--json"))["lines_left_out"]
    assert [row["line"] for row in lines] == [3, 4]
    assert lines[0]["why"] == table[1]["note"]
    rows[1]["video"], rows[2]["output"] = "v1.mp4", "other.mp4"
    whole = batch(write_manifest(rows), "--skip-invalid", "--json")
    assert whole.returncode == 0, whole.stderr
    assert (told(whole)["done"], told(whole)["left_out"]) == (2, [])
    assert "left out" not in (clips / "m_out" / "report.html").read_text("utf-8")
    assert "left out" not in batch(manifest, "--status").stdout


def test_a_row_left_out_may_be_called_anything(batch, write_manifest, clips):
    """Names need not be text, and what is said of them is kept all the same."""
    (clips / "odd").mkdir()
    (clips / os.fsdecode(b"odd/caf\xe9.wav")).write_bytes(b"")
    rows = rows_of(("v0.mp4", "e0.wav", "good.mp4"), ("v0.mp4", "odd", "bad.mp4"))
    run = batch(write_manifest(rows), "--skip-invalid")
    assert "Error" not in run.stderr
    assert "1 done, 0 kept, 0 failed, 1 left out in" in run.stdout
    assert "caf\\udce9.wav" in (clips / "m_out" / "report.html").read_text("utf-8")


def test_a_manifest_that_is_wrong_itself_is_not_done_in_part(batch, write_manifest, clips):
    """An option that is spelled wrong would be left out of every row."""
    rows = rows_of(("v0.mp4", "e0.wav", "good.mp4"))
    rows[0]["intensiti"] = "2"
    run = batch(write_manifest(rows), "--skip-invalid")
    assert run.returncode == 2
    assert "intensity" in run.stderr
    assert not (clips / "m_out").exists()


def test_rows_that_fail_when_they_run(options, write_manifest, clips, make_media):
    """Each is reported by name; the others are done."""
    silent = make_media("silence.wav", "-f lavfi -i anullsrc=r=16000 -t 0.5")
    (clips / "silent.wav").write_bytes(silent.read_bytes())
    (clips / "broken.mp4").write_bytes((clips / "v0.mp4").read_bytes()[:700])
    (clips / "vanishing.mp4").write_bytes((clips / "v0.mp4").read_bytes())
    rows = rows_of(
        ("v0.mp4", "e0.wav", "good.mp4"),
        ("broken.mp4", "e0.wav", "1.mp4"),
        ("v0.mp4", "silent.wav", "2.mp4"),
        ("v0.mp4", "e1.wav", "3.mp4"),
        ("vanishing.mp4", "e0.wav", "4.mp4"),
        ("v1.mp4", "e0.wav", "5.mp4"),
        ("v1.mp4", "e1.wav", "also_good.mp4"),
    )
    rows[3]["face_detector"] = "haar"
    rows[5]["output"] = "blocked/5.mp4"
    asked = options(write_manifest(rows))
    checked = check_batch(asked)
    assert checked.problems == []
    (clips / "vanishing.mp4").unlink()
    (clips / "m_out").mkdir()
    (clips / "m_out" / "blocked").touch()
    result = run_batch(asked, checked.rows, Watching())
    assert (result.done, result.exit_code) == (2, 1)
    errors = {row.name: error for row, error in result.failed}
    assert set(errors) == {"1.mp4", "2.mp4", "3.mp4", "4.mp4", "blocked/5.mp4"}
    assert "broken.mp4" in errors["1.mp4"]
    assert "silent" in errors["2.mp4"]
    assert "face" in errors["3.mp4"]
    assert "vanishing.mp4" in errors["4.mp4"]
    assert set(outputs_of(asked.manifest)) == {"good.mp4", "also_good.mp4"}
    assert not list((clips / "m_out").rglob("*.part.*"))


def test_a_killed_worker_costs_nothing_but_time(options, write_manifest):
    def kill(begun):
        if begun == 1:
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

    cells = [("v0.mp4", f"e{i}.wav", f"{i}.mp4") for i in range(2)]
    asked = options(write_manifest(rows_of(*cells)))
    listener = Watching(kill)
    result = run_batch(asked, check_batch(asked).rows, listener)
    assert (result.done, result.failed) == (2, ())
    assert any("SIGKILL" in note for note in listener.notes)
    assert len(results_of(asked.manifest)) == 2


def test_only_our_own_outputs_are_replaced(batch, write_manifest, clips):
    manifest = write_manifest(rows_of(("v0.mp4", "e0.wav", "a.mp4")))
    out = clips / "m_out" / "a.mp4"
    out.parent.mkdir()
    out.write_bytes(b"precious")
    refused = batch(manifest)
    assert refused.returncode == 2
    assert "not made by this batch" in refused.stderr
    assert out.read_bytes() == b"precious"
    assert batch(manifest, "--overwrite").returncode == 0
    (clips / "e0.wav").write_bytes((clips / "e1.wav").read_bytes())
    again = batch(manifest, "--json")  # changed, and ours now
    assert (again.returncode, told(again)["done"]) == (0, 1)


def test_files_behind_urls(batch, write_manifest, clips):
    rows = rows_of(("v0.mp4", "e0.wav", "a.mp4"), ("v0.mp4", "e1.wav", "b.mp4"))
    plain = write_manifest(rows, "plain.csv")
    assert batch(plain).returncode == 0
    for row in rows:
        row["video"] = f"file://{clips}/v0.mp4"
    remote = write_manifest(rows)
    run = batch(remote, "--output-dir", f"file://{clips}/store", "--json")
    assert (run.returncode, told(run)["done"]) == (0, 2), run.stderr
    made = {p.name: p.read_bytes() for p in (clips / "store").iterdir()}
    assert made == outputs_of(plain)
    assert ["reading" in r["result"]["stages_s"] for r in results_of(remote)] == [True, False]
    again = batch(remote, "--output-dir", f"file://{clips}/store", "--json")
    assert told(again)["kept"] == 2
    rows[0]["video"] = f"file://{clips}/nowhere.mp4"
    refused = batch(write_manifest(rows), "--output-dir", f"file://{clips}/store")
    assert (refused.returncode, "not found: file://" in refused.stderr) == (2, True)


def test_wrong_requests(batch, write_manifest, cmet):
    manifest = write_manifest(rows_of(("v0.mp4", "e0.wav")))
    for wrong, words in (
        (("--workers", "many"), "workers"),
        (("--retries", "-1"), "retries"),
        (("--set", "colour=red"), "unknown column"),
        (("--device", "cpu,cuda:99"), "cuda:99"),
        (("--device", ","), "no device"),
    ):
        run = batch(manifest, *wrong)
        assert (run.returncode, words in run.stderr) == (2, True), run.stderr
    assert cmet("batch").returncode == 2


def test_status_tells_how_a_run_stands_while_it_is_at_work(options, batch, write_manifest, clips):
    silent = clips / "silent.wav"
    cells = [("v0.mp4", "e0.wav", "a.mp4"), ("v0.mp4", "silent.wav", "b.mp4")]
    cells.append(("v1.mp4", "e0.wav", "c.mp4"))
    manifest = write_manifest(rows_of(*cells))
    silent.write_bytes(b"no sound at all")
    nothing = batch(manifest, "--status")
    assert (nothing.returncode, "no batch has run" in nothing.stderr) == (2, True)
    assert not (clips / "m_out").exists()
    seen = []

    def look(begun):
        if begun == 3:
            seen.append(batch_status(options(manifest)))

    asked = options(manifest)
    run_batch(asked, check_batch(asked).rows, Watching(look))
    assert (seen[0].running, seen[0].waiting) == (True, 1)
    assert (seen[0].done, seen[0].failed) == (1, 1)
    for place in (manifest, clips / "m_out"):
        status = told(batch(place, "--status", "--json"))
        numbers = [status[name] for name in ("rows", "done", "failed", "waiting", "running")]
        assert numbers == [3, 2, 1, 0, False]
        assert [f["line"] for f in status["failures"]] == [3]
    said = batch(manifest, "--status")
    assert "2 done, 1 failed, 0 waiting; no run is at work" in said.stdout
    assert "failed: line 3: " in said.stdout


def test_a_report_replaces_nobody_elses_file(batch, write_manifest, clips):
    manifest = write_manifest(rows_of(("v0.mp4", "e0.wav", "good.mp4")))
    for name in ("report.csv", "report.html", "report-2.html"):
        mine = clips / name
        mine.write_text("mine")
        run = batch(manifest, "-o", clips)
        assert run.returncode == 2
        assert name in run.stderr
        assert mine.read_text() == "mine"
        mine.unlink()
    (clips / "report-draft.html").write_text("nobody minds")
    first = batch(manifest, "-o", clips)
    assert first.returncode == 0, first.stderr
    assert batch(manifest, "-o", clips).returncode == 0  # its own are replaced
    itself = clips / "report.csv"
    itself.write_bytes(manifest.read_bytes())
    run = batch(itself, "-o", clips, "--overwrite")
    assert run.returncode == 2
    assert "would replace the manifest" in run.stderr
    assert itself.read_bytes() == manifest.read_bytes()


def test_quiet_is_quiet(batch, write_manifest):
    rows = rows_of(("v0.mp4", "e0.wav", "a.mp4"))
    run = batch(write_manifest(rows), "--quiet")
    assert run.returncode == 0, run.stderr
    assert "[1/1]" not in run.stderr
    assert "rows to do" not in run.stderr
    assert "1 done" in run.stdout

"""One worker by itself: running out of memory, inputs that change, what it notes before it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmet_cli.batch.plan import Row, Task, model_digest
from cmet_cli.batch.row_worker import RowWorker, WorkerSetup
from cmet_cli.batch.storage import local_entry
from cmet_cli.errors import WeightsError
from cmet_cli.options import EditOptions, RuntimeOptions
from cmet_cli.weights.folder import find_weights


@pytest.fixture
def setup(tiny_weights, tmp_path):
    digest = model_digest(find_weights(tiny_weights))
    runtime = RuntimeOptions("cpu", "fp32", batch_size=8)
    (tmp_path / "work").mkdir()
    places = str(tmp_path / "work"), str(tmp_path / "workers.log")
    return WorkerSetup(str(tiny_weights), "auto", runtime, 2, True, False, *places, digest)


@pytest.fixture
def task(clips):
    options = EditOptions(face_detector="none")
    video, voice = str(clips / "v0.mp4"), str(clips / "e0.wav")
    return Task(0, Row(2, video, (voice,), (), str(clips / "o.mp4"), options, "o.mp4"), False)


def quiet(_stage, _part):
    pass


def test_out_of_memory_halves_the_batch(setup, task, monkeypatch):
    worker = RowWorker(setup)
    real, sizes = worker._editor.edit, []

    def edit(*arguments, **options):
        sizes.append(worker._editor.compute.batch_size)
        if sizes[-1] > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 MiB")
        return real(*arguments, **options)

    monkeypatch.setattr(worker._editor, "edit", edit)
    outcome = worker.make(task, quiet)
    assert (outcome.status, sizes) == ("made", [8, 4, 2])
    assert outcome.result["warnings"][-2:] == [
        "batch size lowered to 4 (out of memory)",
        "batch size lowered to 2 (out of memory)",
    ]


def test_out_of_memory_at_the_smallest_batch_is_a_passing_failure(setup, task, monkeypatch):
    worker = RowWorker(setup)

    def edit(*_arguments, **_options):
        raise MemoryError

    monkeypatch.setattr(worker._editor, "edit", edit)
    outcome = worker.make(task, quiet)
    assert (outcome.error, outcome.transient, outcome.poisoned) == ("out of memory", True, True)


def test_an_input_that_changes_meanwhile_is_not_trusted(setup, task, clips, monkeypatch):
    worker = RowWorker(setup)
    real = worker._editor.edit

    def edit(*arguments, **options):
        result = real(*arguments, **options)
        (clips / "e0.wav").write_bytes((clips / "e1.wav").read_bytes())
        return result

    monkeypatch.setattr(worker._editor, "edit", edit)
    outcome = worker.make(task, quiet)
    assert outcome.transient
    assert "changed while it was being edited" in outcome.error
    assert not (clips / "o.mp4").exists()


def test_a_row_gets_its_name_only_when_it_is_told_to(setup, task, clips, tmp_path):
    worker, output = RowWorker(setup), clips / "o.mp4"
    made = worker.make(task, quiet)
    assert made.status == "made"
    assert not output.exists()
    done = worker.place()
    assert (done.status, done.outputs) == ("done", made.outputs)
    assert made.outputs == {str(output): local_entry(output)}
    assert made.made_of["compute"] == "cpu fp32"
    assert all(made.pictures)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(setup, task, clips, tmp_path):
    worker, output = RowWorker(setup), clips / "o.mp4"
    worker.make(task, quiet)
    output.write_bytes(b"precious")
    failed = worker.place()
    assert (failed.status, output.read_bytes()) == ("failed", b"precious")
    assert "output exists" in failed.error
    assert list((tmp_path / "work").iterdir()) == []


def test_other_weights_than_the_batch_began_with_are_refused(setup):
    with pytest.raises(WeightsError, match="other weights"):
        RowWorker(replace(setup, model_digest="0"))

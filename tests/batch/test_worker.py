"""One worker by itself: running out of memory, inputs that change, what it notes before it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cmet_cli.batch.digests import Digests, model_digest
from cmet_cli.batch.journal import RECEIPTS, read_lines
from cmet_cli.batch.rows import Row, Task
from cmet_cli.batch.worker import RowWorker, WorkerSetup
from cmet_cli.errors import WeightsError
from cmet_cli.options import EditOptions, RuntimeOptions
from cmet_cli.weights.folder import find_weights


@pytest.fixture
def setup(tiny_weights, tmp_path):
    digest = model_digest(find_weights(tiny_weights), Digests())
    runtime = RuntimeOptions(device="cpu", batch_size=8)
    return WorkerSetup(str(tiny_weights), "auto", runtime, 2, True, str(tmp_path), digest)


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
    outcome = worker.run(task, quiet)
    assert (outcome.status, sizes) == ("done", [8, 4, 2])
    assert outcome.result["warnings"] == [
        "batch size lowered to 4 (out of memory)", "batch size lowered to 2 (out of memory)"
    ]  # fmt: skip


def test_out_of_memory_at_the_smallest_batch_is_a_passing_failure(setup, task, monkeypatch):
    worker = RowWorker(setup)

    def edit(*_arguments, **_options):
        raise MemoryError

    monkeypatch.setattr(worker._editor, "edit", edit)
    outcome = worker.run(task, quiet)
    assert (outcome.error, outcome.transient, outcome.poisoned) == ("out of memory", True, True)


def test_an_input_that_changes_meanwhile_is_not_trusted(setup, task, clips, monkeypatch):
    worker = RowWorker(setup)
    real = worker._editor.edit

    def edit(*arguments, **options):
        result = real(*arguments, **options)
        (clips / "e0.wav").write_bytes((clips / "e1.wav").read_bytes())
        return result

    monkeypatch.setattr(worker._editor, "edit", edit)
    outcome = worker.run(task, quiet)
    assert outcome.transient
    assert "changed while it was being edited" in outcome.error
    assert not (clips / "o.mp4").exists()


def test_what_it_made_is_noted_before_it_has_its_name(setup, task, clips, tmp_path, monkeypatch):
    worker = RowWorker(setup)

    def rename(*_arguments):
        raise OSError(5, "pulled the plug")

    with monkeypatch.context() as patch:
        patch.setattr("cmet_cli.media.files._rename_new", rename)
        assert worker.run(task, quiet).status == "failed"
    notes = [r for p in (tmp_path / RECEIPTS).iterdir() for r in read_lines(p)]
    assert [r["output"] for r in notes] == [str(clips / "o.mp4")]
    assert not (clips / "o.mp4").exists()
    outcome = worker.run(task, quiet)
    assert outcome.outputs == {str(clips / "o.mp4"): Digests().entry(str(clips / "o.mp4"))}
    assert all(outcome.thumbnails)


def test_other_weights_than_the_batch_began_with_are_refused(setup):
    with pytest.raises(WeightsError, match="other weights"):
        RowWorker(replace(setup, model_digest="0"))

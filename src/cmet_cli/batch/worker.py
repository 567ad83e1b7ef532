"""One row after the other with networks loaded once: the part that local and Ray workers share."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import MediaError, UsageError, WeightsError
from ..options import EditOptions, ModelChoice, RuntimeOptions
from ..result import EditResult
from .digests import Digests, made_of, model_digest
from .failures import is_out_of_memory, judge
from .journal import DONE, FAILED, Receipts
from .remote import Fetched
from .rows import Outcome, Row, Task, is_url
from .thumbnails import Thumbnails

#: Called with a stage's name and how much of it is done, 0 to 1 (``None``: not known).
RowProgress = Callable[[str, "float | None"], None]
PROGRESS_EVERY_S = 0.25


@dataclass(frozen=True)
class WorkerSetup:
    """How a worker begins. threads: for the networks and OpenCV; state: the batch's own folder;
    model_digest: of the weights it will load."""

    weights_dir: str | None
    model: ModelChoice
    runtime: RuntimeOptions
    threads: int
    thumbnails: bool
    state: str | None
    model_digest: str


class RowWorker:
    """Loads the networks once and edits rows. Raises :class:`CmetError` where they cannot load."""

    def __init__(self, setup: WorkerSetup) -> None:
        import cv2
        import torch

        torch.set_num_threads(setup.threads)
        cv2.setNumThreads(setup.threads)
        from ..editor import EmotionEditor

        self._setup = setup
        self._editor = EmotionEditor.from_weights(
            setup.weights_dir, model=setup.model, runtime=setup.runtime
        )
        if model_digest(self._editor.weights, Digests()) != setup.model_digest:
            raise WeightsError(
                "a worker finds other weights than the batch began with",
                "run the same command again; on a cluster, put the weights on a shared path",
            )
        self._digests = Digests()
        self._receipts = Receipts(Path(setup.state) if setup.state else None)
        self._fetched = Fetched()
        self._thumbnails = Thumbnails(setup.thumbnails)

    def run(self, task: Task, progress: RowProgress) -> Outcome:
        """Edit one row; whatever goes wrong is in the outcome. Out of memory halves the batch."""
        start = time.perf_counter()
        notes: list[str] = []
        while True:
            try:
                return self._edit(task, start, notes, _limited(progress))
            except Exception as error:
                if is_out_of_memory(error) and self._halve(notes):
                    continue
                failure = judge(error)
                if "bug" in failure.hint:
                    traceback.print_exc()
                return Outcome(
                    task.index, FAILED, round(time.perf_counter() - start, 3),
                    error=failure.error, hint=failure.hint, transient=failure.transient,
                    poisoned=failure.poisoned,
                )  # fmt: skip

    def _halve(self, notes: list[str]) -> bool:
        """Smaller batches from here on; False once they cannot be smaller."""
        import torch

        size = self._editor.compute.batch_size // 2
        if size < 1:
            return False
        self._editor.compute = replace(self._editor.compute, batch_size=size)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        notes.append(f"batch size lowered to {size} (out of memory)")
        return True

    def _local(self, place: str, entries: dict[str, list[Any]]) -> Path:
        if not is_url(place):
            return Path(place)
        return self._fetched.get(place, str(entries[place][2]), entries)

    def _edit(
        self, task: Task, start: float, notes: list[str], progress: Callable[..., None]
    ) -> Outcome:
        row = task.row
        entries = self._digests.entries(row)
        with ExitStack() as stack:
            scratch = _scratch(stack, row)
            local = {place: self._local(place, entries) for place in entries}
            parts = _parts(stack, task, scratch)
            result = self._editor.edit(
                local[row.video],
                [local[place] for place in row.emotion_audio],
                parts[row.output],
                neutral=[local[place] for place in row.neutral_audio],
                options=_local_options(row, local, parts),
                progress=progress,
            )
            if self._digests.entries(row) != entries:
                raise MediaError("an input changed while it was being edited", "run again")
            pictures = self._thumbnails.of(local[row.video], parts[row.output], result.duration_s)
            outcome = Outcome(
                task.index, DONE, round(time.perf_counter() - start, 3),
                made_of(row, entries, self._setup.model_digest, self._setup.runtime.precision),
                entries, {place: _durable_entry(part) for place, part in parts.items()},
                _plain_result(result, notes), pictures,
            )  # fmt: skip
            self._receipts.note(row, outcome)
            _deliver(parts)
        return outcome


def _scratch(stack: ExitStack, row: Row) -> Path | None:
    """A folder for outputs that are to be uploaded, where a row has any."""
    if not any(map(is_url, row.outputs().values())):
        return None
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cmet-batch-")))


def _parts(stack: ExitStack, task: Task, scratch: Path | None) -> dict[str, Path]:
    """Each output's temporary file; local ones get their names when the stack is left in peace."""
    from ..media.files import atomic_path

    parts: dict[str, Path] = {}
    for column, place in task.row.outputs().items():
        if is_url(place):
            from .remote import look_at

            assert scratch is not None
            if not task.may_replace and not isinstance(look_at([place])[place], str):
                raise UsageError(f"output exists: {place}", "add --overwrite")
            parts[place] = scratch / f"{column}{os.path.splitext(place)[1]}"  # noqa: PTH122
        else:
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            parts[place] = stack.enter_context(atomic_path(Path(place), overwrite=task.may_replace))
    return parts


def _deliver(parts: dict[str, Path]) -> None:
    from .remote import deliver

    for place, part in parts.items():
        if is_url(place):
            deliver(part, place)


def _local_options(row: Row, local: dict[str, Path], parts: dict[str, Path]) -> EditOptions:
    """The row's options with every path where it really is. The caller guards what is replaced."""
    places = {**local, **parts}
    paths: dict[str, Any] = {
        name: places[str(value)]
        for name, value in vars(row.options).items()
        if isinstance(value, Path)
    }
    return replace(row.options, overwrite=True, **paths)


def _durable_entry(part: Path) -> list[Any]:
    """[size, mtime_ns, sha256] of a file that is on the disk, not only in its cache."""
    from ..weights.record import sha256_of

    with part.open("rb+") as file, contextlib.suppress(OSError):
        os.fsync(file.fileno())
    status = part.stat()
    return [status.st_size, status.st_mtime_ns, sha256_of(part)]


def _plain_result(result: EditResult, notes: list[str]) -> dict[str, Any]:
    """What the report needs of an edit."""
    names = ("frames", "frames_edited", "frames_bridged", "frames_passed_through", "duration_s")
    names += ("width", "height", "lips", "source", "neutral_from", "face_detector", "device")
    found = {name: getattr(result, name) for name in (*names, "elapsed_s", "stages_s")}
    return found | {
        "real_time_factor": round(result.real_time_factor, 4),
        "warnings": [*result.warnings, *notes],
    }


def _limited(progress: RowProgress) -> Callable[[str, int, int | None], None]:
    """An editor's progress, told a few times a second at most."""
    last = [0.0]

    def show(stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - last[0] >= PROGRESS_EVERY_S:
            last[0] = now
            progress(stage, done / total if total else None)

    return show

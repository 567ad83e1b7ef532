"""One row after the other with networks loaded once: the part that local and Ray workers share."""

from __future__ import annotations

import base64
import errno
import os
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CmetError, DeviceError, MediaError, UsageError, WeightsError
from ..media.ffmpeg import file_url, run_short
from ..media.files import OVERWRITE_HINT, check_output
from ..options import SIDECAR_SUFFIX, EditOptions, ModelChoice, RuntimeOptions
from .plan import DONE, FAILED, MADE, Outcome, Row, Task, compute_name, made_of, model_digest
from .storage import Digests, Entry, Fetched, deliver, exists, is_url, local_entry, make_durable

if TYPE_CHECKING:
    from ..evaluation.takes import TakeEvaluator

#: Called with a stage's name and how much of it is done, 0 to 1 (``None``: not known).
RowProgress = Callable[[str, "float | None"], None]
PROGRESS_EVERY_S = 0.25
PICTURE_SIDE_PX, PICTURE_QUALITY, PICTURE_TIMEOUT_S = 112, 6, 20.0
#: System errors that may pass by themselves: busy, out of memory or handles, a network drive away.
PASSING = {
    getattr(errno, name)
    for name in ("EAGAIN", "EBUSY", "EIO", "EINTR", "ENFILE", "EMFILE", "ENOMEM", "ESTALE")
    + ("ETIMEDOUT", "ECONNRESET", "EHOSTDOWN", "ENETUNREACH")
    if hasattr(errno, name)
}
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")


@dataclass(frozen=True)
class WorkerSetup:
    """How a worker begins. threads: for the networks and OpenCV; work: a folder for unfinished
    files, on the outputs' file system where it can be; log: for what libraries print;
    model_digest: of the weights it will load."""

    weights_dir: str | None
    model: ModelChoice
    runtime: RuntimeOptions
    threads: int
    pictures: bool
    evaluate: bool
    work: str
    log: str
    model_digest: str


@dataclass(frozen=True)
class Failure:
    """transient: another try may go better; poisoned: the process it happened in is unusable."""

    error: str
    hint: str = ""
    transient: bool = False
    poisoned: bool = False


def is_out_of_memory(error: BaseException) -> bool:
    """Of the GPU, or of the machine where it said so politely."""
    said = any(words in str(error).lower() for words in _MEMORY_WORDS)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and said)


def judge(error: Exception) -> Failure:
    """Any exception of a row, in one line."""
    if is_out_of_memory(error):
        return Failure("out of memory", "use fewer --workers or a smaller --batch-size", True, True)
    if isinstance(error, CmetError):
        broken = isinstance(error, WeightsError | DeviceError)
        transient = error.transient or broken
        return Failure(_line(error.message), _line(error.hint), transient, broken)
    if isinstance(error, FileNotFoundError):
        return Failure(f"not found any more: {error.filename}", "it was there at the check")
    if isinstance(error, OSError):
        what = f"{error.filename or 'system'}: {error.strerror or error}"
        return Failure(_line(what), transient=error.errno in PASSING)
    text = _line(f"{type(error).__name__}: {error}")
    if isinstance(error, RuntimeError) and "CUDA error" in text:
        return Failure(text, "the worker was started afresh", True, True)
    traceback.print_exc()  # into the workers' log
    return Failure(text, "this is a bug in cmet; report it with .cmet/workers.log")


def _line(text: str) -> str:
    """The first line, printable."""
    first = next(iter(text.strip().splitlines()), "")
    return "".join(c if c.isprintable() else " " for c in first)[:500]


class RowWorker:
    """Loads the networks once and edits rows, each in two steps: :meth:`make` it under temporary
    names, and :meth:`place` it once the driver has written down what was made.

    Raises :class:`CmetError` where the networks cannot load.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        import cv2

        from ..editor import EmotionEditor
        from ..threads import use_threads

        use_threads(setup.threads)
        cv2.setNumThreads(setup.threads)
        self._setup = setup
        self._editor = EmotionEditor.from_weights(
            setup.weights_dir, model=setup.model, runtime=setup.runtime
        )
        if model_digest(self._editor.weights) != setup.model_digest:
            raise WeightsError(
                "a worker finds other weights than the batch began with",
                "run the same command again; on a cluster, put the weights on a shared path",
            )
        # A node of a cluster may not have the folder.
        self._work = setup.work if Path(setup.work).is_dir() else None
        self._digests, self._fetched = Digests(), Fetched(self._work)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._made: tuple[Task, Outcome, dict[str, Path]] | None = None

    def make(self, task: Task, progress: RowProgress) -> Outcome:
        """Edit one row; whatever goes wrong is in the outcome. Out of memory halves the batch."""
        start, notes = time.perf_counter(), list[str]()
        while True:
            try:
                outcome, parts = self._edit(task, _limited(progress))
                break
            except Exception as error:
                if not (is_out_of_memory(error) and self._halve(notes)):
                    return self._failed(task, start, error)
        outcome.result["warnings"] += notes
        outcome = replace(outcome, elapsed_s=round(time.perf_counter() - start, 3))
        self._made = task, outcome, parts
        return outcome

    def place(self) -> Outcome:
        """Give what :meth:`make` made its names."""
        assert self._made is not None
        (task, outcome, parts), self._made = self._made, None
        start = time.perf_counter()
        try:
            for place, part in parts.items():
                deliver(part, place, replace=task.may_replace)
        except Exception as error:
            return self._failed(task, start, error)
        self._clean()
        return replace(outcome, status=DONE)

    def close(self) -> None:
        """Leave nothing behind."""
        self._clean()
        self._fetched.close()

    def _failed(self, task: Task, start: float, error: Exception) -> Outcome:
        self._clean()
        elapsed_s = round(time.perf_counter() - start, 3)
        return Outcome(task.index, FAILED, elapsed_s, **vars(judge(error)))

    def _clean(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()
        self._scratch = None

    def _halve(self, notes: list[str]) -> bool:
        """Smaller batches from here on; False once they cannot be smaller."""
        size = self._editor.compute.batch_size // 2
        if size < 1:
            return False
        self._editor.compute = replace(self._editor.compute, batch_size=size)
        from ..pipeline.on_device import pixel_device

        if pixel_device(self._editor.compute) is not None:
            import torch

            from ..faces.device.recorded import Recorder

            Recorder.let_go()
            torch.cuda.empty_cache()
        notes.append(f"batch size lowered to {size} (out of memory)")
        return True

    def _edit(
        self, task: Task, progress: Callable[[str, int, int | None], None]
    ) -> tuple[Outcome, dict[str, Path]]:
        """-> what was made, and where each output lies in the work folder."""
        row = task.row
        entries = row.entries(self._digests)
        local = {place: self._local(place, entries) for place in entries}
        parts = self._parts(task)
        result = self._editor.edit(
            None if row.talks else local[row.video],
            [local[place] for place in row.emotion_audio],
            parts[row.output],
            neutral=[local[place] for place in row.neutral_audio],
            options=_local_options(row, {**local, **parts}),
            progress=progress,
        )
        if row.entries(self._digests) != entries:
            message = "an input changed while it was being edited"
            raise MediaError(message, "run again", transient=True)
        for part in parts.values():
            make_durable(part)
        pictures = ("", "")
        if self._setup.pictures:
            moment_s, version = round(result.duration_s / 2, 3), str(entries[row.video])
            at_s = 0.0 if row.talks else moment_s
            before = _picture_before(local[row.video], version, at_s)
            pictures = before, _picture(parts[row.output], moment_s)
        made = made_of(row, entries, self._setup.model_digest, compute_name(self._editor.compute))
        outputs = {place: local_entry(part) for place, part in parts.items()}
        told = {**result.as_dict(), "warnings": list(result.warnings)}
        if self._setup.evaluate and row.options.keeps_picture:
            told |= self._evaluator(local[row.video], parts[row.output], row.options)
        outcome = Outcome(task.index, MADE, 0.0, made, entries, outputs, told, pictures)
        return outcome, parts

    @cached_property
    def _evaluator(self) -> TakeEvaluator:
        from ..evaluation.takes import TakeEvaluator

        folder = self._setup.weights_dir
        return TakeEvaluator.load(Path(folder) if folder else None, self._setup.runtime)

    def _local(self, place: str, entries: dict[str, Entry]) -> Path:
        if not is_url(place):
            return Path(place)
        return self._fetched.get(place, str(entries[place][2]), entries)

    def _parts(self, task: Task) -> dict[str, Path]:
        """A temporary file for each output, in a folder of its own."""
        self._clean()
        self._scratch = tempfile.TemporaryDirectory(prefix="row-", dir=self._work)
        parts: dict[str, Path] = {}
        for column, place in task.row.outputs().items():
            if not is_url(place):
                Path(place).parent.mkdir(parents=True, exist_ok=True)
                check_output(Path(place), overwrite=task.may_replace)
            elif not task.may_replace and exists(place):
                raise UsageError(f"output exists: {place}", OVERWRITE_HINT)
            suffix = os.path.splitext(place)[1]  # noqa: PTH122  it may be a URL
            parts[place] = Path(self._scratch.name) / f"{column}{suffix}"
        if sidecar := task.row.outputs().get("sidecar"):  # an edit names it after its output
            result = parts[task.row.output]
            parts[sidecar] = result.with_name(result.name + SIDECAR_SUFFIX)
        return parts


def _local_options(row: Row, places: dict[str, Path]) -> EditOptions:
    """The row's options with every path where it really is. The caller guards what is replaced."""
    named = [name for name, value in vars(row.options).items() if isinstance(value, Path)]
    paths: dict[str, Any] = {name: places[row.place_of(name)] for name in named}
    return replace(row.options, overwrite=True, **paths)


def _limited(progress: RowProgress) -> Callable[[str, int, int | None], None]:
    """An editor's progress, told a few times a second at most."""
    last = 0.0

    def show(stage: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_EVERY_S:
            last = time.monotonic()
            progress(stage, done / total if total else None)

    return show


@lru_cache(maxsize=16)
def _picture_before(video: Path, _version: str, moment_s: float) -> str:
    """Of a video that serves several rows: made once."""
    return _picture(video, moment_s)


def _picture(video: Path, moment_s: float) -> str:
    """A frame as base64 JPEG; empty where ffmpeg gives none (a report without is still one)."""
    side = PICTURE_SIDE_PX
    fit = f"scale=w={side}:h={side}:force_original_aspect_ratio=decrease,format=yuvj420p"
    argv = f"-map 0:V:0 -frames:v 1 -vf {fit} -c:v mjpeg -q:v {PICTURE_QUALITY} -f image2pipe"
    start = ["-ss", f"{moment_s:.3f}", "-i", file_url(video)]
    try:
        run = run_short([*start, *argv.split(), "pipe:1"], PICTURE_TIMEOUT_S)
    except CmetError:
        return ""
    return base64.b64encode(run.stdout).decode() if run.returncode == 0 else ""

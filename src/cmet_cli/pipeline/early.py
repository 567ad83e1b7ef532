"""Finding faces while the networks load: what is waited for longest begins first.

Importing, torch above all, holds Python's lock nearly all the time, so that threads beside it
hardly get on. So the faces are found by a process of its own where one can be had for nothing: a
fork, while this one has neither threads nor libraries with theirs (Linux). Frames that are held lie
in memory that both have.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CmetError
from ..options import ModelChoice, Progress, no_progress

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

    from ..media.probe import VideoInfo
    from .find import FaceMap

CLOSE_S = 5.0
#: As much as is held of a video at most (``media/held.py``).
SHARED_BYTES = 384 << 20
#: How often the other process tells how far it is, at most.
TOLD_EVERY_S = 0.05
BLAS_THREADS = "OPENBLAS_NUM_THREADS"
#: The networks are what is waited for.
NICER = 5
_STOPPING = {signal.SIGINT, signal.SIGTERM}


class _Stopped(Exception):
    """Nobody wants to know any more."""


@dataclass(frozen=True)
class _Wanted:
    """What is looked for, and with what."""

    video: Path
    detector: str
    weights_dir: Path | None
    model: ModelChoice

    def find(
        self,
        known: Callable[[Hashable], None],
        progress: Progress,
        memory: mmap | None = None,
        *,
        hold: bool = True,
    ) -> FaceMap:
        """known: told what the faces will depend on, before they are looked for."""
        from ..media.probe import probe_video
        from ..weights.folder import find_weights
        from .find import follow_faces

        weights_dir = find_weights(self.weights_dir, self.model).root
        info = probe_video(self.video)
        known(find_key(info, self.detector, weights_dir))
        return follow_faces(info, self.detector, weights_dir, progress, hold=hold, memory=memory)


def find_key(info: VideoInfo, detector: str, weights_dir: Path | None) -> Hashable:
    """What the faces found in a video depend on."""
    from ..weights.folder import find_yunet
    from .identity import file_identity

    yunet = find_yunet(weights_dir) if detector in ("auto", "yunet") else None
    return (*file_identity(info.path), info.prefilter, detector, yunet)


class EarlyFind:
    """The first pass over a video, begun at once. Leaving the context ends it.

    weights_dir, model: as the editor will be asked for, since a detector may lie there.
    """

    def __init__(
        self, video: Path, detector: str, weights_dir: Path | None, model: ModelChoice
    ) -> None:
        self._wanted = _Wanted(video, detector, weights_dir, model)
        self._progress: Progress = no_progress
        self._begun, self._stop = threading.Event(), threading.Event()
        self._key: Hashable = None
        self._found: FaceMap | BaseException | None = None
        # OpenCV's loader swaps modules while it imports, which a second thread must not meet.
        _load()
        self._other = _Other.begin(self._wanted) if may_fork() else None

        self._thread = threading.Thread(target=self._find, daemon=True)
        self._thread.start()

    def _find(self) -> None:
        try:
            find = self._wanted.find if self._other is None else self._other.found
            self._found = find(self._known, self._told)
        except BaseException as error:  # told where it is asked for
            self._found = error
        finally:
            self._begun.set()

    def _known(self, key: Hashable) -> None:
        self._key = key
        self._begun.set()

    def _told(self, stage: str, done: int, total: int | None) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._progress(stage, done, total)

    def take(self, key: Hashable, progress: Progress) -> FaceMap | None:
        """The faces, as soon as they are found; None where this is another video or detector.
        Raises what finding them raised."""
        self._begun.wait()
        if self._key is None or self._key != key:
            return None
        self._progress = progress
        self._thread.join()
        if isinstance(self._found, BaseException):
            raise self._found
        return self._found

    def close(self) -> None:
        self._stop.set()
        if self._other is not None:
            self._other.end()
        self._thread.join(CLOSE_S)

    def __enter__(self) -> EarlyFind:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _load() -> None:
    """What both processes need, once for both: NumPy's OpenBLAS without the threads with which it
    comes, so that there can be two. Nothing here multiplies large matrices with NumPy."""
    import importlib

    before = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    try:
        importlib.import_module("cv2.data")
        importlib.import_module(".find", __package__)
    finally:
        os.environ.pop(BLAS_THREADS)
        if before is not None:
            os.environ[BLAS_THREADS] = before


def may_fork() -> bool:
    """Whether this process is one thread, so that a fork of it is whole. Only Linux says so."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


class _Other:
    """A forked process that looks for faces, and the pipe through which it tells of them."""

    def __init__(self, process: ForkProcess, pipe: Connection, memory: mmap | None) -> None:
        self.process, self._pipe, self._memory = process, pipe, memory

    @classmethod
    def begin(cls, wanted: _Wanted) -> _Other | None:
        """None where the system has no more processes."""
        import multiprocessing

        forking = multiprocessing.get_context("fork")
        ours, theirs = forking.Pipe(duplex=False)
        memory = None
        with contextlib.suppress(OSError):  # what is not written to is only promised
            memory = mmap(-1, SHARED_BYTES)
        process = forking.Process(target=_look, args=(wanted, ours, theirs, memory), daemon=True)
        # What comes before the other process has its own way with it waits.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        try:
            process.start()
        except OSError:
            return None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        return cls(process, ours, memory)

    def found(self, known: Callable[[Hashable], None], progress: Progress) -> FaceMap | None:
        """As :meth:`_Wanted.find`; None where the other process came to an end before."""
        from ..media.held import HeldFrames

        for kind, *what in self._said():
            if kind == "known":
                known(*what)
            elif kind == "progress":
                progress(*what)
            elif kind == "failed":
                raise what[0]
            else:
                found, laid_out = what
                memory, self._memory = self._memory, None  # whoever has the frames keeps it
                if laid_out is None or memory is None:
                    return found
                return replace(found, held=HeldFrames.found(memory, laid_out))
        return None

    def _said(self) -> Iterator[tuple[Any, ...]]:
        with contextlib.suppress(EOFError, OSError):
            while True:
                yield self._pipe.recv()

    def end(self) -> None:
        self.process.terminate()
        self.process.join(CLOSE_S)
        self.process.kill()


def _look(wanted: _Wanted, ours: Connection, pipe: Connection, memory: mmap | None) -> None:
    """The other process: tells what it finds. Once nobody listens it ends at the next frame."""
    ended = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: the first one ends this one
    signal.signal(signal.SIGTERM, lambda *_: ended.set())  # so that ffmpeg ends in order
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    ours.close()
    with contextlib.suppress(OSError):
        os.nice(NICER)
    told_s = 0.0

    def known(key: Hashable) -> None:
        pipe.send(("known", key))

    def progress(stage: str, done: int, total: int | None) -> None:
        nonlocal told_s
        if ended.is_set():
            raise _Stopped
        if done == total or time.monotonic() - told_s > TOLD_EVERY_S:
            pipe.send(("progress", stage, done, total))
            told_s = time.monotonic()

    # Whatever else goes wrong is met again by the first process, which then looks itself.
    with contextlib.suppress(Exception):
        try:
            found = wanted.find(known, progress, memory, hold=memory is not None)
            laid_out = None if found.held is None else found.held.laid_out
            pipe.send(("found", replace(found, held=None), laid_out))
        except CmetError as error:
            pipe.send(("failed", error))

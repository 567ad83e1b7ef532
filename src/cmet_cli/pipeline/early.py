"""Finding faces while the networks load: the one needs no torch, the other one core."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from pathlib import Path

from ..media.probe import VideoInfo, probe_video
from ..options import ModelChoice, Progress, no_progress
from ..weights.folder import find_weights, find_yunet
from .find import FaceMap, follow_faces
from .identity import file_identity

CLOSE_S = 5.0


class _Stopped(Exception):
    """Nobody wants to know any more."""


def find_key(info: VideoInfo, detector: str, weights_dir: Path | None) -> Hashable:
    """What the faces found in a video depend on."""
    yunet = find_yunet(weights_dir) if detector in ("auto", "yunet") else None
    return (*file_identity(info.path), info.prefilter, detector, yunet)


class EarlyFind:
    """The first pass over a video in a thread of its own. Leaving the context ends it.

    weights_dir, model: as the editor will be asked for, since a detector may lie there.
    """

    def __init__(
        self, video: Path, detector: str, weights_dir: Path | None, model: ModelChoice
    ) -> None:
        self._video, self._detector = video, detector
        self._place = weights_dir, model
        self._progress: Progress = no_progress
        self._begun, self._stop = threading.Event(), threading.Event()
        self._key: Hashable = None
        self._found: FaceMap | BaseException | None = None
        self._thread = threading.Thread(target=self._find, daemon=True)
        self._thread.start()

    def _find(self) -> None:
        try:
            weights_dir = find_weights(*self._place).root
            info = probe_video(self._video)
            self._key = find_key(info, self._detector, weights_dir)
            self._begun.set()
            self._found = follow_faces(info, self._detector, weights_dir, self._told, hold=True)
        except BaseException as error:  # told where it is asked for
            self._found = error
        finally:
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
        self._thread.join(CLOSE_S)

    def __enter__(self) -> EarlyFind:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

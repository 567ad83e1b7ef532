"""Everything an edit needs to know of a video, whatever emotion is asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from ..backends.base import Backend
from ..media.held import HeldFrames
from ..media.probe import VideoInfo, probe_video
from ..options import EditOptions, Progress
from .early import EarlyFind, find_key
from .encode import KEPT_BYTES, FaceCodes, KeptSources, encode_faces
from .find import FaceMap, follow_faces
from .identity import file_identity
from .lips import choose_lips
from .stopwatch import Stopwatch

KEPT = 4  # videos


@dataclass(frozen=True)
class VideoReading:
    """Frame times, faces and codes of one video; lips: for each face codes from the sound, None
    where they stay as in the picture. A few hundred bytes a frame; it serves any number of edits.
    """

    info: VideoInfo
    faces: FaceMap
    people: list[FaceCodes]
    lips: tuple[np.ndarray | None, ...]
    warnings: tuple[str, ...]


T = TypeVar("T")


class RecentlyUsed(Generic[T]):
    """The last few values by key. ``functools.lru_cache`` for methods whose arguments are not the
    key."""

    def __init__(self, kept: int) -> None:
        self._kept, self._values = kept, dict[Hashable, T]()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        value = self._values.pop(key) if key in self._values else make()
        self._values[key] = value
        while len(self._values) > self._kept:
            self._values.pop(next(iter(self._values)))
        return value


class VideoReader:
    """Reads videos for one backend, and remembers the last ones.

    weights_dir: where the detector's file is looked for first; early: a first pass that was begun
    before this reader was made.
    """

    def __init__(self, backend: Backend, weights_dir: Path | None) -> None:
        self.backend, self.weights_dir = backend, weights_dir
        self.early: EarlyFind | None = None
        self._maps: RecentlyUsed[FaceMap] = RecentlyUsed(KEPT)
        self._readings: RecentlyUsed[VideoReading] = RecentlyUsed(KEPT)
        # Of the last video alone: they are large.
        self._keeping: list[KeptSources] = []
        self._held: HeldFrames | None = None

    def find(
        self, info: VideoInfo, options: EditOptions, progress: Progress, *, hold: bool = True
    ) -> FaceMap:
        """Pass one: frame times, everybody in the video, and those to edit. hold: whether its
        frames are wanted again."""
        key = (*file_identity(info.path), info.prefilter, options.face_detector)
        everybody = self._maps.get(
            key, lambda: self._look(info, options.face_detector, progress, hold)
        )
        timeline = replace(everybody.timeline, grid_hz=self.backend.frame_rate_hz)
        everybody = replace(everybody, timeline=timeline)
        return everybody.choose(options.face, self.backend.crop.calibration)

    def _look(self, info: VideoInfo, detector: str, progress: Progress, hold: bool) -> FaceMap:
        if not hold:  # nor takes it the place of another
            return follow_faces(info, detector, self.weights_dir, progress)
        self.let_go()
        found = None
        if self.early is not None:
            found = self.early.take(find_key(info, detector, self.weights_dir), progress)
        if found is None:
            found = follow_faces(info, detector, self.weights_dir, progress, hold=True)
        self._held = found.held
        return found

    def let_go(self) -> None:
        """Of the last video's frames; what is known of them stays."""
        if self._held is not None:
            self._held.clear()
        for sources in self._keeping:
            sources.clear()

    def read(
        self,
        video: Path,
        options: EditOptions,
        stopwatch: Stopwatch,
        progress: Progress,
        *,
        keep: bool = False,
        hold: bool = True,
    ) -> VideoReading:
        """Probe, find faces, encode; nothing of it where it was read before.

        keep: the frames will be rendered as they are, from themselves if the options say so; hold:
        they will be wanted again. Raises :class:`CmetError`.
        """
        key = (*file_identity(video), options.face_detector, options.face, options.lips_from)
        source = self.backend.source if options.source == "auto" else options.source
        keep_bytes = KEPT_BYTES if keep and source == "frame" else 0

        def read() -> VideoReading:
            info = probe_video(video)
            return self.read_info(info, options, stopwatch, progress, keep_bytes, hold=hold)

        found = self._readings.get(key, read)
        # One file may be called by many names, and some mean another file by now.
        return replace(found, info=replace(found.info, path=video))

    def read_info(
        self,
        info: VideoInfo,
        options: EditOptions,
        stopwatch: Stopwatch,
        progress: Progress,
        keep_bytes: int = 0,
        *,
        hold: bool = True,
    ) -> VideoReading:
        """The same for a file that is known already; only the faces are remembered.

        keep_bytes: how much of prepared sources may be kept.
        """
        with stopwatch.stage("finding faces"):
            faces = self.find(info, options, progress, hold=hold)
            info = replace(info, last_ticks=faces.timeline.last_ticks(info.time_base))
        with stopwatch.stage("reading"):
            people = self._encode(info, faces, progress, keep_bytes)
        with stopwatch.stage("lips"):
            alone = len(faces.people) == 1
            lips = choose_lips(info, faces.timeline, people, options.lips_from, self.backend, alone)
        warnings = (*info.warnings, *faces.warnings, *lips.warnings)
        return VideoReading(info, faces, people, lips.codes, warnings)

    def _encode(
        self, info: VideoInfo, faces: FaceMap, progress: Progress, keep_bytes: int
    ) -> list[FaceCodes]:
        if not keep_bytes:
            return encode_faces(info, faces, self.backend, progress)
        for sources in self._keeping:
            sources.clear()
        people = encode_faces(info, faces, self.backend, progress, keep_bytes=keep_bytes)
        self._keeping = [face.sources for face in people if face.sources is not None]
        return people

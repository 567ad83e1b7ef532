"""Everything an edit needs to know of a video, whatever emotion is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..backends.devices import Compute
from ..backends.edtalk.load import Networks
from ..media.probe import VideoInfo, probe_video
from ..options import EditOptions, Progress
from ..weights.folder import Weights
from .codes import lip_codes
from .encode import FaceCodes, analyse
from .find import FaceMap, follow_faces


@dataclass
class Clock:
    """Wall time per stage, in seconds."""

    stages_s: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages_s[name] = round(time.perf_counter() - start, 3)

    @property
    def elapsed_s(self) -> float:
        return round(time.perf_counter() - self.started, 3)


@dataclass(frozen=True)
class VideoReading:
    """Frame times, faces and codes of one video; lips: codes from the sound, None if from the
    picture. A few hundred bytes a frame; it serves any number of edits of the same video."""

    info: VideoInfo
    faces: FaceMap
    people: list[FaceCodes]
    lips: np.ndarray | None
    warnings: tuple[str, ...]


def file_identity(path: Path) -> tuple[str, int, int]:
    """Changes when a file is replaced or rewritten: resolved path, size, time of change."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def reading_key(video: Path, options: EditOptions) -> tuple[object, ...]:
    """What a reading depends on."""
    return (*file_identity(video), options.face_detector, options.face, options.lips)


def read_video(
    video: Path,
    options: EditOptions,
    networks: Networks,
    weights: Weights,
    compute: Compute,
    clock: Clock,
    progress: Progress,
) -> VideoReading:
    """Probe, find faces, encode. Two passes over the file. Raises :class:`CmetError`."""
    info = probe_video(video)
    with clock.stage("finding faces"):
        faces = follow_faces(info, options.face_detector, weights.yunet, options.face, progress)
    with clock.stage("reading"):
        people = analyse(info, faces, networks.edtalk, compute, progress)
    with clock.stage("lips"):
        lips, warnings = lip_codes(info, faces.timeline, options.lips, networks, compute)
    return VideoReading(info, faces, people, lips, (*info.warnings, *faces.warnings, *warnings))

"""Everything an edit needs to know of a video, whatever emotion is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..backends.base import Backend
from ..media.probe import VideoInfo, probe_video
from ..options import EditOptions, Progress
from .encode import FaceCodes, encode_faces
from .find import FaceMap, follow_faces
from .lips import lips_from_sound
from .stopwatch import Stopwatch


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


class VideoReader:
    """Reads videos for one backend. yunet: the detector's file, where there is one."""

    def __init__(self, backend: Backend, yunet: Path | None) -> None:
        self.backend, self.yunet = backend, yunet

    def find(self, info: VideoInfo, options: EditOptions, progress: Progress) -> FaceMap:
        """Pass one: frame times and faces."""
        return follow_faces(info, options.face_detector, self.yunet, options.face, progress)

    def read(
        self, video: Path, options: EditOptions, stopwatch: Stopwatch, progress: Progress
    ) -> VideoReading:
        """Probe, find faces, encode. Two passes over the file. Raises :class:`CmetError`."""
        info = probe_video(video)
        with stopwatch.stage("finding faces"):
            faces = self.find(info, options, progress)
        with stopwatch.stage("reading"):
            people = encode_faces(info, faces, self.backend, progress)
        with stopwatch.stage("lips"):
            lips, warnings = lips_from_sound(info, faces.timeline, options.lips, self.backend)
        return VideoReading(info, faces, people, lips, (*faces.warnings, *warnings))

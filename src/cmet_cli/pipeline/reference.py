"""Somebody's face as the emotion: the expression codes of a picture or a video (EDTalk's way)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import FaceError
from ..media.clock import Timeline, interpolate
from ..options import EditOptions, Progress
from .read import VideoReader
from .stopwatch import Stopwatch


@dataclass(frozen=True, eq=False)
class OthersExpression:
    """Somebody else's expression codes in the place of the face's own, float32 ``[k, D]`` at times
    ``[k]`` on the video's own clock; a single one is held, and so is the last."""

    times_s: np.ndarray
    codes: np.ndarray

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        wanted = interpolate(timeline.times_s, self.times_s, self.codes)
        return wanted - codes.astype(np.float32)


def read_expression(
    path: Path, reader: VideoReader, options: EditOptions, progress: Progress, *, held: bool
) -> OthersExpression:
    """The main face's expression in a picture or video; held: its mean, for all time.

    Raises :class:`FaceError` where there is no face, :class:`MediaError`.
    """
    asked = EditOptions(face_detector=options.face_detector, lips="video")
    try:
        reading = reader.read(path, asked, Stopwatch(), progress, hold=False)
    except FaceError as error:
        raise FaceError(
            f"{path}: no face whose expression could be taken", "use one with a frontal face"
        ) from error
    face, part = reading.people[0], reader.backend.layout.expression_slice
    seen = face.placement.present
    codes, times_s = face.codes[seen][:, part], reading.faces.timeline.times_s[seen]
    if held:
        return OthersExpression(np.zeros(1), codes.mean(0, keepdims=True))
    return OthersExpression(times_s - reading.faces.timeline.times_s[0], codes)

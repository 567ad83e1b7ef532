"""Pass one: when each frame is shown, and where the faces are. Frames are looked at reduced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import FaceError
from ..faces.detect import make_detector
from ..faces.follow import Tracker
from ..faces.placement import Placement
from ..faces.track import FaceTrack, select_faces
from ..media.clock import Timeline
from ..media.probe import VideoInfo
from ..media.reader import FrameReader
from ..options import Progress

#: Faces are looked for on pictures of at most this long side; smaller videos are taken as they are.
LOOK_SIDE_PX = 1280
#: Without a detector only the frame times are wanted.
BLIND_SIDE_PX = 64


@dataclass(frozen=True)
class FaceMap:
    """The faces to edit and every frame's time, in ``info.time_base`` ticks and in seconds."""

    placements: tuple[Placement, ...]
    tracks: tuple[FaceTrack, ...]
    ticks: list[int]
    timeline: Timeline
    detector: str
    scale: float
    warnings: tuple[str, ...] = ()


def follow_faces(
    info: VideoInfo, detector: str, yunet: Path | None, face: int | str | None, progress: Progress
) -> FaceMap:
    """Find and follow faces through the whole video.

    detector: ``auto``, ``yunet``, ``haar`` or ``none`` (the middle square of every frame);
    face: ``None``, a number from 1, or ``all``. Raises :class:`FaceError` where none is found.
    """
    finder = make_detector(detector, yunet)
    limit = BLIND_SIDE_PX if detector == "none" else LOOK_SIDE_PX
    scale = min(1.0, limit / max(info.width, info.height))
    size = (max(2, round(info.width * scale)), max(2, round(info.height * scale)))
    tracker, count = Tracker(finder), 0
    with FrameReader(info, timestamps=True, rgb_size=size) as reader:
        for frame in reader:
            tracker.add(frame.planes[0])
            count += 1
            progress("finding faces", count, max(count, expected_frames(info)) or None)
        ticks, warnings = reader.ticks, ()
        if reader.exit_code:
            words = f"the video is damaged ({reader.last_words})"
            warnings = (f"{words}; {count} frames could be decoded",)
    progress("finding faces", count, count)
    timeline = Timeline.from_ticks(ticks, info.time_base)
    tracks = _finish(tracker, timeline.times_s, info)
    chosen = select_faces(tracks, face)
    frame_size = (info.width, info.height)
    placements = [Placement.of_track(t, frame_size, timeline.times_s, scale) for t in chosen]
    return FaceMap(tuple(placements), tuple(tracks), ticks, timeline, finder.name, scale, warnings)


def _finish(tracker: Tracker, times_s: np.ndarray, info: VideoInfo) -> list[FaceTrack]:
    try:
        return tracker.finish(times_s)
    except FaceError as error:
        raise FaceError(
            f"{info.path}: {error.message}",
            "use a video with a frontal face, try --face-detector yunet or haar, or take the "
            "middle of the picture with --face-detector none",
        ) from error


def expected_frames(info: VideoInfo) -> int:
    """A guess at the frame count from the header, for progress only (0: no idea)."""
    if info.duration_s is None or info.frame_rate is None:
        return 0
    return max(1, round(info.duration_s * info.frame_rate))

"""Pass one: when each frame is shown, and who is where. Frames are looked at reduced.

Everybody is found and numbered here, for ``edit``, ``faces`` and previews alike; who is edited is
chosen afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import FaceError
from ..faces.calibration import CropCalibration
from ..faces.detectors import make_detector
from ..faces.follow import FaceFollower
from ..faces.foresight import Foresight
from ..faces.people import choose_people, number_people, shots_of_others
from ..faces.placement import Placement
from ..faces.track import FaceTrack
from ..media.clock import Timeline
from ..media.probe import VideoInfo
from ..media.reader import Frame, FrameReader
from ..options import Progress
from ..weights.folder import find_yunet

#: Faces are looked for on pictures of at most this long side; smaller videos are taken as they are.
LOOK_SIDE_PX = 1280
#: Without a detector only the frame times are wanted.
BLIND_SIDE_PX = 64


@dataclass(frozen=True)
class FaceMap:
    """Everybody in a video, and every frame's time in ``info.time_base`` ticks and in seconds.

    people: one track each over the whole clip, numbered from 1, in pixels of pictures ``scale``
    times as large as the frames; placements: of those chosen, in frame pixels; frame_size: (width,
    height).
    """

    people: tuple[FaceTrack, ...]
    ticks: list[int]
    timeline: Timeline
    detector: str
    scale: float
    frame_size: tuple[int, int]
    warnings: tuple[str, ...] = ()
    placements: tuple[Placement, ...] = ()

    def choose(self, face: int | str | None, calibration: CropCalibration) -> FaceMap:
        """The same map with the placements of those to edit, for a backend's crop.

        face: ``None`` for the most prominent person, a number from 1, or ``all``. Says so where
        whole shots show somebody else. Raises :class:`UsageError` for a number that does not exist.
        """
        chosen = choose_people(self.people, face)
        times_s = self.timeline.times_s
        placements = tuple(
            Placement.of_track(person, self.frame_size, times_s, calibration, self.scale)
            for person in chosen
        )
        shots, frames = shots_of_others(self.people, chosen)
        warnings = (*self.warnings, *((_passed_through(shots, frames),) if shots else ()))
        return replace(self, placements=placements, warnings=warnings)


def follow_faces(
    info: VideoInfo, detector: str, weights_dir: Path | None, progress: Progress
) -> FaceMap:
    """Find everybody and follow them through the whole video.

    detector: ``auto``, ``yunet``, ``haar`` or ``none`` (the middle square of every frame);
    weights_dir: where YuNet is looked for first. Raises :class:`FaceError` where nobody is found.
    """
    make = partial(make_detector, detector, find_yunet(weights_dir))
    finder = make()
    limit = BLIND_SIDE_PX if detector == "none" else LOOK_SIDE_PX
    scale = min(1.0, limit / max(info.width, info.height))
    size = (max(2, round(info.width * scale)), max(2, round(info.height * scale)))
    count, warnings = 0, tuple[str, ...]()
    with (
        FrameReader(info, timestamps=True, rgb_size=size) as reader,
        Foresight(make) as foresight,
    ):
        # "none" sees no face, but the same part of every picture.
        follower = FaceFollower(finder, by_looks=detector != "none", foresight=foresight)
        for frame in _told_ahead(reader, follower, foresight.frames_ahead):
            follower.add(frame.planes[0])
            count += 1
            progress("finding faces", count, max(count, expected_frames(info)) or None)
        ticks = reader.ticks
        if reader.exit_code:
            words = f"the video is damaged ({reader.last_words})"
            warnings = (f"{words}; {count} frames could be decoded",)
    progress("finding faces", count, count)
    timeline = Timeline.from_ticks(ticks, info.time_base)
    return FaceMap(
        people=tuple(_people(follower, timeline.times_s, info)),
        ticks=ticks,
        timeline=timeline,
        detector=finder.name,
        scale=scale,
        frame_size=(info.width, info.height),
        warnings=warnings,
    )


def _told_ahead(frames: Iterable[Frame], follower: FaceFollower, ahead: int) -> Iterator[Frame]:
    """The same frames, the follower being told of each so many before it comes."""
    coming: deque[Frame] = deque()
    for frame in frames:
        follower.foresee(frame.planes[0])
        coming.append(frame)
        if len(coming) > ahead:
            yield coming.popleft()
    yield from coming


def _people(follower: FaceFollower, times_s: np.ndarray, info: VideoInfo) -> list[FaceTrack]:
    try:
        return number_people(follower.finish(times_s))
    except FaceError as error:
        raise FaceError(
            f"{info.path}: {error.message}",
            "use a video with a frontal face, try --face-detector yunet or haar, or take the "
            "middle of the picture with --face-detector none",
        ) from error


def _passed_through(shots: int, frames: int) -> str:
    some = "1 shot shows" if shots == 1 else f"{shots} shots show"
    return f"{some} somebody else ({frames} frames); passed through"


def expected_frames(info: VideoInfo) -> int:
    """A guess at the frame count from the header, for progress only (0: no idea)."""
    if info.duration_s is None or info.frame_rate is None:
        return 0
    return max(1, round(info.duration_s * info.frame_rate))

"""Pass one: when each frame is shown, and who is where. Frames are looked at reduced.

Everybody is found and numbered here, for ``edit``, ``faces`` and previews alike; who is edited is
chosen afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from mmap import mmap
from pathlib import Path

import numpy as np

from ..errors import FaceError
from ..faces.calibration import CropCalibration
from ..faces.detectors import WholePicture, make_detector
from ..faces.follow import FaceFollower
from ..faces.foresight import Foresight
from ..faces.people import choose_people, number_people, shots_of_others
from ..faces.placement import Placement
from ..faces.track import FaceTrack
from ..media.clock import Timeline, usual_step
from ..media.held import HeldFrames
from ..media.probe import VideoInfo
from ..options import Progress
from ..weights.folder import find_yunet
from .look import Looker, expected_frames

#: Frames a second of films, as containers tell them: outside it is a guess, or slow.
FILM_RATES = (18, 65)
#: A last frame that is shown so many times as long as the others is meant to be.
LONG = 1.5
#: As exactly as a file's length is known.
HUNDREDTH_S = 0.01


@dataclass(frozen=True)
class FaceMap:
    """Everybody in a video, and every frame's time in ``info.time_base`` ticks and in seconds.

    people: one track each over the whole clip, numbered from 1, in pixels of pictures ``scale``
    times as large as the frames; placements: of those chosen, in frame pixels; frame_size: (width,
    height); held: the frames themselves, where they are kept.
    """

    people: tuple[FaceTrack, ...]
    ticks: list[int]
    timeline: Timeline
    detector: str
    scale: float
    frame_size: tuple[int, int]
    warnings: tuple[str, ...] = ()
    placements: tuple[Placement, ...] = ()
    held: HeldFrames | None = field(default=None, compare=False, repr=False)

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
    info: VideoInfo,
    detector: str,
    weights_dir: Path | None,
    progress: Progress,
    *,
    hold: bool = False,
    memory: mmap | None = None,
) -> FaceMap:
    """Find everybody and follow them through the whole video.

    detector: ``auto``, ``yunet``, ``haar`` or ``none`` (the middle square of every frame);
    weights_dir: where YuNet is looked for first; hold: keep the frames of a short video, in this
    memory if there is one. Raises :class:`FaceError` where nobody is found.
    """
    make = partial(make_detector, detector, find_yunet(weights_dir))
    finder, blind = make(), detector == "none"
    looker = Looker(info, blind=blind, hold=hold, memory=memory)
    if blind:  # the frames' own middle square, which a reduced picture's is not quite
        finder = WholePicture((info.width * looker.scale, info.height * looker.scale))
    count, warnings = 0, tuple[str, ...]()
    with looker.pictures() as (reader, pictures), Foresight(make, looks=not blind) as foresight:
        # "none" sees no face, but the same part of every picture.
        every = look_every(info)
        follower = FaceFollower(finder, look_every=every, by_looks=not blind, foresight=foresight)
        for picture in _told_ahead(pictures, follower, foresight.frames_ahead):
            follower.add(picture)
            count += 1
            progress("finding faces", count, max(count, expected_frames(info)) or None)
        ticks, last_ticks = reader.ticks, reader.last_ticks
        if reader.exit_code:
            words = f"the video is damaged ({reader.last_words})"
            warnings = (f"{words}; {count} frames could be decoded",)
    progress("finding faces", count, count)
    last_ticks = 0 if reader.exit_code else _shown_last(ticks, last_ticks, info)
    timeline = Timeline.from_ticks(ticks, info.time_base, last_ticks)
    return FaceMap(
        people=tuple(_people(follower, timeline.times_s, info)),
        ticks=ticks,
        timeline=timeline,
        detector=finder.name,
        scale=looker.scale,
        frame_size=(info.width, info.height),
        warnings=warnings,
        held=looker.held,
    )


def _shown_last(ticks: list[int], told: int, info: VideoInfo) -> int:
    """For how many ticks the last frame is shown, 0 for as many as usual. told: by ffmpeg, which
    may have taken another frame's: it is believed as far as the file is long."""
    usual = usual_step(ticks, info.frame_rate, info.time_base)
    if len(ticks) == 1:
        return told or usual
    left_s = (info.duration_s or 0.0) - float(ticks[-1] * info.time_base)
    last = min(told, round((left_s + HUNDREDTH_S) / float(info.time_base)))
    return last if last > LONG * usual else 0


def look_every(info: VideoInfo) -> int:
    """In every how many frames faces that hardly move are looked at."""
    least, most = FILM_RATES
    return 2 if info.frame_rate is not None and least <= info.frame_rate <= most else 1


def _told_ahead(
    pictures: Iterable[np.ndarray], follower: FaceFollower, ahead: int
) -> Iterator[np.ndarray]:
    """The same pictures, the follower being told of each so many before it comes."""
    coming: deque[np.ndarray] = deque()
    for picture in pictures:
        follower.foresee(picture)
        coming.append(picture)
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

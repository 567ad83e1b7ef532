"""What an edit works on once sound, length and face are as asked: dubs and pictures that talk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..backends.base import Backend
from ..errors import FaceError, MediaError, UsageError
from ..faces.eyes import find_eyes
from ..media.audio import SAMPLE_RATE_HZ, audio_chunks, split_stretch
from ..media.clock import Timeline, sound_on_grid
from ..media.held import opened
from ..media.probe import VideoInfo
from ..media.script import Script
from ..media.still import STILL_HZ, still_info
from ..options import EditOptions, Progress
from .calm import calm_codes
from .cropper import Cropper
from .lips import LEAST_SHARE, how_much_speaks, lips_from_sound
from .read import VideoReader, VideoReading
from .retime import fitted, retimed
from .stopwatch import Stopwatch

#: Eyes are looked for on a crop of this side.
EYES_SIDE_PX = 256


@dataclass(frozen=True, eq=False)
class Stage:
    """reading: the picture to paint on, lips included; heard: the file whose own speech an emotion
    is compared with; script: which of the file's frames are shown, None for all as they are;
    motion: what the face does in place of its own codes, float32 ``[n, dim]``; still: whether the
    picture is one picture throughout; lips_from: of motion, whence its lips come.
    """

    reading: VideoReading
    heard: VideoInfo
    script: Script | None = None
    motion: np.ndarray | None = None
    still: bool = False
    lips_from: Literal["audio", "video"] = "video"


@dataclass(frozen=True)
class Stager:
    """Sets the stage of an edit, for one backend."""

    reader: VideoReader

    @property
    def backend(self) -> Backend:
        return self.reader.backend

    def __call__(
        self, video: Path | None, options: EditOptions, stopwatch: Stopwatch, progress: Progress
    ) -> Stage:
        """video: None where a picture talks by itself. Raises :class:`CmetError`."""
        if video is None:
            return self._talking(options, stopwatch, progress)
        if options.speech is None:
            keep = options.identity_image is None
            reading = self.reader.read(video, options, stopwatch, progress, keep=keep)
            stage = Stage(reading, reading.info)
        else:
            filmed = replace(options, speech=None, fit="video", lips="video")
            reading = self.reader.read(video, filmed, stopwatch, progress)
            with stopwatch.stage("lips"):
                stage = self._dubbed(reading, options, options.speech)
        if options.identity_image is None:
            return stage
        moving = stage.reading.people[0].codes.copy()
        if (lips := stage.reading.lips[0]) is not None:
            moving[:, self.backend.layout.lip_slice] = lips
        return self._still(options, stage, moving, stopwatch, progress)

    # ------------------------------------------------------------------ dub

    def _dubbed(self, reading: VideoReading, options: EditOptions, speech: Path) -> Stage:
        length_s = _length_s(speech)
        fit = fitted(options.fit, reading.faces, reading.info, length_s)
        script = None
        speaking = self._speaking(reading) if options.lips_from == "audio" else None
        before_s = reading.faces.timeline.duration_s
        if fit is not None:
            script = fit.script
            reading = retimed(reading, *fit)
            if not any(place.present.any() for place in reading.faces.placements):
                raise FaceError(
                    f"{reading.info.path}: no face in the first {length_s:.1f} s, which is all "
                    "that --fit cut keeps",
                    "choose another --fit",
                )
            if speaking is not None:
                speaking = [script.mixed(share) for share in speaking]
        warnings = reading.warnings
        left_s = length_s - reading.faces.timeline.duration_s
        if left_s > 0.1:
            warnings += (
                f"the speech is {left_s:.1f} s longer than the picture ({before_s:.1f} s): its end "
                "is left out; --fit bounce, loop or hold let the picture go on",
            )
        lips = reading.lips
        if speaking is not None:
            new = self._lips(speech, reading.faces.timeline)
            part = self.backend.layout.lip_slice
            lips = tuple(
                _between(face.codes[:, part], new, share)
                for face, share in zip(reading.people, speaking, strict=True)
            )
        reading = replace(reading, lips=lips, warnings=warnings)
        return Stage(reading, reading.info, script)

    def _lips(self, speech: Path, timeline: Timeline) -> np.ndarray:
        """Lip codes per frame, the speech beginning with the first. ``[n, layout.lip]``."""
        from_zero = replace(timeline, times_s=timeline.times_s - timeline.times_s[0])
        sound = sound_on_grid(_sound(speech), from_zero, SAMPLE_RATE_HZ)
        return from_zero.from_grid(self.backend.lips(sound))

    def _speaking(self, reading: VideoReading) -> list[np.ndarray] | None:
        """How much each face is the one that speaks, per frame ``[n]`` in [0, 1]: whoever moved
        their lips with the sound as it was filmed."""
        faces, part, n = reading.people, self.backend.layout.lip_slice, len(reading.faces.ticks)
        if not self.backend.layout.lip:
            return None
        the_first = [np.ones(n, np.float32)] + [np.zeros(n, np.float32)] * (len(faces) - 1)
        if len(faces) == 1 or not reading.info.audio_streams:
            return the_first
        timeline = reading.faces.timeline
        try:
            heard = lips_from_sound(reading.info, timeline, self.backend)
        except MediaError:  # its own sound is to be replaced anyway
            return the_first
        step_s = timeline.step_s
        shares = [how_much_speaks(heard, face.codes[:, part], step_s) for face in faces]
        if max(float((share > 0.5).mean()) for share in shares) < LEAST_SHARE:
            return the_first
        return [share.astype(np.float32) for share in shares]

    # ------------------------------------------------------------------ pictures

    def _talking(self, options: EditOptions, stopwatch: Stopwatch, progress: Progress) -> Stage:
        if options.speech is None or options.identity_image is None:
            raise UsageError(
                "no video to edit",
                "give one with --video, or a picture and what it says: --identity-image, --speech",
            )
        if options.fit != "video":
            raise UsageError(f"a picture lasts as long as its speech, without --fit {options.fit}")
        info = still_info(options.identity_image)
        n = max(1, round(_length_s(options.speech) * STILL_HZ))
        ticks = list(range(n))
        timeline = replace(
            Timeline.from_ticks(ticks, info.time_base), grid_hz=self.backend.frame_rate_hz
        )
        own, crop, eyes = self._picture(info, options, stopwatch, progress, options.face)
        with stopwatch.stage("reading"):
            motion = calm_codes(crop, eyes, self.backend, timeline.times_s)
        if options.lips_from == "audio" and self.backend.layout.lip:
            with stopwatch.stage("lips"):
                motion[:, self.backend.layout.lip_slice] = self._lips(options.speech, timeline)
        script = Script.of(np.zeros(n, int))
        reading = retimed(own, script, ticks)
        lips_from = options.lips_from if self.backend.layout.lip else "video"
        return Stage(reading, reading.info, script, motion, still=True, lips_from=lips_from)

    def _still(
        self,
        options: EditOptions,
        clip: Stage,
        moving: np.ndarray,
        stopwatch: Stopwatch,
        progress: Progress,
    ) -> Stage:
        """The picture on the clip's motion: head and expression as far as they differ from the
        clip's usual ones, so that the picture keeps its own; lips as they are."""
        assert options.identity_image is not None
        faces, layout = clip.reading.faces, self.backend.layout
        info = still_info(options.identity_image)
        info = replace(info, time_base=clip.reading.info.time_base)
        own, _, _ = self._picture(info, options, stopwatch, progress)
        motion = moving.copy()
        seen = faces.placements[0].present
        for part in (layout.pose_slice, layout.expression_slice):
            usual = np.median(moving[seen][:, part], axis=0)
            motion[:, part] += own.people[0].codes[0, part] - usual
        script = Script.of(np.zeros(len(faces.ticks), int))
        reading = retimed(own, script, faces.ticks, clip.reading.info.last_ticks)
        reading = replace(reading, warnings=(*own.warnings, *clip.reading.warnings))
        lips_from: Literal["audio", "video"] = "video"
        if clip.reading.lips[0] is not None:
            lips_from = "audio"
        return Stage(reading, clip.heard, script, motion, still=True, lips_from=lips_from)

    def _picture(
        self,
        info: VideoInfo,
        options: EditOptions,
        stopwatch: Stopwatch,
        progress: Progress,
        face: int | Literal["all"] | None = None,
    ) -> tuple[VideoReading, np.ndarray, np.ndarray]:
        """A still's reading, its face's crop, and the eyes in it, in shares of the crop."""
        asked = EditOptions(face_detector=options.face_detector, face=face, lips="video")
        try:
            reading = self.reader.read_info(info, asked, stopwatch, progress)
        except FaceError as error:
            if face is not None:  # which says what there is
                raise
            raise FaceError(f"{info.path}: no face found", "use one frontal face") from error
        placement = reading.faces.placements[0]
        square = placement.square(0)
        assert square is not None
        with opened(info, reading.faces.held) as frames:
            frame = next(frames)
        crop = Cropper(info, self.backend.crop.size_px)(frame, square)
        marks = placement.landmarks[0, :2]
        eyes = (marks - [square.left, square.top]) / square.side
        if not np.isfinite(eyes).all():
            eyes = find_eyes(Cropper(info, EYES_SIDE_PX)(frame, square))
        return reading, crop, np.asarray(eyes, np.float32)


def _sound(speech: Path) -> Iterator[np.ndarray]:
    path, part = split_stretch(speech)
    return audio_chunks(path, "speech", only=part)


def _length_s(speech: Path) -> float:
    return sum(len(chunk) for chunk in _sound(speech)) / SAMPLE_RATE_HZ


def _between(own: np.ndarray, new: np.ndarray, share: np.ndarray) -> np.ndarray | None:
    """Lips from own to new by share; None where they stay as filmed throughout."""
    if not share.any():
        return None
    return (own + share[:, None] * (new - own)).astype(np.float32)

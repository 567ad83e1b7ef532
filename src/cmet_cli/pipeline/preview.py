"""A few frames before and after, in seconds: what an edit will look like.

The connector feeds each window with the one before it, so every shown moment is led in by a short
stretch instead of the whole clip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..backends.devices import Compute
from ..backends.edtalk.crop import EDTALK_CROP
from ..backends.edtalk.networks import EDTalk
from ..emotion.prompt import EmotionPrompt
from ..errors import FaceError, UsageError
from ..faces.crop import planes_to_rgb
from ..faces.detection import FaceDetector
from ..faces.detectors import make_detector
from ..faces.follow import FaceFollower
from ..faces.people import choose_people, number_people
from ..faces.placement import Placement
from ..media.clock import Timeline
from ..media.probe import VideoInfo, probe_video
from ..media.reader import Frame, FrameReader
from ..options import EditOptions, Progress
from ..weights.folder import find_yunet
from .codes import edit_codes
from .encode import Cropper, FaceCodes, encode_crops
from .numbered_faces import write_picture
from .paint import FacePainter

if TYPE_CHECKING:
    from ..editor import EmotionEditor

LEAD_IN_S = 0.6  # three windows of five frames
PICTURE_HEIGHT_PX = 240
LABEL_PX = 22
MAX_FRAMES = 24


@dataclass(frozen=True)
class Moment:
    """A short stretch ending at the shown frame. ``face`` is None where none was found."""

    time_s: float
    frames: list[Frame]
    times_s: np.ndarray
    face: FaceCodes | None


def moments(info: VideoInfo, count: int) -> list[float]:
    """``count`` times in seconds spread over the clip, away from its ends."""
    duration_s = info.duration_s or LEAD_IN_S
    return [duration_s * (k + 0.5) / count for k in range(count)]


def read_moment(
    info: VideoInfo,
    time_s: float,
    detector: FaceDetector,
    choice: int | str | None,
    edtalk: EDTalk,
    compute: Compute,
) -> Moment:
    """Decode the stretch before a time, find the face in it, encode it."""
    rate = float(info.frame_rate or 25)
    count = max(2, round(LEAD_IN_S * rate))
    start_s = max(0.0, time_s - count / rate)
    with FrameReader(info, start_s=start_s, frames=count) as reader:
        frames = list(reader)
    times_s = start_s + np.arange(len(frames)) / rate
    placement = _place(info, frames, times_s, start_s, detector, choice)
    face = None
    if placement is not None and placement.present[-1]:
        cropper, at = Cropper(info, edtalk.config.image_size_px), np.flatnonzero(placement.present)
        codes = np.zeros((len(frames), edtalk.config.code_dim), np.float32)
        crops = [cropper(frames[i], placement.square(int(i))) for i in at]
        codes[at] = encode_crops(crops, edtalk, compute)
        codes[: at[0]] = codes[at[0]]
        face = FaceCodes(placement, codes, np.ones(len(frames), np.float32))
    return Moment(float(times_s[-1]), frames, times_s, face)


def _place(
    info: VideoInfo,
    frames: list[Frame],
    times_s: np.ndarray,
    start_s: float,
    detector: FaceDetector,
    choice: int | str | None,
) -> Placement | None:
    size = (info.width, info.height)
    tracker = FaceFollower(detector)
    with FrameReader(info, start_s=start_s, frames=len(frames), rgb_size=size) as reader:
        for frame in reader:
            tracker.add(frame.planes[0])
    try:
        chosen = choose_people(
            number_people(tracker.finish(times_s)), None if choice == "all" else choice
        )
    except FaceError:
        return None
    placement = Placement.of_track(chosen[0], size, times_s, EDTALK_CROP)
    return replace(placement, weights=placement.present.astype(np.float32))


def sheet(pairs: list[tuple[float, np.ndarray, np.ndarray]]) -> np.ndarray:
    """(time, before, after) with RGB uint8 pictures of one size -> one picture.

    Originals above, edits below, times underneath.
    """
    columns = []
    for time_s, before, after in pairs:
        height, width = before.shape[:2]
        scaled = (max(1, round(width * PICTURE_HEIGHT_PX / height)), PICTURE_HEIGHT_PX)
        shrink = cv2.INTER_AREA if height > PICTURE_HEIGHT_PX else cv2.INTER_LINEAR
        pictures = [cv2.resize(p, scaled, interpolation=shrink) for p in (before, after)]
        label = np.zeros((LABEL_PX, scaled[0], 3), np.uint8)
        place = (4, LABEL_PX - 6)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(label, f"{time_s:.2f} s", place, font, 0.5, (255,) * 3, 1, cv2.LINE_AA)
        columns.append(np.vstack([*pictures, label]))
    return np.hstack(columns)


def preview_edit(
    editor: EmotionEditor,
    video: Path,
    prompt: EmotionPrompt,
    output: Path,
    count: int,
    options: EditOptions,
    progress: Progress,
) -> list[float]:
    """See :meth:`cmet_cli.editor.EmotionEditor.preview`."""
    from ..editor import check_request

    if not 1 <= count <= MAX_FRAMES:
        raise UsageError(f"preview takes 1 to {MAX_FRAMES} frames, got {count}")
    if output.suffix.lower() != ".png":
        raise UsageError(f"a preview is written as .png: {output}")
    check_request(video, output, prompt, options)
    info = probe_video(video)
    vector = editor.semantic_vector(prompt, info, progress).vector
    detector = make_detector(options.face_detector, find_yunet(editor.weights.root))
    edtalk, found, columns = editor.networks.edtalk, 0, []
    for k, time_s in enumerate(moments(info, count)):
        moment = read_moment(info, time_s, detector, options.face, edtalk, editor.compute)
        found += moment.face is not None
        columns.append((moment.time_s, *_before_and_after(editor, info, moment, vector, options)))
        progress("preview", k + 1, count)
    if not found:
        raise FaceError(f"{video}: no face was found at any of the {count} moments looked at")
    write_picture(sheet(columns), output, overwrite=options.overwrite)
    return [column[0] for column in columns]


def _before_and_after(
    editor: EmotionEditor,
    info: VideoInfo,
    moment: Moment,
    vector: np.ndarray,
    options: EditOptions,
) -> tuple[np.ndarray, np.ndarray]:
    frame, after = moment.frames[-1], moment.frames[-1].planes
    if moment.face is not None:
        networks, compute = editor.networks, editor.compute
        timeline, source = Timeline(moment.times_s), editor.source_for(options)
        edit = edit_codes(moment.face, timeline, vector, None, options.intensity, networks, compute)
        # A stretch is too short to choose from: its first frame stands in for the best one.
        source = "first" if source == "best" else source
        painter = FacePainter(
            info, moment.face, edit.codes, source, options.paste, networks.edtalk, compute
        )
        painter.render([f for f in moment.frames if painter.active(f.index)][:1])
        ((_, rendered, original),) = painter.render([frame])
        after = painter.paint(after, frame, rendered, original)
    before, edited = (planes_to_rgb(p, info) for p in (frame.planes, after))
    return before, edited

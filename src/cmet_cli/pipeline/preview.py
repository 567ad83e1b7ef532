"""A few frames before and after, in seconds: what an edit will look like.

Faces are found in the whole clip, as for an edit, so a number means the same person. The connector
feeds each window with the one before it, so every shown moment is led in by a short stretch
instead of the whole clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ..backends.base import Backend
from ..emotion.source import EmotionSource
from ..errors import FaceError, MediaError, UsageError
from ..faces.crop import planes_to_rgb
from ..faces.placement import Placement
from ..media.clock import Timeline
from ..media.containers import check_picture
from ..media.files import check_output
from ..media.held import HeldFrames, opened
from ..media.pictures import write_picture
from ..media.probe import VideoInfo, probe_video
from ..media.reader import Frame
from ..options import EditOptions, Progress, SourceChoice
from .codes import change_for, edit_codes
from .cropper import Cropper
from .encode import FaceCodes, encode_crops, sharpness_of
from .find import FaceMap
from .paint import FacePainter, PaintSettings
from .read import VideoReader

LEAD_IN_S = 0.6  # three windows of five frames
PICTURE_HEIGHT_PX = 240
LABEL_PX = 22
MAX_FRAMES = 24


@dataclass(frozen=True)
class PreviewRequest:
    """count: moments to show; source: which frame lends its face (never ``auto``)."""

    video: Path
    output: Path
    count: int
    options: EditOptions
    source: SourceChoice


@dataclass(frozen=True)
class Moment:
    """A stretch of frames that ends at the shown one. span: their indices in the clip."""

    span: range
    frames: list[Frame]

    @property
    def shown(self) -> int:
        return self.span[-1]


def write_preview(
    request: PreviewRequest,
    ask: Callable[[VideoInfo, Timeline], EmotionSource],
    reader: VideoReader,
    progress: Progress,
) -> list[float]:
    """Write originals above, edits below, times underneath; -> the times shown, in seconds.

    Raises :class:`FaceError` if no shown moment has the face.
    """
    check_picture(request.output)
    check_output(request.output, overwrite=request.options.overwrite, inputs=(request.video,))
    columns = preview_columns(request, ask, reader, progress)
    write_picture(before_and_after(columns), request.output, overwrite=request.options.overwrite)
    return [column[0] for column in columns]


def preview_columns(
    request: PreviewRequest,
    ask: Callable[[VideoInfo, Timeline], EmotionSource],
    reader: VideoReader,
    progress: Progress,
) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Time in seconds, frame before and after (RGB uint8) of every moment.

    Raises :class:`FaceError` if none has the face.
    """
    if not 1 <= request.count <= MAX_FRAMES:
        raise UsageError(f"preview takes 1 to {MAX_FRAMES} frames, got {request.count}")
    info = probe_video(request.video)
    faces = reader.find(info, request.options, progress)
    emotion, times_s = ask(info, faces.timeline), faces.timeline.times_s
    spans = moments(times_s, request.count)
    scene, backend = Scene(info, faces, emotion, request), reader.backend
    known: list[dict[int, FaceCodes]] = []
    if backend.layout.jaw is not None:
        # What lips are like when they meet is not to be seen in one moment.
        known = [
            read_faces(scene, moment, backend) for moment in read_moments(info, spans, faces.held)
        ]
    columns, found = [], 0
    for k, moment in enumerate(read_moments(info, spans, faces.held)):
        before = planes_to_rgb(moment.frames[-1].planes, info)
        read = known[k] if known else read_faces(scene, moment, backend)
        after = edit_moment(scene, moment, read, known, backend)
        found += after is not None
        columns.append((float(times_s[moment.shown]), before, before if after is None else after))
        progress("preview", k + 1, len(spans))
    if not found:
        raise FaceError(f"{info.path}: no face at any of the {len(spans)} moments looked at")
    return columns


def moments(times_s: np.ndarray, count: int) -> list[range]:
    """Frame indices of ``count`` stretches, each ending at a moment; the moments are spread over
    the picture's own length, away from its ends."""
    start_s, length_s = times_s[0], times_s[-1] - times_s[0]
    spans = []
    for k in range(count):
        shown_s = start_s + length_s * (k + 0.5) / count
        shown = int(np.searchsorted(times_s, shown_s, side="right")) - 1
        first = int(np.searchsorted(times_s, times_s[shown] - LEAD_IN_S))
        spans.append(range(first, shown + 1))
    return spans


def read_moments(
    info: VideoInfo, spans: list[range], held: HeldFrames | None = None
) -> Iterator[Moment]:
    """Decode the stretches, in one pass over the file, every frame once; a frame is let go of when
    no stretch to come holds it. spans: by rising end."""
    frames: dict[int, Frame] = {}
    with opened(info, held, only=spans) as decoded:
        for k, span in enumerate(spans):
            while span[-1] not in frames:
                frame = next(decoded, None)
                if frame is None:
                    raise MediaError(f"{info.path}: decoding it twice gave different frames")
                frames[frame.index] = frame
            yield Moment(span, [frames[i] for i in span])
            needed = min((later[0] for later in spans[k + 1 :]), default=span[-1] + 1)
            frames = {i: frame for i, frame in frames.items() if i >= needed}


@dataclass(frozen=True)
class Scene:
    """What a moment is taken from, and what is asked for."""

    info: VideoInfo
    faces: FaceMap
    emotion: EmotionSource
    request: PreviewRequest


def read_faces(scene: Scene, moment: Moment, backend: Backend) -> dict[int, FaceCodes]:
    """Codes of the faces of a moment that are there when it is shown, by their place among those to
    edit."""
    frames, read = [replace(f, index=i) for i, f in enumerate(moment.frames)], {}
    for number, placement in enumerate(scene.faces.placements):
        part = placement.part(moment.span)
        if part.present[-1] and part.weights[-1] > 0:
            read[number] = encode_stretch(scene.info, frames, part, backend)
    return read


def edit_moment(
    scene: Scene,
    moment: Moment,
    read: dict[int, FaceCodes],
    known: Sequence[dict[int, FaceCodes]],
    backend: Backend,
) -> np.ndarray | None:
    """The shown frame with the faces edited, RGB uint8 ``[H, W, 3]``; None where no face is. read:
    the faces; known: those of all moments, if they are."""
    planes, layout = moment.frames[-1].planes, backend.layout
    timeline = scene.faces.timeline
    at = slice(moment.span.start, moment.span.stop)
    timeline = replace(timeline, times_s=timeline.times_s[at])
    # A stretch is too short to choose from: its first frame stands in for the best one.
    source = "first" if scene.request.source == "best" else scene.request.source
    options = scene.request.options
    settings = PaintSettings(
        source, options.paste, options.detail, options.areas, options.keeps_lips
    )
    frames = [replace(f, index=i) for i, f in enumerate(moment.frames)]
    for number, face in read.items():
        others = [other[number].codes for other in known if number in other]
        said = np.concatenate(others)[:, layout.lip_slice] if others else None
        change = change_for(scene.emotion, options, scene.faces.timeline)
        edit = edit_codes(face, timeline, replace(change, said=said), layout)
        painter = FacePainter(scene.info, edit, settings, backend)
        painter.render([f for f in frames if painter.active(f.index)][:1])  # meets its source
        shown = [f for f in frames[-1:] if painter.active(f.index)]
        for rendered in painter.render(shown):
            planes = painter.paint(planes, rendered)
    return planes_to_rgb(planes, scene.info) if read else None


def encode_stretch(
    info: VideoInfo, frames: list[Frame], placement: Placement, backend: Backend
) -> FaceCodes:
    """The codes of a face in a few frames; those without it take the next one's."""
    cropper, at = Cropper(info, backend.crop.size_px), np.flatnonzero(placement.present)
    squares = [(frames[i], placement.square(int(i))) for i in at]
    crops = [cropper(frame, square) for frame, square in squares if square is not None]
    codes = np.zeros((len(frames), backend.layout.dim), np.float32)
    sharpness = np.zeros(len(frames), np.float32)
    codes[at], sharpness[at] = encode_crops(crops, backend), [sharpness_of(c) for c in crops]
    codes[: at[0]] = codes[at[0]]
    return FaceCodes(placement, codes, sharpness)


def before_and_after(columns: Sequence[tuple[float, np.ndarray, np.ndarray]]) -> np.ndarray:
    """(time, before, after) with RGB uint8 pictures of one size -> one picture."""
    shown = []
    for time_s, before, after in columns:
        height, width = before.shape[:2]
        size = (max(1, round(width * PICTURE_HEIGHT_PX / height)), PICTURE_HEIGHT_PX)
        shrink = cv2.INTER_AREA if height > PICTURE_HEIGHT_PX else cv2.INTER_LINEAR
        pictures = [cv2.resize(p, size, interpolation=shrink) for p in (before, after)]
        label = np.zeros((LABEL_PX, size[0], 3), np.uint8)
        place = (4, LABEL_PX - 6)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(label, f"{time_s:.2f} s", place, font, 0.5, (255,) * 3, 1, cv2.LINE_AA)
        shown.append(np.vstack([*pictures, label]))
    return np.hstack(shown)

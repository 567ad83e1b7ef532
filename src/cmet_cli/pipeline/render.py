"""Pass three: paint the faces, encode. Frames stream; memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..backends.base import Backend
from ..backends.compute import Device
from ..errors import MediaError
from ..faces.geometry import Square
from ..faces.paste import paste_rgb
from ..media.encoder import EncodeSettings
from ..media.pixels import FORMATS, ColourConverter
from ..media.probe import VideoInfo
from ..media.reader import Frame
from ..media.script import Script, open_frames
from ..media.writer import FrameWriter, StreamPlan
from ..options import Paste, Progress
from .ahead import ahead
from .codes import FaceEdit
from .cropper import batches
from .find import FaceMap
from .join import Planes, Rendered
from .paint import FacePainter, Painted, PaintSettings


@dataclass(frozen=True)
class RenderJob:
    """One video to write: what it is, who is in it, what becomes of each face, and how it is
    painted. compare: original and edited side by side; script: which frames of the file are shown,
    None for all as they are."""

    info: VideoInfo
    faces: FaceMap
    edits: list[FaceEdit]
    paint: PaintSettings
    compare: bool = False
    script: Script | None = None


@dataclass(frozen=True)
class Destination:
    """output: a temporary name; encode: quality, note; streams: what goes with the picture."""

    output: Path
    encode: EncodeSettings
    streams: StreamPlan


def output_info(info: VideoInfo, paste: Paste, compare: bool, size_px: int) -> VideoInfo:
    """What the written video looks like: the input's size and layout, unless asked otherwise."""
    if paste == "none":
        info = replace(
            info,
            width=size_px,
            height=size_px,
            pixel_format=FORMATS["yuv420p"],
            colour=info.colour.settled(info.height),
        )
    return replace(info, width=2 * info.width) if compare else info


def render_video(
    job: RenderJob, backend: Backend, destination: Destination, progress: Progress
) -> None:
    """Write the edited video. Decoding and encoding run in threads of their own beside the
    network. Raises :class:`MediaError`."""
    painters = [
        FacePainter(job.info, edit, job.paint, backend, job.script, held=job.faces.held)
        for edit in job.edits
    ]
    n, done, bare = len(job.faces.ticks), 0, job.paint.paste == "none"
    written = output_info(job.info, job.paint.paste, job.compare, backend.crop.size_px)
    target = destination
    with (
        open_frames(job.info, job.script, job.faces.held) as frames,
        FrameWriter(
            written, job.faces.ticks, target.output, target.encode, target.streams
        ) as writer,
    ):
        groups = batches(frames, backend.compute.batch_size)
        for group, rendered in rendered_ahead(groups, painters, backend.compute.device):
            if done + len(group) > n:
                raise MediaError(f"{job.info.path}: decoding it twice gave different frame counts")
            join = bare_crops if bare else whole_frames
            for before, after in join(group, painters, rendered):
                writer.write(side_by_side(before, after) if job.compare else after)
            done += len(group)
            progress("rendering", done, n)
        writer.finish()


#: For each painter its face in a group of frames.
Faces = list[Sequence[Painted]]


def rendered_ahead(
    groups: Iterable[list[Frame]], painters: list[FacePainter], device: Device
) -> Iterator[tuple[list[Frame], Faces]]:
    """Groups of frames with their faces; the networks work on the next group while whoever asks
    joins this one."""
    return ahead(
        lambda group: [p.render([f for f in group if p.active(f.index)]) for p in painters],
        groups,
        device,
    )


def whole_frames(
    group: list[Frame], painters: list[FacePainter], faces: Faces
) -> Iterator[tuple[Planes, Planes]]:
    """Whole frames before and after, every face painted in turn."""
    for some in batches(group, min((p.joined_at_once for p in painters), default=len(group))):
        edited: dict[int, Planes] = {frame.index: frame.planes for frame in some}
        for painter, rendered in zip(painters, faces, strict=True):
            edited |= painter.paint_all(edited, [r for r in rendered if r.frame.index in edited])
        for frame in some:
            yield frame.planes, edited[frame.index]


def bare_crops(
    group: list[Frame], painters: list[FacePainter], faces: Faces
) -> Iterator[tuple[Planes, Planes]]:
    """Bare crops before and after; frames without the face give the nearest square's crop."""
    painter, rendered = painters[0], {r.frame.index: r for r in faces[0]}
    known = np.flatnonzero(painter.placement.present)
    for frame in group:
        if frame.index in rendered:
            face = rendered[frame.index]
            assert isinstance(face, Rendered)  # bare crops are painted on the host
            old, new = face.original, painter.bare(face)
        else:
            nearest = known[np.argmin(np.abs(known - frame.index))]
            square = painter.placement.square(int(nearest))
            assert square is not None
            new = old = painter.crop(frame, square)
        yield _to_planes(old, painter), _to_planes(new, painter)


def _to_planes(rgb: np.ndarray, painter: FacePainter) -> Planes:
    size, layout = painter.crop.size_px, FORMATS["yuv420p"]
    blank = tuple(np.zeros(shape, np.uint8) for shape in layout.plane_shapes(size, size))
    mask = np.ones((size, size), np.float32)
    # As the result is tagged: what is not said goes by the height of the whole picture.
    colour = painter.info.colour.settled(painter.info.height)
    converter = ColourConverter(colour, layout, size)
    return paste_rgb(blank, rgb, mask, Square(size / 2, size / 2, size), layout, converter)


def side_by_side(before: Planes, after: Planes) -> Planes:
    """Two pictures of one size beside each other."""
    return tuple(np.hstack([a, b]) for a, b in zip(before, after, strict=True))

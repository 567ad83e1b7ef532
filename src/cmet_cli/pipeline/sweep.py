"""Many emotions on one video at once, from codes computed once: a sheet, or a video of tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ..backends.base import Backend, CodeLayout
from ..emotion.source import EmotionSource
from ..errors import FaceError, MediaError
from ..media.held import opened
from ..media.pictures import write_picture
from ..media.pixels import FORMATS, Colour
from ..media.reader import Frame
from ..media.writer import FrameWriter
from ..options import EditOptions, Progress, SourceChoice
from .codes import change_for, edit_codes
from .cropper import Cropper, batches
from .join import Planes
from .paint import FacePainter, PaintSettings
from .read import VideoReading
from .render import Destination

TILE_PX = 192
_LABEL_PX, _MARGIN_PX = 24, 112
MAX_TILES = 150
SHEET_COLOUR = Colour("tv", "smpte170m", "smpte170m", "smpte170m")


@dataclass(frozen=True)
class Sweep:
    """emotions: label and source, one row each; intensities: one column each; source: which frame
    lends its face (never ``auto``)."""

    reading: VideoReading
    emotions: Sequence[tuple[str, EmotionSource]]
    intensities: Sequence[float]
    options: EditOptions
    source: SourceChoice

    @property
    def tiles(self) -> list[tuple[int, int]]:
        """Row and column of every edited tile."""
        return [(r, c) for r in range(len(self.emotions)) for c in range(len(self.intensities))]


class SweepPainter:
    """The tiles of a frame, as :class:`Sweep` has them, beside the face as it was."""

    def __init__(self, sweep: Sweep, backend: Backend) -> None:
        self._sweep, reading = sweep, sweep.reading
        self._face = reading.people[0]
        self._crop = Cropper(reading.info, TILE_PX)
        options, layout, timeline = sweep.options, backend.layout, reading.faces.timeline
        settings = PaintSettings(
            sweep.source, options.paste, options.detail, options.areas, options.keeps_lips
        )
        self._painters = []
        for _, emotion in sweep.emotions:
            for intensity in sweep.intensities:
                asked = replace(options, intensity=intensity)
                change = change_for(emotion, asked, timeline)
                edit = edit_codes(self._face, timeline, change, layout)
                held = reading.faces.held
                self._painters.append(FacePainter(reading.info, edit, settings, backend, held=held))

    def tiles(self, frames: list[Frame]) -> Iterator[list[np.ndarray] | None]:
        """Per frame: the face as it was, then every tile, RGB float32 ``[192, 192, 3]``; None where
        the face is not in the frame."""
        edited: dict[tuple[int, int], Planes] = {}
        for k, painter in enumerate(self._painters):
            for rendered in painter.render([f for f in frames if painter.active(f.index)]):
                index = rendered.frame.index
                edited[index, k] = painter.paint(rendered.frame.planes, rendered)
        for frame in frames:
            square = self._face.placement.square(frame.index)
            if square is None:
                yield None
                continue
            shown = [edited.get((frame.index, k), frame.planes) for k in range(len(self._painters))]
            pictures = (replace(frame, planes=planes) for planes in (frame.planes, *shown))
            yield [self._crop(picture, square) for picture in pictures]

    def picture(self, tiles: list[np.ndarray]) -> np.ndarray:
        """Tiles in rows with their labels, RGB uint8."""
        names = [name for name, _ in self._sweep.emotions]
        columns = len(self._sweep.intensities)
        width, height = _MARGIN_PX + (columns + 1) * TILE_PX, _LABEL_PX + len(names) * TILE_PX
        sheet = np.zeros((height + height % 2, width + width % 2, 3), np.uint8)
        _write(sheet, "as it is", _MARGIN_PX)
        for c, intensity in enumerate(self._sweep.intensities):
            _write(sheet, f"{intensity:g}", _MARGIN_PX + (c + 1) * TILE_PX)
        for r, name in enumerate(names):
            _write(sheet, name[:12], 0, _LABEL_PX + r * TILE_PX + TILE_PX // 2)
            row = [tiles[0], *tiles[1 + r * columns : 1 + (r + 1) * columns]]
            top = _LABEL_PX + r * TILE_PX
            strip = np.clip(np.rint(np.hstack(row)), 0, 255).astype(np.uint8)
            sheet[top : top + TILE_PX, _MARGIN_PX : _MARGIN_PX + strip.shape[1]] = strip
        return sheet


def _write(sheet: np.ndarray, text: str, x: int, y: int = _LABEL_PX - 7) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(sheet, text, (x + 6, y), font, 0.5, (235, 235, 235), 1, cv2.LINE_AA)


def sweep_sheet(sweep: Sweep, backend: Backend, output: Path) -> float:
    """Write the tiles of one moment; -> its time in seconds. Raises :class:`FaceError`."""
    reading = sweep.reading
    index = telling_frame(reading, backend.layout)
    painter = SweepPainter(sweep, backend)
    # Whichever frame lends its face in an edit, here it is the shown one.
    with opened(reading.info, reading.faces.held, only=[range(index, index + 1)]) as shown:
        frames = list(shown)
    tiles = next(painter.tiles(frames), None) if frames else None
    if tiles is None:
        raise MediaError(f"{reading.info.path}: decoding it twice gave different frames")
    write_picture(painter.picture(tiles), output, overwrite=sweep.options.overwrite)
    return float(reading.faces.timeline.times_s[index])


def telling_frame(reading: VideoReading, layout: CodeLayout) -> int:
    """Of the middle half of the frames that have the face, the one fittest to lend it: sharp, and
    not in the middle of a blink. Raises :class:`FaceError`."""
    if not reading.people:
        raise FaceError(f"{reading.info.path}: no face to show emotions on")
    face = reading.people[0]
    seen = face.placement.present & (face.placement.weights > 0)
    if not seen.any():
        raise FaceError(f"{reading.info.path}: no frame shows the face well enough")
    at = np.flatnonzero(seen)
    middle = at[len(at) // 4 : max(len(at) // 4 + 1, 3 * len(at) // 4)]
    return int(middle[np.argmax(face.fitness(layout)[middle])])


def sweep_video(
    sweep: Sweep, backend: Backend, destination: Destination, progress: Progress
) -> None:
    """Write all tiles of every frame as a video, with the source's sound."""
    info, ticks = sweep.reading.info, sweep.reading.faces.ticks
    painter = SweepPainter(sweep, backend)
    blank = [np.zeros((TILE_PX, TILE_PX, 3), np.float32)] * (1 + len(sweep.tiles))
    height, width = painter.picture(blank).shape[:2]
    written = replace(
        info, width=width, height=height, pixel_format=FORMATS["yuv420p"], colour=SHEET_COLOUR
    )
    plan = (destination.output, destination.encode, destination.streams)
    done, shown = 0, blank
    with (
        opened(info, sweep.reading.faces.held) as frames,
        FrameWriter(written, ticks, *plan) as writer,
    ):
        for group in batches(frames, backend.compute.batch_size):
            for tiles in painter.tiles(group):
                shown = shown if tiles is None else tiles
                writer.write(_planes(painter.picture(shown)))
            done += len(group)
            progress("rendering", done, len(ticks))
        writer.finish()


def _planes(rgb: np.ndarray) -> Planes:
    """OpenCV's I420: BT.601, limited range."""
    height, width = rgb.shape[:2]
    packed = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    chroma = packed[height:].reshape(2, height // 2, width // 2)
    return packed[:height], chroma[0], chroma[1]

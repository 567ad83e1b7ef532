"""One video's painter: renders edited faces and joins them to the frames they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..backends.base import Backend
from ..backends.images import to_images, to_pictures
from ..errors import MediaError
from ..faces.blend import head_mask, match_colours, square_mask
from ..faces.geometry import Square
from ..faces.paste import paste_rgb
from ..faces.placement import Placement
from ..media.probe import VideoInfo
from ..media.reader import Frame, FrameReader
from ..options import Paste, SourceChoice
from .codes import FaceEdit
from .cropper import Cropper

Planes = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class PaintSettings:
    """source: which frame lends its face (never ``auto``); paste: what goes back into the frame."""

    source: SourceChoice
    paste: Paste


class FacePainter:
    """Paints one face of one video."""

    def __init__(
        self, info: VideoInfo, edit: FaceEdit, settings: PaintSettings, backend: Backend
    ) -> None:
        self._info, self._settings, self._backend = info, settings, backend
        self.placement: Placement = edit.face.placement
        self._codes = edit.codes
        self.crop = Cropper(info, backend.crop.size_px)
        self._kept: tuple[int, Any] | None = None  # the source frame in use, prepared
        self._borrowed: dict[int, np.ndarray] = {}
        best = settings.source == "best"
        self._source_frames = self.placement.source_frames(
            edit.face.fitness(backend.layout) if best else None
        )
        if best:
            self._fetch_source_frames()

    def _fetch_source_frames(self) -> None:
        """Decode up to the last source frame and keep their crops (one a shot)."""
        wanted = {int(i) for i in np.unique(self._source_frames) if i >= 0}
        with FrameReader(self._info) as reader:
            for frame in reader:
                square = self.placement.square(frame.index) if frame.index in wanted else None
                if square is not None:
                    self._borrowed[frame.index] = self.crop(frame, square)
                if len(self._borrowed) == len(wanted):
                    return
        raise MediaError(f"{self._info.path}: decoding it twice gave different frames")

    def active(self, index: int) -> bool:
        """Whether a frame is edited at all."""
        return bool(self.placement.weights[index] > 0) and self._source_frames[index] >= 0

    def render(self, frames: list[Frame]) -> list[tuple[Frame, np.ndarray, np.ndarray]]:
        """Active frames -> (frame, rendered, original) crops, RGB float32 in [0, 255]."""
        out = []
        for run in self._runs(frames):
            originals = [self.crop(f, self._square(f)) for f in run]
            source = self._source(run, originals)
            codes = torch.from_numpy(self._codes[[f.index for f in run]])
            rendered = self._backend.render(source, codes.to(self._backend.compute.device))
            out += list(zip(run, to_pictures(rendered), originals, strict=True))
        return out

    def paint(self, planes: Planes, frame: Frame, rendered: np.ndarray, old: np.ndarray) -> Planes:
        """The frame's planes with the rendered face joined in."""
        square = self._square(frame)
        mask = self._mask(square, self.placement.head_offsets[frame.index])
        if float(mask.min()) < 1.0:
            rendered = match_colours(rendered, old, mask)
        weight = np.float32(self.placement.weights[frame.index])
        layout, converter = self._info.pixel_format, self.crop.converter
        return paste_rgb(planes, rendered, mask * weight, square, layout, converter)

    def _mask(self, square: Square, head: np.ndarray) -> np.ndarray:
        size = self.crop.size_px
        if self._settings.paste == "face":
            return head_mask(size, self._backend.crop.calibration.face, *map(float, head))
        whole = square.side >= min(self._info.width, self._info.height) - 1
        return square_mask(size, faded=not whole)

    def _square(self, frame: Frame) -> Square:
        square = self.placement.square(frame.index)
        assert square is not None  # active frames have one
        return square

    @property
    def _own_source(self) -> bool:
        return self._settings.source == "frame"

    def _runs(self, frames: list[Frame]) -> list[list[Frame]]:
        """Frames in lists that share a source (each its own with ``frame``: then one list)."""
        runs: list[list[Frame]] = []
        for frame in frames:
            source = self._source_frames[frame.index]
            if runs and (self._own_source or self._source_frames[runs[-1][0].index] == source):
                runs[-1].append(frame)
            else:
                runs.append([frame])
        return runs

    def _source(self, run: list[Frame], originals: list[np.ndarray]) -> Any:
        """The prepared source of a run: of a whole shot, or one per frame."""
        if self._own_source:
            return self._prepare(np.stack(originals))
        index = int(self._source_frames[run[0].index])
        if self._kept is None or self._kept[0] != index:
            # The first frame of a shot lends its face, and is the first one met.
            crop = self._borrowed.pop(index, originals[0])
            self._kept = (index, self._prepare(crop[None]))
        return self._kept[1]

    def _prepare(self, crops: np.ndarray) -> Any:
        return self._backend.prepare(to_images(crops, self._backend.compute.device))

"""One video's painter: renders edited faces and joins them to the frames they came from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..backends.base import Backend, MovingBackend
from ..backends.images import to_images, to_pictures
from ..errors import MediaError
from ..faces.geometry import Square
from ..faces.placement import Placement
from ..media.probe import VideoInfo
from ..media.reader import Frame
from ..media.script import Script, open_frames
from ..options import Detail, Paste, SourceChoice
from .codes import FaceEdit
from .cropper import Cropper
from .join import Canvas, DifferenceJoin, Join, Planes, Rendered, RenderingJoin


@dataclass(frozen=True)
class PaintSettings:
    """source: which frame lends its face (never ``auto``); paste: what goes back into the frame;
    detail: whose pixels it shows; areas: the parts of the face that change, empty for all;
    keep_lips: whether the mouth stays as open as it was filmed."""

    source: SourceChoice
    paste: Paste
    detail: Detail = "source"
    areas: tuple[str, ...] = ()
    keep_lips: bool = False


class FacePainter:
    """Paints one face of one video."""

    def __init__(
        self,
        info: VideoInfo,
        edit: FaceEdit,
        settings: PaintSettings,
        backend: Backend,
        script: Script | None = None,
    ) -> None:
        self._info, self._settings, self._backend = info, settings, backend
        self._script = script
        self.placement: Placement = edit.face.placement
        self._codes, self._own_codes = edit.codes, edit.face.codes
        self.crop = Cropper(info, backend.crop.size_px)
        self._kept: tuple[int, Any] | None = None  # the source frame in use, prepared
        self._borrowed: dict[int, np.ndarray] = {}
        face = backend.crop.calibration.face
        canvas = Canvas(info, self.crop, face, settings.areas, settings.keep_lips)
        self._join: Join = (
            DifferenceJoin(canvas)
            if settings.detail == "source"
            else RenderingJoin(canvas, settings.paste)
        )
        best = settings.source == "best"
        self._source_frames = self.placement.source_frames(
            edit.face.fitness(backend.layout) if best else None
        )
        if best:
            self._fetch_source_frames()

    def _fetch_source_frames(self) -> None:
        """Decode up to the last source frame and keep their crops (one a shot)."""
        wanted = {int(i) for i in np.unique(self._source_frames) if i >= 0}
        with open_frames(self._info, self._script) as frames:
            for frame in frames:
                square = self.placement.square(frame.index) if frame.index in wanted else None
                if square is not None:
                    self._borrowed[frame.index] = self.crop(frame, square)
                if len(self._borrowed) == len(wanted):
                    return
        raise MediaError(f"{self._info.path}: decoding it twice gave different frames")

    def active(self, index: int) -> bool:
        """Whether a frame is edited at all. Where no code changes, a difference is nothing."""
        seen = bool(self.placement.weights[index] > 0) and self._source_frames[index] >= 0
        return seen and (not self._differs or self._changes(index))

    def render(self, frames: list[Frame]) -> list[Rendered]:
        """Active frames -> their faces before and after."""
        out = []
        for run in self._runs(frames):
            originals = [self.crop(f, self.square(f)) for f in run]
            source, at = self._source(run, originals), [f.index for f in run]
            if self._differs:
                out += self._both(run, originals, source)
            else:
                edited = to_pictures(self._backend.render(source, self._on_device(self._codes[at])))
                out += [Rendered(*p) for p in zip(run, originals, edited, strict=True)]
        return out

    def _both(self, run: list[Frame], originals: list[np.ndarray], source: Any) -> list[Rendered]:
        """Rendered with edited and with own codes, from one prepared source."""
        at, backend = [f.index for f in run], self._backend
        edited, own = (self._on_device(c[at]) for c in (self._codes, self._own_codes))
        motion: Iterable[np.ndarray | None] = [None] * len(run)
        expected: Iterable[float | None] = [None] * len(run)
        if isinstance(backend, MovingBackend):
            (after, to), (before, of) = (backend.render_moving(source, c) for c in (edited, own))
            motion = (to - of).cpu().numpy()
            change = (self._codes[at] - self._own_codes[at])[:, backend.layout.expression_slice]
            expected = [backend.expected_motion(c) for c in change]
        else:
            after, before = backend.render(source, edited), backend.render(source, own)
        pictures = to_pictures(after), to_pictures(before)
        shots = map(int, self.placement.shots[at])
        parts = zip(run, originals, *pictures, motion, shots, expected, strict=True)
        return [Rendered(*p) for p in parts]

    def paint(self, planes: Planes, rendered: Rendered) -> Planes:
        """The frame's planes with the edited face joined in."""
        index = rendered.frame.index
        head, weight = self.placement.head_offsets[index], float(self.placement.weights[index])
        return self._join(planes, rendered, self.square(rendered.frame), head, weight)

    def bare(self, rendered: Rendered) -> np.ndarray:
        """The edited crop alone, RGB float32 ``[S, S, 3]`` in [0, 255]."""
        if not self._differs:
            return rendered.edited
        frame = rendered.frame
        painted = replace(frame, planes=self.paint(frame.planes, rendered))
        return self.crop(painted, self.square(frame))

    def square(self, frame: Frame) -> Square:
        """Of an active frame."""
        square = self.placement.square(frame.index)
        assert square is not None
        return square

    @property
    def _differs(self) -> bool:
        return self._settings.detail == "source"

    def _changes(self, index: int) -> bool:
        return not np.array_equal(self._codes[index], self._own_codes[index])

    def _on_device(self, codes: np.ndarray) -> Tensor:
        return torch.from_numpy(codes).to(self._backend.compute.device)

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

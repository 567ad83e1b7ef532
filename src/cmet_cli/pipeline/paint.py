"""One video's painter: renders edited faces and joins them to the frames they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..backends.base import Backend, MovingBackend
from ..backends.compute import Array, on_device, on_host
from ..backends.images import to_pictures, to_pixels
from ..faces.geometry import Square
from ..faces.mouth import Words
from ..faces.placement import Placement
from ..media.held import HeldFrames
from ..media.probe import VideoInfo
from ..media.reader import Frame
from ..media.script import Script
from ..options import Detail, Paste, SourceChoice
from .codes import FaceEdit
from .cropper import Cropper
from .encode import Crops, crop_images
from .join import Canvas, DifferenceJoin, Join, Place, Planes, Rendered, RenderingJoin
from .lips_row import LipsRow
from .on_device import DeviceCropper, pixel_device
from .sources import Sources
from .steps import Steps

if TYPE_CHECKING:
    import torch

    from .device_join import DeviceDifferenceJoin, RenderedOnDevice

#: Frames, where they come one after the other; to a GPU several are hardly more than one.
JOINED_HERE = 4

#: A frame's face before and after, wherever it is.
Painted: TypeAlias = "Rendered | RenderedOnDevice"


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
    """Paints one face of one video.

    device: where pixels are worked on; left out, as :func:`pixel_device` has it. Renderings that go
    into the frame themselves (``detail`` render, bare crops) are joined with OpenCV everywhere.
    """

    def __init__(
        self,
        info: VideoInfo,
        edit: FaceEdit,
        settings: PaintSettings,
        backend: Backend,
        script: Script | None = None,
        *,
        held: HeldFrames | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.info, self._settings, self._backend = info, settings, backend
        self.placement: Placement = edit.face.placement
        self._codes, self._own_codes = edit.codes, edit.face.codes
        self._steps = Steps(edit, backend)
        self._lips = LipsRow(backend, self.placement)
        self.crop = Cropper(info, backend.crop.size_px)
        face = backend.crop.calibration.face
        canvas = Canvas(info, self.crop, face, settings.areas, settings.keep_lips)
        joins = range(len(self._steps))
        self._joins: list[Join] = (
            [DifferenceJoin(canvas) for _ in joins]
            if self._differs
            else [RenderingJoin(canvas, settings.paste)]
        )
        device = device or pixel_device(backend.compute)
        self._there: tuple[DeviceCropper, list[DeviceDifferenceJoin]] | None = None
        if device is not None and self._differs and settings.paste != "none":
            from .device_join import DeviceDifferenceJoin

            cropper = DeviceCropper(info, backend.crop.size_px, device)
            self._there = cropper, [DeviceDifferenceJoin(canvas, device) for _ in joins]
        self._sources = Sources(edit.face, settings.source, backend, self._cut)
        self._sources.fetch(info, self.crop, script, held)

    @property
    def joined_at_once(self) -> int:
        """How many frames are best painted together: where they come one after the other, few, so
        that the encoder need not wait for all."""
        if self._there is None:
            return JOINED_HERE
        from ..faces.device.difference import SLOTS

        return SLOTS

    def active(self, index: int) -> bool:
        """Whether a frame is edited at all. Where no code changes, a difference is nothing."""
        seen = bool(self.placement.weights[index] > 0) and self._sources.are_for(index)
        return seen and (not self._differs or self._changes(index))

    def render(self, frames: list[Frame]) -> Sequence[Painted]:
        """Active frames -> their faces before and after."""
        out: list[Painted] = []
        for run in self._sources.runs(frames):
            if self._differs:
                out += self._both(run)
                continue
            originals, source = self._sources.of(run, here=True)
            codes = self._of_networks(self._codes[[f.index for f in run]])
            edited = to_pictures(self._backend.render(source, codes))
            out += [Rendered(*p) for p in zip(run, originals, edited, strict=True)]
        return out

    def _both(self, run: list[Frame]) -> list[Painted]:
        """Rendered with edited and with own codes, from one prepared source. Where pixels are
        worked on elsewhere, nothing of it comes to the host."""
        originals, source = self._sources.of(run, here=self._there is None)
        images, flows = self._renderings(run, source)
        made: Callable[..., Painted] = Rendered
        if self._there is not None:
            from .device_join import RenderedOnDevice

            made = partial(RenderedOnDevice, ready=_ready(originals))
        pictures = [self._where_worked_on(image) for image in images]
        lips, out = self._lips_in(run, originals), list[Any]([None] * len(run))
        for k in reversed(range(len(pictures) - 1)):  # each step with those that come after it
            motion: Iterable[Any] = [None] * len(run)
            motion = motion if flows is None else self._motion(flows[k + 1] - flows[k])
            both = pictures[k + 1], pictures[k]
            told = self._told(run, k)
            parts = zip(run, originals, *both, motion, *told, lips, out, strict=True)
            out = [made(*p) for p in parts]
        return out

    def _where_worked_on(self, images: Any) -> Any:
        """Pictures of the networks' in [0, 255]."""
        return to_pictures(images) if self._there is None else to_pixels(images)

    def _motion(self, flow: Any) -> Any:
        """``[B, S, S, 2]``, as joins want it there."""
        return on_host(flow) if self._there is None else flow.permute(0, 3, 1, 2)

    def _renderings(self, run: list[Frame], source: Any) -> tuple[list[Any], list[Any] | None]:
        """Images before, after each step, and where their pixels are from ``[B, S, S, 2]``."""
        at, backend = [f.index for f in run], self._backend
        codes = [self._of_networks(step) for step in self._steps.codes(at)]
        if not isinstance(backend, MovingBackend):
            return [backend.render(source, c) for c in codes], None
        images, flows = zip(*(backend.render_moving(source, c) for c in codes), strict=True)
        return list(images), list(flows)

    def _lips_in(self, run: list[Frame], originals: Crops) -> list[float | None]:
        """Where each frame's lips are, in shares of the crop's side; None where nobody asks."""
        if self._settings.keep_lips:
            return [None] * len(run)
        rows = list[float | None]()
        for k, frame in enumerate(run):
            if self._lips.is_due(frame.index):
                image = crop_images(originals[k : k + 1], self._backend)
                self._lips.look(frame.index, image, self._own_codes[frame.index][None])
            rows.append(self._lips.of(frame.index))
        return rows

    def _told(
        self, run: list[Frame], k: int
    ) -> tuple[list[int], list[float | None], list[Words | None]]:
        """Each frame's shot, and what :meth:`.Steps.told` says of it."""
        at = [f.index for f in run]
        return self.placement.shots[at].tolist(), *self._steps.told(at, k)

    def paint(self, planes: Planes, rendered: Painted) -> Planes:
        """The frame's planes with the edited face joined in."""
        index = rendered.frame.index
        return self.paint_all({index: planes}, [rendered])[index]

    def paint_all(
        self, planes: Mapping[int, Planes], rendered: Sequence[Painted]
    ) -> dict[int, Planes]:
        """The same for many frames, by their indices; in order."""
        out, faces, step = {r.frame.index: planes[r.frame.index] for r in rendered}, rendered, 0
        while faces:
            out |= self._painted(out, faces, step)
            faces, step = self._next([f for f in faces if f.then is not None], out), step + 1
        return out

    def _painted(
        self, planes: Mapping[int, Planes], rendered: Sequence[Painted], step: int
    ) -> dict[int, Planes]:
        at = [r.frame.index for r in rendered]
        places = [self._place(r.frame) for r in rendered]
        if self._there is not None:
            new = self._there[1][step]([planes[i] for i in at], rendered, places)
            return dict(zip(at, new, strict=True))
        out, join = {}, self._joins[step]
        for i, face, place in zip(at, rendered, places, strict=True):
            assert isinstance(face, Rendered)
            out[i] = join(planes[i], face, place.square, place.head, place.weight)
        return out

    def _next(self, rendered: Sequence[Painted], planes: Mapping[int, Planes]) -> Sequence[Painted]:
        """What comes after a step that is painted, on crops of its result."""
        frames = [replace(r.frame, planes=planes[r.frame.index]) for r in rendered]
        if not frames:
            return []
        crops = self._cut(frames)
        if self._there is None:
            faces = [r.then for r in rendered if isinstance(r, Rendered) and r.then is not None]
            return [replace(f, original=o) for f, o in zip(faces, crops, strict=True)]
        from .device_join import RenderedOnDevice

        there = [r.then for r in rendered if isinstance(r, RenderedOnDevice) and r.then is not None]
        ready = _ready(crops)
        return [replace(f, original=o, ready=ready) for f, o in zip(there, crops, strict=True)]

    def _place(self, frame: Frame) -> Place:
        head, weight = self.placement.head_offsets, self.placement.weights
        return Place(self.square(frame), head[frame.index], float(weight[frame.index]))

    def bare(self, rendered: Painted) -> np.ndarray:
        """The edited crop alone, RGB float32 ``[S, S, 3]`` in [0, 255]."""
        if not self._differs:
            assert isinstance(rendered, Rendered)
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

    def _of_networks(self, codes: np.ndarray) -> Array:
        return on_device(codes, self._backend.compute.device)

    def _cut(self, frames: list[Frame]) -> Crops:
        """Their squares, where pixels are worked on."""
        squares = [self.square(f) for f in frames]
        if self._there is not None:
            return self._there[0](frames, squares)
        return [self.crop(*one) for one in zip(frames, squares, strict=True)]


def _ready(crops: Crops) -> torch.cuda.Event | None:
    """After which all that is asked of their device so far is done; None on a CPU."""
    if isinstance(crops, Sequence) or not crops.is_cuda:
        return None
    import torch

    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(crops.device))
    return event

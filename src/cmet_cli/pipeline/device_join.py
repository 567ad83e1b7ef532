"""As ``DifferenceJoin``, on a GPU: a run of frames at once, from renderings that stay there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from ..faces import difference as on_cpu
from ..faces.blend import head_mask, square_mask
from ..faces.device.colour import ranges
from ..faces.device.difference import (
    SLOTS,
    UNKNOWN,
    Differ,
    Person,
    Renderings,
    Where,
    likeness,
    recorders,
)
from ..faces.device.masks import moved, on_device
from ..faces.device.planes import downloaded, numbers
from ..faces.device.repaint import repaint
from ..faces.device.sampling import blur
from ..faces.geometry import Square
from ..faces.mouth import Words
from ..faces.palette import Palette
from ..faces.reach import Reach
from ..faces.repaint import Planes, Target
from ..media.reader import Frame
from .join import Canvas, Place, Rendered, Trust
from .on_device import at_once


@dataclass(frozen=True, eq=False)
class RenderedOnDevice:
    """As :class:`Rendered`: crops RGB float32 ``[3, S, S]`` in [0, 255], motion ``[2, S, S]``.
    ready: after which they are, where another stream of the GPU makes them."""

    frame: Frame
    original: Tensor
    edited: Tensor
    neutral: Tensor
    motion: Tensor | None = None
    shot: int = 0
    expected: float | None = None
    words: Words | None = None
    lips: float | None = None
    then: RenderedOnDevice | None = None
    ready: torch.cuda.Event | None = None

    @classmethod
    def of(cls, rendered: Rendered, device: torch.device) -> RenderedOnDevice:
        """A copy of what is on the host."""

        def there(picture: np.ndarray) -> Tensor:
            return torch.from_numpy(picture).to(device).permute(2, 0, 1)

        assert rendered.neutral is not None
        return cls(
            rendered.frame,
            there(rendered.original),
            there(rendered.edited),
            there(rendered.neutral),
            None if rendered.motion is None else there(rendered.motion),
            rendered.shot,
            rendered.expected,
            rendered.words,
            rendered.lips,
        )

    def on_host(self) -> on_cpu.Renderings:
        """As OpenCV takes them; waits for the device."""
        there = [self.original, self.neutral, self.edited]
        arrays = downloaded(there if self.motion is None else [*there, self.motion])
        original, neutral, edited, *motion = (
            np.ascontiguousarray(array.transpose(1, 2, 0)) for array in arrays
        )
        return on_cpu.Renderings(original, neutral, edited, motion[0] if motion else None)


class DeviceDifferenceJoin:
    """Joins one face of one video, run after run of frames."""

    def __init__(self, canvas: Canvas, device: torch.device) -> None:
        self._canvas, self._device, self._masks = canvas, device, _Masks(canvas, device)
        # Beside the networks, which work on the next frames meanwhile.
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._recorders = recorders()
        self._shot = self._begun(0)

    def _begun(self, shot: int) -> _Shot:
        """Nothing is kept across a cut."""
        return _Shot(shot, Differ(self._recorders))

    def __call__(
        self,
        planes: Sequence[Planes],
        faces: Sequence[Rendered | RenderedOnDevice],
        places: Sequence[Place],
    ) -> list[Planes]:
        """The frames' planes with the change done; frames in order."""
        out: list[Planes] = []
        with torch.inference_mode(), torch.cuda.stream(self._stream):  # None: as it is
            there = [
                RenderedOnDevice.of(f, self._device) if isinstance(f, Rendered) else f
                for f in faces
            ]
            for at in _pieces(there):
                if there[at.start].shot != self._shot.number:
                    self._shot = self._begun(there[at.start].shot)
                if self._stream is not None:
                    for face in there[at]:
                        if face.ready is not None:
                            self._stream.wait_event(face.ready)
                out += self._joined(planes[at], there[at], places[at])
        return out

    def _joined(
        self,
        planes: Sequence[Planes],
        faces: Sequence[RenderedOnDevice],
        places: Sequence[Place],
    ) -> list[Planes]:
        """Frames of one shot. What is a few numbers a frame is carried on from frame to frame on
        the host, by the same code as on a CPU."""
        shot, out, masks = self._shot, list(planes), self._masks.of(places)
        pictures = [torch.stack([getattr(f, name) for f in faces]) for name in _PICTURES]
        (likes,) = downloaded([likeness(pictures[0], pictures[1], masks.face)])
        trusted = [shot.trust(float(like)) for like in likes]
        weights = [p.weight * share for p, share in zip(places, trusted, strict=True)]
        at = [k for k, weight in enumerate(weights) if weight > 0]
        if not at:
            return out
        if len(at) < len(faces):
            faces, places = [faces[k] for k in at], [places[k] for k in at]
            rows = numbers(at, self._device).long()
            pictures, masks = [p[rows] for p in pictures], self._masks.of(places)
        original, neutral, edited = pictures
        seen = Renderings(original, neutral, edited, self._flow(faces, neutral, edited))
        person = self._person(seen, masks.face, faces)
        shown = numbers([min(1.0, weights[k]) for k in at], self._device).view(-1, 1, 1, 1)
        change = shot.differ(seen, masks.where, person).scaled(shown)
        info, converter = self._canvas.info, self._canvas.crop.converter
        targets = [Target(p.square, info.pixel_format, converter) for p in places]
        few = at_once([p.square for p in places])
        for start in range(0, len(at), few):
            some = slice(start, start + few)
            before = [planes[k] for k in at[some]]
            new = repaint(before, original[some], change.of(some), targets[some])
            for k, frame in zip(at[some], new, strict=True):
                out[k] = frame
        return out

    def _flow(self, faces: Sequence[RenderedOnDevice], neutral: Tensor, edited: Tensor) -> Tensor:
        """The renderer's own motion; until it is settled that this is good (once a shot), and where
        it is not, what is decided and found on the host. ``[B, 2, S, S]``."""
        decide, found = self._shot.flows, list[Tensor]()
        for face, asks in zip(faces, self._asks(faces, neutral, edited), strict=True):
            if decide.follows_renderer:
                break
            if not (asks or decide.settled) and face.motion is not None:
                found.append(blur(face.motion[None], on_cpu.MOTION_SIGMA)[0])
                continue
            flow = torch.from_numpy(decide.flow(face.on_host())).permute(2, 0, 1)
            found.append(flow.to(self._device))
        own = [f.motion for f in faces[len(found) :] if f.motion is not None]
        if not own:
            return torch.stack(found)
        theirs = blur(torch.stack(own), on_cpu.MOTION_SIGMA)
        return torch.cat([torch.stack(found), theirs]) if found else theirs

    def _asks(
        self, faces: Sequence[RenderedOnDevice], neutral: Tensor, edited: Tensor
    ) -> list[bool]:
        """Which faces the host is to look at; where little changed there is nothing to settle."""
        if self._shot.flows.follows_renderer:
            return [False] * len(faces)
        if self._shot.flows.settled:
            return [True] * len(faces)
        (change,) = downloaded([(edited - neutral).square().mean((1, 2, 3))])
        return [bool(c) for c in change >= on_cpu.LEAST_EXPLAINED]

    def _person(self, seen: Renderings, face: Tensor, faces: Sequence[RenderedOnDevice]) -> Person:
        ends, counts = ranges(seen.original, face)
        far = seen.flow.square().sum(1).mean((1, 2)) / seen.flow.shape[-1] ** 2
        shot, told = self._shot, list[list[float]]()
        for (low, high), count, found, one in zip(
            *downloaded([ends, counts, far]), faces, strict=True
        ):
            if count:
                shot.palette.meet(low, high)
            least, most = shot.palette.ranges or _EVERYTHING
            expected = one.expected
            further = 0.0 if expected is None else shot.reach.after(float(found), expected)
            apart = [one.words.said, one.words.filmed] if one.words is not None else [0.0, 0.0]
            lips = UNKNOWN if one.lips is None else one.lips
            told.append([*least.tolist(), *most.tolist(), float(further), lips, *apart])
        parts = numbers(told, self._device)[..., None, None].split([3, 3, 1, 1, 2], 1)
        low, high, further_there, lips_there, words = parts
        spoken = None if faces[0].words is None else words
        return Person(low, high, further_there, lips_there, spoken)


_PICTURES = ("original", "neutral", "edited")
_EVERYTHING = (np.full(3, -np.inf, np.float32), np.full(3, np.inf, np.float32))


class _Shot:
    """What one shot's frames are remembered by."""

    def __init__(self, number: int, differ: Differ) -> None:
        self.number, self.differ = number, differ
        self.flows = on_cpu.Differ()
        self.palette, self.reach, self.trust = Palette(), Reach(), Trust()


def _pieces(faces: Sequence[RenderedOnDevice]) -> Iterator[slice]:
    """Stretches of one shot whose lips part in one way, no longer than is recorded."""
    start = 0
    for _, members in groupby(faces, lambda f: (f.shot, f.words is None)):
        stop = start + len(list(members))
        for first in range(start, stop, SLOTS):
            yield slice(first, min(first + SLOTS, stop))
        start = stop


@dataclass(frozen=True, eq=False)
class _Found:
    face: Tensor
    where: Where


class _Masks:
    """A canvas's masks, made once and moved with the heads."""

    def __init__(self, canvas: Canvas, device: torch.device) -> None:
        self._canvas, self._device = canvas, device
        size, still = canvas.crop.size_px, np.zeros(2, np.float32)
        self._face = on_device(head_mask(size, canvas.face, 0.0, 0.0), device)
        self._border = on_device(square_mask(size, True), device)
        everything = np.ones((size, size), np.float32)
        names = ("lips" if canvas.keep_lips else "mouth", "eyes", "brows")
        self._parts = [on_device(canvas.area(name, still), device) for name in names]
        limited = canvas.limited(everything, still)
        self._areas = on_device(limited, device) if canvas.areas else None
        self._regions: dict[bool, Tensor] = {}

    def of(self, places: Sequence[Place]) -> _Found:
        """``[B, 1, S, S]`` each."""
        offsets = np.stack([p.head for p in places])
        heads = numbers(offsets.tolist(), self._device)
        # A head in the middle of its square needs no fading, as on the CPU.
        off = (heads != 0).any(1).view(-1, 1, 1, 1)
        face = moved(self._face, heads) * torch.where(off, self._border, 1.0)
        region = torch.cat([self._region(p.square) for p in places])
        if self._areas is not None:
            region = region * moved(self._areas, heads)
        region = region * face
        lips, eyes, brows = (moved(part, heads) * face for part in self._parts)
        brows = brows * (1 - eyes)
        keep = self._canvas.keep_lips
        mouth, kept = (None, lips) if keep else (lips, None)
        return _Found(face, Where(region, mouth, kept, eyes, brows))

    def _region(self, square: Square) -> Tensor:
        whole = self._canvas.whole(square)
        if whole not in self._regions:
            self._regions[whole] = on_device(self._canvas.region(square), self._device)
        return self._regions[whole]

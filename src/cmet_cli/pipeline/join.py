"""How an edited face joins the frame it came from: as a rendering, or as what it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..faces.areas import area_mask
from ..faces.blend import head_mask, match_colours, square_mask
from ..faces.calibration import FaceEllipse
from ..faces.difference import Differ, Renderings, likeness, trust
from ..faces.geometry import Square
from ..faces.mouth import Words
from ..faces.palette import Palette
from ..faces.paste import paste_rgb
from ..faces.repaint import Planes, Target, repaint
from ..media.probe import VideoInfo
from ..media.reader import Frame
from ..options import Paste
from .cropper import Cropper

#: Trust falls and rises by these shares of the way a frame: lost tracking fades, it does not blink.
FALL, RISE = 0.6, 0.25


@dataclass(frozen=True, eq=False)
class Rendered:
    """A frame's face before and after, crops RGB float32 ``[S, S, 3]`` in [0, 255]. neutral:
    rendered with the frame's own codes, None where the rendering itself is what is shown; motion:
    from edited to neutral as the renderer knows it, float32 ``[S, S, 2]`` in pixels; expected: how
    far that should be, RMS in shares of the side, where the renderer knows; words: new ones,
    where they are put into the mouth; lips: the row in which the renderer parts them, in shares of
    the side, where that is known; then: what is done to the result, from which its original is
    still to be cut."""

    frame: Frame
    original: np.ndarray
    edited: np.ndarray
    neutral: np.ndarray | None = None
    motion: np.ndarray | None = None
    shot: int = 0
    expected: float | None = None
    words: Words | None = None
    lips: float | None = None
    then: Rendered | None = None


@dataclass(frozen=True)
class Canvas:
    """What is painted on: a video, the crops cut from it, where the face is in them, which parts of
    it may change (none named: all), and whether the mouth stays as open as it was."""

    info: VideoInfo
    crop: Cropper
    face: FaceEllipse
    areas: tuple[str, ...] = ()
    keep_lips: bool = False

    def square_mask(self, square: Square) -> np.ndarray:
        """float32 ``[S, S]``: fades at the crop's border unless that is the picture's own."""
        return square_mask(self.crop.size_px, faded=not self.whole(square))

    def whole(self, square: Square) -> bool:
        """Whether a square is all of the picture."""
        return square.side >= min(self.info.width, self.info.height) - 1

    def limited(self, mask: np.ndarray, head: np.ndarray) -> np.ndarray:
        """A mask, only where the face may change."""
        if not self.areas:
            return mask
        return mask * area_mask(self.crop.size_px, self.face, self.areas, *map(float, head))

    def area(self, name: str, head: np.ndarray) -> np.ndarray:
        """Where a part of the face is. float32 ``[S, S]``."""
        return area_mask(self.crop.size_px, self.face, (name,), *map(float, head))

    def region(self, square: Square) -> np.ndarray:
        """``square_mask``, and nothing at all on the crop's border where that is in the picture."""
        mask = self.square_mask(square)
        if float(mask.min()) == 1.0:
            return mask
        inner = np.zeros_like(mask)
        inner[1:-1, 1:-1] = mask[1:-1, 1:-1]
        return inner


@dataclass(frozen=True)
class Place:
    """Where a face is in its frame, how far its head is off the square's middle (in shares of the
    side, ``[2]``), and how much of the edit is shown, to 1."""

    square: Square
    head: np.ndarray
    weight: float


class Join(Protocol):
    """Joins one face of one video, frame after frame."""

    def __call__(
        self, planes: Planes, rendered: Rendered, square: Square, head: np.ndarray, weight: float
    ) -> Planes:
        """head: the head's offset in the square ``[2]``; weight: how much of the edit, to 1."""
        ...


@dataclass(frozen=True)
class RenderingJoin:
    """The rendering goes into the frame, inside an oval or the whole square."""

    canvas: Canvas
    paste: Paste

    def __call__(
        self, planes: Planes, rendered: Rendered, square: Square, head: np.ndarray, weight: float
    ) -> Planes:
        new, mask = rendered.edited, self.canvas.limited(self._mask(square, head), head)
        if float(mask.min()) < 1.0:
            new = match_colours(new, rendered.original, mask)
        layout, converter = self.canvas.info.pixel_format, self.canvas.crop.converter
        return paste_rgb(planes, new, mask * np.float32(weight), square, layout, converter)

    def _mask(self, square: Square, head: np.ndarray) -> np.ndarray:
        if self.paste == "face":
            return head_mask(self.canvas.crop.size_px, self.canvas.face, *map(float, head))
        return self.canvas.square_mask(square)


class Trust:
    """How much of the edit is shown, frame after frame of one shot."""

    def __init__(self) -> None:
        self._now: float | None = None

    def __call__(self, like: float) -> float:
        """like: how well the neutral rendering shows the frame."""
        now = trust(like)
        before = now if self._now is None else self._now
        self._now = before + (FALL if now < before else RISE) * (now - before)
        return self._now if self._now > 0.01 else 0.0


class DifferenceJoin:
    """What the edit changed between two renderings is done to the frame's own pixels."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._start(0)

    def _start(self, shot: int) -> None:
        """Nothing is remembered across a cut."""
        self._shot, self._differ, self._palette = shot, Differ(), Palette()
        self._trust = Trust()

    def __call__(
        self, planes: Planes, rendered: Rendered, square: Square, head: np.ndarray, weight: float
    ) -> Planes:
        assert rendered.neutral is not None
        if rendered.shot != self._shot:
            self._start(rendered.shot)
        canvas = self._canvas
        seen = Renderings(
            rendered.original,
            rendered.neutral,
            rendered.edited,
            rendered.motion,
            rendered.expected,
            rendered.words,
            rendered.lips,
        )
        face = head_mask(canvas.crop.size_px, canvas.face, *map(float, head))
        weight *= self._trust(likeness(seen, face))
        if weight <= 0.0:
            return planes
        self._palette.learn(seen.original, face)
        # Drawn jaws take what is beside them along; what is filmed there stays.
        region = canvas.limited(canvas.region(square), head) * face
        kept = canvas.area("lips", head) * face if canvas.keep_lips else None
        parting = None if canvas.keep_lips else canvas.area("mouth", head) * face
        eyes = canvas.area("eyes", head) * face
        brows = canvas.area("brows", head) * face * (1 - eyes)
        parts = (parting, kept, eyes, brows)
        change = self._differ(seen, region, self._palette, *parts).scaled(weight)
        target = Target(square, canvas.info.pixel_format, canvas.crop.converter)
        return repaint(planes, seen.original, change, target)

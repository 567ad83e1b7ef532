"""A short video's decoded frames in memory, for the passes after the first."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from mmap import mmap

import numpy as np

from .probe import VideoInfo
from .reader import Frame, FrameReader

#: Ten seconds of 720p, five of 1080p, in 8 bits and 4:2:0. Longer videos are decoded again.
HELD_BYTES = 384 << 20


@dataclass(frozen=True)
class LaidOut:
    """Frames that lie one after the other in memory that processes share: how many, and the shapes
    and number format of each one's planes."""

    count: int
    shapes: tuple[tuple[int, ...], ...]
    dtype: str

    @classmethod
    def like(cls, frame: Frame) -> LaidOut:
        """None so far, of this one's kind."""
        return cls(0, tuple(plane.shape for plane in frame.planes), frame.planes[0].dtype.str)

    def planes(self, memory: mmap, index: int) -> tuple[np.ndarray, ...]:
        """One frame's, where they are."""
        sizes = [math.prod(shape) for shape in self.shapes]
        itemsize = np.dtype(self.dtype).itemsize
        at = itertools.accumulate(sizes, initial=index * sum(sizes))
        return tuple(
            np.frombuffer(memory, self.dtype, size, first * itemsize).reshape(shape)
            for size, first, shape in zip(sizes, at, self.shapes, strict=False)
        )


class HeldFrames:
    """All frames of one video as they came from the decoder, or none of them.

    Nobody writes to their planes. most_bytes: a video that needs more is let go of. memory: where
    they are put instead of where they came, for another process that has it too.
    """

    def __init__(self, most_bytes: int = HELD_BYTES, memory: mmap | None = None) -> None:
        self._room = most_bytes if memory is None else min(most_bytes, len(memory))
        self._memory, self._laid_out = memory, LaidOut(0, (), "")
        self._frames: list[Frame] = []
        self._complete = False

    @classmethod
    def found(cls, memory: mmap, laid_out: LaidOut) -> HeldFrames:
        """What another process has put there."""
        held = cls(memory=memory)
        for index in range(laid_out.count):
            held._keep(Frame(index, laid_out.planes(memory, index)))
        held._laid_out, held._complete = laid_out, laid_out.count > 0
        return held

    @property
    def complete(self) -> bool:
        """Whether every frame is here."""
        return self._complete

    @property
    def laid_out(self) -> LaidOut | None:
        """How they lie in the memory they were put into; None where they are not all there."""
        return self._laid_out if self._complete and self._memory is not None else None

    def filling(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, held as they pass."""
        for frame in frames:
            self._room -= sum(plane.nbytes for plane in frame.planes)
            if self._room >= 0:
                self._keep(frame if self._memory is None else self._put(frame, self._memory))
            else:
                self._frames.clear()
            yield frame
        self._complete = bool(self._frames)

    def _keep(self, frame: Frame) -> None:
        for plane in frame.planes:
            plane.setflags(write=False)
        self._frames.append(frame)

    def _put(self, frame: Frame, memory: mmap) -> Frame:
        if not self._frames:
            self._laid_out = LaidOut.like(frame)
        places = self._laid_out.planes(memory, self._laid_out.count)
        for place, plane in zip(places, frame.planes, strict=True):
            place[...] = plane
        self._laid_out = replace(self._laid_out, count=self._laid_out.count + 1)
        return Frame(frame.index, places)

    def get(self, only: Sequence[range] | None = None) -> Iterator[Frame] | None:
        """All frames, or those of some stretches, in order; None where they are not here."""
        frames, complete = self._frames, self._complete
        if not complete:
            return None
        if only is None:
            return iter(frames)
        wanted = sorted({i for span in only for i in span})
        return (frames[i] for i in wanted if i < len(frames))

    def clear(self) -> None:
        """Let go of them."""
        self._complete = False  # first: whoever sees it still true has the frames already
        self._frames, self._memory = [], None


@contextlib.contextmanager
def opened(
    info: VideoInfo, held: HeldFrames | None = None, *, only: Sequence[range] | None = None
) -> Iterator[Iterator[Frame]]:
    """A video's frames, or those of some stretches (as :class:`FrameReader` has it): from memory
    if they are there, else decoded."""
    frames = None if held is None else held.get(only)
    if frames is not None:
        yield frames
        return
    with FrameReader(info, only=only) as reader:
        yield iter(reader)

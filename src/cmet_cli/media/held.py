"""A short video's decoded frames in memory, for the passes after the first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from .probe import VideoInfo
from .reader import Frame, FrameReader

#: Ten seconds of 720p, five of 1080p, in 8 bits and 4:2:0. Longer videos are decoded again.
HELD_BYTES = 384 << 20


class HeldFrames:
    """All frames of one video as they came from the decoder, or none of them.

    Nobody writes to their planes. most_bytes: a video that needs more is let go of.
    """

    def __init__(self, info: VideoInfo, most_bytes: int = HELD_BYTES) -> None:
        self._most = most_bytes // max(1, info.frame_bytes)
        self._frames: list[Frame] = []
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether every frame is here."""
        return self._complete

    def filling(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, held as they pass."""
        for count, frame in enumerate(frames, start=1):
            if count <= self._most:
                for plane in frame.planes:
                    plane.setflags(write=False)
                self._frames.append(frame)
            else:
                self._frames.clear()
            yield frame
        self._complete = bool(self._frames)

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
        self._frames = []


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

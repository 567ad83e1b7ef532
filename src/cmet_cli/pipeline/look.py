"""The reduced pictures on which faces are looked for: 8-bit RGB, at most so large."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from mmap import mmap

import cv2
import numpy as np

from ..media.held import HELD_BYTES, HeldFrames
from ..media.probe import VideoInfo
from ..media.reader import Frame, FrameReader

#: Faces are looked for on pictures of at most this long side; smaller videos are taken as they are.
LOOK_SIDE_PX = 1280
#: Without a detector only the frame times are wanted.
BLIND_SIDE_PX = 64
#: Larger pictures are made smaller by ffmpeg, which has all cores for it.
MOST_REDUCED_PX = 1920 * 1088


class Looker:
    """Reads one video for the first pass. scale: of the pictures to the frames; held: the frames,
    once they have been read, if that was asked for and they are few and small enough; memory:
    where to put them."""

    def __init__(
        self, info: VideoInfo, *, blind: bool, hold: bool, memory: mmap | None = None
    ) -> None:
        self._info = info
        self.scale = min(1.0, (BLIND_SIDE_PX if blind else LOOK_SIDE_PX) / max(_size(info)))
        self._size = _reduced(_size(info), self.scale)
        short = expected_frames(info) * info.frame_bytes <= HELD_BYTES
        self.own_planes = _as_opencv_has_it(info) and (hold and short if blind else True)
        holds = hold and short and self.own_planes
        self.held = HeldFrames(memory=memory) if holds else None

    @contextlib.contextmanager
    def pictures(self) -> Iterator[tuple[FrameReader, Iterator[np.ndarray]]]:
        """The reader, for the frames' times afterwards, and the pictures, uint8 ``[h, w, 3]``."""
        if not self.own_planes:
            with FrameReader(self._info, timestamps=True, rgb_size=self._size) as reader:
                yield reader, (frame.planes[0] for frame in reader)
            return
        with FrameReader(self._info, timestamps=True) as reader:
            frames: Iterator[Frame] = iter(reader)
            if self.held is not None:
                frames = self.held.filling(frames)
            see = _Reducer(self._size)
            yield reader, (see(frame.planes) for frame in frames)


class _Reducer:
    """Planes of 4:2:0 in 8 bits, limited range -> RGB, by BT.601: no detector minds the matrix."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        width, height = (side + side % 2 for side in size)  # there are half as many of chroma
        self._packed = np.empty((height * 3 // 2, width), np.uint8)
        chroma = self._packed[height:].reshape(2, height // 2, width // 2)
        self._parts = self._packed[:height], chroma[0], chroma[1]

    def __call__(self, planes: tuple[np.ndarray, ...]) -> np.ndarray:
        for plane, part in zip(planes, self._parts, strict=True):
            if plane.shape == part.shape:
                part[...] = plane
            else:
                cv2.resize(plane, part.shape[::-1], dst=part, interpolation=cv2.INTER_AREA)
        rgb = cv2.cvtColor(self._packed, cv2.COLOR_YUV2RGB_I420)
        return rgb if rgb.shape[1::-1] == self._size else cv2.resize(rgb, self._size)


def _as_opencv_has_it(info: VideoInfo) -> bool:
    plain = info.pixel_format.name == "yuv420p" and not info.colour.full_range
    return plain and not info.colour.hdr and info.width * info.height <= MOST_REDUCED_PX


def _size(info: VideoInfo) -> tuple[int, int]:
    return info.width, info.height


def _reduced(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(width, height)."""
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))


def expected_frames(info: VideoInfo) -> int:
    """A guess at the frame count from the header (0: no idea)."""
    if info.duration_s is None or info.frame_rate is None:
        return 0
    return max(1, round(info.duration_s * info.frame_rate))

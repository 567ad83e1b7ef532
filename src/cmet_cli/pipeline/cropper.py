"""Face crops out of one video's frames, in the size a backend takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from ..faces.crop import crop_rgb
from ..faces.geometry import Square
from ..media.pixels import ColourConverter
from ..media.probe import VideoInfo
from ..media.reader import Frame

T = TypeVar("T")


class Cropper:
    """Cuts face squares out of one video's frames. size_px: side of what it gives."""

    def __init__(self, info: VideoInfo, size_px: int) -> None:
        self.size_px, self.layout = size_px, info.pixel_format
        self.converter = ColourConverter(info.colour, info.pixel_format, info.height)

    def __call__(self, frame: Frame, square: Square) -> np.ndarray:
        """-> RGB ``[S, S, 3]`` float32 in [0, 255]."""
        return crop_rgb(frame.planes, square, self.size_px, self.layout, self.converter)


def batches(frames: Iterable[T], size: int) -> Iterator[list[T]]:
    """Frames in lists of ``size``, the last one shorter."""
    group: list[T] = []
    for frame in frames:
        group.append(frame)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group

"""Which frame of a video lends its face to which, and that face, ready to be animated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backends.base import Backend
from ..errors import MediaError
from ..media.held import HeldFrames
from ..media.probe import VideoInfo
from ..media.reader import Frame
from ..media.script import Script, open_frames
from ..options import SourceChoice
from .cropper import Cropper
from .encode import Crops, FaceCodes, crop_images


class Sources:
    """Of one face of one video.

    choice: which frame lends its face (never ``auto``); cut: the face out of frames, a list of
    pictures on the host or one tensor of a device.
    """

    def __init__(
        self,
        face: FaceCodes,
        choice: SourceChoice,
        backend: Backend,
        cut: Callable[[list[Frame]], Crops],
    ) -> None:
        self._placement, self._read = face.placement, face.sources
        self._backend, self._cut = backend, cut
        self._own, self._best = choice == "frame", choice == "best"
        fitness = face.fitness(backend.layout) if self._best else None
        self._lenders = self._placement.source_frames(fitness)
        self._kept: tuple[int, Any] | None = None  # the source frame in use, prepared
        self._borrowed: dict[int, np.ndarray] = {}

    def fetch(
        self, info: VideoInfo, crop: Cropper, script: Script | None, held: HeldFrames | None
    ) -> None:
        """Where the best frame of a shot lends its face, which may come late: go through the frames
        up to the last of these and keep their crops (one a shot)."""
        if not self._best:
            return
        wanted = {int(i) for i in np.unique(self._lenders) if i >= 0}
        with open_frames(info, script, held) as frames:
            for frame in frames:
                square = self._placement.square(frame.index) if frame.index in wanted else None
                if square is not None:
                    self._borrowed[frame.index] = crop(frame, square)
                if len(self._borrowed) == len(wanted):
                    return
        raise MediaError(f"{info.path}: decoding it twice gave different frames")

    def are_for(self, index: int) -> bool:
        """Whether any frame lends its face to this one."""
        return bool(self._lenders[index] >= 0)

    def runs(self, frames: list[Frame]) -> list[list[Frame]]:
        """Frames in lists that share a source (each its own with ``frame``: then one list)."""
        runs: list[list[Frame]] = []
        for frame in frames:
            lender = self._lenders[frame.index]
            if runs and (self._own or self._lenders[runs[-1][0].index] == lender):
                runs[-1].append(frame)
            else:
                runs.append([frame])
        return runs

    def of(self, run: list[Frame], *, here: bool) -> tuple[Crops, Any]:
        """A run's crops and their source, from when it was read if they were kept. here: whether
        crops are wanted on the host."""
        if self._read is not None and self._own:
            kept = self._read.of([f.index for f in run])
            if kept is not None and isinstance(kept[0], Sequence) == here:
                return kept
        crops = self._cut(run)
        return crops, self._prepared(run, crops)

    def _prepared(self, run: list[Frame], crops: Crops) -> Any:
        """Of a whole shot, or one per frame."""
        if self._own:
            return self._backend.prepare(crop_images(crops, self._backend))
        index = int(self._lenders[run[0].index])
        if self._kept is None or self._kept[0] != index:
            # The first frame of a shot lends its face, and is the first one met.
            borrowed = self._borrowed.pop(index, None)
            lent = crops[:1] if borrowed is None else [borrowed]
            self._kept = (index, self._backend.prepare(crop_images(lent, self._backend)))
        return self._kept[1]

"""Frames of a file in another order: again, backwards, held, or one melting into another."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import MediaError
from .held import HeldFrames, opened
from .melt import melt
from .probe import VideoInfo
from .reader import Frame

#: Frames that go backwards are turned round in memory, this many bytes of them at a time.
TURNED_BYTES = 192 << 20
Planes = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Script:
    """What stands at each of ``n`` places. indices: frames of the file, int ``[n]``; partners: the
    frames they melt into there, -1 for none, int ``[n]``, all among the file's first; shares: how
    far, float32 ``[n]`` in [0, 1].
    """

    indices: np.ndarray
    partners: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, indices: np.ndarray) -> Script:
        """Whole frames."""
        n = len(indices)
        return cls(np.asarray(indices, int), np.full(n, -1), np.zeros(n, np.float32))

    def mixed(self, values: np.ndarray) -> np.ndarray:
        """Per frame of the file ``[m, ...]`` -> per place ``[n, ...]``, melting as the picture."""
        shares = self.shares.reshape(-1, *[1] * (values.ndim - 1))
        own, other = values[self.indices], values[np.maximum(self.partners, 0)]
        melting = (self.partners >= 0).reshape(shares.shape)
        return np.where(melting, own + shares * (other - own), own).astype(values.dtype)


@contextlib.contextmanager
def open_frames(
    info: VideoInfo, script: Script | None = None, held: HeldFrames | None = None
) -> Iterator[Iterator[Frame]]:
    """Every frame of a video, or those of a script, each numbered by its place."""
    if script is None:
        with opened(info, held) as every:
            yield every
        return
    frames = _scripted(_File(info, held), script)
    try:
        yield frames
    finally:
        frames.close()


@dataclass(frozen=True)
class _File:
    info: VideoInfo
    held: HeldFrames | None

    def forward(self, span: range) -> Iterator[tuple[int, Planes]]:
        with opened(self.info, self.held, only=[span]) as frames:
            for frame in frames:
                yield frame.index, frame.planes


def _scripted(file: _File, script: Script) -> Generator[Frame, None, None]:
    partners = list[Planes]()
    if (script.partners >= 0).any():
        partners = [p for _, p in file.forward(range(int(script.partners.max()) + 1))]
    place, last = 0, (-1, ())  # type: tuple[int, tuple[int, Planes]]
    for first, step, count in runs(script.indices):
        again = last if step == 0 and last[0] == first else None
        shown = 0
        for index, planes in _run(file, first, step, count, again):
            partner, last = int(script.partners[place]), (index, planes)
            if partner >= 0:
                planes = melt(planes, partners[partner], float(script.shares[place]))
            yield Frame(place, planes)
            place, shown = place + 1, shown + 1
        if shown < count:
            raise MediaError(f"{file.info.path}: decoding it twice gave different frame counts")


def runs(indices: np.ndarray) -> list[tuple[int, int, int]]:
    """(first frame, step, how many): stretches that go forward (1), backward (-1) or stand (0)."""
    found, at, n = [], 0, len(indices)
    steps = [*np.diff(indices).tolist(), 2]
    while at < n:
        step = steps[at] if steps[at] in (-1, 0, 1) else 1
        same = next((k for k, s in enumerate(steps[at:]) if s != step), 0)
        found.append((int(indices[at]), step, same + 1))
        at += same + 1
    return found


def _run(
    file: _File, first: int, step: int, count: int, again: tuple[int, Planes] | None
) -> Iterator[tuple[int, Planes]]:
    if step == 0:
        held = again or next(file.forward(range(first, first + 1)), None)
        yield from [held] * count if held is not None else ()
    elif step == 1:
        yield from file.forward(range(first, first + count))
    else:
        size = max(1, TURNED_BYTES // max(1, file.info.frame_bytes))
        for top in range(first, first - count, -size):
            bottom = max(top - size, first - count)
            yield from reversed(list(file.forward(range(bottom + 1, top + 1))))

"""Work of a great many small kernels, recorded once and played back: a CUDA graph.

What such work costs is that the GPU is told of each kernel, which takes Python longer than the GPU
takes for it. Recordings outlive whoever made them and are taken up by the next.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from ...log import log

#: Recordings that nobody uses, at most: each holds its memory.
MOST_FREE = 2
#: Bytes free on the device below which nothing is recorded.
LEAST_FREE = 4 << 30

Work = Callable[[Sequence[Tensor]], Sequence[Tensor]]


class Recording:
    """One piece of work on tensors of fixed shapes."""

    def __init__(self, work: Work, like: Sequence[Tensor]) -> None:
        """Records on the current stream, which is not the default one and has done this work
        before; nothing is computed yet."""
        self._inputs = [torch.zeros_like(t, memory_format=torch.contiguous_format) for t in like]
        self._graph = torch.cuda.CUDAGraph()
        # Other threads go on using the device meanwhile.
        self._graph.capture_begin(capture_error_mode="thread_local")
        try:
            self._outputs = list(work(self._inputs))
        finally:
            self._graph.capture_end()
        self._played: torch.cuda.Event | None = None

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """What comes of tensors; those with fewer rows leave the others as they are. What is
        returned is overwritten by the next call."""
        rooms = [
            room if room.shape == tensor.shape else room[: len(tensor)]
            for room, tensor in zip(self._inputs, tensors, strict=True)
        ]
        stream = torch.cuda.current_stream(tensors[0].device)
        if self._played is not None:  # maybe on another stream
            stream.wait_event(self._played)
        torch._foreach_copy_(rooms, list(tensors))
        self._graph.replay()
        self._played = stream.record_event()
        return self._outputs


class Recorder:
    """Does one kind of work over and over, for one user: the second time it is recorded.

    key: what the work depends on beside its tensors.
    """

    _free: dict[Hashable, list[Recording]] = {}  # noqa: RUF012
    _lock = threading.Lock()

    def __init__(self, work: Work, key: Hashable) -> None:
        self._work, self._key = work, key
        self._mine: dict[Hashable, Recording] = {}
        #: What was done once as it is; whether it is to be recorded.
        self._done: dict[Hashable, bool] = {}
        weakref.finalize(self, self._given_back, self._mine)

    def __call__(self, tensors: Sequence[Tensor], like: Sequence[Tensor]) -> list[Tensor]:
        """tensors: of no more rows than those of ``like``, which the recording has."""
        key = (self._key, tensors[0].device, tuple(t.shape for t in like))
        recording = self._mine.get(key) or self._taken(key)
        if recording is None and self._done.get(key, False):
            recording = self._made(like)
            self._done[key] = recording is not None
        if recording is None:
            self._done.setdefault(key, _has_room(tensors[0].device))
            return list(self._work(tensors))
        self._mine[key] = recording
        return recording(tensors)

    def _made(self, like: Sequence[Tensor]) -> Recording | None:
        try:
            return Recording(self._work, like)
        except RuntimeError as error:  # as torch tells of all that CUDA refuses
            log.info("not recorded, which costs time only: %s", error)
            return None

    def _taken(self, key: Hashable) -> Recording | None:
        with self._lock:
            free = self._free.get(key)
            return free.pop() if free else None

    @classmethod
    def _given_back(cls, mine: dict[Hashable, Recording]) -> None:
        with cls._lock:
            for key, recording in mine.items():
                if sum(map(len, cls._free.values())) < MOST_FREE:
                    cls._free.setdefault(key, []).append(recording)

    @classmethod
    def let_go(cls) -> None:
        """Free what nobody uses."""
        with cls._lock:
            cls._free.clear()


def _has_room(device: torch.device) -> bool:
    return torch.cuda.mem_get_info(device)[0] >= LEAST_FREE

"""Work of a great many small kernels, recorded once as a CUDA graph and played back.

Launching a kernel takes Python longer than such a kernel takes the GPU. Recordings outlive whoever
made them and are taken up by the next.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ...log import log

#: Recordings that nobody uses, of all shapes and devices, at most: each holds its memory.
MOST_FREE = 4
#: Bytes that are to be free, in those of one set of inputs: what the work takes, and some.
ROOM = 10

Work = Callable[[Sequence[Tensor]], Sequence[Tensor]]


class Recording:
    """One piece of work on tensors of fixed shapes; always in inference mode."""

    def __init__(self, work: Work, like: Sequence[Tensor]) -> None:
        """like: of its inputs' shapes, types and device; their numbers do not matter.

        Records on the current stream, which is not the default one and has done this work before;
        nothing is computed yet. Raises RuntimeError where CUDA refuses.
        """
        self._inputs = [torch.zeros_like(t, memory_format=torch.contiguous_format) for t in like]
        self._graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        # Other threads go on using the device meanwhile.
        self._graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            try:
                self._outputs = list(work(self._inputs))
            finally:
                self._graph.capture_end()
        except RuntimeError:
            _FAILED.append(self._graph)  # the allocator may still ask it which stream was meant
            with contextlib.suppress(RuntimeError):  # an end that fails leaves the pool open
                torch._C._cuda_endAllocateToPool(like[0].device.index, pool)
            raise
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


_FAILED: list[torch.cuda.CUDAGraph] = []


class Recorder:
    """Does one kind of work over and over, for one user: the second time it is recorded.

    key: what the work depends on beside its tensors.
    """

    #: Those that nobody uses; whoever was used longest ago comes first.
    _free: ClassVar[list[tuple[Hashable, Recording]]] = []
    _refused = False
    # Whoever gives back may be a finalizer, which runs in any thread, this one too.
    _lock = threading.RLock()

    def __init__(self, work: Work, key: Hashable) -> None:
        self._work, self._key = work, key
        self._mine: dict[Hashable, Recording] = {}
        #: What was done once as it is, and whether it is to be recorded.
        self._done: dict[Hashable, bool] = {}
        weakref.finalize(self, self._given_back, self._mine).atexit = False

    def __call__(self, tensors: Sequence[Tensor], like: Sequence[Tensor]) -> list[Tensor]:
        """tensors: of no more rows than those of ``like``, which the recording has."""
        key = (self._key, like[0].device, tuple(t.shape for t in like))
        if key not in self._mine and (taken := self._taken(key)) is not None:
            self._mine[key] = taken
        if key in self._mine:
            return self._mine[key](tensors)
        if self._refused:
            pass
        elif key not in self._done:
            self._done[key] = _has_room(like)
        elif self._done[key]:
            try:
                recording = Recording(self._work, like)
                out = recording(tensors)
            except RuntimeError as error:  # as torch tells of all that CUDA refuses
                type(self)._refused = True
                log.warning("painting is not recorded from here on, and slower: %s", error)
            else:
                self._mine[key] = recording
                return out
        return list(self._work(tensors))

    @classmethod
    def _taken(cls, key: Hashable) -> Recording | None:
        with cls._lock:
            at = next((k for k, (theirs, _) in enumerate(cls._free) if theirs == key), None)
            return None if at is None else cls._free.pop(at)[1]

    @classmethod
    def _given_back(cls, mine: dict[Hashable, Recording]) -> None:
        with cls._lock:
            cls._free += mine.items()
            del cls._free[:-MOST_FREE]

    @classmethod
    def let_go(cls) -> None:
        """Free what nobody uses."""
        with cls._lock:
            cls._free.clear()

    @classmethod
    def _forked(cls) -> None:
        """A child has none of its parent's device, and maybe a lock that nobody will open."""
        cls._lock, cls._free = threading.RLock(), []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Recorder._forked)


def _has_room(like: Sequence[Tensor]) -> bool:
    """Whether the device has memory for a recording, also such as torch keeps for itself."""
    device, needed = like[0].device, sum(t.numel() * t.element_size() for t in like)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept >= ROOM * needed

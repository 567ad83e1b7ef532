"""What is done to a change of expression before it is put on a face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..media.clock import Timeline


def clipped(delta: np.ndarray, most: float) -> np.ndarray:
    """A change ``[n, D]`` whose length is nowhere more than ``most``, its direction kept.

    The length bends towards the limit instead of breaking off at it, so that motion stays smooth.
    """
    length = np.linalg.norm(delta, axis=-1, keepdims=True)
    safe = np.maximum(length, 1e-9)
    return (delta * (most * np.tanh(safe / most) / safe)).astype(np.float32)


@dataclass(frozen=True)
class Easing:
    """A change comes over the first seconds of a clip and goes over the last; start_s, end_s: of
    the clip, on its own clock."""

    in_s: float = 0.0
    out_s: float = 0.0
    start_s: float = 0.0
    end_s: float = 0.0

    @classmethod
    def over(cls, timeline: Timeline, in_s: float, out_s: float) -> Easing:
        start_s = float(timeline.times_s[0])
        return cls(in_s, out_s, start_s, start_s + timeline.duration_s)

    def share(self, times_s: np.ndarray) -> np.ndarray:
        """How much of the change there is, float32 ``[n, 1]``; smooth in value and slope."""
        come, go = (
            _smooth(times_s - self.start_s, self.in_s),
            _smooth(self.end_s - times_s, self.out_s),
        )
        return (come * go).astype(np.float32)[:, None]


def _smooth(done_s: np.ndarray, over_s: float) -> np.ndarray:
    if over_s <= 0:
        return np.ones_like(done_s)
    x = np.clip(done_s / over_s, 0, 1)
    return x * x * (3 - 2 * x)

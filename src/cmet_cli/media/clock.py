"""Between the video's own frame times and the grid on which a backend thinks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

GRID_HZ = 25  # of the published networks, and of everything made for them
_ROUNDING_SLACK = 1e-6
SILENCE_SAMPLES = 160_000
MOST_S = 1e6
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d*)?)")


@dataclass(frozen=True)
class Timeline:
    """Frame times in seconds on the file's clock, rising, float64 ``[n]``, n >= 1; the rate of the
    grid that emotion and lips are computed on; and how long the last frame is shown, 0 where that
    is as long as the others are."""

    times_s: np.ndarray
    grid_hz: int = GRID_HZ
    last_s: float = 0.0

    @classmethod
    def from_ticks(cls, ticks: Sequence[int], time_base: Fraction, last_ticks: int = 0) -> Timeline:
        times_s = np.array([float(t * time_base) for t in ticks], np.float64)
        return cls(times_s, last_s=float(last_ticks * time_base))

    def last_ticks(self, time_base: Fraction) -> int:
        """``last_s`` in ticks."""
        return round(self.last_s / float(time_base))

    @property
    def grid_s(self) -> np.ndarray:
        """Times of the grid from the first frame to past the last one, float64 ``[N]``."""
        span = self.times_s[-1] - self.times_s[0]
        n = int(np.ceil(span * self.grid_hz - _ROUNDING_SLACK)) + 1
        return self.times_s[0] + np.arange(n) / self.grid_hz

    @property
    def duration_s(self) -> float:
        """First frame's time to the end of the last, whose length is the mean step where nothing
        else is known of it."""
        n = len(self.times_s)
        span = float(self.times_s[-1] - self.times_s[0])
        if self.last_s:
            return span + self.last_s
        return span * n / (n - 1) if n > 1 else 1 / self.grid_hz

    @property
    def step_s(self) -> float:
        """For how long frames are shown in the mean, however long the last one is."""
        return replace(self, last_s=0.0).duration_s / len(self.times_s)

    @property
    def end_s(self) -> float:
        """When the last frame ends."""
        return float(self.times_s[0]) + self.duration_s

    def to_grid(self, values: np.ndarray) -> np.ndarray:
        """Per-frame ``[n, D]`` -> on the grid ``[N, D]``, linear in time. float32."""
        return interpolate(self.grid_s, self.times_s, values)

    def from_grid(self, values: np.ndarray) -> np.ndarray:
        """On the grid ``[N, D]`` -> per frame ``[n, D]``, linear in time. float32."""
        return interpolate(self.times_s, self.grid_s, values)


def usual_step(ticks: Sequence[int], rate: Fraction | None, time_base: Fraction) -> int:
    """Ticks for which a frame is usually shown: the median; a single one as its file says."""
    steps = sorted(b - a for a, b in pairwise(ticks))
    if steps:
        return steps[len(steps) // 2]
    return max(1, round(1 / ((rate or Fraction(25)) * time_base)))


def interpolate(at: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Linear interpolation of every column, held constant beyond the ends. float32."""
    if len(at) == len(times) and np.allclose(at, times, atol=_ROUNDING_SLACK, rtol=0):
        return values.astype(np.float32)
    columns = [np.interp(at, times, values[:, d]) for d in range(values.shape[1])]
    return np.stack(columns, axis=1).astype(np.float32)


def _span_samples(timeline: Timeline, rate_hz: int) -> tuple[int, int]:
    """First sample of the grid's span (may be negative), and how many samples it is long."""
    grid_s = timeline.grid_s
    return round(grid_s[0] * rate_hz), len(grid_s) * (rate_hz // timeline.grid_hz)


def sound_on_grid(
    chunks: Iterable[np.ndarray], timeline: Timeline, rate_hz: int
) -> Iterator[np.ndarray]:
    """Cut or pad sound (sample 0 at time zero) to exactly the grid's span: the picture decides.

    chunks: float32 ``[k]`` each. -> chunks whose total is the span. Silence is given in chunks too,
    and nothing more is asked for once the picture has ended.
    """
    (start, left), at = _span_samples(timeline, rate_hz), 0
    if start < 0:
        lead = min(-start, left)
        yield from _silence(lead)
        left -= lead
    for chunk in chunks:
        if not left:
            return
        wanted = chunk[max(0, start - at) :][:left]
        at += len(chunk)
        left -= len(wanted)
        if len(wanted):
            yield wanted
    yield from _silence(left)


def _silence(samples: int) -> Iterator[np.ndarray]:
    for at in range(0, samples, SILENCE_SAMPLES):
        yield np.zeros(min(SILENCE_SAMPLES, samples - at), np.float32)


def seconds(text: str) -> float:
    """``12.5``, ``1:02.5``, ``00:01:02,500`` -> seconds. Raises ValueError."""
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return number(text, "time", MOST_S, least=0)
    hours, minutes, rest = clock.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))


def number(text: str, what: str, most: float, least: float | None = None) -> float:
    """A finite number in a range. Raises ValueError."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{what} '{text[:40]}' is not a number") from None
    low = -most if least is None else least
    if not math.isfinite(value) or not low <= value <= most:
        raise ValueError(f"{what} {text[:40]} is not between {low:g} and {most:g}")
    return value

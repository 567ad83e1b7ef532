"""Plots as SVG: small, sharp at any size, and no library on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 600, 150
_MOST_POINTS = 600
# Okabe and Ito's colours, which colour-blind readers can tell apart, then greys.
COLOURS: tuple[str, ...] = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7a7a00",
)
COLOURS += ("#7a7a00", "#8b3a8b", "#555555", "#999999")


class Line(NamedTuple):
    """values: float ``[n]``."""

    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Chart:
    """lines: name, colour and SVG points; low, high: of the values; start_s, end_s: of time."""

    title: str
    lines: Sequence[tuple[str, str, str]]
    zero: float
    low: str
    high: str
    start_s: str
    end_s: str


def chart(title: str, times_s: np.ndarray, lines: Sequence[Line]) -> Chart:
    """Lines over time in one frame."""
    step = max(1, -(-len(times_s) // _MOST_POINTS))
    values = np.stack([line.values for line in lines])
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    span = (high - low) or 1.0
    first, last = float(times_s[0]), float(times_s[-1])
    x = (times_s - first) / ((last - first) or 1.0) * WIDTH

    def y(value: np.ndarray | float) -> np.ndarray | float:
        return HEIGHT - (value - low) / span * HEIGHT

    drawn = []
    for k, line in enumerate(lines):
        points = zip(x[::step], np.asarray(y(line.values))[::step], strict=True)
        text = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        drawn.append((line.name, COLOURS[k % len(COLOURS)], text))
    ends = (f"{low:.2f}", f"{high:.2f}", f"{first:.1f} s", f"{last:.1f} s")
    return Chart(title, drawn, float(y(0.0)), *ends)


def envelope_path(peaks: np.ndarray) -> str:
    """A waveform's outline, 40 high."""
    if not len(peaks):
        return ""
    x = np.arange(len(peaks)) / max(1, len(peaks) - 1) * WIDTH
    high = np.clip(peaks / max(float(peaks.max()), 1e-6), 0, 1) * 20
    above = [f"{a:.1f},{20 - h:.1f}" for a, h in zip(x, high, strict=True)]
    below = [f"{a:.1f},{20 + h:.1f}" for a, h in zip(x[::-1], high[::-1], strict=True)]
    return "M" + "L".join(above + below) + "Z"


def bars(values: Sequence[tuple[str, float]]) -> list[tuple[str, str, float]]:
    """Name, value as text, and width in percent (of what is above nought)."""
    return [(name, f"{value:.2f}", round(100 * max(0.0, value), 1)) for name, value in values]

"""Training curves as a picture, drawn with OpenCV: one small panel per logged number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ...media.files import atomic_path

PANEL_PX = (320, 180)  # width, height
MARGIN_PX = 24
COLUMNS = 3
BLACK, GREY, BLUE = (0, 0, 0), (200, 200, 200), (200, 80, 20)  # BGR
LOG_SCALE_FROM = 20.0  # ratio of largest to smallest value


def write_curves(entries: Sequence[dict[str, float]], path: Path) -> None:
    """Draw every number of a log (``read_log``) against its step. Writes nothing for no entries."""
    names = sorted({name for entry in entries for name in entry} - {"step"})
    if not names:
        return
    panels = [_panel(name, entries) for name in names]
    panels += [np.full_like(panels[0], 255)] * (-len(panels) % COLUMNS)
    rows = [np.hstack(panels[i : i + COLUMNS]) for i in range(0, len(panels), COLUMNS)]
    with atomic_path(path, overwrite=True) as temporary:
        cv2.imwrite(str(temporary), np.vstack(rows))


def _panel(name: str, entries: Sequence[dict[str, float]]) -> np.ndarray:
    """uint8 ``[180, 320, 3]`` BGR; the vertical axis is logarithmic where values span much."""
    width, height = PANEL_PX
    picture = np.full((height, width, 3), 255, np.uint8)
    points = [(e["step"], e[name]) for e in entries if math.isfinite(e.get(name, math.nan))]
    cv2.rectangle(picture, (MARGIN_PX, MARGIN_PX), (width - 8, height - 16), GREY, 1)
    if points:
        steps, values = np.array(points, np.float64).T
        low, high = values.min(), values.max()
        logarithmic = low > 0 and high > LOG_SCALE_FROM * low
        scaled = np.log(values) if logarithmic else values
        across = (steps - steps.min()) / max(1.0, np.ptp(steps))
        up = (scaled - scaled.min()) / max(1e-12, np.ptp(scaled))
        x = MARGIN_PX + across * (width - 8 - MARGIN_PX)
        y = height - 16 - up * (height - 16 - MARGIN_PX)
        line = np.round(np.stack([x, y], axis=1)).astype(np.int32)
        cv2.polylines(picture, [line], False, BLUE, 1, cv2.LINE_AA)
        scale = "log " if logarithmic else ""
        name = f"{name}: {values[-1]:.4g} ({scale}{low:.3g} to {high:.3g})"
    cv2.putText(picture, name, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.4, BLACK, 1, cv2.LINE_AA)
    return picture

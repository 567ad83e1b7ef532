"""One self-contained HTML page about a video and, where one is asked for, its edit."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader

from ..errors import MediaError
from ..media.audio import SAMPLE_RATE_HZ, audio_chunks
from ..media.files import atomic_path
from ..pipeline.preview import before_and_after
from .plots import Line, bars, chart, envelope_path

TEMPLATE = "inspect.html.j2"
STRIP_QUALITY = 85
WAVE_POINTS = 600


class Moment(NamedTuple):
    """Time in seconds and the frame before and after, RGB uint8 ``[H, W, 3]``."""

    time_s: float
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True, eq=False)
class Inspection:
    """What the page shows. facts: name and value; codes: the face's own expression codes
    ``[n, D]`` at times_s; change: what is added to them, or None; likeness: how alike what was
    heard is to each named emotion; heard: it in words."""

    title: str
    facts: Sequence[tuple[str, str]]
    times_s: np.ndarray
    codes: np.ndarray
    change: np.ndarray | None
    moments: Sequence[Moment]
    heard: str
    likeness: Sequence[tuple[str, float]]
    warnings: Sequence[str]


def write_page(found: Inspection, video: Path, output: Path, *, overwrite: bool) -> None:
    """Raises :class:`UsageError` where the output exists."""
    templates = FileSystemLoader(Path(__file__).parent)
    template = Environment(loader=templates, autoescape=True).get_template(TEMPLATE)
    charts = [chart("expression codes of the face", found.times_s, _lines(found.codes))]
    if found.change is not None:
        charts.append(chart("change of each code", found.times_s, _lines(found.change)))
        length = np.linalg.norm(found.change, axis=1)
        charts.append(chart("length of the change", found.times_s, [Line("length", length)]))
    page = template.render(
        title=found.title,
        facts=found.facts,
        strip=_jpeg(before_and_after(list(found.moments))),
        charts=charts,
        wave=_wave(video, found.times_s),
        heard=found.heard,
        bars=bars(found.likeness),
        warnings=found.warnings,
    )
    with atomic_path(output, overwrite=overwrite) as part:
        part.write_text(page, "utf-8")


def _lines(values: np.ndarray) -> list[Line]:
    return [Line(str(k + 1), values[:, k]) for k in range(values.shape[1])]


def _jpeg(rgb: np.ndarray) -> str:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, STRIP_QUALITY])
    return base64.b64encode(data.tobytes()).decode()


def _wave(video: Path, times_s: np.ndarray) -> str:
    """The sound's envelope as an SVG path; empty where there is none. The sound streams."""
    first, last = float(times_s[0]), float(times_s[-1])
    per_point = max(1, round((last - first) * SAMPLE_RATE_HZ / WAVE_POINTS))
    peaks, rest = list[float](), np.zeros(0, np.float32)
    try:
        for chunk in audio_chunks(video):
            rest = np.abs(np.concatenate([rest, chunk]))
            whole = len(rest) // per_point
            peaks += rest[: whole * per_point].reshape(whole, per_point).max(1).tolist()
            rest = rest[whole * per_point :]
    except MediaError:
        return ""
    start = round(first * SAMPLE_RATE_HZ / per_point)
    return envelope_path(np.array(peaks[start : start + WAVE_POINTS], np.float32))

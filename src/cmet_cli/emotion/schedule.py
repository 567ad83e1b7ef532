"""A timeline of emotions: which one, when, how much, and how it comes and goes.

A plan is a CSV with a header, or JSON (a list of objects), with ``start``, ``end``, ``emotion`` (a
name or a mixture) or ``audio`` (a recording, relative to the plan), ``intensity`` (1) and ``ease``
(seconds). What is neutral, or not in the plan, stays as it is.
Subtitles (.srt) name the emotion of a line at its beginning, in brackets: ``[sad] ...``.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..media.clock import Timeline, number, seconds
from ..media.ffmpeg import check_input
from .named import NEUTRAL, parse_mixture

if TYPE_CHECKING:  # plans are read where no network is
    from .source import EmotionSource

COLUMNS = ("start", "end", "emotion", "audio", "intensity", "ease")
EASE_S = 0.3
MOST_INTENSITY, MOST_S = 2.0, 1e6  # as of --intensity
MAX_BYTES, MAX_SEGMENTS = 1 << 22, 10_000
#: Segments that are this close to each other have no gap between them.
TOUCHING_S = 1e-3
#: So near to the video's beginning or end is at it: a frame or so.
AT_EDGE_S = 0.05
NO_NAME = "a line of speech names its emotion at its beginning, in brackets: [sad] ..."
_SRT_TIMES = re.compile(r"\s*(\S+)\s+-->\s+(\S+)")
_SRT_NAME = re.compile(r"\s*\[([^\]]{1,200})\]")


@dataclass(frozen=True)
class Segment:
    """start_s, end_s: on the video's clock; emotion: a mixture of names, or audio: a recording;
    ease_s: how long it takes to come and to go; line: in the plan."""

    start_s: float
    end_s: float
    emotion: str
    audio: Path | None
    intensity: float
    ease_s: float
    line: int

    @property
    def is_gap(self) -> bool:
        return self.emotion.lower() == NEUTRAL


def read_plan(path: Path) -> list[Segment]:
    """Segments in order of time. Raises :class:`UsageError` naming the file and the line."""
    check_input(path, "timeline")
    text = _read_text(path)
    subtitles = path.suffix.lower() in (".srt", ".vtt")
    read = _srt_rows if subtitles else _json_rows if path.suffix.lower() == ".json" else _csv_rows
    rows = read(path, text)
    # What is neutral is a gap, and plans may name gaps.
    segments = [s for line, cells in rows if not (s := _segment(path, line, cells)).is_gap]
    if not rows:
        columns = f"columns are {', '.join(COLUMNS)}"
        raise UsageError(f"{path}: no segment in it", NO_NAME if subtitles else columns)
    if len(segments) > MAX_SEGMENTS:
        raise UsageError(f"{path}: more than {MAX_SEGMENTS} segments")
    segments.sort(key=lambda s: s.start_s)
    for before, after in pairwise(segments):
        if after.start_s < before.end_s - TOUCHING_S:
            lines = sorted((before.line, after.line))
            raise UsageError(
                f"{path}: line {lines[1]} overlaps line {lines[0]} "
                f"({after.start_s:g} s is before {before.end_s:g} s)",
                "let one end where the next begins; ease blends them",
            )
    return segments


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: too large to be a timeline")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not text in UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _csv_rows(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    # Comments are anybody's words, quotes too; what is left of them are blank lines.
    lines = ("\n" if line.lstrip().startswith("#") else line for line in io.StringIO(text))
    reader = csv.reader(lines)
    rows, names = [], list[str]()
    try:
        for cells in reader:
            if not any(c.strip() for c in cells):
                continue
            if not names:
                names = [c.strip().lower() for c in cells]
                _check_columns(path, reader.line_num, names)
                continue
            if len(cells) > len(names):
                raise _wrong(path, reader.line_num, f"{len(cells)} cells, {len(names)} columns")
            rows.append((reader.line_num, dict(zip(names, cells, strict=False))))
    except csv.Error as error:
        raise _wrong(path, reader.line_num, str(error)) from error
    return rows


def _json_rows(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise UsageError(f"{path}: must be a list of objects with {', '.join(COLUMNS)}")
    for at, row in enumerate(found, start=1):
        _check_columns(path, at, list(row), needed=("start", "end"))
    return list(enumerate(found, start=1))


def _check_columns(
    path: Path, line: int, names: Sequence[str], needed: Sequence[str] = ("start", "end")
) -> None:
    if len(names) == 1 and ";" in names[0]:
        raise UsageError(f"{path}: line {line}: cells must be separated by commas, not ';'")
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in needed if name not in names]
    if unknown or missing:
        what = f"unknown '{unknown[0][:40]}'" if unknown else f"no '{missing[0]}'"
        raise UsageError(f"{path}: line {line}: {what}", f"columns are {', '.join(COLUMNS)}")


def _srt_rows(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    """Lines of speech that name an emotion; the others stay neutral."""
    rows, lines = [], text.splitlines()
    for at, line in enumerate(lines):
        times = _SRT_TIMES.match(line)
        if times is None:
            continue
        said = lines[at + 1] if at + 1 < len(lines) else ""
        name = _SRT_NAME.match(said)
        if name is not None:
            cells = {"start": times[1], "end": times[2], "emotion": name[1]}
            rows.append((at + 1, cells))
    return rows


def _segment(path: Path, line: int, cells: dict[str, Any]) -> Segment:
    values = {k: str(v).strip() for k, v in cells.items() if v is not None}
    try:
        start, end = (seconds(values.get(name, "")) for name in ("start", "end"))
        intensity = number(values.get("intensity") or "1", "intensity", MOST_INTENSITY)
        ease = number(values.get("ease") or str(EASE_S), "ease", MOST_S)
        emotion, audio = values.get("emotion", ""), values.get("audio", "")
        if bool(emotion) == bool(audio):
            raise ValueError("needs an emotion or an audio, and not both")
        if emotion:
            parse_mixture(emotion)
        if not start < end:
            raise ValueError(f"ends ({end:g} s) before it begins ({start:g} s)")
        if ease < 0:
            raise ValueError("ease is negative")
    except UsageError as error:
        raise _wrong(path, line, error.message) from error
    except ValueError as error:
        raise _wrong(path, line, str(error)) from error
    clip = path.parent / audio if audio else None
    return Segment(start, end, emotion, clip, intensity, ease, line)


def _wrong(path: Path, line: int, what: str) -> UsageError:
    return UsageError(f"{path}: line {line}: {what}")


def starter_plan(
    duration_s: float,
    lines: Sequence[tuple[float, float, str]] = (),
    names: Collection[str] = (),
) -> str:
    """A CSV to start from: a row per line of speech (start, end, what is said, maybe after its
    emotion in brackets), else a few of equal length. names: what may be an emotion there; subtitles
    have music and doors in brackets, too."""
    if not lines:
        count = max(1, min(6, round(duration_s / 5)))
        edges = [round(duration_s * k / count, 3) for k in range(count + 1)]
        lines = [(a, b, "") for a, b in pairwise(edges)]
    out = io.StringIO()
    out.write(
        "# Write an emotion (a name or a mixture; `cmet emotions` lists the names) instead of\n"
    )
    out.write("# neutral, or a recording under audio. Times in seconds or hh:mm:ss.mmm.\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for start, end, said in lines:
        if said:
            out.write(f"# {' '.join(said.split())[:100]}\n")
        writer.writerow([f"{start:.3f}", f"{end:.3f}", _named(said, names), "", "1", f"{EASE_S:g}"])
    return out.getvalue()


def _named(said: str, names: Collection[str]) -> str:
    """The emotion that a line of speech begins with, in brackets; neutral where it names none."""
    found = _SRT_NAME.match(said)
    try:
        known = found is not None and all(t.name in names for t in parse_mixture(found[1]))
    except UsageError:
        known = False
    return found[1].strip() if found is not None and known else NEUTRAL


def subtitle_lines(path: Path) -> list[tuple[float, float, str]]:
    """Start, end and words of every line of an .srt. Raises :class:`UsageError`."""
    text, found = _read_text(path), list[tuple[float, float, str]]()
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        rows = block.strip().splitlines()
        at = next((i for i, row in enumerate(rows) if _SRT_TIMES.match(row)), None)
        if at is None:
            continue
        times = _SRT_TIMES.match(rows[at])
        assert times is not None
        try:
            start, end = seconds(times[1]), seconds(times[2])
        except ValueError as error:
            raise UsageError(f"{path}: {error}") from error
        found.append((start, end, " ".join(rows[at + 1 :])))
    if not found:
        raise UsageError(f"{path}: no subtitles in it (expected .srt)")
    found.sort(key=lambda line: line[0])
    # Lines that overlap are cut where the next begins.
    ends = [*(start for start, _, _ in found[1:]), math.inf]
    cut = [(line[0], min(line[1], end), line[2]) for line, end in zip(found, ends, strict=True)]
    return [line for line in cut if line[0] < line[1]]


@dataclass(frozen=True)
class Scheduled:
    """One emotion after the other, each in its stretch of time, blended where they meet; end_s: of
    the whole picture, if that is known."""

    parts: Sequence[tuple[Segment, EmotionSource]]
    end_s: float | None = None

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        weights = presence([segment for segment, _ in self.parts], timeline.times_s, self.end_s)
        total = np.zeros_like(codes)
        for weight, (segment, source) in zip(weights, self.parts, strict=True):
            if weight.any():
                amount = (weight * segment.intensity).astype(np.float32)
                total += amount[:, None] * source.delta(codes, timeline)
        return total


def presence(
    segments: Sequence[Segment], times_s: np.ndarray, end_s: float | None = None
) -> np.ndarray:
    """How much of each segment there is at each time, ``[segments, n]`` in [0, 1].

    Segments that touch cross-fade about the place where they do; beside a gap a segment eases in
    and out inside its own stretch, but not at the video's beginning or end (``end_s``), where there
    is no neutral face to come from or to go back to. Smooth in value and slope.
    """
    rows, step_s = [], float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    for k, segment in enumerate(segments):
        before = segments[k - 1] if k else None
        after = segments[k + 1] if k + 1 < len(segments) else None
        rising = _rise(times_s, *_ramp(before, segment, segment.start_s, +1, step_s))
        falling = 1 - _rise(times_s, *_ramp(segment, after, segment.end_s, -1, step_s))
        if before is None and segment.start_s <= AT_EDGE_S:
            rising = np.ones_like(times_s)
        if after is None and end_s is not None and segment.end_s >= end_s - AT_EDGE_S:
            falling = np.ones_like(times_s)
        rows.append(np.minimum(rising, falling))
    return np.array(rows).reshape(len(segments), len(times_s))


def _ramp(
    first: Segment | None, second: Segment | None, at_s: float, inwards: int, step_s: float
) -> tuple[float, float]:
    """When a change between two neighbours begins and ends; step_s: between frames, of which one
    at least is to be there whole."""
    if first is not None and second is not None and second.start_s - first.end_s <= TOUCHING_S:
        lengths = [s.end_s - s.start_s for s in (first, second)]
        half = min(first.ease_s, second.ease_s, *lengths) / 2
        return at_s - half, at_s + half
    own = second if inwards > 0 else first
    assert own is not None
    ease = max(0.0, min(own.ease_s, (own.end_s - own.start_s - step_s) / 2))
    return (at_s, at_s + ease) if inwards > 0 else (at_s - ease, at_s)


def _rise(times_s: np.ndarray, start_s: float, end_s: float) -> np.ndarray:
    if end_s <= start_s:
        return (times_s >= start_s).astype(np.float64)
    x = np.clip((times_s - start_s) / (end_s - start_s), 0, 1)
    return x * x * (3 - 2 * x)

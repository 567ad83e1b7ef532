"""Decoding a video as a stream of raw planes, ahead of whoever uses them."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import ffmpeg
import numpy as np

from ..errors import MediaError
from .facts import SHOW_FRAMES
from .ffmpeg import STALL_S, FfmpegProcess, file_url
from .formats import Decoding, decoding, is_grey, planes_of
from .probe import VideoInfo
from .tonemap import sdr_table

#: Frames between ffmpeg and whoever works on them, least and most, as many as are no more than
#: these bytes: a GPU takes some at a time.
FRAMES_AHEAD, MOST_AHEAD, AHEAD_BYTES = 4, 16, 32 << 20
JUMP_BACK_FRAMES = 3
#: Frames that are only to be dropped are decoded at this rate at least, unless ffmpeg stands still.
SLOWEST_HZ = 4.0
LONGEST_STEP_S = 600.0  # a longer one is a wrong time, and the network would be asked to fill it
_PTS = re.compile(r"\] n:\s*\d+ pts:\s*(-?\d+|NOPTS)(?:.* duration:\s*(\d+))?")


@dataclass(frozen=True)
class Frame:
    """One decoded picture. ``planes``: Y, U, V or G, B, R ``[h, w]``, or one RGB ``[h, w, 3]``."""

    index: int
    planes: tuple[np.ndarray, ...]


class FrameReader:
    """Iterate over every frame of a video, in display order, with nothing dropped or repeated.

    timestamps: collect the frames' times too; ``reader.ticks`` is complete once the iteration has
    ended. rgb_size: (width, height) of 8-bit RGB pictures (tone-mapped from HDR) to get instead of
    the video's own planes. only: the indices of the frames to get, in stretches; the others are
    decoded and dropped. Use as a context manager.
    """

    def __init__(
        self,
        info: VideoInfo,
        *,
        timestamps: bool = False,
        rgb_size: tuple[int, int] | None = None,
        only: Sequence[range] | None = None,
    ) -> None:
        self._info = info
        self._dtype = np.dtype(np.uint8) if rgb_size else info.pixel_format.dtype
        self._shapes: tuple[tuple[int, ...], ...] = (
            ((rgb_size[1], rgb_size[0], 3),)
            if rgb_size
            else info.pixel_format.plane_shapes(info.width, info.height)
        )
        self._reduced = rgb_size is not None
        if is_grey(info.source_format) and not rgb_size:
            self._shapes = self._shapes[:1]
        self._table = sdr_table(info.colour.transfer) if rgb_size else None
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        self._pts: list[int | None] = []
        #: For how long ffmpeg says that the last frame so far is shown; 0 where it does not.
        self.last_ticks = 0
        self._count = 0
        self._stop = threading.Event()
        ahead = frames_ahead(sum(self._sizes) * self._dtype.itemsize)
        self._queue: queue.Queue[Frame | Exception | None] = queue.Queue(ahead)
        self._indices = sorted({i for span in only for i in span}) if only is not None else None
        arguments = decode_argv(info, timestamps=timestamps, rgb_size=rgb_size, only=only)
        self._process = FfmpegProcess(
            arguments,
            on_line=self._on_line if timestamps else None,
            stall_s=STALL_S + _longest_gap(self._indices or []) / SLOWEST_HZ,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.exit_code: int | None = None

    def _on_line(self, line: str) -> None:
        found = _PTS.search(line)
        if found:
            self._pts.append(None if found[1] == "NOPTS" else int(found[1]))
            self.last_ticks = int(found[2] or 0)

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                frame = self._read_frame()
                self._put(frame)
                if frame is None:
                    return
        except Exception as error:
            self._put(error)

    def _put(self, item: Frame | Exception | None) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=0.1)
                return

    def _read_frame(self) -> Frame | None:
        buffer = np.empty(sum(self._sizes) * self._dtype.itemsize, np.uint8)
        if self._process.read_into(buffer.data) < len(buffer):
            return None  # a torn last frame is no frame
        if self._table is not None:
            buffer = self._table[buffer]
        samples, planes, start = buffer.view(self._dtype), [], 0
        for shape, size in zip(self._shapes, self._sizes, strict=True):
            planes.append(samples[start : start + size].reshape(shape))
            start += size
        self._count += 1
        at = self._count - 1
        index = at if self._indices is None else self._indices[at]
        if self._reduced:
            return Frame(index, tuple(planes))
        info = self._info
        whole = planes_of(planes, info.source_format, info.colour, info.pixel_format)
        return Frame(index, whole)

    def __iter__(self) -> Iterator[Frame]:
        while True:
            item = self._queue.get()
            if isinstance(item, MediaError):
                raise MediaError(f"{self._info.path}: {item.message}", item.hint) from item
            if isinstance(item, Exception):
                raise MediaError(f"{self._info.path}: decoding failed ({item})") from item
            if item is None:
                self.exit_code = self._process.wait()
                if self._count == 0:
                    raise MediaError(
                        f"{self._info.path}: no frame could be decoded ({self._process.last_words})"
                    )
                return
            yield item

    @property
    def last_words(self) -> str:
        """What ffmpeg last complained about, for a warning after a damaged file."""
        return self._process.last_words

    @property
    def ticks(self) -> list[int]:
        """Presentation time of every frame in units of ``info.time_base``, strictly rising."""
        if len(self._pts) < self._count:
            raise MediaError(f"{self._info.path}: ffmpeg did not report every frame's time")
        ticks = repair_ticks(self._pts[: self._count], self._info)
        steps = np.diff(np.array(ticks, np.float64)) * float(self._info.time_base)
        if len(steps) and steps.max() > LONGEST_STEP_S:
            at = int(steps.argmax())
            raise MediaError(
                f"{self._info.path}: the frames' times jump by {steps[at]:.0f} s after frame {at}",
                "the file is damaged; let a video tool write its times anew",
            )
        return ticks

    def close(self) -> None:
        self._stop.set()
        self._process.close()
        self._thread.join(5)

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _longest_gap(indices: Sequence[int]) -> int:
    """How many frames at most are dropped, unheard of, before one is given."""
    return max((b - a - 1 for a, b in pairwise([-1, *indices])), default=0)


def frames_ahead(frame_bytes: int) -> int:
    """How many decoded frames of this size wait in memory at most."""
    return max(FRAMES_AHEAD, min(MOST_AHEAD, AHEAD_BYTES // max(1, frame_bytes)))


def decode_argv(
    info: VideoInfo,
    *,
    timestamps: bool = False,
    rgb_size: tuple[int, int] | None = None,
    only: Sequence[range] | None = None,
) -> list[str]:
    """ffmpeg arguments that write frames to stdout as raw planes or reduced RGB."""
    way = decoding(info.source_format, info.colour, info.pixel_format)
    filters = [info.prefilter] if info.prefilter else []
    if only is not None:
        # Frames are counted, not sought: seeking is exact on some containers only. Where a file
        # changes its size, filters that begin anew would count anew; so they do not, and scale.
        spans = "+".join(f"between(n,{span[0]},{span[-1]})" for span in only if len(span))
        filters += [f"select='{spans or 0}'", f"scale={info.width}:{info.height}"]
    if timestamps:
        filters.append(SHOW_FRAMES)  # tells each frame's time on stderr, at info
    if rgb_size:
        way = Decoding("rgb24", (f"scale={rgb_size[0]}:{rgb_size[1]}:flags=area",))
    filters += way.filters
    options: dict[str, object] = {
        "map": "0:V:0",
        "fps_mode": "passthrough",
        "pix_fmt": way.pix_fmt,
        "f": "rawvideo",
    }
    options |= {"vf": ",".join(filters)} if filters else {}
    if only is not None:
        options["frames:v"] = len({i for span in only for i in span})
    log_level = "info" if timestamps else "error"
    counting_on = {} if only is None else {"reinit_filter": 0}
    source = ffmpeg.input(file_url(info.path), **counting_on)
    return source.output("pipe:1", **options).global_args("-loglevel", log_level).get_args()


def repair_ticks(pts: Sequence[int | None], info: VideoInfo) -> list[int]:
    """Fill missing times from the frame rate and make all of them rise (damaged files).

    Where times jump back for long, as in recordings put end to end, they go on from there; a small
    disorder moves single frames by a tick.
    """
    step = 1
    if info.frame_rate:
        step = max(1, round(1 / (info.frame_rate * info.time_base)))
    known = next((i for i, value in enumerate(pts) if value is not None), None)
    first = 0 if known is None else (pts[known] or 0) - known * step
    ticks: list[int] = []
    shift = 0
    for value in pts:
        if not ticks:
            ticks.append(first)
            continue
        value = ticks[-1] + step if value is None else value + shift
        if ticks[-1] - value > JUMP_BACK_FRAMES * step:
            shift += ticks[-1] + step - value
            value = ticks[-1] + step
        ticks.append(max(value, ticks[-1] + 1))
    return ticks

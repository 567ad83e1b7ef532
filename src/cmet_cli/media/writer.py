"""Encoding frames with their own timestamps, beside the source's sound and subtitles.

Frames travel to ffmpeg as raw planes in an IVF stream: a 12-byte header per frame carries its
time, so variable frame rates survive a pipe.
"""

from __future__ import annotations

import contextlib
import math
import queue
import signal
import struct
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from ..errors import MediaError
from .audio import split_stretch
from .clock import usual_step
from .containers import container_of
from .encoder import EncodeSettings
from .ffmpeg import FULL_DISK, FfmpegProcess, file_url, last_words, run_short
from .probe import VideoInfo
from .reader import frames_ahead

#: ffmpeg 5.1 ends with exit code 0 all the same.
UNWRITTEN = (*FULL_DISK, "Error writing trailer", "Error closing file")
#: What new sound is written as.
SPEECH_CODECS = {
    "mp4": (("c:a", "aac"), ("b:a", "256k")),
    "mov": (("c:a", "pcm_s24le"),),
    "matroska": (("c:a", "flac"),),
}
FINISH_TIMEOUT_S = 600.0
MAX_TIMESCALE = 1_000_000
_TRIAL_HINT = "free some disk space, or set TMPDIR to another folder"
_TRIAL_S = 1  # seconds of sound muxed to learn whether a container takes it


@dataclass(frozen=True)
class StreamPlan:
    """How the source's other streams go along.

    kinds: ``a`` and ``s``, the kinds kept; options: their codecs, as ffmpeg output options;
    warning: what could not be kept as it was; speech: a recording whose sound takes the place of
    the source's; origin: the file they come from, None for the one whose frames are written.
    """

    kinds: str = ""
    options: tuple[tuple[str, str], ...] = ()
    warning: str = ""
    speech: Path | None = None
    origin: Path | None = None


def plan_streams(info: VideoInfo, container: str) -> StreamPlan:
    """Copy sound and subtitles bit for bit where the container allows; else the nearest thing.

    Tried on the first second with the real muxer, before anything slow begins.
    """
    if not info.audio_streams and not info.subtitle_codecs:
        return StreamPlan()
    copy, aac = ("c:a", "copy"), (("c:a", "aac"), ("b:a", "256k"))
    text_subtitles = ("c:s", "mov_text" if container != "matroska" else "srt")
    lost = f"subtitles left out: {container} cannot hold them" if info.subtitle_codecs else ""
    made_anew = f"sound re-encoded to AAC: {container} cannot hold the original"
    plans = [
        StreamPlan("as", (copy, ("c:s", "copy"))),
        StreamPlan("as", (copy, text_subtitles)),
        StreamPlan("a", (copy,), lost),
        StreamPlan("as", (*aac, ("c:s", "copy")), made_anew),
        StreamPlan("as", (*aac, text_subtitles), made_anew),
        StreamPlan("a", aac, "; ".join(filter(None, (made_anew, lost)))),
    ]
    for plan in plans:
        if _muxes(info, container, plan):
            return plan
    return StreamPlan(warning="sound left out: it could not be read")


def plan_speech(info: VideoInfo, container: str, speech: Path) -> StreamPlan:
    """New sound beside the source's subtitles: as good as the container's players can take it.

    speech: a recording, or a stretch of one.
    """
    sound = tuple(SPEECH_CODECS[container])
    if not info.subtitle_codecs:
        return StreamPlan("", sound, speech=speech)
    for codec in ("copy", "mov_text" if container != "matroska" else "srt"):
        plan = StreamPlan("s", (("c:s", codec),))
        if _muxes(info, container, plan):
            return StreamPlan("s", (*plan.options, *sound), speech=speech)
    left_out = f"subtitles left out: {container} cannot hold them"
    return StreamPlan("", sound, left_out, speech)


def _muxes(info: VideoInfo, container: str, plan: StreamPlan) -> bool:
    # A file without a name: a muxer must be able to seek in it, and nothing is left of it, whenever
    # and however either process ends.
    try:
        scratch = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError as error:
        raise MediaError(f"no temporary file could be made: {error}", _TRIAL_HINT) from error
    with scratch:
        source = ffmpeg.input(file_url(info.path))
        streams = [source[f"{kind}?"] for kind in plan.kinds]
        options = dict(plan.options) | {"t": _TRIAL_S, "f": container}
        trial = ffmpeg.output(*streams, f"file:/dev/fd/{scratch.fileno()}", **options)
        arguments = trial.global_args("-y", "-loglevel", "error").get_args()
        run = run_short(arguments, pass_fds=(scratch.fileno(),))
    words = last_words(run.stderr.decode(errors="replace"))
    if run.returncode == -getattr(signal, "SIGXFSZ", 0) or words in FULL_DISK:
        raise MediaError("the folder for temporary files is full", _TRIAL_HINT)
    return run.returncode == 0


def frame_clock(ticks: Sequence[int], time_base: Fraction) -> tuple[list[int], Fraction, Fraction]:
    """Frame times in the coarsest unit that holds them exactly.

    -> ticks from zero, seconds per tick, first frame's time in seconds, a whole number of ticks. A
    constant rate that starts on its own grid comes out as 0, 1, 2, ... of one frame duration.
    """
    first = ticks[0]
    offsets = [t - first for t in ticks]
    unit = math.gcd(*offsets, first) or 1
    return [t // unit for t in offsets], time_base * unit, first * time_base


def encode_argv(
    info: VideoInfo,
    ticks: Sequence[int],
    output: Path,
    settings: EncodeSettings,
    streams: StreamPlan,
) -> list[str]:
    """ffmpeg arguments: IVF frames on stdin plus the source file -> ``output``."""
    _, unit, start = frame_clock(ticks, info.time_base)
    container = container_of(output)
    colour, aspect = info.colour, info.sample_aspect
    tags = f"setparams=range={colour.range}:colorspace={colour.space}"
    tags += f":color_primaries={colour.primaries}:color_trc={colour.transfer}"
    taking: dict[str, object] = {"f": "ivf", "probesize": 32, "analyzeduration": 0}
    taking |= {"itsoffset": f"{float(start):.9f}", "c:v": "rawvideo"}
    feed = ffmpeg.input("pipe:0", **taking)
    source = ffmpeg.input(file_url(streams.origin or info.path))
    options: dict[str, object] = {
        "vf": f"{tags},setsar={aspect.numerator}/{aspect.denominator}",
        "fps_mode": "passthrough",
        # Of the picture only: sound would be rounded to the frames' clock.
        "enc_time_base:v": f"{unit.numerator}:{unit.denominator}",
        "map_metadata": 1,
        "map_chapters": 1,
        "f": container,
    }
    options |= settings.options(info.pixel_format)
    options |= {"x264-params": _x264_params(ticks, info)} if settings.encoder == "x264" else {}
    options |= {"metadata": f"comment={settings.note}"} if settings.note else {}
    # ffmpeg 5.1 loses what the filter says of the range.
    # Else the last frame would be shown for one tick.
    usual, last = frame_step(ticks, info), last_step(ticks, info)
    if last > usual or (usual and not _is_constant(ticks)):
        # In MP4 the last frame to be decoded, which need not be the last one shown, has the say.
        at = 0 if container == "matroska" else len(ticks)
        options["bsf:v"] = _shown_for(ticks[-1], usual, last, info.time_base, at)
    options |= {} if colour.range == "unknown" else {"color_range": colour.range}
    if container != "matroska":
        options["movflags"] = "+faststart"
        options["video_track_timescale"] = _timescale(info.time_base, unit)
    companions = [source[f"{kind}?"] for kind in streams.kinds]
    if not companions:  # its metadata and chapters need it as an input; no stream is taken
        companions, options["dn"] = [source["d?"]], None
    if streams.speech is not None:
        sound, options["af"] = _speech(streams.speech, ticks, info)
        companions.append(sound["a:0"])
        # Subtitles and chapters may go on where the picture was cut.
        more = last - usual / 2 if streams.kinds else last
        begins = min(0, ticks[0])  # from where ffmpeg counts
        options["t"] = f"{float((ticks[-1] + more - begins) * info.time_base):.6f}"
    command = ffmpeg.output(
        feed["v:0"], *companions, file_url(output), **options, **dict(streams.options)
    )
    return command.global_args("-y", "-loglevel", "error").get_args()


def _speech(speech: Path, ticks: Sequence[int], info: VideoInfo) -> tuple[Any, str]:
    """New sound as ffmpeg's input, and the filter that begins and ends it with the picture."""
    path, part = split_stretch(speech)
    seek = {} if part is None else {"ss": part.start_s, "t": part.end_s - part.start_s}
    length_s = float((ticks[-1] - ticks[0] + last_step(ticks, info)) * info.time_base)
    start_s = float(ticks[0] * info.time_base)
    filters = "aresample=async=1:first_pts=0"
    filters += f",atrim=duration={length_s:.6f},apad=whole_dur={length_s:.6f}"
    return ffmpeg.input(file_url(path), **seek), f"{filters},asetpts=PTS+{start_s:.6f}/TB"


def frame_step(ticks: Sequence[int], info: VideoInfo) -> int:
    """As :func:`.clock.usual_step`."""
    return usual_step(ticks, info.frame_rate, info.time_base)


def last_step(ticks: Sequence[int], info: VideoInfo) -> int:
    """Ticks for which the last frame is shown."""
    return max(info.last_ticks, frame_step(ticks, info))


def _shown_for(begins: int, usual: int, last: int, time_base: Fraction, packets: int) -> str:
    """A bitstream filter that says how long frames are shown, and the last, which begins then;
    packets: of how many the last one is shown as long, 0 for none."""
    usual_s, last_s, begins_s = (float(n * time_base) for n in (usual, last, begins))
    shown = f"{usual_s:.9f}"
    if last > usual:
        is_last = f"gte(PTS*TB,{begins_s - usual_s / 2:.9f})"
        is_last += f"+eq(N,{packets - 1})" if packets else ""
        shown = f"if({is_last},{last_s:.9f},{usual_s:.9f})"
    return f"setts=pts=PTS:dts=DTS:duration='round({shown}/TB)'"


def _is_constant(ticks: Sequence[int]) -> bool:
    """Whether a muxer knows by itself how long the last frame is shown."""
    return len(ticks) > 1 and len({b - a for a, b in pairwise(ticks)}) == 1


def _x264_params(ticks: Sequence[int], info: VideoInfo) -> str:
    # x264 would take the clock's tick for the frame rate and set an absurd level.
    params = [f"fps={_mean_rate(ticks, info)}"]
    if info.colour.hdr:
        params += [f"mastering-display={info.hdr.mastering}"] if info.hdr.mastering else []
        params += [f"cll={info.hdr.light}"] if info.hdr.light else []
    return ":".join(params)


def _timescale(time_base: Fraction, unit: Fraction) -> int:
    """Ticks per second for an MP4 track: the source's own where it is a whole number."""
    scale = time_base.denominator if time_base.numerator == 1 else unit.denominator
    return min(scale, MAX_TIMESCALE)


def _mean_rate(ticks: Sequence[int], info: VideoInfo) -> Fraction:
    if len(ticks) < 2:
        return info.frame_rate or Fraction(25)
    rate = Fraction(len(ticks) - 1) / ((ticks[-1] - ticks[0]) * info.time_base)
    return min(max(rate, Fraction(1)), Fraction(1000)).limit_denominator(100_000)


class FrameWriter:
    """Feeds frames to the encoder from a thread, so that rendering never waits for it needlessly.

    ``output`` must be a temporary name: the file is complete only after ``finish``. Leaving the
    block without ``finish`` kills the encoder.
    """

    def __init__(
        self,
        info: VideoInfo,
        ticks: Sequence[int],
        output: Path,
        settings: EncodeSettings,
        streams: StreamPlan,
    ) -> None:
        self._output, self._times = output, frame_clock(ticks, info.time_base)[0]
        unit = frame_clock(ticks, info.time_base)[1]
        self._written = 0
        self._error: Exception | None = None
        self._process = FfmpegProcess(
            encode_argv(info, ticks, output, settings, streams), feed=True
        )
        behind = frames_ahead(info.pixel_format.frame_bytes(info.width, info.height))
        self._queue: queue.Queue[tuple[np.ndarray, ...] | None] = queue.Queue(behind)
        pixels, size = info.pixel_format, (info.width, info.height)
        rate = (unit.denominator, unit.numerator)
        self._header = struct.pack(
            "<4sHH4sHHIIII", b"DKIF", 0, 32, pixels.fourcc, *size, *rate, len(ticks), 0
        )
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        try:
            self._process.write(self._header)
            while (planes := self._queue.get()) is not None:
                size = sum(p.nbytes for p in planes)
                self._process.write(struct.pack("<IQ", size, self._times[self._written]))
                for plane in planes:
                    self._process.write(np.ascontiguousarray(plane).data)
                self._written += 1
            self._process.stdin.close()
        except Exception as error:
            self._error = error
            while self._queue.get() is not None:  # keep the producer from blocking
                pass

    def write(self, planes: tuple[np.ndarray, ...]) -> None:
        """Queue one frame's planes. Raises :class:`MediaError` once encoding has failed."""
        if self._error is not None:
            raise self._failure()
        self._queue.put(planes)

    def finish(self) -> None:
        """Write what is queued, close the file and check that every frame got there."""
        self._queue.put(None)
        self._thread.join()
        code = self._process.wait(FINISH_TIMEOUT_S)
        if self._error is not None or code != 0 or any(map(self._process.said, UNWRITTEN)):
            raise self._failure()
        if self._written != len(self._times):
            raise MediaError(f"{self._written} of {len(self._times)} frames were encoded")

    def _failure(self) -> MediaError:
        if isinstance(self._error, MediaError):
            return self._error
        with contextlib.suppress(MediaError):
            self._process.wait(10)
        words = self._process.last_words
        hint = "free some disk space" if words in FULL_DISK else ""
        return MediaError(f"writing {self._output.suffix[1:]} video failed: {words}", hint)

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)
            self._thread.join(5)

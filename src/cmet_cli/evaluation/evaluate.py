"""An edit beside its input: one pass over both, with the small model as the measure of codes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..backends.base import Backend
from ..emotion.named import plain_name
from ..emotion.source import EmotionSource
from ..errors import CmetError, FaceError, UsageError
from ..faces.placement import Placement
from ..media.audio import decode_audio
from ..media.clock import Timeline
from ..media.probe import VideoInfo, probe_video
from ..media.reader import Frame, FrameReader
from ..model import Model
from ..options import EditOptions, Progress, no_progress
from ..pipeline.cropper import Cropper, batches
from ..pipeline.encode import encode_crops
from ..pipeline.find import FaceMap
from ..pipeline.read import VideoReader
from .face import SIDE_PX, FaceFigures, OutsideFigure
from .intended import compared, new_words, not_measured
from .judged import judge
from .marks import Evaluation
from .networks.load import Networks
from .pictures import MOST_S, Gatherer, gather
from .protocol import Protocol
from .sound import lag_s, same_packets

#: Codes move by their trembling anyway: a part that moves less says nothing of agreement.
STILL = 0.05
#: Lips are compared when moved against each other by at most so much.
MOST_SHIFT_S = 0.4
TOGETHER = 16
#: Of a square's side: what is further from it is another face.
NEAR = 1 / 3
#: Frames below which little can be said of movement.
FEW = 10


@dataclass(frozen=True)
class Evaluator:
    """Compares pairs. model: the small one, whatever made the edit; networks: published ones that
    judge too, where they are here; protocol: sums up what they say; weights_dir: where a face
    detector is looked for first."""

    model: Model
    networks: Networks | None = None
    protocol: Protocol | None = None
    weights_dir: Path | None = None

    @property
    def _backend(self) -> Backend:
        return self.model.backend

    def __call__(
        self,
        before: Path,
        after: Path,
        emotion: str = "",
        options: EditOptions | None = None,
        progress: Progress = no_progress,
        *,
        truth: Path | None = None,
    ) -> Evaluation:
        """emotion: the name that was asked for, to see whether the face went there; options: how
        faces are found and, as far as it is known, what else was asked for: the faces that were
        edited (of all, the first one is measured) and new speech, whose differences are no faults;
        truth: a true take, for the protocol. Raises :class:`UsageError` where the two cannot be
        compared, :class:`FaceError` where the input shows no face, :class:`MediaError`."""
        wanted = self.model.mixture(emotion) if emotion else None
        emotion = plain_name(emotion) if emotion else ""
        options = options or EditOptions()
        infos = [probe_video(path) for path in (before, after)]
        if (infos[0].width, infos[0].height) != (infos[1].width, infos[1].height):
            sizes = " and ".join(f"{i.width}x{i.height}" for i in infos)
            raise UsageError(
                f"{before} and {after} are of different sizes ({sizes})",
                "compare an edit with its own input, made without --compare and --paste none",
            )
        reader, notes = self._reader(), list[str]()
        maps = [reader.find(infos[0], options, progress, hold=False)]
        with contextlib.suppress(FaceError):
            # Numbers may differ in the edit, or not exist there: whoever it shows is looked at.
            everybody = replace(options, face=None if options.face is None else "all")
            maps.append(reader.find(infos[1], everybody, progress, hold=False))
        if len(maps) < 2:
            notes.append("no face was found in the edit")
        seen = _Seen.of(infos, maps, self._backend, options)
        if self.networks is not None and self.networks.any and len(maps) > 1:
            seen.gather(maps)
        for pair in _pairs(infos):
            seen.add(pair)
            progress("comparing", seen.frames, len(maps[0].ticks))
        values = {
            **_clock(maps, infos),
            "sound": _sound(infos),
            "coverage": _coverage(maps, by_place=options.face is not None),
            **seen.figures.values(),
            **seen.outside.values(),
            **self._codes(seen, maps[0].timeline, wanted),
        }
        if len(maps[0].ticks) < FEW:
            notes.append(f"{len(maps[0].ticks)} frames: too few for how mouth, head and sync go")
        heard = infos[0].audio_streams and options.speech is None
        sound, alike = lag_s(before, after) if heard else (math.nan, math.nan)
        if math.isnan(sound):
            notes.append("sync is not measured: the edit has other sound, or there is none")
        # Lips are compared frame by frame: a picture that begins later has later lips.
        values["sync_s"] = sound - values.pop("lips_s") - _later(maps)
        values["sync_like"] = float(np.minimum(alike, values.pop("lips_like")))  # NaN where one is
        if seen.gatherers:
            values |= self._judged(seen, emotion, options, truth)
        values |= dict.fromkeys(not_measured(options) & values.keys(), math.nan)
        return Evaluation(before, after, values, emotion, tuple(notes))

    def check_emotion(self, name: str) -> None:
        """Raises :class:`UsageError` for a name that is not known."""
        if name:
            self.model.mixture(name)

    def _reader(self) -> VideoReader:
        return VideoReader(self._backend, self.weights_dir or self.model.weights.root)

    def _judged(
        self, seen: _Seen, emotion: str, options: EditOptions, truth: Path | None
    ) -> dict[str, float]:
        """What the networks say; the edit is cut out where the input shows the face."""
        assert self.networks is not None
        before, after = (gatherer.pictures() for gatherer in seen.gatherers)
        dubbed = options.speech is not None  # the edit's lips go with a sound that is not here
        judged = judge(
            replace(self.networks, sync=None) if dubbed else self.networks,
            before,
            after,
            emotion,
            lambda: decode_audio(seen.infos[0].path, max_s=MOST_S),
        )
        if self.protocol is not None:
            reference = before
            if truth is not None:
                try:
                    info = probe_video(truth)
                    found = self._reader().find(info, replace(options, face=None), no_progress)
                except CmetError as error:
                    raise type(error)(f"the true take: {error.message}", error.hint) from error
                reference = gather(info, found.placements[0], found.timeline)
            self.protocol.add(after, reference, emotion, judged, truth=truth is not None)
        return judged.values

    def _codes(
        self, seen: _Seen, timeline: Timeline, wanted: EmotionSource | None
    ) -> dict[str, float]:
        layout = self._backend.layout
        own, edited = (np.array(codes, np.float32) for codes in seen.codes)
        values = {"mouth": math.nan, "pose": math.nan, "expression": math.nan}
        values |= {"lips_s": 0.0, "lips_like": math.nan}
        if len(own) < 3:
            return values
        times_s = timeline.times_s[seen.at]
        lips = own[:, layout.lip_slice], edited[:, layout.lip_slice]
        values["mouth"] = agreement(*lips)
        values["pose"] = agreement(own[:, layout.pose_slice], edited[:, layout.pose_slice])
        step_s = float(np.median(np.diff(times_s)))
        late, values["lips_like"] = shift(*lips, round(MOST_SHIFT_S / step_s))
        values["lips_s"] = late * step_s
        if wanted is not None:
            part = layout.expression_slice
            asked = wanted.delta(own[:, part], replace(timeline, times_s=times_s)).mean(0)
            values["expression"] = _cosine((edited - own)[:, part].mean(0), asked)
        return values


@dataclass
class _Seen:
    """What a pass over both files keeps. compared: how many of the input's frames may be;
    gatherers: of what networks look at, where any do."""

    infos: list[VideoInfo]
    faces: FaceMap
    backend: Backend
    small: tuple[Cropper, Cropper]
    large: tuple[Cropper, Cropper]
    figures: FaceFigures
    outside: OutsideFigure
    codes: tuple[list[np.ndarray], list[np.ndarray]]
    at: list[int]
    compared: int
    frames: int = 0
    gatherers: tuple[Gatherer, ...] = ()

    @classmethod
    def of(
        cls, infos: list[VideoInfo], maps: list[FaceMap], backend: Backend, options: EditOptions
    ) -> _Seen:
        ellipse, (one, other) = backend.crop.calibration.face, infos
        return cls(
            infos,
            maps[0],
            backend,
            (Cropper(one, backend.crop.size_px), Cropper(other, backend.crop.size_px)),
            (Cropper(one, SIDE_PX), Cropper(other, SIDE_PX)),
            FaceFigures(ellipse, new_words=new_words(options)),
            OutsideFigure(ellipse, infos),
            ([], []),
            [],
            compared(options, maps),
        )

    def gather(self, maps: list[FaceMap]) -> None:
        """For networks, too; both files are cut where the input shows the face."""
        place = self.faces.placements[0]
        self.gatherers = tuple(
            Gatherer(info, place, found.timeline)
            for info, found in zip(self.infos, maps, strict=True)
        )

    def add(self, group: list[tuple[Frame, Frame]]) -> None:
        small: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        place = self.faces.placements[0]
        for before, after in group:
            index = before.index
            self.frames += 1
            if index >= self.compared:
                continue
            squares = [face.square(index) for face in self.faces.placements]
            self.outside.add(before.planes[0], after.planes[0], squares)
            square = squares[0]
            if square is None or place.weights[index] <= 0:
                self.figures.cut()
                continue
            last = self.at[-1] if self.at else index
            if last != index - 1 or place.shots[index] != place.shots[last]:
                self.figures.cut()
            pair = (before, after)
            crops = [c(f, square) for c, f in zip(self.large, pair, strict=True)]
            self.figures.add(*crops)
            for gatherer, frame, crop in zip(self.gatherers, pair, crops, strict=False):
                gatherer.add(frame, crop)
            self.at.append(index)
            for kept, cropper, frame in zip(small, self.small, pair, strict=True):
                kept.append(cropper(frame, square))
        for codes, cut in zip(self.codes, small, strict=True):
            if cut:
                codes.extend(encode_crops(cut, self.backend))


def _pairs(infos: list[VideoInfo]) -> Iterator[list[tuple[Frame, Frame]]]:
    """Frames of both files side by side, as far as both go."""
    with FrameReader(infos[0]) as one, FrameReader(infos[1]) as other:
        yield from batches(zip(one, other, strict=False), TOGETHER)


def _clock(maps: list[FaceMap], infos: list[VideoInfo]) -> dict[str, float]:
    if len(maps) < 2:
        return {"frames": math.nan, "times_s": math.nan}
    ticks = [np.array(m.ticks) * float(i.time_base) for m, i in zip(maps, infos, strict=True)]
    n = min(map(len, ticks))
    apart = np.abs((ticks[1][:n] - ticks[1][0]) - (ticks[0][:n] - ticks[0][0])).max()
    return {"frames": len(ticks[1]) / len(ticks[0]), "times_s": float(apart)}


def _later(maps: list[FaceMap]) -> float:
    """How much later the second picture begins, in seconds."""
    starts = [float(m.timeline.times_s[0]) for m in maps]
    return starts[-1] - starts[0]


def _sound(infos: list[VideoInfo]) -> float:
    if any(info.audio_streams for info in infos):
        return same_packets(infos[0].path, infos[1].path)
    return 1.0  # both are silent


def _coverage(maps: list[FaceMap], *, by_place: bool) -> float:
    """Of the faces that the input shows frame by frame, those that the edit shows. by_place: where
    the input does, whatever their number; else whoever was chosen in either."""
    if len(maps) < 2:
        return 0.0
    shown = found = 0
    for place in maps[0].placements:
        n = min(len(maps[0].ticks), len(maps[1].ticks))
        others = [_near(place, p, n) if by_place else p.present[:n] for p in maps[1].placements]
        shown += int(place.present[:n].sum())
        found += int((place.present[:n] & np.any(others, axis=0)).sum())
    return found / shown if shown else math.nan


def _near(place: Placement, other: Placement, n: int) -> np.ndarray:
    """Whether the other stands in the same place, bool ``[n]``; False where either is absent."""
    apart = np.linalg.norm(place.squares[:n, :2] - other.squares[:n, :2], axis=1)
    return apart < NEAR * place.squares[:n, 2]


def agreement(before: np.ndarray, after: np.ndarray) -> float:
    """Correlation over time of all columns together, ``[n, L]``; NaN where nothing moves."""
    a, b = before - before.mean(0), after - after.mean(0)
    if not a.size or np.sqrt(np.square(a).sum(1).mean()) < STILL:
        return math.nan
    return _cosine(a.ravel(), b.ravel())


def shift(before: np.ndarray, after: np.ndarray, most: int) -> tuple[int, float]:
    """Frames by which ``after`` comes later, where they agree best, and how well they agree there;
    0 and NaN where nothing moves."""
    n = len(before)
    most = min(most, n // 3)
    likeness = {0: agreement(before, after)}
    if math.isnan(likeness[0]):
        return 0, math.nan
    for k in range(1, most + 1):
        likeness[k] = agreement(before[: n - k], after[k:])
        likeness[-k] = agreement(before[k:], after[: n - k])
    # Nearest to nought among equals.
    known = {k: round(value, 3) for k, value in likeness.items() if not math.isnan(value)}
    best = max(known, key=lambda k: (known[k], -abs(k)))
    return best, likeness[best]


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))

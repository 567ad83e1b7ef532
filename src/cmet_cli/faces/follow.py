"""Following faces from frame to frame, in one pass and in little memory."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import numpy as np

from ..errors import FaceError
from .detect import Detection, FaceDetector, NearDetector, distinct
from .regions import Box, overlap
from .shots import CutFinder
from .track import ABSENT, BRIDGED, DETECTED, FaceTrack

# With a NearDetector, frames between full searches look only around known faces.
FULL_SEARCH_EVERY_FRAMES = 10
# A face lost for a moment is still looked for where it was going, this long.
EXPECT_FRAMES = 15
# The window of the near search stays put until the face has moved or grown by this share of its
# size: a detector's error depends on where in the window the face is, so moving it adds jitter.
ANCHOR_SHARE = 0.2
LEAST_OVERLAP = 0.2
MOST_DISTANCE = 0.6  # in face sizes, for quick heads whose boxes no longer overlap
MOST_SIZE_RATIO = 1.7
BRIDGE_S = 0.5
# A track needs this many detections, or half of a shorter shot: false alarms come and go.
LEAST_HITS = 5
# ... and a short one must be there in this share of its span.
LEAST_DENSITY, DENSE_ENOUGH_HITS = 0.4, 25
# Faces that appear within this many frames of each other are numbered together, left to right.
TOGETHER_FRAMES = 10


class _Live:
    """A face of the current shot: 20 bytes per frame in which it is seen."""

    def __init__(self, index: int, box: Box) -> None:
        self.frames = array("I")
        self.values = array("f")
        self.box = self.anchor = box
        self.speed = (0.0, 0.0)  # px per frame
        self.take(index, box)

    def take(self, index: int, box: Box) -> None:
        """Record the face at a frame."""
        if self.frames:
            gap = index - self.frames[-1]
            step = [
                (box[i] + box[i + 2] / 2 - self.box[i] - self.box[i + 2] / 2) / gap for i in (0, 1)
            ]
            self.speed = (0.5 * (self.speed[0] + step[0]), 0.5 * (self.speed[1] + step[1]))
        self.frames.append(index)
        self.values.extend(box)
        self.box = box
        size = max(box[2:])
        shift = max(
            abs(box[i] + box[i + 2] / 2 - self.anchor[i] - self.anchor[i + 2] / 2) for i in (0, 1)
        )
        grown = abs(math.log(size / max(self.anchor[2:])))
        if shift > ANCHOR_SHARE * size or grown > ANCHOR_SHARE:
            self.anchor = box

    def expected(self, index: int) -> Box:
        """Where the face should be at a frame, by its speed."""
        age = index - self.frames[-1]
        if age > EXPECT_FRAMES:
            return self.box
        x, y, w, h = self.box
        return x + age * self.speed[0], y + age * self.speed[1], w, h

    def worth_keeping(self, shot_frames: int) -> bool:
        """Whether this looks like a face rather than a false alarm."""
        hits = len(self.frames)
        span = self.frames[-1] - self.frames[0] + 1
        steady = hits >= DENSE_ENOUGH_HITS or hits >= LEAST_DENSITY * span
        return steady and hits >= min(LEAST_HITS, math.ceil(shot_frames / 2))


class Tracker:
    """Give it every frame in order with :meth:`add`, then ask :meth:`finish` for the tracks."""

    def __init__(
        self, detector: FaceDetector, full_search_every: int = FULL_SEARCH_EVERY_FRAMES
    ) -> None:
        """``full_search_every`` frames new faces are looked for; it matters to NearDetectors."""
        self.detector = detector
        self._every = max(1, full_search_every)
        self._cut_finder = CutFinder()
        self._live: list[_Live] = []
        self._kept: list[tuple[int, list[_Live]]] = []  # (shot, its faces)
        self._cuts: list[int] = []
        self._shot_start = 0
        self.n_frames = 0

    def add(self, rgb: np.ndarray) -> None:
        """Look at the next frame, uint8 [H, W, 3]."""
        if self._cut_finder.is_cut(rgb):
            self._close_shot()
            self._cuts.append(self.n_frames)
        self._link(self._look(rgb))
        self.n_frames += 1

    def finish(self, times_s: np.ndarray) -> list[FaceTrack]:
        """All tracks, numbered; gaps up to 0.5 s are bridged. ``times_s``: seconds [n_frames].

        Raises FaceError where no face was found, ValueError for a wrong number of times.
        """
        if len(times_s) != self.n_frames:
            raise ValueError(f"{len(times_s)} times for {self.n_frames} frames")
        self._close_shot()
        live = [one for _, faces in self._kept for one in _left_to_right(faces)]
        if not live:
            raise FaceError(
                f"no face was found in {self.n_frames} frames by the detector "
                f"{self.detector.name!r}",
                "the face should be upright, mostly frontal and at least 1/20 of the picture wide; "
                "for a video that is a face crop already, choose the detector 'none'",
            )
        return [self._track(one, k, times_s) for k, one in enumerate(live, start=1)]

    def _look(self, rgb: np.ndarray) -> list[Detection]:
        """All faces of the frame: the known ones measured in place, new ones now and then."""
        index = self.n_frames
        if not isinstance(self.detector, NearDetector):
            return self.detector.detect(rgb)
        wanted = [one for one in self._live if index - one.frames[-1] <= EXPECT_FRAMES]
        boxes = [
            one.anchor if one.frames[-1] == index - 1 else one.expected(index) for one in wanted
        ]
        near = self.detector.detect_near(rgb, boxes)
        lost_now = any(
            found is None and one.frames[-1] == index - 1
            for one, found in zip(wanted, near, strict=True)
        )
        known = distinct([found for found in near if found is not None])
        if known and not lost_now and (index - self._shot_start) % self._every:
            return known
        fresh = self.detector.detect(rgb)
        return known + [
            found for found in fresh if all(overlap(found.box, one.box) < 0.3 for one in known)
        ]

    def _link(self, detections: list[Detection]) -> None:
        """Give each detection to the face it fits best; the rest begin new tracks."""
        pairs = [
            (_fit(one, found.box, self.n_frames), i, k)
            for i, one in enumerate(self._live)
            for k, found in enumerate(detections)
        ]
        faces, taken = set(), set()
        for fit, i, k in sorted(pairs, reverse=True):
            if fit > 0 and i not in faces and k not in taken:
                self._live[i].take(self.n_frames, detections[k].box)
                faces.add(i)
                taken.add(k)
        for k, found in enumerate(detections):
            if k not in taken:
                self._live.append(_Live(self.n_frames, found.box))

    def _close_shot(self) -> None:
        """Forget false alarms; what is left no longer takes detections."""
        shot_frames = self.n_frames - self._shot_start
        kept = [one for one in self._live if one.worth_keeping(shot_frames)]
        if kept:
            self._kept.append((len(self._cuts), kept))
        self._live = []
        self._shot_start = self.n_frames

    def _track(self, one: _Live, number: int, times_s: np.ndarray) -> FaceTrack:
        seen = np.array(one.frames, np.int64)
        first, length = int(seen[0]), int(seen[-1] - seen[0]) + 1
        boxes = np.full((length, 4), np.nan, np.float32)
        status = np.full(length, ABSENT, np.uint8)
        boxes[seen - first] = np.array(one.values, np.float32).reshape(-1, 4)
        status[seen - first] = DETECTED
        for a, b in pairwise(seen):
            # From the first frame without the face to the one that has it again.
            if b - a > 1 and times_s[b] - times_s[a + 1] <= BRIDGE_S + 1e-6:
                share = (times_s[a + 1 : b] - times_s[a]) / (times_s[b] - times_s[a])
                start, end = boxes[a - first], boxes[b - first]
                boxes[a + 1 - first : b - first] = start + share[:, None] * (end - start)
                status[a + 1 - first : b - first] = BRIDGED
        return FaceTrack(
            number, self.detector.name, self.n_frames, first, boxes, status, tuple(self._cuts)
        )


def _fit(one: _Live, box: Box, index: int) -> float:
    """How well a box continues a face; 0 where it does not."""
    due = one.expected(index)
    size, due_size = math.sqrt(box[2] * box[3]), math.sqrt(due[2] * due[3])
    ratio = max(size / due_size, due_size / size)
    apart = math.dist(
        (box[0] + box[2] / 2, box[1] + box[3] / 2), (due[0] + due[2] / 2, due[1] + due[3] / 2)
    ) / max(size, due_size)
    shared = overlap(due, box)
    if ratio > MOST_SIZE_RATIO or (shared < LEAST_OVERLAP and apart > MOST_DISTANCE):
        return 0.0
    # Always positive from here on; a face seen just now has precedence over one lost for long.
    waited = min(index - one.frames[-1] - 1, 50) / 100
    return 2.0 + shared - 0.5 * apart - 0.5 * math.log(ratio) - waited


def _left_to_right(faces: list[_Live]) -> list[_Live]:
    """In order of appearance; those that appear together by where they first stood."""
    ordered: list[_Live] = []
    group: list[_Live] = []
    for one in sorted(faces, key=lambda face: face.frames[0]):
        if group and one.frames[0] - group[0].frames[0] > TOGETHER_FRAMES:
            ordered += sorted(group, key=lambda face: face.values[0] + face.values[2] / 2)
            group = []
        group.append(one)
    return ordered + sorted(group, key=lambda face: face.values[0] + face.values[2] / 2)

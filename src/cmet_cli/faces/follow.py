"""Following faces from frame to frame, in one pass and in little memory."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from ..errors import FaceError
from .appearance import Appearance, appearance_of
from .detection import Detection, FaceDetector, NearDetector, distinct
from .foresight import Foresight
from .live import ANCHOR_SHARE, EXPECT_FRAMES, ROW, LiveFace, Sight
from .regions import Box, overlap
from .shots import CutFinder
from .track import ABSENT, BRIDGED, DETECTED, FaceTrack

# With a NearDetector, frames between full searches look only around known faces.
FULL_SEARCH_EVERY_FRAMES = 10
LEAST_OVERLAP = 0.2
MOST_DISTANCE = 0.6  # in face sizes, for quick heads whose boxes no longer overlap
MOST_SIZE_RATIO = 1.7
BRIDGE_S = 0.5
# Faces that appear within this many frames of each other are numbered together, left to right.
TOGETHER_FRAMES = 10


class FaceFollower:
    """Give it every frame in order with :meth:`add`, then ask :meth:`finish` for the tracks."""

    def __init__(
        self,
        detector: FaceDetector,
        full_search_every: int = FULL_SEARCH_EVERY_FRAMES,
        *,
        by_looks: bool = True,
        foresight: Foresight | None = None,
    ) -> None:
        """``full_search_every`` frames new faces are looked for; it matters to NearDetectors.
        ``by_looks``: tell people apart by appearance too, not by place alone. ``foresight``: looks
        at frames that :meth:`foresee` tells of.
        """
        self.detector = detector
        self._foresight = foresight if isinstance(detector, NearDetector) else None
        self._grows = getattr(detector, "grows", ANCHOR_SHARE)
        self._by_looks = by_looks
        self._every = max(1, full_search_every)
        self._cut_finder = CutFinder()
        self._live: list[LiveFace] = []
        self._kept: list[LiveFace] = []  # of closed shots
        self._cuts: list[int] = []
        self._shot_start = 0
        self.n_frames = 0

    def foresee(self, rgb: np.ndarray) -> None:
        """A frame that will be given to :meth:`add`, after those told of before. Changes nothing
        but the time it takes."""
        if self._foresight is not None:
            due = self._search_is_due(self.n_frames + self._foresight.waiting)
            self._foresight.begin(rgb, search=due)

    def add(self, rgb: np.ndarray) -> None:
        """Look at the next frame, uint8 [H, W, 3]."""
        if self._foresight is not None:
            self._foresight.advance()
        if self._cut_finder.is_cut(rgb):
            self._cut(self.n_frames)
        swap = self._link(rgb, self._look(rgb))
        self.n_frames += 1
        if swap is not None:
            # Another face in the place of the last one, before the same wall: a cut all the same.
            self._cut(swap)
        if self._foresight is not None:
            seen = self.n_frames - 1
            self._foresight.expect([one.anchor for one in self._live if one.frames[-1] == seen])

    def finish(self, times_s: np.ndarray) -> list[FaceTrack]:
        """All tracks, numbered; gaps up to 0.5 s are bridged. ``times_s``: seconds [n_frames].

        Raises FaceError where no face was found, ValueError for a wrong number of times.
        """
        if len(times_s) != self.n_frames:
            raise ValueError(f"{len(times_s)} times for {self.n_frames} frames")
        self._close_shot(self.n_frames)
        self._live = []
        if not self._kept:
            raise FaceError(
                f"no face was found in {self.n_frames} frames by the detector "
                f"{self.detector.name!r}",
                "the face should be upright, mostly frontal and at least 1/20 of the picture wide; "
                "for a video that is a face crop already, choose the detector 'none'",
            )
        return [self._track(one, k, times_s) for k, one in enumerate(self._kept, start=1)]

    def _look(self, rgb: np.ndarray) -> list[Detection]:
        """All faces of the frame: the known ones measured in place, new ones now and then."""
        index = self.n_frames
        if not isinstance(self.detector, NearDetector):
            return self.detector.detect(rgb)
        wanted = [one for one in self._live if index - one.frames[-1] <= EXPECT_FRAMES]
        boxes = [
            one.anchor if one.frames[-1] == index - 1 else one.expected(index) for one in wanted
        ]
        ahead = self._foresight
        near = ahead.near(boxes) if ahead is not None else None
        if near is None:
            near = self.detector.detect_near(rgb, boxes)
        lost_now = any(
            found is None and one.frames[-1] == index - 1
            for one, found in zip(wanted, near, strict=True)
        )
        known = distinct([found for found in near if found is not None])
        if known and not lost_now and not self._search_is_due(index):
            return known
        fresh = ahead.whole() if ahead is not None else None
        fresh = self.detector.detect(rgb) if fresh is None else fresh
        return known + [
            found for found in fresh if all(overlap(found.box, one.box) < 0.3 for one in known)
        ]

    def _search_is_due(self, index: int) -> bool:
        return (index - self._shot_start) % self._every == 0

    def _look_of(self, rgb: np.ndarray, found: Detection) -> Appearance | None:
        if not self._by_looks:
            return None
        known = self._foresight.look(found) if self._foresight is not None else None
        return appearance_of(rgb, found) if known is None else known

    def _link(self, rgb: np.ndarray, detections: list[Detection]) -> int | None:
        """Give each detection to the face it fits best; the rest begin new tracks.

        -> the frame since when a face is somebody else's, if one is.
        """
        pairs = [
            (_fit(one, found.box, self.n_frames), i, k)
            for i, one in enumerate(self._live)
            for k, found in enumerate(detections)
        ]
        faces: dict[int, int] = {}  # of each detection
        for fit, i, k in sorted(pairs, reverse=True):
            if fit > 0 and k not in faces and i not in faces.values():
                faces[k] = i
        swaps, setting = [], self._cut_finder.picture
        for k, found in enumerate(detections):
            seen = Sight(self._look_of(rgb, found), setting)
            if k in faces:
                swaps.append(self._live[faces[k]].take(self.n_frames, found, seen))
            else:
                self._live.append(LiveFace(self.n_frames, found, seen, self._grows))
        return min((swap for swap in swaps if swap is not None), default=None)

    def _cut(self, index: int) -> None:
        """Begin a new shot at a frame, the next one or one just seen."""
        tails = [tail for one in self._live if (tail := one.split(index))]
        self._live = [one for one in self._live if one.frames]
        self._close_shot(index)
        self._cuts.append(index)
        self._live, self._shot_start = tails, index

    def _close_shot(self, end: int) -> None:
        """Forget false alarms; what is left no longer takes detections."""
        shot_frames = end - self._shot_start
        self._kept += _left_to_right([f for f in self._live if f.worth_keeping(shot_frames)])

    def _track(self, one: LiveFace, number: int, times_s: np.ndarray) -> FaceTrack:
        seen = np.array(one.frames, np.int64)
        first, length = int(seen[0]), int(seen[-1] - seen[0]) + 1
        boxes = np.full((length, 4), np.nan, np.float32)
        status = np.full(length, ABSENT, np.uint8)
        rows = np.array(one.values, np.float32).reshape(-1, ROW)
        boxes[seen - first] = rows[:, :4]
        landmarks = np.full((length, 5, 2), np.nan, np.float32)
        landmarks[seen - first] = rows[:, 4:].reshape(-1, 5, 2)
        status[seen - first] = DETECTED
        for a, b in pairwise(seen):
            # From the first frame without the face to the one that has it again.
            if b - a > 1 and times_s[b] - times_s[a + 1] <= BRIDGE_S + 1e-6:
                share = (times_s[a + 1 : b] - times_s[a]) / (times_s[b] - times_s[a])
                start, end = boxes[a - first], boxes[b - first]
                boxes[a + 1 - first : b - first] = start + share[:, None] * (end - start)
                status[a + 1 - first : b - first] = BRIDGED
        return FaceTrack(
            number=number,
            detector=self.detector.name,
            n_frames=self.n_frames,
            first=first,
            span_boxes=boxes,
            span_status=status,
            span_landmarks=landmarks,
            cuts=tuple(self._cuts),
            appearance=one.look,
            setting=np.stack(one.setting),
        )


def _fit(one: LiveFace, box: Box, index: int) -> float:
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


def _left_to_right(faces: list[LiveFace]) -> list[LiveFace]:
    """In order of appearance; those that appear together by where they first stood."""
    ordered: list[LiveFace] = []
    group: list[LiveFace] = []
    for one in sorted(faces, key=lambda face: face.frames[0]):
        if group and one.frames[0] - group[0].frames[0] > TOGETHER_FRAMES:
            ordered += sorted(group, key=lambda face: face.values[0] + face.values[2] / 2)
            group = []
        group.append(one)
    return ordered + sorted(group, key=lambda face: face.values[0] + face.values[2] / 2)

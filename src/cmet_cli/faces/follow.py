"""Following faces from frame to frame, in one pass and in little memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..errors import FaceError
from .appearance import Appearance, appearance_of
from .detection import Detection, FaceDetector, NearDetector, distinct
from .foresight import Foresight, Sizes, searched
from .live import ANCHOR_SHARE, EXPECT_FRAMES, ROW, LiveFace, Sight
from .regions import Box, overlap
from .shots import CutFinder
from .track import ABSENT, BRIDGED, DETECTED, FaceTrack

# With a NearDetector, frames between full searches look only around known faces, so many of them.
SEARCH_EVERY_LOOKS, LEAST_SEARCH_EVERY_FRAMES = 5, 10
# Most of these searches are for large faces, where all that are known are larger than this share of
# the picture's long side: the others are hardly those that are edited.
THOROUGH_EVERY_SEARCHES, LARGE = 5, 0.18
# A face that has hardly moved since it was last looked at (in shares of its size) and looks the
# same was on the way in the frames between, which then need not be looked at.
HARDLY = 0.02
LEAST_OVERLAP = 0.2
MOST_DISTANCE = 0.6  # in face sizes, for quick heads whose boxes no longer overlap
MOST_SIZE_RATIO = 1.7
BRIDGE_S = 0.5
# Faces that appear within this many frames of each other are numbered together, left to right.
TOGETHER_FRAMES = 10


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame: its number, uint8 [H, W, 3], the whole reduced, and what was found beforehand."""

    index: int
    rgb: np.ndarray
    setting: np.ndarray
    ahead: Foresight | None = None


class FaceFollower:
    """Give it every frame in order with :meth:`add`, then ask :meth:`finish` for the tracks."""

    def __init__(
        self,
        detector: FaceDetector,
        *,
        look_every: int = 1,
        by_looks: bool = True,
        foresight: Foresight | None = None,
    ) -> None:
        """``look_every`` frames faces are looked at that hardly move; the frames between are looked
        at where they do. It matters to NearDetectors, as how often new faces are looked for does.
        ``by_looks``: tell people apart by appearance too, not by place alone. ``foresight``: looks
        at frames that :meth:`foresee` tells of.
        """
        self.detector = detector
        near = detector if isinstance(detector, NearDetector) else None
        self._near_detector, self._foresight = near, foresight if near else None
        self._grows = getattr(detector, "grows", ANCHOR_SHARE)
        self._by_looks = by_looks
        self._every = max(1, look_every) if near else 1
        least = -(-LEAST_SEARCH_EVERY_FRAMES // self._every)
        self._search_every = self._every * max(least, SEARCH_EVERY_LOOKS)
        self._cut_finder = CutFinder()
        self._live: list[LiveFace] = []
        self._kept: list[LiveFace] = []  # of closed shots
        self._cuts: list[int] = []
        self._shot_start = 0
        self._looked = -1  # the last frame that was looked at
        self._still = False  # whether all faces hardly moved then
        self._left_out: list[_Seen] = []  # since then
        self.n_frames = 0

    def foresee(self, rgb: np.ndarray) -> None:
        """A frame that will be given to :meth:`add`, after those told of before. Changes nothing
        but the time it takes."""
        if self._foresight is not None:
            index = self.n_frames + self._foresight.waiting
            near = not self._still or self._is_due(index, self._every)
            self._foresight.begin(rgb, near=near, search=self._search_due(index, rgb))

    def add(self, rgb: np.ndarray) -> None:
        """Look at the next frame, uint8 [H, W, 3]."""
        if self._foresight is not None:
            self._foresight.advance()
        if self._cut_finder.is_cut(rgb):
            self._catch_up()
            self._cut(self.n_frames)
        seen = _Seen(self.n_frames, rgb, self._cut_finder.picture, self._foresight)
        self.n_frames += 1
        if self._still and not self._is_due(seen.index, self._every):
            self._left_out.append(replace(seen, ahead=None))
            return
        self._look(seen)
        if self._foresight is not None:
            here = [one.anchor for one in self._live if self._is_here(one)]
            self._foresight.expect(here, in_each=not self._still)

    def _look(self, seen: _Seen) -> None:
        """Look at a frame, and before at those since the last one if they may show anything."""
        known, near = self._near(seen)
        still = self._hardly_moved(seen, known, near)
        if self._left_out and not still:
            self._catch_up()
            known, near = self._near(seen)
            still = self._hardly_moved(seen, known, near)
        swap = self._link(seen, self._all_in(seen, known, near))
        self._looked, self._still = seen.index, still
        self._left_out.clear()
        if swap is not None:
            # Another face in the place of the last one, before the same wall: a cut all the same.
            self._cut(swap)

    def _catch_up(self) -> None:
        """Look at what was left out, frame after frame."""
        left_out, self._left_out = self._left_out, []
        for seen in left_out:
            self._look(seen)

    def _is_due(self, index: int, every: int) -> bool:
        return (index - self._shot_start) % every == 0

    def _search_due(self, index: int, rgb: np.ndarray) -> Sizes | None:
        if not self._is_due(index, self._search_every):
            return None
        thorough = self._is_due(index, THOROUGH_EVERY_SEARCHES * self._search_every)
        least = LARGE * max(rgb.shape[:2])
        known = [max(one.box[2:]) for one in self._live if self._is_here(one)]
        return "large" if known and min(known) >= least and not thorough else "all"

    def _is_here(self, one: LiveFace) -> bool:
        """Whether a face is in the last frame that was looked at."""
        return one.frames[-1] == self._looked

    def finish(self, times_s: np.ndarray) -> list[FaceTrack]:
        """All tracks, numbered; gaps up to 0.5 s are bridged. ``times_s``: seconds [n_frames].

        Raises FaceError where no face was found, ValueError for a wrong number of times.
        """
        if len(times_s) != self.n_frames:
            raise ValueError(f"{len(times_s)} times for {self.n_frames} frames")
        self._catch_up()
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

    def _near(self, seen: _Seen) -> tuple[list[LiveFace], list[Detection | None]]:
        """Faces that should be here, and what is found where they should be."""
        if self._near_detector is None:
            return [], []
        known = [one for one in self._live if seen.index - one.frames[-1] <= EXPECT_FRAMES]
        boxes = [one.anchor if self._is_here(one) else one.expected(seen.index) for one in known]
        near = seen.ahead.near(boxes) if seen.ahead is not None else None
        return known, self._near_detector.detect_near(seen.rgb, boxes) if near is None else near

    def _hardly_moved(
        self, seen: _Seen, known: list[LiveFace], near: list[Detection | None]
    ) -> bool:
        """Whether these faces, and no others, are where and as they were last."""
        return bool(known) and all(
            found is not None
            and self._is_here(one)
            and one.moved(found.box) < HARDLY
            and one.goes_on(seen.index, self._look_of(seen, found))
            for one, found in zip(known, near, strict=True)
        )

    def _all_in(
        self, seen: _Seen, known: list[LiveFace], near: list[Detection | None]
    ) -> list[Detection]:
        """All faces of the frame: the known ones measured in place, new ones now and then."""
        if self._near_detector is None:
            return self.detector.detect(seen.rgb)
        lost_now = any(
            found is None and self._is_here(one) for one, found in zip(known, near, strict=True)
        )
        here = distinct([found for found in near if found is not None])
        sizes = self._search_due(seen.index, seen.rgb)
        if not here or lost_now:
            sizes = "all"
        if sizes is None:
            return here
        fresh = seen.ahead.whole(sizes) if seen.ahead is not None else None
        fresh = searched(self.detector, seen.rgb, sizes) if fresh is None else fresh
        return here + [
            found for found in fresh if all(overlap(found.box, one.box) < 0.3 for one in here)
        ]

    def _look_of(self, seen: _Seen, found: Detection) -> Appearance | None:
        if not self._by_looks:
            return None
        known = seen.ahead.look(found) if seen.ahead is not None else None
        return appearance_of(seen.rgb, found) if known is None else known

    def _link(self, seen: _Seen, detections: list[Detection]) -> int | None:
        """Give each detection to the face it fits best; the rest begin new tracks.

        -> the frame since when a face is somebody else's, if one is.
        """
        pairs = [
            (_fit(one, found.box, seen.index), i, k)
            for i, one in enumerate(self._live)
            for k, found in enumerate(detections)
        ]
        faces: dict[int, int] = {}  # of each detection
        for fit, i, k in sorted(pairs, reverse=True):
            if fit > 0 and k not in faces and i not in faces.values():
                faces[k] = i
        swaps = []
        for k, found in enumerate(detections):
            sight = Sight(self._look_of(seen, found), seen.setting)
            if k in faces:
                one = self._live[faces[k]]
                if self._left_out and self._is_here(one):
                    one.go_straight(seen.index, found)
                swaps.append(one.take(seen.index, found, sight))
            else:
                self._live.append(LiveFace(seen.index, found, sight, self._grows))
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

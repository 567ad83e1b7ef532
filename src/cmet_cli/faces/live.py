"""One face of the shot that is being looked at, until it becomes a track."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import deque
from copy import copy
from dataclasses import dataclass
from functools import reduce

import numpy as np

from .appearance import Appearance, same_person
from .detection import Detection
from .regions import Box

# A face lost for a moment is still looked for where it was going, this long.
EXPECT_FRAMES = 15
# The window of the near search stays put until the face has moved by this share of its size: a
# detector's error depends on where in the window the face is, so moving it adds jitter. By how much
# a face may grow depends on the detector.
ANCHOR_SHARE = 0.2
# A track needs this many detections, or half of a shorter shot: false alarms come and go.
LEAST_HITS = 5
# ... and a short one must be there in this share of its span.
LEAST_DENSITY, DENSE_ENOUGH_HITS = 0.4, 25
# One face dissolves into another where it has become this unlike itself of half a second ago, for
# this many frames. People with strong emotions stay above 3 (ten drawn clips, two filmed ones above
# 1); of 24 dissolves between drawn people before one wall 19 go below.
DISSOLVE_ODDS, DISSOLVE_FRAMES, DISSOLVE_SURE_FRAMES = -3.0, 12, 3
# Who was away for a while may have changed.
LONG_AGO_FRAMES = 18
ROW = 14  # numbers of a face in a frame
NO_LANDMARKS = (math.nan,) * 10


@dataclass(frozen=True, eq=False)
class Sight:
    """What is kept of a picture beside the face's place: its look, and the whole reduced."""

    look: Appearance | None
    setting: np.ndarray  # uint8 [32, 32, 3]


class LiveFace:
    """A face of the current shot: 60 bytes per frame in which it is seen."""

    def __init__(
        self, index: int, found: Detection, seen: Sight, grows: float = ANCHOR_SHARE
    ) -> None:
        """grows: a detector's (:class:`NearDetector`)."""
        self.grows = grows
        self.frames = array("I")
        self.values = array("f")  # x, y, w, h and ten of the landmarks
        self.box = self.anchor = found.box
        self.speed = (0.0, 0.0)  # px per frame
        self.last_look, self.last_at = seen.look, index
        self.recent: deque[tuple[int, Appearance]] = deque()  # by frame
        if seen.look is not None:
            self.recent.append((index, seen.look))
        self.old: tuple[int, Appearance] | None = None  # the one before these
        self.settled: Appearance | None = None  # the mean look until then
        self.setting = [seen.setting, seen.setting]  # at its first and last frame
        self.odd: tuple[int, Appearance] | None = None  # since when it looks like somebody else
        self.unlike: list[int] = []  # frames of old, so unlike those since
        self.record(index, found)

    def take(self, index: int, found: Detection, seen: Sight) -> int | None:
        """Record the face at a frame; -> the frame since when it is somebody else's, if it is."""
        box, gap = found.box, index - self.frames[-1]
        step = [(box[i] + box[i + 2] / 2 - self.box[i] - self.box[i + 2] / 2) / gap for i in (0, 1)]
        self.speed = (0.5 * (self.speed[0] + step[0]), 0.5 * (self.speed[1] + step[1]))
        self.record(index, found)
        self.setting[1] = seen.setting
        return self._check(index, seen.look)

    def moved(self, box: Box) -> float:
        """How far a box is from the last one, or how much larger or smaller; in its sizes."""
        centre, size = (_centre(one) for one in (self.box, box)), max(self.box[2:])
        return max(math.dist(*centre), abs(max(box[2:]) - size)) / size

    def go_straight(self, index: int, found: Detection) -> None:
        """Be on the way to this frame in those since the last one, where nobody looked."""
        start, first = np.array(self.values[-ROW:]), self.frames[-1]
        way = np.array(_row(found)) - start
        for between in range(first + 1, index):
            self.frames.append(between)
            self.values.extend(start + (between - first) / (index - first) * way)
        x, y, w, h = self.values[-ROW:][:4]
        self.box = x, y, w, h

    def record(self, index: int, found: Detection) -> None:
        """Keep the face's numbers at a frame."""
        box = found.box
        self.frames.append(index)
        self.values.extend(_row(found))
        self.box = box
        size = max(box[2:])
        shift = max(
            abs(box[i] + box[i + 2] / 2 - self.anchor[i] - self.anchor[i + 2] / 2) for i in (0, 1)
        )
        if shift > ANCHOR_SHARE * size:
            self.anchor = box
        elif abs(math.log(size / max(self.anchor[2:]))) > self.grows:
            x, y, w, h = self.anchor
            self.anchor = x + (w - box[2]) / 2, y + (h - box[3]) / 2, box[2], box[3]

    def _check(self, index: int, look: Appearance | None) -> int | None:
        """From one frame to the next a face hardly changes, unless it is another one. A flash or a
        hand lasts a moment: the new look must be seen twice."""
        if look is None or self.last_look is None:
            return None
        if same_person(self.last_look, look) >= 0:
            self.last_look, self.last_at, self.odd = look, index, None
            return self._check_dissolve(index, look)
        if self.odd is not None and same_person(self.odd[1], look) >= 0:
            return self.odd[0]
        self.odd = (index, look)
        return None

    def goes_on(self, index: int, look: Appearance | None) -> bool:
        """Whether who looks so at a frame is the one of before, and is not becoming another."""
        if look is None or self.last_look is None:
            return True
        if same_person(self.last_look, look) < 0:
            return False
        before = [seen for seen in self.recent if index - seen[0] >= DISSOLVE_FRAMES]
        return not self._is_unlike(index, look, before[-1] if before else self.old)

    @staticmethod
    def _is_unlike(index: int, look: Appearance, old: tuple[int, Appearance] | None) -> bool:
        """old: what is compared with, unless that was too long ago."""
        if old is None or index - old[0] > LONG_AGO_FRAMES:
            return False
        return same_person(old[1], look) < DISSOLVE_ODDS

    def _check_dissolve(self, index: int, look: Appearance) -> int | None:
        self.recent.append((index, look))
        while index - self.recent[0][0] >= DISSOLVE_FRAMES:
            self.old = self.recent.popleft()
            old = self.old[1]
            self.settled = old if self.settled is None else self.settled.joined(old)
        if self.old is not None and self._is_unlike(index, look, self.old):
            self.unlike.append(self.old[0])
        else:
            self.unlike.clear()
        middle = bisect_left(self.frames, index + 1 - DISSOLVE_FRAMES // 2)
        return self.frames[middle] if self._dissolved else None

    @property
    def _dissolved(self) -> bool:
        # One odd look of then is not enough.
        return len(self.unlike) >= DISSOLVE_SURE_FRAMES and self.unlike[0] != self.unlike[-1]

    @property
    def look(self) -> Appearance | None:
        """The mean look; None where looks are not asked for."""
        looks = [look for _, look in self.recent]
        looks = looks if self.settled is None else [self.settled, *looks]
        return reduce(Appearance.joined, looks) if looks else None

    def split(self, index: int) -> LiveFace | None:
        """Cut off what lies at a frame and later; None where there is nothing."""
        at = bisect_left(self.frames, index)
        if at == len(self.frames):
            return None
        tail = copy(self)
        tail.frames, tail.values = self.frames[at:], self.values[at * ROW :]
        self.frames, self.values = self.frames[:at], self.values[: at * ROW]
        tail.last_look = self.last_look if self.odd is None else self.odd[1]
        tail.last_at = self.last_at if self.odd is None else self.odd[0]
        tail.recent = deque()
        if tail.last_look is not None:
            tail.recent.append((tail.last_at, tail.last_look))
        tail.settled = tail.old = None
        if self._dissolved:
            self.recent.clear()  # the last looks are of both
        tail.odd, tail.unlike = None, []
        tail.setting = [self.setting[1]] * 2
        return tail

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


def _centre(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _row(found: Detection) -> tuple[float, ...]:
    marks = found.landmarks
    return (*found.box, *(NO_LANDMARKS if marks is None else marks.ravel()))

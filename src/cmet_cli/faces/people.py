"""Which tracks are one person's, through cuts and absences; and who of them is edited.

A person is known again by looks. The place counts only where the camera is back in the same place:
in a dialogue the other one stands where the first one stood. When in doubt the odds decide, a bit
in favour of somebody else: better a shot that is not edited than a stranger who is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from ..errors import FaceError, UsageError
from .appearance import Appearance, same_person
from .regions import overlap
from .shots import unlikeness
from .track import ABSENT, FaceTrack

# Log-odds from which a face is known again. Of single pairs of shots (drawn people in random poses,
# emotions, light, sizes and places) this misses 2..9 % of the same person's and takes 2..4 % of
# other people's for the same; two filmed people are never confused, stills of one man taken years
# apart mostly are not known again.
LEAST_ODDS = 1.0
# Up to this log-odds more for a face in the same place before the same setting ...
SETTING_ODDS = 2.0
SAME_SETTING_UNLIKENESS = 0.25
SAME_PLACE_OVERLAP = 0.3
# ... which is looked for in this many of a person's latest tracks.
SETTINGS_KEPT = 8
# Of people about as prominent as the most prominent one the first is taken: boxes tremble.
AS_PROMINENT = 0.97


@dataclass
class _Person:
    tracks: list[FaceTrack] = field(default_factory=list)
    appearance: Appearance | None = None

    def add(self, track: FaceTrack) -> None:
        self.tracks.append(track)
        look = track.appearance
        if look is not None:
            self.appearance = look if self.appearance is None else self.appearance.joined(look)

    def odds(self, track: FaceTrack) -> float:
        """Log-odds that the track is this person's."""
        if any(track.first < own.end and own.first < track.end for own in self.tracks):
            return -np.inf
        if self.appearance is None or track.appearance is None:
            return np.inf
        place = max(_place_again(own, track) for own in self.tracks[-SETTINGS_KEPT:])
        return same_person(self.appearance, track.appearance) + SETTING_ODDS * place


def number_people(tracks: Sequence[FaceTrack]) -> list[FaceTrack]:
    """One track per person over the whole clip, numbered from 1 in order of appearance.

    ``tracks``: as :meth:`FaceFollower.finish` gives them, in order of shots.
    """
    people: list[_Person] = []
    shots = sorted({track.shot for track in tracks})
    for shot in shots:
        _assign([track for track in tracks if track.shot == shot], people)
    return [_join(person.tracks, k) for k, person in enumerate(people, start=1)]


def choose_people(
    people: Sequence[FaceTrack], choice: int | str | None = None
) -> tuple[FaceTrack, ...]:
    """Those to edit. ``None``: the largest and most present, of about equals the first; ``N``:
    number N; ``"all"``: everybody.

    Raises UsageError for an N that does not exist, FaceError where there is nobody.
    """
    if not people:
        raise FaceError("no face was found", "try another detector, or a frontal, larger face")
    if choice is None:
        most = max(person.prominence for person in people)
        return (next(p for p in people if p.prominence >= AS_PROMINENT * most),)
    if choice == "all":
        return tuple(people)
    if isinstance(choice, bool) or not isinstance(choice, int):
        raise UsageError(f"no such choice of face: {choice!r}", "give a number, or 'all'")
    if not 1 <= choice <= len(people):
        count = "1 face" if len(people) == 1 else f"{len(people)} faces"
        raise UsageError(
            f"face {choice} does not exist: the video shows {count}",
            "see the numbers with: cmet faces VIDEO -o faces.png",
        )
    return (people[choice - 1],)


def shots_of_others(people: Sequence[FaceTrack], chosen: Sequence[FaceTrack]) -> tuple[int, int]:
    """(shots, frames) that show people, none of them chosen in the whole shot."""
    anybody, wanted = _anybody(people), _anybody(chosen)
    bounds = [0, *people[0].cuts, people[0].n_frames]
    frames = [int(anybody[a:b].sum()) for a, b in pairwise(bounds) if not wanted[a:b].any()]
    return sum(count > 0 for count in frames), sum(frames)


def _anybody(people: Sequence[FaceTrack]) -> np.ndarray:
    """bool [n_frames]: whether any of them is there."""
    there = np.zeros(people[0].n_frames, bool)
    for person in people:
        there[person.first : person.end] |= person.span_status != ABSENT
    return there


def _assign(tracks: Sequence[FaceTrack], people: list[_Person]) -> None:
    """Give one shot's tracks to the people they fit best; the rest are new people."""
    left = list(range(len(tracks)))
    odds = {(p, t): person.odds(tracks[t]) for p, person in enumerate(people) for t in left}
    while left:
        p, t = max(odds, key=lambda pair: odds[pair], default=(-1, -1))
        if p < 0 or odds[p, t] <= LEAST_ODDS:
            p, t = len(people), left[0]
            people.append(_Person())
        people[p].add(tracks[t])
        left.remove(t)
        odds = {pair: value for pair, value in odds.items() if pair[1] != t}
        odds |= {(p, other): people[p].odds(tracks[other]) for other in left}


def _place_again(before: FaceTrack, after: FaceTrack) -> float:
    """0..1: how surely the camera stands where it stood, and the face where it was."""
    if before.setting is None or after.setting is None:
        return 0.0
    if overlap(before.span_boxes[-1], after.span_boxes[0]) < SAME_PLACE_OVERLAP:
        return 0.0
    last, first = before.setting[1].astype(np.float32), after.setting[0].astype(np.float32)
    return max(0.0, 1.0 - unlikeness(last, first) / SAME_SETTING_UNLIKENESS)


def _join(parts: Sequence[FaceTrack], number: int) -> FaceTrack:
    """One track from tracks that do not overlap in time."""
    first = min(part.first for part in parts)
    length = max(part.end for part in parts) - first
    boxes = np.full((length, 4), np.nan, np.float32)
    landmarks = np.full((length, 5, 2), np.nan, np.float32)
    status = np.zeros(length, np.uint8)
    for part in parts:
        at = slice(part.first - first, part.end - first)
        boxes[at], status[at] = part.span_boxes, part.span_status
        landmarks[at] = part.span_landmarks
    return replace(
        parts[0],
        number=number,
        first=first,
        span_boxes=boxes,
        span_status=status,
        span_landmarks=landmarks,
    )

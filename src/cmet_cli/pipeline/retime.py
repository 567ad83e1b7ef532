"""A video on a clock of another length: which frame is shown when, and all that is known of it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..faces.placement import Placement
from ..media.clock import Timeline
from ..media.probe import VideoInfo
from ..media.script import Script
from ..media.writer import frame_step
from ..options import Fit
from .encode import FaceCodes
from .find import LONG, FaceMap
from .read import VideoReading

#: A loop's end melts into its beginning over so long.
MELT_S = 0.32


class Fitted(NamedTuple):
    """The script, the time of each of its frames in ticks, and for how many the last is shown, 0
    where as long as usual."""

    script: Script
    ticks: list[int]
    last_ticks: int = 0


def fitted(fit: Fit, faces: FaceMap, info: VideoInfo, length_s: float) -> Fitted | None:
    """None where all stays as it is.

    length_s: of the new sound. ``cut`` never makes a picture longer, the others never shorter.
    """
    times_s = faces.timeline.times_s - faces.timeline.times_s[0]
    n, missing_s = len(times_s), length_s - faces.timeline.duration_s
    step_s = faces.timeline.step_s
    if fit == "cut":
        kept = max(1, int(np.searchsorted(times_s, length_s - 1e-6)))
        if kept >= n and not (faces.timeline.last_s and missing_s < -step_s / 2):
            return None
        # The frame that the sound ends in may be one that is shown long.
        last_ticks = round((length_s - float(times_s[kept - 1])) / float(info.time_base))
        long = last_ticks > LONG * frame_step(faces.ticks, info)
        return Fitted(Script.of(np.arange(kept)), faces.ticks[:kept], last_ticks * long)
    if fit == "video" or missing_s <= step_s / 2:
        return None
    melting = 0
    if fit == "loop" and faces.placements[0].shots[0] == faces.placements[0].shots[-1]:
        melting = min(round(MELT_S / step_s), n // 3)
    usual, length = frame_step(faces.ticks, info), length_s / float(info.time_base)
    indices, ticks = _longer(fit, faces.ticks, usual, melting, length)
    return Fitted(_melting(indices, melting, n), ticks)


def _longer(
    fit: Fit, ticks: list[int], usual: int, melting: int, length_ticks: float
) -> tuple[np.ndarray, list[int]]:
    """Frames in the order of ``fit``, until they last as long as is asked, and their times."""
    n = len(ticks)
    order = list(range(n))
    again = {
        "loop": order[melting:],
        # Ends on its last frame, so that it may begin anew.
        "bounce": [*order[-2::-1], *order[1:]] or order,
        "hold": order[-1:],
    }[fit]
    out, at = list(order), list(ticks)
    while at[-1] + usual - at[0] < length_ticks:
        for index in again:
            beside = abs(index - out[-1]) == 1
            at.append(at[-1] + (abs(ticks[index] - ticks[out[-1]]) if beside else usual))
            out.append(index)
            if at[-1] + usual - at[0] >= length_ticks:
                break
    return np.array(out), at


def _melting(indices: np.ndarray, melting: int, n: int) -> Script:
    """The last frames of every pass that another one follows melt into the first ones."""
    script = Script.of(indices)
    if not melting:
        return script
    for end in np.flatnonzero((indices[:-1] == n - 1) & (indices[1:] == melting)) + 1:
        at = np.arange(end - melting, end)
        script.partners[at] = np.arange(melting)
        script.shares[at] = (np.arange(melting) + 1) / (melting + 1)
    return script


def retimed(
    reading: VideoReading, script: Script, ticks: list[int], last_ticks: int = 0
) -> VideoReading:
    """What is known of the frames of a file, for the places of a script; last_ticks: for how many
    the last of them is shown, 0 where as long as usual."""
    info, old = reading.info, reading.faces.timeline
    timeline = Timeline.from_ticks(ticks, info.time_base, last_ticks)
    timeline = replace(timeline, grid_hz=old.grid_hz)
    placements = tuple(_placement(p, script) for p in reading.faces.placements)
    people = [
        FaceCodes(place, script.mixed(face.codes), face.sharpness[script.indices])
        for place, face in zip(placements, reading.people, strict=True)
    ]
    lips = tuple(None if codes is None else script.mixed(codes) for codes in reading.lips)
    faces = replace(reading.faces, ticks=list(ticks), timeline=timeline, placements=placements)
    # On the file's own clock.
    info = replace(info, duration_s=timeline.end_s, last_ticks=last_ticks)
    return replace(reading, info=info, faces=faces, people=people, lips=lips)


def _placement(place: Placement, script: Script) -> Placement:
    shots = place.shots[script.indices]
    return Placement(
        squares=script.mixed(place.squares),
        head_offsets=script.mixed(place.head_offsets),
        weights=script.mixed(place.weights),
        bridged=place.bridged[script.indices],
        # A shot that is come back to is a new one: nothing is remembered from before.
        shots=np.concatenate([[0], np.cumsum(np.diff(shots) != 0)]),
        landmarks=script.mixed(place.landmarks),
    )

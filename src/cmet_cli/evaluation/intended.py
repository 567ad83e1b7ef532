"""What an edit was asked to make different from its input, and what is therefore not compared."""

from __future__ import annotations

import math

from ..options import EditOptions
from ..pipeline.find import FaceMap
from ..pipeline.retime import MELT_S


def new_words(options: EditOptions) -> bool:
    """Whether the mouth was to say something else."""
    return options.speech is not None and options.lips_from == "audio"


def not_measured(options: EditOptions) -> frozenset[str]:
    """Names of marks that would only say that what was asked for was done: of new speech the sound
    and its sync, of the mouth that says it how it moves, of another length the frames."""
    if options.speech is None:
        return frozenset()
    names = {"sound", "sync_s", "sync_like", "sync_c", "sync_d"}
    names |= {"mouth"} if new_words(options) else set()
    return frozenset(names | ({"frames"} if options.fit != "video" else set()))


def compared(options: EditOptions, maps: list[FaceMap]) -> int:
    """How many frames may be laid beside each other: not those of a loop that melt into its start.

    maps: of the input and, where it shows a face, of the edit.
    """
    faces, n = maps[0], len(maps[0].ticks)
    loops = options.speech is not None and options.fit == "loop"
    if not loops or len(maps) < 2 or len(maps[1].ticks) <= n:
        return n
    return n - min(math.ceil(MELT_S / faces.timeline.step_s), n // 3)

"""One shot's mouth, frame after frame: whether it opens, along which line, and what is then seen
in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from .corners import central
from .inside import cavity, enamel, teeth_edge, were_shut
from .lip_line import LINE_PACE, parted
from .opening import (
    OPENS_FROM,
    WORDS_FROM,
    WORDS_TO,
    Opening,
    opened,
    opened_by_words,
    origin,
    parting,
)

#: Share of a new frame's shading beside that of the frames before.
PACE = 0.35
#: The same of whether a mouth opens at all: quickly it is found to, and slowly not to any more.
#: Speech shuts it for a moment, and how wide the gap is follows at once anyway.
OPENING_PACE, SHUTTING_PACE = 0.9, 0.02
#: Lips that look shut are read as further apart than this at times, on people by about a quarter of
#: a widest opening: so much of that is not believed.
QUIET, TOO_WIDE = 0.12, 0.2
#: The same of lips that are shut again after the film showed teeth, whose face needs no others for
#: a while: drawn teeth do not come and go while somebody speaks.
SHUT_PACE = 0.02

Eased = TypeVar("Eased", float, np.ndarray)


@dataclass(frozen=True, eq=False)
class Gap:
    """What is new between lips. edge: how far inside of it a pixel is, in pixels of the crop, below
    0 outside, float32 ``[S, S]``: finer planes find its outline by it; colour: RGB float32
    ``[S, S, 3]`` in [0, 255]; teeth: what lies before that, in the gap only."""

    edge: np.ndarray
    colour: np.ndarray
    teeth: Gap | None = None

    def scaled(self, weight: float) -> Gap:
        """The gap between lips that part by a share of the way."""
        edge = self.edge - np.float32(1 - weight) * max(float(self.edge.max()), 0)
        return Gap(edge, self.colour, self.teeth and self.teeth.scaled(weight))


@dataclass(frozen=True)
class Words:
    """How far apart lips are by what is said (and how far a dropped jaw brings them), and by what a
    renderer reads in the film, in shares of a widest opening."""

    said: float
    filmed: float

    def further(self, shut: float) -> float:
        """How much further words part them; shut: how much they look shut in the film, to 1."""
        return self.said - self.filmed + shut * min(max(self.filmed - QUIET, 0.0), TOO_WIDE)


class Mouth:
    """For one thread."""

    def __init__(self) -> None:
        self._line: np.ndarray | None = None  # the row in which lips meet
        self._parting: float | None = None
        self._shut = 1.0
        self._seen_shut: float | None = None  # of late, whatever was before

    def opened(
        self,
        picture: np.ndarray,
        flow: np.ndarray,
        mouth: np.ndarray,
        face: np.ndarray,
        unlike: np.ndarray,
    ) -> Opening | None:
        """Lips that part where they meet in the film, which ``unlike`` says (:mod:`.lip_line`);
        None where they stay together."""
        before, now = self._parting, parting(flow, mouth)
        opens = before is not None and now > before
        self._parting = eased(before, now, OPENING_PACE if opens else SHUTTING_PACE)
        row, weight = origin(flow, mouth)
        # Kept up to date also while they do.
        self._line = line = eased(self._line, parted(unlike, row, weight), LINE_PACE)
        if self._parting <= OPENS_FROM:
            return None
        self._look(were_shut(picture, face, line, weight))
        return opened(flow, line, mouth, self._parting)

    def spoken(
        self,
        picture: np.ndarray,
        flow: np.ndarray,
        mouth: np.ndarray,
        face: np.ndarray,
        words: Words,
        line: np.ndarray,
    ) -> Opening | None:
        """Lips that words part along ``line [1, S]``, in which they meet; None where these do
        not."""
        shut = were_shut(picture, face, line, central(mouth))
        self._seen_shut = eased(self._seen_shut, shut)
        further = words.further(self._seen_shut)
        if further <= WORDS_FROM:
            return None
        if further >= WORDS_TO:  # of a slit it is hardly known where that is
            self._look(shut)
        return opened_by_words(flow, line, mouth, further)

    def _look(self, shut: float) -> None:
        self._shut = min(shut, eased(self._shut, shut, SHUT_PACE))

    def inside(
        self,
        edge: np.ndarray,
        below: np.ndarray,
        height: np.ndarray,
        picture: np.ndarray,
        face: np.ndarray,
    ) -> Gap:
        """What nobody filmed and a small renderer does not draw."""
        depth = np.clip(below / np.maximum(height, np.float32(1e-3)), 0, 1)
        white = Gap(teeth_edge(below, height, self._shut), enamel(picture, face, below, height))
        return Gap(edge, cavity(picture, face, depth, height), white)


def eased(before: Eased | None, now: Eased, pace: float = PACE) -> Eased:
    """What is measured of a shot's frames, followed bit by bit."""
    return now if before is None else before + pace * (now - before)

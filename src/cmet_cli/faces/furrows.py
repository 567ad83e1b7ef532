"""Lines that an expression draws into skin: across a forehead whose brows are raised, between brows
that come down, beside the nose over a lip that is drawn up.

They are finer than a small renderer's pixels, so it shows none of them; here its motion says how
deep each is, and they are drawn in the video's own pixels, a little darker, with skin that is a
little lighter between them. They lie where faces have them (Ekman and Friesen's action units 1 and
2, 4, 10 and 12). Arrays are of one crop of side S; lengths are in shares of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .corners import at_off, column_means, offsets
from .fields import LUMA, area, blur, smoothstep
from .mouth import eased
from .opening import light_of

#: What is measured of a frame for that, beside the frames before.
FURROW_PACE = 0.2
#: A line is so wide, in shares of the distance to the next; lines are more and less deep in turn.
NARROW, UNEVEN = 0.13, 0.2
#: Nothing is seen of a line that takes less than such a share of the light.
LEAST_DEPTH = 0.01

#: Bare skin is at least so light (a mean over the first), in shares of the face's light: hardly and
#: surely. Neither beards nor fringes have furrows.
SKIN, DARK_TO, BARE_FROM = 0.012, 0.45, 0.8

#: Across the forehead: so far from each other; deep by so much of how much skin is pressed together
#: (a mean over the next; more than so many times does not count), up to the last.
APART, RAISED, PRESSED, MOST_PRESSED, MOST_RAISED = 0.05, 0.7, 0.02, 3.0, 0.35
#: Above the middle of where brows may be raised to, from none to all.
ABOVE_FROM, ABOVE_TO = 0.05, 0.075
#: They follow the brows, up and down by the first over each, less and less up to the forehead's top
#: by the last, and are uneven by so much and so often, more and more askew above.
GULL, BROW, FLAT_FROM, FLAT_TO, FLATTER = 0.010, 0.26, 0.05, 0.22, 0.6
UNEVENLY, OFTEN, ASKEW = 0.0035, 0.11, 40.0

#: Between brows: two lines so far apart; deep by so much where the skin there comes down by a
#: hundredth of the side, up to the last.
FROWN_APART, FROWNED, MOST_FROWNED = 0.06, 0.067, 0.5
#: They begin and end softly below and above the middle of where brows may be, and to either side.
FROWN_FROM, FROWN_FULL, FROWN_LESS, FROWN_TO = -0.035, -0.005, 0.03, 0.085

#: Beside the nose: from its wing to the corner of the mouth, to either side of its middle and down
#: from the lips' line, bent outwards by the last.
WING, CORNER, WING_UP, CORNER_DOWN, BENT = 0.062, 0.135, -0.115, 0.015, 0.012
#: Deep by so much where the cheek beside it rises by a hundredth of the side, up to the next; a
#: line so wide, in shares of which it is as narrow as the others, and goes so far to either side.
LIFTED, MOST_LIFTED, FOLD_WIDE, FOLD_FULL, FOLD_TO = 0.075, 0.3, 0.09, 0.35, 0.6
#: That cheek, to either side of the mouth's middle and up from the lips' line, and how large it is.
CHEEK, CHEEK_UP, CHEEK_WIDE, CHEEK_HIGH = 0.095, -0.05, 0.02, 0.03


@dataclass(frozen=True, eq=False)
class Furrows:
    """Lines of some kinds. depth: which share of the light a line takes, phase: where lines are (at
    whole numbers). float32 ``[S, S, K]``."""

    depth: np.ndarray
    phase: np.ndarray

    def scaled(self, weight: float) -> Furrows:
        """Less deep by ``weight``."""
        return Furrows(self.depth * np.float32(weight), self.phase)


class Furrowed:
    """One shot's face, frame after frame. For one thread."""

    def __init__(self) -> None:
        self._told: np.ndarray | None = None

    def __call__(
        self,
        flow: np.ndarray,
        bare: np.ndarray,
        brows: np.ndarray,
        mouth: np.ndarray | None = None,
        line: np.ndarray | None = None,
    ) -> Furrows | None:
        """None where none would be seen. flow: where each pixel comes from ``[S, S, 2]`` in pixels;
        bare: where there is skin that may change; brows: where they may be raised to; mouth: where
        lips may part, ``[S, S]`` in [0, 1]; line: the row in which they meet ``[1, S]``."""
        side, beside = np.float32(len(flow)), offsets(brows)
        row = np.arange(len(flow), dtype=np.float32)[:, None]
        middle = (row * brows).sum() / (brows.sum() + np.float32(1e-6))
        up = (middle - row - flow[..., 1]) / side  # lines go along with the skin
        off = offsets(brows if mouth is None else mouth)
        told = [at_off(-column_means(flow[..., 1], brows), beside) / side]
        if line is not None:
            told += lifted(flow[..., 1], off, row, at_off(line[0], off))
        self._told = eased(self._told, np.array(told, np.float32), FURROW_PACE)
        kinds = [
            across_forehead(flow, bare * forehead(brows), beside, up),
            between_brows(flow[..., 0], bare, beside, up, self._told[0]),
        ]
        if line is not None:
            kinds.append(beside_nose(bare, off, row, self._told[1:]))
        if max(float(depth.max()) for depth, _ in kinds) < LEAST_DEPTH:
            return None
        depth, phase = (np.stack([kind[k] for kind in kinds], -1) for k in (0, 1))
        return Furrows(depth.astype(np.float32), phase.astype(np.float32))


def bare_skin(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Where no hair is, float32 ``[S, S]`` in [0, 1]. picture: RGB ``[S, S, 3]`` in [0, 255];
    face: where to look how light it is ``[S, S]``."""
    light = blur(picture @ LUMA, SKIN) / np.float32(light_of(picture, face))
    return smoothstep(light, DARK_TO, BARE_FROM)


def forehead(brows: np.ndarray) -> np.ndarray:
    """Brows and all above them. float32 ``[S, S]``."""
    return np.maximum.accumulate(brows[::-1])[::-1]


def across_forehead(
    flow: np.ndarray, bare: np.ndarray, beside: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """bare: the forehead's skin; beside: how far columns are to the right of its middle ``[S]``;
    up: how far above the brows' middle each pixel comes from ``[S, S]``. -> depth and phase, as
    are those of the others."""
    pressed = np.log(np.clip(area(flow), 1, np.float32(MOST_PRESSED)))
    deep = np.float32(RAISED / MOST_RAISED) * blur(pressed * bare, PRESSED)
    depth = np.float32(MOST_RAISED) * np.tanh(deep) * bare * smoothstep(up, ABOVE_FROM, ABOVE_TO)
    turn = np.float32(2 * np.pi) * beside
    flatter = 1 - np.float32(FLATTER) * smoothstep(up, FLAT_FROM, FLAT_TO)
    gull = np.float32(GULL) * np.cos(turn / np.float32(BROW)) * flatter
    uneven = np.float32(UNEVENLY) * np.sin(turn / np.float32(OFTEN) + np.float32(ASKEW) * up)
    return depth, (up + gull + uneven) / np.float32(APART)


def between_brows(
    right: np.ndarray, bare: np.ndarray, beside: np.ndarray, up: np.ndarray, down: np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """right: of the motion; down: how far the skin there comes down."""
    off = beside + right / np.float32(len(right))
    deep = min(100 * FROWNED * max(float(down), 0.0), MOST_FROWNED)
    tall = smoothstep(up, FROWN_FROM, FROWN_FULL) * (1 - smoothstep(up, FROWN_LESS, FROWN_TO))
    wide = 1 - smoothstep(np.abs(off), 0.7 * FROWN_APART, FROWN_APART)
    return np.float32(deep) * tall * wide * bare, off / np.float32(FROWN_APART) + np.float32(0.5)


def beside_nose(
    bare: np.ndarray, off: np.ndarray, row: np.ndarray, told: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """told: the row in which lips meet, and how far cheeks rise, left and right ``[3]``."""
    down = (row / np.float32(len(bare)) - told[0] - np.float32(WING_UP)) / np.float32(
        CORNER_DOWN - WING_UP
    )
    along = np.clip(down, 0, 1)
    curve = WING + (CORNER - WING) * np.clip(down, -0.2, 1.3) + BENT * np.sin(np.pi * along)
    phase = (np.abs(off) - curve) / np.float32(FOLD_WIDE)
    deep = np.clip(100 * LIFTED * told[1:], 0, MOST_LIFTED)
    tall = smoothstep(down, -0.1, 0.25) * (1 - smoothstep(down, 0.75, 1.15))
    wide = 1 - smoothstep(np.abs(phase), FOLD_FULL, FOLD_TO)
    return np.where(off < 0, deep[0], deep[1]) * tall * wide * bare, phase


def lifted(
    down: np.ndarray, off: np.ndarray, row: np.ndarray, line: np.float32
) -> list[np.float32]:
    """The row of the lips' line, in shares of the side, and how far cheeks rise, left and right."""
    side = np.float32(len(down))
    high = np.exp(-0.5 * np.square(((row - line) / side - CHEEK_UP) / np.float32(CHEEK_HIGH)))
    wide = [np.square((off - way * CHEEK) / np.float32(CHEEK_WIDE)) for way in (-1, 1)]
    cheeks = [high * np.exp(-0.5 * far) for far in wide]
    return [line / side, *((down * c).sum() / c.sum() / side for c in cheeks)]


def darkened(depth: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """The share of the light that lines take, below 0 between them; both ``[h, w]``. float32."""
    line = np.exp(np.float32(-0.5 / NARROW**2) * np.square(phase - np.rint(phase)))
    between = np.float32(np.sqrt(2 * np.pi) * NARROW)  # a line's mean
    turns = np.float32(1 - UNEVEN) + np.float32(UNEVEN) * np.cos(np.float32(2.4) * phase)
    return np.asarray(depth * turns * (line - between), np.float32)

"""Lines that an expression draws into skin: across a forehead whose brows are raised, between brows
that come down, beside the nose where a cheek is lifted.

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
#: A line is so wide, in shares of the distance to the next; lines are more and less deep in turn,
#: by so much, each so many radians further.
NARROW, UNEVEN, TURNS = 0.13, 0.2, 2.4
#: Nothing is seen of a line that takes less than such a share of the light.
LEAST_DEPTH = 0.01

#: Bare skin is at least so light (a mean over the first), in shares of the face's light: hardly and
#: surely. Neither beards nor fringes have furrows.
SKIN, DARK_TO, BARE_FROM = 0.012, 0.45, 0.8

#: A face turns about a centre so far below the middle of where brows may be. It is tilted by more
#: than the line of its lips slopes, so far to either side of the middle, by the next (pictures that
#: were turned by 6, 12 and 18 degrees), and that by no more than the last.
CENTRE, SLOPE, STEEPER, STEEPEST = 0.15, 0.08, 1.2, 0.4

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
        line: np.ndarray | None = None,
    ) -> Furrows | None:
        """None where none would be seen. flow: where each pixel comes from ``[S, S, 2]`` in pixels;
        bare: where there is skin that may change; brows: where they may be raised to, ``[S, S]`` in
        [0, 1]; line: the row in which lips meet ``[1, S]``, without which a face is taken to be
        upright."""
        side, off = np.float32(len(flow)), offsets(brows)
        row = np.arange(len(flow), dtype=np.float32)[:, None]
        middle = (row * brows).sum() / (brows.sum() + np.float32(1e-6))
        below = (row - middle) / side - np.float32(CENTRE)
        seen = [at_off(-column_means(flow[..., 1], brows), off) / side]
        if line is not None:
            lips = (line[0] - middle) / side - np.float32(CENTRE)
            seen += [sloping(lips, off), *lifted(flow[..., 1] / side, off, below, lips)]
        told = self._told = eased(self._told, np.array(seen, np.float32), FURROW_PACE)
        tilt = np.float32(0.0) if line is None else np.arctan(np.float32(STEEPER) * told[1])
        # Lines of a forehead go along with its skin, those of a smile stay where its mouth is.
        right, down = turned(off + flow[..., 0] / side, below + flow[..., 1] / side, tilt)
        up = -down - np.float32(CENTRE)
        kinds = [
            across_forehead(area(flow), bare, right, up),
            between_brows(bare, right, up, told[0]),
        ]
        if line is not None:
            right, down = turned(off, below, tilt)
            kinds.append(beside_nose(bare, right, down - np.cos(tilt) * told[2], told[3:]))
        if max(float(depth.max()) for depth, _ in kinds) < LEAST_DEPTH:
            return None
        depth, phase = (np.stack([kind[k] for kind in kinds], -1) for k in (0, 1))
        depth = depth * (1 - UNEVEN + UNEVEN * np.cos(np.float32(TURNS) * phase))
        return Furrows(depth.astype(np.float32), phase.astype(np.float32))


def turned(right: np.ndarray, down: np.ndarray, tilt: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Places from a face's centre, as an upright one would have them; tilt: of its right side
    downwards, in radians."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    return right * cos + down * sin, down * cos - right * sin


def sloping(lips: np.ndarray, off: np.ndarray) -> np.float32:
    """How far the line of lips ``[S]`` falls to the right, by what it goes."""
    left, right = (at_off(lips, off - np.float32(way * SLOPE)) for way in (-1, 1))
    return np.clip((right - left) / np.float32(2 * SLOPE), -STEEPEST, STEEPEST)


def bare_skin(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Where no hair is, float32 ``[S, S]`` in [0, 1]. picture: RGB ``[S, S, 3]`` in [0, 255];
    face: where to look how light it is ``[S, S]``."""
    light = blur(picture @ LUMA, SKIN) / np.float32(light_of(picture, face))
    return smoothstep(light, DARK_TO, BARE_FROM)


def across_forehead(
    area: np.ndarray, bare: np.ndarray, right: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """area: as of :func:`.fields.area`; right, up: how far to the right of the brows' middle and
    above it each pixel comes from, all ``[S, S]``. -> depth and phase, as are those of the others.
    """
    pressed = np.log(np.clip(area, 1, np.float32(MOST_PRESSED)))
    deep = np.float32(RAISED / MOST_RAISED) * blur(pressed * bare, PRESSED)
    depth = np.float32(MOST_RAISED) * np.tanh(deep) * bare * smoothstep(up, ABOVE_FROM, ABOVE_TO)
    turn = np.float32(2 * np.pi) * right
    flatter = 1 - np.float32(FLATTER) * smoothstep(up, FLAT_FROM, FLAT_TO)
    gull = np.float32(GULL) * np.cos(turn / np.float32(BROW)) * flatter
    uneven = np.float32(UNEVENLY) * np.sin(turn / np.float32(OFTEN) + np.float32(ASKEW) * up)
    return depth, (up + gull + uneven) / np.float32(APART)


def between_brows(
    bare: np.ndarray, right: np.ndarray, up: np.ndarray, down: np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """down: how far the skin there comes down."""
    deep = min(100 * FROWNED * max(float(down), 0.0), MOST_FROWNED)
    tall = smoothstep(up, FROWN_FROM, FROWN_FULL) * (1 - smoothstep(up, FROWN_LESS, FROWN_TO))
    wide = 1 - smoothstep(np.abs(right), 0.7 * FROWN_APART, FROWN_APART)
    return np.float32(deep) * tall * wide * bare, right / np.float32(FROWN_APART) + np.float32(0.5)


def beside_nose(
    bare: np.ndarray, right: np.ndarray, down: np.ndarray, cheeks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """right, down: of the middle of the lips ``[S, S]``; cheeks: how far they rise, left and right
    ``[2]``."""
    down = (down - np.float32(WING_UP)) / np.float32(CORNER_DOWN - WING_UP)
    along = np.clip(down, 0, 1)
    curve = WING + (CORNER - WING) * np.clip(down, -0.2, 1.3) + BENT * np.sin(np.pi * along)
    phase = (np.abs(right) - curve) / np.float32(FOLD_WIDE)
    deep = np.clip(100 * LIFTED * cheeks, 0, MOST_LIFTED)
    tall = smoothstep(down, -0.1, 0.25) * (1 - smoothstep(down, 0.75, 1.15))
    wide = 1 - smoothstep(np.abs(phase), FOLD_FULL, FOLD_TO)
    return np.where(right < 0, deep[0], deep[1]) * tall * wide * bare, phase


def lifted(
    rise: np.ndarray, off: np.ndarray, below: np.ndarray, lips: np.ndarray
) -> list[np.float32]:
    """Where the middle of the lips' line ``[S]`` is, and how far cheeks rise, left and right.

    rise: ``[S, S]``; below: how far each row is below the centre ``[S, 1]``.
    """
    line = at_off(lips, off)
    high = np.exp(-0.5 * np.square((below - line - CHEEK_UP) / np.float32(CHEEK_HIGH)))
    wide = [np.square((off - way * CHEEK) / np.float32(CHEEK_WIDE)) for way in (-1, 1)]
    cheeks = [high * np.exp(-0.5 * far) for far in wide]
    return [line, *((rise * c).sum() / (c.sum() + np.float32(1e-6)) for c in cheeks)]


def darkened(depth: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """The share of the light that lines take, below 0 between them; both ``[h, w]``. float32."""
    line = np.square(phase - np.rint(phase))
    line *= np.float32(-0.5 / NARROW**2)
    np.exp(line, out=line)
    line -= np.float32(np.sqrt(2 * np.pi) * NARROW)  # their mean
    line *= depth
    return np.asarray(line, np.float32)

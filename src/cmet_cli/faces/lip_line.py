"""The row in which the lips meet in the film: it is dark, and under the upper teeth.

It is looked for about where a renderer parts them; where that is not known, wherever a mouth may
be. Arrays are of one crop of side S; lengths are in shares of it.
"""

from __future__ import annotations

import numpy as np

from .corners import central
from .fields import LUMA, across, at_rows, blur
from .opening import light_of, teeth

#: It is looked for so far to either side of a row, in so many steps.
FAR, STEPS = 0.12, 31
#: It is likeliest so far above the middle of where mouths may be, with this deviation; and so far
#: above where a renderer parts lips, with this one.
ABOVE, NEAR = 0.03, 0.07
ABOVE_PARTING, NEAR_PARTING = 0.018, 0.02
#: Lips may bend about the straight line that is nearest to what was found so, with this deviation.
BENT = 0.012
#: Gaussian sigmas: along the mouth, and all around.
COST_SIGMA, VALLEY_SIGMA = 0.04, 0.05
#: The line is darker than what is around it: so much of that counts, and a difference of this share
#: of the face's light makes a place e times as likely.
AROUND, DARKER = 0.5, 0.055
#: Teeth that are seen belong to the upper jaw: those within so far below a line, if there are none
#: as near above (then a lower lip shines), make it less likely by this power of e; those right
#: above it, likelier by a share of that.
SEEN, RIGHT_ABOVE, TEETH, UNDER = 0.06, 0.03, 6.0, 0.5
#: Share of a new frame's line beside that of the frames before: speech is quick.
LINE_PACE = 0.5


def met(unlike: np.ndarray, mouth: np.ndarray, lips: float | None = None) -> np.ndarray:
    """Of one frame, float32 ``[1, S]`` in pixels.

    unlike: as :func:`unlikely` has it; mouth: where lips may be, float32 ``[S, S]``; lips: the row
    in which a renderer parts them, in shares of the side, where that is known.
    """
    if lips is not None:
        weight = central(mouth)
        return parted(unlike, np.full_like(weight, lips * len(mouth)), weight)
    side, rows = np.float32(len(mouth)), np.arange(len(mouth), dtype=np.float32)[:, None]
    middle = (mouth * rows).sum() / (mouth.sum() + np.float32(1e-6)) - np.float32(ABOVE) * side
    weight = central(mouth)
    return _found(unlike, np.full_like(weight, middle), NEAR, weight)


def parted(unlike: np.ndarray, row: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The same of lips that a renderer parts in that row; weight: how much each column is. ``[1,
    S]`` each."""
    above = np.float32(ABOVE_PARTING * len(unlike))
    return _found(unlike, row - above, NEAR_PARTING, weight)


def _found(unlike: np.ndarray, row: np.ndarray, near: float, weight: np.ndarray) -> np.ndarray:
    side = np.float32(len(unlike))
    off = np.linspace(-FAR, FAR, STEPS, dtype=np.float32)[:, None]
    cost = at_rows(unlike, row + off * side)
    cost = across(cost * weight, COST_SIGMA) / across(weight, COST_SIGMA)
    found, unsure = _likeliest(cost, off, np.float32(0), near)
    found = _straight(found, weight / (unsure + np.float32(BENT**2)))
    return np.asarray(row + _likeliest(cost, off, found, BENT)[0] * side, np.float32)


def _likeliest(
    cost: np.ndarray, off: np.ndarray, expected: np.ndarray | np.float32, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """cost: of each place in each column ``[n, S]``; off: the places ``[n, 1]``; one is expected,
    with this deviation. -> mean and variance of what is likely, ``[1, S]`` each."""
    cost = cost + np.float32(0.5 / spread**2) * np.square(off - expected)
    likely = np.exp(cost.min(0, keepdims=True) - cost)
    likely /= likely.sum(0, keepdims=True)
    mean = (likely * off).sum(0, keepdims=True)
    return mean, (likely * np.square(off - mean)).sum(0, keepdims=True)


def _straight(line: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The straight line nearest to ``line`` where ``weight`` is, both ``[1, S]``."""
    x = np.arange(line.shape[1], dtype=np.float32)[None]
    total = weight.sum()
    x = x - (weight * x).sum() / total
    height = (weight * line).sum() / total
    slope = (weight * x * (line - height)).sum() / ((weight * x * x).sum() + np.float32(1e-6))
    return np.asarray(height + slope * x, np.float32)


def unlikely(picture: np.ndarray, mouth: np.ndarray, face: np.ndarray) -> np.ndarray:
    """How little each pixel looks like the line between lips. float32 ``[S, S]``.

    picture: RGB ``[S, S, 3]`` in [0, 255]; mouth: where lips may be, face: where skin is, ``[S,
    S]`` in [0, 1]. float32.
    """
    luma, light, side = picture @ LUMA, light_of(picture, face), len(picture)
    dark = (luma - AROUND * blur(luma, VALLEY_SIGMA)) / np.float32(light * DARKER)
    white = teeth(picture, face)
    seen, next_to = (max(1, round(reach * side)) for reach in (SEEN, RIGHT_ABOVE))
    below = np.minimum(_below(white, seen) + white / 2, 1)
    above = np.minimum(_below((white * mouth)[::-1], seen)[::-1] + white / 2, 1)
    under = np.minimum(_below(white[::-1], next_to)[::-1], 1) * (1 - white)
    return np.asarray(dark + TEETH * (below * (1 - above) - UNDER * under), np.float32)


def _below(field: np.ndarray, rows: int) -> np.ndarray:
    """The sum of so many rows below each; the last goes on. ``[S, S]``."""
    total = np.cumsum(np.pad(field, ((0, rows), (0, 0)), "edge"), 0, dtype=np.float32)
    return np.asarray(total[rows:] - total[:-rows])

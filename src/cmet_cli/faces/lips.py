"""Lips that turn down or up and stay together move as a whole, with what the film shows between
them; those that a smile draws wide get thinner.

A small renderer's motion rises evenly from the chin to the nose: a mouth that was filmed in the
middle of a word it draws out into a tent, and a smile's lips it draws out to the sides alone, which
makes them thick. Here lips bend, all of them, as their mean does in each column, and the skin
around them is drawn out instead. Corners turn down alone, so that teeth between them stay straight.
Arrays are of one crop of side S; lengths are in shares of it.
"""

from __future__ import annotations

import numpy as np

from .corners import CORNER, at_off, column_means, offsets
from .fields import across, smoothstep
from .mouth import eased

#: Lips reach so far above and below the line in which they meet, and the skin that moves with them
#: so far; beside each other they move as a mean with the last deviation.
LIPS, SKIN, BESIDE = 0.045, 0.12, 0.02
#: The share of it where corners turn so much further than the middle, from none to all; each
#: column's motion there is the mean over all of a mouth.
TOGETHER, TURNED_FROM, TURNED_TO = 0.9, 0.002, 0.010
#: Where corners turn down, what lies between them moves as the middle does up to the first, in
#: shares of how far off they are, and from there to the last more and more as it would.
LEVEL_TO, BENT_FROM = 0.2, 1.05
#: A smile's lips, thick before they are drawn wide, reach so far; of their height they give such a
#: share of what they get wider by, which is at most the last.
SMILING, GIVES, WIDEST = 0.066, 0.6, 0.35
#: A share that nobody sees.
LEAST = 1e-3


class Lips:
    """One shot's, frame after frame. For one thread."""

    def __init__(self) -> None:
        self._shares: np.ndarray | None = None  # of lips that turn down, and up

    def kept_together(
        self,
        flow: np.ndarray,
        residual: np.ndarray,
        line: np.ndarray,
        mouth: np.ndarray,
        face: np.ndarray,
        parted: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Motion with that of whole lips, and shading without what is of no use between them.

        flow: where each pixel comes from ``[S, S, 2]`` in pixels; residual: ``[S, S, 3]``; line:
        the row in which lips meet in the film, ``[1, S]``; mouth: where lips are, face: where
        anything may change, ``[S, S]`` in [0, 1]; parted: how far the mouth is on the way to open,
        from 0 to 1. float32.
        """
        side, down = len(flow), flow[..., 1]
        self._shares = eased(self._shares, turned(down, mouth) * np.float32(1 - parted))
        share, (frowns, smiles) = self._shares.max(), self._shares
        if share < LEAST:
            return flow, residual
        row = np.arange(side, dtype=np.float32)[:, None]
        far = np.abs(row + down - line) / np.float32(side)
        lips = 1 - smoothstep(far, LIPS / 2, LIPS)
        moved = levelled(column_means(down, lips), offsets(mouth), frowns / share)
        whole = across(moved[None], BESIDE)
        less = smiles * thinner(column_means(flow[..., 0], lips))
        whole = whole + less * (row + whole - line)
        much = face * mouth.max(0, keepdims=True) * np.float32(TOGETHER * share)
        reach = LIPS + (SMILING - LIPS) * smiles
        out = flow.copy()
        out[..., 1] += much * (1 - smoothstep(far, reach, SKIN)) * (whole - down)
        return out, residual * (1 - much * lips)[..., None]


def turned(down: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """Whether corners turn down further than the middle, and whether up, ``[2]`` in [0, 1]."""
    mean, off = column_means(down, mouth), offsets(mouth)
    left, centre, right = (at_off(mean, off - place) for place in (-CORNER, 0.0, CORNER))
    drop = (centre - (left + right) / 2) / np.float32(len(down))
    return smoothstep(np.array([drop, -drop]), TURNED_FROM, TURNED_TO)


def levelled(moved: np.ndarray, off: np.ndarray, share: np.float32) -> np.ndarray:
    """Motion of each column with the middle's where teeth are; off: how far to the right of it each
    is. ``[S]``"""
    level = 1 - smoothstep(np.abs(off) / np.float32(CORNER), LEVEL_TO, BENT_FROM)
    return moved + share * level * (at_off(moved, off) - moved)


def thinner(right: np.ndarray) -> np.ndarray:
    """How much higher, in shares of it, was what lips show than what they will: from where each
    column's come from to the right, ``[S]`` in pixels. ``[1, S]``"""
    wider = across(np.clip(-np.gradient(right), 0, WIDEST)[None], BESIDE) * np.float32(GIVES)
    return wider / (1 - wider)

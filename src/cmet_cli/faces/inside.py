"""The inside of a mouth that nobody filmed: dark under the palate, a tongue, and the upper teeth.

Teeth that were filmed stay with their lip and need no others; these are for lips that were shut.
Arrays are of one crop of side S; lengths are in its pixels, constants in shares of its side.
"""

from __future__ import annotations

import numpy as np

from .fields import LUMA, PLAIN, at_rows, over_channels, smoothstep
from .opening import light_of, teeth

#: The shares of each colour of the face's own that are left in the dark under the palate and on the
#: tongue.
PALATE = np.array([0.22, 0.13, 0.12], np.float32)
TONGUE = np.array([0.68, 0.43, 0.42], np.float32)
#: The tongue fills this share of the gap where that is highest and, an arch, less beside, down to
#: none where the gap has the first share of its greatest height; its rim is so soft, in shares of
#: the gap. Below, from so deep on, the lip's shadow takes this share of its light.
ARCH, ARCH_FROM, RIM = 0.62, 0.35, 0.22
LOW_FROM, LOW = 0.86, 0.45
#: In a gap of the first height none is seen, and in one of the second it is in the light.
HIDDEN, LIT = 0.02, 0.07
#: How far upper teeth are seen below the lip: no more than this, and than this share of the gap.
TEETH, MOST_OF_GAP = 0.020, 0.5
#: Between them and the corners of a mouth it is dark: there a gap has less than this share of its
#: greatest height, and where it has this they are whole.
CORNER, WHOLE = 0.45, 0.95
#: A mouth that opens less than this shows none; from this on they are as above.
SLIT, SHOWN = 0.015, 0.04
#: What is shorter than this is hardly seen, and nothing at all if there are none.
FAINT = np.float32(0.012)
#: Lips were shut where nothing lies between them. So near above their line as this, what looks like
#: teeth, from and to these shares, is teeth (below it, a lip shines too). What is as near on either
#: side and has less than this share of the face's light is dark (in a pixel's lightest colour:
#: painted lips are red); so much of it is a shut mouth's line, and so much an open mouth.
NEAR, TEETH_FROM, TEETH_TO = 0.055, 0.08, 0.3
DARK, LINE, OPENED, STEPS = 0.8, 0.007, 0.012, 13
#: The share of a mouth that must have been shut, and from which on it counts as shut.
OPEN, SHUT = 0.6, 0.9
#: Teeth are whiter than skin, by so much of the way to white, in the light of the face, of this
#: colour, and take on so much of the face's own; the lip's shadow lies on them, so dark, down to
#: here; so little of their light is left where the gap has the share of its height of a corner.
WHITER, ENAMEL, CAST = 0.2, np.array([1.0, 0.95, 0.86], np.float32), np.float32(0.25)
SHADOW, SHADOW_TO, BESIDE = 0.4, 0.018, 0.25
#: A film whose faces are hardly coloured, from and to these shares of their lightest colour, has no
#: colours in mouths either.
GREY, COLOURED = 0.02, 0.1


def cavity(
    picture: np.ndarray, face: np.ndarray, depth: np.ndarray, height: np.ndarray
) -> np.ndarray:
    """Palate and tongue, RGB ``[S, S, 3]``; depth: from the upper lip, 0, to the lower one, 1;
    height: of the gap, whose greatest in each column counts."""
    tall = height.max(0, keepdims=True)
    arch = ARCH * smoothstep(_of_highest(tall), ARCH_FROM, 1.0)
    tongue = smoothstep((depth - (1 - arch)) / np.float32(RIM), 0.0, 1.0)
    tongue = tongue * (1 - LOW * smoothstep(depth, LOW_FROM, 1.0))
    tongue = (tongue * smoothstep(tall / len(picture), HIDDEN, LIT))[..., None]
    mean = _colour(picture, face)
    return _as_coloured(mean * (PALATE + tongue * (TONGUE - PALATE)), mean)


def were_shut(picture: np.ndarray, face: np.ndarray, line: np.ndarray, weight: np.ndarray) -> float:
    """How much the lips that part along ``line`` were filmed shut, from 0 to 1; weight: of each
    column. Both ``[1, S]``."""
    side, light = np.float32(len(picture)), np.float32(light_of(picture, face))
    near = np.linspace(-NEAR, NEAR, STEPS, dtype=np.float32)[:, None]
    above = near[: STEPS // 2 + 1]
    white = at_rows(teeth(picture, face), line + above * side).max(0, keepdims=True)
    lit = at_rows(over_channels(np.maximum, picture) / light, line + near * side)
    dark = np.clip(1 - lit / np.float32(DARK), 0, 1).mean(0, keepdims=True) * np.float32(2 * NEAR)
    lip = (1 - smoothstep(dark, LINE, OPENED)) * (1 - smoothstep(white, TEETH_FROM, TEETH_TO))
    share = (lip * weight).sum() / (weight.sum() + np.float32(1e-6))
    return float(smoothstep(share, OPEN, SHUT))


def teeth_edge(below: np.ndarray, height: np.ndarray, shut: float) -> np.ndarray:
    """How far inside the upper teeth each pixel is, above their lower edge, ``[S, S]``.

    below: how far below the upper lip it is, height: of the gap there, both ``[S, S]``; shut: how
    much lips were shut.
    """
    side = np.float32(len(below))
    tall = height.max(0, keepdims=True)
    within = smoothstep(_of_highest(tall), CORNER, WHOLE)
    long = np.minimum(TEETH * side, MOST_OF_GAP * height) * smoothstep(tall / side, SLIT, SHOWN)
    long = long * within * np.float32(shut)
    none = 1 - smoothstep(long / side, 0.0, FAINT)
    return np.asarray(long - np.maximum(below, 0) - FAINT * side * none, np.float32)


def enamel(
    picture: np.ndarray, face: np.ndarray, below: np.ndarray, height: np.ndarray
) -> np.ndarray:
    """Teeth in the light of the face and the shadow of the lip, darker towards the corners, RGB
    ``[S, S, 3]``; below and height: as :func:`teeth_edge` has them."""
    light = light_of(picture, face)
    shade = SHADOW + (1 - SHADOW) * smoothstep(below / len(below), 0.0, SHADOW_TO)
    tall = height.max(0, keepdims=True)
    front = smoothstep(_of_highest(tall), CORNER, 1.0)
    shade = shade * (BESIDE + (1 - BESIDE) * front)
    mean = _colour(picture, face)
    white = ENAMEL * (1 + CAST * (mean / (mean @ LUMA + PLAIN) - 1))
    return _as_coloured((light + WHITER * (255 - light)) * shade[..., None] * white, mean)


def _as_coloured(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """``[S, S, 3]``, with no more colour than the film of this face's colour ``[3]`` has."""
    share = smoothstep(1 - face.min() / (face.max() + PLAIN), GREY, COLOURED)
    grey = (picture @ LUMA)[..., None]
    return np.asarray(grey + share * (picture - grey), np.float32)


def _of_highest(tall: np.ndarray) -> np.ndarray:
    """Each column's height, in shares of the greatest. ``[1, S]``"""
    return tall / (tall.max() + np.float32(1e-6))


def _colour(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The face's mean colour, ``[3]``."""
    return np.asarray((picture * face[..., None]).sum((0, 1)) / (face.sum() + np.float32(1e-6)))

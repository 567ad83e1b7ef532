"""Where a face's skin is at each moment: smooth maps to one quiet frontal face and back.

The drawings move brows, lids and lips; a real face carries its skin along with them. The maps say
how, so that a renderer can learn to move what it finds instead of repainting it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import RBFInterpolator

from . import shapes
from .face_state import FaceState
from .identity import Identity
from .warp import source_points

#: The maps' side: they are smooth, and enlarged by whoever needs more.
GRID = 32
# Lips a little apart, so that upper and lower lip are two lines.
_QUIET = FaceState.of(opening=0.12)
_SMOOTHING = 2e-3
_INVERSION_STEPS = 8
_MARGIN_V = 1.06


def to_quiet(who: Identity, state: FaceState) -> np.ndarray:
    """Where in the person's quiet frontal face each pixel of this moment's picture lies.

    float32 ``[GRID, GRID, 2]``, unit coordinates (u, v): the picture spans -1..1.
    """
    p = state.values()
    u, v = _front_of(_grid(), p, who)
    here, quiet = _landmarks(who, state), _quiet_landmarks(who)
    front = np.stack([u, v], -1)
    return (front + _carried(here, quiet - here, front)).astype(np.float32)


def from_quiet(who: Identity, state: FaceState) -> np.ndarray:
    """The way back: where each point of the quiet face is in this moment's picture."""
    quiet = _quiet_landmarks(who)
    p, points = state.values(), _grid()
    front = points + _carried(quiet, _landmarks(who, state) - quiet, points)
    # The pose's map has no closed inverse, but it strays little from the identity.
    posed = front.copy()
    for _ in range(_INVERSION_STEPS):
        posed += front - np.stack(_front_of(posed, p, who), -1)
    return posed.astype(np.float32)


def _grid() -> np.ndarray:
    axis = (np.arange(GRID) + 0.5) * 2 / GRID - 1
    return np.stack(np.meshgrid(axis, axis), -1)


def _front_of(points: np.ndarray, p: dict[str, float], who: Identity) -> tuple:
    return source_points(points[..., 0], points[..., 1], p, shapes.jaw_opening(p), who.chin_v)


def _carried(at: np.ndarray, by: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Displacements known at ``[K, 2]`` points, everywhere. ``[..., 2]``."""
    field = RBFInterpolator(at, by, kernel="linear", smoothing=_SMOOTHING, degree=0)
    return field(points.reshape(-1, 2)).reshape(points.shape)


@lru_cache(maxsize=64)
def _quiet_landmarks(who: Identity) -> np.ndarray:
    return _landmarks(who, _QUIET)


def _landmarks(who: Identity, state: FaceState) -> np.ndarray:
    """Points of the frontal face that are the same skin in every state, ``[K, 2]``."""
    p = state.values()
    mouth, nose = shapes.mouth(who, p), shapes.nose(who, p)
    every = slice(None, None, 3)
    parts = [
        mouth.outer_top[every],
        mouth.inner_top[3:-3][every],
        mouth.inner_bottom[3:-3][every],
        mouth.outer_bottom[every][1:-1],
        np.array([(0.0, nose.bottom_v), (0.0, who.eye_v - 0.02)]),
    ]
    for side, corner in zip((-1, 1), mouth.corners, strict=True):
        eye = shapes.eye(who, p, side)
        line, _ = shapes.brow(who, p, side)
        pull = max(0.0, p["corner_left"] if side < 0 else p["corner_right"])
        cheek = (side * (0.285 + 0.01 * pull), 0.135 - 0.055 * p["cheek"])
        wing = (side * nose.half_width, nose.bottom_v - 0.03)
        beside = (corner[0] + side * 0.06, corner[1])
        parts += [line[::3], line[::3] + (0, 0.05), eye.crease[2:-2:4], eye.upper[2:-2:4]]
        parts += [eye.lower[2:-2:4], np.array([cheek, wing, beside])]
    return np.concatenate([*parts, _still(who)])


@lru_cache(maxsize=64)
def _still(who: Identity) -> np.ndarray:
    """What no expression moves: the head's outline, the picture's border, the eyes' corners."""
    border = np.linspace(-_MARGIN_V, _MARGIN_V, 5)
    frame = [(u, v) for u in border for v in border if max(abs(u), abs(v)) > 1]
    eyes = [
        (s * (who.eye_offset + t * who.eye_half_width), who.eye_v) for s in (-1, 1) for t in (-1, 1)
    ]
    outline = shapes.head_outline(who)[::4]
    return np.concatenate([outline, frame, eyes, [(0.0, who.hairline_v), (0.0, who.chin_v - 0.1)]])

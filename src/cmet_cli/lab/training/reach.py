"""How far the drawn people's skin moves for a change of expression, by the mini's codes."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from ..avatar.face_state import FaceState
from ..avatar.identity import Identity
from ..avatar.motion import GRID, from_quiet, to_quiet
from .code_space import code_space, sample_faces

SEED = 5


def motion_table(pairs: int) -> np.ndarray:
    """float32 ``[10, 10]``: for a change ``d`` of expression codes, ``d @ table @ d`` is the mean
    square motion over the crop, in shares of its side.

    Fitted on so many drawn people of the training seeds, each in two moments: motion is close to
    linear in the codes (0.89 of its energy on people kept out).
    """
    rng, changes, motion = np.random.default_rng(SEED), [], []
    for seed in range(pairs):
        opening = rng.uniform(0, 0.35) if rng.uniform() < 0.6 else 0.0
        before, after = (sample_faces(rng)[0] * share for share in (rng.uniform(0, 0.5), 1))
        states = [FaceState.of(opening=opening) for _ in range(2)]
        for state, expression in zip(states, (before, after), strict=True):
            state.expression[:] = expression
        changes.append(code_space().encode_expression(after - before))
        motion.append(skin_path(Identity.from_seed(seed), *states).ravel())
    per_code = np.linalg.lstsq(np.array(changes), np.array(motion), rcond=None)[0]
    return (per_code @ per_code.T / GRID**2).astype(np.float32)


def skin_path(who: Identity, before: FaceState, after: FaceState) -> np.ndarray:
    """Where the skin in the second moment's picture came from, relative, in shares of the side.
    float ``[GRID, GRID, 2]``."""
    quiet, back = to_quiet(who, after), from_quiet(who, before)
    at = ((quiet + 1) * GRID / 2 - 0.5).transpose(2, 0, 1)[::-1]
    found = [map_coordinates(back[..., k], at, order=1, mode="nearest") for k in (0, 1)]
    axis = (np.arange(GRID) + 0.5) * 2 / GRID - 1
    return (np.stack(found, -1) - np.stack(np.meshgrid(axis, axis), -1)) / 2

"""Lip codes of a sound of any length, whoever computes them piece by piece."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

import numpy as np

LIP_BATCH = 64  # mel windows per call of the lip network
SMOOTHING_SIGMA_FRAMES = 1.0


def smoothing_taps() -> list[float]:
    """Of a Gaussian over time, three."""
    side = math.exp(-0.5 / SMOOTHING_SIGMA_FRAMES**2)
    return [side / (1 + 2 * side), 1 / (1 + 2 * side), side / (1 + 2 * side)]


def gathered(pieces: Iterable[np.ndarray], dim: int) -> np.ndarray:
    """Pieces ``[k, dim]`` together, smoothed over time (nought before and after): float32 ``[N,
    dim]``."""
    # One growing buffer: small arrays kept among a network's large ones tear the heap, which cost
    # 600 MB over an hour of sound.
    codes = array("f")
    for piece in pieces:
        codes.frombytes(np.ascontiguousarray(piece, np.float32).tobytes())
    rows = np.frombuffer(codes, np.float32).reshape(-1, dim)
    before, now, after = smoothing_taps()
    smooth = rows * np.float32(now)
    smooth[1:] += rows[:-1] * np.float32(before)
    smooth[:-1] += rows[1:] * np.float32(after)
    return smooth

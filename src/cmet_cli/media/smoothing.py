"""Smoothing of what is measured frame by frame. OpenCV's: importing SciPy's takes 0.15 s."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def gaussian(values: np.ndarray, sigma: float, reach: int) -> np.ndarray:
    """Gaussian along the first axis of ``[n]`` or ``[n, D]``; both ends go on as they are.

    sigma, reach: in steps of that axis; what is further away than ``reach`` counts nothing. float64
    """
    if not values.size:
        return np.asarray(values, np.float64)
    columns = np.ascontiguousarray(values.reshape(len(values), -1), np.float64)
    kernel = 1, 2 * reach + 1
    edge = cv2.BORDER_REPLICATE
    out = cv2.GaussianBlur(columns, kernel, sigmaX=1.0, sigmaY=sigma, borderType=edge)
    return np.asarray(out).reshape(values.shape)


def mean(values: np.ndarray, steps: int) -> np.ndarray:
    """Running mean over ``steps`` of ``[n]``; both ends go on as they are. float64."""
    return _over(values, steps).mean(-1)


def median(values: np.ndarray, steps: int) -> np.ndarray:
    """Running median over ``steps`` of ``[n]``; both ends go on as they are. float64."""
    return np.asarray(np.median(_over(values, steps), axis=-1))


def _over(values: np.ndarray, steps: int) -> np.ndarray:
    """Each step's neighbours, from ``steps // 2`` before it. float64 ``[n, steps]``."""
    before = steps // 2
    wide = np.pad(np.asarray(values, np.float64), (before, steps - 1 - before), mode="edge")
    return sliding_window_view(wide, steps)

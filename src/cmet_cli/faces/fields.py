"""What is done to any picture or field of a crop: blurred, moved, sampled."""

from __future__ import annotations

import functools

import cv2
import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
#: Grey levels of noise under which a picture shows nothing that could be followed.
PLAIN = 4.0
#: The mean over both lips, in shares of the side.
LIPS_SIGMA = 0.14


def warp(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """``picture`` sampled at every pixel's place plus ``flow``."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def blur(picture: np.ndarray, sigma_share: float) -> np.ndarray:
    """Gaussian with a sigma in shares of the picture's side."""
    return cv2.GaussianBlur(picture, (0, 0), max(0.3, sigma_share * picture.shape[0]))


def across(lines: np.ndarray, sigma_share: float) -> np.ndarray:
    """Each row of ``lines``, float32 ``[n, S]``, blurred by itself."""
    sigma = max(0.3, sigma_share * lines.shape[1])
    return cv2.GaussianBlur(lines, (2 * round(3 * sigma) + 1, 1), sigmaX=sigma, sigmaY=0.1)


def down_mean(flow: np.ndarray) -> np.ndarray:
    """Motion averaged from top to bottom: lips that part move against each other, which a mean over
    both takes away; corners that rise stay. float32 ``[S, S, 2]``."""
    reach = LIPS_SIGMA * flow.shape[0]
    return cv2.GaussianBlur(flow, (1, 2 * round(3 * reach) + 1), sigmaX=0.1, sigmaY=reach)


def over_channels(fold: np.ufunc, picture: np.ndarray) -> np.ndarray:
    """``fold.reduce(picture, -1)``: over few channels numpy's own is twenty times as slow."""
    return functools.reduce(fold, np.moveaxis(picture, -1, 0))


def at_rows(field: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``field [S, S]`` in each column at the rows ``[n, S]``, between two linearly; its border goes
    on beyond it. float32 ``[n, S]``."""
    last = len(field) - 1
    rows = np.clip(rows, 0, last)
    low = np.minimum(rows.astype(np.int64), last - 1)
    above, below = (np.take_along_axis(field, low + k, axis=0) for k in (0, 1))
    return np.asarray(above + (rows - low).astype(np.float32) * (below - above), np.float32)


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to ``low``, 1 from ``high`` on, smooth between. float32."""
    x = np.clip((x - low) / (high - low), 0.0, 1.0)
    return (x * x * (3 - 2 * x)).astype(np.float32)


def area(flow: np.ndarray) -> np.ndarray:
    """Over how many pixels each one's neighbourhood was spread where it comes from: below 1 where
    skin is drawn out, above it where it is pressed together. float32 ``[S, S]``."""
    dx, dy = np.gradient(flow, axis=1), np.gradient(flow, axis=0)
    here = (1 + dx[..., 0]) * (1 + dy[..., 1]) - dx[..., 1] * dy[..., 0]
    return here.astype(np.float32)


def stretch(flow: np.ndarray) -> np.ndarray:
    """How much of each pixel is new: 0 where skin is moved or pressed together, towards 1 where a
    little of it is drawn out over much (an opening mouth, a lifted lid). float32 ``[S, S]``."""
    return np.clip(1 - area(flow), 0, 1)

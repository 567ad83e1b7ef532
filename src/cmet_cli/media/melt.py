"""One picture on its way to another, without a jump: what moved moves, the rest dissolves."""

from __future__ import annotations

import cv2
import numpy as np

#: Motion is looked for on pictures of at most this long side.
LOOK_SIDE_PX = 320
SMOOTH_PX = 4.0
Planes = tuple[np.ndarray, ...]


def melt(before: Planes, after: Planes, share: float) -> Planes:
    """Planes of one layout; share: from 0 (``before``) to 1 (``after``)."""
    if not 0.0 < share < 1.0:
        return after if share >= 1.0 else before
    small = [_reduced(planes[0], _peak(before)) for planes in (before, after)]
    there, back = _motion(small[0], small[1]), _motion(small[1], small[0])
    out = []
    for a, b in zip(before, after, strict=True):
        moved_a, moved_b = _moved(a, there, -share), _moved(b, back, share - 1)
        mixed = moved_a + np.float32(share) * (moved_b - moved_a)
        out.append(np.rint(np.clip(mixed, 0, _peak(before))).astype(a.dtype))
    return tuple(out)


def _peak(planes: Planes) -> int:
    return 255 if planes[0].dtype == np.uint8 else 1023


def _reduced(luma: np.ndarray, peak: int) -> np.ndarray:
    height, width = luma.shape
    scale = min(1.0, LOOK_SIDE_PX / max(width, height))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small * (255 / peak), np.uint8)


def _motion(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where in ``b`` each pixel of ``a`` is, relative. float32 ``[h, w, 2]``."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = dis.calc(a, b, np.zeros((*a.shape, 2), np.float32))
    return np.asarray(cv2.GaussianBlur(found, (0, 0), SMOOTH_PX), np.float32)


def _moved(plane: np.ndarray, motion: np.ndarray, share: float) -> np.ndarray:
    """A plane with ``share`` of the motion's way as where each pixel comes from. float32."""
    height, width = plane.shape
    flow = cv2.resize(motion, (width, height), interpolation=cv2.INTER_LINEAR)
    scale = np.array([width / motion.shape[1], height / motion.shape[0]], np.float32)
    at = flow * scale * np.float32(share)
    at[..., 0] += np.arange(width, dtype=np.float32)
    at[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(plane, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(moved, np.float32)

"""One person's colours: which a residual may show on this face, and which it may not."""

from __future__ import annotations

import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# RGB -> Y, Cb, Cr (BT.601, full range, chroma around 0).
_TO_YCC = np.stack([_LUMA, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]).astype(
    np.float32
)
_TO_RGB = np.linalg.inv(_TO_YCC).astype(np.float32)
#: Share of the face's pixels cut off at either end of a range.
TAIL = 0.01
#: Luma may go this far beyond the darkest and the brightest that the face shows: a mouth's inside,
#: teeth.
DARKER, BRIGHTER = 4.0, 20.0
#: How much of the residual's own colour counts beside plain shading.
OWN_COLOUR = 0.2
#: Memory of the ranges: share of a new frame.
LEARN = 0.1
#: Luma added before a ratio of two: in the dark, shading does not explode.
DARK = 16.0


def _luma(levels: float) -> np.ndarray:
    return np.array([levels, 0, 0], np.float32)


class Palette:
    """Ranges of luma and chroma on one face, learned from its frames as they pass."""

    def __init__(self) -> None:
        self._low: np.ndarray | None = None
        self._high: np.ndarray | None = None

    def learn(self, picture: np.ndarray, region: np.ndarray) -> None:
        """picture: RGB float32 ``[S, S, 3]``; region: where the face is, ``[S, S]``."""
        pixels = picture[region > 0.5] @ _TO_YCC.T
        if not len(pixels):
            return
        self.meet(*np.quantile(pixels, [TAIL, 1 - TAIL], axis=0).astype(np.float32))

    def meet(self, low: np.ndarray, high: np.ndarray) -> None:
        """Learn from one frame's ranges of Y, Cb and Cr, float32 ``[3]`` each."""
        if self._low is None or self._high is None:
            self._low, self._high = low, high
        else:
            self._low = self._low + np.float32(LEARN) * (low - self._low)
            self._high = self._high + np.float32(LEARN) * (high - self._high)

    @property
    def ranges(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Low and high, float32 ``[3]`` each; None where nothing was learned."""
        return None if self._low is None or self._high is None else (self._low, self._high)

    def limited(self, basis: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """What of ``residual`` may be added to ``basis`` (both RGB ``[S, S, 3]``). float32.

        Light and dark as they are; colour as the same skin in that light would have it, with a part
        of the residual's own, inside the range of this face.
        """
        now, change = basis @ _TO_YCC.T, residual @ _TO_YCC.T
        light = np.clip((now[..., :1] + change[..., :1] + DARK) / (now[..., :1] + DARK), 0.0, 1.3)
        shaded = now[..., 1:] * (np.sqrt(light) - 1)  # shadows on skin are warm
        colour = np.float32(1 - OWN_COLOUR) * shaded + np.float32(OWN_COLOUR) * change[..., 1:]
        wanted = now + np.concatenate([change[..., :1], colour], axis=-1)
        if self._low is not None and self._high is not None:
            # What the frame itself shows there is plausible too.
            low = np.minimum(self._low - _luma(DARKER), now)
            high = np.maximum(self._high + _luma(BRIGHTER), now)
            wanted = np.clip(wanted, low, high)
        return (wanted - now) @ _TO_RGB.T

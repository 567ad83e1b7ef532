"""How far skin moves: a renderer is timid on faces unlike those it learned from."""

from __future__ import annotations

import numpy as np

#: Motion is never made smaller, nor larger than by this factor.
MOST = 2.0
#: Share of a new frame beside those before it, so that the factor does not tremble.
PACE = 0.1
#: RMS motion, in shares of the side, that is beneath notice.
LEAST = 5e-4


class Reach:
    """How much further a renderer's motion has to go. For the frames of one shot, in order."""

    def __init__(self) -> None:
        self._asked = self._found = 0.0

    def __call__(self, flow: np.ndarray, expected: float) -> np.float32:
        """The share of ``flow`` (float32 ``[S, S, 2]``) to be added to it, from 0 to ``MOST - 1``.

        expected: its RMS length on a face that the renderer knows well, in shares of the side.
        """
        return self.after(float(np.square(flow).sum(-1).mean()) / flow.shape[0] ** 2, expected)

    def after(self, found: float, expected: float) -> np.float32:
        """The same, from the flow's mean square length in shares of the side."""
        pace = PACE if self._asked > 0 else 1.0
        self._asked += pace * (expected**2 + LEAST**2 - self._asked)
        self._found += pace * (found + LEAST**2 - self._found)
        return np.float32(np.clip(np.sqrt(self._asked / self._found), 1.0, MOST) - 1)

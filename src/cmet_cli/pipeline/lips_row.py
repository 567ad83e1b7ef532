"""Where a face's lips are in its crop, as the renderer knows it: asked by letting it open them.

In the film a beard's edge, a collar or a chin's shadow may look more like the line between lips
than that does; what moves when a mouth opens is lips. Neither depends on what is edited.
"""

from __future__ import annotations

import numpy as np

from ..backends.base import Backend, Jaw, MovingBackend
from ..backends.compute import Array, on_device, on_host
from ..faces.areas import area_mask
from ..faces.difference import DRAWS_NEW_PX, MOTION_SIGMA
from ..faces.fields import blur
from ..faces.opening import origin, weighed
from ..faces.placement import Placement

#: Lips are opened by this share of a widest opening.
OPENED = 0.6
#: Frames between one look and the next, in a shot: heads nod, and open mouths say less.
EVERY = 24
#: As :func:`~cmet_cli.faces.opening.origin` has it, where at least something opens.
LEAST = 0.05


class LipsRow:
    """One face's, shot by shot, for painters that need it: those of a small renderer.

    Nothing is known of a renderer that does not say where its pixels come from, or whose codes say
    nothing of the jaw.
    """

    def __init__(self, backend: Backend, placement: Placement) -> None:
        self._backend, self._placement = backend, placement
        self._shot, self._looked = -1, -1
        self._found: list[float] = []  # in this shot, off the head's middle

    def of(self, index: int) -> float | None:
        """Of a frame of the last shot looked at, in shares of the crop's side."""
        if not self._found:
            return None
        return float(np.median(self._found) + self._placement.head_offsets[index, 1])

    def is_due(self, index: int) -> bool:
        """Whether a frame is worth a look."""
        layout, new = self._backend.layout, self._placement.shots[index] != self._shot
        asks = layout.jaw is not None and self._backend.crop.size_px < DRAWS_NEW_PX
        return asks and bool(new or abs(index - self._looked) >= EVERY)

    def look(self, index: int, image: Array, codes: np.ndarray) -> None:
        """image: the frame's crop ``[1, 3, S, S]`` in [-1, 1], where the backend is; codes: its own
        ``[1, dim]``."""
        if self._placement.shots[index] != self._shot:
            self._found.clear()
        self._shot, self._looked = int(self._placement.shots[index]), index
        backend, layout = self._backend, self._backend.layout
        if layout.jaw is None or not isinstance(backend, MovingBackend):
            return
        opened = codes.copy()
        opened[:, layout.lip_slice] += _opening(layout.jaw)
        source = backend.prepare(image)
        both = (on_device(c, backend.compute.device) for c in (codes, opened))
        before, after = (on_host(backend.render_moving(source, c)[1])[0] for c in both)
        flow = blur(after - before, MOTION_SIGMA)
        head = self._placement.head_offsets[index]
        face = backend.crop.calibration.face
        row, much = origin(flow, area_mask(len(flow), face, ("mouth",), *map(float, head)))
        if float(much.max()) > LEAST:
            self._found.append(weighed(row, much) / len(flow) - float(head[1]))


def _opening(jaw: Jaw) -> np.ndarray:
    """Lip codes of a mouth that is so much further open, ``[lip]``."""
    return jaw.spoken * np.float32(OPENED / (jaw.spoken @ jaw.spoken))

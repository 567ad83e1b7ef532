"""A face's codes on their way from its own to the edited ones, and what each step is to do."""

from __future__ import annotations

import numpy as np

from ..backends.base import Backend, CodeLayout, Jaw, MovingBackend
from ..faces.difference import DRAWS_NEW_PX
from ..faces.mouth import Words
from ..faces.opening import WORDS_FROM
from .codes import FaceEdit

#: On people a dropped jaw shows as plainly as on drawn ones where it parts their lips so much more.
FELT_PLAINLY = 1.5


class Steps:
    """What is done to the frame's own pixels first, and what to the result; one step, or two.

    Words that a small renderer puts into a mouth come before the emotion: what of a smile moves and
    what lips that part cannot be told from one motion. A larger one draws that mouth itself.
    """

    def __init__(self, edit: FaceEdit, backend: Backend) -> None:
        self._backend = backend
        self._small = backend.crop.size_px < DRAWS_NEW_PX
        own, driven, edited = edit.face.codes, edit.driven, edit.codes
        both = not (np.array_equal(own, driven) or np.array_equal(driven, edited))
        self._codes = [own, driven, edited] if both and self._small else [own, edited]

    def __len__(self) -> int:
        return len(self._codes) - 1

    def codes(self, at: list[int]) -> list[np.ndarray]:
        """Of these frames, before and after each step, float32 ``[len(at), D]``."""
        return [codes[at] for codes in self._codes]

    def told(self, at: list[int], k: int) -> tuple[list[float | None], list[Words | None]]:
        """How far the renderer should have moved each of these frames in a step, and the words that
        are put into its mouth there."""
        backend, layout = self._backend, self._backend.layout
        before, after = self._codes[k][at], self._codes[k + 1][at]
        expected = list[float | None]([None] * len(at))
        words: list[Words | None] = [None] * len(at)
        if layout.jaw is not None and self._small:
            words = _apart(before, after, layout, layout.jaw)
        if isinstance(backend, MovingBackend):
            felt = (after - before)[:, layout.expression_slice]
            expected = [backend.expected_motion(change) for change in felt]
        return expected, words


def _apart(
    before: np.ndarray, after: np.ndarray, layout: CodeLayout, jaw: Jaw
) -> list[Words | None]:
    """How a change of codes ``[n, layout.dim]`` parts the lips of each frame; None where neither
    words nor a dropped jaw do."""
    filmed, said = (codes[:, layout.lip_slice] @ jaw.spoken for codes in (before, after))
    drop = (after - before)[:, layout.expression_slice] @ jaw.felt * np.float32(jaw.parts)
    drop = np.where(drop > WORDS_FROM / FELT_PLAINLY, FELT_PLAINLY * drop, 0)
    spoken = (before != after)[:, layout.lip_slice].any(1)
    # Without new words lips are as far apart as they are in the film, whatever is read there.
    said, filmed = np.where(spoken, said, 0) + drop, np.where(spoken, filmed, 0)
    parts = zip(said, filmed, spoken | (drop > 0), strict=True)
    return [Words(float(a), float(b)) if known else None for a, b, known in parts]

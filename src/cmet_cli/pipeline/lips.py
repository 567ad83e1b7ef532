"""Lip codes from the sound, and which of several faces they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..backends.base import Backend
from ..errors import MediaError
from ..media.audio import SAMPLE_RATE_HZ, audio_chunks
from ..media.clock import Timeline, sound_on_grid
from ..media.probe import VideoInfo
from ..media.smoothing import gaussian
from ..options import Lips
from .encode import FaceCodes

# A mouth is compared with the sound over about this long before and after a moment (Gaussian).
COMPARED_S = 1.0
MOST_LAG_S = 0.12  # sound and picture are seldom further apart
# Correlation from which a mouth begins to follow the sound, and from which it does wholly. Of
# eight drawn people the four who speak were above 0.84 for 95 % of the time, and the four who talk
# to another text below 0.61. Where a speaker is missed the lips stay as filmed, which is right for
# the video's own sound.
LISTENS, SPEAKS = 0.6, 0.8
LEAST_SHARE = 0.05  # of the frames; below it a face counts as silent


@dataclass(frozen=True)
class LipsOfFaces:
    """Lip codes for each face, float32 ``[n, layout.lip]`` (None: as in the picture); warnings."""

    codes: tuple[np.ndarray | None, ...]
    warnings: tuple[str, ...] = ()


def choose_lips(
    info: VideoInfo,
    timeline: Timeline,
    faces: Sequence[FaceCodes],
    choice: Lips,
    backend: Backend,
    alone: bool,
) -> LipsOfFaces:
    """Lips from the sound for the face that speaks, from the picture for the others.

    alone: nobody else is in the video, so the sound is taken to be this face's (as published).
    """
    silent = LipsOfFaces((None,) * len(faces))
    if choice == "video" or not backend.layout.lip:
        return silent
    if not info.audio_streams:
        return LipsOfFaces(silent.codes, ("lips follow the picture: the video has no sound",))
    try:
        heard = lips_from_sound(info, timeline, backend)
    except MediaError as error:
        return LipsOfFaces(silent.codes, (f"lips follow the picture: {error.message}",))
    if alone:
        return LipsOfFaces((heard,) * len(faces))
    return share_lips(heard, [f.codes[:, backend.layout.lip_slice] for f in faces], timeline)


def lips_from_sound(info: VideoInfo, timeline: Timeline, backend: Backend) -> np.ndarray:
    """Lip codes per frame, float32 ``[n, layout.lip]``. The sound streams; raises
    :class:`MediaError` where there is none to be had."""
    sound = sound_on_grid(audio_chunks(info.path, "video"), timeline, SAMPLE_RATE_HZ)
    return timeline.from_grid(backend.lips(sound))


def share_lips(heard: np.ndarray, seen: Sequence[np.ndarray], timeline: Timeline) -> LipsOfFaces:
    """Give the sound's lips to whoever moves theirs with it, moment by moment.

    heard: from the sound, seen: each face's own; all ``[n, L]``.
    """
    step_s = timeline.step_s
    codes: list[np.ndarray | None] = []
    warnings = []
    for number, own in enumerate(seen, start=1):
        speaking = how_much_speaks(heard, own, step_s)
        if (speaking > 0.5).mean() < LEAST_SHARE:
            who = "the face" if len(seen) == 1 else f"face {number}"
            warnings.append(f"{who} does not speak: its lips follow the picture")
            codes.append(None)
        else:
            codes.append((own + speaking[:, None] * (heard - own)).astype(np.float32))
    return LipsOfFaces(tuple(codes), tuple(warnings))


def how_much_speaks(heard: np.ndarray, own: np.ndarray, step_s: float) -> np.ndarray:
    """From 0 (this mouth has nothing to do with the sound) to 1, per frame, float ``[n]``."""
    sigma = COMPARED_S / step_s
    lags = range(-round(MOST_LAG_S / step_s), round(MOST_LAG_S / step_s) + 1)
    likeness = np.max([local_correlation(_shifted(heard, k), own, sigma) for k in lags], axis=0)
    return np.clip((likeness - LISTENS) / (SPEAKS - LISTENS), 0.0, 1.0)


def local_correlation(a: np.ndarray, b: np.ndarray, sigma: float) -> np.ndarray:
    """Correlation of two ``[n, L]`` around each moment, all columns together. float ``[n]``."""

    def mean(x: np.ndarray) -> np.ndarray:
        return gaussian(x, sigma, round(4 * sigma))

    centred_a, centred_b = mean(a), mean(b)
    shared = (mean(a * b) - centred_a * centred_b).sum(1)
    spread = (mean(a * a) - centred_a**2).sum(1) * (mean(b * b) - centred_b**2).sum(1)
    return shared / np.sqrt(np.maximum(spread, 1e-12))


def _shifted(values: np.ndarray, frames: int) -> np.ndarray:
    """Rows moved later by ``frames``, the end rows repeated."""
    at = np.clip(np.arange(len(values)) - frames, 0, len(values) - 1)
    return values[at]

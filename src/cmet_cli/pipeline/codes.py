"""From a face's own codes to the edited ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.base import CodeLayout
from ..emotion.shaping import Easing, clipped
from ..emotion.source import EmotionSource
from ..media.clock import Timeline
from ..media.files import atomic_path
from ..media.smoothing import gaussian
from ..options import EditOptions
from .articulation import articulated, jaw_shares
from .encode import FaceCodes

STEADY_S = 0.12
STEADY_REACH = 2.0  # in STEADY_S: what is further away is not blended in, so gaps stay gaps


@dataclass(frozen=True)
class FaceEdit:
    """One face and what becomes of it.

    codes: edited, float32 ``[n, layout.dim]``; delta: expression change at intensity 1 ``[n, D]``;
    driven: those that the emotion is added to, with new lips and motion where there are any.
    """

    face: FaceCodes
    codes: np.ndarray
    delta: np.ndarray
    driven: np.ndarray


@dataclass(frozen=True)
class Change:
    """What is done to codes: the emotion, how much of it, and from where the lips come
    (``[n, layout.lip]``, or None to keep them as they are in the picture). steady_s: the change is
    smoothed over about this many seconds, before and after alike, so that it does not lag; most:
    the longest change, 0 for any; ease: how it comes at the beginning and goes at the end; motion:
    codes ``[n, layout.dim]`` that take the place of the face's own before anything is added; said:
    lip codes of more of the clip ``[m, layout.lip]``, where only a moment of it is edited."""

    emotion: EmotionSource
    intensity: float
    lips: np.ndarray | None = None
    steady_s: float = 0.0
    most: float = 0.0
    ease: Easing = field(default_factory=Easing)
    motion: np.ndarray | None = None
    said: np.ndarray | None = None


def change_for(emotion: EmotionSource, options: EditOptions, timeline: Timeline) -> Change:
    """What the options ask for, lips as in the picture; timeline: of the whole clip. A difference
    shows every tremble of the codes at full sharpness, so there the change is steadied."""
    steady_s = STEADY_S if options.detail == "source" else 0.0
    ease = Easing.over(timeline, options.ease_in, options.ease_out)
    return Change(emotion, options.intensity, None, steady_s, options.max_delta, ease)


def edit_codes(face: FaceCodes, timeline: Timeline, change: Change, layout: CodeLayout) -> FaceEdit:
    """Pose as it was, lips as chosen, expression moved by what the emotion asks for: the jaw as far
    as the words let it."""
    start = face.codes if change.motion is None else change.motion
    codes, part = start.copy(), layout.expression_slice
    if change.lips is not None:
        codes[:, layout.lip_slice] = change.lips
    driven = codes.copy()
    delta = change.emotion.delta(start[:, part], timeline)
    step_s = max(timeline.step_s, 1e-6)
    if change.steady_s > 0:
        delta = _steady(delta, face.placement.shots, change.steady_s / step_s)
    moved = delta * np.float32(change.intensity)
    if change.most > 0:
        moved = clipped(moved, change.most)
    if layout.jaw is not None:
        spoken, where = layout.jaw.spoken, face.placement
        more = None if change.said is None else change.said @ spoken
        opening = codes[:, layout.lip_slice] @ spoken
        shares = jaw_shares(opening, where.shots, where.present, step_s, more)
        moved = articulated(moved, shares, layout.jaw)
    codes[:, part] += moved * change.ease.share(timeline.times_s)
    return FaceEdit(face, codes, delta, driven)


def _steady(delta: np.ndarray, shots: np.ndarray, sigma_frames: float) -> np.ndarray:
    """Gaussian over time, shot by shot. float32 ``[n, D]``."""
    out = delta.astype(np.float32)
    for shot in np.unique(shots):
        at = shots == shot
        out[at] = gaussian(delta[at], sigma_frames, round(STEADY_REACH * sigma_frames))
    return out


@dataclass(frozen=True)
class CodesFile:
    """Where ``--save-codes`` goes."""

    path: Path
    overwrite: bool


def save_codes(
    file: CodesFile,
    edits: list[FaceEdit],
    timeline: Timeline,
    layout: CodeLayout,
    intensity: float,
) -> None:
    """Every frame's codes as ``.npz``, for whoever wants to look inside.

    ``times_s`` float64 ``[n]``, ``intensity``, and ``faces``: how many. For each face, float32:
    ``neutral_expression`` ``[n, E]``, its own, and ``edited_expression``, which is rendered;
    ``delta`` ``[n, E]``, what is asked for at intensity 1, before that, limits, easing and the
    words' share of the jaw; ``pose`` ``[n, P]`` and ``lip`` ``[n, L]`` as rendered; ``square``
    ``[n, 3]``, centre x, y and side in pixels of the video; ``weight`` ``[n]``, how much of the
    edit is shown; ``head`` ``[n, 2]``, how far it is off the square's middle, in shares of its
    side. The first face's arrays have plain names, those of the others end in ``_2``, ``_3`` ...
    """
    arrays: dict[str, Any] = {"times_s": timeline.times_s, "intensity": np.float32(intensity)}
    arrays["faces"] = np.int64(len(edits))
    for number, edit in enumerate(edits, start=1):
        suffix = "" if number == 1 else f"_{number}"
        arrays |= {f"{name}{suffix}": value for name, value in _arrays(edit, layout).items()}
    with atomic_path(file.path, overwrite=file.overwrite) as part:
        np.savez_compressed(part, **arrays)


def _arrays(edit: FaceEdit, layout: CodeLayout) -> dict[str, np.ndarray]:
    placement = edit.face.placement
    return {
        "neutral_expression": edit.face.codes[:, layout.expression_slice],
        "edited_expression": edit.codes[:, layout.expression_slice],
        "delta": edit.delta,
        "pose": edit.codes[:, layout.pose_slice],
        "lip": edit.codes[:, layout.lip_slice],
        "square": placement.squares,
        "weight": placement.weights,
        "head": placement.head_offsets,
    }

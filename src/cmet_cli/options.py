"""Every option of an edit, with its default, in one place."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import UsageError

Lips = Literal["audio", "video"]
FaceDetectorKind = Literal["auto", "yunet", "haar", "none"]
Paste = Literal["face", "crop", "none"]
Source = Literal["auto", "first", "best", "frame"]
Model = Literal["auto", "cmet", "mini"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

LIPS = ("audio", "video")
FACE_DETECTORS = ("auto", "yunet", "haar", "none")
PASTES = ("face", "crop", "none")
SOURCES = ("auto", "first", "best", "frame")
MODELS = ("auto", "cmet", "mini")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
MAX_INTENSITY = 10.0
MAX_CRF = 51
MAX_BATCH = 1024

#: Called with a stage's name, how much of it is done, and its whole size (None: not known yet).
Progress = Callable[[str, int, "int | None"], None]


def no_progress(stage: str, done: int, total: int | None) -> None:
    """The default progress callback: silence."""


@dataclass(frozen=True)
class EditOptions:
    """What to do to one video. Raises :class:`UsageError` on values that make no sense."""

    #: Scales the predicted expression change; 0 gives the neutral reconstruction.
    intensity: float = 1.0
    #: Where lip motion comes from: the video's own sound, or its own picture.
    lips: Lips = "audio"
    #: Which frame lends its face: the first for the whole clip (as published), the frontal sharpest
    #: one, or every frame its own. ``auto``: what the model was found to do best.
    source: Source = "auto"
    #: x264 quality of the output, 0 (lossless) to 51.
    crf: int = 18
    #: Replace an existing output.
    overwrite: bool = False
    #: How faces are found: YuNet where its file is there, else OpenCV's Haar cascade; ``none``
    #: takes the middle square of every frame.
    face_detector: FaceDetectorKind = "auto"
    #: Which face: ``None`` for the largest and most present, a number from the left, or ``all``.
    face: int | str | None = None
    #: What goes back into the frame: the face, the whole square, or nothing (the bare crop is the
    #: result).
    paste: Paste = "face"
    #: Write original and edited beside each other.
    compare: bool = False
    #: Also write every frame's codes to this .npz file.
    save_codes: Path | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.intensity) or abs(self.intensity) > MAX_INTENSITY:
            raise UsageError(f"intensity must be between -10 and 10, got {self.intensity}")
        _one_of("lips", self.lips, LIPS)
        _one_of("source", self.source, SOURCES)
        _one_of("face detector", self.face_detector, FACE_DETECTORS)
        _one_of("paste", self.paste, PASTES)
        if not (self.face in (None, "all") or (isinstance(self.face, int) and self.face >= 1)):
            raise UsageError(f"face must be a number from 1, or 'all', got '{self.face}'")
        if self.paste == "none" and self.face == "all":
            raise UsageError("paste 'none' gives one crop, and face 'all' asks for several")
        if not 0 <= self.crf <= MAX_CRF:
            raise UsageError(f"crf must be between 0 and {MAX_CRF}, got {self.crf}")
        if self.save_codes is not None and self.save_codes.suffix != ".npz":
            raise UsageError(f"codes are saved as .npz, got {self.save_codes}")


@dataclass(frozen=True)
class RuntimeOptions:
    """Where and how the networks run. ``batch_size``: frames per network call, 0 = by device."""

    device: str = "auto"
    precision: Precision = "auto"
    batch_size: int = 0

    def __post_init__(self) -> None:
        _one_of("precision", self.precision, PRECISIONS)
        if not 0 <= self.batch_size <= MAX_BATCH:
            raise UsageError(f"batch size must be between 0 and {MAX_BATCH}, got {self.batch_size}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} must be one of {', '.join(allowed)}, got '{value}'")

"""What an edit reports back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class EditResult:
    """Paths, counts and timings of one finished edit.

    frames_edited: with a face edited in them, frames_bridged of which lie in short gaps of the
    detector; frames_passed_through: unchanged; duration_s: from the first frame to the end of the
    last; elapsed_s: wall time of ``edit``; stages_s: wall time per stage; lips, source,
    neutral_from, face_detector: what was really used; heard: what the speech was taken for, the
    likeliest names and their shares.
    """

    output: Path
    video: Path
    frames: int
    frames_edited: int
    frames_bridged: int
    frames_passed_through: int
    duration_s: float
    width: int
    height: int
    elapsed_s: float
    lips: str
    source: str
    model: str
    neutral_from: str
    face_detector: str
    device: str
    precision: str
    codes: Path | None = None
    heard: dict[str, float] = field(default_factory=dict)
    stages_s: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def real_time_factor(self) -> float:
        """Seconds of work per second of video."""
        return self.elapsed_s / self.duration_s if self.duration_s else float("inf")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = asdict(self) | {"real_time_factor": round(self.real_time_factor, 4)}
        return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}

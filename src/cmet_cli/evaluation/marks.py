"""What is measured of an edit, in which range it is unremarkable, and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: OpenCV's threshold for SFace's cosine.
SAME_PERSON = 0.363
SLACK = 1e-6  # of sums


@dataclass(frozen=True)
class Mark:
    """One figure. low, high: outside of this a take is worth a look; unit: for people; about: what
    it is, in one line."""

    name: str
    low: float
    high: float
    unit: str
    about: str

    def flags(self, value: float) -> bool:
        """Whether a value is worth a look; what could not be measured is not."""
        return not math.isnan(value) and not self.low - SLACK <= value <= self.high + SLACK


#: In the order in which they are shown. The ranges: what edits by ``cmet edit`` at intensity 1 come
#: to on drawn and filmed faces lies inside, what was made worse on purpose outside
#: (``benchmarks/evaluate.py``).
MARKS = (
    Mark("frames", 1.0, 1.0, "", "frames of the edit over those of the input"),
    Mark("times_s", 0.0, 0.002, "s", "largest difference of frame times"),
    Mark("sound", 1.0, 1.0, "", "1: the same packets; 0: other ones"),
    Mark("sync_s", -0.041, 0.041, "s", "how much later the sound comes beside the lips"),
    Mark("sync_like", 0.4, 1.0, "", "how well lips and sound go with the input's at that moment"),
    Mark("coverage", 0.9, 1.0, "", "share of the input's faces that are found in the edit"),
    Mark("sharpness", 0.75, 1.6, "x", "detail of the face over the input's"),
    Mark("flicker", 0.0, 1.4, "x", "restlessness of the face over the input's"),
    Mark("mouth", 0.6, 1.0, "", "correlation of the mouth's movement with the input's"),
    Mark("pose", 0.8, 1.0, "", "correlation of the head's movement with the input's"),
    Mark("outside", 0.0, 1.5, "levels", "mean change of light outside the face, of 255"),
    Mark("outside_most", 0.0, 12.0, "levels", "the same where it is largest (99th percentile)"),
    Mark("exposure", -8.0, 8.0, "levels", "change of the face's mean light"),
    Mark("colour", 0.0, 4.0, "levels", "change of the face's mean colour"),
    Mark("change", 0.0, math.inf, "levels", "mean change of light in the face: how much was done"),
    Mark("expression", 0.3, 1.0, "", "cosine of the change of expression with the one asked for"),
    # By published networks, where their weights are here.
    Mark("net_expression", 0.0, 1.0, "", "probability of the emotion asked for (classifier)"),
    Mark("identity", SAME_PERSON, 1.0, "", "likeness of the person before and after (SFace)"),
    Mark("sync_c", -math.inf, math.inf, "", "how surely lips and sound go together (SyncNet)"),
    Mark("sync_d", 0.0, math.inf, "", "their distance (SyncNet)"),
)  # fmt: skip
#: Of those, what needs published networks.
OF_NETWORKS = ("net_expression", "identity", "sync_c", "sync_d")
BY_NAME = {mark.name: mark for mark in MARKS}


@dataclass(frozen=True)
class Evaluation:
    """One pair. values by name, NaN (None in JSON) for what could not be measured; notes: why."""

    before: Path
    after: Path
    values: Mapping[str, float]
    emotion: str = ""
    notes: tuple[str, ...] = ()
    flagged: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        flagged = tuple(n for n, value in self.values.items() if BY_NAME[n].flags(value))
        object.__setattr__(self, "flagged", flagged)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = {n: None if math.isnan(v) else round(v, 5) for n, v in self.values.items()}
        return {
            "before": str(self.before),
            "after": str(self.after),
            "emotion": self.emotion,
            "values": values,
            "flagged": list(self.flagged),
            "notes": list(self.notes),
        }


def shown(name: str, value: float) -> str:
    """A figure for people."""
    if math.isnan(value):
        return ""
    unit = BY_NAME[name].unit
    digits = 3 if unit == "s" else 2
    return f"{value:.{digits}f}" + (f" {unit}" if unit not in ("", "x") else "")


def summed(evaluations: list[Evaluation]) -> dict[str, float]:
    """The mean of every figure over the pairs for which it was measured."""
    means = {}
    for mark in MARKS:
        found = [v for e in evaluations if not math.isnan(v := e.values.get(mark.name, math.nan))]
        if found:
            means[mark.name] = sum(found) / len(found)
    return means

"""What became of a data set that was prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .source import Skipped


@dataclass(frozen=True)
class Report:
    """made, present: clips; failed: those that could not be used; skipped: what was left out for a
    reason known beforehand; remarks: on clips that were kept; features: of them, None where none
    were asked for; edits, with_truth: how many; left_out: edits that cannot be made."""

    dataset: str
    source: str
    output: str
    crop_px: int
    frame_rate_hz: int
    made: int
    present: int
    failed: tuple[Skipped, ...]
    skipped: tuple[Skipped, ...]
    remarks: tuple[Skipped, ...]
    features: dict[str, Any] | None = None
    train: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    content: dict[str, Any] | None = None
    edits: int = 0
    with_truth: int = 0
    published_edits: int = 0
    rule: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def failures(self) -> int:
        return len(self.failed) + (len(self.features["failed"]) if self.features else 0)

    @property
    def lines(self) -> list[str]:
        """What to know, one line each, the worst first."""
        features = self.features["failed"] if self.features else []
        content = self.content or {"renumbered": (), "unmatched": ()}
        return [
            *(f"failed: {one.name}: {one.why}" for one in self.failed),
            *(f"failed: features of {one['name']}: {one['why']}" for one in features),
            *(f"left out: {one.name}: {one.why}" for one in self.skipped),
            *(f"note: {one.name}: {one.why}" for one in self.remarks),
            *(f"wrong number: {line}" for line in content["renumbered"]),
            *(f"no truth: {line}" for line in content["unmatched"]),
            *(f"no edit: {line}" for line in self.left_out),
        ]

    @property
    def summary(self) -> str:
        """One line."""
        parts = [f"{self.made} clips made, {self.present} already there"]
        if self.features is not None:
            parts.append(f"features: {self.features['made']} made")
        parts += [f"{self.failures} failed, {len(self.skipped)} left out"]
        parts.append(
            f"{self.edits} edits ({self.with_truth} with their truth; published: "
            f"{self.published_edits:,})"
        )
        return "; ".join(parts)

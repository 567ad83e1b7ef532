"""What a renderer's crop looks like: how large around a detected face, and which part moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Margin:
    """The wanted square in face sizes; the size of a box is sqrt(w * h)."""

    side: float
    right: float  # of the square's centre from the box's centre
    down: float
    # A square picture whose whole is within this share of the wanted side is a crop already.
    doubt: float


@dataclass(frozen=True)
class FaceEllipse:
    """The part of a crop that an expression moves: centre and radii (x, y) in crop units."""

    centre: tuple[float, float]
    radii: tuple[float, float]


@dataclass(frozen=True)
class CropCalibration:
    """A backend's crop. ``margins``: one per detector; ``other`` stands in for unknown ones."""

    margins: Mapping[str, Margin]
    other: str
    face: FaceEllipse

    def margin(self, detector: str) -> Margin:
        """The square around that detector's boxes, which mean different things."""
        return self.margins.get(detector, self.margins[self.other])

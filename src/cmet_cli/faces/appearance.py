"""What a face looks like, in a few numbers: enough to tell people of one clip apart.

No recognition network: a small head pattern, free of light, and the colour of the hair against
that of the skin. The weights come from a logistic fit on drawn people in random poses, emotions,
light, sizes and places, with two filmed people.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .detection import Detection
from .regions import Box

# Face units: the eyes are 0.64 apart, the mouth 0.76 below them, the origin between.
LANDMARKS = np.array([[-0.32, -0.38], [0.32, -0.38], [0, 0], [-0.26, 0.38], [0.26, 0.38]])
EYES_TO_MOUTH = 0.76
# Where a detector gives no landmarks: a unit, and the origin below the box's centre, in box sizes
# (Haar against YuNet's landmarks: 0.53 and 0.52, 0.09 and 0.07 on drawn and filmed people).
UNIT_PER_BOX, DOWN_PER_BOX = 0.525, 0.08
# The patch that is looked at (x and y from, to) and its resolution.
PATCH_X, PATCH_Y = (-1.05, 1.05), (-1.3, 0.85)
PATTERN_PX = 24
HAIR_X, HAIR_Y = (-0.4, 0.4), (-1.25, -0.95)
SKIN_X, SKIN_Y = (-0.35, 0.35), (-0.2, 0.3)
# Log-odds of being the same person, at even odds before: BIAS - weights * distances.
BIAS, PATTERN_WEIGHT, HAIR_CHROMA_WEIGHT, HAIR_LUMA_WEIGHT = 10.42, 26.41, 27.46, 1.54
# Where hair is hidden its distances count as typical ones, which say nothing either way.
TYPICAL_HAIR_CHROMA, TYPICAL_HAIR_LUMA = 0.13, 0.2
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, eq=False)
class Appearance:
    """The mean look of a face over ``samples`` pictures.

    pattern: float32 [24, 24], hair to chin, mean 0 and norm about 1; hair: float32 [3], log
    red/green, log blue/green and log luma of the hair less those of the skin, NaN where hidden.
    """

    pattern: np.ndarray
    hair: np.ndarray
    samples: int = 1

    def joined(self, other: Appearance) -> Appearance:
        """The mean of both, by their samples."""
        total = self.samples + other.samples
        share = other.samples / total
        pattern = self.pattern + np.float32(share) * (other.pattern - self.pattern)
        hair = self.hair + np.float32(share) * (other.hair - self.hair)
        hair = np.where(np.isnan(self.hair), other.hair, np.where(np.isnan(hair), self.hair, hair))
        return Appearance(pattern, hair, total)


def same_person(a: Appearance, b: Appearance) -> float:
    """Log-odds that two looks are one person's: above 0 rather yes, below rather no."""
    chroma, luma = TYPICAL_HAIR_CHROMA, TYPICAL_HAIR_LUMA
    change = a.hair - b.hair
    if np.isfinite(change).all():
        chroma, luma = float(np.hypot(change[0], change[1])), abs(float(change[2]))
    return (
        BIAS
        - PATTERN_WEIGHT * pattern_distance(a, b)
        - HAIR_CHROMA_WEIGHT * chroma
        - HAIR_LUMA_WEIGHT * luma
    )


def pattern_distance(a: Appearance, b: Appearance) -> float:
    """1 - correlation of the patterns, the better of as they are and mirrored: heads turn."""
    norm = float(np.linalg.norm(a.pattern) * np.linalg.norm(b.pattern)) + 1e-6
    straight = float((a.pattern * b.pattern).sum())
    mirrored = float((a.pattern * b.pattern[:, ::-1]).sum())
    return 1.0 - max(straight, mirrored) / norm


def appearance_of(rgb: np.ndarray, found: Detection) -> Appearance:
    """How a face looks in a picture, uint8 [H, W, 3]."""
    patch, inside = _patch(rgb, _face_to_picture(found.box, found.landmarks))
    return Appearance(_pattern(patch, inside), _hair(patch, inside))


def _face_to_picture(box: Box, landmarks: np.ndarray | None) -> np.ndarray:
    """Affine [2, 3] from face units to pixels: turned and sized by landmarks where there are."""
    x, y, w, h = box
    size = float(np.sqrt(w * h))
    if landmarks is None:
        unit = UNIT_PER_BOX * size
        return np.array([[unit, 0, x + w / 2], [0, unit, y + h / 2 + DOWN_PER_BOX * size]])
    marks = landmarks.astype(np.float64)
    ours, theirs = LANDMARKS - LANDMARKS.mean(axis=0), marks - marks.mean(axis=0)
    turn = (
        np.array([(ours * theirs).sum(), ours[:, 0] @ theirs[:, 1] - ours[:, 1] @ theirs[:, 0]])
        / (ours**2).sum()
    )
    # A head turned aside has its eyes closer together; its height stays.
    tall = float(np.linalg.norm(marks[3:].mean(axis=0) - marks[:2].mean(axis=0))) / EYES_TO_MOUTH
    unit = max(float(np.hypot(*turn)), tall, 1e-3)
    cos, sin = turn / max(float(np.hypot(*turn)), 1e-6) * unit
    matrix = np.array([[cos, -sin], [sin, cos]])
    offset = marks.mean(axis=0) - matrix @ LANDMARKS.mean(axis=0)
    return np.column_stack([matrix, offset])


def _patch(rgb: np.ndarray, face_to_picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The head's pixels, uint8 [24, 24, 3], and which of them lie in the picture, bool [24, 24]."""
    step_x, step_y = ((span[1] - span[0]) / PATTERN_PX for span in (PATCH_X, PATCH_Y))
    to_units = np.array(
        [[step_x, 0, PATCH_X[0] + step_x / 2], [0, step_y, PATCH_Y[0] + step_y / 2], [0, 0, 1]]
    )
    matrix = face_to_picture @ to_units
    matrix[:, 2] -= 0.5
    last = PATTERN_PX - 1
    corners = matrix @ np.array([[0, last, 0, last], [0, 0, last, last], [1, 1, 1, 1]])
    step_px = max(1, round(float(np.hypot(matrix[0, 0], matrix[1, 0]))))
    height, width = rgb.shape[:2]
    x0, y0 = (max(0, int(np.floor(v)) - step_px) for v in corners.min(axis=1))
    x1, y1 = (int(np.ceil(v)) + step_px + 1 for v in corners.max(axis=1))
    x1, y1 = min(x1, width), min(y1, height)
    if x0 >= x1 or y0 >= y1:
        return np.zeros((PATTERN_PX, PATTERN_PX, 3), np.uint8), np.zeros(
            (PATTERN_PX, PATTERN_PX), bool
        )
    region = rgb[y0:y1, x0:x1]
    if step_px > 1:
        region = cv2.blur(region, (step_px, step_px))
    matrix[:, 2] -= (x0, y0)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(region, matrix, (PATTERN_PX, PATTERN_PX), flags=how)
    whole = np.full(region.shape[:2], 255, np.uint8)
    inside = cv2.warpAffine(whole, matrix, (PATTERN_PX, PATTERN_PX), flags=how) > 250
    return patch, inside


def _pattern(patch: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Log luma with mean and contrast taken out, weighted towards the head."""
    axis = np.linspace(-1, 1, PATTERN_PX)
    weight = np.exp(-((axis[None] / 0.8) ** 4 + (axis[:, None] / 0.95) ** 4)) * inside
    weight /= weight.sum() + 1e-9
    luma = np.log(patch @ LUMA + 16)
    luma -= (luma * weight).sum()
    luma /= np.sqrt((luma * luma * weight).sum()) + 0.02
    return (luma * np.sqrt(weight)).astype(np.float32)


def _hair(patch: np.ndarray, inside: np.ndarray) -> np.ndarray:
    hair, skin = (_colour(patch, inside, x, y) for x, y in ((HAIR_X, HAIR_Y), (SKIN_X, SKIN_Y)))
    return (hair - skin).astype(np.float32)


def _colour(
    patch: np.ndarray, inside: np.ndarray, x: tuple[float, float], y: tuple[float, float]
) -> np.ndarray:
    """Log red/green, log blue/green and log luma of a part; NaN where mostly unseen."""
    columns, rows = (
        slice(*(round((v - whole[0]) / (whole[1] - whole[0]) * PATTERN_PX) for v in span))
        for span, whole in ((x, PATCH_X), (y, PATCH_Y))
    )
    seen = inside[rows, columns]
    if seen.mean() <= 0.5:
        return np.full(3, np.nan)
    red, green, blue = np.log(np.median(patch[rows, columns][seen], axis=0) + 8)
    return np.array([red - green, blue - green, LUMA @ (red, green, blue)])

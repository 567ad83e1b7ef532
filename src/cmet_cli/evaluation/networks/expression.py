"""Which expression a face shows, by a network of real ones: OpenCV zoo's, or any ONNX file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...errors import CheckpointError, CmetError, UsageError
from ...media.ffmpeg import check_input
from .faces import TEMPLATE_PX, Landmarks, around, upright

#: Names of data sets, as ours.
SYNONYMS = {
    "anger": "angry",
    "contemptuous": "contempt",
    "disgust": "disgusted",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprise": "surprised",
}


LEAST_STD, MOST_BYTES = 1e-3, 1 << 20
EXAMPLE = (
    'write one: {"labels": ["angry", ...], "size_px": 224, "mean": [0.5, 0.5, 0.5], "std": [0.5, '
    '0.5, 0.5], "colour": "RGB", "crop": "aligned"}'
)
COLOURS, CROPS, SIZES_PX = ("RGB", "BGR", "GREY"), ("aligned", "square"), (16, 1024)


@dataclass(frozen=True)
class Description:
    """What a classifier takes: pixels in 0..1, less ``mean``, over ``std``.

    labels: in the order of its outputs; colour: RGB, BGR or GREY (three times); crop: ``aligned``
    (upright by landmarks, as ArcFace has it) or ``square`` (around the face's box).
    """

    labels: tuple[str, ...] = ("angry", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
    size_px: int = TEMPLATE_PX
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    colour: str = "RGB"
    crop: str = "aligned"


@dataclass(frozen=True)
class ExpressionJudge:
    """A classifier with the landmarks it needs."""

    name: str
    described: Description
    network: Any = field(repr=False)
    landmarks: Landmarks = field(repr=False)

    @classmethod
    def load(cls, path: Path, landmarks: Landmarks, *, published: bool) -> ExpressionJudge:
        """path: an ONNX file; published: OpenCV zoo's, else described by ``FILE.json`` beside it.

        Raises :class:`CheckpointError`, :class:`UsageError`.
        """
        described = Description() if published else read_description(path)
        judge = cls(path.stem, described, read_onnx(path), landmarks)
        found = judge.run(np.zeros((described.size_px, described.size_px, 3), np.uint8))
        if found.shape != (len(described.labels),):
            raise CheckpointError(
                f"{path}: {found.shape[0]} outputs, but {len(described.labels)} labels",
                f"say in {path.name}.json which they are",
            )
        return judge

    def run(self, face: np.ndarray) -> np.ndarray:
        """Logits ``[C]`` of one upright face, uint8 RGB. Raises :class:`CheckpointError`."""
        how = self.described
        if how.colour == "GREY":
            face = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        picture = face[..., ::-1] if how.colour == "BGR" else face
        scaled = (picture.astype(np.float32) / 255 - how.mean) / how.std
        try:
            self.network.setInput(np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32))
            logits = np.asarray(self.network.forward(), np.float64).ravel()
        except cv2.error as error:
            raise CheckpointError(
                f"{self.name}: does not take a face of {how.size_px} px",
                f"say in {self.name}.onnx.json which size_px it takes",
            ) from error
        if not np.isfinite(logits).all():
            raise CheckpointError(f"{self.name}: gives NaN or infinite numbers for a face")
        return logits

    def logits(self, pictures: np.ndarray) -> np.ndarray | None:
        """Mean over those of ``[n, H, W, 3]`` (uint8 RGB) that show a face, ``[C]``, or None."""
        found = []
        for picture in pictures:
            face = self.landmarks(picture)
            if face is None or face.landmarks is None:
                continue
            side = self.described.size_px
            if self.described.crop == "square":
                found.append(self.run(around(picture, face, side)))
            else:
                found.append(self.run(upright(picture, face.landmarks, side)))
        return np.mean(found, axis=0) if found else None

    def knows(self, emotion: str) -> bool:
        return emotion in self.described.labels

    def probability(self, logits: np.ndarray, emotion: str) -> float:
        """Of the mean logits; NaN for an emotion that it has no class for."""
        if not self.knows(emotion):
            return math.nan
        shares = np.exp(logits - logits.max())
        return float(shares[self.described.labels.index(emotion)] / shares.sum())

    def named(self, logits: np.ndarray) -> str:
        """The likeliest."""
        return self.described.labels[int(logits.argmax())]


def read_description(path: Path) -> Description:
    """``FILE.json`` beside an ONNX file. Raises :class:`UsageError`."""
    beside = path.with_name(f"{path.name}.json")
    try:
        check_input(beside, "description of the classifier", MOST_BYTES)
        values = json.loads(beside.read_text("utf-8"))
        if not isinstance(values, dict) or not isinstance(values.get("labels"), list):
            raise ValueError("an object with a list of labels is expected")
        unknown = set(values) - {f.name for f in fields(Description)}
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        labels = [str(label).strip().lower() for label in values["labels"]]
        described = Description(
            labels=tuple(SYNONYMS.get(label, label) for label in labels),
            size_px=int(values.get("size_px", TEMPLATE_PX)),
            mean=_triple(values.get("mean", Description.mean)),
            std=_triple(values.get("std", Description.std)),
            colour=str(values.get("colour", Description.colour)),
            crop=str(values.get("crop", Description.crop)),
        )
        if described.colour not in COLOURS or described.crop not in CROPS:
            raise ValueError(f"colour is one of {', '.join(COLOURS)}, crop of {', '.join(CROPS)}")
        if not all(labels) or len(set(described.labels)) < len(labels):
            raise ValueError("a label is empty, or comes twice")
        if not (SIZES_PX[0] <= described.size_px <= SIZES_PX[1]):
            raise ValueError(f"size_px is {SIZES_PX[0]} to {SIZES_PX[1]}")
        if min(map(abs, described.std)) < LEAST_STD:
            raise ValueError(f"std is {LEAST_STD:g} or more")
    except CmetError as error:
        raise UsageError(error.message, EXAMPLE) from error
    except (OSError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{path}: what it takes and tells is read from {beside.name} ({reason})"[:300],
            EXAMPLE,
        ) from error
    return described


def _triple(values: Any) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if len(found) != 3 or not all(map(math.isfinite, found)):
        raise ValueError("mean and std have three numbers, in the order of the colours")
    return found


def read_onnx(path: Path) -> Any:
    """A network for ``cv2.dnn``. Raises :class:`CheckpointError`."""
    try:  # from memory: OpenCV takes no file names that are no text
        return cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))
    except (cv2.error, OSError) as error:
        raise CheckpointError(
            f"{path}: damaged, or no ONNX network that OpenCV can read",
            "export it again, for opset 11 to 17, with a fixed input size",
        ) from error

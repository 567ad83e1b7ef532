"""A backend that can be computed by hand: codes of three numbers, pictures of one colour.

It goes through the whole editor, which proves that nothing there knows the real networks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cmet_cli.backends.base import CodeLayout, CropSpec
from cmet_cli.backends.devices import Compute
from cmet_cli.emotion.speech.encoder import SpeechEncoder
from cmet_cli.faces.calibration import CropCalibration, FaceEllipse, Margin
from cmet_cli.media.clock import Timeline
from cmet_cli.model import Model
from cmet_cli.weights.folder import Weights

WHOLE_BOX = CropCalibration(
    {"none": Margin(1.0, 0.0, 0.0, 0.1)}, "none", FaceEllipse((0.5, 0.5), (0.4, 0.4))
)


@dataclass
class ToyBackend:
    """Codes: (lip, pose, expression) = the picture's mean red, green and blue in [-1, 1].

    A picture is rendered as its source with red, green and blue moved by what the codes differ from
    those of the source.
    """

    name: str = "toy"
    crop: CropSpec = field(default_factory=lambda: CropSpec(16, WHOLE_BOX))
    layout: CodeLayout = field(default_factory=lambda: CodeLayout(1, 1, 1))
    frame_rate_hz: int = 20
    source: str = "frame"
    compute: Compute = field(default_factory=lambda: Compute(torch.device("cpu"), "fp32", 3))
    warnings: list[str] = field(default_factory=list)

    def encode(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))

    def prepare(self, images: Tensor) -> Tensor:
        return images

    def render(self, source: Tensor, codes: Tensor) -> Tensor:
        moved = codes - source.mean((2, 3))
        return (source + moved[:, :, None, None]).clamp(-1, 1)

    def lips(self, sound: Iterable[np.ndarray]) -> np.ndarray:
        """Loudness per step of the grid, in [0, 1]."""
        wave, step = np.concatenate(list(sound)), 16_000 // self.frame_rate_hz
        whole = wave[: len(wave) // step * step].reshape(-1, step)
        return np.abs(whole).max(1, keepdims=True).astype(np.float32)


@dataclass
class ToyConnector:
    """The change is the vector's first number in every frame."""

    speech_dim: int = 2
    gain: float = 2.0
    asked: list[np.ndarray] = field(default_factory=list)

    def predict(self, expression: np.ndarray, speech: np.ndarray) -> np.ndarray:
        self.asked.append(expression)
        first = np.broadcast_to(speech, (len(expression), self.speech_dim))[:, :1]
        return first.astype(np.float32)


class ToyEncoder:
    """A voice's feature: its loudest sample, and one."""

    dim, name = 2, "toy ear"

    def feature(self, wave: np.ndarray) -> np.ndarray:
        return np.array([np.abs(wave).max(), 1.0], np.float32)


@dataclass(frozen=True)
class Constant:
    """An emotion that is the same change for everybody."""

    change: float | np.ndarray

    def delta(self, codes: np.ndarray, timeline: Timeline) -> np.ndarray:
        return np.full_like(codes, self.change)


def toy_model(root: Path) -> Model:
    encoder: SpeechEncoder = ToyEncoder()
    return Model(ToyBackend(), ToyConnector(), Weights(root), lambda: encoder)

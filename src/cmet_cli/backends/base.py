"""The seam between the tool and the networks that see, describe and draw a face.

A renderer is one folder beside this file. The tool asks it for nothing but what stands here, and
names none of its parts: how its crop is cut, how its codes are laid out, at which rate it thinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..faces.calibration import CropCalibration
from ..options import SourceChoice
from .compute import Array, Compute


@dataclass(frozen=True, eq=False)
class Jaw:
    """What a model's codes say of the jaw. spoken: lip codes times this, float32 ``[lip]``, is how
    far lips are apart by what is said, 0 closed and 1 wide open; felt: the direction of expression
    codes in which an emotion lets the jaw drop, float32 ``[expression]``, of length 1; parts: how
    far apart that brings lips, for each unit of it, as ``spoken`` has it (0: not known)."""

    spoken: np.ndarray
    felt: np.ndarray
    parts: float = 0.0


@dataclass(frozen=True)
class CodeLayout:
    """How many numbers of a frame's codes say what. They lie in this order: lip, pose, expression.

    A part may be empty (0). Codes are float32 ``[n, dim]``. jaw: where it is in them, if that is
    known.
    """

    lip: int
    pose: int
    expression: int
    jaw: Jaw | None = None

    @property
    def dim(self) -> int:
        return self.lip + self.pose + self.expression

    @property
    def lip_slice(self) -> slice:
        return slice(0, self.lip)

    @property
    def pose_slice(self) -> slice:
        return slice(self.lip, self.lip + self.pose)

    @property
    def expression_slice(self) -> slice:
        return slice(self.lip + self.pose, self.dim)


@dataclass(frozen=True)
class CropSpec:
    """The square picture a backend works on.

    size_px: its side; calibration: how it lies around a detected face, and which part moves.
    """

    size_px: int
    calibration: CropCalibration


class Backend(Protocol):
    """Networks that turn a face crop into codes, and a source face with codes into a crop.

    Images are float32 ``[B, 3, S, S]``, RGB in [-1, 1], S = ``crop.size_px``, on the backend's own
    device (arrays of NumPy on the host's, else of torch); codes are float32 ``[B, layout.dim]``
    there. What a backend computes in another number format it gives back in float32.
    """

    name: str
    crop: CropSpec
    layout: CodeLayout
    #: Frames a second at which codes change: emotion and lips are thought on this grid.
    frame_rate_hz: int
    #: Which frame lends its face where the user leaves it to the model.
    source: SourceChoice
    #: Device, number format and frames per call.
    compute: Compute
    #: What went wrong and was mended, one line each; emptied when an edit begins.
    warnings: list[str]

    def encode(self, images: Array) -> Array:
        """Images -> codes ``[B, layout.dim]``."""
        ...

    def prepare(self, images: Array) -> Any:
        """Source faces (B is 1, or one per frame) -> whatever ``render`` wants of them.

        Everything that depends on the source alone is computed here, once.
        """
        ...

    def render(self, source: Any, codes: Array) -> Array:
        """A prepared source and codes ``[B, layout.dim]`` -> images, clamped to [-1, 1]."""
        ...

    def lips(self, sound: Iterable[np.ndarray]) -> np.ndarray:
        """16 kHz mono sound in chunks, float32 ``[k]`` each -> lip codes ``[N, layout.lip]``.

        One per whole step of the grid: ``N = samples * frame_rate_hz // 16000``. float32.
        """
        ...


@runtime_checkable
class MovingBackend(Protocol):
    """What a backend may do beside rendering: say where its pixels come from."""

    def render_moving(self, source: Any, codes: Array) -> tuple[Array, Array]:
        """As ``render``, and float32 ``[B, S, S, 2]``: how far to the right and down in the source
        each pixel was taken from, in pixels, as far as the renderer itself knows it."""
        ...

    def expected_motion(self, change: np.ndarray) -> float | None:
        """How far a change of expression codes ``[layout.expression]`` moves pixels on a face that
        the renderer knows well, RMS in shares of the crop's side; None where nobody measured."""
        ...


@runtime_checkable
class PreparingBackend(Protocol):
    """What a backend may do beside encoding: prepare the same faces as sources, for less than both
    would cost."""

    def encode_and_prepare(self, images: Array) -> tuple[Array, Any]:
        """As ``encode``, and as ``prepare``."""
        ...

    def prepared_bytes(self, source: Any) -> int:
        """How much memory a prepared source holds."""
        ...


@runtime_checkable
class LabelledBackend(Protocol):
    """What a backend may come with: expression codes that its publishers gave names to."""

    #: By name, float32 ``[layout.expression]``; asked for as ``<labels_name>:<name>``.
    labels: Mapping[str, np.ndarray]
    labels_name: str


class SpeechConnector(Protocol):
    """From a difference of speech features to a difference of expression codes."""

    speech_dim: int
    #: Factor on what is predicted, calibrated at training: with it intensity 1 is true to size.
    gain: float

    def predict(self, expression: np.ndarray, speech: np.ndarray) -> np.ndarray:
        """Change of expression, before the gain, float32 ``[N, D]``.

        expression: the clip's own codes ``[N, D]`` on the backend's grid; speech: the semantic
        vector ``[speech_dim]``, or one per step of the grid ``[N, speech_dim]``.
        """
        ...

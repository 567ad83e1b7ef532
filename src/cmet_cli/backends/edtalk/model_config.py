"""Sizes and settings of a model of this family; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ...errors import CheckpointError
from ...options import SourceChoice
from ...weights.sections import read_sections
from ..base import Jaw
from .sizes import Audio2LipConfig, ConnectorConfig, EDTalkConfig


@dataclass(frozen=True)
class ModelConfig:
    """What a model folder's ``config.json`` says.

    name: for people; gain: factor on the predicted change at ``--intensity 1``, calibrated at
    training; source: which frame lends its face, unless asked for otherwise; motion: what the
    square of a change of expression moves, ``[D, D]``; jaw: what its codes say of it.
    """

    name: str = "cmet"
    edtalk: EDTalkConfig = field(default_factory=EDTalkConfig)
    audio2lip: Audio2LipConfig = field(default_factory=Audio2LipConfig)
    connector: ConnectorConfig = field(default_factory=ConnectorConfig)
    gain: float = 1.0
    source: SourceChoice = "first"
    motion: np.ndarray | None = None
    jaw: Jaw | None = None

    def expected_motion(self, change: np.ndarray) -> float | None:
        """As :meth:`~cmet_cli.backends.base.MovingBackend.expected_motion`."""
        if self.motion is None:
            return None
        return float(np.sqrt(max(0.0, change @ self.motion @ change)))


MOST_GAIN, MOST_NAME = 100.0, 80
#: Several times what is published.
MOST_SIZE, MOST_LAYERS, MOST_SCALES = 1 << 13, 64, 10
_NETWORKS = {"edtalk": EDTalkConfig, "audio2lip": Audio2LipConfig, "connector": ConnectorConfig}


def read_config(path: Path | None) -> ModelConfig:
    """A model's sizes from its ``config.json`` (None: the published ones).

    Raises :class:`CheckpointError`.
    """
    if path is None:
        return ModelConfig()
    sections = read_sections(path)
    values: dict[str, Any] = {k: sections[k] for k in ("name", "gain", "source") if k in sections}
    try:
        _check_plain(values)
        for name, kind in _NETWORKS.items():
            if sections.get(name) is not None:
                values[name] = _sizes(kind, sections[name], name)
        sizes = values.get("edtalk", EDTalkConfig())
        if sections.get("motion") is not None:
            side = sizes.expression_dim
            values["motion"] = _numbers(sections["motion"], (side, side), "motion")
        if sections.get("jaw") is not None:
            values["jaw"] = _jaw(sections["jaw"], sizes)
        return ModelConfig(**values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable model configuration ({error})") from error


def _sizes(kind: type, given: Any, section: str) -> Any:
    """Sizes that a network can be of: a wrong one would be told in torch's words, or be built
    without end. Raises :class:`ValueError`, :class:`TypeError`."""
    if not isinstance(given, dict):
        raise ValueError(f"{section} is not an object")
    for size in fields(kind):
        value = given.get(size.name, size.default)
        most = MOST_LAYERS if size.name in ("layers", "heads") else MOST_SIZE
        if isinstance(size.default, bool):
            fits = isinstance(value, bool)
        elif isinstance(size.default, tuple):
            fits = isinstance(value, tuple) and 1 <= len(value) <= MOST_SCALES
            fits = fits and all(_is_size(one, most) for one in value)
        elif isinstance(size.default, float):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = number and 0 <= value < 1
        else:
            fits = _is_size(value, most)
        if not fits:
            raise ValueError(f"{section}.{size.name} cannot be {str(value)[:40]}")
    return kind(**given)


def _is_size(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _check_plain(values: dict[str, Any]) -> None:
    gain = values.get("gain", 1.0)
    if isinstance(gain, bool) or not isinstance(gain, int | float) or not 0 < gain < MOST_GAIN:
        raise ValueError(f"gain is no number between 0 and {MOST_GAIN:g}")
    sources = [name for name in get_args(SourceChoice) if name != "auto"]
    if values.get("source", "first") not in sources:
        raise ValueError(f"source is none of {', '.join(sources)}")
    name = values.get("name", "")
    if not isinstance(name, str) or not name.isprintable() or len(name) > MOST_NAME:
        raise ValueError("name is no short text")


def _jaw(given: Any, sizes: EDTalkConfig) -> Jaw:
    if not isinstance(given, dict):
        raise ValueError("jaw is not an object")
    spoken = _numbers(given.get("spoken"), (sizes.lip_dim,), "jaw.spoken")
    felt = _numbers(given.get("felt"), (sizes.expression_dim,), "jaw.felt")
    length = float(np.linalg.norm(felt))
    if length < 0.5:
        raise ValueError("jaw.felt is no direction")
    parts = _numbers(given.get("parts", 0.0), (), "jaw.parts")
    if parts < 0:
        raise ValueError("jaw.parts is below 0")
    return Jaw(spoken, felt / np.float32(length), float(parts))


def _numbers(given: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    table = np.array(given, np.float32)
    if table.shape != shape or not np.isfinite(table).all():
        wanted = f"{' by '.join(map(str, shape))} numbers" if shape else "a number"
        raise ValueError(f"{name} is not {wanted}")
    return table

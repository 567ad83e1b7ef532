"""Networks built and filled from files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...emotion.speech.speechnet import SpeechNet, SpeechNetConfig
from ...errors import CheckpointError
from ...weights.checkpoint import load_strict, read_tensors
from ...weights.folder import MINI_SPEECH_FILE, Weights
from ...weights.registry import EDTALK_UNUSED
from .audio2lip import Audio2Lip, Audio2LipConfig
from .connector import Connector, ConnectorConfig
from .layers import fold_weights
from .networks import EDTalk, EDTalkConfig


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of all networks; the defaults are the published ones.

    name: for people; gain: factor on the predicted change at ``--intensity 1``, calibrated at
    training; source: which frame lends its face, unless asked for otherwise.
    """

    name: str = "cmet"
    edtalk: EDTalkConfig = field(default_factory=EDTalkConfig)
    audio2lip: Audio2LipConfig = field(default_factory=Audio2LipConfig)
    connector: ConnectorConfig = field(default_factory=ConnectorConfig)
    speech: SpeechNetConfig | None = None
    gain: float = 1.0
    source: str = "first"


@dataclass(frozen=True)
class Networks:
    """The three networks of an edit, in evaluation mode on one device, weights folded."""

    edtalk: EDTalk
    audio2lip: Audio2Lip
    connector: Connector
    config: ModelConfig = field(default_factory=ModelConfig)


_PARTS = {
    "edtalk": EDTalkConfig,
    "audio2lip": Audio2LipConfig,
    "connector": ConnectorConfig,
    "speech": SpeechNetConfig,
}


def read_config(path: Path) -> ModelConfig:
    """A model's sizes from its ``config.json``. Raises :class:`CheckpointError`."""
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for name, kind in _PARTS.items():
            if values.get(name) is not None:
                part = values[name]
                listed = {k: tuple(v) if isinstance(v, list) else v for k, v in part.items()}
                values[name] = kind(**listed)
        return ModelConfig(**values)
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a readable model configuration ({error})") from error


def load_networks(weights: Weights, device: torch.device) -> Networks:
    """Load the networks strictly, on ``device``. Raises :class:`CheckpointError`."""
    config = read_config(weights.config) if weights.config else ModelConfig()
    with torch.device("meta"):  # no time spent on random weights that are replaced at once
        edtalk = EDTalk(config.edtalk)
        audio2lip = Audio2Lip(config.audio2lip)
        connector = Connector(config.connector)
    for module, path, key, unused in (
        (edtalk, weights.edtalk, "gen", EDTALK_UNUSED),
        (audio2lip, weights.audio2lip, "audio2lip", ()),
        (connector, weights.connector, "state_dict", ()),
    ):
        assert isinstance(path, Path)  # find_weights returns complete weights only
        # The published repository cannot be pinned: it may come to hold more than is used here.
        load_strict(
            module, read_tensors(path, key), path, unused, allow_unknown=weights.config is None
        )
        fold_weights(module).to(device)
    return Networks(edtalk, audio2lip, connector, config)


def published_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Names and shapes of the published networks' tensors, to check a download against."""
    with torch.device("meta"):
        networks = {
            "edtalk": EDTalk(EDTalkConfig()),
            "audio2lip": Audio2Lip(Audio2LipConfig()),
            "connector": Connector(ConnectorConfig()),
        }
    return {
        name: {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
        for name, network in networks.items()
    }


def load_speechnet(weights: Weights, config: ModelConfig) -> SpeechNet:
    """The mini speech encoder of a model folder."""
    with torch.device("meta"):
        network = SpeechNet(config.speech)
    path = weights.root / MINI_SPEECH_FILE
    load_strict(network, read_tensors(path), path)
    return network.eval().requires_grad_(False)

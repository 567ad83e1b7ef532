"""Networks built and filled from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..models.audio2lip import Audio2Lip
from ..models.connector import Connector
from ..models.edtalk import EDTALK_UNUSED, EDTalk
from ..models.layers import fold_weights
from .checkpoint import load_strict, read_tensors
from .folder import Weights


@dataclass(frozen=True)
class Networks:
    """The three networks of an edit, in evaluation mode on one device, weights folded."""

    edtalk: EDTalk
    audio2lip: Audio2Lip
    connector: Connector


def load_networks(weights: Weights, device: torch.device) -> Networks:
    """Load the published-size networks strictly. Raises :class:`CheckpointError`."""
    edtalk, audio2lip, connector = EDTalk(), Audio2Lip(), Connector()
    for module, path, key, unused in (
        (edtalk, weights.edtalk, "gen", EDTALK_UNUSED),
        (audio2lip, weights.audio2lip, "audio2lip", ()),
        (connector, weights.connector, "state_dict", ()),
    ):
        assert isinstance(path, Path)  # find_weights returns complete weights only
        load_strict(module, read_tensors(path, key), path, unused)
        fold_weights(module).to(device)
    return Networks(edtalk, audio2lip, connector)
